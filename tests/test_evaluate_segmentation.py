"""Measures of a segmentation, against plain loops over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from timm_hyperbolic.data.masks import IGNORED
from timm_hyperbolic.evaluate.segmentation import (
    boundary_distance,
    relatives,
    uncertainty_measures,
    with_relatives,
    zero_label_measures,
)
from timm_hyperbolic.taxonomy import Taxonomy
from timm_hyperbolic.train.pixel_metrics import PixelEvaluator, confusion, pixel_measures

TREE = Taxonomy.from_text('all\n  a\n    b\n      x\n      y\n    z\n  c\n    u\n    v\n  w\n').with_classes(
    ['x', 'y', 'z', 'u', 'v', 'w']
)


def test_measures_are_those_of_sets_of_pixels() -> None:
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(5, size=(2, 400))  # of six classes the last one never occurs
    labels = np.where(rng.random(400) < 0.2, IGNORED, true)
    found = pixel_measures(confusion(torch.from_numpy(predicted), torch.from_numpy(labels), 6))
    kept = labels != IGNORED
    sets = [({*np.flatnonzero(kept & (labels == k))}, {*np.flatnonzero(kept & (predicted == k))}) for k in range(5)]
    assert found['miou'] == pytest.approx(100 * np.mean([len(a & b) / len(a | b) for a, b in sets]))
    assert found['class_accuracy'] == pytest.approx(100 * np.mean([len(a & b) / len(a) for a, b in sets]))
    assert found['pixel_accuracy'] == pytest.approx(100 * (labels == predicted)[kept].mean())


def test_evaluator_adds_up_batches_and_drops_images_that_fill_up_a_share(generator) -> None:
    logits = torch.randn(5, 3, 4, 6, generator=generator)
    target = torch.randint(3, (5, 4, 6), generator=generator)
    target[:, 0] = IGNORED
    whole, parts = PixelEvaluator(3), PixelEvaluator(3, max_samples=5)
    whole.update(logits, target)
    for rows in ([0, 1], [2, 3], [4, 0], [1, 2]):
        parts.update(logits[rows], target[rows])
    assert parts.compute() == pytest.approx(whole.compute())
    assert whole.compute()['loss'] == pytest.approx(F.cross_entropy(logits, target, ignore_index=IGNORED).item())


def test_siblings_and_cousins_count_as_right() -> None:
    siblings = relatives(TREE, 1)
    pairs = {(i, j) for i in range(6) for j in range(i) if siblings[i, j]}
    assert pairs == {(1, 0), (4, 3)}
    cousins = {(i, j) for i in range(6) for j in range(i) if relatives(TREE, 2)[i, j]}
    assert cousins == {(1, 0), (4, 3), (2, 0), (2, 1)}
    counts = torch.arange(36).view(6, 6)
    forgiven = with_relatives(counts, siblings)
    assert forgiven[0].tolist() == [0 + 1, 0, 2, 3, 4, 5]
    assert forgiven[1].tolist() == [0, 6 + 7, 8, 9, 10, 11]
    assert forgiven.sum() == counts.sum()
    assert torch.equal(forgiven[2], counts[2])


def test_distance_from_a_boundary_is_the_shortest_one() -> None:
    labels = np.random.default_rng(1).integers(2, size=(3, 4)).repeat(4, 0).repeat(5, 1)
    labels[0, 0] = IGNORED
    found = boundary_distance(labels)
    height, width = labels.shape
    inside = {(i, j) for i in range(height) for j in range(width)}
    edge = [
        (i, j)
        for i, j in inside
        if any(
            (k, m) in inside and labels[k, m] != labels[i, j]
            for k, m in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
        )
    ]
    assert 0 < len(edge) < labels.size
    for i, j in inside:
        assert found[i, j] == pytest.approx(min(math.dist((i, j), other) for other in edge))
    assert np.isinf(boundary_distance(np.zeros((3, 3)))).all()


def test_norm_and_entropy_are_measured_in_the_same_direction() -> None:
    right = torch.tensor([True, True, False, False])
    distances = torch.tensor([4.0, 2.0, 1.0, torch.inf])
    found = uncertainty_measures(
        torch.tensor([9.0, 5.0, 6.0, 1.0]), torch.tensor([0.1, 0.2, 0.3, 0.4]), right, distances
    )
    assert found == {'norm_boundary_correlation': 0.5, 'error_auroc_norm': 75.0, 'error_auroc_entropy': 100.0}


def test_zero_label_measures_separate_seen_and_unseen_classes() -> None:
    among_all = torch.tensor([[8, 2, 0], [0, 5, 5], [4, 2, 4]])
    among_unseen = torch.tensor([[0, 0, 0], [0, 6, 4], [0, 1, 9]])
    found = zero_label_measures(among_unseen, among_all, [1, 2])
    assert found['unseen_pixel_accuracy'] == pytest.approx(75)
    assert found['unseen_miou'] == pytest.approx(100 * (6 / 11 + 9 / 14) / 2)
    seen, unseen = 100 * 8 / 14, 100 * (5 / 14 + 4 / 15) / 2
    assert found['seen_miou_among_all'] == pytest.approx(seen)
    assert found['unseen_miou_among_all'] == pytest.approx(unseen)
    assert found['zero_label_harmonic_mean'] == pytest.approx(2 / (1 / seen + 1 / unseen))
