"""Which parameters are what: flat ones, curvatures, points on a manifold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..layers import Curvature, inverse_softplus, is_curvature
from ..layers.manifold import geoopt
from ..layers.module import layers_with

__all__ = [
    'CURVATURE',
    'EUCLIDEAN',
    'MANIFOLD',
    'alike',
    'apply_lr_scale',
    'check_curvatures',
    'clamp_curvatures',
    'kind_of',
    'learning_rate',
    'manifold_parameters',
    'split_group',
    'unscale_group',
]

#: The kinds of parameters. They are plain strings, as they are saved with the optimizer.
EUCLIDEAN, CURVATURE, MANIFOLD = 'euclidean', 'curvature', 'manifold'
_SCALES = {CURVATURE: 'curv_lr_scale', MANIFOLD: 'man_lr_scale'}


def kind_of(parameter: Tensor) -> str:
    """Return `MANIFOLD` for a `geoopt.ManifoldParameter`, `CURVATURE` for what a `Curvature` learns, else `EUCLIDEAN`.

    Args:
        parameter: Any parameter.
    """
    if isinstance(parameter, geoopt.ManifoldParameter):
        return MANIFOLD
    return CURVATURE if is_curvature(parameter) else EUCLIDEAN


def manifold_parameters(model: nn.Module) -> list[geoopt.ManifoldParameter]:
    """Return the trainable parameters of `model` that are points of a manifold, each one once.

    Those of its layers that a tool has rebuilt without their ball are given it back.

    Args:
        model: Any model.
    """
    for layer in layers_with(model.parameters()):
        layer.restore_parameters()
    return [p for p in model.parameters() if kind_of(p) == MANIFOLD and p.requires_grad]


def split_group(group: dict[str, Any]) -> list[dict[str, Any]]:
    """Split a parameter group by kind. Curvatures and points leave without weight decay.

    Args:
        group: Of an optimizer. Its `lr_scale`, such as timm's layer-wise decay sets it, becomes its `lr_factor`: timm's
            schedulers would multiply the learning rate by an `lr_scale` that they find.

    Returns:
        Groups with their `kind` and `lr_factor`, the Euclidean one first, none of them empty.
    """
    group = {**group, 'lr_factor': group.get('lr_factor', 1.0) * group.get('lr_scale', 1.0)}
    group.pop('lr_scale', None)
    members: dict[str, list] = {EUCLIDEAN: [], CURVATURE: [], MANIFOLD: []}
    for member in group['params']:
        members[kind_of(member[1] if isinstance(member, tuple) else member)].append(member)
    groups = [{**group, 'params': own, 'kind': kind} for kind, own in members.items() if own]
    for group in groups:
        if group['kind'] != EUCLIDEAN:
            group['weight_decay'] = 0.0
        if isinstance(group['lr'], Tensor):
            group['lr'] = group['lr'].clone()  # schedulers write into a tensor: no two groups may share one
    return groups


def learning_rate(group: dict[str, Any]) -> float | Tensor:
    """Return the learning rate at which a group of our optimizers steps.

    It is `lr`, which schedulers set and which is usually the same for all groups, times the group's `lr_factor`, times
    `curv_lr_scale` for curvatures or `man_lr_scale` for points on a manifold.

    Args:
        group: A parameter group.
    """
    return group['lr'] * (group['lr_factor'] * _scale_of_kind(group))


def _scale_of_kind(group: dict[str, Any]) -> float:
    return group[_SCALES[group['kind']]] if group['kind'] in _SCALES else 1.0


def unscale_group(group: dict[str, Any]) -> None:
    """Bring a saved group whose `lr` was already multiplied by its `lr_scale` to the form of `split_group`.

    Args:
        group: A parameter group of a saved state, which is changed in place.
    """
    scale, of_kind = group.pop('lr_scale', 1.0), _scale_of_kind(group)
    group['lr_factor'] = scale / of_kind if of_kind else 1.0
    group['lr'] = group['lr'] / scale if scale else group['initial_lr']


def apply_lr_scale(group: dict[str, Any]) -> None:
    """Scale the learning rate of a new group by its `lr_scale`, and keep the unscaled one, from which schedulers start.

    For optimizers of timm and torch, which leave `lr_scale` to timm's schedulers; ours apply it in every step.

    Args:
        group: A parameter group, which is changed in place.
    """
    group['initial_lr'] = group['lr']
    group['lr'] = group['lr'] * group.get('lr_scale', 1.0)


def alike(parameters: Iterable[Tensor]) -> list[list[Tensor]]:
    """Return parameters of one class, device and number type together; no operation takes whole and sharded ones.

    Args:
        parameters: Any parameters.
    """
    found: dict[tuple, list[Tensor]] = {}
    for p in parameters:
        found.setdefault((type(p), p.device, p.dtype), []).append(p)
    return list(found.values())


def check_curvatures(parameters: Sequence[Tensor], bounds: tuple[float, float]) -> None:
    """Check that curvatures lie within their bounds.

    Args:
        parameters: Parameters that a `Curvature` learns.
        bounds: Smallest and largest curvature `c`.
    """
    for p in parameters:
        if p.is_meta:
            continue
        for c in Curvature.of(p.detach(), learnt=True).flatten().tolist():
            if not bounds[0] * (1 - 1e-4) <= c <= bounds[1] * (1 + 1e-4):
                raise ValueError(
                    f'curv_bounds={bounds}: a curvature starts at {c:.4g}; give bounds that hold it, or start within'
                )


@torch.no_grad()
def clamp_curvatures(parameters: Sequence[Tensor], bounds: tuple[float, float]) -> None:
    """Bring curvatures back to within their bounds, in place.

    Args:
        parameters: Parameters that a `Curvature` learns: the inverse softplus of `c`.
        bounds: Smallest and largest curvature `c`.
    """
    low, high = map(inverse_softplus, bounds)
    torch._foreach_clamp_min_(parameters, low)
    torch._foreach_clamp_max_(parameters, high)
