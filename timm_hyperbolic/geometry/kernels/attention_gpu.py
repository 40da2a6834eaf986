"""Attention by distance on a GPU, called on tensors: kernels between matrix products.

Some samples at a time, so that the pairs of their queries and keys do not fill the memory.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from types import ModuleType

import torch
from torch import Tensor

from .attention import distance_program, midpoint_program, point_program
from .gpu import aligned, blocks_of, clip_of, launch_rows, width_of
from .library import load

__all__ = ['attention', 'attention_backward', 'shape_of_known']

# Pairs of a query and a key that are computed at a time.
_CHUNK = 2**27
# Places among the numbers that attention takes of a point.
_R2, _INVERSE, _STRETCH, _MASS = range(1, 5)


@functools.cache
def _points_module() -> ModuleType:
    return load(point_program(), 'point_gpu')


@functools.cache
def _pairs_module(dtype: torch.dtype) -> ModuleType:
    return load(distance_program(dtype), 'squared_distance_gpu')


@functools.cache
def _midpoint_module() -> ModuleType:
    return load(midpoint_program(), 'midpoint_gpu')


class _Attention:
    """What forward and backward pass share.

    Args: as `attention`.
    """

    def __init__(
        self, qkv: Tensor, centroids: Tensor, numbers: Tensor, keep: Tensor | None, clip: Sequence[float]
    ) -> None:
        self.batch, self.tokens, _, self.heads, self.size = qkv.shape
        self.shared, self.rows = centroids.shape[1], self.batch * self.heads * self.tokens
        # Queries, keys and values one after the other
        self.vectors = aligned(qkv.permute(2, 0, 3, 1, 4)).view(-1, self.size)
        self.centroids = aligned(centroids.to(qkv.dtype))
        # The centroids twice, as keys and as values
        self.twice = self.centroids.repeat(2, 1, 1).view(-1, self.size)
        self.numbers, self.clip = aligned(numbers), clip_of(clip, numbers)
        self.keep = None if keep is None else aligned(keep).view(torch.uint8)
        self.points, self.shared_points = self._points(self.vectors), self._points(self.twice)
        self.pairs = _pairs_module(qkv.dtype)
        self.at_once = max(1, _CHUNK // (self.heads * self.tokens * (self.tokens + self.shared)))
        self.pieces = -(-self.tokens // self.pairs.QUERIES.value)

    def _points(self, vectors: Tensor) -> Tensor:
        """What attention takes of the points of vectors `[R, D]`: `[5, R]`."""
        points = vectors.new_empty(5, len(vectors))
        launch_rows(_points_module(), 'forward', vectors, self.numbers, self.clip, points)
        return points

    def points_backward(
        self, vectors: Tensor, moved: Tensor, points: Tensor, gradients: Tensor, values_from: int
    ) -> tuple[Tensor, Tensor]:
        """The gradients of vectors, and that of the curvature; see `passes/point_gpu.py`."""
        out = torch.empty_like(vectors)
        sums = self.numbers.new_empty(blocks_of(_points_module(), len(vectors)))
        arguments = moved, points, gradients, self.numbers, self.clip, out, sums, values_from
        launch_rows(_points_module(), 'backward', vectors, *arguments)
        return out, sums.sum()

    def roles(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys, values of every sample and head, each `[B·H, N, ...]`."""
        return x.view(3, -1, self.tokens, *x.shape[1:]).unbind()

    def chunks(self) -> Iterator[slice]:
        """Some samples with all their heads, again and again until all are there."""
        for first in range(0, self.batch, self.at_once):
            yield slice(first * self.heads, min(first + self.at_once, self.batch) * self.heads)

    def by_head(self, x: Tensor) -> Tensor:
        """`[B·H, ...]` to `[B, H, ...]`."""
        return x.unflatten(0, (-1, self.heads))

    def products(self, x: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Inner products with the shared keys, and with the keys of each sample."""
        of_shared = self.by_head(x) @ self.centroids.mT
        return of_shared.flatten(0, 1), torch.bmm(x, keys.mT)

    def sums(self, of_shared: Tensor, of_own: Tensor, own: Tensor) -> Tensor:
        """Sums over the shared vectors and over those of each sample."""
        shared = self.by_head(of_shared) @ self.centroids
        return torch.baddbmm(shared.flatten(0, 1), of_own, own)

    def launch_pairs(self, kernel: str, chunk: slice, *arguments: Tensor) -> None:
        """Run a kernel of `passes/squared_distance_gpu.py`; the first arguments are pairs."""
        pairs, others = arguments[: 2 if kernel == 'forward' else 4], arguments[2 if kernel == 'forward' else 4 :]
        widest = max(width_of(self.tokens), width_of(self.shared))
        # Eight pairs for each thread
        warps = min(16, max(4, widest // 256))
        getattr(self.pairs, kernel)[(chunk.stop - chunk.start, self.pieces)](
            *pairs,
            self.points,
            self.shared_points,
            self.points if self.keep is None else self.keep,
            self.numbers,
            *others,
            self.rows,
            chunk.start,
            HEADS=self.heads,
            N=self.tokens,
            OWN_WIDTH=width_of(self.tokens),
            M=self.shared,
            SHARED_WIDTH=width_of(self.shared),
            AT_ONCE=max(1, min(self.pairs.QUERIES.value, 256 * warps // widest)),
            DROPS=self.keep is not None,
            num_warps=warps,
        )


def shape_of_known(qkv: Tensor) -> tuple[int, int]:
    """The shape of what the backward pass takes of the forward pass."""
    batch, tokens, _, heads, _ = qkv.shape
    return 5, batch * heads * tokens


def _heads_apart(x: Tensor, heads: int) -> Tensor:
    """`[B, N, H·D]` to `[B·H·N, D]`."""
    return aligned(x.unflatten(-1, (heads, -1)).transpose(1, 2)).view(-1, x.shape[-1] // heads)


def attention(
    qkv: Tensor, centroids: Tensor, numbers: Tensor, keep: Tensor | None, clip: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """The result of `ops.attention`, `[B, N, H·D]`, and five numbers of each query, `[5, B·H·N]`.

    Args:
        qkv: `[B, N, 3, H, D]`, float32 or float64.
        centroids: `[H, M, D]`.
        numbers: The curvature and the slope of each head, `[1 + H]`, float64.
        keep: Which weights stay, `[B, H, N, M + N]`, bool; None for all.
        clip: The numbers of the clip.
    """
    batch, tokens, _, heads, size = qkv.shape
    known = numbers.new_empty(shape_of_known(qkv))
    if known.numel() == 0:
        return qkv.new_empty(batch, tokens, heads * size), known
    with torch.cuda.device_of(qkv), torch.autocast(qkv.device.type, enabled=False):
        a = _Attention(qkv, centroids, numbers, keep, clip)
        query, key, value = a.roles(a.vectors)
        sums = torch.empty_like(query)
        for chunk in a.chunks():
            pairs = a.products(query[chunk], key[chunk])
            a.launch_pairs('forward', chunk, *pairs, known)
            sums[chunk] = a.sums(*pairs, value[chunk])
        sums = sums.view(-1, size)
        out = torch.empty_like(sums)
        launch_rows(_midpoint_module(), 'forward', sums, known, a.numbers, a.clip, out)
    return out.view(batch, heads, tokens, size).transpose(1, 2).flatten(2), known


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
    if known.numel() == 0:
        return torch.zeros_like(qkv), torch.zeros_like(centroids), torch.zeros_like(numbers)
    with torch.cuda.device_of(qkv), torch.autocast(qkv.device.type, enabled=False):
        a = _Attention(qkv, centroids, numbers, keep, clip)
        out_rows = _heads_apart(out, a.heads)
        g_sums, of_mass = torch.empty_like(out_rows), known.new_empty(a.rows)
        of_c = known.new_empty(blocks_of(_midpoint_module(), a.rows))
        arguments = out_rows, known, a.numbers, a.clip, g_sums, of_mass, of_c
        launch_rows(_midpoint_module(), 'backward', _heads_apart(g, a.heads), *arguments)

        g_sums, samples = g_sums.view(-1, a.tokens, a.size), a.batch * a.heads
        moved, d_points = torch.empty_like(a.vectors), torch.zeros_like(a.points)
        d_shared, d_shared_points = torch.zeros_like(a.twice), torch.zeros_like(a.shared_points)
        of_own = moved.new_empty(a.pieces, 3, samples, a.tokens)
        of_shared = moved.new_empty(a.batch, a.heads, a.pieces, 3, a.shared)
        of_numbers = known.new_empty(a.batch, a.heads, a.pieces, 2)
        (query, key, value), to_roles = a.roles(a.vectors), a.roles(moved)
        to_shared = d_shared.view(2, a.heads, a.shared, a.size)
        for chunk in a.chunks():
            pairs = a.products(query[chunk], key[chunk])
            of_pairs = a.products(g_sums[chunk], value[chunk])
            results = known, of_mass, d_points, of_own, of_shared, of_numbers
            a.launch_pairs('backward', chunk, *pairs, *of_pairs, *results)
            to_roles[0][chunk] = a.sums(*of_pairs, key[chunk])
            for role, pair, vector in ((0, of_pairs, query[chunk]), (1, pairs, g_sums[chunk])):
                to_roles[1 + role][chunk] = torch.bmm(pair[1].mT, vector)
                to_shared[role] += torch.einsum('bhnm,bhnd->hmd', a.by_head(pair[0]), a.by_head(vector))

        _, keys, values = d_points.view(5, 3, samples, a.tokens).unbind(1)
        keys[_R2], keys[_INVERSE], values[_MASS] = of_own.sum(0)
        shared_keys, shared_values = d_shared_points.view(5, 2, a.heads, a.shared).unbind(1)
        shared_keys[_R2], shared_keys[_INVERSE], shared_values[_MASS] = of_shared.sum((0, 2)).unbind(1)
        d_qkv, of_points_c = a.points_backward(a.vectors, moved, a.points, d_points, 2 * a.rows)
        d_twice, of_shared_c = a.points_backward(
            a.twice, d_shared, a.shared_points, d_shared_points, a.heads * a.shared
        )
        of_pairs_c, d_slope = of_numbers.sum((0, 2)).unbind(-1)
        d_c = of_c.sum() + of_pairs_c.sum() + of_points_c + of_shared_c
        d_qkv = d_qkv.view(3, a.batch, a.heads, a.tokens, a.size).permute(1, 3, 0, 2, 4).contiguous()
        d_centroids = d_twice.view(2, *centroids.shape).sum(0).to(centroids.dtype)
    return d_qkv, d_centroids, torch.cat([d_c.view(1), d_slope])
