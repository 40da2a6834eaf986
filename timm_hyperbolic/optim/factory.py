"""The optimizer of a model with parameters on a manifold: timm's for the flat ones, Riemannian Adam for the rest."""

from typing import Any

import geoopt
import torch
from timm.optim import create_optimizer_v2
from torch import nn

from .groups import euclidean_groups, manifold_parameters

__all__ = ['JointOptimizer', 'create_optimizer']


class _RiemannianAdam(geoopt.optim.RiemannianAdam):
    """geoopt's, whose step count stays a Python number when its state is restored.

    torch's Adam, which it inherits from, turns the count into a float32 tensor; the bias corrections
    then round differently, and a resumed run drifts from an uninterrupted one.
    """

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for entry in self.state.values():
            entry['step'] = int(entry['step'])


class JointOptimizer:
    """Several optimizers behind the interface of one, for timm's schedulers and torch's gradient scaler.

    `param_groups` holds the groups of all of them, the same dictionaries, so that a schedule that
    writes a learning rate there reaches the optimizer which owns the group.
    """

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of every optimizer, in order."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def step(self) -> None:
        """Make one step with each."""
        for optimizer in self.optimizers:
            optimizer.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return the states, one entry for each optimizer."""
        return {'optimizers': [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        for optimizer, state in zip(self.optimizers, state_dict['optimizers'], strict=True):
            optimizer.load_state_dict(state)


def create_optimizer(
    model: nn.Module,
    opt: str = 'adamw',
    lr: float = 5e-4,
    weight_decay: float = 0.05,
    layer_decay: float | None = None,
    man_lr_scale: float = 0.25,
    **kwargs: Any,
) -> torch.optim.Optimizer | JointOptimizer:
    """Create the optimizer of `model`.

    Args:
        model: a model whose points on a manifold are `geoopt.ManifoldParameter`; it may have none.
        opt: timm's name of the optimizer for all other parameters.
        lr: their learning rate.
        weight_decay: their weight decay. Points on a manifold have none: it would pull them to the origin.
        layer_decay: learning-rate factor from layer to layer for the others.
        man_lr_scale: the manifold group's learning rate as a share of `lr`, stored as `lr_scale`, which
            timm's schedulers honour.
        **kwargs: more arguments of `timm.optim.create_optimizer_v2`, such as `betas`.

    Returns:
        One optimizer, or two behind a `JointOptimizer` where the model has parameters on a manifold.
    """
    flat = create_optimizer_v2(
        model,
        opt,
        lr=lr,
        weight_decay=weight_decay,
        param_group_fn=lambda m: euclidean_groups(m, weight_decay, layer_decay),
        **kwargs,
    )
    points = manifold_parameters(model)
    optimizer = flat
    if points:
        group = {'params': points, 'lr': lr, 'lr_scale': man_lr_scale, 'weight_decay': 0.0}
        optimizer = JointOptimizer(flat, _RiemannianAdam([group]))
    for group in optimizer.param_groups:
        # A scheduler starts from the unscaled rate; without one this is the rate that stays.
        group['initial_lr'] = group['lr']
        group['lr'] *= group.get('lr_scale', 1.0)
    return optimizer
