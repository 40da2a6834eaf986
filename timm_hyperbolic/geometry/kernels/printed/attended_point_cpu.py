"""`attended_point`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of tangent vectors that attention takes to the ball, on a CPU.

Vectors are `[R, G, D]`: rows of as many vectors as there are kinds of them (query, key, value) and heads. What
attention takes of their points is `[G, 5, R]`, one line of memory for each number. Blocks of rows are read once, in the
order of memory.

The scratch `S[g]` of a block holds one number for each row in each of its slots, `S[g, slot * ROWS + row]`.
"""

import numpy as np
from numba import prange

from timm_hyperbolic.geometry.kernels.primitives import exp, jit, log, sqrt, where

ROWS = 16
SLOTS = 13
VV = 0
FACTOR = 1
R2 = 2
INVERSE = 3
STRETCH = 4
MASS = 5
G_FACTOR = 6
G_R2 = 7
G_INVERSE = 8
G_STRETCH = 9
G_MASS = 10
D_VV = 11
D_C = 12


@jit
def forward_scalars(S, numbers):
    """factor, r2, inverse, stretch, mass of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    r2_max = numbers[8]
    r2_edge = numbers[9]
    for r in range(ROWS):
        vv = S[VV * ROWS + r]
        t12 = vv * c
        t13 = z2_edge <= t12
        t16 = z2_max * (1.0 / where(t13, t12, z2_max))
        t19 = r2_edge <= vv
        t23 = sqrt((r2_max * (1.0 / where(t19, vv, r2_max))))
        t25 = where(t13, sqrt(t16), 1.0) * where(t19, t23, 1.0)
        t27 = vv * (t25 * t25)
        t28 = c * t27
        t30 = t28 < 0.015625
        t32 = sqrt(where(t30, 1.0, t28))
        t34 = where(t30, t28, 0.0)
        t38 = (t34 * (-0.0014558343870513183)) + 0.003592128036572481
        t42 = t34 * ((t34 * t38) + (-0.008863235529902197))
        t47 = (t34 * (t42 + 0.021869488536155203)) + (-0.05396825396825397)
        t51 = t34 * ((t34 * t47) + 0.13333333333333333)
        t55 = 1.0 + (t34 * (t51 + (-0.3333333333333333)))
        t58 = exp((t32 * (-2.0)))
        t60 = 1.0 + t58
        t64 = ((1.0 - t58) * (1.0 / t60)) * (1.0 / t32)
        t65 = where(t30, t55, t64)
        t66 = t25 * t65
        t68 = t27 * (t65 * t65)
        t77 = where(t30, (1.0 - (t28 * (t55 * t55))), ((t58 * 4.0) * (1.0 / (t60 * t60))))
        t78 = 1.0 / t77
        t80 = t78 * 2.0
        t81 = t66 * t80
        t82 = t80 - 1.0
        S[FACTOR * ROWS + r] = t66
        S[R2 * ROWS + r] = t68
        S[INVERSE * ROWS + r] = t78
        S[STRETCH * ROWS + r] = t81
        S[MASS * ROWS + r] = t82


@jit
def backward_scalars(S, numbers):
    """factor, r2, inverse, stretch, mass, d_vv, d_c of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    r2_max = numbers[8]
    r2_edge = numbers[9]
    for r in range(ROWS):
        vv = S[VV * ROWS + r]
        g_factor = S[G_FACTOR * ROWS + r]
        g_r2 = S[G_R2 * ROWS + r]
        g_inverse = S[G_INVERSE * ROWS + r]
        g_stretch = S[G_STRETCH * ROWS + r]
        g_mass = S[G_MASS * ROWS + r]
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
        t85 = t83 * 2.0
        t86 = t71 * t85
        t87 = t85 - 1.0
        t91 = g_factor + (g_stretch * t85)
        t92 = t83 * t83
        t98 = t92 * (2.0 * (g_mass + (g_stretch * t71)))
        t100 = (-(g_inverse * t92)) - t98
        t101 = where(t35, 0.0, t100)
        t102 = where(t35, t100, 0.0)
        t112 = (4.0 * (t80 * t101)) - ((t101 * (t80 * t81)) * (t65 * 2.0))
        t119 = (t33 * t102) * (t60 * 2.0)
        t123 = t39 * t119
        t127 = t39 * t123
        t132 = t39 * t127
        t134 = ((-(t58 * t119)) - (t55 * t123)) - (t52 * t127)
        t137 = t39 * t132
        t142 = t39 * t137
        t149 = ((t134 - (t49 * t132)) - (t46 * t137)) - (t43 * t142)
        t152 = t149 - ((-0.0014558343870513183) * (t39 * t142))
        t159 = t68 * 0.5
        t161 = where(t35, 0.0, (((-2.0) * (t63 * t112)) * t159))
        t162 = (where(t35, t152, 0.0) - (t74 * t102)) + t161
        t169 = ((g_r2 * t32) * (t70 * 2.0)) + (t30 * t91)
        t170 = where(t35, 0.0, t169)
        t171 = where(t35, t169, 0.0)
        t180 = ((t68 * t170) * (1.0 - (t67 * t67))) - (t170 * (t68 * t69))
        t182 = t39 * t171
        t184 = t39 * t182
        t187 = t39 * t184
        t188 = ((t58 * t171) + (t55 * t182)) + (t52 * t184)
        t190 = t39 * t187
        t193 = t39 * t190
        t197 = ((t188 + (t49 * t187)) + (t46 * t190)) + (t43 * t193)
        t199 = t197 + ((-0.0014558343870513183) * (t39 * t193))
        t204 = (t162 + where(t35, t199, 0.0)) + where(t35, 0.0, (t159 * t180))
        t207 = (g_r2 * t72) + (c * t204)
        t212 = (t70 * t91) + ((vv * t207) * (t30 * 2.0))
        t219 = where(t24, (t23 * t212), 0.0) * (0.5 * (1.0 / t28))
        t224 = where(t24, (-(t219 * (t26 * t27))), 0.0)
        t230 = where(t18, (t29 * t212), 0.0) * (0.5 * (1.0 / t22))
        t235 = where(t18, (-(t230 * (t20 * t21))), 0.0)
        t238 = (t32 * t204) + (vv * t235)
        t239 = ((t31 * t207) + t224) + (c * t235)
        S[FACTOR * ROWS + r] = t71
        S[R2 * ROWS + r] = t73
        S[INVERSE * ROWS + r] = t83
        S[STRETCH * ROWS + r] = t86
        S[MASS * ROWS + r] = t87
        S[D_VV * ROWS + r] = t239
        S[D_C * ROWS + r] = t238


