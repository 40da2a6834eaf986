"""Augmentation of whole batches on their device, with the distributions of timm's and torchvision's transforms.

The transforms of timm and of torchvision draw one crop, flip and colour change for everything that they are given; none
of them treats each image of a batch by its own draw.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from .resample import resample

__all__ = ['BatchAugment', 'jitter_colors', 'padded_crops', 'resized_crops']


def padded_crops(
    rng: np.random.Generator, count: int, image: tuple[int, int], size: tuple[int, int], padding: int
) -> np.ndarray:
    """Draw the crop boxes of `count` images that are padded on each side.

    Args:
        rng: random number generator.
        count: number of boxes.
        image: height and width of the images in pixels, without the padding.
        size: height and width of a box in pixels.
        padding: pixels added on each side.

    Returns:
        `[count, 4]`: top, left, height, width. Top and left are negative in the padding.

    Source: torchvision's `RandomCrop.get_params`.
    """
    tops, lefts = (
        rng.integers(-padding, own + padding - crop, count, endpoint=True)
        for own, crop in zip(image, size, strict=True)
    )
    return np.stack([tops, lefts, np.full(count, size[0]), np.full(count, size[1])], 1)


def resized_crops(
    rng: np.random.Generator,
    count: int,
    image: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    attempts: int = 10,
) -> np.ndarray:
    """Draw `count` crop boxes of random area and aspect ratio inside an image.

    The area is uniform in `scale`, the aspect ratio is log-uniform in `ratio`, and the position is uniform. A box that
    does not fit into the image is drawn again; after `attempts` failures, the largest centred box with an aspect ratio
    in `ratio` is taken.

    Args:
        rng: random number generator.
        count: number of boxes.
        image: height and width of the images in pixels.
        scale: smallest and largest area, as a share of the image's area.
        ratio: smallest and largest width divided by height.
        attempts: number of draws before the centred box is taken.

    Returns:
        `[count, 4]`: top, left, height, width.

    Source: timm's `RandomResizedCropAndInterpolation.get_params`, which is torchvision's.
    """
    height, width = image
    area = rng.uniform(*scale, (count, attempts)) * height * width
    aspect = np.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1]), (count, attempts)))
    # Python rounds halves to even too.
    widths, heights = np.rint(np.sqrt(area * aspect)), np.rint(np.sqrt(area / aspect))
    fits = (widths <= width) & (heights <= height)
    first = fits.argmax(1)[:, None]
    heights, widths = (np.take_along_axis(x, first, 1)[:, 0].astype(np.int64) for x in (heights, widths))
    tops = rng.integers(0, np.maximum(height - heights, 0), endpoint=True)
    lefts = rng.integers(0, np.maximum(width - widths, 0), endpoint=True)

    central_width = min(width, round(height * max(ratio)))
    central_height = min(height, round(width / min(ratio)))
    central = ((height - central_height) // 2, (width - central_width) // 2, central_height, central_width)
    return np.where(fits.any(1)[:, None], np.stack([tops, lefts, heights, widths], 1), central)


def jitter_colors(images: torch.Tensor, factors: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Change brightness, contrast and saturation of each image, with factors and an order drawn per image.

    Args:
        images: `[B, C, H, W]` in float32, whole numbers from 0 to 255; three channels are red, green and blue.
        factors: `[B, 3]` of brightness, contrast and saturation; 1 changes nothing.
        order: `[B, 3]`, a permutation of 0 (brightness), 1 (contrast) and 2 (saturation).

    Returns:
        Images `[B, C, H, W]` in float32, whole numbers from 0 to 255.

    Source: torchvision's `ColorJitter` for Pillow images, which calls Pillow's `ImageEnhance`.
    """
    operations = (_brightness, _contrast, _saturation)
    for place in range(3):
        for number, operation in enumerate(operations):
            factor = torch.where(order[:, place] == number, factors[:, number], 1)
            images = operation(images, factor[:, None, None, None])
    return images


