"""Images per second and memory of the models that a study compares."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from ..config.train import TrainConfig
from ..train.device import create_autocast
from ..train.model import create_model, resolve_data_config
from ..train.optimizer import create_optimizer
from .timing import interleaved, peak_bytes

__all__ = ['measure_speed']

_ROUNDS = 21


class _Contender:
    """A model with its optimizer and one batch of random images."""

    def __init__(self, config: TrainConfig, num_classes: int, device: torch.device) -> None:
        torch.manual_seed(0)
        size = config.loader.batch_size
        model = create_model(config.model, num_classes, config.model_training, config.phases.hamp).to(device)
        shape = resolve_data_config(model, config.model)['input_size']
        self.images = torch.randn(size, *shape, device=device)
        self.target = torch.arange(size, device=device) % model.num_classes
        self.optimizer = create_optimizer(model, config.optimizer, config.model.model)
        self.autocast: Callable[[], AbstractContextManager[Any]] = create_autocast(config.device, device)
        backend = config.compile.torchcompile
        self.model: nn.Module = torch.compile(model, backend=backend) if backend else model

    def train(self) -> None:
        """Make one training step."""
        self.model.train()
        with self.autocast():
            loss = nn.functional.cross_entropy(self.model(self.images), self.target)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.inference_mode()
    def infer(self) -> None:
        """Classify the images."""
        self.model.eval()
        with self.autocast():
            self.model(self.images)


def measure_speed(
    configs: Mapping[str, TrainConfig], num_classes: int, device: torch.device, rounds: int = _ROUNDS
) -> dict[str, dict[str, float]]:
    """Return images per second in training and inference, and the memory of a training step, of several models.

    The models take turns, so that what else the machine does falls on all alike. Data loading is not part of it.

    Args:
        configs: Options of the runs, by name; their batch size and precision are used.
        num_classes: Number of classes of models whose options do not say it.
        device: The device.
        rounds: Number of turns of each model. The medians count: of the time of the first model, and of the ratios to
            it within a turn.

    Returns:
        For each name `train` and `infer` in images per second, and `memory`, the most bytes that a training step has
        allocated at once besides parameters and optimizer.
    """
    contenders = {name: _Contender(config, num_classes, device) for name, config in configs.items()}
    found: dict[str, dict[str, float]] = {name: {} for name in contenders}
    for kind in ('train', 'infer'):
        times = interleaved({name: getattr(each, kind) for name, each in contenders.items()}, rounds, device)
        first = next(iter(times.values()))
        for name, seconds in times.items():
            # What slows a whole round down is in both times of a ratio.
            ratio = statistics.median(own / base for own, base in zip(seconds, first, strict=True))
            found[name][kind] = len(contenders[name].images) / (ratio * statistics.median(first))
    for name, each in contenders.items():
        found[name]['memory'] = peak_bytes(each.train, device)
    return found
