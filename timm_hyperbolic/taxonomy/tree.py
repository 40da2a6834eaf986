"""`Taxonomy`: how a tree of names is read or made, its classes, its subtrees and its closure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError, listed
from . import cifar100, graphs, reading, wordnet
from .graphs import Indices
from .memory import MEMORY, check_memory
from .nodes import Nodes

__all__ = ['Taxonomy']


@dataclass(frozen=True, eq=False, repr=False)
class Taxonomy(Nodes):
    """A tree of names, in which a name may have further parents beside the one in the tree.

    WordNet's nouns are a directed acyclic graph: 2,213 of them have several parents. `closure` and `ancestors` follow
    all parents. Depths, paths, lowest common ancestors, distances and embeddings follow the spanning tree, in which
    each node has the parent that is nearest to the root; of several equally near parents, the one listed first.

    Nodes are numbered in the order of their names. Methods take names or numbers of nodes.

    Use a constructor: `from_parents`, `from_wordnet`, `from_text`, `from_columns`, `cifar100`.

    Attributes:
        names: the names of the nodes, all different.
        links: all links between a node and its parents, `[E, 2]`, the child first, in the order of the children.
        parent: the parent of each node in the spanning tree, `[N]`; -1 for the root.
        ids: an identifier of each node in another system, or None; WordNet's `n` with eight digits.
        classes: the node of each class in the order of the labels, `[K]`, or None where no classes are known.
    """

    classes: Indices | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classes is not None:
            self.classes.setflags(write=False)

    def __repr__(self) -> str:
        text = super().__repr__()
        return text if self.classes is None else f'{text[:-1]}, {len(self.classes):,} classes)'

    # --- constructors -------------------------------------------------------------------------------------------------

    @classmethod
    def from_parents(
        cls,
        parents: Mapping[str, Sequence[str]],
        ids: Sequence[str] | None = None,
        where: str = 'the taxonomy',
    ) -> Taxonomy:
        """Make a taxonomy from the parents of each name.

        Args:
            parents: of each name, none of the root. The first of several equally deep parents is the spanning tree's.
            ids: an identifier of each name in another system.
            where: the source of the names, for messages.

        Raises:
            UserError: there is no name, a name is empty, a parent is no name, there is no root or more than one, or the
                relations have a cycle.
        """
        names = tuple(parents)
        numbers = {name: number for number, name in enumerate(names)}
        counts = np.fromiter((len(p) for p in parents.values()), np.int64, len(names))
        try:
            above = np.fromiter((numbers[p] for of in parents.values() for p in of), np.int64, int(counts.sum()))
        except KeyError as error:
            child = next(name for name, of in parents.items() if error.args[0] in of)
            raise UserError(f'{where}: the parent {error.args[0]!r} of {child!r} is no node') from None
        links = np.stack([np.repeat(np.arange(len(names)), counts), above], 1)
        return cls._from_links(names, links, None if ids is None else tuple(ids), where)

    @classmethod
    def _from_links(cls, names: tuple[str, ...], links: Indices, ids: tuple[str, ...] | None, where: str) -> Taxonomy:
        if any(not isinstance(name, str) or not name.strip() for name in names):
            number = next(i for i, name in enumerate(names) if not isinstance(name, str) or not name.strip())
            raise UserError(f'{where}: node {number} has no name')
        if len(set(names)) < len(names):
            seen: set[str] = set()
            raise UserError(f'{where}: the name {next(n for n in names if n in seen or seen.add(n))!r} stands twice')
        if ids is not None and len(ids) != len(names):
            raise UserError(f'{where}: {len(ids)} ids are given for {len(names)} nodes')
        # Each relation once, in the order given.
        first = np.unique(links[:, 0] * len(names) + links[:, 1], return_index=True)[1]
        links = links[np.sort(first)]
        links = links[np.argsort(links[:, 0], kind='stable')]
        try:
            root = graphs.root_of(len(names), links, names.__getitem__)
        except ValueError as error:
            raise UserError(f'{where}: {error}') from None
        return cls(names, links, graphs.spanning_tree(len(names), links, root), ids)

    @classmethod
    def from_wordnet(cls, path: str | Path | None = None) -> Taxonomy:
        """Read the nouns of WordNet, named as `dog.n.01`, with hypernyms and instance hypernyms as parents.

        WordNet 3.0 has 82,115 nouns, 84,427 relations of a noun and its parent, and 743,241 relations of a noun and an
        ancestor, which are the published counts.

        Args:
            path: the folder of the files `data.noun` and `index.noun`. None looks where Debian's package and NLTK put
                them, see `wordnet.find`.

        Raises:
            UserError: the files are not found, or are no WordNet files.

        Source: the manual page wndb(5WN) of WordNet 3.0.
        """
        folder = wordnet.find(path)
        nouns = wordnet.read_nouns(folder)
        return cls.from_parents(nouns.parents, nouns.ids, str(folder / 'data.noun'))

    @classmethod
    def from_text(cls, text: str | Path) -> Taxonomy:
        """Read a tree from indented lines, one name a line, the root first.

        Args:
            text: the lines themselves, or the path of a UTF-8 file. Indentation is by spaces or by tabs; names may
                follow a `-`; empty lines and lines that begin with `#` are left out. The leaves become the classes, in
                their order.

        Raises:
            UserError: naming the line of an indentation that fits no line above, a second root, a name that is missing
                or stands twice; or the file cannot be read.
        """
        content, where = reading.text_of(text)
        tree = cls.from_parents(reading.parents_of_lines(content, where), where=where)
        return tree.with_classes([tree.names[i] for i in tree.leaves])

    @classmethod
    def from_columns(
        cls, *columns: Sequence[str], classes: Sequence[str] | None = None, root: str = 'root'
    ) -> Taxonomy:
        """Make a tree from columns of labels, such as the fine and the coarse label of each image.

        Args:
            columns: names of one level each, from the finest level to the coarsest, as long as each other.
            classes: the names of the finest column in the order of the labels; None takes alphabetical order.
            root: the name of the node above the coarsest level.

        Raises:
            UserError: columns of different length, a name that is missing, that stands in two columns or under two
                names, or a class that the finest column has not.
        """
        tree = cls.from_parents(reading.parents_of_columns(columns, root), where='the columns')
        return tree.with_classes(sorted(set(columns[0])) if classes is None else classes)

    @classmethod
    def cifar100(cls, wordnet: bool | str | Path = False) -> Taxonomy:
        """Return the tree of the 100 classes of CIFAR-100, in the order of the labels.

        Args:
            wordnet: False for the data set's own 20 superclasses under one root; True or the folder of WordNet's files
                for the classes' hypernyms in WordNet, the leaves being synsets.

        Raises:
            UserError: WordNet is not found.
        """
        if wordnet is False:
            superclass = {name: over for over, names in cifar100.SUPERCLASSES.items() for name in names}
            classes = sorted(superclass)
            return cls.from_columns(classes, [superclass[name] for name in classes], root='cifar100')
        nouns = cls.from_wordnet(None if wordnet is True else wordnet)
        return nouns.with_classes([cifar100.SYNSETS[name] for name in sorted(cifar100.SYNSETS)])

    @classmethod
    def from_name(cls, name: str | Path, wordnet: str | Path | None = None) -> Taxonomy:
        """Read the tree that a flag or a keyword names.

        Args:
            name: `'cifar100'` for its classes and superclasses, `'wordnet'` for all nouns, or the path of an indented
                text.
            wordnet: the folder of WordNet's files, as for `from_wordnet`.

        Raises:
            UserError: the file cannot be read, the tree is corrupt, or WordNet is not found.
        """
        if name == 'wordnet':
            return cls.from_wordnet(wordnet)
        return cls.cifar100() if name == 'cifar100' else cls.from_text(Path(name))

    # --- classes ------------------------------------------------------------------------------------------------------

    def with_classes(self, classes: Sequence[str]) -> Taxonomy:
        """Return the tree of some classes and of what stands above them.

        The nodes keep their order, and a node keeps those of its parents that are there.

        Args:
            classes: names or ids of nodes, in the order of the labels.

        Raises:
            UserError: a class has no node or stands twice, or a class stands above another one, so that the leaves of
                the tree are not the classes.
        """
        known = {**({} if self.ids is None else {i: n for n, i in enumerate(self.ids)}), **self._numbers}
        missing = [str(name) for name in classes if name not in known]
        if missing:
            raise UserError(f'{len(missing)} of {len(classes)} classes have no node in {self!r}: {listed(missing, 5)}')
        nodes = np.array([known[name] for name in classes], np.int64)
        if len(np.unique(nodes)) < len(nodes):
            twice = np.flatnonzero(np.bincount(nodes) > 1)
            raise UserError(f'several classes have one node in {self!r}: {listed((self.names[i] for i in twice), 5)}')
        kept = np.zeros(len(self), bool)
        kept[nodes] = True
        below = kept.copy()
        # From the deepest nodes to the root: what has a kept node below is kept.
        for level in reversed(self._levels_of_links[1:]):
            kept[level[kept[level[:, 0]], 1]] = True
        inner = np.zeros(len(self), bool)
        inner[self.links[kept[self.links[:, 0]], 1]] = True
        if (inner & below).any():
            wrong = listed((self.names[i] for i in np.flatnonzero(inner & below)), 5)
            raise UserError(f'the leaves of the tree are not the classes: {wrong} stands above another class')
        return self._part(kept, nodes)

    def for_model(self, model: Any) -> Taxonomy:
        """Return the tree of a timm model's classes.

        The names of the classes are the `label_names` of the model's `pretrained_cfg`, where it has them: names of
        nodes, WordNet's ids (`n02084071`), or all of them names of CIFAR-100. Otherwise the model must have the classes
        of one of the ImageNet sets that timm knows by their WordNet ids.

        Args:
            model: a timm model.

        Raises:
            UserError: the classes of the model are not known, or one of them has no node.
        """
        return self.for_names(_class_names(model))

    def for_names(self, names: Sequence[str]) -> Taxonomy:
        """Return the tree of classes with these names.

        Args:
            names: names of nodes, ids of nodes such as WordNet's `n02084071`, or all of them names of CIFAR-100, in the
                order of the labels.

        Raises:
            UserError: one of the classes has no node.
        """
        if not all(name in self for name in names) and all(name in cifar100.SYNSETS for name in names):
            names = [cifar100.SYNSETS[name] for name in names]
        return self.with_classes(names)

    # --- parts and relations ------------------------------------------------------------------------------------------

    def subtree(self, node: str | int) -> Taxonomy:
        """Return the tree of a node and all nodes below it, by all parents; it has no classes.

        WordNet's mammals, `subtree('mammal.n.01')`, are 1,182 nodes with 6,542 relations in the closure. The published
        1,180 and 6,540 leave out `female_mammal.n.01` and `tusker.n.01`, the two nodes whose only relation is to the
        root.

        Raises:
            UserError: there is no such node.
        """
        number = self.number(node)
        kept = graphs.reached(len(self), self.links, number, upwards=False)
        kept[number] = True
        return self._part(kept, None)

    def _part(self, kept: NDArray[np.bool_], classes: Indices | None) -> Taxonomy:
        """The part of the tree whose nodes are kept."""
        number = np.cumsum(kept) - 1
        links = self.links[kept[self.links].all(1)]
        chosen = np.flatnonzero(kept)
        tree = self._from_links(
            tuple(self.names[i] for i in chosen),
            number[links],
            None if self.ids is None else tuple(self.ids[i] for i in chosen),
            f'part of {self!r}',
        )
        return tree if classes is None else Taxonomy(tree.names, tree.links, tree.parent, tree.ids, number[classes])

    def closure(self, max_memory: int = MEMORY) -> Indices:
        """Return all relations of a node and a node above it, by all parents.

        Args:
            max_memory: the memory that the relations may take, in bytes.

        Returns:
            `[M, 2]`, the lower node first, sorted.

        Raises:
            UserError: the relations take more memory than `max_memory`.
        """
        bound = np.zeros(len(self))
        for level in self._levels_of_links[1:]:
            np.add.at(bound, level[:, 0], 1 + bound[level[:, 1]])
        # The numbers of the ancestors themselves, and the pairs twice while they are joined.
        remedy = 'take a subtree, or raise max_memory'
        check_memory(f'the closure of {len(self):,} nodes', bound.sum() * 40, max_memory, remedy)
        begins = np.searchsorted(self.links[:, 0], np.arange(len(self) + 1)).tolist()
        above, order = self.links[:, 1].tolist(), np.concatenate([np.unique(x[:, 0]) for x in self._levels_of_links])
        found: list[Indices] = [np.empty(0, np.int64)] * len(self)
        for node in order.tolist():
            parents = above[begins[node] : begins[node + 1]]
            parts = [part for p in parents for part in ([p], found[p])]
            ancestors = np.concatenate(parts) if parts else found[node]
            found[node] = np.unique(ancestors) if len(parents) > 1 else ancestors
        counts = np.fromiter(map(len, found), np.int64, len(self))
        pairs = np.stack([np.repeat(np.arange(len(self)), counts), np.concatenate(found).astype(np.int64)], 1)
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]

    def reduced_links(self) -> Indices:
        """Return the relations of a node and a parent that no path by another parent implies, `[M, 2]`."""
        begins = np.searchsorted(self.links[:, 0], np.arange(len(self) + 1))
        several = np.flatnonzero(np.diff(begins) > 1).tolist()
        # Every two relations of one child: the parent of the first may stand above that of the second.
        pairs = [
            (i, j) for n in several for i in range(*begins[n : n + 2]) for j in range(*begins[n : n + 2]) if i != j
        ]
        if not pairs:
            return self.links
        first, second = np.array(pairs).T
        upper, lower = self.links[first, 1], self.links[second, 1]
        known = self.closure() @ np.array([len(self), 1])
        redundant = first[np.isin(lower * len(self) + upper, known)]
        return np.delete(self.links, redundant, 0)

    @cached_property
    def _levels_of_links(self) -> list[Indices]:
        """The relations by the largest number of edges from the root to the child; the first entry is empty."""
        depth = graphs.longest_depth(len(self), self.links)
        of_child = depth[self.links[:, 0]]
        order = np.argsort(of_child, kind='stable')
        ends = np.searchsorted(of_child[order], np.arange(depth.max() + 2))
        links = self.links[order]
        return [links[a:b] for a, b in pairwise(ends)]


def _class_names(model: Any) -> list[str]:
    from timm.data import ImageNetInfo, infer_imagenet_subset

    config = getattr(model, 'pretrained_cfg', None) or {}
    names = config.get('label_names')
    if isinstance(names, Mapping):
        names = [names[key] for key in sorted(names, key=int)]
    if names:
        return [str(name) for name in names]
    subset = infer_imagenet_subset(model)
    if subset is None:
        raise UserError(
            f'the names of the {getattr(model, "num_classes", "unknown number of")} classes are not known: the model '
            f"has no label_names in its pretrained_cfg, and as many classes as none of timm's ImageNet sets"
        )
    return ImageNetInfo(subset).label_names()
