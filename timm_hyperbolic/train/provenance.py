"""`run.json`: command, hardware, versions and result of a run, from which its model card is made."""

import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..config.run_files import ABOUT
from ..data.splits import Splits
from ..errors import TrainingError
from ..version import __version__
from .loop import State
from .processes import Processes
from .run_folder import OutputFolder

__all__ = ['Provenance']


class Provenance:
    """Writes `run.json`, after every epoch and at the end.

    Args:
        folder: Folder of the run.
        splits: Splits of the data set.
        parameters: Number of parameters of the model.
        processes: Processes of the run.
        command: Words of the command line; None for a run started from Python.
    """

    def __init__(
        self,
        folder: OutputFolder,
        splits: Splits,
        parameters: int,
        processes: Processes,
        command: Sequence[str] | None,
    ) -> None:
        self.folder = folder
        self.about = {
            'command': None if command is None else list(command),
            'recipe': None if command is None else _recipe(command),
            'started': datetime.now(timezone.utc).isoformat(timespec='seconds'),
            'parameters': parameters,
            'train_images': len(splits.train),
            'hardware': _hardware(processes),
            'versions': _versions(),
            'commit': source_commit(),
            'advice': [],
        }
        if folder.rows:  # a resumed run keeps the command and the start time of the original one
            with suppress(OSError, ValueError):
                before = json.loads((folder.path / ABOUT).read_text(encoding='utf-8'))
                self.about |= {key: before[key] for key in ('command', 'recipe', 'started', 'advice') if key in before}

    @property
    def advice(self) -> list[str]:
        """The health warnings about the model that is the result so far."""
        return self.about['advice']

    def write(
        self, state: State, result: Mapping[str, Any], advice: Sequence[str] | None = None, last: bool = False
    ) -> None:
        """Write the progress and the result of the run. If writing fails, the next call tries again.

        Args:
            state: State of the run.
            result: Result so far.
            advice: Health warnings of the last epoch, which are kept if its model is the result; None for no change.
            last: Whether this is the last call.

        Raises:
            TrainingError: the file cannot be written, and this is the `last` call.
        """
        if advice is not None and result['epoch'] == self.folder.rows[-1]['epoch']:
            self.about['advice'] = list(advice)
        images, seconds = state.run_images + state.images, state.run_seconds + state.seconds
        numbers = {
            'epochs': len(self.folder.rows),
            'steps': state.step,
            'seconds': seconds,
            'images_per_second': images / seconds,
        }
        try:
            self.folder.save_about({**self.about, **numbers, 'result': dict(result)})
        except TrainingError as error:
            if last:
                raise
            print(f'{error}; tried again after the next epoch', file=sys.stderr, flush=True)


def source_commit() -> str | None:
    """Return the Git commit of this package's source, with `-dirty` if files were changed since; None without Git."""
    git = ['git', '-C', str(Path(__file__).resolve().parent.parent)]
    try:
        # An installed package may lie inside somebody else's repository, whose commit says nothing about it.
        subprocess.run([*git, 'ls-files', '--error-unmatch', '__init__.py'], capture_output=True, check=True)
        words = ['describe', '--always', '--abbrev=40', '--exclude=*', '--dirty']
        found = subprocess.run([*git, *words], capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def _recipe(command: Sequence[str]) -> str | None:
    """Return the name of the `--config` file of a command line, or None if there is none."""
    for word, following in zip(command, [*command[1:], ''], strict=True):
        if word in ('-c', '--config'):
            return Path(following).name
        if word.startswith('--config='):
            return Path(word.partition('=')[2]).name
    return None


def _hardware(processes: Processes) -> dict[str, Any]:
    device = processes.device
    name = f'CPU ({platform.machine()}), threads: {torch.get_num_threads()}'
    if device.type == 'cuda':
        name = torch.cuda.get_device_name(device)
    elif device.type != 'cpu':
        name = device.type
    return {'device': name, 'processes': processes.count, 'system': platform.system()}


def _versions() -> dict[str, str]:
    versions = {'timm_hyperbolic': __version__, 'Python': platform.python_version(), 'torch': torch.__version__}
    return versions | {name: version(name) for name in ('timm', 'geoopt')}
