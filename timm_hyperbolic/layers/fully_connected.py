"""The fully connected layer and the convolution of HNN++, each from one Euclidean product or convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import to_2tuple
from torch import Tensor, nn

from ..geometry import ops
from ..geometry.analytic import sinhc
from .config import HyperbolicConfig
from .point_module import PointModule

__all__ = ['HypConv2d', 'HypLinear', 'HypMLR', 'beta_ratio']


def beta_ratio(count: int, dim: int) -> float:
    """Return `B(n·d/2, 1/2)/B(d/2, 1/2)`, the factor of tangent vectors in a concatenation of n points.

    It keeps the expected length of a concatenation at that of its parts.

    Args:
        count: Number n of points.
        dim: Dimension d of each.

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), section 3.3.
    """

    def log_beta(a: float) -> float:
        return math.lgamma(a) + math.lgamma(0.5) - math.lgamma(a + 0.5)

    return math.exp(log_beta(count * dim / 2) - log_beta(dim / 2))


class _Hyperplanes(PointModule):
    """Hyperplanes in a space of `fan_in` dimensions: `v_k = 2‖z_k‖·D_k(x)`, with distances `D_k`."""

    def __init__(
        self, shape: Sequence[int], bias: bool, mode: str, config: HyperbolicConfig | None, dd: dict, keywords: dict
    ) -> None:
        super().__init__(mode, config, **dd, **keywords)
        self.weight = nn.Parameter(torch.empty(*shape, **dd))
        self.bias = nn.Parameter(torch.empty(shape[0], **dd)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw normals of length about 1/2, so that the slope of the flat limit is about 1; set the offsets to zero."""
        super().reset_parameters()
        nn.init.normal_(self.weight, std=0.5 * self.weight[0].numel() ** -0.5)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def no_weight_decay(self) -> set[str]:
        """Return the names of parameters without weight decay: all but `weight`."""
        return super().no_weight_decay() - {'weight'}

    def compute(self, x: Tensor, h: Tensor, c: Tensor, vectors: torch.dtype, points: bool, **keywords: Any) -> Tensor:
        """Return the distances or points that `ops.hyperplanes` computes, in the type of the layer's result.

        Args:
            x: The input of the layer.
            h: What the inner products are taken of.
            c: The curvature, `[1]`.
            vectors: The type of the inner products.
            points: Whether points are wanted.
            **keywords: For `ops.hyperplanes`.
        """
        out = vectors if self.hamp else x.dtype
        is_result = not points or (self.mode == 'lorentz' and self.limits.max_norm is None)
        keywords['limit'] = self.max_rapidity if points else None
        return ops.hyperplanes(h, self.weight, self.bias, c, vectors, out if is_result else c.dtype, **keywords)


class HypMLR(_Hyperplanes):
    """Multinomial logistic regression on points: `v_k = 2‖z_k‖·D_k(x)`, the signed distance from a hyperplane.

    It is the classifier of a network of point layers. `HyperbolicMLR` is the same function of tangent vectors.

    Flat limit: `2(⟨h, z_k⟩ - 2r_k‖z_k‖)` of the space part `h`, which is twice the point of the ball.

    Args:
        in_features: Number of coordinates D of a point.
        out_features: Number of classes K.
        bias: Whether hyperplanes have offsets `r`; without, they pass through the origin.
        mode: A name of `MODES`.
        config: Hyperbolic keywords, as for `PointModule`.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), section 3.1.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        mode: str = 'lorentz',
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        dd = {'device': device, 'dtype': dtype}
        super().__init__((out_features, in_features), bias, mode, config, dd, keywords)
        self.in_features, self.out_features = in_features, out_features

    def forward(self, x: Tensor) -> Tensor:
        """Classify points.

        Args:
            x: `[..., D]`.

        Returns:
            Logits `[..., K]`.
        """
        vectors = self.vector_dtype(x)
        with self.without_autocast(x):
            h, c = self.rows(x)
            return self.compute(x, h, c, vectors, points=False).view(*x.shape[:-1], self.out_features)

    def rows(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the space parts of points `[..., D]` as `[N, D]`, and the curvature."""
        wide, c = self.scalars(x)
        h = x if self.mode == 'lorentz' else self.to_space(wide, c)[0]
        return h.reshape(-1, self.in_features), c

    def extra_repr(self) -> str:
        """Return the sizes and the configuration, for `repr`."""
        sizes = f'in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}'
        return f'{sizes}, {super().extra_repr()}'


