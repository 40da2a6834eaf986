"""Entailment: the split, unrelated pairs, thresholds, scores, and cones that learn a tree and go on from their file."""

import numpy as np
import pytest
import torch

from timm_hyperbolic import geometry as G
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.taxonomy import (
    ConeSettings,
    ConeTraining,
    DistanceTraining,
    NodePoints,
    Taxonomy,
    TrainingSettings,
    classify_relations,
    cone_scores,
    distance_scores,
    split_relations,
)
from timm_hyperbolic.taxonomy.entailment import _best_threshold, corrupted


def ternary(depth: int) -> Taxonomy:
    count = (3**depth - 1) // 2
    return Taxonomy.from_parents({'0': [], **{str(i): [str((i - 1) // 3)] for i in range(1, count)}})


def as_set(pairs: np.ndarray) -> set:
    return set(map(tuple, pairs.tolist()))


@pytest.mark.parametrize('percent', [0, 50, 90])
def test_basic_relations_are_trained_on_and_implied_ones_are_held_out(percent: int) -> None:
    tree = ternary(6)
    split = split_relations(tree, percent, seed=1)
    closure = {(a, b) for a, b in as_set(tree.closure()) if b != 0}
    basic = {(a, b) for a, b in as_set(tree.links) if b != 0}
    train, validation, test = (as_set(part) for part in (split.train, split.validation, split.test))
    assert as_set(split.closure) == closure
    assert basic <= train <= closure
    assert validation | test <= closure - basic
    assert not (validation | test) & train
    assert not validation & test
    implied = len(closure) - len(basic)
    assert len(validation) == len(test) == implied // 20
    assert len(train) - len(basic) == pytest.approx(percent / 100 * implied, abs=1)
    assert as_set(split_relations(tree, percent, seed=2).test) != test


def test_pairs_are_corrupted_on_either_side_and_never_related() -> None:
    related = ternary(4).closure()
    made, unrelated = corrupted(related, related, 40, 3, np.random.default_rng(0))
    assert (made[:, :3, 1] == related[:, None, 1]).all()
    assert (made[:, 3:, 0] == related[:, None, 0]).all()
    flat = made.reshape(-1, 2)
    known = as_set(related)
    expected = [a != b and (a, b) not in known for a, b in flat.tolist()]
    assert unrelated.ravel().tolist() == expected
    assert 0.5 < np.mean(expected) < 1


def test_the_best_threshold_is_that_of_all_thresholds() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores, related = rng.integers(0, 8, 40).astype(float), rng.random(40) < 0.3
        related[0] = True
        all_of_them = {}
        for threshold in np.unique(scores):
            found = scores >= threshold
            all_of_them[threshold] = 200 * (found & related).sum() / (found.sum() + related.sum())
        threshold, f1 = _best_threshold(scores, related)
        assert f1 == pytest.approx(max(all_of_them.values()))
        found = scores >= threshold
        assert 200 * (found & related).sum() / (found.sum() + related.sum()) == pytest.approx(f1)


def test_scores_are_their_formulas(generator: torch.Generator) -> None:
    p = 0.3 * torch.randn(5, 2, generator=generator).double()
    points, pairs = NodePoints(tuple('abcde'), p), np.array([[0, 3], [4, 1]])
    u, v = p[[0, 4]], p[[3, 1]]
    assert torch.allclose(cone_scores(points, pairs), -G.cone_energy(v, u, 1.0, 0.1))
    assert not torch.allclose(cone_scores(points, pairs), -G.cone_energy(u, v, 1.0, 0.1))
    expected = -(1 + 10 * (v.norm(dim=1) - u.norm(dim=1))) * G.distance(u, v, 1.0)
    assert torch.allclose(distance_scores(points, pairs, 10.0), expected)


def test_cones_learn_a_tree_and_go_on_from_their_file(tmp_path) -> None:
    tree = ternary(6)
    split = split_relations(tree, 50)
    settings = TrainingSettings(dim=3, epochs=60, lr=0.05)
    distances = DistanceTraining(tree.names, split.train, settings)
    list(distances.run())
    cones = ConeSettings(epochs=60, batch_size=128)
    whole = ConeTraining(tree.names, split.train, distances.points, cones)
    losses = list(whole.run())
    assert losses[-1] < 0.3 * losses[0]
    by_cones = classify_relations(whole.points, split, aperture=0.1)
    by_distance = classify_relations(distances.points, split)
    assert by_cones.f1 > by_distance.f1 + 5
    assert by_cones.f1 > 80
    first = ConeTraining(tree.names, split.train, distances.points, cones)
    run = first.run()
    parts = [next(run), next(run)]
    first.points.save(tmp_path / 'cones.safetensors')
    second = ConeTraining(tree.names, split.train, NodePoints.load(tmp_path / 'cones.safetensors'), cones)
    assert second.epoch == 2
    run = second.run()
    assert [*parts, next(run), next(run)] == losses[:4]


def test_wrong_arguments_are_named() -> None:
    tree = ternary(4)
    flat = NodePoints(tree.names, torch.zeros(40, 2).double(), 'euclidean')
    for make, message in (
        (lambda: split_relations(tree, 95), 'percent=95 must be from 0 to 90'),
        (lambda: split_relations(ternary(2), 0), 'has 0 implied relations below its root'),
        (lambda: ConeSettings(negatives=3), 'negatives=3 must be even'),
        (lambda: ConeSettings(margin=0.0), r'margin=0\.0 must be greater than 0'),
        (lambda: ConeTraining(tree.names, tree.closure(), flat), 'no place in the ball'),
        (lambda: ConeTraining(('a',), tree.closure(), flat), 'belong to other nodes'),
        (lambda: ConeTraining(tree.names, tree.closure()[:0], flat), 'nothing to train on'),
    ):
        with pytest.raises(UserError, match=message):
            make()
