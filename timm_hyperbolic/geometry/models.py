"""The models of hyperbolic space: Poincaré ball, Lorentz hyperboloid, Klein model, hemisphere and half-space.

All have curvature `-c` and the same origin and length unit:

- ball: `p` with `c‖p‖² < 1`;
- Lorentz: the space part `h` of the point `(t, h)` with `t² = 1/c + ‖h‖²`. The time part is computed when asked for
  (`lorentz_time`), so that a point cannot leave the hyperboloid, and at `c = 0`, where it is infinite, the space part
  still has its limit. geoopt's `Lorentz(k=1/c)` stacks the time first: `torch.cat([lorentz_time(h, c), h], -1)`;
- Klein: `k` with `c‖k‖² < 1`, where geodesics are straight;
- hemisphere: `(k, s)`, the Klein point and its height `s = √(1 - c‖k‖²) > 0` in units of the radius `1/√c`. The height
  has the digits that `1 - c‖k‖²` loses;
- half-space: `(y, t)` with `t > 0` and the metric `(dy² + dt²)/(c·t²)`, the origin at `(0, 1/√c)`, which is infinitely
  far up at `c = 0`.

At `c = 0` the first four are `p`, `h = 2p`, `k = 2p`, `(2p, 1)`. Tensors are `[..., D]`, those of the hemisphere
`[..., D + 1]`; `c` is broadcastable to `[..., 1]`; nothing is checked, as in the layers. Everything is computed in
float64; results have the type of the input.

`MODELS` holds for each model its maps from and to the Lorentz model, its distance and its weighted mean, which is one
point in all of them; `convert` goes from any model to any other.

Source: Cannon, Floyd, Kenyon, Parry, "Hyperbolic Geometry" (1997), section 7, for the maps. MERU (Desai et al. 2023)
computes the time part in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .analytic import safe_sqrt, squared_distance
from .ball import distance, midpoint
from .gyrovector import dot

__all__ = ['MODELS', 'SpaceModel', 'ball_to_klein', 'ball_to_lorentz', 'convert', 'einstein_midpoint']
__all__ += ['half_space_distance', 'half_space_midpoint', 'half_space_to_lorentz', 'hemisphere_distance']
__all__ += ['hemisphere_midpoint', 'hemisphere_to_lorentz', 'klein_distance', 'klein_to_ball', 'klein_to_lorentz']
__all__ += ['lorentz_centroid', 'lorentz_distance', 'lorentz_time', 'lorentz_to_ball', 'lorentz_to_half_space']
__all__ += ['lorentz_to_hemisphere', 'lorentz_to_klein']


def _square(x: Tensor) -> Tensor:
    return dot(x.double(), x.double(), torch.float64)


def ball_to_lorentz(p: Tensor, c: Tensor | float) -> Tensor:
    """`h = 2p/(1 - c‖p‖²)`, `[..., D]`.

    Args:
        p: Points of the ball, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    return ((2 / (1 - c * _square(p))) * p).to(p.dtype)


def ball_to_klein(p: Tensor, c: Tensor | float) -> Tensor:
    """`k = 2p/(1 + c‖p‖²)`, `[..., D]`.

    Args:
        p: Points of the ball, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    return ((2 / (1 + c * _square(p))) * p).to(p.dtype)


def lorentz_to_ball(h: Tensor, c: Tensor | float) -> Tensor:
    """`p = h/(1 + √(1 + c‖h‖²))`, `[..., D]`.

    Args:
        h: Space parts of points of the hyperboloid, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    return (h / (1 + (1 + c * _square(h)).sqrt())).to(h.dtype)


def lorentz_to_klein(h: Tensor, c: Tensor | float) -> Tensor:
    """`k = h/√(1 + c‖h‖²)`, `[..., D]`.

    Args:
        h: Space parts of points of the hyperboloid, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    return (h * (1 + c * _square(h)).rsqrt()).to(h.dtype)


def klein_to_lorentz(k: Tensor, c: Tensor | float) -> Tensor:
    """`h = k/√(1 - c‖k‖²)`, `[..., D]`.

    Args:
        k: Points in Klein's model, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    return (k * (1 - c * _square(k)).rsqrt()).to(k.dtype)


