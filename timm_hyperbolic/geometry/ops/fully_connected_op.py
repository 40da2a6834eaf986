"""The pointwise part of the fully connected layer and the convolution of HNN++."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..hyperplane import fully_connected as formula
from ..kernels import fully_connected_cpu
from .choice import has_kernel
from .operation import operation, with_double_backward

__all__ = ['fully_connected']


def fully_connected(inner: Tensor, time: Tensor, planes: Tensor, curvature: Tensor, limit: float) -> Tensor:
    """Coordinates `w` from inner products; see `hyperplane.fully_connected`.

    On a CPU one pass over memory computes them. On other devices torch does, whose compiler makes one pass of it.

    Args:
        inner: Inner products of points with the normals of K hyperplanes, `[G, K, ...]`, float32 or float64.
        time: `τ` of the points, `[G, 1, ...]`, of the same type.
        planes: `cosh`, `sinh` and `slope` of the hyperplanes, `[3, K]`, of the same type.
        curvature: `c >= 0`, `[1]`, of the same type.
        limit: Largest `√c·v` of a coordinate's distance `v`.

    Returns:
        Shape of `inner`.
    """
    flat = inner.flatten(2), time.flatten(1)
    if not has_kernel(inner, 'fully_connected'):
        return _definition(*flat, planes, curvature, limit).view(inner.shape)
    return _fully_connected(*flat, planes, curvature, limit).view(inner.shape)


def _definition(inner: Tensor, time: Tensor, planes: Tensor, curvature: Tensor, limit: float) -> Tensor:
    cosh, sinh, slope = planes.unsqueeze(-1)
    return formula(inner, time.unsqueeze(1), cosh, sinh, slope, curvature, limit)


@operation('fully_connected', '(Tensor inner, Tensor time, Tensor planes, Tensor curvature, float limit) -> Tensor')
def _fully_connected(inner: Tensor, time: Tensor, planes: Tensor, curvature: Tensor, limit: float) -> Tensor:
    return fully_connected_cpu.fully_connected(inner, time, planes, curvature, limit)


@operation(
    'fully_connected_backward',
    '(Tensor g, Tensor inner, Tensor time, Tensor planes, Tensor curvature, float limit) '
    '-> (Tensor, Tensor, Tensor, Tensor)',
)
def _fully_connected_backward(
    g: Tensor, inner: Tensor, time: Tensor, planes: Tensor, curvature: Tensor, limit: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return fully_connected_cpu.fully_connected_backward(g, inner, time, planes, curvature, limit)


@_fully_connected.register_fake
def _(inner: Any, time: Any, planes: Any, curvature: Any, limit: Any) -> Any:
    return torch.empty_like(inner, memory_format=torch.contiguous_format)


@_fully_connected_backward.register_fake
def _(g: Any, inner: Any, time: Any, planes: Any, curvature: Any, limit: Any) -> Any:
    return tuple(torch.empty_like(t, memory_format=torch.contiguous_format) for t in (inner, time, planes, curvature))


with_double_backward(_fully_connected, _definition, _fully_connected_backward, tensors=4)
