"""Squared distances between two sets of points from one matrix product."""

from __future__ import annotations

from torch import Tensor

from .analytic import squared_distance

__all__ = ['nearest_squared_distance', 'pairwise_squared_distance', 'squared_distance_of_pairs']


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
    return squared_distance_of_pairs(inner, p_r2, 1 / p_u, q_r2, 1 / q_u, curvature)


def squared_distance_of_pairs(
    inner: Tensor, p_r2: Tensor, p_inverse: Tensor, q_r2: Tensor, q_inverse: Tensor, curvature: Tensor
) -> Tensor:
    """As `pairwise_squared_distance`, from the inverses of the complements.

    Args:
        inner: `⟨p_i, q_j⟩`, `[..., P, Q]`, float32 or float64.
        p_r2: Squared norms of the first points, `[..., P, 1]`.
        p_inverse: The inverses of their complements, `[..., P, 1]`.
        q_r2: Squared norms of the second points, `[..., 1, Q]`.
        q_inverse: The inverses of their complements, `[..., 1, Q]`.
        curvature: `c >= 0`, broadcastable to `[..., P, Q]`.

    Returns:
        `[..., P, Q]`, `>= 0`.
    """
    return squared_distance(_gaps(inner, p_r2, p_inverse, q_r2, q_inverse), curvature)


def nearest_squared_distance(
    inner: Tensor, p_r2: Tensor, p_u: Tensor, q_r2: Tensor, q_u: Tensor, curvature: Tensor, size: int
) -> Tensor:
    """Return the least of `pairwise_squared_distance` to each group of `size` consecutive points `q`.

    The distance grows with `‖p - q‖²/(u_i·u_j)`, so it is taken of the least of these alone.

    Args:
        inner: `⟨p_i, q_j⟩`, `[..., P, G·size]`, float32 or float64.
        p_r2: Squared norms of the first points, `[..., P, 1]`.
        p_u: Their complements `1 - c·p_r2`, `[..., P, 1]`.
        q_r2: Squared norms of the second points, `[..., 1, G·size]`.
        q_u: Their complements, `[..., 1, G·size]`.
        curvature: `c >= 0`, broadcastable to `[..., P, G]`.
        size: The number of points in a group.

    Returns:
        `[..., P, G]`, `>= 0`.
    """
    gaps = _gaps(inner, p_r2, 1 / p_u, q_r2, 1 / q_u).unflatten(-1, (-1, size)).amin(-1)
    return squared_distance(gaps, curvature)


def _gaps(inner: Tensor, p_r2: Tensor, p_inverse: Tensor, q_r2: Tensor, q_inverse: Tensor) -> Tensor:
    """`‖p - q‖²/(u_i·u_j)` of all pairs."""
    gap2 = p_r2 + q_r2 - 2 * inner
    # The value is held at zero or above, the derivatives are not touched: a clamp's would make the second one zero.
    return (gap2 - gap2.detach().clamp_max(0)) * p_inverse * q_inverse
