"""The probability of a class as a product along its path in a tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..taxonomy.graphs import root_of

__all__ = ['HierarchicalSoftmax']


class HierarchicalSoftmax(nn.Module):
    """`log p(class) = Σ over the nodes on the path from the root of log softmax among the node's siblings`.

    The logits are log-probabilities, so that cross-entropy, which takes their softmax once more, is unchanged by it.

    Args:
        scores: A module that returns one score for each node but the root, in the order of the nodes, `[..., N - 1]`.
        parent: The number of the parent of each of the N nodes; -1 for the root.
        classes: The node of each class, in the order of the labels. These must be all leaves of the tree.
        device: Of the buffers.

    Raises:
        ValueError: There is not exactly one root, the parents have a cycle, a class has no node, or the leaves of the
            tree are not the classes.

    Source: Morin, Bengio, "Hierarchical Probabilistic Neural Network Language Model" (2005), for trees of any width as
    in Redmon, Farhadi, "YOLO9000" (2017), section 4.
    """

    scores: Any
    members: Tensor
    family: Tensor
    paths: Tensor

    def __init__(
        self,
        scores: nn.Module,
        parent: Tensor | Sequence[int],
        classes: Tensor | Sequence[int],
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.scores = scores
        above = torch.as_tensor(parent).tolist()
        leaves = torch.as_tensor(classes).tolist()
        self.num_classes = len(leaves)
        self._tables = _tables(above, leaves)
        for name, table in self._tables.items():
            self.register_buffer(name, table.to(device), persistent=False)

    def reset_parameters(self) -> None:
        """Set the tables of the tree, and the parameters of the scores to their start."""
        for name, table in self._tables.items():
            self.get_buffer(name).copy_(table)
        self.scores.reset_parameters()

    def node_log_probabilities(self, x: Tensor) -> Tensor:
        """Return the log-probability of each node but the root given its parent, `[..., N - 1]`, at least float32."""
        scores = self.scores(x)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        # A column of -inf fills the rows of parents with fewer children.
        of_siblings = F.pad(scores, (0, 1), value=-torch.inf)[..., self.members]
        return scores - of_siblings.logsumexp(-1)[..., self.family]

    def forward(self, x: Tensor) -> Tensor:
        """Classify features.

        Args:
            x: What `scores` takes.

        Returns:
            Log-probabilities of the classes `[..., K]`, in the type of the scores.
        """
        steps = F.pad(self.node_log_probabilities(x), (0, 1))
        total = steps[..., self.paths[0]]
        for nodes in self.paths[1:]:
            total = total + steps[..., nodes]
        return total.to(x.dtype)

    def extra_repr(self) -> str:
        """Return the sizes, for `repr`."""
        return f'nodes={len(self.family) + 1}, num_classes={self.num_classes}, depth={len(self.paths)}'


def _tables(parent: list[int], classes: list[int]) -> dict[str, Tensor]:
    """The tree as indices of the nodes without the root, where the last index stands for none.

    `members` are the children of each parent, `[P, C]`; `family` is each node's row there, `[N - 1]`; `paths` are the
    nodes above each class and itself, `[depth, K]`.
    """
    count = len(parent)
    if any(over >= count for over in parent):
        raise ValueError(f'parent={max(parent)} is no node: the {count} nodes are numbered from 0')
    links = [(node, over) for node, over in enumerate(parent) if over >= 0]
    try:
        root = root_of(count, np.array(links, np.int64).reshape(-1, 2))
    except ValueError as error:
        raise ValueError(f'parent: {error}') from None
    missing = [node for node in classes if not 0 <= node < count]
    if missing:
        raise ValueError(f'classes={missing[:5]} have no node: the {count} nodes are numbered from 0')
    inner = {over: row for row, over in enumerate(sorted(set(parent) - {-1}))}
    leaves = [node for node in range(count) if node not in inner]
    if sorted(classes) != leaves:
        wrong = sorted(set(classes) & inner.keys()) or sorted(set(leaves) - set(classes)) or sorted(classes)
        raise ValueError(
            f'the leaves of the tree are not the classes: there are {len(leaves)} leaves and {len(classes)} classes, '
            f'see nodes {wrong[:5]}; give each leaf as one class'
        )
    place = {node: i for i, node in enumerate(node for node in range(count) if node != root)}
    families: list[list[int]] = [[] for _ in inner]
    for node, i in place.items():
        families[inner[parent[node]]].append(i)

    def path(node: int) -> list[int]:
        steps = []
        while node != root:
            steps.append(place[node])
            node = parent[node]
        return steps[::-1]

    paths = [path(node) for node in range(count)]
    return {
        'members': _padded(families, count - 1),
        'family': torch.tensor([inner[parent[node]] for node in place]),
        'paths': _padded([paths[node] for node in classes], count - 1).T.contiguous(),
    }


def _padded(rows: list[list[int]], filler: int) -> Tensor:
    width = max(map(len, rows), default=0)
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])