def klein_to_ball(k: Tensor, c: Tensor | float) -> Tensor:
    """`p = k/(1 + √(1 - c‖k‖²)) = ½ ⊗ k`, `[..., D]`.

    Args:
        k: Points in Klein's model, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    return (k / (1 + (1 - c * _square(k)).sqrt())).to(k.dtype)


def lorentz_time(h: Tensor, c: Tensor | float) -> Tensor:
    """The time part `√(1/c + ‖h‖²)`, `[..., 1]`, `>= 1/√c`; infinite at `c = 0`.

    Args:
        h: Space parts of points of the hyperboloid, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    return (1 / torch.as_tensor(c, dtype=torch.float64) + _square(h)).sqrt().to(h.dtype)


def lorentz_distance(g: Tensor, h: Tensor, c: Tensor | float) -> Tensor:
    """Geodesic distance between points given by their space parts, `[..., D]` and `[..., D]` to `[...]`.

    `sinh²(√c·d/2)` is the sum of a radial part `sinh²((a - b)/2)` and an angular one, `½c(|g||h| - ⟨g, h⟩)`, neither of
    which cancels, where `sinh a = √c|g|` and `sinh(a - b) = √c(|g|² - |h|²)/(|g|√(1 + c|h|²) + |h|√(1 + c|g|²))`.

    Args:
        g: Space parts of points of the hyperboloid, `[..., D]`.
        h: Space parts of points of the hyperboloid, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
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
    """Geodesic distance between Klein points, `[..., D]` and `[..., D]` to `[...]`.

    Args:
        k: Points in Klein's model, `[..., D]`.
        m: Points in Klein's model, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    return lorentz_distance(klein_to_lorentz(k.double(), c), klein_to_lorentz(m.double(), c), c).to(k.dtype)


# --- hemisphere and half-space ----------------------------------------------------------------------------------------


def lorentz_to_hemisphere(h: Tensor, c: Tensor | float) -> Tensor:
    """`(h, 1)/√(1 + c‖h‖²)`, `[..., D]` to `[..., D + 1]`.

    Args:
        h: Space parts of points of the hyperboloid, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    x = h.double()
    return (torch.cat([x, torch.ones_like(x[..., :1])], -1) * (1 + c * _square(x)).rsqrt()).to(h.dtype)


def hemisphere_to_lorentz(j: Tensor, c: Tensor | float) -> Tensor:
    """`h = k/s` of the point `(k, s)`, `[..., D + 1]` to `[..., D]`; `c` is not needed.

    Args:
        j: Points of the hemisphere, `[..., D + 1]`, the height last.
        c: Any curvature; the result does not depend on it.
    """
    return j[..., :-1] / j[..., -1:]


def hemisphere_distance(i: Tensor, j: Tensor, c: Tensor | float) -> Tensor:
    """Geodesic distance between points of the hemisphere, `[..., D + 1]` and `[..., D + 1]` to `[...]`.

    `sinh²(√c·d/2) = (c‖k - k'‖² + (s - s')²)/(4·s·s')`: the chord through the sphere, over the heights.

    Args:
        i: Points of the hemisphere, `[..., D + 1]`, the height last.
        j: Points of the hemisphere, `[..., D + 1]`, the height last.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    x, y = i.double(), j.double()
    c = torch.as_tensor(c, dtype=torch.float64, device=i.device)
    across, up = _square(x[..., :-1] - y[..., :-1]), (x[..., -1:] - y[..., -1:]).square()
    # At c = 0 all heights are 1.
    gap2 = (across + torch.where(c > 0, up / torch.where(c > 0, c, 1), 0)) / (4 * x[..., -1:] * y[..., -1:])
    return safe_sqrt(squared_distance(gap2, c)).squeeze(-1).to(i.dtype)


def lorentz_to_half_space(h: Tensor, c: Tensor | float) -> Tensor:
    """`(y, t) = (g, 1/√c)/(√(1 + c‖h‖²) - √c·e)` for the space part `h = (g, e)`, `[..., D]`; `c > 0`.

    Where `e > 0`, the denominator is computed as `(1 + c‖g‖²)/(√(1 + c‖h‖²) + √c·e)`, which does not cancel.

    Args:
        h: Space parts of points of the hyperboloid, `[..., D]`.
        c: Curvature `c > 0`, broadcastable to `[..., 1]`.
    """
    x = h.double()
    root = torch.as_tensor(c, dtype=torch.float64, device=h.device).sqrt()
    g, e = x[..., :-1], root * x[..., -1:]
    time = (1 + c * _square(x)).sqrt()
    below = torch.where(e > 0, (1 + c * _square(g)) / (time + e.abs()), time + e.abs())
    return (torch.cat([g, (1 / root).expand_as(e)], -1) / below).to(h.dtype)


