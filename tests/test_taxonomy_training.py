"""Trained embeddings: one step against autograd and geoopt, sampling, exact resumption, ranks, the mammals' targets."""

import math
import os
import warnings

import numpy as np
import pytest
import torch
from strategies import unit
from torch import Tensor

from timm_hyperbolic import geometry as G
from timm_hyperbolic.errors import TrainingError, UserError
from timm_hyperbolic.taxonomy import DistanceTraining, NodePoints, Taxonomy, TrainingSettings, wordnet
from timm_hyperbolic.taxonomy.descent import BALL, EUCLIDEAN, LORENTZ, descend

with warnings.catch_warnings():
    # geoopt decorates its mathematics with torch.jit.script, which newer versions of torch deprecate.
    warnings.filterwarnings('ignore', message='.*torch.jit.script.*')
    import geoopt

NOTHING = np.zeros((0, 2), np.int64)


def binary(depth: int) -> Taxonomy:
    return Taxonomy.from_parents({'0': [], **{str(i): [str((i - 1) // 2)] for i in range(1, 2**depth - 1)}})


def one_step(points: Tensor, kind: int, step: float, count: int = 3) -> tuple[Tensor, float]:
    """The kernel's step for the pair of nodes 0 and 1, where node 2 is the only one that can be sampled."""
    moved = points.numpy().copy()
    begins, above = np.array([0, 1] + [1] * (count - 1)), np.array([1])
    loss = descend(moved, np.array([[0, 1]]), begins, above, kind, step, 1, np.uint64(5), 1e-8)
    return torch.from_numpy(moved), loss


def lorentz(h: Tensor) -> Tensor:
    return torch.cat([G.lorentz_time(h, 1.0), h], -1)


@pytest.mark.parametrize('size', [0.01, 0.5, 0.99])
@pytest.mark.parametrize('kind', [BALL, LORENTZ, EUCLIDEAN])
def test_a_step_is_that_of_autograd_and_geoopt(kind: int, size: float, generator: torch.Generator) -> None:
    p = size * torch.tensor([[1.0], [0.9], [0.8]]).double() * unit(generator, 3, 4)
    points = G.ball_to_lorentz(p, 1.0) if kind == LORENTZ else p
    distance = {
        BALL: lambda x, y: G.distance(x, y, 1.0),
        LORENTZ: lambda x, y: G.lorentz_distance(x, y, 1.0),
        EUCLIDEAN: lambda x, y: (x - y).square().sum(-1),
    }[kind]
    x = points.clone().requires_grad_()
    d, e = distance(x[0], x[1]), distance(x[0], x[2])
    loss = d + torch.logsumexp(torch.stack([-d, -e]), 0)
    (gradient,) = torch.autograd.grad(loss, x)
    step = 0.1
    if kind == BALL:
        ball = geoopt.PoincareBall(c=torch.tensor(1.0, dtype=torch.float64))
        expected = points - step * ball.egrad2rgrad(points, gradient)
    elif kind == LORENTZ:
        # As a function of all coordinates the gradient is that of the space part, with nothing for the time part.
        manifold = geoopt.Lorentz(k=torch.tensor(1.0, dtype=torch.float64))
        full = lorentz(points)
        # The derivative along the space part goes through the time part, so the ambient gradient is another one: with
        # no time part, the projection gives the same tangent vector.
        tangent = manifold.egrad2rgrad(full, torch.cat([torch.zeros(3, 1, dtype=torch.float64), gradient], 1))
        expected = manifold.expmap(full, -step * tangent)[:, 1:]
    else:
        expected = points - step * gradient
    moved, found = one_step(points, kind, step)
    assert found == pytest.approx(loss.item(), rel=1e-12)
    assert (moved - points).norm() > 1e-6
    assert torch.allclose(moved - points, expected - points, rtol=1e-7, atol=1e-9 * float((moved - points).norm()))


def test_related_nodes_are_not_sampled_and_all_others_are() -> None:
    """Node 0 is related to 1 and 2, and the pair is (0, 1): 2 stays, and of 30 samples each of 3, 4, 5 gets some."""
    points = np.random.default_rng(0).normal(0, 0.1, (6, 3))
    moved = points.copy()
    begins, above = np.array([0, 2, 2, 2, 2, 2, 2]), np.array([1, 2])
    descend(moved, np.array([[0, 1]]), begins, above, BALL, 0.1, 30, np.uint64(1), 1e-8)
    assert (np.abs(moved - points).max(1) > 1e-6).tolist() == [True, True, False, True, True, True]


def test_points_stay_in_the_ball_and_equal_points_part() -> None:
    points = torch.tensor([[0.9999, 0.0], [-0.9999, 0.0], [0.99, 0.1]]).double()
    moved, _ = one_step(points, BALL, 1e6)
    assert ((1 - moved.square().sum(1)) >= 0.9e-8).all()
    for kind in (BALL, LORENTZ, EUCLIDEAN):
        moved, loss = one_step(torch.zeros(3, 2).double(), kind, 0.1)
        assert loss == pytest.approx(math.log(2))
        assert moved.isfinite().all()


@pytest.mark.parametrize('space', ['poincare', 'lorentz', 'euclidean'])
def test_a_run_goes_on_from_its_file_bit_by_bit(space: str, tmp_path) -> None:
    tree = binary(5)
    settings = TrainingSettings(dim=3, space=space, epochs=6, burn_in=2, negatives=5, seed=3)
    whole = DistanceTraining(tree.names, tree.closure(), settings)
    losses = list(whole.run())
    first = DistanceTraining(tree.names, tree.closure(), settings)
    run = first.run()
    parts = [next(run), next(run)]
    first.points.save(tmp_path / 'new' / 'points.safetensors')
    loaded = NodePoints.load(tmp_path / 'new' / 'points.safetensors')
    assert loaded.names == tree.names
    second = DistanceTraining(tree.names, tree.closure(), settings, loaded)
    assert second.epoch == 2
    parts += list(second.run())
    assert parts == losses
    assert torch.equal(second.points.points, whole.points.points)
    other = DistanceTraining(tree.names, tree.closure(), TrainingSettings(**{**vars(settings), 'seed': 4}))
    list(other.run())
    assert not torch.equal(other.points.points, whole.points.points)


def test_the_file_that_is_there_stays_where_a_new_one_cannot_be_written(tmp_path, monkeypatch) -> None:
    points = NodePoints(('a', 'b'), torch.zeros(2, 2).double())
    points.save(tmp_path / 'x')
    before = (tmp_path / 'x').read_bytes()

    def fail(*_: object) -> None:
        raise OSError('disk full')

    monkeypatch.setattr('timm_hyperbolic.files.Path.replace', fail)
    with pytest.raises(TrainingError, match=r'cannot write into .*: disk full'):
        NodePoints(('a', 'b'), torch.ones(2, 2).double()).save(tmp_path / 'x')
    assert [path.name for path in tmp_path.iterdir()] == ['x']
    assert (tmp_path / 'x').read_bytes() == before


@pytest.mark.parametrize('space', ['poincare', 'lorentz', 'euclidean'])
def test_ranks_are_those_of_distances_and_leave_known_relations_out(space: str, generator: torch.Generator) -> None:
    p = 0.97 * torch.rand(30, 1, generator=generator).double() * unit(generator, 30, 3)
    points = NodePoints(tuple(map(str, range(30))), G.ball_to_lorentz(p, 1.0) if space == 'lorentz' else p, space)
    d = (p[:, None] - p).norm(dim=-1) if space == 'euclidean' else G.distance(p[:, None], p, 1.0)
    order = [[j for j in d[i].argsort().tolist() if j != i] for i in (0, 7)]
    # The nearest node is known; others at places 3, 12 and 8 are related.
    groups = ((0, [order[0][2], order[0][11]], [order[0][0]]), (7, [order[1][7]], [order[1][0]]))
    relations = np.array([[node, i] for node, related, _ in groups for i in related])
    known = np.array([[node, i] for node, _, rest in reversed(groups) for i in rest])
    ranks, precisions = [], []
    for node, related, rest in groups:
        others = [i for i in range(30) if i not in (node, *related, *rest)]
        near = sorted(d[node, i].item() for i in related)
        before = [sum(d[node, j].item() < r for j in others) for r in near]
        ranks += [1 + b for b in before]
        precisions.append(np.mean([(i + 1) / (i + 1 + b) for i, b in enumerate(before)]))
    found = points.rank(relations, known)
    assert found.mean_rank == pytest.approx(np.mean(ranks))
    assert found.mean_average_precision == pytest.approx(np.mean(precisions))
    assert points.rank(relations).mean_rank == pytest.approx(found.mean_rank + 1)


def test_a_tree_has_more_room_in_hyperbolic_space() -> None:
    tree, found = binary(6), {}
    for space in ('poincare', 'lorentz', 'euclidean'):
        training = DistanceTraining(tree.names, tree.closure(), TrainingSettings(dim=2, space=space, epochs=150))
        assert list(training.run())[-1] == training.loss
        found[space] = training.points.rank(training.relations).mean_average_precision
    assert min(found['poincare'], found['lorentz']) > found['euclidean'] + 0.2
    assert min(found['poincare'], found['lorentz']) > 0.8


def test_mammals_in_five_dimensions() -> None:
    try:
        folder = wordnet.find(os.environ.get('TIMM_HYPERBOLIC_WORDNET'))
    except UserError:
        pytest.skip('needs WordNet 3.0: apt-get install wordnet-base, or its folder as TIMM_HYPERBOLIC_WORDNET')
    mammals = Taxonomy.from_wordnet(folder).subtree('mammal.n.01')
    relations = mammals.closure()
    training = DistanceTraining(mammals.names, relations, TrainingSettings(dim=5, epochs=100, lr=0.15))
    list(training.run())
    found = training.points.rank(relations)
    assert found.mean_rank <= 2.5
    assert found.mean_average_precision >= 0.92


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda tree: TrainingSettings(space='klein'), "space='klein' must be one of poincare, lorentz, euclidean"),
        (lambda tree: TrainingSettings(lr=0.0), r'lr=0\.0 must be greater than 0'),
        (lambda tree: TrainingSettings(negatives=0), 'negatives=0 must be at least 1'),
        (lambda tree: DistanceTraining(tree.names, NOTHING, TrainingSettings()), 'nothing to train on'),
        (
            lambda tree: DistanceTraining(tree.names, tree.closure(), TrainingSettings(), max_memory=100),
            'training of 15 nodes with .* relations in 5 dimensions takes up to .* GiB',
        ),
        (lambda tree: NodePoints(tree.names, torch.zeros(2, 2)), r'\[2, 2\] points for 15 names'),
        (lambda tree: NodePoints(('a',), torch.zeros(1, 2), 'euclidean').ball, 'no place in the ball'),
        (lambda tree: NodePoints.load('no-such-file'), 'no-such-file is no file of an embedding'),
        (
            lambda tree: list(
                DistanceTraining(tree.names, tree.closure(), TrainingSettings(space='euclidean', lr=1e200)).run()
            ),
            'training diverged',
        ),
    ],
)
def test_wrong_arguments_are_named(make, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(binary(4))


def test_points_of_another_training_are_refused() -> None:
    tree = binary(4)
    training = DistanceTraining(tree.names, tree.closure(), TrainingSettings(epochs=2))
    list(training.run())
    for settings, message in (
        (TrainingSettings(epochs=2, dim=3), 'dim=3: the training to go on with has dim=5'),
        (TrainingSettings(epochs=4, lr=0.2), r'lr=0\.2: the training to go on with has lr=0\.1'),
    ):
        with pytest.raises(UserError, match=message):
            DistanceTraining(tree.names, tree.closure(), settings, training.points)
    with pytest.raises(UserError, match='belong to other nodes'):
        DistanceTraining((*tree.names[:-1], 'x'), tree.closure(), TrainingSettings(epochs=2), training.points)
