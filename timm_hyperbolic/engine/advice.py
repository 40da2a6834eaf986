"""What is no fault, but where a run had better be told of: each kind once."""

from typing import Any

import torch
from torch import nn

from ..layers import Curvature
from ..optim.groups import CURVATURE

__all__ = ['Advice']

_SHARE = 0.2  # of rows at the margin
_NEAR = 1e-4  # relative distance from a bound, that of its rounding in the stored number


class Advice:
    """Warns of curvatures that sit on their bounds and of rows that pile up at the margin.

    Args:
        model: whose curvatures are trained.
        optimizer: that keeps them within `curv_bounds`; others have none.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.names = {
            id(p): name.removesuffix('.raw').removesuffix('.curvature') for name, p in model.named_parameters()
        }
        self.optimizer = optimizer
        self.given: set[str] = set()

    def check(self, row: dict[str, Any]) -> None:
        """Look at the curvatures, and at the shares `margin/MODULE`, in [0, 1], of a row of `summary.csv`."""
        bounded = self.bounded()
        if bounded:
            self._give(
                'bound',
                f'curvature at its bound: {_listed(bounded)}. It would go further: widen --curv-bounds, or lower '
                '--curv-lr-scale if it ran there in a few steps',
            )
        shares = {key.removeprefix('margin/'): value for key, value in row.items() if key.startswith('margin/')}
        full = {name: f'{share:.0%}' for name, share in shares.items() if share > _SHARE}
        if full:
            self._give(
                'margin',
                f'more than {_SHARE:.0%} of the rows are at the margin: {_listed(full)}. There the clip shapes the '
                'result more than the curvature does: start from a smaller curvature, or compare with a larger margin '
                "(--model-kwargs curvature=0.1, or margin=0.999 or 'none')",
            )

    def bounded(self) -> dict[str, str]:
        """Return the curvatures that sit on a bound, by the name of their module."""
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

    def _give(self, kind: str, text: str) -> None:
        if kind not in self.given:
            self.given.add(kind)
            print(f'advice: {text}', flush=True)


def _listed(values: dict[str, str], limit: int = 4) -> str:
    named = ', '.join(f'{name} {value}' for name, value in list(values.items())[:limit])
    return named + (f', and {len(values) - limit} more' if len(values) > limit else '')
