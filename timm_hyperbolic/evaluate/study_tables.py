"""The tables of a study, in Markdown, from the records of its runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .comparison import Difference, Mean, mean_of, paired_differences
from .corruptions import CORRUPTIONS

__all__ = [
    'accuracy_at_equal_time',
    'accuracy_table',
    'cost_table',
    'differences',
    'measures_table',
    'runs_table',
    'sentences',
    'values_of',
]

Records = Sequence[Mapping[str, Any]]

#: Measures besides Top-1: title, unit of the last digit, and how the number follows from the measures of a run.
_MEASURES: dict[str, tuple[int, Callable[[Mapping[str, Any]], Any]]] = {
    'Top-5': (2, lambda m: m.get('top5')),
    'NLL': (3, lambda m: m.get('loss')),
    'ECE': (2, lambda m: m.get('ece')),
    'superclass': (2, lambda m: m.get('superclass_top1')),
    'mistakes inside': (1, lambda m: m.get('mistakes_inside_superclass')),
    **{kind: (1, lambda m, kind=kind: _average(m.get(kind))) for kind in CORRUPTIONS},
}


def values_of(
    records: Records, pick: Callable[[Mapping[str, Any]], Any] = lambda m: m.get('top1')
) -> dict[str, dict[int, float]]:
    """Return one number of each run that is done, by arm and seed.

    Args:
        records: Records of runs, as `records_of` gives them.
        pick: Returns the number from the measures of a run, None where it has none; by default Top-1.
    """
    found: dict[str, dict[int, float]] = {}
    for record in records:
        value = pick(record['measures']) if 'measures' in record else None
        if value is not None:
            found.setdefault(record['arm'], {})[record['seed']] = float(value)
    return found


def differences(study: Mapping[str, Any], records: Records) -> dict[tuple[str, str], Difference]:
    """Return the differences in Top-1 of every arm to the baseline and to its own control, by (arm, other).

    Args:
        study: The record of the study.
        records: Records of its runs.
    """
    values = values_of(records)
    arms = [arm for arm in study['arms'] if arm in values]
    pairs = [(arm, study['baseline']) for arm in arms if arm != study['baseline']]
    pairs += [(arm, study['arms'][arm]['control']) for arm in arms if study['arms'][arm]['control']]
    pairs = [pair for pair in dict.fromkeys(pairs) if pair[1] in values]
    ordered = {arm: values[arm] for arm in arms}
    return {(d.arm, d.other): d for d in (paired_differences(ordered, pairs) if pairs else ())}


def accuracy_at_equal_time(study: Mapping[str, Any], records: Records) -> dict[str, float]:
    """Return, for each arm, Top-1 on the images that choose the epoch, at the time at which the fastest arm is done.

    An arm that trains at `r` times the speed of the fastest has done `r·E` of its `E` epochs by then; its curve is
    interpolated there. Its learning rate is still above zero at that point, which counts against it.

    Args:
        study: The record of the study, with the speed of every arm.
        records: Records of its runs.
    """
    speed = {arm: each['train'] for arm, each in study['speed'].get('arms', {}).items()}
    curves: dict[str, list[list[float]]] = {}
    for record in records:
        curve = record['history'].get('eval_top1', [])
        if record['state'] == 'done' and len(curve) == record['options']['epochs'] and record['arm'] in speed:
            curves.setdefault(record['arm'], []).append(curve)
    fastest = max((speed[arm] for arm in curves), default=1.0)
    found = {}
    for arm, of_arm in curves.items():
        mean = [sum(values) / len(values) for values in zip(*of_arm, strict=True)]
        place = max(len(mean) * speed[arm] / fastest - 1, 0.0)
        low = min(int(place), len(mean) - 1)
        high = min(low + 1, len(mean) - 1)
        found[arm] = mean[low] + (place - low) * (mean[high] - mean[low])
    return found


def accuracy_table(
    study: Mapping[str, Any],
    records: Records,
    shown: Sequence[str] | None = None,
    arms: Sequence[str] | None = None,
) -> str:
    """Return the table of Top-1, its differences, clipped share and curvature, one row for each arm.

    Args:
        study: The record of the study.
        records: Records of its runs.
        shown: Titles of the columns to show besides the arm; all of them by default.
        arms: The arms to show; all of them by default. The numbers do not depend on it.
    """
    values, gaps, base = values_of(records), differences(study, records), study['baseline']
    rows = []
    for arm, about in study['arms'].items():
        diverged = [r['seed'] for r in records if r['arm'] == arm and r['state'] == 'diverged']
        if (arm not in values and not diverged) or (arms is not None and arm not in arms):
            continue
        seeds = f'{len(values.get(arm, {}))}' + (f', {len(diverged)} diverged' if diverged else '')
        top1 = _mean(mean_of(list(values[arm].values())), 2) if arm in values else ''
        rows.append(
            [
                f'`{arm}`' + (f': {about["about"]}' if about['about'] else ''),
                seeds,
                top1,
                _gap(gaps.get((arm, base))),
                _gap(gaps.get((arm, about['control']))),
                _last(records, arm, 'margin', lambda v: f'{100 * v:.0f} %'),
                _last(records, arm, 'curvature', lambda v: f'{v:.3g}'),
            ]
        )
    columns = ['arm', 'seeds', 'Top-1', f'minus `{base}`', 'minus its control', 'clipped', 'curvature']
    kept = [i for i, title in enumerate(columns) if shown is None or i == 0 or title in shown]
    return _markdown([columns[i] for i in kept], [[row[i] for i in kept] for row in rows])


def cost_table(study: Mapping[str, Any], records: Records) -> str:
    """Return the table of speed, memory and accuracy at equal time, one row for each arm with a run.

    Args:
        study: The record of the study, with the speed of every arm.
        records: Records of its runs.
    """
    equal, values = accuracy_at_equal_time(study, records), values_of(records)
    rows = [
        [
            f'`{arm}`',
            f'{cost["train"]:.0f}',
            f'{cost["infer"]:.0f}',
            f'{cost["memory"] / 2**20:.0f} MiB',
            f'{equal[arm]:.2f}' if arm in equal else '',
        ]
        for arm, cost in study['speed']['arms'].items()
        if arm in values
    ]
    return _markdown(['arm', 'images/s in training', 'in inference', 'memory of a step', 'Top-1 at equal time'], rows)


def measures_table(study: Mapping[str, Any], records: Records) -> str:
    """Return the table of the other measures, means over seeds with 95 % intervals, one row for each arm.

    Args:
        study: The record of the study.
        records: Records of its runs.
    """
    columns, found = ['arm'], []
    for title, (digits, pick) in _MEASURES.items():
        values = values_of(records, pick)
        if values:
            columns.append(title)
            found.append((digits, values))
    rows = []
    for arm in study['arms']:
        if any(arm in values for _, values in found):
            cells = [_mean(mean_of(list(v[arm].values())), digits) if arm in v else '' for digits, v in found]
            rows.append([f'`{arm}`', *cells])
    return _markdown(columns, rows)


def sentences(study: Mapping[str, Any], records: Records) -> str:
    """Return what the runs say, in words: what the geometry adds beyond each flat control, its cost, the best arms.

    Args:
        study: The record of the study.
        records: Records of its runs; at least one that is done.
    """
    gaps, base = differences(study, records), study['baseline']
    means = {arm: mean_of(list(values.values())).value for arm, values in values_of(records).items()}
    lines = []
    for arm, about in study['arms'].items():
        d = gaps.get((arm, about['control']))
        if d is not None:
            clear = {True: 'a difference beyond chance', False: 'no difference beyond chance'}.get(d.p < 0.05)
            known = '' if math.isnan(d.p) else f': {clear} (p = {d.p:.2g}, corrected for the number of arms)'
            lines.append(
                f'- **Geometry**: `{arm}` minus its flat control `{d.other}` is {_gap(d, False)} points{known}.'
            )
    speed = {arm: each['train'] for arm, each in study['speed'].get('arms', {}).items()}
    slower = [f'`{arm}` {speed[base] / speed[arm]:.2f}' for arm in means if arm in speed and arm != base]
    if base in speed and slower:
        lines.append(f'- **Cost**: time of a training step, that of `{base}` = 1: {", ".join(slower)}.')
    best = max(means, key=lambda arm: means[arm])
    ordered = {arm: values for arm, values in values_of(records).items() if arm in study['arms']}
    others = paired_differences(ordered, [(best, arm) for arm in ordered if arm != best])
    equal = [f'`{d.other}`' for d in others if not d.p < 0.05]
    if any(math.isnan(d.p) for d in others):
        more = '; one seed cannot say more'
    else:
        more = (
            f'; not beyond chance better than {", ".join(equal)}' if equal else ', beyond chance better than all others'
        )
    lines.append(f'- **Choice**: `{best}` has the highest Top-1, {means[best]:.2f} %{more}.')
    return '\n'.join(lines)


def runs_table(records: Records) -> str:
    """Return the table of all runs: folder, Top-1, chosen epoch, commit and command of each.

    Args:
        records: Records of runs.
    """
    rows = []
    for record in records:
        result = f'{record["measures"]["top1"]:.2f}' if 'measures' in record else 'diverged'
        epoch = '' if record['epoch'] is None else str(record['epoch'] + 1)
        hashed, dirty, _ = (record['commit'] or '').partition('-dirty')
        commit = hashed[:9] + dirty
        rows.append([f'`{record["run"]}`', result, epoch, commit, f'`{record["command"]}`'])
    return _markdown(['run', 'Top-1', 'epoch', 'commit', 'command'], rows)


def _average(values: Any) -> float | None:
    return sum(values) / len(values) if values else None


def _mean(mean: Mean, digits: int) -> str:
    """A mean with its interval: `53.10 ± 0.42`."""
    text = f'{mean.value:.{digits}f}'
    return text if math.isnan(mean.half) else f'{text} ± {mean.half:.{digits}f}'


def _gap(d: Difference | None, starred: bool = True) -> str:
    """A difference with its interval, and a star where it is not zero by the corrected test at 5 %."""
    if d is None:
        return ''
    text = f'{d.value:+.2f}'
    if not math.isnan(d.half):
        text += f' ± {d.half:.2f}' + (' *' if starred and d.p < 0.05 else '')
    return text


def _last(records: Records, arm: str, kind: str, form: Callable[[float], str]) -> str:
    """The mean over modules and seeds after the last epoch."""
    values = [r['history'][kind][-1][1] for r in records if r['arm'] == arm and r['history'].get(kind)]
    return form(sum(values) / len(values)) if values else ''


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    align = ['---'] + ['---:'] * (len(columns) - 1)
    return '\n'.join(f'| {" | ".join(row)} |' for row in (columns, align, *rows))
