"""`feature_point`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of vectors that stand for points of the ball, on a CPU.

Vectors are `[R, G, D]`: rows of as many vectors as there are kinds of them, such as queries, keys and values of heads.
What is taken of their points, n numbers, is `[G, n, R]`, one line of memory for each number; the first one is the
factor that makes the point of the vector. Blocks of rows are read once, in the order of memory.

The scratch `S[g]` of a block holds one number for each row in each of its slots, `S[g, slot * ROWS + row]`.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp, jit, log, sqrt, where

ROWS = 16
SLOTS = 11
VV = 0
FACTOR = 1
R2 = 2
INVERSE = 3
REACH = 4
G_FACTOR = 5
G_R2 = 6
G_INVERSE = 7
G_REACH = 8
D_VV = 9
D_C = 10


@jit
def forward_scalars(S, numbers):
    """factor, r2, inverse, reach of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    for r in range(ROWS):
        vv = S[VV * ROWS + r]
        t13 = vv * c
        t14 = z2_edge <= t13
        t15 = r2_edge <= vv
        t20 = where(t14, z2_max, 1.0) * where(t15, r2_max, 1.0)
        t21 = where(t14, t13, 1.0) * where(t15, vv, 1.0)
        t24 = sqrt((t20 * (1.0 / t21)))
        t26 = vv * (t24 * t24)
        t27 = c * t26
        t29 = t27 < 0.015625
        t31 = sqrt(where(t29, 1.0, t27))
        t33 = where(t29, t27, 0.0)
        t37 = (t33 * (-0.0014558343870513183)) + 0.003592128036572481
        t41 = t33 * ((t33 * t37) + (-0.008863235529902197))
        t46 = (t33 * (t41 + 0.021869488536155203)) + (-0.05396825396825397)
        t50 = t33 * ((t33 * t46) + 0.13333333333333333)
        t54 = 1.0 + (t33 * (t50 + (-0.3333333333333333)))
        t57 = exp((t31 * (-2.0)))
        t60 = 1.0 / (1.0 + t57)
        t64 = where(t29, t54, (((1.0 - t57) * t60) * (1.0 / t31)))
        t65 = t24 * t64
        t67 = t26 * (t64 * t64)
        t76 = where(t29, (1.0 - (t27 * (t54 * t54))), ((t57 * 4.0) * (t60 * t60)))
        t77 = 1.0 / t76
        t78 = t26 * 4.0
        S[FACTOR * ROWS + r] = t65
        S[R2 * ROWS + r] = t67
        S[INVERSE * ROWS + r] = t77
        S[REACH * ROWS + r] = t78


@jit
def backward_scalars(S, numbers):
    """factor, r2, inverse, reach, d_vv, d_c of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    for r in range(ROWS):
        vv = S[VV * ROWS + r]
        g_factor = S[G_FACTOR * ROWS + r]
        g_r2 = S[G_R2 * ROWS + r]
        g_inverse = S[G_INVERSE * ROWS + r]
        g_reach = S[G_REACH * ROWS + r]
        t17 = vv * c
        t18 = z2_edge <= t17
        t19 = r2_edge <= vv
        t21 = where(t18, t17, 1.0)
        t23 = where(t19, vv, 1.0)
        t24 = where(t18, z2_max, 1.0) * where(t19, r2_max, 1.0)
        t26 = 1.0 / (t21 * t23)
        t27 = t24 * t26
        t28 = sqrt(t27)
        t29 = t28 * t28
        t30 = vv * t29
        t31 = c * t30
        t33 = t31 < 0.015625
        t35 = sqrt(where(t33, 1.0, t31))
        t37 = where(t33, t31, 0.0)
        t41 = (t37 * (-0.0014558343870513183)) + 0.003592128036572481
        t44 = (t37 * t41) + (-0.008863235529902197)
        t47 = (t37 * t44) + 0.021869488536155203
        t50 = (t37 * t47) + (-0.05396825396825397)
        t53 = (t37 * t50) + 0.13333333333333333
        t56 = (t37 * t53) + (-0.3333333333333333)
        t58 = 1.0 + (t37 * t56)
        t61 = exp((t35 * (-2.0)))
        t63 = 1.0 + t61
        t64 = 1.0 / t63
        t65 = (1.0 - t61) * t64
        t66 = 1.0 / t35
        t67 = t65 * t66
        t68 = where(t33, t58, t67)
        t69 = t28 * t68
        t70 = t68 * t68
        t71 = t30 * t70
        t72 = t58 * t58
        t78 = t64 * t64
        t79 = (t61 * 4.0) * t78
        t81 = 1.0 / where(t33, (1.0 - (t31 * t72)), t79)
        t82 = t30 * 4.0
        t87 = -(g_inverse * (t81 * t81))
        t88 = where(t33, 0.0, t87)
        t89 = where(t33, t87, 0.0)
        t100 = (4.0 * (t78 * t88)) - ((t88 * (t78 * t79)) * (t63 * 2.0))
        t107 = (t31 * t89) * (t58 * 2.0)
        t111 = t37 * t107
        t115 = t37 * t111
        t120 = t37 * t115
        t122 = ((-(t56 * t107)) - (t53 * t111)) - (t50 * t115)
        t125 = t37 * t120
        t130 = t37 * t125
        t137 = ((t122 - (t47 * t120)) - (t44 * t125)) - (t41 * t130)
        t140 = t137 - ((-0.0014558343870513183) * (t37 * t130))
        t147 = t66 * 0.5
        t149 = where(t33, 0.0, (((-2.0) * (t61 * t100)) * t147))
        t150 = (where(t33, t140, 0.0) - (t72 * t89)) + t149
        t158 = ((g_r2 * t30) * (t68 * 2.0)) + (g_factor * t28)
        t159 = where(t33, 0.0, t158)
        t160 = where(t33, t158, 0.0)
        t169 = ((t66 * t159) * (1.0 - (t65 * t65))) - (t159 * (t66 * t67))
        t171 = t37 * t160
        t173 = t37 * t171
        t176 = t37 * t173
        t177 = ((t56 * t160) + (t53 * t171)) + (t50 * t173)
        t179 = t37 * t176
        t182 = t37 * t179
        t186 = ((t177 + (t47 * t176)) + (t44 * t179)) + (t41 * t182)
        t188 = t186 + ((-0.0014558343870513183) * (t37 * t182))
        t193 = (t150 + where(t33, t188, 0.0)) + where(t33, 0.0, (t147 * t169))
        t196 = ((g_reach * 4.0) + (g_r2 * t70)) + (c * t193)
        t201 = (g_factor * t68) + ((vv * t196) * (t28 * 2.0))
        t207 = (t201 * (0.5 * (1.0 / t28))) * (t26 * t27)
        t214 = (t29 * t196) + where(t19, (-(t21 * t207)), 0.0)
        t215 = where(t18, (-(t23 * t207)), 0.0)
        t218 = (t30 * t193) + (vv * t215)
        t219 = t214 + (c * t215)
        S[FACTOR * ROWS + r] = t69
        S[R2 * ROWS + r] = t71
        S[INVERSE * ROWS + r] = t81
        S[REACH * ROWS + r] = t82
        S[D_VV * ROWS + r] = t219
        S[D_C * ROWS + r] = t218


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
