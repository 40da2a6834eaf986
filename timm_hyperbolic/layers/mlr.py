"""The hyperbolic form of the linear classifier: multinomial logistic regression."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import Gyrovector
from ..geometry.hyperplane import hyperplane_distance, unit_normals
from .config import HyperbolicConfig
from .point_head import PointHead

__all__ = ['HyperbolicMLR']


class HyperbolicMLR(PointHead):
    """`logit_k = 2‖z_k‖·D_k(exp0(x))`: the signed distance from a hyperplane for each class, times its slope.

    `D_k(h) = (1/√c)·arsinh(√c·λ⟨h, ẑ_k⟩·cosh(2√c·r_k) - (λ - 1)·sinh(2√c·r_k))`, with `ẑ_k = z_k/‖z_k‖` and
    `λ = 2/(1 - c‖h‖²)`. The layer is written for the ball; the Lorentz form of the literature is the same function of
    `x`. The logits of all classes take one matrix product. `z` is the parameter `weight`, `r` is `bias`.

    Flat limit: the linear classifier `4(⟨x, z_k⟩ - r_k‖z_k‖)`.

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

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), section 3.1.
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
        super().__init__(in_features, num_classes, config, device, dtype, **keywords)
        self.weight = nn.Parameter(torch.empty(num_classes, in_features, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(num_classes, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw normals of length about 1/4, so that the flat slope is about 1, and set the offsets to zero."""
        super().reset_parameters()
        nn.init.normal_(self.weight, std=0.25 * self.in_features**-0.5)
        nn.init.zeros_(self.bias)

    def no_weight_decay(self) -> set[str]:
        """Return the names of parameters without weight decay: all but `weight`."""
        return super().no_weight_decay() - {'weight'}

    def score(self, p: Gyrovector, c: Tensor) -> Tensor:
        """Return the logits `[..., K]` of points in a space of curvature `c`."""
        normals, length = unit_normals(self.weight.to(c.dtype))
        inner, time = F.linear(2 / p.u * p.to_tensor(), normals), (1 + c * p.r2) / p.u
        return 2 * length * hyperplane_distance(inner, time, self.bias.to(c.dtype), c)
