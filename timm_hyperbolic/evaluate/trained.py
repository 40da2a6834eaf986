"""Opening a trained model together with a split of a data set to evaluate it on."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from timm.data.loader import PrefetchLoader
from torch.utils.data import Dataset

from ..config.run_files import CONFIG
from ..config.trained import TrainedConfig
from ..data.labels import REMEDY, ClassMap, label_names
from ..data.loaders import create_eval_loader
from ..data.sources import default_split, open_split
from ..data.splits import check_split, class_count
from ..data.superclasses import Superclasses, read_superclasses
from ..errors import UserError
from ..train.model import check_classifier, create_model, load_initial_checkpoint, resolve_data_config

__all__ = ['Trained', 'load_trained', 'open_trained']


@dataclass(frozen=True)
class Trained:
    """A trained model and a split.

    Attributes:
        model: the model on its device, in evaluation mode.
        dataset: the split.
        split: name of the split.
        classes: class names by label; None if neither the model nor the data set has any.
        model_classes: class names of the model's outputs; None if the model has none.
        is_matched: whether the labels of the split are those of the model. If not, no accuracy can be measured.
        superclasses: superclasses of the classes; None if the data set has none.
        loader: loader of the split.
        data_config: input size, mean, std and interpolation, as resolved by timm.
    """

    model: torch.nn.Module
    dataset: Dataset
    split: str
    classes: list[str] | None
    model_classes: list[str] | None
    is_matched: bool
    superclasses: Superclasses | None
    loader: PrefetchLoader
    data_config: dict[str, Any]


def open_trained(
    config: TrainedConfig, device: torch.device, same_classes: bool = True, more_classes: bool = False
) -> Trained:
    """Open a trained model and a split.

    If the model has class names, each class of the split gets the label of the model's class of the same name.
    `--class-map` takes precedence.

    Args:
        config: The model, the data set and the split.
        device: Device of the model.
        same_classes: Whether the classes of the data set must be those of the model.
        more_classes: Whether the data set may have more classes than the model.

    Raises:
        UserError: The model, its weights, the data set or the split does not exist or does not fit.
    """
    data, model_config, checkpoint = config.data, config.model, config.weights.checkpoint
    split = config.look.split or default_split(data, 'validation', 'test') or 'validation'
    beside = _config_beside(checkpoint)
    names, known = None, None
    if (
        model_config.num_classes
        or 'num_classes' in beside
        or model_config.has_pretrained
        or _is_address(model_config.model)
    ):
        model = load_trained(config)
        names = label_names(beside, model.num_classes) or label_names(model.pretrained_cfg, model.num_classes)
        if names is not None and same_classes:
            known = ClassMap.of_names(names, f'--model {model_config.model}')
        dataset = open_split(data, split, known)
    else:  # the number of classes of the weights must be that of the data set
        dataset = open_split(data, split)
        model = load_trained(config, class_count([dataset]))
    # If the model has no class names, only the number of classes can be compared.
    as_many = len(dataset.classes or ()) in (0, model.num_classes)
    is_matched = bool(known or data.class_map) or (as_many if names is None else dataset.classes == names)
    if same_classes and not is_matched:
        raise UserError(
            f'{data.name}, split {split}, has {len(dataset.classes)} classes and '
            f'--model {model_config.model} has {model.num_classes}, whose names are not known; {REMEDY}'
        )
    data_config = resolve_data_config(model, model_config)
    channels = data_config['input_size'][0]
    count = max(model.num_classes, len(dataset.classes or ())) if more_classes else model.num_classes
    check_split(dataset, split, count, channels, data, model_config, is_trained=True)
    superclasses = read_superclasses(dataset, split, count, data, config.look.coarse_key, known)
    loader = create_eval_loader(dataset, data_config, config.loader.batch_size, config.loader.workers, device)
    classes = dataset.classes if known is None else known.names
    return Trained(
        model.to(device).eval(), dataset, split, classes, names, is_matched, superclasses, loader, data_config
    )


def _is_address(model: str) -> bool:
    """Whether `--model` is an address, `local-dir:FOLDER` or `hf_hub:OWNER/NAME`, and not the name of a model."""
    return ':' in model


def _config_beside(checkpoint: str | None) -> dict[str, Any]:
    """Return the content of the `config.json` beside the weights of a run; empty if there is none."""
    if not checkpoint:
        return {}
    path = Path(checkpoint)
    path = (path if path.is_dir() else path.parent) / CONFIG
    try:
        config = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) and isinstance(config.get('num_classes'), int) else {}


def load_trained(config: TrainedConfig, num_classes: int | None = None) -> torch.nn.Module:
    """Return a model with trained weights: timm's, of a run, of the Hub, of `--checkpoint` or of `--pretrained-file`.

    Args:
        config: The model and its weights.
        num_classes: Classes of weights whose number of classes is written nowhere, neither given as an option nor
            beside the weights.

    Raises:
        UserError: The model or its weights do not exist or do not fit.
    """
    model_config, checkpoint = config.model, config.weights.checkpoint
    num_classes = model_config.num_classes or _config_beside(checkpoint).get('num_classes') or num_classes
    name, is_address = model_config.model, _is_address(model_config.model)
    pretrained = model_config.has_pretrained or (is_address and not checkpoint)
    if not pretrained and not checkpoint:
        raise UserError(
            f'--model {name}: give its weights by --checkpoint or --pretrained-file, or --model local-dir:FOLDER'
        )
    model_config = replace(model_config, pretrained=pretrained and not model_config.pretrained_file)
    model = create_model(model_config, None if pretrained or is_address else num_classes)
    if checkpoint:
        load_initial_checkpoint(model, checkpoint, name, flag='--checkpoint', use_ema=model_config.use_ema)
    else:
        count = model_config.num_classes
        check_classifier(model, f'--num-classes {count}: leave it out; the weights of --model {name}')
    return model
