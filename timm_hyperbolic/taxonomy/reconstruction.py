"""How well points give back the relations of a taxonomy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from .embedding import TreeEmbedding
from .graphs import Indices
from .tree import Taxonomy

__all__ = ['Ranking', 'Report', 'rank_relations', 'relations_of', 'report']

RELATIONS = ('tree', 'direct', 'closure')

_BLOCK = 1 << 20  # entries of a block of distances, few enough for the processor's caches


@dataclass(frozen=True)
class Ranking:
    """Where the related nodes stand when all nodes are sorted by their distance from a node.

    Attributes:
        mean_average_precision: mean over the nodes of the mean over their related nodes of `i/(i + u)`, for the `i`-th
            nearest related node with `u` unrelated nodes before it or as near. 1 where all related nodes come first.
        mean_rank: mean over all relations of `1 + u`.
        rows: the number of nodes from which distances were sorted.
        nan: the number of distances that are NaN, each of which counts as infinite.
    """

    mean_average_precision: float
    mean_rank: float
    rows: int
    nan: int


@dataclass(frozen=True)
class Report(Ranking):
    """A ranking, and how far distances are from those of the tree.

    Attributes:
        relations: which relations were ranked, see `relations_of`.
        mean_distortion: mean over pairs of nodes of `|d/(τ·n) - 1|`, for the distance `d` of two nodes that are `n`
            edges of the length `τ` apart.
        worst_distortion: the largest ratio `d/(τ·n)` over the smallest one; 1 for a tree without distortion.
        pairs: the number of pairs of nodes.
    """

    relations: str
    mean_distortion: float
    worst_distortion: float
    pairs: int


def relations_of(taxonomy: Taxonomy, kind: str) -> Indices:
    """Return related nodes as pairs `[M, 2]`.

    Args:
        taxonomy: the names.
        kind: `tree` for a node and its parent in the spanning tree, in both orders; `direct` for a node and all its
            parents, in both orders; `closure` for a node and all nodes above it, in this order alone. Mean average
            precision in the literature is of `closure` for trained embeddings (Nickel and Kiela, 2017), and of `direct`
            for closed forms (Sala et al., 2018): the two cannot be compared.

    Raises:
        UserError: the kind is unknown.
    """
    if kind == 'closure':
        return taxonomy.closure()
    if kind == 'direct':
        links = taxonomy.links
    elif kind == 'tree':
        nodes = np.flatnonzero(taxonomy.parent >= 0)
        links = np.stack([nodes, taxonomy.parent[nodes]], 1)
    else:
        raise UserError(f'relations={kind!r} must be one of {", ".join(RELATIONS)}')
    return np.concatenate([links, links[:, ::-1]])


def rank_relations(
    distances: Callable[[Tensor], Tensor],
    relations: Indices,
    count: int,
    nodes: Tensor | None = None,
    tolerance: float = 0.0,
) -> Ranking:
    """Rank related nodes by their distance.

    Args:
        distances: takes numbers of nodes, `[B]`, and returns their distances from all nodes, or any increasing function
            of them, `[B, N]`; the result is overwritten.
        relations: pairs of a node and a related node, `[M, 2]`.
        count: the number of nodes, `N`.
        nodes: the nodes from which distances are sorted; None takes all that have related nodes.
        tolerance: the relative difference up to which two values of `distances` are the same.

    Raises:
        UserError: none of the nodes has a related node.
    """
    order = np.lexsort((relations[:, 1], relations[:, 0]))
    related = torch.from_numpy(relations[order, 1].copy())
    begins = torch.from_numpy(np.searchsorted(relations[order, 0], np.arange(count + 1)))
    if nodes is None:
        nodes = torch.arange(count)
    nodes = nodes[begins[nodes + 1] > begins[nodes]]
    if not len(nodes):
        raise UserError('no node has a related node: there is nothing to rank')
    precision, ranks, total, nan = 0.0, 0.0, 0, 0
    for block in nodes.split(max(1, _BLOCK // count)):
        d = distances(block)
        rows = torch.arange(len(block))
        d[rows, block] = torch.inf
        sizes = begins[block + 1] - begins[block]
        row = rows.repeat_interleave(sizes)
        column = related[torch.cat([torch.arange(a, b) for a, b in zip(begins[block], begins[block + 1], strict=True)])]
        near = d[row, column]
        d[row, column] = torch.inf
        nan += int(near.isnan().sum())
        near = near.masked_fill(near.isnan(), torch.inf) * (1 + tolerance)
        farthest = torch.zeros(len(block), dtype=d.dtype).scatter_reduce(0, row, near, 'amax')
        # One pass over the block finds the rows that need more: an unrelated node comes early, or a distance is NaN.
        least = d.amin(1)
        nan += int(d[least.isnan()].isnan().sum())
        some = (~(least > farthest)).nonzero().flatten()
        candidates = d[some]
        before = (candidates <= farthest[some].unsqueeze(1)) & candidates.isfinite()
        before_row, before_column = before.nonzero(as_tuple=True)
        between = torch.searchsorted(some[before_row], torch.arange(len(block) + 1))
        values = candidates[before_row, before_column]
        ends = sizes.cumsum(0)
        for i, (size, end) in enumerate(zip(sizes.tolist(), ends.tolist(), strict=True)):
            of_row = near[end - size : end].sort().values
            others = values[between[i] : between[i + 1]]
            if len(others):
                # How many related nodes are nearer than each unrelated one, and so come before it.
                passed = torch.searchsorted(of_row, others)
                unrelated = torch.bincount(passed, minlength=size + 1).cumsum(0)[:size]
                place = torch.arange(1, size + 1, dtype=torch.float64)
                precision += float((place / (place + unrelated)).mean())
                ranks += float(unrelated.sum()) + size
            else:
                precision, ranks = precision + 1, ranks + size
            total += size
    return Ranking(precision / len(nodes), ranks / total, len(nodes), nan)


def report(
    embedding: TreeEmbedding,
    relations: str = 'tree',
    rows: int | None = None,
    pairs: int = 100_000,
    seed: int = 0,
) -> Report:
    """Measure an embedding of a tree.

    Args:
        embedding: the tree and its embedding.
        relations: which relations are ranked, see `relations_of`.
        rows: from how many nodes, chosen at random, distances are sorted; None takes all. The time is that of `rows·N`
            distances.
        pairs: from how many random pairs of nodes the distortion is taken, besides all edges.
        seed: of the random choices.

    Raises:
        UserError: the relations are unknown, or there are none.
    """
    tree, count = embedding.taxonomy, len(embedding)
    if rows is not None and rows < 1:
        raise UserError(f'rows={rows} must be at least 1')
    generator = torch.Generator().manual_seed(seed)
    table = _Rows(embedding)
    nodes = torch.randperm(count, generator=generator)[:rows].sort().values
    # A node's parent is as far from it as its children are, which are no relations in the closure.
    ranking = rank_relations(table, table.place[relations_of(tree, relations)], count, nodes, tolerance=1e-6)
    below = np.flatnonzero(tree.parent >= 0)
    a, b = (torch.randint(count, (pairs,), generator=generator).numpy() for _ in range(2))
    a, b = np.concatenate([a[a != b], below]), np.concatenate([b[a != b], tree.parent[below]])
    d = embedding.distance(a, b)
    ratio = d / (embedding.tau * torch.from_numpy(tree.distance(a, b)))
    known = ratio[~ratio.isnan()]
    return Report(
        ranking.mean_average_precision,
        ranking.mean_rank,
        ranking.rows,
        ranking.nan + int(d.isnan().sum()),
        relations,
        float((known - 1).abs().mean()),
        float(known.max() / known.min()),
        len(a),
    )


class _Rows:
    """Rows of the matrix of `cosh d`, each entry from the frame of an ancestor near the pair's lowest common one.

    Where two nodes at `r` and `s` from the origin of a frame have their lowest common ancestor at `l`, `cosh d` from
    their inner product has the relative error `eps·e²ˡ`. So there is a frame at every `step` levels. Nodes are sorted
    such that a subtree is a range, and the ranges of deeper frames overwrite those of the frames above.
    """

    def __init__(self, embedding: TreeEmbedding) -> None:
        tree = embedding.taxonomy
        self.place, size = _preorder(tree)
        order = torch.from_numpy(self.place.argsort())
        # e^(2·step·tau)·eps <= 1e-7
        step = max(1, int(math.log(1e-7 / torch.finfo(torch.float64).eps) / 2 / embedding.tau))
        self.frames: list[tuple[Tensor, Tensor, Tensor]] = []  # points, and where the ranges begin and end
        for depth in range(0, tree.max_depth + 1, step):
            heads = np.flatnonzero((tree.depth == depth) & ((size > 1) | (depth == 0)))
            heads = heads[np.argsort(self.place[heads])]
            begin = torch.from_numpy(self.place[heads])
            time, space = embedding.frames(order, torch.from_numpy(tree.ancestors_at(depth))[order])
            points = torch.cat([1 + time.unsqueeze(1), space], 1)
            self.frames.append((points, begin, begin + torch.from_numpy(size[heads])))

    def __call__(self, places: Tensor) -> Tensor:
        """`cosh d` of nodes and all nodes, `[B, N]`; the places ascend."""
        values = torch.empty(len(places), len(self.place), dtype=torch.float64)
        sign = torch.ones(self.frames[0][0].shape[1], dtype=torch.float64)
        sign[1:] = -1
        for points, begin, end in self.frames:
            # The ranges that have one of the nodes at least. The first frame's range is everything.
            first, last = torch.searchsorted(places, begin), torch.searchsorted(places, end)
            for i in (last > first).nonzero().flatten().tolist():
                rows, columns = slice(first[i], last[i]), slice(begin[i], end[i])
                torch.mm(sign * points[places[rows]], points[columns].T, out=values[rows, columns])
        return values


def _preorder(tree: Taxonomy) -> tuple[Indices, Indices]:
    """Where each node stands when every subtree is a range, and how many nodes its subtree has."""
    size = np.ones(len(tree), np.int64)
    for level in reversed(tree.levels[1:]):
        np.add.at(size, tree.parent[level], size[level])
    start = np.zeros(len(tree), np.int64)
    for level in tree.levels[1:]:
        above = tree.parent[level]
        before = np.cumsum(size[level]) - size[level]
        first = np.flatnonzero(np.diff(above, prepend=-2))
        within = before - np.repeat(before[first], np.diff(first, append=len(above)))
        start[level] = start[above] + 1 + within
    return start, size
