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

from .fused import compile_once, differentiable_backward, in_saved_types, needs_gradient, wants_graph
from .gyrovector import Frame, Gyrovector
from .limits import Limits
from .rows import Program, computes_rows, square

__all__ = ['PlaneExpression', 'plane_expression']


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
        return (
            _PlaneExpression.apply(*inputs) if needs_gradient(inputs) else _PlaneExpression.value(*inputs)[0]
        ).view_as(x)
    return _as_gyrovectors(x, y, expression, curvature, limits, scalars, *numbers)


@compile_once
def _as_gyrovectors(x, y, expression, curvature, limits, scalars, *numbers):
    _, tx, ty = Frame.plane(x, y, curvature, scalars, limits, expression.closed)
    h = expression.formula(tx.exp0(), ty.exp0(), *(r.to(scalars) for r in numbers))
    return h.log0().to_tensor()


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """`⟨x, y⟩` of rows, summed in float32 or better."""
    at_least = torch.promote_types(x.dtype, torch.float32)
    return torch.linalg.vecdot(x.to(at_least), y.to(at_least)).to(torch.float64)


def _basis(x: Tensor, y: Tensor, k: Tensor, swap: Tensor) -> tuple[Tensor, Tensor]:
    """`e`, which is `x`, or `y` where swapped, and `w`, the other of the two less `k·e`."""
    k, swap = k.to(x.dtype).unsqueeze(-1), swap.unsqueeze(-1)
    of_x, of_y = torch.where(swap, 1, -k), torch.where(swap, -k, 1)
    return torch.where(swap, y, x), (x * of_x).addcmul_(y, of_y)