class HypLinear(HypMLR):
    """The fully connected layer: the point whose signed distances from the coordinate hyperplanes are those of the MLR.

    Its Lorentz space part is `w_k = sinh(√c·v_k)/√c` with `v` of `HypMLR`; in the ball that is the point
    `w/(1 + √(1 + c‖w‖²))`. With normals of length 1/2 and without offsets, `w` is the linear map of the space part by
    the unit normals, whatever the curvature. Longer normals make it grow like `‖h‖^(2‖z‖)`, which the margin bounds.

    Args: as `HypMLR`, with `out_features` the number of coordinates E of the result.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), section 3.2.
    """

    kernel_names = ('fully_connected',)

    def forward(self, x: Tensor) -> Tensor:
        """Map points.

        Args:
            x: `[..., D]`.

        Returns:
            Points `[..., E]`.
        """
        vectors = self.vector_dtype(x)
        with self.without_autocast(x):
            h, c = self.rows(x)
            h = self.compute(x, h, c, vectors, points=True).view(*x.shape[:-1], self.out_features)
            return self.result(self.from_space(h, c), x, vectors)


class HypConv2d(_Hyperplanes):
    """The convolution: `HypLinear` of the concatenated points under each position of the kernel.

    The space part of the concatenation of Lorentz points is the concatenation of their space parts, so that one
    Euclidean convolution has all inner products; in the ball, points are concatenated in the tangent space at the
    origin, with the factor `beta_ratio`, and one convolution of these vectors has them. Padding is with the origin.

    Args:
        in_channels: Number of coordinates of a point.
        out_channels: Number of coordinates of a point of the result.
        kernel_size: As in `nn.Conv2d`, as are the next three; `padding` is a number or two.
        stride: See `kernel_size`.
        padding: See `kernel_size`.
        dilation: See `kernel_size`.
        bias: Whether hyperplanes have offsets.
        mode: A name of `MODES`.
        config: Hyperbolic keywords, as for `PointModule`.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), section 3.4, for the ball. Bdeir,
    Schwethelm, Landwehr, "Fully Hyperbolic Convolutional Neural Networks for Computer Vision" (2024), section 4.1, for
    the concatenation of Lorentz points.
    """

    kernel_names = ('fully_connected',)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        bias: bool = True,
        mode: str = 'lorentz',
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        dd = {'device': device, 'dtype': dtype}
        shape = (out_channels, in_channels, *to_2tuple(kernel_size))
        super().__init__(shape, bias, mode, config, dd, keywords)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = to_2tuple(kernel_size), to_2tuple(stride)
        self.padding, self.dilation = to_2tuple(padding), to_2tuple(dilation)
        self.beta = beta_ratio(math.prod(self.kernel_size), in_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map points.

        Args:
            x: Points in dimension 1, `[B, C, H, W]`.

        Returns:
            Points in dimension 1, `[B, E, H', W']`.
        """
        vectors = self.vector_dtype(x)
        with self.without_autocast(x):
            wide, c = self.scalars(x)
            window = (*self.stride, *self.padding, *self.dilation)
            if self.mode == 'lorentz':
                h = self.compute(x, x, c, vectors, points=True, window=window)
                return self.result(self.from_space(h, c), x, vectors)
            v = self.beta * self.radial(wide, c, 'tangent_of_ball')
            n = c * v.square().sum(1, keepdim=True)
            geometry = self.stride, self.padding, self.dilation
            box = F.conv2d(n, n.new_ones(1, 1, *self.kernel_size), None, *geometry)
            # The concatenation of the vectors `v` is a tangent vector, of whose exp0 this is the space part
            scale = 2 * sinhc(4 * box)
            time = (1 + scale.square() * box).sqrt()
            h = self.compute(x, v, c, vectors, points=True, window=window, scale=scale, time=time)
            return self.result(self.from_space(h, c), x, vectors)

    def extra_repr(self) -> str:
        """Return the sizes and the configuration, for `repr`."""
        geometry = f'kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}'
        sizes = f'{self.in_channels}, {self.out_channels}, {geometry}, bias={self.bias is not None}'
        return f'{sizes}, {super().extra_repr()}'
