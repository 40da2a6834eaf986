"""Reading images: conversion to 8 bits per channel in grey or colour, and files that cannot be read."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError
from timm.data import IterableImageDataset
from torch.utils.data import Dataset

from ..errors import UserError
from .labels import ClassMap, label_problem

__all__ = ['MODES', 'ImageError', 'ImageStream', 'Images', 'image_mode', 'to_eight_bits', 'to_mode']

#: Pillow's mode of an image by the number of its channels.
MODES = {1: 'L', 3: 'RGB'}

_TRIES = 50  # unreadable images in a row before reading fails, as in timm
# Formats that Pillow may open with 32 bits per pixel although they store 16.
_SIXTEEN_BITS = ('PNG', 'PPM')


def image_mode(channels: int) -> str:
    """Return Pillow's mode in which the images of a model are read.

    Args:
        channels: Number of channels of the model's input.

    Raises:
        UserError: it is neither 1 nor 3.
    """
    if channels not in MODES:
        raise UserError(f'--in-chans {channels}: images are read as grey (1) or in colour (3)')
    return MODES[channels]


class ImageError(UserError):
    """An image that cannot be used for training or evaluation.

    An error raised in a loader process reaches the main process as an error of the same type whose message is the whole
    traceback. This class keeps only the last part of it, the original message.

    Args:
        message: The message, or a whole traceback that ends with it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(' '.join(message.rpartition(f'{ImageError.__name__}: ')[2].split()))


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Return an image with at most 8 bits per channel.

    The high byte of 16-bit grey values is kept, as Pillow does for 16-bit colours. Pillow's `convert` would clip grey
    values at 255, so that most of the image would be white.

    Args:
        image: an image of any mode.

    Raises:
        ImageError: the range of the pixel values is unknown, because they are floats or 32-bit integers.
    """
    if image.mode.startswith('I;16') or (image.mode == 'I' and image.format in _SIXTEEN_BITS):
        return Image.fromarray((np.asarray(image).astype(np.int32) >> 8).astype(np.uint8))
    if image.mode in ('I', 'F'):
        kind = 'floating-point numbers' if image.mode == 'F' else 'whole numbers of 32 bits'
        if image.mode == 'F' and not np.isfinite(np.asarray(image)).all():
            kind += ', some of them not finite'
        raise ImageError(
            f"its pixels are {kind} (Pillow's mode {image.mode}), of which it is not known what black and white are; "
            'save it with 8 or 16 bits'
        )
    return image


def to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Return an image in one of the `MODES`. Transparency is dropped, as in timm and torchvision.

    Args:
        image: an image of any mode.
        mode: Pillow's mode of the result.

    Raises:
        ImageError: the image cannot be converted to this mode.
    """
    image = to_eight_bits(image)
    if image.mode == 'LAB':  # Pillow converts LAB only to RGB
        image = image.convert('RGB')
    try:
        return image.convert(mode)
    except ValueError as error:
        raise ImageError(f'{error}; save it as a grey or colour image') from error


class Images(Dataset):
    """A split whose images can be read in any order.

    If a file cannot be read, a message is printed and the next image is used instead, as in timm's data sets.

    Args:
        reader: a reader of timm, which returns a file and a label, or a data set of torchvision, which returns an
            image and a label.
        targets: the labels of all images; None if a label is known only after its image has been read.
        classes: class names by label; None if there are none.
        where: the split, for messages.

    Attributes:
        input_img_mode: Pillow's mode of the images, `RGB` or `L`.
        transform: applied to each image.
    """

    def __init__(self, reader: Any, targets: Sequence[int] | None, classes: Sequence[str] | None, where: str) -> None:
        self.reader = reader
        self.targets = targets
        self.classes = classes
        self.where = where
        self.input_img_mode = 'RGB'
        self.transform = None
        self._told: set[int] = set()

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        for row in range(index, index + _TRIES):
            row %= len(self)
            try:
                image, target = self.read(row)
                break
            except ImageError:
                raise
            except Exception as error:  # Pillow raises different errors for different formats
                reason = self.complaint(row, error)
                if row not in self._told:
                    self._told.add(row)
                    print(f'{reason}; the next image takes its place', file=sys.stderr, flush=True)
        else:
            raise ImageError(f'{_TRIES} images in a row cannot be read, the last of them: {reason}')
        return image if self.transform is None else self.transform(image), target

    def read(self, row: int) -> tuple[Image.Image, int]:
        """Return one image and its label.

        Args:
            row: The number of the image.

        Raises:
            ImageError: the range of the pixel values is unknown.
            Exception: the file cannot be read.
        """
        source, target = self.reader[row]
        try:
            if isinstance(source, Image.Image):
                image = to_mode(source, self.input_img_mode)
            else:
                with source:
                    image = to_mode(Image.open(source), self.input_img_mode)
        except ImageError as error:
            raise ImageError(f'{self.name(row)}: {error}') from error
        return image, target if self.targets is None else self.targets[row]

    def complaint(self, row: int, error: Exception) -> str:
        """Return a message that an image cannot be read, with the reason.

        Args:
            row: The number of the image.
            error: The error of reading it.
        """
        said = ' '.join(str(error).split()) or type(error).__name__
        return f'{self.name(row)} cannot be read: {"no image" if isinstance(error, UnidentifiedImageError) else said}'

    def name(self, row: int) -> str:
        """Return the name of an image for messages: its file if there is one, else its row in the split.

        Args:
            row: The number of the image.
        """
        file = None
        with suppress(Exception):  # not every reader has file names
            file = str(self.reader.filename(row, absolute=True) or '')
        if file and Path(file).exists():
            return file
        return f'{self.where}, row {row}' + (f' ({file})' if file else '')


class ImageStream(IterableImageDataset):
    """A split that is a stream: its images can be read only one after another.

    Args:
        reader: a reader of timm.
        names: class names by the labels of the reader; None if it has none.
        known: the label of each class; None to keep the labels of the reader.
        where: the split, for messages.

    Attributes:
        classes: class names by label; None if there are none.
        targets: always None, because a label is known only after its image has been read.
    """

    def __init__(self, reader: Any, names: Sequence[str] | None, known: ClassMap | None, where: str) -> None:
        super().__init__('', reader=reader)
        self.names = names
        self.known = known
        self.where = where
        self.classes = names if known is None else known.names
        self.targets = None
        self.input_img_mode = 'RGB'

    @property
    def input_img_mode(self) -> str:
        """Pillow's mode of the images, `RGB` or `L`."""
        return self._mode

    @input_img_mode.setter
    def input_img_mode(self, mode: str) -> None:
        self._mode = mode
        # Tensorflow decodes into this mode. The other readers must not convert: `to_mode` treats 16-bit images right.
        self.reader.input_img_mode = mode if type(self.reader).__name__ == 'ReaderTfds' else ''

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        for row, (source, value) in enumerate(self.reader):
            problem = label_problem(value, None, named=self.known is not None)
            if problem is not None:
                raise ImageError(f'{self.where}: image {row} of the stream {problem}')
            try:
                target = value if self.known is None else self.known.apply([value], self.names, self.where)[0]
                image = to_mode(source, self.input_img_mode)
            except UserError as error:  # a type that survives the way from a loader process
                raise ImageError(f'image {row} of the stream: {error}') from error
            yield image if self.transform is None else self.transform(image), target
