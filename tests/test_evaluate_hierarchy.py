"""Measures of predictions against a tree, recomputed from the parents of the nodes alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from timm_hyperbolic.evaluate import hierarchy_metrics
from timm_hyperbolic.taxonomy import Taxonomy


@st.composite
def trees(draw: st.DrawFn) -> tuple[dict[str, str | None], list[str]]:
    """The parent of each node of a random tree, the nodes in random order, and its leaves in random order."""
    parent: dict[str, str | None] = {'n0': None}
    for i in range(1, draw(st.integers(1, 20))):
        parent[f'n{i}'] = f'n{draw(st.integers(0, i - 1))}'
    leaves = sorted(set(parent) - set(parent.values()))
    return {name: parent[name] for name in draw(st.permutations(list(parent)))}, draw(st.permutations(leaves))


def taxonomy(parent: dict[str, str | None], classes: list[str]) -> Taxonomy:
    return Taxonomy.from_parents({n: [] if p is None else [p] for n, p in parent.items()}).with_classes(classes)


def path(parent: dict[str, str | None], node: str | None) -> list[str]:
    """The node and its ancestors, the root first."""
    return [] if node is None else [*path(parent, parent[node]), node]


def height(parent: dict[str, str | None], node: str) -> int:
    return max((1 + height(parent, child) for child, over in parent.items() if over == node), default=0)


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


@settings(max_examples=60)
@given(trees(), st.data())
def test_the_measures_are_those_of_their_definitions(tree: tuple[dict[str, str | None], list[str]], data) -> None:
    parent, classes = tree
    pairs = data.draw(st.lists(st.tuples(*[st.integers(0, len(classes) - 1)] * 2), max_size=12))
    predictions, labels = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    paths = [(path(parent, classes[p]), path(parent, classes[y])) for p, y in pairs]
    mistakes = [(p, y) for p, y in paths if p != y]
    wanted = {
        'images': len(pairs),
        'top1': 100 * mean([p == y for p, y in paths]),
        'mistakes': len(mistakes),
        'mistakes_inside_superclass': 100 * mean([p[-2] == y[-2] for p, y in mistakes]),
        'mistake_height': mean([height(parent, [n for n in p if n in y][-1]) for p, y in mistakes]),
    }
    for d in range(1, max(len(path(parent, c)) for c in classes) - 1):
        wanted[f'level{d}_top1'] = 100 * mean([p[: d + 1][-1] == y[: d + 1][-1] for p, y in paths])
    for name, of in (('hierarchical_precision', 0), ('hierarchical_recall', 1)):
        shares = [len({*p[1:]} & {*y[1:]}) / len((p, y)[of][1:]) if p != y else 1 for p, y in paths]
        wanted[name] = 100 * mean(shares)
    found = hierarchy_metrics(predictions, labels, taxonomy(parent, classes))
    assert found == pytest.approx(wanted, nan_ok=True)


def test_logits_count_by_their_largest() -> None:
    tree = Taxonomy.cifar100()
    logits, labels = torch.randn(50, 100, generator=torch.Generator().manual_seed(0)), torch.arange(50)
    found = hierarchy_metrics(logits, labels, tree)
    assert found == hierarchy_metrics(logits.argmax(1), labels, tree)
    # The superclasses have five classes each, at one depth.
    assert found['hierarchical_precision'] == pytest.approx((found['top1'] + found['level1_top1']) / 2)
    assert 1 < found['mistake_height'] == pytest.approx(2 - found['mistakes_inside_superclass'] / 100)


@pytest.mark.parametrize(
    ('predictions', 'labels', 'said'),
    [
        (torch.zeros(2, 99), torch.zeros(2, dtype=torch.int64), 'logits of 99 classes do not fit Taxonomy'),
        (torch.tensor([0]), torch.tensor([0, 1]), r'shape \[1\] and labels of shape \[2\]'),
        (torch.tensor([0]), torch.tensor([100]), 'labels from 100 to 100 .* from 0 to 99'),
        (torch.tensor([-1]), torch.tensor([0]), 'predictions from -1 to -1 are no classes'),
    ],
)
def test_what_does_not_fit_is_refused(predictions: torch.Tensor, labels: torch.Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        hierarchy_metrics(predictions, labels, Taxonomy.cifar100())
    tree = Taxonomy.from_parents({'a': [], 'b': ['a']})
    with pytest.raises(ValueError, match='does not say which nodes are the classes'):
        hierarchy_metrics(predictions, labels, tree)


def test_nodes_without_a_class_in_the_spanning_tree_do_not_raise_the_height() -> None:
    """The node `far` is above a class by a second parent only, and no class is below it in the spanning tree."""
    graph = {'root': [], 'near': ['root'], 'a': ['near', 'far'], 'b': ['near'], 'mid': ['near'], 'far': ['mid']}
    tree = Taxonomy.from_parents(graph).with_classes(['a', 'b'])
    assert 'far' in tree
    assert np.array_equal(tree.path('a'), ('a', 'near', 'root'))
    assert hierarchy_metrics(torch.tensor([1]), torch.tensor([0]), tree)['mistake_height'] == 1
