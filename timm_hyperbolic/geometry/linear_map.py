"""The Möbius linear map between centres.

`log0(p_out ⊕ (W ⊗ (-p_in ⊕ exp0(x)) ⊕ exp0(b)))` is in the span of `Wx` and three fixed vectors, `Wp_in`, `p_out` and
`b`. What it takes of `x` are a few inner products: the squares of `x` and `Wx`, and one skinny matrix product. The rest
is arithmetic on a few numbers a row.

`mobius_linear` is the one place that chooses how it is computed: by gyrovectors, which define it, or by one autograd
node, which keeps `x`, its output and the inner products.

Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018), section 3.2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .analytic import shrink
from .fused import compile_once, differentiable_backward, in_saved_types, needs_gradient, wants_graph
from .gyrovector import Frame, dot, widen
from .limits import Limits
from .linear_rows import LinearRows
from .rows import computes_rows, square

__all__ = ['mobius_linear']


@compile_once
def mobius_linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    p_in: Tensor,
    p_out: Tensor,
    curvature: Tensor,
    limits: Limits,
    vectors: torch.dtype,
) -> Tensor:
    """P maps of tangent vectors at the origin, their results joined.

    Args:
        x: `[..., D]`.
        weight: `[P·E, D]`.
        bias: `[P·E]`, or None.
        p_in: Centres of the inputs, `[P, D]`.
        p_out: Centres of the results, `[P, E]`.
        curvature: `c >= 0`, `[P]`, in the type of the coefficients where gyrovectors compute them.
        limits: The clip.
        vectors: The type of vectors.

    Returns:
        `[..., P·E]`, in the type `vectors`.
    """
    # Rows are for float32 or better.
    fused = vectors.itemsize >= 4 and computes_rows(x, limits)
    c = curvature.to(torch.float64) if fused else curvature
    if fused:
        p_in, p_out = (_inside(p, c) for p in (p_in, p_out))
    weight = weight.to(vectors)
    fixed, columns = _fixed(weight, bias, p_in, p_out)
    exact = fixed.to(c.dtype)
    gram = dot(exact.unsqueeze(0), exact.unsqueeze(1), c.dtype)
    inputs = x.reshape(-1, x.shape[-1]), weight, columns, fixed, gram, dot(p_in, p_in, c.dtype), c.unsqueeze(-1), limits
    if not fused:
        out = _by_gyrovectors(*inputs)
    else:
        inputs = (inputs[0].to(vectors), *inputs[1:])
        out = _LinearMap.apply(*inputs) if needs_gradient(inputs) else _LinearMap.value(*inputs)[0]
    return out.view(*x.shape[:-1], len(weight))


def _inside(p: Tensor, c: Tensor) -> Tensor:
    """Centres kept inside the ball, whatever the curvature has become: where float32 would keep them."""
    p = p.to(c.dtype)
    n = c * p.square().sum(-1)
    return p * shrink(n, 1 - 8 * torch.finfo(torch.float32).eps).unsqueeze(-1)


def _fixed(weight: Tensor, bias: Tensor | None, p_in: Tensor, p_out: Tensor) -> tuple[Tensor, Tensor]:
    """`Wp_in`, `p_out` and the bias, `[F, P, E]`; `p_in` and `Wᵀv` for these, `[F + 1, P, D]`.

    The columns are those of one skinny product: `⟨x, p_in⟩`, and `⟨Wx, v⟩ = ⟨x, Wᵀv⟩`.
    """
    w = weight.unflatten(0, (len(p_in), -1))  # [P, E, D]
    p_in, p_out = p_in.to(w.dtype), p_out.to(w.dtype)
    fixed = [(w @ p_in.unsqueeze(-1)).squeeze(-1), p_out]
    if bias is not None:
        fixed.append(bias.to(w.dtype).view_as(p_out))
    return torch.stack(fixed), torch.stack([p_in, *((v.unsqueeze(-2) @ w).squeeze(-2) for v in fixed)])


def _by_gyrovectors(x, weight, columns, fixed, gram, pp, c, limits) -> Tensor:
    """The definition.

    Args:
        x: `[R, D]`.
        weight: `[P·E, D]`, whose type is that of vectors.
        columns: `p_in` and `Wᵀv` for the fixed vectors `v`, `[F + 1, P, D]`.
        fixed: The fixed vectors `Wp_in`, `p_out` and, with a bias, `b`: `[F, P, E]`.
        gram: Their inner products, `[F, F, P, 1]`.
        pp: `‖p_in‖²`, `[P, 1]`.
        c: `[P, 1]`, whose type is that of coefficients.
        limits: The clip.

    Returns:
        `[R, P·E]`.
    """
    vectors, scalars, parts = weight.dtype, c.dtype, len(c)
    one = torch.ones((), dtype=scalars, device=x.device)
    x = x.to(torch.promote_types(x.dtype, vectors))
    xx = dot(x, x, scalars).unsqueeze(-2)  # [R, 1, 1]
    if vectors.itemsize < 4:
        # A half type cannot hold a long vector's products, and `exp0` would shorten it anyway: to the longest that
        # any part allows it is shortened here, before the cast.
        shorten = limits.tangent(xx, c.amin())
        x = x * shorten.squeeze(-2).to(x.dtype)
        xx = xx * shorten**2
    x = x.to(vectors)
    inner = widen(F.linear(x, columns.flatten(0, 1)), scalars).unflatten(-1, columns.shape[:2])
    xp, *wx_fixed = inner.unsqueeze(-1).unbind(-3)  # each [R, P, 1]

    source = Frame((x.unsqueeze(-2), columns[0]), ((xx, xp), (pp,)), c, limits)
    h = source.tangent(one, None).exp0()
    a, b = (-source.point(None, one) + h).log0().coefficients

    wx = F.linear(x, weight).unflatten(-1, (parts, -1))  # [R, P, E]
    upper = [[gram[i, j] for j in range(i, len(fixed))] for i in range(len(fixed))]
    target = Frame((wx, *fixed), ((dot(wx, wx, scalars), *wx_fixed), *upper), c, limits)
    rest = (None,) * (len(fixed) - 2)
    z = target.tangent(a, b, None, *rest).exp0()
    if rest:
        z = z + target.tangent(None, None, None, one).exp0()
    out = (target.point(None, None, one, *rest) + z).clip().log0()

    # The combination, as one product with the fixed vectors of all parts
    of_wx, *of_fixed = (t.to(vectors) for t in out.coefficients)
    of_fixed = torch.cat(of_fixed, dim=-1).reshape(-1, parts * len(fixed))
    rows = (of_wx * wx).flatten(-2)
    return torch.addmm(rows, of_fixed, torch.block_diag(*fixed.unbind(1)))


def _inner(g: Tensor, vectors: Tensor) -> Tensor:
    """`⟨g, v⟩` of each part, `[R, P, E]` and `[F, P, E]` to `[F, P, R]`."""
    if (
        torch.compiler.is_compiling()
    ):  # a loop over `g` that other sums join, where a product would be a loop of its own
        return torch.stack([(g * v).sum(-1).T for v in vectors])
    return torch.stack([(t @ v.T).T for t, v in zip(g.unbind(1), vectors.unbind(1), strict=True)], 1)


def _plus(parts: Tensor, coefficients: Tensor, vectors: Tensor) -> Tensor:
    """`parts`, `[R, P, E]`, and a sum of `[F, P, E]` vectors with `[F, P, R]` coefficients; `parts` is gone."""
    if torch.compiler.is_compiling():
        for u, v in zip(coefficients, vectors, strict=True):
            parts = torch.addcmul(parts, u.T.unsqueeze(-1), v)
        return parts
    for part, u, v in zip(parts.unbind(1), coefficients.unbind(1), vectors.unbind(1), strict=True):
        torch.addmm(part, u.T, v, out=part)  # not `addmm_`, whose FLOPs torch's counter does not know
    return parts


class _LinearMap(torch.autograd.Function):
    @staticmethod
    def value(x, weight, columns, fixed, gram, pp, c, limits):
        """The result, and for the way back the inner products."""
        out = x @ weight.T  # y, at first
        parts = out.unflatten(-1, (len(c), -1))  # [R, P, E]
        inner = (columns.flatten(0, 1) @ x.T).view(*columns.shape[:2], -1).to(c.dtype)
        xx, yy = square(x), square(parts).T
        coefficients = LinearRows(xx, yy, inner, gram, pp, c, limits.max_rapidity).out.to(x.dtype)
        of_y, rest = coefficients[0], coefficients[1:]
        out = _plus(parts.mul_(of_y.T.unsqueeze(-1)), rest, fixed).flatten(-2)
        return out, xx, yy, inner

    @staticmethod
    def forward(ctx, x, weight, columns, fixed, gram, pp, c, limits):
        out, xx, yy, inner = _LinearMap.value(x, weight, columns, fixed, gram, pp, c, limits)
        ctx.save_for_backward(x, weight, out, xx, yy, inner, columns, fixed, gram, pp, c)
        ctx.limits = limits
        return out

    @staticmethod
    @in_saved_types
    def backward(ctx, g):
        x, weight, out, xx, yy, inner, columns, fixed, gram, pp, c = ctx.saved_tensors
        if wants_graph():
            inputs = (x, weight, columns, fixed, gram, pp, c, ctx.limits)
            return differentiable_backward(ctx, _by_gyrovectors, inputs, g)
        rows = LinearRows(xx, yy, inner, gram, pp, c, ctx.limits.max_rapidity)
        of_y, rest = rows.out.split([1, len(fixed)])
        g_parts, out = (t.unflatten(-1, (len(c), -1)) for t in (g, out))
        # y is (out - Σ coefficient·vector)/of_y: it is not kept, since what follows the layer often keeps its output
        g_rest = _inner(g_parts, fixed).to(c.dtype)
        dy = g_parts * out
        g_of_y = (dy.sum(-1).T.to(c.dtype) - (rest * g_rest).sum(0)).unsqueeze(0) / of_y
        g_xx, g_yy, g_inner, g_gram, g_pp, g_c = rows.backward(torch.cat([g_of_y, g_rest]))
        of_out = 2 * g_yy / of_y[0]
        lack = of_out * rest  # dy is g·of_y + out·of_out - Σ lack·vector, whose last term goes through the columns
        of_x = torch.cat([g_inner[:1], g_inner[1:] - lack]).flatten(0, 1)
        along_x = torch.cat([g_inner, lack]).flatten(0, 1)
        g_xx, of_x, along_x, of_out, of_y, rest = (t.to(x.dtype) for t in (g_xx, of_x, along_x, of_out, of_y[0], rest))
        torch.mul(g_parts, of_y.T.unsqueeze(-1), out=dy).addcmul_(out, of_out.T.unsqueeze(-1))
        dy = dy.flatten(-2)
        dx = _plus((dy @ weight).unsqueeze(1), of_x.unsqueeze(1), columns.flatten(0, 1).unsqueeze(1)).squeeze(1)
        dx.addcmul_(x, 2 * g_xx.unsqueeze(-1))
        g_columns, lack = (along_x @ x).view(-1, *columns.shape[1:]).split([len(columns), len(fixed)])
        g_weight = (dy.T @ x).unflatten(0, (len(c), -1)).transpose(0, 1)
        g_weight = _plus(g_weight, fixed, -lack).transpose(0, 1).flatten(0, 1)
        g_fixed = [u @ t for u, t in zip(rest.unbind(1), g_parts.unbind(1), strict=True)]
        return dx, g_weight, g_columns, torch.stack(g_fixed, 1), g_gram, g_pp, g_c, None
