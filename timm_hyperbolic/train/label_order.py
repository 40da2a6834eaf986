"""The tree of the classes of a data set, in the order of its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import UserError
from ..models.head_options import hierarchy_of, plain_hierarchy

__all__ = ['with_label_order']


def with_label_order(keywords: dict[str, Any], classes: Sequence[str] | None) -> dict[str, Any]:
    """Return the keywords of a model whose `hierarchy`, if it is a file, has its classes in the order of the labels.

    A file of indented names has its classes in the order of its lines. They are brought into that of the labels where
    they have the same names as the classes of the data set.

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
    if sorted(tree.names[node] for node in tree.classes.tolist()) == sorted(classes):
        tree = tree.with_classes(list(classes))
    return {**keywords, 'hierarchy': plain_hierarchy(tree)}
