"""Data loaders, augmentation, mixup and cutmix, built by timm from the options of a run."""

import os
from dataclasses import replace
from typing import Any

import torch
from timm.data import AugMixDataset, Mixup, create_loader, create_transform
from timm.data.distributed_sampler import OrderedDistributedSampler
from timm.data.loader import PrefetchLoader
from timm.data.transforms import RandomResizedCropAndInterpolation
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torchvision.transforms import RandomCrop

from ..config.data import AugmentConfig, MixupConfig, TrainLoaderConfig
from ..errors import UserError
from .memory import MemoryLoader, create_memory_loaders
from .sampling import EpochLoader, TrainLoader
from .splits import Splits

__all__ = [
    'augmentation',
    'create_batches',
    'create_eval_loader',
    'create_loaders',
    'create_mixup',
    'default_workers',
]


def create_loaders(
    splits: Splits,
    data_config: dict[str, Any],
    loader: TrainLoaderConfig,
    augment: AugmentConfig,
    device: torch.device,
    seed: int = 42,
    rank: int = 0,
    processes: int = 1,
) -> tuple[TrainLoader, PrefetchLoader | MemoryLoader]:
    """Return the loaders of the training and the evaluation split.

    They are timm's loaders or, with `--data-in-memory`, instances of `MemoryLoader`.

    Args:
        splits: The splits of the data set.
        data_config: Input size, mean, std and interpolation, as resolved by timm.
        loader: Options of the loaders.
        augment: Options of the augmentation.
        device: Device of the batches.
        seed: Seed of the order of the images and of their augmentation.
        rank: Number of this process.
        processes: Number of processes that train together.

    Raises:
        UserError: timm does not know the AutoAugment policy, or an option cannot be used with this data set.
    """
    for flag, value in (('--aug-repeats', augment.aug_repeats), ('--aug-splits', augment.aug_splits)):
        if value and isinstance(splits.train, IterableDataset):
            raise UserError(f'{flag} {value}: the data set is a stream, whose images cannot be taken twice')
    if loader.workers is None:
        loader = replace(loader, workers=default_workers(device))
    if loader.data_in_memory:
        return create_memory_loaders(splits, data_config, loader, augment, device, seed, rank, processes)
    try:
        train = create_loader(
            AugMixDataset(splits.train, augment.aug_splits) if augment.aug_splits else splits.train,
            batch_size=loader.batch_size // processes,
            is_training=True,
            re_prob=augment.reprob,
            re_mode=augment.remode,
            re_count=augment.recount,
            re_split=augment.resplit,
            num_aug_splits=augment.aug_splits,
            **augmentation(augment, data_config),
            **_common(data_config, loader.workers, device),
        )
    except (AssertionError, KeyError, ValueError) as error:
        raise UserError(f'--aa {augment.aa}: {error}') from error
    if augment.crop_padding is not None and not augment.no_aug:
        _crop_with_padding(splits.train.transform.transforms, data_config, augment.crop_padding)
    train = EpochLoader(train, loader.batch_size, seed, rank, processes, augment.aug_repeats)
    return train, create_eval_loader(
        splits.val, data_config, loader.validation_batch_size or loader.batch_size, loader.workers, device, processes
    )


def create_eval_loader(
    dataset: Dataset,
    data_config: dict[str, Any],
    batch_size: int,
    workers: int | None,
    device: torch.device,
    processes: int = 1,
) -> PrefetchLoader:
    """Return timm's evaluation loader of a split; with several processes, of the share of this process.

    Args:
        dataset: The split.
        data_config: Input size, mean, std and interpolation, as resolved by timm.
        batch_size: Images in a batch of this process.
        workers: Number of loader processes; None to choose it by the number of CPU cores.
        device: Device of the batches.
        processes: Number of processes that evaluate together.
    """
    return create_loader(
        dataset,
        distributed=processes > 1,
        batch_size=batch_size,
        interpolation=data_config['interpolation'],
        crop_pct=data_config['crop_pct'],
        crop_mode=data_config['crop_mode'],
        **_common(data_config, workers, device),
    )


