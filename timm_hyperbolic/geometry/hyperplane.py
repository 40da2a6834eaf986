"""Signed distances from points to hyperplanes (totally geodesic hypersurfaces) from one matrix product."""

from __future__ import annotations

from torch import Tensor

from .analytic import arsinhc, sech2, tanhc

__all__ = ['hyperplane_distance']


def hyperplane_distance(inner: Tensor, p_r2: Tensor, p_u: Tensor, offset: Tensor, curvature: Tensor) -> Tensor:
    """The signed geodesic distance of points `p` of the ball from hyperplanes with unit normals `a` and offsets `r`.

    `(1/√c)·arsinh(√c·λ⟨p, a⟩·cosh(2√c·r) - (λ - 1)·sinh(2√c·r))` with `λ = 2/(1 - c‖p‖²)`; `2(⟨p, a⟩ - r)` at `c = 0`.
    The hyperplane with offset `r` passes through `exp0(r·a)` at a right angle to `a`.

    In Lorentz coordinates the space part of `p` is `λp` and its time part `(λ - 1)/√c`, so that the same number is
    `(1/√c)·arsinh(√c·(⟨space, a⟩·cosh(2√c·r) - time·sinh(2√c·r)))`.

    Args:
        inner: `⟨p_i, a_j⟩`, `[..., P, K]`, float32 or float64.
        p_r2: Squared norms of the points, `[..., P, 1]`.
        p_u: Their complements `1 - c·p_r2`, `[..., P, 1]`.
        offset: `r_j`, `[K]`, any real number.
        curvature: `c >= 0`, broadcastable to `[..., P, K]`.

    Returns:
        `[..., P, K]`, positive on the side to which the normal points.

    Accuracy: the sum under `arsinh` has the absolute error `eps·exp(d(p, 0)√c + 2√c·r)`, the effect of an error of
    `eps` in the direction of `p`.

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), (6), in terms of squared arguments. Bdeir,
    Schwethelm, Landwehr, "Fully Hyperbolic Convolutional Neural Networks for Computer Vision" (2024), has the same
    function in Lorentz coordinates.
    """
    q = curvature * offset**2
    t = tanhc(q)
    # cosh(2√c·r) = (1 + n)/u and sinh(2√c·r)/√c = 2r·tanhc/u for the point at r, whose n = tanh² and u = sech²
    ahead = (1 + q * t**2) * inner - (1 + curvature * p_r2) * (offset * t)
    w = 2 * ahead / (p_u * sech2(q))
    return w * arsinhc(curvature * w**2)
