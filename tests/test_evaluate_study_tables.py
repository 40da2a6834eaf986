"""The tables and figures of a study, from records whose numbers are known."""

import json
import math

import pytest
from scipy import stats

from timm_hyperbolic.commands.study_page import figures_of, records_text, tables_of, write_page
from timm_hyperbolic.evaluate.study_tables import (
    accuracy_at_equal_time,
    accuracy_table,
    cost_table,
    differences,
    sentences,
)

TOP1 = {'euclid': [50.0, 51.0, 49.6], 'flat': [52.0, 53.1, 51.7], 'hyp': [52.1, 53.0, 51.8]}


def record(arm: str, seed: int, top1: float) -> dict:
    curve = [top1 - 10, top1 - 4, top1 - 1, top1]
    history = {'train_loss': [2, 1, 1, 1], 'eval_loss': [2, 1, 1, 1], 'eval_top1': curve}
    if arm != 'euclid':
        history |= {'gamma': [[0, 0.1, 0.2]] * 4, 's': [[0.4, 0.5, 0.6]] * 4}
    if arm == 'hyp':
        history |= {'curvature': [[0.5, 1.0, 2.0]] * 4, 'margin': [[0.0, 0.25 + 0.1 * seed, 1.0]] * 4}
    return {
        'run': f'{arm}-seed{seed}',
        'arm': arm,
        'seed': seed,
        'state': 'done',
        'command': f'timm-hyperbolic study x.yaml --run {arm}-seed{seed}',
        'commit': f'{"0123456789abcdef"}-dirty',
        'options': {'epochs': 4},
        'epoch': 3,
        'measures': {'top1': top1, 'top5': 80.0, 'loss': 1.5 + seed, 'noise': [40.0, 30.0, 20.0, 10.0, 0.0]},
        'history': history,
    }


@pytest.fixture
def content() -> dict:
    arms = {arm: {'about': '', 'control': 'flat' if arm == 'hyp' else None} for arm in TOP1}
    speed = {'euclid': (400.0, 2**20), 'flat': (300.0, 2**21), 'hyp': (200.0, 3 * 2**20)}
    return {
        'study': 'x.yaml',
        'about': 'Why?',
        'seeds': [0, 1, 2],
        'baseline': 'euclid',
        'arms': arms,
        'speed': {
            'hardware': 'a machine',
            'arms': {a: {'train': t, 'infer': 3 * t, 'memory': m} for a, (t, m) in speed.items()},
        },
        'runs': [record(arm, seed, top1) for arm, values in TOP1.items() for seed, top1 in enumerate(values)],
    }


def row(page: str, start: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith(f'| `{start}`')][:1]
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_the_table_has_means_intervals_differences_and_costs(content):
    page = tables_of(content)
    half = stats.t.ppf(0.975, 2) * stats.tstd(TOP1['hyp']) / math.sqrt(3)
    d, control = (differences(content, content['runs'])['hyp', other] for other in ('euclid', 'flat'))
    assert d.value == pytest.approx(sum(TOP1['hyp']) / 3 - sum(TOP1['euclid']) / 3)
    assert d.p < 0.01 < 0.5 < control.p
    assert row(page, 'hyp') == [
        *('`hyp`', '3', f'52.30 ± {half:.2f}', f'+2.10 ± {d.half:.2f} *', f'+0.03 ± {control.half:.2f}'),
        *('35 %', '1'),
    ]
    assert row(page, 'euclid')[3:] == ['', '', '', '']
    costs = cost_table(content, content['runs'])
    assert row(costs, 'hyp')[1:] == ['200', '600', '3 MiB', '48.30']
    assert row(costs, 'euclid')[-1] == '50.20'
    assert costs in page
    assert 'Why? 9 of 9 runs are done.' in page
    assert '| `hyp` | 80.00 ± 0.00 | 2.500 ± 2.484 | 20.0 ± 0.0 |' in page
    assert '| `hyp-seed2` | 51.80 | 4 | 012345678-dirty | `timm-hyperbolic study x.yaml --run hyp-seed2` |' in page
    assert 'Speed and memory were measured on: a machine.' in page


