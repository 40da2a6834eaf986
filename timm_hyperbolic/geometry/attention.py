"""Attention by distance: the definition.

`S_ij = -d(exp0(q_i), exp0(k_j))²/(2σ²)`, `w = softmax(S)`, and the result is `log0` of the gyro-midpoint
`½ ⊗ (Σ wλv / Σ w(λ - 1))`. The keys and values are those of the tokens and, before them, centroids that all samples
share.

Axes: B batch, N tokens, H heads, D features of a head, M centroids.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor

from .gyrovector import Frame, Tangent
from .limits import Bounds, Limits
from .midpoint import midpoint_log0
from .pairwise import squared_distance_of_pairs

__all__ = ['Attended', 'attended', 'attention']


class Attended(NamedTuple):
    """What attention takes of a point `p = exp0(v)`, each `[..., 1]`.

    Args:
        factor: `p/v`.
        r2: `‖p‖²`.
        inverse: `1/u`, with `u = 1 - c‖p‖²`.
        stretch: `λp/v`, with `λ = 2/u`.
        mass: `λ - 1`.
    """

    factor: Tensor
    r2: Tensor
    inverse: Tensor
    stretch: Tensor
    mass: Tensor


def attended(v: Tangent) -> Attended:
    """The point `exp0(v)` as a query, a key or a value; the frame of `v` has this one vector.

    Args:
        v: Tangent vectors at the origin.
    """
    p = v.exp0()
    factor, stretch = cast(Tensor, p.coefficients[0]), p.conformal_factor()
    return Attended(factor, p.r2, 1 / p.u, stretch * factor, stretch - 1)


def attention(
    qkv: Tensor,
    centroids: Tensor,
    slope: Tensor,
    curvature: Tensor,
    limits: Limits | Bounds,
    vectors: torch.dtype,
    mask: Tensor | None = None,
    drop: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """The tangent vectors at the origin that attention gives.

    Args:
        qkv: Tangent vectors of queries, keys and values, `[B, N, 3, H, D]`.
        centroids: `[H, M, D]`, of the type of `qkv` or better.
        slope: `-1/(2σ²)`, `[H]`.
        curvature: `c >= 0`, `[1]`, of the type that scalars are computed in, float32 or float64.
        limits: The clip.
        vectors: The type of matrix products.
        mask: Added to the scores between tokens, broadcastable to `[B, H, N, N]`.
        drop: What becomes of the weights, `[B, H, N, M + N]`.

    Returns:
        `[B, N, H·D]`, in the type `vectors`.
    """

    def times(factor: Tensor, v: Tensor) -> Tensor:
        at_least = torch.promote_types(v.dtype, vectors)
        return (factor.to(at_least) * v).to(vectors)

    def points(v: Tensor) -> Attended:
        frame = Frame.of((v,), curvature, curvature.dtype, limits)
        return attended(frame.tangent(torch.ones_like(curvature)))

    def scores(key: Tensor, k: Attended) -> Tensor:
        inner = (times(q.factor, query) @ times(k.factor, key).mT).to(curvature.dtype)
        d2 = squared_distance_of_pairs(inner, q.r2, q.inverse, k.r2.mT, k.inverse.mT, curvature)
        return d2 * slope.to(curvature.dtype).view(-1, 1, 1)

    def lorentz(value: Tensor, v: Attended) -> Tensor:
        """The space and time part of points on the hyperboloid."""
        return torch.cat([times(v.stretch, value), v.mass.to(vectors)], -1)

    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    q, k, v, shared = map(points, (query, key, value, centroids))
    of_tokens = scores(key, k)
    if mask is not None:
        of_tokens = of_tokens + mask
    weights = torch.cat([scores(centroids, shared), of_tokens], -1).softmax(-1)
    weights = (weights if drop is None else drop(weights)).to(vectors)
    of_shared, of_tokens = weights.split([centroids.shape[1], qkv.shape[1]], -1)
    sums = of_shared @ lorentz(centroids, shared) + of_tokens @ lorentz(value, v)
    out = midpoint_log0(sums[..., :-1], sums[..., -1:].to(curvature.dtype), curvature, limits)
    return out.transpose(1, 2).flatten(2)
