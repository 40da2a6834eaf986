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
        t81 = t79 * 2.0
        t82 = t67 * t81
        t83 = t81 - 1.0
        S[FACTOR * ROWS + r] = t67
        S[R2 * ROWS + r] = t69
        S[INVERSE * ROWS + r] = t79
        S[STRETCH * ROWS + r] = t82
        S[MASS * ROWS + r] = t83


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
        t21 = 1.0 / where(t19, t18, z2_max)
        t22 = z2_max * t21
        t23 = sqrt(t22)
        t24 = where(t19, t23, 1.0)
        t25 = r2_edge <= vv
        t27 = 1.0 / where(t25, vv, r2_max)
        t28 = r2_max * t27
        t29 = sqrt(t28)
        t30 = where(t25, t29, 1.0)
        t31 = t24 * t30
        t32 = t31 * t31
        t33 = vv * t32
        t34 = c * t33
        t36 = t34 < 0.015625
        t38 = sqrt(where(t36, 1.0, t34))
        t40 = where(t36, t34, 0.0)
        t44 = (t40 * (-0.0014558343870513183)) + 0.003592128036572481
        t47 = (t40 * t44) + (-0.008863235529902197)
        t50 = (t40 * t47) + 0.021869488536155203
        t53 = (t40 * t50) + (-0.05396825396825397)
        t56 = (t40 * t53) + 0.13333333333333333
        t59 = (t40 * t56) + (-0.3333333333333333)
        t61 = 1.0 + (t40 * t59)
        t64 = exp((t38 * (-2.0)))
        t66 = 1.0 + t64
        t68 = (1.0 - t64) * (1.0 / t66)
        t69 = 1.0 / t38
        t70 = t68 * t69
        t71 = where(t36, t61, t70)
        t72 = t31 * t71
        t73 = t71 * t71
        t74 = t33 * t73
        t75 = t61 * t61
        t81 = 1.0 / (t66 * t66)
        t82 = (t64 * 4.0) * t81
        t84 = 1.0 / where(t36, (1.0 - (t34 * t75)), t82)
        t86 = t84 * 2.0
        t87 = t72 * t86
        t88 = t86 - 1.0
        t92 = g_factor + (g_stretch * t86)
        t93 = t84 * t84
        t99 = t93 * (2.0 * (g_mass + (g_stretch * t72)))
        t101 = (-(g_inverse * t93)) - t99
        t102 = where(t36, 0.0, t101)
        t103 = where(t36, t101, 0.0)
        t113 = (4.0 * (t81 * t102)) - ((t102 * (t81 * t82)) * (t66 * 2.0))
        t120 = (t34 * t103) * (t61 * 2.0)
        t124 = t40 * t120
        t128 = t40 * t124
        t133 = t40 * t128
        t135 = ((-(t59 * t120)) - (t56 * t124)) - (t53 * t128)
        t138 = t40 * t133
        t143 = t40 * t138
        t150 = ((t135 - (t50 * t133)) - (t47 * t138)) - (t44 * t143)
        t153 = t150 - ((-0.0014558343870513183) * (t40 * t143))
        t160 = t69 * 0.5
        t162 = where(t36, 0.0, (((-2.0) * (t64 * t113)) * t160))
        t163 = (where(t36, t153, 0.0) - (t75 * t103)) + t162
        t170 = ((g_r2 * t33) * (t71 * 2.0)) + (t31 * t92)
        t171 = where(t36, 0.0, t170)
        t172 = where(t36, t170, 0.0)
        t181 = ((t69 * t171) * (1.0 - (t68 * t68))) - (t171 * (t69 * t70))
        t183 = t40 * t172
        t185 = t40 * t183
        t188 = t40 * t185
        t189 = ((t59 * t172) + (t56 * t183)) + (t53 * t185)
        t191 = t40 * t188
        t194 = t40 * t191
        t198 = ((t189 + (t50 * t188)) + (t47 * t191)) + (t44 * t194)
        t200 = t198 + ((-0.0014558343870513183) * (t40 * t194))
        t205 = (t163 + where(t36, t200, 0.0)) + where(t36, 0.0, (t160 * t181))
        t208 = (g_r2 * t73) + (c * t205)
        t213 = (t71 * t92) + ((vv * t208) * (t31 * 2.0))
        t220 = where(t25, (t24 * t213), 0.0) * (0.5 * (1.0 / t29))
        t225 = where(t25, (-(t220 * (t27 * t28))), 0.0)
        t231 = where(t19, (t30 * t213), 0.0) * (0.5 * (1.0 / t23))
        t236 = where(t19, (-(t231 * (t21 * t22))), 0.0)
        t239 = (t33 * t205) + (vv * t236)
        t240 = ((t32 * t208) + t225) + (c * t236)
        S[FACTOR * ROWS + r] = t72
        S[R2 * ROWS + r] = t74
        S[INVERSE * ROWS + r] = t84
        S[STRETCH * ROWS + r] = t87
        S[MASS * ROWS + r] = t88
        S[D_VV * ROWS + r] = t240
        S[D_C * ROWS + r] = t239


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
