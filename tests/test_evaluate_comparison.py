"""Means over seeds and differences between arms, against other ways to compute them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from timm_hyperbolic.evaluate import holm, mean_of, paired_differences

FULL = {
    'a': {0: 50.1, 1: 51.0, 2: 49.7},
    'b': {0: 52.3, 1: 53.5, 2: 51.6},
    'c': {0: 50.4, 1: 51.3, 2: 50.2},
    'd': {0: 47.9, 1: 49.5, 2: 47.5},
}


def test_the_interval_of_a_mean_is_that_of_the_t_test():
    values = [50.1, 51.0, 49.7, 50.6]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    mean = mean_of(values)
    assert (mean.value - mean.half, mean.value + mean.half, mean.count) == (pytest.approx(low), pytest.approx(high), 4)
    alone = mean_of([50.1])
    assert (alone.value, alone.count) == (50.1, 1)
    assert math.isnan(alone.half)


def test_with_two_arms_the_differences_are_those_of_the_paired_t_test():
    two = {name: FULL[name] for name in 'ab'}
    (found,) = paired_differences(two, [('b', 'a')])
    test = stats.ttest_rel(list(two['b'].values()), list(two['a'].values()))
    low, high = test.confidence_interval(0.95)
    assert (found.value - found.half, found.value + found.half) == (pytest.approx(low), pytest.approx(high))
    assert (found.p, found.pairs, found.wide) == (pytest.approx(test.pvalue), 3, pytest.approx(found.half))


def test_all_arms_share_the_variance_of_the_block_design():
    y = np.array([list(of_arm.values()) for of_arm in FULL.values()])
    residual = y - y.mean(1, keepdims=True) - y.mean(0) + y.mean()
    error = math.sqrt(np.square(residual).sum() / 6 * 2 / 3)  # (4 - 1)(3 - 1) degrees of freedom, 3 pairs
    found = paired_differences(FULL, [(arm, 'a') for arm in 'bcd'])
    assert [d.value for d in found] == pytest.approx([np.mean(y[i] - y[0]) for i in (1, 2, 3)])
    assert [d.half for d in found] == pytest.approx([stats.t.ppf(0.975, 6) * error] * 3)
    assert [d.wide for d in found] == pytest.approx([stats.t.ppf(1 - 0.025 / 3, 6) * error] * 3)
    raw = [2 * stats.t.sf(abs(d.value) / error, 6) for d in found]
    assert [d.p for d in found] == pytest.approx(holm(raw))
    assert found[0].p < 0.01 < 0.05 < found[1].p


def test_a_missing_run_takes_its_seed_from_no_other_arm():
    values = {**FULL, 'b': {0: 52.3, 2: 51.6}}
    (found,) = paired_differences(values, [('b', 'a')])
    # Normal equations with another set of columns: arms, and all seeds but the first.
    rows = [(list(values).index(arm), seed, y) for arm, of_arm in values.items() for seed, y in of_arm.items()]
    x = np.array([[arm == i for i in range(4)] + [seed == 1, seed == 2] for arm, seed, _ in rows], float)
    y = np.array([value for *_, value in rows])
    inverse = np.linalg.inv(x.T @ x)
    b = inverse @ x.T @ y
    variance = np.square(y - x @ b).sum() / (len(y) - 6)
    error = math.sqrt(variance * (inverse[0, 0] + inverse[1, 1] - 2 * inverse[0, 1]))
    assert (found.value, found.pairs) == (pytest.approx(b[1] - b[0]), 2)
    assert found.half == pytest.approx(stats.t.ppf(0.975, len(y) - 6) * error)


def test_one_seed_has_differences_and_no_intervals():
    (found,) = paired_differences({'a': {7: 1.0}, 'b': {7: 3.0}}, [('b', 'a')])
    assert found.value == pytest.approx(2)
    assert all(map(math.isnan, (found.half, found.wide, found.p)))


def test_equal_runs_are_no_difference():
    same = {'a': {0: 1.0, 1: 2.0}, 'b': {0: 1.0, 1: 2.0}}
    (found,) = paired_differences(same, [('b', 'a')])
    assert (found.value, found.p) == (pytest.approx(0, abs=1e-12), pytest.approx(1))


def test_arms_are_corrected_within_the_comparisons_to_one_other():
    pairs = [('b', 'a'), ('c', 'a'), ('d', 'a'), ('d', 'c')]
    (*_, alone) = paired_differences(FULL, pairs)
    (same,) = paired_differences(FULL, [('d', 'c')])
    assert alone == same


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=8))
def test_holm_is_the_step_down_of_its_definition(p):
    real = sorted(value for value in p if not math.isnan(value))
    for value, corrected in zip(p, holm(p), strict=True):
        if math.isnan(value):
            assert math.isnan(corrected)
            continue
        # The smallest level at which the test rejects: every step up to this one must reject.
        steps = [(len(real) - i) * each for i, each in enumerate(real) if each <= value]
        first = real.index(value)
        assert corrected == pytest.approx(min(1, max(steps[: first + 1])))
