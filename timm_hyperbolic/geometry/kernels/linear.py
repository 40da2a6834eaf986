"""The linear map between centres: what its kernel computes for a row."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..formulas import linear_map
from ..gyrovector import Frame
from ..limits import Bounds
from .row_program import CLIP, RowProgram

__all__ = ['FIXED', 'Shared', 'gradients', 'kept_shape', 'result_gives_product', 'row_program', 'shared']

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


def kept_shape(x: Tensor, p_in: Tensor) -> tuple[int, int, int]:
    """The shape of the numbers that the backward pass needs: for every row and part, the inputs of the row program."""
    return math.prod(x.shape[:-1]), len(p_in), len(row_program().inputs)


class Shared(NamedTuple):
    """What all rows of a linear map share.

    Args:
        weight: `[P, E, D]`, in the type of `x`.
        p_in: `[P, D]`.
        fixed: `W·p_in`, `p_out` and the bias, `[P, 3, E]`.
        numbers: What the row program shares but for the clip, `[P, n]`, float64.
    """

    weight: Tensor
    p_in: Tensor
    fixed: Tensor
    numbers: Tensor


def shared(x: Tensor, weight: Tensor, bias: Tensor, p_in: Tensor, p_out: Tensor, c: Tensor) -> Shared:
    """What all rows share; arguments as for `cpu.linear`."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    weight, bias, p_in, p_out = (t.detach().to(dtype) for t in (weight, bias, p_in, p_out))
    w = weight.reshape(len(p_in), -1, weight.shape[-1])
    fixed = torch.stack([(w @ p_in.unsqueeze(-1)).squeeze(-1), p_out, bias.view_as(p_out)], 1)
    exact = fixed.double()
    gram = (exact.unsqueeze(1) * exact.unsqueeze(2)).sum(-1).flatten(1)
    pp = p_in.double().square().sum(-1, keepdim=True)
    return Shared(w.to(x.dtype), p_in.contiguous(), fixed, torch.cat([c.detach().unsqueeze(-1), gram, pp], 1))


#: Least product of the complements `1 - c‖p‖²` of both centres with which the result gives `y` again.
_LEAST_COMPLEMENT = 1 / 4


def result_gives_product(numbers: Tensor) -> bool:
    """Whether the backward pass may compute `y = Wx` from the result, instead of a further matrix product.

    Möbius addition to a centre multiplies a vector by about the centre's complement `1 - c‖p‖²`, and by so much more
    the rounding of the result counts in a `y` that is computed from it. The answer depends on parameters alone, so that
    a row is computed in the same way in every batch.

    Args:
        numbers: From `shared`.
    """
    pp, oo = 1 + FIXED.index('pp'), 1 + FIXED.index('oo')
    return all((1 - n[0] * n[pp]) * (1 - n[0] * n[oo]) >= _LEAST_COMPLEMENT for n in numbers.tolist())


def gradients(
    common: Shared, dw: Tensor, along_x: Tensor, along_g: Tensor, of_numbers: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The gradients of weight, bias, `p_in`, `p_out` and curvature.

    Args:
        common: From `shared`.
        dw: The gradient of the weight as far as it comes from that of `y`, `[P, E, D]`; it is completed in its place.
        along_x: Sums over rows of `x` times the gradients of `⟨x, p_in⟩` and of the inner products of `y` with the
            fixed vectors, `[P, 4, D]`.
        along_g: Sums over rows of the gradient of the result times the factors of the fixed vectors, `[P, 3, E]`.
        of_numbers: The gradients of the numbers, `[P, n]`.
    """
    dtype, w = dw.dtype, common.weight.to(dw.dtype)
    # The fixed vectors: by the sums, by their inner products, and by y = Wx
    dc, of_gram, of_pp = of_numbers.split([1, 9, 1], -1)
    of_gram = of_gram.view(-1, 3, 3)
    of_gram = ((of_gram + of_gram.mT).unsqueeze(-1) * common.fixed.unsqueeze(1)).sum(2).to(dtype)
    of_fixed = along_g + of_gram + along_x[:, 1:] @ w.mT
    dq, dp_out, dbias = of_fixed.unbind(1)
    dp_in = along_x[:, 0] + 2 * of_pp.to(dtype) * common.p_in + (dq.unsqueeze(1) @ w).squeeze(1)
    dw.addcmul_(dq.unsqueeze(-1), common.p_in.unsqueeze(1))
    return dw, dbias.clone(), dp_in, dp_out.clone(), dc.clone()  # they share memory
