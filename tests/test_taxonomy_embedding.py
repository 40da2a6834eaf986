"""Trees embedded by closed form: distances in 250 digits, angles, models, rankings by hand."""

import math

import numpy as np
import pytest
import torch
from oracle import MP, relative_error

from timm_hyperbolic import geometry as G
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.taxonomy import (
    Taxonomy,
    TreeEmbedding,
    edge_length,
    embed_tree,
    rank_relations,
    relations_of,
    report,
    spread,
)
from timm_hyperbolic.taxonomy.reconstruction import _Rows


def random_tree(count: int, seed: int = 0, deep: bool = False) -> Taxonomy:
    rng = np.random.default_rng(seed)
    parent = [int(rng.integers(max(0, i - 3) if deep else 0, i)) for i in range(1, count)]
    return Taxonomy.from_parents({'0': [], **{str(i + 1): [str(p)] for i, p in enumerate(parent)}})


@pytest.mark.parametrize(
    ('count', 'dim', 'degrees'),
    [(2, 3, 180), (4, 3, 109.47), (6, 3, 90), (9, 3, 68), (7, 2, 51.4), (11, 10, 95.7), (20, 10, 90), (500, 10, 50)],
)
def test_directions_are_spread_as_widely_as_is_known(count: int, dim: int, degrees: float) -> None:
    x = spread(count, dim)
    assert torch.allclose(x.norm(dim=1), torch.ones(count, dtype=torch.float64), rtol=1e-14)
    assert torch.allclose(x[0], torch.eye(dim, dtype=torch.float64)[0], atol=1e-14)
    nearest = (x @ x.T).fill_diagonal_(-1).max().clamp(-1, 1).acos()
    assert math.degrees(nearest) >= degrees - 0.1
    assert torch.equal(x, spread(count, dim))


def test_many_directions_are_different_and_impossible_ones_refused() -> None:
    x = spread(3000, 4)
    assert len(x.unique(dim=0)) == 3000
    with pytest.raises(ValueError, match='3 different directions in 1 dimensions'):
        spread(3, 1)


def lorentz_point(embedding: TreeEmbedding, node: int) -> list:
    """A node from the origin: the boosts of its path, from the node to the root, applied one by one."""
    time, space = MP.mpf(1), [MP.mpf(0)] * embedding.dim
    tau, parent = MP.mpf(embedding.tau), embedding.taxonomy.parent
    while parent[node] >= 0:
        u = [MP.mpf(t) for t in embedding.directions[node].tolist()]
        length = MP.sqrt(MP.fdot(u, u))
        u = [t / length for t in u]
        along = MP.fdot(u, space)
        add = (MP.cosh(tau) - 1) * along + MP.sinh(tau) * time
        time = MP.cosh(tau) * time + MP.sinh(tau) * along
        space = [s + add * t for s, t in zip(space, u, strict=True)]
        node = int(parent[node])
    return [time, *space]


@pytest.mark.parametrize(('deep', 'tau'), [(False, None), (True, 0.3), (True, 1.5), (True, 4.0)])
def test_distances_have_all_digits_at_any_depth(deep: bool, tau: float | None) -> None:
    """A path of some 40 edges of length 4 ends at the distance 160, where the ball has had no digits for long."""
    tree = random_tree(80, deep=deep)
    embedding = embed_tree(tree, 3, tau)
    d, table = embedding.distance(np.arange(80)[:, None], np.arange(80)), _Rows(embedding)
    rows = table(torch.arange(80))[:, table.place][table.place]
    assert torch.equal(d, d.T)
    worst = 0.0
    with MP.workdps(250):
        points = [lorentz_point(embedding, i) for i in range(len(tree))]
        for i in range(0, 80, 3):
            for j in range(0, i, 2):
                inner = points[i][0] * points[j][0] - MP.fdot(points[i][1:], points[j][1:])
                worst = max(worst, relative_error(d[i, j], MP.acosh(inner)))
                assert relative_error(rows[i, j], inner) <= 1e-6
    assert worst <= 1e-14
    edges = np.flatnonzero(tree.parent >= 0)
    assert ((embedding.distance(edges, tree.parent[edges]) / embedding.tau - 1).abs() <= 1e-14).all()
    assert embedding.distance('0', '0') == 0


def test_distances_come_near_those_of_the_tree_as_edges_grow() -> None:
    tree, worst = random_tree(200), []
    for tau in (2.0, 8.0, 24.0):
        found = report(embed_tree(tree, 4, tau), pairs=2000)
        worst.append(found.worst_distortion)
        assert found.mean_distortion < found.worst_distortion - 1
    # An angle θ between two edges costs 2·log(1/sin(θ/2)) of length, whatever tau is.
    assert worst == sorted(worst, reverse=True)
    assert worst[2] < 1.1
    assert found.mean_average_precision == 1
    assert found.nan == 0


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_points_of_every_model_have_the_distances_of_the_tree(dtype: torch.dtype) -> None:
    tree = random_tree(60)
    embedding = embed_tree(tree, 4, dtype=dtype)
    assert embedding.tau == edge_length(tree.max_depth, dtype)
    assert embedding.radius.max() <= math.log(1 / (64 * torch.finfo(dtype).eps)) + 1e-9
    c, first, second = 0.5, np.arange(60)[:, None], np.arange(60)
    d = embedding.distance(first, second) / math.sqrt(c)
    for model, distance, rtol in (
        ('ball', G.distance, 0.02),
        ('lorentz', G.lorentz_distance, 0.02),
        ('tangent', G.tangent_distance, 0.02),
    ):
        p = embedding.points(model, c, dtype)
        assert p.dtype == dtype
        got = distance(p[first[:, 0]].unsqueeze(1), p[second], c).double()
        assert torch.allclose(got, d, rtol=rtol, atol=0.02), model
        assert torch.equal(p[tree.root], torch.zeros(4, dtype=dtype))
    k = embed_tree(tree, 4, 0.5).points('klein', c, torch.float64)
    d = embed_tree(tree, 4, 0.5).distance(first, second) / math.sqrt(c)
    assert torch.allclose(G.klein_distance(k[first[:, 0]].unsqueeze(1), k[second], c), d, rtol=1e-9, atol=1e-9)


