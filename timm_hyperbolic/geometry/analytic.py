"""Hyperbolic functions of a squared argument.

`exp0`, `log0`, scaling and distance in the Poincaré ball are analytic in the squared length `q = z²`, not in the
length. Written in `q` they need no norm, so neither they nor their derivatives are singular at zero, and at
curvature zero they are exactly one. Each function below is a truncated Taylor series under `_SERIES_BELOW` and the
library function above it, where the square root is harmless.

Accuracy: the values are right to a few ulp in float32 and float64 for `q` from 0 to the clip limit; first and second
derivatives are finite for every `q >= 0` (see `tests/test_analytic.py`).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    'arsinh2',
    'arsinhc',
    'artanhc',
    'horner',
    'safe_sqrt',
    'sech2',
    'sinhc',
    'sinhc_derivative',
    'squared_distance',
    'tanhc',
]

# Above this the derivative of f(√q)/√q, a difference divided by q, loses at most log2(1/q) bits; below it the series
# of eight terms is exact to float64's last bit, and that of four terms to float32's.
_SERIES_BELOW = 1 / 64
_TERMS = 4, 8


class _Table(NamedTuple):
    """Coefficients of a series for float32 and for float64.

    No dictionary by type: the regions that `torch.compile` compiles once cannot guard one.
    """

    single: tuple[float, ...]
    double: tuple[float, ...]


def _tanhc_coefficients(terms: int) -> tuple[float, ...]:
    """Taylor coefficients of tanh(√q)/√q, from tanh' = 1 - tanh²."""
    a = [Fraction(1)]
    for k in range(1, terms):
        a.append(-sum((a[i] * a[k - 1 - i] for i in range(k)), Fraction(0)) / (2 * k + 1))
    return tuple(float(x) for x in a)


def _arsinhc_coefficients(terms: int) -> tuple[float, ...]:
    """Taylor coefficients of arsinh(√q)/√q, from the binomial series of 1/√(1 + q)."""
    return tuple(float(Fraction((-1) ** k * math.comb(2 * k, k), 4**k * (2 * k + 1))) for k in range(terms))


def _sinhc_coefficients(terms: int) -> tuple[float, ...]:
    """Taylor coefficients of sinh(√q)/√q."""
    return tuple(1 / math.factorial(2 * k + 1) for k in range(terms))


def _sinhc_derivative_coefficients(terms: int) -> tuple[float, ...]:
    """Taylor coefficients of the derivative of sinh(√q)/√q by q."""
    return tuple((k + 1) * a for k, a in enumerate(_sinhc_coefficients(terms + 1)[1:]))


_TANHC = _Table(*map(_tanhc_coefficients, _TERMS))
_ARSINHC = _Table(*map(_arsinhc_coefficients, _TERMS))
_SINHC = _Table(*map(_sinhc_coefficients, _TERMS))
_SINHC_DERIVATIVE = _Table(*map(_sinhc_derivative_coefficients, _TERMS))


def _coefficients(table: _Table, dtype: torch.dtype) -> tuple[float, ...]:
    if dtype == torch.float32:
        return table.single
    if dtype == torch.float64:
        return table.double
    raise TypeError(f'squared arguments must be float32 or float64, got {dtype}: cast them with .float()')


