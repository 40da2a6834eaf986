"""Opening a split of images with masks: folders of images and masks, Pascal VOC's folders, data sets of torchvision."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torchvision.datasets

from ..config.argtypes import split_size
from ..config.data import DataConfig, SplitConfig
from ..errors import UserError, listed, nearest
from .folders import ENDINGS
from .labels import ClassMap
from .masks import IGNORED, MaskedImages, MaskedPart, Pair
from .sources import FOLDER_SPLITS, first_line
from .splits import Splits
from .stratified_split import stratified_split

__all__ = ['VOC_CLASSES', 'create_mask_splits', 'default_mask_split', 'open_mask_split']

#: The classes of Pascal VOC by label, the background first.
VOC_CLASSES = (
    *('background', 'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow'),
    *('diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor'),
)
_MASKS = ('masks', 'labels', 'annotations')
_VOC_LISTS = Path('ImageSets') / 'Segmentation'
#: Keywords of torchvision's data sets that choose the masks, by the name of the parameter.
_TORCHVISION = {'target_type': 'semantic', 'target_types': 'segmentation', 'mode': 'segmentation'}


def create_mask_splits(
    data: DataConfig, names: SplitConfig, ignored: Sequence[int], seed: int = 42, classes: list[str] | None = None
) -> Splits:
    """Open the training, the evaluation and the optional test split of images with masks.

    Args:
        data: The data set.
        names: Names of the splits.
        ignored: Numbers in masks that are no class.
        seed: Seed of the choice of the images that are held out of the training split.
        classes: Class names by label of a resumed run; None for those of the data set.

    Raises:
        UserError: the data set or a split does not exist, is empty, or has an image without a mask.
    """
    size = None if names.val_split is None else split_size(names.val_split)
    train = open_mask_split(data, names.train_split, ignored, classes)
    test_name = names.test_split
    if size is None:
        val_name = names.val_split or default_mask_split(data, 'validation', 'test')
        val = open_mask_split(data, val_name, ignored, classes)
    else:
        val_name, test_name = names.val_split, test_name or _existing(data, 'test', 'validation')
        try:
            rows = stratified_split([0] * len(train), size, seed)
        except ValueError as error:
            raise UserError(f'--val-split {names.val_split}: {error}') from error
        train, val = (MaskedPart(train, part) for part in rows)
    test = None if test_name is None else open_mask_split(data, test_name, ignored, classes)
    for name, dataset in ((val_name, val), (test_name, test)):
        if dataset is not None and dataset.classes != train.classes:
            raise UserError(f'{data}: split {name} has other classes than split {names.train_split}')
    own = train.classes
    return Splits(
        train, names.train_split, val, val_name, own, None if own is None else len(own), test, test_name, bool(size)
    )


def default_mask_split(data: DataConfig, *wanted: str) -> str:
    """Return the first of the `wanted` splits that the data set has.

    Args:
        data: The data set.
        *wanted: Names of splits, the preferred one first.

    Raises:
        UserError: it has none of them.
    """
    found = _existing(data, *wanted)
    if found is None:
        raise UserError(f'{data}: no split called {" or ".join(wanted)}; name one')
    return found


def _existing(data: DataConfig, *wanted: str) -> str | None:
    if data.dataset.startswith('torch/'):
        return {'validation': 'val', 'test': 'test'}.get(wanted[0], wanted[0])
    root = _root(data)
    voc = _voc(root)
    for name in wanted:
        for own in FOLDER_SPLITS.get(name, (name,)):
            if (voc / _VOC_LISTS / f'{own}.txt').is_file() if voc else (root / own).is_dir():
                return own
    return None


def open_mask_split(
    data: DataConfig, split: str, ignored: Sequence[int] = (IGNORED,), classes: list[str] | None = None
) -> MaskedImages:
    """Open one split of images with masks.

    There are three kinds of data sets:

    - a folder `DIR/SPLIT/images` and a folder `DIR/SPLIT/masks` of files of the same names but for their endings.
      `--target-key` names the second folder otherwise (`labels` and `annotations` are found without it). The names of
      the classes are the lines of `--class-map`, or of `DIR/classes.txt`;
    - the layout of Pascal VOC: `DIR/JPEGImages`, `DIR/SegmentationClass`, `DIR/ImageSets/Segmentation/SPLIT.txt`;
    - `torch/NAME`, a data set of torchvision with masks: `VOCSegmentation`, `SBDataset`, `Cityscapes`, `OxfordIIITPet`.

    Args:
        data: The data set.
        split: Name of the split.
        ignored: Numbers in masks that are no class.
        classes: Class names by label; None for those of the data set.

    Raises:
        UserError: the data set or the split does not exist, is empty, or has an image without a mask.
    """
    where = f'{data}, split {split}'
    remap, own = None, None
    if data.dataset.startswith('torch/'):
        pairs, own, remap = _of_torchvision(data, split, where)
    elif data.dataset not in ('', 'folder'):
        raise UserError(f'{data}: has no masks; --task segmentation reads a folder (--data-dir) or torch/NAME')
    elif voc := _voc(_root(data)):
        pairs, own = _of_voc(voc, split, where), list(VOC_CLASSES)
    else:
        pairs = _of_folder(_root(data), split, data, where)
    if not len(pairs):
        raise UserError(f'{where}: there is no image')
    if data.class_map or (data.data_dir and (Path(data.data_dir) / 'classes.txt').is_file()):
        file = data.class_map or str(Path(data.data_dir) / 'classes.txt')
        own = ClassMap.read(file, [] if data.data_dir is None else [data.data_dir]).names
    return MaskedImages(pairs, classes or own, where, ignored, remap)


def _root(data: DataConfig) -> Path:
    if data.data_dir is None:
        raise UserError(
            '--task segmentation: give --data-dir, the folder of the images and masks, or --dataset torch/NAME'
        )
    root = Path(data.data_dir)
    if not root.is_dir():
        raise UserError(f'--data-dir {root}: no such folder')
    return root


def _voc(root: Path) -> Path | None:
    """Return the folder in the layout of Pascal VOC, which may lie below; None if there is none."""
    found = [root, *sorted(root.glob('VOC20*')), *sorted(root.glob('VOCdevkit/VOC20*'))]
    return next((folder for folder in reversed(found) if (folder / _VOC_LISTS).is_dir()), None)


def _of_voc(folder: Path, split: str, where: str) -> list[Pair]:
    file = next(
        (
            path
            for name in (split, *FOLDER_SPLITS.get(split, ()))
            if (path := folder / _VOC_LISTS / f'{name}.txt').is_file()
        ),
        None,
    )
    if file is None:
        known = [path.stem for path in sorted((folder / _VOC_LISTS).glob('*.txt'))]
        raise UserError(f'{where}: no such split; {folder / _VOC_LISTS} has {listed(known)}')
    names = file.read_text(encoding='utf-8').split()
    images = [folder / 'JPEGImages' / f'{name}.jpg' for name in names]
    missing = [str(path) for path in images if not path.is_file()]
    if missing:
        raise UserError(f'{where}: {len(missing)} images of {file} are missing: {listed(missing, 3)}')
    return _paired(images, {path.stem: path for path in (folder / 'SegmentationClass').glob('*.png')}, where)


def _of_folder(root: Path, split: str, data: DataConfig, where: str) -> list[Pair]:
    names = (split, *next((names for names in FOLDER_SPLITS.values() if split in names), ()))
    folder = next((root / name for name in names if (root / name / 'images').is_dir()), None)
    if folder is None:
        raise UserError(
            f'{where}: no folder {root / split / "images"}; put the images of a split there and their masks, of the '
            f'same names, into {root / split / "masks"}'
        )
    wanted = _MASKS if data.target_key is None else (data.target_key,)
    masks = next((folder / name for name in wanted if (folder / name).is_dir()), None)
    if masks is None:
        raise UserError(f'{where}: no folder {folder / wanted[0]} with the masks of the images')
    found = {path.stem: path for path in sorted(masks.iterdir()) if _is_image(path)}
    return _paired([path for path in sorted((folder / 'images').iterdir()) if _is_image(path)], found, where)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith('.')


def _paired(images: Sequence[Path], masks: dict[str, Path], where: str) -> list[Pair]:
    missing = [str(path) for path in images if path.stem not in masks]
    if missing:
        raise UserError(
            f'{where}: {len(missing)} of {len(images)} images have no mask of the same name: {listed(missing, 3)}; add '
            'the masks, or take the images out'
        )
    extra = masks.keys() - {path.stem for path in images}
    if extra and len(masks) < 2 * len(images):  # Pascal VOC has the masks of all splits in one folder
        print(f'{where}: left out {len(extra)} masks without an image, such as {masks[min(extra)]}')
    return [(path, masks[path.stem]) for path in images]


class _Rows:
    """The images and masks of a data set of torchvision, as Pillow's images."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Pair:
        if index >= len(self):
            raise IndexError(index)
        return tuple(self.dataset[index])


