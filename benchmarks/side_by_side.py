"""What the programs beside it measure with: times of several things in one run, and two counts of memory.

Other work of the machine disturbs all contenders alike only if they take turns. So one *round* calls every contender
once, in an order drawn anew for each round, and a ratio is formed within a round, never between runs.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from timm_hyperbolic.evaluate.timing import interleaved, peak_bytes, synchronize, timed

__all__ = ['Spread', 'interleaved', 'peak_bytes', 'ratios', 'saved_bytes', 'spread', 'synchronize', 'timed']


class Spread(NamedTuple):
    """Median and quartiles."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of the values; the value itself where there is only one."""
    if len(values) == 1:
        return Spread(*3 * tuple(values))
    low, median, high = statistics.quantiles(values, n=4, method='inclusive')
    return Spread(median, low, high)


def ratios(times: Sequence[float], base: Sequence[float]) -> Spread:
    """`time/base` of each round, as a spread."""
    return spread([t / b for t, b in zip(times, base, strict=True)])


def saved_bytes(f: Callable[[], Any], left_out: Iterable[Tensor] = (), result: bool = True) -> int:
    """Bytes that autograd keeps for a backward pass through `f()`, each storage once.

    Counted by hooks on saved tensors, which also see what an `autograd.Function` saves.

    Args:
        f: A forward pass.
        left_out: Tensors that exist anyway, such as parameters.
        result: Whether the result of `f()` counts where it is kept; in a network the next layer keeps it anyway.
    """
    known = {t.untyped_storage().data_ptr() for t in left_out}
    kept: dict[int, int] = {}
    alive = []

    def pack(t: Tensor) -> Tensor:
        storage = t.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(t)  # or its storage could be used again
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        out = f()
    if not result:
        kept.pop(out.untyped_storage().data_ptr(), None)
    return sum(kept.values())
