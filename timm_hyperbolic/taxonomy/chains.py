"""Trees whose inner nodes all separate classes."""

from __future__ import annotations

from ..errors import UserError
from .tree import Taxonomy

__all__ = ['without_chains']


def without_chains(tree: Taxonomy) -> Taxonomy:
    """Return the tree of the classes without the nodes that separate no two classes.

    It has the classes, and of the nodes above them in the spanning tree those with at least two children there. The
    parent of a node is the nearest one that is left. In WordNet many nodes are the only child of their parent, once the
    tree has the classes of a data set alone: they add to depths and heights and tell no two classes apart.

    Args:
        tree: A tree with classes.

    Raises:
        UserError: the tree has no classes.
    """
    if tree.classes is None:
        raise UserError(f'{tree!r} does not say which nodes are the classes; use its with_classes(names)')
    children: dict[int, set[int]] = {}
    for node in tree.classes.tolist():
        while (over := int(tree.parent[node])) >= 0:
            children.setdefault(over, set()).add(node)
            node = over
    kept = sorted({*tree.classes.tolist(), *(node for node, below in children.items() if len(below) > 1)})
    parents: dict[str, list[str]] = {}
    for node in kept:
        over = int(tree.parent[node])
        while over >= 0 and len(children[over]) == 1:
            over = int(tree.parent[over])
        parents[tree.names[node]] = [] if over < 0 else [tree.names[over]]
    ids = None if tree.ids is None else [tree.ids[node] for node in kept]
    part = Taxonomy.from_parents(parents, ids, f'part of {tree!r}')
    return part.with_classes([tree.names[node] for node in tree.classes])
