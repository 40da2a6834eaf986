"""Measures of retrieval, recomputed query by query."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_evaluate_hierarchy import path, taxonomy, trees

from timm_hyperbolic.evaluate import retrieval, retrieval_metrics
from timm_hyperbolic.geometry import Limits

CURVATURES = (None, 0.0, 0.7)


def similarity(x: list[float], y: list[float], curvature: float | None) -> float:
    """The cosine of two vectors, or minus the distance of their points on the ball."""
    if curvature is None:
        lengths = [math.hypot(*v) for v in (x, y)]
        return sum(a * b for a, b in zip(x, y, strict=True)) / math.prod(lengths) if all(lengths) else 0.0
    if curvature == 0:
        return -2 * math.dist(x, y)
    root = math.sqrt(curvature)
    p, q = ([math.tanh(root * math.hypot(*v)) / (root * math.hypot(*v) or 1) * a for a in v] for v in (x, y))
    gap = curvature * math.dist(p, q) ** 2 / math.prod(1 - curvature * math.hypot(*v) ** 2 for v in (p, q))
    return -2 / root * math.asinh(math.sqrt(gap))


def average_precision(relevant: list[bool]) -> float:
    ranks = [rank for rank, is_relevant in enumerate(relevant, 1) if is_relevant]
    return sum(i / rank for i, rank in enumerate(ranks, 1)) / len(ranks)


@settings(max_examples=60)
@given(trees(), st.sampled_from(CURVATURES), st.integers(0, 14), st.integers(0, 2**31), st.integers(1, 5))
def test_the_measures_are_those_of_their_definitions(tree, curvature, count, seed, entries) -> None:
    parent, classes = tree
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(len(classes), (count,), generator=generator)
    kin = {'class': lambda c: c, 'sibling': lambda c: (path(parent, c)[:-1] or [c])[-1]}
    kin['cousin'] = lambda c: (path(parent, c)[:-2] or path(parent, c)[:1])[-1]
    levels = [n for n in kin if n == 'class' or len({kin[n](c) for c in classes}) > 1]
    found = {f'{name}_map': [] for name in levels} | {f'recall_at_{k}': [] for k in (1, 3)}
    for i in range(count):
        others = [j for j in range(count) if j != i]
        near = {j: similarity(features[i].tolist(), features[j].tolist(), curvature) for j in others}
        ranked = sorted(others, key=lambda j: -near[j])
        for name in levels:
            relevant = [kin[name](classes[labels[i]]) == kin[name](classes[labels[j]]) for j in ranked]
            if any(relevant):
                found[f'{name}_map'].append(average_precision(relevant))
            if name == 'class' and any(relevant):
                for k in (1, 3):
                    found[f'recall_at_{k}'].append(any(relevant[:k]))
    wanted = {name: 100 * sum(of) / len(of) if of else math.nan for name, of in found.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, '_ENTRIES', entries * max(count, 1))  # so many queries at once
        measured = retrieval_metrics(features, labels, taxonomy(parent, classes), curvature=curvature, recalls=(1, 3))
    assert measured == pytest.approx(wanted, nan_ok=True)


def test_points_are_compared_where_the_clip_puts_them() -> None:
    """The nearest of the three lies beyond the clip, which moves it away from the query."""
    vectors = torch.tensor([[2.0, 0.0], [9.0, 0.0], [0.0, 1.0], [2.2, 0.3]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1, 1])
    free = retrieval_metrics(vectors, labels, curvature=1.0, recalls=(1,))
    clipped = retrieval_metrics(vectors, labels, curvature=1.0, limits=Limits(0.97), recalls=(1,))
    assert (free['recall_at_1'], clipped['recall_at_1']) == (25, 50)


def test_what_does_not_fit_is_refused() -> None:
    tree = taxonomy({'r': None, 'a': 'r', 'b': 'r'}, ['a', 'b'])
    features, labels = torch.eye(3), torch.tensor([0, 1, 1])
    with pytest.raises(ValueError, match=r'features of shape \[3, 3\] and labels of shape \[2\]'):
        retrieval_metrics(features, labels[:2])
    with pytest.raises(ValueError, match='not all finite'):
        retrieval_metrics(features / 0, labels)
    with pytest.raises(ValueError, match='labels from 1 to 2 are no classes'):
        retrieval_metrics(features, labels + 1, tree)
