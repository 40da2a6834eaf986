"""Stratified split of a training set into a training and a validation part.

torch's `random_split` does not know the classes, and scikit-learn's `train_test_split`, which is no dependency of the
training, refuses a validation part with fewer images than there are classes.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import torch
from torch.utils.data import Dataset

__all__ = ['Part', 'stratified_split']


class Part(Dataset):
    """Some images of a data set, with their own transform.

    Unlike torch's `Subset`, two parts of one data set can have different transforms, for training and for evaluation.

    Args:
        dataset: a data set without a transform.
        rows: indices of the images, in the order of the part.
    """

    def __init__(self, dataset: Dataset, rows: Sequence[int]) -> None:
        self.dataset = dataset
        self.rows = list(rows)
        self.transform: Callable | None = None

    @property
    def classes(self) -> list[str] | None:
        """Class names by label, or None if there are none."""
        return self.dataset.classes

    @property
    def targets(self) -> list[int] | None:
        """The labels of all images, or None if a label is known only after its image has been read."""
        targets = self.dataset.targets
        return None if targets is None else [targets[row] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image, target = self.dataset[self.rows[index]]
        return image if self.transform is None else self.transform(image), target


def stratified_split(labels: Sequence[int], size: int | float, seed: int) -> tuple[list[int], list[int]]:
    """Split images into two parts in which every class has the same share.

    The result depends only on the arguments. The second part gets the share of each class rounded down, and one more
    image of the classes with the largest remainders until `size` is reached. Each class keeps at least one image in the
    first part.

    Args:
        labels: labels of all images.
        size: number of images in the second part, or a share of all images if it is less than 1.
        seed: seed of the choice within a class.

    Returns:
        The indices of the images in the first and in the second part, each in ascending order.

    Raises:
        ValueError: a part would be empty, or a class would have no image in the first part.
    """
    count = size if isinstance(size, int) else round(size * len(labels))
    per_class = sorted(Counter(labels).items())
    most = len(labels) - len(per_class)
    if not 1 <= count <= most:
        raise ValueError(
            f'{count} of {len(labels)} images; at least 1 and, so that each of the {len(per_class)} classes keeps one '
            f'to train on, at most {most} can be held out'
        )
    # Integer arithmetic, because remainders of floats would depend on rounding.
    shares = {label: min(n * count // len(labels), n - 1) for label, n in per_class}
    for label, n in cycle(sorted(per_class, key=lambda item: -(item[1] * count % len(labels)))):
        if sum(shares.values()) == count:
            break
        shares[label] += shares[label] < n - 1
    rows_of = {label: [] for label in shares}
    for row, label in enumerate(labels):
        rows_of[label].append(row)
    generator = torch.Generator().manual_seed(seed)
    taken = set()
    for label, rows in rows_of.items():
        order = torch.randperm(len(rows), generator=generator).tolist()
        taken.update(rows[i] for i in order[: shares[label]])
    return [row for row in range(len(labels)) if row not in taken], sorted(taken)
