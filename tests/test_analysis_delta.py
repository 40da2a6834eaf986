import itertools
import math

import geoopt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from timm_hyperbolic.analysis import delta
from timm_hyperbolic.analysis.delta import gaussian_like, gromov_delta, relative_delta, relative_deltas


def cloud(n: int, dim: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def distances(points: torch.Tensor) -> torch.Tensor:
    return (points.unsqueeze(1) - points).square().sum(-1).sqrt()


def cycle(n: int) -> torch.Tensor:
    around = (torch.arange(n).unsqueeze(1) - torch.arange(n)).abs()
    return torch.minimum(around, n - around).double()


def tree(n: int, seed: int) -> torch.Tensor:
    """Distances between the nodes of a random tree with random lengths of its edges."""
    generator = torch.Generator().manual_seed(seed)
    d = torch.zeros(n, n, dtype=torch.float64)
    for node in range(1, n):
        parent = torch.randint(node, (), generator=generator)
        d[node, :node] = d[parent, :node] + 0.1 + torch.rand((), generator=generator)
        d[:node, node] = d[node, :node]
    return d


def four_points(d: torch.Tensor) -> float:
    """Half of how far the two largest of the three sums of opposite distances lie apart, the worst four points."""
    d, worst = d.tolist(), 0.0
    for a, b, c, e in itertools.combinations(range(len(d)), 4):
        *_, second, first = sorted([d[a][b] + d[c][e], d[a][c] + d[b][e], d[a][e] + d[b][c]])
        worst = max(worst, (first - second) / 2)
    return worst


def one_base(d: torch.Tensor, w: int) -> float:
    """The definition, triple by triple."""
    d = d.tolist()

    def product(x: int, y: int) -> float:
        return (d[x][w] + d[y][w] - d[x][y]) / 2

    triples = itertools.product(range(len(d)), repeat=3)
    return max(min(product(x, y), product(y, z)) - product(x, z) for x, y, z in triples)


@settings(max_examples=30)
@given(st.integers(4, 8), st.integers(1, 4), st.integers(0, 1000))
def test_all_bases_are_the_four_point_condition_and_one_is_its_definition(n, dim, seed):
    d = distances(cloud(n, dim, seed))
    exact = gromov_delta(d, None).item()
    assert exact == pytest.approx(four_points(d), abs=1e-12)
    of_base = [gromov_delta(d, w).item() for w in range(n)]
    assert of_base == pytest.approx([one_base(d, w) for w in range(n)], abs=1e-12)
    assert all(exact / 2 - 1e-12 <= value <= exact + 1e-12 for value in of_base)
    assert 2 * exact <= d.max() + 1e-12


@given(st.integers(4, 20), st.integers(0, 1000))
def test_a_tree_has_none(n, seed):
    d = tree(n, seed)
    assert gromov_delta(d).item() == pytest.approx(0, abs=1e-12)
    assert four_points(d[:6, :6]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(('n', 'value'), [(3, 0), (4, 1), (8, 2), (12, 3)])
def test_cycles(n, value):
    assert gromov_delta(cycle(n), None) == value


def test_a_square_in_the_plane():
    square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    for points in (square, 1e3 * square - 7):
        assert relative_delta(points) == pytest.approx(2 * (math.sqrt(2) - 1) / math.sqrt(2), rel=1e-6)
    assert relative_delta(torch.tensor([[0.0], [1], [5], [7]])) == pytest.approx(0, abs=1e-6)


def test_the_hyperbolic_plane_has_the_logarithm_of_two():
    """However wide the set; the bound is that of ideal points."""
    ball = geoopt.PoincareBall()
    angles = torch.arange(16, dtype=torch.float64) * (math.pi / 8)
    for radius in (1.0, 4.0, 8.0):
        points = ball.expmap0(radius / 2 * torch.stack([angles.cos(), angles.sin()], -1))
        found = gromov_delta(ball.dist(points.unsqueeze(1), points).fill_diagonal_(0), None).item()
        assert found <= math.log(2) + 1e-6
    assert found == pytest.approx(math.log(2), abs=1e-3)


@pytest.mark.parametrize('chunk', [1, 7, 100])
def test_chunks_change_nothing(chunk, monkeypatch):
    d = distances(cloud(30))
    whole = gromov_delta(d, 3)
    monkeypatch.setattr(delta, '_CHUNK', chunk)
    assert gromov_delta(d, 3) == whole > 0


def test_memory_is_bounded_by_the_chunk(monkeypatch):
    largest = 0

    def minimum(a, b, kept=torch.minimum):
        nonlocal largest
        result = kept(a, b)
        largest = max(largest, result.numel())
        return result

    monkeypatch.setattr(delta, '_CHUNK', 1000)
    monkeypatch.setattr(torch, 'minimum', minimum)
    gromov_delta(distances(cloud(100)))
    assert 0 < largest <= 1000


def test_the_gaussian_has_mean_and_covariance():
    points = cloud(40, 5) @ cloud(5, 5, seed=1) + 3
    drawn = gaussian_like(points, 200_000, torch.Generator().manual_seed(0))
    assert drawn.mean(0).tolist() == pytest.approx(points.mean(0).tolist(), abs=0.05)
    assert torch.allclose(drawn.T.cov(), points.T.cov(), atol=0.02 * points.T.cov().trace().item())


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_a_gaussian_cloud_is_its_own_control():
    found = relative_deltas(cloud(600, 64) * torch.tensor([1.0] * 4 + [0.02] * 60), 150, 8)
    assert mean(found.points) == pytest.approx(mean(found.gaussian), abs=0.03)
    assert mean(found.isotropic) < mean(found.points) - 0.05
    found = relative_deltas(cloud(600, 64), 150, 8)
    assert mean(found.points) == pytest.approx(mean(found.isotropic), abs=0.03)


def test_corners_are_less_of_a_tree_than_noise_of_their_shape():
    corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=7)))
    found = relative_deltas(corners + 0.01 * cloud(128, 7).float(), 100, 3)
    assert min(found.points) > max(found.gaussian) + 0.05


def test_draws_follow_the_seed():
    points = cloud(50)
    found, other = relative_deltas(points, 20, 3), relative_deltas(points, 20, 3, seed=1)
    assert relative_deltas(points, 20, 3) == found
    for name in ('points', 'gaussian', 'isotropic'):
        assert len(set(getattr(found, name))) == 3
        assert getattr(found, name) != getattr(other, name)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: gromov_delta(torch.zeros(3, 4)), r'square matrix of a floating type, not \[3, 4\]'),
        (lambda: gromov_delta(torch.zeros(3, 3, dtype=torch.int64)), 'int64'),
        (lambda: gromov_delta(torch.zeros(3, 3), 3), 'base=3: the 3 points'),
        (lambda: relative_delta(torch.ones(5, 2)), 'not all the same'),
        (lambda: relative_delta(torch.tensor([[0.0], [math.nan]])), 'must be finite'),
        (lambda: relative_deltas(cloud(9), 10), 'samples=10 .* 9'),
        (lambda: relative_deltas(cloud(9), 3), 'samples=3 must be at least 4'),
        (lambda: relative_deltas(cloud(9), 5, 0), 'draws=0'),
    ],
)
def test_bad_values_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
