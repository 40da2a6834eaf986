"""Crop, resize and flip a batch of images on its device, each image with its own box.

torch's `interpolate` and torchvision's `resized_crop` treat all images of a batch with one box and one filter.
Resampling is linear and separable, so that box, filter and flip of an image become one matrix for its rows and one for
its columns.
"""

from collections.abc import Callable, Sequence

import torch

__all__ = ['resample']


def _triangle(x: torch.Tensor) -> torch.Tensor:
    return (1 - x.abs()).clamp(min=0)


def _cubic(x: torch.Tensor, a: float = -0.5) -> torch.Tensor:
    x = x.abs()
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, inner, torch.where(x < 2, outer, 0))


def _box(x: torch.Tensor) -> torch.Tensor:
    return ((x > -0.5) & (x <= 0.5)).to(x.dtype)


def _hamming(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x.abs() < 1, torch.sinc(x) * (0.54 + 0.46 * torch.cos(torch.pi * x)), 0)


def _lanczos(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), 0)


_FILTERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    'bilinear': _triangle,
    'bicubic': _cubic,
    'box': _box,
    'hamming': _hamming,
    'lanczos': _lanczos,
}


def resample(
    images: torch.Tensor,
    boxes: torch.Tensor,
    flips: torch.Tensor,
    size: tuple[int, int],
    filters: Sequence[str],
    which: torch.Tensor,
) -> torch.Tensor:
    """Crop each image to its box, resize it to `size`, and then flip it.

    The result equals that of Pillow's `crop` and `resize`, except for one grey level where a value is half way between
    two levels. As in Pillow, a filter is widened when it shrinks the image, rows are resampled before columns, and both
    results are rounded to whole grey levels. Pillow 13 resamples columns first if the height shrinks by more than twice
    as many pixels as the width; its result then differs by a few grey levels. With the filter `nearest`, pixels outside
    the image are black; the other filters need boxes inside the image.

    Args:
        images: `[B, C, H, W]`, grey levels from 0 to 255.
        boxes: `[B, 4]`, top, left, height and width in whole pixels.
        flips: `[B, 2]`, whether to flip an image vertically and horizontally.
        size: height and width of the result in pixels.
        filters: names of filters: `nearest`, `bilinear`, `bicubic`, `box`, `hamming` or `lanczos`.
        which: `[B]`, the filter of each image as an index into `filters`.

    Returns:
        `[B, C, *size]` in float32, whole numbers from 0 to 255.

    Source: Pillow, `src/libImaging/Resample.c`.
    """
    batch, channels, height, width = images.shape
    top, left, box_height, box_width = boxes.unbind(1)
    down = _weights(top, box_height, height, size[0], filters, which, flips[:, 0])
    across = _weights(left, box_width, width, size[1], filters, which, flips[:, 1])
    x = images.to(torch.float32).reshape(batch, channels * height, width)
    x = _whole(x @ across.mT).view(batch, channels, height, size[1])
    x = x.transpose(1, 2).reshape(batch, height, channels * size[1])
    return _whole(down @ x).view(batch, size[0], channels, size[1]).transpose(1, 2).contiguous()


def _whole(x: torch.Tensor) -> torch.Tensor:
    return x.add_(0.5).floor_().clamp_(0, 255)


def _weights(
    start: torch.Tensor,
    length: torch.Tensor,
    size: int,
    out: int,
    filters: Sequence[str],
    which: torch.Tensor,
    flip: torch.Tensor,
) -> torch.Tensor:
    """Return the resampling matrices `[B, out, size]` of `length` pixels from `start` to `out` pixels."""
    length = length[:, None, None]
    pixel = torch.arange(size, device=start.device) - start[:, None, None]
    # Twice the centres, multiplied by `out`: with integers, a pixel on the edge of a filter is decided exactly.
    center = (2 * torch.arange(out, device=start.device)[:, None] + 1) * length
    distance = ((2 * pixel + 1) * out - center).float() / (2 * length.clamp(min=out))
    inside = (pixel >= 0) & (pixel < length)
    weights = None
    for number, name in enumerate(filters):
        if name == 'nearest':
            own = (pixel == center // (2 * out)).float()
        else:
            own = _FILTERS[name](distance) * inside
            own = own / own.sum(2, keepdim=True)
        weights = own if weights is None else torch.where((which == number)[:, None, None], own, weights)
    return torch.where(flip[:, None, None], weights.flip(1), weights)
