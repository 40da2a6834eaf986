"""Opening a split of a data set by name: a data set of timm, an image folder, or the digits."""

import importlib.util
from pathlib import Path

import torch
from PIL import Image
from timm.data import create_dataset
from torch.utils.data import Dataset, IterableDataset

from ..config.data import DataConfig
from ..errors import UserError, nearest
from . import hub_sets
from .digits import HELD_OUT_SPLITS, Digits
from .folders import ENDINGS, open_folder
from .images import Images, ImageStream
from .labels import ClassMap

__all__ = ['FOLDER_SPLITS', 'default_split', 'first_line', 'is_same_split', 'open_split', 'split_names']

_KINDS = ('hfds', 'hfids', 'tfds', 'torch', 'wds')
#: Names that the folder of a split may have, by the name of the split.
FOLDER_SPLITS = {'train': ('train', 'training'), 'validation': ('validation', 'val', 'valid', 'eval', 'evaluation')}


def default_split(data: DataConfig, *wanted: str) -> str | None:
    """Return the first of the `wanted` splits that the data set has, or the first one if its splits are unknown.

    Args:
        data: Options of the data set.
        *wanted: Names of splits, the preferred one first.
    """
    kind, _ = _kind_of(data)
    known = wanted
    if kind == 'hfds':
        known = split_names(data)
    elif kind == 'folder':
        folders = {split: FOLDER_SPLITS.get(split, (split,)) for split in wanted}
        known = [split for split in wanted if any((Path(data.data_dir) / own).exists() for own in folders[split])]
    return next((split for split in wanted if split in known), None)


def split_names(data: DataConfig) -> list[str]:
    """Return the names of all splits of a data set of the Hugging Face datasets library.

    Args:
        data: Options of a data set `hfds/OWNER/NAME` or `hfids/OWNER/NAME`.

    Raises:
        UserError: there is no such data set.
    """
    kind, name = _kind_of(data)
    try:
        return hub_sets.split_names(name)
    except Exception as error:  # any error of the Hub or of the files
        raise UserError(f'--dataset {kind}/{name}: {first_line(error)}') from error


def open_split(
    data: DataConfig,
    split: str,
    known: ClassMap | None = None,
    is_training: bool = False,
    batch_size: int = 1,
    seed: int = 42,
) -> Dataset:
    """Open one split of a data set.

    The result has the attributes `classes` (class names by label, or None), `targets` (the labels of all images, or
    None) and `input_img_mode` (Pillow's mode).

    Args:
        data: The data set.
        split: Name of the split.
        known: The label of each class; None for the labels of the split itself. `--class-map` takes precedence.
        is_training: Whether this is the training split.
        batch_size: Images in a batch, for readers of streams, which read that many at once.
        seed: Seed of the shuffling, for readers of streams.

    Raises:
        UserError: the data set, the split or a column does not exist, or is empty; an image has no label, or is of a
            class that is not known.
    """
    kind, name = _kind_of(data)
    where = f'{data}, split {split}'
    folder = _split_folder(data.data_dir, split) if kind == 'folder' else None
    if data.class_map:
        places = [place for place in (data.data_dir, folder) if place is not None]
        known = ClassMap.read(data.class_map, places)
    if kind == 'digits':
        return _rename(Digits(split), known, where)
    if kind == 'folder':
        return open_folder(folder, where, known, is_training, _endings(data.input_key))
    key = data.target_key or 'label'
    try:
        if kind == 'hfds':
            keys = {'--input-key': data.input_key or 'image', '--target-key': key}
            hub_sets.check_columns(name, split, data.data_dir, keys, str(data))
        dataset = create_dataset(
            data.dataset,
            root=data.data_dir,
            split=split,
            is_training=is_training,
            download=data.dataset_download,
            batch_size=batch_size,
            seed=seed,
            input_key=data.input_key,
            target_key=data.target_key,
        )
    except UserError:
        raise
    except Exception as error:  # readers raise many types: ValueError, OSError, DatasetNotFoundError, ...
        raise UserError(f'{where}: {first_line(error)}') from error
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
    if hasattr(dataset, 'loader'):  # torchvision's own loader would clip 16-bit images at 255
        dataset.loader = Image.open
    targets = getattr(dataset, 'targets', None)
    if isinstance(targets, torch.Tensor):
        targets = (targets if targets.ndim == 1 else targets[:, 0]).tolist()  # QMNIST has further columns
    # ImageNet's ids come first, because two of its classes are called crane.
    names = getattr(dataset, 'wnids', None) or getattr(dataset, 'classes', None)
    return Images(dataset, targets, names and [str(name) for name in names], where)


