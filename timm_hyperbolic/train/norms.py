"""Mean gradient norms of an epoch, as plain numbers that a checkpoint can keep."""

import math

__all__ = ['add_norms', 'mean_norms']


def add_norms(sums: dict[str, tuple[float, int]], norms: dict[str, float]) -> dict[str, tuple[float, int]]:
    """Return the sum and the count of every norm with those of another step.

    A norm that is not finite, such as that of a step which the loss scaler leaves out, does not count.
    """
    total = {name: sums.get(name, (0.0, 0)) for name in norms}
    return {name: (s + norms[name], n + 1) if math.isfinite(norms[name]) else (s, n) for name, (s, n) in total.items()}


def mean_norms(sums: dict[str, tuple[float, int]]) -> dict[str, float]:
    """Return the means, NaN for a norm that was never finite."""
    return {name: s / n if n else math.nan for name, (s, n) in sums.items()}
