"""The numbers of a run, epoch by epoch, read from its `summary.csv`."""

import csv
from dataclasses import dataclass
from pathlib import Path

__all__ = ['History', 'read_history']


@dataclass(frozen=True)
class History:
    """Training curves.

    Attributes:
        epochs: numbers of the epochs, from 0.
        train_loss: mean training loss of each epoch.
        eval_loss: loss on the evaluation split after each epoch.
        eval_top1: accuracy there, in percent.
        lr: learning rate of the last step of each epoch.
    """

    epochs: list[int]
    train_loss: list[float]
    eval_loss: list[float]
    eval_top1: list[float]
    lr: list[float]

    @property
    def best(self) -> int:
        """The index of the epoch of highest accuracy, the first one of several."""
        return self.eval_top1.index(max(self.eval_top1))


def read_history(path: Path) -> History:
    """Read the training curves of a run.

    Args:
        path: a `summary.csv`, as the training command writes it.

    Raises:
        ValueError: the file cannot be read, has no epoch, or lacks a column.
    """
    try:
        with path.open(encoding='utf-8', newline='') as file:
            rows = list(csv.DictReader(file))
        if not rows:
            raise ValueError('it has no epoch')
        columns = {key: [float(row[key]) for row in rows] for key in ('train_loss', 'eval_loss', 'eval_top1', 'lr')}
        return History(epochs=[int(row['epoch']) for row in rows], **columns)
    except KeyError as error:
        raise ValueError(f'{path} has no column {error.args[0]}') from error
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f'{path} cannot be read: {error}') from error
