"""Features whose classes lie as far apart as in a tree of the labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import Frame, Limits, midpoint_log0
from ..taxonomy import Taxonomy
from .points import all_distances, check_features, points_of

__all__ = ['TreeCorrelation']


class TreeCorrelation(nn.Module):
    """`1 - ρ` with the correlation `ρ` of distances between class means and distances between classes in a tree.

    The mean of a class is the gyro-midpoint of its features `exp0(x)` in the batch, and `ρ` is Pearson's correlation
    over all pairs of classes in the batch. With fewer than three classes there, `ρ` is 0 or ±1 and has no gradient. Add
    it, with a weight of about 1, to the cross-entropy of any model.

    Flat limit: the correlation of Euclidean distances between means.

    Args:
        tree_distances: Distances between classes in the tree, `[K, K]`, such as numbers of edges.
        curvature: `c >= 0`.
        margin: The clip of the features as for layers, a number in (0, 1) or None.

    Raises:
        ValueError: `tree_distances` is not a square matrix, or a value is outside its range.

    Source: Zeng, Guo, Zhang et al., "Learning Structured Representations with Hyperbolic Embeddings" (HypStructure,
    NeurIPS 2024), the cophenetic correlation without the term that centres the root; their means are Klein averages,
    which are these gyro-midpoints.
    """

    tree_distances: Tensor

    def __init__(self, tree_distances: Tensor, curvature: float = 1.0, margin: float | None = 0.985) -> None:
        super().__init__()
        if tree_distances.dim() != 2 or tree_distances.shape[0] != tree_distances.shape[1]:
            raise ValueError(f'tree_distances of shape {list(tree_distances.shape)} must be [num_classes, num_classes]')
        if not 0 <= curvature < float('inf'):
            raise ValueError(f'curvature={curvature} must be a number >= 0')
        self.curvature, self.limits = curvature, Limits(margin)
        self.register_buffer('tree_distances', tree_distances.double(), persistent=False)

    @classmethod
    def of(cls, taxonomy: Taxonomy, curvature: float = 1.0, margin: float | None = 0.985) -> TreeCorrelation:
        """Return the loss for the classes of a tree, with the numbers of edges between them.

        Raises:
            ValueError: the tree has no classes.
        """
        if taxonomy.classes is None:
            raise ValueError(f'{taxonomy!r} does not say which nodes are the classes: use its with_classes(names)')
        distances = taxonomy.distance(taxonomy.classes[:, None], taxonomy.classes[None])
        return cls(torch.from_numpy(distances), curvature, margin)

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            features: Tangent vectors at the origin, `[B, D]`.
            target: Labels, `[B]`.

        Returns:
            A number in [0, 2], in the type of the features (float32 for half types).

        Raises:
            ValueError: the shapes do not fit.
        """
        check_features(features, target)
        with torch.autocast(features.device.type, enabled=False):
            p, c = points_of(features, self.curvature, self.limits)
            distances = self.tree_distances.to(p.u.dtype)
            member = F.one_hot(target, len(distances)).to(p.u.dtype).T
            factor = p.conformal_factor()
            means = midpoint_log0(member @ (factor * p.to_tensor()), member @ (factor - 1), c)
            frame = Frame.of((means,), c, means.dtype)
            between = all_distances(frame.tangent(torch.ones_like(frame.gram[0][0])).exp0(), c)
            present = member.any(-1)
            pairs = (present & present[:, None]).triu(1).to(between.dtype)
            loss = 1 - _correlation(between, distances, pairs)
        return loss.to(torch.promote_types(features.dtype, torch.float32))


def _correlation(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    total = weights.sum().clamp_min(1)
    x, y = (weights * (t - (weights * t).sum() / total) for t in (x, y))
    product = x.square().sum() * y.square().sum()
    return torch.where(product > 0, (x * y).sum() * torch.where(product > 0, product, 1).rsqrt(), 0)
