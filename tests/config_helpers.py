"""Parts of a run, made from a command line of the training command."""

import torch

from timm_hyperbolic.config.train import TrainConfig, read_train_options
from timm_hyperbolic.data.loaders import create_loaders
from timm_hyperbolic.data.splits import Splits, check_splits, create_splits


def options(*argv: object) -> TrainConfig:
    return read_train_options([str(word) for word in argv])


def splits_of(config: TrainConfig, classes: list[str] | None = None) -> Splits:
    return create_splits(config.data, config.splits, config.run.seed, config.loader.batch_size, classes)


def check(splits: Splits, num_classes: int, channels: int, config: TrainConfig) -> None:
    check_splits(splits, num_classes, channels, config.data, config.model, config.loader.batch_size)


def loaders_of(splits: Splits, data_config: dict, config: TrainConfig) -> tuple:
    cpu = torch.device('cpu')
    return create_loaders(splits, data_config, config.loader, config.augment, cpu, config.run.seed)
