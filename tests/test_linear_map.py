"""The linear layer as one node, against the gyrovectors that define it."""

import pytest
import torch

from timm_hyperbolic.geometry import set_fused
from timm_hyperbolic.layers import HyperbolicLinear


@pytest.fixture(autouse=True)
def _fused_afterwards():
    yield
    set_fused(True)


def make(parts: int = 1, bias: bool = True, margin: float = 0.985) -> HyperbolicLinear:
    torch.manual_seed(0)
    layer = HyperbolicLinear(5, 6, bias, parts=parts, curvature=0.7, margin=margin, dtype=torch.float64)
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return layer


def run(layer: HyperbolicLinear, x: torch.Tensor, fused: bool) -> list[torch.Tensor]:
    set_fused(fused)
    out = layer(x)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(2), dtype=out.dtype)
    return [out, *torch.autograd.grad(out, (x, *layer.parameters()), weights)]


# At 30 every vector is beyond the margin; a margin of 0.3 clips the result as well. Between 3e-3 and 1e-2 derivatives
# pass from their series to their formulas, which with a margin of 0.005 happens beyond it.
@pytest.mark.parametrize('margin', [0.005, 0.3, 0.985])
@pytest.mark.parametrize('scale', [0.0, 1e-12, 3e-3, 1e-2, 0.3, 2.0, 30.0])
@pytest.mark.parametrize(('parts', 'bias'), [(1, True), (1, False), (3, True), (3, False)])
def test_node_equals_gyrovectors(parts: int, bias: bool, scale: float, margin: float) -> None:
    layer = make(parts, bias, margin)
    x = (scale * torch.randn(2, 3, 5, dtype=torch.float64)).requires_grad_()
    for got, expected in zip(run(layer, x, True), run(layer, x, False), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-10)


def test_second_derivatives() -> None:
    layer = make(parts=2)
    x = (0.5 * torch.randn(2, 5, dtype=torch.float64)).requires_grad_()
    names = [name for name, _ in layer.named_parameters()]

    def f(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    parameters = [p.detach().as_subclass(torch.Tensor).clone().requires_grad_() for p in layer.parameters()]
    assert torch.autograd.gradcheck(f, (x, *parameters))
    assert torch.autograd.gradgradcheck(f, (x, *parameters))


def test_input_and_output_are_kept_and_no_product_besides() -> None:
    layer = HyperbolicLinear(64, 256)
    x = torch.randn(40, 64, requires_grad=True)
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.setdefault(t.untyped_storage().data_ptr(), t) if t.shape[:1] == (40,) else t, lambda t: t
    ):
        out = layer(x)
    rows = 40  # the squared lengths of x
    assert sum(t.numel() for t in kept.values()) == x.numel() + out.numel() + rows
