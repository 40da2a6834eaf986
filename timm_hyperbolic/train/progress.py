"""Output of a run in the terminal: progress bar, lines in log files, and the summary at the end."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from ..constants import TASK_MEASURES
from ..layers import named_curvatures

__all__ = ['Progress', 'curvature_summary', 'duration', 'final_summary', 'format_table']


class Progress:
    """Progress of one epoch: a bar in a terminal, a line every `log_interval` batches in a file.

    The bar also shows the remaining time of the whole run and, on a GPU, the peak memory.

    Args:
        epoch: Number of the epoch, from 0.
        epochs: Number of epochs.
        batches: Number of batches of the epoch.
        log_interval: Number of batches between two lines.
        left: Number of batches of the run after this epoch.
        device: Device of the training.
    """

    def __init__(
        self,
        epoch: int,
        epochs: int,
        batches: int,
        log_interval: int,
        left: int = 0,
        device: torch.device | None = None,
    ) -> None:
        self.left = left
        self.device = device
        self.first: tuple[int, float] | None = None
        self.title = f'epoch {epoch + 1}/{epochs}'
        self.batches = batches
        self.log_interval = log_interval
        self.bar = tqdm(total=batches, desc=self.title, unit='batch', leave=False, disable=None)

    def update(self, batch: int, loss: float, lr: float, images_per_second: float) -> None:
        """Show the state after some batches.

        Args:
            batch: Number of finished batches of the epoch.
            loss: Mean loss of the last `log_interval` batches.
            lr: Learning rate of the last step.
            images_per_second: Speed since the start of this epoch or of this resumption.
        """
        status = f'loss {loss:.4f}  lr {lr:.2e}  {images_per_second:.0f} images/s'
        self.bar.set_postfix_str(status + self._estimate(batch), refresh=False)
        self.bar.update(batch - self.bar.n)
        if self.bar.disable and batch % self.log_interval == 0:
            print(f'{self.title}  batch {batch}/{self.batches}  {status}', flush=True)

    def _estimate(self, batch: int) -> str:
        """Return the remaining time of the run, estimated from all batches but the first, and the memory of a GPU."""
        text = ''
        if self.first is None:  # the first batch takes longer
            self.first = (batch, time.perf_counter())
        elif batch > self.first[0]:
            each = (time.perf_counter() - self.first[1]) / (batch - self.first[0])
            text = f'  run done in {duration(each * (self.batches - batch + self.left))}'
        if self.device is not None and self.device.type == 'cuda':
            text += f'  {torch.cuda.max_memory_allocated(self.device) / 2**30:.1f} GiB'
        return text

    def __enter__(self) -> 'Progress':
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.bar.close()


def curvature_summary(model: nn.Module) -> dict[str, float]:
    """Return minimum, mean and maximum of the curvatures of `model`; empty if it has none.

    Args:
        model: Any model.
    """
    values = list(named_curvatures(model).values())
    if not values:
        return {}
    return {
        'curvature_min': min(values),
        'curvature_mean': sum(values) / len(values),
        'curvature_max': max(values),
    }


def format_table(rows: Iterable[tuple[str, str]]) -> str:
    """Return lines with two aligned columns, the second one right-aligned.

    Args:
        rows: The two texts of each line.
    """
    rows = list(rows)
    left = max(len(name) for name, _ in rows)
    right = max(len(value) for _, value in rows)
    return '\n'.join(f'  {name:<{left}}  {value:>{right}}' for name, value in rows)


def final_summary(
    row: Mapping[str, float], metrics: Mapping[str, Any], num_classes: int, speed: str, task: str = 'classification'
) -> str:
    """Return the summary that ends a run, measures of the task first, then speed, curvature, gates and margins.

    Args:
        row: The row of `summary.csv` of the epoch whose model was kept.
        metrics: The measures of the task and `epoch` of the result, and `chosen_by`, how the epoch was chosen.
        num_classes: Classes of the model.
        speed: Time and images per second of the training, in words.
        task: The task.
    """
    chosen = f' (the best by {metrics["chosen_by"]})' if metrics.get('chosen_by') else ' (the last)'
    lines = [
        (title, f'{metrics[name]:.4f}' if name == 'loss' else f'{metrics[name]:.2f} %')
        for name, title in TASK_MEASURES[task].items()
        if name != 'top5' or num_classes > 5  # with 5 classes or fewer it would be 100 %
    ]
    lines += [('epoch', f'{metrics["epoch"] + 1}{chosen}'), ('time', speed)]
    kinds = {'curvature': ('curvature', '.4f'), 'gamma': ('gate', '.4f'), 'margin': ('share at the margin', '.2%')}
    for prefix, (title, form) in kinds.items():
        values = [value for name, value in row.items() if name.startswith(f'{prefix}/')]
        if values:
            numbers = (min(values), sum(values) / len(values), max(values))
            lines.append((title, ' / '.join(format(number, form) for number in numbers) + '  min / mean / max'))
    width = max(len(name) for name, _ in lines)
    return '\n'.join(f'  {name:<{width}}  {text}' for name, text in lines)


def duration(seconds: float) -> str:
    """Return a duration as text: `42 s`, `12 min`, `3 h 5 min`.

    Args:
        seconds: The duration in seconds.
    """
    if seconds < 120:
        return f'{seconds:.0f} s'
    minutes = round(seconds / 60)
    return f'{minutes} min' if minutes < 120 else f'{minutes // 60} h {minutes % 60} min'