class _Plane:
    """The plane of two vectors in each of R rows, on the basis of the longer one, `e`, and `w = other - k·e`.

    Args:
        gram: `⟨e, e⟩` and `⟨w, w⟩`, `[2, R]`, float64.
        k: `⟨e, other⟩/⟨e, e⟩`, `[R]`.
        swap: Where `e` is the second vector.
        curvature: `c`, `[1]`.
    """

    def __init__(self, gram: Tensor, k: Tensor, swap: Tensor, curvature: Tensor) -> None:
        # At c = 0 the rows compute at a curvature whose effect is below rounding. A basis vector of length zero is
        # taken as one too short to matter, so that a coefficient times it is still told from the coefficient.
        self.c = curvature.to(torch.float64).clamp_min(1e-100)
        self.k, self.swap = k, swap
        self.lengths = (self.c * gram).sqrt_().clamp_min_(1e-160)
        of_e, of_w = self.lengths.unbind()
        longer, other = torch.stack([of_e, torch.zeros_like(k)]), torch.stack([k * of_e, of_w])
        self.v = torch.stack([torch.where(swap, other, longer), torch.where(swap, longer, other)], 1)

    def backward(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives by the logarithms of the lengths, `[2, R]`, and by `k`, `[R]`, from that by `v`."""
        first, second = g.unbind(1)
        longer, other = torch.where(self.swap, second, first), torch.where(self.swap, first, second)
        g_k = other[0] * self.lengths[0]
        longer[0].addcmul_(other[0], self.k)
        return torch.stack([longer[0], other[1]]).mul_(self.lengths), g_k


class _PlaneExpression(torch.autograd.Function):
    @staticmethod
    def value(x, y, curvature, expression, limits, *numbers):
        """The result, and for the way back `gram`, `k` and `swap` of the plane."""
        xx, yy = square(x), square(y).expand(x.shape[:-1])
        y = y.expand_as(x)
        xy = _dot(x, y)
        # The basis begins with the longer vector, so that k is at most one.
        swap = yy > xx
        longest = torch.maximum(xx, yy)
        inverse = longest.clamp_min(torch.finfo(torch.float64).tiny).reciprocal_()
        k = (xy * inverse).to(x.dtype)
        e, w = _basis(x, y, k, swap)
        gram = torch.stack([longest, square(w)])
        # Rounded as it is, w is orthogonal to e only up to an ulp of both, which is much where they nearly cancel. What
        # the rows compute with is w - δ·e, orthogonal in float64.
        delta = _dot(w, e).mul_(inverse)
        k = delta + k
        plane = _Plane(gram.flatten(1), k.flatten(), swap.flatten(), curvature)
        log = expression.rows(plane.v, limits.max_rapidity, *(r.to(torch.float64) for r in numbers)).out.squeeze(1)
        a, b = (log / plane.lengths).view_as(gram)
        a = torch.addcmul(a, b, delta, value=-1)
        out = w.mul_(b.to(x.dtype).unsqueeze(-1)).addcmul_(e, a.to(x.dtype).unsqueeze(-1))
        return out, gram, k, swap

    @staticmethod
    def forward(ctx, x, y, curvature, expression, limits, *numbers):
        out, gram, k, swap = _PlaneExpression.value(x, y, curvature, expression, limits, *numbers)
        ctx.save_for_backward(x, y, gram, k, swap, curvature, *numbers)
        ctx.arguments = expression, limits
        return out

    @staticmethod
    @in_saved_types
    def backward(ctx, g):
        x, y, gram, k, swap, curvature, *numbers = ctx.saved_tensors
        expression, limits = ctx.arguments
        if wants_graph():
            inputs = (x, y, curvature, expression, limits, *numbers)
            return differentiable_backward(ctx, _PlaneExpression._definition, inputs, g)
        plane = _Plane(gram.flatten(1), k.flatten(), swap.flatten(), curvature)
        program = expression.rows(plane.v, limits.max_rapidity, *(r.to(torch.float64) for r in numbers))
        coefficients = program.out.squeeze(1) / plane.lengths
        e, w = _basis(x, y.expand_as(x), k, swap)
        delta = k - k.to(x.dtype)  # what w lacks
        along_e = _dot(g, e)
        along = torch.stack([along_e, torch.addcmul(_dot(g, w), delta, along_e, value=-1)]).flatten(1)
        g_v, g_numbers = program.backward((along / plane.lengths).unsqueeze(1))
        g_log, g_k = plane.backward(g_v)
        g_log.addcmul_(coefficients, along, value=-1)
        g_curvature = g_log.sum().div(2 * plane.c).view_as(curvature).to(curvature.dtype)

        # With d‖e‖² = 2⟨e, de⟩, d‖w‖² = 2⟨w, d(other) - k·de⟩ and ‖e‖²·dk = ⟨w - k·e, de⟩ + ⟨e, d(other)⟩. Where w is
        # rounding only, so is the derivative by its length.
        a, b = coefficients.view_as(gram)
        kind = torch.finfo(torch.promote_types(x.dtype, torch.float32))
        ee, ww = gram
        inverse = torch.stack([ee, torch.maximum(ww, kind.eps**2 * ee)]).clamp_min_(kind.tiny).reciprocal_()
        of_e, of_w = g_log.view_as(gram) * inverse
        of_k = (g_k.view_as(k) - b * along[0].view_as(k)) * inverse[0]
        # Derivatives by e and by the other vector, in terms of g, e and w + δ·e
        by_e = a - k * b, of_e - k * of_k, of_k - k * of_w
        by_other = b, of_k, of_w

        def pick(swapped, straight):
            of_g, of_e, of_w = (torch.where(swap, *pair) for pair in zip(swapped, straight, strict=True))
            return (t.to(x.dtype).unsqueeze(-1) for t in (of_g, torch.addcmul(of_e, of_w, delta, value=-1), of_w))

        of_g, of_e, of_w = pick(by_other, by_e)
        dx = (g * of_g).addcmul_(e, of_e).addcmul_(w, of_w)
        of_g, of_e, of_w = pick(by_e, by_other)
        dy = w.mul_(of_w).addcmul_(e, of_e).addcmul_(g, of_g)
        g_numbers = (g.view_as(r).to(r.dtype) for g, r in zip(g_numbers, numbers, strict=True))
        return dx, dy.sum_to_size(y.shape), g_curvature, None, None, *g_numbers

    @staticmethod
    def _definition(x, y, curvature, expression, limits, *numbers):
        return _as_gyrovectors(x, y, expression, curvature, limits, torch.float64, *numbers)
