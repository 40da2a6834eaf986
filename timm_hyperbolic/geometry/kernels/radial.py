"""Radial maps: what the kernels compute for a vector."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..radial import RADIAL
from .row_program import RowProgram

__all__ = ['radial_program']


@functools.cache
def radial_program(name: str) -> RowProgram:
    """From the squared length of a vector to the factor of a map, in float32.

    Args:
        name: A name of `radial.RADIAL`.
    """

    def function(rr: Tensor, c: Tensor, limit: Tensor) -> tuple[Tensor, ...]:
        return (RADIAL[name](c * rr, limit),)

    return RowProgram(
        name=name,
        function=function,
        inputs=('rr',),
        numbers=('c', 'limit'),
        outputs=('factor',),
        wrt=('rr', 'c'),
        dtype=torch.float32,
    )
