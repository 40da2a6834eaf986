"""Which parameters live on a manifold, and the groups that timm makes of the others."""

from typing import Any

import geoopt
from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch import nn

__all__ = ['euclidean_groups', 'manifold_parameters']


def manifold_parameters(model: nn.Module) -> list[geoopt.ManifoldParameter]:
    """Return the trainable parameters of `model` that are points of a manifold, each one once."""
    return [p for p in model.parameters() if isinstance(p, geoopt.ManifoldParameter) and p.requires_grad]


def euclidean_groups(
    model: nn.Module,
    weight_decay: float = 0.0,
    layer_decay: float | None = None,
) -> list[dict[str, Any]]:
    """Return timm's parameter groups of `model` without the parameters on a manifold.

    Args:
        model: its `no_weight_decay()` names, patterns allowed, are left out of the decay, as are
            all parameters of at most one dimension.
        weight_decay: of the group that has one.
        layer_decay: learning-rate factor from each layer to the one below, in (0, 1]; the groups
            then carry it as `lr_scale`.
    """
    excluded = getattr(model, 'no_weight_decay', set)()
    if layer_decay is None:
        groups = param_groups_weight_decay(model, weight_decay, no_weight_decay_list=excluded)
    else:
        groups = param_groups_layer_decay(model, weight_decay, no_weight_decay_list=excluded, layer_decay=layer_decay)
    for group in groups:
        group['params'] = [p for p in group['params'] if not isinstance(p, geoopt.ManifoldParameter)]
    return [group for group in groups if group['params']]
