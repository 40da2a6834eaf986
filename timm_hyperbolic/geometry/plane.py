"""Möbius expressions of two vectors: the residuals and the positional embedding.

`plane_expression` is the one place that chooses how such an expression is computed: as `Gyrovector`s, which define it,
or by one autograd node with derivatives by hand, which keeps nothing but its inputs and a few numbers a row. A second
derivative goes through the gyrovectors.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .fused import differentiable_backward, is_fused, wants_graph
from .gyrovector import Frame
from .limits import Limits
from .rows import RowScalar, RowTangent, Tape

__all__ = ['plane_expression']


def plane_expression(
    x: Tensor,
    y: Tensor,
    formula: Callable,
    parameters: tuple[Tensor, ...],
    curvature: Tensor,
    limits: Limits,
    closed: bool,
    scalars: torch.dtype,
) -> Tensor:
    """`log0(formula(exp0(x), exp0(y), *parameters))`.

    Args:
        x: `[..., D]`.
        y: Broadcastable to `x`, in its type.
        formula: A function, no closure, of two points and the parameters that uses `+`, `-`, `r *` and `1 - r`.
        parameters: Numbers, `[1]`.
        curvature: `c >= 0`, `[1]`.
        limits: The clip.
        closed: Clip sums and multiples too.
        scalars: Type of the coefficients where gyrovectors compute it.

    Returns:
        `[..., D]`, in the type of `x`.
    """
    # Without a margin the rows lose their digits, flat controls have a clip of their own, and not every device has
    # float64.
    if is_fused() and limits.margin is not None and limits.max_norm is None and x.device.type != 'mps':
        rows = x if x.dim() > 1 else x.unsqueeze(0)
        return _PlaneExpression.apply(rows, y, curvature, formula, limits, closed, *parameters).view_as(x)
    return _as_gyrovectors(x, y, formula, parameters, curvature, limits, closed, scalars)


def _as_gyrovectors(x, y, formula, parameters, curvature, limits, closed, scalars):
    _, tx, ty = Frame.plane(x, y, curvature, scalars, limits, closed)
    h = formula(tx.exp0(), ty.exp0(), *(r.to(scalars) for r in parameters))
    return h.log0().to_tensor()


def _dot(x: Tensor, y: Tensor) -> Tensor:
    at_least = torch.promote_types(x.dtype, torch.float32)
    return torch.linalg.vecdot(x.to(at_least), y.to(at_least)).to(torch.float64)


def _run(gram: Tensor, k: Tensor, swap: Tensor, formula: Callable, limits: Limits, closed: bool, parameters):
    """The row program on the basis of the longer vector `e` and `w = other - k·e`."""
    tape = Tape(gram, limits, closed)
    one, zero = torch.ones_like(k), torch.zeros_like(k)
    other = torch.stack([k, one])
    longer = torch.stack([one, zero])
    tx, ty = (RowTangent.given(tape, torch.where(a, other, longer)) for a in (swap, ~swap))
    rows = [RowScalar(r.to(torch.float64)) for r in parameters]
    return tape, rows, formula(tx.exp0(), ty.exp0(), *rows).log0()


class _PlaneExpression(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, curvature, formula, limits, closed, *parameters):
        y_rows = y.expand_as(x)
        xx, yy, xy = _dot(x, x), _dot(y, y).expand(x.shape[:-1]), _dot(x, y_rows)
        # The basis begins with the longer vector, so that k is at most one.
        swap = yy > xx
        longest = torch.maximum(xx, yy)
        k = (xy / longest.clamp_min(torch.finfo(torch.float64).tiny)).to(x.dtype)
        of_x, of_y = torch.where(swap, 1, -k), torch.where(swap, -k, 1)
        w = torch.addcmul(of_x.to(x.dtype).unsqueeze(-1) * x, y_rows, of_y.to(x.dtype).unsqueeze(-1))
        gram = torch.stack([longest, _dot(w, w)])
        # Rounded as it is, w is orthogonal to e only up to an ulp of both, which is much where they nearly cancel. What
        # the rows compute with is w - δ·e, orthogonal in float64.
        delta = torch.where(swap, _dot(w, y_rows), _dot(w, x)) / longest.clamp_min(torch.finfo(torch.float64).tiny)
        k = k.to(torch.float64) + delta
        *_, log = _run(
            curvature.double() * gram.flatten(1), k.flatten(), swap.flatten(), formula, limits, closed, parameters
        )
        a, b = (t.view_as(k) for t in log.coefficients())
        a = a - b * delta
        of_x, of_y, b = (t.to(x.dtype).unsqueeze(-1) for t in (torch.where(swap, 0, a), torch.where(swap, a, 0), b))
        out = w.mul_(b).addcmul_(x, of_x).addcmul_(y_rows, of_y)
        ctx.save_for_backward(x, y, gram, k, swap, curvature, *parameters)
        ctx.arguments = formula, limits, closed
        return out

    @staticmethod
    def backward(ctx, g):
        x, y, gram, k, swap, curvature, *parameters = ctx.saved_tensors
        if wants_graph():
            inputs = (x, y, curvature, *ctx.arguments, *parameters)
            return differentiable_backward(ctx, _PlaneExpression._definition, inputs, g)
        y_rows = y.expand_as(x)
        tape, rows, log = _run(
            curvature.double() * gram.flatten(1), k.flatten(), swap.flatten(), *ctx.arguments, parameters
        )
        a, b = (t.view_as(k) for t in log.coefficients())
        gx, gy = _dot(g, x), _dot(g, y_rows)
        g_longer, g_other = torch.where(swap, gy, gx), torch.where(swap, gx, gy)
        log.derive(torch.stack([g_longer, g_other - k * g_longer]).flatten(1))
        g_gram, g_cross = tape.backward()
        g_gram, g_cross = g_gram.view_as(gram), g_cross.view_as(k)
        g_curvature = (g_gram * gram).sum().view_as(curvature).to(curvature.dtype)
        (g_ee, g_ww), g_ew = curvature * g_gram, curvature * g_cross

        # d⟨e, e⟩ = 2⟨e, de⟩, d⟨w, w⟩ = 2⟨w, dw⟩, d⟨e, w⟩ = ⟨w, de⟩ + ⟨e, dw⟩ with dw = d(other) - k·de: k is held
        # constant, which is exact (see `Frame.plane`).
        cross = g_ew - 2 * k * g_ww
        of_longer = 2 * g_ee - k * (g_ew + cross)
        of_other = 2 * g_ww
        g_to_longer = a - k * b

        def combine(of_g, own, vector, partner):
            of_g, own, with_partner = (t.to(x.dtype).unsqueeze(-1) for t in (of_g, own, cross))
            return (g * of_g).addcmul_(vector, own).addcmul_(partner, with_partner)

        dx = combine(torch.where(swap, b, g_to_longer), torch.where(swap, of_other, of_longer), x, y_rows)
        dy = combine(torch.where(swap, g_to_longer, b), torch.where(swap, of_longer, of_other), y_rows, x)
        g_parameters = [
            torch.zeros_like(r) if row.g_value is None else row.g_value.view_as(r).to(r.dtype)
            for row, r in zip(rows, parameters, strict=True)
        ]
        return dx, dy.sum_to_size(y.shape), g_curvature, None, None, None, *g_parameters

    @staticmethod
    def _definition(x, y, curvature, formula, limits, closed, *parameters):
        return _as_gyrovectors(x, y, formula, parameters, curvature, limits, closed, torch.float64)
