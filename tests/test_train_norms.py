import math

import pytest

from timm_hyperbolic.train.loop import _add_norms as add_norms
from timm_hyperbolic.train.loop import _mean_norms as mean_norms


def test_means_over_steps():
    sums = {}
    for flat, points in ((1.0, 3.0), (2.0, 5.0)):
        before, sums = sums, add_norms(sums, {'grad_norm': flat, 'man_grad_norm': points})
        assert before != sums  # what a checkpoint holds is not changed behind its back
    assert mean_norms(sums) == pytest.approx({'grad_norm': 1.5, 'man_grad_norm': 4.0})


def test_no_steps_have_no_mean():
    assert mean_norms({}) == {}


@pytest.mark.parametrize('bad', [math.inf, math.nan])
def test_a_norm_that_is_not_finite_does_not_count(bad):
    sums = add_norms(add_norms({}, {'grad_norm': 2.0, 'man_grad_norm': bad}), {'grad_norm': bad, 'man_grad_norm': bad})
    means = mean_norms(sums)
    assert means['grad_norm'] == 2.0
    assert math.isnan(means['man_grad_norm'])
