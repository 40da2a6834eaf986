"""What the layers of hyperbolic convolutional networks share: they take and return points, not tangent vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from ..geometry.hyperplane import MAX_RAPIDITY
from .config import HyperbolicConfig
from .module import HyperbolicModule

__all__ = ['MODES', 'PointModule', 'centroid', 'channel_dim', 'complement']

MODES = ('lorentz', 'poincare')
"""How a point is written: by the space part of the Lorentz model, or as a point of the Poincaré ball."""


def channel_dim(x: Tensor) -> int:
    """Return the dimension of the coordinates of points: 1 for maps `[B, C, H, W]`, else the last one.

    Args:
        x: Points.
    """
    return 1 if x.dim() == 4 else -1


def complement(n: Tensor) -> Tensor:
    """Return `1 - n` for points of the ball, where one that rounding has put on the boundary counts as just inside.

    Args:
        n: Squared norms `c‖p‖²`, float32 or float64.
    """
    return (1 - n).clamp_min(8 * torch.finfo(n.dtype).eps)


def centroid(space: Tensor, time: Tensor, c: Tensor, dim: int) -> Tensor:
    """Return the space part of the Lorentz centroid `H/√(T² - c‖H‖²)` of points with the means `H` and `T`.

    Args:
        space: The mean, or a weighted mean, of space parts.
        time: The mean of `τ` with the same weights, with one coordinate.
        c: The curvature, `[1]`.
        dim: The dimension of the coordinates.
    """
    return space * (time.square() - c * space.square().sum(dim, keepdim=True)).clamp_min(1).rsqrt()


class PointModule(HyperbolicModule):
    """Base class of layers on points of hyperbolic space, which are written in one of two ways:

    - `mode='lorentz'`: by the space part `h` of the Lorentz model. Every vector is a point, and the time part `τ/√c`,
      `τ = √(1 + c‖h‖²)`, is computed where it is needed. The margin bounds each coordinate, at the hyperbolic distance
      that it stands for;
    - `mode='poincare'`: as a point `p` of the ball, with `c‖p‖² < 1`; then `h = 2p/(1 - c‖p‖²)`. The margin bounds the
      norm.

    The other layers of this package take tangent vectors at the origin. `exp0` and `log0` lead from one to the other.

    Number types. Matrix products and convolutions are computed in the type of the input (half types in float32, with
    `hamp` under autocast in the autocast type), all else in float32 or better. The output has the type of the input, or
    with `hamp` under autocast the autocast type.

    Args:
        mode: A name of `MODES`.
        config: The hyperbolic keywords of the layer. The curvature is fixed unless `learn_curvature` is True: points go
            from layer to layer as coordinates, so that the layers of a network should agree on it. The margin 'study'
            is 0.996, the radius at which HypLL clips in float32: a hyperbolic distance of 6.2/√c from the origin.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: the mode is unknown, a value is outside its range, or a curvature is to be learnt in the ball.
        TypeError: a keyword is unknown.
    """

    study_margin = 0.996

    def __init__(
        self,
        mode: str = 'lorentz',
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f'mode={mode!r} must be one of {MODES}')
        config = HyperbolicConfig.of(config, **keywords)
        if config.learn_curvature and mode == 'poincare':
            raise ValueError(
                "learn_curvature=True is not possible with mode='poincare': a curvature that changes in one layer "
                "moves the boundary of the ball for the points of the next; use mode='lorentz'."
            )
        config = replace(config, learn_curvature=bool(config.learn_curvature))
        super().__init__(config, device=device, dtype=dtype)
        self.mode = mode

    def to_space(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return the Lorentz space part of points and their `τ = √(1 + c‖h‖²)`.

        Args:
            x: Points as the mode writes them, `[B, C, H, W]` or `[..., C]`, float32 or float64.
            c: The curvature, `[1]`.

        Returns:
            The space part, shape of `x`, and `τ`, with one channel.
        """
        dim = channel_dim(x)
        n = c * x.square().sum(dim, keepdim=True)
        if self.mode == 'lorentz':
            return x, (1 + n).sqrt()
        inverse = 1 / complement(n)
        return 2 * inverse * x, (1 + n) * inverse

    def from_space(self, h: Tensor, c: Tensor) -> Tensor:
        """Write points that are given by their Lorentz space part as the mode does, with the clip of the ball.

        Args:
            h: `[B, C, H, W]` or `[..., C]`, float32 or float64.
            c: The curvature, `[1]`.

        Returns:
            Points, shape of `h`.
        """
        if self.mode == 'lorentz' and self.limits.max_norm is None:
            return h
        r2 = h.square().sum(channel_dim(h), keepdim=True)
        if self.is_clipped:
            if self.curvature.is_flat:
                q, q_max = r2, cast(float, self.limits.max_norm) ** 2
                q_max = 4 * q_max if self.mode == 'poincare' else q_max
            else:
                margin = cast(float, self.limits.margin)
                q, q_max = c * r2, (2 * margin / (1 - margin**2)) ** 2
            outside = q > q_max
            factor = torch.where(outside, (q_max / torch.where(outside, q, q_max)).sqrt(), 1)
            h, r2 = h * factor, r2 * factor.square()
        return h if self.mode == 'lorentz' else h / (1 + (1 + c * r2).sqrt())

    @property
    def max_rapidity(self) -> float:
        """Largest `√c·d` of a coordinate's distance `d` from zero."""
        return MAX_RAPIDITY if self.limits.margin is None else min(MAX_RAPIDITY, self.limits.max_rapidity)

    def scalars(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the input in the type in which points are computed, float32 or float64, and the curvature in it."""
        wide = torch.promote_types(x.dtype, torch.float32)
        return x.to(wide), self.curvature(wide).to(wide)

    def result(self, h: Tensor, x: Tensor, vectors: torch.dtype) -> Tensor:
        """Return a result in the type of the input `x`, with `hamp` in the type of vectors."""
        return h.to(vectors if self.hamp else x.dtype)

    def extra_repr(self) -> str:
        """Return the mode and the configuration, for `repr`."""
        return f'mode={self.mode!r}, {super().extra_repr()}'
