"""The runs of a study as compact records, from which its tables and figures are made without the folders."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config.options import to_values
from ..config.run_files import ABOUT, MEASURES, OUTCOME, SUMMARY, TEST
from ..config.study import Run, Study
from ..config.train import TrainConfig
from ..errors import UserError
from ..train.study_run import difference, options_that_count, read_json, state_of

__all__ = ['read_records', 'records_of', 'study_record']

_KINDS = ('curvature', 'gamma', 's', 'margin')
_CURVES = ('train_loss', 'eval_loss', 'eval_top1')


def study_record(study: Study, speed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the tables need to know of a study besides its runs.

    Args:
        study: The study.
        speed: What `timm-hyperbolic study --speed` has written; empty where it was not measured.

    Returns:
        Plain values by name.
    """
    return {
        'study': study.file.name,
        'about': study.about,
        'seeds': list(study.seeds),
        'baseline': study.baseline,
        'arms': {arm.name: {'about': arm.about, 'control': arm.control} for arm in study.arms.values()},
        'speed': dict(speed),
    }


def records_of(runs: Sequence[Run], command: str) -> list[dict[str, Any]]:
    """Return one record for each run that has ended: what it was, what was measured, and its course.

    Args:
        runs: Runs of a study.
        command: The command that works on the study, to which `--run NAME` is added.

    Returns:
        Plain values by name: `run`, `arm`, `seed`, `state` (`done` or `diverged`), `command`, `options` (those that are
        not the defaults), `commit`, `hardware`, `versions` and `parameters`; `epoch`, the one that was chosen, counted
        from 0; `measures` of `measure_model`, or the `message` of a run that diverged; and `history`, lists over the
        epochs: losses, Top-1 on the images that choose the epoch, and least, mean and largest curvature, size of the
        gate, centre and clipped share of the modules.
    """
    found, defaults = [], to_values(TrainConfig())
    for run in runs:
        state, folder = state_of(run.folder), run.folder
        if state not in ('done', 'trained', 'diverged'):
            continue
        about = read_json(folder / ABOUT)
        record: dict[str, Any] = {
            'run': run.name,
            'arm': run.arm,
            'seed': run.seed,
            'state': 'diverged' if state == 'diverged' else 'done',
            'command': f'{command} --run {run.name}',
            'options': {name: value for name, value in options_that_count(run).items() if value != defaults[name]},
            **{key: about.get(key) for key in ('commit', 'hardware', 'versions', 'parameters')},
            'epoch': about.get('result', {}).get('epoch'),
        }
        if state == 'diverged':
            record['message'] = read_json(folder / OUTCOME).get('message', '')
        else:
            measures = {**read_json(folder / TEST), **read_json(folder / MEASURES)}
            record['measures'] = {
                key: _short(value)
                for key, value in measures.items()
                if isinstance(value, (int, float, list)) and key != 'epoch'
            }
        found.append({**record, 'history': _history(folder / SUMMARY)})
    return found


def read_records(
    paths: Sequence[str], study: Study, runs: Sequence[Run]
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return the records of runs made elsewhere, by the name of the run, and the speed of the arms measured there.

    Args:
        paths: Files as `timm-hyperbolic study --table` writes them. A later one wins.
        study: The study, of whose file the speed is taken.
        runs: Its runs. Records of other runs are left out.

    Raises:
        UserError: A file cannot be read or has no records, or a run had other options than the study has.
    """
    of_name, found, speed, defaults = {run.name: run for run in runs}, {}, {}, to_values(TrainConfig())
    for path in paths:
        try:
            content = json.loads(Path(path).read_text(encoding='utf-8'))
            named = {record['run']: record for record in content['runs']}
            options = {name: {**defaults, **record['options']} for name, record in named.items()}
            if content['study'] == study.file.name:
                speed = content['speed'] or speed
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UserError(
                f'--records {path}: must be a runs.json that timm-hyperbolic study --table has written ({error!r})'
            ) from error
        for name in named.keys() & of_name.keys():
            different = difference(options[name], of_name[name])
            if different:
                raise UserError(f'--records {path}: its {name} has {different}; leave the file out')
        found |= {name: record for name, record in named.items() if name in of_name}
    return found, speed


def _history(path: Path) -> dict[str, list[Any]]:
    """Return the columns of a run's `summary.csv` that are drawn."""
    try:
        with path.open(encoding='utf-8', newline='') as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return {}
    history: dict[str, list[Any]] = {name: [_short(float(row[name])) for row in rows] for name in _CURVES}
    for kind in _KINDS:
        spreads = []
        for row in rows:
            values = [float(text) for name, text in row.items() if name.startswith(f'{kind}/') and text]
            values = [abs(value) for value in values] if kind == 'gamma' else values
            if any(values) or (values and kind != 'curvature'):  # a flat arm has no course of its curvature
                spreads.append([_short(v) for v in (min(values), sum(values) / len(values), max(values))])
        if spreads:
            history[kind] = spreads
    return history


def _short(value: Any) -> Any:
    """Return a number, or a list of numbers, with five significant digits."""
    if isinstance(value, list):
        return [_short(each) for each in value]
    return float(f'{value:.5g}') if isinstance(value, float) else value
