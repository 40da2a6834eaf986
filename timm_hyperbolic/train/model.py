"""Creating the model of a run and loading its weights, with errors that name the command-line flag."""

import inspect
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import timm
import torch
from timm.data import resolve_input_data_config
from timm.models import parse_model_name, resolve_model_input_args, split_model_name_tag
from torch import nn

from ..config.model import ModelConfig, ModelTrainingConfig, StartConfig
from ..config.options import to_values
from ..errors import UserError, listed, nearest
from ..models import HypClip, HyperbolicVisionTransformer, checkpoint_filter_fn
from ..models.state_dict_checks import mismatches, with_tied_names
from .label_order import with_label_order
from .weights import pretrained_overlay, read_weights

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
    classes: Sequence[str] | None = None,
) -> nn.Module:
    """Create a model.

    Args:
        config: The model.
        num_classes: Number of classes of the data set, used if `config` has none.
        training: Options of training, such as dropout; None for a model that is only evaluated.
        hamp: Whether hyperbolic layers compute in mixed precision.
        classes: Names of the classes of the data set by label, in whose order a tree of the classes is brought.

    Raises:
        UserError: The model is unknown, or rejects a keyword or a value; or the file of its weights does not fit it.
    """
    training = training or ModelTrainingConfig()
    _check_name(config.model)
    # timm drops keywords that are None, so the model would use its default margin.
    own = {key: 'none' if key == 'margin' and value is None else value for key, value in config.model_kwargs.items()}
    kwargs = {
        'num_classes': config.num_classes or num_classes,
        'drop_rate': training.drop,
        'drop_path_rate': training.drop_path,
        **({'hamp': True} if hamp else {}),
        **own,
    }
    kwargs = with_label_order(kwargs, classes)
    size = {'img_size': config.img_size, 'in_chans': config.in_chans}
    try:
        overlay = pretrained_overlay(config.pretrained_file, config.model, own) if config.pretrained_file else None
        model = timm.create_model(
            **_arguments(config.model, size, kwargs),
            pretrained=config.has_pretrained,
            pretrained_cfg_overlay=overlay,
        )
        model.pretrained_cfg.pop('state_dict', None)
        if training.grad_checkpointing:
            model.set_grad_checkpointing()
        if not training.fused_attn:
            _use_plain_attention(model)
    # Errors of models about unknown keywords, wrong values or missing weights.
    except (
        *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, RuntimeError, OSError),
    ) as error:
        given = ' '.join(f'{key}={value}' for key, value in config.model_kwargs.items())
        given = f' with --model-kwargs {given}' if given else ''
        given += ' with --hamp' if hamp else ''
        # For an invalid config.json, timm raises errors whose message is only the name of a key or attribute.
        said = repr(error) if isinstance(error, (AttributeError, LookupError)) else str(error)
        wrong = _wrong_value(_model_class(config.model), config.model_kwargs, refused=True)
        if wrong:
            raise UserError(f'--model {config.model}: {wrong}') from error
        raise UserError(f'--model {config.model}{given}: {" ".join(said.split())}') from error
    wrong = _wrong_value(type(model), config.model_kwargs, refused=False)
    if wrong:  # a model may accept the text 'false' and treat it as true
        raise UserError(f'--model {config.model}: {wrong}')
    return model


def _use_plain_attention(model: nn.Module) -> None:
    """Make timm's attention layers compute scores, softmax and weighted sum one after the other."""
    for module in model.modules():
        if hasattr(module, 'fused_attn'):
            module.fused_attn = False


