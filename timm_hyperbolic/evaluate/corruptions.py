"""Images made worse: noise, blur and less contrast, at five strengths each."""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

__all__ = ['CORRUPTIONS', 'STRENGTHS', 'corrupt']

#: The strengths of each kind, from weak to strong.
STRENGTHS = {
    'noise': (0.04, 0.06, 0.08, 0.09, 0.10),  # standard deviation, of pixel values from 0 to 1
    'blur': (0.4, 0.6, 0.7, 0.8, 1.0),  # standard deviation in pixels
    'contrast': (0.75, 0.5, 0.4, 0.3, 0.15),  # share of the contrast that is left
}
CORRUPTIONS = tuple(STRENGTHS)
"""The kinds of corruption."""


def _noise(pixels: Tensor, sigma: float) -> Tensor:
    return v2.GaussianNoise(mean=0.0, sigma=sigma, clip=True)(pixels)


def _blur(pixels: Tensor, sigma: float) -> Tensor:
    return F.gaussian_blur(pixels, kernel_size=[2 * int(4 * sigma + 0.5) + 1] * 2, sigma=[sigma] * 2)


_MAKE: dict[str, Callable[[Tensor, float], Tensor]] = {
    'noise': _noise,
    'blur': _blur,
    'contrast': F.adjust_contrast,
}


def corrupt(pixels: Tensor, kind: str, strength: int, seed: int = 0) -> Tensor:
    """Return images with Gaussian noise, a Gaussian blur, or less contrast around the mean grey value of each image.

    The transforms are torchvision's. The random numbers of other code are not touched.

    Args:
        pixels: Images of values from 0 to 1, `[B, C, H, W]`.
        kind: One of `CORRUPTIONS`.
        strength: From 1 to 5; the numbers that this means are in `STRENGTHS`.
        seed: Seed of the noise; the same seed gives the same noise.

    Returns:
        Images of values from 0 to 1, of the same shape.

    Raises:
        ValueError: there is no such kind or strength.

    Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
    ICLR 2019, whose corruptions of small images have strengths of this order.
    """
    if kind not in STRENGTHS or strength not in range(1, 6):
        raise ValueError(f'{kind!r} at strength {strength}: the kinds are {", ".join(STRENGTHS)}, the strengths 1 to 5')
    with torch.random.fork_rng(devices=[pixels.device] if pixels.device.type == 'cuda' else []):
        torch.manual_seed(seed)
        return _MAKE[kind](pixels, STRENGTHS[kind][strength - 1])
