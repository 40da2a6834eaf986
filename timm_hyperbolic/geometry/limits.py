"""Where a vector or a point is clipped: by the margin, by flat controls' `max_norm`, by what a number type can hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .analytic import shrink

__all__ = ['Limits']


def _to_limit(q: Tensor, q_max: float, outside: Tensor) -> Tensor:
    """The factor that brings squared lengths `q` to `q_max` where they are outside; 1 elsewhere."""
    return torch.where(outside, q_max / torch.where(outside, q, 1), 1).sqrt()


@dataclass(frozen=True)
class Limits:
    """The clip of a layer.

    Args:
        margin: `t` in `(0, 1)`; a point of the unit ball is kept within norm `t`, a tangent vector at the origin within
            `artanh(t)`, both divided by `√c`. `None` leaves only the limit of the number type.
        max_norm: Largest Euclidean norm of every vector, `> 0`, for flat controls (curvature 0), which have no margin:
            with `artanh(t)` it clips and gates exactly where the curved layer does. `None` leaves vectors alone.
        dtype: Where there is no margin, the type of the vectors: coefficients grow like `1/u`, and have to fit it. None
            where vectors have the type of the scalars.

    Raises:
        ValueError: a value is outside its range.
    """

    margin: float | None = None
    max_norm: float | None = None
    dtype: torch.dtype | None = None

    def __post_init__(self) -> None:
        if self.margin is not None and not 0 < self.margin < 1:
            raise ValueError(
                f'margin={self.margin} is outside (0, 1): it is the largest norm of a point in the unit ball. '
                'Pass margin=None for no clip.'
            )
        if self.max_norm is not None and not (0 < self.max_norm < math.inf):
            raise ValueError(f'max_norm={self.max_norm} must be a positive number, or None for no clip.')

    @property
    def max_rapidity(self) -> float:
        """Largest rapidity `2√c‖v‖` of a tangent vector at the origin within the margin."""
        return 2 * math.atanh(self.margin)

    def _z2_max(self, dtype: torch.dtype) -> float:
        """Largest `c‖v‖²`: that of the margin, or of complements whose products are normal numbers of the type."""
        if self.margin is not None:
            return math.atanh(self.margin) ** 2
        return math.acosh(self._u_min(dtype) ** -0.5) ** 2

    def _u_min(self, dtype: torch.dtype) -> float:
        u_min = 4 * torch.finfo(dtype).tiny ** 0.5
        return u_min if self.dtype is None else max(u_min, torch.finfo(self.dtype).tiny / torch.finfo(self.dtype).eps)

    def tangent(self, r2: Tensor, c: Tensor) -> Tensor:
        """The factor that brings a tangent vector at the origin inside: `pre` of the study.

        Args:
            r2: Squared Euclidean lengths.
            c: Curvature, broadcastable to `r2`.

        Returns:
            A factor in `(0, 1]`, shape of `r2`.
        """
        scale = shrink(c * r2, self._z2_max(r2.dtype))
        return scale if self.max_norm is None else scale * shrink(r2, self.max_norm**2)

    def reaches(self, r2: Tensor, c: Tensor) -> Tensor:
        """Whether a tangent vector at the origin is as long as `tangent` leaves it, up to rounding, or longer.

        Args:
            r2: Squared Euclidean lengths.
            c: Curvature, broadcastable to `r2`.

        Returns:
            Booleans, shape of `r2`.
        """
        slack = 1 - 32 * torch.finfo(r2.dtype).eps
        long = c * r2 >= slack * self._z2_max(r2.dtype)
        return long if self.max_norm is None else long | (r2 >= slack * self.max_norm**2)

    def point(self, r2: Tensor, u: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The factor that brings a point of the ball inside, and its complement there: `clip` of the study.

        Args:
            r2: Squared Euclidean norms of the points.
            u: Their complements `1 - c·r2`.
            c: Curvature, broadcastable to `r2`.

        Returns:
            A factor in `(0, 1]` and the complement after it, shape of `r2`.
        """
        # A stream that was clipped before lies at the limit, up to rounding, and stays there while the gate is closed.
        # So norm and complement follow one decision, and a point at the limit counts as outside: else its derivative
        # would be a mixture of both branches, by chance of rounding.
        slack = 32 * torch.finfo(r2.dtype).eps
        scale = torch.ones_like(r2)
        if self.max_norm is not None:
            scale = _to_limit(r2, self.max_norm**2, r2 > self.max_norm**2 * (1 - slack))
        if self.margin is None:
            return scale, u.clamp_min(self._u_min(u.dtype))
        n, n_max = c * r2, self.margin**2
        outside = n > n_max * (1 - slack) if n_max < 0.5 else u < (1 - n_max) * (1 + slack)
        return scale * _to_limit(n, n_max, outside), torch.where(outside, 1 - n_max, u)

    def given(self, r2: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The factor that keeps a stored point inside the ball, whatever the curvature has become since.

        A learnt curvature may leave a parameter outside the ball that it was drawn from. It is brought back to where
        `1 - n` is still told from zero.

        Args:
            r2: Squared Euclidean norms of the points.
            c: Curvature, broadcastable to `r2`.

        Returns:
            A factor in `(0, 1]` and the complement after it, shape of `r2`.
        """
        n_max = 1 - 8 * torch.finfo(r2.dtype).eps
        scale = shrink(c * r2, n_max)
        return scale, 1 - (c * r2).clamp_max(n_max)

    def klein_complement(self, dtype: torch.dtype) -> float:
        """Lower bound of `1 - c‖k‖²` for Klein points `k` whose ball points are inside."""
        if self.margin is None:
            return torch.finfo(dtype).eps
        return ((1 - self.margin**2) / (1 + self.margin**2)) ** 2
