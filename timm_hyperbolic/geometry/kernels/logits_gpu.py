"""Logits by distance on a GPU, called on tensors: kernels around matrix products.

The backward pass computes the inner products again.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from .gpu import aligned, blocks_of, clip_of, launch_rows
from .library import load
from .logits import feature_program, logit_program, prototype_program

__all__ = ['logits', 'logits_backward']

# Places among the numbers of a feature or a prototype
_R2, _INVERSE, _REACH = 1, 2, 3


@functools.cache
def _features_module() -> ModuleType:
    return load(feature_program(), 'point_gpu')


@functools.cache
def _prototypes_module() -> ModuleType:
    return load(prototype_program(), 'point_gpu')


@functools.cache
def _pairs_module() -> ModuleType:
    return load(logit_program(), 'prototype_logit_gpu')


class _Logits:
    """What forward and backward pass share.

    Args: as `logits`.
    """

    def __init__(
        self, x: Tensor, weight: Tensor, bias: Tensor, numbers: Tensor, relative: bool, clip: Sequence[float]
    ) -> None:
        dtype = torch.promote_types(x.dtype, torch.float32)
        self.x = x.detach().to(dtype).reshape(math.prod(x.shape[:-1]), x.shape[-1])
        self.weight, self.bias = aligned(weight.to(dtype)), aligned(bias)
        self.numbers, self.clip = aligned(numbers), clip_of(clip, numbers)
        self.scale = self.numbers[1].to(dtype)
        self.vectors = aligned(self.x * self.scale)
        self.features = self._points(_features_module(), self.vectors)
        self.prototypes = self._points(_prototypes_module(), self.weight)
        if not relative:
            self.features[_REACH] = 0
        module = _pairs_module()
        self.tiles = -(-len(self.x) // module.HEIGHT.value), -(-len(weight) // module.WIDTH.value)

    def _points(self, module: ModuleType, vectors: Tensor) -> Tensor:
        """The numbers of the points of vectors `[R, D]`: `[n, R]`."""
        points = self.numbers.new_empty(module.NUMBERS.value, len(vectors))
        launch_rows(module, 'forward', vectors, self.numbers, self.clip, points)
        return points

    def points_backward(
        self, module: ModuleType, vectors: Tensor, moved: Tensor, points: Tensor, gradients: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The gradients of vectors, and that of the curvature; see `passes/point_gpu.py`."""
        out, sums = torch.empty_like(vectors), self.numbers.new_empty(blocks_of(module, len(vectors)))
        arguments = moved, points, gradients, self.numbers, self.clip, out, sums, len(vectors)
        launch_rows(module, 'backward', vectors, *arguments)
        return out, sums.sum()

    def launch_pairs(self, kernel: str, pairs: tuple[Tensor, ...], *results: Any) -> None:
        """Run a kernel of `passes/prototype_logit_gpu.py`."""
        if not math.prod(self.tiles):
            return
        known = self.features, self.prototypes, self.bias, self.numbers
        getattr(_pairs_module(), kernel)[self.tiles](*pairs, *known, *results, len(self.x), len(self.weight))


def logits(x: Tensor, weight: Tensor, bias: Tensor, numbers: Tensor, relative: bool, clip: Sequence[float]) -> Tensor:
    """The result of `ops.logits`, `[..., C]`.

    Args:
        x: `[..., D]`.
        weight: `[C, D]`.
        bias: `[C]`.
        numbers: The curvature, what features are multiplied by, and what squared distances are multiplied by, `[3]`,
            float64.
        relative: Whether logits are relative to a prototype at the origin.
        clip: The numbers of the clip.
    """
    with torch.cuda.device_of(x), torch.autocast(x.device.type, enabled=False):
        a = _Logits(x, weight, bias, numbers, relative, clip)
        pairs = a.vectors @ a.weight.T
        a.launch_pairs('forward', (pairs,))
    return pairs.to(x.dtype).view(*x.shape[:-1], len(weight))


def logits_backward(
    g: Tensor, x: Tensor, weight: Tensor, bias: Tensor, numbers: Tensor, relative: bool, clip: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of `x`, `weight`, `bias` and `numbers`, from the gradient `g` of the result."""
    with torch.cuda.device_of(x), torch.autocast(x.device.type, enabled=False):
        a = _Logits(x, weight, bias, numbers, relative, clip)
        (rows, columns), (features, classes) = a.tiles, (len(a.x), len(weight))
        g_rows, pairs = aligned(g.reshape(features, classes)), a.vectors @ a.weight.T
        of_features = numbers.new_zeros(columns, 3, features)
        of_prototypes, of_numbers = numbers.new_empty(rows, 3, classes), numbers.new_empty(rows, columns, 2)
        a.launch_pairs('backward', (pairs, g_rows), of_features, of_prototypes, of_numbers)
        d_features, d_prototypes = torch.zeros_like(a.features), torch.zeros_like(a.prototypes)
        d_features[_R2:] = of_features.sum(0)
        if not relative:
            d_features[_REACH] = 0
        d_prototypes[_R2], d_prototypes[_INVERSE], d_bias = of_prototypes.sum(0)
        d_c, d_slope = of_numbers.sum((0, 1))
        moved = a.points_backward(_features_module(), a.vectors, pairs @ a.weight, a.features, d_features)
        d_weight, c_of_weight = a.points_backward(
            _prototypes_module(), a.weight, pairs.T @ a.vectors, a.prototypes, d_prototypes
        )
        d_vectors, c_of_vectors = moved
        d_numbers = torch.stack([d_c + c_of_vectors + c_of_weight, (a.x.double() * d_vectors).sum(), d_slope])
        d_x = (d_vectors * a.scale).to(x.dtype).view(x.shape)
    return d_x, d_weight.to(weight.dtype), d_bias.to(bias.dtype, copy=True), d_numbers
