"""`benchmarks/precision.py` on a part of its grid: the promises of `docs/precision.md`, and that it sees an error."""

import math
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / 'benchmarks'))

import precision

# Directions that float32 vectors cannot resolve: a coefficient that differs by exp(-2·norm) from another.
RAYS = ('same ray', 'opposite', 'near-equal', 'near-cancelling')


def assert_all_kept(rows: list) -> None:
    assert rows
    assert [line for row in rows for line in row.missed()] == []


@pytest.mark.parametrize('kind', precision.KINDS)
def test_distance_is_within_1e_6_in_float32(kind: str) -> None:
    rows = precision.measure(norms=(0.01, 1.0, 2.44, 8.0, 16.0), kinds=(kind,), operations=('distance',))
    assert_all_kept(rows)
    assert all({'value', 'gradient'} <= {which for which, *_ in row.targets()} for row in rows)
    assert all(row.value['float64'] <= 1e-9 for row in rows)


@pytest.mark.parametrize('kind', precision.KINDS)
def test_centred_residual_is_within_5e_6_in_float32_up_to_the_margin(kind: str) -> None:
    rows = precision.measure(norms=(0.01, 1.0, 2.44), kinds=(kind,), operations=('centred residual',))
    assert_all_kept(rows)
    assert {row.margin for row in rows} == {0.985, None}
    for row in rows:
        assert row.value['float64'] <= 1e-12
        assert row.gradient['float64'] <= 1e-11


def test_centred_residual_is_within_1e_6_in_float32_for_random_pairs_without_margin() -> None:
    rows = precision.measure(norms=(5.0, 8.0, 12.0), kinds=('random',), operations=('centred residual',))
    assert_all_kept([row for row in rows if row.margin is None])
    for row in rows:  # inside the margin too, whatever the length of the vectors
        assert row.value['float32'] <= 1e-6
        assert row.gradient['float32'] <= 1e-5


@pytest.mark.parametrize('operation', ['residual at the origin', 'residual at x'])
@pytest.mark.parametrize('kind', precision.KINDS)
def test_the_other_residuals_up_to_the_margin(operation: str, kind: str) -> None:
    for row in precision.measure(norms=(0.01, 2.44), kinds=(kind,), operations=(operation,)):
        condition = max(1.0, row.condition)
        assert row.value['float32'] <= 1e-6 * condition
        assert row.value['float64'] <= 1e-11 * condition  # at x, points leave the margin
        assert math.isfinite(row.gradient['float32'])
        assert row.gradient['float32'] <= (1e-4 if kind in RAYS else 1e-5) * condition


def test_the_linear_layer() -> None:
    for row in precision.measure(norms=(0.01, 1.0, 2.44, 8.0), operations=('linear layer',)):
        assert row.value['float32'] <= 1e-6
        assert row.gradient['float32'] <= 5e-6
        assert row.value['float64'] <= 1e-14
        assert row.gradient['float64'] <= 1e-13


def test_sums_and_round_trips_of_gyrovectors_keep_their_digits_at_any_norm() -> None:
    for row in precision.measure(kinds=('random', 'same ray', 'y = 0'), operations=('Möbius addition', 'log0(exp0)')):
        assert row.value['float32'] <= 5e-7
        assert row.value['float64'] <= 1e-15


def test_the_program_writes_its_rows_and_says_what_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(precision.measure, '__defaults__', (1, 16, 0, (1.0,), ('random',), None, True))  # one row
    flags = ['--operations', 'distance', '--dim', '4']
    assert precision.main([*flags, '--csv', str(tmp_path / 'p.csv')]) == 0
    head, *rows = [line for line in (tmp_path / 'p.csv').read_text().splitlines() if not line.startswith('# ')]
    assert head == 'operation,margin,pair,norm,quantity,float32,geoopt float32,float64,geoopt float64,condition'
    assert [row.split(',')[:5] for row in rows] == [['distance', '', 'random', '1', q] for q in ('value', 'gradient')]

    # a formula that is wrong by 1e-5 is seen
    right = precision.G.tangent_distance
    monkeypatch.setattr(precision.G, 'tangent_distance', lambda *args: right(*args) * (1 + 1e-5))
    assert precision.main(flags) == 1
    message = capsys.readouterr().err
    assert 'missed: distance, margin=None, random, norm 1: value float32 1.0e-05 > 1e-06' in message
