"""Möbius expressions of two vectors: the residuals and the positional embedding.

`plane_expression` is the one place that chooses how such an expression is computed: as `Gyrovector`s, which define it,
or by one autograd node with derivatives by hand, which keeps nothing but its inputs and a few numbers a row. A second
derivative goes through the gyrovectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .basis import Explicit, Implicit, are_apart, inner, scratch_like, swapped
from .fused import compile_once, differentiable_backward, in_saved_types, needs_gradient, wants_graph
from .gyrovector import Frame, Gyrovector
from .limits import Limits
from .rows import Program, computes_rows, indicator, square

__all__ = ['PlaneExpression', 'plane_expression']

# Of float64 arithmetic on the rows up to the margin, relatively
_ROUNDING = 1e-12


@dataclass(frozen=True)
class PlaneExpression:
    """A formula of two points.

    Args:
        formula: Its definition: a function, no closure, of two gyrovectors and further numbers.
        rows: The same for rows of plain numbers.
        closed: Sums and multiples are clipped too.
    """

    formula: Callable[..., Gyrovector]
    rows: type[Program]
    closed: bool = True


def plane_expression(
    x: Tensor,
    y: Tensor,
    expression: PlaneExpression,
    numbers: tuple[Tensor, ...],
    curvature: Tensor,
    limits: Limits,
    scalars: torch.dtype,
) -> Tensor:
    """`log0(formula(exp0(x), exp0(y), *numbers))`.

    Args:
        x: `[..., D]`.
        y: Broadcastable to `x`, in its type.
        expression: The formula.
        numbers: What the formula takes besides the points, each `[1]`.
        curvature: `c >= 0`, `[1]`; `c > 0` where it is learnt.
        limits: The clip.
        scalars: Type of the coefficients where gyrovectors compute it.

    Returns:
        `[..., D]`, in the type of `x`.
    """
    if computes_rows(x, limits):
        rows = x if x.dim() > 1 else x.unsqueeze(0)
        inputs = rows, y, curvature, expression, limits, *numbers
        return (_as_node(*inputs) if needs_gradient(inputs) else _as_rows(*inputs)).view_as(x)
    return _as_gyrovectors(x, y, expression, curvature, limits, scalars, *numbers)


@compile_once
def _as_node(*inputs):
    return _PlaneExpression.apply(*inputs)


@compile_once
def _as_rows(*inputs):
    return _PlaneExpression.value(*inputs)[0]


@compile_once
def _as_gyrovectors(x, y, expression, curvature, limits, scalars, *numbers):
    _, tx, ty = Frame.plane(x, y, curvature, scalars, limits, expression.closed)
    h = expression.formula(tx.exp0(), ty.exp0(), *(r.to(scalars) for r in numbers))
    return h.log0().to_tensor()


class _Plane:
    """The plane of two vectors in each of R rows, on the basis of the longer one, `e`, and `w = other - k·e`.

    Args:
        gram: `⟨e, e⟩` and `⟨w, w⟩`, `[2, R]`, float64.
        k: `⟨e, other⟩/⟨e, e⟩`, `[R]`.
        swap: One where `e` is the second vector, else zero, `[R]`, float64.
        curvature: `c`, `[1]`.
    """

    def __init__(self, gram: Tensor, k: Tensor, swap: Tensor, curvature: Tensor) -> None:
        # At c = 0 the rows compute at a curvature whose effect is below rounding. A basis vector of length zero is
        # taken as one too short to matter, so that a coefficient times it is still told from the coefficient.
        self.c = curvature.to(torch.float64).clamp_min(1e-100)
        self.k, self.swap = k, swap
        self.lengths = (self.c * gram).sqrt_().clamp_min_(1e-160)
        of_e, of_w = self.lengths.unbind()
        self.v = self.order(torch.stack([of_e, torch.zeros_like(k)]), torch.stack([k * of_e, of_w]))

    def order(self, longer: Tensor, other: Tensor) -> Tensor:
        """What belongs to the two vectors, `[n, R]` each, as `[n, 2, R]`: that of the first, that of the second."""
        return torch.stack(swapped(longer, other, self.swap), 1)

    def backward(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives by the logarithms of the lengths, `[2, R]`, and by `k`, `[R]`, from that by `v`."""
        longer, other = self.order(*g.unbind(1)).unbind(1)
        g_k = other[0] * self.lengths[0]
        # Not in place: in a slice the compiler would take the number of rows for a constant.
        return torch.stack([torch.addcmul(longer[0], other[0], self.k), other[1]]).mul_(self.lengths), g_k


