"""What the layers of hyperbolic convolutional networks share: they take and return points, not tangent vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..geometry import ops
from ..geometry.hyperplane import MAX_RAPIDITY
from .config import HyperbolicConfig
from .module import HyperbolicModule

__all__ = ['MODES', 'PointModule', 'centroid', 'channel_dim']

MODES = ('lorentz', 'poincare')
"""How a point is written: by the space part of the Lorentz model, or as a point of the Poincaré ball."""


def channel_dim(x: Tensor) -> int:
    """Return the dimension of the coordinates of points: 1 for maps `[B, C, H, W]`, else the last one.

    Args:
        x: Points.
    """
    return 1 if x.dim() == 4 else -1


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
        h = x if self.mode == 'lorentz' else self.radial(x, c, 'space_of_ball')
        return h, (1 + c * h.square().sum(channel_dim(h), keepdim=True)).sqrt()

    def radial(self, x: Tensor, c: Tensor, name: str) -> Tensor:
        """Return points or tangent vectors with another length, within the margin; see `ops.radial`.

        Args:
            x: `[B, C, H, W]` or `[..., C]`, float32 or float64.
            c: The curvature, `[1]`.
            name: A name of `geometry.radial.RADIAL`.
        """
        rows = x if x.dim() == 4 else x.reshape(-1, x.shape[-1])
        return ops.radial(rows, c, name, self.max_rapidity).view(x.shape)

    def from_space(self, h: Tensor, c: Tensor) -> Tensor:
        """Write points that are given by their Lorentz space part as the mode does, with the clip of the ball.

        Args:
            h: `[B, C, H, W]` or `[..., C]`, float32 or float64.
            c: The curvature, `[1]`.

        Returns:
            Points, shape of `h`.
        """
        h = self.shortened(h, 2.0 if self.mode == 'poincare' else 1.0)
        return h if self.mode == 'lorentz' else self.radial(h, c, 'ball_of_space')

    def shortened(self, x: Tensor, scale: float = 1.0) -> Tensor:
        """Return vectors with lengths up to `scale·max_norm` where flat space has such a limit, else `x`."""
        if self.limits.max_norm is None:
            return x
        r2, largest = x.square().sum(channel_dim(x), keepdim=True), (scale * self.limits.max_norm) ** 2
        outside = r2 > largest
        return x * torch.where(outside, (largest / torch.where(outside, r2, 1)).sqrt(), 1)

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
