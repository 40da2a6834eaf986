"""The numbers of a model that a run writes down after every epoch."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor, nn

from ..layers import named_curvatures
from .gates import named_gates
from .margin import margin_shares

__all__ = ['track']


def track(
    model: nn.Module, images: Tensor | None = None, autocast: Callable[[], AbstractContextManager] = nullcontext
) -> dict[str, float]:
    """Return `curvature/MODULE`, `gamma/MODULE`, `s/MODULE` and `margin/MODULE` for the hyperbolic modules of `model`.

    Curvatures are `c >= 0`; `gamma` and `s` as in `named_gates`; `margin` as in `margin_shares`. A model without such a
    module has none, and the same model always has the same ones.

    Args:
        model: not wrapped, not compiled; it is left as it was.
        images: a batch to take the margin's shares on, `[B, C, H, W]`; without one there are none.
        autocast: makes the context of a forward pass.
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
