"""Losses on features: correlation with a tree, and the cross-entropy of distances."""

from __future__ import annotations

import pytest
import torch
from dense_oracle import Ball
from torch import Tensor, nn

from timm_hyperbolic.losses import PairwiseCrossEntropy, TreeCorrelation
from timm_hyperbolic.taxonomy import Taxonomy

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

TREE = Taxonomy.from_text('root\n  animal\n    cat\n    dog\n    fox\n  vehicle\n    bus\n    car')


def features(generator: torch.Generator, *shape: int, length: float = 1.0) -> Tensor:
    return (length * torch.randn(*shape, generator=generator, dtype=torch.float64)).requires_grad_()


def ball(c: float) -> Ball:
    return Ball(torch.tensor(c, dtype=torch.float64), None)


# --- correlation with a tree ------------------------------------------------------------------------------------------


def dense_correlation(x: Tensor, target: list[int], c: float) -> Tensor:
    """Of the classes in the batch: means, distances and correlation one by one."""
    m = ball(c)
    classes = sorted(set(target))
    labels = torch.tensor(target)
    means = []
    for k in classes:
        points = m.exp0(x[labels == k])
        means.append(m.exp0(m.midpoint_log0(points, torch.ones(len(points), dtype=x.dtype))))
    pairs = [(i, j) for i in range(len(classes)) for j in range(i)]
    a = torch.stack([m.distance2(means[i], means[j]).sqrt() for i, j in pairs])
    names = [TREE.names[node] for node in TREE.classes]
    b = torch.tensor([float(TREE.distance(names[classes[i]], names[classes[j]])) for i, j in pairs])
    return 1 - torch.corrcoef(torch.stack([a, b.to(a.dtype)]))[0, 1]


def test_tree_correlation_is_that_of_the_classes_in_the_batch(generator) -> None:
    target = [0, 4, 1, 1, 0, 4, 3]  # class 2 is not in the batch
    x = features(generator, 7, 3, length=0.5)
    loss = TreeCorrelation.of(TREE, curvature=0.8, margin=None)
    value, reference = loss(x, torch.tensor(target)), dense_correlation(x, target, 0.8)
    assert torch.allclose(value, reference, rtol=1e-9)
    ours, theirs = (torch.autograd.grad(t, x)[0] for t in (value, reference))
    assert torch.allclose(ours, theirs, rtol=1e-7, atol=1e-10)


def test_at_curvature_zero_it_is_the_euclidean_correlation(generator) -> None:
    target = torch.tensor([0, 4, 1, 1, 0, 4, 3])
    x = features(generator, 7, 3)
    means = torch.stack([x[target == k].mean(0) for k in (0, 1, 3, 4)])
    tree = torch.tensor([[2.0, 4, 4, 4, 4, 2]], dtype=torch.float64)
    expected = 1 - torch.corrcoef(torch.cat([torch.pdist(means)[None], tree]))[0, 1]
    assert torch.allclose(TreeCorrelation.of(TREE, 0.0, None)(x, target), expected, rtol=1e-10)


def test_it_is_zero_for_distances_of_the_tree_and_trains_features_towards_it(generator) -> None:
    distances = torch.rand(5, 5, generator=generator)
    with pytest.raises(ValueError, match=r'tree_distances of shape \[5, 4\] must be \[num_classes, num_classes\]'):
        TreeCorrelation(distances[:, :4])
    x = nn.Parameter(torch.randn(10, 4, generator=generator))
    loss, target = TreeCorrelation.of(TREE), torch.arange(5).repeat(2)
    optimizer = torch.optim.Adam([x], lr=0.05)
    start = loss(x, target).item()
    for _ in range(80):
        optimizer.zero_grad()
        loss(x, target).backward()
        optimizer.step()
    assert start > 0.3
    assert loss(x, target) < 0.02


@pytest.mark.parametrize('target', [[0, 0, 0], [0, 1, 0], [2, 2, 2]])
def test_batch_of_few_classes_gives_a_finite_loss_and_gradient(target: list[int]) -> None:
    for x in (torch.zeros(3, 4, requires_grad=True), (100 * torch.ones(3, 4)).requires_grad_()):
        value = TreeCorrelation.of(TREE)(x, torch.tensor(target))
        assert value.dtype == torch.float32
        assert torch.autograd.grad(value, x)[0].isfinite().all()


