"""Logits by distance: what the kernels compute for a feature, for a prototype, and for a pair of them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from ..formulas import Feature, Prototype, feature, logit, prototype
from ..gyrovector import Frame
from ..limits import Bounds
from .row_program import CLIP, RowProgram

__all__ = ['feature_program', 'logit_program', 'prototype_program']


def _frame(vv: Tensor, c: Tensor, clip: tuple[Tensor, ...]) -> Frame:
    return Frame((None,), ((vv,),), c, Bounds(*clip))


@functools.cache
def feature_program() -> RowProgram:
    """From `⟨v, v⟩` to what logits take of the point `exp0(v)`."""

    def function(vv: Tensor, c: Tensor, *clip: Tensor) -> tuple[Tensor, ...]:
        return tuple(feature(_frame(vv, c, clip).tangent(torch.ones_like(vv))))

    return _of_a_point('feature_point', function, Feature._fields)


@functools.cache
def prototype_program() -> RowProgram:
    """From `⟨w, w⟩` to what logits take of the prototype that is stored as `w`."""

    def function(vv: Tensor, c: Tensor, *clip: Tensor) -> tuple[Tensor, ...]:
        return tuple(prototype(_frame(vv, c, clip).point(torch.ones_like(vv))))

    return _of_a_point('prototype_point', function, Prototype._fields)


def _of_a_point(name: str, function: Callable[..., tuple[Tensor, ...]], outputs: tuple[str, ...]) -> RowProgram:
    return RowProgram(name, function, ('vv',), ('c', *CLIP), outputs, wrt=('vv', 'c'))


@functools.cache
def logit_program() -> RowProgram:
    """From the inner product of a feature and a prototype, and numbers of both, to the logit."""

    def function(*numbers: Tensor) -> tuple[Tensor, ...]:
        return (logit(*numbers),)

    inputs = ('inner', 'h_r2', 'h_inverse', 'h_reach', 'p_r2', 'p_inverse', 'bias')
    numbers = ('c', 'slope')
    return RowProgram('prototype_logit', function, inputs, numbers, ('logit',), wrt=(*inputs, *numbers))
