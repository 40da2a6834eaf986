"""Layers of hyperplanes: the fully connected layer, the convolution and the classifier of HNN++."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from ..hyperplane import MAX_RAPIDITY, fully_connected, plane_factors, steep_distance
from ..kernels import fully_connected_cpu
from ..kernels.fully_connected_cpu import sides
from .choice import has_kernel
from .operation import operation, with_double_backward

__all__ = ['hyperplanes']


def hyperplanes(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    curvature: Tensor,
    vectors: torch.dtype,
    out: torch.dtype,
    limit: float | None = None,
    window: Sequence[int] = (),
    scale: Tensor | None = None,
    time: Tensor | None = None,
) -> Tensor:
    """Distances of points from hyperplanes times slopes, or the points that have these coordinates.

    Of maps, the points are the concatenations of those under each position of a window. `hyperplane.steep_distance` and
    `hyperplane.fully_connected` have the formulas. On a CPU it is one operation, which keeps its result and not the
    inner products for the backward pass. On other devices torch runs the formula, whose compiler makes one pass of it.

    Args:
        x: Lorentz space parts `h`, `[N, D]` or `[B, C, H, W]`, of any floating type.
        weight: Normals, `[K, D]` or `[K, C, h, w]`.
        bias: Offsets, `[K]`; None for zero.
        curvature: `c >= 0`, `[1]`, float32 or float64; the definition computes scalars in its type.
        vectors: The type of the matrix product or the convolution.
        out: The type of the result.
        limit: Largest `√c·v` of a coordinate's distance `v`; None for distances in place of points.
        window: Strides, paddings and dilations of the convolution, two each; empty for vectors.
        scale: Where `x` is not `h` itself: what the inner products are multiplied by, `[N, 1]` or `[B, 1, H', W']`.
        time: `τ` of the points, of the same shape; None for `√(1 + c‖h‖²)`.

    Returns:
        `[N, K]` or `[B, K, H', W']`.
    """
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    numbers = MAX_RAPIDITY if limit is None else limit, limit is None, list(window), vectors, out
    run = _hyperplanes if has_kernel(x, 'fully_connected') else _definition
    return run(x, weight, bias, curvature, scale, time, *numbers)


def _definition(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    c: Tensor,
    scale: Tensor | None,
    time: Tensor | None,
    limit: float,
    distances: bool,
    window: Sequence[int],
    vectors: torch.dtype,
    out: torch.dtype,
) -> Tensor:
    wide = x.to(c.dtype)
    geometry = window[:2], window[2:4], window[4:]
    if time is None:
        n = wide.square().sum(1, keepdim=True)
        if window:
            n = F.conv2d(n, n.new_ones(1, 1, *weight.shape[2:]), None, *geometry)
        time = (1 + c * n).sqrt()
    x, normals = wide.to(vectors), weight.to(vectors)
    inner = F.conv2d(x, normals, None, *geometry) if window else F.linear(x, normals)
    inner = inner.to(c.dtype)
    if scale is not None:
        inner = inner * scale
    zz = weight.to(c.dtype).flatten(1).square().sum(1)
    shape = (-1, 1, 1) if window else (-1,)
    along, across, slope = (t.view(shape) for t in plane_factors(zz, bias.to(c.dtype), c))
    if distances:
        return steep_distance(inner, time, along, across, slope, c).to(out)
    return fully_connected(inner, time, along, across, slope, c, limit).to(out)


_TENSORS = 'Tensor x, Tensor weight, Tensor bias, Tensor c, Tensor? scale, Tensor? time'
_OTHERS = 'float limit, bool distances, int[] window, ScalarType vectors, ScalarType out'


@operation('hyperplanes', f'({_TENSORS}, {_OTHERS}) -> Tensor')
def _hyperplanes(*arguments: Any) -> Tensor:
    return fully_connected_cpu.hyperplanes(*arguments)


@operation(
    'hyperplanes_backward',
    f'(Tensor g, {_TENSORS}, Tensor result, {_OTHERS}, bool[] needs) '
    '-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)',
)
def _hyperplanes_backward(*arguments: Any) -> tuple[Tensor, ...]:
    *others, _, needs = arguments
    return fully_connected_cpu.hyperplanes_backward(*others, needs)


@_hyperplanes.register_fake
def _(
    x: Any, weight: Any, bias: Any, c: Any, scale: Any, time: Any, limit: Any, distances: Any, window: Any, *types: Any
) -> Any:
    shape = sides(x.shape[2:], weight.shape[2:], window) if window else []
    return x.new_empty(len(x), len(weight), *shape, dtype=types[1])


@_hyperplanes_backward.register_fake
def _(g: Any, *arguments: Any) -> Any:
    likes, needs = arguments[:6], arguments[-1]
    return tuple(g.new_empty(0) if not needed else t.new_empty(t.shape) for t, needed in zip(likes, needs, strict=True))


with_double_backward(_hyperplanes, _definition, _hyperplanes_backward, tensors=6, from_result=True)


@register_flop_formula(torch.ops.timm_hyperbolic.hyperplanes)
def _flops(x: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Any = None, **__: Any) -> int:
    """The inner products."""
    return 2 * math.prod(out_shape) * math.prod(weight[1:])


@register_flop_formula(torch.ops.timm_hyperbolic.hyperplanes_backward)
def _backward_flops(
    g: Sequence[int], x: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Any = None, **__: Any
) -> int:
    """Two products of the same size."""
    return 4 * math.prod(g) * math.prod(weight[1:])
