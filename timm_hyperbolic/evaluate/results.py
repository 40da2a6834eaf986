"""The file that the results of an evaluation are written into."""

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import TrainingError, UserError

__all__ = ['check_file', 'check_results_file', 'write_results']


def check_results_file(name: str | None) -> Path | None:
    """Return the path of `--results-file`; None where none is given.

    Raises:
        UserError: no file of this name can be written.
    """
    if name is None:
        return None
    return check_file('--results-file', name, ('.csv', '.json'))


def check_file(flag: str, name: str, endings: Sequence[str]) -> Path:
    """Return the path of a file that is written at the end.

    Args:
        flag: The flag that names the file, for messages.
        name: The file.
        endings: Endings that its name may have.

    Raises:
        UserError: no file of this name can be written.
    """
    path = Path(name)
    if path.suffix not in endings:
        raise UserError(f'{flag} {name}: must end in {" or ".join(endings)}')
    if not path.parent.is_dir():
        raise UserError(f'{flag} {name}: there is no folder {path.parent}; make it first')
    if path.is_dir():
        raise UserError(f'{flag} {name}: is a folder; give the name of a file')
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(f'{flag} {name}: you may not write into the folder {path.parent}')
    return path


def write_results(path: Path, *rows: Mapping[str, Any]) -> None:
    """Write the results whole or not at all, as JSON or CSV by the ending of the name; a NaN is written as nothing.

    Args:
        path: The file.
        rows: The results by name; of several rows, which have equal names, JSON gets a list.

    Raises:
        TrainingError: the file could not be written.
    """
    results = [{name: None if isinstance(v, float) and math.isnan(v) else v for name, v in row.items()} for row in rows]
    text = io.StringIO()
    if path.suffix == '.json':
        text.write(json.dumps(results if len(results) > 1 else results[0], indent=4) + '\n')
    else:
        writer = csv.DictWriter(text, fieldnames=list(results[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(results)
    scratch = path.with_name(f'.unfinished-{path.name}')
    try:
        scratch.write_text(text.getvalue(), encoding='utf-8')
        scratch.replace(path)
    except OSError as error:
        raise TrainingError(f'--results-file {path}: {error}') from error
