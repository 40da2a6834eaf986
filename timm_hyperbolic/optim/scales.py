"""Parameter groups for layers some of whose parameters learn at a fraction of the learning rate."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from torch import nn

__all__ = ['lr_scales', 'param_groups_lr_scale']


def lr_scales(model: nn.Module) -> dict[str, float]:
    """Return the factors of the learning rate that layers of a model ask for by their `lr_scales()`.

    Args:
        model: Any model. A layer such as `BasinHead` has a method `lr_scales()`.

    Returns:
        Factors by the name of a parameter, of those parameters alone whose layer asks for one.
    """
    wanted = {
        f'{prefix}.{name}' if prefix else name: scale
        for prefix, module in model.named_modules()
        if hasattr(module, 'lr_scales')
        for name, scale in module.lr_scales().items()
    }
    return {
        name: scale
        for name, _ in model.named_parameters()
        for part, scale in wanted.items()
        if name == part or name.startswith(f'{part}.')
    }


def param_groups_lr_scale(
    model: nn.Module,
    weight_decay: float = 0.0,
    no_weight_decay_list: Collection[str] | None = None,
    layer_decay: float | None = None,
) -> list[dict[str, Any]]:
    """Group parameters by weight decay and layer as timm does, and by the `lr_scales()` of the layers that have them.

    For timm's factory: `create_optimizer_v2(model, 'adamw', lr=1e-3, param_group_fn=param_groups_lr_scale)`; for a
    weight decay give it by `functools.partial`. A group's `lr_scale` is applied by timm's schedulers, and by the
    optimizers of this package in every step. `train_hyp.py` uses these groups wherever a layer asks for them.

    Args:
        model: Any model. A layer such as `BasinHead` has a method `lr_scales()`.
        weight_decay: Of parameters with at least two dimensions that are not in the list.
        no_weight_decay_list: Names of parameters without weight decay; None for those of the model's own method.
        layer_decay: The factor of the learning rate from layer to layer; None for no such decay.

    Returns:
        Groups with `params`, `weight_decay` and, where it is not 1, `lr_scale`.
    """
    if no_weight_decay_list is None:
        no_weight_decay_list = model.no_weight_decay() if hasattr(model, 'no_weight_decay') else ()
    if layer_decay is None:
        groups = param_groups_weight_decay(model, weight_decay, no_weight_decay_list=no_weight_decay_list)
    else:
        groups = param_groups_layer_decay(
            model, weight_decay, no_weight_decay_list=no_weight_decay_list, layer_decay=layer_decay
        )
    parameters, scales = dict(model.named_parameters()), lr_scales(model)
    scale_of = {id(parameters[name]): scale for name, scale in scales.items()}
    found: list[dict[str, Any]] = []
    for group in groups:
        layer_scale = group.pop('lr_scale', 1.0)
        parts: dict[float, list[nn.Parameter]] = {}
        for parameter in group.pop('params'):
            parts.setdefault(layer_scale * scale_of.get(id(parameter), 1.0), []).append(parameter)
        for scale, members in parts.items():
            found.append({'params': members, **group, **({} if scale == 1 else {'lr_scale': scale})})
    return found
