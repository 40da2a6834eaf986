"""Logits by distance to prototypes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from ..formulas import feature, logit, prototype
from ..gyrovector import Frame
from ..kernels import logits_cpu, logits_gpu
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

__all__ = ['both_ways', 'logits']


def logits(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    scale: Tensor,
    sigma: Tensor,
    curvature: Tensor,
    limits: Limits,
    vectors: torch.dtype,
    relative: bool = False,
) -> Tensor:
    """`-d(exp0(scale·x), p_k)²/(2σ²) + b_k` for prototypes `p_k`; see `formulas.logit`.

    Args:
        x: `[..., D]`.
        weight: Prototypes, `[C, D]`.
        bias: `[C]`.
        scale: What features are multiplied by, `[1]`.
        sigma: The temperature `σ`, `[1]`.
        curvature: `c >= 0`, `[1]`, float32 or float64; the definition computes scalars in its type.
        limits: The clip.
        vectors: The type of the matrix product in the definition.
        relative: Logits relative to a prototype at the origin: `d(exp0(scale·x), 0)²/(2σ²)` is added.

    Returns:
        `[..., C]`, in the type of `x`.
    """
    scalars = curvature.dtype
    numbers = torch.cat([curvature, scale.to(scalars), -0.5 / sigma.to(scalars) ** 2])
    # Without a margin, the numbers of points near the boundary differ too much for float32.
    dtype = torch.float64 if limits.margin is None else x.dtype
    if not has_kernel(x, 'logits', dtype=dtype):
        return _logits_definition(x, weight, bias, numbers, relative, limits, vectors)
    return _logits(x.to(dtype), weight, bias, numbers.double(), relative, clip_numbers(limits)).to(x.dtype)


def _logits_definition(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    numbers: Tensor,
    relative: bool,
    clip: Limits | list[float],
    vectors: torch.dtype | None = None,
) -> Tensor:
    c, scale, slope = numbers.unsqueeze(-1)
    scalars, bounds = numbers.dtype, bounds_of(clip)
    vectors = vectors or torch.promote_types(x.dtype, torch.float32)
    v = Frame.of((x,), c, scalars, bounds).tangent(scale)
    stored = Frame.of((weight,), c, scalars, bounds).point(torch.ones_like(c))
    h, p = feature(v), prototype(stored)

    def point(factor: Tensor, v: Tensor) -> Tensor:
        return (factor.to(torch.promote_types(v.dtype, vectors)) * v).to(vectors)

    inner = F.linear(point(h.factor, x), point(p.factor, weight))
    reach = h.reach if relative else torch.zeros_like(h.reach)
    p_r2, p_inverse = p.r2.squeeze(-1), p.inverse.squeeze(-1)
    out = logit(inner.to(scalars), h.r2, h.inverse, reach, p_r2, p_inverse, bias, c, slope)
    return out.to(x.dtype)


@operation(
    'logits',
    '(Tensor x, Tensor weight, Tensor bias, Tensor numbers, bool relative, float[] clip) -> Tensor',
)
def _logits(x: Tensor, weight: Tensor, bias: Tensor, numbers: Tensor, relative: bool, clip: list[float]) -> Tensor:
    return logits_cpu.logits(x, weight, bias, numbers, relative, clip)


@operation(
    'logits_backward',
    '(Tensor g, Tensor x, Tensor weight, Tensor bias, Tensor numbers, bool relative, float[] clip) '
    '-> (Tensor, Tensor, Tensor, Tensor)',
)
def _logits_backward(
    g: Tensor, x: Tensor, weight: Tensor, bias: Tensor, numbers: Tensor, relative: bool, clip: list[float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return logits_cpu.logits_backward(g, x, weight, bias, numbers, relative, clip)


@_logits.register_kernel('cuda')
def _(x: Any, weight: Any, bias: Any, numbers: Any, relative: Any, clip: Any) -> Any:
    return logits_gpu.logits(x, weight, bias, numbers, relative, clip)


@_logits_backward.register_kernel('cuda')
def _(g: Any, x: Any, weight: Any, bias: Any, numbers: Any, relative: Any, clip: Any) -> Any:
    return logits_gpu.logits_backward(g, x, weight, bias, numbers, relative, clip)


def both_ways(name: str, device: str, dtype: torch.dtype, dim: int) -> Iterator[tuple[str, Tensor, Tensor, float]]:
    """Yield what the kernels of logits and their definition give for few features, as `trial.reason_against` takes it.

    Args:
        name: The name of the kernel.
        device: The device, such as `cuda:0`.
        dtype: The type of the vectors.
        dim: The number D of entries of a vector.
    """
    clip = clip_numbers(Limits(0.96))
    # More features and prototypes than a program of the kernels computes; half of the features are within the margin.
    x, g = 2 * drawn(0, device, dtype, 40, dim), drawn(1, device, dtype, 40, 150)
    weight, bias = 0.5 * drawn(2, device, dtype, 150, dim), drawn(3, device, dtype, 150)
    numbers = torch.tensor([0.9, 0.8, -0.5], dtype=torch.float64, device=device)
    inputs = x, weight, bias, numbers
    ours = logits_gpu.logits(*inputs, True, clip), *logits_gpu.logits_backward(g, *inputs, True, clip)
    exact = in_float64(_logits_definition, inputs, (True, clip), g)
    names = ('result', *(f'gradient of {n}' for n in ('x', 'weight', 'bias', 'curvature, scale and slope')))
    for result in zip(names, ours, exact, strict=True):
        yield *result, 16 * torch.finfo(dtype).eps + 1e-9  # Matrix products are rounded to the type of the vectors.


@_logits.register_fake
def _(x: Any, weight: Any, bias: Any, numbers: Any, relative: Any, clip: Any) -> Any:
    return x.new_empty(*x.shape[:-1], len(weight))


@_logits_backward.register_fake
def _(g: Any, x: Any, weight: Any, bias: Any, numbers: Any, relative: Any, clip: Any) -> Any:
    return tuple(t.new_empty(t.shape) for t in (x, weight, bias, numbers))


with_double_backward(_logits, _logits_definition, _logits_backward, tensors=4)


@register_flop_formula(torch.ops.timm_hyperbolic.logits)
def _logits_flops(x: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Any = None, **__: Any) -> int:
    """The inner products."""
    return 2 * math.prod(x) * weight[0]


@register_flop_formula(torch.ops.timm_hyperbolic.logits_backward)
def _logits_backward_flops(
    g: Sequence[int], x: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Any = None, **__: Any
) -> int:
    """The inner products again, and two gradients."""
    return 3 * _logits_flops(x, weight)


TRIALS['logits'] = both_ways
