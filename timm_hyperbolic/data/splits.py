"""From the data options to the splits of a data set: timm's, or the digits."""

import argparse
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from timm.data import create_dataset
from torch.utils.data import Dataset, IterableDataset

from ..config.argtypes import nearest, split_size
from ..errors import UserError
from ..models.state_dict_checks import listed
from . import hub_sets
from .digits import HELD_OUT_SPLITS, Digits
from .folders import ENDINGS, open_folder
from .images import MODES, ImageError, Images, ImageStream
from .labels import ClassMap
from .stratified_split import Part, stratified

__all__ = [
    'Splits',
    'check_split',
    'check_splits',
    'class_count',
    'create_splits',
    'default_split',
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


def create_splits(args: argparse.Namespace, classes: list[str] | None = None) -> Splits:
    """Open the splits that `args` name: one to train on, one to evaluate on, and perhaps one to test on.

    The names of the training split's classes give the labels in every split.

    Args:
        args: options of the run.
        classes: names of the classes by label, of a run that goes on; None for those of the training split.

    Raises:
        UserError: the data set, a split or a column does not exist, or is empty; or an image is of no class that the
            training split has.
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

    known = None if classes is None else ClassMap.of_names(classes, 'the run that goes on')
    train = open_split(args, args.train_split, known, is_training=True)
    if known is None and train.classes is not None:
        known = ClassMap.of_names(train.classes, f'split {args.train_split}')
    whole = train
    if size is None:
        val = open_split(args, val_name, known)
    else:
        train, val = _carve(train, size, args)
    test = None if test_name is None else open_split(args, test_name, known)
    splits = Splits(train, val, val_name, None, None, test, test_name, size is not None)
    num_classes = class_count([dataset for _, dataset in splits.named(args.train_split)])
    _check_variety(whole, num_classes, args)
    return replace(splits, classes=whole.classes, num_classes=num_classes)


def _check_variety(train: Dataset, num_classes: int | None, args: argparse.Namespace) -> None:
    """Refuse a training split of one class, and name the classes that it has no image of."""
    where = f'{_described(args)}, split {args.train_split}'
    present = {*range(num_classes or 0)} if train.targets is None else set(train.targets)
    if len(present) == 1:
        label = present.pop()
        name = str(label) if train.classes is None else train.classes[label]
        raise UserError(f'{where}: all images are of one class, {name}; there is nothing to tell apart')
    absent = [name for label, name in enumerate(train.classes or ()) if label not in present]
    if absent:
        print(f'{where}: no image of {len(absent)} of the {len(train.classes)} classes: {listed(absent)}')


def default_split(args: argparse.Namespace, *wanted: str) -> str | None:
    """Return the first of the `wanted` splits that the data set has; where that cannot be told, simply the first."""
    kind, _ = _kind_of(args)
    known = wanted
    if kind == 'hfds':
        known = split_names(args)
    elif kind == 'folder':
        folders = {split: _FOLDER_SPLITS.get(split, (split,)) for split in wanted}
        known = [split for split in wanted if any((Path(args.data_dir) / own).exists() for own in folders[split])]
    return next((split for split in wanted if split in known), None)


def split_names(args: argparse.Namespace) -> list[str]:
    """Return the names of all splits of a data set of the datasets library.

    Raises:
        UserError: there is no such data set.
    """
    kind, name = _kind_of(args)
    try:
        return hub_sets.split_names(name)
    except Exception as error:  # whatever the Hub or the files come up with
        raise UserError(f'--dataset {kind}/{name}: {_first_line(error)}') from error


def open_split(
    args: argparse.Namespace, split: str, known: ClassMap | None = None, is_training: bool = False
) -> Dataset:
    """Open one split of the data set that `args` name.

    It has `classes`, their names by label or None; `targets`, the label of every image or None; and `input_img_mode`.

    Args:
        args: options of the data set.
        split: its name.
        known: the label of each class, by its name, where `--class-map` does not say it; None for the split's own.
        is_training: whether it is the split to train on.

    Raises:
        UserError: the data set, the split or a column does not exist, or is empty; an image has no label, or is of a
            class that is not known.
    """
    kind, name = _kind_of(args)
    where = f'{_described(args)}, split {split}'
    folder = _split_folder(args.data_dir, split) if kind == 'folder' else None
    if args.class_map:
        places = [place for place in (args.data_dir, folder) if place is not None]
        known = ClassMap.read(args.class_map, places)
    if kind == 'digits':
        return _rename(Digits(split), known, where)
    if kind == 'folder':
        return open_folder(folder, where, known, is_training, _endings(args.input_key))
    key = args.target_key or 'label'
    try:
        if kind == 'hfds':
            keys = {'--input-key': args.input_key or 'image', '--target-key': key}
            hub_sets.check_columns(name, split, args.data_dir, keys, _described(args))
        dataset = _open(args, split, is_training)
    except UserError:
        raise
    except Exception as error:  # readers raise what they like: ValueError, OSError, DatasetNotFoundError, ...
        raise UserError(f'{where}: {_first_line(error)}') from error
    if isinstance(dataset, IterableDataset):
        names = list(dataset.reader.class_to_idx) or None
        if names is None and known is not None and not known.from_file:
            known = None
        return ImageStream(dataset.reader, names, known, where)
    if len(dataset) == 0:
        raise UserError(f'{where} is empty')
    if kind == 'hfds':
        return hub_sets.open_hub_split(dataset.reader, name, split, key, where, known)
    return _rename(_of_torchvision(dataset, where), known, where)


def _of_torchvision(dataset: Dataset, where: str) -> Images:
    if hasattr(dataset, 'loader'):  # would convert them, and cut off what 16-bit images have above 255
        dataset.loader = Image.open
    targets = getattr(dataset, 'targets', None)
    if isinstance(targets, torch.Tensor):
        targets = (targets if targets.ndim == 1 else targets[:, 0]).tolist()  # QMNIST tells more than the digit
    names = getattr(dataset, 'wnids', None) or getattr(dataset, 'classes', None)  # two of ImageNet's are cranes
    return Images(dataset, targets, names and [str(name) for name in names], where)


def _rename(dataset: Dataset, known: ClassMap | None, where: str) -> Dataset:
    """Give the images of a split with fixed labels those of `known`."""
    if known is None or (dataset.classes is None and not known.from_file):
        return dataset
    if dataset.targets is None:
        raise UserError(f'{where}: its labels are known only with the images, and {known.source} cannot change them')
    dataset.targets = known.apply(dataset.targets, dataset.classes, where)
    dataset.classes = known.names
    return dataset


def _carve(train: Dataset, size: int | float, args: argparse.Namespace) -> tuple[Part, Part]:
    if isinstance(train, IterableDataset):
        raise UserError(f'--val-split {args.val_split}: a stream has no rows to carve out; give the name of a split')
    labels = train.targets
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
    missing = kind in ('folder', 'torch') and not Path(args.data_dir).exists()
    if missing and not (kind == 'torch' and args.dataset_download):
        raise UserError(f'--data-dir {args.data_dir}: no such folder')
    if kind == 'folder' and not Path(args.data_dir).is_dir():
        raise UserError(f'--data-dir {args.data_dir}: no folder; unpack it into train/ and validation/')
    if kind == 'torch' and rest.lower() in ('folder', 'image_folder'):  # each split would number its own folders
        raise UserError(f'--dataset {name}: leave it out; --data-dir alone reads the folder')
    if kind in ('hfds', 'hfids'):
        if importlib.util.find_spec('datasets') is None:
            raise UserError(f'--dataset {name} needs the datasets package: pip install timm_hyperbolic[data]')
        if rest.startswith(('.', '/', '~')) and not Path(rest).is_dir():
            raise UserError(f'--dataset {name}: no such folder: {rest}')
    return kind, rest


def _split_folder(folder: str, split: str) -> Path:
    """Return the folder of a split. Without one timm would take all images, those of the other splits too."""
    names = next((names for names in _FOLDER_SPLITS.values() if split in names), ())
    for name in (split, *names):
        if (Path(folder) / name).is_dir():
            return Path(folder) / name
    raise UserError(f'--data-dir {folder}: no folder {split} in it; split the images into train/ and validation/')


def _endings(input_key: str | None) -> tuple[str, ...]:
    """Return the endings of images: those of `--input-key .png;.jpg`, as timm has it, or all that are read."""
    if input_key is None:
        return ENDINGS
    endings = tuple(ending.strip().lower() for ending in input_key.split(';'))
    if not all(ending.startswith('.') for ending in endings):
        raise UserError(
            f'--input-key {input_key}: a folder has no columns; give the endings of its images, such as ".png;.jpg", '
            'or leave it out'
        )
    return endings


def _open(args: argparse.Namespace, split: str, is_training: bool) -> Dataset:
    return create_dataset(
        args.dataset,
        root=args.data_dir,
        split=split,
        is_training=is_training,
        download=args.dataset_download,
        batch_size=args.batch_size,
        seed=args.seed,
        input_key=args.input_key,
        target_key=args.target_key,
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def class_count(datasets: Iterable[Dataset]) -> int | None:
    """Return the number of classes: that of the names, else one more than the highest label; None if none is known."""
    datasets = list(datasets)
    if datasets[0].classes:
        return len(datasets[0].classes)
    labels = [label for dataset in datasets for label in dataset.targets or ()]
    return max(labels) + 1 if labels else None


def check_splits(splits: Splits, num_classes: int, in_chans: int, args: argparse.Namespace) -> None:
    """Check labels and images against the model before anything is trained.

    Raises:
        UserError: a label that the classifier has no class for, an image of other channels, a class without an image
            that can be read, or a training split smaller than one batch.
    """
    for name, dataset in splits.named(args.train_split):
        check_split(dataset, name, num_classes, in_chans, args)
    if not isinstance(splits.train, IterableDataset) and len(splits.train) < args.batch_size:
        raise UserError(
            f'--batch-size {args.batch_size}: more than the {len(splits.train)} images of split {args.train_split}'
        )


def check_split(
    dataset: Dataset, name: str, num_classes: int, in_chans: int, args: argparse.Namespace, is_trained: bool = False
) -> None:
    """Check labels and images of one split, called `name`, and have its images made for `in_chans` channels.

    Of each class one image is read.

    Args:
        dataset: the split.
        name: its name.
        num_classes: of the classifier.
        in_chans: channels of its images.
        args: options of the data set.
        is_trained: whether the model is to be measured, not trained.

    Raises:
        UserError: a label that the classifier has no class for, an image of other channels, or a class without an
            image that can be read.
    """
    where = f'{_described(args)}, split {name}'
    if in_chans not in MODES:
        raise UserError(
            f'{f"--in-chans {in_chans}" if args.in_chans else f"--model {args.model}"}: the model takes images of '
            f'{in_chans} channels; they are read as grey, with --in-chans 1, or in colour, with --in-chans 3'
        )
    source = dataset.dataset if isinstance(dataset, Part) else dataset
    source.input_img_mode = MODES[in_chans]
    targets = dataset.targets
    if targets is None:
        return
    high = max(targets)
    if high >= num_classes:
        remedy = f'give --num-classes {high + 1}, or leave it out'
        if is_trained:
            remedy = 'measure it on the classes that it was trained for'
        raise UserError(
            f'{where}: labels from {min(targets)} to {high} do not fit a classifier of {num_classes} classes; {remedy}'
        )
    if isinstance(source, Images):
        _check_readable(dataset, source, where)


def _check_readable(dataset: Dataset, source: Images, where: str) -> None:
    """Read images of each class until one can be read: the next image takes the place of one that cannot."""
    rows_of: dict[int, list[int]] = {}
    for row, label in zip(
        dataset.rows if isinstance(dataset, Part) else range(len(dataset)), dataset.targets, strict=True
    ):
        rows_of.setdefault(label, []).append(row)
    for label, rows in rows_of.items():
        first = None
        for row in rows:
            try:
                source.read(row)
                break
            except ImageError:
                raise
            except Exception as error:  # each format of Pillow has errors of its own
                first = first or source.complaint(row, error)
        else:
            name = label if source.classes is None else source.classes[label]
            raise UserError(f'{where}: none of the {len(rows)} images of class {name} can be read: {first}')
