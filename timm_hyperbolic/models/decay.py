"""Which parameters of a model's hyperbolic modules take no weight decay."""

from __future__ import annotations

from torch import nn

from ..layers import Centroids, HyperbolicModule

__all__ = ['undecayed']


def undecayed(model: nn.Module) -> set[str]:
    """Names of the hyperbolic modules' parameters but the weights of linear maps."""
    return {
        f'{prefix}.{name}'
        for prefix, module in model.named_modules()
        if isinstance(module, (HyperbolicModule, Centroids))
        for name in module.no_weight_decay()
    }
