"""The names of the files in the folder of a run, and which version wrote them."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..version import __version__

__all__ = ['ABOUT', 'ARGS', 'CARD', 'CONFIG', 'MEASURES', 'MODEL', 'OUTCOME', 'SUMMARY', 'TEST', 'VERSION_LINE']
__all__ += ['check_files', 'newer_than_this', 'newer_version']

ABOUT = 'run.json'
ARGS = 'args.yaml'
CARD = 'README.md'
CONFIG = 'config.json'
MEASURES = 'measures.json'  # of a run of a study: what was measured of its model after training
MODEL = 'model.safetensors'
OUTCOME = 'outcome.json'  # of a run of a study: whether its training ended or diverged
SUMMARY = 'summary.csv'
TEST = 'test.json'
#: The first line of the options of a run, before the version that has written them.
VERSION_LINE = '# written by timm_hyperbolic '


def check_files(folder: Path, names: Sequence[str]) -> None:
    """Refuse what is not the folder of a run.

    Args:
        folder: The folder.
        names: Names of files that the folder of a run must contain.

    Raises:
        ValueError: there is no such folder, or it lacks one of these files.
    """
    if not folder.is_dir():
        raise ValueError(f'{folder}: {"is a file" if folder.exists() else "no such folder"}; give the folder of a run')
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ValueError(f'{folder} has no {", ".join(missing)}: give the folder that a run of train_hyp.py leaves')


def newer_version(path: Path) -> str:
    """Say that a newer version than this one has written a run's folder, or options of a run; nothing where none has.

    Args:
        path: The folder, or the file of options.
    """
    options = path / ARGS if path.is_dir() else path
    versions = []
    with suppress(OSError, ValueError):
        first = options.read_text(encoding='utf-8').partition('\n')[0]
        versions += [first.removeprefix(VERSION_LINE)] if first.startswith(VERSION_LINE) else []
    if options.name == ARGS:
        with suppress(OSError, ValueError, KeyError, TypeError):
            about = json.loads((options.parent / ABOUT).read_text(encoding='utf-8'))
            versions.append(about['versions']['timm_hyperbolic'])
    return next(filter(None, map(newer_than_this, versions)), '')


def newer_than_this(version: str) -> str:
    """Say that something was written by a version, if that is newer than this one; else nothing.

    Args:
        version: The version of timm_hyperbolic that wrote a file; empty if it is unknown.
    """

    def numbers(text: str) -> list[int]:
        return [int(number) for number in re.findall(r'\d+', text)]

    if numbers(version) <= numbers(__version__):
        return ''
    return f'timm_hyperbolic {version} has written it, and this is {__version__}: update timm_hyperbolic'
