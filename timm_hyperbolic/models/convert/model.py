"""The class of a converted model, and the record of its conversions."""

from __future__ import annotations

from functools import cache
from typing import Any

from timm.models._input import update_model_args
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from ..hyperbolic_model import POS_EMBEDS, HyperbolicModel, StemGroups
from ..vit_hyp import HyperbolicVisionTransformer

__all__ = ['ENTRY_POINT', 'hyperbolic_class', 'record']

#: timm's name of a converted model; `hyperbolized.py` makes it again.
ENTRY_POINT = 'hyperbolized'


@cache
def hyperbolic_class(base: type[nn.Module]) -> type[nn.Module]:
    """Return the class of a converted model.

    Args:
        base: The class of the model before. A `VisionTransformer` becomes a `HyperbolicVisionTransformer`, and a class
            with hyperbolic modules stays what it is.
    """
    if issubclass(base, HyperbolicModel):
        return base
    if base is VisionTransformer:
        return HyperbolicVisionTransformer
    mixins: list[type] = [HyperbolicModel]
    if hasattr(base, 'group_matcher'):
        mixins.append(StemGroups)
    if getattr(base, '_pos_embed', None) in POS_EMBEDS:
        mixins.append(POS_EMBEDS[base._pos_embed])

    def reduce(self: nn.Module, protocol: int) -> tuple[Any, ...]:
        return _new, (base,), self.__dict__.copy()

    # A class that is made at run time has no import path, so that `pickle` has to make it again from its base.
    return type(f'Hyperbolic{base.__name__}', (*mixins, base), {'__reduce_ex__': reduce})


def _new(base: type[nn.Module]) -> nn.Module:
    cls = hyperbolic_class(base)
    return cls.__new__(cls)


def record(model: nn.Module, **conversion: Any) -> None:
    """Write a conversion into the configuration that timm saves with a model, from which the model can be made again.

    Args:
        model: The converted model. For a model that timm's factory did not make there is no such configuration.
        **conversion: Keywords of `hyperbolize`.
    """
    cfg, args = getattr(model, 'pretrained_cfg', None), getattr(model, '_model_args', None)
    if not cfg or args is None:
        return
    base = args['base'] if cfg['architecture'] == ENTRY_POINT else cfg['architecture']
    update_model_args(model, base=base, conversions=[*args.get('conversions', ()), conversion])
    model.pretrained_cfg = model.default_cfg = {**cfg, 'architecture': ENTRY_POINT}
