"""What a run shows: a progress bar, a line an epoch, and the table at the end."""

from collections.abc import Iterable

from torch import nn
from tqdm import tqdm

from ..layers import named_curvatures

__all__ = ['Progress', 'curvature_summary', 'final_table', 'format_table']


class Progress:
    """Progress of one epoch: a bar on a terminal, a line each `log_interval` batches in a file.

    Args:
        epoch: number of the epoch, from 0.
        epochs: epochs in all.
        batches: batches that the epoch will run.
        log_interval: batches between two lines.
    """

    def __init__(self, epoch: int, epochs: int, batches: int, log_interval: int) -> None:
        self.title = f'epoch {epoch + 1}/{epochs}'
        self.batches = batches
        self.log_interval = log_interval
        self.bar = tqdm(total=batches, desc=self.title, unit='batch', leave=False, disable=None)

    def update(self, batch: int, loss: float, lr: float, images_per_second: float) -> None:
        """Show the state after `batch` batches; `loss` is the mean over the last `log_interval` of them."""
        status = f'loss {loss:.4f}  lr {lr:.2e}  {images_per_second:.0f} images/s'
        self.bar.set_postfix_str(status, refresh=False)
        self.bar.update(batch - self.bar.n)
        if self.bar.disable and batch % self.log_interval == 0:
            print(f'{self.title}  batch {batch}/{self.batches}  {status}', flush=True)

    def __enter__(self) -> 'Progress':
        return self

    def __exit__(self, *exc_info) -> None:
        self.bar.close()


def curvature_summary(model: nn.Module) -> dict[str, float]:
    """Return minimum, mean and maximum of the curvatures of `model`; nothing if it has none."""
    values = list(named_curvatures(model).values())
    if not values:
        return {}
    return {
        'curvature_min': min(values),
        'curvature_mean': sum(values) / len(values),
        'curvature_max': max(values),
    }


def format_table(rows: Iterable[tuple[str, str]]) -> str:
    """Return lines of two aligned columns, the second one flush right."""
    rows = list(rows)
    left = max(len(name) for name, _ in rows)
    right = max(len(value) for _, value in rows)
    return '\n'.join(f'  {name:<{left}}  {value:>{right}}' for name, value in rows)


def final_table(model: nn.Module, metrics: dict[str, float], images_per_second: float) -> str:
    """Return the table that ends a run: accuracy, speed and the curvature of every module.

    Args:
        model: the model as it was saved.
        metrics: `loss`, `top1` and `top5` of its last evaluation.
        images_per_second: of training.
    """
    rows = [('Top-1', f'{metrics["top1"]:.2f} %')]
    if model.num_classes > 5:  # else every answer is among the five
        rows.append(('Top-5', f'{metrics["top5"]:.2f} %'))
    rows += [('loss', f'{metrics["loss"]:.4f}'), ('images/s', f'{images_per_second:.0f}')]
    table = format_table(rows)
    curvatures = named_curvatures(model)
    if curvatures:
        table += '\ncurvature\n' + format_table((name, f'{c:.4f}') for name, c in curvatures.items())
    return table
