"""Layers of hyperplanes on a CPU, called on tensors: kernels around the matrix product or convolution.

The backward pass computes again what is cheap: the numbers of hyperplanes, the time parts of points, and the inner
products, which follow from the result.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from .cpu import kernel_dtype, without_autocast
from .fully_connected import fully_connected_program, plane_program, steep_distance_program
from .library import launch, load

__all__ = ['hyperplanes', 'hyperplanes_backward', 'sides']


def sides(shape: Sequence[int], kernel: Sequence[int], window: Sequence[int]) -> list:
    """Height and width of the map of windows.

    Args:
        shape: Height and width of the map of pixels.
        kernel: Height and width of a window.
        window: Strides, paddings and dilations, two each.
    """
    stride, padding, dilation = window[:2], window[2:4], window[4:]
    return [(shape[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in (0, 1)]


@functools.cache
def _planes_module() -> ModuleType:
    return load(plane_program(), 'hyperplane_cpu')


@functools.cache
def _pairs_module(dtype: torch.dtype, distances: bool) -> ModuleType:
    program = steep_distance_program if distances else fully_connected_program
    return load(program(dtype), 'fully_connected_cpu')


def _as(t: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor in a type; the call of `to` alone would cost as much as the work on a small one."""
    return t if t.dtype == dtype else t.to(dtype)


