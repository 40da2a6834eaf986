"""The fully connected layer: what the kernels compute for an inner product of a point and a normal."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..hyperplane import fully_connected
from .row_program import RowProgram

__all__ = ['fully_connected_program']


@functools.cache
def fully_connected_program(dtype: torch.dtype) -> RowProgram:
    """From an inner product, and numbers of the point and the hyperplane, to a coordinate.

    Args:
        dtype: The type in which it is computed, that of the inner products.
    """

    def function(*numbers: Tensor) -> tuple[Tensor, ...]:
        return (fully_connected(*numbers),)

    inputs = ('inner', 'time', 'cosh', 'sinh', 'slope')
    name = f'fully_connected_{str(dtype).removeprefix("torch.")}'
    return RowProgram(name, function, inputs, ('c', 'limit'), ('w',), wrt=(*inputs, 'c'), dtype=dtype)
