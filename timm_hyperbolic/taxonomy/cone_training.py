"""Entailment cones trained such that each node lies in the cones of the nodes above it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from ..errors import UserError
from ..geometry import exp0, log0, lorentz_exterior_angle, lorentz_half_aperture
from .entailment import corrupted
from .graphs import Indices
from .points import NodePoints

__all__ = ['ConeSettings', 'ConeTraining']

# A distance embedding is shrunk by this before cones are trained on it.
_SHRINK = 0.7


@dataclass(frozen=True)
class ConeSettings:
    """How cones are trained.

    Attributes:
        epochs: how many times each relation is visited.
        lr: the learning rate of the first epoch, from which it falls linearly to zero.
        negatives: how many unrelated pairs are made of each relation; an even number.
        margin: energy that an unrelated pair should have at least, in radians.
        aperture: the constant of the cones, `K` in `geometry.half_aperture`.
        batch_size: relations of a step.
        seed: of the order and the unrelated pairs.
    """

    epochs: int = 300
    lr: float = 0.01
    negatives: int = 10
    margin: float = 0.1
    aperture: float = 0.1
    batch_size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (('epochs', 1), ('negatives', 2), ('batch_size', 1), ('seed', 0)):
            if getattr(self, name) < least:
                raise UserError(f'{name}={getattr(self, name)} must be at least {least}')
        if self.negatives % 2:
            raise UserError(f'negatives={self.negatives} must be even: half of them replace the lower node')
        for name in ('lr', 'margin', 'aperture'):
            if not getattr(self, name) > 0:
                raise UserError(f'{name}={getattr(self, name)} must be greater than 0')


class ConeTraining:
    """Train entailment cones, starting from a distance embedding.

    With `E = Ξ - ψ`, by which the lower node of a pair lies outside the cone of the upper one, the loss is
    `Σ max(0, E)` over relations and `Σ max(0, margin - E)` over pairs made of them by replacing a node, which are no
    trained relations. The points are the images of tangent vectors at the origin, which Adam trains; they stay outside
    of the radius at which cones have an aperture of a right angle. The distance embedding is multiplied by 0.7 first.

    The published training differs in two things. It takes Riemannian gradient steps: on WordNet's mammals they brought
    the loss to 0.76 in 20 epochs, and Adam brings it to 0.26. And its loss of an unrelated pair,
    `max(0, margin - max(0, E))`, has the gradient zero inside a cone, where this one pushes the pair out.

    Args:
        names: of the nodes.
        relations: pairs of a node and a node above it, `[M, 2]`.
        start: a distance embedding in hyperbolic space, or points of cones to go on from.
        settings: epochs and rates.

    Attributes:
        epoch: how many epochs are done.
        loss: mean loss of a relation in the last epoch; NaN before the first one.

    Raises:
        UserError: there is no relation, or the points to start from belong to other nodes, to Euclidean space or to
            other settings.

    Source: Ganea, Bécigneul, Hofmann, "Hyperbolic entailment cones" (2018), (32), (33) and section 5.
    """

    def __init__(
        self, names: tuple[str, ...], relations: Indices, start: NodePoints, settings: ConeSettings | None = None
    ) -> None:
        if not len(relations):
            raise UserError('no node has a related node: there is nothing to train on')
        if start.names != names:
            raise UserError('the points to start from belong to other nodes')
        self.names, self.relations = names, relations
        self.settings = ConeSettings() if settings is None else settings
        self.loss = float('nan')
        self._start: Mapping[str, Any] = start.about
        # sinh r = 2K, where the aperture is a right angle; a vector is half as long as its point is far
        self._smallest = math.asinh(2 * self.settings.aperture) / 2
        if start.about.get('method') == 'cones':
            self._start, self.epoch = start.about['start'], start.epoch_of(asdict(self.settings))
            self._vectors = start.state['vectors'].clone().requires_grad_()
            self._moments = {name: start.state[name].clone() for name in ('exp_avg', 'exp_avg_sq', 'step')}
        else:
            self.epoch, self._vectors = 0, log0(_SHRINK * start.ball, 1.0)
            self._hold()
            self._vectors.requires_grad_()
            self._moments = {}
        self._adam = torch.optim.Adam([self._vectors], lr=self.settings.lr, betas=(0.9, 0.99))
        if self._moments:
            self._adam.state[self._vectors] = self._moments

    @torch.no_grad()
    def _hold(self) -> None:
        """Keep all points where cones are defined and the ball has digits."""
        norm = self._vectors.norm(dim=1, keepdim=True).clamp_min(1e-12)
        largest = math.atanh(1 - math.sqrt(torch.finfo(torch.float64).eps))
        self._vectors.mul_(norm.clamp(self._smallest, largest) / norm)

    @property
    def points(self) -> NodePoints:
        """The points after the last epoch, in the ball."""
        about = {'method': 'cones', 'epoch': self.epoch, 'settings': asdict(self.settings), 'start': dict(self._start)}
        vectors = self._vectors.detach().clone()
        state = {name: value.clone() for name, value in self._adam.state[self._vectors].items()}
        return NodePoints(self.names, exp0(vectors, 1.0), 'poincare', about, {'vectors': vectors, **state})

    def run(self) -> Iterator[float]:
        """Train epoch by epoch up to the last one, and yield the mean loss of each."""
        s = self.settings
        while self.epoch < s.epochs:
            numbers, total = np.random.default_rng([s.seed, self.epoch]), 0.0
            shuffled = self.relations[numbers.permutation(len(self.relations))]
            made, unrelated = corrupted(shuffled, self.relations, len(self.names), s.negatives // 2, numbers)
            self._adam.param_groups[0]['lr'] = s.lr * (1 - self.epoch / s.epochs)
            for i in range(0, len(shuffled), s.batch_size):
                rows = slice(i, i + s.batch_size)
                total += self._step(shuffled[rows], made[rows][unrelated[rows]])
            self.epoch, self.loss = self.epoch + 1, total / len(shuffled)
            if not math.isfinite(self.loss):
                raise UserError(f'lr={s.lr}: training diverged in epoch {self.epoch}; take a smaller one')
            yield self.loss

    def _step(self, related: Indices, unrelated: Indices) -> float:
        """Take one step and return the loss before it."""
        s = self.settings
        lower, upper = torch.from_numpy(np.concatenate([related, unrelated]).T.copy())
        norm = self._vectors.norm(dim=1, keepdim=True)  # never zero, see `_hold`
        h = (2 * norm).sinh() / norm * self._vectors
        outside = lorentz_exterior_angle(h[upper], h[lower], 1.0) - lorentz_half_aperture(h[upper], 1.0, s.aperture)
        loss = outside[: len(related)].relu().sum() + (s.margin - outside[len(related) :]).relu().sum()
        self._adam.zero_grad()
        loss.backward()
        self._adam.step()
        self._hold()
        return float(loss.detach())
