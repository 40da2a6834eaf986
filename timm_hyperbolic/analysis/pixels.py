"""Images as they were before they were normalised for a model."""

from collections.abc import Sequence

from torch import Tensor

__all__ = ['to_pixels']


def to_pixels(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return `images * std + mean`, cut to [0, 1]: the inverse of a model's normalisation.

    Args:
        images: normalised images, `[..., C, H, W]`.
        mean: of each channel, of values from 0 to 1, by which the images were normalised.
        std: of each channel, likewise.

    Returns:
        `[..., 3, H, W]` of colours, or `[..., 1, H, W]` of grey values: the mean over channels where there are not
        three of them.
    """
    shape = (-1, 1, 1)
    pixels = images.float() * images.new_tensor(std).float().view(shape) + images.new_tensor(mean).float().view(shape)
    pixels = pixels.clamp(0, 1)
    return pixels if pixels.shape[-3] == 3 else pixels.mean(-3, keepdim=True)
