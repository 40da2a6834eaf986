"""`prototype_point`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of vectors that stand for points of the ball, on a CPU.

Vectors are `[R, G, D]`: rows of as many vectors as there are kinds of them, such as queries, keys and values of heads.
What is taken of their points, n numbers, is `[G, n, R]`, one line of memory for each number; the first one is the
factor that makes the point of the vector. Blocks of rows are read once, in the order of memory.

The scratch `S[g]` of a block holds one number for each row in each of its slots, `S[g, slot * ROWS + row]`.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp, jit, log, sqrt, where

ROWS = 16
SLOTS = 9
VV = 0
FACTOR = 1
R2 = 2
INVERSE = 3
G_FACTOR = 4
G_R2 = 5
G_INVERSE = 6
D_VV = 7
D_C = 8


@jit
def forward_scalars(S, numbers):
    """factor, r2, inverse of every row of a block."""
    c = numbers[0]
    n_given = numbers[8]
    for r in range(ROWS):
        vv = S[VV * ROWS + r]
        t13 = vv * c
        t14 = n_given <= t13
        t18 = where(t14, n_given, 1.0) * (1.0 / where(t14, t13, 1.0))
        t19 = sqrt(t18)
        t23 = vv * (t19 * t19)
        t24 = 1.0 / (1.0 - where(t14, n_given, t13))
        S[FACTOR * ROWS + r] = t19
        S[R2 * ROWS + r] = t23
        S[INVERSE * ROWS + r] = t24


@jit
def backward_scalars(S, numbers):
    """factor, r2, inverse, d_vv, d_c of every row of a block."""
    c = numbers[0]
    n_given = numbers[8]
    for r in range(ROWS):
        vv = S[VV * ROWS + r]
        g_factor = S[G_FACTOR * ROWS + r]
        g_r2 = S[G_R2 * ROWS + r]
        g_inverse = S[G_INVERSE * ROWS + r]
        t16 = vv * c
        t17 = n_given <= t16
        t20 = 1.0 / where(t17, t16, 1.0)
        t21 = where(t17, n_given, 1.0) * t20
        t22 = sqrt(t21)
        t25 = t22 * t22
        t26 = vv * t25
        t27 = 1.0 / (1.0 - where(t17, n_given, t16))
        t39 = where(t17, 0.0, (g_inverse * (t27 * t27)))
        t43 = (g_factor + ((vv * g_r2) * (t22 * 2.0))) * ((1.0 / t22) * 0.5)
        t49 = t39 + where(t17, (-(t43 * (t20 * t21))), 0.0)
        t51 = vv * t49
        t52 = (g_r2 * t25) + (c * t49)
        S[FACTOR * ROWS + r] = t22
        S[R2 * ROWS + r] = t26
        S[INVERSE * ROWS + r] = t27
        S[D_VV * ROWS + r] = t52
        S[D_C * ROWS + r] = t51


# Of a point
NUMBERS = G_FACTOR - FACTOR


@jit(any_order=True)
def inner_product(x, y):
    """`⟨x, y⟩`."""
    total = 0.0
    for j in range(len(x)):
        total += np.float64(x[j]) * np.float64(y[j])
    return total


@jit(any_order=True)
def combine(x, y, a, out):
    """`x + a·y`."""
    for j in range(len(x)):
        out[j] = x[j] + a * np.float64(y[j])


@jit(once=True)
def forward_block(block, v, numbers, points):
    """The numbers of the points of one block of rows."""
    kinds, first = v.shape[1], block * ROWS
    rows = min(ROWS, len(v) - first)
    S = np.zeros((kinds, SLOTS * ROWS))
    for r in range(rows):
        for g in range(kinds):
            vector = v[first + r, g]
            S[g, VV * ROWS + r] = inner_product(vector, vector)
    for g in range(kinds):
        forward_scalars(S[g], numbers)
        for i in range(NUMBERS):
            for r in range(rows):
                points[g, i, first + r] = S[g, (FACTOR + i) * ROWS + r]


@jit
def backward_block(block, v, first, moved, which, points, gradients, numbers, out, sums):
    """The gradients of one block of rows; that of the curvature is summed over the block."""
    kinds, rows = v.shape[1], min(ROWS, moved.shape[1] - block * ROWS)
    S = np.zeros((kinds, SLOTS * ROWS))
    for r in range(rows):
        i = first + block * ROWS + r
        for g in range(kinds):
            vector = v[i, g]
            S[g, VV * ROWS + r] = inner_product(vector, vector)
            for j in range(NUMBERS):
                S[g, (G_FACTOR + j) * ROWS + r] = gradients[g, j, i]
            # `moved` is the vector's gradient where its factor is constant, and so a multiple of the factor
            along = inner_product(vector, moved[g, block * ROWS + r])
            S[g, (G_FACTOR + which[g]) * ROWS + r] = along / points[g, which[g], i]
    total = 0.0
    for g in range(kinds):
        backward_scalars(S[g], numbers)
        for r in range(rows):
            total += S[g, D_C * ROWS + r]
    sums[block] = total
    for r in range(rows):
        i = first + block * ROWS + r
        for g in range(kinds):
            combine(moved[g, block * ROWS + r], v[i, g], 2.0 * S[g, D_VV * ROWS + r], out[i, g])


@jit
def forward(begin, end, v, numbers, points):
    """`points`, `[G, n, R]`, of vectors `v`, `[R, G, D]`, in some of the blocks."""
    for block in range(begin, end):
        forward_block(block, v, numbers, points)


@jit
def backward(begin, end, v, first, moved, which, points, gradients, numbers, out, sums):
    """The gradients of some rows, and that of the curvature summed over each block, in some of the blocks.

    Args:
        v: `[R, G, D]`.
        first: The first of r rows.
        moved: The gradients where factors are constant, `[G, r, D]`.
        which: For each of G the factor that multiplies its vectors, a place in `points`.
        points: As `forward` gave it.
        gradients: Those of `points`, but for the factors, `[G, n, R]`.
        numbers: The curvature and the clip.
        out: `[R, G, D]`.
        sums: One number for each block.
    """
    for block in range(begin, end):
        backward_block(block, v, first, moved, which, points, gradients, numbers, out, sums)
