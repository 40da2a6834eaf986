"""Attention by distance on a CPU, called on tensors: kernels between matrix products.

One head at a time, and a few samples of it, whose pairs of queries and keys stay in the processor's cache.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from .attention import distance_program, midpoint_program, point_program
from .library import launch, load

__all__ = ['attention', 'attention_backward', 'shape_of_known']

# Pairs of a query and a key that are computed at a time.
_CHUNK = 2**19
# Places among the numbers that attention takes of a point.
_FACTOR, _R2, _INVERSE, _STRETCH, _MASS = range(5)


@functools.cache
def _points_module() -> ModuleType:
    return load(point_program(), 'attended_point_cpu')


@functools.cache
def _pairs_module(dtype: torch.dtype) -> ModuleType:
    return load(distance_program(dtype), 'squared_distance_cpu')


@functools.cache
def _midpoint_module() -> ModuleType:
    return load(midpoint_program(), 'midpoint_cpu')


def _array(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(map(_array, x))
    return x.numpy() if isinstance(x, Tensor) else x


def _launch(module: ModuleType, kernel: str, pieces: int, *arguments: Any) -> None:
    launch(getattr(module, kernel), pieces, _array(arguments), least=2)


def _blocks(rows: int) -> int:
    return -(-rows // _points_module().ROWS)


class _Attention:
    """What forward and backward pass share.

    Args: as `attention`.
    """

    def __init__(
        self, qkv: Tensor, centroids: Tensor, numbers: Tensor, keep: Tensor | None, clip: Sequence[float]
    ) -> None:
        self.batch, self.tokens, _, self.heads, self.size = qkv.shape
        self.rows, self.shared = self.batch * self.tokens, centroids.shape[1]
        self.vectors = qkv.detach().reshape(self.rows, 3 * self.heads, self.size).contiguous()
        self.centroids = centroids.detach().to(qkv.dtype).contiguous()
        curvature, *self.slopes = numbers.tolist()
        self.curvature = torch.tensor([curvature, *clip], dtype=torch.float64)
        self.scores = [torch.tensor([curvature, slope], dtype=torch.float64) for slope in self.slopes]
        self.keep = torch.empty(0, 0, dtype=torch.uint8) if keep is None else keep.flatten(0, 2).view(torch.uint8)
        # The centroids twice, as keys and as values, as the layout of the vectors is
        self.twice = self.centroids.transpose(0, 1).repeat(1, 2, 1)
        self.points, self.shared_points = self._points(self.vectors), self._points(self.twice)
        # Queries of a piece of work, and how many pieces a sample has
        self.pairs = _pairs_module(qkv.dtype)
        self.pieces = -(-self.tokens // self.pairs.QUERIES)
        # Rows of a chunk: as many for each
        chunks = min(self.batch, -(-self.rows * (self.tokens + self.shared) // _CHUNK))
        self.step = -(-self.batch // chunks) * self.tokens

    def _points(self, vectors: Tensor) -> Tensor:
        """What attention takes of the points of vectors `[R, G, D]`: `[G, 5, R]`."""
        points = vectors.new_empty(vectors.shape[1], 5, len(vectors))
        _launch(_points_module(), 'forward', _blocks(len(vectors)), vectors, self.curvature, points)
        return points

    def chunks(self) -> Iterator[tuple[int, slice]]:
        """A head and some rows of queries, those of a few samples, again and again until all are there."""
        for head in range(self.heads):
            for first in range(0, self.rows, self.step):
                yield head, slice(first, min(first + self.step, self.rows))

    def buffers(self, count: int) -> list[Tensor]:
        """Memory for the pairs of a chunk: with the shared keys and with those of a sample, in turns."""
        return [self.vectors.new_empty(self.step, keys) for _ in range(count) for keys in (self.shared, self.tokens)]

    def samples(self, x: Tensor) -> Tensor:
        """`[r, ...]` to `[samples, N, ...]`."""
        return x.unflatten(0, (-1, self.tokens))

    def of_chunk(self, head: int, rows: slice) -> tuple[Tensor, ...]:
        """Queries, keys, values, centroids."""
        return (*(self.vectors[rows, role * self.heads + head] for role in range(3)), self.centroids[head])

    def products(self, x: Tensor, keys: Tensor, shared: Tensor, buffers: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Inner products with the shared keys, and with the keys of each sample."""
        of_shared, of_own = (buffer[: len(x)] for buffer in buffers)
        x, keys = self.samples(x), self.samples(keys)
        # A product for each sample, though the vectors are shared: a row then has the same bits in every batch.
        torch.bmm(x, shared.T.expand(len(x), -1, -1), out=self.samples(of_shared))
        torch.bmm(x, keys.mT, out=self.samples(of_own))
        return of_shared, of_own

    def sums(self, of_shared: Tensor, of_own: Tensor, shared: Tensor, own: Tensor, out: Tensor) -> None:
        """Sums over the shared vectors and over those of each sample."""
        out = self.samples(out)
        torch.bmm(self.samples(of_shared), shared.expand(len(out), -1, -1), out=out)
        torch.baddbmm(out, self.samples(of_own), self.samples(own), out=out)

    def launch_pairs(self, kernel: str, head: int, rows: slice, pairs: tuple[Tensor, ...], *others: Any) -> None:
        """Run a kernel of `passes/squared_distance_cpu.py`."""
        own = (self.points[role * self.heads + head] for role in range(3))
        shared = (self.shared_points[role * self.heads + head] for role in range(2))
        sample = rows.start // self.tokens
        keep = self.keep, ((sample * self.heads + head) * self.tokens, self.heads * self.tokens)
        pieces = (rows.stop - rows.start) // self.tokens * self.pieces
        arguments = rows.start, pairs, (*own, *shared), *keep, self.scores[head], *others
        _launch(self.pairs, kernel, pieces, *arguments)


