"""Kernels of two vectors per row against the formulas that they are made from, and against 80-digit arithmetic."""

import pytest
import torch
from oracle import MP, Ball, derivative, relative_error, to_mp
from torch import Tensor

from timm_hyperbolic.geometry import Limits, formulas, kernels, ops
from timm_hyperbolic.geometry.kernels import library
from timm_hyperbolic.layers import CenteredResidual

FORMULAS = {
    formulas.centered_residual: (-0.37, 0.2, -0.41),
    formulas.origin_residual: (1.1, -0.3),
    formulas.point_residual: (0.05, 25.0),
    formulas.positional_sum: (),
}
PAIRS = ('random', 'short x', 'short y', 'cancelling', 'same', 'zero x', 'zero y', 'one embedding')
LIMITS = {'margin': Limits(0.985), 'small margin': Limits(0.3), 'no margin': Limits(None), 'flat': Limits(None, 1.5)}
every_formula = pytest.mark.parametrize('formula', FORMULAS, ids=lambda f: f.name)


def pair(kind: str, scale: float, seed: int = 0, shape: tuple[int, ...] = (3, 4, 7)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, y = (scale * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
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


def evaluate(formula, x: Tensor, y: Tensor, c: float, kernel: bool, limits: Limits = LIMITS['margin']):
    """Value and gradients with respect to x, y, curvature and the formula's numbers."""
    leaves = [x, y, *(torch.tensor([v], dtype=torch.float64, device=x.device) for v in (c, *FORMULAS[formula]))]
    leaves = [t.detach().clone().requires_grad_() for t in leaves]
    with kernels(kernel):
        out = ops.two_vectors(formula, leaves[0], leaves[1], leaves[3:], leaves[2], limits)
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        return out, torch.autograd.grad(out, leaves, weights.to(out))


def assert_equal(formula, x, y, c: float, limits: Limits = LIMITS['margin'], least: float = 1e-3) -> None:
    """The kernel against the definition in float64."""
    (expected, g_expected), (out, g_out) = (evaluate(formula, x, y, c, kernel, limits) for kernel in (False, True))
    torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-12 * float(x.abs().max() + y.abs().max()))
    for g, e in zip(g_out, g_expected, strict=True):
        # a sum over rows may cancel: its error is relative to the terms, which are of order one
        torch.testing.assert_close(g, e, rtol=1e-9, atol=1e-9 * max(least, float(e.abs().max())))


# Up to 0.25 no sum of the seven entries' vectors reaches the margin; at 3 all do, and where x or y is zero or both are
# the same, a sum lies on it to the last bit, as in a model whose gates are still closed.
@pytest.mark.parametrize('scale', [0.0, 1e-150, 1e-12, 0.05, 0.25, 3.0])
@pytest.mark.parametrize('kind', PAIRS)
@every_formula
def test_a_kernel_equals_its_formula(formula, kind: str, scale: float) -> None:
    # equal points on the margin: the gate's derivative is zero, all of it rounding
    least = 1e-2 if (kind, scale) == ('same', 3.0) else 1e-3
    assert_equal(formula, *pair(kind, scale), 0.8, least=least)


@pytest.mark.parametrize('limits', LIMITS)
@pytest.mark.parametrize('c', [0.0, 1e-9, 1e-3, 0.3, 5.0, 10.0])
@every_formula
def test_a_kernel_equals_its_formula_at_every_curvature_and_clip(formula, c: float, limits: str) -> None:
    if limits == 'flat' and c > 0:
        pytest.skip('max_norm is for curvature 0')
    # without a margin at c = 10 a complement has lost digits to the rounding of exponentials in both
    assert_equal(formula, *pair('random', 0.3 if limits == 'no margin' else 0.7, seed=2), c, LIMITS[limits])


@pytest.mark.parametrize(
    ('rows', 'dim'), [((0,), 5), ((1,), 1), ((17,), 3), ((2, 33), 8), ((3,), 4096), ((), 6)], ids=str
)
@every_formula
def test_every_shape(formula, rows: tuple[int, ...], dim: int) -> None:
    x, y = pair('random', 0.3 / dim**0.5, shape=(*rows, dim))
    if x.numel():
        assert_equal(formula, x, y, 0.8)
        assert_equal(formula, x.mT.contiguous().mT if x.dim() > 1 else x, y[..., :1, :] if y.dim() > 1 else y, 0.8)
    else:
        out, gradients = evaluate(formula, x, y, 0.8, kernel=True)
        assert out.shape == x.shape
        assert all(g.abs().sum() == 0 for g in gradients)


def exact(formula, x: Tensor, y: Tensor, c: float, t: float, g: Tensor):
    """Value, and the derivatives of its product with `g` along curvature and numbers, in 80 digits, of one row."""
    x, y, g = map(to_mp, (x, y, g))

    def value(c, *numbers):
        ball = Ball(c, t)
        if formula is formulas.positional_sum:
            return ball.log0(ball.clip(ball.add(ball.enter(x), ball.enter(y))))
        raw, scale, *center = numbers
        gamma = (1 + MP.log1p(MP.exp(scale))) * MP.tanh(raw)
        if formula is formulas.centered_residual:
            return ball.centred_residual(x, y, 1 / (1 + MP.exp(-center[0])), gamma)
        return {formulas.origin_residual: ball.origin_residual, formulas.point_residual: ball.point_residual}[formula](
            x, y, gamma
        )

    numbers = [MP.mpf(v) for v in (c, *FORMULAS[formula])]
    slopes = []
    for i in range(len(numbers)):

        def along(h, i=i):
            return MP.fdot(g, value(*(v + h if j == i else v for j, v in enumerate(numbers))))

        slopes.append(derivative(along))
    return value(*numbers), slopes


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('kind', ['random', 'near', 'near-cancelling'])
@every_formula
def test_a_kernel_is_right_to_the_vectors_rounding(formula, kind: str, dtype: torch.dtype) -> None:
    """Also of nearly parallel and nearly opposite vectors, near the margin but inside of it and so off its kink."""
    generator = torch.Generator().manual_seed(5)
    x, noise, weights = (torch.randn(1, 24, generator=generator, dtype=torch.float64) for _ in range(3))
    x = (0.9 * x / x.norm()).to(dtype)
    noise = 0.9 * noise / noise.norm()
    y = {'random': noise, 'near': x + 1e-3 * noise, 'near-cancelling': 1e-3 * noise - x}[kind].to(dtype)
    leaves = [torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (1.0, *FORMULAS[formula])]
    out = ops.two_vectors(formula, x, y, leaves[1:], leaves[0], Limits(0.985, rounding=dtype))
    value, slopes = exact(formula, x[0], y[0], 1.0, 0.985, weights.to(dtype)[0])
    eps = torch.finfo(dtype).eps
    assert relative_error(out[0], value) < (2 * eps if dtype is torch.float32 else 1e-11)
    for ours, slope in zip(torch.autograd.grad(out, leaves, weights.to(dtype)), slopes, strict=True):
        assert relative_error(ours, slope) < (1e-9 if kind == 'random' else 1e-5)


@every_formula
def test_gradients_and_second_derivatives(formula) -> None:
    x, y = (t[:1, :2] for t in pair('random', 0.5, seed=5))
    leaves = [x, y, *(torch.tensor([v], dtype=torch.float64) for v in (0.9, *FORMULAS[formula]))]
    leaves = [t.clone().requires_grad_() for t in leaves]

    def f(x, y, c, *numbers):
        return ops.two_vectors(formula, x, y, numbers, c, LIMITS['margin'])

    assert torch.autograd.gradcheck(f, leaves)
    assert torch.autograd.gradgradcheck(f, leaves)


def test_a_gradient_penalty_is_not_silently_a_constant() -> None:
    x, y = (t.requires_grad_() for t in pair('random', 0.5))
    out = ops.two_vectors(formulas.positional_sum, x, y, (), torch.ones(1).double(), LIMITS['margin'])
    (g,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    (penalty,) = torch.autograd.grad(g.square().sum(), y)
    assert penalty.abs().max() > 1e-3


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_the_result_has_the_type_of_the_vectors(dtype: torch.dtype) -> None:
    x, y = (t.to(dtype).requires_grad_() for t in pair('random', 1.0))
    out = ops.two_vectors(formulas.positional_sum, x, y, (), torch.ones(1), Limits(0.985, rounding=dtype))
    out.sum().backward()
    assert out.dtype == x.grad.dtype == y.grad.dtype == dtype
    expected, _ = evaluate(formulas.positional_sum, x.double(), y.double(), 1.0, kernel=False)
    assert (out.double() - expected).norm() / expected.norm() < 4 * torch.finfo(dtype).eps


def test_only_the_inputs_and_a_few_numbers_are_kept() -> None:
    x, y = (torch.randn(8, 16, 64).requires_grad_() for _ in range(2))
    kept = {}
    layer = CenteredResidual()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.setdefault(t.data_ptr(), t), lambda t: t):
        layer(x, y)
    assert {x.data_ptr(), y.data_ptr()} <= set(kept)
    assert sum(t.numel() for t in kept.values()) - x.numel() - y.numel() <= 32


# --- the same row gives the same bits ---------------------------------------------------------------------------------


@pytest.fixture
def stream() -> tuple[CenteredResidual, Tensor, Tensor, Tensor]:
    """A residual, a stream as a layer before it has clipped it, a branch, and a gradient."""
    torch.manual_seed(0)
    layer = CenteredResidual(curvature=1.3)
    layer.set_gate(0.4)
    x, y, g = (3 * torch.randn(40, 24) for _ in range(3))
    with torch.no_grad():
        return layer, CenteredResidual(curvature=1.3)(x, y), y, g


def run(layer, x, y, g) -> tuple[Tensor, ...]:
    x, y = (t.detach().clone().requires_grad_() for t in (x, y))
    out = layer(x, y)
    layer.zero_grad()
    out.backward(g)
    return out.detach(), x.grad, y.grad, *(p.grad for p in layer.parameters())


def test_bits_do_not_depend_on_the_batch_or_on_threads(stream) -> None:
    layer, x, y, g = stream
    out, dx, dy, *parameters = run(layer, x, y, g)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    for part in (order, order[:7], order[30:31]):
        some, dx_some, dy_some, *_ = run(layer, x[part], y[part], g[part])
        assert torch.equal(some, out[part])
        assert torch.equal(dx_some, dx[part])
        assert torch.equal(dy_some, dy[part])
    threads = torch.get_num_threads()
    for number in (1, 2):
        torch.set_num_threads(number)
        assert all(map(torch.equal, run(layer, x, y, g), (out, dx, dy, *parameters)))
    torch.set_num_threads(threads)


def test_rounding_does_not_decide_which_side_of_the_margin_a_token_is_on(stream) -> None:
    """What leaves a clipped layer lies on the margin of the next: an ulp more or less must not change its gradients."""
    layer, x, y, g = stream
    exact = run(layer, x, y, g)
    for direction in (torch.inf, 0.0, -torch.inf):
        moved = run(layer, torch.nextafter(x, torch.full_like(x, direction)), y, g)
        for a, b in zip(moved, exact, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5 * float(b.abs().max()))


def test_the_compiled_layer_has_the_bits_of_the_eager_one(stream, monkeypatch) -> None:
    layer, x, y, g = stream
    torch._dynamo.reset()
    monkeypatch.setattr(library, '_importable', {})  # as in a process whose first call is that of a compiled model
    compiled = torch.compile(layer, fullgraph=True, backend='aot_eager')
    for a, b in zip(run(compiled, x, y, g), run(layer, x, y, g), strict=True):
        assert torch.equal(a, b)
