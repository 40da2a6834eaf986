"""What the Riemannian optimizers share: their groups, and the order of a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from .groups import CURVATURE, MANIFOLD, apply_lr_scale, check_curvatures, clamp_curvatures, split_group

__all__ = ['CURVATURE_BOUNDS', 'HyperbolicOptimizer']

CURVATURE_BOUNDS = (1e-6, 100.0)
"""Default bounds of a learnt curvature. The layers accept more; from below 1e-6 the softplus hardly finds back."""


class HyperbolicOptimizer(torch.optim.Optimizer):
    """Base of optimizers for models that are partly on a manifold.

    It takes a model's parameters, or groups of them such as timm's factory makes, and splits every group by kind:
    Euclidean parameters keep the group's options; curvatures and points on a manifold get groups of their own without
    weight decay, with `lr_scale` multiplied by `curv_lr_scale` or `man_lr_scale`. `lr` is scaled from the start and
    `initial_lr` is not, as timm's schedulers expect; torch's schedulers do not know `lr_scale`.

    Args:
        params: Parameters, named parameters or groups.
        defaults: Options of the groups, these among them: `lr`, `man_lr_scale`, `curv_lr_scale`, and `curv_bounds`,
            within which the curvatures `c` are kept. A group may have its own.

    Raises:
        ValueError: an option is out of its range, or a curvature starts outside its bounds.
    """

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        for name in ('lr', 'weight_decay', 'man_lr_scale', 'curv_lr_scale'):
            if not 0 <= defaults[name] < math.inf:
                raise ValueError(f'{name}={defaults[name]} must be a number of at least 0')
        low, high = defaults['curv_bounds']
        if not 0 < low < high < math.inf:
            raise ValueError(f'curv_bounds={defaults["curv_bounds"]} must be two numbers, 0 < low < high')
        if defaults['foreach'] and defaults['fused']:
            raise ValueError('foreach=True and fused=True: choose one')
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, as one group for each kind of its parameters."""
        if isinstance(param_group['params'], Tensor):
            param_group = {**param_group, 'params': [param_group['params']]}
        if isinstance(param_group['params'], set):
            raise TypeError('parameters need an order that is the same in every run: give a list, not a set')
        for group in split_group({**self.defaults, **param_group}):
            apply_lr_scale(group)
            super().add_param_group(group)
            if group['kind'] == CURVATURE:
                check_curvatures(group['params'], group['curv_bounds'])
            if group['foreach'] is None and group['fused'] is None and all(map(_has_fused_step, group['params'])):
                group['fused'] = True

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make a step and return what `closure`, if given, returns.

        Points move last, on the ball of the new curvature: they end inside it.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        owners: dict[Tensor, dict[str, Any]] = {}
        for group in self.param_groups:
            parameters = [p for p in group['params'] if p.grad is not None]
            if any(p.grad.is_sparse for p in parameters):
                raise RuntimeError(f'{type(self).__name__} does not take sparse gradients')
            if group['kind'] == MANIFOLD:
                owners.update(dict.fromkeys(parameters, group))
                continue
            for kind in {type(p): None for p in parameters}:  # no operation takes whole and sharded parameters together
                self._step_euclidean([p for p in parameters if type(p) is kind], group)
            if group['kind'] == CURVATURE and parameters:
                clamp_curvatures(parameters, group['curv_bounds'])
        if owners:
            self._step_points(owners)
        return loss

    def _step_euclidean(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Step parameters of a group, all of which have gradients, as torch's optimizer does."""
        raise NotImplementedError

    def _step_points(self, owners: dict[Tensor, dict[str, Any]]) -> None:
        """Step points of manifolds, each with its group, as geoopt's optimizer does."""
        raise NotImplementedError


def _has_fused_step(p: Tensor) -> bool:
    whole = type(p) in (Tensor, nn.Parameter)  # torch has no fused step of SGD for sharded parameters
    return whole and p.is_floating_point() and p.device.type in ('cpu', 'cuda')
