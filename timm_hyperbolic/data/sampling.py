"""Training loaders that can start at any batch of any epoch.

The loaders of torch and timm cannot start in the middle of an epoch. Here, the global generators are seeded for every
batch and every image from the seed of the run, the epoch and the position. A run that is resumed in the middle of an
epoch draws the same random numbers as an uninterrupted run, for any number of worker processes, and no generator state
has to be stored.
"""

import random
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from timm.data.distributed_sampler import RepeatAugSampler
from timm.data.loader import PrefetchLoader
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from ..errors import DeadWorkers

__all__ = ['EpochBatches', 'EpochLoader', 'SeededSamples', 'TrainLoader', 'derive_seed', 'epoch_order']
__all__ += ['replace_dead_workers', 'seed_generators']

_MAX_RESTARTS = 3  # restarts of the worker processes without a batch in between


def derive_seed(*place: int) -> int:
    """Return a seed in [0, 2³²) that depends on a place in the run.

    Args:
        *place: Whole numbers of at least 0, such as seed, epoch, batch and rank.
    """
    return int(np.random.SeedSequence(place).generate_state(1)[0])


def seed_generators(seed: int, device: torch.device | None = None) -> None:
    """Seed the global generators of Python, numpy, torch on the CPU and torch on `device`.

    Args:
        seed: a number in [0, 2³²).
        device: a device besides the CPU; None for no other device.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  timm's transforms and mixup use it
    # torch.manual_seed would also seed all other devices, which takes longer than everything else here.
    torch.default_generator.manual_seed(seed)
    if device is not None and device.type != 'cpu':
        torch.get_device_module(device).manual_seed(seed)


class TrainLoader(Protocol):
    """The interface of loaders for the training loop: batches `(image, target)` on the device of the model.

    The epoch and the number of a batch determine its images and their augmentation, also for a new loader.
    """

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Make the next iterator go through `epoch`, counted from 0, beginning with batch `start`.

        Args:
            epoch: Number of the epoch, from 0.
            start: Number of the batch with which the epoch begins.
        """

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Iterate over the batches `(image, target)` of `[B, C, H, W]` and labels `[B]`."""


def epoch_order(generator: np.random.Generator, images: int, repeats: int = 0) -> np.ndarray:
    """Return the rows of a split in a random order, `[images]`.

    Args:
        generator: random number generator.
        images: number of images in the split.
        repeats: number of consecutive copies of an image, as in timm's `RepeatAugSampler`; 0 or 1 for one.
    """
    if repeats <= 1:
        return generator.permutation(images)
    sampler = RepeatAugSampler(range(images), num_replicas=1, rank=0, num_repeats=repeats, selected_round=0)
    sampler.set_epoch(int(generator.integers(2**32)))  # its seed
    return np.array(list(sampler))


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """A batch sampler whose order depends only on the seed and the epoch; an incomplete last batch is left out.

    Each batch is divided among the processes, so that the images of a batch do not depend on their number.

    Args:
        images: number of images in the split.
        batch_size: images in a batch of all processes together; divisible by `processes`.
        seed: seed of the run.
        rank: number of this process.
        processes: number of processes that train together.
        repeats: number of consecutive copies of an image.

    Yields:
        A list with the index of each image in this process's share of a batch and the seed of its augmentation.
    """

    def __init__(
        self, images: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1, repeats: int = 0
    ) -> None:
        self.images = images
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.processes = processes
        self.repeats = repeats
        self.epoch = self.start = 0

    def __len__(self) -> int:
        return self.images // self.batch_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        generator = np.random.default_rng([self.seed, self.epoch])
        order = epoch_order(generator, self.images, self.repeats)
        seeds = generator.integers(2**32, size=self.images)
        share = self.batch_size // self.processes
        for batch in range(self.start, len(self)):
            first = batch * self.batch_size + self.rank * share
            part = slice(first, first + share)
            yield list(zip(order[part].tolist(), seeds[part].tolist(), strict=True))


class SeededSamples(Dataset):
    """A data set that seeds the global generators before it reads and transforms an image.

    Args:
        dataset: The data set, whose index becomes a pair of an index and a seed.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: tuple[int, int]) -> Any:
        index, seed = key
        seed_generators(seed)
        return self.dataset[index]


class _SeededErasing:
    """timm's random erasing, seeded for each batch; timm's loader applies it one batch ahead of the training."""

    def __init__(self, erase: Callable[[torch.Tensor], torch.Tensor], seed: int, rank: int) -> None:
        self.erase = erase
        self.seed = seed
        self.rank = rank
        self.epoch = self.batch = 0

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        seed_generators(derive_seed(self.seed, self.epoch, self.batch, self.rank, 1), image.device)
        self.batch += 1
        return self.erase(image)