def horner(q: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Return the value of a polynomial.

    Args:
        q: The variable, of any shape.
        coefficients: Two coefficients or more, the constant first.

    Returns:
        The value, in the shape and type of `q`.
    """
    value = q * coefficients[-1] + coefficients[-2]
    for a in reversed(coefficients[:-2]):
        value = value * q + a
    return value


def _series(q: Tensor, table: _Table) -> Tensor:
    """The Taylor series where it is used, its first term elsewhere.

    There its powers may overflow, and although `torch.where` drops the value, the gradient would be `0·inf`.
    """
    return horner(torch.where(q < _SERIES_BELOW, q, 0), _coefficients(table, q.dtype))


def _root(q: Tensor) -> Tensor:
    """`√q` where the library function is used, 1 elsewhere.

    Not `q.clamp_min(_SERIES_BELOW).sqrt()`: what a clamp's derivative is at its bound depends on torch's version.
    """
    return torch.where(q < _SERIES_BELOW, 1, q).sqrt()


def tanhc(q: Tensor) -> Tensor:
    """`tanh(√q)/√q`, the factor of the exponential map at the origin.

    Args:
        q: Squared lengths `c‖v‖²`, any shape, `q >= 0`, float32 or float64.

    Returns:
        Same shape, in `(0, 1]`; 1 at `q = 0`.

    Raises:
        TypeError: `q` is of another type than float32 or float64.

    Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018), Lemma 2, written in the square.
    """
    z = _root(q)
    return torch.where(q < _SERIES_BELOW, _series(q, _TANHC), z.tanh() / z)


def sech2(q: Tensor) -> Tensor:
    """`sech²(√q) = 1 - tanh²(√q)`, the complement of an exponential, without the subtraction.

    Args:
        q: Squared lengths `c‖v‖²`, any shape, `q >= 0`, float32 or float64.

    Returns:
        Same shape, in `(0, 1]`, with full relative precision as it tends to zero.

    Raises:
        TypeError: `q` is of another type than float32 or float64.
    """
    e = torch.exp(-2 * _root(q))
    return torch.where(q < _SERIES_BELOW, 1 - q * _series(q, _TANHC) ** 2, 4 * e / (1 + e) ** 2)


def arsinhc(q: Tensor) -> Tensor:
    """`arsinh(√q)/√q`.

    Args:
        q: Squared arguments, any shape, `q >= 0`, float32 or float64.

    Returns:
        Same shape, in `(0, 1]`; 1 at `q = 0`.

    Raises:
        TypeError: `q` is of another type than float32 or float64.
    """
    z = _root(q)
    return torch.where(q < _SERIES_BELOW, _series(q, _ARSINHC), z.asinh() / z)


def arsinh2(q: Tensor) -> Tensor:
    """`arsinh²(√q)`, a squared length from its squared hyperbolic sine; errors as `arsinhc`.

    Args:
        q: Squared hyperbolic sine `>= 0`, of any shape.
    """
    return q * arsinhc(q) ** 2


def sinhc(q: Tensor) -> Tensor:
    """`sinh(√q)/√q`.

    Args:
        q: Squared arguments, any shape, `q >= 0`, float32 or float64; the result is infinite above about
            7,800 (float64: 504,000).

    Returns:
        Same shape, `>= 1`; 1 at `q = 0`.

    Raises:
        TypeError: `q` is of another type than float32 or float64.
    """
    z = _root(q)
    return torch.where(q < _SERIES_BELOW, _series(q, _SINHC), z.sinh() / z)


def sinhc_derivative(q: Tensor) -> Tensor:
    """The derivative of `sinhc` by `q`, `(cosh(√q) - sinh(√q)/√q)/(2q)`; 1/6 at `q = 0`; errors as `sinhc`.

    Args:
        q: Squared arguments, any shape, `q >= 0`, float32 or float64.
    """
    z = _root(q)
    return torch.where(q < _SERIES_BELOW, _series(q, _SINHC_DERIVATIVE), (z.cosh() - z.sinh() / z) / (2 * z * z))


def artanhc(n: Tensor, complement: Tensor | None = None) -> Tensor:
    """`artanh(√n)/√n`, the factor of the logarithm at the origin.

    It is computed as `arsinh(√(n/u))/√n` with `u = 1 - n`, which keeps its digits as `n` tends to one.

    Args:
        n: Squared norms `c‖p‖²`, any shape, `0 <= n < 1`, float32 or float64.
        complement: `1 - n` where it is known better than by subtraction, same shape.

    Returns:
        Same shape, `>= 1`; 1 at `n = 0`.

    Raises:
        TypeError: `n` is of another type than float32 or float64.

    Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018), Lemma 2, written in the square.
    """
    u = 1 - n if complement is None else complement
    return arsinhc(n / u) * u.rsqrt()


def squared_distance(gap2: Tensor, c: Tensor | float) -> Tensor:
    """The squared geodesic distance `(4/c)·arsinh²(√(c·gap2))` of two points; `4·gap2` at `c = 0`.

    Args:
        gap2: `‖p - q‖²/(u_p·u_q)` of two points of the ball with complements `u`, any shape, `>= 0`.
        c: Curvature, broadcastable to `gap2`.

    Returns:
        Shape of `gap2`, `>= 0`.

    Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018), (6), in the form with `arsinh`.
    """
    return 4 * gap2 * arsinhc(c * gap2) ** 2


def safe_sqrt(q: Tensor) -> Tensor:
    """`√q` for `q >= 0`, with derivative zero at zero, where the true one has none.

    Args:
        q: Any shape.
    """
    positive = q > 0
    return torch.where(positive, torch.where(positive, q, 1).sqrt(), 0)
