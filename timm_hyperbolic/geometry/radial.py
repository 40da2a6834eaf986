"""Maps of points and tangent vectors at the origin that keep the direction: `f(c‖x‖²)·x`.

Each function returns the factor `f`. It takes `n = c‖x‖²`, float32 or float64, and the largest rapidity `√c·d` of the
distance `d` from the origin of a point in the result; points beyond it are moved there.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .analytic import artanhc, sinhc, tanhc

__all__ = ['RADIAL']


def _shortened(n: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
    """The factor that shortens vectors with `√n` beyond a limit, and `n` after it."""
    outside = n > limit**2
    return torch.where(outside, limit * torch.where(outside, n, 1).rsqrt(), 1), torch.where(outside, limit**2, n)


def _space_of_tangent(n: Tensor, limit: Tensor) -> Tensor:
    """The space part of the Lorentz `exp0`, at the distance `‖x‖`."""
    factor, n = _shortened(n, limit)
    return factor * sinhc(n)


def _ball_of_tangent(n: Tensor, limit: Tensor) -> Tensor:
    """The ball's `exp0`, at the distance `2‖x‖`."""
    factor, n = _shortened(n, limit / 2)
    return factor * tanhc(n)


def _complement(n: Tensor) -> Tensor:
    """`1 - n`, where a point that rounding has put on the boundary counts as just inside."""
    return (1 - n).clamp_min(8 * torch.finfo(n.dtype).eps)


def _tangent_of_ball(n: Tensor, limit: Tensor) -> Tensor:
    """The ball's `log0`."""
    u = _complement(n)
    return artanhc(1 - u, u)


def _space_of_ball(n: Tensor, limit: Tensor) -> Tensor:
    """The Lorentz space part of a point of the ball."""
    return 2 / _complement(n)


def _ball_of_space(n: Tensor, limit: Tensor) -> Tensor:
    """The point of the ball with a Lorentz space part."""
    factor, n = _shortened(n, limit.sinh())
    return factor / (1 + (1 + n).sqrt())


RADIAL: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    'space_of_tangent': _space_of_tangent,
    'ball_of_tangent': _ball_of_tangent,
    'tangent_of_ball': _tangent_of_ball,
    'space_of_ball': _space_of_ball,
    'ball_of_space': _ball_of_space,
}
