"""Entailment cones: each point has a cone that opens away from the origin, and what lies in it is below the point.

The cone of `x` has the half-aperture `ψ(x)` around the ray from the origin through `x`. A point `y` lies in this cone
where the exterior angle `Ξ(x, y)`, between the ray beyond `x` and the geodesic from `x` to `y`, is at most `ψ(x)`.
Cones are nested: where `y` lies in the cone of `x`, the whole cone of `y` does. The energy `max(0, Ξ(x, y) - ψ(x))` of
an entailment is how far `y` lies outside the cone of `x`.

With the distance `r` of `x` from the origin, `sinh(√c·r)` is `√c‖h‖` in the Lorentz model, whose points are given by
their space part `h`, and `2√c‖p‖/(1 - c‖p‖²)` in the ball. So both models share one formula. Functions without a
prefix are those of the ball. Tensors are `[..., D]`, `c` is broadcastable to `[..., 1]`. Everything is computed in
float64, on devices without it in float32; results have the type of the input. Angles are in radians.

Source: Ganea, Bécigneul, Hofmann, "Hyperbolic entailment cones for learning hierarchical embeddings" (2018); Le,
Roller, Papaxanthos, Kiela, Nickel, "Inferring concept hierarchies from text corpora via hyperbolic embeddings" (2019),
and MERU (Desai et al. 2023) for the Lorentz form.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .analytic import safe_sqrt
from .gyrovector import dot
from .models import ball_to_lorentz

__all__ = [
    'cone_energy',
    'exterior_angle',
    'half_aperture',
    'lorentz_cone_energy',
    'lorentz_cone_energy_of_rows',
    'lorentz_exterior_angle',
    'lorentz_half_aperture',
]


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.float32 if x.device.type == 'mps' else torch.float64)


def _square(x: Tensor) -> Tensor:
    return dot(x, x, x.dtype)


def lorentz_half_aperture(h: Tensor, c: Tensor | float, k: float = 0.1) -> Tensor:
    """Half-aperture `ψ = arcsin(2K/(√c‖h‖))` of the cone of a point.

    It is `π/2` for points nearer to the origin than `√c‖h‖ = 2K`, and everywhere at `c = 0`.

    Args:
        h: Space parts, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
        k: The constant `K > 0` of the aperture.

    Returns:
        Angles, `[...]`, in `(0, π/2]`.
    """
    return _half_aperture(_square(_wide(h)), c, k).squeeze(-1).to(h.dtype)


def _half_aperture(hh: Tensor, c: Tensor | float, k: float) -> Tensor:
    sinh2, least = c * hh, 4 * k**2
    far = sinh2 > least
    # arcsin(s/S) = arctan(s/√(S² - s²))
    beyond = torch.where(far, sinh2 - least, 1).sqrt()
    return torch.where(far, torch.atan2(torch.full_like(beyond, 2 * k), beyond), math.pi / 2)


def half_aperture(p: Tensor, c: Tensor | float, k: float = 0.1) -> Tensor:
    """Half-aperture `ψ = arcsin(K(1 - c‖p‖²)/(√c‖p‖))` of the cone of a point of the ball.

    Arguments and result are those of `lorentz_half_aperture`.

    Args:
        p: Points of the ball, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
        k: The constant `K > 0` that says how wide cones are.
    """
    return lorentz_half_aperture(ball_to_lorentz(p.double(), c), c, k).to(p.dtype)


def lorentz_exterior_angle(x: Tensor, y: Tensor, c: Tensor | float) -> Tensor:
    """Exterior angle `Ξ(x, y)` at `x`, between the ray from the origin beyond `x` and the geodesic from `x` to `y`.

    With the distances `a`, `b` from the origin in units of `1/√c` and the angle `φ` between `x` and `y` there,
    `tan Ξ = sinh(b)·sin(φ)/(sinh(b - a) - cosh(a)·sinh(b)·(1 - cos φ))`. `sinh(b - a)`, `sin φ` and `1 - cos φ` are
    computed without cancellation. At `c = 0` it is the angle between `x` and `y - x`.

    Args:
        x: Space parts of the points with the cones, `[..., D]`.
        y: Space parts of the other points, broadcastable to `x`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.

    Returns:
        Angles, `[...]`, in `[0, π]`; 0 where a point is the origin or both are equal.
    """
    u, v = torch.broadcast_tensors(_wide(x), _wide(y))
    uu, vv = _square(u), _square(v)
    safe = (uu > 0) & (vv > 0)
    ru, rv = (torch.where(safe, t, 1).sqrt() for t in (uu, vv))
    minus2, plus2 = _square(u / ru - v / rv), _square(u / ru + v / rv)
    # ‖y‖² - ‖x‖² by the vectors
    return _exterior_angle(uu, vv, minus2, plus2, dot(v - u, v + u, u.dtype), c).squeeze(-1).to(x.dtype)


def _exterior_angle(
    uu: Tensor, vv: Tensor, minus2: Tensor, plus2: Tensor, difference: Tensor, c: Tensor | float
) -> Tensor:
    """The angle from `‖x‖²`, `‖y‖²`, `‖x/‖x‖ ∓ y/‖y‖‖²` and `‖y‖² - ‖x‖²`."""
    safe = (uu > 0) & (vv > 0)
    ru, rv = (torch.where(safe, t, 1).sqrt() for t in (uu, vv))
    cosh_a, cosh_b = (1 + c * uu).sqrt(), (1 + c * vv).sqrt()
    # sinh(b - a)/√c
    beyond = difference / (rv * cosh_a + ru * cosh_b)
    along = beyond - cosh_a * rv * minus2 / 2
    across = rv * safe_sqrt(minus2) * safe_sqrt(plus2) / 2
    known = safe & ((across > 0) | (along != 0))
    return torch.atan2(torch.where(known, across, 0), torch.where(known, along, 1))


def exterior_angle(p: Tensor, q: Tensor, c: Tensor | float) -> Tensor:
    """Exterior angle `Ξ(p, q)` of points of the ball; the result is that of `lorentz_exterior_angle`.

    Args:
        p: Apexes of the cones: points of the ball, `[..., D]`.
        q: Points of the ball, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    return lorentz_exterior_angle(ball_to_lorentz(p.double(), c), ball_to_lorentz(q.double(), c), c).to(p.dtype)