class _Layer:
    """What forward and backward pass share.

    Args: as `hyperplanes`.
    """

    def __init__(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        c: Tensor,
        time: Tensor | None,
        limit: float,
        distances: bool,
        window: Sequence[int],
        out: torch.dtype,
    ) -> None:
        self.dtype = kernel_dtype(x)
        self.module = _pairs_module(self.dtype, distances)
        self.x, self.weight, self.c = x.detach().contiguous(), weight.detach().contiguous(), float(c)
        self.wide, self.normals = _as(self.x, self.dtype), _as(self.weight, self.dtype).flatten(1)
        self.offsets = _as(bias.detach(), self.dtype)
        self.window, self.is_map, self.sides = window, bool(window), [1]
        if window:
            self.sides = sides(x.shape[2:], weight.shape[2:], window)
            self.windows = (*weight.shape[2:], *window)
        # A result at the limit lies before it by the rounding of its rapidity and its own
        rounding = 32 * (1 + limit) * torch.finfo(self.dtype).eps + 8 * torch.finfo(out).eps
        self.numbers = self.c, limit, math.sinh(limit) ** 2 * (1 - rounding)
        self.planes = self.normals.new_empty(3, weight.shape[0])
        launch(_planes_module().forward, weight.shape[0], (self.normals, self.offsets, self.c, self.planes), least=256)
        self.time = self._times() if time is None else _as(time.detach(), self.dtype)

    def _times(self) -> Tensor:
        """`τ` of all points, `[B, H', W']` or `[N, 1]`."""
        if not self.is_map:
            return self.wide.square().sum(1, keepdim=True).mul_(self.c).add_(1).sqrt_()
        time = self.wide.new_empty(self.wide.shape[0], *self.sides)
        launch(self.module.times, time.shape[0], (self.wide, self.c, self.windows, time))
        return time

    def of_points(self, t: Tensor) -> Tensor:
        """A number of each point as the kernels take it, `[G, P]`."""
        return t.detach().reshape((t.shape[0], math.prod(self.sides)) if self.is_map else (1, t.shape[0]))

    def pairs(self, t: Tensor) -> Tensor:
        """Results, or their gradient, as the kernels take them, `[G, K, P]`."""
        t = _as(t.detach(), self.dtype)
        return (t.flatten(2) if self.is_map else t.T.unsqueeze(0)).contiguous()

    def pieces(self, pairs: Tensor) -> int:
        """Number of pieces of work."""
        return pairs.shape[0] * -(-pairs.shape[2] // self.module.BLOCK)

    def product(self, vectors: torch.dtype) -> Tensor:
        """Inner products of points and normals, `[G, K, P]`."""
        x, weight = _as(self.x, vectors), _as(self.weight, vectors)
        if not self.is_map:
            return _as(weight @ x.T, self.dtype).unsqueeze(0)
        stride, padding, dilation = self.window[:2], self.window[2:4], self.window[4:]
        return _as(F.conv2d(x, weight, None, stride, padding, dilation), self.dtype).flatten(2).contiguous()

    def product_backward(self, g: Tensor, vectors: torch.dtype, needs: Sequence[bool]) -> list[Tensor | None]:
        """Gradients of points and normals where they are needed, from that of the inner products."""
        x, weight, g = _as(self.x, vectors), _as(self.weight, vectors), _as(g, vectors)
        if not self.is_map:
            return [g[0].T @ weight if needs[0] else None, g[0] @ x if needs[1] else None]
        geometry = self.window[:2], self.window[2:4], self.window[4:]
        mask = [*needs, False]
        g = g.unflatten(2, self.sides)
        return list(torch.ops.aten.convolution_backward(g, x, weight, None, *geometry, False, [0, 0], 1, mask)[:2])

    def times_backward(self, of_time: Tensor, of_x: Tensor) -> Tensor:
        """Add what reaches the points through their time parts; returns parts of the curvature's gradient."""
        if not self.is_map:
            of_squares = of_time.view(-1, 1) / self.time
            of_x.addcmul_(of_squares, self.wide, value=self.c)
            return 0.5 * of_squares * self.wide.square().sum(1, keepdim=True)
        parts = self.wide.new_empty(self.wide.shape[0])
        arguments = self.time, of_time.view_as(self.time), of_x, parts
        launch(self.module.times_backward, parts.shape[0], (self.wide, self.c, self.windows, *arguments))
        return parts

    def planes_backward(self, of_planes: Tensor, of_weight: Tensor) -> tuple[Tensor, Tensor]:
        """Add what reaches the normals through the numbers of hyperplanes; returns the gradients of offsets and `c`."""
        of_bias, of_c = torch.empty_like(self.offsets), of_planes.new_empty(of_planes.shape[1])
        arguments = self.normals, self.offsets, self.c, of_planes, of_weight.flatten(1), of_bias, of_c
        launch(_planes_module().backward, of_c.shape[0], arguments, least=256)
        return of_bias, of_c


@without_autocast
def hyperplanes(
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
    """The result of `ops.hyperplanes`, `[N, K]` or `[B, K, H', W']`.

    Args:
        x: `[N, D]` or `[B, C, H, W]`.
        weight: Normals, `[K, D]` or `[K, C, h, w]`.
        bias: Offsets, `[K]`.
        c: The curvature, `[1]`.
        scale: As `ops.hyperplanes`, as are the rest.
        time: See `scale`.
        limit: See `scale`.
        distances: See `scale`.
        window: See `scale`; empty for vectors.
        vectors: See `scale`.
        out: The type of the result.
    """
    layer = _Layer(x, weight, bias, c, time, limit, distances, window, out)
    pairs = layer.product(vectors)
    if scale is not None:
        pairs.mul_(layer.of_points(scale).unsqueeze(1))
    arguments = pairs, layer.of_points(layer.time), layer.planes, *layer.numbers
    launch(layer.module.forward, layer.pieces(pairs), arguments, least=1)
    pairs = _as(pairs, out)
    return pairs.unflatten(2, layer.sides) if window else pairs[0].T.contiguous()


@without_autocast
def hyperplanes_backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    c: Tensor,
    scale: Tensor | None,
    time: Tensor | None,
    result: Tensor,
    limit: float,
    distances: bool,
    window: Sequence[int],
    vectors: torch.dtype,
    needs: Sequence[bool],
) -> tuple[Tensor, ...]:
    """Gradients of the tensors that `hyperplanes` takes, where they are needed; elsewhere an empty tensor.

    Args:
        g: The gradient of the result.
        x: As `hyperplanes`, as are the rest but for `result` and `needs`.
        weight: See `x`.
        bias: See `x`.
        c: See `x`.
        scale: See `x`.
        time: See `x`.
        result: What `hyperplanes` returned.
        limit: See `x`.
        distances: See `x`.
        window: See `x`.
        vectors: See `x`.
        needs: Whether each of the six gradients is needed.
    """
    layer = _Layer(x, weight, bias, c, time, limit, distances, window, result.dtype)
    needs_x, _, _, needs_c, _, needs_time = needs
    results, g = layer.pairs(result), layer.pairs(g)
    of_inner, times = torch.empty_like(results), layer.of_points(layer.time).contiguous()
    of_points, pieces = times.new_empty(2, *times.shape), layer.pieces(results)
    of_planes = results.new_empty(pieces, 4, results.shape[1])
    arguments = layer.planes, *layer.numbers, int(needs_c), g, of_inner, of_points, of_planes
    launch(layer.module.backward, pieces, (results, times, *arguments), least=1)
    of_planes = of_planes.sum(0, dtype=torch.float64)
    found: list[Tensor | None] = [None] * 6
    parts_of_c = [of_planes[3]]
    if scale is not None:
        factors = layer.of_points(scale)
        found[4] = (of_points[1] / factors).view_as(scale)
        of_inner.mul_(factors.unsqueeze(1))
    found[:2] = layer.product_backward(of_inner, vectors, needs[:2])
    if needs_time and time is not None:
        found[5] = of_points[0].view_as(time)
    if time is None and (needs_x or needs_c):
        of_x = torch.zeros_like(layer.wide) if found[0] is None else _as(found[0], layer.dtype).contiguous()
        parts_of_c.append(layer.times_backward(of_points[0], of_x).double())
        found[0] = of_x
    if any(needs[1:4]):
        of_weight = torch.zeros_like(layer.weight) if found[1] is None else found[1]
        found[1] = _as(of_weight, layer.dtype).contiguous()
        found[2], of_c = layer.planes_backward(of_planes, found[1])
        parts_of_c.append(of_c)
    if needs_c:
        found[3] = torch.stack([part.sum() for part in parts_of_c]).sum(0, keepdim=True)
    inputs = x, weight, bias, c, scale, time
    every = zip(found, inputs, needs, strict=True)
    return tuple(_as(t, like.dtype).view_as(like) if needed else g.new_empty(0) for t, like, needed in every)
