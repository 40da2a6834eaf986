"""Loaders of images with the tokens of their texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from timm.data import create_transform
from timm.data.distributed_sampler import OrderedDistributedSampler
from timm.data.loader import PrefetchLoader
from torch import Tensor
from torch.utils.data import DataLoader

from ..config.data import AugmentConfig, TrainLoaderConfig
from ..errors import UserError
from .captions import Captioned
from .loaders import default_workers
from .sampling import EpochLoader
from .splits import Splits

__all__ = ['create_caption_eval_loader', 'create_caption_loaders']


def create_caption_loaders(
    splits: Splits,
    tokenize: Callable[[Sequence[str]], Tensor],
    data_config: dict[str, Any],
    loader: TrainLoaderConfig,
    augment: AugmentConfig,
    device: torch.device,
    seed: int = 42,
    rank: int = 0,
    processes: int = 1,
) -> tuple[EpochLoader, PrefetchLoader]:
    """Return the loaders of the training and of the evaluation split.

    Batches are images `[B, C, H, W]` and tokens `[B, L]`; in training with parts `[B, 2C, H, W]`, the whole images
    first, and `[B, 2, L]`.

    Args:
        splits: Splits of `Captioned` images.
        tokenize: Takes texts to tokens.
        data_config: Input size, mean, std, interpolation and crop.
        loader: Options of the loaders.
        augment: Options of the augmentation.
        device: Device of the batches.
        seed: Seed of the order of the images and of their augmentation.
        rank: Number of this process.
        processes: Number of processes that train together.

    Raises:
        UserError: timm does not know the AutoAugment policy.
    """
    train = splits.train
    train.tokenize = tokenize
    try:
        train.transform = create_transform(
            data_config['input_size'],
            is_training=True,
            no_aug=augment.no_aug,
            train_crop_mode=augment.train_crop_mode,
            scale=augment.scale,
            ratio=augment.ratio,
            hflip=augment.hflip,
            vflip=augment.vflip,
            color_jitter=augment.color_jitter or None,
            auto_augment=augment.aa,
            interpolation=data_config['interpolation'] if augment.no_aug else augment.train_interpolation,
            use_prefetcher=True,
        )
    except (AssertionError, KeyError, ValueError) as error:
        raise UserError(f'--aa {augment.aa}: {error}') from error
    inner = DataLoader(train, loader.batch_size // processes, drop_last=True, **_workers(loader.workers, device))
    views = 2 if train.parts else 1
    batches = _on_device(inner, data_config, device, views)
    batch = loader.validation_batch_size or loader.batch_size
    return (
        EpochLoader(batches, loader.batch_size, seed, rank, processes, augment.aug_repeats),
        create_caption_eval_loader(splits.val, tokenize, data_config, batch, loader.workers, device, rank, processes),
    )


def create_caption_eval_loader(
    dataset: Captioned,
    tokenize: Callable[[Sequence[str]], Tensor],
    data_config: dict[str, Any],
    batch_size: int,
    workers: int | None,
    device: torch.device,
    rank: int = 0,
    processes: int = 1,
) -> PrefetchLoader:
    """Return the evaluation loader of a split; with several processes, of the share of this process.

    Args:
        dataset: The split.
        tokenize: Takes texts to tokens.
        data_config: Input size, mean, std, interpolation and crop.
        batch_size: Images in a batch of this process.
        workers: Number of loader processes; None to choose it by the number of CPU cores.
        device: Device of the batches.
        rank: Number of this process.
        processes: Number of processes that evaluate together.
    """
    dataset.tokenize = tokenize
    dataset.transform = create_transform(
        data_config['input_size'],
        interpolation=data_config['interpolation'],
        crop_pct=data_config['crop_pct'],
        crop_mode=data_config['crop_mode'],
        use_prefetcher=True,
    )
    sampler = OrderedDistributedSampler(dataset, processes, rank) if processes > 1 else None
    inner = DataLoader(dataset, batch_size, sampler=sampler, **_workers(workers, device))
    return _on_device(inner, data_config, device, 2 if dataset.parts else 1)


def _workers(workers: int | None, device: torch.device) -> dict[str, Any]:
    count = default_workers(device) if workers is None else workers
    return {'num_workers': count, 'pin_memory': device.type == 'cuda', 'persistent_workers': count > 0}


def _on_device(loader: DataLoader, data_config: dict[str, Any], device: torch.device, views: int) -> PrefetchLoader:
    mean, std = (tuple(data_config[key]) * views for key in ('mean', 'std'))
    return PrefetchLoader(loader, mean, std, channels=views * data_config['input_size'][0], device=device)
