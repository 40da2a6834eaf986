"""One run of a study on the disk: how far it is, who works on it, how it ended."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from ..config.options import to_values
from ..config.run_files import ARGS, MEASURES, OUTCOME, SUMMARY, TEST
from ..config.study import Run
from ..errors import Busy, TrainingError, UserError
from ..files import whole_file
from .checkpoint import FREE_OPTIONS
from .run_folder import LOCK

__all__ = [
    'check_same_run',
    'claim',
    'difference',
    'epochs_done',
    'is_claimed',
    'options_that_count',
    'read_json',
    'save_json',
    'state_of',
]

_CLAIM = '.claim'
#: Options that a run writes down as it has found them, or that say where its images are.
_OF_THE_PLACE = {'dataset', 'val_split', 'test_split', 'num_classes', 'amp_dtype', 'workers', 'warmup_epochs'}


def state_of(folder: Path) -> str:
    """Return how far a run is: `new`, `begun`, `trained`, `done` (trained and measured) or `diverged`.

    Args:
        folder: Folder of the run, which need not exist.
    """
    outcome = read_json(folder / OUTCOME).get('state')
    if outcome == 'diverged':
        return outcome
    if outcome == 'trained' or (folder / TEST).exists():
        return 'done' if (folder / MEASURES).exists() else 'trained'
    return 'begun' if (folder / ARGS).exists() else 'new'


def epochs_done(folder: Path) -> int:
    """Return the number of epochs that a run has finished.

    Args:
        folder: Folder of the run, which need not exist.
    """
    try:
        return max(0, len((folder / SUMMARY).read_text(encoding='utf-8').splitlines()) - 1)
    except OSError:
        return 0


@contextmanager
def claim(run: Run) -> Iterator[None]:
    """Keep other processes, on this machine or on others, from working on a run as long as the context lasts.

    The system gives the run free again when the process ends, however it ends.

    Args:
        run: The run, whose folder is made where there is none.

    Raises:
        Busy: Another process works on the run.
        TrainingError: The folder cannot be written.
    """
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        with _held(run.folder / LOCK):  # of a training that was started without the study
            pass
        with _held(run.folder / _CLAIM):
            yield
    except Timeout as error:
        raise Busy(f'{run.folder}: another process works on this run') from error
    except OSError as error:
        raise TrainingError(f'cannot write into {run.folder}: {error}') from error


def is_claimed(folder: Path) -> bool:
    """Return whether a process works on a run.

    Args:
        folder: Folder of the run, which need not exist.
    """
    if not (folder / _CLAIM).exists():
        return False
    try:
        with _held(folder / _CLAIM):
            return False
    except Timeout:
        return True


def _held(path: Path) -> FileLock:
    return FileLock(path, timeout=0)


def check_same_run(run: Run) -> None:
    """Refuse to go on with, or to skip, a folder that holds a run with other options than those of the study.

    Args:
        run: The run.

    Raises:
        UserError: An option differs. The message names it and both values.
    """
    try:
        found = yaml.safe_load((run.folder / ARGS).read_text(encoding='utf-8'))
    except FileNotFoundError:
        return
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f'{run.folder / ARGS}: {" ".join(str(error).split())}; remove the folder') from error
    different = difference(found, run)
    if different:
        raise UserError(f'{run.folder} holds a run with {different}. Remove the folder, or give another --output')


def difference(found: Mapping[str, Any], run: Run) -> str | None:
    """Return the first option that a finished or begun run has otherwise than the study, in words; None for no such.

    Args:
        found: The options of the run that was found, by name.
        run: The run as the study has it.
    """
    wanted = options_that_count(run)
    for name in sorted(found.keys() & wanted.keys()):
        if wanted[name] is not None and found[name] != wanted[name]:
            return f'{name} {found[name]}, and the study has {name} {wanted[name]}'
    return None


def options_that_count(run: Run) -> dict[str, Any]:
    """Return the options that decide the result of a run, by name: not its folder, its place of images, or its log.

    Args:
        run: The run as the study has it.
    """
    return {
        name: value
        for name, value in to_values(run.config).items()
        if name not in FREE_OPTIONS and name not in _OF_THE_PLACE
    }


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file of a run; empty where there is no such file or it cannot be read.

    Args:
        path: The file.
    """
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding='utf-8'))
        return content if isinstance(content, dict) else {}
    return {}


def save_json(folder: Path, name: str, content: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all.

    Args:
        folder: Folder of the run.
        name: Name of the file.
        content: What to write.

    Raises:
        TrainingError: The file cannot be written.
    """
    with whole_file(folder / name) as scratch:
        scratch.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')
