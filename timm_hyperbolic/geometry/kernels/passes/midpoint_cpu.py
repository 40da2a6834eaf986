"""The passes over memory of gyro-midpoints from the sums of attention, on a CPU.

Of some rows: r sums `H` of all heads are `[H, r, D]`, what is known of all rows `[H, 5, R]`, and the midpoints' tangent
vectors `[R, H·D]`.

The scratch `S[h]` of a block holds one number for each row in each of its slots, `S[h, slot * ROWS + row]`.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.placeholder import (
    D_C,
    D_HH,
    D_MASS,
    FACTOR,
    G_FACTOR,
    HH,
    MASS,
    ROWS,
    SLOTS,
    backward_scalars,
    forward_scalars,
)
from timm_hyperbolic.geometry.kernels.primitives import jit

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
