"""What the tests and `benchmarks/precision.py` measure against: the Poincaré ball in 80-digit arithmetic.

It is written from the textbook formulas on whole vectors (Ungar 2009; Ganea et al. 2018), with norms, `tanh`, `artanh`
and the plain `1 - c‖p‖²`: none of the package's rewritings (squared arguments, Gram matrix, carried complements). What
those cost in digits, 80 digits pay for. The layers are the formulas of the study, clip by clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
from torch import Tensor

__all__ = ['MP', 'Ball', 'derivative', 'directional_derivatives', 'norm', 'relative_error', 'to_mp']

MP = mpmath.mp.clone()  # a context of our own: whoever else uses mpmath keeps his precision
MP.dps = 80

Number = Any  # an `MP.mpf`; mpmath has no types
Vector = list[Number]


def to_mp(x: Tensor) -> Any:
    """A tensor's exact values as nested lists of numbers, or a number."""
    return _map(MP.mpf, x.detach().double().tolist())


def _map(f: Callable[[float], Number], x: Any) -> Any:
    return [_map(f, t) for t in x] if isinstance(x, list) else f(x)


def norm(v: Vector) -> Number:
    """Euclidean norm."""
    return MP.sqrt(MP.fdot(v, v))


def relative_error(value: Tensor | float, reference: Vector | Number) -> float:
    """`‖value - reference‖/‖reference‖`.

    Infinite for a value that is not finite; the plain error where the reference is zero but for rounding in 80 digits.
    """
    got = value.detach().double().reshape(-1).tolist() if isinstance(value, Tensor) else [float(value)]
    want = reference if isinstance(reference, list) else [reference]
    if not all(map(math.isfinite, got)):
        return math.inf
    error, size = norm([a - b for a, b in zip(got, want, strict=True)]), norm(want)
    return float(error / size if size > MP.mpf('1e-60') else error)


def derivative(f: Callable[[Number], Any], step: str = '1e-25') -> Any:
    """The derivative at 0 of `f`, number or vector, to about 50 digits by a central difference."""
    h = MP.mpf(step)
    high, low = f(h), f(-h)
    if isinstance(high, list):
        return [(a - b) / (2 * h) for a, b in zip(high, low, strict=True)]
    return (high - low) / (2 * h)


def _moved(x: Any, h: Number, direction: Any) -> Any:
    if isinstance(x, list):
        return [_moved(a, h, d) for a, d in zip(x, direction, strict=True)]
    return x + h * direction


def directional_derivatives(f: Callable[..., Number], at: Sequence[Any], directions: Sequence[Any]) -> list[Number]:
    """The derivative of a number along a direction in each of its arguments, which are numbers or nested lists."""
    return [
        derivative(lambda h, i=i: f(*at[:i], _moved(at[i], h, directions[i]), *at[i + 1 :])) for i in range(len(at))
    ]


def _add(x: Vector, y: Vector) -> Vector:
    return [a + b for a, b in zip(x, y, strict=True)]


def _times(r: Number, x: Vector) -> Vector:
    return [r * a for a in x]


