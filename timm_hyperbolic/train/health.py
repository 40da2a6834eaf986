"""Health warnings of a run, each printed once: curvatures at a bound, and tokens at the margin."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..analysis import row_lengths
from ..layers import Curvature, ImageTextSpace
from ..optim.groups import CURVATURE

__all__ = ['Advice']

_SHARE = 0.2  # share of tokens at the margin above which a warning is given
_INSIDE = 0.95  # share of tokens that should be inside the margin after following the advice
_ROOM = 1.25  # factor of safety, because lengths and learnt curvatures grow in training
_NEAR = 1e-4  # relative distance from a bound that counts as on it, because stored curvatures are rounded


class Advice:
    """Warns of curvatures at their bounds and of modules that clip many tokens at the margin (the clipping radius).

    Args:
        model: The trained model.
        optimizer: Its optimizer, whose `curv_bounds` limit the curvatures; an optimizer without them has no bounds.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.names = {
            id(p): name.removesuffix('.raw').removesuffix('.curvature') for name, p in model.named_parameters()
        }
        self.optimizer = optimizer
        self.given: set[str] = set()

    def check(
        self,
        row: dict[str, Any],
        model: nn.Module,
        images: Tensor | None = None,
        autocast: Callable[[], AbstractContextManager] = nullcontext,
    ) -> list[str]:
        """Return the warnings of an epoch, and print those of a kind that no earlier epoch had.

        Args:
            row: The row of `summary.csv`, with the shares `margin/MODULE` of clipped tokens, in [0, 1].
            model: The evaluated model, neither sharded nor compiled.
            images: A batch on which the lengths of tokens are measured, `[B, C, H, W]`.
            autocast: Makes the context of a forward pass.
        """
        found = {}
        bounded = self.bounded()
        if bounded:
            found['bound'] = (
                f'curvature at its bound: {_listed(bounded)}. It would go further: widen --curv-bounds, or lower '
                '--curv-lr-scale if it ran there in a few steps'
            )
        spaces = _bounded_spaces(model)
        if spaces:
            found['space'] = (
                f'curvature of the space of images and texts at its bound: {_listed(spaces)}. It may go a factor of 10 '
                'from where it starts: start nearer to it by --model-kwargs curvature=..., or fix it by '
                'learn_curvature=false'
            )
        shares = {key.removeprefix('margin/'): value for key, value in row.items() if key.startswith('margin/')}
        full = {name: share for name, share in shares.items() if share > _SHARE}
        if full and images is not None:
            named = _listed({name: f'{share:.0%}' for name, share in full.items()})
            found['margin'] = (
                f'more than {_SHARE:.0%} of the tokens are at the margin: {named}. There the clip shapes the result '
                f'more than the curvature does: {_remedy(full, model, images, autocast)}'
            )
        for kind in found.keys() - self.given:
            print(f'advice: {found[kind]}', flush=True)
        self.given |= found.keys()
        return list(found.values())

    def bounded(self) -> dict[str, str]:
        """Return the curvatures that are at a bound, by the name of their module."""
        found = {}
        for group in self.optimizer.param_groups:
            if group.get('kind') != CURVATURE:
                continue
            low, high = group['curv_bounds']
            for p in group['params']:
                for c in Curvature.of(p.detach(), learnt=True).flatten().tolist():
                    if c <= low * (1 + _NEAR) or c >= high * (1 - _NEAR):
                        found[self.names[id(p)]] = f'{c:.4g}'
        return found


def _bounded_spaces(model: nn.Module) -> dict[str, str]:
    """Return the learnt curvatures of spaces of images and texts that are at a bound, by the name of their module."""
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, ImageTextSpace) and module.is_curved and module.log_curvature.requires_grad:
            c, (low, high) = module.curvature().item(), module.curvature_bounds
            if c <= low * (1 + _NEAR) or c >= high * (1 - _NEAR):
                found[name or 'space'] = f'{c:.4g}'
    return found


def _remedy(
    full: dict[str, float], model: nn.Module, images: Tensor, autocast: Callable[[], AbstractContextManager]
) -> str:
    """Return options with which most tokens of these modules would be inside the margin at their present lengths."""
    training = model.training
    model.eval()
    with autocast():
        lengths = row_lengths(model, images, _INSIDE)
    model.train(training)
    limits = {name: model.get_submodule(name).limits for name in full}
    reason = (
        f'by the lengths measured now, {_INSIDE:.0%} of the tokens of each module would be inside, with room to grow'
    )
    if all(limit.max_norm is not None for limit in limits.values()):
        norm = _rounded(_ROOM * max(lengths[name] for name in full), math.ceil)
        return f'compare with --model-kwargs max_norm={norm} ({reason})'
    curvatures = [
        (limit.max_rapidity / 2 / (_ROOM * lengths[name])) ** 2
        for name, limit in limits.items()
        if limit.margin is not None
    ]
    return (
        f'start from --model-kwargs curvature={_rounded(min(curvatures), math.floor)} ({reason}), or compare with '
        'margin=none'
    )


def _rounded(value: float, towards: Callable[[float], int]) -> str:
    """Return a positive number with two significant digits, rounded by `towards`."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f'{towards(value / unit) * unit:.2g}'


def _listed(values: dict[str, str], limit: int = 4) -> str:
    named = ', '.join(f'{name} {value}' for name, value in list(values.items())[:limit])
    return named + (f', and {len(values) - limit} more' if len(values) > limit else '')
