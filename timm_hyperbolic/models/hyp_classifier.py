"""Hyperbolic, hierarchical and geometric classifiers on any timm backbone.

`attach_head` replaces the classifier of a timm model; `timm.create_model('hyp_classifier', backbone=...)` makes a
backbone by its name and does the same. The result is a model of the backbone's own class in timm, with the same
parameter names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import timm
import torch
from timm.models import is_model, register_model
from timm.models._input import update_model_args
from timm.utils import unwrap_model
from torch import nn

from ..layers import HyperbolicConfig
from .backbone import check_timm_model
from .config_checks import MODEL_ARGS, Check, one_of
from .convert.hyperbolized import FetchedConversion
from .convert.model import hyperbolic_class
from .from_euclidean import linear_obstacle
from .head_options import CHOICES, NUMBERS, HeadOptions, hierarchy_of, is_plain_hierarchy
from .hyp_clip import OWN as CLIP_NAMES
from .hyp_segmenter import OWN as SEGMENTER_NAMES
from .hyperbolic_model import classifiers_of, set_classifiers, unchanged_on_error
from .pretrained import build_model

__all__ = ['attach_head', 'backbone_of', 'hyp_classifier']

#: timm's name of a backbone with a head of this module.
ENTRY_POINT = 'hyp_classifier'


def _options(keywords: dict[str, Any], model: nn.Module | None, backbone: str | None) -> HeadOptions:
    """Take the keywords of a head out of a dictionary."""
    names = {each.name for each in fields(HeadOptions)} - {'config', 'backbone', 'hierarchy'}
    own = {name: keywords.pop(name) for name in names if name in keywords}
    if isinstance(own.get('scales'), list):
        own['scales'] = tuple(own['scales'])
    hierarchy = keywords.pop('hierarchy', None)
    if hierarchy is not None:
        own['hierarchy'] = hierarchy_of(hierarchy, model)
    if own.get('geometry') == 'euclid':
        keywords.setdefault('curvature', 0.0)
    return HeadOptions(**own, config=HyperbolicConfig.pop_from(keywords), backbone=backbone)


def attach_head(
    model: nn.Module,
    head: str = 'mlr',
    dim: int = 32,
    hierarchy: Any = None,
    geometry: str = 'hyperbolic',
    *,
    num_classes: int | None = None,
    **keywords: Any,
) -> nn.Module:
    """Replace the classifier of a timm model by a new hyperbolic, hierarchical or geometric one, in place.

    Pooled features are projected to `dim` dimensions, clipped to the margin, brought to the ball by `exp0` and
    classified there:

    - `'proto'`: `HyperbolicHead`, squared distances to learnt prototypes;
    - `'tree'`: `TreeHead`, distances to fixed prototypes that the tree of the classes places;
    - `'mlr'`: `HyperbolicMLR`, signed distances from learnt hyperplanes;
    - `'hsoftmax'`: `HierarchicalSoftmax` over all nodes of the tree, whose logits are log-probabilities.

    Three heads take the features as they are: `'basin'` (`BasinHead`), `'linear'` and `'mlp'`.

    Args:
        model: A timm model with a linear classifier, which it finds as timm does. Its other parameters keep their names
            and identity.
        head: A name of `HEADS`.
        dim: Number of dimensions d that the features are projected to, at least 2.
        hierarchy: The tree of the classes: `'cifar100'`, `'wordnet'` for the model's classes, the path of an indented
            text, or a `Taxonomy` with classes. It decides the number of classes.
        geometry: `'hyperbolic'`, or `'euclid'` for the flat twin: the same head at curvature 0.
        num_classes: The number of classes; None for that of the hierarchy, or without one for that of the model.
        **keywords: Further fields of `HeadOptions` and of `HyperbolicConfig`, such as `curvature` and `margin`.

    Returns:
        The model.

    Raises:
        ValueError: a value is unknown or outside its range, the model has no linear classifier, or the number of
            classes is not that of the hierarchy. The model is unchanged.
        TypeError: a keyword is unknown, or the model is wrapped or compiled.
        UserError: the hierarchy is corrupt, or a class of the model has no node.
    """
    if unwrap_model(model) is not model:
        raise TypeError(f'model is a {torch.typename(model)} around another: attach the head before it is wrapped')
    cfg = getattr(model, 'pretrained_cfg', None) or {}
    backbone = cfg.get('architecture')
    if backbone == ENTRY_POINT:
        backbone = model.make_head.backbone
    keywords |= {'head': head, 'dim': dim, 'geometry': geometry, 'hierarchy': hierarchy}
    options = _options(keywords, model, backbone)
    if keywords:
        raise TypeError(f'unknown keyword {sorted(keywords)}; the keywords are {_names()}')
    with unchanged_on_error(model):
        _attach(model, options, num_classes or options.num_classes)
    return model


def _attach(model: nn.Module, options: HeadOptions, given: int | None) -> None:
    """Replace the classifier of a model; `given` is the number of classes, None for that of the model."""
    if given and hasattr(model, 'reset_classifier') and getattr(model, 'num_classes', None) == 0:
        if isinstance(getattr(model, 'make_head', None), HeadOptions):
            model.make_head = None
        model.reset_classifier(given)
    current = _linear_classifiers(model)
    wanted = given or next(iter(current.values())).out_features
    if options.num_classes not in (None, wanted):
        raise ValueError(
            f'num_classes={wanted} differs from the {options.num_classes} classes of hierarchy={options.hierarchy!r}; '
            'leave num_classes out, or give the hierarchy of these classes'
        )
    for module in current.values():
        options(nn.Linear(module.in_features, wanted, device='meta'))  # what it refuses, it refuses before any change
    if any(type(module) is _Outline or module.out_features != wanted for module in current.values()):
        model.make_head = None
        model.reset_classifier(wanted)
    model.__class__ = hyperbolic_class(type(model))
    model.make_head = options
    set_classifiers(model)
    cfg = getattr(model, 'pretrained_cfg', None) or {}
    if cfg and hasattr(model, '_model_args'):
        update_model_args(model, **options.model_args())
        model.pretrained_cfg = model.default_cfg = {**cfg, 'architecture': ENTRY_POINT}


def _names() -> tuple[str, ...]:
    own = (each.name for each in fields(HeadOptions) if each.name not in ('config', 'backbone'))
    return (*own, *HyperbolicConfig.names())


def backbone_of(name: str, keywords: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the model that takes pretrained weights when a model is made, and its keywords.

    Args:
        name: A timm model. Pretrained weights of `hyp_classifier` and of `hyp_segmenter` are those of their
            backbone before the head is attached, those of `hyp_clip` the ones of its image model, those of
            `hyperbolized` the ones of its base before it is converted.
        keywords: Keywords of the model.

    Returns:
        The name and the keywords of the backbone; of another model its own.
    """
    keywords = dict(keywords)
    own_names = {ENTRY_POINT: _names(), 'hyp_segmenter': SEGMENTER_NAMES, 'hyperbolized': ('conversions',)}
    own_names['hyp_clip'] = CLIP_NAMES
    inner_names = {'hyperbolized': 'base', 'hyp_clip': 'visual'}
    while name in own_names:
        inner = keywords.pop(inner_names.get(name, 'backbone'), '')
        own = own_names[name]
        name, keywords = inner, {key: value for key, value in keywords.items() if key not in own}
    return name, keywords


