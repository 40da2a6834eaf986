"""Kernels on a GPU, called on tensors.

A kernel reads contiguous vectors of any type and converts them in registers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..formulas import TwoVectorFormula
from ..gyrovector import largest_gradient
from . import linear as linear_map
from . import two_vectors as plane
from .library import load

__all__ = [
    'WIDEST',
    'aligned',
    'blocks_of',
    'clip_of',
    'launch_rows',
    'linear',
    'linear_backward',
    'two_vectors',
    'two_vectors_backward',
    'width_of',
]

#: Longest vectors that kernels take.
WIDEST = 8192
# Numbers of vectors that a warp reads at once, sixteen for each thread.
_OF_A_WARP = 512


def aligned(x: Tensor) -> Tensor:
    """`x` contiguous, at an address at which several numbers are read at once.

    A kernel is compiled anew for other addresses, and would add in another order.
    """
    x = x.detach().contiguous()
    return x.clone() if x.data_ptr() % 16 else x


def _rows(x: Tensor) -> Tensor:
    """`[..., D]` as rows, `[R, D]`."""
    return aligned(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]))


@functools.cache
def _bits(clip: tuple[float, ...]) -> list[int]:
    # Triton passes floats to a kernel as float32.
    return np.array(clip + (16 - len(clip)) * (0.0,)).view(np.int64).tolist()


def clip_of(clip: Sequence[float], like: Tensor) -> Tensor:
    """The numbers of a clip on the device of a tensor. A copy from here would have to be waited for."""
    from .primitives_gpu import write16

    numbers = like.new_empty(16, dtype=torch.float64)
    write16[(1,)](numbers, *_bits(tuple(clip)), num_warps=1)
    return numbers


def blocks_of(module: ModuleType, rows: int) -> int:
    """How many blocks of rows there are."""
    return -(-rows // module.ROWS.value)


def width_of(dim: int) -> int:
    """A power of two that is not below the length of a vector."""
    return 1 << (dim - 1).bit_length()


def warps_for(*dims: int) -> int:
    """Of a program that reads vectors of these lengths."""
    return max(1, width_of(max(dims)) // _OF_A_WARP)


def at_once(module: ModuleType, dim: int, warps: int) -> int:
    """How many rows of vectors of a length a program reads at once."""
    return max(1, min(module.ROWS.value, warps * _OF_A_WARP // width_of(dim)))


def scratch(module: ModuleType, blocks: int, like: Tensor) -> Tensor:
    """Memory for the numbers of rows in as many blocks, on the device of a tensor."""
    return like.new_empty(blocks * module.SCRATCH.value * module.ROWS.value, dtype=torch.float64)


def launch_rows(module: ModuleType, kernel: str, vectors: Tensor, *arguments: Any) -> None:
    """Run a kernel of `passes/point_gpu.py` or `passes/midpoint_gpu.py` on vectors `[R, D]`."""
    rows, dim = vectors.shape
    blocks, warps = blocks_of(module, rows), warps_for(dim)
    if not blocks:
        return
    # Whole numbers stand behind the scratch and the number of rows.
    tensors = [t for t in arguments if isinstance(t, Tensor)]
    others = arguments[len(tensors) :]
    getattr(module, kernel)[(blocks,)](
        vectors,
        *tensors,
        scratch(module, blocks, vectors),
        rows,
        *others,
        D=dim,
        WIDTH=width_of(dim),
        AT_ONCE=at_once(module, dim, warps),
        num_warps=warps,
    )


# Two vectors per row


@functools.cache
def _plane_module(formula: TwoVectorFormula) -> ModuleType:
    return load(plane.row_program(formula), 'two_vectors_gpu')


def _launch_plane(
    formula: TwoVectorFormula,
    kernel: str,
    vectors: Sequence[Tensor],
    numbers: Tensor,
    clip: Sequence[float],
    results: Sequence[Tensor],
    **constants: Any,
) -> None:
    """Run a kernel of `passes/two_vectors_gpu.py`."""
    module, (rows, dim) = _plane_module(formula), vectors[0].shape
    blocks, warps = blocks_of(module, rows), warps_for(dim)
    if not blocks:
        return
    with torch.cuda.device_of(numbers):
        getattr(module, kernel)[(blocks,)](
            *vectors,
            aligned(numbers),
            clip_of(clip, numbers),
            *results,
            scratch(module, blocks, numbers),
            rows,
            D=dim,
            WIDTH=width_of(dim),
            AT_ONCE=at_once(module, dim, warps),
            num_warps=warps,
            **constants,
        )


def two_vectors(formula: TwoVectorFormula, x: Tensor, y: Tensor, numbers: Tensor, clip: Sequence[float]) -> Tensor:
    """The result of `ops.two_vectors`.

    Args:
        formula: The formula.
        x: `[..., D]`.
        y: `[..., D]`, of the type of `x`.
        numbers: The curvature and what the formula takes besides, `[1 + n]`, float64.
        clip: The numbers of the clip.
    """
    x_rows, y_rows = _rows(x), _rows(y)
    out = torch.empty_like(x_rows)
    _launch_plane(formula, 'forward', (x_rows, y_rows), numbers, clip, (out,))
    return out.view(x.shape)


def two_vectors_backward(
    formula: TwoVectorFormula, g: Tensor, x: Tensor, y: Tensor, numbers: Tensor, clip: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to `x`, `y` and the numbers, from the gradient `g` with respect to the result."""
    vectors = [_rows(t) for t in (x, y, g)]
    dx, dy = torch.empty_like(vectors[0]), torch.empty_like(vectors[1])
    sums = numbers.new_empty(blocks_of(_plane_module(formula), len(dx)), len(numbers))
    bound = largest_gradient(torch.promote_types(x.dtype, torch.float32))
    _launch_plane(formula, 'backward', vectors, numbers, clip, (dx, dy, sums), BOUND=bound)
    return dx.view(x.shape), dy.view(x.shape), sums.sum(0)


