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
from timm_hyperbolic.geometry.kernels.primitives import jit, where

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
def planes(x, y, S):
    """The bases of the rows of a block: their Gram matrices, and the coordinates of `x` and `y` in them."""
    for r in range(len(x)):
        S[EE * ROWS + r], S[EW * ROWS + r], S[WW * ROWS + r] = inner_products(x[r], y[r])
    parallel = 0.0
    for r in range(ROWS):
        xx, xy, yy = S[EE * ROWS + r], S[EW * ROWS + r], S[WW * ROWS + r]
        swap = yy > xx
        ee, oo = where(swap, yy, xx), where(swap, xx, yy)
        k = where(ee > 0.0, xy, 0.0) / where(ee > 0.0, ee, 1.0)
        ww = oo - k * xy
        nearly = where(ww < NEARLY_PARALLEL * oo, 1.0, 0.0)
        parallel += nearly
        S[EE * ROWS + r] = ee
        S[EW * ROWS + r] = nearly
        S[WW * ROWS + r] = ww
        S[X1 * ROWS + r] = where(swap, k, 1.0)
        S[X2 * ROWS + r] = where(swap, 1.0, 0.0)
        S[Y1 * ROWS + r] = where(swap, 1.0, k)
        S[Y2 * ROWS + r] = where(swap, 0.0, 1.0)
    if parallel > 0.0:
        for r in range(len(x)):
            if S[EW * ROWS + r] > 0.0:
                k, swap = basis_of(S, r)
                e, o = (y[r], x[r]) if swap else (x[r], y[r])
                S[EW * ROWS + r], S[WW * ROWS + r] = remainder(e, o, k)


@jit
def basis_of(S, r):
    """`k` of a row, and whether `e` is `y`."""
    swap = S[X2 * ROWS + r] > 0.0
    return where(swap, S[X1 * ROWS + r], S[Y1 * ROWS + r]), swap


@jit(any_order=True)
def combine(x, y, a, b, out):
    """`a·x + b·y`."""
    for j in range(len(x)):
        out[j] = a * np.float64(x[j]) + b * np.float64(y[j])


@jit(any_order=True)
def combine_gradients(g, x, y, of_x, of_y, dx, dy):
    """The gradients of `x` and `y` as combinations of `g`, `x` and `y`."""
    a0, a1, a2 = of_x
    b0, b1, b2 = of_y
    for j in range(len(g)):
        u = np.float64(g[j])
        v = np.float64(x[j])
        w = np.float64(y[j])
        dx[j] = a0 * u + a1 * v + a2 * w
        dy[j] = b0 * u + b1 * v + b2 * w


@jit(once=True)
def forward_block(block, x, y, numbers, out):
    """The results of one block of rows."""
    some = slice(block * ROWS, min(block * ROWS + ROWS, len(x)))
    x, y, out = x[some], y[some], out[some]
    S = np.zeros(SLOTS * ROWS)
    planes(x, y, S)
    forward_scalars(S, numbers)
    for r in range(ROWS):
        k, swap = basis_of(S, r)
        a, b = S[A * ROWS + r], S[B * ROWS + r]
        a -= k * b
        S[A * ROWS + r] = where(swap, b, a)
        S[B * ROWS + r] = where(swap, a, b)
    for r in range(len(x)):
        combine(x[r], y[r], S[A * ROWS + r], S[B * ROWS + r], out[r])


@jit
def significant(coefficient, length2, size):
    """The coefficient of a vector, zero where the two are no more than the rounding of a gradient of that size."""
    return where(coefficient * coefficient * length2 > size, coefficient, 0.0)


@jit
def held(gradient, bound):
    """A gradient with respect to an inner product, held to what the vectors' type can take: see `gyrovector.widen`."""
    gradient = where(gradient > bound, bound, gradient)
    return where(gradient < -bound, -bound, gradient)


@jit(once=True)
def backward_block(block, x, y, g, numbers, bound, dx, dy, sums):
    """The gradients of one block of rows; those of the numbers are summed over the block."""
    some = slice(block * ROWS, min(block * ROWS + ROWS, len(x)))
    x, y, g, dx, dy = x[some], y[some], g[some], dx[some], dy[some]
    S = np.zeros(SLOTS * ROWS)
    planes(x, y, S)
    for r in range(len(x)):
        S[G_A * ROWS + r], S[G_B * ROWS + r] = inner_products_with(g[r], x[r], y[r])
    for r in range(ROWS):
        k, swap = basis_of(S, r)
        gx, gy = S[G_A * ROWS + r], S[G_B * ROWS + r]
        S[G_A * ROWS + r] = where(swap, gy, gx)
        S[G_B * ROWS + r] = where(swap, gx - k * gy, gy - k * gx)
    backward_scalars(S, numbers)
    for i in range(SLOTS - D_C):
        total = 0.0
        for r in range(len(x)):
            total += S[(D_C + i) * ROWS + r]
        sums[block, i] = total
    C = np.empty(6 * ROWS)
    for r in range(ROWS):
        k, swap = basis_of(S, r)
        ee, ww = S[EE * ROWS + r], S[WW * ROWS + r]
        oo = ww + k * k * ee
        along_e, along_w = S[G_A * ROWS + r], S[G_B * ROWS + r]
        size = ROUNDING**2 * (along_e * along_e / (ee + TINY) + along_w * along_w / (ww + TINY))
        a, b = S[A * ROWS + r], S[B * ROWS + r]
        by_ee = held(S[D_EE * ROWS + r], bound)
        by_ew = held(S[D_EW * ROWS + r], bound)
        by_ww = held(S[D_WW * ROWS + r], bound)
        # With d‖e‖² = 2⟨e, de⟩, d⟨e, w⟩ = ⟨w, de⟩ + ⟨e, dw⟩, d‖w‖² = 2⟨w, dw⟩ and dw = do - k·de
        across = by_ew - 2.0 * k * by_ww
        e_by_g = significant(a - k * b, 1.0, ROUNDING**2)
        e_by_e = significant(2.0 * by_ee - k * by_ew - k * across, ee, size)
        e_by_o = significant(across, oo, size)
        o_by_g = significant(b, 1.0, ROUNDING**2)
        o_by_e = significant(across, ee, size)
        o_by_o = significant(2.0 * by_ww, oo, size)
        C[r] = where(swap, o_by_g, e_by_g)
        C[ROWS + r] = where(swap, o_by_o, e_by_e)
        C[2 * ROWS + r] = where(swap, o_by_e, e_by_o)
        C[3 * ROWS + r] = where(swap, e_by_g, o_by_g)
        C[4 * ROWS + r] = where(swap, e_by_o, o_by_e)
        C[5 * ROWS + r] = where(swap, e_by_e, o_by_o)
    for r in range(len(x)):
        of_x = C[r], C[ROWS + r], C[2 * ROWS + r]
        of_y = C[3 * ROWS + r], C[4 * ROWS + r], C[5 * ROWS + r]
        combine_gradients(g[r], x[r], y[r], of_x, of_y, dx[r], dy[r])


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
