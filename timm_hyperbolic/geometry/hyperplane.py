"""Signed distances from points to hyperplanes (totally geodesic hypersurfaces), and points from such distances."""

from __future__ import annotations

import torch
from torch import Tensor

from .analytic import arsinhc, sech2, sinhc, tanhc

__all__ = ['hyperplane_distance', 'point_of_distances']

#: Largest `√c·v` of a distance in `point_of_distances`: squares of the result, and sums of these, are float32 numbers.
MAX_RAPIDITY = 36.0


def hyperplane_distance(inner: Tensor, time: Tensor, offset: Tensor, curvature: Tensor) -> Tensor:
    """The signed geodesic distance of points from hyperplanes with unit normals `a` and offsets `r`.

    For a point with the Lorentz space part `h` and the time part `τ/√c`, `τ = √(1 + c‖h‖²)`, it is
    `(1/√c)·arsinh(√c·⟨h, a⟩·cosh(2√c·r) - τ·sinh(2√c·r))`; `⟨h, a⟩ - 2r` at `c = 0`. The hyperplane with offset `r`
    passes through the ball's point `exp0(r·a)` at a right angle to `a`.

    In the ball, `h = λp` and `τ = λ - 1` with `λ = 2/(1 - c‖p‖²)`, which gives the same number as
    `(1/√c)·arsinh(√c·λ⟨p, a⟩·cosh(2√c·r) - (λ - 1)·sinh(2√c·r))`.

    Args:
        inner: `⟨h_i, a_j⟩`, `[..., P, K]`, float32 or float64.
        time: `τ_i >= 1`, `[..., P, 1]`.
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
    t, u = tanhc(q), sech2(q)
    # cosh(2√c·r) = (1 + n)/u and sinh(2√c·r)/√c = 2r·tanhc/u for the point at r, whose n = tanh² and u = sech²
    w = inner * ((1 + q * t**2) / u) - time * (2 * offset * t / u)
    return w * arsinhc(curvature * w**2)


def point_of_distances(v: Tensor, curvature: Tensor) -> Tensor:
    """The Lorentz space part `sinh(√c·v)/√c` of the point with signed distances `v` from the coordinate hyperplanes.

    The k-th coordinate hyperplane passes through the origin at a right angle to the k-th axis. At `c = 0` the result is
    `v`. Values of `√c·v` beyond `MAX_RAPIDITY` count as `MAX_RAPIDITY`.

    Args:
        v: Distances, `[..., K]`, float32 or float64.
        curvature: `c >= 0`, broadcastable to `v`.

    Returns:
        Shape of `v`.

    Source: Shimizu, Mukuta, Harada (2021), (7): their `w`.
    """
    q = curvature * v**2
    far = q > MAX_RAPIDITY**2
    v = v * torch.where(far, MAX_RAPIDITY * torch.where(far, q, 1).rsqrt(), 1)
    return v * sinhc(curvature * v**2)
