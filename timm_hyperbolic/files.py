"""Files that are written whole or not at all: to a temporary folder first, then renamed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from .errors import TrainingError

__all__ = ['SCRATCH', 'scratch_folder', 'whole_file']

#: How the names of temporary folders begin. One is left over only by a process that was killed.
SCRATCH = '.unfinished-'


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder; at the end its files, synced to the disk, replace those of the same name in `path`.

    Args:
        path: The folder that the files are for, which must exist.

    Raises:
        TrainingError: the files could not be written.
    """
    try:
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=path))
        try:
            yield scratch
            for file in scratch.iterdir():
                _sync(file)
            for file in scratch.iterdir():
                file.replace(path / file.name)
            _sync(path)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except (OSError, RuntimeError, SafetensorError) as error:  # torch raises RuntimeError on a full disk
        raise TrainingError(f'cannot write into {path}: {error}') from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path; at the end the file that was written there replaces `path`.

    Args:
        path: The file. Its folder is made where there is none.

    Raises:
        TrainingError: the file could not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f'cannot write {path}: {error}') from error
    with scratch_folder(path.parent) as scratch:
        yield scratch / path.name


def _sync(path: Path) -> None:
    """Sync a file, or the entries of a folder, to the disk."""
    if path.is_dir() and os.name == 'nt':  # Windows cannot open folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
