"""The linear layer."""

from __future__ import annotations

import math

import pytest
import torch
from layer_cases import relative, scramble
from torch import Tensor

from timm_hyperbolic.geometry import exp0, log0, mobius_add, mobius_matvec
from timm_hyperbolic.layers import HyperbolicLinear

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def rows(generator: torch.Generator, dim: int, length: float, dtype: torch.dtype = torch.float64) -> Tensor:
    v = torch.randn(3, 5, dim, generator=generator, dtype=torch.float64)
    return (length * v / v.norm(dim=-1, keepdim=True)).to(dtype)


def test_parameters_and_their_start() -> None:
    layer = HyperbolicLinear(64, 96, parts=3)
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        'weight': (96, 64),
        'bias': (96,),
        'p_in': (3, 64),
        'p_out': (3, 32),
        'curvature.raw': (3,),
    }
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert layer.weight.abs().max() > 0.05  # timm's truncation is at ±2, not at two deviations
    for name in ('bias', 'p_in', 'p_out'):
        assert getattr(layer, name).count_nonzero() == 0
    assert HyperbolicLinear(4, 6, bias=False).bias is None


def test_reset_brings_the_start_back(generator: torch.Generator) -> None:
    layer = scramble(HyperbolicLinear(64, 96), generator)
    layer.reset_parameters()
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert all(getattr(layer, name).count_nonzero() == 0 for name in ('bias', 'p_in', 'p_out'))
    assert layer.curvature().item() == pytest.approx(1)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('length', [0.5, 3.0])
def test_parts_are_separate_layers(bias: bool, length: float, generator: torch.Generator) -> None:
    packed = scramble(HyperbolicLinear(6, 12, bias, parts=3, dtype=torch.float64), generator)
    x = rows(generator, 6, length).requires_grad_()
    separate = [HyperbolicLinear(6, 4, bias, dtype=torch.float64) for _ in range(3)]
    for i, layer in enumerate(separate):
        layer.curvature.raw.data = packed.curvature.raw.data[i : i + 1].clone()
        layer.weight.data = packed.weight.data.chunk(3)[i].clone()
        layer.p_in.data, layer.p_out.data = packed.p_in.data[i : i + 1].clone(), packed.p_out.data[i : i + 1].clone()
        if bias:
            layer.bias.data = packed.bias.data.chunk(3)[i].clone()
    whole, joined = packed(x), torch.cat([layer(x) for layer in separate], dim=-1)
    assert relative(whole, joined) < 1e-13
    weight = torch.randn(whole.shape, generator=generator, dtype=whole.dtype)
    (in_whole,) = torch.autograd.grad((weight * whole).sum(), x, retain_graph=True)
    (in_joined,) = torch.autograd.grad((weight * joined).sum(), x, retain_graph=True)
    assert relative(in_whole, in_joined) < 1e-12
    (weight * whole).sum().backward()
    (weight * joined).sum().backward()
    for name, p in packed.named_parameters():
        parts = torch.cat([layer.get_parameter(name).grad for layer in separate])
        assert relative(p.grad, parts) < 1e-12, name


def test_without_centres_and_bias_it_is_a_mobius_product(generator: torch.Generator) -> None:
    c = 0.7
    layer = HyperbolicLinear(6, 9, bias=False, curvature=c, dtype=torch.float64)
    layer.weight.data = torch.randn(9, 6, generator=generator, dtype=torch.float64) / 3
    x = rows(generator, 6, 0.8)
    expected = log0(mobius_matvec(layer.weight.detach(), exp0(x, c), c), c)
    assert relative(layer(x), expected) < 1e-10
    assert relative(layer(x), x @ layer.weight.mT) < 1e-10  # which is a matrix product of tangent vectors


def test_bias_and_centres_stand_where_the_formula_has_them(generator: torch.Generator) -> None:
    c = 0.7
    layer = scramble(HyperbolicLinear(6, 4, curvature=c, learn_curvature=False, dtype=torch.float64), generator)
    x = rows(generator, 6, 0.6)
    bias, p_in, p_out = layer.bias.detach(), layer.p_in.detach(), layer.p_out.detach()
    z = mobius_matvec(layer.weight.detach(), mobius_add(-p_in.expand_as(x), exp0(x, c), c), c)
    z = mobius_add(z, exp0(bias, c).expand_as(z), c)
    expected = log0(mobius_add(p_out.expand_as(z), z, c), c)
    assert relative(layer(x), expected) < 1e-9


def test_identity_map_returns_its_input(generator: torch.Generator) -> None:
    layer = HyperbolicLinear(8, 8, dtype=torch.float64)
    layer.weight.data = torch.eye(8, dtype=torch.float64)
    short, long = rows(generator, 8, 2.0), rows(generator, 8, 9.0)
    assert relative(layer(short), short) < 1e-12
    assert relative(layer(long), long / 9 * math.atanh(0.985)) < 1e-12


@pytest.mark.parametrize('shape', [(6,), (2, 6), (2, 3, 4, 6), (0, 6)])
def test_leading_dimensions_are_free(shape: tuple[int, ...]) -> None:
    for parts in (1, 3):
        assert HyperbolicLinear(6, 9, parts=parts)(torch.randn(shape)).shape == (*shape[:-1], 9)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_hamp_delivers_the_autocast_type_to_the_next_layer(dtype: torch.dtype) -> None:
    x = torch.randn(2, 6)
    with torch.autocast('cpu', dtype=dtype):
        assert HyperbolicLinear(6, 4, hamp=True)(x).dtype == dtype
        assert HyperbolicLinear(6, 4)(x).dtype == torch.float32
    assert HyperbolicLinear(6, 4, hamp=True)(x).dtype == torch.float32


@pytest.mark.parametrize('margin', [0.985, None])
def test_half_type_keeps_the_direction_of_a_long_vector(margin: float | None, generator: torch.Generator) -> None:
    # A stream in float32 may be longer than float16's largest number.
    exact = scramble(HyperbolicLinear(8, 6, margin=margin, dtype=torch.float64), generator)
    half = HyperbolicLinear(8, 6, margin=margin, hamp=True)
    half.load_state_dict(exact.state_dict())
    x = rows(generator, 8, 1e6)
    with torch.autocast('cpu', dtype=torch.float16):
        out = half(x.float())
    assert relative(out.double(), exact(x)) < 1e-2


def test_impossible_parts_are_named() -> None:
    with pytest.raises(ValueError, match=r'out_features=10 is not divisible by parts=3'):
        HyperbolicLinear(4, 10, parts=3)


def test_prints_its_shape() -> None:
    text = HyperbolicLinear(4, 6, bias=False).extra_repr()
    assert text == 'in_features=4, out_features=6, bias=False, curvature=1, margin=0.985, hamp=False'
    assert 'parts=3, curvature=1/1/1' in HyperbolicLinear(4, 6, parts=3).extra_repr()
