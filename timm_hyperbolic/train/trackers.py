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
    """Takes the numbers and images of a run."""

    def log_images(self, images: Tensor) -> None:
        """Take the first batch of images, `[B, 3, H, W]` or `[B, 1, H, W]` in [0, 1]."""

    def log_step(self, row: Mapping[str, float], step: int) -> None:
        """Take `loss` and `lr` of a step of the optimizer, counted from 1."""

    def log(self, row: Mapping[str, float], epoch: int) -> None:
        """Take the numbers of an epoch, counted from 0, under the names of `summary.csv`."""

    def log_test(self, row: Mapping[str, float], epoch: int) -> None:
        """Take `loss`, `top1` and `top5` on the test split, with the model of this epoch."""

    def close(self) -> None:
        """Write what is not yet written."""


def _grid(images: Tensor) -> Tensor:
    """The images, at most 64 of them, as one image `[3, H, W]`."""
    return make_grid(images[:_MOST_IMAGES], nrow=_IMAGES_ACROSS)


class TensorBoard:
    """Scalars and images in TensorBoard's event files: those of epochs in one run, those of steps in another.

    Args:
        folder: of the event files; a resumed run adds new files there. The numbers of steps go into `steps/`.
        first_epoch: values that were logged for this epoch and later ones, before an interruption, no longer count.
        first_step: number of steps that were made; values of later steps no longer count.
    """

    def __init__(self, folder: Path, first_epoch: int = 0, first_step: int = 0) -> None:
        module = _imported('torch.utils.tensorboard', '--log-tensorboard', 'tensorboard')
        self._writer = module.SummaryWriter(str(folder), purge_step=first_epoch or None)
        # A file of its own: TensorBoard discards all values from `purge_step` on, and steps are not counted in epochs.
        self._steps = module.SummaryWriter(str(folder / 'steps'), purge_step=first_step + 1 if first_step else None)

    def log_images(self, images: Tensor) -> None:
        """Write one image with the first images of the batch."""
        self._steps.add_image('first batch', _grid(images), 0)

    def log_step(self, row: Mapping[str, float], step: int) -> None:
        """Write `step/loss` and `step/lr`."""
        for name, value in row.items():
            self._steps.add_scalar(f'step/{name}', value, step)

    def log(self, row: Mapping[str, float], epoch: int) -> None:
        """Write a scalar for each number: `train_loss` as `train/loss`, so that TensorBoard groups them."""
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
    """A run of Weights & Biases, online or, with WANDB_MODE=offline, on the disk.

    Steps of the optimizer are its steps. What a resumed run logs again for earlier steps, Weights & Biases ignores.

    Args:
        folder: Folder of the run, whose name is the name of the run at Weights & Biases.
        config: The project and the tags.
        options: Value of every option of the run, kept as its configuration.
        first_step: Number of steps that the run has made before.

    Raises:
        UserError: the run cannot be started: not logged in, no such project.
    """

    def __init__(self, folder: Path, config: TrackerConfig, options: Mapping[str, object], first_step: int = 0) -> None:
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
        self._image = wandb.Image
        self._step = first_step

    def log_images(self, images: Tensor) -> None:
        """Send one image with the first images of the batch."""
        self._run.log({'first batch': self._image(_grid(images).permute(1, 2, 0).numpy())}, step=self._step)

    def log_step(self, row: Mapping[str, float], step: int) -> None:
        """Send `step/loss` and `step/lr`."""
        self._step = step
        self._run.log({f'step/{name}': value for name, value in row.items()}, step=step)

    def log(self, row: Mapping[str, float], epoch: int) -> None:
        """Send the numbers under the names of `summary.csv`, for the last step of the epoch."""
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
        folder: of the run.
        config: The trackers.
        options: Value of every option of the run, for trackers that keep them.
        first_epoch: Epoch with which the run begins or goes on, counted from 0.
        first_step: Number of steps that the run has made before.

    Raises:
        UserError: a package is missing, or Weights & Biases refuses.
    """
    trackers: list[Tracker] = []
    if config.log_tensorboard:
        trackers.append(TensorBoard(folder / 'tensorboard', first_epoch, first_step))
    if config.log_wandb:
        trackers.append(Wandb(folder, config, options, first_step))
    return trackers
