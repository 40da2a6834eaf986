"""Right and wrong predictions by class."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .predictions import Labels, Predictions

__all__ = ['Confusion', 'class_order', 'find_confusion']


@dataclass(frozen=True)
class Confusion:
    """Which classes were predicted for the images of which classes.

    Classes are named by their place in `order`, in which classes of one superclass stand together.

    Attributes:
        order: the class at each place, `[K]`.
        groups: number of the superclass at each place, `[K]`, -1 for none; None without superclasses.
        targets: place of the class of each image, `[N]`.
        predicted: place of the prediction for each image, `[N]`.
    """

    order: Tensor
    groups: Tensor | None
    targets: Tensor
    predicted: Tensor

    @property
    def accuracy(self) -> Tensor:
        """The accuracy of each class in percent, `[K]`; not a number for a class without images."""
        right = self.targets[self.predicted == self.targets]
        images, hits = (places.bincount(minlength=len(self.order)) for places in (self.targets, right))
        return 100 * hits.double() / images

    @property
    def counts(self) -> Tensor:
        """The confusion matrix: the number of images by class and prediction, `[K, K]`."""
        k = len(self.order)
        return (self.targets * k + self.predicted).bincount(minlength=k * k).view(k, k)

    @property
    def superclass_accuracy(self) -> float:
        """The share of images in percent whose prediction belongs to their superclass; only with superclasses."""
        return 100 * self._same_group.double().mean().item()

    @property
    def inside_superclass(self) -> float | None:
        """The share of errors in percent that stay within the superclass; None without superclasses or errors."""
        wrong = self.predicted != self.targets
        if self.groups is None or not wrong.any():
            return None
        return 100 * self._same_group[wrong].double().mean().item()

    @property
    def _same_group(self) -> Tensor:
        groups = self.groups[self.targets]
        return (groups == self.groups[self.predicted]) & (groups >= 0)

    def most_confused(self, count: int) -> list[tuple[int, int, int]]:
        """Return the `count` most frequent errors: the class, the prediction, and the number of images.

        Args:
            count: Largest number of pairs.
        """
        wrong = self.predicted != self.targets
        pairs, images = torch.stack([self.targets[wrong], self.predicted[wrong]]).unique(dim=1, return_counts=True)
        first = images.argsort(descending=True, stable=True)[:count]
        errors = zip(*self.order[pairs[:, first]].tolist(), images[first].tolist(), strict=True)
        return [(target, predicted, number) for target, predicted, number in errors]


def class_order(labels: Labels, classes: int) -> Tensor:
    """Return the classes in the order of their superclasses, and by number within one superclass, `[K]`.

    Classes without a superclass come last. Without superclasses the order is that of the numbers.

    Args:
        labels: The names of the classes and their superclasses.
        classes: The number K of classes.
    """
    if labels.superclass_of is None:
        return torch.arange(classes)
    group = labels.superclass_of
    return torch.where(group < 0, len(labels.superclasses), group).argsort(stable=True)


def find_confusion(predictions: Predictions, labels: Labels, classes: int) -> Confusion:
    """Return right and wrong predictions, with the classes in the order of their superclasses.

    Args:
        predictions: of a model with `K = classes` classes.
        labels: superclasses of the classes.
        classes: the number of classes.
    """
    order = class_order(labels, classes)
    groups = None if labels.superclass_of is None else labels.superclass_of[order]
    place = order.argsort()
    return Confusion(order, groups, place[predictions.targets], place[predictions.predicted])
