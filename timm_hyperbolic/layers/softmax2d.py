"""The probability of a class as a product along its path in a tree, for every pixel of a map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..taxonomy import Taxonomy
from .hierarchical_softmax import HierarchicalSoftmax

__all__ = ['HierarchicalSoftmax2d']


class HierarchicalSoftmax2d(HierarchicalSoftmax):
    """`HierarchicalSoftmax` for maps: `log p(class) = Σ over the path of log softmax among siblings`, for every pixel.

    The nodes are numbered breadth-first, so that siblings lie side by side: a softmax is one of a slice of the map, and
    the sum along the path one matrix product.

    Args:
        scores: A module that returns one score for each node but the root, `[B, N - 1, H, W]`, in the order of `nodes`.
        tree: A tree whose classes are its leaves.
        device: Of the buffers.

    Attributes:
        nodes: The number in the tree of each node but the root, in the order of the scores.

    Raises:
        ValueError: the leaves of the tree are not its classes.

    Source: As for `HierarchicalSoftmax`.
    """

    steps: Tensor

    def __init__(self, scores: nn.Module, tree: Taxonomy, device: torch.device | str | None = None) -> None:
        order = _breadth_first(tree.parent.tolist(), tree.root)
        place = {node: i for i, node in enumerate(order)}
        parent = [-1 if node == tree.root else place[int(tree.parent[node])] for node in order]
        classes = [] if tree.classes is None else tree.classes.tolist()
        super().__init__(scores, parent, [place[node] for node in classes], device)
        self.nodes = order[1:]
        family = self._tables['family'].tolist()
        self.sizes = [family.count(row) for row in dict.fromkeys(family)]
        steps = torch.zeros(self.num_classes, len(self.nodes) + 1)
        for nodes in self._tables['paths']:
            steps[torch.arange(self.num_classes), nodes] += 1
        self._tables['steps'] = steps[:, :-1]  # the last column counts where a path has ended
        self.register_buffer('steps', self._tables['steps'].to(device), persistent=False)

    def node_log_probabilities(self, x: Tensor) -> Tensor:
        """Return the log-probability of each node but the root given its parent, at least float32.

        Args:
            x: What `scores` takes.

        Returns:
            `[B, N - 1, H, W]`.
        """
        scores = self.scores(x)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        return torch.cat([siblings.log_softmax(1) for siblings in scores.split(self.sizes, 1)], 1)

    def forward(self, x: Tensor) -> Tensor:
        """Classify pixels.

        Args:
            x: What `scores` takes.

        Returns:
            Log-probabilities of the classes `[B, K, H, W]`, in the type of `x`.
        """
        steps = self.node_log_probabilities(x)
        # A matrix product and no convolution, which a GPU computes with fewer digits by default.
        with torch.autocast(steps.device.type, enabled=False):
            total = self.steps.to(steps.dtype) @ steps.flatten(2)
        return total.unflatten(2, steps.shape[2:]).to(x.dtype)


def _breadth_first(parent: Sequence[int], root: int) -> list[int]:
    """The nodes from the root down, level by level, the children of a node together."""
    children: dict[int, list[int]] = {}
    for node, over in enumerate(parent):
        children.setdefault(over, []).append(node)
    order = [root]
    for node in order:
        order += children.get(node, [])
    return order
