"""The Möbius linear map between centres as one autograd node.

`p_out ⊕ (W ⊗ (-p_in ⊕ exp0(x)) ⊕ exp0(b))` lies in the span of `Wx` and three fixed vectors, `Wp_in`, `p_out` and `b`.
What is needed of `x` are a few inner products: the squares of `x` and `Wx`, and one skinny matrix product. The rest is
arithmetic on a few numbers a row, on the hyperboloid and in float64 as in `rows`, whose derivative autograd takes; the
node keeps `x`, its output and the inner products.

Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018), section 3.2; Ungar (2005) for the boosts.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .fused import differentiable_backward, in_saved_types, wants_graph
from .rows import rapidity, square

__all__ = ['FixedVectors', 'fused_linear_map']


class FixedVectors(NamedTuple):
    """What does not depend on the batch; P parts, F of the vectors `Wp_in`, `p_out`, `b` (which may be missing).

    Attributes:
        columns: `p_in` and `Wᵀv` for the fixed vectors `v`, `[F + 1, P, D]`.
        vectors: The fixed vectors, `[F, P, E/P]`.
        gram: `c` times their inner products, `[F, F, P]`, float64.
        p_in: `c‖p_in‖²`, below one, `[P]`, float64.
        c: Curvatures, `> 0`, `[P]`, float64.
    """

    columns: Tensor
    vectors: Tensor
    gram: Tensor
    p_in: Tensor
    c: Tensor


def fused_linear_map(x: Tensor, weight: Tensor, fixed: FixedVectors, w_max: float) -> Tensor:
    """The map on tangent vectors at the origin, clipped to the rapidity `w_max`: `[R, D]` to `[R, E]`."""
    return _LinearMap.apply(x, weight, w_max, *fixed)


def _length(square: Tensor) -> Tensor:
    return square.clamp_min(torch.finfo(square.dtype).tiny).sqrt()


def _exp0(r: Tensor, w_max: float) -> tuple[Tensor, Tensor]:
    """For a tangent vector of length `r` (times `√c`): the factor to the space part, and the time part."""
    w = (2 * r).clamp_max(w_max)
    return w.sinh() / r, w.cosh()


def _coefficients(xx: Tensor, yy: Tensor, inner: Tensor, gram: Tensor, p_in: Tensor, c: Tensor, w_max: float) -> Tensor:
    """Coefficients of `y = Wx` and of the fixed vectors, `[F + 1, P, R]`.

    `xx` is `[R]`, `yy` is `[P, R]`, `inner` is `[F + 1, P, R]`: `⟨x, p_in⟩` and `⟨y, v⟩` for the fixed vectors.
    """
    c = c.unsqueeze(-1)
    xp, yq, yo, *yb = c * inner
    gram, pp = gram.unsqueeze(-1), p_in.unsqueeze(-1)
    rx = _length(c * xx)
    # -p_in ⊕ exp0(x) = f·x - m·p_in, and its logarithm a·x + b·p_in
    f, t = _exp0(rx, w_max)
    of_p, tp = 2 / (1 - pp), (1 + pp) / (1 - pp)
    m = (t - of_p * f * xp / (1 + tp)) * of_p
    r = _length((f * rx) ** 2 - 2 * f * m * xp + m**2 * pp)
    w, _ = rapidity(r)
    g = w / (2 * r)
    a, b = f * g, -m * g
    # z = exp0(a·y + b·q) with q = Wp_in
    rz = _length(c * a**2 * yy + 2 * a * b * yq + b**2 * gram[0, 0])
    f, t = _exp0(rz, w_max)
    a, b, zz = f * a, f * b, (f * rz) ** 2
    zo = a * yo + b * gram[0, 1]
    if yb:  # z ⊕ exp0(bias)
        fb, tb = _exp0(_length(gram[2, 2]), w_max)
        i = fb * (a * yb[0] + b * gram[0, 2])
        m = tb + i / (1 + t)
        a, b, zz = m * a, m * b, fb**2 * gram[2, 2] + m * (2 * i + m * zz)
        zo, t = m * zo + fb * gram[1, 2], t * tb + i
    # p_out ⊕ z
    oo = gram[1, 1]
    of_o, to = 2 / (1 - oo), (1 + oo) / (1 - oo)
    i = of_o * zo
    m = (t + i / (1 + to)) * of_o
    r = _length(zz + m * (2 * zo + m * oo))
    w, _ = rapidity(r)
    g = w.clamp_max(w_max) / (2 * r)
    out = [g * a, g * b, g * m]
    return torch.stack([*out, g * fb] if yb else out)


def _skinny(g: Tensor, vectors: Tensor) -> Tensor:
    """`⟨g, v⟩` of each part, `[R, P, E/P]` and `[F, P, E/P]` to `[F, P, R]`."""
    return torch.stack([(t @ v.T).T for t, v in zip(g.unbind(1), vectors.unbind(1), strict=True)], 1)


class _LinearMap(torch.autograd.Function):
    # `addmm` with `out` and not `addmm_`, whose FLOPs torch's counter does not know

    @staticmethod
    def forward(ctx, x, weight, w_max, columns, vectors, gram, p_in, c):
        out = x @ weight.T  # y, at first
        parts = out.unflatten(-1, (len(c), -1))  # [R, P, E/P]
        inner = (columns.flatten(0, 1) @ x.T).view(*columns.shape[:2], -1).double()
        xx = square(x)
        yy = square(parts).T
        of_y, *rest = _coefficients(xx, yy, inner, gram, p_in, c, w_max).to(x.dtype)
        parts.mul_(of_y.T.unsqueeze(-1))
        for part, u, v in zip(parts.unbind(1), torch.stack(rest).unbind(1), vectors.unbind(1), strict=True):
            torch.addmm(part, u.T, v, out=part)
        ctx.save_for_backward(x, weight, out, xx, yy, inner, columns, vectors, gram, p_in, c)
        ctx.w_max = w_max
        return out

    @staticmethod
    @in_saved_types
    def backward(ctx, g):
        x, weight, out, xx, yy, inner, columns, vectors, gram, p_in, c = ctx.saved_tensors
        if wants_graph():
            inputs = (x, weight, ctx.w_max, columns, vectors, gram, p_in, c)
            return differentiable_backward(ctx, _LinearMap.definition, inputs, g)
        leaves = [t.detach().requires_grad_() for t in (xx, yy, inner, gram, p_in, c)]
        with torch.enable_grad():
            coefficients = _coefficients(*leaves, ctx.w_max)
        of_y, rest = coefficients.detach().split([1, len(vectors)])
        g_parts, out = (t.unflatten(-1, (len(c), -1)) for t in (g, out))
        # y is (out - Σ coefficient·vector)/of_y: it is not kept, since what follows the layer often keeps its output
        g_rest = _skinny(g_parts, vectors).double()
        dy = g_parts * out
        g_of_y = (dy.sum(-1).T.double() - (rest * g_rest).sum(0)).unsqueeze(0) / of_y
        g_xx, g_yy, g_inner, g_gram, g_p_in, g_c = torch.autograd.grad(
            coefficients, leaves, torch.cat([g_of_y, g_rest])
        )
        of_out = 2 * g_yy / of_y[0]
        lack = of_out * rest  # dy is g·of_y + out·of_out - Σ lack·vector, whose last term goes through the columns
        of_x = torch.cat([g_inner[:1], g_inner[1:] - lack]).flatten(0, 1)
        along_x = torch.cat([g_inner, lack]).flatten(0, 1)
        g_xx, of_x, along_x, of_out, of_y, rest = (t.to(x.dtype) for t in (g_xx, of_x, along_x, of_out, of_y[0], rest))
        torch.mul(g_parts, of_y.T.unsqueeze(-1), out=dy).addcmul_(out, of_out.T.unsqueeze(-1))
        dy = dy.flatten(-2)
        dx = dy @ weight
        torch.addmm(dx, of_x.T, columns.flatten(0, 1), out=dx).addcmul_(x, 2 * g_xx.unsqueeze(-1))
        g_columns, lack = (along_x @ x).view(-1, *columns.shape[1:]).split([len(columns), len(vectors)])
        g_weight = dy.T @ x
        for part, v, t in zip(g_weight.chunk(len(c)), vectors.unbind(1), lack.unbind(1), strict=True):
            torch.addmm(part, v.T, t, alpha=-1, out=part)
        g_vectors = [u @ t for u, t in zip(rest.unbind(1), g_parts.unbind(1), strict=True)]
        return dx, g_weight, None, g_columns, torch.stack(g_vectors, 1), g_gram, g_p_in, g_c

    @staticmethod
    def definition(x, weight, w_max, columns, vectors, gram, p_in, c):
        """The same by operations that autograd differentiates any number of times."""
        parts = (x @ weight.T).unflatten(-1, (len(c), -1))
        inner = (columns.flatten(0, 1) @ x.T).view(*columns.shape[:2], -1).double()
        xx, yy = x.double().square().sum(-1), parts.double().square().sum(-1).T
        of_y, *rest = _coefficients(xx, yy, inner, gram, p_in, c, w_max).to(x.dtype)
        return (parts * of_y.T.unsqueeze(-1) + torch.einsum('fpr,fpe->rpe', torch.stack(rest), vectors)).flatten(-2)
