"""Isometries of hyperbolic space on Lorentz space parts: translations, and the rotation that transport adds to them.

A point is written by its space part `h`, with the time part `τ/√c`, `τ = √(1 + c‖h‖²)`. Coordinates are in dimension
`dim`; everything is computed in the type of the input, float32 or float64.

Source: Ungar, "A Gyrovector Space Approach to Hyperbolic Geometry" (2009), chapters 1 and 3. Translations are
the Lorentz boosts of Bdeir, Schwethelm, Landwehr (2024).
"""

from __future__ import annotations

from torch import Tensor

__all__ = ['gyration', 'translate']


def translate(h: Tensor, by: Tensor, c: Tensor, dim: int = -1) -> Tensor:
    """The space part of `b ⊕ h`: the isometry that brings the origin to `b` along their geodesic, applied to `h`.

    `h + (τ_h + c⟨h, b⟩/(1 + τ_b))·b`; `h + b` at `c = 0`. The inverse is the translation by `-b`.

    Args:
        h: Space parts.
        by: Space parts `b`, broadcastable to `h`, with as many dimensions.
        c: Curvature `c >= 0`, broadcastable to `h`.
        dim: The dimension of coordinates.

    Returns:
        Shape of `h`.
    """
    time, time_by = ((1 + c * t.square().sum(dim, keepdim=True)).sqrt() for t in (h, by))
    return h + (time + c * (h * by).sum(dim, keepdim=True) / (1 + time_by)) * by


def gyration(u: Tensor, v: Tensor, w: Tensor, c: Tensor, dim: int = -1) -> Tensor:
    """The rotation `gyr[u, v]w = ⊖(u ⊕ v) ⊕ (u ⊕ (v ⊕ w))` of a vector `w`, for points `u`, `v` of the ball.

    Parallel transport of tangent vectors from `m` to `b` along their geodesic is transport from `m` to the origin, this
    rotation with `u = b`, `v = -m`, and transport from the origin to `b`.

    Args:
        u: Points of the ball, broadcastable to `w`, with as many dimensions.
        v: Points of the ball, broadcastable to `w`, with as many dimensions.
        w: Vectors.
        c: Curvature `c >= 0`, broadcastable to `w`.
        dim: The dimension of coordinates.

    Returns:
        Shape of `w`, with the same norms.

    Source: Ungar (2009), (1.27).
    """
    uu, vv, uv, uw, vw = ((a * b).sum(dim, keepdim=True) for a, b in ((u, u), (v, v), (u, v), (u, w), (v, w)))
    of_u = c * vw + c**2 * (2 * uv * vw - uw * vv)
    of_v = -c * uw - c**2 * vw * uu
    return w + 2 * (of_u * u + of_v * v) / (1 + 2 * c * uv + c**2 * uu * vv)
