"""One epoch of stochastic gradient descent on the distances of related nodes, compiled by Numba.

For a related pair `(x, y)` and the unrelated nodes `N` that are sampled for it, the loss is the softmax over distances
`d(x, y) + log Σ exp(-d(x, z))`, `z` in `{y} + N`. With `s = sinh²(d/2)` the weights need neither exponential nor
logarithm: `exp(-d) = 1/(√s + √(1 + s))²`, and `d' = 1/√(s(1 + s))`. What `s` is, and its Riemannian gradient by the
second point, in units of curvature 1:

- ball: `s = ‖x - y‖²/(u_x·u_y)` with `u = 1 - ‖x‖²`; `u_y/(2u_x)·((y - x) + s·u_x·y)`; the step is `y - step·gradient`;
- Lorentz, space parts: `s = ¼(‖x - y‖² - (x₀ - y₀)²)`; `½((y - x) + 2s·y)`; the step is the exponential map;
- Euclidean: the distance is `‖x - y‖²`, as in the literature; `2(y - x)`; `y - step·gradient`.

Every random number is a function of a key and of the place of the pair, so that an epoch can be repeated.

Source: Nickel, Kiela, "Poincaré embeddings for learning hierarchical representations" (2017), (1), (5), (6); "Learning
continuous hierarchies in the Lorentz model of hyperbolic geometry" (2018), (9) to (11).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..geometry.kernels.primitives import jit
from .graphs import Indices

__all__ = ['BALL', 'EUCLIDEAN', 'LORENTZ', 'descend']

BALL, LORENTZ, EUCLIDEAN = 0, 1, 2
Numbers = NDArray[np.float64]
# The derivative of the distance of equal points counts as zero.
TINY = 1e-30

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


@jit
def _mixed(state: np.uint64) -> np.uint64:
    """The output of the generator SplitMix64 for a state."""
    z = (state ^ (state >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@jit
def _move(points: Numbers, row: int, kind: int, direction: Numbers, step: float, least: float) -> None:
    """Move a point along a tangent vector times `step`; a point of the ball stays at `1 - ‖p‖² >= least`."""
    dim = points.shape[1]
    if kind == LORENTZ:
        square, along, norm2 = 0.0, 0.0, 0.0
        for k in range(dim):
            square += direction[k] * direction[k]
            along += direction[k] * points[row, k]
            norm2 += points[row, k] * points[row, k]
        length = abs(step) * math.sqrt(max(square - along * along / (1.0 + norm2), 0.0))
        scale = math.sinh(length) / length if length > 1e-9 else 1.0
        cosh = math.cosh(length)
        for k in range(dim):
            points[row, k] = cosh * points[row, k] + scale * step * direction[k]
    else:
        norm2 = 0.0
        for k in range(dim):
            points[row, k] += step * direction[k]
            norm2 += points[row, k] * points[row, k]
        if kind == BALL and not 1.0 - norm2 >= least:
            scale = math.sqrt((1.0 - least) / norm2)
            for k in range(dim):
                points[row, k] *= scale


@jit
def descend(
    points: Numbers,
    pairs: Indices,
    begins: Indices,
    above: Indices,
    kind: int,
    step: float,
    negatives: int,
    key: np.uint64,
    least: float,
) -> float:
    """Take one step for each pair, in order, and return the mean loss before the steps.

    Args:
        points: The points of all nodes, `[N, D]`, float64; changed in place.
        pairs: A node and a related node each, `[M, 2]`.
        begins: Where the related nodes of each node begin in `above`, `[N + 1]`.
        above: Related nodes of each node, sorted, which are not sampled.
        kind: `BALL`, `LORENTZ` or `EUCLIDEAN`.
        step: The learning rate.
        negatives: How many unrelated nodes are sampled for a pair.
        key: For the random numbers, an uint64.
        least: The smallest `1 - ‖p‖²` of a point of the ball.
    """
    count, dim = points.shape
    n = np.uint64(count)
    most = negatives + 1
    rows = np.empty(most, np.int64)
    other = np.empty((most, dim))
    weight, slope, gap = np.empty(most), np.empty(most), np.empty(most)
    scale, radial = np.empty(most), np.empty(most)
    x, total, direction = np.empty(dim), np.empty(dim), np.empty(dim)
    left_out = np.full(count, -1)  # the last pair for which a node was not to be sampled
    loss = 0.0
    for m in range(len(pairs)):
        a = pairs[m, 0]
        xx = 0.0
        for k in range(dim):
            x[k] = points[a, k]
            xx += x[k] * x[k]
        x_scale = 1.0 - xx if kind == BALL else math.sqrt(1.0 + xx)
        rows[0] = pairs[m, 1]
        taken, state = 1, _mixed(key + np.uint64(m) * _GOLDEN)
        left_out[a] = m
        for i in range(begins[a], begins[a + 1]):
            left_out[above[i]] = m
        for _ in range(4 * negatives):
            if taken == most:
                break
            state += _GOLDEN
            node = np.int64(((_mixed(state) >> _S32) * n) >> _S32)
            if left_out[node] != m:
                rows[taken] = node
                taken += 1
        for j in range(taken):
            square, yy, both = 0.0, 0.0, 0.0
            for k in range(dim):
                y = points[rows[j], k]
                other[j, k] = y
                square += (x[k] - y) * (x[k] - y)
                both += (x[k] - y) * (x[k] + y)
                yy += y * y
            gap[j] = square
            if kind == BALL:
                scale[j] = 1.0 - yy
            else:
                scale[j], radial[j] = 1.0 + yy, both
        # Loops without a branch, whose roots and quotients are computed for several nodes at once.
        if kind == EUCLIDEAN:
            for j in range(taken):
                weight[j], slope[j] = math.exp(-gap[j]), 2.0
        else:
            if kind == BALL:
                for j in range(taken):
                    gap[j] = gap[j] / (x_scale * scale[j])
            else:
                for j in range(taken):
                    time = radial[j] / (x_scale + math.sqrt(scale[j]))
                    gap[j] = max(gap[j] - time * time, 0.0) / 4.0
            for j in range(taken):
                root, other_root = math.sqrt(gap[j]), math.sqrt(1.0 + gap[j])
                weight[j] = 1.0 / ((root + other_root) * (root + other_root))
                slope[j] = root / (gap[j] * other_root + TINY)
        mass = 0.0
        for j in range(taken):
            mass += weight[j]
        loss -= -700.0 if weight[0] == 0.0 else math.log(weight[0] / mass)
        for k in range(dim):
            total[k] = 0.0
        for j in range(taken):
            d = ((1.0 if j == 0 else 0.0) - weight[j] / mass) * slope[j]
            if kind == BALL:
                mine, theirs = d * x_scale / (2.0 * scale[j]), d * scale[j] / (2.0 * x_scale)
                my_pull, their_pull = gap[j] * scale[j], gap[j] * x_scale
            elif kind == LORENTZ:
                mine = theirs = d / 2.0
                my_pull = their_pull = 2.0 * gap[j]
            else:
                mine = theirs = d
                my_pull = their_pull = 0.0
            for k in range(dim):
                away = x[k] - other[j, k]
                total[k] += mine * (away + my_pull * x[k])
                direction[k] = theirs * (their_pull * other[j, k] - away)
            _move(points, rows[j], kind, direction, -step, least)
        _move(points, a, kind, total, -step, least)
    return loss / max(len(pairs), 1)
