"""Measures of a segmentation after an epoch: loss, accuracy of pixels and of classes, mean IoU."""

from __future__ import annotations

import math

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from ..data.masks import IGNORED

__all__ = ['PixelEvaluator', 'confusion', 'pixel_measures']


def confusion(predictions: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return how many pixels of each class were predicted as each class, `[K, K]`, rows for the true class.

    Args:
        predictions: Classes, any shape, int64.
        labels: Classes, of the same shape; pixels of the label `IGNORED` do not count.
        num_classes: Number of classes K.
    """
    counted = labels != IGNORED
    places = labels[counted] * num_classes + predictions[counted]
    return torch.bincount(places, minlength=num_classes**2).reshape(num_classes, num_classes)


def pixel_measures(counts: Tensor) -> dict[str, float]:
    """Return the measures of a confusion matrix, in percent.

    With `n_ij` pixels of class i that were predicted as class j:

        pixel_accuracy = Σ_i n_ii / Σ_ij n_ij
        class_accuracy = mean over the classes that occur of n_ii / Σ_j n_ij
        miou           = mean over the classes that occur, or are predicted, of n_ii / (Σ_j n_ij + Σ_j n_ji - n_ii)

    Args:
        counts: `[K, K]`, rows for the true class.

    Source: Long, Shelhamer, Darrell, "Fully Convolutional Networks for Semantic Segmentation" (2015), section 5.
    """
    n = counts.double().cpu()
    right, of_class, union = n.diag(), n.sum(1), n.sum(0) + n.sum(1) - n.diag()
    return {
        'pixel_accuracy': 100 * _ratio(right.sum(), n.sum()),
        'class_accuracy': 100 * _mean((right / of_class)[of_class > 0]),
        'miou': 100 * _mean((right / union)[union > 0]),
    }


def _ratio(part: Tensor, whole: Tensor) -> float:
    return (part / whole).item() if whole else math.nan


def _mean(values: Tensor) -> float:
    return values.mean().item() if len(values) else math.nan


class PixelEvaluator:
    """Accumulates the loss and the confusion matrix of a segmentation over batches, on one or several processes.

    Args:
        num_classes: Number of classes K.
        device: Of the logits.
        max_samples: Ignore predictions beyond this number of images, which fill up the share of a process.
    """

    def __init__(self, num_classes: int, device: torch.device | None = None, max_samples: int | None = None) -> None:
        self.max_samples, self.images = max_samples, 0
        wide = torch.float32 if device is not None and device.type == 'mps' else torch.float64
        self.loss_sum = torch.zeros((), dtype=wide, device=device)
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64, device=device)

    @torch.no_grad()
    def update(self, output: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            output: Logits `[B, K, H, W]`.
            target: Classes `[B, H, W]`, `IGNORED` where there is none.
        """
        if self.max_samples is not None:
            left = max(0, self.max_samples - self.images)
            output, target = output[:left], target[:left]
        self.images += len(output)
        if not len(output):
            return
        loss = F.cross_entropy(output.float(), target, ignore_index=IGNORED, reduction='sum')
        self.loss_sum += loss.to(self.loss_sum.dtype)
        self.counts += confusion(output.argmax(1), target, len(self.counts))

    def compute(self, distributed: bool = False) -> dict[str, float]:
        """Return `loss`, the mean cross-entropy of a pixel, and the numbers of `pixel_measures`.

        Args:
            distributed: Whether to add up the batches of all processes.
        """
        loss, counts = self.loss_sum.clone(), self.counts.clone()
        if distributed:
            dist.all_reduce(loss)
            dist.all_reduce(counts)
        return {'loss': loss.item() / max(int(counts.sum()), 1), **pixel_measures(counts)}
