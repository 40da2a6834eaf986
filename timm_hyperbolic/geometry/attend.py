"""Attention by distance: softmax of squared geodesic distances, as one matrix product and a pointwise function.

With the complements `u`, `c‖p - q‖²/(u_p·u_q)` is the inner product of two vectors of `D + 2` entries:

    query  c·[-2p/u_p, ‖p‖²/u_p, 1/u_p]        key  [q/u_q, 1/u_q, ‖q‖²/u_q]

and `arsinh²(√q) = ¼·log1p²(2(q + √(q + q²)))` of it needs one logarithm. A value is `[λv, λ - 1]`, so that the product
with the weights gives both sums of the gyro-midpoint.

`distance_attention` computes it as one autograd node that keeps its inputs and makes scores and weights again on the
way back, for a few samples of the batch at a time, which then stay in the processor's cache.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .analytic import sech2, tanhc
from .fused import differentiable_backward, in_saved_types, needs_gradient, wants_graph
from .gyrovector import dot
from .limits import Limits
from .rows import square

__all__ = ['attention_rows', 'distance_attention']

# Scores computed at a time on a CPU
_CHUNK = 2**18


def _positive(c: Tensor) -> Tensor:
    """`c`, at zero so small a curvature that its effect is below rounding."""
    return c.clamp_min(torch.finfo(c.dtype).eps ** 2)


def attention_rows(v: Tensor, roles: str, c: Tensor, limits: Limits) -> Tensor:
    """The points `exp0(v)` as queries, keys and values.

    Args:
        v: Tangent vectors at the origin, `[R, ..., D]`, float32 or float64.
        roles: R letters of 'q', 'k', 'v', one for each slice.
        c: Curvature, `[1]`, of the type that the scalars of a row are computed in.
        limits: The clip.

    Returns:
        `[R, ..., D + 2]`, in the type of `v`; a value has a zero at its end.
    """
    vv = dot(v, v, c.dtype) if torch.compiler.is_compiling() else _Square.apply(v, c.dtype)
    shorten = limits.tangent(vv, c)
    z2 = c * vv * shorten**2
    scale, inverse = tanhc(z2) * shorten, 1 / sech2(z2)
    stretched = vv * scale**2 * inverse
    c = _positive(c)
    factors = {'q': -2 * c, 'k': torch.ones_like(c), 'v': torch.full_like(c, 2)}
    columns = {
        'q': lambda one, square: (c * square, c * one),
        'k': lambda one, square: (one, square),
        'v': lambda one, square: (2 * one - 1, torch.zeros_like(one)),
    }
    factor = torch.cat([factors[role] for role in roles]).view(-1, *(1,) * (v.dim() - 1))
    last = [torch.cat(columns[role](inverse[i], stretched[i]), -1) for i, role in enumerate(roles)]
    return _beside((factor * scale * inverse).to(v.dtype), v, torch.stack(last).to(v.dtype))


class _Square(torch.autograd.Function):
    """`⟨v, v⟩`, `[..., 1]`, of the type `scalars`, without a tensor of products."""

    @staticmethod
    def forward(ctx, v, scalars):
        ctx.save_for_backward(v)
        return square(v, scalars).unsqueeze(-1)

    @staticmethod
    @in_saved_types
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return (2 * g).to(v.dtype) * v, None


def _beside(factor: Tensor, v: Tensor, last: Tensor) -> Tensor:
    """`[factor·v, last]`: `[..., 1]`, `[..., D]`, `[..., E]` to `[..., D + E]`."""
    inputs = factor, v, last
    if torch.compiler.is_compiling():
        return torch.cat([factor * v, last], -1)
    return _Beside.apply(*inputs) if needs_gradient(inputs) else _Beside.value(*inputs)


class _Beside(torch.autograd.Function):
    """`_beside` without a tensor of products, forward and backward."""

    @staticmethod
    def value(factor, v, last):
        out = v.new_empty(*v.shape[:-1], v.shape[-1] + last.shape[-1])
        of_v, rest = out.tensor_split([v.shape[-1]], -1)
        torch.mul(factor, v, out=of_v)
        rest.copy_(last)
        return out

    @staticmethod
    def forward(ctx, factor, v, last):
        ctx.save_for_backward(factor, v)
        return _Beside.value(factor, v, last)

    @staticmethod
    @in_saved_types
    def backward(ctx, g):
        factor, v = ctx.saved_tensors
        g_v, g_last = g.tensor_split([v.shape[-1]], -1)
        if wants_graph():
            return (g_v * v).sum(-1, keepdim=True), factor * g_v, g_last
        products = torch.empty_like(v)
        g_factor = torch.mul(g_v, v, out=products).sum(-1, keepdim=True)
        return g_factor, torch.mul(factor, g_v, out=products), g_last


def distance_attention(
    rows: Tensor,
    shared: Tensor,
    temperature: Tensor,
    c: Tensor,
    keep: Tensor | None = None,
    keep_probability: float = 1.0,
) -> Tensor:
    """`Σ_j w_ij [λv_j, λ_j - 1]` with weights `w = softmax(-d²/(2σ²))` over M shared points and N tokens.

    Args:
        rows: Queries, keys and values, `[3, B, H, N, D + 2]`, from `attention_rows`.
        shared: Keys and values that all samples share, `[2, H, M, D + 2]`.
        temperature: `σ`, `[H]`.
        c: Curvature, `[1]`.
        keep: Weights that dropout leaves, `[B, H, N, M + N]`, bool; None for all.
        keep_probability: That it was drawn with, by which the weights are divided.

    Returns:
        `[B, H, N, D + 2]`, in the type of `rows`.
    """
    # d²/(2σ²) = L²/(2cσ²) with L = 2·arsinh
    slope = (-0.5 / (_positive(c) * temperature.to(c.dtype) ** 2)).to(rows.dtype).view(-1, 1, 1)
    inputs = (rows, *shared.unbind(), slope, keep, keep_probability)
    if needs_gradient(inputs):
        return _DistanceAttention.apply(*inputs)
    return _DistanceAttention.value(*inputs)


def _joined(shared: Tensor, own: Tensor) -> Tensor:
    return torch.cat([shared.expand(own.shape[0], *shared.shape), own], -2)


def _scores(query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """`L = 2·arsinh √q`, and half its derivative's inverse, `√(q + q²) = 1/(dL/dq)`."""
    q = (query @ key.mT).clamp_min_(torch.finfo(query.dtype).eps ** 4)
    r = torch.addcmul(q, q, q).sqrt_()
    return q.add_(r).mul_(2).log1p_(), r


