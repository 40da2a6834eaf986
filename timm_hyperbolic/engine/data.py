"""From the data options to the two splits of a data set: timm's, or the digits."""

import argparse
import importlib.util
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from timm.data import create_dataset
from torch.utils.data import Dataset, IterableDataset

from .argtypes import nearest
from .digits import Digits
from .errors import UserError

__all__ = ['Splits', 'check_splits', 'create_splits']

_KINDS = ('hfds', 'hfids', 'tfds', 'torch', 'wds')
_FOLDER_SPLITS = {'train': ('train', 'training'), 'validation': ('validation', 'val', 'valid', 'eval', 'evaluation')}


@dataclass(frozen=True)
class Splits:
    """The data of a run.

    Attributes:
        train: split to train on.
        val: split to evaluate on.
        val_name: its name in the data set.
        classes: names of the classes by label, or None where the data set has none.
        num_classes: their number, None where it cannot be told.
    """

    train: Dataset
    val: Dataset
    val_name: str
    classes: list[str] | None
    num_classes: int | None


def create_splits(args: argparse.Namespace) -> Splits:
    """Open the training and the evaluation split that `args` name.

    Raises:
        UserError: the data set, a split or a column does not exist, or is empty.
    """
    train_name, val_name = args.train_split, args.val_split
    kind, name = _kind_of(args)
    if kind == 'digits':
        val_name = val_name or 'validation'
        train, val = Digits(train_name), Digits(val_name)
    else:
        val_name = val_name or _find_val_split(kind, name, args.data_dir)
        for split in (train_name, val_name):
            if kind == 'folder':
                _check_folder_split(args.data_dir, split)
            elif kind == 'hfds':
                _check_columns(name, split, args)
        train, val = _open(args, train_name, is_training=True), _open(args, val_name, is_training=False)
    for split, dataset in ((train_name, train), (val_name, val)):
        if not isinstance(dataset, IterableDataset) and len(dataset) == 0:
            raise UserError(f'{_described(args)}: split {split} is empty')
    classes = _class_names(train)
    num_classes = len(classes) if classes else None
    if num_classes is None:
        labels = [label for dataset in (train, val) for label in _labels(dataset, args.target_key) or ()]
        num_classes = max(labels) + 1 if labels and all(isinstance(label, int) for label in labels) else None
    return Splits(train, val, val_name, classes, num_classes)


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


def _find_val_split(kind: str, name: str, folder: str | None) -> str:
    """Return `validation`, or `test` where the data set has no such split."""
    if kind == 'hfds':
        import datasets

        _quiet_datasets()
        try:
            known = datasets.get_dataset_split_names(name)
        except Exception as error:  # whatever the Hub or the files come up with
            raise UserError(f'--dataset {kind}/{name}: {_first_line(error)}') from error
        missing = 'validation' not in known and 'test' in known
    elif kind == 'folder':
        missing = not any((Path(folder) / split).exists() for split in _FOLDER_SPLITS['validation'])
        missing = missing and (Path(folder) / 'test').exists()
    else:
        return 'validation'
    if missing:
        print('no split called validation: evaluating on test')
    return 'test' if missing else 'validation'


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


def _class_names(dataset: Dataset) -> list[str] | None:
    class_to_idx = getattr(getattr(dataset, 'reader', None), 'class_to_idx', None)
    if class_to_idx:
        return [str(name) for name in sorted(class_to_idx, key=class_to_idx.get)]
    classes = getattr(dataset, 'classes', None)
    return [str(name) for name in classes] if classes else None


def _labels(dataset: Dataset, target_key: str | None) -> list[Any] | None:
    """Return all labels without decoding an image, None where there is no way to."""
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
    for split, dataset in ((args.train_split, splits.train), (splits.val_name, splits.val)):
        if isinstance(dataset, IterableDataset):
            continue
        _check_labels(_labels(dataset, args.target_key) or (), num_classes, f'{_described(args)}, split {split}')
        # torchvision's data sets yield images as they are; timm's readers convert them.
        if hasattr(dataset, 'input_img_mode'):
            dataset.input_img_mode = 'RGB' if in_chans == 3 else 'L'
        channels = len(dataset[0][0].getbands())
        if channels != in_chans:
            raise UserError(
                f'{_described(args)}: the images have {channels} channels, the model takes {in_chans}; '
                f'give --in-chans {channels}'
            )
    if not isinstance(splits.train, IterableDataset) and len(splits.train) < args.batch_size:
        raise UserError(
            f'--batch-size {args.batch_size}: more than the {len(splits.train)} images of split {args.train_split}'
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