def augmentation(augment: AugmentConfig, data_config: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of crops, flips and colours that timm's loaders and transforms of training images share.

    Args:
        augment: Options of the augmentation.
        data_config: The interpolation, as resolved by timm.
    """
    return {
        'no_aug': augment.no_aug,
        'train_crop_mode': augment.train_crop_mode,
        'scale': augment.scale,
        'ratio': augment.ratio,
        'hflip': augment.hflip,
        'vflip': augment.vflip,
        'color_jitter': augment.color_jitter or None,
        'auto_augment': augment.aa,
        # A random interpolation would be an augmentation.
        'interpolation': data_config['interpolation'] if augment.no_aug else augment.train_interpolation,
    }


def create_batches(
    dataset: Dataset,
    data_config: dict[str, Any],
    batch_size: int,
    workers: int | None,
    device: torch.device,
    *,
    is_training: bool = False,
    rank: int = 0,
    processes: int = 1,
    views: int = 1,
) -> PrefetchLoader:
    """Return a loader for targets that timm's `create_loader` cannot join, such as masks and tokens.

    It joins uint8 images and targets by torch, and normalises the images on the device as timm does.

    Args:
        dataset: The split, whose images are uint8 tensors.
        data_config: Mean and std of the pixels, and the number of channels.
        batch_size: Images in a batch of this process.
        workers: Number of loader processes; None to choose it by the number of CPU cores.
        device: Device of the batches.
        is_training: Whether an incomplete batch at the end is left out, and the caller orders the images.
        rank: Number of this process; it gets its share of the images in evaluation.
        processes: Number of processes that evaluate together.
        views: Number of images that are joined as the channels of one.
    """
    sampler = OrderedDistributedSampler(dataset, processes, rank) if processes > 1 and not is_training else None
    count = default_workers(device) if workers is None else workers
    loader = DataLoader(
        dataset,
        batch_size,
        sampler=sampler,
        drop_last=is_training,
        num_workers=count,
        pin_memory=device.type == 'cuda',
        persistent_workers=count > 0,
    )
    mean, std = (tuple(data_config[key]) * views for key in ('mean', 'std'))
    return PrefetchLoader(loader, mean, std, channels=views * data_config['input_size'][0], device=device)


def _common(data_config: dict[str, Any], workers: int | None, device: torch.device) -> dict[str, Any]:
    return {
        'input_size': data_config['input_size'],
        'mean': data_config['mean'],
        'std': data_config['std'],
        'num_workers': default_workers(device) if workers is None else workers,
        'pin_memory': device.type == 'cuda',
        'device': device,
    }


def _crop_with_padding(transforms: list, data_config: dict[str, Any], padding: int) -> None:
    """Replace timm's random resized crop by a resize and a random crop with zero padding."""
    crop = next(i for i, transform in enumerate(transforms) if isinstance(transform, RandomResizedCropAndInterpolation))
    size = tuple(data_config['input_size'][-2:])
    resize = create_transform(
        size, is_training=True, no_aug=True, use_prefetcher=True, interpolation=data_config['interpolation']
    )
    # The list of `transforms` has its own conversion to a tensor, so that of `resize` is dropped.
    transforms[crop : crop + 1] = [*resize.transforms[:-1], RandomCrop(size, padding=padding)]


def default_workers(device: torch.device) -> int:
    """Return the default number of loader processes: at most 8, or 2 if the model is trained on the CPU.

    Args:
        device: The device on which the model is trained.
    """
    cores = os.cpu_count() or 1
    return min(2, cores - 1) if device.type == 'cpu' else min(8, cores)


def create_mixup(
    config: MixupConfig, num_classes: int, batch_size: int, smoothing: float = 0.1, processes: int = 1
) -> Mixup | None:
    """Return timm's mixup and cutmix, or None if both are off.

    Args:
        config: Options of mixup and cutmix.
        num_classes: Classes of the model.
        batch_size: Images in a batch of all processes together.
        smoothing: Label smoothing.
        processes: Number of processes that train together.

    Raises:
        UserError: the batch of a process has an odd number of images, which cannot be paired.
    """
    if not (config.mixup or config.cutmix):
        return None
    if batch_size // processes % 2:
        raise UserError(f'--batch-size {batch_size}: --mixup and --cutmix pair images and need an even number')
    return Mixup(
        mixup_alpha=config.mixup,
        cutmix_alpha=config.cutmix,
        prob=config.mixup_prob,
        switch_prob=config.mixup_switch_prob,
        mode=config.mixup_mode,
        label_smoothing=smoothing,
        num_classes=num_classes,
    )
