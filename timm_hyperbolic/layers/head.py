"""The hyperbolic classifier: distance to a prototype of each class."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import ops
from .curvature import inverse_softplus
from .manifold import manifold_parameter
from .module import HyperbolicModule

__all__ = ['HyperbolicHead']


class HyperbolicHead(HyperbolicModule):
    """`logit_k = -d(exp0(a·x), p_k)²/(2σ²) + b_k` with prototypes `p_k` on the ball.

    `a = softplus(scale_raw) + 1e-6` scales the features, `σ = softplus(sigma_raw) + 1e-6`, held to [0.01, 10], is the
    temperature. The prototypes are called `weight`, so that timm finds a classifier where it looks for one.

    Flat limit: `-2‖a·x - p_k‖²/σ² + b_k`.

    With `relative` the logits are `(d(exp0(a·x), 0)² - d(exp0(a·x), p_k)²)/(2σ²) + b_k`: a number that is the same for
    all classes is added, so that their softmax stays and their flat limit is linear in `x`,
    `(4a·⟨x, p_k⟩ - 2‖p_k‖²)/σ² + b_k`.

    Args:
        in_features: D.
        num_classes: C.
        relative: Logits relative to a prototype at the origin.
        curvature: As for `HyperbolicModule`, as are the others; the study's margin is 0.96, or 0.98 together with the
            positional embedding.

    Raises:
        ValueError: a value is outside its range.
    """

    manifold_names = ('weight',)
    kernel_names = ('logits',)

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        curvature: float = 1.0,
        learn_curvature: bool | None = None,
        margin: float | None = 0.96,
        max_norm: float | None = None,
        hamp: bool = False,
        device=None,
        dtype=None,
        *,
        relative: bool = False,
    ) -> None:
        dd = {'device': device, 'dtype': dtype}
        super().__init__(curvature, learn_curvature, margin, max_norm, hamp, **dd)
        self.in_features, self.num_classes, self.relative = in_features, num_classes, relative
        self.weight = manifold_parameter(torch.zeros(num_classes, in_features, **dd), self.curvature)
        self.bias = nn.Parameter(torch.empty(num_classes, **dd))
        self.scale_raw = nn.Parameter(torch.empty(1, **dd))
        self.sigma_raw = nn.Parameter(torch.empty(1, **dd))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.normal_(self.weight, std=0.02)
        nn.init.zeros_(self.bias)
        nn.init.constant_(self.scale_raw, inverse_softplus(0.3))
        nn.init.constant_(self.sigma_raw, inverse_softplus(1.0))

    def feature_scale(self) -> Tensor:
        """`a > 0`, shape `[1]`."""
        return F.softplus(self.scale_raw) + 1e-6

    def sigma(self) -> Tensor:
        """The temperature `σ` in [0.01, 10], shape `[1]`."""
        # two bounds of one type, as ONNX's exporter wants them
        return (F.softplus(self.sigma_raw) + 1e-6).clamp(1e-2, 10.0)

    def forward(self, x: Tensor) -> Tensor:
        """Features `[..., D]` to logits `[..., C]`, in the type of `x`."""
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        if self.relative and x.device.type != 'mps':
            scalars = torch.float64  # the length of long features is added and taken away
        with self.without_autocast(x):
            return ops.logits(
                x,
                self.weight,
                self.bias,
                self.feature_scale(),
                self.sigma(),
                self.curvature().to(scalars),
                self.limits_for(x),
                vectors,
                self.relative,
            )

    def extra_repr(self) -> str:
        relative = ', relative' if self.relative else ''
        return f'in_features={self.in_features}, num_classes={self.num_classes}{relative}, {super().extra_repr()}'
