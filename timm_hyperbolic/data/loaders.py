"""From the two splits to batches: timm's loaders, augmentation and mixing."""

import argparse
import os
from typing import Any

import torch
from timm.data import AugMixDataset, Mixup, create_loader, create_transform
from timm.data.loader import PrefetchLoader
from timm.data.transforms import RandomResizedCropAndInterpolation
from torch.utils.data import Dataset, IterableDataset
from torchvision.transforms import RandomCrop

from ..errors import UserError
from .memory import MemoryLoader, create_memory_loaders
from .sampling import EpochLoader, TrainLoader
from .splits import Splits

__all__ = ['check_augmentation', 'create_eval_loader', 'create_loaders', 'create_mixup', 'default_workers']


def check_augmentation(args: argparse.Namespace) -> None:
    """Refuse flags that exclude each other, or need another one.

    Raises:
        UserError: naming both.
    """
    if args.crop_padding is not None and args.train_crop_mode is not None:
        raise UserError(f'--crop-padding stands in place of --train-crop-mode {args.train_crop_mode}; give one')
    if args.aug_repeats > 1 and args.no_aug:
        raise UserError(
            f'--aug-repeats {args.aug_repeats}: without augmentation the repeats are the same image; leave out --no-aug'
        )
    if args.resplit and not args.aug_splits:
        raise UserError('--resplit: give --aug-splits too')
    if not args.aug_splits:
        return
    if args.aug_splits == 1:
        raise UserError('--aug-splits 1: one split has no other to differ from; give at least 2, or 0')
    for name in ('no_aug', 'data_in_memory', 'mixup', 'cutmix'):
        if getattr(args, name):
            raise UserError(
                f'--aug-splits {args.aug_splits}: not with --{name.replace("_", "-")}; leave out one of the two'
            )


def create_loaders(
    splits: Splits,
    data_config: dict[str, Any],
    args: argparse.Namespace,
    device: torch.device,
    rank: int = 0,
    processes: int = 1,
) -> tuple[TrainLoader, PrefetchLoader | MemoryLoader]:
    """Return the loaders of the training and the evaluation split: timm's, or with `--data-in-memory` our own.

    Raises:
        UserError: timm does not know the AutoAugment policy, or options that the data set does not go with.
    """
    for flag, value in (('--aug-repeats', args.aug_repeats), ('--aug-splits', args.aug_splits)):
        if value and isinstance(splits.train, IterableDataset):
            raise UserError(f'{flag} {value}: --dataset {args.dataset} is a stream, without images to take twice')
    if args.data_in_memory:
        return create_memory_loaders(splits, data_config, args, device, rank, processes)
    try:
        train = create_loader(
            AugMixDataset(splits.train, args.aug_splits) if args.aug_splits else splits.train,
            batch_size=args.batch_size // processes,
            is_training=True,
            no_aug=args.no_aug,
            train_crop_mode=args.train_crop_mode,
            scale=args.scale,
            ratio=args.ratio,
            hflip=args.hflip,
            vflip=args.vflip,
            color_jitter=args.color_jitter or None,
            auto_augment=args.aa,
            re_prob=args.reprob,
            re_mode=args.remode,
            re_count=args.recount,
            re_split=args.resplit,
            num_aug_splits=args.aug_splits,
            # Without augmentation an interpolation drawn at random would be one.
            interpolation=data_config['interpolation'] if args.no_aug else args.train_interpolation,
            **_common(data_config, args, device),
        )
    except (AssertionError, KeyError, ValueError) as error:
        raise UserError(f'--aa {args.aa}: {error}') from error
    if args.crop_padding is not None and not args.no_aug:
        _crop_with_padding(splits.train.transform.transforms, data_config, args.crop_padding)
    train = EpochLoader(train, args.batch_size, args.seed, rank, processes, args.aug_repeats)
    return train, create_eval_loader(splits.val, data_config, args, device, processes)


def create_eval_loader(
    dataset: Dataset, data_config: dict[str, Any], args: argparse.Namespace, device: torch.device, processes: int = 1
) -> PrefetchLoader:
    """Return timm's loader of a split, of this process's share of it, to evaluate on."""
    return create_loader(
        dataset,
        distributed=processes > 1,
        batch_size=args.validation_batch_size or args.batch_size,
        interpolation=data_config['interpolation'],
        crop_pct=data_config['crop_pct'],
        crop_mode=data_config['crop_mode'],
        **_common(data_config, args, device),
    )


def _common(data_config: dict[str, Any], args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    return {
        'input_size': data_config['input_size'],
        'mean': data_config['mean'],
        'std': data_config['std'],
        'num_workers': args.workers,
        'pin_memory': device.type == 'cuda',
        'device': device,
    }


def _crop_with_padding(transforms: list, data_config: dict[str, Any], padding: int) -> None:
    """Put a crop out of the image with a black border in the place of timm's random resized crop."""
    crop = next(i for i, transform in enumerate(transforms) if isinstance(transform, RandomResizedCropAndInterpolation))
    size = tuple(data_config['input_size'][-2:])
    resize = create_transform(
        size, is_training=True, no_aug=True, use_prefetcher=True, interpolation=data_config['interpolation']
    )
    # The last step of timm's resize, to a tensor, is still to come.
    transforms[crop : crop + 1] = [*resize.transforms[:-1], RandomCrop(size, padding=padding)]


def default_workers(device: torch.device) -> int:
    """Return the number of loader processes that leaves the CPU to the training where it trains there."""
    cores = os.cpu_count() or 1
    return min(2, cores - 1) if device.type == 'cpu' else min(8, cores)


def create_mixup(args: argparse.Namespace, num_classes: int, processes: int = 1) -> Mixup | None:
    """Return timm's mixup and cutmix of whole batches, None where neither is on.

    Raises:
        UserError: a batch of odd size, whose images cannot be paired.
    """
    if not (args.mixup or args.cutmix):
        return None
    if args.batch_size // processes % 2:
        raise UserError(f'--batch-size {args.batch_size}: --mixup and --cutmix pair images and need an even number')
    return Mixup(
        mixup_alpha=args.mixup,
        cutmix_alpha=args.cutmix,
        prob=args.mixup_prob,
        switch_prob=args.mixup_switch_prob,
        mode=args.mixup_mode,
        label_smoothing=args.smoothing,
        num_classes=num_classes,
    )
