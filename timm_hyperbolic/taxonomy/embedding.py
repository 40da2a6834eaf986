"""A tree embedded in hyperbolic space by closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import UserError
from .directions import spread
from .memory import MEMORY, check_memory
from .tree import Taxonomy

__all__ = ['TreeEmbedding', 'edge_length', 'embed_tree']

# What is left of the resolution of a number type at the deepest node.
_DIGITS_LEFT = 64


def edge_length(depth: int, dtype: torch.dtype) -> float:
    """Return the longest edge with which the deepest node of a tree still has digits in a number type.

    At the distance `r` from the origin, points that differ in the last digit of a type with the resolution `eps` are
    `eps·eʳ/2` apart in the hyperbolic metric. The edges are such that the deepest node is at most at the distance
    `ln(1/(64·eps))`, which is 31.9 in float64 and 11.8 in float32.

    Args:
        depth: edges from the root to the deepest node.
        dtype: a floating type, in which the points are stored.

    Returns:
        The length in units of `1/√c`.
    """
    return math.log(1 / (_DIGITS_LEFT * torch.finfo(dtype).eps)) / max(depth, 1)


@dataclass(frozen=True, eq=False, repr=False)
class TreeEmbedding:
    """A tree in hyperbolic space, whose distances have all digits at any depth.

    A node is not kept as a point of the ball, where deep nodes run out of digits, but as its direction seen from its
    parent. The frame of the child is that of the parent moved along the edge (a Lorentz boost, without a rotation). The
    distance of two nodes is computed in the frame of their lowest common ancestor, from which they stand at a wide
    angle, so that nothing cancels.

    Lengths are in units of `1/√c`: those of curvature 1.

    Attributes:
        taxonomy: the tree.
        directions: the unit vector from the parent to each node in the frame of the parent, `[N, D]`, float64; zero for
            the root.
        tau: the length of every edge.
    """

    taxonomy: Taxonomy
    directions: Tensor
    tau: float

    def __repr__(self) -> str:
        return f'TreeEmbedding({self.taxonomy!r}, dim {self.dim}, edges of {self.tau:.3g})'

    def __len__(self) -> int:
        return len(self.taxonomy)

    @property
    def dim(self) -> int:
        """The dimension of the space."""
        return self.directions.shape[1]

    @cached_property
    def _parent(self) -> Tensor:
        return torch.from_numpy(self.taxonomy.parent.copy())

    @cached_property
    def _depth(self) -> Tensor:
        return torch.from_numpy(self.taxonomy.depth.copy())

    def frames(self, nodes: Tensor, tops: Tensor) -> tuple[Tensor, Tensor]:
        """Return nodes in the frames of ancestors, as points of the hyperboloid of curvature 1.

        Args:
            nodes: numbers of nodes, `[M]`.
            tops: an ancestor of each in the spanning tree, or the node itself, `[M]`.

        Returns:
            The time parts less one, `[M]`, and the space parts, `[M, D]`: `cosh(r) - 1` and `sinh(r)` times a direction
            for a node at the distance `r` from its ancestor.
        """
        time = torch.zeros(len(nodes), dtype=torch.float64)
        space = torch.zeros(len(nodes), self.dim, dtype=torch.float64)
        cosh1, sinh = 2 * math.sinh(self.tau / 2) ** 2, math.sinh(self.tau)
        left = self._depth[nodes] - self._depth[tops]
        # Those with the longest way first, so that the rows that are still on their way are a slice.
        order = left.argsort(descending=True)
        at, left = nodes[order], left[order]
        for step in range(int(left[0]) if len(left) else 0):
            count = int((left > step).sum())
            u = self.directions[at[:count]]
            t, s = time[:count], space[:count]
            along = (s * u).sum(1)
            # cosh r' - 1 = cosh τ (cosh r - 1) + (cosh τ - 1) + sinh τ·along
            space[:count] = s + (cosh1 * along + sinh * (1 + t)).unsqueeze(1) * u
            time[:count] = (1 + cosh1) * t + cosh1 + sinh * along
            at[:count] = self._parent[at[:count]]
        back = order.argsort()
        return time[back], space[back]

    def distance(self, a: Any, b: Any) -> Tensor:
        """Return the hyperbolic distances of pairs of nodes, in units of `1/√c`.

        Args:
            a: Names or numbers of nodes, any shape.
            b: The same, broadcastable to `a`.

        Returns:
            float64, of the broadcast shape.

        Raises:
            UserError: there is no such node.
        """
        tree = self.taxonomy
        a, b = np.broadcast_arrays(tree.numbers(a), tree.numbers(b))
        first, second, top = (torch.from_numpy(np.array(x).ravel()) for x in (a, b, tree.lca(a, b)))
        t, x = self.frames(first, top)
        s, y = self.frames(second, top)
        # sinh²(d/2) = (‖x - y‖² - (t - s)²)/4 = sinh²((r - r')/2) + sinh(r)·sinh(r')·sin²(angle/2)
        rx, ry = ((n * (n + 2)).sqrt() for n in (t, s))
        radial = (torch.asinh(rx) - torch.asinh(ry)) / 2
        unit = [torch.where(r > 0, v.T / torch.where(r > 0, r, 1), 0).T for v, r in ((x, rx), (y, ry))]
        angular = rx * ry * (unit[0] - unit[1]).square().sum(1) / 4
        return (2 * torch.asinh((radial.sinh().square() + angular).sqrt())).reshape(a.shape)

    @cached_property
    def radius(self) -> Tensor:
        """The distance of each node from the root, `[N]`, float64."""
        time, _ = self._from_root
        return 2 * torch.asinh((time / 2).sqrt())

    @cached_property
    def _from_root(self) -> tuple[Tensor, Tensor]:
        nodes = torch.arange(len(self))
        return self.frames(nodes, torch.full_like(nodes, self.taxonomy.root))

    def points(self, model: str = 'ball', curvature: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the nodes as points of a model of hyperbolic space with the root at the origin.

        Args:
            model: `ball`, `klein`, `lorentz` (the space part, as everywhere in this package), or `tangent` (the
                logarithm at the origin of the ball, which has digits at any depth).
            curvature: `c > 0`.
            dtype: of the result.

        Returns:
            `[N, D]`.

        Raises:
            UserError: the model is unknown, the curvature is not positive, or the deepest node has no digits left in
                this type, which a longer `tau` than that of `edge_length` leads to.
        """
        if not curvature > 0:
            raise UserError(f'curvature={curvature} must be positive: a tree has no embedding in flat space')
        deepest, least = float(self.radius.max()), 1 / torch.finfo(dtype).eps
        if model in ('ball', 'klein') and deepest > math.log(least) * (1 if model == 'ball' else 0.5):
            raise UserError(
                f'the deepest node is {deepest:.1f} from the root, where {dtype} has no digits left in the {model} '
                f'model; take a shorter tau (in the ball {edge_length(self.taxonomy.max_depth, dtype):.3g}), a wider '
                f"type or model='tangent'"
            )
        time, space = self._from_root
        direction = space / torch.where(time > 0, space.norm(dim=1), 1).unsqueeze(1)
        size = {
            'ball': lambda r: (r / 2).tanh(),
            'klein': torch.tanh,
            'lorentz': torch.sinh,
            'tangent': lambda r: r / 2,
        }.get(model)
        if size is None:
            raise UserError(f"model={model!r} must be 'ball', 'klein', 'lorentz' or 'tangent'")
        return (size(self.radius).unsqueeze(1) * direction / math.sqrt(curvature)).to(dtype)