NUMBERS = 5  # of a point


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
    """What attention takes of the points of one block of rows."""
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
def forward_serial(v, numbers, points):
    """`points`, `[G, 5, R]`, of vectors `v`, `[R, G, D]`, on one thread."""
    for block in range((len(v) + ROWS - 1) // ROWS):
        forward_block(block, v, numbers, points)


@jit(parallel=True)
def forward(v, numbers, points):
    """`points`, `[G, 5, R]`, of vectors `v`, `[R, G, D]`."""
    for block in prange((len(v) + ROWS - 1) // ROWS):
        forward_block(block, v, numbers, points)


@jit
def backward_serial(v, first, moved, which, points, gradients, numbers, out, sums):
    """The gradients of some rows, and that of the curvature summed over each block, on one thread.

    Args:
        v: `[R, G, D]`.
        first: The first of r rows.
        moved: The gradients where factors are constant, `[G, r, D]`.
        which: For each of G the factor that multiplies its vectors, a place in `points`.
        points: As `forward` gave it.
        gradients: Those of `points`, but for the factors, `[G, 5, R]`.
        numbers: The curvature and the clip.
        out: `[R, G, D]`.
        sums: One number for each block.
    """
    for block in range(len(sums)):
        backward_block(block, v, first, moved, which, points, gradients, numbers, out, sums)


@jit(parallel=True)
def backward(v, first, moved, which, points, gradients, numbers, out, sums):
    """As `backward_serial`."""
    for block in prange(len(sums)):
        backward_block(block, v, first, moved, which, points, gradients, numbers, out, sums)
