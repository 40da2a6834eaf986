"""The tree of the classes that a model is read against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from ..errors import UserError, listed
from ..models.head_options import HeadOptions
from ..taxonomy import Taxonomy, without_chains
from .superclasses import Superclasses

__all__ = ['read_tree', 'read_unseen', 'tree_of_classes']


def read_tree(hierarchy: str | None) -> Taxonomy | None:
    """Read the tree that `--hierarchy` names; None where none is named.

    Args:
        hierarchy: The value of `--hierarchy`: `cifar100`, `wordnet`, the path of an indented text, or None.

    Raises:
        UserError: there is no such file, the tree is corrupt or has a cycle, or WordNet is not found.
    """
    if hierarchy is None:
        return None
    if hierarchy not in ('cifar100', 'wordnet') and not Path(hierarchy).is_file():
        raise UserError(
            f'--hierarchy {hierarchy}: no such file; give cifar100, wordnet, or the path of an indented text'
        )
    return Taxonomy.from_name(hierarchy)


def tree_of_classes(
    tree: Taxonomy | None,
    classes: Sequence[str] | None,
    count: int,
    model: nn.Module | None,
    superclasses: Superclasses | None,
    hierarchy: str | None,
) -> Taxonomy:
    """Return the tree whose classes are those of a model and its data, in the order of the labels.

    Args:
        tree: What `read_tree` returns. None takes the tree of the model's head, else the superclasses of the data set.
        classes: Names of the classes by label; None where they have none, and the tree's own order is that of the
            labels.
        count: The number of classes.
        model: The model; None for features of a file.
        superclasses: The superclasses of the data set, if it has any.
        hierarchy: The value of `--hierarchy`, for messages.

    Raises:
        UserError: a class has no node, a leaf of the tree is no class, or there is no tree.
    """
    where = 'the tree of the head' if hierarchy is None else f'--hierarchy {hierarchy}'
    if hierarchy == 'wordnet':
        if classes is None and model is None:
            raise UserError(f'{where}: the file of features has no names of the classes; give the model too')
        try:
            return without_chains(tree.for_model(model) if classes is None else tree.for_names(classes))
        except UserError as error:
            raise UserError(f'{where}: {error}') from error
    if tree is None:
        head = getattr(model, 'make_head', None)
        tree = head.hierarchy if isinstance(head, HeadOptions) else None
    if tree is None:
        return _of_superclasses(superclasses, classes, count)
    leaves = [tree.names[node] for node in tree.classes]
    if classes is None:
        if len(leaves) != count:
            raise UserError(f'{where}: its {len(leaves)} leaves are not the {count} classes, whose names are not known')
        return tree
    missing, extra = ([name for name in a if name not in set(b)] for a, b in ((classes, leaves), (leaves, classes)))
    if missing:
        raise UserError(f'{where}: {len(missing)} of {count} classes have no leaf in {tree!r}: {listed(missing, 5)}')
    if extra:
        raise UserError(
            f'{where}: the leaves of the tree are not the classes: {len(extra)} of {len(leaves)} leaves are none of '
            f'the {count} classes: {listed(extra, 5)}; leave them out of the tree'
        )
    return tree.with_classes(classes)


def _of_superclasses(superclasses: Superclasses | None, classes: Sequence[str] | None, count: int) -> Taxonomy:
    """Return the tree of a root, the superclasses of a data set, and its classes."""
    if superclasses is None:
        raise UserError(
            'there is no tree of the classes: the head has none and the data set has no column of superclasses; give '
            '--hierarchy cifar100, wordnet, or the path of an indented text, or --coarse-key'
        )
    of_class = superclasses.of_class.tolist()
    names = [str(label) for label in range(count)] if classes is None else list(classes)
    without = [names[label] for label in range(count) if label >= len(of_class) or of_class[label] < 0]
    if without:
        raise UserError(f'{len(without)} of {count} classes have no superclass in the data set: {listed(without, 5)}')
    # A superclass may have the name of one of its classes.
    above = [f'{superclasses.names[number]} (superclass)' for number in of_class]
    return Taxonomy.from_columns(names, above, classes=names, root='all classes')


def read_unseen(value: str | None) -> list[str]:
    """Return the names of classes that `--unseen` gives: separated by commas, or one a line of a file.

    Args:
        value: The value of `--unseen`; None for no classes.

    Raises:
        UserError: the file cannot be read, there is no name, or a name stands twice.
    """
    if value is None:
        return []
    text = value
    if Path(value).is_file():
        try:
            text = ','.join(Path(value).read_text(encoding='utf-8-sig').splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f'--unseen {value}: cannot be read: {error}') from error
    names = [name.strip() for name in text.split(',') if name.strip()]
    if not names:
        raise UserError(f'--unseen {value!r}: has no name; give names of classes separated by commas, or a file')
    values, counts = np.unique(names, return_counts=True)
    if counts.max() > 1:
        raise UserError(f'--unseen {value}: {listed(values[counts > 1], 5)} stands twice')
    return names