def test_a_part_of_the_table_has_the_numbers_of_the_whole(content):
    def cells(*chosen):
        rows = accuracy_table(content, content['runs'], *chosen).splitlines()
        return [[cell.strip() for cell in row.strip('|').split('|')] for row in rows]

    whole, shown = cells(), ['Top-1', 'clipped']
    columns = [0, *map(whole[0].index, shown)]
    assert cells(shown, ['euclid', 'hyp']) == [[row[i] for i in columns] for row in whole if 'flat' not in row[0]]


def test_at_equal_time_an_arm_of_half_the_speed_has_had_half_the_epochs(content):
    found = accuracy_at_equal_time(content, content['runs'])
    mean = {arm: sum(values) / 3 for arm, values in TOP1.items()}
    # Epochs 4, 3 and 2 of curves that end at -0, -1 and -4 from their last value.
    assert found == pytest.approx({'euclid': mean['euclid'], 'flat': mean['flat'] - 1, 'hyp': mean['hyp'] - 4})


def test_the_sentences_say_what_the_numbers_say(content):
    said = sentences(content, content['runs'])
    assert '`hyp` minus its flat control `flat` is +0.03 ±' in said
    assert 'no difference beyond chance (p = ' in said
    assert 'that of `euclid` = 1: `flat` 1.33, `hyp` 2.00.' in said
    assert '`hyp` has the highest Top-1, 52.30 %; not beyond chance better than `flat`.' in said
    for each in content['runs']:
        each['measures']['top1'] += 3 * (each['arm'] == 'hyp')
    said = sentences(content, content['runs'])
    assert 'is +3.03 ±' in said
    assert ': a difference beyond chance (p = ' in said
    assert '55.30 %, beyond chance better than all others.' in said
    said = sentences(content, [each for each in content['runs'] if each['seed'] == 0])
    assert 'is +3.10 points.' in said
    assert '55.10 %; one seed cannot say more.' in said


def test_a_run_that_diverged_and_a_missing_one_are_not_hidden(content):
    runs = [each for each in content['runs'] if each['run'] != 'flat-seed2']
    for each in runs:
        if each['run'] == 'hyp-seed1':
            each['state'], each['message'] = 'diverged', 'not finite'
            del each['measures']
    page = tables_of({**content, 'runs': runs})
    assert row(page, 'hyp')[:2] == ['`hyp`', '2, 1 diverged']
    assert row(page, 'flat')[1] == '2'
    assert row(page, 'hyp-seed1')[1] == 'diverged'
    assert '7 of 9 runs are done.' in page


def test_the_files_are_whole_and_the_records_give_the_same_page(content, tmp_path):
    for each in content['runs']:  # two small figures are enough here
        each['history'] = {name: each['history'][name] for name in ('train_loss', 'eval_loss', 'eval_top1')}
    content['speed'] = {}
    paths = write_page(content, tmp_path / 'new')
    names = ('forest-baseline', 'forest-control')
    wanted = {'runs.json', 'results.md', *(f'{name}.{form}' for name in names for form in ('svg', 'png'))}
    assert {path.name for path in paths} == {path.name for path in (tmp_path / 'new').iterdir()} == wanted
    again = json.loads((tmp_path / 'new' / 'runs.json').read_text())
    assert again == content
    assert records_text(again) == records_text(content)
    assert len((tmp_path / 'new' / 'runs.json').read_text().splitlines()) < 100


def test_the_figures_draw_the_numbers(content):
    figures = figures_of(content)
    (axes,) = figures['forest-control'].axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ['hyp − flat']
    assert any(text.get_text() == '+0.03' for text in axes.texts)
    titles = [axes.get_title(loc='left') for axes in figures['course'].axes]
    assert titles == ['curvature c', 'size of the gate |γ|', 'centre s', 'clipped tokens, %']
    clipped = figures['course'].axes[3].lines[0].get_ydata()
    assert list(clipped) == pytest.approx([35] * 4)
    (roadmap,) = figures['roadmap'].axes
    (base,) = [line for line in roadmap.lines if len(set(line.get_ydata())) == 1 and len(line.get_ydata()) == 2]
    assert base.get_ydata()[0] == pytest.approx(sum(TOP1['euclid']) / 3)
    content['speed'] = {}
    for each in content['runs']:
        each['history'] = {name: each['history'][name] for name in ('train_loss', 'eval_loss', 'eval_top1')}
    assert set(figures_of(content)) == {'forest-baseline', 'forest-control'}
