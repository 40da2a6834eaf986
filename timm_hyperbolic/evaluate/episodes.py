"""Few-shot episodes: a few classes, a few labelled examples of each, and which class further examples belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..config.features import GEOMETRIES
from ..geometry import Limits, ball_to_klein, einstein_midpoint, klein_to_ball, pairwise_squared_distance
from ..geometry.gyrovector import dot
from ..losses.points import points_of

__all__ = ['Accuracy', 'Episodes', 'Geometry', 'episode_accuracies', 'prototype_logits', 'sample_episodes']

_CHUNK = 1 << 23  # numbers in the largest tensor of features


class Episodes(NamedTuple):
    """The rows of the examples of E episodes of W classes each.

    Attributes:
        support: `[E, W, S]`, the labelled examples of each class.
        query: `[E, W, Q]`, the examples to be classified.
    """

    support: Tensor
    query: Tensor


def sample_episodes(
    labels: Tensor,
    way: int,
    shot: int,
    query: int,
    episodes: int,
    classes: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Episodes:
    """Draw episodes: classes without replacement, and of each class different examples.

    Args:
        labels: The class of each row, `[N]`.
        way: Number W of classes in an episode, at least 2.
        shot: Number S of labelled examples of each class.
        query: Number Q of examples of each class to be classified.
        episodes: Number E of episodes.
        classes: The classes to draw from; None for all that have enough rows.
        generator: Generator of the random numbers; None for torch's own.

    Raises:
        ValueError: A number is too small, or fewer than W classes have S + Q rows.
    """
    for name, value, least in (('way', way, 2), ('shot', shot, 1), ('query', query, 1), ('episodes', episodes, 1)):
        if value < least:
            raise ValueError(f'{name}={value} must be at least {least}')
    counts = labels.bincount(minlength=0 if classes is None else int(classes.max()) + 1)
    known = torch.arange(len(counts)) if classes is None else classes.unique()
    known = known[counts[known] >= shot + query]
    if len(known) < way:
        raise ValueError(
            f'{len(known)} classes have at least {shot + query} images, {shot} labelled and {query} to be classified; '
            f'an episode needs {way}'
        )
    # Rows of a class: a table, padded to the largest class.
    order = labels.argsort(stable=True)
    first = counts.cumsum(0) - counts
    chosen = known[torch.rand(episodes, len(known), generator=generator).topk(way).indices]
    most = int(counts[known].max())
    rows = []
    for part in chosen.split(max(1, _CHUNK // (way * most))):
        keys = torch.rand(*part.shape, most, generator=generator)
        keys.masked_fill_(torch.arange(most) >= counts[part].unsqueeze(-1), -1.0)
        rows.append(order[first[part].unsqueeze(-1) + keys.topk(shot + query).indices])
    found = torch.cat(rows)
    return Episodes(found[..., :shot], found[..., shot:])


@dataclass(frozen=True)
class Geometry:
    """The space in which examples are compared with prototypes.

    Attributes:
        name: `'euclidean'`, `'cosine'` or `'hyperbolic'`.
        curvature: Curvature `c >= 0` of the hyperbolic space of curvature `-c`.
        max_norm: The largest length of a feature as a tangent vector of the hyperbolic space; None for no limit.
    """

    name: str = 'hyperbolic'
    curvature: float = 1.0
    max_norm: float | None = 2.3

    def __post_init__(self) -> None:
        if self.name not in GEOMETRIES:
            raise ValueError(f'geometry {self.name!r} must be one of {", ".join(GEOMETRIES)}')
        if not 0 <= self.curvature < float('inf'):
            raise ValueError(f'curvature={self.curvature} must be a number of at least 0')


def prototype_logits(support: Tensor, query: Tensor, geometry: Geometry) -> Tensor:
    """Return minus the squared distance of each example from the prototype of each class.

    The prototype of a class is the mean of its labelled examples: in flat space `Σ x/S`, on the sphere the direction
    of the sum of unit vectors, in hyperbolic space the Einstein midpoint of the points `exp0(x)`. The squared distance
    is `‖x - p‖²`, on the sphere `2 - 2·cos`, in hyperbolic space that of the geodesic, which is `4‖x - p‖²` at
    curvature 0.

    Args:
        support: Features of the labelled examples, `[..., W, S, D]`.
        query: Features of the examples to be classified, `[..., Q, D]`.
        geometry: The space.

    Returns:
        `[..., Q, W]`, `<= 0`, float64.

    Source: Snell, Swersky, Zemel, "Prototypical networks for few-shot learning" (NeurIPS 2017), (1) and (2);
    Khrulkov, Mirvakhabova, Ustinova, Oseledets, Lempitsky, "Hyperbolic image embeddings" (CVPR 2020), section 4,
    for the hyperbolic form.
    """
    support, query = support.double(), query.double()
    if geometry.name == 'hyperbolic':
        limits = Limits(max_norm=geometry.max_norm)
        p, c = points_of(support, geometry.curvature, limits)
        q, _ = points_of(query, geometry.curvature, limits)
        x = q.to_tensor()
        y = klein_to_ball(einstein_midpoint(ball_to_klein(p.to_tensor(), c), c), c)
        y2 = dot(y, y, y.dtype).mT
        return -pairwise_squared_distance(x @ y.mT, q.r2, q.u, y2, 1 - c * y2, c)
    if geometry.name == 'cosine':
        query = F.normalize(query, dim=-1)
        return 2 * query @ F.normalize(F.normalize(support, dim=-1).sum(-2), dim=-1).mT - 2
    prototypes = support.mean(-2)
    return 2 * query @ prototypes.mT - dot(query, query, query.dtype) - dot(prototypes, prototypes, query.dtype).mT


@torch.no_grad()
def episode_accuracies(features: Tensor, episodes: Episodes, geometry: Geometry) -> Tensor:
    """Classify the examples of episodes by the nearest prototype.

    Args:
        features: `[N, D]`.
        episodes: Rows of the features.
        geometry: The space in which examples and prototypes are compared.

    Returns:
        The accuracy of each episode in percent, `[E]`.
    """
    _, way, shot = episodes.support.shape
    target = torch.arange(way).repeat_interleave(episodes.query.shape[-1])
    each = max(1, _CHUNK // (way * (shot + episodes.query.shape[-1]) * features.shape[1]))
    found = []
    for support, query in zip(episodes.support.split(each), episodes.query.split(each), strict=True):
        logits = prototype_logits(features[support], features[query.flatten(1)], geometry)
        found.append((logits.argmax(-1) == target).double().mean(-1))
    return 100 * torch.cat(found)


class Accuracy(NamedTuple):
    """The accuracy over episodes.

    Attributes:
        mean: The mean in percent.
        interval: Half the width of the 95 % confidence interval of the mean, `1.96·s/√E`, in percent.
        episodes: Number E of episodes.
    """

    mean: float
    interval: float
    episodes: int

    @classmethod
    def of(cls, values: Tensor) -> Accuracy:
        """Return the accuracy over episodes, of which `values`, `[E]`, `E >= 2`, are those of each."""
        return cls(values.mean().item(), 1.96 * values.std().item() / len(values) ** 0.5, len(values))

    def __str__(self) -> str:
        return f'{self.mean:.2f} ± {self.interval:.2f} %'
