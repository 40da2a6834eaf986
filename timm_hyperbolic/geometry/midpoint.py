"""The weighted gyro-midpoint from two sums that matrix products deliver."""

from __future__ import annotations

import torch
from torch import Tensor

from .analytic import arsinhc
from .gyrovector import dot
from .limits import Limits

__all__ = ['midpoint_log0']


def midpoint_log0(weighted: Tensor, mass: Tensor, curvature: Tensor, limits: Limits | None = None) -> Tensor:
    """`log0` of the weighted gyro-midpoint `½ ⊗ (Σ wλv / Σ w(λ - 1))`.

    On the hyperboloid `λv` and `λ - 1` are the space and time parts of a point, so that their weighted sums `H`, `T`
    are the Lorentz centroid before normalisation, `H/T` is its Klein point, and `½⊗` the map from Klein to Poincaré.
    Since `log0(½ ⊗ k) = ½·log0(k)`, the result is `½·H·arsinh(√(c‖H‖²/m))/√(c‖H‖²)` with `m = T² - c‖H‖²`. At `c = 0`
    it is the mean `Σ wv / Σ w`.

    Args:
        weighted: `Σ w_i λ_i v_i`, `[..., D]`.
        mass: `Σ w_i (λ_i - 1)`, `[..., 1]`, `>= 0`, float32 or float64: the type of the scalar arithmetic.
        curvature: `c >= 0`, broadcastable to `[..., 1]`.
        limits: Clip of the points `v`, which then holds for their midpoint.

    Returns:
        The tangent vector at the origin, `[..., D]`, in the type of `weighted`; zero where the mass is zero.

    Source: Ungar, "A Gyrovector Space Approach to Hyperbolic Geometry" (2009), (3.134), in the form of Shimizu, Mukuta,
    Harada, "Hyperbolic Neural Networks++" (2021), (13).
    """
    limits = limits or Limits()
    hh = curvature * dot(weighted, weighted, mass.dtype)
    t2 = mass**2
    # T² - c‖H‖² >= (Σ w)² in exact arithmetic; after rounding it is held to what points inside the limits allow.
    m = torch.maximum(t2 - hh, t2 * limits.klein_complement(mass.dtype)).clamp_min(torch.finfo(mass.dtype).tiny ** 0.5)
    scale = 0.5 * arsinhc(hh / m) * m.rsqrt()
    return scale.to(weighted.dtype) * weighted
