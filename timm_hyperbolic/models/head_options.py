"""Which head a classifier on a timm backbone has, and the tree of its classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from timm.layers import get_device_dtype
from torch import Tensor, nn

from ..errors import nearest
from ..layers import HyperbolicConfig, HyperbolicHead
from ..layers.basin import BasinHead
from ..layers.classifier import ProjectedHead
from ..layers.hierarchical_softmax import HierarchicalSoftmax
from ..layers.mlr import HyperbolicMLR
from ..layers.tree_head import TreeHead
from ..taxonomy import Taxonomy, embed_tree
from .config_checks import Check, either, listing, nothing, real, text, whole

__all__ = ['CHOICES', 'HEADS', 'NUMBERS', 'HeadOptions', 'hierarchy_of', 'is_plain_hierarchy', 'plain_hierarchy']

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
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(_unknown(name, getattr(self, name), allowed))
        for name, check in NUMBERS.items():
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


CHOICES: dict[str, tuple[str, ...]] = {
    'head': HEADS,
    'geometry': ('hyperbolic', 'euclid'),
    'nodes': POINT_HEADS,
    'vertices': ('euclid', 'ball'),
}
NUMBERS: dict[str, Check] = {
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
    return f'{name}={value!r} is unknown.{nearest(str(value), allowed)} Choose from: {", ".join(allowed)}.'


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
    if isinstance(value, Mapping):
        if set(value) != {'parents', 'classes'}:
            raise ValueError(f"hierarchy with the keys {sorted(value)} must have the keys 'parents' and 'classes'")
        parents = {name: () if parent is None else (parent,) for name, parent in value['parents'].items()}
        return Taxonomy.from_parents(parents, where='hierarchy').with_classes(value['classes'])
    if isinstance(value, str) and '\n' in value:
        return Taxonomy.from_text(value)
    if isinstance(value, (str, Path)) and (value in ('cifar100', 'wordnet') or Path(value).is_file()):
        tree = Taxonomy.from_name(value)
        return tree.for_model(model) if value == 'wordnet' else tree
    raise ValueError(
        f"hierarchy={value!r} is no file; give 'cifar100', 'wordnet', the path of an indented text, or a Taxonomy"
    )


def plain_hierarchy(tree: Taxonomy) -> dict[str, Any]:
    """Return a tree with classes as plain data: the parent of each node, and the classes in the order of the labels.

    Args:
        tree: A tree with classes.
    """
    return {
        'parents': {
            name: None if parent < 0 else tree.names[parent]
            for name, parent in zip(tree.names, tree.parent.tolist(), strict=True)
        },
        'classes': [tree.names[node] for node in tree.classes.tolist()],
    }


def is_plain_hierarchy(value: Any) -> bool:
    """Return whether a value is a tree of a size that can be built, as `plain_hierarchy` writes it.

    Args:
        value: Part of a `config.json` that may come from anywhere.
    """
    if not isinstance(value, dict) or set(value) != {'parents', 'classes'}:
        return False
    name, parents = text(1000), value['parents']
    return (
        listing(name, 1, 10**6)(value['classes'])
        and isinstance(parents, dict)
        and len(parents) <= 10**6
        and all(name(child) and either(nothing, name)(parent) for child, parent in parents.items())
    )
