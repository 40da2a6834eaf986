"""The numbers of a model that a run records after every epoch."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor, nn

from ..layers import named_curvatures
from .gates import named_gates
from .margin import margin_shares

__all__ = ['track']


def track(
    model: nn.Module, images: Tensor | None = None, autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
) -> dict[str, float]:
    """Return `curvature/MODULE`, `gamma/MODULE`, `s/MODULE` and `margin/MODULE` for the hyperbolic modules of `model`.

    Curvatures are `c >= 0`; `named_gates` describes `gamma` and `s`, and `margin_shares` describes `margin`. The names
    depend on the model alone, and a model without hyperbolic modules has none.

    Args:
        model: not wrapped and not compiled. It is not changed.
        images: a batch to measure `margin` on, `[B, C, H, W]`; None leaves `margin` out.
        autocast: makes the context of a forward pass.

    Returns:
        One number for each name.
    """
    numbers = {f'curvature/{name}': c for name, c in named_curvatures(model).items()}
    for name, gates in named_gates(model).items():
        numbers |= {f'{key}/{name}': value for key, value in gates.items()}
    if images is not None:
        training = model.training
        model.eval()
        with autocast():
            numbers |= {f'margin/{name}': share for name, share in margin_shares(model, images).items()}
        model.train(training)
    return numbers
