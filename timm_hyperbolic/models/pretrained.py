"""Safe loading of models from `hf-hub:OWNER/NAME` and `local-dir:FOLDER`.

timm reads `config.json` and passes its content to the entry point. Here every value of it is checked. Then the model is
made on the meta device, without memory, to find the tensors that the weights must have. Memory is allocated only after
the header of the safetensors file has been found to agree. After that timm adapts the weights to the user's own
keywords (classes, channels, image size).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub.utils import EntryNotFoundError, LocalEntryNotFoundError
from huggingface_hub.utils.sha import sha_fileobj
from safetensors import SafetensorError, safe_open
from timm.models import PretrainedCfg, build_model_with_cfg
from timm.models._hub import HF_SAFE_WEIGHTS_NAME as WEIGHTS
from timm.models._hub import download_from_hf
from torch import Tensor, nn

from ..errors import listed
from .checkpoint import checkpoint_filter_fn
from .config_checks import MODEL_ARGS, PRETRAINED_CFG, Check, one_of, text
from .state_dict_checks import mismatches, with_tied_names

__all__ = ['FetchedCheckpoint', 'build_model']

#: Largest number of elements of a model that is made from a `config.json` without weights: 4 GiB in float32.
MAX_ELEMENTS = 2**30

_SOURCES = ('hf-hub', 'local-dir')


def build_model(
    model_cls: Callable[..., nn.Module],
    variant: str,
    pretrained: bool,
    defaults: Mapping[str, Any],
    fetched: type[FetchedCheckpoint] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """Make a model as timm's `build_model_with_cfg` does, with checks of a configuration and weights from elsewhere.

    Args:
        model_cls: The class of the model, or a function that makes it.
        variant: The name of the model.
        pretrained: Whether to load weights.
        defaults: The variant's keywords.
        fetched: The class that checks a configuration and its weights, by default `FetchedCheckpoint`.
        **kwargs: The keywords of the entry point.

    Raises:
        ValueError: `config.json` or the weights of a folder or repository are refused; the message says why.
    """
    fetched = fetched or FetchedCheckpoint
    weights = fetched.of(variant, kwargs)
    if weights is None:
        return build_model_with_cfg(
            model_cls, variant, pretrained, pretrained_filter_fn=fetched.converted, **{**defaults, **kwargs}
        )
    described = {**defaults, **weights.model_args}
    try:
        outline = build_model_with_cfg(
            model_cls, variant, False, pretrained_cfg=dict(weights.pretrained_cfg), device='meta', **described
        )
    except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:  # each constructor has its own
        raise weights.error(f'config.json describes no {variant}: {_short(str(error), 300)}') from error
    overlay = dict(kwargs.pop('pretrained_cfg_overlay', None) or {})
    if pretrained:
        path = weights.file(outline, kwargs.get('cache_dir'))
        overlay |= {'source': None, 'file': str(path)}
    else:
        weights.check_size(outline)
    model = build_model_with_cfg(
        model_cls,
        variant,
        pretrained,
        pretrained_filter_fn=weights.filter_fn,
        pretrained_cfg_overlay=overlay,
        **{**defaults, **kwargs},
    )
    model.pretrained_cfg.pop('file', None)
    model.pretrained_cfg.update(weights.source)
    return model


class FetchedCheckpoint:
    """The checked configuration of a checkpoint that timm has fetched, and the file with its tensors.

    Args:
        name: The name of the model in `config.json`.
        pretrained_cfg: What timm has read about the input and the classes.
        model_args: What timm has read about the model.

    Raises:
        ValueError: something in `config.json` is unknown, of a wrong type or absurdly large.
    """

    #: Takes a checkpoint and the model, and returns the tensors by the model's names and in its shapes.
    converted: Callable[[Mapping[str, Tensor], Any], dict[str, Tensor]] = staticmethod(checkpoint_filter_fn)

    def __init__(self, name: str, pretrained_cfg: Mapping[str, Any], model_args: Mapping[str, Any]) -> None:
        self.name = name
        self.pretrained_cfg = pretrained_cfg
        self.model_args = model_args
        self.where = pretrained_cfg['hf_hub_id'] if self.from_hub else pretrained_cfg['file']
        self.ties: dict[str, str] = {}
        self._check()

    @classmethod
    def of(cls, name: str, kwargs: Mapping[str, Any]) -> FetchedCheckpoint | None:
        """Return the checkpoint in the keywords of an entry point; None where they name no folder or repository."""
        cfg = kwargs.get('pretrained_cfg')
        cfg = dataclasses.asdict(cfg) if isinstance(cfg, PretrainedCfg) else cfg
        if not isinstance(cfg, Mapping) or cfg.get('source') not in _SOURCES:
            return None
        return cls(name, cfg, kwargs.get('pretrained_model_args') or {})

    @property
    def from_hub(self) -> bool:
        """Whether the weights are on the Hub, not in a folder."""
        return self.pretrained_cfg['source'] == 'hf-hub'

    @property
    def source(self) -> dict[str, Any]:
        """The entries of timm's configuration about where the weights came from."""
        return {
            key: self.pretrained_cfg[key] for key in ('source', 'hf_hub_id', 'file') if self.pretrained_cfg.get(key)
        }

    def model_args_checks(self) -> dict[str, Check]:
        """Return the checks of the model's keywords in the configuration, by name."""
        return MODEL_ARGS

    def pretrained_cfg_checks(self) -> dict[str, Check]:
        """Return the checks of the entries about the input and the classes, by name."""
        return PRETRAINED_CFG

    def _check(self) -> None:
        own = {'source': one_of(*_SOURCES), 'architecture': one_of(None, self.name)}
        # Of these two timm itself has written the one that says where it read the configuration.
        own |= {'hf_hub_id' if self.from_hub else 'file': text(10**5)}
        own |= {'file' if self.from_hub else 'hf_hub_id': one_of(None, '')}
        self._check_values('pretrained_cfg', self.pretrained_cfg, self.pretrained_cfg_checks() | own)
        self._check_values('model_args', self.model_args, self.model_args_checks())
        classes = self.model_args.get('num_classes', self.pretrained_cfg.get('num_classes'))
        if classes != self.pretrained_cfg.get('num_classes', classes):
            raise self.error(
                f'model_args.num_classes={classes} and pretrained_cfg.num_classes={self.pretrained_cfg["num_classes"]} '
                'contradict each other'
            )

    def _check_values(self, part: str, values: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
        for key, value in values.items():
            if key not in checks:
                raise self.error(f'unknown field {part}.{key}'[:200])
            if not checks[key](value):
                raise self.error(f'{part}.{key}={_short(value)} is of a wrong type or out of range')

    def check_size(self, model: nn.Module) -> None:
        """Refuse a model that would fill the memory.

        Args:
            model: The model on the meta device.

        Raises:
            ValueError: the model has more than `MAX_ELEMENTS` elements.
        """
        elements = sum(tensor.numel() for tensor in model.state_dict().values())
        if elements > MAX_ELEMENTS:
            raise self.error(f'the model has {elements:,} elements, more than {MAX_ELEMENTS:,}')

    def file(self, model: nn.Module, cache_dir: str | Path | None = None) -> Path:
        """Return the file with the tensors of the model that `config.json` describes.

        Args:
            model: The model on the meta device.
            cache_dir: As in timm.

        Raises:
            ValueError: there is no file in the safetensors format, it is damaged, or its tensors are not the model's.
        """
        path = self._find(cache_dir)
        try:
            with safe_open(path, 'pt') as file:
                parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
                shapes = {name: part.get_shape() for name, part in parts.items()}
                floats = {name for name, part in parts.items() if part.get_dtype().startswith(('F', 'BF'))}
                tied = file.metadata() or {}
        except (SafetensorError, OSError) as error:
            raise self.error(f'{WEIGHTS} is damaged, or no safetensors file: {_short(str(error))}') from error
        shapes = with_tied_names(shapes, model)
        tensors = model.state_dict()
        own = {name: tensor.shape for name, tensor in tensors.items()}
        integers = [
            name for name in parts if name not in floats and (name not in own or tensors[name].is_floating_point())
        ]
        # Of tied tensors safetensors keeps one, and writes the names of the others into its metadata.
        parameters = dict(model.named_parameters())
        self.ties = {
            name: kept
            for name, kept in tied.items()
            if name in parameters and name not in shapes and kept in shapes and own.get(kept) == own[name]
        }
        problems = mismatches(shapes | {name: shapes[kept] for name, kept in self.ties.items()}, own, limit=8)
        if integers:
            problems = '; '.join(filter(None, [problems, f'not floating point: {listed(integers)}']))
        if problems:
            raise self.error(f'{WEIGHTS} does not fit {self.name} as config.json describes it: {problems}')
        return path

    def filter_fn(self, state_dict: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
        """Return the checkpoint for `model`, in which the tensors that were tied when it was saved are tied again."""
        for name, kept in self.ties.items():
            owner, _, leaf = name.rpartition('.')
            setattr(model.get_submodule(owner), leaf, model.get_parameter(kept))
        return self.fitted(state_dict, model)

    def fitted(self, state_dict: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
        """Return the checkpoint in the names and shapes of `model`, which the user's keywords may have changed."""
        return self.converted(state_dict, model)

    def _find(self, cache_dir: str | Path | None) -> Path:
        missing = f'there is no {WEIGHTS}, and weights in any other format are not loaded'
        if not self.from_hub:
            path = Path(self.where) / WEIGHTS
            if not path.is_file():
                raise self.error(missing)
            return path
        try:
            path = Path(download_from_hf(self.where, WEIGHTS, cache_dir=cache_dir))
        except LocalEntryNotFoundError:  # neither the Hub nor the cache answers
            raise
        except EntryNotFoundError as error:
            raise self.error(missing) from error
        # The cache names a large file by its SHA-256, which huggingface_hub itself does not compare.
        blob = path.resolve()
        if re.fullmatch('[0-9a-f]{64}', blob.name):
            with blob.open('rb') as file:
                found = sha_fileobj(file).hex()
            if found != blob.name:
                raise self.error(f'{WEIGHTS} has the wrong checksum, {found}; remove {blob} and load it again')
        return path

    def error(self, message: str) -> ValueError:
        """Return an error that says where the checkpoint came from."""
        return ValueError(f'{self.pretrained_cfg["source"]}:{self.where}: {message}')


def _short(value: Any, length: int = 80) -> str:
    text = ' '.join(value.split()) if isinstance(value, str) else repr(value)
    return f'{text[:length]}...' if len(text) > length else text
