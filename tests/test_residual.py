"""The residuals: their start, and the laws of the geometry that they must obey whatever their code."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from timm_hyperbolic.geometry import distance, exp0, log0, mobius_add
from timm_hyperbolic.layers import CenteredResidual, OriginResidual, PointResidual

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')

RESIDUALS = [CenteredResidual, OriginResidual, PointResidual]
every_residual = pytest.mark.parametrize('residual', RESIDUALS)


def rows(generator: torch.Generator, length: float, dtype: torch.dtype = torch.float64) -> Tensor:
    v = torch.randn(3, 5, 8, generator=generator, dtype=torch.float64)
    return (length * v / v.norm(dim=-1, keepdim=True)).to(dtype)


def set_gate(layer: nn.Module, gamma: float) -> None:
    """Set the gate to a value in (-2, 2) exactly: with `gamma_scale = log(e - 1)` it is `2·tanh(gamma_raw)`."""
    layer.gamma_scale.data.fill_(math.log(math.e - 1))
    layer.gamma_raw.data.fill_(math.atanh(gamma / 2))
    assert layer.gate().item() == pytest.approx(gamma, rel=1e-6)


@every_residual
def test_parameters_start_at_zero(residual: type[nn.Module]) -> None:
    names = {'gamma_raw', 'gamma_scale'} | ({'center_logit'} if residual is CenteredResidual else set())
    layer = residual()
    own = dict(layer.named_parameters(recurse=False))
    assert own.keys() == names
    assert all(p.shape == (1,) and p.item() == 0 for p in own.values())
    assert sum(p.numel() for p in layer.parameters()) == len(names) + 1
    for p in own.values():
        p.data.fill_(0.3)
    layer.reset_parameters()
    assert all(p.item() == 0 for p in own.values())


@every_residual
@pytest.mark.parametrize(('curvature', 'margin'), [(1.0, 0.985), (0.3, 0.985), (0.0, 0.985), (1.0, None)])
def test_starts_as_the_identity_in_x(residual: type[nn.Module], curvature: float, margin: float | None, generator):
    layer = residual(curvature=curvature, margin=margin)
    x, y = rows(generator, 2.4, torch.float32), rows(generator, 3.0, torch.float32)
    assert torch.allclose(layer(x, y), x, rtol=2e-6, atol=2e-6)


@every_residual
@pytest.mark.parametrize('gate', [-1.5, 0.0, 0.5, 1.0])
def test_starts_from_the_gate_that_is_asked_for(residual: type[nn.Module], gate: float) -> None:
    layer = residual(gate=gate)
    assert layer.gate().item() == pytest.approx(gate, abs=2e-7)
    for again in (layer.reset_parameters, lambda: layer.set_gate(gate)):
        layer.gamma_scale.data.fill_(3.0)
        again()
        assert layer.gate().item() == pytest.approx(gate, abs=2e-7)
    for refused in (lambda: layer.set_gate(1.7), lambda: residual(gate=1.7)):
        with pytest.raises(ValueError, match=r'gate=1\.7 is outside'):
            refused()


@every_residual
def test_starts_by_shortening_a_long_x(residual: type[nn.Module], generator: torch.Generator) -> None:
    x = rows(generator, 7.0)
    out = residual(curvature=0.5, margin=0.9, dtype=torch.float64)(x, rows(generator, 1.0))
    assert torch.allclose(out, x / 7 * math.atanh(0.9) / 0.5**0.5, rtol=1e-12)


@every_residual
def test_closed_gate_still_learns(residual: type[nn.Module], generator: torch.Generator) -> None:
    layer = residual()
    layer(rows(generator, 1.0, torch.float32), rows(generator, 1.0, torch.float32)).square().sum().backward()
    assert layer.gamma_raw.grad.abs() > 1e-3
    assert layer.gamma_scale.grad == 0


def test_gate_is_its_formula() -> None:
    layer = CenteredResidual(dtype=torch.float64)
    layer.gamma_raw.data.fill_(-0.4)
    layer.gamma_scale.data.fill_(1.3)
    assert layer.gate().item() == pytest.approx((1 + math.log1p(math.exp(1.3))) * math.tanh(-0.4), rel=1e-14)


def test_origin_residual_with_gate_one_is_mobius_addition(generator: torch.Generator) -> None:
    x, y, c = rows(generator, 0.7), rows(generator, 0.5), 1.3
    layer = OriginResidual(curvature=c, dtype=torch.float64)
    set_gate(layer, 1.0)
    expected = log0(mobius_add(exp0(x, c), exp0(y, c), c), c)
    assert torch.allclose(layer(x, y), expected, rtol=1e-10)
    assert not torch.allclose(layer(y, x), expected, rtol=1e-3)  # addition does not commute


@pytest.mark.parametrize('gamma', [-0.5, 0.25, 1.0, 1.5])
def test_point_residual_goes_along_the_geodesic(gamma: float, generator: torch.Generator) -> None:
    x, y, c = rows(generator, 0.6), rows(generator, 0.8), 0.9
    layer = PointResidual(curvature=c, dtype=torch.float64)
    set_gate(layer, gamma)
    p, q, r = (exp0(v, c) for v in (x, y, layer(x, y)))
    assert torch.allclose(distance(p, r, c), abs(gamma) * distance(p, q, c), rtol=1e-9)
    assert torch.allclose(distance(q, r, c), abs(1 - gamma) * distance(p, q, c), rtol=1e-9, atol=1e-7)


def test_centred_residual_with_its_centre_in_x_is_the_residual_at_x(generator: torch.Generator) -> None:
    x, y = rows(generator, 0.7), rows(generator, 0.9)
    centred, at_x = CenteredResidual(dtype=torch.float64), PointResidual(dtype=torch.float64)
    set_gate(centred, 0.8)
    set_gate(at_x, 0.8)
    centred.center_logit.data.fill_(40.0)
    assert torch.allclose(centred(x, y), at_x(x, y), rtol=1e-9)


@pytest.mark.parametrize('gamma', [-1.0, 0.7])
def test_centred_residual_with_its_centre_in_y_is_the_identity_in_x(gamma: float, generator: torch.Generator) -> None:
    # y ⊕ ((-y ⊕ x) ⊕ γ⊗(-y ⊕ y)) = y ⊕ (-y ⊕ x) = x
    x, y = rows(generator, 0.7), rows(generator, 0.9)
    layer = CenteredResidual(dtype=torch.float64)
    set_gate(layer, gamma)
    layer.center_logit.data.fill_(-40.0)
    assert torch.allclose(layer(x, y), x, rtol=1e-9)


@every_residual
def test_turning_both_turns_the_result(residual: type[nn.Module], generator: torch.Generator) -> None:
    x, y = rows(generator, 1.0), rows(generator, 4.0)
    turn, _ = torch.linalg.qr(torch.randn(8, 8, generator=generator, dtype=torch.float64))
    layer = residual(dtype=torch.float64)
    set_gate(layer, 0.6)
    assert torch.allclose(layer(x @ turn, y @ turn), layer(x, y) @ turn, rtol=1e-10, atol=1e-12)


@every_residual
def test_rows_are_independent_and_shapes_free(residual: type[nn.Module], generator: torch.Generator) -> None:
    x, y = rows(generator, 1.5), rows(generator, 1.5)
    layer = residual(dtype=torch.float64)
    set_gate(layer, 0.6)
    whole = layer(x, y)
    assert torch.allclose(layer(x[1, 2], y[1, 2]), whole[1, 2], rtol=1e-13)
    assert torch.allclose(layer(x.flatten(0, 1), y.flatten(0, 1)), whole.flatten(0, 1), rtol=1e-13)
    assert layer(x[:0], y[:0]).shape == (0, 5, 8)


def test_result_has_the_type_of_the_stream(generator: torch.Generator) -> None:
    # Under autocast the branch comes in a half type, the stream stays in float32.
    layer = OriginResidual()
    set_gate(layer, 0.5)
    x, y = rows(generator, 1.0, torch.float32), rows(generator, 1.0, torch.float32)
    mixed = layer(x, y.bfloat16())
    assert mixed.dtype == torch.float32
    assert torch.allclose(mixed, layer(x, y), rtol=0.05, atol=0.02)
    assert layer(x.bfloat16(), y).dtype == torch.bfloat16
