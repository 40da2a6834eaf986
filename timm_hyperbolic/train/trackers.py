"""Where the numbers of a run go besides `summary.csv`: TensorBoard, Weights & Biases."""

import importlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Protocol

from ..config.run import TrackerConfig
from ..errors import UserError

__all__ = ['TensorBoard', 'Tracker', 'Wandb', 'check_trackers', 'create_trackers']


def check_trackers(config: TrackerConfig) -> None:
    """Refuse a tracker whose package is not installed.

    Raises:
        UserError: The message names the extra to install.
    """
    if config.log_tensorboard:
        _imported('torch.utils.tensorboard', '--log-tensorboard', 'tensorboard')
    if config.log_wandb:
        _imported('wandb', '--log-wandb', 'wandb')


def _imported(module: str, flag: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f'{flag} needs the {package} package: pip install timm_hyperbolic[track]') from error


class Tracker(Protocol):
    """Takes the numbers of a run, epoch by epoch."""

    def log(self, row: Mapping[str, float], epoch: int) -> None:
        """Take those of an epoch, counted from 0."""

    def close(self) -> None:
        """Write what is not yet written."""


class TensorBoard:
    """Scalars in TensorBoard's event files.

    Args:
        folder: where they go; a run that goes on adds another file there.
        first_epoch: what was written for this epoch and later ones, before an interruption, no longer counts.
    """

    def __init__(self, folder: Path, first_epoch: int = 0) -> None:
        module = _imported('torch.utils.tensorboard', '--log-tensorboard', 'tensorboard')
        self._writer = module.SummaryWriter(str(folder), purge_step=first_epoch or None)

    def log(self, row: Mapping[str, float], epoch: int) -> None:
        """Write a scalar for each number: `train_loss` as `train/loss`, so that TensorBoard groups them."""
        for name, value in row.items():
            head, _, rest = name.partition('_')
            tag = f'{head}/{rest}' if head in ('train', 'eval') else name
            self._writer.add_scalar(tag, value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class Wandb:
    """A run of Weights & Biases, online or, with WANDB_MODE=offline, on the disk.

    Args:
        folder: Folder of the run, whose name is the name of the run at Weights & Biases.
        config: The project and the tags.
        options: Value of every option of the run, kept as its configuration.

    Raises:
        UserError: the run cannot be started: not logged in, no such project.
    """

    def __init__(self, folder: Path, config: TrackerConfig, options: Mapping[str, object]) -> None:
        wandb = _imported('wandb', '--log-wandb', 'wandb')
        # One run there for one folder here, however often it is interrupted.
        file = folder / 'wandb-id.txt'
        run_id = file.read_text(encoding='utf-8').strip() if file.exists() else secrets.token_hex(4)
        try:
            self._run = wandb.init(
                project=config.wandb_project or 'timm_hyperbolic',
                name=folder.name,
                id=run_id,
                resume='allow',
                dir=str(folder),
                config=dict(options),
                tags=config.wandb_tags,
                settings=wandb.Settings(silent=True),
            )
        except wandb.errors.Error as error:
            raise UserError(
                f'--log-wandb: {" ".join(str(error).split())}; log in by `wandb login`, or set WANDB_MODE=offline'
            ) from error
        file.write_text(f'{run_id}\n', encoding='utf-8')

    def log(self, row: Mapping[str, float], epoch: int) -> None:
        """Send the numbers under the names of `summary.csv`."""
        self._run.log(dict(row), step=epoch)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


def create_trackers(
    folder: Path, config: TrackerConfig, options: Mapping[str, object], first_epoch: int = 0
) -> list[Tracker]:
    """Return the trackers that the options ask for.

    Args:
        folder: of the run.
        config: The trackers.
        options: Value of every option of the run, for trackers that keep them.
        first_epoch: that the run begins or goes on with, counted from 0.

    Raises:
        UserError: a package is missing, or Weights & Biases refuses.
    """
    trackers: list[Tracker] = []
    if config.log_tensorboard:
        trackers.append(TensorBoard(folder / 'tensorboard', first_epoch))
    if config.log_wandb:
        trackers.append(Wandb(folder, config, options))
    return trackers
