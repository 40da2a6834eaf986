"""The fused plane expression against the gyrovectors that define it, in values, gradients and memory."""

import operator

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from timm_hyperbolic.geometry import Limits, PlaneExpression, SumRows, plane_expression, set_fused
from timm_hyperbolic.geometry.basis import APART, Implicit
from timm_hyperbolic.layers import CenteredResidual, OriginResidual, PointResidual

SUM = PlaneExpression(operator.add, SumRows)
EXPRESSIONS = {
    'centered': (CenteredResidual.expression, (-0.6, 0.4)),
    'origin': (OriginResidual.expression, (1.3,)),
    'point': (PointResidual.expression, (0.7,)),
    'sum': (SUM, ()),
}
PAIRS = ('random', 'short x', 'short y', 'cancelling', 'same', 'zero x', 'zero y', 'one embedding')


@pytest.fixture(autouse=True)
def _fused_afterwards():
    yield
    set_fused(True)


def pair(kind: str, scale: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, y = (scale * torch.randn(3, 4, 7, generator=generator, dtype=torch.float64) for _ in range(2))
    if kind == 'short x':
        x = 1e-4 * x
    elif kind == 'short y':
        y = 1e-4 * y
    elif kind == 'cancelling':
        y = 1e-3 * y - x
    elif kind == 'same':
        y = x.clone()
    elif kind == 'zero x':
        x = 0 * x
    elif kind == 'zero y':
        y = 0 * y
    elif kind == 'one embedding':
        y = y[:1]
    return x, y


def evaluate(name: str, x, y, curvature: float, fused: bool, margin: float | None = 0.985):
    """Value and gradients by x, y, curvature and the parameters."""
    expression, numbers = EXPRESSIONS[name]
    leaves = [x, y, *(torch.tensor([v], dtype=torch.float64) for v in (curvature, *numbers))]
    leaves = [t.detach().clone().requires_grad_() for t in leaves]
    set_fused(fused)
    out = plane_expression(
        leaves[0], leaves[1], expression, tuple(leaves[3:]), leaves[2], Limits(margin), torch.float64
    )
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return out, torch.autograd.grad(out, leaves, weights)


# Up to 0.25 no sum of the seven entries' vectors reaches the margin; at 3 all do, and where x or y is zero or both are
# the same, a sum lies on it to the last bit, as in a model whose gates are still closed.
@pytest.mark.parametrize('scale', [0.0, 1e-150, 1e-12, 0.05, 0.25, 3.0])
@pytest.mark.parametrize('kind', PAIRS)
@pytest.mark.parametrize('name', EXPRESSIONS)
def test_fused_equals_gyrovectors(name: str, kind: str, scale: float) -> None:
    x, y = pair(kind, scale)
    (expected, g_expected), (out, g_out) = (evaluate(name, x, y, 0.8, fused) for fused in (False, True))
    torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-12 * float(x.abs().max() + y.abs().max()))
    # equal points on the margin: the gate's derivative is zero, all of it rounding
    least = 1e-2 if (kind, scale) == ('same', 3.0) else 1e-3
    for g, e in zip(g_out, g_expected, strict=True):
        # a sum over rows may cancel: its error is relative to the terms, which are of order one
        torch.testing.assert_close(g, e, rtol=1e-9, atol=1e-9 * max(least, float(e.abs().max())))


@pytest.mark.parametrize('curvature', [0.0, 1e-9, 1e-3, 0.3, 5.0])
@pytest.mark.parametrize('name', EXPRESSIONS)
def test_fused_equals_gyrovectors_at_every_curvature(name: str, curvature: float) -> None:
    x, y = pair('random', 0.7, seed=2)
    (expected, g_expected), (out, g_out) = (evaluate(name, x, y, curvature, fused) for fused in (False, True))
    torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-12)
    for i, (g, e) in enumerate(zip(g_out, g_expected, strict=True)):
        if i == 2 and curvature == 0:
            continue  # a flat layer's curvature is fixed
        # the derivative by a small curvature is a difference divided by it
        rtol = 1e-9 if i != 2 else max(1e-9, 1e-15 / curvature)
        torch.testing.assert_close(g, e, rtol=rtol, atol=1e-11)


