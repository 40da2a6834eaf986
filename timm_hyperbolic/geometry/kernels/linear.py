"""The linear map between centres: what its kernel computes for a row."""

from __future__ import annotations

import functools

from torch import Tensor

from ..formulas import linear_map
from ..gyrovector import Frame
from ..limits import Bounds
from .row_program import CLIP, RowProgram

__all__ = ['FIXED', 'row_program']

#: Inner products of what all rows share: the Gram matrix of `q = W·p_in`, `o = p_out` and the bias `b`, of which the
#: upper triangle is read, and `⟨p_in, p_in⟩`.
FIXED = ('qq', 'qo', 'qb', 'oq', 'oo', 'ob', 'bq', 'bo', 'bb', 'pp')


@functools.cache
def row_program() -> RowProgram:
    """From inner products of `x` and `y = Wx` to the result's coefficients in `y`, `q`, `o` and `b`."""

    def function(xx, xp, yy, yq, yo, yb, c, *numbers: Tensor) -> tuple[Tensor, ...]:
        bounds = Bounds(*numbers[: len(CLIP)])
        qq, qo, qb, _, oo, ob, _, _, bb, pp = numbers[len(CLIP) :]
        source = Frame((None, None), ((xx, xp), (pp,)), c, bounds)
        target = Frame((None,) * 4, ((yy, yq, yo, yb), (qq, qo, qb), (oo, ob), (bb,)), c, bounds)
        return linear_map(source, target).coefficients

    inputs = ('xx', 'xp', 'yy', 'yq', 'yo', 'yb')
    return RowProgram(
        name='linear_map',
        function=function,
        inputs=inputs,
        numbers=('c', *CLIP, *FIXED),
        outputs=('of_y', 'of_q', 'of_o', 'of_b'),
        wrt=(*inputs, 'c', *FIXED),
    )
