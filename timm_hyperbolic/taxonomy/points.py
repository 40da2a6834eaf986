"""Points for the nodes of a taxonomy: their model of the space, their distances, their file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..files import whole_file
from ..geometry import convert
from ..version import __version__
from .graphs import Indices
from .reconstruction import Ranking, rank_relations

__all__ = ['SPACES', 'NodePoints']

#: Names of the spaces of an embedding, and of the models in `geometry.MODELS`; Euclidean space has none.
SPACES = {'poincare': 'ball', 'lorentz': 'lorentz', 'euclidean': None}


@dataclass(frozen=True, eq=False, repr=False)
class NodePoints:
    """Named points of the Poincaré ball, the Lorentz model (space parts) or Euclidean space, of curvature 1 or 0.

    Attributes:
        names: the names of the nodes, all different.
        points: `[N, D]`, float64.
        space: `poincare`, `lorentz` or `euclidean`.
        about: how the points were made, in numbers and words that JSON can hold.
        state: further tensors that a training needs to go on, by name.
    """

    names: tuple[str, ...]
    points: Tensor
    space: str = 'poincare'
    about: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.space not in SPACES:
            raise UserError(f'space={self.space!r} must be one of {", ".join(SPACES)}')
        if self.points.dim() != 2 or len(self.points) != len(self.names):
            raise UserError(f'{list(self.points.shape)} points for {len(self.names)} names')

    def __repr__(self) -> str:
        return f'NodePoints({len(self.names):,} nodes, {self.space}, dim {self.points.shape[1]})'

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> Tensor:
        """Return the point of a node, `[D]`.

        Raises:
            KeyError: there is no such node.
        """
        return self.points[self._numbers[name]]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def ball(self) -> Tensor:
        """The points in the unit ball, `[N, D]`.

        Raises:
            UserError: they lie in Euclidean space.
        """
        model = SPACES[self.space]
        if model is None:
            raise UserError('Euclidean points have no place in the ball')
        return convert(self.points, model, 'ball', 1.0)

    @cached_property
    def _complement(self) -> Tensor:
        """`1 - ‖p‖²` of the points of the ball; 1 in Euclidean space."""
        if self.space == 'euclidean':
            return torch.ones(len(self), dtype=torch.float64)
        square = self.points.square().sum(1)
        return 1 - square if self.space == 'poincare' else 2 / (1 + (1 + square).sqrt())

    def nearness(self, nodes: Tensor) -> Tensor:
        """Return an increasing function of the distances from nodes to all nodes, as `rank_relations` takes it.

        It is `‖p - q‖²/(1 - ‖q‖²)` in the ball and `‖p - q‖²` in Euclidean space.

        Args:
            nodes: numbers of nodes, `[B]`.

        Returns:
            `[B, N]`.
        """
        p = self.points if self.space == 'euclidean' else self.ball
        # From differences: in ‖p‖² + ‖q‖² - 2⟨p, q⟩ near points lose their digits.
        return torch.cdist(p[nodes], p, compute_mode='donot_use_mm_for_euclid_dist').square_() / self._complement

    def rank(self, relations: Indices, known: Indices | None = None, nodes: Tensor | None = None) -> Ranking:
        """Rank related nodes among all others by their distance; see `rank_relations`.

        Args:
            relations: pairs of a node and a related node, `[M, 2]`.
            known: further related pairs, `[K, 2]`, which are left out of the ranking: those that were trained on, where
                `relations` were held out.
            nodes: the nodes from which distances are sorted; None takes all that have related nodes.

        Raises:
            UserError: none of the nodes has a related node.
        """
        if known is None:
            return rank_relations(self.nearness, relations, len(self), nodes)
        pairs = torch.from_numpy(known[known[:, 0].argsort(kind='stable')].copy())
        begins = torch.searchsorted(pairs[:, 0].contiguous(), torch.arange(len(self) + 1))

        def nearness(block: Tensor) -> Tensor:
            d = self.nearness(block)
            for row, node in enumerate(block.tolist()):
                d[row, pairs[begins[node] : begins[node + 1], 1]] = torch.inf
            return d

        return rank_relations(nearness, relations, len(self), nodes)

    def epoch_of(self, settings: Mapping[str, Any], free: Collection[str] = ()) -> int:
        """Return the epoch after which a training saved these points, if another one can go on from there.

        Args:
            settings: settings of the training that is to go on.
            free: names of settings that may differ.

        Raises:
            UserError: a setting differs. The message names it and its value before.
        """
        before = self.about.get('settings', {})
        for name, now in settings.items():
            if before.get(name) != now and name not in free:
                raise UserError(f'{name}={now}: the training to go on with has {name}={before.get(name)}; leave it so')
        return int(self.about['epoch'])

    def save(self, path: str | Path) -> None:
        """Write the points as a safetensors file, whole or not at all.

        The file has the tensors `points` and `state.*`, and in its metadata `names`, a JSON list in the order of the
        rows, `space` and `about`.

        Raises:
            TrainingError: the file cannot be written.
        """
        from safetensors.torch import save

        metadata = {
            'names': json.dumps(list(self.names), ensure_ascii=False),
            'space': self.space,
            'about': json.dumps(dict(self.about)),
            'version': __version__,
        }
        tensors = {'points': self.points, **{f'state.{name}': value for name, value in self.state.items()}}
        content = save({name: value.contiguous() for name, value in tensors.items()}, metadata)
        with whole_file(Path(path)) as scratch:
            scratch.write_bytes(content)

    @classmethod
    def load(cls, path: str | Path) -> NodePoints:
        """Read a file that `save` has written.

        Raises:
            UserError: the file cannot be read, or is none of these.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), framework='pt') as file:
                metadata = file.metadata() or {}
                names = tuple(json.loads(metadata['names']))
                extra = [key for key in list(file.keys()) if key.startswith('state.')]
                state = {key.removeprefix('state.'): file.get_tensor(key) for key in extra}
                about = json.loads(metadata['about'])
                return cls(names, file.get_tensor('points'), metadata['space'], about, state)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise UserError(f'{path} is no file of an embedding: {error}') from error
