import math

import geoopt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from timm_hyperbolic.analysis.disk import (
    euclidean_circle,
    head_vectors,
    main_directions,
    to_disk,
    turn_about,
    unit_disk,
    view_head,
)
from timm_hyperbolic.layers import HyperbolicHead


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plane(dim: int) -> torch.Tensor:
    return torch.linalg.qr(randn(dim, 2, seed=3)).Q


@pytest.mark.parametrize('c', [0.2, 1.0, 3.0])
def test_the_distance_from_the_origin_is_kept_for_every_point(c):
    v = 0.4 * randn(50, 6)
    disk = to_disk(v, plane(6), c)
    wanted = geoopt.PoincareBall(c=c).dist0(geoopt.PoincareBall(c=c).expmap0(v))
    assert torch.allclose(geoopt.PoincareBall().dist0(disk) / math.sqrt(c), wanted, rtol=1e-4)
    assert torch.allclose(disk.square().sum(-1).sqrt(), (math.sqrt(c) * v.square().sum(-1).sqrt()).tanh())
    assert (disk.square().sum(-1) < 1).all()


def test_points_in_the_plane_keep_all_distances():
    c, axes = 0.7, plane(6)
    v = randn(20, 2) @ axes.T
    ball, disk = geoopt.PoincareBall(c=c), to_disk(v, axes, c)
    points = ball.expmap0(v)
    wanted = ball.dist(points.unsqueeze(1), points)
    assert torch.allclose(geoopt.PoincareBall().dist(disk.unsqueeze(1), disk) / math.sqrt(c), wanted, atol=1e-6)


def test_a_vector_across_the_plane_has_a_place():
    across = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    disk = to_disk(across, torch.eye(3, dtype=torch.float64)[:, :2], 1.0)
    assert torch.allclose(disk, torch.tensor([[math.tanh(1), 0.0], [0.0, 0.0]], dtype=torch.float64))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    dim=st.integers(2, 30),
    classes=st.integers(1, 20),
    c=st.floats(0.05, 4),
    image=st.floats(0, 2.4),
    prototypes=st.floats(0.01, 2.4),
)
def test_nearest_on_the_picture_is_nearest_in_space(seed, dim, classes, c, image, prototypes):
    """Turning about the image's line keeps all distances from the image and from the origin; geoopt is the oracle."""
    v = randn(1 + classes, dim, seed=seed)
    length = torch.tensor([image] + [prototypes] * classes, dtype=torch.float64) / math.sqrt(c)
    v = v / v.norm(dim=1, keepdim=True) * length.unsqueeze(1) * (0.5 + torch.linspace(0, 0.5, 1 + classes).unsqueeze(1))
    picture = unit_disk(turn_about(v[0], v, v[1] - v[-1]), c)
    ball, disk = geoopt.PoincareBall(c=c), geoopt.PoincareBall()
    points = ball.expmap0(v)
    in_space, drawn = ball.dist(points[0], points[1:]), disk.dist(picture[0], picture[1:]) / math.sqrt(c)
    assert torch.allclose(drawn, in_space, rtol=1e-5, atol=1e-6)
    assert torch.allclose(disk.dist0(picture) / math.sqrt(c), ball.dist0(points), rtol=1e-5, atol=1e-6)
    order = in_space.argsort()
    assert (drawn[order].diff() > -1e-5).all()
    assert picture[0, 1].abs() < 1e-7  # the image lies on the horizontal axis
    # The circle through the nearest prototype has no prototype inside, and the nearest one on it.
    center, radius = euclidean_circle(picture[0], math.sqrt(c) * in_space.min().item())
    reach = (picture[1:] - center).norm(dim=1) - radius
    assert reach.min().abs() < 1e-5
    assert reach.argmin() == in_space.argmin() or in_space[reach.argmin()] - in_space.min() < 1e-4


