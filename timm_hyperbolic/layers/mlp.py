"""The hyperbolic MLP: timm's `Mlp` with hyperbolic linear layers."""

from __future__ import annotations

from typing import Any

import torch
from timm.layers import Mlp
from torch import nn

from .config import HyperbolicConfig
from .linear import HyperbolicLinear

__all__ = ['HyperbolicMlp']


class HyperbolicMlp(Mlp):
    """Linear, activation, dropout, linear, dropout, where the linear layers are hyperbolic.

    The activation acts on tangent vectors at the origin. Flat limit: timm's `Mlp` with
    `fc(x) = W(x - p_in) + b + p_out`.

    Args:
        in_features: Number of input features D.
        hidden_features: Number of hidden features, D by default.
        out_features: Number of output features, D by default.
        act_layer: Activation.
        norm_layer: Normalisation between the layers.
        bias: Whether the linear layers have a bias.
        drop: Dropout rate.
        config: Hyperbolic keywords of both linear layers, as for `HyperbolicModule`.
        device: Of the parameters.
        dtype: Of the parameters.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: a value is outside its range.
        TypeError: a keyword is unknown.

    Source: the MLP of the reference study (Fede2717, "hyperbolic-vit-cifar100", GitHub, 2025).
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
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        config = HyperbolicConfig.of(config, **keywords)
        super().__init__(in_features, hidden_features, out_features, act_layer, norm_layer, bias, drop, **dd)
        for name in ('fc1', 'fc2'):
            fc = getattr(self, name)
            setattr(self, name, HyperbolicLinear(fc.in_features, fc.out_features, bias, config=config, **dd))
