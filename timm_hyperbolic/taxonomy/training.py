"""Embeddings of related nodes by gradient descent on their distances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch

from ..errors import UserError
from .graphs import Indices
from .memory import MEMORY, check_memory
from .points import SPACES, NodePoints

__all__ = ['DistanceTraining', 'TrainingSettings']

# Uniform starting points have coordinates up to this.
_START = 1e-3
_SPACES = tuple(SPACES)


@dataclass(frozen=True)
class TrainingSettings:
    """How an embedding is trained.

    Attributes:
        dim: the dimension of the space.
        space: `poincare`, `lorentz` or `euclidean`.
        epochs: how many times each relation is visited.
        lr: the learning rate.
        burn_in: the number of first epochs in which the learning rate is `lr/100`.
        negatives: how many unrelated nodes are sampled for each relation.
        seed: of starting points, order and samples.
    """

    dim: int = 5
    space: str = 'poincare'
    epochs: int = 300
    lr: float = 0.1
    burn_in: int = 20
    negatives: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        if self.space not in SPACES:
            raise UserError(f'space={self.space!r} must be one of {", ".join(SPACES)}')
        for name, least in (('dim', 1), ('epochs', 1), ('burn_in', 0), ('negatives', 1), ('seed', 0)):
            if getattr(self, name) < least:
                raise UserError(f'{name}={getattr(self, name)} must be at least {least}')
        if not self.lr > 0:
            raise UserError(f'lr={self.lr} must be greater than 0')


class DistanceTraining:
    """Train points such that related nodes are near each other, and nearer than unrelated ones.

    For each related pair `(x, y)` the loss is `d(x, y) + log Σ exp(-d(x, z))` over `y` and sampled nodes `z` that are
    not related to `x`, minimised by Riemannian stochastic gradient descent, one pair after the other. All random
    numbers depend on the seed and the epoch only, so that training goes on from a file exactly as if it had not been
    interrupted, and gives the same bits on every run.

    Args:
        names: of the nodes.
        relations: pairs of a node and a related node, `[M, 2]`, such as the closure of a taxonomy.
        settings: dimension, space, epochs and rates.
        start: points to go on from, as `points` gave them; None starts at random.
        max_memory: the memory that training may take, in bytes.

    Attributes:
        epoch: how many epochs are done.
        loss: the mean loss of the last epoch; NaN before the first one.

    Raises:
        UserError: there is no relation, `start` has other names or settings, or the memory is not enough.

    Source: Nickel, Kiela, "Poincaré embeddings for learning hierarchical representations" (2017), section 3; "Learning
    continuous hierarchies in the Lorentz model of hyperbolic geometry" (2018).
    """

    def __init__(
        self,
        names: tuple[str, ...],
        relations: Indices,
        settings: TrainingSettings,
        start: NodePoints | None = None,
        max_memory: int = MEMORY,
    ) -> None:
        if not len(relations):
            raise UserError('no node has a related node: there is nothing to train on')
        size = len(names) * settings.dim * 8 * 3 + len(relations) * 8 * 6
        what = f'the training of {len(names):,} nodes with {len(relations):,} relations in {settings.dim} dimensions'
        check_memory(what, size, max_memory, 'take fewer dimensions or a subtree, or raise max_memory')
        self.names, self.settings = names, settings
        self.relations = np.ascontiguousarray(relations[np.lexsort((relations[:, 1], relations[:, 0]))])
        self._begins = np.searchsorted(self.relations[:, 0], np.arange(len(names) + 1))
        self._related = self.relations[:, 1].copy()
        self.loss = float('nan')
        if start is None:
            self.epoch = 0
            shape = (len(names), settings.dim)
            self._points = np.random.default_rng(settings.seed).uniform(-_START, _START, shape)
        else:
            if start.names != names:
                raise UserError('the points to go on from belong to other nodes; start anew, into another folder')
            self.epoch = start.epoch_of(asdict(settings), free=('epochs',))
            self._points = start.points.numpy().copy()

    @property
    def points(self) -> NodePoints:
        """The points after the last epoch."""
        about = {'method': 'distances', 'epoch': self.epoch, 'settings': asdict(self.settings)}
        return NodePoints(self.names, torch.from_numpy(self._points.copy()), self.settings.space, about)

    def run(self) -> Iterator[float]:
        """Train epoch by epoch up to the last one, and yield the mean loss of each."""
        from .descent import descend  # imports Numba

        kind, least = _SPACES.index(self.settings.space), torch.finfo(torch.float64).eps ** 0.5
        while self.epoch < self.settings.epochs:
            numbers = np.random.default_rng([self.settings.seed, self.epoch])
            pairs = self.relations[numbers.permutation(len(self.relations))]
            key = numbers.integers(2**64, dtype=np.uint64)
            negatives = self.settings.negatives
            rate = self.settings.lr / (100 if self.epoch < self.settings.burn_in else 1)
            self.loss = descend(self._points, pairs, self._begins, self._related, kind, rate, negatives, key, least)
            self.epoch += 1
            if not np.isfinite(self.loss):
                raise UserError(f'lr={self.settings.lr}: training diverged in epoch {self.epoch}; take a smaller one')
            yield self.loss