def lorentz_cone_energy(x: Tensor, y: Tensor, c: Tensor | float, k: float = 0.1, width: float = 1.0) -> Tensor:
    """Energy `max(0, Ξ(x, y) - η·ψ(x))` of an entailment: 0 where `y` lies in the cone of `x`, if `η = 1`.

    Args:
        x: Space parts of the points above, `[..., D]`.
        y: Space parts of the points below, broadcastable to `x`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
        k: The constant `K > 0` of the aperture.
        width: The factor `η >= 0` of the half-aperture; below 1 the cone is narrower.

    Returns:
        `[...]`, `>= 0`.

    Source: as the module; the factor `η` is that of HyCoCLIP (Pal et al. 2025).
    """
    x_wide, y_wide = _wide(x), _wide(y)
    outside = lorentz_exterior_angle(x_wide, y_wide, c) - width * lorentz_half_aperture(x_wide, c, k)
    return torch.where(outside > 0, outside, 0).to(x.dtype)


def lorentz_cone_energy_of_rows(
    xx: Tensor, yy: Tensor, cosine: Tensor, c: Tensor | float, k: float = 0.1, width: float = 1.0
) -> Tensor:
    """As `lorentz_cone_energy`, from numbers that three inner products give: a tenth of the work in many dimensions.

    Accuracy: angles between `x` and `y` below the root of the resolution of `cosine` are not resolved.

    Args:
        xx: Squared lengths of the space parts of the points above, `[...]`.
        yy: Those of the points below.
        cosine: Cosines of the angles between them, in `[-1, 1]`.
        c: Curvature `c >= 0`.
        k: The constant `K > 0` of the aperture.
        width: The factor `η >= 0` of the half-aperture.

    Returns:
        `[...]`, `>= 0`.
    """
    outside = _exterior_angle(xx, yy, 2 - 2 * cosine, 2 + 2 * cosine, yy - xx, c) - width * _half_aperture(xx, c, k)
    return torch.where(outside > 0, outside, 0)


def cone_energy(p: Tensor, q: Tensor, c: Tensor | float, k: float = 0.1) -> Tensor:
    """Energy `max(0, Ξ(p, q) - ψ(p))` for points of the ball; the result is that of `lorentz_cone_energy`.

    Args:
        p: Apexes of the cones: points of the ball, `[..., D]`.
        q: Points of the ball, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
        k: The constant `K > 0` that says how wide cones are.
    """
    return lorentz_cone_energy(ball_to_lorentz(p.double(), c), ball_to_lorentz(q.double(), c), c, k).to(p.dtype)