def test_vectors_are_turned_to_the_side_on_which_they_lie():
    axis, up = torch.tensor([2.0, 0, 0, 0]), torch.tensor([5.0, 1, 0, 0])
    vectors = torch.tensor([[1.0, 3, 0, 4], [-1, -3, 4, 0], [3, 0, 0, 0], [0, 0, 2, 0]])
    assert turn_about(axis, vectors, up).tolist() == [[1, 5], [-1, -5], [3, 0], [0, 2]]
    assert turn_about(torch.zeros(4), vectors, up).tolist() == [[1, 5], [-1, -5], [3, 0], [0, 2]]


def test_directions_are_those_in_which_the_means_differ():
    """The classes differ along the axes 4 and 1; more noise, and a common mean, lie along others."""
    means = torch.zeros(5, 6, dtype=torch.float64)
    means[:, 4], means[:, 1] = torch.tensor([-6.0, -3, 0, 3, 6]), torch.tensor([1.0, -2, 2, -2, 1])
    classes = torch.arange(5).repeat(400)
    noise = randn(2000, 6) * torch.tensor([20.0, 0.1, 0.1, 0.1, 0.1, 0.1])
    noise -= torch.stack([noise[classes == k].mean(0) for k in range(5)])[classes]
    v = means[classes] + noise + torch.tensor([0.0, 0, 9, 0, 0, 0])
    axes = main_directions(v, classes)
    assert torch.allclose(axes, torch.eye(6, dtype=torch.float64)[:, [4, 1]], atol=0.02)
    with_others = torch.cat([v, 1e3 * randn(50, 6)])  # of no class
    assert torch.allclose(main_directions(with_others, torch.cat([classes, torch.full((50,), -1)])), axes)


@pytest.mark.parametrize('classes', [[0, 0, 0], [0, 1, 1]])
def test_few_classes_still_have_a_plane(classes):
    axes = main_directions(randn(3, 4), torch.tensor(classes))
    assert torch.allclose(axes.T @ axes, torch.eye(2, dtype=torch.float64))


def test_no_plane():
    with pytest.raises(ValueError, match='no plane'):
        main_directions(randn(3, 1), torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match='0 of a class'):
        main_directions(randn(3, 4), torch.full((3,), -1))


def test_vectors_of_a_head_give_its_logits():
    torch.manual_seed(0)
    head = HyperbolicHead(5, 4, curvature=0.6, margin=0.9).double()
    x = 4 * randn(30, 5)
    v, prototypes = head_vectors(head, x)
    ball = geoopt.PoincareBall(c=head.curvature().item())
    d = ball.dist(ball.expmap0(v).unsqueeze(1), ball.expmap0(prototypes))
    with torch.no_grad():
        assert torch.allclose(head(x), head.bias - d**2 / (2 * head.sigma() ** 2), atol=1e-5)
    assert (2 * v.square().sum(-1).sqrt()).max().item() == pytest.approx(
        2 * math.atanh(0.9) / head.curvature().item() ** 0.5, rel=1e-6
    )


def test_the_view_says_how_much_it_keeps():
    torch.manual_seed(0)
    head, classes = HyperbolicHead(6, 4), torch.arange(60) % 4
    axes = plane(6)
    with torch.no_grad():
        head.weight.copy_(randn(4, 2, seed=5) @ axes.T * 0.1)
    flat = (randn(60, 2, seed=6) + 3 * randn(4, 2, seed=7)[classes]) @ axes.T
    view = view_head(head, flat, classes)
    assert view.in_plane == pytest.approx(1, abs=1e-6)
    assert view.agreement == pytest.approx(1, abs=1e-4)
    assert view.margin == 0.96
    ball = geoopt.PoincareBall(c=head.curvature().item())
    assert torch.allclose(view.distances, ball.dist0(head.weight.double()), rtol=1e-5)
    full = view_head(head, flat + 2 * randn(60, 6, seed=8), classes)
    assert full.in_plane < 0.9
    assert full.agreement < 0.99
