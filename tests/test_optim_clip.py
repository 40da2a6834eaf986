"""Clipping: the norms are those of the geometry, and each mode bounds what it says."""

from __future__ import annotations

import geoopt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from optim_helpers import Net, backward, many_points, set_gradients
from strategies import curvatures, unit
from timm.utils import dispatch_clip_grad
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import distribute_tensor

from timm_hyperbolic.layers import Curvature, manifold_parameter
from timm_hyperbolic.optim import GradientClip, gradient_norm, riemannian_norm

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def gradients(parameters) -> list[Tensor]:
    return [p.grad.clone() for p in parameters]


def parts(model: nn.Module) -> tuple[list, list]:
    points = [p for p in model.parameters() if isinstance(p, geoopt.ManifoldParameter)]
    return [p for p in model.parameters() if not isinstance(p, geoopt.ManifoldParameter)], points


def joined(tensors) -> Tensor:
    return torch.cat([t.flatten() for t in tensors])


def test_the_riemannian_norm_is_that_of_geoopt_summed_over_points(generator) -> None:
    points = many_points(generator)
    set_gradients(points, 0)
    total = 0.0
    for p in points:
        gradient = p.manifold.egrad2rgrad(p.data, p.grad)
        total += p.manifold.inner(p.data, gradient, keepdim=True).sum().item() if p.numel() else 0.0
    assert riemannian_norm(points).item() == pytest.approx(total**0.5, rel=1e-6)


@given(c=curvatures, radius=st.floats(0, 0.99), seed=st.integers(0, 2**31 - 1))
def test_the_riemannian_norm_is_the_slope_along_the_geodesic(c: float, radius: float, seed: int) -> None:
    """The norm of the gradient is the derivative of the function along the unit geodesic in its direction."""
    generator = torch.Generator().manual_seed(seed)
    curvature = Curvature(c, dtype=torch.float64)
    p = manifold_parameter(radius * unit(generator, 1, 3) / c**0.5, curvature)
    slope = unit(generator, 1, 3)
    p.grad = slope.clone()
    ball = p.manifold
    direction = ball.egrad2rgrad(p.data, slope)
    direction = (direction / ball.norm(p.data, direction, keepdim=True)).detach()
    _, derivative = torch.autograd.functional.jvp(
        lambda t: (slope * ball.expmap(p.data, t * direction, project=False)).sum(),
        torch.tensor(1e-6, dtype=torch.float64),
        torch.tensor(1.0, dtype=torch.float64),
    )
    assert riemannian_norm([p]).item() == pytest.approx(derivative.item(), rel=1e-4)


def test_isometric_pairs_of_point_and_gradient_have_one_norm() -> None:
    """Under a motion of the ball, Euclidean norms of gradients change and Riemannian ones do not."""
    ball = geoopt.PoincareBall()
    x = torch.tensor([[0.2, 0.1, 0.0]], dtype=torch.float64)
    target = torch.tensor([[-0.3, 0.4, 0.2]], dtype=torch.float64)
    shift = torch.tensor([[0.7, 0.1, -0.5]], dtype=torch.float64)
    norms = []
    for move in (lambda t: t, lambda t: ball.mobius_add(shift, t)):
        p = geoopt.ManifoldParameter(move(x), manifold=ball)
        ball.dist2(p, move(target)).sum().backward()
        norms.append((riemannian_norm([p]).item(), gradient_norm([p]).item()))
    assert norms[0][0] == pytest.approx(norms[1][0], rel=1e-6)
    assert norms[1][1] > 2 * norms[0][1]


@pytest.mark.parametrize('man_norm', ['riemannian', 'euclidean'])
def test_norm_bounds_both_kinds_apart_and_keeps_directions(man_norm: str) -> None:
    model = Net()
    flat, points = parts(model)
    set_gradients(model.parameters(), 1, scale=100)
    before = gradients(flat), gradients(points)
    measure = riemannian_norm if man_norm == 'riemannian' else gradient_norm
    unclipped = gradient_norm(flat).item(), measure(points).item()
    norms = GradientClip(model, 0.5, 0.125, man_norm=man_norm)()
    assert [norm.item() for norm in norms] == pytest.approx(unclipped)
    assert min(unclipped) > 0.5
    assert gradient_norm(flat).item() == pytest.approx(0.5, rel=1e-5)
    assert measure(points).item() == pytest.approx(0.125, rel=1e-5)
    for own, old in ((flat, before[0]), (points, before[1])):
        cosine = torch.cosine_similarity(joined(gradients(own)), joined(old), dim=0)
        assert cosine.item() == pytest.approx(1)


@pytest.mark.parametrize('mode', ['norm', 'value', 'agc'])
@pytest.mark.parametrize('man_norm', ['riemannian', 'euclidean'])
def test_a_large_bound_changes_nothing_and_no_bound_neither(mode: str, man_norm: str) -> None:
    model = Net()
    for bounds in ((1e9, 1e9), (None, None)):
        backward(model, 0)
        before = gradients(model.parameters())
        norms = GradientClip(model, *bounds, mode=mode, man_norm=man_norm)()
        assert all(torch.equal(a, p.grad) for a, p in zip(before, model.parameters(), strict=True))
        assert all(norm.item() > 0 for norm in norms)


@pytest.mark.parametrize('mode', ['norm', 'value', 'agc'])
def test_the_euclidean_clip_is_timm_s(mode: str) -> None:
    model, twin = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    twin.load_state_dict(model.state_dict())
    for m in (model, twin):
        set_gradients(m.parameters(), 3)
    norms = GradientClip(model, 0.01, 0.01, mode=mode)()
    dispatch_clip_grad(twin.parameters(), 0.01, mode=mode)
    assert norms.manifold is None
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)


