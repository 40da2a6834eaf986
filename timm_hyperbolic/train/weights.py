"""Reading files of weights, and weights that a model takes as if they were timm's pretrained ones."""

import importlib.util
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import load_state_dict
from torch import Tensor, nn

from ..config.run_files import MODEL
from ..errors import UserError, listed
from ..models.hyp_classifier import backbone_of
from ..models.state_dict_checks import in_order, mismatches

__all__ = ['find_weights', 'pretrained_overlay', 'read_weights']

_ENDINGS = ('.pth', '.pt', '.bin', '.safetensors')


def find_weights(path: str, flag: str) -> Path:
    """Return the file of weights that a path means.

    Args:
        path: A file, the folder of a run, or the name of an installed package that holds one file of weights. The
            package is not imported.
        flag: The flag that gave the path, for messages.

    Raises:
        UserError: There is no such file, or the package holds none or several.
    """
    file = Path(path)
    if file.is_dir():
        file /= MODEL
    if file.is_file():
        return file
    folder = _package(path)
    if folder is None:
        raise UserError(f'{flag} {path}: no such file{"" if file == Path(path) else f": {file}"}')
    found = sorted(each for each in folder.rglob('*') if each.suffix in _ENDINGS and each.is_file())
    if len(found) != 1:
        what = f'several files of weights: {listed(map(str, found))}; give one' if found else 'no file of weights'
        raise UserError(f'{flag} {path}: the package in {folder} holds {what}')
    return found[0]


def _package(name: str) -> Path | None:
    """Return the folder of an installed package; None if there is none of this name."""
    if not name.isidentifier():
        return None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def read_weights(path: str, flag: str, use_ema: bool = True) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name.

    Args:
        path: The checkpoint, as `find_weights` takes it.
        flag: The flag that gave the path, for messages.
        use_ema: Whether to take the moving average if the checkpoint has one.

    Raises:
        UserError: There is no such file, or it is not a checkpoint.
    """
    file = find_weights(path, flag)
    try:
        return load_state_dict(str(file), use_ema=use_ema)
    except Exception as error:  # safetensors, pickle and zip each have errors of their own
        said = ' '.join(str(error).split())
        if 'weights_only' in said:  # timm's advice to turn this check off is only for trusted files
            said = 'it holds more than tensors, which could run code (weights_only)'
        raise UserError(f'{flag} {path}: not a checkpoint: {said}') from error


def pretrained_overlay(path: str, name: str, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `pretrained_cfg_overlay` with which `timm.create_model(pretrained=True)` takes the weights of a file.

    timm then adapts them to other numbers of classes and channels and to another image size, as it does with the
    weights of its own. Tensors whose names are not the model's are assigned by order and shape, see `in_order`.

    Args:
        path: The file, as `find_weights` takes it.
        name: The name of the model, for which the weights are read.
        keywords: Keywords of the model, without those that the weights are adapted to.

    Raises:
        UserError: There is no such file, or it does not fit the model; the message names the first tensor that does
            not fit.
    """
    flag = '--pretrained-file'
    if ':' in name:
        raise UserError(f'{flag} {path}: --model {name} has weights of its own; give the name of a model of timm')
    state = {key: value for key, value in read_weights(path, flag).items() if isinstance(value, Tensor)}
    backbone, keywords = backbone_of(name, keywords)
    outline = _on_meta(backbone, keywords)
    own = outline.state_dict()
    reason = ''
    if state.keys() != own.keys():
        try:
            state = in_order(state, own, resizable=_classifiers(outline))
        except ValueError as error:  # timm may know how to convert these names
            reason = str(error)
    rows = [len(state[f'{each}.weight']) for each in _classifiers(outline) if f'{each}.weight' in state]
    failure: Exception | None = None
    # A file without a tensor of the classifier's name has no classifier, or one whose name timm changes.
    for count in rows[:1] or (outline.num_classes, 0):
        # The source is empty so that timm takes these tensors and no others.
        overlay = {'source': '', 'state_dict': state, 'num_classes': count, 'label_offset': 0}
        try:
            _on_meta(backbone, keywords, pretrained=True, num_classes=count, overlay=overlay)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            failure = failure or error
        else:
            return overlay
    shapes = [{key: value.shape for key, value in tensors.items()} for tensors in (state, own)]
    said = reason or mismatches(*shapes) or ' '.join(str(failure).split())
    raise UserError(
        f'{flag} {path} does not fit --model {name}: {said}. Give the --model and --model-kwargs that the weights were '
        'made with'
    ) from failure


def _on_meta(
    name: str, keywords: Mapping[str, Any], overlay: Mapping[str, Any] | None = None, **others: Any
) -> nn.Module:
    """Make a model without memory, to see which tensors it has, or whether weights fit it."""
    with torch.device('meta'), warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='.*copying from a non-meta parameter')
        return timm.create_model(name, pretrained_cfg_overlay=overlay, **keywords, **others)


def _classifiers(model: nn.Module) -> tuple[str, ...]:
    names = model.pretrained_cfg.get('classifier') or ()
    return (names,) if isinstance(names, str) else tuple(names)
