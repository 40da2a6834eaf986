"""Attention by distance: what the kernels compute for a point, for a pair of points, and for a midpoint."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..attention import Attended, attended
from ..gyrovector import Frame
from ..limits import Bounds
from ..midpoint import midpoint_factor
from ..pairwise import squared_distance_of_pairs
from .row_program import CLIP, RowProgram

__all__ = ['distance_program', 'midpoint_program', 'point_program']


@functools.cache
def point_program() -> RowProgram:
    """From `⟨v, v⟩` to what attention takes of the point `exp0(v)`."""

    def function(vv: Tensor, c: Tensor, *clip: Tensor) -> tuple[Tensor, ...]:
        frame = Frame((None,), ((vv,),), c, Bounds(*clip))
        return tuple(attended(frame.tangent(torch.ones_like(vv))))

    return RowProgram(
        name='attended_point',
        function=function,
        inputs=('vv',),
        numbers=('c', *CLIP),
        outputs=Attended._fields,
        wrt=('vv', 'c'),
    )


@functools.cache
def distance_program(dtype: torch.dtype) -> RowProgram:
    """From the inner product of two points, `‖p‖²` and `1/u` of both, to their squared distance."""

    def function(*numbers: Tensor) -> tuple[Tensor, ...]:
        return (squared_distance_of_pairs(*numbers),)

    inputs = ('inner', 'p_r2', 'p_inverse', 'q_r2', 'q_inverse')
    return RowProgram(
        name=f'squared_distance_{str(dtype).removeprefix("torch.")}',
        function=function,
        inputs=inputs,
        numbers=('c',),
        outputs=('d2',),
        wrt=(*inputs, 'c'),
        dtype=dtype,
    )


@functools.cache
def midpoint_program() -> RowProgram:
    """From `‖H‖²` and `T` to the factor of `H` in `log0` of the midpoint."""

    def function(hh: Tensor, mass: Tensor, c: Tensor, *clip: Tensor) -> tuple[Tensor, ...]:
        return (midpoint_factor(hh, mass, c, Bounds(*clip)),)

    return RowProgram(
        name='midpoint',
        function=function,
        inputs=('hh', 'mass'),
        numbers=('c', *CLIP),
        outputs=('factor',),
        wrt=('hh', 'mass', 'c'),
    )
