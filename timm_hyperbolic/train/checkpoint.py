"""Checkpoints from which a run goes on as if it had never stopped.

They hold no generator's state: all random numbers follow from the seed and the place in the run, which they do hold.
"""

import pickle
import re
import sys
import zipfile
from collections.abc import Iterable
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

#: Options with which a run may be resumed that it was not begun with: they do not change what it computes.
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
        folder: of the run, locked.
        loop: whose state is kept.
        config: Options of the run.
        classes: names of the classes by label, None where they have none.

    Attributes:
        closed: whether no more are written.
    """

    def __init__(self, folder: OutputFolder, loop: Loop, config: TrainConfig, classes: list[str] | None = None) -> None:
        self.folder = folder
        self.loop = loop
        self.config = config
        self.classes = classes
        self.closed = False

    def close(self) -> None:
        """Write no more: all is saved, and the best epoch's weights may take the place of the last one's."""
        self.closed = True

    def keep(self) -> str:
        """Save what was done, at the end of a run that cannot go on, and say what there is and how to go on."""
        if self.closed:
            kept = 'all epochs are done, the evaluation of the result is not'
        elif self.save() or not self.folder.writes:
            kept = f'saved after step {self.loop.step}'
        else:
            kept = 'older checkpoints are kept'
        return f'{kept}; go on with --resume {self.folder.path}'

    def save(self) -> Path | None:
        """Write a checkpoint, and keep the newest `--keep` of them.

        A failure, of a disk that is full, is told and survived: the older checkpoints are still there.

        Returns:
            The file, or None where it could not be written.
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
    """Return the checkpoints in a folder, the last written first."""
    found = [path for path in folder.glob('checkpoint-*.pt') if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)


def find_checkpoint(resume: str, folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the checkpoint to go on from and its content; None where `auto` finds none.

    Args:
        resume: `auto`, a checkpoint, or the folder of a run.
        folder: of the present run, where `auto` looks.

    Raises:
        UserError: there is no such file, none in the folder can be read, or one holds code or is of a newer version.
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
    """Return the content of the checkpoint that the first process finds, which locks the folder; None if there is none.

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
    """Return the content of a checkpoint, once all of its checksums are right.

    Raises:
        ValueError: the file is damaged, or no checkpoint of ours.
        UserError: it holds code, which is not run, or a newer version has written it.
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


def check_options(content: dict[str, Any], config: TrainConfig, fixed: Iterable[str] = ()) -> None:
    """Refuse options with which the resumed run would not be the one that was begun.

    Args:
        content: of the checkpoint.
        config: Options of the present run, with what was left open filled in.
        fixed: options of `FREE_OPTIONS` that this run may not change either.

    Raises:
        UserError: the message names the option and both values.
    """
    before = yaml.safe_load(content['args'])
    now = to_values(config)
    if extends(content, config):
        before['epochs'] = now['epochs']
    for name in sorted(before.keys() & now.keys() - (FREE_OPTIONS - set(fixed))):
        if before[name] != now[name]:
            flag = '--' + name.replace('_', '-')
            raise UserError(
                f'{flag} {now[name]}: the run to resume has {flag} {before[name]}. Leave it so, or start a new run, '
                'for example with --initial-checkpoint'
            )


def extends(content: dict[str, Any], config: TrainConfig) -> bool:
    """Whether a run that has done all of its epochs is resumed with more of them."""
    epochs = yaml.safe_load(content['args'])['epochs']
    return content['state']['epoch'] >= epochs < config.schedule.epochs


def restore(loop: Loop, content: dict[str, Any], new_schedule: bool = False) -> None:
    """Bring a loop, made with the same options, to where the checkpoint was taken.

    Args:
        loop: The loop.
        content: Content of the checkpoint.
        new_schedule: Whether the learning rate follows the loop's own schedule and not that of the checkpoint.
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
