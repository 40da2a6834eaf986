"""What a computation really does: FLOPs of its products, bytes that its operations read and write, and their number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

__all__ = ['Traffic', 'products', 'traffic']

aten = torch.ops.aten
#: Operations that only allocate or rename.
FREE = {
    aten.detach,
    aten.empty,
    aten.empty_like,
    aten.empty_strided,
    aten.new_empty,
    aten._unsafe_view,
    aten.lift_fresh,
}
#: Operations that evaluate a function for each number of their result, by what their name begins with.
ARSINH = ('asinh', 'acosh', 'atanh')
EXPONENTIALS = ('sinh', 'cosh', 'tanh', 'exp', 'log', '_softmax', 'gelu', 'sigmoid', 'erf')
NOT_EVALUATED = ('_softmax_backward', 'tanh_backward', 'sigmoid_backward')


class Traffic(NamedTuple):
    """What operations moved and evaluated.

    Attributes:
        bytes: Read and written by all operations, each its own pass, as in eager mode.
        exponentials: Values of exp, erf and their like.
        arsinh: Values of inverse hyperbolic functions.
        operations: How many, views not counted.
    """

    bytes: int
    exponentials: int
    arsinh: int
    operations: int


def _tensors(tree: Any) -> Iterator[Tensor]:
    return (t for t in tree_leaves(tree) if isinstance(t, Tensor))


def _bytes(t: Tensor) -> int:
    """Of the numbers that a tensor holds: those repeated by `expand` once."""
    numbers = 1
    for size, stride in zip(t.shape, t.stride(), strict=True):
        numbers *= size if stride else min(size, 1)
    return numbers * t.element_size()


class _Counter(TorchDispatchMode):
    """Counts what passes through torch's dispatcher below autograd."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.exponentials = self.arsinh = self.operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if not func.is_view and func.overloadpacket not in FREE:
            written = list(_tensors(out))
            self.operations += 1
            self.bytes += sum(map(_bytes, [*_tensors((args, kwargs)), *written]))
            name = func.overloadpacket.__name__
            numbers = sum(t.numel() for t in written)
            if name.startswith(ARSINH):
                self.arsinh += numbers
            elif name.startswith(EXPONENTIALS) and not name.startswith(NOT_EVALUATED):
                self.exponentials += numbers
        return out


def _cpu_attention(query, key, value, *args, out_shape=None, out_val=None, **kwargs) -> int:
    return sdpa_flop_count(query, key, value)


def _cpu_attention_backward(grad, query, key, value, *args, out_shape=None, out_val=None, **kwargs) -> int:
    return sdpa_backward_flop_count(grad, query, key, value)


def _added(total, a, b, *args, out_shape=None, out_val=None, **kwargs) -> int:
    return 2 * math.prod(a) * b[-1]


#: What `FlopCounterMode` does not know: the fused attention of CPUs, counted as it counts that of CUDA, and products
#: that are added in place.
UNKNOWN = {
    aten._scaled_dot_product_flash_attention_for_cpu: _cpu_attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: _cpu_attention_backward,
    aten.addmm_: _added,
    aten.baddbmm_: _added,
}


def products(f: Callable[[], Any], plain: bool = False) -> int:
    """FLOPs of the matrix products of `f()`, in which the counter cannot follow `torch.autograd.grad`.

    Args:
        f: What to count.
        plain: As `FlopCounterMode` counts by itself, without what it does not know.
    """
    with FlopCounterMode(display=False, custom_mapping=None if plain else UNKNOWN) as counter:
        f()
    return counter.get_total_flops()


def traffic(f: Callable[[], Any]) -> Traffic:
    """What the operations of `f()` move and evaluate."""
    with _Counter() as counter:
        f()
    return Traffic(counter.bytes, counter.exponentials, counter.arsinh, counter.operations)
