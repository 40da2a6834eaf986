"""The model of a run: built by timm, loaded from a checkpoint, with errors that name the argument."""

import inspect
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import timm
import torch
from timm.data import resolve_input_data_config
from timm.models import load_state_dict, parse_model_name, resolve_model_input_args, split_model_name_tag
from torch import nn

from ..config.argtypes import nearest
from ..config.model import ModelConfig, ModelTrainingConfig, StartConfig
from ..config.options import to_values
from ..config.run_files import MODEL
from ..errors import UserError
from ..models import HyperbolicVisionTransformer, checkpoint_filter_fn
from ..models.state_dict_checks import listed, mismatches, with_tied_names

__all__ = [
    'check_classifier',
    'create_model',
    'load_initial_checkpoint',
    'matching',
    'resolve_data_config',
    'start_from_checkpoint',
]


def create_model(
    config: ModelConfig,
    num_classes: int | None,
    training: ModelTrainingConfig | None = None,
    hamp: bool = False,
) -> nn.Module:
    """Create a model.

    Args:
        config: The model.
        num_classes: Classes of the data set, used where `config` gives no number.
        training: How the model computes in training, None for a model that is only measured.
        hamp: Whether hyperbolic layers compute in mixed precision.

    Raises:
        UserError: The model is unknown, or refuses a keyword or a value.
    """
    training = training or ModelTrainingConfig()
    _check_name(config.model)
    kwargs = {
        'num_classes': config.num_classes or num_classes,
        'drop_rate': training.drop,
        'drop_path_rate': training.drop_path,
        **({'hamp': True} if hamp else {}),
        # timm drops a keyword that is None, and the model would take its default margin.
        **{key: 'none' if key == 'margin' and value is None else value for key, value in config.model_kwargs.items()},
    }
    size = {'img_size': config.img_size, 'in_chans': config.in_chans}
    try:
        model = timm.create_model(
            **resolve_model_input_args(config.model, size, **kwargs),
            pretrained=config.pretrained,
        )
        if training.grad_checkpointing:
            model.set_grad_checkpointing()
    # What a model says about a keyword that it does not take, or weights that it does not have.
    except (
        *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, RuntimeError, OSError),
    ) as error:
        given = ' '.join(f'{key}={value}' for key, value in config.model_kwargs.items())
        given = f' with --model-kwargs {given}' if given else ''
        given += ' with --hamp' if hamp else ''
        # What timm meets in a config.json that is none: the name of a key, of a method.
        said = repr(error) if isinstance(error, (AttributeError, LookupError)) else str(error)
        wrong = _wrong_value(_model_class(config.model), config.model_kwargs, refused=True)
        if wrong:
            raise UserError(f'--model {config.model}: {wrong}') from error
        raise UserError(f'--model {config.model}{given}: {" ".join(said.split())}') from error
    wrong = _wrong_value(type(model), config.model_kwargs, refused=False)
    if wrong:  # which a model may well take, and take 'false' for true
        raise UserError(f'--model {config.model}: {wrong}')
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


def resolve_data_config(model: nn.Module, config: ModelConfig) -> dict[str, Any]:
    """Return how the model's input is prepared, as timm resolves it.

    Raises:
        UserError: A value of `config` does not fit the model.
    """
    try:
        return resolve_input_data_config(model, to_values(config))
    except (AssertionError, ValueError) as error:
        raise UserError(f'the input of --model {config.model}: {error}') from error


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


def start_from_checkpoint(model: nn.Module, config: StartConfig, name: str) -> None:
    """Load the weights of `--initial-checkpoint`, if one is given, into a model, and print which tensors it lacks.

    Args:
        model: Receives the weights.
        config: Where the weights are.
        name: Name of the model, for messages.

    Raises:
        UserError: it does not fit, see `load_initial_checkpoint`.
    """
    if not config.initial_checkpoint:
        return
    missing = load_initial_checkpoint(model, config.initial_checkpoint, name, allow_missing=config.allow_missing or ())
    if missing:
        print(
            f'--initial-checkpoint {config.initial_checkpoint}: not in it, initial values kept: {listed(missing)}',
            flush=True,
        )


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


def matching(patterns: Iterable[str], names: Iterable[str], flag: str) -> set[str]:
    """Return the names that match one of `patterns` (`*` is any text, dots included).

    Args:
        patterns: of the shell's kind.
        names: to choose from.
        flag: where the patterns were given, for the message.

    Raises:
        UserError: a pattern matches nothing; the message lists patterns that come near and match.
    """
    names = list(names)
    found = set()
    for pattern in patterns:
        of_pattern = {name for name in names if fnmatchcase(name, pattern)}
        if not of_pattern:
            near = nearest(pattern, _stems(names))
            raise UserError(f'{flag} {pattern}: no parameter has such a name.{near or f" The first is {names[0]}"}')
        found |= of_pattern
    return found


def _stems(names: Iterable[str]) -> list[str]:
    """Return a pattern for each name and each module that the names speak of, the number of a block left open."""
    stems = {}
    for name in names:
        parts = re.sub(r'\.\d+(?=\.)', '.*', name).split('.')
        stems |= dict.fromkeys(['.'.join(parts), *(f'{".".join(parts[:i])}.*' for i in range(1, len(parts)))])
    return [stem for stem in stems if not stem.endswith('.*.*')]
