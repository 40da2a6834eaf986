"""A trained model and a split to look at it on: the options of the commands that do, and what they open."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from timm.data.loader import PrefetchLoader
from torch.utils.data import Dataset

from ..data.labels import REMEDY, ClassMap, label_names
from ..data.loaders import create_eval_loader, default_workers
from ..data.splits import check_split, class_count, default_split, open_split
from ..data.superclasses import Superclasses, read_superclasses
from ..errors import UserError
from ..train.model import check_classifier, create_model, load_initial_checkpoint, resolve_data_config
from ..train.run_files import CONFIG
from .conflicts import check_conflicts, check_needs
from .parser import create_parser, create_subparser

__all__ = ['DATA_FLAGS', 'Trained', 'create_trained_parser', 'open_trained', 'with_defaults']

# Flags that mean here what they mean in training.
DATA_FLAGS = ('data_dir', 'dataset', 'dataset_download', 'class_map', 'input_key', 'target_key')
_MODEL = ('model', 'model_kwargs', 'pretrained', 'num_classes', 'img_size', 'in_chans', 'mean', 'std', 'interpolation')
_MODEL += ('crop_pct',)
_RUN = ('batch_size', 'workers', 'device', 'amp', 'amp_dtype')


@dataclass(frozen=True)
class Trained:
    """A trained model and a split.

    Attributes:
        model: on its device, in evaluation mode.
        dataset: the split.
        split: its name.
        classes: names of the classes by label, None where neither the model nor the data set has any.
        is_matched: whether its labels are those of the model; else no prediction is right or wrong.
        superclasses: of its classes; None where the data set has none.
        loader: of its batches.
        data_config: how its images are prepared.
    """

    model: torch.nn.Module
    dataset: Dataset
    split: str
    classes: list[str] | None
    is_matched: bool
    superclasses: Superclasses | None
    loader: PrefetchLoader
    data_config: dict[str, Any]


def create_trained_parser(
    prog: str | None, description: str, data: tuple[str, ...] = (), run: tuple[str, ...] = ()
) -> tuple[argparse.ArgumentParser, dict[str, Any]]:
    """Return a parser of the options that choose model, split and device, and its groups by their titles.

    Args:
        prog: the program's name, for the help.
        description: what the command does.
        data: options of the training command in the group `data` besides the usual ones, which come after them.
        run: likewise in the group `run`, before them.
    """
    flags = {'data': (*data, *DATA_FLAGS), 'model': _MODEL, 'run': (*_RUN, *run)}
    parser = create_subparser(prog, description, flags)
    parser.set_defaults(model=None)
    groups = {group.title: group for group in parser._action_groups}
    groups['data'].add_argument(
        '--split', metavar='NAME', help='split to look at (default: validation, or test where there is none)'
    )
    groups['data'].add_argument(
        '--coarse-key',
        metavar='KEY',
        help='column of the superclasses (hfds/ only; default: coarse_label where there is one)',
    )
    groups['model'].add_argument(
        '--use-ema',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='take the moving average of the weights from a checkpoint that holds both',
    )
    return parser, groups


def with_defaults(parser: argparse.ArgumentParser, given: dict[str, Any]) -> argparse.Namespace:
    """Return the value of every option; those of training alone have their defaults, and so has the data set.

    Raises:
        UserError: an option that is given would have no effect.
    """
    defaults = {action.dest: action.default for source in (create_parser(), parser) for action in source._actions}
    args = argparse.Namespace(**{**defaults, **given})
    args.dataset = given.get('dataset', 'digits' if args.data_dir is None else '')
    check_conflicts(given)
    check_needs(given, args)
    return args


def open_trained(args: argparse.Namespace, device: torch.device, same_classes: bool = True) -> Trained:
    """Open the model and the split that `args` name. `args.workers` is filled in.

    The labels are those of the model's classes of the same names, where it has names, or those of `--class-map`.

    Args:
        args: the options.
        device: of the model.
        same_classes: whether the classes of the data set must be those of the model.

    Raises:
        UserError: something that `args` name does not exist or does not fit.
    """
    args.workers = default_workers(device) if args.workers is None else args.workers
    split = args.split or default_split(args, 'validation', 'test') or 'validation'
    beside = _config_beside(args.checkpoint)
    names, known, num_classes = None, None, args.num_classes or beside.get('num_classes')
    if num_classes or args.pretrained or _is_address(args.model):
        model = _load_model(args, num_classes)
        names = label_names(beside, model.num_classes) or label_names(model.pretrained_cfg, model.num_classes)
        if names is not None and same_classes:
            known = ClassMap.of_names(names, f'--model {args.model}')
        dataset = open_split(args, split, known)
    else:  # the data set says how many classes the weights should have
        dataset = open_split(args, split)
        model = _load_model(args, class_count([dataset]))
    as_many = len(dataset.classes or ()) in (0, model.num_classes)  # of classes without names the order must do
    is_matched = bool(known or args.class_map) or (as_many if names is None else dataset.classes == names)
    if same_classes and not is_matched:
        raise UserError(
            f'{args.dataset or args.data_dir}, split {split}, has {len(dataset.classes)} classes and '
            f'--model {args.model} has {model.num_classes}, whose names are not known; {REMEDY}'
        )
    data_config = resolve_data_config(model, args)
    check_split(dataset, split, model.num_classes, data_config['input_size'][0], args, is_trained=True)
    superclasses = read_superclasses(dataset, split, model.num_classes, args, known)
    loader = create_eval_loader(dataset, data_config, args, device)
    classes = dataset.classes if known is None else known.names
    return Trained(model.to(device).eval(), dataset, split, classes, is_matched, superclasses, loader, data_config)


def _is_address(model: str) -> bool:
    """Whether `--model` says where a model is, `local-dir:FOLDER` or `hf_hub:OWNER/NAME`, and not what it is called."""
    return ':' in model


def _config_beside(checkpoint: str | None) -> dict[str, Any]:
    """What `config.json` beside the weights of a run says of them; nothing where there is none."""
    if not checkpoint:
        return {}
    path = Path(checkpoint)
    path = (path if path.is_dir() else path.parent) / CONFIG
    try:
        config = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) and isinstance(config.get('num_classes'), int) else {}


def _load_model(args: argparse.Namespace, num_classes: int | None) -> torch.nn.Module:
    """Return the model with its trained weights: those of its folder or of the Hub, or of `args.checkpoint`."""
    pretrained = args.pretrained or (_is_address(args.model) and not args.checkpoint)
    if not pretrained and not args.checkpoint:
        raise UserError(
            f'--model {args.model}: give its weights by {args.checkpoint_flag}, or --model local-dir:FOLDER'
        )
    values = {**vars(args), 'pretrained': pretrained}
    model = create_model(argparse.Namespace(**values), None if pretrained or _is_address(args.model) else num_classes)
    if args.checkpoint:
        load_initial_checkpoint(model, args.checkpoint, args.model, flag=args.checkpoint_flag, use_ema=args.use_ema)
    else:
        check_classifier(model, f'--num-classes {args.num_classes}: leave it out; the weights of --model {args.model}')
    return model
