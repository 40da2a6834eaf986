"""Images with masks, in which every pixel has the number of its class: reading and checking them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from ..errors import UserError, listed
from .images import ImageError, to_mode
from .stratified_split import Part

__all__ = ['IGNORED', 'MaskedImages', 'MaskedPart', 'Pair', 'check_masks', 'labels_of', 'read_mask', 'size_of']

#: The number of pixels without a class, in every mask that a data set returns.
IGNORED = 255

_CHECKED = 2000  # masks that are read before training begins

Pair = tuple[Any, Any]
"""An image and its mask: paths, or images of Pillow."""


def _opened(source: Any) -> Image.Image:
    return source if isinstance(source, Image.Image) else Image.open(source)


def size_of(source: Any) -> tuple[int, int]:
    """Return height and width of an image, of which only the header is read.

    Args:
        source: A path, or an image of Pillow.
    """
    if isinstance(source, Image.Image):
        return source.height, source.width
    with Image.open(source) as image:
        return image.height, image.width


def read_mask(source: Any, name: str) -> np.ndarray:
    """Return the number of the class of every pixel.

    A PNG with a palette holds numbers, which Pillow shows as colours; the numbers are read.

    Args:
        source: A path, or an image of Pillow.
        name: The mask, for messages.

    Returns:
        `[H, W]`, uint8 or int32.

    Raises:
        ImageError: the mask is no image, or an image of colours, from which the palette is gone.
    """
    try:
        image = _opened(source)
        if image.mode == '1':
            image = image.convert('L')
        if image.mode not in ('L', 'P') and not image.mode.startswith('I'):
            raise ImageError(
                f"mask {name}: an image of colours (Pillow's mode {image.mode}), not of the numbers of classes. A PNG "
                'with a palette that was converted to RGB has lost its numbers: save it with one byte a pixel'
            )
        pixels = np.asarray(image)
    except ImageError:
        raise
    except Exception as error:  # Pillow raises different errors for different formats
        raise ImageError(f'mask {name} cannot be read: {" ".join(str(error).split())}') from error
    return pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32)


@dataclass
class _Table:
    """The class of each number of a mask: that number, or `IGNORED`."""

    ignored: frozenset[int]
    num_classes: int | None

    def apply(self, pixels: np.ndarray, left_out: frozenset[int], name: str) -> np.ndarray:
        counts = np.bincount(pixels.ravel()) if pixels.min(initial=0) >= 0 else None
        present = np.unique(pixels) if counts is None else counts.nonzero()[0]
        self.check(present, name)
        table = np.full(int(present.max(initial=0)) + 1, IGNORED, np.uint8)
        for number in present.tolist():
            if number not in self.ignored and number not in left_out:
                table[number] = number
        return table[pixels]

    def check(self, present: np.ndarray, name: str) -> None:
        """Refuse a class that the model has not."""
        count = IGNORED if self.num_classes is None else self.num_classes
        beyond = [n for n in present.tolist() if n not in self.ignored and not 0 <= n < count]
        if beyond:
            flags = ' '.join(map(str, sorted(self.ignored)))
            raise ImageError(
                f'mask {name}: class {beyond[-1]} is beyond the {count} classes, which are numbered from 0; if it is '
                f'no class, add it to --ignore-index {flags}, else give --num-classes or a tree of that many classes'
            )


class MaskedImages(Dataset):
    """A split of images with masks, read in any order. A file that cannot be read is an error.

    Args:
        pairs: The images and their masks.
        classes: Class names by label; None if there are none.
        where: The split, for messages.
        ignored: Numbers in masks that are no class.
        remap: The class of each number of a mask, where the data set numbers them otherwise; None to keep them.

    Attributes:
        input_img_mode: Pillow's mode of the images, `RGB` or `L`.
        num_classes: Number of classes of the model, beyond which a number in a mask is an error; None if unknown.
        left_out: Classes whose pixels count as without a class.
        transform: Applied to an image and its mask `[H, W]`, uint8, in which `IGNORED` is no class.
        targets: Always None, since an image has no class.
    """

    targets = None

    def __init__(
        self,
        pairs: Sequence[Pair],
        classes: list[str] | None,
        where: str,
        ignored: Sequence[int] = (IGNORED,),
        remap: np.ndarray | None = None,
    ) -> None:
        self.pairs = pairs
        self.classes = classes
        self.where = where
        self.ignored = frozenset(ignored)
        self.remap = remap
        self.input_img_mode = 'RGB'
        self.num_classes: int | None = None
        self.left_out: frozenset[int] = frozenset()
        self.transform: Callable[[Image.Image, np.ndarray], Any] | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Any:
        image, mask = self.read(index)
        return (image, mask) if self.transform is None else self.transform(image, mask)

    def name(self, index: int, part: int = 0) -> str:
        """Return the name of an image (`part` 0) or mask (1) for messages: its file, or its row in the split.

        Args:
            index: The number of the image.
            part: 0 or 1.
        """
        source = self.pairs[index][part]
        return str(source) if isinstance(source, (str, Path)) else f'{self.where}, row {index}'

    def read(self, index: int) -> tuple[Image.Image, np.ndarray]:
        """Return an image and the class of each of its pixels, `[H, W]`, uint8, `IGNORED` where there is none.

        Args:
            index: The number of the image.

        Raises:
            ImageError: a file cannot be read, the sizes differ, or the mask has a class that the model has not.
        """
        source, mask = self.pairs[index]
        try:
            image = to_mode(_opened(source), self.input_img_mode)
        except ImageError as error:
            raise ImageError(f'{self.name(index)}: {error}') from error
        except Exception as error:  # Pillow raises different errors for different formats
            raise ImageError(f'{self.name(index)} cannot be read: {" ".join(str(error).split())}') from error
        pixels = self.numbers(mask, index)
        if pixels.shape != (image.height, image.width):
            self.refuse_sizes(index, (image.height, image.width), pixels.shape)
        return image, _Table(self.ignored, self.num_classes).apply(pixels, self.left_out, self.name(index, 1))

    def numbers(self, mask: Any, index: int) -> np.ndarray:
        """Return the numbers of a mask as the data set means them.

        Args:
            mask: The mask, a path or an image of Pillow.
            index: The number of the image.
        """
        pixels = read_mask(mask, self.name(index, 1))
        if self.remap is None:
            return pixels
        return self.remap[np.clip(pixels, 0, len(self.remap) - 1)]

    def refuse_sizes(self, index: int, image: tuple[int, ...], mask: tuple[int, ...]) -> None:
        """Raise an `ImageError` that a mask has another size than its image."""
        (height, width), (rows, columns) = image, mask
        raise ImageError(
            f'{self.name(index)} has {width} x {height} pixels, and its mask {self.name(index, 1)} {columns} x {rows}; '
            'make them of one size, the mask without interpolation (nearest neighbour)'
        )

    def sizes(self) -> list[tuple[int, int]]:
        """Return height and width of every image, after a check that those of its mask are equal.

        Raises:
            ImageError: a mask has another size than its image, or a file cannot be read.
        """
        found = []
        for index, pair in enumerate(self.pairs):
            try:
                image, mask = map(size_of, pair)
            except Exception as error:  # Pillow raises different errors for different formats
                raise ImageError(
                    f'{self.name(index)} or its mask cannot be read: {" ".join(str(error).split())}'
                ) from error
            if image != mask:
                self.refuse_sizes(index, image, mask)
            found.append(image)
        return found


class MaskedPart(Part):
    """Some images of a split with masks, with their own transform of an image and its mask."""

    def __getitem__(self, index: int) -> Any:
        image, mask = self.dataset[self.rows[index]]
        return (image, mask) if self.transform is None else self.transform(image, mask)


def check_masks(dataset: MaskedImages) -> int:
    """Read the masks of a split, at most 2,000 of them at equal distances, and return the largest class plus one.

    Args:
        dataset: The split.

    Raises:
        ImageError: a mask cannot be read, or has a class that the model has not.
        UserError: no pixel has a class.
    """
    step = -(-len(dataset) // _CHECKED)
    high = -1
    for index in range(0, len(dataset), step):
        present = np.unique(dataset.numbers(dataset.pairs[index][1], index))
        _Table(dataset.ignored, dataset.num_classes).check(present, dataset.name(index, 1))
        high = max([high, *(number for number in present.tolist() if number not in dataset.ignored)])
    if high < 0:
        raise UserError(f'{dataset.where}: no pixel of the masks has a class: all are of --ignore-index')
    return high + 1


def labels_of(names: Sequence[str], classes: Sequence[str] | None, flag: str) -> frozenset[int]:
    """Return the labels of classes by name.

    Args:
        names: The names.
        classes: Class names by label; None if there are none.
        flag: The option that gave the names, for messages.

    Raises:
        UserError: there is no such class.
    """
    with suppress(ValueError):
        return frozenset((classes or []).index(name) for name in names)
    missing = [name for name in names if name not in (classes or ())]
    known = listed(classes, 8) if classes else 'without names: give them by --class-map'
    raise UserError(f'{flag}: no such class: {listed(missing, 5)}; the classes are {known}')