def _of_torchvision(data: DataConfig, split: str, where: str) -> tuple[Sequence[Pair], list[str] | None, Any]:
    name = data.dataset.partition('/')[2]
    known = {each.lower(): each for each in torchvision.datasets.__all__ if _has_masks(each)}
    if name.lower() not in known:
        raise UserError(
            f'{data}: torchvision has no such data set with masks.{nearest(name, known.values())} Give one of '
            f'{", ".join(f"torch/{each}" for each in known.values())}'
        )
    if data.data_dir is None:
        raise UserError(f'{data}: give --data-dir, the folder of the data set')
    cls = getattr(torchvision.datasets, known[name.lower()])
    parameters = inspect.signature(cls).parameters
    keywords = {key: value for key, value in _TORCHVISION.items() if key in parameters}
    if cls is torchvision.datasets.Cityscapes:
        keywords['mode'] = 'fine'
    keywords['image_set' if 'image_set' in parameters else 'split'] = split
    if 'download' in parameters:
        keywords['download'] = data.dataset_download
    try:
        dataset = cls(data.data_dir, **keywords)
    except Exception as error:  # each data set raises its own
        raise UserError(f'{where}: {first_line(error)}') from error
    if cls is torchvision.datasets.Cityscapes:
        # Of its 34 kinds of labels, 19 are classes.
        trained = sorted((c for c in cls.classes if 0 <= c.train_id < IGNORED), key=lambda c: c.train_id)
        remap = np.full(IGNORED + 1, IGNORED, np.int32)
        remap[[c.id for c in trained]] = [c.train_id for c in trained]
        return _Rows(dataset), [c.name for c in trained], remap
    if cls is torchvision.datasets.OxfordIIITPet:  # numbered from 1; the border between the two is no class
        remap = np.full(IGNORED + 1, IGNORED, np.int32)
        remap[[1, 2]] = [1, 0]
        return _Rows(dataset), ['background', 'pet'], remap
    return _Rows(dataset), list(VOC_CLASSES), None


def _has_masks(name: str) -> bool:
    return name in ('VOCSegmentation', 'SBDataset', 'Cityscapes', 'OxfordIIITPet')
