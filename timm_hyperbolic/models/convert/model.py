"""The class of a converted model: the model's own, with timm's contract kept for the new modules."""

from __future__ import annotations

from functools import cache
from typing import Any

from timm.models._input import update_model_args
from torch import nn

from ..carry import carry_head, linear_obstacle
from ..decay import undecayed

__all__ = ['ENTRY_POINT', 'Hyperbolized', 'StemGroups', 'classifiers_of', 'record', 'set_classifiers', 'specialize']

#: timm's name of the models that were converted; `hyperbolized.py` makes them again.
ENTRY_POINT = 'hyperbolized'


class Hyperbolized:
    """What every converted model has before its own class."""

    #: Keywords of the hyperbolic classifier, None while it is Euclidean.
    head_options: dict[str, Any] | None = None
    #: The class that the model was made of, and what was put before it.
    parts: tuple[type, ...] = ()

    def no_weight_decay(self) -> set[str]:
        """Parameters without weight decay: the model's, and all hyperbolic ones but the weights of linear maps."""
        return set(getattr(super(), 'no_weight_decay', set)()) | undecayed(self)

    def reset_classifier(self, *args: Any, **kwargs: Any) -> None:
        """Replace the classifier by a new one of the same kind: the model's, carried over; see timm.

        Raises:
            ValueError: the model's new classifier is not linear, as without pooling in a convolutional model.
        """
        super().reset_classifier(*args, **kwargs)
        if self.head_options is not None:
            set_classifiers(self, self.head_options)

    def __reduce_ex__(self, protocol: int):
        return _new, self.parts, self.__dict__.copy()


class StemGroups:
    """For models with modules beside the blocks."""

    def group_matcher(self, coarse: bool = False) -> Any:
        """Patterns for layer groups: the model's, with the positional join and shared centroids in the stem."""
        groups = super().group_matcher(coarse)
        return {**groups, 'stem': rf'{groups["stem"]}|^pos_join|^centroids'}


@cache
def _class_of(base: type, *mixins: type) -> type:
    return type(f'Hyperbolized{base.__name__}', (Hyperbolized, *mixins, base), {'parts': (base, *mixins)})


def _new(*parts: type) -> nn.Module:
    cls = _class_of(*parts)
    return cls.__new__(cls)


def specialize(model: nn.Module, *mixins: type | None) -> None:
    """Give a model the class of a converted one, with these mixins before its own."""
    base, *present = model.parts if isinstance(model, Hyperbolized) else (type(model),)
    present += [mixin for mixin in mixins if mixin is not None and mixin not in present]
    model.__class__ = _class_of(base, *present)


def record(model: nn.Module, **conversion: Any) -> None:
    """Write a conversion into what timm saves of a model, so that what is saved can be loaded.

    Args:
        model: The converted model; one that timm's factory did not make has nothing that timm could save.
        **conversion: Keywords of `hyperbolize`.
    """
    cfg, args = getattr(model, 'pretrained_cfg', None), getattr(model, '_model_args', None)
    if not cfg or args is None:
        return
    base = args['base'] if cfg['architecture'] == ENTRY_POINT else cfg['architecture']
    update_model_args(model, base=base, conversions=[*args.get('conversions', ()), conversion])
    model.pretrained_cfg = model.default_cfg = {**cfg, 'architecture': ENTRY_POINT}


def classifiers_of(model: nn.Module) -> dict[str, nn.Module]:
    """The classifiers of a timm model by name; a distilled one has two."""
    found = model.get_classifier()
    found = found if isinstance(found, (tuple, list)) else (found,)
    return {name: module for name, module in model.named_modules() if any(module is one for one in found)}


def set_classifiers(model: nn.Module, options: dict[str, Any]) -> None:
    """Make linear classifiers hyperbolic; what stands for none stays.

    Raises:
        ValueError: a classifier is not linear.
    """
    classifiers = {k: v for k, v in classifiers_of(model).items() if not isinstance(v, nn.Identity)}
    for name, classifier in classifiers.items():
        reason = linear_obstacle(classifier)
        if reason:
            raise ValueError(f'the classifier {name} stays Euclidean: {reason}')
    for name, classifier in classifiers.items():
        model.set_submodule(name, carry_head(classifier, **options))