def _brightness(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return _levels(images * factor)


def _contrast(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    mean = (_grey(images).mean((1, 2, 3), keepdim=True) + 0.5).floor()
    return _levels(mean + factor * (images - mean))


def _saturation(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    grey = _grey(images)
    return _levels(grey + factor * (images - grey))


def _levels(x: torch.Tensor) -> torch.Tensor:
    return x.floor().clamp(0, 255)


def _grey(images: torch.Tensor) -> torch.Tensor:
    """Return the luma `[B, 1, H, W]` by ITU-R 601, rounded to whole grey levels as Pillow's fixed-point code rounds."""
    if images.shape[1] != 3:
        return images[:, :1]
    red, green, blue = images.split(1, 1)
    return ((red * 19595 + green * 38470 + blue * 7471 + 32768) / 65536).floor()


class BatchAugment:
    """Random crops, flips and colour changes for a batch of images.

    Args:
        size: height and width of the result.
        padding: pixels added around an image before a crop of `size` is taken; None for random resized crops.
        scale: smallest and largest area of a random resized crop as a share of the image; default 0.08 to 1.
        ratio: smallest and largest aspect ratio of a random resized crop; default 3/4 to 4/3.
        interpolation: filter of random resized crops; `random` chooses bilinear or bicubic for each image.
        hflip: probability of a horizontal flip.
        vflip: probability of a vertical flip.
        color_jitter: largest relative change of brightness, contrast and saturation.
    """

    def __init__(
        self,
        size: tuple[int, int],
        padding: int | None = None,
        scale: Sequence[float] | None = None,
        ratio: Sequence[float] | None = None,
        interpolation: str = 'random',
        hflip: float = 0.5,
        vflip: float = 0.0,
        color_jitter: float = 0.0,
    ) -> None:
        self.size = size
        self.padding = padding
        self.scale = tuple(scale or (0.08, 1.0))
        self.ratio = tuple(ratio or (3 / 4, 4 / 3))
        self.filters = ('bilinear', 'bicubic') if interpolation == 'random' else (interpolation,)
        if padding is not None:
            self.filters = ('nearest',)
        self.flips = (vflip, hflip)
        self.color_jitter = color_jitter

    def draw(self, rng: np.random.Generator, count: int, image: tuple[int, int]) -> dict[str, np.ndarray]:
        """Draw the augmentation of `count` images of height and width `image`; each array has one row per image.

        Args:
            rng: The generator.
            count: The number of images.
            image: Height and width of the images in pixels.
        """
        if self.padding is None:
            boxes = resized_crops(rng, count, image, self.scale, self.ratio)
        else:
            boxes = padded_crops(rng, count, image, self.size, self.padding)
        drawn = {
            'boxes': boxes,
            'flips': rng.random((count, 2)) < self.flips,
            'which': rng.integers(0, len(self.filters), count),
        }
        if self.color_jitter:
            low, high = max(0.0, 1 - self.color_jitter), 1 + self.color_jitter
            drawn['factors'] = rng.uniform(low, high, (count, 3)).astype(np.float32)
            drawn['order'] = rng.permuted(np.tile(np.arange(3), (count, 1)), axis=1)
        return drawn

    def apply(self, images: torch.Tensor, drawn: dict[str, np.ndarray]) -> torch.Tensor:
        """Apply the augmentation `drawn` by `draw` to images `[B, C, H, W]`.

        Args:
            images: `[B, C, H, W]`, on any device.
            drawn: What `draw` returned.

        Returns:
            Images `[B, C, *size]` in float32, whole numbers from 0 to 255.
        """
        drawn = {name: torch.from_numpy(rows).to(images.device, non_blocking=True) for name, rows in drawn.items()}
        x = resample(images, drawn['boxes'], drawn['flips'], self.size, self.filters, drawn['which'])
        return jitter_colors(x, drawn['factors'], drawn['order']) if self.color_jitter else x
