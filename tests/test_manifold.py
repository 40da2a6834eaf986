"""Parameters on a layer's ball: geoopt's own, with the layer's curvature at every moment."""

from __future__ import annotations

import copy

import geoopt
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from timm_hyperbolic.layers import (
    Curvature,
    HyperbolicHead,
    HyperbolicLinear,
    LayerBall,
    is_curvature,
    manifold_parameter,
)

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def points(generator: torch.Generator, *shape: int) -> torch.Tensor:
    v = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return 0.6 * v / v.norm(dim=-1, keepdim=True)


def test_ball_is_geoopt_s_of_the_layer_s_curvature(generator: torch.Generator) -> None:
    curvature = Curvature(0.5, dtype=torch.float64)
    ball = LayerBall(curvature)
    p, q, v = points(generator, 4, 3), points(generator, 4, 3), points(generator, 4, 3)
    for raw in (-1.0, 0.3):
        curvature.raw.data.fill_(raw)
        theirs = geoopt.PoincareBall(curvature().item()).double()
        assert ball.c.item() == curvature().item()
        for operation in ('expmap', 'mobius_add', 'retr', 'egrad2rgrad', 'dist'):
            ours = getattr(ball, operation)(p, v if operation in ('expmap', 'retr', 'egrad2rgrad') else q)
            want = getattr(theirs, operation)(p, v if operation in ('expmap', 'retr', 'egrad2rgrad') else q)
            # geoopt keeps its own curvature in float32
            assert torch.allclose(ours, want, rtol=1e-6), operation
        assert torch.allclose(ball.projx(5 * p), theirs.projx(5 * p), rtol=1e-6)


def test_ball_has_no_curvature_of_its_own() -> None:
    ball = LayerBall(Curvature(1.0))
    assert list(ball.state_dict()) == ['curvature.raw']
    assert not hasattr(ball, 'isp_c')


def test_several_curvatures_apply_to_the_rows(generator: torch.Generator) -> None:
    curvature = Curvature(1.0, copies=2, dtype=torch.float64)
    curvature.raw.data = torch.tensor([0.0, 2.0], dtype=torch.float64)
    ball, p, v = LayerBall(curvature), points(generator, 2, 3), points(generator, 2, 3)
    moved = ball.expmap(p, v)
    for row, raw in enumerate((0.0, 2.0)):
        one = Curvature(1.0, dtype=torch.float64)
        one.raw.data.fill_(raw)
        assert torch.allclose(moved[row], LayerBall(one).expmap(p[row], v[row]), rtol=1e-13)


def test_flat_layer_s_points_are_in_euclidean_space() -> None:
    for learn in (None, False):
        parameter = manifold_parameter(torch.full((2, 3), 5.0), Curvature(0.0, learn))
        assert isinstance(parameter.manifold, geoopt.Euclidean)
    # A curvature that is fixed but not zero has a ball.
    assert isinstance(manifold_parameter(torch.zeros(2, 3), Curvature(1.0, False)).manifold, LayerBall)


def test_parameter_is_one() -> None:
    curvature = Curvature(1.0)
    parameter = manifold_parameter(torch.zeros(2, 3), curvature)
    assert isinstance(parameter, geoopt.ManifoldParameter)
    assert isinstance(parameter, nn.Parameter)
    assert parameter.requires_grad
    assert parameter.manifold.curvature is curvature
    assert not manifold_parameter(torch.zeros(2, 3), curvature, requires_grad=False).requires_grad
    assert manifold_parameter(torch.zeros(2, 3, device='meta'), curvature).is_meta


def test_manifold_is_no_part_of_the_state() -> None:
    assert set(HyperbolicHead(4, 3).state_dict()) == {'weight', 'bias', 'scale_raw', 'sigma_raw', 'curvature.raw'}
    assert set(HyperbolicLinear(4, 3).state_dict()) == {'weight', 'bias', 'p_in', 'p_out', 'curvature.raw'}
    assert len(list(HyperbolicLinear(4, 3).parameters())) == 5
    # Plain tensors, so that `torch.load(weights_only=True)` takes them.
    assert {type(t) for t in HyperbolicHead(4, 3).state_dict().values()} == {torch.Tensor}


