"""The area under the ROC curve, against the pairs that define it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from timm_hyperbolic.evaluate import auroc, max_softmax

scores = st.lists(st.one_of(st.integers(-3, 3), st.floats(-1e30, 1e30)), min_size=1, max_size=15)


@settings(max_examples=60)
@given(scores, scores)
def test_it_is_the_share_of_pairs_in_the_right_order(inside: list[float], outside: list[float]) -> None:
    a, b = (torch.tensor(x, dtype=torch.float64) for x in (inside, outside))
    pairs = [(x > y) + 0.5 * (x == y) for x in inside for y in outside]
    assert auroc(a, b) == pytest.approx(100 * sum(pairs) / len(pairs))
    assert auroc(a, b) + auroc(b, a) == pytest.approx(100)


def test_it_has_no_value_without_pairs_or_with_nan() -> None:
    one = torch.ones(1)
    assert math.isnan(auroc(one, one[:0]))
    with pytest.raises(ValueError, match=r'outside .* without NaN'):
        auroc(one, one * math.nan)


def test_the_largest_probability_of_logits() -> None:
    logits = torch.tensor([[0.0, math.log(3)], [1000.0, 0.0]])
    assert max_softmax(logits).tolist() == pytest.approx([0.75, 1])