def shape_of_known(qkv: Tensor) -> tuple[int, int, int]:
    """The shape of what the backward pass takes of the forward pass."""
    batch, tokens, _, heads, _ = qkv.shape
    return heads, 5, batch * tokens


@torch.autocast('cpu', enabled=False)
def attention(
    qkv: Tensor, centroids: Tensor, numbers: Tensor, keep: Tensor | None, clip: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """The result of `ops.attention`, `[B, N, H·D]`, and five numbers of each query, `[H, 5, B·N]`.

    Args:
        qkv: `[B, N, 3, H, D]`, float32 or float64.
        centroids: `[H, M, D]`.
        numbers: The curvature and the slope of each head, `[1 + H]`, float64.
        keep: Which weights stay, `[B, H, N, M + N]`, bool; None for all.
        clip: The numbers of the clip.
    """
    batch, tokens, _, heads, size = qkv.shape
    out = qkv.new_empty(batch, tokens, heads * size)
    known = qkv.new_zeros(shape_of_known(qkv), dtype=torch.float64)
    if out.numel() == 0:
        return out, known
    a = _Attention(qkv, centroids, numbers, keep, clip)
    sums, buffers = a.vectors.new_empty(a.step, size), a.buffers(1)
    for head, rows in a.chunks():
        query, key, value, shared = a.of_chunk(head, rows)
        pairs = a.products(query, key, shared, buffers)
        a.launch_pairs('forward', head, rows, pairs, known[head])
        some = sums[: len(query)]
        a.sums(*pairs, shared, value, some)
        arguments = some, rows.start, head, known[head], a.curvature, out.flatten(0, 1)
        _launch(_midpoint_module(), 'forward', _blocks(len(some)), *arguments)
    return out, known


@torch.autocast('cpu', enabled=False)
def attention_backward(
    g: Tensor,
    qkv: Tensor,
    centroids: Tensor,
    numbers: Tensor,
    keep: Tensor | None,
    out: Tensor,
    known: Tensor,
    clip: Sequence[float],
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `qkv`, `centroids` and `numbers`, from the gradient `g` of the result."""
    if out.numel() == 0:
        return torch.zeros_like(qkv), torch.zeros_like(centroids), torch.zeros_like(numbers)
    a = _Attention(qkv, centroids, numbers, keep, clip)
    heads, size, step = a.heads, a.size, a.step
    g_rows, out_rows = g.detach().flatten(0, 1).contiguous(), out.detach().flatten(0, 1)
    d_numbers, d_qkv, d_points = torch.zeros_like(numbers), torch.empty_like(a.vectors), torch.zeros_like(a.points)
    d_shared, d_shared_points = a.twice.new_zeros(2 * heads, a.shared, size), torch.zeros_like(a.shared_points)

    g_sums, moved = a.vectors.new_empty(step, size), a.vectors.new_empty(3, step, size)
    of_rows, buffers = known.new_empty(2, a.rows), a.buffers(2)
    of_own = a.vectors.new_empty(a.pieces, 3, a.rows)
    of_shared = a.vectors.new_empty(step // a.tokens * a.pieces, 3, a.shared)
    of_numbers, of_c = known.new_empty(len(of_shared), 2), known.new_empty(2, _blocks(step))
    for head, rows in a.chunks():
        query, key, value, shared = a.of_chunk(head, rows)
        count, pieces, blocks = len(query), len(query) // a.tokens * a.pieces, _blocks(len(query))
        of_sums, of_vectors, c_sums = g_sums[:count], moved[:, :count], of_c[:, :blocks]
        arguments = g_rows, out_rows, rows.start, head, known[head], a.curvature, of_sums, of_rows, c_sums[0]
        _launch(_midpoint_module(), 'backward', blocks, *arguments)

        pairs = a.products(query, key, shared, buffers[:2])
        of_pairs = a.products(of_sums, value, shared, buffers[2:])
        gradients = d_points[head], of_own, of_shared[:pieces], of_numbers[:pieces]
        a.launch_pairs('backward', head, rows, (*pairs, *of_pairs), known[head], of_rows, gradients)

        a.sums(*of_pairs, shared, key, of_vectors[0])
        for pair, vector, role in ((of_pairs, query, 0), (pairs, of_sums, 1)):
            torch.bmm(a.samples(pair[1]).mT, a.samples(vector), out=a.samples(of_vectors[1 + role]))
            of_centroids = d_shared[role * heads + head]
            torch.addmm(of_centroids, pair[0].T, vector, out=of_centroids)
        sums = of_own[:, :, rows].sum(0)
        d_points[heads + head, [_R2, _INVERSE], rows] = sums[:2]
        d_points[2 * heads + head, _MASS, rows] = sums[2]
        sums = of_shared[:pieces].sum(0)
        d_shared_points[head, [_R2, _INVERSE]] += sums[:2]
        d_shared_points[heads + head, _MASS] += sums[2]
        groups = torch.arange(head, 3 * heads, heads), torch.tensor([_FACTOR, _FACTOR, _STRETCH])
        arguments = *groups, rows.start, of_vectors, a.points, d_points, a.curvature, d_qkv, c_sums[1]
        _launch(_points_module(), 'backward', blocks, a.vectors, *arguments)
        d_numbers[[0, 1 + head]] += of_numbers[:pieces].sum(0)
        d_numbers[0] += c_sums.sum()

    d_twice, of_c = torch.empty_like(a.twice), known.new_zeros(_blocks(a.shared))
    groups = torch.arange(2 * heads), torch.tensor([_FACTOR] * heads + [_STRETCH] * heads)
    arguments = *groups, 0, d_shared, a.shared_points, d_shared_points, a.curvature, d_twice, of_c
    _launch(_points_module(), 'backward', len(of_c), a.twice, *arguments)
    d_numbers[0] += of_c.sum()
    d_centroids = d_twice.unflatten(1, (2, heads)).sum(1).transpose(0, 1)
    return d_qkv.view(qkv.shape), d_centroids.to(centroids.dtype).contiguous(), d_numbers
