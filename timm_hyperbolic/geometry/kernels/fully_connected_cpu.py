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

from .cpu import kernel_dtype
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
        self.x, self.weight, self.bias = x.detach().contiguous(), weight.detach().contiguous(), bias.detach()
        self.c, self.curvature = c.detach().to(self.dtype), float(c)
        self.wide = self.x.to(self.dtype)
        self.window, self.is_map = window, bool(window)
        self.sides = sides(x.shape[2:], weight.shape[2:], window) if window else [1]
        # A result at the limit lies before it by the rounding of its rapidity and its own
        rounding = 32 * (1 + limit) * torch.finfo(self.dtype).eps + 8 * torch.finfo(out).eps
        edge = math.sinh(limit) ** 2 * (1 - rounding)
        self.numbers = torch.tensor([self.curvature, limit, edge], dtype=self.dtype)
        planes = torch.empty(3, len(weight), dtype=torch.float64)
        launch(_planes_module().forward, len(weight), (*self._planes, planes), least=256)
        self.planes = planes.to(self.dtype)
        self.time = self._times() if time is None else time.detach().to(self.dtype)

    @property
    def _planes(self) -> tuple[Tensor, Tensor, float]:
        return self.weight.flatten(1).to(self.dtype), self.bias.to(self.dtype), self.curvature

    def _times(self) -> Tensor:
        """`τ` of all points, `[B, H', W']` or `[N, 1]`."""
        if not self.is_map:
            return torch.addcmul(self.c.new_ones(1), self.c, self.wide.square().sum(1, keepdim=True)).sqrt_()
        time = self.wide.new_empty(len(self.wide), *self.sides)
        launch(self.module.times, len(time), (self.wide, self.c, self._windows, time))
        return time

    @property
    def _windows(self) -> tuple[int, ...]:
        return *self.weight.shape[2:], *self.window

    def of_points(self, t: Tensor) -> Tensor:
        """A number of each point as the kernels take it, `[G, P]`."""
        return t.detach().reshape((len(t), math.prod(self.sides)) if self.is_map else (1, len(t)))

    def pairs(self, t: Tensor) -> Tensor:
        """Results, or their gradient, as the kernels take them, `[G, K, P]`."""
        t = t.detach().to(self.dtype)
        return (t.flatten(2) if self.is_map else t.T.unsqueeze(0)).contiguous()

    def pieces(self, pairs: Tensor) -> int:
        """Number of pieces of work."""
        return len(pairs) * -(-pairs.shape[2] // self.module.BLOCK)

    def product(self, vectors: torch.dtype) -> Tensor:
        """Inner products of points and normals, `[G, K, P]`."""
        x, weight = self.x.to(vectors), self.weight.to(vectors)
        if not self.is_map:
            return (weight @ x.T).to(self.dtype).unsqueeze(0)
        stride, padding, dilation = self.window[:2], self.window[2:4], self.window[4:]
        return F.conv2d(x, weight, None, stride, padding, dilation).to(self.dtype).flatten(2).contiguous()

    def product_backward(self, g: Tensor, vectors: torch.dtype, needs: Sequence[bool]) -> list[Tensor | None]:
        """Gradients of points and normals where they are needed, from that of the inner products."""
        x, weight, g = self.x.to(vectors), self.weight.to(vectors), g.to(vectors)
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
            of_x.addcmul_(self.c * of_squares, self.wide)
            return 0.5 * of_squares * self.wide.square().sum(1, keepdim=True)
        parts = self.wide.new_empty(len(self.wide))
        arguments = self.time, of_time.view_as(self.time), of_x, parts
        launch(self.module.times_backward, len(parts), (self.wide, self.c, self._windows, *arguments))
        return parts

    def planes_backward(self, of_planes: Tensor, of_weight: Tensor) -> tuple[Tensor, Tensor]:
        """Add what reaches the normals through the numbers of hyperplanes; returns the gradients of offsets and `c`."""
        of_bias, of_c = of_weight.new_empty(len(self.bias)), of_planes.new_empty(len(self.bias))
        arguments = of_planes, of_weight.flatten(1), of_bias, of_c
        launch(_planes_module().backward, len(of_c), (*self._planes, *arguments), least=256)
        return of_bias, of_c


@torch.autocast('cpu', enabled=False)
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
    arguments = pairs, layer.of_points(layer.time), layer.planes, layer.numbers
    launch(layer.module.forward, layer.pieces(pairs), arguments, least=1)
    pairs = pairs.to(out)
    return pairs.unflatten(2, layer.sides) if window else pairs[0].T.contiguous()


@torch.autocast('cpu', enabled=False)
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
    results, g = layer.pairs(result), layer.pairs(g)
    of_inner, times = torch.empty_like(results), layer.of_points(layer.time).contiguous()
    of_points, pieces = times.new_empty(2, *times.shape), layer.pieces(results)
    of_planes = results.new_empty(pieces, 4, results.shape[1])
    arguments = layer.planes, layer.numbers, int(needs[3]), g, of_inner, of_points, of_planes
    launch(layer.module.backward, pieces, (results, times, *arguments), least=1)
    of_planes = of_planes.sum(0, dtype=torch.float64)
    none = g.new_empty(0)
    of_scale, of_time = none, none
    if scale is not None:
        factors = layer.of_points(scale)
        of_scale = (of_points[1] / factors).view_as(scale).to(scale.dtype)
        of_inner.mul_(factors.unsqueeze(1))
    of_x, of_weight = layer.product_backward(of_inner, vectors, needs[:2])
    of_c = of_planes[3].sum()
    if time is not None:
        of_time = of_points[0].view_as(time).to(time.dtype)
    elif needs[0] or needs[3]:
        of_x = torch.zeros_like(layer.wide) if of_x is None else of_x.to(layer.dtype).contiguous()
        of_c = of_c + layer.times_backward(of_points[0], of_x).sum(dtype=torch.float64)
    of_bias = none
    if any(needs[1:4]):
        of_weight = (torch.zeros_like(layer.weight) if of_weight is None else of_weight).to(layer.dtype).contiguous()
        of_bias, by_planes = layer.planes_backward(of_planes[:3].contiguous(), of_weight)
        of_c = of_c + by_planes.sum()
    found = (
        none if of_x is None else of_x.to(x.dtype).view(x.shape),
        none if of_weight is None else of_weight.to(weight.dtype),
        of_bias.to(bias.dtype),
        of_c.to(c.dtype).view(1),
        of_scale,
        of_time,
    )
    return tuple(t if needed else g.new_empty(0) for t, needed in zip(found, needs, strict=True))
