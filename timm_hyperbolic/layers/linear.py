"""The hyperbolic linear layer: a Möbius matrix-vector product between learnt centres."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..geometry import ops
from .config import HyperbolicConfig
from .module import HyperbolicModule

__all__ = ['HyperbolicLinear']


class HyperbolicLinear(HyperbolicModule):
    """`nn.Linear` in the ball, on tangent vectors at the origin.

    `h = exp0(x)`, `z = clip(W ⊗ (-p_in ⊕ h))`, `out = log0(clip(p_out ⊕ (z ⊕ exp0(b))))`.

    Flat limit: `W(x - p_in) + b + p_out`.

    The Euclidean product `Wx` is computed once. The formula needs besides it the inner products of `x` with a few fixed
    vectors (one skinny product) and the squared norms of `x` and `Wx`.

    Args:
        in_features: Number of input features D.
        out_features: Number of output features E, of all parts together.
        bias: Whether there is a bias `b`, a tangent vector at the origin.
        parts: Number of independent layers on the same input whose outputs are concatenated. Each has `E/parts` output
            features, and centres and a curvature of its own. The packed q, k, v of attention are three parts.
        config: Hyperbolic keywords, as for `HyperbolicModule`.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: `parts` does not divide `out_features`, or a value is outside its range.
        TypeError: a keyword is unknown.

    Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018), section 3.2, with the centres `p_in` and
    `p_out` of the reference study (Fede2717, "hyperbolic-vit-cifar100", GitHub, 2025).
    """

    manifold_names = ('p_in', 'p_out')
    kernel_names = ('linear_map',)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        parts: int = 1,
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        from .manifold import manifold_parameter  # at first use: geoopt takes about half a second to import

        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        super().__init__(config, copies=parts, **keywords, **dd)
        if out_features % parts:
            raise ValueError(f'out_features={out_features} is not divisible by parts={parts}')
        self.in_features, self.out_features, self.parts = in_features, out_features, parts
        self.weight = nn.Parameter(torch.empty(out_features, in_features, **dd))
        self.bias = nn.Parameter(torch.empty(out_features, **dd)) if bias else None
        self.p_in = manifold_parameter(torch.zeros(parts, in_features, **dd), self.curvature)
        self.p_out = manifold_parameter(torch.zeros(parts, out_features // parts, **dd), self.curvature)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights as timm's ViT does for its linear layers, and set everything else to zero."""
        super().reset_parameters()
        nn.init.trunc_normal_(self.weight, std=0.02)
        for parameter in (self.bias, self.p_in, self.p_out):
            if parameter is not None:
                nn.init.zeros_(parameter)

    def no_weight_decay(self) -> set[str]:
        """Return the names of parameters without weight decay: all but `weight`."""
        return super().no_weight_decay() - {'weight'}

    def forward(self, x: Tensor) -> Tensor:
        """Map tangent vectors at the origin.

        Args:
            x: `[..., D]`.

        Returns:
            `[..., E]`, in the type of `x` (with `hamp` under autocast, in the autocast type).
        """
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        with self.without_autocast(x):
            c, limits = self.curvature(scalars).to(scalars), self.limits_for(x)
            out = ops.linear(x, self.weight, self.bias, self.p_in, self.p_out, c, limits, vectors)
            return out.to(vectors if self.hamp else x.dtype)

    def extra_repr(self) -> str:
        """Return the sizes and the configuration, for `repr`."""
        parts = f', parts={self.parts}' if self.parts > 1 else ''
        shape = f'in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}{parts}'
        return f'{shape}, {super().extra_repr()}'
