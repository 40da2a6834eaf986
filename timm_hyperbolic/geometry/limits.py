"""The clip of a layer: by the margin, by the `max_norm` of flat controls, and by what a number type can hold.

A vector or a point counts as clipped where it lies on the limit up to rounding, or beyond it. A stream that one layer
has clipped lies on the limit of the next layer, so without this slack rounding would decide, row by row, whether the
next layer's derivative is that of the clipped or of the free vector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor

__all__ = ['Bounds', 'Limits']


def _to_limits(*limits: tuple[Tensor, Tensor | float, Tensor]) -> Tensor:
    """The factor that brings vectors inside of limits.

    Args:
        limits: Of each limit the squared lengths `q`, the largest one, and which vectors are outside: their length is
            divided by `√(q/largest)`, that of others by 1.
    """
    # One root and one division for all limits, since they are what the scalars of a row cost.
    largest: Tensor | None = None
    length: Tensor | None = None
    for q, q_max, outside in limits:
        # Not where(outside, q_max, 1): torch takes two numbers as float32.
        inside = torch.ones_like(q)
        kept, own = torch.where(outside, q_max, inside), torch.where(outside, q, inside)
        largest, length = kept if largest is None else largest * kept, own if length is None else length * own
    return (cast(Tensor, largest) / cast(Tensor, length)).sqrt()


class Bounds(NamedTuple):
    """The numbers of a clip, and the two functions that apply them.

    Layers have floats here. While a kernel is made from a formula they are tensors, so that one kernel serves every
    margin.

    Args:
        z2_max: Largest `c‖v‖²` of a tangent vector at the origin.
        z2_edge: `c‖v‖²` from which on a tangent vector counts as clipped.
        n_max: Squared norm `c‖p‖²` that clipped points get.
        n_edge: Squared norm above which a point counts as clipped.
        u_max: Complement `1 - n_max` that clipped points get.
        u_edge: Complement below which a point counts as clipped.
        u_min: Smallest complement of any point.
        n_given: Largest squared norm `c‖p‖²` of a stored point.
        r2_max: Largest squared Euclidean norm of vectors and points; None for no such limit.
        r2_edge: Squared Euclidean norm from which on a vector or point counts as clipped.
    """

    z2_max: float
    z2_edge: float
    n_max: float
    n_edge: float
    u_max: float
    u_edge: float
    u_min: float
    n_given: float
    r2_max: float | None = None
    r2_edge: float | None = None

    def _by_norm(self, r2: Tensor) -> tuple[tuple[Tensor, float, Tensor], ...]:
        """The limit of Euclidean norms for `_to_limits`, if there is one."""
        if self.r2_max is None or self.r2_edge is None:
            return ()
        return ((r2, self.r2_max, r2 >= self.r2_edge),)

    def reaches(self, r2: Tensor, c: Tensor) -> Tensor:
        """Whether tangent vectors at the origin count as clipped; see `Limits.reaches`."""
        long = c * r2 >= self.z2_edge
        return long if self.r2_edge is None else long | (r2 >= self.r2_edge)

    def tangent(self, r2: Tensor, c: Tensor) -> Tensor:
        """The factor that brings tangent vectors at the origin inside; see `Limits.tangent`."""
        q = c * r2
        return _to_limits((q, self.z2_max, q >= self.z2_edge), *self._by_norm(r2))

    def point(self, r2: Tensor, u: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The factor that brings points inside, and their complement there; see `Limits.point`."""
        n = c * r2
        outside = (n > self.n_edge) | (u < self.u_edge)
        scale = _to_limits((n, self.n_max, outside), *self._by_norm(r2))
        return scale, torch.where(outside, self.u_max, torch.where(u > self.u_min, u, self.u_min))

    def given(self, r2: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The factor that keeps a stored point inside the ball, and its complement there; see `Limits.given`."""
        n = c * r2
        outside = n >= self.n_given
        return _to_limits((n, self.n_given, outside)), 1 - torch.where(outside, self.n_given, n)

    @property
    def klein_complement(self) -> float:
        """Lower bound of `1 - c‖k‖²` for Klein points `k` whose ball points are inside."""
        return (self.u_max / (1 + self.n_max)) ** 2


@dataclass(frozen=True)
class Limits:
    """The clip of a layer.

    Args:
        margin: `t` in `(0, 1)`; a point of the unit ball is kept within norm `t`, a tangent vector at the origin within
            `artanh(t)`, both divided by `√c`. `None` leaves only the limit of the number type.
        max_norm: Largest Euclidean norm of every vector, `> 0`, for flat controls (curvature 0), which have no margin:
            with `artanh(t)` it clips and gates exactly where the curved layer does. `None` leaves vectors alone.
        dtype: The type of the vectors, whose range limits coefficients, which grow like `1/u`, where there is no
            margin. None where vectors have the type of the scalars.
        rounding: The type that the vectors were last rounded to, on which it depends what counts as lying on the limit.
            None where that is `dtype`.

    Raises:
        ValueError: a value is outside its range.
    """

    margin: float | None = None
    max_norm: float | None = None
    dtype: torch.dtype | None = None
    rounding: torch.dtype | None = None

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
        return 2 * math.atanh(cast(float, self.margin))

    def _u_min(self, dtype: torch.dtype) -> float:
        u_min = 4 * torch.finfo(dtype).tiny ** 0.5
        if self.dtype is None:
            return u_min
        return max(u_min, torch.finfo(self.dtype).tiny / torch.finfo(self.dtype).eps)

    def bounds(self, dtype: torch.dtype) -> Bounds:
        """The numbers of the clip for scalars of a type, float32 or float64.

        The slack of a limit is what rounding does to a squared length: of the vector's type in one step, and of the
        scalars' type in a formula.
        """
        rounding, vectors = 64 * torch.finfo(dtype).eps, self.rounding or self.dtype or dtype
        slack = rounding + 4 * torch.finfo(vectors).eps
        n_given = 1 - 8 * max(torch.finfo(t).eps for t in (dtype, torch.promote_types(vectors, torch.float32)))
        u_min, never = self._u_min(dtype), torch.finfo(dtype).max
        if self.margin is None:
            # Complements are such that products of two are normal numbers of the type.
            z2_max = math.acosh(u_min**-0.5) ** 2
            bounds = Bounds(z2_max, z2_max * (1 - slack), 1.0, never, u_min, 0.0, u_min, n_given)
        else:
            n_max, z2_max = self.margin**2, math.atanh(self.margin) ** 2
            # Whichever of norm and complement is smaller has the digits that tell a point from the limit.
            n_edge, u_edge = (n_max * (1 - rounding), 0.0) if n_max < 0.5 else (never, (1 - n_max) * (1 + rounding))
            bounds = Bounds(z2_max, z2_max * (1 - slack), n_max, n_edge, 1 - n_max, u_edge, u_min, n_given)
        if self.max_norm is None:
            return bounds
        return bounds._replace(r2_max=self.max_norm**2, r2_edge=self.max_norm**2 * (1 - slack))

    def reaches(self, r2: Tensor, c: Tensor) -> Tensor:
        """Whether a tangent vector at the origin is as long as `tangent` leaves it, up to rounding, or longer.

        Args:
            r2: Squared Euclidean lengths.
            c: Curvature, broadcastable to `r2`.

        Returns:
            Booleans, shape of `r2`.
        """
        return self.bounds(r2.dtype).reaches(r2, c)

    def tangent(self, r2: Tensor, c: Tensor) -> Tensor:
        """The factor that brings a tangent vector at the origin inside: `pre` of the study.

        Args:
            r2: Squared Euclidean lengths.
            c: Curvature, broadcastable to `r2`.

        Returns:
            A factor, at most 1 up to rounding, shape of `r2`.
        """
        return self.bounds(r2.dtype).tangent(r2, c)

    def point(self, r2: Tensor, u: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The factor that brings a point of the ball inside, and its complement there: `clip` of the study.

        Args:
            r2: Squared Euclidean norms of the points.
            u: Their complements `1 - c·r2`.
            c: Curvature, broadcastable to `r2`.

        Returns:
            A factor, at most 1 up to rounding, and the complement after it, shape of `r2`.
        """
        return self.bounds(r2.dtype).point(r2, u, c)

    def given(self, r2: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The factor that keeps a stored point inside the ball, whatever the curvature has become since.

        A learnt curvature may leave a parameter outside the ball that it was drawn from. It is brought back to where
        the type that it was rounded to, float32 for half types, still tells `1 - n` from zero.

        Args:
            r2: Squared Euclidean norms of the points.
            c: Curvature, broadcastable to `r2`.

        Returns:
            A factor, at most 1 up to rounding, and the complement after it, shape of `r2`.
        """
        return self.bounds(r2.dtype).given(r2, c)
