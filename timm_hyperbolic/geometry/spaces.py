"""The three models of hyperbolic space: Poincaré ball, Lorentz hyperboloid, Klein model.

All have curvature `-c` and the same origin and length unit:

- ball: `p` with `c‖p‖² < 1`;
- Lorentz: the space part `h` of the point `(t, h)` with `t² = 1/c + ‖h‖²`. The time part is computed when asked for
  (`lorentz_time`), so that a point cannot leave the hyperboloid, and at `c = 0`, where it is infinite, the space part
  still has its limit. geoopt's `Lorentz(k=1/c)` stacks the time first: `torch.cat([lorentz_time(h, c), h], -1)`;
- Klein: `k` with `c‖k‖² < 1`, where geodesics are straight.

At `c = 0` the three are `p`, `h = 2p`, `k = 2p`. Tensors are `[..., D]`, `c` is broadcastable to `[..., 1]`; nothing is
checked, as in the layers.

Source: Cannon, Floyd, Kenyon, Parry, "Hyperbolic Geometry" (1997), section 7, for the maps. MERU (Desai et al. 2023)
computes the time part in the same way.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .analytic import safe_sqrt, squared_distance
from .gyrovector import dot

__all__ = [
    'ball_to_klein',
    'ball_to_lorentz',
    'klein_distance',
    'klein_to_ball',
    'klein_to_lorentz',
    'lorentz_distance',
    'lorentz_time',
    'lorentz_to_ball',
    'lorentz_to_klein',
]


def _square(x: Tensor) -> Tensor:
    return dot(x.double(), x.double(), torch.float64)


def ball_to_lorentz(p: Tensor, c: Tensor | float) -> Tensor:
    """`h = 2p/(1 - c‖p‖²)`, `[..., D]`."""
    return ((2 / (1 - c * _square(p))) * p).to(p.dtype)


def ball_to_klein(p: Tensor, c: Tensor | float) -> Tensor:
    """`k = 2p/(1 + c‖p‖²)`, `[..., D]`."""
    return ((2 / (1 + c * _square(p))) * p).to(p.dtype)


def lorentz_to_ball(h: Tensor, c: Tensor | float) -> Tensor:
    """`p = h/(1 + √(1 + c‖h‖²))`, `[..., D]`."""
    return (h / (1 + (1 + c * _square(h)).sqrt())).to(h.dtype)


def lorentz_to_klein(h: Tensor, c: Tensor | float) -> Tensor:
    """`k = h/√(1 + c‖h‖²)`, `[..., D]`."""
    return (h * (1 + c * _square(h)).rsqrt()).to(h.dtype)


def klein_to_lorentz(k: Tensor, c: Tensor | float) -> Tensor:
    """`h = k/√(1 - c‖k‖²)`, `[..., D]`."""
    return (k * (1 - c * _square(k)).rsqrt()).to(k.dtype)


def klein_to_ball(k: Tensor, c: Tensor | float) -> Tensor:
    """`p = k/(1 + √(1 - c‖k‖²)) = ½ ⊗ k`, `[..., D]`."""
    return (k / (1 + (1 - c * _square(k)).sqrt())).to(k.dtype)


def lorentz_time(h: Tensor, c: Tensor | float) -> Tensor:
    """The time part `√(1/c + ‖h‖²)`, `[..., 1]`, `>= 1/√c`; infinite at `c = 0`."""
    return (1 / torch.as_tensor(c, dtype=torch.float64) + _square(h)).sqrt().to(h.dtype)


def lorentz_distance(g: Tensor, h: Tensor, c: Tensor | float) -> Tensor:
    """Geodesic distance between points given by their space parts, `[..., D]` and `[..., D]` to `[...]`.

    `sinh²(√c·d/2)` is the sum of a radial part `sinh²((a - b)/2)` and an angular one, `½c(|g||h| - ⟨g, h⟩)`, neither of
    which cancels, where `sinh a = √c|g|` and `sinh(a - b) = √c(|g|² - |h|²)/(|g|√(1 + c|h|²) + |h|√(1 + c|g|²))`.
    """
    x, y = torch.broadcast_tensors(g.double(), h.double())
    xx, yy = _square(x), _square(y)
    safe = (xx > 0) & (yy > 0)
    rx, ry = (torch.where(safe, t, 1).sqrt() for t in (xx, yy))
    # |x|² - |y|² and |x||y| - ⟨x, y⟩ = ½(‖|y|x - |x|y‖²)/(|x||y|) from vectors, before anything is squared
    difference = dot(x - y, x + y, torch.float64)
    radial = difference / (rx * (1 + c * yy).sqrt() + ry * (1 + c * xx).sqrt())
    across = ry * x - rx * y
    angular = _square(across) / (2 * rx * ry)
    gap2 = radial**2 / (2 * (1 + (1 + c * radial**2).sqrt())) + angular / 2
    gap2 = torch.where(safe, gap2, (xx + yy) / (2 * (1 + (1 + c * (xx + yy)).sqrt())))
    return safe_sqrt(squared_distance(gap2, c)).squeeze(-1).to(g.dtype)


def klein_distance(k: Tensor, m: Tensor, c: Tensor | float) -> Tensor:
    """Geodesic distance between Klein points, `[..., D]` and `[..., D]` to `[...]`."""
    return lorentz_distance(klein_to_lorentz(k.double(), c), klein_to_lorentz(m.double(), c), c).to(k.dtype)
