"""Measures of a segmentation: how many pixels are right, by classes and in a tree, and what a pixel's norm says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from scipy.stats import spearmanr
from torch import Tensor

from ..taxonomy import Taxonomy
from ..train.pixel_metrics import pixel_measures
from .ood import auroc

__all__ = ['boundary_distance', 'relatives', 'uncertainty_measures', 'with_relatives', 'zero_label_measures']


def relatives(tree: Taxonomy, level: int) -> Tensor:
    """Return which classes share an ancestor that is at most `level` edges above both, `[K, K]`.

    Args:
        tree: A tree with classes.
        level: 1 for siblings, which have one parent; 2 for cousins, which have a parent or a grandparent in common. The
            root does not count as an ancestor that two classes share, unless it is the parent of both at level 1.
    """
    above = [set(_ancestors(tree, node, level)) for node in tree.classes.tolist()]
    return torch.tensor([[bool(a & b) or i == j for j, b in enumerate(above)] for i, a in enumerate(above)])


def _ancestors(tree: Taxonomy, node: int, level: int) -> list[int]:
    found = []
    for step in range(level):
        node = int(tree.parent[node])
        if node < 0 or (node == tree.root and step):
            break
        found.append(node)
    return found


def with_relatives(counts: Tensor, related: Tensor) -> Tensor:
    """Return a confusion matrix in which the prediction of a related class counts as right.

    Args:
        counts: `[K, K]`, rows for the true class.
        related: `[K, K]`, which classes are related.
    """
    forgiven = torch.where(related.to(counts.device), counts, 0)
    return counts - forgiven + forgiven.sum(1).diag()


def boundary_distance(labels: np.ndarray) -> np.ndarray:
    """Return the distance of each pixel from the nearest boundary between two labels, in pixels.

    Pixels that touch one of another label, above, below, or at a side, are on the boundary, at distance 0. Pixels
    without a class are a label of their own.

    Args:
        labels: `[H, W]`.

    Returns:
        `[H, W]`, float32; infinite where the image has one label only.
    """
    edge = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    if not edge.any():
        return np.full(labels.shape, np.inf, np.float32)
    return distance_transform_edt(~edge).astype(np.float32)


def uncertainty_measures(norms: Tensor, entropies: Tensor, right: Tensor, distances: Tensor) -> dict[str, float]:
    """Return what the hyperbolic norm of pixels says of boundaries and of errors, beside the entropy of the softmax.

    - `norm_boundary_correlation`: Spearman's rank correlation of the norm with the distance from the nearest boundary;
      pixels of images without a boundary do not count;
    - `error_auroc_norm`: the probability, in percent, that a pixel that is right has a larger norm than a wrong one;
    - `error_auroc_entropy`: the probability, in percent, that a pixel that is right has less entropy than a wrong one.

    Args:
        norms: Hyperbolic norms, `[N]`.
        entropies: Entropies of the softmax over the classes, `[N]`.
        right: Whether the prediction is right, `[N]`.
        distances: Distances from the nearest boundary, `[N]`, infinite without one.

    Source: Ghadimi Atigh, Schoep, Acar, van Noord, Mettes, "Hyperbolic Image Segmentation" (2022), section 4.2, for the
    norm as uncertainty and as distance from the boundary; the AUROC is that of misclassification as in Hendrycks and
    Gimpel (2017).
    """
    finite = distances.isfinite()
    correlation = math.nan
    if finite.any():
        correlation = float(spearmanr(norms[finite].numpy(), distances[finite].numpy()).statistic)
    return {
        'norm_boundary_correlation': correlation,
        'error_auroc_norm': auroc(norms[right], norms[~right]),
        'error_auroc_entropy': auroc(-entropies[right], -entropies[~right]),
    }


def zero_label_measures(among_unseen: Tensor, among_all: Tensor, unseen: Sequence[int]) -> dict[str, Any]:
    """Return the measures of classes whose pixels were ignored in training.

    `unseen_pixel_accuracy`, `unseen_class_accuracy` and `unseen_miou` are over the pixels of the unseen classes, where
    only these classes can be predicted. `unseen_miou_among_all` and `seen_miou_among_all` are means of the classes'
    IoU over all pixels, where every class can be predicted, and `zero_label_harmonic_mean` is the harmonic mean of
    these two.

    Args:
        among_unseen: The confusion matrix `[K, K]` of predictions among the unseen classes.
        among_all: The confusion matrix `[K, K]` of predictions among all classes.
        unseen: The labels of the unseen classes.

    Source: Xian, Choudhury, He, Schiele, Akata, "Semantic Projection Network for Zero- and Few-Label Semantic
    Segmentation" (2019), for the protocol with its harmonic mean.
    """
    rows = torch.tensor(sorted(unseen))
    found = {f'unseen_{name}': value for name, value in pixel_measures(among_unseen[rows][:, rows]).items()}
    n = among_all.double().cpu()
    union = n.sum(0) + n.sum(1) - n.diag()
    iou = n.diag() / union
    is_unseen = torch.zeros(len(n), dtype=torch.bool)
    is_unseen[rows] = True
    new, old = (100 * iou[part & (union > 0)].mean().item() for part in (is_unseen, ~is_unseen))
    mean = 2 * new * old / (new + old) if new + old else 0.0
    return {**found, 'unseen_miou_among_all': new, 'seen_miou_among_all': old, 'zero_label_harmonic_mean': mean}