def embed_tree(
    taxonomy: Taxonomy,
    dim: int,
    tau: float | None = None,
    dtype: torch.dtype = torch.float64,
    max_memory: int = MEMORY,
) -> TreeEmbedding:
    """Embed a tree in hyperbolic space by closed form, without training.

    Each node places its children at the distance `tau`, in directions that are spread on the sphere together with the
    direction of its own parent. The longer the edges, the nearer the distances come to `tau` times the number of edges
    between two nodes. The result is the same on every run.

    Args:
        taxonomy: the tree; of nodes with several parents the spanning tree decides.
        dim: the dimension of the space, at least 2.
        tau: the length of an edge in units of `1/√c`. None takes the longest one with which points in `dtype` keep
            their digits; see `edge_length`.
        dtype: the type in which the points will be stored.
        max_memory: the memory that the embedding may take, in bytes.

    Raises:
        UserError: a dimension below 2, an edge that is not positive or too long for float64, or an embedding that takes
            more memory than `max_memory`.

    Source: Sarkar, "Low distortion Delaunay embedding of trees in hyperbolic plane" (2011); Sala, De Sa, Gu, Ré,
    "Representation tradeoffs for hyperbolic embeddings" (2018), section 3, for more dimensions.
    """
    if dim < 2:
        raise UserError(f'dim={dim} must be at least 2: a tree that branches has no embedding on a line')
    depth = taxonomy.max_depth
    if tau is None:
        tau = edge_length(depth, dtype)
    if not 0 < tau * max(depth, 1) < 350:
        raise UserError(
            f'tau={tau} with a tree of depth {depth} must be positive and less than {350 / max(depth, 1):.3g}'
        )
    # Directions, points of the hyperboloid, and the temporary copies of a step.
    check_memory(
        f'the embedding of {len(taxonomy):,} nodes in {dim} dimensions',
        len(taxonomy) * (dim + 4) * 8 * 5,
        max_memory,
        'take fewer dimensions or a subtree, or raise max_memory',
    )
    parent, counts = torch.from_numpy(taxonomy.parent.copy()), taxonomy.child_count
    directions = torch.zeros(len(taxonomy), dim, dtype=torch.float64)
    first = torch.zeros(dim, dtype=torch.float64)
    first[0] = 1
    for level in taxonomy.levels[1:]:
        nodes, above = torch.from_numpy(level), parent[level]
        wanted = _places(taxonomy, level, counts, dim)
        # The reflection that takes the code's first vector, the parent's place, to where the grandparent is.
        w = directions[above] + first
        turned = wanted - 2 * (w * ((w * wanted).sum(1) / w.square().sum(1).clamp_min(1e-30)).unsqueeze(1))
        directions[nodes] = wanted if level is taxonomy.levels[1] else turned
    return TreeEmbedding(taxonomy, directions, float(tau))


def _places(taxonomy: Taxonomy, level: np.ndarray, counts: np.ndarray, dim: int) -> Tensor:
    """The vector of the code of its parent that each node of a level takes, `[M, D]`."""
    above = taxonomy.parent[level]
    # Children of one node stand side by side: the place of each among them.
    begins = np.flatnonzero(np.diff(above, prepend=-2))
    sizes = np.diff(begins, append=len(above))
    place = np.arange(len(above)) - np.repeat(begins, sizes)
    has_parent = taxonomy.parent[above] >= 0
    codes = counts[above] + has_parent
    wanted = torch.empty(len(level), dim, dtype=torch.float64)
    for count in np.unique(codes):
        rows = np.flatnonzero(codes == count)
        wanted[rows] = spread(int(count), dim)[place[rows] + has_parent[rows]]
    return wanted
