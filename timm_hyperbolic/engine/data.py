"""From the data options to the splits of a data set: timm's, or the digits."""

import argparse
import importlib.util
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from timm.data import create_dataset
from torch.utils.data import Dataset, IterableDataset

from .argtypes import nearest, split_size
from .carve import Part, stratified
from .digits import HELD_OUT_SPLITS, Digits
from .errors import UserError

__all__ = [
    'Splits',
    'check_split',
    'check_splits',
    'class_count',
    'class_names',
    'create_splits',
    'default_split',
    'labels_of',
    'open_split',
    'split_names',
]

_KINDS = ('hfds', 'hfids', 'tfds', 'torch', 'wds')
_FOLDER_SPLITS = {'train': ('train', 'training'), 'validation': ('validation', 'val', 'valid', 'eval', 'evaluation')}


@dataclass(frozen=True)
class Splits:
    """The data of a run.

    Attributes:
        train: split to train on.
        val: split to evaluate on after every epoch.
        val_name: its name in the data set, or what was carved out of `train` for it.
        classes: names of the classes by label, or None where the data set has none.
        num_classes: their number, None where it cannot be told.
        test: split to evaluate on once, with the model that was the best on `val`; None for none.
        test_name: its name.
        carved: whether `val` was carved out of the training split.
    """

    train: Dataset
    val: Dataset
    val_name: str
    classes: list[str] | None
    num_classes: int | None
    test: Dataset | None = None
    test_name: str | None = None
    carved: bool = False

    @property
    def keeps_best(self) -> bool:
        """Whether the result is the best epoch's model and not the last one's.

        Choosing an epoch by `val` is honest only where `val` is not what the result is reported on.
        """
        return self.carved or self.test is not None

    def __str__(self) -> str:
        test = '' if self.test is None else f', {len(self.test):,} to test on'
        return f'{len(self.train):,} images to train on, {len(self.val):,} to evaluate on{test}'

    def named(self, train_name: str) -> list[tuple[str, Dataset]]:
        """Return every split with its name."""
        splits = [(train_name, self.train), (self.val_name, self.val)]
        return splits if self.test is None else [*splits, (self.test_name, self.test)]


def create_splits(args: argparse.Namespace) -> Splits:
    """Open the splits that `args` name: one to train on, one to evaluate on, and perhaps one to test on.

    Raises:
        UserError: the data set, a split or a column does not exist, or is empty.
    """
    kind, _ = _kind_of(args)
    size = None if args.val_split is None else split_size(args.val_split)
    val_name, test_name = args.val_split, args.test_split
    if val_name is None:
        val_name = default_split(args, 'validation', 'test')
        if val_name is None:
            val_name = 'validation'  # whose absence is an error below
        elif val_name == 'test':
            print('no split called validation: evaluating on test')
    if size is not None and test_name is None:
        test_name = default_split(args, 'test', 'validation')
    if test_name is not None:
        for flag, other in (('--train-split', args.train_split), ('--val-split', val_name)):
            if _is_same_split(kind, test_name, other):
                raise UserError(f'--test-split {test_name}: the same images as {flag} {other}; name another one')

    train = open_split(args, args.train_split, is_training=True)
    if size is None:
        val = open_split(args, val_name)
    else:
        train, val = _carve(train, size, args)
    test = None if test_name is None else open_split(args, test_name)
    splits = Splits(train, val, val_name, None, None, test, test_name, size is not None)
    num_classes = class_count([dataset for _, dataset in splits.named(args.train_split)], args.target_key)
    return replace(splits, classes=class_names(train), num_classes=num_classes)


def default_split(args: argparse.Namespace, *wanted: str) -> str | None:
    """Return the first of the `wanted` splits that the data set has; where that cannot be told, simply the first."""
    kind, _ = _kind_of(args)
    known = wanted
    if kind == 'hfds':
        known = split_names(args)
    elif kind == 'folder' and Path(args.data_dir).is_dir():  # timm reads a .tar too
        folders = {split: _FOLDER_SPLITS.get(split, (split,)) for split in wanted}
        known = [split for split in wanted if any((Path(args.data_dir) / own).exists() for own in folders[split])]
    return next((split for split in wanted if split in known), None)


def split_names(args: argparse.Namespace) -> list[str]:
    """Return the names of all splits of a data set of the datasets library.

    Raises:
        UserError: there is no such data set.
    """
    import datasets

    kind, name = _kind_of(args)
    _quiet_datasets()
    try:
        return datasets.get_dataset_split_names(name)
    except Exception as error:  # whatever the Hub or the files come up with
        raise UserError(f'--dataset {kind}/{name}: {_first_line(error)}') from error


