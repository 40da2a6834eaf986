"""The weighted gyro-midpoint from two sums that matrix products deliver."""

from __future__ import annotations

import torch
from torch import Tensor

from .analytic import arsinhc
from .gyrovector import dot
from .limits import Bounds, Limits

__all__ = ['midpoint_factor', 'midpoint_log0']


def midpoint_log0(weighted: Tensor, mass: Tensor, curvature: Tensor, limits: Limits | Bounds | None = None) -> Tensor:
    """`log0` of the weighted gyro-midpoint `½ ⊗ (Σ wλv / Σ w(λ - 1))`.

    On the hyperboloid `λv` and `λ - 1` are the space and time parts of a point, so that their weighted sums `H`, `T`
    are the Lorentz centroid before normalisation, `H/T` is its Klein point, and `½⊗` the map from Klein to Poincaré.
    Since `log0(½ ⊗ k) = ½·log0(k)`, the result is `½·H·arsinh(√(c‖H‖²/m))/√(c‖H‖²)` with `m = T² - c‖H‖²`. At `c = 0`
    it is the mean `Σ wv / Σ w`. It does not depend on the scale of the weights.

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
    bounds = limits if isinstance(limits, Bounds) else (limits or Limits()).bounds(mass.dtype)
    return midpoint_factor(dot(weighted, weighted, mass.dtype), mass, curvature, bounds).to(weighted.dtype) * weighted


def midpoint_factor(hh: Tensor, mass: Tensor, curvature: Tensor, bounds: Bounds) -> Tensor:
    """The factor of `H` in `midpoint_log0` from `‖H‖²` and `T`.

    Args:
        hh: `‖H‖²`, of any shape.
        mass: `T`, in the shape of `hh`.
        curvature: Magnitude c of the curvature.
        bounds: The bounds of the points.
    """
    n, t2, finfo = curvature * hh, mass**2, torch.finfo(mass.dtype)
    # T² - c‖H‖² >= (Σ w)² in exact arithmetic; after rounding it is held to what points inside the bounds allow.
    m = t2 - n
    for least in (bounds.klein_complement * t2, finfo.eps * t2, torch.full_like(t2, finfo.tiny**0.5)):
        m = torch.where(m > least, m, least)
    return torch.where(mass > 0, 0.5 * arsinhc(n / m) * m.rsqrt(), 0)
