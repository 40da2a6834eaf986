"""What the Riemannian optimizers share: their groups, and the order of a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from ..layers.manifold import geoopt
from .groups import CURVATURE, MANIFOLD, alike, check_curvatures, clamp_curvatures, split_group, unscale_group
from .restore import Restorer

__all__ = ['HyperbolicOptimizer']


class HyperbolicOptimizer(torch.optim.Optimizer):
    """Base of optimizers for models that are partly on a manifold.

    It takes a model's parameters, or groups of them such as timm's factory makes, and splits every group by kind:
    Euclidean parameters keep the group's options; curvatures and points on a manifold get groups of their own without
    weight decay. `lr` means the same in all groups, so that any scheduler may set it: what a group's parameters step at
    is `lr` times its `lr_factor` (timm's `lr_scale` of layer-wise decay) times `curv_lr_scale` or `man_lr_scale`, see
    `learning_rate`.

    Points and curvatures that a tool has rebuilt without their ball are given it back, with a warning, when the
    optimizer is made and before its first step.

    Args:
        params: Parameters, named parameters or groups.
        defaults: Options of the groups, these among them: `lr`, `man_lr_scale`, `curv_lr_scale`, and `curv_bounds`,
            within which the curvatures `c` are kept. A group may have its own.

    Raises:
        ValueError: an option is out of its range, or a curvature starts outside its bounds.
        RuntimeError: points are parameters of a class that cannot be on a ball, such as sharded ones.
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
        if defaults['foreach'] and isinstance(defaults['lr'], Tensor):
            raise ValueError('foreach=True takes no tensor as learning rate: give a number, or fused=True')
        self._restorer = Restorer()
        super().__init__(params, defaults)
        self._restorer.warn()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, as one group for each kind of its parameters.

        Args:
            param_group: The group, as torch takes it.
        """
        if isinstance(param_group['params'], Tensor):
            param_group = {**param_group, 'params': [param_group['params']]}
        if isinstance(param_group['params'], set):
            raise TypeError('parameters need an order that is the same in every run: give a list, not a set')
        param_group = {**param_group, 'params': list(param_group['params'])}
        self._restorer.restore(member[1] if isinstance(member, tuple) else member for member in param_group['params'])
        self._is_restored = False
        for group in split_group({**self.defaults, **param_group}):
            super().add_param_group(group)
            if group['kind'] == CURVATURE:
                check_curvatures(group['params'], group['curv_bounds'])
            if group['foreach'] is None and group['fused'] is None and all(map(_has_fused_step, group['params'])):
                group['fused'] = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._restorer, self._is_restored = Restorer(), False
        for group in self.param_groups:
            if 'lr_factor' not in group:
                unscale_group(group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make a step and return what `closure`, if given, returns.

        Points move last, on the ball of the new curvature: they end inside it.

        Args:
            closure: Computes the loss anew and returns it; None for no such function.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if not self._is_restored:  # parameters may have been rebuilt since
            self._restorer.restore(p for group in self.param_groups for p in group['params'])
            self._restorer.warn()
            self._is_restored = True
        owners: dict[Tensor, dict[str, Any]] = {}
        for group in self.param_groups:
            for parameters in alike(p for p in group['params'] if p.grad is not None):
                if isinstance(parameters[0], geoopt.ManifoldParameter) != (group['kind'] == MANIFOLD):
                    raise RuntimeError(_changed(parameters[0], group['kind']))
                gradients = [p.grad for p in parameters]
                if any(gradient.is_sparse for gradient in gradients):
                    raise RuntimeError(f'{type(self).__name__} does not take sparse gradients')
                if group['kind'] == MANIFOLD:
                    owners.update(dict.fromkeys(parameters, group))
                    continue
                self._step_euclidean(parameters, gradients, group)
                if group['kind'] == CURVATURE:
                    clamp_curvatures(parameters, group['curv_bounds'])
        if owners:
            self._step_points(owners)
        return loss

    def _step_euclidean(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        """Step parameters of a group, of one class, device and number type, as torch's optimizer does."""
        raise NotImplementedError

    def _step_points(self, owners: dict[Tensor, dict[str, Any]]) -> None:
        """Step points of manifolds, each with its group, as geoopt's optimizer does."""
        raise NotImplementedError


def _changed(p: Tensor, kind: str) -> str:
    now = MANIFOLD if isinstance(p, geoopt.ManifoldParameter) else 'plain'
    return (
        f'a parameter of shape {list(p.shape)} in a group of kind {kind!r} is now a {now} one: a tool has rebuilt it '
        'since the optimizer was made. Make the optimizer after it'
    )


def _has_fused_step(p: Tensor) -> bool:
    whole = type(p) in (Tensor, nn.Parameter)  # torch has no fused step of SGD for sharded parameters
    return whole and p.is_floating_point() and p.device.type in ('cpu', 'cuda')
