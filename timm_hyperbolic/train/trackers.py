"""Where the numbers of a run go besides `summary.csv`: TensorBoard, Weights & Biases."""

import argparse
import importlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Protocol

from ..errors import UserError

__all__ = ['TensorBoard', 'Tracker', 'Wandb', 'add_tracker_options', 'check_trackers', 'create_trackers']


def add_tracker_options(group) -> None:
    """Add the flags of this file to an argument group."""
    group.add_argument(
        '--log-tensorboard',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='write the numbers of each epoch for TensorBoard, into tensorboard/ in the output folder',
    )
    group.add_argument(
        '--log-wandb',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='send them to Weights & Biases; WANDB_MODE=offline keeps them in the output folder',
    )
    group.add_argument('--wandb-project', metavar='NAME', help='with --log-wandb: project (default: timm_hyperbolic)')
    group.add_argument('--wandb-tags', nargs='+', metavar='TAG', help='with --log-wandb: tags of the run')


def check_trackers(args: argparse.Namespace) -> None:
    """Refuse a tracker whose package is not installed, and flags of one that is not asked for.

    Raises:
        UserError: naming the extra, or the flag that is missing.
    """
    for flag in ('wandb_project', 'wandb_tags'):
        if getattr(args, flag) and not args.log_wandb:
            raise UserError(f'--{flag.replace("_", "-")}: give --log-wandb too')
    if args.log_tensorboard:
        _imported('torch.utils.tensorboard', '--log-tensorboard', 'tensorboard')
    if args.log_wandb:
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
        folder: of the run; its name is the run's there.
        args: options of the run, kept as its configuration.

    Raises:
        UserError: the run cannot be started: not logged in, no such project.
    """

    def __init__(self, folder: Path, args: argparse.Namespace) -> None:
        wandb = _imported('wandb', '--log-wandb', 'wandb')
        # One run there for one folder here, however often it is interrupted.
        file = folder / 'wandb-id.txt'
        run_id = file.read_text(encoding='utf-8').strip() if file.exists() else secrets.token_hex(4)
        try:
            self._run = wandb.init(
                project=args.wandb_project or 'timm_hyperbolic',
                name=folder.name,
                id=run_id,
                resume='allow',
                dir=str(folder),
                config=vars(args),
                tags=args.wandb_tags,
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


def create_trackers(folder: Path, args: argparse.Namespace, first_epoch: int = 0) -> list[Tracker]:
    """Return the trackers that the options ask for.

    Args:
        folder: of the run.
        args: options of the run.
        first_epoch: that the run begins or goes on with, counted from 0.

    Raises:
        UserError: a package is missing, or Weights & Biases refuses.
    """
    trackers: list[Tracker] = []
    if args.log_tensorboard:
        trackers.append(TensorBoard(folder / 'tensorboard', first_epoch))
    if args.log_wandb:
        trackers.append(Wandb(folder, args))
    return trackers