def half_space_to_lorentz(z: Tensor, c: Tensor | float) -> Tensor:
    """`h = (y, (t² - 1/c + ‖y‖²)·√c/2)/(√c·t)` of the point `(y, t)`, `[..., D]`; `c > 0`.

    Args:
        z: Points of the half-space, `[..., D]`, the height last.
        c: Curvature `c > 0`, broadcastable to `[..., 1]`.
    """
    x = z.double()
    root = torch.as_tensor(c, dtype=torch.float64, device=z.device).sqrt()
    y, t = x[..., :-1], x[..., -1:]
    up = ((t - 1 / root) * (t + 1 / root) + _square(y)) * root / 2
    return (torch.cat([y, up], -1) / (root * t)).to(z.dtype)


def half_space_distance(z: Tensor, w: Tensor, c: Tensor | float) -> Tensor:
    """Geodesic distance between points of the half-space, `[..., D]` and `[..., D]` to `[...]`; `c > 0`.

    `sinh²(√c·d/2) = ‖z - w‖²/(4·t·t')`, which does not know `c`.

    Args:
        z: Points of the half-space, `[..., D]`, the height last.
        w: Points of the half-space, `[..., D]`, the height last.
        c: Curvature `c > 0`, broadcastable to `[..., 1]`.
    """
    x, y = z.double(), w.double()
    gap2 = _square(x - y) / (4 * c * x[..., -1:] * y[..., -1:])
    return safe_sqrt(squared_distance(gap2, c)).squeeze(-1).to(z.dtype)


# --- means ------------------------------------------------------------------------------------------------------------


