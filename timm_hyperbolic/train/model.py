"""The model of a run: built by timm, loaded from a checkpoint, with errors that name the argument."""

import argparse
import inspect
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import timm
import torch
from timm.data import resolve_input_data_config
from timm.models import load_state_dict, parse_model_name, resolve_model_input_args, split_model_name_tag
from torch import nn

from ..config.argtypes import nearest
from ..errors import UserError
from ..models import HyperbolicVisionTransformer, checkpoint_filter_fn
from ..models.state_dict_checks import listed, mismatches, with_tied_names
from .patterns import matching
from .run_files import MODEL

__all__ = [
    'check_classifier',
    'check_start',
    'create_model',
    'load_initial_checkpoint',
    'resolve_data_config',
    'start_from_checkpoint',
]


def create_model(args: argparse.Namespace, num_classes: int | None, pretrained: bool | None = None) -> nn.Module:
    """Create the model that `args` describe.

    Args:
        args: options of the run.
        num_classes: those of the data set, used where `--num-classes` is not given.
        pretrained: load timm's weights, None as `args` say.

    Raises:
        UserError: an unknown model, or a keyword or value that the model refuses.
    """
    _check_name(args.model)
    kwargs = {
        'num_classes': args.num_classes or num_classes,
        'drop_rate': args.drop,
        'drop_path_rate': args.drop_path,
        **({'hamp': True} if args.hamp else {}),
        # timm drops a keyword that is None, and the model would take its default margin.
        **{key: 'none' if key == 'margin' and value is None else value for key, value in args.model_kwargs.items()},
    }
    size = {'img_size': args.img_size, 'in_chans': args.in_chans}
    try:
        model = timm.create_model(
            **resolve_model_input_args(args.model, size, **kwargs),
            pretrained=args.pretrained if pretrained is None else pretrained,
        )
        if args.grad_checkpointing:
            model.set_grad_checkpointing()
    # What a model says about a keyword that it does not take, or weights that it does not have.
    except (
        *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, RuntimeError, OSError),
    ) as error:
        given = ' '.join(f'{key}={value}' for key, value in args.model_kwargs.items())
        given = f' with --model-kwargs {given}' if given else ''
        given += ' with --hamp' if args.hamp else ''
        # What timm meets in a config.json that is none: the name of a key, of a method.
        said = repr(error) if isinstance(error, (AttributeError, LookupError)) else str(error)
        wrong = _wrong_value(_model_class(args.model), args.model_kwargs, refused=True)
        if wrong:
            raise UserError(f'--model {args.model}: {wrong}') from error
        raise UserError(f'--model {args.model}{given}: {" ".join(said.split())}') from error
    wrong = _wrong_value(type(model), args.model_kwargs, refused=False)
    if wrong:  # which a model may well take, and take 'false' for true
        raise UserError(f'--model {args.model}: {wrong}')
    return model


def _model_class(name: str) -> type:
    """The class of a model that cannot be made with the keywords that were given."""
    with suppress(Exception), torch.device('meta'):
        return type(timm.create_model(name))
    return nn.Module


_KINDS = {bool: 'True or False', int: 'a whole number', float: 'a number', str: 'a name', tuple: 'a tuple'}


def _wrong_value(cls: type, kwargs: Mapping[str, Any], refused: bool) -> str:
    """Say which keyword of a model has a value of another type than its class declares; nothing where none has.

    Args:
        cls: of the model.
        kwargs: that it was given.
        refused: whether it could not be made with them; if it could, only text in the place of a number or of True or
            False is wrong, which may have been taken for true.
    """
    for name, value in kwargs.items():
        kinds = _declared(cls, name)
        kind = tuple if isinstance(value, list) else type(value)
        if value is None or not kinds or kind in kinds or (kind is int and float in kinds):
            continue
        if refused or (kind is str and tuple not in kinds):
            allowed = ' or '.join(text for each, text in _KINDS.items() if each in kinds)
            return f'--model-kwargs {name}={value}: must be {allowed}'
    return ''


def _declared(cls: type, name: str) -> set[type]:
    """The types that a keyword of a class is declared to have, None aside; none where they are not all plain."""
    for base in cls.__mro__:
        if '__init__' not in vars(base) or name not in inspect.signature(base.__init__).parameters:
            continue
        try:
            hint = get_type_hints(base.__init__)[name]
        except (KeyError, NameError, TypeError):
            return set()
        parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        kinds = {str if get_origin(part) is Literal else get_origin(part) or part for part in parts} - {type(None)}
        return kinds if kinds <= _KINDS.keys() else set()
    return set()


