import random

import numpy as np
import torch

from timm_hyperbolic.data.sampling import derive_seed, seed_generators


def draw():
    return random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002  it is what is seeded


def test_all_generators_follow_from_the_seed():
    seed_generators(5)
    first = draw()
    assert draw() != first
    seed_generators(5)
    assert draw() == first
    seed_generators(6)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_places_have_seeds_of_their_own():
    places = [(seed, epoch, batch, rank) for seed in (0, 1) for epoch in (0, 1) for batch in (0, 1) for rank in (0, 1)]
    seeds = {derive_seed(*place) for place in places}
    assert len(seeds) == 16
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert derive_seed(1, 2, 3) == derive_seed(1, 2, 3)
