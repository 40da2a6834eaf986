"""The tree of the classes of a data set, in the order of its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import UserError
from ..models.head_options import hierarchy_of, plain_hierarchy
from ..taxonomy import Taxonomy

__all__ = ['in_label_order', 'with_label_order']


def in_label_order(tree: Taxonomy, classes: Sequence[str] | None) -> Taxonomy:
    """Return a tree whose classes stand in the order of the labels, if they have the same names as those of the data.

    A file of indented names has its classes in the order of its lines, which need not be that of the labels.

    Args:
        tree: A tree with classes.
        classes: Names of the classes of the data set by label; None where they are unknown.
    """
    if tree.classes is None or classes is None:
        return tree
    names = [tree.names[node] for node in tree.classes.tolist()]
    same = len(names) == len(classes) and set(names) == set(classes)
    return tree.with_classes(list(classes)) if same and names != list(classes) else tree


def with_label_order(keywords: dict[str, Any], classes: Sequence[str] | None) -> dict[str, Any]:
    """Return the keywords of a model whose `hierarchy`, if it is a file, has its classes in the order of the labels.

    Args:
        keywords: Of `timm.create_model`.
        classes: Names of the classes of the data set by label; None where they are unknown.

    Raises:
        UserError: the file is no tree.
    """
    name = keywords.get('hierarchy')
    if classes is None or not isinstance(name, str) or name in ('cifar100', 'wordnet'):
        return keywords
    try:
        tree = hierarchy_of(name)
    except ValueError as error:
        raise UserError(f'--model-kwargs {error}') from error
    return {**keywords, 'hierarchy': plain_hierarchy(in_label_order(tree, classes))}
