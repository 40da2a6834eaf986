"""The hyperbolic linear layer: a Möbius matrix-vector product between learnt centres."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..geometry import ops
from .manifold import manifold_parameter
from .module import HyperbolicModule

__all__ = ['HyperbolicLinear']


class HyperbolicLinear(HyperbolicModule):
    """`nn.Linear` in the ball, on tangent vectors at the origin.

    `h = exp0(x)`, `z = clip(W ⊗ (-p_in ⊕ h))`, `out = log0(clip(p_out ⊕ (z ⊕ exp0(b))))`.

    Flat limit: `W(x - p_in) + b + p_out`.

    The Euclidean product `Wx` is made once; what the formula needs besides are inner products of `x` with a few fixed
    vectors (one skinny product) and the squared norms of `x` and `Wx`.

    Args:
        in_features: D.
        out_features: E, over all parts.
        bias: With a bias `b`, a tangent vector at the origin.
        parts: The layer is this many independent layers on one input, their outputs joined: `E/parts` features each,
            with centres and curvature of their own. Attention's packed q, k, v are three.
        curvature: As for `HyperbolicModule`, as are the others.

    Raises:
        ValueError: `parts` does not divide `out_features`; a value is outside its range.

    Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018), section 3.2, with the study's centres.
    """

    manifold_names = ('p_in', 'p_out')
    kernel_names = ('linear_map',)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        parts: int = 1,
        curvature: float = 1.0,
        learn_curvature: bool | None = None,
        margin: float | None = 0.985,
        max_norm: float | None = None,
        hamp: bool = False,
        device=None,
        dtype=None,
    ) -> None:
        dd = {'device': device, 'dtype': dtype}
        super().__init__(curvature, learn_curvature, margin, max_norm, hamp, copies=parts, **dd)
        if out_features % parts:
            raise ValueError(f'out_features={out_features} is not divisible by parts={parts}')
        self.in_features, self.out_features, self.parts = in_features, out_features, parts
        self.weight = nn.Parameter(torch.empty(out_features, in_features, **dd))
        self.bias = nn.Parameter(torch.empty(out_features, **dd)) if bias else None
        self.p_in = manifold_parameter(torch.zeros(parts, in_features, **dd), self.curvature)
        self.p_out = manifold_parameter(torch.zeros(parts, out_features // parts, **dd), self.curvature)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights as timm's ViT starts its linear layers, everything else zero."""
        super().reset_parameters()
        nn.init.trunc_normal_(self.weight, std=0.02)
        for parameter in (self.bias, self.p_in, self.p_out):
            if parameter is not None:
                nn.init.zeros_(parameter)

    def no_weight_decay(self) -> set[str]:
        return super().no_weight_decay() - {'weight'}

    def forward(self, x: Tensor) -> Tensor:
        """`[..., D]` to `[..., E]`, in the type of `x` (with `hamp` under autocast, in the autocast type)."""
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        with self.without_autocast(x):
            c, limits = self.curvature(scalars).to(scalars), self.limits_for(x)
            out = ops.linear(x, self.weight, self.bias, self.p_in, self.p_out, c, limits, vectors)
            return out.to(vectors if self.hamp else x.dtype)

    def extra_repr(self) -> str:
        parts = f', parts={self.parts}' if self.parts > 1 else ''
        shape = f'in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}{parts}'
        return f'{shape}, {super().extra_repr()}'
