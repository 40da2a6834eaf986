"""Squared distances between two sets of points from one matrix product."""

from __future__ import annotations

import torch
from torch import Tensor

from .analytic import squared_distance
from .fused import differentiable_backward, in_saved_types, is_fused, wants_graph

__all__ = ['pairwise_squared_distance']


def pairwise_squared_distance(
    inner: Tensor, p_r2: Tensor, p_u: Tensor, q_r2: Tensor, q_u: Tensor, curvature: Tensor
) -> Tensor:
    """`d(p_i, q_j)² = (4/c)·arsinh²(√(c‖p_i - q_j‖²/(u_i·u_j)))` for all pairs; `4‖p_i - q_j‖²` at `c = 0`.

    No `[P, Q, D]` tensor is built. Since `‖p - q‖²` is a difference here, the result is good to `eps·16/(c·u²)`
    absolutely: enough for logits and scores, not for the distance of two nearly equal points (see
    `Gyrovector.squared_distance`).

    Args:
        inner: `⟨p_i, q_j⟩`, `[..., P, Q]`, float32 or float64.
        p_r2: Squared norms of the first points, `[..., P, 1]`.
        p_u: Their complements `1 - c·p_r2`, `[..., P, 1]`.
        q_r2: Squared norms of the second points, `[..., 1, Q]`.
        q_u: Their complements, `[..., 1, Q]`.
        curvature: `c >= 0`, broadcastable to `[..., P, Q]`.

    Returns:
        `[..., P, Q]`, `>= 0`.

    Source: Ganea, Bécigneul, Hofmann (2018), (6), in the form with `arsinh`.
    """
    compute = _PairwiseSquaredDistance.apply if is_fused() else _definition
    return compute(inner, p_r2, p_u, q_r2, q_u, curvature)


def _definition(inner, p_r2, p_u, q_r2, q_u, curvature):
    gap2 = p_r2 + q_r2 - 2 * inner
    # The value is held at zero or above, the derivatives are not touched: a clamp's would make the second one zero.
    gap2 = (gap2 - gap2.detach().clamp_max(0)) / (p_u * q_u)
    return squared_distance(gap2, curvature)


class _PairwiseSquaredDistance(torch.autograd.Function):
    """The definition in place, keeping one tensor of all pairs: the inner products."""

    @staticmethod
    def _gap2(inner, p_r2, p_u, q_r2, q_u, curvature):
        """`‖p - q‖²/(u_p·u_q)`, `q` (at least the smallest normal number) and `arsinh(√q)/√q`, as values only."""
        gap2 = torch.sub(p_r2, inner, alpha=2).add_(q_r2).clamp_min_(0).mul_(1 / p_u).mul_(1 / q_u)
        q = (curvature * gap2).clamp_min_(torch.finfo(gap2.dtype).tiny)
        z = q.sqrt()
        return gap2, q, z.asinh().div_(z)

    @staticmethod
    def forward(ctx, *inputs):
        ctx.save_for_backward(*inputs)
        gap2, _, f = _PairwiseSquaredDistance._gap2(*inputs)
        return f.square_().mul_(gap2).mul_(4)

    @staticmethod
    @in_saved_types
    def backward(ctx, g):
        inputs = ctx.saved_tensors
        if wants_graph():
            return differentiable_backward(ctx, _definition, inputs, g)
        _, p_r2, p_u, q_r2, q_u, curvature = inputs
        gap2, q, f = _PairwiseSquaredDistance._gap2(*inputs)
        root = (q + 1).rsqrt_()
        g_curvature = None
        if ctx.needs_input_grad[5]:
            # d(f²)/dq = f·(1/√(1+q) - f)/q, whose quotient is a difference of near equals where q is small
            series = ((35 / 144 * q - 15 / 56).mul_(q) + 3 / 10).mul_(q) - 1 / 3
            small = 1 / 64 if q.dtype == torch.float32 else 1e-3  # where the next term is below what the quotient loses
            quotient = torch.where(q < small, series, (root - f).div_(q))
            g_curvature = (quotient * f).mul_(gap2).mul_(gap2).mul_(g).mul_(4).sum_to_size(curvature.shape)
        # d(4·gap²·f²)/d(gap²) = 4·f/√(1+q)
        g_gap2 = f.mul_(root).mul_(g).mul_(4)
        weighted = g_gap2 * gap2
        g_pu, g_qu = -weighted.sum_to_size(p_u.shape) / p_u, -weighted.sum_to_size(q_u.shape) / q_u
        g_square = g_gap2.mul_(1 / p_u).mul_(1 / q_u)
        g_pr, g_qr = g_square.sum_to_size(p_r2.shape), g_square.sum_to_size(q_r2.shape)
        return g_square.mul_(-2), g_pr, g_pu, g_qr, g_qu, g_curvature