def _definition(rows, shared_key, shared_value, slope, keep, keep_probability):
    query, key, value = rows.unbind()
    q = query @ _joined(shared_key, key).mT
    q = q + (torch.finfo(q.dtype).eps ** 4 - q.detach()).clamp_min(0)
    weights = ((2 * (q + (q + q**2).sqrt())).log1p() ** 2 * slope).softmax(-1)
    if keep is not None:
        weights = weights * keep / keep_probability
    return weights @ _joined(shared_value, value)


class _DistanceAttention(torch.autograd.Function):
    @staticmethod
    def size(query: Tensor, shared: Tensor) -> int | None:
        """How many samples to take at a time, None for all: a graph is for any batch size."""
        if query.device.type != 'cpu' or torch.compiler.is_compiling():
            return None
        heads, tokens = query.shape[1:3]
        return max(1, _CHUNK // (heads * tokens * (tokens + shared.shape[-2])))

    @staticmethod
    def parts(tensors: tuple, size: int | None):
        """The tensors in pieces along the batch; None stays None."""
        if size is None:
            return [tensors]
        count = -(-len(tensors[0]) // size)
        return zip(*((None,) * count if t is None else t.split(size) for t in tensors), strict=True)

    @staticmethod
    def value(rows, shared_key, shared_value, slope, keep, keep_probability):
        """The sums."""
        query, key, value = rows.unbind()
        size = _DistanceAttention.size(query, shared_key)
        out = None if size is None else torch.empty_like(value)
        for q, k, v, kept, place in _DistanceAttention.parts((query, key, value, keep, out), size):
            length, _ = _scores(q, _joined(shared_key, k))
            weights = length.square_().mul_(slope).softmax(-1)
            if kept is not None:
                weights = weights.mul_(kept).div_(keep_probability)
            sums = torch.matmul(weights, _joined(shared_value, v), out=place)
        return sums if out is None else out

    @staticmethod
    def forward(ctx, rows, shared_key, shared_value, slope, keep, keep_probability):
        ctx.save_for_backward(rows, shared_key, shared_value, slope, keep)
        ctx.keep_probability = keep_probability
        return _DistanceAttention.value(rows, shared_key, shared_value, slope, keep, keep_probability)

    @staticmethod
    @in_saved_types
    def backward(ctx, g):
        rows, shared_key, shared_value, slope, keep = saved = ctx.saved_tensors
        if wants_graph():
            return differentiable_backward(ctx, _definition, (*saved, ctx.keep_probability), g)
        M = shared_key.shape[-2]
        query, key, value = rows.unbind()
        size = _DistanceAttention.size(query, shared_key)
        g_rows = None if size is None else torch.empty_like(rows)
        places = (None,) * 3 if g_rows is None else g_rows.unbind()
        g_shared_key, g_shared_value = torch.zeros_like(shared_key), torch.zeros_like(shared_value)
        g_slope = torch.zeros_like(slope)
        for q, k, v, kept, gs, *place in _DistanceAttention.parts((query, key, value, keep, g, *places), size):
            keys = _joined(shared_key, k)
            length, r = _scores(q, keys)
            squares = length.square()
            weights = (squares * slope).softmax(-1)
            g_weights = gs @ _joined(shared_value, v).mT
            dropped = weights
            if kept is not None:
                dropped = (weights * kept).div_(ctx.keep_probability)
                g_weights = g_weights.mul_(kept).div_(ctx.keep_probability)
            g_values = dropped.mT @ gs
            g_scores = torch._softmax_backward_data(g_weights, weights, -1, weights.dtype)
            g_slope += (squares.mul_(g_scores)).sum((0, -2, -1)).view_as(slope)
            g_q = length.mul_(g_scores).div_(r).mul_(2 * slope)
            g_keys = g_q.mT @ q
            g_query = torch.matmul(g_q, keys, out=place[0])
            g_shared_key += g_keys[..., :M, :].sum(0)
            g_shared_value += g_values[..., :M, :].sum(0)
            g_own = g_keys[..., M:, :], g_values[..., M:, :]
            if g_rows is not None:
                for into, t in zip(place[1:], g_own, strict=True):
                    into.copy_(t)
        if g_rows is None:
            g_rows = torch.stack([g_query, *g_own])
        return g_rows, g_shared_key, g_shared_value, g_slope, None, None
