"""The folder of a run, its lock, and what is written into it."""

import csv
import io
import itertools
import json
import os
import shutil
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import yaml
from filelock import FileLock, Timeout
from timm.models._hub import save_config_for_hf
from torch import nn

from ..config.run import RunConfig
from ..config.run_files import ABOUT, ARGS, CONFIG, MODEL, SUMMARY, TEST, VERSION_LINE
from ..errors import TrainingError, UserError
from ..files import SCRATCH, scratch_folder, whole_file
from ..version import __version__
from .processes import Processes

__all__ = ['LOCK', 'OutputFolder', 'check_output']

LOCK = '.lock'
_HOLDER = '.lock-holder'


class OutputFolder:
    """The folder in which a run stores its model, options and metrics.

    Args:
        path: The folder, which need not exist.
        resumed: Whether the folder may contain a run, which is resumed.
        writes: Whether this process writes; of several processes only the first does.
        is_named: Whether the user chose the name; otherwise a suffix is added if the folder exists.

    Raises:
        UserError: The folder cannot be written, or contains another run.
    """

    def __init__(self, path: Path, resumed: bool = False, writes: bool = True, is_named: bool = True) -> None:
        self.path = path if is_named else _free(path)
        self._wanted = path
        self.resumed = resumed
        self.writes = writes
        self.is_named = is_named
        self.rows: list[dict[str, Any]] = []
        self._lock: FileLock | None = None
        if writes:
            check_output(self.path)
            self._check_empty()

    @property
    def taken(self) -> Path | None:
        """The folder without the suffix, if a suffix was added because that folder exists; else None."""
        return self._wanted if self._wanted != self.path and not self.is_named else None

    def _check_empty(self) -> None:
        if not self.resumed and (self.path / ARGS).exists():
            raise UserError(
                f'--experiment: {self.path} already holds a run; choose another name, go on with it by --resume auto, '
                'or remove the folder'
            )

    @classmethod
    def of(cls, config: RunConfig, name: str) -> 'OutputFolder':
        """Return the folder that `--output` and `--experiment` name, by default `name` with a suffix if it is taken.

        Args:
            config: The folder of the run.
            name: The name of the folder where `--experiment` gives none.
        """
        if config.experiment:
            path = Path(config.output) / config.experiment
            return cls(path, resumed=_goes_on_in(config.resume, path))
        return cls(Path(config.output) / name, is_named=False)

    @classmethod
    def shared(cls, config: RunConfig, name: str, processes: Processes) -> 'OutputFolder':
        """Return the folder of a run of several processes, which the first process chooses and alone writes to.

        Args:
            config: The folder of the run.
            name: The name of the folder where `--experiment` gives none.
            processes: Processes of the run, all of which call this method.
        """
        own = cls.of(config, name) if processes.first else None
        path = processes.from_first(None if own is None else str(own.path))
        return cls(Path(path), writes=False) if own is None else own

    def create(self, options: Mapping[str, Any], processes: Processes) -> None:
        """Create the folder, lock it until `close` or the end of the process, and write the resolved options into it.

        Args:
            options: Value of every option by its name.
            processes: Processes of the run, all of which must call this method.

        Raises:
            UserError: The folder cannot be created, or another run is writing into it.
        """
        if self.writes:
            self._create(options)
        self.path = Path(processes.from_first(str(self.path)))

    def _create(self, options: Mapping[str, Any]) -> None:
        try:
            if not self.is_named:
                self._claim()
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock()
            self._check_empty()  # another run may have created it in the meantime
            for left in self.path.glob(f'{SCRATCH}*'):  # left over by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            self._write(ARGS, f'{VERSION_LINE}{__version__}\n{yaml.safe_dump(dict(options), sort_keys=True)}')
        except (OSError, TrainingError) as error:
            raise UserError(f'--output: cannot make the folder {self.path}: {error}') from error

    def _claim(self) -> None:
        """Create the folder; if another run has created it in the meantime, use the next free name."""
        while True:
            try:
                self.path.mkdir(parents=True)
            except FileExistsError:
                self.path = _free(self._wanted)
            else:
                return

    def lock(self) -> None:
        """Lock the existing folder against other runs; the system releases the lock when the process ends.

        Raises:
            UserError: Another run has locked the folder.
            OSError: The lock file cannot be written.
        """
        if self._lock is not None:
            return
        lock = FileLock(self.path / LOCK, timeout=0)
        holder = self.path / _HOLDER
        try:
            lock.acquire()
        except Timeout as error:
            name = ''
            with suppress(OSError):
                name = f' ({holder.read_text(encoding="utf-8").strip()})'
            raise UserError(
                f'--experiment: another run is writing into {self.path}{name}; choose another name, or stop that run'
            ) from error
        self._lock = lock
        holder.write_text(f'process {os.getpid()} on {socket.gethostname()}\n', encoding='utf-8')

    def close(self) -> None:
        """Release the lock of the folder."""
        if self._lock is not None:
            (self.path / _HOLDER).unlink(missing_ok=True)
            self._lock.release()
            self._lock = None

    def append_summary(self, row: dict[str, Any]) -> None:
        """Add the metrics of an epoch to `summary.csv`.

        Args:
            row: The metrics by name.
        """
        self.rows.append(row)
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self.rows[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(self.rows)
        self._write(SUMMARY, text.getvalue())

    def save_test(self, metrics: dict[str, Any]) -> None:
        """Write the metrics of the test split to `test.json`.

        Args:
            metrics: The metrics by name.
        """
        self._write(TEST, json.dumps(metrics, indent=1) + '\n')

    def save_about(self, about: dict[str, Any]) -> None:
        """Write the provenance of the run and its result so far to `run.json`.

        Args:
            about: Plain values by name.
        """
        self._write(ABOUT, json.dumps(about, indent=1) + '\n')

    def save_model(self, model: nn.Module, data_config: dict[str, Any], classes: list[str] | None) -> None:
        """Write weights and configuration so that `timm.create_model('local-dir:…', pretrained=True)` returns `model`.

        Args:
            model: A model created by `timm.create_model`, which stores its keyword arguments.
            data_config: Input size, mean, std and interpolation, as resolved by timm.
            classes: Class names by label; None if there are none.
        """
        if not self.writes:
            return
        # The classifier may have more outputs than the data set has classes.
        config = {'label_names': classes} if classes and len(classes) <= model.num_classes else {}
        with scratch_folder(self.path) as scratch:
            # timm's `save_for_hf` rejects tied tensors and the strides of --channels-last.
            safetensors.torch.save_model(model, str(scratch / MODEL))
            save_config_for_hf(model, str(scratch / CONFIG), model_config=config, data_config=data_config)
            # safetensors ignores the umask and makes its file readable by the owner only.
            (scratch / MODEL).chmod((scratch / CONFIG).stat().st_mode)

    def save_checkpoint(self, name: str, content: dict[str, Any]) -> None:
        """Write a checkpoint that torch loads with `weights_only=True`.

        Args:
            name: The name of the file.
            content: What torch saves.
        """
        if not self.writes:
            return
        with whole_file(self.path / name) as scratch:
            torch.save(content, scratch)

    def _write(self, name: str, text: str) -> None:
        if not self.writes:
            return
        with whole_file(self.path / name) as scratch:
            scratch.write_text(text, encoding='utf-8')


def check_output(path: Path) -> None:
    """Check that a folder, which need not exist, can be written to.

    Args:
        path: The folder.

    Raises:
        UserError: the folder cannot be created or written to.
    """
    try:
        existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    except OSError as error:  # the name is too long, or a folder is not readable
        raise UserError(f'--output: cannot make the folder {path}: {error.strerror}') from error
    if not existing.is_dir():
        raise UserError(f'--output: cannot make the folder {path}: {existing} is a file')
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f'--output: cannot write into {existing}')


def _goes_on_in(resume: str | None, path: Path) -> bool:
    """Whether `--resume` names the run in `path`; otherwise its checkpoint starts a new run."""
    if resume in (None, 'auto'):
        return resume == 'auto'
    source = Path(resume)
    return (source if source.is_dir() else source.parent).resolve() == path.resolve()


def _free(path: Path) -> Path:
    """Return `path`, or the first of `path-2`, `path-3`, ... that does not exist."""
    free = path
    for count in itertools.count(2):
        if not free.exists():
            break
        free = path.with_name(f'{path.name}-{count}')
    return free
