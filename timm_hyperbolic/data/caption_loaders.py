"""Loaders of images with the tokens of their texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from timm.data import create_transform
from timm.data.loader import PrefetchLoader
from torch import Tensor

from ..config.data import AugmentConfig, TrainLoaderConfig
from ..errors import UserError
from .captions import Captioned
from .loaders import augmentation, create_batches
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
            **augmentation(augment, data_config),
            use_prefetcher=True,
        )
    except (AssertionError, KeyError, ValueError) as error:
        raise UserError(f'--aa {augment.aa}: {error}') from error
    size, views = loader.batch_size // processes, 2 if train.parts else 1
    batches = create_batches(train, data_config, size, loader.workers, device, is_training=True, views=views)
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
    views = 2 if dataset.parts else 1
    return create_batches(
        dataset, data_config, batch_size, workers, device, rank=rank, processes=processes, views=views
    )