def _without_noise(by: Tensor, along: Tensor, inverse: Tensor) -> Tensor:
    """The coefficients of `g`, `e` and `w` in derivatives, `[3, n, R]`, zero where they are no more than rounding.

    Behind a closed gate they would be, and the next such gate would square them: to numbers so small that a processor
    takes a hundred times as long for each. `along` is `⟨g, e⟩` and `⟨g, w⟩`, `inverse` one over `‖e‖²` and `‖w‖²`.
    """
    inverse = inverse.sqrt()
    size = (along.abs() * inverse).sum(0)
    rounding = torch.cat([torch.ones_like(size).unsqueeze(0), size * inverse]).mul_(_ROUNDING).unsqueeze(1)
    return by.mul_(indicator(torch.gt, by.abs(), rounding.expand_as(by)))


class _PlaneExpression(torch.autograd.Function):
    @staticmethod
    def value(x, y, curvature, expression, limits, *numbers):
        """The result; `gram`, `k` and `swap` of the plane, for the way back; and whether the vectors are apart."""
        xx, yy = square(x).flatten(), square(y).expand(x.shape[:-1]).flatten()
        y = y.expand_as(x)
        scratch = scratch_like(x)
        xy = inner(x, y, scratch)
        # The basis begins with the longer vector, so that k is at most one.
        swap = indicator(torch.gt, yy, xx)
        ee, other = torch.maximum(xx, yy).clamp_min_(torch.finfo(torch.float64).tiny), torch.minimum(xx, yy)
        k = xy / ee
        ww = torch.addcmul(other, k, xy, value=-1)
        apart = are_apart(x, ww, other)
        if apart:
            vectors = Implicit(x, y, k, swap, scratch)
        else:
            vectors = Explicit(x, y, k, swap, scratch)
            ww, k = vectors.measure(ee)
        gram = torch.stack([ee, ww])
        plane = _Plane(gram, k, swap, curvature)
        log = expression.rows(plane.v, limits.max_rapidity, *(r.to(torch.float64) for r in numbers)).out.squeeze(1)
        return vectors.combine(*(log / plane.lengths)), (gram, k, swap), apart

    @staticmethod
    def forward(ctx, x, y, curvature, expression, limits, *numbers):
        out, plane, apart = _PlaneExpression.value(x, y, curvature, expression, limits, *numbers)
        ctx.save_for_backward(x, y, *plane, curvature, *numbers)
        ctx.arguments = expression, limits, apart
        return out

    @staticmethod
    @in_saved_types
    def backward(ctx, g):
        x, y, gram, k, swap, curvature, *numbers = ctx.saved_tensors
        expression, limits, apart = ctx.arguments
        if wants_graph():
            inputs = (x, y, curvature, expression, limits, *numbers)
            return differentiable_backward(ctx, _PlaneExpression._definition, inputs, g)
        plane = _Plane(gram, k, swap, curvature)
        program = expression.rows(plane.v, limits.max_rapidity, *(r.to(torch.float64) for r in numbers))
        coefficients = program.out.squeeze(1) / plane.lengths
        vectors = (Implicit if apart else Explicit)(x, y.expand_as(x), k, swap, scratch_like(x))
        along = vectors.along(g)
        g_v, g_numbers = program.backward((along / plane.lengths).unsqueeze(1))
        g_log, g_k = plane.backward(g_v)
        g_log.addcmul_(coefficients, along, value=-1)
        g_curvature = g_log.sum().div(2 * plane.c).view_as(curvature).to(curvature.dtype)

        # With d‖e‖² = 2⟨e, de⟩, d‖w‖² = 2⟨w, d(other) - k·de⟩ and ‖e‖²·dk = ⟨w - k·e, de⟩ + ⟨e, d(other)⟩. Where w is
        # rounding only, so is the derivative by its length.
        a, b = coefficients
        kind = torch.finfo(torch.promote_types(x.dtype, torch.float32))
        ee, ww = gram
        inverse = torch.stack([ee, torch.maximum(ww, kind.eps**2 * ee)]).clamp_min_(kind.tiny).reciprocal_()
        of_e, of_w = g_log * inverse
        of_k = (g_k - b * along[0]).mul_(inverse[0])
        by_other = torch.stack([b, of_k, of_w])
        by_e = torch.stack([a, of_e, of_k]).addcmul_(k, by_other, value=-1)
        by = _without_noise(plane.order(by_e, by_other), along, inverse)
        dx, dy = vectors.derivatives(g, *by)
        g_numbers = (g.view_as(r).to(r.dtype) for g, r in zip(g_numbers, numbers, strict=True))
        return dx, dy.sum_to_size(y.shape), g_curvature, None, None, *g_numbers

    @staticmethod
    def _definition(x, y, curvature, expression, limits, *numbers):
        return _as_gyrovectors(x, y, expression, curvature, limits, torch.float64, *numbers)
