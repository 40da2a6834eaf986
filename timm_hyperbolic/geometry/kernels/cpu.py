"""Kernels on a CPU, called on tensors.

A kernel takes contiguous float32 or float64 vectors; others are converted here, half types to float32.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ..formulas import TwoVectorFormula
from ..gyrovector import largest_gradient
from . import linear as linear_map
from . import two_vectors as plane
from .library import launch, load

__all__ = [
    'kernel_dtype',
    'linear',
    'linear_backward',
    'rows_of',
    'two_vectors',
    'two_vectors_backward',
    'without_autocast',
]


def rows_of(x: Tensor, dtype: torch.dtype) -> Tensor:
    """`[..., D]` as contiguous rows, `[R, D]`."""
    x = x.detach()
    x = x if x.dtype == dtype else x.to(dtype)
    return (x if x.dim() == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])).contiguous()


def kernel_dtype(x: Tensor) -> torch.dtype:
    """The type in which kernels take vectors."""
    return torch.promote_types(x.dtype, torch.float32)


def _blocks(module: ModuleType, rows: int) -> int:
    return -(-rows // module.ROWS)


def _numbers(numbers: Tensor, clip: Sequence[float]) -> Tensor:
    """The curvature, the clip, the formula's numbers."""
    c, *rest = numbers.tolist()
    return torch.tensor([c, *clip, *rest], dtype=torch.float64)


@functools.cache
def _plane_module(formula: TwoVectorFormula) -> ModuleType:
    return load(plane.row_program(formula), 'two_vectors_cpu')


def two_vectors(formula: TwoVectorFormula, x: Tensor, y: Tensor, numbers: Tensor, clip: Sequence[float]) -> Tensor:
    """The result of `ops.two_vectors`.

    Args:
        formula: The formula.
        x: `[..., D]`.
        y: `[..., D]`.
        numbers: The curvature and what the formula takes besides, `[1 + n]`, float64.
        clip: The numbers of the clip.
    """
    module, dtype = _plane_module(formula), kernel_dtype(x)
    x_rows, y_rows = rows_of(x, dtype), rows_of(y, dtype)
    out = torch.empty_like(x_rows)
    launch(module.forward, _blocks(module, len(out)), (x_rows, y_rows, _numbers(numbers, clip), out))
    return out.to(x.dtype).view(x.shape)


