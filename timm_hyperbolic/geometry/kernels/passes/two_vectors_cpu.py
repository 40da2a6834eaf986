"""The passes over memory of a formula of two vectors per row, on a CPU.

Blocks of rows are read once. For each row the inner products of its vectors give an orthogonal basis of their plane:
`e`, the longer of `x` and `y`, and `w = o - k·e` of the other one, `o`. Then the printed program computes the scalars
of all rows of the block, and the result is a combination of `e` and `o`.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.placeholder import (
    D_C,
    D_EE,
    D_EW,
    D_WW,
    EE,
    EW,
    G_A,
    G_B,
    ROWS,
    SLOTS,
    WW,
    X1,
    X2,
    Y1,
    Y2,
    A,
    B,
    backward_scalars,
    forward_scalars,
)
from timm_hyperbolic.geometry.kernels.primitives import jit

# Squared sine of the angle below which `w` is summed from the vectors, since its length cancels in inner products.
NEARLY_PARALLEL = 1e-3
# Derivatives below this part of the gradient are rounding and count as zero: behind a closed gate they would be squared
# from layer to layer, to subnormal numbers, with which a processor computes a hundred times slower.
ROUNDING = 1e-12
TINY = 1e-300


@jit(any_order=True)
def inner_products(x, y):
    """`⟨x, x⟩`, `⟨x, y⟩` and `⟨y, y⟩` of two vectors."""
    xx = 0.0
    xy = 0.0
    yy = 0.0
    for j in range(len(x)):
        a = np.float64(x[j])
        b = np.float64(y[j])
        xx += a * a
        xy += a * b
        yy += b * b
    return xx, xy, yy


@jit(any_order=True)
def inner_products_with(g, x, y):
    """`⟨g, x⟩` and `⟨g, y⟩`."""
    gx = 0.0
    gy = 0.0
    for j in range(len(x)):
        a = np.float64(g[j])
        gx += a * np.float64(x[j])
        gy += a * np.float64(y[j])
    return gx, gy


@jit(any_order=True)
def remainder(e, o, k):
    """`⟨e, w⟩` and `⟨w, w⟩` of `w = o - k·e`."""
    ew = 0.0
    ww = 0.0
    for j in range(len(e)):
        a = np.float64(e[j])
        w = np.float64(o[j]) - k * a
        ew += a * w
        ww += w * w
    return ew, ww


@jit
def plane(x, y, S, r):
    """The basis of row `r`: its Gram matrix and the coordinates of `x` and `y`. Returns `k` and `swap`."""
    xx, xy, yy = inner_products(x, y)
    swap = yy > xx
    if swap:
        ee, oo = yy, xx
    else:
        ee, oo = xx, yy
    k = xy / ee if ee > 0.0 else 0.0
    ew = 0.0
    ww = oo - k * xy
    if ww < NEARLY_PARALLEL * oo:
        if swap:
            ew, ww = remainder(y, x, k)
        else:
            ew, ww = remainder(x, y, k)
    S[EE * ROWS + r] = ee
    S[EW * ROWS + r] = ew
    S[WW * ROWS + r] = ww
    S[X1 * ROWS + r] = k if swap else 1.0
    S[X2 * ROWS + r] = 1.0 if swap else 0.0
    S[Y1 * ROWS + r] = 1.0 if swap else k
    S[Y2 * ROWS + r] = 0.0 if swap else 1.0
    return k, swap


@jit(any_order=True)
def combine(x, y, a, b, out):
    """`a·x + b·y`."""
    for j in range(len(x)):
        out[j] = a * np.float64(x[j]) + b * np.float64(y[j])


@jit(any_order=True)
def combine_gradients(g, e, o, of_e, of_o, de, do):
    """The gradients of `e` and `o` as combinations of `g`, `e` and `o`."""
    a0, a1, a2 = of_e
    b0, b1, b2 = of_o
    for j in range(len(g)):
        u = np.float64(g[j])
        v = np.float64(e[j])
        w = np.float64(o[j])
        de[j] = a0 * u + a1 * v + a2 * w
        do[j] = b0 * u + b1 * v + b2 * w


@jit
def forward_block(block, x, y, numbers, out):
    """The results of one block of rows."""
    first = block * ROWS
    rows = min(ROWS, len(x) - first)
    S = np.zeros(SLOTS * ROWS)
    K = np.empty(ROWS)
    swaps = np.empty(ROWS, np.bool_)
    for r in range(rows):
        K[r], swaps[r] = plane(x[first + r], y[first + r], S, r)
    forward_scalars(S, numbers)
    for r in range(rows):
        a = S[A * ROWS + r]
        b = S[B * ROWS + r]
        a -= K[r] * b
        if swaps[r]:
            a, b = b, a
        combine(x[first + r], y[first + r], a, b, out[first + r])


@jit
def significant(coefficient, length2, size):
    """The coefficient of a vector, zero where the two are no more than the rounding of a gradient of that size."""
    return coefficient if coefficient * coefficient * length2 > size else 0.0


@jit
def held(gradient, bound):
    """A gradient with respect to an inner product, held to what the vectors' type can take: see `gyrovector.widen`."""
    return max(-bound, min(gradient, bound))


