"""How well a number that a model computes tells images of its own classes from others."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ['auroc', 'max_softmax']


def auroc(inside: Tensor, outside: Tensor) -> float:
    """Return the area under the ROC curve of a score that should be higher inside the distribution than outside.

    It is the probability that a random score from inside is higher than a random score from outside, where equal
    scores count one half:

        AUROC = mean over all pairs of [inside_i > outside_j] + ½·[inside_i = outside_j]

    Args:
        inside: Scores of images of the model's own classes, `[N]`.
        outside: Scores of other images, `[M]`.

    Returns:
        Percent, from 0 to 100; 50 for a score that says nothing, NaN where one side is empty.

    Raises:
        ValueError: a score is NaN, or the shapes are not `[N]` and `[M]`.

    Source: Mann and Whitney (1947), statistic U; Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and
    Out-of-Distribution Examples" (ICLR 2017), for its use.
    """
    for name, scores in (('inside', inside), ('outside', outside)):
        if scores.dim() != 1 or scores.isnan().any():
            raise ValueError(f'{name} of shape {list(scores.shape)} must be a vector without NaN')
    if not len(inside) or not len(outside):
        return math.nan
    dtype = torch.promote_types(inside.dtype, outside.dtype)
    inside, below = inside.to(dtype).contiguous(), outside.to(dtype).sort().values
    # Twice the number of pairs: those below count twice, those equal once.
    wins = torch.searchsorted(below, inside).sum() + torch.searchsorted(below, inside, right=True).sum()
    return 50 * wins.item() / (len(inside) * len(outside))


def max_softmax(logits: Tensor) -> Tensor:
    """Return the largest softmax probability of each image.

    Args:
        logits: `[N, K]`.

    Returns:
        `[N]`, float64, from 1/K to 1.

    Source: Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples" (ICLR 2017).
    """
    return logits.double().softmax(-1).amax(-1)
