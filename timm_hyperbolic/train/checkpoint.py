"""Checkpoints from which a run is resumed exactly, at any step.

timm's `CheckpointSaver` does not store the position of the data loader, so a run cannot be resumed in the middle of an
epoch. The checkpoints here store the position; they need no state of random number generators,
because all random numbers depend only on the seed and the position.
"""

import pickle
import re
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from timm.utils import unwrap_model

from ..config.options import to_values
from ..config.run_files import newer_than_this
from ..config.train import TrainConfig
from ..errors import TrainingError, UserError
from ..version import __version__
from .loop import Loop, State
from .processes import Processes, load, shard_optimizer_state, to_whole
from .run_folder import OutputFolder

__all__ = [
    'Checkpoints',
    'check_options',
    'extends',
    'find_checkpoint',
    'find_shared_checkpoint',
    'read_checkpoint',
    'restore',
]

_FORMAT = 1
_NAME = re.compile(r'checkpoint-(\d+)\.pt')

#: Options that may differ between a run and its resumption, because they do not change what the run computes.
FREE_OPTIONS = {
    'allow_missing',
    'checkpoint_every',
    'data_dir',
    'dataset_download',
    'device',
    'dry_run',
    'eval_metric',
    'experiment',
    'fsdp',
    'hub_revision',
    'initial_checkpoint',
    'keep',
    'log_interval',
    'log_tensorboard',
    'log_wandb',
    'max_bad_steps',
    'max_steps',
    'output',
    'pretrained',
    'pretrained_file',
    'private',
    'push_every',
    'push_to_hub',
    'resume',
    'wandb_project',
    'wandb_tags',
    'workers',
}


class Checkpoints:
    """Writes the checkpoints of a run into its folder, and removes old ones.

    Args:
        folder: The locked folder of the run.
        loop: The training loop whose state is saved.
        config: Options of the run.
        classes: Class names by label; None if there are none.
        schedule_steps: Number of steps of the learning rate schedule; None for the schedule of an old checkpoint, see
            `extends`.

    Attributes:
        closed: Whether writing checkpoints has ended.
    """

    def __init__(
        self,
        folder: OutputFolder,
        loop: Loop,
        config: TrainConfig,
        classes: list[str] | None = None,
        schedule_steps: int | None = None,
    ) -> None:
        self.folder = folder
        self.loop = loop
        self.config = config
        self.classes = classes
        self.schedule_steps = schedule_steps
        self.closed = False

    def close(self) -> None:
        """End the writing of checkpoints, before the weights of the best epoch replace those of the last one."""
        self.closed = True

    def keep(self) -> str:
        """Save the state of a run that cannot continue, and return a message on what was saved and how to resume."""
        if self.closed:
            kept = 'all epochs are done, the evaluation of the result is not'
        elif self.save() or not self.folder.writes:
            kept = f'saved after step {self.loop.step}'
        else:
            kept = 'older checkpoints are kept'
        return f'{kept}; go on with --resume {self.folder.path}'

    def save(self) -> Path | None:
        """Write a checkpoint, and remove all but the newest `--keep` of them.

        If writing fails, for example because the disk is full, a message is printed and the older checkpoints are kept.

        Returns:
            The path of the checkpoint, or None if it was not written.
        """
        if self.closed:
            return None
        loop = self.loop
        task = loop.task
        content = {
            'format': _FORMAT,
            'version': __version__,
            'args': yaml.safe_dump(to_values(self.config)),
            'classes': self.classes,
            'state': asdict(loop.state),
            'rows': self.folder.rows,
            'optimizer': loop.optimizer.state_dict(),
            'schedule_steps': self.schedule_steps,
            'scheduler': None if loop.scheduler is None else loop.scheduler.state_dict(),
            'scaler': None if loop.scaler is None else loop.scaler.state_dict(),
            **task.get_checkpoint_state(),
            **(task.get_checkpoint_state(ema=True) if task.has_ema() else {}),
        }
        name = f'checkpoint-{loop.state.step:08d}.pt'
        try:
            self.folder.save_checkpoint(name, to_whole(content) if loop.sharded else content)
        except TrainingError as error:
            print(f'{error}; the checkpoint of step {loop.state.step} is left out', file=sys.stderr, flush=True)
            return None
        if not self.folder.writes:
            return None
        for old in _checkpoints(self.folder.path)[self.config.run.keep :]:
            old.unlink(missing_ok=True)
        return self.folder.path / name


def _checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    found = [path for path in folder.glob('checkpoint-*.pt') if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)