def _arguments(name: str, size: Mapping[str, Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of timm's factory, with the size of the images where the model is made for one size.

    timm asks the defaults of the model's name whether it is. A name that stands for any backbone has no defaults; there
    the backbone is asked.
    """
    backbone = next((kwargs[key] for key in ('backbone', 'base', 'visual') if kwargs.get(key)), None)
    if not isinstance(backbone, str) or not timm.is_model(split_model_name_tag(backbone)[0]):
        return resolve_model_input_args(name, size, **kwargs)
    own = {key: kwargs[key] for key in ('img_size', 'in_chans') if key in kwargs}
    resolved = resolve_model_input_args(backbone, size, **own)
    own = {key: resolved[key] for key in ('img_size', 'in_chans') if key in resolved}
    return {'model_name': name, **kwargs, **own}


def _model_class(name: str) -> type:
    """Return the class of a model, created without keywords."""
    with suppress(Exception), torch.device('meta'):
        return type(timm.create_model(name))
    return nn.Module


_KINDS = {bool: 'True or False', int: 'a whole number', float: 'a number', str: 'a name', tuple: 'a tuple'}


def _wrong_value(cls: type, kwargs: Mapping[str, Any], refused: bool) -> str:
    """Return a message on the first keyword whose value does not have its declared type; empty if there is none.

    Args:
        cls: Class of the model.
        kwargs: Keywords given by the user.
        refused: Whether creating the model failed. If it did not, only text for a number or a truth value is an error.
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
    """Return the declared types of a keyword without None; empty if one of them is not in `_KINDS`."""
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
    """Return input size, mean, std, interpolation and crop of a model, as resolved by timm.

    Args:
        model: The model, whose pretrained configuration has the defaults.
        config: Options of the model.

    Raises:
        UserError: A value of `config` does not fit the model.
    """
    try:
        return resolve_input_data_config(model, to_values(config))
    except (AssertionError, ValueError) as error:
        raise UserError(f'the input of --model {config.model}: {error}') from error


def check_classifier(model: nn.Module, what: str) -> None:
    """Check that timm has loaded the pretrained classifier and not replaced it by one with other classes.

    Args:
        model: A model created with pretrained weights.
        what: The beginning of the message: the flag and the weights.

    Raises:
        UserError: the weights have another number of classes than the model.
    """
    trained = model.pretrained_cfg.get('num_classes', model.num_classes)
    trained -= model.pretrained_cfg.get('label_offset') or 0
    if model.num_classes != trained:
        raise UserError(f'{what} have {trained} classes; a classifier of {model.num_classes} would be untrained')


def start_from_checkpoint(model: nn.Module, config: StartConfig, name: str) -> None:
    """Load `--initial-checkpoint`, if it is given, into a model, and print the tensors that are missing in it.

    Args:
        model: The model.
        config: Path of the checkpoint, and the tensors that may be missing.
        name: Name of the model, for messages.

    Raises:
        UserError: the checkpoint does not fit the model, see `load_initial_checkpoint`.
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
    """Load the weights of a checkpoint, or of the folder of a run, into a model.

    A checkpoint of the reference study's code, or of the authors of MERU or HyCoCLIP, is converted.

    Args:
        model: The model.
        path: Path of the checkpoint or of the folder.
        name: Name of the model, for messages.
        flag: The flag that gave the path, for messages.
        use_ema: Whether to load the moving average if the checkpoint has one.
        allow_missing: Shell patterns of tensors that may be missing; they keep their initial values.

    Returns:
        The names of the tensors that are missing in the checkpoint.

    Raises:
        UserError: there is no such file, it is not a checkpoint, it belongs to another model (the message lists the
            keys that do not fit), or a pattern matches no tensor of the model.
    """
    state = read_weights(path, flag, use_ema)
    if isinstance(model, (HyperbolicVisionTransformer, HypClip)):
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
        patterns: Shell patterns.
        names: Names to choose from.
        flag: The flag that gave the patterns, for messages.

    Raises:
        UserError: a pattern matches nothing. The message suggests a similar pattern that matches.
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
    """Return a pattern for each name and for each module, with `*` in place of block numbers."""
    stems = {}
    for name in names:
        parts = re.sub(r'\.\d+(?=\.)', '.*', name).split('.')
        stems |= dict.fromkeys(['.'.join(parts), *(f'{".".join(parts[:i])}.*' for i in range(1, len(parts)))])
    return [stem for stem in stems if not stem.endswith('.*.*')]
