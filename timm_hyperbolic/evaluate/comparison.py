"""Statistics of a study: means over seeds, and differences between arms that share their seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ['Difference', 'Mean', 'holm', 'mean_of', 'paired_differences']


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes:
        value: The mean.
        half: Half the width of its 95 % interval; NaN where there is one seed.
        count: Number of seeds.
    """

    value: float
    half: float
    count: int


@dataclass(frozen=True)
class Difference:
    """The difference between two arms.

    Attributes:
        arm: Name of the arm.
        other: Name of the arm that is subtracted.
        value: The estimate, `arm - other`.
        half: Half the width of its 95 % interval; NaN where the data leave no degree of freedom.
        wide: Half the width of the interval that holds for all differences to `other` together with 95 %.
        p: Probability of a difference as large as this one if there is none, corrected for the number of arms (Holm).
        pairs: Number of seeds that both arms have.
    """

    arm: str
    other: str
    value: float
    half: float
    wide: float
    p: float
    pairs: int


def mean_of(values: Sequence[float]) -> Mean:
    """Return the mean and its 95 % interval by Student's t distribution: `m ± t·s/√n`, with the deviation `s` of `n`.

    Args:
        values: At least one value, one for each seed.
    """
    from scipy import stats

    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Mean(mean, math.nan, count)
    return Mean(mean, float(stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / math.sqrt(count)), count)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's method; NaN stays NaN and does not count.

    Sorted from small to large, `q_i = max(q_{i-1}, min(1, (m - i + 1)·p_i))` for `i = 1, ..., m`.

    Args:
        p: The p-values.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics, 1979.
    """
    order = sorted((i for i, value in enumerate(p) if not math.isnan(value)), key=lambda i: p[i])
    corrected, largest = list(p), 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p[i]))
        corrected[i] = largest
    return corrected


def paired_differences(values: Mapping[str, Mapping[int, float]], pairs: Sequence[tuple[str, str]]) -> list[Difference]:
    """Return differences between arms, by the additive model of arms and seeds (a randomised block design).

    `y(arm, seed) = a(arm) + b(seed) + ε`, with independent errors `ε` of one variance for all arms. Where both arms
    have all seeds, the estimate of `a(arm) - a(other)` is the mean of the differences at equal seeds; the variance is
    that of the residuals of all arms, which is why three seeds say something. Where a run is missing, the others of its
    seed still count.

    Args:
        values: The measured number of each run, by arm and seed.
        pairs: The arms to compare, as (arm, other). The correction for several comparisons counts those to the same
            `other`.

    Raises:
        KeyError: an arm has no values.
    """
    from scipy import stats

    arms = list(values)
    seeds = sorted({seed for of_arm in values.values() for seed in of_arm})
    rows, numbers = [], []
    for a, arm in enumerate(arms):
        for seed, value in values[arm].items():
            row = np.zeros(len(arms) + len(seeds))
            row[a] = row[len(arms) + seeds.index(seed)] = 1
            rows.append(row)
            numbers.append(value)
    design, y = np.array(rows), np.array(numbers)
    inverse = np.linalg.pinv(design)
    coefficients = inverse @ y
    freedom = len(y) - int(np.linalg.matrix_rank(design))
    residual = y - design @ coefficients
    rounding = 1e-9 * np.abs(y).max()
    residual[np.abs(residual) < rounding] = 0
    variance = float(np.square(residual).sum() / freedom) if freedom else math.nan
    covariance = inverse @ inverse.T * variance
    found = []
    for arm, other in pairs:
        contrast = np.zeros(design.shape[1])
        contrast[arms.index(arm)], contrast[arms.index(other)] = 1, -1
        value, error = float(contrast @ coefficients), math.sqrt(float(contrast @ covariance @ contrast))
        count = sum(1 for _, against in pairs if against == other)
        half, wide, p = math.nan, math.nan, math.nan
        if freedom:
            half = float(stats.t.ppf(0.975, freedom)) * error
            wide = float(stats.t.ppf(1 - 0.025 / count, freedom)) * error
            p = float(2 * stats.t.sf(abs(value) / error, freedom)) if error else float(abs(value) < rounding)
        shared = len(values[arm].keys() & values[other].keys())
        found.append(Difference(arm, other, value, half, wide, p, shared))
    for other in dict.fromkeys(other for _, other in pairs):
        places = [i for i, each in enumerate(found) if each.other == other]
        for i, p in zip(places, holm([found[i].p for i in places]), strict=True):
            d = found[i]
            found[i] = Difference(d.arm, d.other, d.value, d.half, d.wide, p, d.pairs)
    return found