def find_checkpoint(resume: str, folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the path and the content of the checkpoint to resume from, or None if `auto` finds none.

    Args:
        resume: `auto`, the path of a checkpoint, or the folder of a run.
        folder: The folder of the present run, which `auto` searches.

    Raises:
        UserError: there is no checkpoint, none can be read, one contains code, or a newer version wrote it.
    """
    path = folder if resume == 'auto' else Path(resume)
    if path.is_file():
        try:
            return path, read_checkpoint(path)
        except ValueError as error:
            raise UserError(f'--resume {path}: {error}; give another checkpoint') from error
    candidates = _checkpoints(path)
    for candidate in candidates:
        try:
            return candidate, read_checkpoint(candidate)
        except ValueError as error:
            print(f'{candidate}: {error}; taking the one before', file=sys.stderr, flush=True)
    if resume == 'auto' and not candidates:
        return None
    if candidates:
        raise UserError(f'--resume {resume}: no checkpoint in {path} can be read; start a new run')
    raise UserError(f'--resume {resume}: no checkpoint there')


def find_shared_checkpoint(resume: str, folder: OutputFolder, processes: Processes) -> dict[str, Any] | None:
    """Return the content of the checkpoint that the first process finds, or None if there is none.

    The first process also locks the folder.

    Args:
        resume: The value of `--resume`, as in `find_checkpoint`.
        folder: The folder of the present run.
        processes: The processes of the run, all of which call this function.

    Raises:
        UserError: see `find_checkpoint`; or another run is writing into the folder.
    """
    found = None
    if processes.first:
        if folder.resumed and folder.path.is_dir():
            folder.lock()
        found = find_checkpoint(resume, folder.path)
        print(f'no checkpoint in {folder.path} yet: starting anew' if found is None else f'resuming from {found[0]}')
    path = processes.from_first(None if found is None else str(found[0]))
    if path is None or found is not None:
        return None if path is None else found[1]
    return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, after verifying its checksums.

    Args:
        path: The file.

    Raises:
        ValueError: the file is damaged, or is not a checkpoint of this package.
        UserError: it contains code, which is not executed, or a newer version wrote it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f'damaged, or no checkpoint ({" ".join(str(error).split())})') from error
    if broken is not None:
        raise ValueError(f'damaged in {broken}')
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f'--resume {path}: refused, since it holds more than numbers: it could run code') from error
    except RuntimeError as error:
        raise ValueError(f'damaged, or no checkpoint ({" ".join(str(error).split())[:200]})') from error
    if not isinstance(content, dict) or not isinstance(content.get('format'), int):
        raise ValueError('no checkpoint of a run')
    if content['format'] > _FORMAT:
        newer = newer_than_this(str(content.get('version', '')))
        newer = newer or 'a newer timm_hyperbolic has written it: update timm_hyperbolic'
        raise UserError(f'--resume {path}: {newer}')
    return content


def check_options(content: dict[str, Any], config: TrainConfig, steps: int, stays_best: bool = False) -> None:
    """Check that a resumed run computes the same as before: the same options except for `FREE_OPTIONS`.

    Args:
        content: Content of the checkpoint.
        config: Options of the present run, with defaults filled in.
        steps: Number of steps of the present run.
        stays_best: Whether a model that was saved within an epoch may remain the best one of the run.

    Raises:
        UserError: An option differs. The message names it and both values.
    """
    before, done = yaml.safe_load(content['args']), content['state']['step']
    now = yaml.safe_load(yaml.safe_dump(to_values(config)))  # a tuple in --model-kwargs is written as a list
    max_steps, scheduled = now['max_steps'], content.get('schedule_steps')
    longer = extends(content, config, steps)
    if longer:
        before['epochs'] = now['epochs']
    elif now['epochs'] > before['epochs'] and max_steps is not None:
        raise UserError(f'--epochs {now["epochs"]}: the run ends at --max-steps {max_steps}; give a larger one too')
    for name in sorted(before.keys() & now.keys() - FREE_OPTIONS):
        if before[name] != now[name] and not (name == 'dataset' and _is_copy(before[name], now[name])):
            flag = '--' + name.replace('_', '-')
            raise UserError(
                f'{flag} {now[name]}: the run to resume has {flag} {before[name]}. Leave it so, or start a new run, '
                'for example with --initial-checkpoint'
            )
    if not longer and scheduled is not None and steps > scheduled:
        raise UserError(
            f'--max-steps {max_steps}: the learning rate of the run to resume is scheduled for {scheduled} steps, of '
            f'which {done} are done. Resume it as it is; once it is finished, a larger --max-steps extends it'
        )
    if stays_best and done == before.get('max_steps') and done < steps:
        raise UserError(
            f'--max-steps {max_steps}: the run to resume stopped within an epoch, and the model that it saved there '
            'may stay the best one, although that epoch is now trained to its end. Start a new run with '
            '--initial-checkpoint'
        )


def _is_copy(before: str, now: str) -> bool:
    """Whether a data set is a folder in place of one of the same kind: the same images elsewhere, as `--data-dir`."""
    kind, _, folder = now.partition('/')
    return before.startswith(f'{kind}/') and Path(folder).is_dir()


def extends(content: dict[str, Any], config: TrainConfig, steps: int) -> bool:
    """Whether a finished run is resumed with more epochs or steps, on a longer schedule of the learning rate.

    A run is finished when its schedule is. An old checkpoint has no `schedule_steps`: it was written when `--max-steps`
    did not shorten the schedule, and keeps the schedule of its epochs.

    Args:
        content: Content of the checkpoint.
        config: Options of the present run.
        steps: Number of steps of the present run.
    """
    if content.get('schedule_steps') is None:
        epochs = yaml.safe_load(content['args'])['epochs']
        return content['state']['epoch'] >= epochs < config.schedule.epochs
    return content['state']['step'] >= content['schedule_steps'] < steps


def restore(loop: Loop, content: dict[str, Any], new_schedule: bool = False) -> None:
    """Restore the state of a training loop from a checkpoint.

    Args:
        loop: A loop made with the options of the checkpoint.
        content: Content of the checkpoint.
        new_schedule: Whether to keep the learning rate schedule of `loop` instead of loading that of the checkpoint.
    """
    task = loop.task
    load(unwrap_model(task.get_eval_model()), content['state_dict'])
    task.load_task_state(content.get('task_state'))
    if task.has_ema():
        load(unwrap_model(task.get_eval_model(ema=True)), content['state_dict_ema'])
        task.load_task_state(content.get('task_state_ema'), ema=True)
    state = content['optimizer']
    loop.optimizer.load_state_dict(shard_optimizer_state(loop.optimizer, state) if loop.sharded else state)
    if loop.scaler is not None:
        loop.scaler.load_state_dict(content['scaler'])
    loop.state = State(**content['state'])
    if loop.scheduler is not None:
        if not new_schedule:
            loop.scheduler.load_state_dict(content['scheduler'])
        loop.scheduler.step_update(loop.state.step)
