"""The hyperbolic linear map: a matrix product with a formula before and after it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from ..formulas import linear_map
from ..gyrovector import Frame, dot, widen
from ..kernels import cpu, gpu
from ..kernels.linear import kept_shape
from ..limits import Limits
from .choice import TRIALS, has_kernel
from .operation import (
    bounds_of,
    clip_numbers,
    drawn,
    in_float64,
    operation,
    with_double_backward,
)

__all__ = ['both_ways', 'linear']


def linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    p_in: Tensor,
    p_out: Tensor,
    curvature: Tensor,
    limits: Limits,
    vectors: torch.dtype,
) -> Tensor:
    """P linear layers on tangent vectors at the origin, their results joined; see `formulas.linear`.

    Args:
        x: `[..., D]`.
        weight: `[P·E, D]`.
        bias: `[P·E]`, or None.
        p_in: Centres of the inputs, `[P, D]`.
        p_out: Centres of the results, `[P, E]`.
        curvature: `c >= 0`, `[P]`, float32 or float64; the definition computes scalars in its type.
        limits: The clip.
        vectors: The type of vectors.

    Returns:
        `[..., P·E]`, in the type `vectors`.
    """
    if vectors.itemsize < 4:
        # A half type cannot hold a long vector's products, and `exp0` would shorten it anyway: to the longest that
        # any part allows it is shortened here, before the cast.
        x = x * limits.tangent(dot(x, x, curvature.dtype), curvature.amin()).to(x.dtype)
    x = x.to(vectors)
    if not has_kernel(x, 'linear_map', longest=p_out.shape[-1]):
        return _linear_definition(x, weight, bias, p_in, p_out, curvature, limits)
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    return _linear(x, weight, bias, p_in, p_out, curvature.double(), clip_numbers(limits))[0]


def _linear_definition(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    p_in: Tensor,
    p_out: Tensor,
    c: Tensor,
    clip: Limits | list[float],
) -> Tensor:
    vectors, scalars, parts = x.dtype, c.dtype, len(p_in)
    weight, p_in, p_out = (t.to(vectors) for t in (weight, p_in, p_out))
    w, c, bounds = weight.unflatten(0, (parts, -1)), c.unsqueeze(-1), bounds_of(clip)  # [P, E, D], [P, 1]
    fixed = [(w @ p_in.unsqueeze(-1)).squeeze(-1), p_out, *([] if bias is None else [bias.to(vectors).view_as(p_out)])]
    # The inner products of `x` with the centres, and those of `Wx` with the fixed vectors, `⟨Wx, v⟩ = ⟨x, Wᵀv⟩`, are
    # one skinny product.
    columns = torch.stack([p_in, *((v.unsqueeze(-2) @ w).squeeze(-2) for v in fixed)])
    rows = x.flatten(0, -2) if x.dim() > 1 else x.unsqueeze(0)
    inner = widen(F.linear(rows, columns.flatten(0, 1)), scalars).unflatten(-1, columns.shape[:2])
    xp, *y_fixed = inner.unsqueeze(-1).unbind(-3)  # each [R, P, 1]
    y = F.linear(rows, weight).unflatten(-1, (parts, -1))  # [R, P, E]

    xx, pp = dot(rows, rows, scalars).unsqueeze(-2), dot(p_in, p_in, scalars)
    upper = [[dot(u, v, scalars) for v in fixed[i:]] for i, u in enumerate(fixed)]
    source = Frame((rows.unsqueeze(-2), p_in), ((xx, xp), (pp,)), c, bounds)
    target = Frame((y, *fixed), ((dot(y, y, scalars), *y_fixed), *upper), c, bounds)
    # The combination, as one product with the fixed vectors of all parts
    of_y, *of_each = (cast(Tensor, t).to(vectors) for t in linear_map(source, target).coefficients)
    of_fixed = torch.cat(of_each, dim=-1).reshape(-1, parts * len(fixed))
    out = torch.addmm((of_y * y).flatten(-2), of_fixed, torch.block_diag(*torch.stack(fixed, 1)))
    return out.view(*x.shape[:-1], len(weight))


@operation(
    'linear',
    '(Tensor x, Tensor weight, Tensor bias, Tensor p_in, Tensor p_out, Tensor c, float[] clip) -> (Tensor, Tensor)',
)
def _linear(
    x: Tensor, weight: Tensor, bias: Tensor, p_in: Tensor, p_out: Tensor, c: Tensor, clip: list[float]
) -> tuple[Tensor, Tensor]:
    return cpu.linear(x, weight, bias, p_in, p_out, c, clip)


@operation(
    'linear_backward',
    '(Tensor g, Tensor x, Tensor weight, Tensor bias, Tensor p_in, Tensor p_out, Tensor c, Tensor? out, Tensor kept, '
    'float[] clip) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)',
)
def _linear_backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    p_in: Tensor,
    p_out: Tensor,
    c: Tensor,
    out: Tensor | None,
    kept: Tensor,
    clip: list[float],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    return cpu.linear_backward(g, x, weight, bias, p_in, p_out, c, out, kept, clip)


@_linear.register_kernel('cuda')
def _(x: Any, weight: Any, bias: Any, p_in: Any, p_out: Any, c: Any, clip: Any) -> Any:
    return gpu.linear(x, weight, bias, p_in, p_out, c, clip)


@_linear_backward.register_kernel('cuda')
def _(g: Any, x: Any, weight: Any, bias: Any, p_in: Any, p_out: Any, c: Any, out: Any, kept: Any, clip: Any) -> Any:
    return gpu.linear_backward(g, x, weight, bias, p_in, p_out, c, out, kept, clip)


def both_ways(name: str, device: str, dtype: torch.dtype, dim: int) -> Iterator[tuple[str, Tensor, Tensor, float]]:
    """Yield what the kernels of a linear map and its definition give for few rows, as `trial.reason_against` takes it.

    Args:
        name: The name of the kernel.
        device: The device, such as `cuda:0`.
        dtype: The type of the vectors.
        dim: The number D of entries of a vector.
    """
    clip, (x, g) = clip_numbers(Limits(0.985)), 2 * drawn(0, device, dtype, 2, 40, dim)
    weight, centres = drawn(1, device, dtype, dim, dim), 0.3 * drawn(2, device, dtype, 3, 1, dim)
    inputs = x, weight, centres[0, 0], centres[1], centres[2], torch.full((1,), 0.9, dtype=torch.float64, device=device)
    out, kept = gpu.linear(*inputs, clip)
    ours = out, *gpu.linear_backward(g, *inputs, out, kept, clip)
    exact = in_float64(_linear_definition, inputs, (clip,), g)
    names = ('result', *(f'gradient of {n}' for n in ('x', 'weight', 'bias', 'p_in', 'p_out', 'curvature')))
    for result in zip(names, ours, exact, strict=True):
        yield *result, 16 * torch.finfo(dtype).eps + 1e-9  # Matrix products are rounded to the type of the vectors.


@_linear.register_fake
def _(x: Any, weight: Any, bias: Any, p_in: Any, p_out: Any, c: Any, clip: Any) -> Any:
    return x.new_empty(*x.shape[:-1], len(weight)), c.new_empty(kept_shape(x, p_in))


@_linear_backward.register_fake
def _(g: Any, x: Any, weight: Any, bias: Any, p_in: Any, p_out: Any, c: Any, out: Any, kept: Any, clip: Any) -> Any:
    return tuple(t.new_empty(t.shape) for t in (x, weight, bias, p_in, p_out, c))


def _linear_for_second_derivatives(x: Tensor, *others: Any) -> Tensor:
    """The definition in float32 or better, as the kernel computes all but its matrix products."""
    return _linear_definition(x.to(torch.promote_types(x.dtype, torch.float32)), *others).to(x.dtype)


with_double_backward(_linear, _linear_for_second_derivatives, _linear_backward, tensors=6)


# Matrix products as torch's counter of FLOPs counts them, which does not see into an operation.


@register_flop_formula(torch.ops.timm_hyperbolic.linear)
def _linear_flops(x: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Any = None, **__: Any) -> int:
    """`Wx` and `W·p_in`."""
    out, dim = weight
    return 2 * (math.prod(x) + dim) * out


@register_flop_formula(torch.ops.timm_hyperbolic.linear_backward)
def _linear_backward_flops(
    g: Sequence[int],
    x: Sequence[int],
    weight: Sequence[int],
    bias: Sequence[int],
    p_in: Sequence[int],
    p_out: Sequence[int],
    c: Sequence[int],
    result: Sequence[int] | None,
    *_: Any,
    out_shape: Any = None,
    **__: Any,
) -> int:
    """The gradients of `x` and `W`, four sums over `x` for each part, and what gives those of the fixed vectors.

    Where the result was not kept, `Wx` is computed once more.
    """
    out, dim = weight
    products = 2 if result is not None else 3
    return 2 * math.prod(x) * (products * out + 4 * p_in[0]) + 10 * out * dim


TRIALS['linear_map'] = both_ways
