"""The hyperbolic MLP: timm's, on hyperbolic linear layers."""

from __future__ import annotations

from typing import Any

from timm.layers import Mlp
from torch import nn

from .linear import HyperbolicLinear

__all__ = ['HyperbolicMlp']


class HyperbolicMlp(Mlp):
    """Linear, activation, dropout, linear, dropout, where the linear layers are hyperbolic.

    The activation acts on tangent vectors at the origin. Flat limit: timm's `Mlp` with
    `fc(x) = W(x - p_in) + b + p_out`.

    Args:
        in_features: D.
        hidden_features: D by default.
        out_features: D by default.
        act_layer: Activation.
        norm_layer: Normalisation between the layers.
        bias: Bias of the linear layers.
        drop: Dropout rate.
        **hyperbolic: Keywords of `HyperbolicModule`: `curvature`, `learn_curvature`, `margin`, `max_norm`, `hamp`.

    Raises:
        ValueError: a value is outside its range.
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int | None = None,
        out_features: int | None = None,
        act_layer: type[nn.Module] = nn.GELU,
        norm_layer: type[nn.Module] | None = None,
        bias: bool = True,
        drop: float = 0.0,
        device=None,
        dtype=None,
        **hyperbolic: Any,
    ) -> None:
        dd = {'device': device, 'dtype': dtype}
        super().__init__(in_features, hidden_features, out_features, act_layer, norm_layer, bias, drop, **dd)
        for name in ('fc1', 'fc2'):
            fc = getattr(self, name)
            setattr(self, name, HyperbolicLinear(fc.in_features, fc.out_features, bias, **hyperbolic, **dd))
