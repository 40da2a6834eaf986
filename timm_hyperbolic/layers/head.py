"""The hyperbolic classifier: distance to a prototype of each class."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import ops
from .config import HyperbolicConfig
from .curvature import inverse_softplus
from .module import HyperbolicModule

__all__ = ['HyperbolicHead']


class HyperbolicHead(HyperbolicModule):
    """`logit_k = -d(exp0(a·x), p_k)²/(2σ²) + b_k` with prototypes `p_k` on the ball.

    `a = softplus(scale_raw) + 1e-6` scales the features, and `σ = softplus(sigma_raw) + 1e-6`, clamped to [0.01, 10],
    is the temperature. The prototypes are the parameter `weight`, the name by which timm finds a classifier.

    Flat limit: `-2‖a·x - p_k‖²/σ² + b_k`.

    With `relative` the logits are `(d(exp0(a·x), 0)² - d(exp0(a·x), p_k)²)/(2σ²) + b_k`. The number that this adds is
    the same for all classes, so the softmax is unchanged, and the flat limit is linear in `x`:
    `(4a·⟨x, p_k⟩ - 2‖p_k‖²)/σ² + b_k`.

    The kernel computes its matrix product in float32 or better, also with `hamp`; only the definition uses the autocast
    type there.

    Args:
        in_features: Number of features D.
        num_classes: Number of classes C.
        config: Hyperbolic keywords, as for `HyperbolicModule`. The study's margin is 0.96; models use 0.98 together
            with a hyperbolic positional embedding.
        device: Of the parameters.
        dtype: Of the parameters.
        relative: Whether logits are relative to a prototype at the origin.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.

    Source: the prototype head of the reference study (Fede2717, "hyperbolic-vit-cifar100", GitHub, 2025).
    """

    study_margin = 0.96
    manifold_names = ('weight',)
    kernel_names = ('logits',)

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        relative: bool = False,
        **keywords: Any,
    ) -> None:
        from .manifold import manifold_parameter  # at first use: geoopt takes about half a second to import

        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        super().__init__(config, **keywords, **dd)
        self.in_features, self.num_classes, self.relative = in_features, num_classes, relative
        self.weight = manifold_parameter(torch.zeros(num_classes, in_features, **dd), self.curvature)
        self.bias = nn.Parameter(torch.empty(num_classes, **dd))
        self.scale_raw = nn.Parameter(torch.empty(1, **dd))
        self.sigma_raw = nn.Parameter(torch.empty(1, **dd))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw prototypes near the origin, and set everything else to its starting value."""
        super().reset_parameters()
        nn.init.normal_(self.weight, std=0.02)
        nn.init.zeros_(self.bias)
        nn.init.constant_(self.scale_raw, inverse_softplus(0.3))
        nn.init.constant_(self.sigma_raw, inverse_softplus(1.0))

    def feature_scale(self) -> Tensor:
        """Return the factor `a > 0` of the features, shape `[1]`."""
        return F.softplus(self.scale_raw) + 1e-6

    def sigma(self) -> Tensor:
        """Return the temperature `σ` in [0.01, 10], shape `[1]`."""
        # ONNX's exporter needs both bounds in one type
        return (F.softplus(self.sigma_raw) + 1e-6).clamp(1e-2, 10.0)

    def forward(self, x: Tensor) -> Tensor:
        """Classify features.

        Args:
            x: Features as tangent vectors at the origin, `[..., D]`.

        Returns:
            Logits `[..., C]`, in the type of `x`.
        """
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        if self.relative and x.device.type != 'mps':
            scalars = torch.float64  # the squared length of long features is added and subtracted
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
        """Return the sizes and the configuration, for `repr`."""
        relative = ', relative' if self.relative else ''
        return f'in_features={self.in_features}, num_classes={self.num_classes}{relative}, {super().extra_repr()}'
