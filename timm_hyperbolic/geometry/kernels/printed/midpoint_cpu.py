"""`midpoint`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of gyro-midpoints from the sums of attention, on a CPU.

Of some rows: r sums `H` of all heads are `[H, r, D]`, what is known of all rows `[H, 5, R]`, and the midpoints' tangent
vectors `[R, H·D]`.

The scratch `S[h]` of a block holds one number for each row in each of its slots, `S[h, slot * ROWS + row]`.
"""

import numpy as np

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
    t19 = u_max * (1.0 / (n_max + 1.0))
    t20 = t19 * t19
    for r in range(ROWS):
        hh = S[HH * ROWS + r]
        mass = S[MASS * ROWS + r]
        t14 = hh * c
        t15 = mass * mass
        t16 = t15 - t14
        t21 = t15 * t20
        t23 = t15 * 2.220446049250313e-16
        t26 = where((t21 < t16), t16, t21)
        t28 = where((t23 < t26), t26, t23)
        t30 = where((1.4916681462400413e-154 < t28), t28, 1.4916681462400413e-154)
        t34 = t14 * (1.0 / t30)
        t36 = t34 < 0.015625
        t38 = sqrt(where(t36, 1.0, t34))
        t39 = where(t36, t34, 0.0)
        t43 = (t39 * (-0.01396484375)) + 0.017352764423076924
        t47 = t39 * ((t39 * t43) + (-0.022372159090909092))
        t52 = (t39 * (t47 + 0.030381944444444444)) + (-0.044642857142857144)
        t58 = (t39 * ((t39 * t52) + 0.075)) + (-0.16666666666666666)
        t67 = log((t38 + sqrt((1.0 + (t38 * t38))))) * (1.0 / t38)
        t70 = where(t36, (1.0 + (t39 * t58)), t67) * 0.5
        t74 = where((0.0 < mass), (t70 * (1.0 / sqrt(t30))), 0.0)
        S[FACTOR * ROWS + r] = t74


@jit
def backward_scalars(S, numbers):
    """factor, d_hh, d_mass, d_c of every row of a block."""
    c = numbers[0]
    n_max = numbers[3]
    u_max = numbers[5]
    t20 = u_max * (1.0 / (n_max + 1.0))
    t21 = t20 * t20
    for r in range(ROWS):
        hh = S[HH * ROWS + r]
        mass = S[MASS * ROWS + r]
        g_factor = S[G_FACTOR * ROWS + r]
        t15 = hh * c
        t16 = mass * mass
        t17 = t16 - t15
        t22 = t16 * t21
        t24 = t16 * 2.220446049250313e-16
        t26 = t22 < t17
        t27 = where(t26, t17, t22)
        t28 = t24 < t27
        t29 = where(t28, t27, t24)
        t30 = 1.4916681462400413e-154 < t29
        t31 = where(t30, t29, 1.4916681462400413e-154)
        t33 = 0.0 < mass
        t34 = 1.0 / t31
        t35 = t15 * t34
        t37 = t35 < 0.015625
        t39 = sqrt(where(t37, 1.0, t35))
        t40 = where(t37, t35, 0.0)
        t44 = (t40 * (-0.01396484375)) + 0.017352764423076924
        t47 = (t40 * t44) + (-0.022372159090909092)
        t50 = (t40 * t47) + 0.030381944444444444
        t53 = (t40 * t50) + (-0.044642857142857144)
        t56 = (t40 * t53) + 0.075
        t59 = (t40 * t56) + (-0.16666666666666666)
        t64 = sqrt((1.0 + (t39 * t39)))
        t67 = 1.0 / t39
        t68 = log((t39 + t64)) * t67
        t71 = where(t37, (1.0 + (t40 * t59)), t68) * 0.5
        t73 = 1.0 / sqrt(t31)
        t75 = where(t33, (t71 * t73), 0.0)
        t76 = where(t33, g_factor, 0.0)
        t83 = (t73 * (t73 * t73)) * ((t71 * t76) * (-0.5))
        t84 = 0.5 * (t73 * t76)
        t85 = where(t37, 0.0, t84)
        t86 = where(t37, t84, 0.0)
        t94 = ((t67 * t85) * (1.0 / t64)) - (t85 * (t67 * t68))
        t96 = t40 * t86
        t98 = t40 * t96
        t101 = t40 * t98
        t102 = ((t59 * t86) + (t56 * t96)) + (t53 * t98)
        t104 = t40 * t101
        t107 = t40 * t104
        t111 = ((t102 + (t50 * t101)) + (t47 * t104)) + (t44 * t107)
        t113 = t111 + ((-0.01396484375) * (t40 * t107))
        t120 = where(t37, t113, 0.0) + where(t37, 0.0, (t94 * (t67 * 0.5)))
        t127 = where(t30, (t83 - (t120 * (t34 * t35))), 0.0)
        t129 = where(t28, t127, 0.0)
        t131 = where(t26, t129, 0.0)
        t132 = 2.220446049250313e-16 * where(t28, 0.0, t127)
        t136 = t131 + (t132 + (t21 * where(t26, 0.0, t129)))
        t137 = (t34 * t120) - t131
        t139 = t136 * (mass * 2.0)
        t140 = c * t137
        t141 = hh * t137
        S[FACTOR * ROWS + r] = t75
        S[D_HH * ROWS + r] = t140
        S[D_MASS * ROWS + r] = t139
        S[D_C * ROWS + r] = t141


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


@jit(once=True)
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
def forward(begin, end, sums, first, known, numbers, out):
    """Midpoints in some of the blocks.

    Args:
        sums: `H`, `[H, r, D]`, with weights whose sum is not yet one.
        first: The first of the r rows.
        known: `[H, 5, R]`; what is not known yet is written.
        numbers: The curvature and the clip.
        out: `[R, H·D]`.
    """
    for block in range(begin, end):
        forward_block(block, sums, first, known, numbers, out)


@jit
def backward(begin, end, g_out, out, first, known, numbers, g_sums, of_mass, sums):
    """Gradients from those of `out`, in some of the blocks.

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
    for block in range(begin, end):
        backward_block(block, g_out, out, first, known, numbers, g_sums, of_mass, sums)