def two_vectors_backward(
    formula: TwoVectorFormula, g: Tensor, x: Tensor, y: Tensor, numbers: Tensor, clip: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to `x`, `y` and the numbers, from the gradient `g` with respect to the result."""
    module, dtype = _plane_module(formula), kernel_dtype(x)
    x_rows, y_rows, g_rows = (rows_of(t, dtype) for t in (x, y, g))
    dx, dy = torch.empty_like(x_rows), torch.empty_like(x_rows)
    blocks = _blocks(module, len(x_rows))
    sums = torch.empty(blocks, len(numbers), dtype=torch.float64)
    arguments = x_rows, y_rows, g_rows, _numbers(numbers, clip), largest_gradient(dtype), dx, dy, sums
    launch(module.backward, blocks, arguments)
    return dx.to(x.dtype).view(x.shape), dy.to(x.dtype).view(x.shape), sums.sum(0)


# A linear map


def without_autocast(f: Callable) -> Callable:
    """Decorate a function of products of matrices: called within autocast too, it computes in the types that it got."""

    @functools.wraps(f)
    def call(*args: Any) -> Any:
        if not torch.is_autocast_enabled('cpu'):
            return f(*args)
        with torch.autocast('cpu', enabled=False):
            return f(*args)

    return call


# How many numbers of a gradient are made at a time.
_CHUNK = 2**20


@functools.cache
def _linear_module() -> ModuleType:
    return load(linear_map.row_program(), 'linear_cpu')


def _all_numbers(numbers: Tensor, clip: Sequence[float]) -> Tensor:
    """The curvature, the clip, and what else the rows of each part share."""
    clips = torch.tensor(clip, dtype=torch.float64).expand(len(numbers), -1)
    return torch.cat([numbers[:, :1], clips, numbers[:, 1:]], 1)


@without_autocast
def linear(
    x: Tensor, weight: Tensor, bias: Tensor, p_in: Tensor, p_out: Tensor, c: Tensor, clip: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """The result of `ops.linear`, and the inner products of every row, which `linear_backward` takes.

    Args:
        x: `[..., D]`.
        weight: `[P·E, D]`.
        bias: `[P·E]`.
        p_in: `[P, D]`.
        p_out: `[P, E]`.
        c: `[P]`, float64.
        clip: The numbers of the clip.
    """
    module, dtype = _linear_module(), kernel_dtype(x)
    shared = linear_map.shared(x, weight, bias, p_in, p_out, c)
    rows = rows_of(x, x.dtype)
    out = (rows @ shared.weight.flatten(0, 1).T).to(dtype)
    kept = c.new_empty(linear_map.kept_shape(x, p_in))
    parts = out.view(len(out), len(c), len(weight) // len(c))
    arguments = rows_of(x, dtype), shared.p_in, shared.fixed, _all_numbers(shared.numbers, clip), parts, kept
    launch(module.forward, _blocks(module, len(kept)), arguments)
    return out.to(x.dtype).view(*x.shape[:-1], len(weight)), kept


def _add_product(total: Tensor, a: Tensor, b: Tensor, dtype: torch.dtype) -> None:
    """Add the product of two matrices, taken in a type, in place."""
    if total.dtype == dtype:
        torch.addmm(total, a, b, out=total)
    else:
        total += a.to(dtype) @ b.to(dtype)


@without_autocast
def linear_backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    p_in: Tensor,
    p_out: Tensor,
    c: Tensor,
    out: Tensor,
    kept: Tensor,
    clip: Sequence[float],
) -> tuple[Tensor, ...]:
    """Gradients of all tensors that `linear` takes, from the gradient `g` of its result."""
    module, dtype = _linear_module(), kernel_dtype(x)
    shared = linear_map.shared(x, weight, bias, p_in, p_out, c)
    parts, width, dim = shared.weight.shape
    w = shared.weight.view(-1, dim)
    size = math.prod(x.shape[:-1])
    rows, (g_rows, out_rows) = x.reshape(size, dim), (t.reshape(size, parts, width) for t in (g, out))
    again = not linear_map.result_gives_product(shared.numbers)
    dx, dw = torch.empty(rows.shape, dtype=dtype), torch.zeros(w.shape, dtype=dtype)
    piece = module.BLOCKS * module.ROWS
    pieces = -(-size // piece)
    along_g = torch.empty(pieces, parts, 3, width, dtype=dtype)
    of_numbers = torch.empty(pieces, parts, module.SLOTS - module.D_C, dtype=torch.float64)
    sums_x, numbers = torch.zeros(parts * 4, dim, dtype=dtype), _all_numbers(shared.numbers, clip)

    # A few rows at a time, so that gradients stay in the cache, and that of y takes no new memory
    at_once = max(1, _CHUNK // (sum(w.shape) * piece))
    size = min(size, at_once * piece)
    buffers = torch.empty(size, parts, width, dtype=dtype), torch.empty(size, parts, 4, dtype=dtype)
    for first in range(0, pieces, at_once):
        some, chunk = slice(first, first + at_once), slice(first * piece, (first + at_once) * piece)
        vs = (rows[chunk].detach() @ w.T).view_as(out_rows[chunk]) if again else out_rows[chunk]
        xs, gs, vs = (t.detach().to(dtype).contiguous() for t in (rows[chunk], g_rows[chunk], vs))
        dxs, (dys, along_x) = dx[chunk], (t[: len(xs)] for t in buffers)
        sums = along_g[some], of_numbers[some]
        arguments = gs, xs, shared.p_in, shared.fixed, numbers, vs, int(again)
        arguments += kept[chunk], dxs, dys, along_x, *sums
        launch(module.backward, len(sums[0]), arguments, least=1)
        _add_product(dxs, dys.flatten(1), w, x.dtype)
        _add_product(dw, dys.flatten(1).T, xs, x.dtype)
        _add_product(sums_x, along_x.flatten(1).T, xs, dtype)

    sums = sums_x.view(parts, 4, dim), along_g.sum(0), of_numbers.sum(0)
    found = linear_map.gradients(shared, dw.view(shared.weight.shape), *sums)
    likes = weight, bias, p_in, p_out, c
    found = (t.to(like.dtype, copy=True).view(like.shape) for t, like in zip(found, likes, strict=True))
    return dx.to(x.dtype).view(x.shape), *found
