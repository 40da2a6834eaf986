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
        t17 = z2_max * (1.0 / where(t14, t13, z2_max))
        t20 = r2_edge <= vv
        t24 = sqrt((r2_max * (1.0 / where(t20, vv, r2_max))))
        t26 = where(t14, sqrt(t17), 1.0) * where(t20, t24, 1.0)
        t28 = vv * (t26 * t26)
        t29 = c * t28
        t31 = t29 < 0.015625
        t33 = sqrt(where(t31, 1.0, t29))
        t35 = where(t31, t29, 0.0)
        t39 = (t35 * (-0.0014558343870513183)) + 0.003592128036572481
        t43 = t35 * ((t35 * t39) + (-0.008863235529902197))
        t48 = (t35 * (t43 + 0.021869488536155203)) + (-0.05396825396825397)
        t52 = t35 * ((t35 * t48) + 0.13333333333333333)
        t56 = 1.0 + (t35 * (t52 + (-0.3333333333333333)))
        t59 = exp((t33 * (-2.0)))
        t61 = 1.0 + t59
        t65 = ((1.0 - t59) * (1.0 / t61)) * (1.0 / t33)
        t66 = where(t31, t56, t65)
        t67 = t26 * t66
        t69 = t28 * (t66 * t66)
        t78 = where(t31, (1.0 - (t29 * (t56 * t56))), ((t59 * 4.0) * (1.0 / (t61 * t61))))
        t79 = 1.0 / t78
        t80 = t28 * 4.0
        S[FACTOR * ROWS + r] = t67
        S[R2 * ROWS + r] = t69
        S[INVERSE * ROWS + r] = t79
        S[REACH * ROWS + r] = t80


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
        t20 = 1.0 / where(t18, t17, z2_max)
        t21 = z2_max * t20
        t22 = sqrt(t21)
        t23 = where(t18, t22, 1.0)
        t24 = r2_edge <= vv
        t26 = 1.0 / where(t24, vv, r2_max)
        t27 = r2_max * t26
        t28 = sqrt(t27)
        t29 = where(t24, t28, 1.0)
        t30 = t23 * t29
        t31 = t30 * t30
        t32 = vv * t31
        t33 = c * t32
        t35 = t33 < 0.015625
        t37 = sqrt(where(t35, 1.0, t33))
        t39 = where(t35, t33, 0.0)
        t43 = (t39 * (-0.0014558343870513183)) + 0.003592128036572481
        t46 = (t39 * t43) + (-0.008863235529902197)
        t49 = (t39 * t46) + 0.021869488536155203
        t52 = (t39 * t49) + (-0.05396825396825397)
        t55 = (t39 * t52) + 0.13333333333333333
        t58 = (t39 * t55) + (-0.3333333333333333)
        t60 = 1.0 + (t39 * t58)
        t63 = exp((t37 * (-2.0)))
        t65 = 1.0 + t63
        t67 = (1.0 - t63) * (1.0 / t65)
        t68 = 1.0 / t37
        t69 = t67 * t68
        t70 = where(t35, t60, t69)
        t71 = t30 * t70
        t72 = t70 * t70
        t73 = t32 * t72
        t74 = t60 * t60
        t80 = 1.0 / (t65 * t65)
        t81 = (t63 * 4.0) * t80
        t83 = 1.0 / where(t35, (1.0 - (t33 * t74)), t81)
        t84 = t32 * 4.0
        t89 = -(g_inverse * (t83 * t83))
        t90 = where(t35, 0.0, t89)
        t91 = where(t35, t89, 0.0)
        t102 = (4.0 * (t80 * t90)) - ((t90 * (t80 * t81)) * (t65 * 2.0))
        t109 = (t33 * t91) * (t60 * 2.0)
        t113 = t39 * t109
        t117 = t39 * t113
        t122 = t39 * t117
        t124 = ((-(t58 * t109)) - (t55 * t113)) - (t52 * t117)
        t127 = t39 * t122
        t132 = t39 * t127
        t139 = ((t124 - (t49 * t122)) - (t46 * t127)) - (t43 * t132)
        t142 = t139 - ((-0.0014558343870513183) * (t39 * t132))
        t149 = t68 * 0.5
        t151 = where(t35, 0.0, (((-2.0) * (t63 * t102)) * t149))
        t152 = (where(t35, t142, 0.0) - (t74 * t91)) + t151
        t160 = ((g_r2 * t32) * (t70 * 2.0)) + (g_factor * t30)
        t161 = where(t35, 0.0, t160)
        t162 = where(t35, t160, 0.0)
        t171 = ((t68 * t161) * (1.0 - (t67 * t67))) - (t161 * (t68 * t69))
        t173 = t39 * t162
        t175 = t39 * t173
        t178 = t39 * t175
        t179 = ((t58 * t162) + (t55 * t173)) + (t52 * t175)
        t181 = t39 * t178
        t184 = t39 * t181
        t188 = ((t179 + (t49 * t178)) + (t46 * t181)) + (t43 * t184)
        t190 = t188 + ((-0.0014558343870513183) * (t39 * t184))
        t195 = (t152 + where(t35, t190, 0.0)) + where(t35, 0.0, (t149 * t171))
        t198 = ((g_reach * 4.0) + (g_r2 * t72)) + (c * t195)
        t203 = (g_factor * t70) + ((vv * t198) * (t30 * 2.0))
        t210 = where(t24, (t23 * t203), 0.0) * (0.5 * (1.0 / t28))
        t215 = where(t24, (-(t210 * (t26 * t27))), 0.0)
        t221 = where(t18, (t29 * t203), 0.0) * (0.5 * (1.0 / t22))
        t226 = where(t18, (-(t221 * (t20 * t21))), 0.0)
        t229 = (t32 * t195) + (vv * t226)
        t230 = ((t31 * t198) + t215) + (c * t226)
        S[FACTOR * ROWS + r] = t71
        S[R2 * ROWS + r] = t73
        S[INVERSE * ROWS + r] = t83
        S[REACH * ROWS + r] = t84
        S[D_VV * ROWS + r] = t230
        S[D_C * ROWS + r] = t229


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


@jit
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