def ball_model(radius: float = 0.8, c: float = 2.0) -> nn.Module:
    """Points of one curvature, on a shell of the ball, as a module."""
    model = nn.Module()
    data = radius * unit(torch.Generator().manual_seed(0), 6, 3) / c**0.5
    model.points = manifold_parameter(data, Curvature(c, dtype=torch.float64))
    model.points.grad = 10 * torch.randn(6, 3, dtype=torch.float64)
    return model


def test_value_bounds_the_components_in_an_orthonormal_frame() -> None:
    model = ball_model()
    p = model.points
    before = p.grad.clone()
    GradientClip(model, man_clip_grad=0.1, mode='value')()
    riemannian = p.manifold.egrad2rgrad(p.data, p.grad)
    components = riemannian * p.manifold.lambda_x(p.data, keepdim=True)
    assert components.abs().max().item() == pytest.approx(0.1)
    assert (components.abs() < 0.0999).any() == (before.abs() < 0.0999 * p.manifold.lambda_x(p.data)[:, None]).any()
    GradientClip(model, man_clip_grad=0.01, mode='value', man_norm='euclidean')()
    assert p.grad.abs().max().item() == pytest.approx(0.01)


def test_adaptive_clipping_is_relative_to_the_distance_from_the_origin() -> None:
    model = ball_model()
    p = model.points
    p.grad[0] *= 1e-9  # within every bound
    before = p.grad.clone()
    GradientClip(model, man_clip_grad=0.01, mode='agc')()
    norm = p.manifold.norm(p.data, p.manifold.egrad2rgrad(p.data, p.grad), keepdim=True).squeeze(-1)
    distance = p.manifold.dist0(p.data)
    torch.testing.assert_close(norm[1:], 0.01 * distance[1:], rtol=1e-9, atol=0)
    assert torch.equal(p.grad[0], before[0])
    GradientClip(model, man_clip_grad=0.001, mode='agc', man_norm='euclidean')()
    torch.testing.assert_close(p.grad[1:].norm(dim=-1), 0.001 * p.data[1:].norm(dim=-1), rtol=1e-9, atol=0)


def test_adaptive_clipping_leaves_out_the_classifier() -> None:
    model = Net()
    for man_norm in ('riemannian', 'euclidean'):
        set_gradients(model.parameters(), 1)
        before = {name: p.grad.clone() for name, p in model.named_parameters()}
        GradientClip(model, 1e-9, 1e-9, mode='agc', man_norm=man_norm)()
        same = {name for name, p in model.named_parameters() if torch.equal(p.grad, before[name])}
        assert same == {name for name in before if name.startswith('head')}


@pytest.mark.parametrize('mode', ['value', 'agc'])
def test_modes_that_need_a_conformal_metric_say_so(mode: str) -> None:
    model = nn.Module()
    model.p = geoopt.ManifoldParameter(torch.tensor([[1.0, 0.0]]), manifold=geoopt.Sphere())
    with pytest.raises(ValueError, match=f'mode=\'{mode}\' does not know the manifold Sphere: use mode="norm"'):
        GradientClip(model, man_clip_grad=1.0, mode=mode)
    model.p.grad = torch.tensor([[3.0, 4.0]])
    GradientClip(model, man_clip_grad=1.0)()
    assert riemannian_norm([model.p]).item() == pytest.approx(1)


@pytest.mark.parametrize('mode', ['norm', 'value', 'agc'])
def test_flat_space_is_a_manifold_too(mode: str) -> None:
    model, plain = nn.Module(), nn.Module()
    data = torch.randn(4, 3)
    model.p = geoopt.ManifoldParameter(data.clone(), manifold=geoopt.Euclidean(ndim=1))
    plain.p = nn.Parameter(data.clone())
    for m in (model, plain):
        m.p.grad = torch.ones(4, 3)
    GradientClip(model, man_clip_grad=0.01, mode=mode)()
    GradientClip(plain, 0.01, mode=mode)()
    torch.testing.assert_close(model.p.grad, plain.p.grad)


def test_missing_gradients_are_left_out() -> None:
    model = Net()
    norms = GradientClip(model, 1.0, 1.0)()
    assert [norm.item() for norm in norms] == [0, 0]
    backward(model, 0)
    model.head.weight.grad = model.fc.weight.grad = None
    assert all(norm.item() > 0 for norm in GradientClip(model, 1.0, 1.0)())


def test_sharded_and_whole_gradients_have_one_norm(tmp_path) -> None:
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        mesh = init_device_mesh('cpu', (1,))
        model, twin = nn.Linear(3, 4), nn.Linear(3, 4)
        set_gradients(model.parameters(), 0)
        set_gradients(twin.parameters(), 0)
        twin.weight = nn.Parameter(distribute_tensor(twin.weight.detach(), mesh))
        twin.weight.grad = distribute_tensor(model.weight.grad.clone(), mesh)
        norms = [GradientClip(m, 0.01)() for m in (model, twin)]
    finally:
        torch.distributed.destroy_process_group()
    torch.testing.assert_close(norms[0].euclidean, norms[1].euclidean)
    torch.testing.assert_close(twin.weight.grad.to_local(), model.weight.grad)
    torch.testing.assert_close(twin.bias.grad, model.bias.grad)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'mode': 'max'}, "mode='max' must be one of norm, value, agc"),
        ({'man_norm': 'flat'}, "man_norm='flat' must be one of riemannian, euclidean"),
        ({'clip_grad': -1.0}, 'clip_grad=-1.0 must be at least 0'),
        ({'man_clip_grad': float('nan')}, 'man_clip_grad=nan must be at least 0'),
    ],
)
def test_a_wrong_option_is_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GradientClip(Net(), **options)
