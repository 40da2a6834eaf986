"""The predictions of a classifier for the images of a split."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ['Example', 'Labels', 'Predictions', 'predict']


@dataclass(frozen=True)
class Labels:
    """The names of classes and superclasses.

    Attributes:
        classes: names of the classes by number; None for classes without names.
        superclass_of: number of the superclass of each class, `[K]`, -1 for none; None without superclasses.
        superclasses: names of the superclasses by number.
    """

    classes: list[str] | None = None
    superclass_of: Tensor | None = None
    superclasses: list[str] = field(default_factory=list)

    def name(self, label: int) -> str:
        """Return the name of a class, or its number if it has no name.

        Args:
            label: The number of the class.
        """
        return self.classes[label] if self.classes and label < len(self.classes) else str(label)


@dataclass(frozen=True)
class Example:
    """One image with its prediction.

    Attributes:
        image: normalised for the model, `[C, H, W]`.
        confidence: softmax probability of the prediction.
        target: the class of the image.
        predicted: the class of highest probability.
    """

    image: Tensor
    confidence: float
    target: int
    predicted: int


@dataclass(frozen=True)
class Predictions:
    """The predictions of a classifier for `N` images, on the CPU.

    Attributes:
        features: the inputs of the classifier's last layer, `[N, D]`, float32.
        targets: classes, `[N]`.
        predicted: classes of highest probability, `[N]`.
        most: the images of highest confidence, the highest first.
        least: the images of lowest confidence, the lowest first.
        sample: the first batch of images, normalised, on the device of the model, `[B, C, H, W]`.
    """

    features: Tensor
    targets: Tensor
    predicted: Tensor
    most: list[Example]
    least: list[Example]
    sample: Tensor

    @property
    def top1(self) -> float:
        """Accuracy in percent."""
        return 100 * (self.predicted == self.targets).double().mean().item()


@torch.no_grad()
def predict(
    model: nn.Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    examples: int = 12,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Predictions:
    """Run a timm classifier on all images, once.

    Args:
        model: in evaluation mode.
        loader: at least one batch of images `[B, C, H, W]` and classes `[B]` on the device of the model.
        examples: number of the most confident and of the least confident images to keep.
        autocast: makes the context of a forward pass.
    """
    features, targets, predicted = [], [], []
    most: list[Example] = []
    least: list[Example] = []
    sample = None
    for images, target in loader:
        sample = images if sample is None else sample
        with autocast():
            x = model.forward_features(images)
            features.append(model.forward_head(x, pre_logits=True).flatten(1).float().cpu())
            logits = model.forward_head(x)
        confidence, best = logits.float().softmax(1).max(1)
        targets.append(target.cpu())
        predicted.append(best.cpu())
        order = confidence.argsort(descending=True)
        for kept, rows, sign in ((most, order[:examples], -1), (least, order.flip(0)[:examples], 1)):
            kept += [Example(images[i].cpu(), confidence[i].item(), target[i].item(), best[i].item()) for i in rows]
            kept.sort(key=lambda example, sign=sign: sign * example.confidence)
            del kept[examples:]
    return Predictions(torch.cat(features), torch.cat(targets), torch.cat(predicted), most, least, sample)