def _sums(h: Tensor, c: Tensor | float, weights: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """`H = Σ w·h`, `[..., D]`, `T = Σ w·τ` for `τ = √(1 + c‖h‖²)`, `[..., 1]`, and `T² - c‖H‖²`, `[..., 1]`.

    `T ∓ √c‖H‖` is the sum of `τ ∓ √c⟨h, u⟩` for the direction `u` of `H`. With the minus sign each term is computed as
    `1/(τ + √c‖h‖) + √c(‖h‖ - ⟨h, u⟩)`, both of which are positive.
    """
    c = torch.as_tensor(c, dtype=torch.float64, device=h.device)
    inner = c.unsqueeze(-1) if c.dim() else c
    w = torch.ones_like(h[..., :1]) if weights is None else weights.double().unsqueeze(-1)
    hh = _square(h)
    time = (1 + inner * hh).sqrt()
    space, total = (w * h).sum(-2), (w * time).sum(-2)
    plain = total.square() - c * _square(space)
    curved = c > 0
    root, length, size = torch.where(curved, c, 1).sqrt(), safe_sqrt(_square(space)), safe_sqrt(hh)
    inner_root = root.unsqueeze(-1) if root.dim() else root
    # ‖h‖ - ⟨h, u⟩ = ‖‖H‖h - ‖h‖H‖²/(2‖h‖‖H‖²)
    H, L = space.unsqueeze(-2), length.unsqueeze(-2)
    some = (size > 0) & (L > 0)
    turn = _square(L * h - size * H) / torch.where(some, 2 * size * L.square(), 1)
    less = (w * (1 / (time + inner_root * size) + inner_root * torch.where(some, turn, size))).sum(-2)
    return space, total, torch.where(curved, less * (less + 2 * root * length), plain)


def lorentz_centroid(h: Tensor, c: Tensor | float, weights: Tensor | None = None) -> Tensor:
    """Weighted Lorentz centroid `H/√(T² - c‖H‖²)` with `H = Σ w·h` and `T = Σ w·√(1 + c‖h‖²)`; the mean at `c = 0`.

    Args:
        h: Space parts, `[..., K, D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
        weights: `[..., K]`, `>= 0`, not all zero; all one if None.

    Returns:
        The space part of the centroid, `[..., D]`.

    Source: Law, Liao, Snell, Zemel, "Lorentzian distance learning for hyperbolic representations" (2019), theorem 3.3.
    """
    space, _, mass2 = _sums(h.double(), c, weights)
    return (space * mass2.rsqrt()).to(h.dtype)


def einstein_midpoint(k: Tensor, c: Tensor | float, weights: Tensor | None = None) -> Tensor:
    """Weighted Einstein midpoint `Σ w·γ·k/Σ w·γ` with `γ = 1/√(1 - c‖k‖²)`; arguments as `lorentz_centroid`.

    Args:
        k: Klein points, `[..., K, D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
        weights: `[..., K]`, `>= 0`, not all zero; all one if None.

    Returns:
        Klein point, `[..., D]`.

    Source: Ungar, "A Gyrovector Space Approach to Hyperbolic Geometry" (2009), (3.88).
    """
    x = k.double()
    inner = c.unsqueeze(-1) if isinstance(c, Tensor) and c.dim() else c
    gamma = (1 - inner * _square(x)).rsqrt()
    w = gamma if weights is None else weights.double().unsqueeze(-1) * gamma
    return ((w * x).sum(-2) / w.sum(-2)).to(k.dtype)


def hemisphere_midpoint(j: Tensor, c: Tensor | float, weights: Tensor | None = None) -> Tensor:
    """The point `(H, √(T² - c‖H‖²))/T` of `lorentz_centroid` on the hemisphere, `[..., K, D + 1]` to `[..., D + 1]`.

    Args:
        j: Points of the hemisphere, `[..., K, D + 1]`, the height last.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
        weights: Weight of each point, `[..., K]`; None for equal weights.
    """
    space, total, mass2 = _sums(hemisphere_to_lorentz(j.double(), c), c, weights)
    return (torch.cat([space, mass2.sqrt()], -1) / total).to(j.dtype)


def half_space_midpoint(z: Tensor, c: Tensor | float, weights: Tensor | None = None) -> Tensor:
    """The point of `lorentz_centroid` in the half-space, `[..., K, D]` to `[..., D]`; `c > 0`.

    Args:
        z: Points of the half-space, `[..., K, D]`, the height last.
        c: Curvature `c > 0`, broadcastable to `[..., 1]`.
        weights: Weight of each point, `[..., K]`; None for equal weights.
    """
    inner = c.unsqueeze(-1) if isinstance(c, Tensor) and c.dim() else c
    h = half_space_to_lorentz(z.double(), inner)
    return lorentz_to_half_space(lorentz_centroid(h, c, weights), c).to(z.dtype)


# --- any model --------------------------------------------------------------------------------------------------------


def _same(h: Tensor, c: Tensor | float) -> Tensor:
    return h


class SpaceModel(NamedTuple):
    """What can be done in a model of hyperbolic space.

    Attributes:
        to_lorentz: takes points and the curvature to space parts of the Lorentz model.
        from_lorentz: its inverse.
        distance: of two tensors of points, and the curvature.
        midpoint: of points `[..., K, ·]`, the curvature, and weights `[..., K]` or None.
    """

    to_lorentz: Callable[[Tensor, Tensor | float], Tensor]
    from_lorentz: Callable[[Tensor, Tensor | float], Tensor]
    distance: Callable[[Tensor, Tensor, Tensor | float], Tensor]
    midpoint: Callable[[Tensor, Tensor | float, Tensor | None], Tensor]


MODELS: dict[str, SpaceModel] = {
    'ball': SpaceModel(ball_to_lorentz, lorentz_to_ball, distance, midpoint),
    'lorentz': SpaceModel(_same, _same, lorentz_distance, lorentz_centroid),
    'klein': SpaceModel(klein_to_lorentz, lorentz_to_klein, klein_distance, einstein_midpoint),
    'hemisphere': SpaceModel(hemisphere_to_lorentz, lorentz_to_hemisphere, hemisphere_distance, hemisphere_midpoint),
    'half-space': SpaceModel(half_space_to_lorentz, lorentz_to_half_space, half_space_distance, half_space_midpoint),
}
"""The models of hyperbolic space by their names in `convert`."""


def convert(points: Tensor, source: str, target: str, c: Tensor | float) -> Tensor:
    """Convert points from one model of hyperbolic space to another.

    Args:
        points: `[..., D]`, on the hemisphere `[..., D + 1]`.
        source: name of their model in `MODELS`.
        target: name of the model of the result.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`; positive for the half-space.

    Returns:
        The same points, `[..., D]`, on the hemisphere `[..., D + 1]`.

    Raises:
        ValueError: a model is unknown.
    """
    for name in (source, target):
        if name not in MODELS:
            raise ValueError(f'the model {name!r} must be one of {", ".join(MODELS)}')
    return MODELS[target].from_lorentz(MODELS[source].to_lorentz(points.double(), c), c).to(points.dtype)
