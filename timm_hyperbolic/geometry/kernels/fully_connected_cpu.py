"""The fully connected layer on a CPU, called on tensors: a kernel behind the matrix product or convolution."""

from __future__ import annotations

import functools
from types import ModuleType

import torch
from torch import Tensor

from .fully_connected import fully_connected_program
from .library import launch, load

__all__ = ['fully_connected', 'fully_connected_backward']


@functools.cache
def _module(dtype: torch.dtype) -> ModuleType:
    return load(fully_connected_program(dtype), 'fully_connected_cpu')


def _numbers(c: Tensor, limit: float) -> Tensor:
    return torch.cat([c.detach(), c.new_tensor([limit])])


def _pieces(module: ModuleType, inner: Tensor) -> int:
    return inner.shape[0] * -(-inner.shape[2] // module.BLOCK)


def fully_connected(inner: Tensor, time: Tensor, planes: Tensor, c: Tensor, limit: float) -> Tensor:
    """The result of `ops.fully_connected`, `[G, K, P]`.

    Args:
        inner: Inner products, `[G, K, P]`, float32 or float64, as are the rest.
        time: `[G, P]`.
        planes: `cosh`, `sinh` and `slope` of the hyperplanes, `[3, K]`.
        c: The curvature, `[1]`.
        limit: Largest rapidity of a coordinate.
    """
    module = _module(inner.dtype)
    inner, time, planes = (t.detach().contiguous() for t in (inner, time, planes))
    out = torch.empty_like(inner)
    launch(module.forward, _pieces(module, inner), (inner, time, planes, _numbers(c, limit), out), least=1)
    return out


def fully_connected_backward(
    g: Tensor, inner: Tensor, time: Tensor, planes: Tensor, c: Tensor, limit: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients with respect to the tensors that `fully_connected` takes, from the gradient `g` of its result."""
    module = _module(inner.dtype)
    g, inner, time, planes = (t.detach().contiguous() for t in (g, inner, time, planes))
    of_inner, of_time = torch.empty_like(inner), torch.empty_like(time)
    pieces = _pieces(module, inner)
    parts = inner.new_empty(pieces, 4, inner.shape[1])
    launch(module.backward, pieces, (inner, time, planes, _numbers(c, limit), g, of_inner, of_time, parts), least=1)
    sums = parts.sum(0, dtype=torch.float64)
    return of_inner, of_time, sums[:3].to(planes.dtype), sums[3].sum(0, keepdim=True).to(c.dtype)
