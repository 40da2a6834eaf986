"""Formulas of two vectors per row: what the kernels compute for a row."""

from __future__ import annotations

import functools

from torch import Tensor

from ..formulas import TwoVectorFormula
from ..gyrovector import Frame
from ..limits import Bounds
from .row_program import CLIP, RowProgram

__all__ = ['row_program']


@functools.cache
def row_program(formula: TwoVectorFormula) -> RowProgram:
    """From the Gram matrix of an orthogonal basis `e`, `w` to the result's coefficients `a` and `b` in it.

    Its inputs are `⟨e, e⟩`, `⟨e, w⟩`, `⟨w, w⟩` and the coordinates of `x` and `y` in the basis.
    """

    def function(ee, ew, ww, x1, x2, y1, y2, c, *numbers: Tensor) -> tuple[Tensor, ...]:
        bounds, numbers = Bounds(*numbers[: len(CLIP)]), numbers[len(CLIP) :]
        frame = Frame((None, None), ((ee, ew), (ww,)), c, bounds, formula.closed)
        h = formula(frame.tangent(x1, x2).exp0(), frame.tangent(y1, y2).exp0(), *numbers)
        return h.log0().coefficients

    return RowProgram(
        name=formula.name,
        function=function,
        inputs=('ee', 'ew', 'ww', 'x1', 'x2', 'y1', 'y2'),
        numbers=('c', *CLIP, *formula.numbers),
        outputs=('a', 'b'),
        wrt=('ee', 'ew', 'ww', 'c', *formula.numbers),
    )