def test_the_ranking_is_that_of_a_hand_made_example() -> None:
    """Distances from node 0: 1, 2, 3, 4 to nodes 1 to 4, of which 2 and 4 are related: (1/2 + 2/4)/2, ranks 2 and 3."""
    d = torch.tensor([[0.0, 1, 2, 3, 4]]).double().repeat(5, 1)
    relations = np.array([[0, 4], [0, 2]])
    found = rank_relations(lambda nodes: d[nodes].clone(), relations, 5)
    assert (found.mean_average_precision, found.mean_rank, found.rows, found.nan) == (0.5, 2.5, 1, 0)
    broken = d.clone()
    broken[0, 1] = broken[0, 4] = torch.nan
    found = rank_relations(lambda nodes: broken[nodes].clone(), relations, 5)
    # Node 2 comes first now; node 4, whose distance is unknown, stands behind node 3, and not behind node 1.
    assert (found.mean_average_precision, found.mean_rank, found.nan) == ((1 + 2 / 3) / 2, 1.5, 2)
    with pytest.raises(UserError, match='nothing to rank'):
        rank_relations(lambda nodes: d[nodes], relations, 5, torch.tensor([3]))


def test_rankings_of_all_kinds_of_relations_are_those_of_sorted_distances(generator: torch.Generator) -> None:
    parents = {'0': [], **{str(i): [str((i - 1) // 2)] for i in range(1, 40)}}
    parents['39'].append('1')
    directions = torch.randn(40, 3, generator=generator, dtype=torch.float64)  # without the ties of a regular code
    directions = directions / directions.norm(dim=1, keepdim=True)
    embedding = TreeEmbedding(Taxonomy.from_parents(parents), directions, 0.3)
    d = embedding.distance(np.arange(40)[:, None], np.arange(40))
    for kind, count in (('tree', 78), ('direct', 80), ('closure', None)):
        relations = relations_of(embedding.taxonomy, kind)
        assert count is None or len(relations) == count
        precisions, ranks = [], []
        for node in np.unique(relations[:, 0]):
            related = set(relations[relations[:, 0] == node, 1])
            others = [i for i in range(40) if i != node and i not in related]
            # The parent is as far as the children are: unrelated nodes that are as near come first.
            near = sorted(d[node, i].item() for i in related)
            places = [i + 1 + sum(d[node, j].item() <= r + 1e-9 for j in others) for i, r in enumerate(near)]
            precisions.append(np.mean([(i + 1) / place for i, place in enumerate(places)]))
            ranks += [place - i for i, place in enumerate(places)]
        found = report(embedding, kind, pairs=10)
        assert found.mean_average_precision == pytest.approx(np.mean(precisions), rel=1e-12)
        assert found.mean_rank == pytest.approx(np.mean(ranks), rel=1e-12)
        assert found.mean_average_precision < 1


def test_one_node_and_a_star_of_many_are_embedded() -> None:
    assert embed_tree(Taxonomy.from_parents({'a': []}), 2).points().tolist() == [[0, 0]]
    star = Taxonomy.from_parents({'r': [], **{str(i): ['r'] for i in range(5000)}})
    found = report(embed_tree(star, 8), rows=50, pairs=100)
    assert found.mean_average_precision == 1


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda tree: embed_tree(tree, 1), 'dim=1 must be at least 2'),
        (lambda tree: embed_tree(tree, 2, 0.0), 'tau=0.0 .* must be positive and less than'),
        (lambda tree: embed_tree(tree, 2, 1e3), 'must be positive and less than'),
        (lambda tree: embed_tree(tree, 2, max_memory=10), 'embedding of 9 nodes in 2 dimensions takes up to .* GiB'),
        (lambda tree: embed_tree(tree, 2, 30.0).points(), 'no digits left in the ball model; take a shorter tau'),
        (lambda tree: embed_tree(tree, 2).points(curvature=0), 'curvature=0 must be positive'),
        (lambda tree: embed_tree(tree, 2).points('disk'), "model='disk' must be"),
        (lambda tree: report(embed_tree(tree, 2), 'all'), "relations='all' must be one of tree, direct, closure"),
        (lambda tree: report(embed_tree(tree, 2), rows=0), 'rows=0 must be at least 1'),
        (lambda tree: embed_tree(tree, 2).distance('x', '0'), "no node 'x'"),
    ],
)
def test_wrong_arguments_are_named(make, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(random_tree(9))
