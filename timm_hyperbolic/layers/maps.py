"""Layers without weights on maps of points: activation, pooling, and flattening."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from timm.layers import to_2tuple
from torch import Tensor

from .config import HyperbolicConfig
from .fully_connected import beta_ratio
from .point_module import PointModule, centroid

__all__ = ['HypAvgPool2d', 'HypExp0', 'HypFlatten', 'HypGlobalPool', 'HypMaxPool2d', 'HypReLU']


class _Pointwise(PointModule):
    """A function of coordinates: of the space part in Lorentz mode, of the tangent vector `log0(p)` in the ball."""

    def through(self, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        if self.mode == 'lorentz':
            return function(x)
        with self.without_autocast(x):
            p, c = self.scalars(x)
            v = function(self.radial(p, c, 'tangent_of_ball'))
            return self.radial(v, c, 'ball_of_tangent').to(x.dtype)


class HypExp0(PointModule):
    """The exponential map at the origin, from vectors such as the colours of pixels to points.

    In Lorentz mode `sinh(√c‖x‖)·x/(√c‖x‖)`, at the distance `‖x‖` from the origin; in the ball
    `tanh(√c‖x‖)·x/(√c‖x‖)`, at the distance `2‖x‖`. Each is what the literature of the mode calls `exp0`.

    Args:
        mode: A name of `MODES`.
        config: Hyperbolic keywords, as for `PointModule`.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map vectors `[B, C, H, W]` or `[..., C]` to points."""
        vectors = self.vector_dtype(x)
        with self.without_autocast(x):
            v, c = self.scalars(x)
            name = 'space_of_tangent' if self.mode == 'lorentz' else 'ball_of_tangent'
            return self.result(self.shortened(self.radial(v, c, name)), x, vectors)


class HypReLU(_Pointwise):
    """`relu` of the space part (Lorentz), or `exp0(relu(log0(p)))` (ball).

    Args:
        mode: A name of `MODES`.
        config: Hyperbolic keywords, as for `PointModule`.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation to points `[B, C, H, W]` or `[..., C]`."""
        return self.through(x, F.relu)


class _Pool2d(_Pointwise):
    """What the two poolings share.

    Args:
        kernel_size: As in `nn.MaxPool2d`, as are `stride` and `padding`.
        stride: See `kernel_size`.
        padding: See `kernel_size`.
        mode: A name of `MODES`.
        config: Hyperbolic keywords, as for `PointModule`.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        mode: str = 'lorentz',
        config: HyperbolicConfig | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__(mode, config, **keywords)
        self.kernel_size, self.padding = to_2tuple(kernel_size), to_2tuple(padding)
        self.stride = self.kernel_size if stride is None else to_2tuple(stride)

    def extra_repr(self) -> str:
        """Return the sizes and the configuration, for `repr`."""
        sizes = f'kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}'
        return f'{sizes}, {super().extra_repr()}'


class HypMaxPool2d(_Pool2d):
    """The maximum of each coordinate: of the space part (Lorentz), or of `log0(p)`, from where `exp0` leads back."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool points `[B, C, H, W]` to `[B, C, H', W']`."""
        return self.through(x, lambda v: F.max_pool2d(v, self.kernel_size, self.stride, self.padding))


class HypAvgPool2d(_Pool2d):
    """The mean of the points under each position of the kernel: their Lorentz centroid, which is the gyro-midpoint.

    Padding counts as points at the origin.

    Source: Bdeir, Schwethelm, Landwehr (2024), section 4.3; Ungar (2009) for the midpoint.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Pool points `[B, C, H, W]` to `[B, C, H', W']`."""
        geometry = self.kernel_size, self.stride, self.padding
        return _centroid(self, x, lambda t: F.avg_pool2d(t, *geometry))


class HypGlobalPool(PointModule):
    """The mean of all points of a map, as `HypAvgPool2d`; the counterpart of timm's `SelectAdaptivePool2d`.

    Args:
        mode: A name of `MODES`.
        config: Hyperbolic keywords, as for `PointModule`.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.
    """

    #: timm's name of this pooling.
    pool_type = 'avg'

    def feat_mult(self) -> int:
        """Return how many numbers a coordinate becomes, as timm's pooling does."""
        return 1

    def forward(self, x: Tensor) -> Tensor:
        """Pool points `[B, C, H, W]` to `[B, C]`."""
        return _centroid(self, x, lambda t: t.mean((2, 3), keepdim=True)).flatten(1)


def _centroid(layer: PointModule, x: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
    vectors = layer.vector_dtype(x)
    with layer.without_autocast(x):
        wide, c = layer.scalars(x)
        h, time = layer.to_space(wide, c)
        space, time = mean(h), 1 + mean(time - 1)
        return layer.result(layer.from_space(centroid(space, time, c, 1), c), x, vectors)


class HypFlatten(_Pointwise):
    """The concatenation of all points of a map, from `[B, C, H, W]` to `[B, C·H·W]`.

    In Lorentz mode that is the concatenation of the space parts, in the ball that of tangent vectors at the origin,
    with the factor `beta_ratio`.

    Args:
        mode: A name of `MODES`.
        config: Hyperbolic keywords, as for `PointModule`.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), section 3.3.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate points `[B, C, H, W]` to `[B, C·H·W]`."""
        if self.mode == 'lorentz':
            return x.flatten(1)
        beta = beta_ratio(x[0, 0].numel(), x.shape[1])
        return self.through(x, lambda v: (beta * v).flatten(1))
