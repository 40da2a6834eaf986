"""Attention by distance on a CPU, called on tensors: kernels between matrix products.

A few samples at a time, and of them one head, so that what is made of them stays in the processor's cache.
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

# Pairs of a query and a key, in all heads, that are computed at a time.
_CHUNK = 2**20
# Places among the numbers that attention takes of a point.
_FACTOR, _R2, _INVERSE, _STRETCH, _MASS = range(5)


@functools.cache
def _points_module() -> ModuleType:
    return load(point_program(), 'point_cpu')


@functools.cache
def _pairs_module(dtype: torch.dtype) -> ModuleType:
    return load(distance_program(dtype), 'squared_distance_cpu')


@functools.cache
def _midpoint_module() -> ModuleType:
    return load(midpoint_program(), 'midpoint_cpu')


def _launch(module: ModuleType, kernel: str, pieces: int, *arguments: Any) -> None:
    launch(getattr(module, kernel), pieces, arguments, least=2)


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
        self.keep = keep
        # The centroids twice, as keys and as values, as the layout of the vectors is
        self.twice = self.centroids.transpose(0, 1).repeat(1, 2, 1)
        self.points, self.shared_points = self._points(self.vectors), self._points(self.twice)
        # Queries of a piece of work, and how many pieces a sample has
        self.pairs = _pairs_module(qkv.dtype)
        self.pieces = -(-self.tokens // self.pairs.QUERIES)
        # Rows that are computed at a time, as many each time
        chunks = min(self.batch, -(-self.heads * self.rows * (self.tokens + self.shared) // _CHUNK))
        self.step = -(-self.batch // chunks) * self.tokens

    def _points(self, vectors: Tensor) -> Tensor:
        """What attention takes of the points of vectors `[R, G, D]`: `[G, 5, R]`."""
        points = vectors.new_empty(vectors.shape[1], 5, len(vectors))
        _launch(_points_module(), 'forward', _blocks(len(vectors)), vectors, self.curvature, points)
        return points

    def chunks(self) -> Iterator[slice]:
        """The rows of a few samples, again and again until all are there."""
        for first in range(0, self.rows, self.step):
            yield slice(first, min(first + self.step, self.rows))

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
        keep = self.vectors.new_empty(0, self.shared + self.tokens)
        if self.keep is not None:
            samples = slice(rows.start // self.tokens, rows.stop // self.tokens)
            keep = self.keep[samples, head].to(keep.dtype).flatten(0, 1)
        pieces = (rows.stop - rows.start) // self.tokens * self.pieces
        arguments = rows.start, pairs, (*own, *shared), keep, self.scores[head], *others
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
    sums, buffers = a.vectors.new_empty(heads, a.step, size), a.buffers(1)
    for rows in a.chunks():
        some = sums[:, : rows.stop - rows.start].contiguous()
        for head in range(heads):
            query, key, value, shared = a.of_chunk(head, rows)
            pairs = a.products(query, key, shared, buffers)
            a.launch_pairs('forward', head, rows, pairs, known[head])
            a.sums(*pairs, shared, value, some[head])
        arguments = some, rows.start, known, a.curvature, out.flatten(0, 1)
        _launch(_midpoint_module(), 'forward', _blocks(some.shape[1]), *arguments)
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

    g_sums, moved = a.vectors.new_empty(heads, step, size), a.vectors.new_empty(3 * heads, step, size)
    of_mass, buffers = known.new_empty(heads, a.rows), a.buffers(2)
    of_own = a.vectors.new_empty(heads, a.pieces, 3, a.rows)
    of_shared = a.vectors.new_empty(heads, step // a.tokens * a.pieces, 3, a.shared)
    of_numbers = known.new_empty(heads, of_shared.shape[1], 2)
    which = torch.tensor([_FACTOR] * (2 * heads) + [_STRETCH] * heads)
    for rows in a.chunks():
        count = rows.stop - rows.start
        pieces, blocks = count // a.tokens * a.pieces, _blocks(count)
        of_sums, of_vectors, of_c = (
            g_sums[:, :count].contiguous(),
            moved[:, :count].contiguous(),
            known.new_empty(2, blocks),
        )
        arguments = g_rows, out_rows, rows.start, known, a.curvature, of_sums, of_mass, of_c[0]
        _launch(_midpoint_module(), 'backward', blocks, *arguments)
        for head in range(heads):
            query, key, value, shared = a.of_chunk(head, rows)
            pairs = a.products(query, key, shared, buffers[:2])
            of_pairs = a.products(of_sums[head], value, shared, buffers[2:])
            gradients = d_points[head], of_own[head], of_shared[head, :pieces], of_numbers[head, :pieces]
            a.launch_pairs('backward', head, rows, (*pairs, *of_pairs), known[head], of_mass[head], gradients)
            a.sums(*of_pairs, shared, key, of_vectors[head])
            for pair, vector, role in ((of_pairs, query, 0), (pairs, of_sums[head], 1)):
                to = role * heads + head
                torch.bmm(a.samples(pair[1]).mT, a.samples(vector), out=a.samples(of_vectors[heads + to]))
                torch.addmm(d_shared[to], pair[0].T, vector, out=d_shared[to])
        sums = of_own[..., rows].sum(1)
        d_points[heads : 2 * heads, _R2 : _INVERSE + 1, rows] = sums[:, :2]
        d_points[2 * heads :, _MASS, rows] = sums[:, 2]
        sums = of_shared[:, :pieces].sum(1)
        d_shared_points[:heads, _R2 : _INVERSE + 1] += sums[:, :2]
        d_shared_points[heads:, _MASS] += sums[:, 2]
        arguments = rows.start, of_vectors, which, a.points, d_points, a.curvature, d_qkv, of_c[1]
        _launch(_points_module(), 'backward', blocks, a.vectors, *arguments)
        sums = of_numbers[:, :pieces].sum(1)
        d_numbers[0] += sums[:, 0].sum() + of_c.sum()
        d_numbers[1:] += sums[:, 1]

    d_twice, of_c = torch.empty_like(a.twice), known.new_zeros(_blocks(a.shared))
    arguments = 0, d_shared, which[heads:], a.shared_points, d_shared_points, a.curvature, d_twice, of_c
    _launch(_points_module(), 'backward', len(of_c), a.twice, *arguments)
    d_numbers[0] += of_c.sum()
    d_centroids = d_twice.unflatten(1, (2, heads)).sum(1).transpose(0, 1)
    return d_qkv.view(qkv.shape), d_centroids.to(centroids.dtype).contiguous(), d_numbers
