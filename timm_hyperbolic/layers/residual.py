"""Hyperbolic residual connections: where `x + y` stood, a gyrovector expression of the two.

Both inputs are tangent vectors at the origin, of any length: `x` the stream, `y` what a branch adds to it. They are
mapped to the ball, joined there, and mapped back.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import CenteredRows, Gyrovector, OriginRows, PlaneExpression, PointRows, plane_expression
from .module import HyperbolicModule

__all__ = ['Add', 'CenteredResidual', 'OriginResidual', 'PointResidual']


class Add(nn.Module):
    """The Euclidean residual: `x + y`."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Join the stream `x` and the branch `y`, both `[..., D]`."""
        return x + y


def _about_center(x: Gyrovector, y: Gyrovector, gamma: Tensor, s: Tensor) -> Gyrovector:
    p = s * x + (1 - s) * y
    return p + ((-p + x) + gamma * (-p + y))


def _at_origin(x: Gyrovector, y: Gyrovector, gamma: Tensor) -> Gyrovector:
    return x + gamma * y


def _at_x(x: Gyrovector, y: Gyrovector, gamma: Tensor) -> Gyrovector:
    return x + gamma * (-x + y)


class _Residual(HyperbolicModule):
    """A gated residual. The gate `γ` starts at zero, which makes the layer the identity in `x`, inside the margin.

    Args: as `HyperbolicModule`.
    """

    #: Names of the learnt numbers, `[1]` each, that start at zero.
    number_names = ('gamma_raw', 'gamma_scale')
    #: The residual on two points.
    expression: PlaneExpression

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

    def gate(self) -> Tensor:
        """`γ = (1 + softplus(gamma_scale))·tanh(gamma_raw)`, shape `[1]`."""
        return (1 + F.softplus(self.gamma_scale)) * self.gamma_raw.tanh()

    def set_gate(self, gate: float) -> None:
        """Start from another `γ`, in `(-1 - ln 2, 1 + ln 2)`; its scale is set to the start, `1 + ln 2`."""
        widest = 1 + math.log(2)
        if not -widest < gate < widest:
            raise ValueError(f'gate={gate} is outside (-{widest:.4f}, {widest:.4f})')
        nn.init.zeros_(self.gamma_scale)
        nn.init.constant_(self.gamma_raw, math.atanh(gate / widest))

    def numbers(self) -> tuple[Tensor, ...]:
        """What the formula takes besides the two points, each `[1]`."""
        return (self.gate(),)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Join the stream `x`, `[..., D]`, and the branch `y`, `[..., D]`; the result has the type of `x`."""
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        with self.without_autocast(x):
            return plane_expression(
                x.to(vectors),
                y.to(vectors),
                self.expression,
                self.numbers(),
                self.curvature(),
                self.limits,
                scalars,
            ).to(x.dtype)


class CenteredResidual(_Residual):
    """The residual about a learnt centre between the two points (the study's `res`).

    `p = s⊗x ⊕ (1-s)⊗y`, `h = p ⊕ ((-p ⊕ x) ⊕ γ⊗(-p ⊕ y))`, `s = σ(center_logit)`, all sums clipped.

    Flat limit: `x + γs(y - x)`, with `s = σ(center_logit)`.

    Args: as `HyperbolicModule`.

    Source: the reference study's centred residual (DESIGN, section 3).
    """

    expression = PlaneExpression(_about_center, CenteredRows)
    number_names = (*_Residual.number_names, 'center_logit')

    def numbers(self) -> tuple[Tensor, ...]:
        return self.gate(), self.center_logit.sigmoid()


class OriginResidual(_Residual):
    """The residual at the origin (the study's `res0`): `x ⊕ γ⊗y`, clipped.

    Flat limit: `x + γy`.

    Args: as `HyperbolicModule`.
    """

    expression = PlaneExpression(_at_origin, OriginRows)


class PointResidual(_Residual):
    """The residual at `x` (the study's `resx`): `exp_x(γ·log_x(y)) = x ⊕ γ⊗(-x ⊕ y)`.

    It moves along the geodesic from `x` to `y`. The two points are clipped, what is done with them is not. Flat limit:
    `x + γ(y - x)`.

    Args: as `HyperbolicModule`.
    """

    expression = PlaneExpression(_at_x, PointRows, closed=False)