@jit
def backward_block(block, x, y, g, numbers, bound, dx, dy, sums):
    """The gradients of one block of rows; those of the numbers are summed over the block."""
    first = block * ROWS
    rows = min(ROWS, len(x) - first)
    S = np.zeros(SLOTS * ROWS)
    K = np.empty(ROWS)
    swaps = np.empty(ROWS, np.bool_)
    for r in range(rows):
        k, swap = plane(x[first + r], y[first + r], S, r)
        gx, gy = inner_products_with(g[first + r], x[first + r], y[first + r])
        K[r], swaps[r] = k, swap
        S[G_A * ROWS + r] = gy if swap else gx
        S[G_B * ROWS + r] = (gx - k * gy) if swap else (gy - k * gx)
    backward_scalars(S, numbers)
    for i in range(SLOTS - D_C):
        total = 0.0
        for r in range(rows):
            total += S[(D_C + i) * ROWS + r]
        sums[block, i] = total
    for r in range(rows):
        k = K[r]
        ee, ww = S[EE * ROWS + r], S[WW * ROWS + r]
        oo = ww + k * k * ee
        along_e, along_w = S[G_A * ROWS + r], S[G_B * ROWS + r]
        size = ROUNDING**2 * (along_e**2 / (ee + TINY) + along_w**2 / (ww + TINY))
        a, b = S[A * ROWS + r], S[B * ROWS + r]
        by_ee = held(S[D_EE * ROWS + r], bound)
        by_ew = held(S[D_EW * ROWS + r], bound)
        by_ww = held(S[D_WW * ROWS + r], bound)
        # With d‖e‖² = 2⟨e, de⟩, d⟨e, w⟩ = ⟨w, de⟩ + ⟨e, dw⟩, d‖w‖² = 2⟨w, dw⟩ and dw = do - k·de
        across = by_ew - 2.0 * k * by_ww
        of_e = (
            significant(a - k * b, 1.0, ROUNDING**2),
            significant(2.0 * by_ee - k * by_ew - k * across, ee, size),
            significant(across, oo, size),
        )
        of_o = (
            significant(b, 1.0, ROUNDING**2),
            significant(across, ee, size),
            significant(2.0 * by_ww, oo, size),
        )
        i = first + r
        if swaps[r]:
            combine_gradients(g[i], y[i], x[i], of_e, of_o, dy[i], dx[i])
        else:
            combine_gradients(g[i], x[i], y[i], of_e, of_o, dx[i], dy[i])


@jit
def forward(first, last, x, y, numbers, out):
    """`out` for vectors `x`, `y`, all `[R, D]`, in some of the blocks."""
    for block in range(first, last):
        forward_block(block, x, y, numbers, out)


@jit
def backward(first, last, x, y, g, numbers, bound, dx, dy, sums):
    """Gradients of `x` and `y`, `[R, D]`, and of the numbers, summed over each block, in some of the blocks."""
    for block in range(first, last):
        backward_block(block, x, y, g, numbers, bound, dx, dy, sums)
