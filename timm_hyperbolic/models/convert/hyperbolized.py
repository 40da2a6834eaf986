"""timm's entry point for models that `hyperbolize` converted: makes them again from their saved configuration."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import timm
from timm.models import build_model_with_cfg, is_model, model_entrypoint, register_model
from torch import Tensor, nn

from ..checkpoint import checkpoint_filter_fn
from ..config_checks import CONVERSION, Check, either, listing, plain, whole
from ..pretrained import FetchedCheckpoint, build_model
from ..vit_hyp import HyperbolicVisionTransformer
from .hyperbolize import hyperbolize
from .model import ENTRY_POINT

__all__ = ['FetchedConversion', 'hyperbolized']


def _convert(base: str = '', conversions: Sequence[Mapping[str, Any]] = (), **kwargs: Any) -> nn.Module:
    if not base or not conversions:
        raise ValueError(f'{ENTRY_POINT}: give base=, a model of timm, and conversions=, keywords of hyperbolize()')
    headless = kwargs.get('num_classes') == 0
    if headless:  # the classifier is converted before it is removed, so that the next one is hyperbolic too
        del kwargs['num_classes']
    model = timm.create_model(base, **kwargs)
    for conversion in conversions:
        hyperbolize(model, **conversion)
    if headless:
        model.reset_classifier(0)
    return model


@register_model
def hyperbolized(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """A timm model that `hyperbolize` has converted: the entry point that its saved configuration names.

    Args:
        pretrained: Whether to load weights: those of the checkpoint; without a checkpoint those of the base, before it
            is converted.
        **kwargs: `base`, timm's name of the model; `conversions`, a list with the keywords of each call of
            `hyperbolize`; and keywords of the base.

    Raises:
        ValueError: `config.json` or the weights of a folder or repository are refused; the message says why.
    """
    if FetchedConversion.of(ENTRY_POINT, kwargs) is None:
        kwargs.pop('pretrained_cfg', None)  # timm has none for this name, and the base has its own
        return _convert(pretrained=pretrained, **kwargs)
    features = {'out_indices': kwargs.pop('out_indices', 3), 'feature_cls': 'getter'}
    return build_model(_convert, ENTRY_POINT, pretrained, {}, fetched=FetchedConversion, feature_cfg=features, **kwargs)


class FetchedConversion(FetchedCheckpoint):
    """The configuration and the weights of a converted model."""

    #: The keyword with timm's name of the model that was changed.
    base = 'base'

    def own_checks(self) -> dict[str, Check]:
        """Return the checks of the keywords that say what was changed, by name."""
        own = {'base': _is_base, 'conversions': listing(_is_conversion, 1, 16)}
        for name in own:
            if name not in self.model_args:
                raise self.error(f'config.json has no model_args.{name}')
        return own

    def model_args_checks(self) -> dict[str, Check]:
        """Return the checks of the model's keywords in the configuration, by name."""
        # A keyword of timm's factory is none of a model.
        others = [name for name in self.model_args if name not in _FACTORY]
        return {name: _count if 'depth' in name else plain for name in others} | self.own_checks()

    def pretrained_cfg_checks(self) -> dict[str, Check]:
        """Return the checks of the entries about the input and the classes, by name."""
        names = ('first_conv', 'classifier', 'pool_size', 'test_pool_size')
        return super().pretrained_cfg_checks() | dict.fromkeys(names, plain)

    def fitted(self, state_dict: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
        """Return the checkpoint in the names and shapes of `model`, which the user's keywords may have changed."""
        own = model.state_dict()
        names = self.pretrained_cfg.get('classifier') or ()
        for name in (names,) if isinstance(names, str) else names:
            # A classifier of other sizes is left as it was made: timm drops only a weight and a bias.
            mine, theirs = (
                {key: part[key] for key in part if key.startswith(f'{name}.')} for part in (own, state_dict)
            )
            if {key: t.shape for key, t in mine.items()} != {key: t.shape for key, t in theirs.items()}:
                state_dict = {key: t for key, t in state_dict.items() if key not in theirs} | mine
        if all(name not in own or own[name].shape == tensor.shape for name, tensor in state_dict.items()):
            return dict(state_dict)
        if isinstance(model, HyperbolicVisionTransformer):
            return checkpoint_filter_fn(state_dict, model, start=False)
        family = sys.modules[model_entrypoint(self.model_args[self.base]).__module__]
        resize = getattr(family, 'checkpoint_filter_fn', None)
        return dict(state_dict) if resize is None else resize(state_dict, model)


_count = either(whole(0, 256), listing(whole(0, 256), 1, 64))


def _is_base(value: Any) -> bool:
    return isinstance(value, str) and is_model(value) and value != ENTRY_POINT


def _is_conversion(value: Any) -> bool:
    return isinstance(value, dict) and all(key in CONVERSION and CONVERSION[key](each) for key, each in value.items())


#: Keywords of timm's factory, which it does not pass to the class of a model.
_FACTORY = {
    name
    for function in (timm.create_model, build_model_with_cfg)
    for name, parameter in inspect.signature(function).parameters.items()
    if parameter.kind is not parameter.VAR_KEYWORD
} | {'device', 'dtype', 'features_only', 'pruned'}