def test_step_is_geoopt_s(generator: torch.Generator) -> None:
    curvature = Curvature(0.8, dtype=torch.float64)
    start, target = points(generator, 5, 3), points(generator, 5, 3)
    ours = manifold_parameter(start.clone(), curvature)
    theirs = geoopt.ManifoldParameter(start.clone(), manifold=geoopt.PoincareBall(0.8).double())
    for p in (ours, theirs):
        optimizer = geoopt.optim.RiemannianAdam([p], lr=0.05)
        for _ in range(5):
            optimizer.zero_grad()
            (p - target).square().sum().backward()
            optimizer.step()
    assert (ours - start).norm() > 0.1
    assert torch.allclose(ours.detach(), theirs.detach(), rtol=1e-5)


def test_copy_follows_its_own_curvature() -> None:
    layer = HyperbolicHead(4, 3)
    twin = copy.deepcopy(layer)
    twin.curvature.raw.data.fill_(3.0)
    assert twin.weight.manifold.c.item() == twin.curvature().item() != layer.weight.manifold.c.item()
    assert twin.weight.manifold.curvature is twin.curvature
    assert layer.weight.manifold.curvature is layer.curvature
    both = copy.deepcopy(nn.ModuleList([layer, twin]))
    assert [head.weight.manifold.curvature is head.curvature for head in both] == [True, True]


def test_repeated_conversion_keeps_the_parameter_object() -> None:
    # An optimizer holds the parameter: what need not be made anew is not.
    layer = HyperbolicHead(4, 3)
    weight = layer.weight
    assert layer.double().float().weight is weight


@pytest.mark.parametrize('rebuild', [lambda p: type(p)(p.data), lambda p: nn.Parameter(p.data)], ids=['type', 'plain'])
@pytest.mark.parametrize('way', ['to', 'load_state_dict'])
def test_rebuilt_parameter_gets_its_ball_back_and_stays_the_same_object(rebuild, way: str) -> None:
    layer = HyperbolicHead(4, 3)
    layer._parameters['weight'] = weight = rebuild(layer.weight)
    layer.curvature._parameters['raw'] = nn.Parameter(layer.curvature.raw.data)
    weight.requires_grad_(False)
    layer.to('cpu') if way == 'to' else layer.load_state_dict(layer.state_dict())
    assert layer.weight is weight
    assert isinstance(weight, geoopt.ManifoldParameter)
    assert weight.manifold.curvature is layer.curvature
    assert is_curvature(layer.curvature.raw)
    assert not weight.requires_grad


def test_manifold_that_somebody_chose_is_left() -> None:
    layer, sphere = HyperbolicHead(4, 3), geoopt.Sphere()
    layer.weight.manifold = sphere
    assert layer.double().weight.manifold is sphere


class Half(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / 2


@pytest.mark.parametrize(
    'change',
    [
        lambda layer: prune.l1_unstructured(layer, 'weight', 0.5),
        lambda layer: parametrize.register_parametrization(layer, 'weight', Half()),
        lambda layer: torch.nn.utils.weight_norm(layer, 'weight'),
        lambda layer: torch.nn.utils.spectral_norm(layer, 'weight'),
        lambda layer: prune.l1_unstructured(layer.curvature, 'raw', 0),
        lambda layer: parametrize.register_parametrization(layer.curvature, 'raw', Half()),
    ],
    ids=['prune', 'parametrize', 'weight_norm', 'spectral_norm', 'prune curvature', 'parametrize curvature'],
)
@pytest.mark.filterwarnings('ignore:.*weight_norm. is deprecated')
def test_what_is_no_parameter_any_more_is_left(change) -> None:
    layer = HyperbolicHead(4, 3).eval()
    change(layer)
    x = torch.randn(2, 4)
    before, names = layer(x), [name for name, _ in layer.named_parameters()]
    layer.to('cpu').load_state_dict(layer.state_dict())
    assert torch.equal(layer(x), before)
    assert [name for name, _ in layer.named_parameters()] == names
    layer.to(torch.float64)(x.double()).sum().backward()
    assert all(p.dtype == torch.float64 and p.grad is not None for p in layer.parameters())
