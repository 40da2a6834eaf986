"""What a classifier says of the images of a split, in one pass over them."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

__all__ = ['Example', 'Labels', 'Predictions', 'predict']


@dataclass(frozen=True)
class Labels:
    """What the classes are called.

    Attributes:
        classes: their names, by number; None where they have none.
        superclass_of: number of the superclass of each class, `[K]`, -1 for none; None where there are none.
        superclasses: their names, by number.
    """

    classes: list[str] | None = None
    superclass_of: Tensor | None = None
    superclasses: list[str] = field(default_factory=list)

    def name(self, label: int) -> str:
        """The name of a class, else its number."""
        return self.classes[label] if self.classes and label < len(self.classes) else str(label)


@dataclass(frozen=True)
class Example:
    """One image.

    Attributes:
        image: as the model takes it, `[C, H, W]`.
        confidence: softmax probability of the prediction.
        target: its class.
        predicted: the class of highest probability.
    """

    image: Tensor
    confidence: float
    target: int
    predicted: int


@dataclass(frozen=True)
class Predictions:
    """What a classifier says of `N` images, on the CPU.

    Attributes:
        features: what enters the classifier, `[N, D]`, float32.
        targets: classes, `[N]`.
        predicted: classes of highest probability, `[N]`.
        most: the images of highest confidence, the highest first.
        least: those of lowest, the lowest first.
        sample: the first batch, as the model takes it, on its device.
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
    autocast: Callable[[], AbstractContextManager] = nullcontext,
) -> Predictions:
    """Run a classifier of timm over all images.

    Args:
        model: in evaluation mode.
        loader: of batches of images `[B, C, H, W]` and classes `[B]`, on the model's device; at least one.
        examples: how many of the most and of the least confident images to keep.
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