def open_split(args: argparse.Namespace, split: str, is_training: bool = False) -> Dataset:
    """Open one split of the data set that `args` name.

    Raises:
        UserError: the data set, the split or a column does not exist, or is empty.
    """
    kind, name = _kind_of(args)
    if kind == 'digits':
        return Digits(split)
    if kind == 'folder':
        _check_folder_split(args.data_dir, split)
    elif kind == 'hfds':
        _check_columns(name, split, args)
    dataset = _open(args, split, is_training)
    if not isinstance(dataset, IterableDataset) and len(dataset) == 0:
        raise UserError(f'{_described(args)}: split {split} is empty')
    return dataset


def _carve(train: Dataset, size: int | float, args: argparse.Namespace) -> tuple[Part, Part]:
    if isinstance(train, IterableDataset):
        raise UserError(f'--val-split {args.val_split}: a stream has no rows to carve out; give the name of a split')
    labels = labels_of(train, args.target_key)
    if labels is None:  # only the images' own rows have them
        labels = [train[row][1] for row in range(len(train))]
    try:
        return tuple(Part(train, rows) for rows in stratified(labels, size, args.seed))
    except ValueError as error:
        raise UserError(f'--val-split {args.val_split}: {error}') from error


def _is_same_split(kind: str, a: str, b: str) -> bool:
    """Whether two names mean the same images."""
    synonyms = [*_FOLDER_SPLITS.values()]
    if kind == 'digits':
        synonyms = [HELD_OUT_SPLITS]
    elif kind == 'torch':  # most of torchvision's data sets hold out one split alone
        synonyms = [(*_FOLDER_SPLITS['validation'], 'test')]
    return a == b or any(a in names and b in names for names in synonyms)


def _described(args: argparse.Namespace) -> str:
    return f'--dataset {args.dataset}' if args.dataset else f'--data-dir {args.data_dir}'


def _kind_of(args: argparse.Namespace) -> tuple[str, str]:
    """Return the kind of the data set (`digits`, `folder` or timm's prefix) and its name, once they make sense."""
    name = args.dataset
    if name == 'digits':
        if args.data_dir is not None:
            raise UserError(f'the digits read no folder; name another --dataset, or leave out {args.data_dir}')
        return 'digits', ''
    kind, slash, rest = name.partition('/')
    kind = kind.lower() if slash else 'folder'
    if kind not in _KINDS if slash else name not in ('', 'folder'):
        known = ('digits', 'folder', *(f'{kind}/NAME' for kind in _KINDS))
        raise UserError(
            f'--dataset {name}: unknown data set.{nearest(name, ["digits", "folder", *_KINDS])} '
            f'Give one of {", ".join(known)}, or --data-dir alone for a folder of images'
        )
    if kind in ('folder', 'torch') and args.data_dir is None:
        raise UserError(f'--dataset {name or repr(name)} needs --data-dir, the folder of the images')
    if kind in ('folder', 'torch') and not args.dataset_download and not Path(args.data_dir).exists():
        raise UserError(f'--data-dir {args.data_dir}: no such folder')
    if kind in ('hfds', 'hfids'):
        if importlib.util.find_spec('datasets') is None:
            raise UserError(f'--dataset {name} needs the datasets package: pip install timm_hyperbolic[data]')
        if rest.startswith(('.', '/', '~')) and not Path(rest).is_dir():
            raise UserError(f'--dataset {name}: no such folder: {rest}')
    return kind, rest


def _quiet_datasets() -> None:
    """Keep the datasets library from writing bars into log files, and remarks about a folder's README anywhere."""
    import datasets

    logging.getLogger('huggingface_hub.repocard').setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()


def _check_columns(name: str, split: str, args: argparse.Namespace) -> None:
    """Check split and columns of a Hugging Face data set: timm's reader fails on a wrong one without naming it."""
    import datasets

    _quiet_datasets()
    try:
        columns = datasets.load_dataset(name, split=split, cache_dir=args.data_dir).column_names
    except Exception as error:  # DatasetNotFoundError, EmptyDatasetError, ConnectionError, ValueError, ...
        raise UserError(f'{_described(args)}, split {split}: {_first_line(error)}') from error
    for flag, key in (('--input-key', args.input_key or 'image'), ('--target-key', args.target_key or 'label')):
        if key not in columns:
            raise UserError(f'{flag} {key}: no such column; {_described(args)} has {", ".join(columns)}')


def _check_folder_split(folder: str, split: str) -> None:
    """Refuse a split without a folder: timm would take all images for it, those of the other split too."""
    if not Path(folder).is_dir():  # timm reads a .tar too
        return
    names = _FOLDER_SPLITS.get(split, ())
    names = names if split in names else next((n for n in _FOLDER_SPLITS.values() if split in n), (split,))
    if not any((Path(folder) / name).is_dir() for name in names):
        raise UserError(f'--data-dir {folder}: no folder {split} in it; split the images into train/ and validation/')


