"""A validation set held out of the training set."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle

import torch
from torch.utils.data import Dataset

__all__ = ['Part', 'stratified_split']


class Part(Dataset):
    """Some rows of a data set, with a transform of their own.

    Two parts may share one data set and still see its images differently, which torch's `Subset` cannot: it has no
    transform.

    Args:
        dataset: yields images without a transform.
        rows: which of its images, in this order.
    """

    def __init__(self, dataset: Dataset, rows: Sequence[int]) -> None:
        self.dataset = dataset
        self.rows = list(rows)
        self.transform: Callable | None = None

    @property
    def classes(self) -> list[str] | None:
        """Names of the classes by label, None where there are none."""
        return self.dataset.classes

    @property
    def targets(self) -> list[int] | None:
        """The label of every image, None where they are known only with the images."""
        targets = self.dataset.targets
        return None if targets is None else [targets[row] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int):
        image, target = self.dataset[self.rows[index]]
        return image if self.transform is None else self.transform(image), target


def stratified_split(labels: Sequence[int], size: int | float, seed: int) -> tuple[list[int], list[int]]:
    """Split rows into two parts in which every class has the same share.

    The rows depend on the arguments alone. Each class gives its share rounded down, and those with the largest
    remainders one image more until `size` is reached; it keeps at least one image in the first part.

    Args:
        labels: of all rows.
        size: rows of the second part, or their share of all rows if it is less than 1.
        seed: of the choice within a class.

    Returns:
        The rows of the first and of the second part, each in ascending order.

    Raises:
        ValueError: one of the parts would have no row, or a class would have none in the first.
    """
    count = size if isinstance(size, int) else round(size * len(labels))
    per_class = sorted(Counter(labels).items())
    most = len(labels) - len(per_class)
    if not 1 <= count <= most:
        raise ValueError(
            f'{count} of {len(labels)} images; at least 1 and, so that each of the {len(per_class)} classes keeps one '
            f'to train on, at most {most} can be held out'
        )
    # In whole numbers: the remainders of floats would depend on rounding.
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
