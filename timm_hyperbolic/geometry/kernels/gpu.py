"""Kernels on a GPU, called on tensors.

A kernel reads contiguous vectors of any type and converts them in registers.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..formulas import TwoVectorFormula
from ..gyrovector import largest_gradient
from . import two_vectors as plane
from .library import load

__all__ = ['WIDEST', 'two_vectors', 'two_vectors_backward']

#: Longest vectors that kernels take: each thread of the largest block has 16 numbers of a row.
WIDEST = 8192
_NUMBERS_OF_A_THREAD = 16
_THREADS_OF_A_WARP = 32


def _rows(x: Tensor) -> Tensor:
    """`[..., D]` as contiguous rows, `[R, D]`, at an address at which several numbers are read at once.

    A kernel is compiled anew for other addresses, and would add in another order.
    """
    rows = x.detach().reshape(-1, x.shape[-1]).contiguous()
    return rows.clone() if rows.data_ptr() % 16 else rows


@functools.cache
def _bits(clip: tuple[float, ...]) -> list[int]:
    # Triton passes floats to a kernel as float32.
    return np.array(clip + (16 - len(clip)) * (0.0,)).view(np.int64).tolist()


def _clip(clip: Sequence[float], like: Tensor) -> Tensor:
    """The numbers of a clip on the device of a tensor. A copy from here would have to be waited for."""
    from .primitives_gpu import write16

    numbers = like.new_empty(16, dtype=torch.float64)
    write16[(1,)](numbers, *_bits(tuple(clip)), num_warps=1)
    return numbers


def _programs(module: ModuleType, rows: int) -> int:
    return -(-rows // module.ROWS.value)


def _launch(module: ModuleType, kernel: str, vectors: Tensor, arguments: Sequence[Any], **constants: Any) -> None:
    """Run a kernel on blocks of rows.

    Args:
        module: From `load`.
        kernel: Its name in the module.
        vectors: What the rows are like.
        arguments: Of the kernel, without the scratch, the number of rows, and what follows from the vectors' length.
        constants: Further arguments that the kernel is compiled for.
    """
    rows, dim = vectors.shape
    programs, most = _programs(module, rows), module.ROWS.value
    if not programs:
        return
    width = 1 << (dim - 1).bit_length()
    of_a_warp = _NUMBERS_OF_A_THREAD * _THREADS_OF_A_WARP
    scratch = torch.empty(programs * module.SCRATCH.value * most, dtype=torch.float64, device=vectors.device)
    getattr(module, kernel)[(programs,)](
        *arguments,
        scratch,
        rows,
        D=dim,
        WIDTH=width,
        **constants,
        AT_ONCE=max(1, min(most, of_a_warp // width)),
        num_warps=max(1, width // of_a_warp),
    )


@functools.cache
def _plane_module(formula: TwoVectorFormula) -> ModuleType:
    return load(plane.row_program(formula), 'two_vectors_gpu')


def two_vectors(formula: TwoVectorFormula, x: Tensor, y: Tensor, numbers: Tensor, clip: Sequence[float]) -> Tensor:
    """The result of `ops.two_vectors`.

    Args:
        formula: The formula.
        x: `[..., D]`.
        y: `[..., D]`, of the type of `x`.
        numbers: The curvature and what the formula takes besides, `[1 + n]`, float64.
        clip: The numbers of the clip.
    """
    module = _plane_module(formula)
    x_rows, y_rows = _rows(x), _rows(y)
    out = torch.empty_like(x_rows)
    with torch.cuda.device_of(x):
        _launch(module, 'forward', out, (x_rows, y_rows, numbers.detach().contiguous(), _clip(clip, x), out))
    return out.view(x.shape)


def two_vectors_backward(
    formula: TwoVectorFormula, g: Tensor, x: Tensor, y: Tensor, numbers: Tensor, clip: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to `x`, `y` and the numbers, from the gradient `g` with respect to the result."""
    module = _plane_module(formula)
    vectors = [_rows(t) for t in (x, y, g)]
    dx, dy = torch.empty_like(vectors[0]), torch.empty_like(vectors[1])
    sums = numbers.new_empty(_programs(module, len(dx)), len(numbers))
    bound = largest_gradient(torch.promote_types(x.dtype, torch.float32))
    with torch.cuda.device_of(x):
        arguments = (*vectors, numbers.detach().contiguous(), _clip(clip, x), dx, dy, sums)
        _launch(module, 'backward', dx, arguments, BOUND=bound)
    return dx.view(x.shape), dy.view(x.shape), sums.sum(0)
