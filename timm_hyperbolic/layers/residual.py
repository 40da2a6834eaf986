"""Hyperbolic residual connections: a gyrovector expression of stream and branch in place of `x + y`.

Both inputs are tangent vectors at the origin, of any length: `x` is the stream, `y` the output of a branch. They are
mapped to the ball, combined there, and mapped back.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..geometry import TwoVectorFormula, centered_residual, ops, origin_residual, point_residual, residual_gate
from .config import HyperbolicConfig
from .module import HyperbolicModule

__all__ = ['Add', 'CenteredResidual', 'OriginResidual', 'PointResidual']


class Add(nn.Module):
    """The Euclidean residual: `x + y`."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the sum of the stream `x` and the branch `y`, both `[..., D]`."""
        return x + y


class _Residual(HyperbolicModule):
    """A gated residual. At a gate of 0 the layer returns `x`, shortened to the margin.

    Args:
        config: Hyperbolic keywords, as for `HyperbolicModule`.
        device: Of the parameters.
        dtype: Of the parameters.
        gate: The gate `γ` at the start of training, in `(-1 - ln 2, 1 + ln 2)`.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.
    """

    #: The residual of two points. The layer learns its numbers, as parameters of their names, `[1]` each.
    formula: TwoVectorFormula
    gamma_raw: nn.Parameter
    gamma_scale: nn.Parameter

    def __init__(
        self,
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        gate: float = 0.0,
        **keywords: Any,
    ) -> None:
        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        super().__init__(config, **keywords, **dd)
        self.start_gate = gate
        for name in self.formula.numbers:
            setattr(self, name, nn.Parameter(torch.empty(1, **dd)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set everything to its starting value."""
        super().reset_parameters()
        for name in self.formula.numbers:
            nn.init.zeros_(getattr(self, name))
        self.set_gate(self.start_gate)

    @property
    def kernel_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The name of the formula, for `geometry.explain`."""
        return (self.formula.name,)

    def gate(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the gate `γ = (1 + softplus(gamma_scale))·tanh(gamma_raw)`, shape `[1]`, in `dtype` or better."""
        return residual_gate(*(t.to(torch.promote_types(t.dtype, dtype)) for t in (self.gamma_raw, self.gamma_scale)))

    def set_gate(self, gate: float) -> None:
        """Set the gate `γ`, and its scale to the starting value `1 + ln 2`.

        Args:
            gate: Value of `γ` in `(-1 - ln 2, 1 + ln 2)`.

        Raises:
            ValueError: the gate is outside this range.
        """
        widest = 1 + math.log(2)
        if not -widest < gate < widest:
            raise ValueError(f'gate={gate} is outside (-{widest:.4f}, {widest:.4f})')
        nn.init.zeros_(self.gamma_scale)
        nn.init.constant_(self.gamma_raw, math.atanh(gate / widest))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Add a branch to the stream.

        Args:
            x: The stream as tangent vectors at the origin, `[..., D]`.
            y: The branch as tangent vectors at the origin, `[..., D]`.

        Returns:
            Tangent vectors at the origin, `[..., D]`, in the type of `x`.
        """
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        with self.without_autocast(x):
            numbers = [getattr(self, name) for name in self.formula.numbers]
            inputs = x.to(vectors), y.to(vectors), numbers, self.curvature(scalars), self.limits_for(x)
            return ops.two_vectors(self.formula, *inputs).to(x.dtype)


class CenteredResidual(_Residual):
    """The residual with a learnt centre between the two points (`res` in the names of models).

    `p = s⊗x ⊕ (1-s)⊗y`, `h = p ⊕ ((-p ⊕ x) ⊕ γ⊗(-p ⊕ y))`, `s = σ(center_logit)`, all sums clipped.

    Flat limit: `x + γs(y - x)`.

    Args: as `HyperbolicModule`.

    Source: the centred residual of the reference study (Fede2717, "hyperbolic-vit-cifar100", GitHub, 2025).
    """

    formula = centered_residual
    center_logit: nn.Parameter

    def center(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the share `s` of `x` in the centre, in `(0, 1)`, shape `[1]`, in `dtype` or better."""
        return self.center_logit.to(torch.promote_types(self.center_logit.dtype, dtype)).sigmoid()


class OriginResidual(_Residual):
    """The residual at the origin (`res0` in the names of models): `x ⊕ γ⊗y`, clipped.

    Flat limit: `x + γy`.

    Args: as `HyperbolicModule`.

    Source: the residual at the origin of the reference study (Fede2717, "hyperbolic-vit-cifar100", GitHub, 2025).
    """

    formula = origin_residual


class PointResidual(_Residual):
    """The residual at `x` (`resx` in the names of models): `exp_x(γ·log_x(y)) = x ⊕ γ⊗(-x ⊕ y)`.

    The result lies on the geodesic from `x` to `y`. The two points are clipped, the result is not.

    Flat limit: `x + γ(y - x)`.

    Args: as `HyperbolicModule`.

    Source: the residual at `x` of the reference study (Fede2717, "hyperbolic-vit-cifar100", GitHub, 2025).
    """

    formula = point_residual
