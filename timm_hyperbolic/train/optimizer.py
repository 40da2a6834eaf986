"""The optimizer and the gradient clipping of a run, with errors that name the command-line flag."""

from functools import partial

import torch
from timm.optim import create_optimizer_v2, optimizer_kwargs
from torch import nn

from ..config.optim import OptimizerConfig
from ..constants import RIEMANNIAN
from ..errors import UserError
from ..layers.manifold import geoopt
from ..optim import GradientClip, apply_lr_scale, manifold_parameters, param_groups_lr_scale
from ..optim.scales import lr_scales

__all__ = ['create_clip', 'create_optimizer']


def create_optimizer(model: nn.Module, config: OptimizerConfig, name: str = '') -> torch.optim.Optimizer:
    """Create an optimizer.

    Where a layer asks for a fraction of the learning rate, as the basin head does, its parameters are grouped by
    `param_groups_lr_scale`.

    Args:
        model: The model whose parameters the optimizer updates.
        config: Options of the optimizer.
        name: Name of the model, for messages.

    Raises:
        UserError: The optimizer rejects an argument, needs a package, or would move points off their manifold.
    """
    kwargs = optimizer_kwargs(config)
    if config.is_riemannian:
        kwargs.update({key: getattr(config, key) for key in ('man_lr_scale', 'curv_lr_scale', 'curv_bounds')})
    elif points := _curved(model):
        raise UserError(
            f'--opt {config.opt}: --model {name} has points on a ball ({points}), which this optimizer does not '
            f'keep there; choose {" or ".join(RIEMANNIAN)}'
        )
    if lr_scales(model):
        decays = {'weight_decay': config.weight_decay, 'layer_decay': config.layer_decay}
        kwargs['param_group_fn'] = partial(param_groups_lr_scale, **decays)
    try:
        optimizer = create_optimizer_v2(model, **kwargs)
    # The package of the optimizer is not installed, or the optimizer rejects an argument.
    except (AssertionError, ImportError, IndexError, RuntimeError, TypeError, ValueError) as error:
        given = f' with --opt-betas {" ".join(map(str, config.opt_betas))}' if config.opt_betas else ''
        raise UserError(f'--opt {config.opt}{given}: {error or type(error).__name__}') from error
    for group in optimizer.param_groups:
        if (
            'lr_scale' in group
        ):  # timm applies it in its schedulers only, so that without a schedule it would have no effect
            apply_lr_scale(group)
    return optimizer


def create_clip(model: nn.Module, config: OptimizerConfig) -> GradientClip:
    """Create the gradient clipping of a model.

    Args:
        model: The trained model.
        config: Options of the optimizer.
    """
    return GradientClip(
        model,
        clip_grad=config.clip_grad or None,
        man_clip_grad=config.man_clip_grad or None,
        mode=config.clip_mode,
        man_norm=config.man_clip_norm,
    )


def _curved(model: nn.Module) -> str:
    """Return the names of the first two trainable parameters on a curved manifold; empty if there are none."""
    points = {id(p) for p in manifold_parameters(model) if not isinstance(p.manifold, geoopt.Euclidean)}
    names = [name for name, p in model.named_parameters() if id(p) in points]
    return ', '.join(names[:2]) + (', ...' if len(names) > 2 else '')
