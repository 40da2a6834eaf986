"""The classifier of prototypes."""

from __future__ import annotations

import math

import geoopt
import pytest
import torch
from torch import Tensor

from timm_hyperbolic.geometry import distance, exp0
from timm_hyperbolic.layers import HyperbolicHead

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def points(generator: torch.Generator, count: int, dim: int, length: float) -> Tensor:
    v = torch.randn(count, dim, generator=generator, dtype=torch.float64)
    return length * v / v.norm(dim=-1, keepdim=True)


def test_parameters_and_their_start() -> None:
    head = HyperbolicHead(64, 40, dtype=torch.float64)
    shapes = {name: tuple(p.shape) for name, p in head.named_parameters()}
    assert shapes == {'weight': (40, 64), 'bias': (40,), 'scale_raw': (1,), 'sigma_raw': (1,), 'curvature.raw': (1,)}
    assert isinstance(head.weight, geoopt.ManifoldParameter)
    assert head.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert head.weight.mean().item() == pytest.approx(0, abs=0.002)
    assert head.bias.count_nonzero() == 0
    assert head.feature_scale().item() == pytest.approx(0.3 + 1e-6, rel=1e-12)
    assert head.sigma().item() == pytest.approx(1 + 1e-6, rel=1e-12)
    # What it adds to a linear classifier, as in the study's table.
    assert sum(p.numel() for p in head.parameters()) == 40 * 64 + 40 + 3


def test_logits_are_squared_distances_to_prototypes(generator: torch.Generator) -> None:
    head = HyperbolicHead(6, 4, dtype=torch.float64)
    head.weight.data = points(generator, 4, 6, 0.7)
    head.bias.data = torch.randn(4, generator=generator, dtype=torch.float64)
    head.sigma_raw.data.fill_(0.4)
    x = points(generator, 3, 6, 2.0)
    h = exp0((0.3 + 1e-6) * x, 1.0)
    sigma = math.log1p(math.exp(0.4)) + 1e-6
    expected = -(distance(h.unsqueeze(1), head.weight.detach(), 1.0) ** 2) / (2 * sigma**2) + head.bias
    assert torch.allclose(head(x), expected, rtol=1e-9)


@pytest.mark.parametrize('curvature', [0.0, 1.0])
def test_relative_logits_have_the_same_softmax_and_are_the_bias_at_the_origin(curvature: float, generator) -> None:
    keywords = {'curvature': curvature, 'dtype': torch.float64}
    heads = [HyperbolicHead(6, 4, relative=relative, **keywords) for relative in (False, True)]
    heads[0].weight.data = points(generator, 4, 6, 0.7)
    heads[0].bias.data = torch.randn(4, generator=generator, dtype=torch.float64)
    heads[1].load_state_dict(heads[0].state_dict())
    x = points(generator, 3, 6, 2.0)
    plain, relative = (head(x) for head in heads)
    assert torch.allclose(plain.log_softmax(-1), relative.log_softmax(-1), rtol=1e-12)
    assert not torch.allclose(plain, relative)
    origin = distance(torch.zeros(6, dtype=torch.float64), heads[0].weight.detach(), curvature) ** 2
    at_origin = heads[0].bias - origin / (2 * heads[0].sigma() ** 2)
    assert torch.allclose(heads[1](torch.zeros(6, dtype=torch.float64)), at_origin, rtol=1e-9)


def test_nearest_prototype_wins(generator: torch.Generator) -> None:
    head = HyperbolicHead(6, 5)
    head.weight.data = points(generator, 5, 6, 0.5).float()
    x = torch.atanh(torch.tensor(0.5)) / 0.3 * head.weight.data / 0.5
    assert head(x).argmax(-1).tolist() == [0, 1, 2, 3, 4]


def test_features_are_clipped_after_their_scale(generator: torch.Generator) -> None:
    head = HyperbolicHead(6, 3, dtype=torch.float64)
    x = points(generator, 1, 6, 1.0)
    reach = math.atanh(0.96) / 0.3
    assert torch.allclose(head(30 * x), head(60 * x), rtol=1e-12)
    assert torch.allclose(head(1.001 * reach * x), head(60 * x), rtol=1e-9)
    assert not torch.allclose(head(0.9 * reach * x), head(60 * x), rtol=1e-2)


@pytest.mark.parametrize(('raw', 'sigma'), [(-30.0, 1e-2), (-5.0, 1e-2), (30.0, 10.0), (0.0, math.log(2) + 1e-6)])
def test_temperature_is_held_in_its_range(raw: float, sigma: float) -> None:
    head = HyperbolicHead(6, 3, dtype=torch.float64)
    head.sigma_raw.data.fill_(raw)
    assert head.sigma().item() == pytest.approx(sigma, rel=1e-9)
    assert head(torch.ones(2, 6, dtype=torch.float64)).isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('margin', [0.96, None])
def test_prototypes_outside_the_ball_are_brought_inside(dtype, margin, generator: torch.Generator) -> None:
    # The curvature is learnt, so that a prototype may find itself outside the ball of tomorrow.
    head = HyperbolicHead(6, 3, margin=margin, dtype=dtype)
    head.weight.data = points(generator, 3, 6, 1.5).to(dtype)
    x = points(generator, 2, 6, 1.0).to(dtype).requires_grad_()
    logits = head(x)
    logits.sum().backward()
    for t in (logits, x.grad, *(p.grad for p in head.parameters())):
        assert t.isfinite().all()


def test_leading_dimensions_are_free() -> None:
    head = HyperbolicHead(6, 3)
    assert head(torch.randn(6)).shape == (3,)
    assert head(torch.randn(2, 4, 5, 6)).shape == (2, 4, 5, 3)


def test_prints_its_shape() -> None:
    assert HyperbolicHead(6, 3).extra_repr().startswith('in_features=6, num_classes=3, curvature=1, margin=0.96')
