"""Maps that multiply a vector by a function of its length."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..hyperplane import MAX_RAPIDITY
from ..kernels import radial_cpu
from ..radial import RADIAL
from .choice import has_kernel
from .operation import operation, with_double_backward

__all__ = ['radial']


def radial(x: Tensor, curvature: Tensor, name: str, limit: float | None = None) -> Tensor:
    """Multiply vectors by a function of `c‖x‖²`; `geometry.radial` has the functions.

    Float32 vectors on a CPU have kernels.

    Args:
        x: Vectors in dimension 1, `[N, D]` or `[B, C, H, W]`, float32 or float64.
        curvature: `c >= 0`, `[1]`, of the same type.
        name: A name of `radial.RADIAL`.
        limit: Largest rapidity `√c·d` of the distance from the origin of a point in the result; None for the largest
            that numbers can hold.

    Returns:
        Shape of `x`.
    """
    rows = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
    run = _radial if x.dtype == torch.float32 and has_kernel(x, 'radial') else _definition
    return run(rows, curvature, name, MAX_RAPIDITY if limit is None else limit).view(x.shape)


def _definition(x: Tensor, c: Tensor, name: str, limit: float) -> Tensor:
    return RADIAL[name](c * x.square().sum(1, keepdim=True), x.new_tensor(limit)) * x


@operation('radial', '(Tensor x, Tensor c, str name, float limit) -> Tensor')
def _radial(x: Tensor, c: Tensor, name: str, limit: float) -> Tensor:
    return radial_cpu.radial(x, c, name, limit)


@operation('radial_backward', '(Tensor g, Tensor x, Tensor c, str name, float limit) -> (Tensor, Tensor)')
def _radial_backward(g: Tensor, x: Tensor, c: Tensor, name: str, limit: float) -> tuple[Tensor, Tensor]:
    return radial_cpu.radial_backward(g, x, c, name, limit)


@_radial.register_fake
def _(x: Any, c: Any, name: Any, limit: Any) -> Any:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@_radial_backward.register_fake
def _(g: Any, x: Any, c: Any, name: Any, limit: Any) -> Any:
    return torch.empty_like(x, memory_format=torch.contiguous_format), torch.empty_like(c)


with_double_backward(_radial, _definition, _radial_backward, tensors=2)
