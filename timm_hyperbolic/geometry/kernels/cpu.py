"""Kernels on a CPU, called on tensors.

A kernel takes contiguous float32 or float64 vectors; others are converted here, half types to float32.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from ..formulas import TwoVectorFormula
from ..gyrovector import largest_gradient
from . import two_vectors as plane
from .library import launch, load

__all__ = ['two_vectors', 'two_vectors_backward']


def _rows(x: Tensor, dtype: torch.dtype) -> Tensor:
    """`[..., D]` as contiguous rows, `[R, D]`."""
    return x.detach().to(dtype).reshape(-1, x.shape[-1]).contiguous()


def _kernel_dtype(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _blocks(module: ModuleType, rows: int) -> int:
    return -(-rows // module.ROWS)


def _numbers(numbers: Tensor, clip: Sequence[float]) -> np.ndarray:
    """The curvature, the clip, the formula's numbers."""
    c, *rest = numbers.detach().tolist()
    return np.array([c, *clip, *rest])


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
    module, dtype = _plane_module(formula), _kernel_dtype(x)
    x_rows, y_rows = _rows(x, dtype), _rows(y, dtype)
    out = torch.empty_like(x_rows)
    arrays = (x_rows.numpy(), y_rows.numpy(), _numbers(numbers, clip), out.numpy())
    launch(module.forward, _blocks(module, len(out)), arrays)
    return out.to(x.dtype).view(x.shape)


def two_vectors_backward(
    formula: TwoVectorFormula, g: Tensor, x: Tensor, y: Tensor, numbers: Tensor, clip: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to `x`, `y` and the numbers, from the gradient `g` with respect to the result."""
    module, dtype = _plane_module(formula), _kernel_dtype(x)
    x_rows, y_rows, g_rows = (_rows(t, dtype) for t in (x, y, g))
    dx, dy = torch.empty_like(x_rows), torch.empty_like(x_rows)
    blocks = _blocks(module, len(x_rows))
    sums = np.empty((blocks, len(numbers)))
    vectors = (x_rows.numpy(), y_rows.numpy(), g_rows.numpy())
    arrays = (*vectors, _numbers(numbers, clip), largest_gradient(dtype), dx.numpy(), dy.numpy(), sums)
    launch(module.backward, blocks, arrays)
    return dx.to(x.dtype).view(x.shape), dy.to(x.dtype).view(x.shape), torch.from_numpy(sums.sum(0))
