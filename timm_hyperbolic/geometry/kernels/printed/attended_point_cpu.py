"""`attended_point`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of vectors that stand for points of the ball, on a CPU.

Vectors are `[R, G, D]`: rows of as many vectors as there are kinds of them, such as queries, keys and values of heads.
What is taken of their points, n numbers, is `[G, n, R]`, one line of memory for each number; the first one is the
factor that makes the point of the vector. Blocks of rows are read once, in the order of memory.

The scratch `S[g]` of a block holds one number for each row in each of its slots, `S[g, slot * ROWS + row]`.
"""

import numpy as np

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
        t79 = t77 * 2.0
        t80 = t65 * t79
        t81 = t79 - 1.0
        S[FACTOR * ROWS + r] = t65
        S[R2 * ROWS + r] = t67
        S[INVERSE * ROWS + r] = t77
        S[STRETCH * ROWS + r] = t80
        S[MASS * ROWS + r] = t81


@jit
def backward_scalars(S, numbers):
    """factor, r2, inverse, stretch, mass, d_vv, d_c of every row of a block."""
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
        g_stretch = S[G_STRETCH * ROWS + r]
        g_mass = S[G_MASS * ROWS + r]
        t18 = vv * c
        t19 = z2_edge <= t18
        t20 = r2_edge <= vv
        t22 = where(t19, t18, 1.0)
        t24 = where(t20, vv, 1.0)
        t25 = where(t19, z2_max, 1.0) * where(t20, r2_max, 1.0)
        t27 = 1.0 / (t22 * t24)
        t28 = t25 * t27
        t29 = sqrt(t28)
        t30 = t29 * t29
        t31 = vv * t30
        t32 = c * t31
        t34 = t32 < 0.015625
        t36 = sqrt(where(t34, 1.0, t32))
        t38 = where(t34, t32, 0.0)
        t42 = (t38 * (-0.0014558343870513183)) + 0.003592128036572481
        t45 = (t38 * t42) + (-0.008863235529902197)
        t48 = (t38 * t45) + 0.021869488536155203
        t51 = (t38 * t48) + (-0.05396825396825397)
        t54 = (t38 * t51) + 0.13333333333333333
        t57 = (t38 * t54) + (-0.3333333333333333)
        t59 = 1.0 + (t38 * t57)
        t62 = exp((t36 * (-2.0)))
        t64 = 1.0 + t62
        t65 = 1.0 / t64
        t66 = (1.0 - t62) * t65
        t67 = 1.0 / t36
        t68 = t66 * t67
        t69 = where(t34, t59, t68)
        t70 = t29 * t69
        t71 = t69 * t69
        t72 = t31 * t71
        t73 = t59 * t59
        t79 = t65 * t65
        t80 = (t62 * 4.0) * t79
        t82 = 1.0 / where(t34, (1.0 - (t32 * t73)), t80)
        t84 = t82 * 2.0
        t85 = t70 * t84
        t86 = t84 - 1.0
        t90 = g_factor + (g_stretch * t84)
        t91 = t82 * t82
        t97 = t91 * (2.0 * (g_mass + (g_stretch * t70)))
        t99 = (-(g_inverse * t91)) - t97
        t100 = where(t34, 0.0, t99)
        t101 = where(t34, t99, 0.0)
        t111 = (4.0 * (t79 * t100)) - ((t100 * (t79 * t80)) * (t64 * 2.0))
        t118 = (t32 * t101) * (t59 * 2.0)
        t122 = t38 * t118
        t126 = t38 * t122
        t131 = t38 * t126
        t133 = ((-(t57 * t118)) - (t54 * t122)) - (t51 * t126)
        t136 = t38 * t131
        t141 = t38 * t136
        t148 = ((t133 - (t48 * t131)) - (t45 * t136)) - (t42 * t141)
        t151 = t148 - ((-0.0014558343870513183) * (t38 * t141))
        t158 = t67 * 0.5
        t160 = where(t34, 0.0, (((-2.0) * (t62 * t111)) * t158))
        t161 = (where(t34, t151, 0.0) - (t73 * t101)) + t160
        t168 = ((g_r2 * t31) * (t69 * 2.0)) + (t29 * t90)
        t169 = where(t34, 0.0, t168)
        t170 = where(t34, t168, 0.0)
        t179 = ((t67 * t169) * (1.0 - (t66 * t66))) - (t169 * (t67 * t68))
        t181 = t38 * t170
        t183 = t38 * t181
        t186 = t38 * t183
        t187 = ((t57 * t170) + (t54 * t181)) + (t51 * t183)
        t189 = t38 * t186
        t192 = t38 * t189
        t196 = ((t187 + (t48 * t186)) + (t45 * t189)) + (t42 * t192)
        t198 = t196 + ((-0.0014558343870513183) * (t38 * t192))
        t203 = (t161 + where(t34, t198, 0.0)) + where(t34, 0.0, (t158 * t179))
        t206 = (g_r2 * t71) + (c * t203)
        t211 = (t69 * t90) + ((vv * t206) * (t29 * 2.0))
        t217 = (t211 * (0.5 * (1.0 / t29))) * (t27 * t28)
        t224 = (t30 * t206) + where(t20, (-(t22 * t217)), 0.0)
        t225 = where(t19, (-(t24 * t217)), 0.0)
        t228 = (t31 * t203) + (vv * t225)
        t229 = t224 + (c * t225)
        S[FACTOR * ROWS + r] = t70
        S[R2 * ROWS + r] = t72
        S[INVERSE * ROWS + r] = t82
        S[STRETCH * ROWS + r] = t85
        S[MASS * ROWS + r] = t86
        S[D_VV * ROWS + r] = t229
        S[D_C * ROWS + r] = t228


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
