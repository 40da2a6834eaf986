"""`midpoint`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of gyro-midpoints from the sums of attention, on a CPU.

Of some rows: r sums `H` of all heads are `[H, r, D]`, what is known of all rows `[H, 5, R]`, and the midpoints' tangent
vectors `[R, H·D]`.

The scratch `S[h]` of a block holds one number for each row in each of its slots, `S[h, slot * ROWS + row]`.
"""

import numpy as np
from numba import prange

from timm_hyperbolic.geometry.kernels.primitives import exp, jit, log, sqrt, where

ROWS = 16
SLOTS = 7
HH = 0
MASS = 1
FACTOR = 2
G_FACTOR = 3
D_HH = 4
D_MASS = 5
D_C = 6


@jit
def forward_scalars(S, numbers):
    """factor of every row of a block."""
    c = numbers[0]
    n_max = numbers[3]
    u_max = numbers[5]
    for r in range(ROWS):
        hh = S[HH * ROWS + r]
        mass = S[MASS * ROWS + r]
        t13 = hh * c
        t14 = mass * mass
        t15 = t14 - t13
        t18 = u_max * (1.0 / (n_max + 1.0))
        t20 = t14 * (t18 * t18)
        t22 = t14 * 2.220446049250313e-16
        t25 = where((t20 < t15), t15, t20)
        t27 = where((t22 < t25), t25, t22)
        t29 = where((1.4916681462400413e-154 < t27), t27, 1.4916681462400413e-154)
        t33 = t13 * (1.0 / t29)
        t35 = t33 < 0.015625
        t37 = sqrt(where(t35, 1.0, t33))
        t38 = where(t35, t33, 0.0)
        t42 = (t38 * (-0.01396484375)) + 0.017352764423076924
        t46 = t38 * ((t38 * t42) + (-0.022372159090909092))
        t51 = (t38 * (t46 + 0.030381944444444444)) + (-0.044642857142857144)
        t57 = (t38 * ((t38 * t51) + 0.075)) + (-0.16666666666666666)
        t66 = log((t37 + sqrt((1.0 + (t37 * t37))))) * (1.0 / t37)
        t69 = where(t35, (1.0 + (t38 * t57)), t66) * 0.5
        t73 = where((0.0 < mass), (t69 * (1.0 / sqrt(t29))), 0.0)
        S[FACTOR * ROWS + r] = t73


@jit
def backward_scalars(S, numbers):
    """factor, d_hh, d_mass, d_c of every row of a block."""
    c = numbers[0]
    n_max = numbers[3]
    u_max = numbers[5]
    for r in range(ROWS):
        hh = S[HH * ROWS + r]
        mass = S[MASS * ROWS + r]
        g_factor = S[G_FACTOR * ROWS + r]
        t14 = hh * c
        t15 = mass * mass
        t16 = t15 - t14
        t19 = u_max * (1.0 / (n_max + 1.0))
        t20 = t19 * t19
        t21 = t15 * t20
        t23 = t15 * 2.220446049250313e-16
        t25 = t21 < t16
        t26 = where(t25, t16, t21)
        t27 = t23 < t26
        t28 = where(t27, t26, t23)
        t29 = 1.4916681462400413e-154 < t28
        t30 = where(t29, t28, 1.4916681462400413e-154)
        t32 = 0.0 < mass
        t33 = 1.0 / t30
        t34 = t14 * t33
        t36 = t34 < 0.015625
        t38 = sqrt(where(t36, 1.0, t34))
        t39 = where(t36, t34, 0.0)
        t43 = (t39 * (-0.01396484375)) + 0.017352764423076924
        t46 = (t39 * t43) + (-0.022372159090909092)
        t49 = (t39 * t46) + 0.030381944444444444
        t52 = (t39 * t49) + (-0.044642857142857144)
        t55 = (t39 * t52) + 0.075
        t58 = (t39 * t55) + (-0.16666666666666666)
        t63 = sqrt((1.0 + (t38 * t38)))
        t66 = 1.0 / t38
        t67 = log((t38 + t63)) * t66
        t70 = where(t36, (1.0 + (t39 * t58)), t67) * 0.5
        t72 = 1.0 / sqrt(t30)
        t74 = where(t32, (t70 * t72), 0.0)
        t75 = where(t32, g_factor, 0.0)
        t82 = (t72 * (t72 * t72)) * ((t70 * t75) * (-0.5))
        t83 = 0.5 * (t72 * t75)
        t84 = where(t36, 0.0, t83)
        t85 = where(t36, t83, 0.0)
        t93 = ((t66 * t84) * (1.0 / t63)) - (t84 * (t66 * t67))
        t95 = t39 * t85
        t97 = t39 * t95
        t100 = t39 * t97
        t101 = ((t58 * t85) + (t55 * t95)) + (t52 * t97)
        t103 = t39 * t100
        t106 = t39 * t103
        t110 = ((t101 + (t49 * t100)) + (t46 * t103)) + (t43 * t106)
        t112 = t110 + ((-0.01396484375) * (t39 * t106))
        t119 = where(t36, t112, 0.0) + where(t36, 0.0, (t93 * (t66 * 0.5)))
        t126 = where(t29, (t82 - (t119 * (t33 * t34))), 0.0)
        t128 = where(t27, t126, 0.0)
        t130 = where(t25, t128, 0.0)
        t131 = 2.220446049250313e-16 * where(t27, 0.0, t126)
        t135 = t130 + (t131 + (t20 * where(t25, 0.0, t128)))
        t136 = (t33 * t119) - t130
        t138 = t135 * (mass * 2.0)
        t139 = c * t136
        t140 = hh * t136
        S[FACTOR * ROWS + r] = t74
        S[D_HH * ROWS + r] = t139
        S[D_MASS * ROWS + r] = t138
        S[D_C * ROWS + r] = t140


