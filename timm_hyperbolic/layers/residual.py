"""Hyperbolic residual connections: where `x + y` stood, a gyrovector expression of the two.

Both inputs are tangent vectors at the origin, of any length: `x` the stream, `y` what a branch adds to it. They are
mapped to the ball, joined there, and mapped back.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import TwoVectorFormula, centered_residual, ops, origin_residual, point_residual
from .module import HyperbolicModule

__all__ = ['Add', 'CenteredResidual', 'OriginResidual', 'PointResidual']


class Add(nn.Module):
    """The Euclidean residual: `x + y`."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Join the stream `x` and the branch `y`, both `[..., D]`."""
        return x + y


class _Residual(HyperbolicModule):
    """A gated residual. The gate `γ` starts at zero, which makes the layer the identity in `x`, inside the margin.

    Args: as `HyperbolicModule`.
    """

    #: Names of the learnt numbers, `[1]` each, that start at zero.
    number_names = ('gamma_raw', 'gamma_scale')
    #: The residual on two points.
    formula: TwoVectorFormula

    def __init__(
        self,
        curvature: float = 1.0,
        learn_curvature: bool | None = None,
        margin: float | None = 0.985,
        max_norm: float | None = None,
        hamp: bool = False,
        device=None,
        dtype=None,
    ) -> None:
        dd = {'device': device, 'dtype': dtype}
        super().__init__(curvature, learn_curvature, margin, max_norm, hamp, **dd)
        for name in self.number_names:
            setattr(self, name, nn.Parameter(torch.empty(1, **dd)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        for name in self.number_names:
            nn.init.zeros_(getattr(self, name))

    @property
    def kernel_names(self) -> tuple[str, ...]:
        return (self.formula.name,)

    def gate(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """`γ = (1 + softplus(gamma_scale))·tanh(gamma_raw)`, shape `[1]`, in `dtype` or better."""
        raw, scale = (t.to(torch.promote_types(t.dtype, dtype)) for t in (self.gamma_raw, self.gamma_scale))
        return (1 + F.softplus(scale)) * raw.tanh()

    def set_gate(self, gate: float) -> None:
        """Start from another `γ`, in `(-1 - ln 2, 1 + ln 2)`; its scale is set to the start, `1 + ln 2`."""
        widest = 1 + math.log(2)
        if not -widest < gate < widest:
            raise ValueError(f'gate={gate} is outside (-{widest:.4f}, {widest:.4f})')
        nn.init.zeros_(self.gamma_scale)
        nn.init.constant_(self.gamma_raw, math.atanh(gate / widest))

    def numbers(self, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
        """What the formula takes besides the two points, each `[1]`, in `dtype` or better."""
        return (self.gate(dtype),)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Join the stream `x`, `[..., D]`, and the branch `y`, `[..., D]`; the result has the type of `x`."""
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        with self.without_autocast(x):
            inputs = x.to(vectors), y.to(vectors), self.numbers(scalars), self.curvature(scalars), self.limits_for(x)
            return ops.two_vectors(self.formula, *inputs).to(x.dtype)


class CenteredResidual(_Residual):
    """The residual about a learnt centre between the two points (the study's `res`).

    `p = s⊗x ⊕ (1-s)⊗y`, `h = p ⊕ ((-p ⊕ x) ⊕ γ⊗(-p ⊕ y))`, `s = σ(center_logit)`, all sums clipped.

    Flat limit: `x + γs(y - x)`, with `s = σ(center_logit)`.

    Args: as `HyperbolicModule`.

    Source: the reference study's centred residual (DESIGN, section 3).
    """

    formula = centered_residual
    number_names = (*_Residual.number_names, 'center_logit')

    def numbers(self, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
        center_logit = self.center_logit.to(torch.promote_types(self.center_logit.dtype, dtype))
        return self.gate(dtype), center_logit.sigmoid()


class OriginResidual(_Residual):
    """The residual at the origin (the study's `res0`): `x ⊕ γ⊗y`, clipped.

    Flat limit: `x + γy`.

    Args: as `HyperbolicModule`.
    """

    formula = origin_residual


class PointResidual(_Residual):
    """The residual at `x` (the study's `resx`): `exp_x(γ·log_x(y)) = x ⊕ γ⊗(-x ⊕ y)`.

    It moves along the geodesic from `x` to `y`. The two points are clipped, what is done with them is not. Flat limit:
    `x + γ(y - x)`.

    Args: as `HyperbolicModule`.
    """

    formula = point_residual
