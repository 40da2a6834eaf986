"""Layers of hyperplanes: what the kernels compute for a hyperplane, and for a pair of a point and a hyperplane."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from .. import hyperplane
from .row_program import RowProgram

__all__ = ['fully_connected_program', 'plane_program', 'steep_distance_program']

_INPUTS = ('inner', 'time', 'along', 'across', 'slope')
_NUMBERS = ('c', 'limit', 'edge')
_Function = Callable[..., tuple[Tensor, ...]]


@functools.cache
def plane_program() -> RowProgram:
    """From the squared length of a normal and an offset to the numbers of the hyperplane, in float64."""
    return RowProgram(
        name='hyperplane',
        function=hyperplane.plane_factors,
        inputs=('zz', 'offset'),
        numbers=('c',),
        outputs=('along', 'across', 'slope'),
        wrt=('zz', 'offset', 'c'),
    )


@functools.cache
def fully_connected_program(dtype: torch.dtype) -> RowProgram:
    """From an inner product, and numbers of the point and the hyperplane, to a coordinate.

    Args:
        dtype: The type in which it is computed, that of the inner products.
    """

    def function(*numbers: Tensor) -> tuple[Tensor, ...]:
        return (hyperplane.fully_connected(*numbers[:-1]),)

    def gradients(w: Tensor, *numbers: Tensor) -> tuple[Tensor, ...]:
        *others, _, edge, g = numbers
        return hyperplane.fully_connected_gradients(w, g, *others, edge)

    return _of_pairs('fully_connected', dtype, function, gradients)


@functools.cache
def steep_distance_program(dtype: torch.dtype) -> RowProgram:
    """From an inner product, and numbers of the point and the hyperplane, to a distance times a slope.

    Args:
        dtype: The type in which it is computed, that of the inner products.
    """

    def function(*numbers: Tensor) -> tuple[Tensor, ...]:
        return (hyperplane.steep_distance(*numbers[:-2]),)

    def gradients(v: Tensor, *numbers: Tensor) -> tuple[Tensor, ...]:
        *others, _, _, g = numbers
        return hyperplane.steep_distance_gradients(v, g, *others)

    return _of_pairs('steep_distance', dtype, function, gradients)


def _of_pairs(name: str, dtype: torch.dtype, function: _Function, gradients: _Function) -> RowProgram:
    return RowProgram(
        name=f'{name}_{str(dtype).removeprefix("torch.")}',
        function=function,
        inputs=_INPUTS,
        numbers=_NUMBERS,
        outputs=('result',),
        wrt=(*_INPUTS, 'c'),
        dtype=dtype,
        gradients=gradients,
        given=('result', *_INPUTS[1:]),
    )
