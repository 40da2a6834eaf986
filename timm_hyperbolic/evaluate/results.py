"""The file that the results of an evaluation are written into."""

import csv
import io
import json
import math
import os
from pathlib import Path
from typing import Any

from ..errors import TrainingError, UserError

__all__ = ['check_results_file', 'write_results']


def check_results_file(name: str | None) -> Path | None:
    """Return the path of `--results-file`; None where none is given.

    Raises:
        UserError: no file of this name can be written.
    """
    if name is None:
        return None
    path = Path(name)
    if path.suffix not in ('.csv', '.json'):
        raise UserError(f'--results-file {name}: must end in .csv or .json')
    if not path.parent.is_dir():
        raise UserError(f'--results-file {name}: there is no folder {path.parent}; make it first')
    if path.is_dir():
        raise UserError(f'--results-file {name}: is a folder; give the name of a file')
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(f'--results-file {name}: you may not write into the folder {path.parent}')
    return path


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Write the results whole or not at all, as JSON or CSV by the ending of the name; a NaN is written as nothing.

    Raises:
        TrainingError: the file could not be written.
    """
    results = {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in results.items()}
    text = io.StringIO()
    if path.suffix == '.json':
        text.write(json.dumps(results, indent=4) + '\n')
    else:
        writer = csv.DictWriter(text, fieldnames=list(results), lineterminator='\n')
        writer.writeheader()
        writer.writerow(results)
    scratch = path.with_name(f'.unfinished-{path.name}')
    try:
        scratch.write_text(text.getvalue(), encoding='utf-8')
        scratch.replace(path)
    except OSError as error:
        raise TrainingError(f'--results-file {path}: {error}') from error
