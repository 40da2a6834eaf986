"""Augmentation of whole batches on their device, with the distribution of timm's and torchvision's image by image."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from .resample import resample

__all__ = ['BatchAugment', 'jitter_colors', 'padded_crops', 'resized_crops']


def padded_crops(
    rng: np.random.Generator, count: int, image: tuple[int, int], size: tuple[int, int], padding: int
) -> np.ndarray:
    """Draw `count` boxes of `size` in an image with `padding` pixels more on each side.

    Args:
        rng: draws.
        count: of boxes.
        image: its height and width, without the padding.
        size: height and width of a box.
        padding: pixels.

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
    """Draw `count` boxes of random area and aspect inside an image.

    The area is uniform in `scale`, the aspect log-uniform in `ratio`, the place uniform among those inside. A box that
    is larger than the image is drawn again; after `attempts` it is the largest one in the centre whose aspect is in
    `ratio`.

    Args:
        rng: draws.
        count: of boxes.
        image: its height and width.
        scale: least and greatest area, as a share of the image's.
        ratio: least and greatest width over height.
        attempts: before the centre is taken.

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
    """Change brightness, contrast and saturation of each image, by its own factors in its own order.

    Args:
        images: `[B, C, H, W]` in float32, whole numbers from 0 to 255; three channels are red, green and blue.
        factors: `[B, 3]` of brightness, contrast and saturation; 1 changes nothing.
        order: `[B, 3]`, a permutation of 0 (brightness), 1 (contrast) and 2 (saturation).

    Returns:
        The same shape and kind of numbers.

    Source: torchvision's `ColorJitter` on Pillow's images, and so Pillow's `ImageEnhance`.
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
    """Return the luma `[B, 1, H, W]` in whole grey levels: ITU-R 601 in Pillow's fixed point, exact in float32."""
    if images.shape[1] != 3:
        return images[:, :1]
    red, green, blue = images.split(1, 1)
    return ((red * 19595 + green * 38470 + blue * 7471 + 32768) / 65536).floor()


class BatchAugment:
    """Random crops, flips and colours for a batch of images.

    Args:
        size: height and width of the result.
        padding: pixels around an image from which a crop of `size` is taken; None for random resized crops.
        scale: of random resized crops, default 0.08 to 1.
        ratio: of random resized crops, default 3/4 to 4/3.
        interpolation: of random resized crops; `random` is bilinear or bicubic.
        hflip: probability of mirroring left to right.
        vflip: probability of turning upside down.
        color_jitter: brightness, contrast and saturation each change by up to this share.
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
        """Draw what happens to each of `count` images of height and width `image`; a row of each array is an image."""
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
        """Return `images` `[B, C, H, W]` after what was drawn: `[B, C, *size]`, whole numbers in float32."""
        drawn = {name: torch.from_numpy(rows).to(images.device, non_blocking=True) for name, rows in drawn.items()}
        x = resample(images, drawn['boxes'], drawn['flips'], self.size, self.filters, drawn['which'])
        return jitter_colors(x, drawn['factors'], drawn['order']) if self.color_jitter else x
