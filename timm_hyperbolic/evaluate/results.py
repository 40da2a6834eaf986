"""The file of results that an evaluation writes: `--results-file`."""

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import whole_file

__all__ = ['check_file', 'check_results_file', 'write_results']


def check_file(flag: str, name: str, endings: Sequence[str]) -> Path:
    """Return the path of a file that is to be written at the end.

    Args:
        flag: The flag that names the file, for messages.
        name: The file.
        endings: Endings that its name may have.

    Raises:
        UserError: The file has another ending, or cannot be written.
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


def check_results_file(name: str | None) -> Path | None:
    """Return the path of `--results-file`, None if it is not given.

    Args:
        name: The value of the option.

    Raises:
        UserError: The file has another ending than `.csv` and `.json`, or cannot be written.
    """
    return None if name is None else check_file('--results-file', name, ('.csv', '.json'))


def write_results(path: Path | None, results: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """Write results whole or not at all, as JSON or CSV by the ending of the name; a NaN is written as nothing.

    Args:
        path: What `check_results_file` has returned; nothing is written for None.
        results: One row of results, or several with equal names.

    Raises:
        TrainingError: The file cannot be written.
    """
    if path is None:
        return
    rows = [
        {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in row.items()}
        for row in ([results] if isinstance(results, Mapping) else results)
    ]
    text = io.StringIO()
    if path.suffix == '.json':
        text.write(json.dumps(rows[0] if isinstance(results, Mapping) else rows, indent=4) + '\n')
    else:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)
    with whole_file(path) as scratch:
        scratch.write_text(text.getvalue(), encoding='utf-8')