def _check_name(name: str) -> None:
    try:
        source, model_id = parse_model_name(name)
    except ValueError as error:
        raise UserError(f'--model {name}: {error}') from error
    if source is None and not timm.is_model(split_model_name_tag(model_id)[0]):
        raise UserError(f'--model {name}: unknown model.{nearest(name, timm.list_models())}')
    if source == 'local-dir' and not (Path(model_id) / 'config.json').is_file():
        raise UserError(f'--model {name}: no config.json in {model_id}')


def resolve_data_config(model: nn.Module, args: argparse.Namespace) -> dict[str, Any]:
    """Return how the model's input is prepared, as timm resolves it.

    Raises:
        UserError: a value of `args` does not fit.
    """
    try:
        return resolve_input_data_config(model, vars(args))
    except (AssertionError, ValueError) as error:
        raise UserError(f'the input of --model {args.model}: {error}') from error


def check_classifier(model: nn.Module, what: str) -> None:
    """Refuse a pretrained model whose classifier timm has made anew, since another number of classes was asked for.

    Args:
        model: that timm made with its weights.
        what: what was asked for and of which weights, for the message.

    Raises:
        UserError: the weights have another number of classes.
    """
    trained = model.pretrained_cfg.get('num_classes', model.num_classes)
    trained -= model.pretrained_cfg.get('label_offset') or 0
    if model.num_classes != trained:
        raise UserError(f'{what} have {trained} classes; a classifier of {model.num_classes} would be untrained')


def check_start(args: argparse.Namespace) -> None:
    """Refuse `--allow-missing` without the checkpoint that it speaks of.

    Raises:
        UserError: naming both.
    """
    if args.allow_missing and not args.initial_checkpoint:
        raise UserError(
            f'--allow-missing {" ".join(args.allow_missing)}: give --initial-checkpoint, the weights to start from'
        )


def start_from_checkpoint(model: nn.Module, args: argparse.Namespace) -> None:
    """Load the weights of `--initial-checkpoint`, if one is given, into `model`, and print what stays at its start.

    Raises:
        UserError: it does not fit, see `load_initial_checkpoint`.
    """
    if not args.initial_checkpoint:
        return
    missing = load_initial_checkpoint(
        model, args.initial_checkpoint, args.model, allow_missing=args.allow_missing or ()
    )
    if missing:
        print(f'--initial-checkpoint {args.initial_checkpoint}: left at their start: {listed(missing)}', flush=True)


def load_initial_checkpoint(
    model: nn.Module,
    path: str,
    name: str,
    flag: str = '--initial-checkpoint',
    use_ema: bool = True,
    allow_missing: Collection[str] = (),
) -> list[str]:
    """Load the weights at `path`, a file or a folder made by a run, into `model`.

    A checkpoint of the reference study's code is translated.

    Args:
        model: receives the weights.
        path: of the checkpoint.
        name: of the model, for the message.
        flag: that gave the path, for the message.
        use_ema: take the moving average from a checkpoint that holds both.
        allow_missing: shell patterns of tensors that the checkpoint need not have; they keep their starting values.

    Returns:
        The names of the tensors that it does not have.

    Raises:
        UserError: there is no such file, it is no checkpoint, or it belongs to another model; the
            message lists the keys that do not fit. Or a pattern matches no tensor of the model.
    """
    file = Path(path) / MODEL if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise UserError(f'{flag} {path}: no such file{"" if file == Path(path) else f": {file}"}')
    try:
        state = load_state_dict(str(file), use_ema=use_ema)
    except Exception as error:  # safetensors, pickle and zip each have errors of their own
        said = ' '.join(str(error).split())
        if 'weights_only' in said:  # timm's advice, to load it all the same, is for files that are known to be one
            said = 'it holds more than tensors, which could run code (weights_only)'
        raise UserError(f'{flag} {path}: not a checkpoint: {said}') from error
    if isinstance(model, HyperbolicVisionTransformer):
        with suppress(ValueError):  # keys that the filter does not know are listed below
            state = checkpoint_filter_fn(state, model, start=False)
    state = with_tied_names(state, model)
    own = model.state_dict()
    missing = [key for key in own if key not in state]
    problems = mismatches(
        {key: getattr(value, 'shape', ()) for key, value in state.items()},
        {key: value.shape for key, value in own.items()},
        may_miss=matching(allow_missing, own, '--allow-missing'),
    )
    if problems:
        raise UserError(
            f'{flag} {path} does not fit --model {name}: {problems}. '
            'Give the --model, --model-kwargs and --num-classes that it was made with'
            + (', or say by --allow-missing what may be missing' if flag == '--initial-checkpoint' else '')
        )
    model.load_state_dict(state, strict=False)
    return missing
