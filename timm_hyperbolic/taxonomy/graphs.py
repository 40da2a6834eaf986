"""Functions on a directed graph given as an array of links `[E, 2]`, each a node and one of its parents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..errors import listed

__all__ = ['Indices', 'cycle', 'longest_depth', 'ranges', 'reached', 'root_of', 'spanning_tree']

Indices = NDArray[np.int64]


def ranges(starts: Indices, ends: Indices) -> Indices:
    """Return the whole numbers of several ranges, one range after the other; each range leaves out its end.

    Args:
        starts: The first number of each range, `[R]`.
        ends: The number behind the last one of each range, `[R]`.
    """
    counts = ends - starts
    return np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)


def _kahn(count: int, links: Indices) -> tuple[Indices, NDArray[np.bool_]]:
    """Return the length of the longest path from a root to each node, and which nodes are in or below a cycle.

    Source: A. B. Kahn, Topological sorting of large networks, 1962.
    """
    order = np.argsort(links[:, 1], kind='stable')
    begins = np.searchsorted(links[order, 1], np.arange(count + 1))
    below, waiting = links[order, 0], np.bincount(links[:, 0], minlength=count)
    depth, done, front, deep = np.zeros(count, np.int64), np.zeros(count, bool), np.flatnonzero(waiting == 0), 0
    while len(front):
        done[front], depth[front] = True, deep
        found = below[ranges(begins[front], begins[front + 1])]
        found, times = np.unique(found, return_counts=True)
        waiting[found] -= times
        front, deep = found[waiting[found] == 0], deep + 1
    return depth, ~done


def longest_depth(count: int, links: Indices) -> Indices:
    """Return the length of the longest path from a root to each node, `[N]`.

    Args:
        count: The number N of nodes.
        links: The links `[E, 2]`, each a node and one of its parents.
    """
    return _kahn(count, links)[0]


def reached(count: int, links: Indices, node: int, upwards: bool) -> NDArray[np.bool_]:
    """Return which nodes are ancestors (`upwards`) or descendants of a node, by all parents, `[N]`.

    Args:
        count: The number N of nodes.
        links: The links `[E, 2]`, each a node and one of its parents.
        node: The number of the node at which the search begins.
        upwards: Whether to follow links to parents, not to children.
    """
    start, end = (0, 1) if upwards else (1, 0)
    order = np.argsort(links[:, start], kind='stable')
    begins = np.searchsorted(links[order, start], np.arange(count + 1))
    targets, found, front = links[order, end], np.zeros(count, bool), np.array([node])
    while len(front):
        new = np.unique(targets[ranges(begins[front], begins[front + 1])])
        front = new[~found[new]]
        found[front] = True
    return found


def cycle(count: int, links: Indices) -> list[int]:
    """Return the nodes of one cycle, each followed by its parent; an empty list if the graph has no cycle.

    Args:
        count: The number N of nodes.
        links: The links `[E, 2]`, each a node and one of its parents.
    """
    left = _kahn(count, links)[1]
    if not left.any():
        return []
    within = links[left[links].all(1)]
    parent = np.full(count, -1)
    parent[within[:, 0]] = within[:, 1]
    # Each of these nodes has a parent among them, so a walk from child to parent must return to a node it has visited.
    seen: dict[int, int] = {}
    node = int(np.flatnonzero(left)[0])
    while node not in seen:
        seen[node] = len(seen)
        node = int(parent[node])
    return list(seen)[seen[node] :]


def root_of(count: int, links: Indices, name_of: Callable[[int], str] = str) -> int:
    """Return the root of a graph, after checking that it has one root and no cycle.

    Args:
        count: The number N of nodes.
        links: The links `[E, 2]`, each a node and one of its parents.
        name_of: The name of a node for messages, by its number.

    Raises:
        ValueError: There is no node, there are several roots, or the links have a cycle; the message names nodes.
    """
    roots = np.flatnonzero(np.bincount(links[:, 0], minlength=count) == 0)
    if len(roots) > 1:
        names = listed((name_of(int(node)) for node in roots), 5)
        raise ValueError(f'{len(roots)} roots, {names}; put them under one node')
    nodes = cycle(count, links)
    if nodes:
        shown = [*map(name_of, nodes[:8]), *(['...'] if len(nodes) > 8 else []), name_of(nodes[0])]
        raise ValueError(f'the parents go in a cycle, {" -> ".join(shown)}')
    if not len(roots):
        raise ValueError('there is no node')
    return int(roots[0])


def spanning_tree(count: int, links: Indices, root: int) -> Indices:
    """Return the parent of each node that is nearest to the root, `[N]`, and -1 for the root.

    Of several parents that are equally near to the root, the one listed first in `links` is taken.

    Args:
        count: The number N of nodes.
        links: The links `[E, 2]`, each a node and one of its parents.
        root: The number of the root.
    """
    order = np.argsort(links[:, 1], kind='stable')
    begins = np.searchsorted(links[order, 1], np.arange(count + 1))
    parent, near, front = np.full(count, -1), np.zeros(count, bool), np.array([root])
    near[root] = True
    while len(front):
        rows = np.sort(order[ranges(begins[front], begins[front + 1])])  # in the order given
        rows = rows[~near[links[rows, 0]]]
        front, first = np.unique(links[rows, 0], return_index=True)
        parent[front], near[front] = links[rows[first], 1], True
    return parent
