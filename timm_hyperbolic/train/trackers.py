"""Experiment trackers for the numbers and images of a run: TensorBoard, Weights & Biases."""

import importlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Protocol

from torch import Tensor
from torchvision.utils import make_grid

from ..config.run import TrackerConfig
from ..errors import UserError

__all__ = ['TensorBoard', 'Tracker', 'Wandb', 'check_trackers', 'create_trackers']

_MOST_IMAGES, _IMAGES_ACROSS = 64, 8


def check_trackers(config: TrackerConfig) -> None:
    """Check that the packages of the trackers are installed.

    Args:
        config: Options of the trackers.

    Raises:
        UserError: a package is missing. The message names the extra to install.
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
    """The interface of experiment trackers."""

    def log_images(self, images: Tensor) -> None:
        """Log the first batch of images, `[B, 3, H, W]` or `[B, 1, H, W]` in [0, 1].

        Args:
            images: `[B, C, H, W]`, in `[0, 1]`.
        """

    def log_step(self, row: Mapping[str, float], step: int) -> None:
        """Log `loss` and `lr` of a step of the optimizer, counted from 1.

        Args:
            row: The numbers by name.
            step: Number of steps so far.
        """

    def log(self, row: Mapping[str, float], epoch: int) -> None:
        """Log the metrics of an epoch, counted from 0, under the names of `summary.csv`.

        Args:
            row: The row of `summary.csv`.
            epoch: Number of the epoch, from 0.
        """

    def log_test(self, row: Mapping[str, float], epoch: int) -> None:
        """Log the measures of the task on the test split, measured with the model of this epoch.

        Args:
            row: The metrics by name.
            epoch: Number of the epoch whose model is the result, from 0.
        """

    def close(self) -> None:
        """Write all remaining data and close the tracker."""


def _grid(images: Tensor) -> Tensor:
    """Return the first 64 images as one image `[3, H, W]`."""
    return make_grid(images[:_MOST_IMAGES], nrow=_IMAGES_ACROSS)


class TensorBoard:
    """Logs to TensorBoard: the values of epochs to one TensorBoard run, the values of steps to another.

    Args:
        folder: Folder of the event files, to which a resumed run adds files. Values of steps go into its subfolder
            `steps`.
        first_epoch: First epoch of a resumed run; values logged earlier for it and for later epochs are discarded.
        first_step: Number of steps already made by a resumed run; values logged earlier for later steps are discarded.
    """

    def __init__(self, folder: Path, first_epoch: int = 0, first_step: int = 0) -> None:
        module = _imported('torch.utils.tensorboard', '--log-tensorboard', 'tensorboard')
        self._writer = module.SummaryWriter(str(folder), purge_step=first_epoch or None)
        # A separate writer, because `purge_step` discards all values from a step on, and epochs are counted otherwise.
        self._steps = module.SummaryWriter(str(folder / 'steps'), purge_step=first_step + 1 if first_step else None)

    def log_images(self, images: Tensor) -> None:
        """Log one image that shows the first images of the batch."""
        self._steps.add_image('first batch', _grid(images), 0)

    def log_step(self, row: Mapping[str, float], step: int) -> None:
        """Write `step/loss` and `step/lr`."""
        for name, value in row.items():
            self._steps.add_scalar(f'step/{name}', value, step)

    def log(self, row: Mapping[str, float], epoch: int) -> None:
        """Write a scalar for each metric. `train_loss` becomes `train/loss`, so that TensorBoard groups the metrics."""
        for name, value in row.items():
            head, _, rest = name.partition('_')
            tag = f'{head}/{rest}' if head in ('train', 'eval') else name
            self._writer.add_scalar(tag, value, epoch)
        self._writer.flush()

    def log_test(self, row: Mapping[str, float], epoch: int) -> None:
        """Write `test/loss`, `test/top1` and `test/top5`."""
        for name, value in row.items():
            self._writer.add_scalar(f'test/{name}', value, epoch)

    def close(self) -> None:
        """Close the files."""
        self._writer.close()
        self._steps.close()


class Wandb:
    """Logs to Weights & Biases, online or, with WANDB_MODE=offline, to the disk.

    Steps in Weights & Biases are steps of the optimizer. If a resumed run logs values for earlier steps again,
    Weights & Biases ignores them.

    Args:
        folder: Folder of the run, whose name is also used at Weights & Biases.
        config: Project and tags.
        options: All options of the run, stored as its configuration.
        first_step: Number of steps already made by a resumed run.

    Raises:
        UserError: the run cannot be started, for example because the user is not logged in.
    """

    def __init__(self, folder: Path, config: TrackerConfig, options: Mapping[str, object], first_step: int = 0) -> None:
        wandb = _imported('wandb', '--log-wandb', 'wandb')
        # The id is kept in the folder, so that a resumed run continues its run at Weights & Biases.
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
        self._image = wandb.Image
        self._step = first_step

    def log_images(self, images: Tensor) -> None:
        """Log one image that shows the first images of the batch."""
        self._run.log({'first batch': self._image(_grid(images).permute(1, 2, 0).numpy())}, step=self._step)

    def log_step(self, row: Mapping[str, float], step: int) -> None:
        """Send `step/loss` and `step/lr`."""
        self._step = step
        self._run.log({f'step/{name}': value for name, value in row.items()}, step=step)

    def log(self, row: Mapping[str, float], epoch: int) -> None:
        """Send the metrics under the names of `summary.csv`, for the last step of the epoch."""
        self._run.log(dict(row), step=self._step)

    def log_test(self, row: Mapping[str, float], epoch: int) -> None:
        """Put `test_loss`, `test_top1` and `test_top5` into the summary of the run."""
        self._run.summary.update({f'test_{name}': value for name, value in row.items()})

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


def create_trackers(
    folder: Path,
    config: TrackerConfig,
    options: Mapping[str, object],
    first_epoch: int = 0,
    first_step: int = 0,
) -> list[Tracker]:
    """Return the trackers that the options ask for.

    Args:
        folder: Folder of the run.
        config: Which trackers to use.
        options: All options of the run, for trackers that store them.
        first_epoch: First epoch of this process, counted from 0; more than 0 for a resumed run.
        first_step: Number of steps already made by a resumed run.

    Raises:
        UserError: a package is missing, or Weights & Biases cannot start the run.
    """
    trackers: list[Tracker] = []
    if config.log_tensorboard:
        trackers.append(TensorBoard(folder / 'tensorboard', first_epoch, first_step))
    if config.log_wandb:
        trackers.append(Wandb(folder, config, options, first_step))
    return trackers
