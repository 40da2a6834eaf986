"""The gate between a Euclidean module and the hyperbolic one in its place."""

import pytest
import torch
from torch import nn

from timm_hyperbolic.layers import Add, CenteredResidual, Gated, HyperbolicLinear

pytestmark = pytest.mark.usefixtures('one_thread', 'fixed_seed')


def test_starts_as_the_euclidean_module_and_opens_to_the_other() -> None:
    gated = Gated(nn.Linear(6, 5), HyperbolicLinear(6, 5))
    x = torch.randn(3, 6)
    assert torch.equal(gated(x), gated.euclidean(x))
    gated.gate.data.fill_(1.0)
    assert torch.allclose(gated(x), gated.hyperbolic(x), rtol=1e-5, atol=1e-6)
    gated.gate.data.fill_(0.25)
    assert torch.allclose(gated(x), 0.75 * gated.euclidean(x) + 0.25 * gated.hyperbolic(x), rtol=1e-5, atol=1e-6)
    gated.reset_parameters()
    assert gated.gate.item() == 0


def test_closed_gate_has_a_gradient() -> None:
    residual = CenteredResidual()
    residual.set_gate(1.0)
    gated = Gated(Add(), residual)
    x, y = torch.randn(2, 3, 4, 6)
    gated(x, y).square().sum().backward()
    assert gated.gate.grad.abs().item() > 0
    assert residual.gamma_raw.grad.item() == 0


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float64])
def test_keeps_the_type_of_the_euclidean_result(dtype: torch.dtype) -> None:
    x, y = torch.randn(2, 3, 4, 6).to(dtype)
    assert Gated(Add(), CenteredResidual())(x, y).dtype == dtype