# A linear map


@functools.cache
def _linear_module() -> ModuleType:
    return load(linear_map.row_program(), 'linear_gpu')


def _launch_linear(
    kernel: str,
    vectors: Sequence[Tensor],
    shared: Sequence[Tensor],
    clip: Sequence[float],
    results: Sequence[Tensor],
    by_part: bool,
) -> None:
    """Run a kernel of `passes/linear_gpu.py`.

    Args:
        kernel: Its name.
        vectors: What it reads of each row.
        shared: The centres of `x`, the fixed vectors, and the numbers.
        clip: The numbers of the clip.
        results: What it reads and writes besides.
        by_part: Whether each part of a block has a program of its own.
    """
    p_in, fixed, _ = shared
    (parts, dim), width = p_in.shape, fixed.shape[-1]
    module, rows, warps = _linear_module(), len(vectors[0]), warps_for(dim, width)
    blocks = blocks_of(module, rows)
    if not blocks:
        return
    with torch.cuda.device_of(p_in):
        getattr(module, kernel)[(blocks, parts if by_part else 1)](
            *vectors,
            *shared,
            clip_of(clip, p_in),
            *results,
            scratch(module, blocks * parts, p_in),
            rows,
            PARTS=parts,
            D=dim,
            X_WIDTH=width_of(dim),
            X_AT_ONCE=at_once(module, dim, warps),
            E=width,
            Y_WIDTH=width_of(width),
            Y_AT_ONCE=at_once(module, width, warps),
            num_warps=warps,
        )


def linear(
    x: Tensor, weight: Tensor, bias: Tensor, p_in: Tensor, p_out: Tensor, c: Tensor, clip: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """The result of `ops.linear`, and the inner products of every row, which `linear_backward` takes.

    `linear_backward` computes `Wx` once more. To compute it from the result would need no product, but a centre near
    the boundary would hide it there, and to see where that is so the CPU would have to wait for the GPU.

    Args:
        x: `[..., D]`.
        weight: `[P·E, D]`.
        bias: `[P·E]`.
        p_in: `[P, D]`.
        p_out: `[P, E]`.
        c: `[P]`, float64.
        clip: The numbers of the clip.
    """
    with torch.autocast(x.device.type, enabled=False):
        common, rows = linear_map.shared(x, weight, bias, p_in, p_out, c), _rows(x)
        y, kept = rows @ common.weight.flatten(0, 1).T, c.new_empty(linear_map.kept_shape(x, p_in))
        _launch_linear('forward', (rows,), common[1:], clip, (y, kept), by_part=True)
    return y.view(*x.shape[:-1], len(weight)), kept


def linear_backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    p_in: Tensor,
    p_out: Tensor,
    c: Tensor,
    out: Tensor | None,
    kept: Tensor,
    clip: Sequence[float],
) -> tuple[Tensor, ...]:
    """Gradients of all tensors that `linear` takes, from the gradient `g` of its result `out`, which is not read."""
    with torch.autocast(x.device.type, enabled=False):
        common = linear_map.shared(x, weight, bias, p_in, p_out, c)
        g_rows, rows = map(_rows, (g, x))
        y = rows @ common.weight.flatten(0, 1).T
        dx, dy, blocks = torch.empty_like(rows), torch.empty_like(g_rows), blocks_of(_linear_module(), len(rows))
        (parts, dim), width = common.p_in.shape, common.fixed.shape[-1]
        along_x, along_g = (common.p_in.new_empty(blocks, parts, *n) for n in ((4, dim), (3, width)))
        of_numbers = c.new_empty(blocks, *common.numbers.shape)
        results = y, kept, dx, dy, along_x, along_g, of_numbers
        _launch_linear('backward', (g_rows, rows), common[1:], clip, results, by_part=False)
        dx = torch.addmm(dx, dy, common.weight.flatten(0, 1))
        dw = (dy.T @ rows).to(along_x.dtype).view(common.weight.shape)
        found = linear_map.gradients(common, dw, *(sums.sum(0) for sums in results[-3:]))
    likes = weight, bias, p_in, p_out, c
    return dx.view(x.shape), *(t.to(like.dtype).view(like.shape) for t, like in zip(found, likes, strict=True))