class EpochLoader:
    """timm's training loader as a `TrainLoader`.

    If a worker process dies, all are started again and the epoch continues with the next batch. A stream cannot start
    at a given batch, so that the batches before `start` are read and dropped.

    Args:
        loader: timm's loader with its prefetcher.
        batch_size: images in a batch of all processes together.
        seed: seed of the run.
        rank: number of this process.
        processes: number of processes that train together.
        repeats: number of consecutive copies of an image.
    """

    def __init__(
        self,
        loader: PrefetchLoader,
        batch_size: int,
        seed: int,
        rank: int = 0,
        processes: int = 1,
        repeats: int = 0,
    ) -> None:
        self.loader = loader
        self.batches = None
        inner = loader.loader
        if not isinstance(inner.dataset, IterableDataset):
            self.batches = EpochBatches(len(inner.dataset), batch_size, seed, rank, processes, repeats)
            loader.loader = DataLoader(
                SeededSamples(inner.dataset),
                batch_sampler=self.batches,
                num_workers=inner.num_workers,
                collate_fn=inner.collate_fn,
                pin_memory=inner.pin_memory,
                worker_init_fn=inner.worker_init_fn,
                persistent_workers=inner.persistent_workers,
            )
        if loader.random_erasing is not None:
            loader.random_erasing = _SeededErasing(loader.random_erasing, seed, rank)
        self.epoch = self.start = 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Make the next iterator go through `epoch`, counted from 0, beginning with batch `start`.

        Args:
            epoch: Number of the epoch, from 0.
            start: Number of the batch with which the epoch begins.
        """
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        number, failures = self.start, 0
        while number < len(self):
            try:
                for batch in self._from(number):
                    number, failures = number + 1, 0
                    yield batch
                return
            except _DEATHS as error:
                failures += 1
                # A stream cannot continue where it stopped.
                last = failures > _MAX_RESTARTS or self.batches is None
                _replace_workers(self.loader, error, f'batch {number + 1}', last)

    def _from(self, start: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        if isinstance(self.loader.random_erasing, _SeededErasing):
            self.loader.random_erasing.epoch = self.epoch
            self.loader.random_erasing.batch = start if self.batches is not None else 0
        if self.batches is not None:
            self.batches.epoch, self.batches.start = self.epoch, start
        elif hasattr(self.loader.dataset, 'set_epoch'):
            self.loader.dataset.set_epoch(self.epoch)
        iterator = iter(self.loader)
        if self.batches is None:
            for _ in range(start):
                next(iterator)
        handler = _child_handler()
        for batch in iterator:
            if handler is not None:
                # torch's signal handler raises as soon as a worker dies, even in the middle of a training step. It is
                # replaced here, and the loader raises when it waits for the next batch.
                if threading.current_thread() is threading.main_thread():
                    signal.signal(signal.SIGCHLD, handler)
                handler = None
            yield batch


def _child_handler() -> Any:
    """Return the SIGCHLD handler without that of torch, which stays installed after the first loader with workers."""
    if not hasattr(signal, 'SIGCHLD'):
        return None
    handler = signal.getsignal(signal.SIGCHLD)
    of_torch = getattr(handler, '__module__', None) == 'torch.utils.data._utils.signal_handling'
    return signal.SIG_DFL if of_torch else handler


# Errors raised when a worker process has died: by the loader, or by the broken connection to the process.
_DEATHS = (RuntimeError, OSError, EOFError)


def replace_dead_workers(loader: Iterable[Any], run: Callable[[], Any], what: str) -> Any:
    """Return `run()`, a function that iterates over `loader`; call it again if a worker process died.

    Args:
        loader: a loader of timm.
        run: the function.
        what: what the function does, for messages.

    Raises:
        DeadWorkers: worker processes died several times in a row.
    """
    failures = 0
    while True:
        try:
            return run()
        except _DEATHS as error:
            failures += 1
            _replace_workers(loader, error, what, failures > _MAX_RESTARTS)


def _replace_workers(loader: Iterable[Any], error: Exception, where: str, last: bool) -> None:
    """Stop all workers, so that the next iterator starts new ones; raise `error` if no worker is dead."""
    inner = getattr(loader, 'loader', None)
    iterator = getattr(inner, '_iterator', None)
    workers = getattr(iterator, '_workers', ())
    for worker in workers:
        worker.join(timeout=0.1)
    if all(worker.is_alive() for worker in workers):
        raise error
    reason = f'{where}: a loader process died ({" ".join(str(error).split()) or type(error).__name__})'
    if last:
        raise DeadWorkers(reason) from error
    print(f'{reason}; starting all of them again', file=sys.stderr, flush=True)
    inner._iterator = None
    iterator._shutdown_workers()
