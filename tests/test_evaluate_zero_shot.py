"""Accuracy on classes without training images, recomputed image by image."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_evaluate_hierarchy import path, taxonomy, trees

from timm_hyperbolic.evaluate import zero_shot_metrics
from timm_hyperbolic.taxonomy import Taxonomy


def share(rows: list[bool]) -> float:
    return 100 * sum(rows) / len(rows) if rows else math.nan


@settings(max_examples=60)
@given(trees().filter(lambda tree: len(tree[1]) > 1), st.booleans(), st.data())
def test_the_measures_are_those_of_their_definitions(tree, has_outputs: bool, data) -> None:
    parent, classes = tree
    count = len(classes)
    unseen = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=count - 1, unique=True))
    seen = [k for k in range(count) if k not in unseen]
    outputs = data.draw(st.permutations(range(count) if has_outputs else seen))
    labels = data.draw(st.lists(st.integers(0, count - 1), max_size=10))
    logits = torch.randn(
        len(labels), len(outputs), generator=torch.Generator().manual_seed(data.draw(st.integers(0, 2**31)))
    )
    found = zero_shot_metrics(
        logits, torch.tensor(labels, dtype=torch.int64), taxonomy(parent, classes), unseen, outputs
    )

    def edges(a: int, b: int) -> int:
        return len(set(path(parent, classes[a])) ^ set(path(parent, classes[b])))

    rows = [dict(zip(outputs, row, strict=True)) for row in logits.tolist()]
    of_new = [(row, y) for row, y in zip(rows, labels, strict=True) if y in unseen]
    of_old = [(row, y) for row, y in zip(rows, labels, strict=True) if y in seen]
    hits = []
    for row, y in of_new:
        total = sum(math.exp(row[k]) for k in seen)
        cost = {u: sum(math.exp(row[k]) / total * edges(u, k) for k in seen) for u in sorted(unseen)}
        best = [u for u in cost if cost[u] < min(cost.values()) + 1e-9]
        hits.append((y in best, y == best[0] if len(best) == 1 else y in best and None))
    assert found['unseen_classes'] == len(unseen)
    assert found['unseen_images'] == len(of_new)
    assert found['unseen_chance'] == pytest.approx(100 / len(unseen))
    if all(exact is not None for _, exact in hits):  # no class has a rival at the same distance
        assert found['unseen_top1_by_tree'] == pytest.approx(share([exact for _, exact in hits]), nan_ok=True)
    else:
        assert found['unseen_top1_by_tree'] <= share([possible for possible, _ in hits])
    if not has_outputs:
        assert len(found) == 4
        return
    assert found['unseen_top1'] == pytest.approx(
        share([y == max(unseen, key=row.get) for row, y in of_new]), nan_ok=True
    )
    new, old = (share([y == max(row, key=row.get) for row, y in part]) for part in (of_new, of_old))
    assert found['unseen_top1_among_all'] == pytest.approx(new, nan_ok=True)
    assert found['seen_top1_among_all'] == pytest.approx(old, nan_ok=True)
    mean = 2 * new * old / (new + old) if new + old else 0.0
    assert found['zero_shot_harmonic_mean'] == pytest.approx(mean, nan_ok=True)


@pytest.mark.parametrize(
    ('outputs', 'unseen', 'said'),
    [
        (4, [], '0 unseen classes and 4 outputs of seen ones: both are needed'),
        (4, [0, 1, 2, 3], '4 unseen classes and 0 outputs of seen ones'),
        (3, [2, 3], '1 of the 2 unseen classes have an output; all or none'),
        (4, [4], 'unseen must be classes of Taxonomy.*, from 0 to 3'),
    ],
)
def test_what_cannot_be_measured_is_refused(outputs: int, unseen: list[int], said: str) -> None:
    tree = Taxonomy.from_columns(list('abcd'), list('xxyy'))
    with pytest.raises(ValueError, match=said):
        zero_shot_metrics(torch.zeros(1, outputs), torch.tensor([0]), tree, unseen, range(outputs))