class _Outline(nn.Module):
    """The sizes of a head that was attached before and is to be replaced."""

    def __init__(self, head: nn.Module, out_features: int) -> None:
        super().__init__()
        first = next(module for module in head.modules() if isinstance(module, nn.Linear))
        self.in_features, self.out_features = first.in_features, out_features


def _linear_classifiers(model: nn.Module) -> dict[str, nn.Module]:
    """The classifiers of a model that a head can replace.

    Raises:
        ValueError: the model has none, or one that is not linear.
    """
    what = torch.typename(model)
    if not hasattr(model, 'get_classifier') or not hasattr(model, 'reset_classifier'):
        raise ValueError(f'the backbone {what} has no classifier that a head could replace: it has no get_classifier()')
    found = {name: module for name, module in classifiers_of(model).items() if not isinstance(module, nn.Identity)}
    if not found:
        raise ValueError(
            f'the backbone {what} has no classifier that a head could replace (num_classes={model.num_classes}): make '
            'it with at least one class, or give num_classes'
        )
    if isinstance(getattr(model, 'make_head', None), HeadOptions):
        return {name: _Outline(module, model.num_classes) for name, module in found.items()}
    for name, module in found.items():
        reason = linear_obstacle(module)
        if reason:
            raise ValueError(f'the classifier {name} of the backbone {what} cannot be replaced: {reason}')
    return found


def _make(backbone: str = '', **kwargs: Any) -> nn.Module:
    check_timm_model('backbone', backbone, backbone == ENTRY_POINT, 'resnet18')
    own = {name: kwargs.pop(name) for name in _names() if name in kwargs}
    if kwargs.get('features_only'):
        return timm.create_model(backbone, **kwargs)
    headless = kwargs.get('num_classes') == 0
    if headless:  # the head is attached before it is removed, so that the next one is of its kind
        del kwargs['num_classes']
    model = timm.create_model(backbone, **kwargs)
    attach_head(model, num_classes=kwargs.get('num_classes'), **own)
    if headless:
        model.reset_classifier(0)
    return model


@register_model
def hyp_classifier(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """A timm backbone with a hyperbolic, hierarchical or geometric classifier; see `attach_head` for its keywords.

    Args:
        pretrained: Whether to load weights: those of the checkpoint; without a checkpoint those of the backbone.
        **kwargs: `backbone`, timm's name of the backbone; the keywords of `attach_head`; and keywords of the backbone.

    Raises:
        ValueError: a value is refused, or the `config.json` or weights of a folder or repository; the message says why.
    """
    if _FetchedHead.of(ENTRY_POINT, kwargs) is None:
        kwargs.pop('pretrained_cfg', None)  # timm has none for this name, and the backbone has its own
        return _make(pretrained=pretrained, **kwargs)
    features = {'out_indices': kwargs.pop('out_indices', 3), 'feature_cls': 'getter'}
    return build_model(_make, ENTRY_POINT, pretrained, {}, fetched=_FetchedHead, feature_cfg=features, **kwargs)


def _is_backbone(value: Any) -> bool:
    return isinstance(value, str) and is_model(value) and value != ENTRY_POINT


#: The keywords of a head in a `config.json` that may come from anywhere: no path among them.
_HEAD_ARGS: dict[str, Check] = {
    **{name: one_of(*allowed) for name, allowed in CHOICES.items()},
    **NUMBERS,
    **{name: MODEL_ARGS[name] for name in HyperbolicConfig.names()},
    'hierarchy': is_plain_hierarchy,
}


class _FetchedHead(FetchedConversion):
    """The configuration and the weights of a backbone with a head."""

    base = 'backbone'

    def own_checks(self) -> dict[str, Callable[[Any], bool]]:
        if 'backbone' not in self.model_args:
            raise self.error('config.json has no model_args.backbone')
        conversion = super().own_checks() if self.model_args['backbone'] == 'hyperbolized' else {}
        return conversion | {'backbone': _is_backbone} | _HEAD_ARGS