class Ball:
    """The Poincaré ball of curvature `-c`, `c > 0`, with the clips of a margin `t`.

    Args:
        c: Curvature.
        margin: `t`, or None for no clip anywhere.
    """

    def __init__(self, c: Number | float, margin: float | None = None) -> None:
        self.c = MP.mpf(c)
        self.k = MP.sqrt(self.c)
        self.t = None if margin is None else MP.mpf(margin)

    # --- the space --------------------------------------------------------------------------------------------------

    def add(self, x: Vector, y: Vector) -> Vector:
        """Möbius addition."""
        c, xy, xx, yy = self.c, MP.fdot(x, y), MP.fdot(x, x), MP.fdot(y, y)
        denominator = 1 + 2 * c * xy + c**2 * xx * yy
        a, b = (1 + 2 * c * xy + c * yy) / denominator, (1 - c * xx) / denominator
        return _add(_times(a, x), _times(b, y))

    def neg(self, x: Vector) -> Vector:
        """The inverse."""
        return _times(-1, x)

    def exp0(self, v: Vector) -> Vector:
        """The exponential map at the origin."""
        z = self.k * norm(v)
        return _times(MP.tanh(z) / z, v) if z else v

    def log0(self, p: Vector) -> Vector:
        """The logarithm at the origin."""
        z = self.k * norm(p)
        return _times(MP.atanh(z) / z, p) if z else p

    def scale(self, r: Number | float, p: Vector) -> Vector:
        """Möbius scaling."""
        z = self.k * norm(p)
        return _times(MP.tanh(r * MP.atanh(z)) / z, p) if z else p

    def matvec(self, weight: Sequence[Vector], p: Vector) -> Vector:
        """Möbius matrix-vector product."""
        image = [MP.fdot(row, p) for row in weight]
        z, length = self.k * norm(p), norm(image)
        if not z or not length:
            return image
        return _times(MP.tanh(length / norm(p) * MP.atanh(z)) / (self.k * length), image)

    def distance(self, p: Vector, q: Vector) -> Number:
        """Geodesic distance."""
        return 2 / self.k * MP.atanh(self.k * norm(self.add(self.neg(p), q)))

    def midpoint(self, points: Sequence[Vector], weights: Sequence[Number]) -> Vector:
        """Weighted gyro-midpoint, `½ ⊗ (Σ wλv / Σ w(λ - 1))`."""
        factors = [2 / (1 - self.c * MP.fdot(v, v)) for v in points]
        mass = MP.fsum(w * (f - 1) for w, f in zip(weights, factors, strict=True))
        columns = zip(*(_times(w * f, v) for v, w, f in zip(points, weights, factors, strict=True)), strict=True)
        return self.scale(MP.mpf(0.5), [MP.fsum(column) / mass for column in columns])

    # --- the clips --------------------------------------------------------------------------------------------------

    def pre(self, v: Vector) -> Vector:
        """A tangent vector brought within `artanh(t)/√c`."""
        z = self.k * norm(v)
        return v if self.t is None or z <= MP.atanh(self.t) else _times(MP.atanh(self.t) / z, v)

    def clip(self, p: Vector) -> Vector:
        """A point brought within `t/√c`."""
        z = self.k * norm(p)
        return p if self.t is None or z <= self.t else _times(self.t / z, p)

    def enter(self, v: Vector) -> Vector:
        """`E(v) = clip(exp0(pre(v)))`."""
        return self.clip(self.exp0(self.pre(v)))

    # --- the layers -------------------------------------------------------------------------------------------------

    def centred_residual(self, x: Vector, y: Vector, s: Number, gamma: Number) -> Vector:
        """The study's residual `res`."""
        clip, hx, hy = self.clip, self.enter(x), self.enter(y)
        p = clip(self.add(clip(self.scale(s, hx)), clip(self.scale(1 - s, hy))))
        to_x = clip(self.add(self.neg(p), hx))
        to_y = clip(self.scale(gamma, clip(self.add(self.neg(p), hy))))
        return self.log0(clip(self.add(p, clip(self.add(to_x, to_y)))))

    def origin_residual(self, x: Vector, y: Vector, gamma: Number) -> Vector:
        """The study's residual `res0`."""
        hx, hy = self.exp0(self.pre(x)), self.exp0(self.pre(y))
        return self.log0(self.clip(self.add(hx, self.clip(self.scale(gamma, hy)))))

    def point_residual(self, x: Vector, y: Vector, gamma: Number) -> Vector:
        """The study's residual `resx`, `log0(exp_hx(γ·log_hx(hy)))`: the two points are clipped, nothing else is."""
        hx, hy = self.exp0(self.pre(x)), self.exp0(self.pre(y))
        # log_p(q) = (2/λ)·log0(-p ⊕ q) and exp_p(v) = p ⊕ exp0(λv/2), with λ = 2/(1 - c‖p‖²)
        half = 1 / (1 - self.c * MP.fdot(hx, hx))
        v = _times(gamma / half, self.log0(self.add(self.neg(hx), hy)))
        return self.log0(self.add(hx, self.exp0(_times(half, v))))

    def linear(self, x: Vector, weight: Sequence[Vector], bias: Vector, p_in: Vector, p_out: Vector) -> Vector:
        """The study's linear layer."""
        hx = self.exp0(self.pre(x))
        z = self.clip(self.matvec(weight, self.add(self.neg(p_in), hx)))
        return self.log0(self.clip(self.add(p_out, self.add(z, self.exp0(self.pre(bias))))))

    def logit(self, x: Vector, p: Vector, bias: Number, scale: Number, sigma: Number, relative: bool = False) -> Number:
        """The study's head, for one class; with `relative` compared with a prototype at the origin."""
        h = self.enter(_times(scale, x))
        d2 = self.distance(h, p) ** 2
        if relative:
            d2 -= self.distance(h, [MP.zero] * len(h)) ** 2
        return bias - d2 / (2 * sigma**2)

    def attention(self, query: Vector, keys: Sequence[Vector], values: Sequence[Vector], sigma: Number) -> Vector:
        """The study's attention, for one query, as a tangent vector at the origin."""
        q = self.enter(query)
        weights = [MP.exp(-(self.distance(q, self.enter(k)) ** 2) / (2 * sigma**2)) for k in keys]
        return self.log0(self.midpoint([self.enter(v) for v in values], weights))