def at_angle(squared_sine: float, length: float, sign: float, rows: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Pairs of that angle, or its supplement, in float32."""
    generator = torch.Generator().manual_seed(3)
    e, w = (torch.randn(rows, 192, generator=generator, dtype=torch.float64) for _ in range(2))
    e = torch.nn.functional.normalize(e, dim=-1)
    w = torch.nn.functional.normalize(w - (w * e).sum(-1, keepdim=True) * e, dim=-1)
    y = sign * (1 - squared_sine) ** 0.5 * e + squared_sine**0.5 * w
    return (length * e).float(), (0.9 * length * y).float()


def worst_error(name: str, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Of values and of gradients by `x` and `y`, in float32, row by row."""
    ours, exact = (evaluate(name, t, u, 1.0, fused=True) for t, u in ((x, y), (x.double(), y.double())))
    pairs = [(ours[0], exact[0]), *zip(ours[1][:2], exact[1][:2], strict=True)]
    value, *gradients = (((a - b).norm(dim=-1) / b.norm(dim=-1)).max().item() for a, b in pairs)
    return value, max(gradients)


@pytest.mark.parametrize('sign', [1.0, -1.0])
@pytest.mark.parametrize('length', [0.3, 2.44, 8.0])
@pytest.mark.parametrize('name', EXPRESSIONS)
def test_inner_products_say_all_from_the_angle_on_that_they_are_used_for(name, length, sign, monkeypatch):
    for implicit, squared_sine in ((True, 1.01 * APART), (False, 0.99 * APART)):
        x, y = at_angle(squared_sine, length, sign)
        used = []
        monkeypatch.setattr(Implicit, 'combine', record(Implicit.combine, used))
        value, gradient = worst_error(name, x, y)
        monkeypatch.undo()
        assert bool(used) == implicit
        assert value < 5e-6
        assert gradient < 5e-5


def record(method, calls: list):
    """The method, which notes its calls."""

    def call(self, *args):
        calls.append(args)
        return method(self, *args)

    return call


@pytest.mark.parametrize('name', EXPRESSIONS)
def test_one_nearly_parallel_pair_is_told_apart_among_others(name: str) -> None:
    x, y = at_angle(1.0, 2.44, 1.0)
    difference = torch.randn(192, generator=torch.Generator().manual_seed(4))
    y[17] = x[17] + 1e-3 * 2.44 * difference / difference.norm()
    value, gradient = worst_error(name, x, y)
    assert value < 5e-6
    assert gradient < 5e-5


@pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::torch.jit.TracerWarning')
@torch.no_grad()
def test_what_is_traced_far_from_parallel_holds_nearly_parallel_too() -> None:
    layer = CenteredResidual()
    layer.set_gate(0.4)
    x, y = at_angle(1.0, 2.44, 1.0)
    traced = torch.jit.trace(layer, (x, y), check_trace=False)
    x, y = at_angle(1e-6, 2.44, -1.0)
    exact = layer.double()(x.double(), y.double())
    assert (traced(x, y) - exact).norm(dim=-1).div(exact.norm(dim=-1)).max() < 5e-6


@pytest.mark.parametrize('name', EXPRESSIONS)
def test_no_answer_is_asked_of_tensors_without_data(name: str) -> None:
    with FakeTensorMode():
        x, y = (torch.randn(4, 8, requires_grad=True) for _ in range(2))
        numbers = tuple(torch.ones(1) for _ in EXPRESSIONS[name][1])
        out = plane_expression(x, y, EXPRESSIONS[name][0], numbers, torch.ones(1), Limits(0.985), torch.float64)
        out.sum().backward()
    assert x.grad.shape == y.grad.shape == out.shape


@pytest.mark.parametrize('name', EXPRESSIONS)
def test_gradcheck(name: str) -> None:
    x, y = pair('random', 0.8, seed=3)
    expression, numbers = EXPRESSIONS[name]
    leaves = [t.requires_grad_() for t in (x, y, *(torch.tensor([v], dtype=torch.float64) for v in (0.9, *numbers)))]

    def f(x, y, c, *numbers):
        return plane_expression(x, y, expression, numbers, c, Limits(0.985), torch.float64)

    assert torch.autograd.gradcheck(f, leaves)


@pytest.mark.parametrize('name', EXPRESSIONS)
def test_second_derivative(name: str) -> None:
    x, y = (t[:1, :2] for t in pair('random', 0.5, seed=5))
    expression, numbers = EXPRESSIONS[name]
    leaves = [t.requires_grad_() for t in (x, y, *(torch.tensor([v], dtype=torch.float64) for v in (0.9, *numbers)))]

    def f(x, y, c, *numbers):
        return plane_expression(x, y, expression, numbers, c, Limits(0.985), torch.float64)

    assert torch.autograd.gradgradcheck(f, leaves)


def test_a_gradient_penalty_is_not_silently_a_constant() -> None:
    x, y = (t.requires_grad_() for t in pair('random', 0.5))
    one = torch.ones(1, dtype=torch.float64)
    out = plane_expression(x, y, SUM, (), one, Limits(0.985), torch.float64)
    (g,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    (penalty,) = torch.autograd.grad(g.square().sum(), y)
    assert penalty.abs().max() > 1e-3


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_the_result_has_the_type_of_the_vectors(dtype: torch.dtype) -> None:
    x, y = (t.to(dtype).requires_grad_() for t in pair('random', 1.0))
    out = plane_expression(x, y, SUM, (), torch.ones(1), Limits(0.985), torch.float32)
    out.sum().backward()
    assert out.dtype == x.grad.dtype == y.grad.dtype == dtype
    exact, _ = evaluate('sum', x.double(), y.double(), 1.0, fused=False)
    error = (out.double() - exact).norm() / exact.norm()
    assert error < 4 * torch.finfo(dtype).eps


def test_only_the_inputs_and_a_few_numbers_a_row_are_kept() -> None:
    x, y = (torch.randn(8, 16, 64).requires_grad_() for _ in range(2))
    layer = CenteredResidual()
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.setdefault(t.data_ptr(), t), lambda t: t):
        layer(x, y)
    extra = sum(t.numel() for t in kept.values()) - x.numel() - y.numel()
    assert {x.data_ptr(), y.data_ptr()} <= set(kept)
    assert extra <= 5 * 8 * 16 + 16


def test_without_a_margin_gyrovectors_keep_the_digits() -> None:
    x, y = pair('random', 4.0, seed=4)  # norms of ten, where products of hyperboloid coordinates have none
    (expected, _), (out, _) = (evaluate('centered', x, y, 1.0, fused, margin=None) for fused in (False, True))
    assert torch.equal(out, expected)
