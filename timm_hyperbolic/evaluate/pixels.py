"""The evaluation of a segmentation: `timm-hyperbolic evaluate --task segmentation`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..analysis.figures.segmentation import SegmentedImage
from ..analysis.pixels import to_pixels
from ..data.masks import IGNORED
from ..taxonomy import Taxonomy
from ..train.pixel_metrics import PixelEvaluator, confusion, pixel_measures
from .segmentation import (
    boundary_distance,
    relatives,
    uncertainty_measures,
    with_relatives,
    zero_label_measures,
)

__all__ = ['PICTURES', 'Segmented', 'measures', 'segment']

#: Images of which a picture is kept.
PICTURES = 12
_SAMPLED = 10_000  # pixels of an image that count for correlation and AUROC


@dataclass
class Segmented:
    """What one pass of a segmenter over a split gives.

    Attributes:
        evaluator: Loss and confusion matrix.
        among_unseen: Confusion matrix of the predictions among unseen classes, `[K, K]`; None without such classes.
        norms: Hyperbolic norms of some pixels; the following are of the same pixels.
        entropies: Entropies of the softmax.
        right: Whether the prediction is right.
        distances: Distances from the nearest boundary in pixels.
        pictures: Some of the images.
    """

    evaluator: PixelEvaluator
    among_unseen: Tensor | None = None
    norms: list[Tensor] = field(default_factory=list)
    entropies: list[Tensor] = field(default_factory=list)
    right: list[Tensor] = field(default_factory=list)
    distances: list[Tensor] = field(default_factory=list)
    pictures: list[SegmentedImage] = field(default_factory=list)


@torch.no_grad()
def segment(
    model: nn.Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    names: Sequence[str] | None = None,
    unseen: Sequence[int] = (),
    uncertainty: bool = False,
    scale: tuple[Sequence[float], Sequence[float]] = ((0.5,), (0.5,)),
    sizes: Sequence[tuple[int, int]] | None = None,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Segmented:
    """Run a segmenter on all images, once.

    Args:
        model: A `HyperbolicSegmenter` in evaluation mode.
        loader: Batches of images `[B, C, H, W]` and classes `[B, H, W]` on the device of the model.
        names: Names of the images, in order; None for no pictures, in which the loader need not give images.
        unseen: Labels of the classes whose pixels were ignored in training.
        uncertainty: Whether to keep the norms of pixels, and pictures.
        scale: Mean and deviation by which the images are normalised, for the pictures.
        sizes: Height and width of each image without its padding, for the pictures; None for no padding.
        autocast: Makes the context of a forward pass.
    """
    found: Segmented | None = None
    last = 0 if names is None else len(names) - 1
    drawn = set() if names is None else {round(i * last / (PICTURES - 1)) for i in range(PICTURES)}
    start = 0
    for images, target in loader:
        with autocast():
            logits, _, norm = model(images, return_embedding=True)
        logits = logits.float()
        if found is None:
            found = Segmented(PixelEvaluator(logits.shape[1], logits.device))
            if unseen:
                found.among_unseen = torch.zeros_like(found.evaluator.counts)
        found.evaluator.update(logits, target)
        if unseen:
            only = torch.full_like(logits, -torch.inf)
            only[:, list(unseen)] = logits[:, list(unseen)]
            found.among_unseen += confusion(only.argmax(1), target, logits.shape[1])
        if uncertainty:
            norm = F.interpolate(norm.float().unsqueeze(1), target.shape[1:], mode='bilinear').squeeze(1)
            log_p = logits.log_softmax(1)
            entropy = -(log_p.exp() * log_p).sum(1)
            shown = images if names is None else to_pixels(images.cpu(), *scale)
            for row, parts in enumerate(zip(target, logits.argmax(1), norm, entropy, strict=True)):
                index = start + row
                size = tuple(target.shape[1:]) if sizes is None else sizes[index]
                labels, predicted, length, doubt = (part[: size[0], : size[1]].cpu() for part in parts)
                _add(found, labels, predicted, length, doubt)
                if index in drawn:
                    found.pictures.append(_picture(names[index], shown[row], labels, predicted, length))
        start += len(images)
    return found


def _add(found: Segmented, labels: Tensor, predicted: Tensor, norm: Tensor, entropy: Tensor) -> None:
    """Keep pixels of an image, at equal distances in the order of its rows."""
    distance = torch.from_numpy(boundary_distance(labels.numpy())).flatten()
    counted = (labels.flatten() != IGNORED).nonzero().squeeze(1)
    chosen = counted[:: -(-len(counted) // _SAMPLED) or 1]
    found.norms.append(norm.flatten()[chosen])
    found.entropies.append(entropy.flatten()[chosen])
    found.right.append((labels == predicted).flatten()[chosen])
    found.distances.append(distance[chosen])


def _picture(name: str, pixels: Tensor, labels: Tensor, predicted: Tensor, norm: Tensor) -> SegmentedImage:
    height, width = labels.shape
    right = torch.where(labels == IGNORED, -1, (labels == predicted).long())
    image = pixels[:, :height, :width].permute(1, 2, 0).expand(height, width, 3)
    shown = (255 * image).round().byte().numpy() if image.is_floating_point() else image.numpy()
    return SegmentedImage(
        name,
        np.ascontiguousarray(shown),
        predicted.numpy(),
        right.numpy(),
        norm.numpy(),
        boundary_distance(labels.numpy()),
    )


def measures(found: Segmented, tree: Taxonomy | None = None, unseen: Sequence[int] = ()) -> dict[str, float]:
    """Return the measures of a segmentation by name.

    These are `loss` and the numbers of `pixel_measures`; with a tree the same with `sibling_` and `cousin_` before the
    name, where the prediction of a sibling or cousin of the true class counts as right; where norms were kept those of
    `uncertainty_measures`; and with unseen classes those of `zero_label_measures`, also with `sibling` and `cousin`.

    Args:
        found: What `segment` returned.
        tree: The tree of the classes.
        unseen: Labels of the classes whose pixels were ignored in training.
    """
    results = found.evaluator.compute()
    counts = found.evaluator.counts
    kin = {} if tree is None else {'sibling': relatives(tree, 1), 'cousin': relatives(tree, 2)}
    for name, related in kin.items():
        results |= {f'{name}_{key}': value for key, value in pixel_measures(with_relatives(counts, related)).items()}
    if found.norms:
        parts = (found.norms, found.entropies, found.right, found.distances)
        results |= uncertainty_measures(*map(torch.cat, parts))
    if unseen:
        results |= zero_label_measures(found.among_unseen, counts, unseen)
        rows = list(unseen)
        for name, related in kin.items():
            accuracy = pixel_measures(with_relatives(counts, related)[rows])
            results[f'unseen_{name}_pixel_accuracy_among_all'] = accuracy['pixel_accuracy']
    return results
