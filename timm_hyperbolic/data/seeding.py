"""Random numbers that depend on a place in the run and not on what was drawn before.

Every batch, and every sample in it, seeds the global generators from the run's seed and its own place. A run that
goes on in the middle of an epoch then draws what the uninterrupted one drew, with no generator's state to restore,
whatever the number of worker processes.
"""

import random

import numpy as np
import torch

__all__ = ['derive_seed', 'seed_generators']


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
