"""Which of two nodes stands above the other: relations held out of training, and their classification by a score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import UserError
from ..geometry import cone_energy, distance
from .graphs import Indices
from .points import NodePoints
from .tree import Taxonomy

__all__ = ['Classification', 'Split', 'classify_relations', 'cone_scores', 'distance_scores', 'split_relations']

# What a distance embedding may weigh the difference of norms with; the validation pairs choose one.
WEIGHTS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
_NEGATIVES = 5  # of each kind, for a pair of validation or test


@dataclass(frozen=True)
class Split:
    """Relations of a node and a node above it, parted for training and evaluation.

    Attributes:
        train: all basic relations and a share of the implied ones, `[M, 2]`.
        validation: 5 % of the implied relations, `[V, 2]`.
        test: another 5 % of the implied relations, `[T, 2]`.
        closure: all relations, those to the root left out, `[C, 2]`.
    """

    train: Indices
    validation: Indices
    test: Indices
    closure: Indices


def split_relations(taxonomy: Taxonomy, percent: float, seed: int = 0) -> Split:
    """Split the closure of a taxonomy, without its root, into relations for training and for evaluation.

    A relation is basic if no other relation implies it. Basic relations are always trained on. Of the implied ones 5 %
    are for validation and 5 % for a test.

    Args:
        taxonomy: the names.
        percent: how much of the implied relations is trained on besides, from 0 to 90.
        seed: of the choice.

    Raises:
        UserError: the percentage is out of range, or there are too few implied relations.

    Source: Ganea, Bécigneul, Hofmann, "Hyperbolic entailment cones" (2018), section 5.
    """
    if not 0 <= percent <= 90:
        raise UserError(f'percent={percent} must be from 0 to 90: 10 % are for validation and test')
    closure, basic = (r[r[:, 1] != taxonomy.root] for r in (taxonomy.closure(), taxonomy.reduced_links()))
    implied = closure[~np.isin(_codes(closure, len(taxonomy)), _codes(basic, len(taxonomy)))]
    held_out = len(implied) // 20
    if held_out < 1:
        raise UserError(f'{taxonomy!r} has {len(implied)} implied relations below its root; a split needs at least 20')
    implied = implied[np.random.default_rng([seed, 1]).permutation(len(implied))]
    trained = implied[2 * held_out :][: round(percent / 100 * len(implied))]
    return Split(np.concatenate([basic, trained]), implied[:held_out], implied[held_out : 2 * held_out], closure)


def _codes(pairs: Indices, count: int) -> Indices:
    """One number for each pair of nodes."""
    return pairs[:, 0] * count + pairs[:, 1]


def corrupted(
    pairs: Indices, known: Indices, count: int, each: int, numbers: np.random.Generator
) -> tuple[Indices, NDArray[np.bool_]]:
    """Return pairs in which one node is replaced by a random one.

    Args:
        pairs: `[M, 2]`.
        known: related pairs, `[K, 2]`.
        count: the number of nodes.
        each: how many pairs are made of each pair by replacing its first node, and how many by replacing its second.
        numbers: the source of random numbers.

    Returns:
        `[M, 2·each, 2]`, and which of them are no related pairs and have different nodes, `[M, 2·each]`.
    """
    made = np.repeat(pairs[:, None], 2 * each, 1)
    made[:, :each, 0] = numbers.integers(count, size=(len(pairs), each))
    made[:, each:, 1] = numbers.integers(count, size=(len(pairs), each))
    flat = made.reshape(-1, 2)
    sorted_codes = np.sort(_codes(known, count))
    code = _codes(flat, count)
    place = np.minimum(np.searchsorted(sorted_codes, code), len(sorted_codes) - 1)
    unrelated = (sorted_codes[place] != code) & (flat[:, 0] != flat[:, 1])
    return made, unrelated.reshape(made.shape[:2])


def cone_scores(points: NodePoints, pairs: Indices, aperture: float = 0.1) -> Tensor:
    """Return minus the energy of an entailment cone for pairs of a node and a node above it, `[M]`.

    Args:
        points: in the ball or the Lorentz model.
        pairs: `[M, 2]`.
        aperture: the constant of the cones, `K` in `geometry.half_aperture`.
    """
    p, (lower, upper) = points.ball, torch.from_numpy(pairs.T.copy())
    return -cone_energy(p[upper], p[lower], 1.0, aperture)


def distance_scores(points: NodePoints, pairs: Indices, weight: float) -> Tensor:
    """Return `-(1 + weight·(‖v‖ - ‖u‖))·d(u, v)` for pairs of a node `u` and a node `v` above it, `[M]`.

    Args:
        points: The points of the nodes.
        pairs: The numbers of `u` and `v`, `[M, 2]`.
        weight: The weight of the difference of the norms.

    Source: Nickel, Kiela (2017), (8), with a weight of 1000.
    """
    p = points.points if points.space == 'euclidean' else points.ball
    u, v = p[torch.from_numpy(pairs[:, 0].copy())], p[torch.from_numpy(pairs[:, 1].copy())]
    d = (u - v).norm(dim=1) if points.space == 'euclidean' else distance(u, v, 1.0)
    return -(1 + weight * (v.norm(dim=1) - u.norm(dim=1))) * d


@dataclass(frozen=True)
class Classification:
    """How well a threshold on a score tells relations from unrelated pairs.

    Attributes:
        f1: of the test pairs, in percent, at the threshold that is best on the validation pairs.
        validation_f1: of the validation pairs at this threshold, in percent.
        threshold: relations are the pairs whose score is at least this.
        weight: of the norms in `distance_scores`; None for cones.
    """

    f1: float
    validation_f1: float
    threshold: float
    weight: float | None


def classify_relations(
    points: NodePoints, split: Split, aperture: float | None = None, seed: int = 0
) -> Classification:
    """Classify held-out relations among unrelated pairs, ten for each of them.

    Five of the ten have another lower node, and five another upper one. The threshold, and for distances the weight of
    the norms, are those with the best F1 on the validation pairs.

    Args:
        points: of the nodes of the taxonomy.
        split: what was trained on, and what is held out.
        aperture: the constant of the cones by which pairs are scored; None scores by distances.
        seed: of the unrelated pairs.
    """
    parts = []
    for number, related in enumerate((split.validation, split.test)):
        rng = np.random.default_rng([seed, 2 + number])
        made, unrelated = corrupted(related, split.closure, len(points), _NEGATIVES, rng)
        pairs = np.concatenate([related, made[unrelated]])
        parts.append((pairs, np.arange(len(pairs)) < len(related)))
    weights = (None,) if aperture is not None else WEIGHTS
    best = Classification(-1.0, -1.0, 0.0, None)
    for weight in weights:
        scores = [
            (cone_scores(points, pairs, aperture) if weight is None else distance_scores(points, pairs, weight)).numpy()
            for pairs, _ in parts
        ]
        threshold, on_validation = _best_threshold(scores[0], parts[0][1])
        if on_validation > best.validation_f1:
            best = Classification(_f1(scores[1] >= threshold, parts[1][1]), on_validation, threshold, weight)
    return best


def _f1(found: NDArray[np.bool_], related: NDArray[np.bool_]) -> float:
    """`200·TP/(2·TP + FP + FN)`."""
    return 200 * float((found & related).sum()) / float(found.sum() + related.sum())


def _best_threshold(scores: NDArray[np.float64], related: NDArray[np.bool_]) -> tuple[float, float]:
    """The threshold with the best F1, and this F1; equal scores are all above it or all below."""
    order = np.argsort(-scores, kind='stable')
    value, hits = scores[order], np.cumsum(related[order])
    last = np.append(value[1:] != value[:-1], True)
    f1 = 200 * hits / (np.arange(1, len(value) + 1) + related.sum())
    best = int(np.where(last, f1, -1).argmax())
    # Between this score and the next one, so that the threshold does not stand on a validation pair.
    following = value[best + 1] if best + 1 < len(value) else value[best]
    return float((value[best] + following) / 2), float(f1[best])
