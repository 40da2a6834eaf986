"""What the heads on a few features share: features as points of the ball, in float64."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..geometry import Frame, Gyrovector
from .config import HyperbolicConfig
from .module import HyperbolicModule

__all__ = ['PointHead', 'unit']


class PointHead(HyperbolicModule):
    """Base class of classifiers of points `exp0(x)`, where `x` has been projected to a few dimensions.

    Everything is computed in float64 (on devices without it in float32), whatever the type of the input: with so few
    features this costs little, and points near the boundary keep their digits. The logits have the type of the input.

    Args:
        in_features: Number of features d.
        num_classes: Number of classes K.
        config: Hyperbolic keywords, as for `HyperbolicModule`.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__(config, device=device, dtype=dtype, **keywords)
        self.in_features, self.num_classes = in_features, num_classes

    def forward(self, x: Tensor) -> Tensor:
        """Classify features.

        Args:
            x: Features as tangent vectors at the origin, `[..., d]`.

        Returns:
            Logits `[..., K]`, in the type of `x`.
        """
        wide = torch.float32 if x.device.type == 'mps' else torch.float64
        with self.without_autocast(x):
            c = self.curvature(wide).to(wide)
            frame = Frame.of((x.to(wide),), c, wide, self.limits_for(x))
            return self.score(frame.tangent(torch.ones_like(frame.gram[0][0])).exp0(), c).to(x.dtype)

    def score(self, p: Gyrovector, c: Tensor) -> Tensor:
        """Return the logits `[..., K]` of points in a space of curvature `c`."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Return the sizes and the configuration, for `repr`."""
        return f'in_features={self.in_features}, num_classes={self.num_classes}, {super().extra_repr()}'


def unit(x: Tensor, rounding: torch.dtype | None = None) -> Tensor:
    """`x/‖x‖` along the last axis; shorter, with a finite gradient, below a length that is far from any feature's.

    Args:
        x: `[..., D]`, float32 or float64.
        rounding: The type that `x` had before, which its gradient must fit: the least length is 3e-10, in float16 0.09.
    """
    least = torch.finfo(rounding or x.dtype).tiny ** 0.5
    return x * x.square().sum(-1, keepdim=True).clamp_min(least).rsqrt()


def linear_start(weight: Tensor) -> None:
    """Draw the weight `[E, D]` of a projection such that features of mean square 1 become vectors of length about 1."""
    nn.init.normal_(weight, std=(weight.shape[0] * weight.shape[1]) ** -0.5)
