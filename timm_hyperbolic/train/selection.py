"""Choosing the epoch whose model is the result of a run, and its evaluation on the test split."""

import sys
from collections.abc import Iterable
from typing import Any

from timm.models import load_state_dict
from torch import nn
from torch.utils.data import Dataset

from ..config.run_files import MODEL
from ..config.train import TrainConfig
from ..data.splits import Splits
from ..errors import TrainingError
from ..models.state_dict_checks import with_tied_names
from .loop import Loop
from .processes import Processes, load
from .run_folder import OutputFolder
from .tasks import TaskKind

__all__ = ['Result', 'best_epoch']


def best_epoch(rows: Iterable[dict[str, Any]], metric: str) -> dict[str, Any]:
    """Return the row of `summary.csv` with the best `metric` on the evaluation split, the first of equal ones.

    Args:
        rows: Rows of `summary.csv`, with `eval_NAME` for the measures of the task.
        metric: `loss`, which is minimised, or another measure, which is maximised.
    """
    sign = -1 if metric == 'loss' else 1
    return max(rows, key=lambda row: sign * float(row[f'eval_{metric}']))


class Result:
    """Saves the result of a run in its folder: the model of the last epoch, or of the best one.

    The model of the best epoch is saved if the evaluation split is held out of the training split, or if there is a
    test split. Otherwise the model of the last epoch is saved, because the reported result would look better than it is
    if the epoch were chosen on the same images.

    Args:
        folder: Folder of the run.
        splits: Splits of the data set.
        saved: The model that is evaluated and saved.
        config: Options of the run.
        data_config: Input size, mean, std and interpolation, as resolved by timm.
        processes: Processes of the run.
        kind: The task.
    """

    def __init__(
        self,
        folder: OutputFolder,
        splits: Splits,
        saved: nn.Module,
        config: TrainConfig,
        data_config: dict[str, Any],
        processes: Processes,
        kind: TaskKind,
    ) -> None:
        self.folder = folder
        self.splits = splits
        self.saved = saved
        self.config = config
        self.data_config = data_config
        self.processes = processes
        self.kind = kind

    def add(self, row: dict[str, Any], last: bool = False) -> None:
        """Save the metrics of an epoch, and its model if it is the result so far.

        If writing fails, the next epoch tries again, unless the model of the best epoch would be lost.

        Args:
            row: The row of `summary.csv`.
            last: Whether this is the last epoch.

        Raises:
            TrainingError: writing failed, and the epoch is the best one so far or the `last` one.
        """
        keeps_best = self.splits.keeps_best
        kept = not keeps_best or best_epoch([*self.folder.rows, row], self.config.run.eval_metric) is row
        try:
            self.folder.append_summary(row)
            if kept:
                self.folder.save_model(self.saved, data_config=self.data_config, classes=self.splits.classes)
        except TrainingError as error:
            if last or (kept and keeps_best):
                raise
            print(f'{error}; tried again after the next epoch', file=sys.stderr, flush=True)

    @property
    def so_far(self) -> dict[str, Any]:
        """The result of the epochs so far: `split`, `images`, `epoch` and the measures of the task.

        `chosen_by` is the metric and the images by which the epoch was chosen, None for the last epoch. `chosen_here`
        is whether it was chosen on the images of `split`.
        """
        row, splits = self.row, self.splits
        return {
            'split': splits.val_name,
            'images': self._evaluated(splits.val),
            'epoch': row['epoch'],
            'chosen_by': f'{self.config.run.eval_metric} on {self.chosen_on}' if splits.keeps_best else None,
            'chosen_here': splits.keeps_best,
            **{name: float(row[f'eval_{name}']) for name in self.kind.measures},
        }

    def _evaluated(self, dataset: Dataset) -> int:
        """Return the number of evaluated images of a split, which `--limit-eval-batches` may limit."""
        limit, loader = self.config.loop.limit_eval_batches, self.config.loader
        if limit is None:
            return len(dataset)
        return min(len(dataset), limit * (loader.validation_batch_size or loader.batch_size) * self.processes.count)

    @property
    def row(self) -> dict[str, Any]:
        """The row of `summary.csv` of the epoch whose model is the result."""
        rows = self.folder.rows
        return best_epoch(rows, self.config.run.eval_metric) if self.splits.keeps_best else rows[-1]

    def finish(self, loop: Loop) -> dict[str, Any]:
        """Load the result into the saved model, evaluate it on the test split if there is one, and write `test.json`.

        Args:
            loop: The training loop, whose evaluation is used.

        Returns:
            The result with the keys of `so_far`, on the test split if there is one.
        """
        row, splits = self.row, self.splits
        if row is not self.folder.rows[-1]:
            state_dict = with_tied_names(load_state_dict(str(self.folder.path / MODEL)), self.saved)
            self.saved.load_state_dict(state_dict)
            load(loop.evaluated_model, state_dict)  # the same object as `saved`, unless it is sharded
        if splits.test is None:
            return self.so_far
        loader = self.kind.eval_loader(splits.test, self.data_config, self.config, loop.processes)
        result = (
            self.so_far | {'split': splits.test_name, 'images': self._evaluated(splits.test)} | loop.evaluate(loader)
        )
        self.folder.save_test({key: value for key, value in result.items() if key != 'chosen_here'})
        return result | {'chosen_here': False}

    def __str__(self) -> str:
        metric, kind = self.config.run.eval_metric, 'moving average' if self.config.ema.model_ema else 'model'
        best = best_epoch(self.folder.rows, metric)
        value = f'{metric}: {best[f"eval_{metric}"]:.4g} in epoch {best["epoch"] + 1}'
        if not self.splits.keeps_best:
            return f"the last epoch's {kind} in {self.folder.path} (best {value})"
        return f"the best epoch's {kind} in {self.folder.path} ({value}, on {self.chosen_on})"

    @property
    def kept(self) -> str:
        """A phrase for messages on the model that the folder contains."""
        epochs = len(self.folder.rows)
        return f'the best model of {epochs} epochs' if self.splits.keeps_best else f'the model after epoch {epochs}'

    @property
    def chosen_on(self) -> str:
        """A phrase for messages on the images by which the best epoch is chosen."""
        if not self.splits.held_out:
            return f'split {self.splits.val_name}'
        return f'{len(self.splits.val)} images held out of split {self.splits.train_name}'