# --- cross-entropy of distances ---------------------------------------------------------------------------------------


def dense_loss(x: Tensor, target: list[int], distance: object, tau: float) -> Tensor:
    """Pair by pair, as the docstring writes it."""
    losses = []
    for i, yi in enumerate(target):
        for j, yj in enumerate(target):
            if i != j and yi == yj:
                e = [torch.exp(-distance(x[i], x[k]) / tau) for k in [j, *(k for k, y in enumerate(target) if y != yi)]]
                losses.append(-torch.log(e[0] / sum(e)))
    return torch.stack(losses).mean()


def clipped(v: Tensor, length: float = 2.3) -> Tensor:
    return v * min(1.0, length / v.norm().item()) if v.norm() <= length else length * v / v.norm()


DISTANCES = {
    'hyperbolic': lambda a, b: ball(0.1).distance2(*(ball(0.1).exp0(clipped(t)) for t in (a, b))).sqrt(),
    'euclid': lambda a, b: 2 * (clipped(a) - clipped(b)).norm(),
    'sphere': lambda a, b: (a / a.norm() - b / b.norm()).square().sum(),
}


@pytest.mark.parametrize('geometry', DISTANCES)
def test_pairwise_cross_entropy_pair_by_pair(geometry: str, generator) -> None:
    target = [0, 1, 0, 2, 1, 0]
    x = features(generator, 6, 4, length=1.5)  # some longer than 2.3
    assert x.norm(dim=-1).min() < 2.3 < x.norm(dim=-1).max()
    keywords = {'sphere': {'geometry': 'sphere'}, 'euclid': {'curvature': 0.0}, 'hyperbolic': {}}[geometry]
    value = PairwiseCrossEntropy(**keywords)(x, torch.tensor(target))
    reference = dense_loss(x, target, DISTANCES[geometry], 0.2)
    assert torch.allclose(value, reference, rtol=1e-9)
    ours, theirs = (torch.autograd.grad(t, x)[0] for t in (value, reference))
    assert torch.allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_two_views_are_the_contrast_of_the_paper(generator) -> None:
    x = features(generator, 5, 2, 4, length=0.5)
    loss = PairwiseCrossEntropy()
    first, second = x.unbind(1)
    d = loss.distances(torch.cat([first, second])) / -0.2
    d = d.masked_fill(torch.eye(10, dtype=torch.bool), -torch.inf)
    expected = nn.functional.cross_entropy(d, (torch.arange(10) + 5) % 10)
    assert torch.allclose(loss(x), expected, rtol=1e-10)


def test_identical_far_and_lonely_samples_are_finite() -> None:
    for geometry in ('hyperbolic', 'sphere'):
        loss = PairwiseCrossEntropy(geometry=geometry)
        for x in (torch.zeros(4, 3), torch.ones(4, 3), 1e4 * torch.eye(4, 3)):
            for target in ([0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3]):
                x = x.detach().requires_grad_()
                value = loss(x, torch.tensor(target))
                assert torch.autograd.grad(value, x)[0].isfinite().all()
                if target != [0, 0, 1, 1]:
                    assert value == 0


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: PairwiseCrossEntropy(geometry='ball'), "geometry='ball' must be 'hyperbolic' or 'sphere'"),
        (lambda: PairwiseCrossEntropy(temperature=0), 'temperature=0 must be a number of at least'),
        (lambda: PairwiseCrossEntropy()(torch.ones(4, 3)), r'shape \[4, 3\] without target must be views'),
        (lambda: PairwiseCrossEntropy()(torch.ones(4, 3), torch.ones(3)), r'target of shape \[3\] must be'),
        (lambda: TreeCorrelation.of(TREE, -1.0), 'curvature=-1.0 must be a number >= 0'),
        (lambda: TreeCorrelation.of(Taxonomy.from_parents({'a': [], 'b': ['a']})), 'with_classes'),
    ],
)
def test_wrong_value_is_named(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
