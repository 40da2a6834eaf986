"""Batches by number: the images of a batch and their augmentation follow from the seed, the epoch and its number.

torch's and timm's loaders cannot start in the middle of an epoch. Here every batch, and every image in it, seeds the
global generators from the run's seed and its own place. A run that is resumed in the middle of an epoch then draws what
the uninterrupted run drew, with no state of a generator to restore, whatever the number of worker processes.
"""

import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from timm.data.distributed_sampler import RepeatAugSampler
from timm.data.loader import PrefetchLoader
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from ..errors import DeadWorkers

__all__ = ['EpochBatches', 'EpochLoader', 'SeededSamples', 'TrainLoader', 'derive_seed', 'epoch_order']
__all__ += ['replace_dead_workers', 'seed_generators']

_MAX_RESTARTS = 3  # of the worker processes, without a batch in between


def derive_seed(*place: int) -> int:
    """Return the seed, in [0, 2³²), of a place such as (seed, epoch, batch, rank); each number is at least 0."""
    return int(np.random.SeedSequence(place).generate_state(1)[0])


def seed_generators(seed: int, device: torch.device | None = None) -> None:
    """Seed the global generators of Python, numpy, torch's CPU and, unless None, of `device`; `seed` in [0, 2³²)."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  timm's transforms and mixup draw from it
    # Unlike torch.manual_seed, this leaves the generators of other devices alone, which costs more than all the rest.
    torch.default_generator.manual_seed(seed)
    if device is not None and device.type != 'cpu':
        torch.get_device_module(device).manual_seed(seed)


class TrainLoader(Protocol):
    """What the training loop needs of a loader: batches `(image, target)` on the device, countable, by number.

    The same epoch and number must give the same images with the same augmentation, on a loader made anew too.
    """

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Make the next iteration go through `epoch`, from 0, beginning with its batch `start`."""

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Iterate over the batches `(image, target)` of `[B, C, H, W]` and labels `[B]`."""


def epoch_order(generator: np.random.Generator, images: int, repeats: int = 0) -> np.ndarray:
    """Return the rows of a split in a random order, `[images]`.

    Args:
        generator: draws it.
        images: their number.
        repeats: how often an image comes in a row, as timm's sampler has it; 0 or 1 takes every image once.
    """
    if repeats <= 1:
        return generator.permutation(images)
    sampler = RepeatAugSampler(range(images), num_replicas=1, rank=0, num_repeats=repeats, selected_round=0)
    sampler.set_epoch(int(generator.integers(2**32)))  # its seed
    return np.array(list(sampler))


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """The batches of an epoch in an order drawn from the seed and the epoch; the last, partial one is left out.

    A batch is shared out between the processes, so that its images do not depend on their number.

    Args:
        images: images in the split.
        batch_size: images in a batch, over all processes; divisible by `processes`.
        seed: of the run.
        rank: number of this process.
        processes: how many train together.
        repeats: how often an image comes in a row.

    Yields:
        For each image of this process's share: its index, and the seed of its augmentation.
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
    """A data set whose transform draws from the seed that comes with the index."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: tuple[int, int]) -> Any:
        index, seed = key
        seed_generators(seed)
        return self.dataset[index]


class _SeededErasing:
    """timm's random erasing of whole batches, which its loader runs one batch ahead of the training."""

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

    A worker process that dies is replaced, and the epoch goes on with the batch that it was at. An iterable data set
    has no order to jump into: there, the batches before `start` are read and dropped.

    Args:
        loader: timm's loader with its prefetcher.
        batch_size: images in a batch, over all processes.
        seed: of the run.
        rank: number of this process.
        processes: how many train together.
        repeats: how often an image comes in a row.
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
        """Make the next iteration go through `epoch`, beginning with its batch `start`."""
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
                # From a stream nothing can be had again without reading it from the start.
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
                # torch's own handler raises wherever the training happens to be when a worker dies, in the middle of a
                # step too. Without it, the loader notices as it waits for the next batch.
                if threading.current_thread() is threading.main_thread():
                    signal.signal(signal.SIGCHLD, handler)
                handler = None
            yield batch


def _child_handler() -> Any:
    """What handles a child's death apart from torch, whose handler stays from the first loader with workers on."""
    if not hasattr(signal, 'SIGCHLD'):
        return None
    handler = signal.getsignal(signal.SIGCHLD)
    of_torch = getattr(handler, '__module__', None) == 'torch.utils.data._utils.signal_handling'
    return signal.SIG_DFL if of_torch else handler


# A worker's death shows as what the loader says of it, or as a broken connection to the dead process.
_DEATHS = (RuntimeError, OSError, EOFError)


def replace_dead_workers(loader, run: Callable[[], Any], what: str) -> Any:
    """Return `run()`, which goes through all of `loader`; it is called again where a worker process died.

    Raises:
        DeadWorkers: one died again and again.
    """
    failures = 0
    while True:
        try:
            return run()
        except _DEATHS as error:
            failures += 1
            _replace_workers(loader, error, what, failures > _MAX_RESTARTS)


def _replace_workers(loader, error: Exception, where: str, last: bool) -> None:
    """Stop the workers, so that the next iteration starts new ones, or raise `error` if none of them is dead."""
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
