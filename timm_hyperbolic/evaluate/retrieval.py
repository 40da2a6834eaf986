"""Measures of retrieval: whether the images that lie nearest to an image are of its class, or of a related one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import Limits, pairwise_squared_distance
from ..losses.points import points_of
from ..taxonomy import Taxonomy

__all__ = ['RECALLS', 'retrieval_metrics']

#: The numbers of nearest images of Recall@k that are usual in metric learning.
RECALLS = (1, 2, 4, 8)

#: Entries of the matrix of similarities that are sorted at once.
_ENTRIES = 1 << 22


@torch.no_grad()
def retrieval_metrics(
    features: Tensor,
    labels: Tensor,
    taxonomy: Taxonomy | None = None,
    *,
    curvature: float | None = None,
    limits: Limits | None = None,
    recalls: Sequence[int] = RECALLS,
) -> dict[str, float]:
    """Return how well images find images of their class, and of related classes, by the similarity of features.

    Every image is a query, and all other images are ranked by their similarity to it; of two equal similarities the
    image that comes first ranks first. With the positions `r_1 < r_2 < ... < r_R` of the R relevant images,

        average precision = 1/R · Σ_i i/r_i        Recall@k = [r_1 <= k]

    and the measures are means over the queries that have a relevant image.

    The measures are in percent, and NaN where no query has a relevant image:

    - `class_map`: the mean average precision where images of the same class are relevant;
    - `sibling_map`: where classes with the same parent in the tree are, the query's own among them;
    - `cousin_map`: where classes with the same grandparent are; the grandparent of a class right below the root is
      the root. A level at which all classes of the tree are relevant to each other is left out;
    - `recall_at_1`, ...: Recall@k of the same class.

    Args:
        features: `[N, D]`. Without a curvature they are compared by their cosine.
        labels: Classes, `[N]`.
        taxonomy: A tree of the classes, for the levels of siblings and cousins.
        curvature: With a curvature `c >= 0` the features are tangent vectors at the origin, and are compared by the
            geodesic distance of the points `exp0(x)`.
        limits: With a curvature, the clip of the tangent vectors; None for none.
        recalls: The k of Recall@k.

    Returns:
        The measures in percent by name.

    Raises:
        ValueError: the shapes do not fit, a feature is not finite, or a label is no class of the tree.

    Source: Long, Mettes, Shen, Snoek, "Searching for Actions on the Hyperbole" (CVPR 2020), for the levels; Ermolov,
    Mirvakhabova, Khrulkov, Sebe, Oseledets, "Hyperbolic Vision Transformers" (CVPR 2022), for Recall@k.
    """
    if features.dim() != 2 or labels.shape != features.shape[:1]:
        raise ValueError(
            f'features of shape {list(features.shape)} and labels of shape {list(labels.shape)} must be [N, D] and [N]'
        )
    if not features.isfinite().all():
        raise ValueError('features are not all finite')
    similarity = _cosine(features) if curvature is None else _nearness(features, curvature, limits)
    groups = _groups(labels, taxonomy)
    totals = dict.fromkeys([f'{name}_map' for name in groups] + [f'recall_at_{k}' for k in recalls], 0.0)
    queries = dict.fromkeys(totals, 0)
    count = len(labels)
    step = max(1, _ENTRIES // max(count, 1))
    positions = torch.arange(1, max(count, 1), dtype=torch.float64, device=features.device)
    for start in range(0, count, step):
        rows = torch.arange(start, min(start + step, count), device=features.device)
        scores = similarity(rows)
        scores[torch.arange(len(rows)), rows] = -math.inf  # the query itself comes last, and is cut off
        order = scores.sort(dim=1, descending=True, stable=True).indices[:, :-1]
        for name, group in groups.items():
            relevant = group[order] == group[rows, None]
            found = relevant.sum(1)
            precision = relevant.cumsum(1) * relevant / positions
            totals[f'{name}_map'] += (precision.sum(1) / found.clamp_min(1)).sum().item()
            queries[f'{name}_map'] += int((found > 0).sum())
            if name == 'class':
                for k in recalls:
                    totals[f'recall_at_{k}'] += int(relevant[:, :k].any(1).sum())
                    queries[f'recall_at_{k}'] += int((found > 0).sum())
    return {name: 100 * total / queries[name] if queries[name] else math.nan for name, total in totals.items()}


def _groups(labels: Tensor, taxonomy: Taxonomy | None) -> dict[str, Tensor]:
    """Return numbers that are equal for images which are relevant to each other, `[N]`, at each level."""
    groups = {'class': labels}
    if taxonomy is None:
        return groups
    if taxonomy.classes is None:
        raise ValueError(f'{taxonomy!r} does not say which nodes are the classes: use its with_classes(names)')
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(taxonomy.classes):
        raise ValueError(f'labels from {int(labels.min())} to {int(labels.max())} are no classes of {taxonomy!r}')
    nodes = taxonomy.classes
    for name in ('sibling', 'cousin'):
        above = taxonomy.parent[nodes]
        nodes = np.where(above < 0, nodes, above)
        if len(np.unique(nodes)) > 1:
            groups[name] = torch.from_numpy(nodes).to(labels.device)[labels]
    return groups


def _cosine(features: Tensor) -> Callable[[Tensor], Tensor]:
    unit = F.normalize(features.to(torch.promote_types(features.dtype, torch.float32)))
    return lambda rows: unit[rows] @ unit.T


def _nearness(vectors: Tensor, curvature: float, limits: Limits | None) -> Callable[[Tensor], Tensor]:
    """Return a function of queries that gives minus the squared distances of their points to all points."""
    p, c = points_of(vectors, curvature, limits or Limits(None))
    points, r2, u = p.to_tensor(), p.r2, p.u

    def of(rows: Tensor) -> Tensor:
        inner = points[rows] @ points.T
        return -pairwise_squared_distance(inner, r2[rows], u[rows], r2.squeeze(-1), u.squeeze(-1), c)

    return of
