"""Images of another data set, on which a model should be less certain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from timm.data.loader import PrefetchLoader

from ..config.evaluate import EvaluateConfig
from ..data.loaders import create_eval_loader
from ..data.sources import default_split, open_split
from ..data.splits import check_split
from .trained import Trained

__all__ = ['Others', 'open_others']


@dataclass(frozen=True)
class Others:
    """A split of another data set.

    Attributes:
        name: of the data set.
        split: name of the split.
        loader: of the images, prepared as those of the model's own data.
    """

    name: str
    split: str
    loader: PrefetchLoader


def open_others(config: EvaluateConfig, trained: Trained, device: torch.device) -> Others | None:
    """Open the images that `--ood` names; None where it names none.

    Args:
        config: The options.
        trained: The model with its own data.
        device: Device of the model.

    Raises:
        UserError: The data set or the split does not exist, or its images cannot be read.
    """
    ood = config.ood
    if ood.ood is None:
        return None
    is_folder = Path(ood.ood).is_dir()
    data = replace(
        config.data,
        dataset='' if is_folder else ood.ood,
        data_dir=ood.ood if is_folder else ood.ood_dir,
        class_map=None,
        input_key=ood.ood_input_key,
        target_key=ood.ood_target_key,
    )
    split = ood.ood_split or default_split(data, 'validation', 'test') or 'validation'
    dataset = open_split(data, split)
    channels = trained.data_config['input_size'][0]
    classes = max(dataset.targets or [0]) + 1
    check_split(dataset, split, classes, channels, data, config.model, is_trained=True)
    loader = create_eval_loader(dataset, trained.data_config, config.loader.batch_size, config.loader.workers, device)
    return Others(data.name, split, loader)
