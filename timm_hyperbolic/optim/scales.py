"""Parameter groups for layers some of whose parameters learn at a fraction of the learning rate."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torch import nn

__all__ = ['param_groups_lr_scale']


def param_groups_lr_scale(
    model: nn.Module, weight_decay: float = 0.0, no_weight_decay_list: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Group parameters by weight decay as timm does, and by the `lr_scales()` of the layers that have them.

    For timm's factory: `create_optimizer_v2(model, 'adamw', lr=1e-3, param_group_fn=param_groups_lr_scale)`; for a
    weight decay give it by `functools.partial`. A group's `lr_scale` is applied by timm's schedulers, and by the
    optimizers of this package in every step.

    Args:
        model: Any model. A layer such as `BasinHead` has a method `lr_scales()`.
        weight_decay: Of parameters with at least two dimensions that are not in the list.
        no_weight_decay_list: Names of parameters without weight decay; None for those of the model's own method.

    Returns:
        Groups with `params`, `weight_decay` and, where it is not 1, `lr_scale`.
    """
    if no_weight_decay_list is None:
        no_weight_decay_list = model.no_weight_decay() if hasattr(model, 'no_weight_decay') else ()
    scales = {
        f'{prefix}.{name}' if prefix else name: scale
        for prefix, module in model.named_modules()
        if hasattr(module, 'lr_scales')
        for name, scale in module.lr_scales().items()
    }
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        decays = parameter.dim() > 1 and not name.endswith('.bias') and name not in no_weight_decay_list
        scale = next((s for part, s in scales.items() if name == part or name.startswith(f'{part}.')), 1.0)
        groups.setdefault((scale, weight_decay if decays else 0.0), []).append(parameter)
    return [
        {'params': parameters, 'weight_decay': decay, **({} if scale == 1 else {'lr_scale': scale})}
        for (scale, decay), parameters in groups.items()
    ]
