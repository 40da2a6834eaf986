"""Class names and labels: a class has the same label in every split and in the model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from timm.data.readers.class_map import load_class_map
from timm.utils.misc import natural_key

from ..errors import UserError, listed

__all__ = ['ClassMap', 'check_labels', 'label_names', 'label_problem']


@dataclass(frozen=True)
class ClassMap:
    """The label of each class.

    Attributes:
        labels: the label of each class by its name. A class map file of timm may have numbers instead of names.
        source: where the labels come from, for messages: `split train`, `--class-map FILE`.
        from_file: whether the labels come from `--class-map`.
    """

    labels: Mapping[Any, int]
    source: str
    from_file: bool = False

    @classmethod
    def of_names(cls, names: Sequence[str], source: str) -> 'ClassMap':
        """Return the map in which the labels number the names in their order.

        Args:
            names: Class names in the order of the labels.
            source: Where the names come from, for messages.

        Raises:
            UserError: two classes have the same name.
        """
        labels = {name: label for label, name in enumerate(names)}
        if len(labels) < len(names):
            twice = next(name for label, name in enumerate(names) if labels[name] != label)
            raise UserError(f'{source} has two classes called {twice}; say which label each has by --class-map FILE')
        return cls(labels, source)

    @classmethod
    def read(cls, file: str, folders: Iterable[str | Path] = ()) -> 'ClassMap':
        """Read a class map file of timm: a `.txt` file with one name per line, or a pickled dictionary.

        Args:
            file: path of the file, as given by `--class-map`.
            folders: folders in which the file is searched besides the current one.

        Raises:
            UserError: there is no such file, or it is not a class map.
        """
        flag = f'--class-map {file}'
        path = next((path for path in (Path(file), *(Path(f) / file for f in folders)) if path.is_file()), None)
        if path is None:
            raise UserError(f'{flag}: no such file')
        try:
            labels = load_class_map(str(path))
        except Exception as error:  # assertions of timm, and errors of pickle and of the text decoder
            raise UserError(f'{flag}: {" ".join(str(error).split())}') from error
        lines = len(path.read_text(encoding='utf-8').splitlines()) if path.suffix.lower() == '.txt' else len(labels)
        if not labels or '' in labels or len(labels) < lines:
            raise UserError(f'{flag}: give each class one line, and leave no line empty and no name twice')
        wrong = next((value for value in labels.values() if not isinstance(value, Integral) or value < 0), None)
        if wrong is not None:
            raise UserError(f'{flag}: the label {wrong!r} is no whole number of at least 0')
        return cls(labels, flag, from_file=True)

    @property
    def names(self) -> list[str]:
        """Class names by label. Classes with the same label are joined by ` / `; an unused label is its own name."""
        names: dict[int, list[str]] = {}
        for name, label in self.labels.items():
            names.setdefault(label, []).append(str(name))
        return [' / '.join(names.get(label, [str(label)])) for label in range(max(names) + 1)]

    def check_names(self, names: Iterable[str], where: str) -> None:
        """Check that the map has all classes of a split.

        Args:
            names: class names of the split.
            where: the split, for the message.

        Raises:
            UserError: a class is missing. The message names it, the source of the map and the remedy.
        """
        unknown = sorted((str(name) for name in names if name not in self.labels), key=natural_key)
        if unknown:
            remedy = 'add them to the file' if self.from_file else REMEDY
            raise UserError(
                f'{where}: {self.source} has no class {listed(unknown)}; leave their images out of the data set, '
                f'or {remedy}'
            )

    def apply(self, values: Sequence[Any], names: Sequence[str] | None, where: str) -> list[int]:
        """Return the labels of images.

        Args:
            values: the label or the class name of each image in the data set.
            names: class names by the labels of the data set; None if it has none.
            where: the split, for messages.

        Raises:
            UserError: the map does not have the class of an image.
        """
        found = {}
        for value in dict.fromkeys(values):
            # As in timm's `remap_labels`, a number that is not a key of the map is replaced by its class name.
            named = names is not None and isinstance(value, Integral) and value not in self.labels
            found[value] = names[value] if named and value < len(names) else value
        self.check_names(found.values(), where)
        return [self.labels[found[value]] for value in values]


REMEDY = 'say which label each class has by --class-map FILE, a text file of one name a line in the order of the labels'


def label_names(config: Mapping[str, Any], num_classes: int) -> list[str] | None:
    """Return the class names of a model by label, or None if it has none.

    Args:
        config: the `pretrained_cfg` of the model, or the content of its `config.json`.
        num_classes: number of classes of its classifier.
    """
    names = config.get('label_names')
    if isinstance(names, Mapping) and all(str(key).isdecimal() for key in names):
        by_label = {int(key): str(name) for key, name in names.items()}
        names = [by_label.get(label, str(label)) for label in range(max(by_label, default=-1) + 1)]
    if not isinstance(names, (list, tuple)) or not 0 < len(names) <= num_classes:
        return None
    return [str(name) for name in names]


def check_labels(values: Iterable[Any], where: str, key: str | None, named: bool) -> None:
    """Check that every image has a label.

    Args:
        values: the label of each image in the data set.
        where: the split, for messages.
        key: the column of the labels; None if there are no columns.
        named: whether a label may be a class name, because a class map is given.

    Raises:
        UserError: a label is missing or invalid. The message names the row, the column and the remedy.
    """
    for row, value in enumerate(values):
        if type(value) is int and value >= 0:
            continue
        problem = label_problem(value, key, named)
        if problem is not None:
            raise UserError(f'{where}: row {row}{f" of column {key}" if key else ""} {problem}')


def label_problem(value: Any, key: str | None, named: bool) -> str | None:
    """Return a message about what is wrong with a label, with the remedy, or None.

    Args:
        value: The label as the data set has it.
        key: The column of the labels; None where the data set has no columns.
        named: Whether the data set has class names, so that a label may be a name.
    """
    another = ', or name another column by --target-key' if key else ''
    if value is None:
        return f'has no label; leave such rows out of the data set{another}'
    if isinstance(value, str):
        return None if named else f'has the label {value!r}, which is no number; {REMEDY}{another}'
    if not isinstance(value, Integral):
        return f'has the label {value!r}, which is no whole number; give whole numbers or names{another}'
    if value < 0:
        return (
            f'has the label {value}; labels count from 0, and a negative one mostly stands for an unknown label. '
            f'Take another split, leave such rows out of the data set{another}'
        )
    return None
