"""Logits by distance on a CPU, called on tensors: kernels around matrix products.

The backward pass computes the inner products again, those of a few features at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor

from .cpu import kernel_dtype, rows_of
from .library import launch, load
from .logits import feature_program, logit_program, prototype_program

__all__ = ['logits', 'logits_backward']

# Number of pairs of a feature and a prototype that the backward pass computes at a time.
_CHUNK = 2**20
# The place of the squared distance from the origin among the numbers of a feature
_REACH = 3


@functools.cache
def _features_module() -> ModuleType:
    return load(feature_program(), 'point_cpu')


@functools.cache
def _prototypes_module() -> ModuleType:
    return load(prototype_program(), 'point_cpu')


@functools.cache
def _pairs_module() -> ModuleType:
    return load(logit_program(), 'prototype_logit_cpu')


class _Logits:
    """What forward and backward pass share.

    Args: as `logits`.
    """

    def __init__(
        self, x: Tensor, weight: Tensor, bias: Tensor, numbers: Tensor, relative: bool, clip: Sequence[float]
    ) -> None:
        dtype = kernel_dtype(x)
        curvature, self.scale, slope = numbers.tolist()
        self.x, self.weight = rows_of(x, dtype), rows_of(weight, dtype)
        self.vectors = self.x * self.scale
        self.curvature = torch.tensor([curvature, *clip], dtype=torch.float64)
        self.features = self._points(_features_module(), self.vectors)
        self.prototypes = self._points(_prototypes_module(), self.weight)
        if not relative:
            self.features[_REACH] = 0
        self.known = self.features, self.prototypes, bias.detach().double(), numbers.new_tensor([curvature, slope])

    def _points(self, module: ModuleType, vectors: Tensor) -> Tensor:
        """The numbers of the points of vectors `[R, D]`: `[n, R]`."""
        points = torch.empty(module.NUMBERS, len(vectors), dtype=torch.float64)
        arguments = vectors.unsqueeze(1), self.curvature, points.unsqueeze(0)
        launch(module.forward, -(-len(vectors) // module.ROWS), arguments)
        return points

    def points_backward(
        self, module: ModuleType, vectors: Tensor, moved: Tensor, points: Tensor, gradients: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The gradients of vectors, and that of the curvature; see `passes/point_cpu.py`."""
        out, sums = torch.empty_like(vectors), self.curvature.new_empty(-(-len(vectors) // module.ROWS))
        of_factor = torch.zeros(1, dtype=torch.int64)
        arguments = moved.unsqueeze(0), of_factor, points.unsqueeze(0), gradients.unsqueeze(0)
        arguments = vectors.unsqueeze(1), 0, *arguments, self.curvature, out.unsqueeze(1), sums
        launch(module.backward, len(sums), arguments)
        return out, sums.sum()


@torch.autocast('cpu', enabled=False)
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
    a, module = _Logits(x, weight, bias, numbers, relative, clip), _pairs_module()
    pairs = a.vectors @ a.weight.T
    launch(module.forward, -(-len(pairs) // module.FEATURES), (pairs, *a.known), least=1)
    return pairs.to(x.dtype).view(*x.shape[:-1], len(weight))


@torch.autocast('cpu', enabled=False)
def logits_backward(
    g: Tensor, x: Tensor, weight: Tensor, bias: Tensor, numbers: Tensor, relative: bool, clip: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of `x`, `weight`, `bias` and `numbers`, from the gradient `g` of the result."""
    a, module = _Logits(x, weight, bias, numbers, relative, clip), _pairs_module()
    g_rows, (rows, classes) = rows_of(g, a.x.dtype), (len(a.x), len(weight))
    of_vectors, of_weight = torch.empty_like(a.vectors), torch.zeros_like(a.weight)
    d_features, d_prototypes = torch.zeros_like(a.features), torch.zeros_like(a.prototypes)
    d_bias, d_numbers = numbers.new_zeros(classes), numbers.new_zeros(2)
    step = max(1, _CHUNK // (module.FEATURES * max(1, classes))) * module.FEATURES
    buffer = a.vectors.new_empty(min(step, rows), classes)
    for first in range(0, rows, step):
        some = slice(first, min(first + step, rows))
        vectors, pairs = a.vectors[some], buffer[: some.stop - first]
        torch.mm(vectors, a.weight.T, out=pairs)
        pieces = -(-len(pairs) // module.FEATURES)
        of_prototypes, of_numbers = numbers.new_empty(pieces, 3, classes), numbers.new_empty(pieces, 2)
        arguments = first, pairs, g_rows[some], *a.known, (d_features, of_prototypes, of_numbers)
        launch(module.backward, pieces, arguments, least=1)
        torch.mm(pairs, a.weight, out=of_vectors[some])
        of_weight.addmm_(pairs.T, vectors)
        *of_points, of_bias = of_prototypes.sum(0)
        d_prototypes[1] += of_points[0]
        d_prototypes[2] += of_points[1]
        d_bias += of_bias
        d_numbers += of_numbers.sum(0)
    if not relative:
        d_features[_REACH] = 0
    d_vectors, of_c = a.points_backward(_features_module(), a.vectors, of_vectors, a.features, d_features)
    d_weight, c_of_weight = a.points_backward(_prototypes_module(), a.weight, of_weight, a.prototypes, d_prototypes)
    d_scale = (a.x.double() * d_vectors).sum()
    d_numbers = torch.stack([d_numbers[0] + of_c + c_of_weight, d_scale, d_numbers[1]])
    d_x = d_vectors.mul_(a.scale).to(x.dtype).view(x.shape)
    return d_x, d_weight.to(weight.dtype), d_bias.to(bias.dtype), d_numbers
