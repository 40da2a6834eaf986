"""Which parameters are what: flat ones, curvatures, points on a manifold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geoopt
import torch
from torch import Tensor, nn

from ..layers import Curvature, inverse_softplus, is_curvature

__all__ = [
    'CURVATURE',
    'EUCLIDEAN',
    'MANIFOLD',
    'apply_lr_scale',
    'check_curvatures',
    'clamp_curvatures',
    'kind_of',
    'manifold_parameters',
    'split_group',
]

#: The kinds of parameters. They are plain strings, as they are saved with the optimizer.
EUCLIDEAN, CURVATURE, MANIFOLD = 'euclidean', 'curvature', 'manifold'


def kind_of(parameter: Tensor) -> str:
    """`MANIFOLD` for a `geoopt.ManifoldParameter`, `CURVATURE` for what a `Curvature` learns, else `EUCLIDEAN`."""
    if isinstance(parameter, geoopt.ManifoldParameter):
        return MANIFOLD
    return CURVATURE if is_curvature(parameter) else EUCLIDEAN


def manifold_parameters(model: nn.Module) -> list[geoopt.ManifoldParameter]:
    """Return the trainable parameters of `model` that are points of a manifold, each one once."""
    return [p for p in model.parameters() if kind_of(p) == MANIFOLD and p.requires_grad]


def split_group(group: dict[str, Any]) -> list[dict[str, Any]]:
    """Split a parameter group by kind. Curvatures and points leave with a learning rate of their own and no decay.

    Args:
        group: Of an optimizer, with `lr`, `man_lr_scale` and `curv_lr_scale`. Its `lr_scale`, such as timm's layer-wise
            decay sets it, is multiplied by the kind's.

    Returns:
        Groups with their `kind`, the Euclidean one first, none of them empty.
    """
    changes = {
        EUCLIDEAN: {},
        CURVATURE: {'weight_decay': 0.0, 'lr_scale': group.get('lr_scale', 1.0) * group['curv_lr_scale']},
        MANIFOLD: {'weight_decay': 0.0, 'lr_scale': group.get('lr_scale', 1.0) * group['man_lr_scale']},
    }
    members: dict[str, list] = {kind: [] for kind in changes}
    for member in group['params']:
        members[kind_of(member[1] if isinstance(member, tuple) else member)].append(member)
    return [{**group, **changes[kind], 'params': own, 'kind': kind} for kind, own in members.items() if own]


def apply_lr_scale(group: dict[str, Any]) -> None:
    """Scale a new group's learning rate by its `lr_scale`, and keep the unscaled one, from which schedulers start."""
    group['initial_lr'] = group['lr']
    group['lr'] *= group.get('lr_scale', 1.0)


def check_curvatures(parameters: Sequence[Tensor], bounds: tuple[float, float]) -> None:
    """Raise a ValueError if a curvature lies outside its bounds."""
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
    """Bring curvatures, stored as inverse softplus, back to within `bounds` of `c`."""
    low, high = map(inverse_softplus, bounds)
    torch._foreach_clamp_min_(parameters, low)
    torch._foreach_clamp_max_(parameters, high)