def _rename(dataset: Dataset, known: ClassMap | None, where: str) -> Dataset:
    """Replace the labels of a split by those in `known`."""
    if known is None or (dataset.classes is None and not known.from_file):
        return dataset
    if dataset.targets is None:
        raise UserError(f'{where}: its labels are known only with the images, and {known.source} cannot change them')
    dataset.targets = known.apply(dataset.targets, dataset.classes, where)
    dataset.classes = known.names
    return dataset


def is_same_split(data: DataConfig, a: str, b: str) -> bool:
    """Return whether two names of splits mean the same images.

    Args:
        data: Options of the data set.
        a: The name of a split.
        b: The name of a split.
    """
    kind, _ = _kind_of(data)
    synonyms = [*FOLDER_SPLITS.values()]
    if kind == 'digits':
        synonyms = [HELD_OUT_SPLITS]
    elif kind == 'torch':  # most data sets of torchvision have one held-out split
        synonyms = [(*FOLDER_SPLITS['validation'], 'test')]
    return a == b or any(a in names and b in names for names in synonyms)


def _kind_of(data: DataConfig) -> tuple[str, str]:
    """Return the kind of the data set (`digits`, `folder` or timm's prefix) and its name, after checking both."""
    name = data.dataset
    if name == 'digits':
        if data.data_dir is not None:
            raise UserError(f'the digits read no folder; name another --dataset, or leave out {data.data_dir}')
        return 'digits', ''
    kind, slash, rest = name.partition('/')
    kind = kind.lower() if slash else 'folder'
    if kind not in _KINDS if slash else name not in ('', 'folder'):
        known = ('digits', 'folder', *(f'{kind}/NAME' for kind in _KINDS))
        raise UserError(
            f'--dataset {name}: unknown data set.{nearest(name, ["digits", "folder", *_KINDS])} '
            f'Give one of {", ".join(known)}, or --data-dir alone for a folder of images'
        )
    if kind in ('folder', 'torch') and data.data_dir is None:
        raise UserError(f'--dataset {name or repr(name)} needs --data-dir, the folder of the images')
    missing = kind in ('folder', 'torch') and not Path(data.data_dir).exists()
    if missing and not (kind == 'torch' and data.dataset_download):
        raise UserError(f'--data-dir {data.data_dir}: no such folder')
    if kind == 'folder' and not Path(data.data_dir).is_dir():
        raise UserError(f'--data-dir {data.data_dir}: no folder; unpack it into train/ and validation/')
    if kind == 'torch' and rest.lower() in ('folder', 'image_folder'):  # each split would number its own folders
        raise UserError(f'--dataset {name}: leave it out; --data-dir alone reads the folder')
    if kind in ('hfds', 'hfids'):
        if importlib.util.find_spec('datasets') is None:
            raise UserError(f'--dataset {name} needs the datasets package: pip install timm_hyperbolic[data]')
        if rest.startswith(('.', '/', '~')) and not Path(rest).is_dir():
            raise UserError(f'--dataset {name}: no such folder: {rest}')
    return kind, rest


def _split_folder(folder: str, split: str) -> Path:
    """Return the folder of a split; if it is missing, timm would read the images of all splits."""
    names = next((names for names in FOLDER_SPLITS.values() if split in names), ())
    for name in (split, *names):
        if (Path(folder) / name).is_dir():
            return Path(folder) / name
    raise UserError(f'--data-dir {folder}: no folder {split} in it; split the images into train/ and validation/')


def _endings(input_key: str | None) -> tuple[str, ...]:
    """Return file name endings of images: those given by `--input-key .png;.jpg`, as in timm, or all known ones."""
    if input_key is None:
        return ENDINGS
    endings = tuple(ending.strip().lower() for ending in input_key.split(';'))
    if not all(ending.startswith('.') for ending in endings):
        raise UserError(
            f'--input-key {input_key}: a folder has no columns; give the endings of its images, such as ".png;.jpg", '
            'or leave it out'
        )
    return endings


def first_line(error: Exception) -> str:
    """Return the first line of an error, for messages.

    Args:
        error: The error.
    """
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
