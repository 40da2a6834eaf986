"""The superclass of each class of a data set, read from a second column of labels."""

from contextlib import suppress
from dataclasses import dataclass

import torch
from torch.utils.data import Dataset

from ..config.data import DataConfig
from ..errors import UserError
from .labels import ClassMap
from .sources import open_split, split_names

__all__ = ['Superclasses', 'read_superclasses']

_USUAL_KEY = 'coarse_label'  # as CIFAR-100 has it


@dataclass(frozen=True)
class Superclasses:
    """The superclasses of the classes of a data set.

    Attributes:
        of_class: the superclass of each class, `[num_classes]`; -1 for a class without one.
        names: names of the superclasses, by number.
    """

    of_class: torch.Tensor
    names: list[str]


def read_superclasses(
    dataset: Dataset,
    split: str,
    num_classes: int,
    data: DataConfig,
    coarse_key: str | None = None,
    known: ClassMap | None = None,
) -> Superclasses | None:
    """Return the superclasses of the classes, or None for a data set without superclasses.

    A class without an image in `dataset` is looked up in the other splits. A class that no split has gets -1.

    Args:
        dataset: A split of the data set.
        split: Name of the split.
        num_classes: Number of classes of the model.
        data: The data set.
        coarse_key: Column of the superclasses; None for `coarse_label`, if the data set has it.
        known: The label of each class, as used to open `dataset`.

    Raises:
        UserError: there is no such column, or a class has images of several superclasses.
    """
    key = coarse_key or _USUAL_KEY
    columns = _columns(dataset)
    if key not in columns or key == data.target_key:
        if coarse_key is None:
            return None
        has = f'the data set has {", ".join(columns)}' if columns else 'only data sets of kind hfds/ have columns'
        raise UserError(f'--coarse-key {key}: no such column beside the labels; {has}')
    found: dict[int, object] = {}
    _add(found, dataset, key)
    others = iter(split_names(data))
    while len(found) < num_classes and (other := next(others, None)) is not None:
        if other != split:
            beside = None
            with suppress(UserError):  # the test split of a competition has no labels
                beside = open_split(data, other, known)
            if beside is not None:
                _add(found, beside, key)
    values = sorted(set(found.values()), key=lambda value: (value is None, value))
    of_class = [values.index(found[label]) if label in found else -1 for label in range(num_classes)]
    feature = dataset.reader.dataset.features[key]
    named = hasattr(feature, 'int2str') and None not in values
    return Superclasses(torch.tensor(of_class), [feature.int2str(v) if named else str(v) for v in values])


def _columns(dataset: Dataset) -> list[str]:
    return getattr(getattr(getattr(dataset, 'reader', None), 'dataset', None), 'column_names', None) or []


def _add(found: dict[int, object], dataset: Dataset, key: str) -> None:
    for label, value in zip(dataset.targets, dataset.reader.dataset[key], strict=True):
        if found.setdefault(label, value) != value:
            raise UserError(
                f'--coarse-key {key}: class {label} has images of {found[label]!r} and of {value!r}; a class must '
                'belong to one superclass'
            )