def _open(args: argparse.Namespace, split: str, is_training: bool) -> Dataset:
    try:
        return create_dataset(
            args.dataset if '/' in args.dataset else '',
            root=args.data_dir,
            split=split,
            is_training=is_training,
            class_map=args.class_map,
            download=args.dataset_download,
            batch_size=args.batch_size,
            seed=args.seed,
            input_key=args.input_key,
            target_key=args.target_key,
        )
    except Exception as error:  # readers raise what they like: ValueError, OSError, DatasetNotFoundError, ...
        raise UserError(f'{_described(args)}, split {split}: {_first_line(error)}') from error


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def class_names(dataset: Dataset) -> list[str] | None:
    """Return the names of the classes by label, None where the data set has none."""
    if isinstance(dataset, Part):
        return class_names(dataset.dataset)
    class_to_idx = getattr(getattr(dataset, 'reader', None), 'class_to_idx', None)
    if class_to_idx:
        return [str(name) for name in sorted(class_to_idx, key=class_to_idx.get)]
    classes = getattr(dataset, 'classes', None)
    return [str(name) for name in classes] if classes else None


def class_count(datasets: Iterable[Dataset], target_key: str | None) -> int | None:
    """Return the number of classes: that of the names, else one more than the highest label; None if none is known."""
    datasets = list(datasets)
    classes = class_names(datasets[0])
    if classes:
        return len(classes)
    labels = [label for dataset in datasets for label in labels_of(dataset, target_key) or ()]
    return max(labels) + 1 if labels and all(isinstance(label, int) for label in labels) else None


def labels_of(dataset: Dataset, target_key: str | None) -> list[Any] | None:
    """Return all labels without decoding an image, None where there is no way to."""
    if isinstance(dataset, Part):
        labels = labels_of(dataset.dataset, target_key)
        return None if labels is None else [labels[row] for row in dataset.rows]
    reader = getattr(dataset, 'reader', None)
    if hasattr(reader, 'iter_targets'):  # of the datasets library; a whole column is quicker than its rows
        return list(reader.iter_targets() if reader.remap_class else reader.dataset[target_key or 'label'])
    if hasattr(reader, 'samples'):
        return [sample[1] for sample in reader.samples]
    targets = getattr(dataset, 'targets', None)
    return targets.tolist() if isinstance(targets, torch.Tensor) else targets


def check_splits(splits: Splits, num_classes: int, in_chans: int, args: argparse.Namespace) -> None:
    """Check labels and images against the model before anything is trained.

    Raises:
        UserError: a label that the classifier has no class for, an image of other channels, or a
            training split smaller than one batch.
    """
    for name, dataset in splits.named(args.train_split):
        check_split(dataset, name, num_classes, in_chans, args)
    if not isinstance(splits.train, IterableDataset) and len(splits.train) < args.batch_size:
        raise UserError(
            f'--batch-size {args.batch_size}: more than the {len(splits.train)} images of split {args.train_split}'
        )


def check_split(dataset: Dataset, name: str, num_classes: int, in_chans: int, args: argparse.Namespace) -> None:
    """Check labels and images of one split, called `name`, and have its images made for `in_chans` channels.

    Raises:
        UserError: a label that the classifier has no class for, or an image of other channels.
    """
    if isinstance(dataset, IterableDataset):
        return
    _check_labels(labels_of(dataset, args.target_key) or (), num_classes, f'{_described(args)}, split {name}')
    source = dataset.dataset if isinstance(dataset, Part) else dataset
    # torchvision's data sets yield images as they are; timm's readers convert them.
    if hasattr(source, 'input_img_mode'):
        source.input_img_mode = 'RGB' if in_chans == 3 else 'L'
    channels = len(dataset[0][0].getbands())
    if channels != in_chans:
        raise UserError(
            f'{_described(args)}: the images have {channels} channels, the model takes {in_chans}; '
            f'give --in-chans {channels}'
        )


def _check_labels(labels: Iterable[Any], num_classes: int, where: str) -> None:
    wrong = next((label for label in labels if not isinstance(label, int)), None)
    if wrong is not None:
        raise UserError(f'{where}: the label {wrong!r} is not a whole number; name another column by --target-key')
    low, high = min(labels, default=0), max(labels, default=0)
    if low < 0 or high >= num_classes:
        raise UserError(
            f'{where}: labels from {low} to {high} do not fit a classifier of {num_classes} classes; '
            f'give --num-classes {high + 1}, or leave it out'
        )
