"""A split of a data set that the datasets library reads, of the Hugging Face Hub or of a folder."""

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..errors import UserError
from .images import Images
from .labels import ClassMap, check_labels

__all__ = ['check_columns', 'names_in_files', 'open_hub_split', 'split_names']


def split_names(name: str) -> list[str]:
    """Return the names of all splits of a data set.

    Raises:
        Exception: whatever the Hub or the files come up with.
    """
    import datasets

    _quiet()
    return datasets.get_dataset_split_names(name)


def check_columns(name: str, split: str, cache: str | None, keys: Mapping[str, str], where: str) -> None:
    """Check the columns of a split: timm's reader fails on a wrong one without naming it.

    Args:
        name: of the data set.
        split: its name.
        cache: folder of the cache, None for the usual one.
        keys: a column by the flag that names it.
        where: the data set, for messages.

    Raises:
        UserError: there is no such column.
        Exception: whatever the Hub or the files come up with.
    """
    import datasets

    _quiet()
    columns = datasets.load_dataset(name, split=split, cache_dir=cache).column_names
    for flag, key in keys.items():
        if key not in columns:
            raise UserError(f'{flag} {key}: no such column; {where} has {", ".join(columns)}')


def open_hub_split(reader: Any, name: str, split: str, key: str, where: str, known: ClassMap | None) -> Images:
    """Return the images of a split, with their labels by the names of the classes.

    Args:
        reader: timm's `ReaderHfds` of the split.
        name: of the data set.
        split: its name.
        key: the column of the labels.
        where: the split, for messages.
        known: the label of each class; None, or a data set without names, keeps the labels as they are.

    Raises:
        UserError: a row without a label, or of a class that is not known.
    """
    values = list(reader.dataset[key])
    names = names_in_files(name, split, key, reader.root, where) or list(reader.class_to_idx) or None
    check_labels(values, where, key, named=known is not None and known.from_file)
    if known is None or (names is None and not known.from_file):
        return Images(reader, values, names, where)
    return Images(reader, known.apply(values, names, where), known.names, where)


def names_in_files(name: str, split: str, key: str, cache: str | None, where: str) -> list[str] | None:
    """Return the names of the classes in the files of a split where the splits differ in them, else None.

    Each Parquet file may hold names of its own. The library takes those of the first file for all of them, and leaves
    the numbers as they are, so that a number means another class than in its file.

    Raises:
        UserError: the files of one split differ.
    """
    import datasets

    try:
        files = datasets.load_dataset_builder(name, cache_dir=cache).config.data_files or {}
    except Exception:  # a data set of the cache alone, without the Hub, does not say where its files are
        return None
    names = {part: _names_of_files(paths, key) for part, paths in files.items()}
    if len({each for found in names.values() for each in found}) < 2:
        return None
    parts = re.sub(r'\[.*?\]', '', split).split('+')  # of `train[:50%]+test`
    own = {each for part in parts for each in names.get(part.strip(), ())}
    if len(own) > 1:
        raise UserError(
            f'{where}: the files of the split have different names in column {key}; write them with the same'
        )
    return list(own.pop()) if own else None


def _names_of_files(paths: Sequence[str], key: str) -> set[tuple[str, ...]]:
    """The names in the Parquet files among `paths`; of files elsewhere in the first one alone, to spare requests."""
    import datasets
    import fsspec
    import pyarrow.parquet

    paths = [path for path in paths if path.endswith('.parquet')]
    remote = any('://' in path for path in paths)
    found = set()
    for path in paths[:1] if remote else paths:
        with suppress(OSError, ValueError), fsspec.open(path, 'rb') as file:
            schema = pyarrow.parquet.read_schema(file)
            names = getattr(datasets.Features.from_arrow_schema(schema).get(key), 'names', None)
            found |= {tuple(names)} if names else set()
    return found


def _quiet() -> None:
    """Keep the library from writing bars into log files, and remarks about a folder's README anywhere."""
    import datasets

    logging.getLogger('huggingface_hub.repocard').setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
