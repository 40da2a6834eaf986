"""The nodes of a tree, and what can be asked of them: numbers, depths, paths, common ancestors, distances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import UserError, listed
from . import graphs
from .graphs import Indices

__all__ = ['Nodes']


@dataclass(frozen=True, eq=False, repr=False)
class Nodes:
    """Named nodes and their links to parents, with a spanning tree.

    Nodes are numbered in the order of their names. Methods take names or numbers of nodes.

    Attributes:
        names: the names of the nodes, all different.
        links: all links between a node and its parents, `[E, 2]`, the child first, in the order of the children.
        parent: the parent of each node in the spanning tree, `[N]`; -1 for the root.
        ids: an identifier of each node in another system, or None; WordNet's `n` with eight digits.
    """

    names: tuple[str, ...]
    links: Indices
    parent: Indices
    ids: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        self.links.setflags(write=False)
        self.parent.setflags(write=False)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.names[self.root]!r}: {len(self):,} nodes, depth {self.max_depth})'

    def number(self, node: str | int) -> int:
        """Return the number of a node.

        Raises:
            UserError: there is no such node.
        """
        if isinstance(node, str):
            if node not in self._numbers:
                near = [name for name in self.names if name.split('.')[0] == node.split('.')[0]]
                raise UserError(f'{self!r} has no node {node!r}{f"; there is {listed(near, 5)}" if near else ""}')
            return self._numbers[node]
        if not 0 <= node < len(self):
            raise UserError(f'{self!r} has no node {node}: its nodes are numbered from 0')
        return int(node)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def numbers(self, nodes: Any) -> Indices:
        """Return the numbers of nodes of any shape, given by names or by numbers.

        Raises:
            UserError: there is no such node.
        """
        array = np.asarray(nodes)
        if array.dtype.kind in 'iu':
            if array.size and not 0 <= array.min() <= array.max() < len(self):
                raise UserError(f'{self!r} has nodes from 0 to {len(self) - 1}, not {array.min()} to {array.max()}')
            return array.astype(np.int64)
        flat = [self.number(node) for node in array.ravel().tolist()]
        return np.array(flat, np.int64).reshape(array.shape)

    @cached_property
    def root(self) -> int:
        """The number of the root."""
        return int(np.flatnonzero(self.parent < 0)[0])

    @cached_property
    def depth(self) -> Indices:
        """The number of edges from the root to each node in the spanning tree, `[N]`."""
        depth = np.zeros(len(self), np.int64)
        for deep, level in enumerate(self.levels):
            depth[level] = deep
        return depth

    @property
    def max_depth(self) -> int:
        """The depth of the deepest node."""
        return len(self.levels) - 1

    @cached_property
    def levels(self) -> list[Indices]:
        """The nodes of each depth in the spanning tree; the children of one parent follow each other."""
        order = np.argsort(self.parent, kind='stable')
        start = np.searchsorted(self.parent[order], np.arange(len(self) + 1))
        levels = [np.array([self.root])]
        while len(levels[-1]):
            levels.append(order[graphs.ranges(start[levels[-1]], start[levels[-1] + 1])])
        return levels[:-1]

    @cached_property
    def child_count(self) -> Indices:
        """The number of children of each node in the spanning tree, `[N]`."""
        return np.bincount(self.parent[self.parent >= 0], minlength=len(self))

    @cached_property
    def leaves(self) -> Indices:
        """The numbers of the nodes without children, in ascending order."""
        return np.flatnonzero(np.bincount(self.links[:, 1], minlength=len(self)) == 0)

    def children(self, node: str | int) -> tuple[str, ...]:
        """Return the names of the children of a node: all nodes that have it as one of their parents."""
        return tuple(self.names[i] for i in self.links[self.links[:, 1] == self.number(node), 0])

    def parents(self, node: str | int) -> tuple[str, ...]:
        """Return the names of all parents of a node, in the order given."""
        return tuple(self.names[i] for i in self.links[self.links[:, 0] == self.number(node), 1])

    def path(self, node: str | int) -> tuple[str, ...]:
        """Return the names from a node to the root in the spanning tree, both included."""
        at, path = self.number(node), []
        while at >= 0:
            path.append(self.names[at])
            at = int(self.parent[at])
        return tuple(path)

    def ancestors(self, node: str | int) -> tuple[str, ...]:
        """Return the names of all ancestors of a node, by all parents, in the order of the nodes."""
        return tuple(
            self.names[i]
            for i in np.flatnonzero(graphs.reached(len(self), self.links, self.number(node), upwards=True))
        )

    def descendants(self, node: str | int) -> tuple[str, ...]:
        """Return the names of all descendants of a node, by all parents, in the order of the nodes."""
        return tuple(
            self.names[i]
            for i in np.flatnonzero(graphs.reached(len(self), self.links, self.number(node), upwards=False))
        )

    def lca(self, a: Any, b: Any) -> Indices:
        """Return the lowest common ancestors of pairs of nodes in the spanning tree.

        Args:
            a: names or numbers of nodes, any shape.
            b: names or numbers of nodes, broadcastable to `a`.

        Returns:
            Numbers of nodes, of the broadcast shape.

        Raises:
            UserError: there is no such node.
        """
        a, b = np.broadcast_arrays(self.numbers(a), self.numbers(b))
        shape, a, b = a.shape, a.flatten(), b.flatten()
        a, b = self._lifted(a, self.depth[b]), self._lifted(b, self.depth[a])
        differ = np.flatnonzero(a != b)
        while len(differ):
            a[differ], b[differ] = self.parent[a[differ]], self.parent[b[differ]]
            differ = differ[a[differ] != b[differ]]
        return a.reshape(shape)

    def ancestors_at(self, depth: int) -> Indices:
        """Return the ancestor of each node at a given depth of the spanning tree, `[N]`.

        A node at this depth or nearer to the root is returned itself.
        """
        return self._lifted(np.arange(len(self)), np.full(len(self), depth))

    def _lifted(self, nodes: Indices, depth: Indices) -> Indices:
        """Return the ancestors of nodes at given depths; a node nearer to the root is returned itself."""
        nodes = nodes.copy()
        deep = np.flatnonzero(self.depth[nodes] > depth)
        while len(deep):
            nodes[deep] = self.parent[nodes[deep]]
            deep = deep[self.depth[nodes[deep]] > depth[deep]]
        return nodes

    def distance(self, a: Any, b: Any) -> Indices:
        """Return the number of edges between pairs of nodes in the spanning tree.

        Args:
            a: names or numbers of nodes, any shape.
            b: names or numbers of nodes, broadcastable to `a`.

        Returns:
            Numbers of edges, of the broadcast shape.

        Raises:
            UserError: there is no such node.
        """
        a, b = self.numbers(a), self.numbers(b)
        return self.depth[a] + self.depth[b] - 2 * self.depth[self.lca(a, b)]
