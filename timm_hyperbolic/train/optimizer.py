"""The optimizer of a run and what clips its gradients, with errors that name the flag."""

import argparse

import geoopt
import torch
from timm.optim import create_optimizer_v2, optimizer_kwargs
from torch import nn

from ..errors import UserError
from ..optim import RIEMANNIAN, GradientClip, apply_lr_scale, manifold_parameters

__all__ = ['create_clip', 'create_optimizer']


def create_optimizer(model: nn.Module, args: argparse.Namespace) -> torch.optim.Optimizer:
    """Create the optimizer that `args` describe.

    Raises:
        UserError: an argument that it refuses, a package that it needs, or points on a manifold that it would take off.
    """
    kwargs = optimizer_kwargs(args)
    riemannian = args.opt.removeprefix('lookahead_') in RIEMANNIAN
    if riemannian:
        kwargs.update({name: getattr(args, name) for name in ('man_lr_scale', 'curv_lr_scale', 'curv_bounds')})
    elif points := _curved(model):
        raise UserError(
            f'--opt {args.opt}: --model {args.model} has points on a ball ({points}), which this optimizer does not '
            f'keep there; choose {" or ".join(RIEMANNIAN)}'
        )
    try:
        optimizer = create_optimizer_v2(model, **kwargs)
    # An optimizer of a package that is not installed, or an argument that this one refuses.
    except (AssertionError, ImportError, IndexError, RuntimeError, TypeError, ValueError) as error:
        given = f' with --opt-betas {" ".join(map(str, args.opt_betas))}' if args.opt_betas else ''
        raise UserError(f'--opt {args.opt}{given}: {error or type(error).__name__}') from error
    for group in optimizer.param_groups:
        if 'lr_scale' in group:  # of timm's own optimizers: without a schedule they would leave it out
            apply_lr_scale(group)
    return optimizer


def create_clip(model: nn.Module, args: argparse.Namespace) -> GradientClip:
    """Create what clips the gradients of `model` as `args` describe."""
    return GradientClip(
        model,
        clip_grad=args.clip_grad or None,
        man_clip_grad=args.man_clip_grad or None,
        mode=args.clip_mode,
        man_norm=args.man_clip_norm,
    )


def _curved(model: nn.Module) -> str:
    """Name some of the trainable points of `model` that lie on a curved manifold."""
    points = {id(p) for p in manifold_parameters(model) if not isinstance(p.manifold, geoopt.Euclidean)}
    names = [name for name, p in model.named_parameters() if id(p) in points]
    return ', '.join(names[:2]) + (', ...' if len(names) > 2 else '')
