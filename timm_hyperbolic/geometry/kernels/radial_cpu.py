"""Radial maps on a CPU, called on tensors."""

from __future__ import annotations

import functools
from types import ModuleType

import torch
from torch import Tensor

from .library import launch, load
from .radial import radial_program

__all__ = ['radial', 'radial_backward']


@functools.cache
def _module(name: str) -> ModuleType:
    return load(radial_program(name), 'radial_cpu')


def _pieces(module: ModuleType, x: Tensor) -> int:
    return len(x) * -(-x.shape[2] // module.BLOCK)


def radial(x: Tensor, c: Tensor, name: str, limit: float) -> Tensor:
    """The result of `ops.radial`.

    Args:
        x: `[G, D, P]`, float32.
        c: The curvature, `[1]`.
        name: A name of `radial.RADIAL`.
        limit: The largest rapidity of a point in the result.
    """
    module, x = _module(name), x.detach().contiguous()
    out = torch.empty_like(x)
    launch(module.forward, _pieces(module, x), (x, x.new_tensor([float(c), limit]), out))
    return out


def radial_backward(g: Tensor, x: Tensor, c: Tensor, name: str, limit: float) -> tuple[Tensor, Tensor]:
    """Gradients of `x` and `c`, from the gradient `g` of the result."""
    module, x, g = _module(name), x.detach().contiguous(), g.contiguous()
    of_x, of_c = torch.empty_like(x), x.new_empty(_pieces(module, x))
    launch(module.backward, len(of_c), (x, x.new_tensor([float(c), limit]), g, of_x, of_c))
    return of_x, of_c.sum(dtype=torch.float64).to(c.dtype).view(1)
