"""Time and memory of several functions in one run.

Other work of the machine disturbs all of them alike only if they take turns. So one round calls every function once, in
an order drawn anew for each round, and ratios are formed within a round.
"""

from __future__ import annotations

import gc
import math
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # the profiler, which `peak_bytes` uses, says when it starts and stops

import torch

__all__ = ['interleaved', 'peak_bytes', 'synchronize', 'timed', 'uncollected']


def synchronize(device: torch.device) -> None:
    """Wait until a device has finished its work.

    Args:
        device: The device.
    """
    torch.get_device_module(device).synchronize()


def timed(f: Callable[[], Any], device: torch.device, calls: int = 1) -> float:
    """Return the seconds of one call, the mean over some in a row.

    Args:
        f: The function.
        device: Device that does the work.
        calls: Number of calls in a row.
    """
    synchronize(device)
    start = time.perf_counter()
    for _ in range(calls):
        f()
    synchronize(device)
    return (time.perf_counter() - start) / calls


@contextmanager
def uncollected() -> Iterator[None]:
    """Switch the garbage collector off, as `timeit` does: a collection would fall on one contender by chance."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def interleaved(
    contenders: Mapping[str, Callable[[], Any]],
    rounds: int,
    device: torch.device,
    warmup: int = 2,
    least: float = 0.0,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Return the seconds of every contender in every round.

    Args:
        contenders: Functions to call, by name.
        rounds: Number of rounds.
        device: Device that does the work.
        warmup: Calls of each contender before the rounds.
        least: Seconds that a timing should last at least: a faster contender is called several times in a row.
        seed: Seed of the order within the rounds.
    """
    calls = {}
    for name, f in contenders.items():
        for _ in range(warmup):
            f()
        calls[name] = max(1, math.ceil(least / timed(f, device))) if least else 1
    order, shuffler = list(contenders), random.Random(seed)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    with uncollected():
        for _ in range(rounds):
            shuffler.shuffle(order)
            for name in order:
                times[name].append(timed(contenders[name], device, calls[name]))
    return times


def peak_bytes(f: Callable[[], Any], device: torch.device) -> int:
    """Return the most bytes that `f()` has allocated at once, above what was there before it.

    On CUDA it is the peak of the caching allocator. On a CPU it is the peak of the running sum over every allocation
    and release that torch's CPU allocator reports to the profiler, which is exact for tensors. What a library allocates
    for itself (packed matrices in MKL or oneDNN) does not pass through torch and is in neither.

    Args:
        f: The function.
        device: Device that does the work.

    Raises:
        ValueError: the device is neither a CPU nor CUDA.
    """
    if device.type == 'cuda':
        synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        with uncollected():
            f()
        synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    if device.type != 'cpu':
        raise ValueError(f'no peak memory on {device.type}: it is measured on CUDA and on CPUs')
    activities = [torch.profiler.ProfilerActivity.CPU]
    with uncollected(), torch.profiler.profile(activities=activities, profile_memory=True) as profiler:
        f()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == '[memory]']
    now = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak
