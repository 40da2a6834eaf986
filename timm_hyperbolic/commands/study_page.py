"""The tables and figures of a study as files."""

import importlib.util
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import TrainingError, UserError
from ..evaluate.comparison import mean_of
from ..evaluate.study_tables import (
    accuracy_table,
    cost_table,
    differences,
    measures_table,
    runs_table,
    sentences,
    values_of,
)
from ..files import scratch_folder

__all__ = ['figures_of', 'records_text', 'tables_of', 'write_page']

RUNS = 'runs.json'
PAGE = 'results.md'


def write_page(content: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the records of a study, its tables and its figures, and return the paths of the files.

    Args:
        content: The record of the study, with the records of its runs under `runs`.
        folder: Where to write; made where there is none.

    Raises:
        UserError: matplotlib or scipy is not installed.
        TrainingError: the files could not be written.
    """
    for package in ('matplotlib', 'scipy'):
        if importlib.util.find_spec(package) is None:
            raise UserError(f'--table: needs {package}: pip install timm_hyperbolic[report]')
    files: dict[str, bytes] = {
        RUNS: records_text(content).encode(),
        PAGE: f'# {content["study"]}\n\n{tables_of(content)}\n'.encode(),
    }
    for name, figure in figures_of(content).items():
        from ..analysis.figures import to_png, to_svg

        files |= {f'{name}.svg': to_svg(figure), f'{name}.png': to_png(figure)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f'cannot make the folder {folder}: {error}') from error
    with scratch_folder(folder) as scratch:
        for name, text in files.items():
            (scratch / name).write_bytes(text)
    return [folder / name for name in files]


def records_text(content: Mapping[str, Any]) -> str:
    """Return the records as JSON with one run a line, which a version control can compare.

    Args:
        content: The record of the study, with the records of its runs under `runs`.
    """
    head = {key: value for key, value in content.items() if key != 'runs'}
    lines = ',\n'.join(json.dumps(record, separators=(',', ':'), ensure_ascii=False) for record in content['runs'])
    return f'{json.dumps(head, indent=1, ensure_ascii=False)[:-2]},\n "runs": [\n{lines}\n]}}\n'


_NOTE = (
    'Means over seeds with 95 % intervals, in percent but for NLL. Differences are those of the additive model of arms '
    'and seeds; a star marks one that is not zero at 5 %, corrected for the number of arms (Holm).'
)


def tables_of(content: Mapping[str, Any]) -> str:
    """Return the tables in Markdown, with what they say in words.

    Args:
        content: The record of the study, with the records of its runs under `runs`; at least one of them is done.
    """
    records, speed = content['runs'], content['speed']
    done = sum(record['state'] == 'done' for record in records)
    first = f'{content["about"]} {done} of {len(content["arms"]) * len(content["seeds"])} runs are done.'.strip()
    parts = [first, sentences(content, records), accuracy_table(content, records), _NOTE]
    if speed:
        parts.append(cost_table(content, records))
        parts.append(f'Speed and memory were measured on: {speed["hardware"]}.')
    return '\n\n'.join([*parts, measures_table(content, records), runs_table(records)])


def figures_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures by name; one that has no numbers is left out.

    Args:
        content: The record of the study, with the records of its runs under `runs`.
    """
    from ..analysis.figures import course_figure, forest_figure, roadmap_figure

    records, base = content['runs'], content['baseline']
    means = {arm: mean_of(list(values.values())) for arm, values in values_of(records).items()}
    speed = content['speed'].get('arms', {})
    points = {arm: (speed[arm]['train'], m.value, m.half) for arm, m in means.items() if arm in speed}
    figures = {} if not points else {'roadmap': roadmap_figure(points, base)}
    gaps = differences(content, records)
    groups = {'baseline': [d for d in gaps.values() if d.other == base]}
    groups['control'] = [d for d in gaps.values() if d.other == content['arms'][d.arm]['control']]
    titles = {'baseline': f'Top-1 minus that of {base}', 'control': 'Top-1 minus that of the flat control'}
    for name, group in groups.items():
        if group:
            rows = [(d.arm if name == 'baseline' else f'{d.arm} − {d.other}', d.value, d.half, d.wide) for d in group]
            figures[f'forest-{name}'] = forest_figure(rows, titles[name])
    course = course_figure({arm: _course(records, arm) for arm in content['arms']})
    return figures if course is None else {**figures, 'course': course}


def _course(records: Sequence[Mapping[str, Any]], arm: str) -> dict[str, list[list[float]]]:
    """Return the course of an arm's modules: least, mean and largest value by epoch, over its runs of equal length."""
    found: dict[str, list[list[float]]] = {}
    for kind in ('curvature', 'gamma', 's', 'margin'):
        courses = [r['history'][kind] for r in records if r['arm'] == arm and r['history'].get(kind)]
        if courses:
            length = max(map(len, courses))
            steps = zip(*(course for course in courses if len(course) == length), strict=True)
            found[kind] = [
                [min(v[0] for v in step), math.fsum(v[1] for v in step) / len(step), max(v[2] for v in step)]
                for step in steps
            ]
    return found