# What is known of the sums of a row: the softmax's inverse sum, `T`, `‖H‖²` and the factor of `H`, with weights whose
# sum is one.
INVERSE, OF_MASS, OF_HH, OF_FACTOR = 1, 2, 3, 4


@jit(any_order=True)
def inner_product(x, y):
    """`⟨x, y⟩`."""
    total = 0.0
    for j in range(len(x)):
        total += np.float64(x[j]) * np.float64(y[j])
    return total


@jit(any_order=True)
def multiply(x, a, out):
    """`a·x`."""
    for j in range(len(x)):
        out[j] = a * np.float64(x[j])


@jit(any_order=True)
def combine(x, a, y, b, out):
    """`a·x + b·y`."""
    for j in range(len(x)):
        out[j] = a * np.float64(x[j]) + b * np.float64(y[j])


@jit
def forward_block(block, sums, first, known, numbers, out):
    """The midpoints of one block of rows."""
    heads, size = len(sums), sums.shape[2]
    rows = min(ROWS, sums.shape[1] - block * ROWS)
    S = np.zeros((heads, SLOTS * ROWS))
    for h in range(heads):
        for r in range(rows):
            i, vector = first + block * ROWS + r, sums[h, block * ROWS + r]
            hh = inner_product(vector, vector) * known[h, INVERSE, i] ** 2
            known[h, OF_HH, i] = hh
            S[h, HH * ROWS + r] = hh
            S[h, MASS * ROWS + r] = known[h, OF_MASS, i]
        forward_scalars(S[h], numbers)
    for r in range(rows):
        i = first + block * ROWS + r
        for h in range(heads):
            factor = S[h, FACTOR * ROWS + r]
            known[h, OF_FACTOR, i] = factor
            columns = slice(h * size, (h + 1) * size)
            multiply(sums[h, block * ROWS + r], factor * known[h, INVERSE, i], out[i, columns])


@jit
def backward_block(block, g_out, out, first, known, numbers, g_sums, of_mass, sums):
    """The gradients of one block of rows; that of the curvature is summed over the block."""
    heads, size = len(g_sums), g_sums.shape[2]
    rows = min(ROWS, g_sums.shape[1] - block * ROWS)
    S = np.zeros((heads, SLOTS * ROWS))
    for r in range(rows):
        i = first + block * ROWS + r
        for h in range(heads):
            columns, factor = slice(h * size, (h + 1) * size), known[h, OF_FACTOR, i]
            along = inner_product(g_out[i, columns], out[i, columns])
            S[h, HH * ROWS + r] = known[h, OF_HH, i]
            S[h, MASS * ROWS + r] = known[h, OF_MASS, i]
            S[h, G_FACTOR * ROWS + r] = along / factor if factor > 0.0 else 0.0
    total = 0.0
    for h in range(heads):
        backward_scalars(S[h], numbers)
        for r in range(rows):
            total += S[h, D_C * ROWS + r]
            of_mass[h, first + block * ROWS + r] = S[h, D_MASS * ROWS + r]
    sums[block] = total
    for r in range(rows):
        i = first + block * ROWS + r
        for h in range(heads):
            columns, factor = slice(h * size, (h + 1) * size), known[h, OF_FACTOR, i]
            b = 2.0 * S[h, D_HH * ROWS + r] / factor if factor > 0.0 else 0.0
            combine(g_out[i, columns], factor, out[i, columns], b, g_sums[h, block * ROWS + r])


@jit
def forward_serial(sums, first, known, numbers, out):
    """Midpoints on one thread.

    Args:
        sums: `H`, `[H, r, D]`, with weights whose sum is not yet one.
        first: The first of the r rows.
        known: `[H, 5, R]`; what is not known yet is written.
        numbers: The curvature and the clip.
        out: `[R, H·D]`.
    """
    for block in range((sums.shape[1] + ROWS - 1) // ROWS):
        forward_block(block, sums, first, known, numbers, out)


@jit(parallel=True)
def forward(sums, first, known, numbers, out):
    """As `forward_serial`."""
    for block in prange((sums.shape[1] + ROWS - 1) // ROWS):
        forward_block(block, sums, first, known, numbers, out)


@jit
def backward_serial(g_out, out, first, known, numbers, g_sums, of_mass, sums):
    """Gradients from those of `out`, on one thread.

    Args:
        g_out: `[R, H·D]`.
        out: As `forward` left it.
        first: The first of r rows.
        known: As `forward` left it.
        numbers: The curvature and the clip.
        g_sums: The gradients of `H`, `[H, r, D]`, for weights whose sum is one.
        of_mass: The gradients of `T`, `[H, R]`.
        sums: The gradient of the curvature, one number for each block.
    """
    for block in range(len(sums)):
        backward_block(block, g_out, out, first, known, numbers, g_sums, of_mass, sums)


@jit(parallel=True)
def backward(g_out, out, first, known, numbers, g_sums, of_mass, sums):
    """As `backward_serial`."""
    for block in prange(len(sums)):
        backward_block(block, g_out, out, first, known, numbers, g_sums, of_mass, sums)
