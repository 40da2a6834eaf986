"""Hyperbolic, hierarchical and geometric classifiers on any timm backbone.

`attach_head` replaces the classifier of a timm model; `timm.create_model('hyp_classifier', backbone=...)` makes a
backbone by its name and does the same. The result is a model of the backbone's own class in timm, with the same
parameter names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers import get_device_dtype
from timm.models import is_model, register_model
from timm.models._input import update_model_args
from timm.utils import unwrap_model
from torch import Tensor, nn

from ..layers import HyperbolicConfig, HyperbolicHead
from ..layers.basin import BasinHead
from ..layers.classifier import ProjectedHead
from ..layers.hierarchical_softmax import HierarchicalSoftmax
from ..layers.mlr import HyperbolicMLR
from ..layers.tree_head import TreeHead
from ..taxonomy import Taxonomy, embed_tree
from .config_checks import MODEL_ARGS, Check, either, listing, nothing, one_of, real, text, whole
from .convert.hyperbolized import FetchedConversion
from .convert.model import hyperbolic_class
from .from_euclidean import linear_obstacle
from .hyperbolic_model import classifiers_of, set_classifiers
from .pretrained import build_model

__all__ = ['HEADS', 'HeadOptions', 'attach_head', 'hyp_classifier']

#: timm's name of a backbone with a head of this module.
ENTRY_POINT = 'hyp_classifier'

#: Heads that classify points of d dimensions, and can score the nodes of a tree too.
POINT_HEADS = ('proto', 'tree', 'mlr')

HEADS = (*POINT_HEADS, 'hsoftmax', 'basin', 'linear', 'mlp')
"""The names that `head=` takes."""

#: Heads that need a tree of the classes, and those that a keyword is for; the other keywords are for all.
_NEED_TREE = ('tree', 'hsoftmax')
_OWN = {
    'nodes': ('hsoftmax',),
    'edge': _NEED_TREE,
    'scales': ('basin',),
    'k': ('basin',),
    'vertices': ('basin',),
}


@dataclass(frozen=True)
class HeadOptions:
    """Which head a classifier has; called with a linear classifier, it makes the head that replaces it.

    Args:
        head: A name of `HEADS`.
        dim: Number of dimensions d that the features are projected to, at least 2. `'mlp'` has as many hidden features,
            `'basin'` the scales `(d, 2d, 4d)`; `'linear'` has no use for it.
        geometry: `'hyperbolic'`, or `'euclid'` for the flat twin: the same head at curvature 0.
        hierarchy: The tree of the classes. `'tree'` and `'hsoftmax'` need it; for others it only counts the classes.
        nodes: For `'hsoftmax'`, what scores the nodes: `'mlr'`, `'proto'` or `'tree'`.
        edge: For prototypes from a tree, the length of its edges in units of `1/√c`. None takes 4 divided by the depth
            of the tree, and at least 1: within the study's margin up to a depth of 4.
        scales: For `'basin'`, the dimensions of its scales; None for `(d, 2d, 4d)`.
        k: For `'basin'`, the dimension of the simplices.
        vertices: For `'basin'`, `'euclid'` or `'ball'`.
        config: The hyperbolic keywords.
        backbone: timm's name of the backbone, for the saved configuration.

    Raises:
        ValueError: a value is unknown, outside its range, or for other heads only.
    """

    head: str = 'mlr'
    dim: int = 32
    geometry: str = 'hyperbolic'
    hierarchy: Taxonomy | None = None
    nodes: str = 'mlr'
    edge: float | None = None
    scales: tuple[int, ...] | None = None
    k: int = 12
    vertices: str = 'euclid'
    config: HyperbolicConfig = field(default_factory=HyperbolicConfig)
    backbone: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(_unknown(name, getattr(self, name), allowed))
        for name, check in _NUMBERS.items():
            if not check(getattr(self, name)):
                raise ValueError(f'{name}={getattr(self, name)!r} {_REMEDY[name]}')
        defaults = {each.name: each.default for each in fields(self)}
        for name, heads in _OWN.items():
            if self.head not in heads and getattr(self, name) != defaults[name]:
                raise ValueError(
                    f'{name}={getattr(self, name)!r} is for head={" or ".join(map(repr, heads))}, not for '
                    f'head={self.head!r}; leave it out'
                )
        if self.head in _NEED_TREE and self.hierarchy is None:
            raise ValueError(
                f"head={self.head!r} needs the tree of the classes: give hierarchy='cifar100', 'wordnet', the path of "
                'an indented text, or a Taxonomy'
            )
        if self.hierarchy is not None and self.hierarchy.classes is None:
            raise ValueError(
                f'hierarchy={self.hierarchy!r} does not say which nodes are the classes, in the order of the labels: '
                'use its with_classes(names)'
            )
        if self.geometry == 'euclid' and self.config.curvature != 0:
            raise ValueError(f"geometry='euclid' and curvature={self.config.curvature} contradict: leave one out")

    @property
    def num_classes(self) -> int | None:
        """The number of classes of the hierarchy; None without one."""
        return None if self.hierarchy is None else len(self.hierarchy.classes)

    def __call__(self, source: nn.Linear) -> nn.Module:
        """Return a new head in the place of a linear classifier, with the same number of features and classes.

        Raises:
            ValueError: the number of classes is not that of the hierarchy.
        """
        num_classes = source.out_features
        if self.num_classes not in (None, num_classes):
            raise ValueError(
                f'num_classes={num_classes} differs from the {self.num_classes} classes of '
                f'hierarchy={self.hierarchy!r}; attach the head again with the hierarchy of the new classes'
            )
        head = self._head(source.in_features, num_classes, **get_device_dtype(source))
        return head.train(source.training)

    def _head(self, in_features: int, num_classes: int, **dd: Any) -> nn.Module:
        if self.head == 'linear':
            return nn.Linear(in_features, num_classes, **dd)
        if self.head == 'mlp':
            return nn.Sequential(
                nn.Linear(in_features, self.dim, **dd), nn.GELU(), nn.Linear(self.dim, num_classes, **dd)
            )
        if self.head == 'basin':
            scales = self.scales or (self.dim, 2 * self.dim, 4 * self.dim)
            return BasinHead(in_features, num_classes, scales, self.k, self.vertices, config=self.config, **dd)
        if self.head == 'hsoftmax':
            tree = self.hierarchy
            nodes = torch.tensor([node for node in range(len(tree)) if node != tree.root])
            head: nn.Module = HierarchicalSoftmax(
                self._on_points(self.nodes, nodes, **dd),
                torch.from_numpy(tree.parent.copy()),
                torch.from_numpy(tree.classes.copy()),
                dd['device'],
            )
        else:
            nodes = torch.arange(num_classes)
            if self.head == 'tree':
                nodes = torch.from_numpy(self.hierarchy.classes.copy())
            head = self._on_points(self.head, nodes, **dd)
        return ProjectedHead(in_features, self.dim, head, **dd)

    def _on_points(self, head: str, nodes: Tensor, **dd: Any) -> nn.Module:
        """A head that scores as many classes or nodes as there are in `nodes`."""
        if head == 'proto':
            return HyperbolicHead(self.dim, len(nodes), self.config, **dd)
        if head == 'mlr':
            return HyperbolicMLR(self.dim, len(nodes), self.config, **dd)
        tree = self.hierarchy
        edge = self.edge or max(1.0, 4 / max(tree.max_depth, 1))
        # The flat twin takes the prototypes of curvature 1.
        vectors = embed_tree(tree, self.dim, edge).points('tangent', self.config.curvature or 1.0)
        return TreeHead(vectors[nodes], self.config, **dd)

    def model_args(self) -> dict[str, Any]:
        """Return the keywords from which the model can be made again, as plain data."""
        own = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name != 'config' and self.head in _OWN.get(each.name, HEADS)
        }
        own['hierarchy'] = None if self.hierarchy is None else plain_hierarchy(self.hierarchy)
        if self.scales is not None:
            own['scales'] = list(self.scales)
        own['margin'] = 'none' if self.config.margin is None else self.config.margin
        # timm's factory drops keywords that are None
        return {name: value for name, value in (asdict(self.config) | own).items() if value is not None}


_CHOICES: dict[str, tuple[str, ...]] = {
    'head': HEADS,
    'geometry': ('hyperbolic', 'euclid'),
    'nodes': POINT_HEADS,
    'vertices': ('euclid', 'ball'),
}
_NUMBERS: dict[str, Check] = {
    'dim': whole(2, 2**16),
    'edge': either(nothing, real(1e-6, 350)),
    'scales': either(nothing, listing(whole(1, 2**16), 1, 64)),
    'k': whole(1, 2**16),
}
_REMEDY = {
    'dim': 'must be a whole number of at least 2: a space in which classes or branches of a tree can lie apart',
    'edge': 'must be a positive number: the length of the edges of the tree',
    'scales': 'must be a list of whole numbers of at least 1',
    'k': 'must be a whole number of at least 1: the dimension of a simplex',
}


def _unknown(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    near = get_close_matches(str(value), allowed, 1)
    hint = f'did you mean {near[0]!r}? ' if near else ''
    return f'{name}={value!r} is unknown; {hint}choose from {allowed}'


def hierarchy_of(value: Any, model: nn.Module | None = None) -> Taxonomy:
    """Return the tree of classes that a keyword names.

    In a graph of names, such as WordNet, a class may have several parents. The tree has one parent of each node, that
    of the graph's spanning tree, and only nodes that stand above a class there.

    Args:
        value: `'cifar100'`; `'wordnet'` for the classes of the model in WordNet; the path of an indented text, or the
            text itself; what `plain_hierarchy` returns; or a `Taxonomy`.
        model: The model, for `'wordnet'`.

    Raises:
        ValueError: the value is none of these.
        UserError: the tree is corrupt, or a class has no node.
    """
    tree = _named_hierarchy(value, model)
    is_tree = len(tree.links) == len(tree) - 1
    return tree if is_tree or tree.classes is None else hierarchy_of(plain_hierarchy(tree))


def _named_hierarchy(value: Any, model: nn.Module | None) -> Taxonomy:
    if isinstance(value, Taxonomy):
        return value
    if value == 'cifar100':
        return Taxonomy.cifar100()
    if value == 'wordnet':
        return Taxonomy.from_wordnet().for_model(model)
    if isinstance(value, Mapping):
        if set(value) != {'parents', 'classes'}:
            raise ValueError(f"hierarchy with the keys {sorted(value)} must have the keys 'parents' and 'classes'")
        parents = {name: () if parent is None else (parent,) for name, parent in value['parents'].items()}
        return Taxonomy.from_parents(parents, where='hierarchy').with_classes(value['classes'])
    if isinstance(value, (str, Path)) and ('\n' in str(value) or Path(value).is_file()):
        return Taxonomy.from_text(value)
    raise ValueError(
        f"hierarchy={value!r} is no file; give 'cifar100', 'wordnet', the path of an indented text, or a Taxonomy"
    )


def plain_hierarchy(tree: Taxonomy) -> dict[str, Any]:
    """Return a tree with classes as plain data: the parent of each node, and the classes in the order of the labels."""
    return {
        'parents': {
            name: None if parent < 0 else tree.names[parent]
            for name, parent in zip(tree.names, tree.parent.tolist(), strict=True)
        },
        'classes': [tree.names[node] for node in tree.classes.tolist()],
    }


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
    given = num_classes or options.num_classes
    if given and hasattr(model, 'reset_classifier') and getattr(model, 'num_classes', None) == 0:
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
    if cfg and hasattr(model, '_model_args'):
        update_model_args(model, **options.model_args())
        model.pretrained_cfg = model.default_cfg = {**cfg, 'architecture': ENTRY_POINT}
    return model


def _names() -> tuple[str, ...]:
    own = (each.name for each in fields(HeadOptions) if each.name not in ('config', 'backbone'))
    return (*own, *HyperbolicConfig.names())


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
    if not backbone or backbone == ENTRY_POINT:
        raise ValueError(f"backbone={backbone!r} must be the name of a timm model, such as backbone='resnet18'")
    if ':' not in backbone and not is_model(backbone):
        near = get_close_matches(backbone, timm.list_models(), 1)
        hint = f'did you mean {near[0]!r}?' if near else 'see timm.list_models()'
        raise ValueError(f'backbone={backbone!r} is no timm model; {hint}')
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


def _is_hierarchy(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {'parents', 'classes'}:
        return False
    name, parents = text(1000), value['parents']
    return (
        listing(name, 1, 10**6)(value['classes'])
        and isinstance(parents, dict)
        and len(parents) <= 10**6
        and all(name(child) and either(nothing, name)(parent) for child, parent in parents.items())
    )


#: The keywords of a head in a `config.json` that may come from anywhere: no path among them.
_HEAD_ARGS: dict[str, Check] = {
    **{name: one_of(*allowed) for name, allowed in _CHOICES.items()},
    **_NUMBERS,
    **{name: MODEL_ARGS[name] for name in HyperbolicConfig.names()},
    'hierarchy': _is_hierarchy,
}


class _FetchedHead(FetchedConversion):
    """The configuration and the weights of a backbone with a head."""

    base = 'backbone'

    def own_checks(self) -> dict[str, Callable[[Any], bool]]:
        if 'backbone' not in self.model_args:
            raise self.error('config.json has no model_args.backbone')
        conversion = super().own_checks() if self.model_args['backbone'] == 'hyperbolized' else {}
        return conversion | {'backbone': _is_backbone} | _HEAD_ARGS
