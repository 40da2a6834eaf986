"""Which epoch of a run is its result, and the one look at the test split."""

import argparse
import sys
from collections.abc import Iterable
from typing import Any

from timm.models import load_state_dict
from torch import nn

from ..data.loaders import create_eval_loader
from ..data.splits import Splits
from ..errors import TrainingError
from ..models.state_dict_checks import with_tied_names
from .loop import Loop
from .run_files import MODEL
from .run_folder import OutputFolder
from .sharding import load

__all__ = ['Result', 'best_epoch']


def best_epoch(rows: Iterable[dict[str, Any]], metric: str) -> dict[str, Any]:
    """Return the row of `summary.csv` with the best `metric` on the evaluation split, the first one of several.

    Args:
        rows: one of each epoch, with `eval_loss`, `eval_top1` and `eval_top5`.
        metric: `loss`, of which less is better, or `top1` or `top5`.
    """
    sign = -1 if metric == 'loss' else 1
    return max(rows, key=lambda row: sign * float(row[f'eval_{metric}']))


class Result:
    """What a run leaves in its folder: the model of its last epoch, or of its best one.

    It is the best one where that was not chosen on the images that the result is reported on: where the evaluation
    split was carved out of the training split, or a test split stands beside it. Otherwise the last one, since the
    best of many looks at one split is no honest measure of it.

    Args:
        folder: of the run.
        splits: its data.
        saved: the model that is evaluated and saved.
        args: options of the run.
        data_config: how the input is prepared.
    """

    def __init__(
        self,
        folder: OutputFolder,
        splits: Splits,
        saved: nn.Module,
        args: argparse.Namespace,
        data_config: dict[str, Any],
    ) -> None:
        self.folder = folder
        self.splits = splits
        self.saved = saved
        self.args = args
        self.data_config = data_config

    def add(self, row: dict[str, Any], last: bool = False) -> None:
        """Save the row of metrics of an epoch, and its model if it is the result so far.

        Where they cannot be written, the next epoch tries again, if what it writes is not the best model: that would
        be gone by then.

        Raises:
            TrainingError: they cannot be written, and this is the best epoch so far, or the `last` one.
        """
        keeps_best = self.splits.keeps_best
        kept = not keeps_best or best_epoch([*self.folder.rows, row], self.args.eval_metric) is row
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
        """The result of the epochs so far: `split`, `images`, `epoch`, `loss`, `top1`, `top5`.

        `chosen_by` says how the epoch was chosen, None for the last one; `chosen_here`, whether on these very images.
        """
        row, splits = self._row, self.splits
        return {
            'split': splits.val_name,
            'images': len(splits.val),
            'epoch': row['epoch'],
            'chosen_by': f'{self.args.eval_metric} on {self.chosen_on}' if splits.keeps_best else None,
            'chosen_here': splits.keeps_best,
            **{name: float(row[f'eval_{name}']) for name in ('loss', 'top1', 'top5')},
        }

    @property
    def _row(self) -> dict[str, Any]:
        rows = self.folder.rows
        return best_epoch(rows, self.args.eval_metric) if self.splits.keeps_best else rows[-1]

    def finish(self, loop: Loop) -> dict[str, Any]:
        """Put the result into the saved model, evaluate it on the test split if there is one and write `test.json`.

        Returns:
            What it is, as `so_far`, on the test split where there is one.
        """
        row, splits = self._row, self.splits
        if row is not self.folder.rows[-1]:
            state_dict = with_tied_names(load_state_dict(str(self.folder.path / MODEL)), self.saved)
            self.saved.load_state_dict(state_dict)
            load(loop.evaluated_model, state_dict)  # the same model, but where it is sharded
        if splits.test is None:
            return self.so_far
        processes = loop.processes
        loader = create_eval_loader(splits.test, self.data_config, self.args, processes.device, processes.count)
        result = self.so_far | {'split': splits.test_name, 'images': len(splits.test)} | loop.evaluate(loader)
        self.folder.save_test({key: value for key, value in result.items() if key != 'chosen_here'})
        return result | {'chosen_here': False}

    def __str__(self) -> str:
        metric, kind = self.args.eval_metric, 'moving average' if self.args.model_ema else 'model'
        best = best_epoch(self.folder.rows, metric)
        value = f'{metric}: {best[f"eval_{metric}"]:.4g} in epoch {best["epoch"] + 1}'
        if not self.splits.keeps_best:
            return f"the last epoch's {kind} in {self.folder.path} (best {value})"
        return f"the best epoch's {kind} in {self.folder.path} ({value}, on {self.chosen_on})"

    @property
    def kept(self) -> str:
        """What the folder holds after the epochs so far, in words."""
        epochs = len(self.folder.rows)
        return f'the best model of {epochs} epochs' if self.splits.keeps_best else f'the model after epoch {epochs}'

    @property
    def chosen_on(self) -> str:
        """What the best epoch was chosen on, in words."""
        if not self.splits.carved:
            return f'split {self.splits.val_name}'
        return f'{len(self.splits.val)} images carved out of split {self.args.train_split}'
