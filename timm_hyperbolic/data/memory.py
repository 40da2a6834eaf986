"""Data sets that are decoded once, kept on the training device, and augmented there in batches.

The loaders of timm and torch decode and augment each image on the CPU in every epoch; neither library has a loader that
keeps the images on the training device.
"""

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timm.data import create_transform
from timm.data.loader import adapt_to_chs
from timm.data.random_erasing import RandomErasing
from timm.data.transforms import MaybePILToTensor
from torch.utils.data import DataLoader, Dataset, IterableDataset
from tqdm import tqdm

from ..config.data import AugmentConfig, TrainLoaderConfig
from ..errors import UserError
from .augment import BatchAugment
from .sampling import derive_seed, epoch_order
from .splits import Splits

__all__ = ['MemoryLoader', 'create_memory_loaders', 'decode']

# Share of the free memory that images may take; the model, its gradients and its activations need the rest.
_SHARE = 0.8


class MemoryLoader:
    """A loader of images that are kept on the device.

    The images of a batch and their augmentation depend only on the seed, the epoch and the number of the batch, so that
    a run can be resumed at any batch. As with a `DataLoader`, each new iterator starts a new epoch.

    Args:
        images: `[N, C, H, W]`, uint8.
        targets: `[N]`, int64.
        batch_size: images in a batch. In training, it is the number of images of all processes together and must be
            divisible by `processes`.
        mean: mean of each channel, for values from 0 to 1.
        std: standard deviation of each channel, for values from 0 to 1.
        augment: augmentation of the images; None for no augmentation.
        erasing: random erasing of timm, applied to normalised images.
        is_training: shuffle the images, and leave out the last batch if it is not full.
        seed: seed of the order of the images and of their augmentation.
        rank: number of this process. In training, a process gets its share of each batch. In evaluation, it gets its
            share of the images, and no image goes to two processes.
        processes: number of processes that train together.
        repeats: number of consecutive copies of an image in training, as in timm's repeated augmentation.
    """

    def __init__(
        self,
        images: torch.Tensor,
        targets: torch.Tensor,
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        augment: BatchAugment | None = None,
        erasing: RandomErasing | None = None,
        is_training: bool = False,
        seed: int = 0,
        rank: int = 0,
        processes: int = 1,
        repeats: int = 0,
    ) -> None:
        self.images = images
        self.targets = targets
        self.batch_size = batch_size
        self.augment = augment
        self.erasing = erasing
        self.is_training = is_training
        self.seed = seed
        self.rank = rank
        self.processes = processes
        self.repeats = repeats
        self.epoch = self.start = 0
        channels = images.shape[1]
        self.mean, self.std = (
            torch.tensor([255 * x for x in adapt_to_chs(tuple(values), channels)], device=images.device)[:, None, None]
            for values in (mean, std)
        )

    def __len__(self) -> int:
        if self.is_training:
            return len(self.images) // self.batch_size
        return -(-len(self._share(torch.arange(len(self.images)))) // self.batch_size)

    def _share(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.tensor_split(self.processes)[self.rank]

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Make the next iterator go through `epoch`, counted from 0, beginning with batch `start`.

        Args:
            epoch: Number of the epoch, from 0.
            start: Number of the batch with which the epoch begins.
        """
        self.epoch, self.start = epoch, start

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        epoch, start = self.epoch, self.start
        self.set_epoch(epoch + 1)
        return self._batches(epoch, start)

    def _batches(self, epoch: int, start: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = np.arange(len(self.images))
        if self.is_training:
            order = epoch_order(np.random.default_rng([self.seed, epoch]), len(order), self.repeats)
        order = torch.from_numpy(order).to(self.images.device)
        if not self.is_training:
            order = self._share(order)
        for number in range(start, len(self)):
            rows = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield self._batch(rows, [self.seed, epoch, number + 1])  # + 1: the key must differ from that of the order

    def _batch(self, rows: torch.Tensor, key: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        mine = self._share(rows) if self.is_training else rows
        images, targets = self.images[mine], self.targets[mine]
        if self.augment is not None:
            # Every process draws for the whole batch, so that the result does not depend on the number of processes.
            drawn = self.augment.draw(np.random.default_rng(key), len(rows), tuple(images.shape[2:]))
            first = self.rank * len(mine)
            own = {name: values[first : first + len(mine)] for name, values in drawn.items()}
            images = self.augment.apply(images, own)
        images = images.float().sub_(self.mean).div_(self.std)
        if self.erasing is not None:
            with _seeded([*key, self.rank + 1], images.device):
                images = self.erasing(images)
        return images, targets


@contextmanager
def _seeded(key: list[int], device: torch.device) -> Iterator[None]:
    """Seed the global generators of Python and torch, which timm uses, and restore their state at the end."""
    seed = derive_seed(*key)
    state = random.getstate()
    accelerator = {'devices': [device], 'device_type': device.type} if device.type != 'cpu' else {'devices': []}
    with torch.random.fork_rng(**accelerator):
        random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(state)


def create_memory_loaders(
    splits: Splits,
    data_config: dict[str, Any],
    loader: TrainLoaderConfig,
    config: AugmentConfig,
    device: torch.device,
    seed: int = 42,
    rank: int = 0,
    processes: int = 1,
) -> tuple[MemoryLoader, MemoryLoader]:
    """Decode the training and the evaluation split onto `device` and return their loaders.

    Args:
        splits: The splits of the data set.
        data_config: Input size, mean, std and interpolation, as resolved by timm.
        loader: Options of the loaders.
        config: Options of the augmentation.
        device: Device that keeps the images.
        seed: Seed of the order of the images and of their augmentation.
        rank: Number of this process.
        processes: Number of processes that train together.

    Raises:
        UserError: the data set or an augmentation does not work in memory, or the images need too much memory.
    """
    _check(splits, config)
    size = tuple(data_config['input_size'][-2:])
    augment = erasing = None
    if not config.no_aug:
        crop = {'padding': config.crop_padding}
        if config.crop_padding is None:
            crop = {'scale': config.scale, 'ratio': config.ratio, 'interpolation': config.train_interpolation}
        flips = {'hflip': config.hflip, 'vflip': config.vflip}
        augment = BatchAugment(size, **crop, **flips, color_jitter=config.color_jitter)
        if config.reprob:
            erasing = RandomErasing(config.reprob, mode=config.remode, max_count=config.recount, device=device)
    if config.no_aug or config.crop_padding is not None:  # resizing does not depend on a draw, so it is done once
        options = {'is_training': True, 'no_aug': True, 'interpolation': data_config['interpolation']}
        first = create_transform(size, use_prefetcher=True, **options)
    else:
        first = MaybePILToTensor()
    options = {key: data_config[key] for key in ('interpolation', 'crop_pct', 'crop_mode')}
    splits.train.transform, splits.val.transform = first, create_transform(size, use_prefetcher=True, **options)
    _check_size([splits.train, splits.val], device)

    common = {
        'mean': data_config['mean'],
        'std': data_config['std'],
        'seed': seed,
        'rank': rank,
        'processes': processes,
    }
    workers = loader.workers or 0
    train = decode(splits.train, device, workers, splits.train_name)
    val = decode(splits.val, device, workers, splits.val_name)
    augmented = {'augment': augment, 'erasing': erasing, 'repeats': config.aug_repeats}
    return (
        MemoryLoader(*train, loader.batch_size, is_training=True, **augmented, **common),
        MemoryLoader(*val, loader.validation_batch_size or loader.batch_size, **common),
    )


def _check(splits: Splits, config: AugmentConfig) -> None:
    if any(isinstance(dataset, IterableDataset) for dataset in (splits.train, splits.val)):
        raise UserError('--data-in-memory: the data set is a stream; leave the flag out')
    if config.no_aug:
        return
    for flag, value in (('--aa', config.aa), ('--train-crop-mode', config.train_crop_mode)):
        if value not in (None, '', 'rrc'):
            raise UserError(f'--data-in-memory: {flag} {value} works on one image at a time; leave out one of the two')


def _check_size(datasets: list[Dataset], device: torch.device) -> None:
    """Check that the images fit into the memory, judged by the size of the first image of each data set."""
    wanted = sum(len(dataset) * dataset[0][0].numel() for dataset in datasets)
    free = _free_memory(device)
    if free is not None and wanted > _SHARE * free:
        raise UserError(
            f'--data-in-memory: {sum(map(len, datasets)):,} images take {wanted / 2**30:.2f} GiB, more than '
            f'{_SHARE:.0%} of the {free / 2**30:.2f} GiB that are free on {device}; leave the flag out'
        )


def _free_memory(device: torch.device) -> int | None:
    """Return the free memory of the device in bytes, or None if it is unknown."""
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0]
    if device.type != 'cpu':
        return None
    info = Path('/proc/meminfo')
    if info.exists():
        values = dict(line.split(':') for line in info.read_text().splitlines())
        return 1024 * int(values['MemAvailable'].split()[0])
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') if hasattr(os, 'sysconf') else None


def decode(dataset: Dataset, device: torch.device, workers: int, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all images `[N, C, H, W]` (uint8) and targets `[N]` of a data set, on `device`.

    Args:
        dataset: a data set of uint8 tensors `[C, H, W]`, all of one size, and labels.
        device: device of the result.
        workers: number of loader processes.
        name: name of the split, for messages.

    Raises:
        UserError: the images have different sizes.
    """
    images = targets = None
    row = 0
    loader = DataLoader(dataset, batch_size=256, num_workers=workers, collate_fn=_stack)
    for batch, labels in tqdm(loader, desc=f'decoding {name}', leave=False, disable=None):
        shape = batch.shape[1:] if isinstance(batch, torch.Tensor) else None
        if images is None and shape is not None:
            images = torch.empty(len(dataset), *shape, dtype=torch.uint8, device=device)
            targets = torch.empty(len(dataset), dtype=torch.int64, device=device)
        if shape is None or shape != images.shape[1:]:
            sizes = batch if shape is None else {tuple(shape), tuple(images.shape[1:])}
            a, b = (f'{width} x {height}' for _, height, width in sorted(sizes)[:2])
            raise UserError(
                f'--data-in-memory: split {name} has images of different sizes, {a} and {b}; resize them to one, '
                'or give --crop-padding, with which they are resized first'
            )
        images[row : row + len(batch)] = batch.to(device)
        targets[row : row + len(batch)] = labels.to(device)
        row += len(batch)
    return images, targets


def _stack(samples: list[tuple[torch.Tensor, int]]) -> tuple[torch.Tensor | set[tuple[int, ...]], torch.Tensor]:
    """Return the images as one tensor, or the set of their sizes if they differ, and the labels.

    The caller reports different sizes, because an error raised here, in a loader process, would lose its type.
    """
    images, targets = zip(*samples, strict=True)
    sizes = {tuple(image.shape) for image in images}
    return (torch.stack(images) if len(sizes) == 1 else sizes), torch.tensor(targets)
