"""Splits read by the Hugging Face datasets library, from the Hub or from a local folder."""

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

    Args:
        name: The name of the data set on the Hub, `OWNER/NAME`.

    Raises:
        Exception: any error of the Hub or of the files.
    """
    import datasets

    _quiet()
    return datasets.get_dataset_split_names(name)


def check_columns(name: str, split: str, cache: str | None, keys: Mapping[str, str], where: str) -> None:
    """Check that a split has the columns asked for; timm's reader fails on a wrong column without naming it.

    Args:
        name: name of the data set.
        split: name of the split.
        cache: cache folder; None for the default one.
        keys: the column that each flag names.
        where: the data set, for messages.

    Raises:
        UserError: there is no such column.
        Exception: any error of the Hub or of the files.
    """
    import datasets

    _quiet()
    columns = datasets.load_dataset(name, split=split, cache_dir=cache).column_names
    for flag, key in keys.items():
        if key not in columns:
            raise UserError(f'{flag} {key}: no such column; {where} has {", ".join(columns)}')


def open_hub_split(reader: Any, name: str, split: str, key: str, where: str, known: ClassMap | None) -> Images:
    """Return the images of a split, with labels assigned by class name.

    Args:
        reader: timm's `ReaderHfds` of the split.
        name: name of the data set.
        split: name of the split.
        key: the column of the labels.
        where: the split, for messages.
        known: the label of each class. Without it, or for a data set without class names, labels are not changed.

    Raises:
        UserError: a row has no label, or its class is not in `known`.
    """
    values = list(reader.dataset[key])
    names = names_in_files(name, split, key, reader.root, where) or list(reader.class_to_idx) or None
    check_labels(values, where, key, named=known is not None and known.from_file)
    if known is None or (names is None and not known.from_file):
        return Images(reader, values, names, where)
    return Images(reader, known.apply(values, names, where), known.names, where)


def names_in_files(name: str, split: str, key: str, cache: str | None, where: str) -> list[str] | None:
    """Return the class names stored in the files of a split if the splits have different ones, else None.

    Each Parquet file stores its own class names. The datasets library uses the names of the first file for all files
    and does not renumber the labels, so that a label of another file may get the name of a different class.

    Args:
        name: The name of the data set on the Hub, `OWNER/NAME`.
        split: The split in the notation of the datasets library, such as `train[:50%]+test`.
        key: The column of the labels.
        cache: The folder of downloaded data sets; None for the default one.
        where: The data set and the split, for messages.

    Raises:
        UserError: the files of one split have different names.
    """
    import datasets

    try:
        files = datasets.load_dataset_builder(name, cache_dir=cache).config.data_files or {}
    except Exception:  # a cached data set, read offline, does not say where its files are
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
    """Return the class names in the Parquet files among `paths`; of remote files only the first is read."""
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
    """Turn off progress bars in log files, and all messages about the README of a local folder."""
    import datasets

    logging.getLogger('huggingface_hub.repocard').setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
