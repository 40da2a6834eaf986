"""Loaders of images with masks: crops and flips of both by torchvision's transforms, and whole images at evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from timm.data.loader import PrefetchLoader
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

from ..config.data import AugmentConfig, TrainLoaderConfig
from .loaders import create_batches
from .masks import IGNORED
from .sampling import EpochLoader
from .splits import Splits

__all__ = ['PairTransform', 'create_mask_eval_loader', 'create_mask_loaders', 'padded_to', 'training_transform']


class PairTransform:
    """A transform of torchvision for an image and its mask, which get the same crop and the same flips.

    Args:
        transform: Of `torchvision.transforms.v2`.
    """

    def __init__(self, transform: v2.Transform) -> None:
        self.transform = transform

    def __call__(self, image: Image.Image, mask: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return the image `[C, H, W]` in uint8, and the mask `[H, W]` in int64."""
        x, y = self.transform(v2.functional.to_image(image), tv_tensors.Mask(torch.from_numpy(mask)[None]))
        return x.as_subclass(Tensor), y.as_subclass(Tensor)[0].long()


def training_transform(augment: AugmentConfig, size: tuple[int, int], interpolation: str) -> PairTransform:
    """Return the augmentation of training images and masks.

    `--scale` is the area of a random crop as a share of the image, and `--ratio` its ratio of width to height as a
    multiple of that of `size`; the crop is resized to `size`. With `--crop-padding` it is not resized. `--no-aug` takes
    the centre of the image. The colour jitter changes the image alone.

    Args:
        augment: Options of the augmentation.
        size: Height and width of the result.
        interpolation: Of the image, where a crop is resized; masks are never interpolated.
    """
    fill = {tv_tensors.Image: 0, tv_tensors.Mask: IGNORED}
    if augment.no_aug:
        return PairTransform(v2.Compose([_Enlarge(size, fill), v2.CenterCrop(size)]))
    if augment.crop_padding is not None:
        crops: list[v2.Transform] = [_Enlarge(size, fill), v2.RandomCrop(size, augment.crop_padding, fill=fill)]
    else:
        aspect = size[1] / size[0]
        low, high = augment.ratio or (3 / 4, 4 / 3)
        names = ('bilinear', 'bicubic') if augment.train_interpolation == 'random' else (augment.train_interpolation,)
        if augment.train_interpolation == 'random' and interpolation == 'nearest':
            names = ('nearest',)
        resized = [
            v2.RandomResizedCrop(size, augment.scale or (0.25, 1.0), (low * aspect, high * aspect), _mode(name))
            for name in names
        ]
        crops = [resized[0] if len(resized) == 1 else v2.RandomChoice(resized)]
    jitter = [v2.ColorJitter(*3 * (augment.color_jitter,))] if augment.color_jitter else []
    flips = [v2.RandomHorizontalFlip(augment.hflip), v2.RandomVerticalFlip(augment.vflip)]
    return PairTransform(v2.Compose([*crops, *flips, *jitter]))


def _mode(name: str) -> InterpolationMode:
    return InterpolationMode(name)


class _Enlarge(v2.Transform):
    """Pads images and masks at the right and below to a least size."""

    def __init__(self, size: tuple[int, int], fill: dict[type, int]) -> None:
        super().__init__()
        self.size, self.fill = size, fill

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Pad an image or a mask; torchvision's transforms call this method."""
        height, width = inpt.shape[-2:]
        missing = [0, 0, max(self.size[1] - width, 0), max(self.size[0] - height, 0)]
        return v2.functional.pad(inpt, missing, fill=self.fill[type(inpt)])


def padded_to(size: tuple[int, int], mean: Sequence[float]) -> PairTransform:
    """Return the transform of evaluation: whole images, padded at the right and below with the mean colour.

    The padding has no class, so that it counts in no measure.

    Args:
        size: Height and width of the result, at least those of the image.
        mean: The mean of the pixels, from 0 to 1.
    """
    colour = [round(255 * value) for value in mean]
    return PairTransform(_Enlarge(size, {tv_tensors.Image: colour, tv_tensors.Mask: IGNORED}))


def create_mask_loaders(
    splits: Splits,
    data_config: dict[str, Any],
    eval_size: tuple[int, int],
    loader: TrainLoaderConfig,
    augment: AugmentConfig,
    device: torch.device,
    seed: int = 42,
    rank: int = 0,
    processes: int = 1,
) -> tuple[EpochLoader, PrefetchLoader]:
    """Return the loaders of the training and of the evaluation split, of images `[B, C, H, W]` and masks `[B, H, W]`.

    Args:
        splits: The splits.
        data_config: Input size, mean, std and interpolation.
        eval_size: Height and width that images of the evaluation split are padded to.
        loader: Options of the loaders.
        augment: Options of the augmentation.
        device: Device of the batches.
        seed: Seed of the order of the images and of their augmentation.
        rank: Number of this process.
        processes: Number of processes that train together.
    """
    splits.train.transform = training_transform(augment, data_config['input_size'][1:], data_config['interpolation'])
    size = loader.batch_size // processes
    batches = create_batches(splits.train, data_config, size, loader.workers, device, is_training=True)
    train = EpochLoader(batches, loader.batch_size, seed, rank, processes, augment.aug_repeats)
    batch = loader.validation_batch_size or loader.batch_size
    return train, create_mask_eval_loader(
        splits.val, data_config, eval_size, batch, loader.workers, device, rank, processes
    )


def create_mask_eval_loader(
    dataset: Dataset,
    data_config: dict[str, Any],
    size: tuple[int, int],
    batch_size: int,
    workers: int | None,
    device: torch.device,
    rank: int = 0,
    processes: int = 1,
) -> PrefetchLoader:
    """Return the evaluation loader of a split; with several processes, of the share of this process.

    Args:
        dataset: The split.
        data_config: Mean and std of the pixels.
        size: Height and width that images are padded to.
        batch_size: Images in a batch of this process.
        workers: Number of loader processes; None to choose it by the number of CPU cores.
        device: Device of the batches.
        rank: Number of this process.
        processes: Number of processes that evaluate together.
    """
    dataset.transform = padded_to(size, data_config['mean'])
    return create_batches(dataset, data_config, batch_size, workers, device, rank=rank, processes=processes)
