"""The passes over memory of gyro-midpoints from the sums of attention, on a CPU.

One head at a time: r sums `H` are `[r, D]`, what is known of all of the head `[5, R]`, and the midpoints' tangent
vectors of all heads `[R, H·D]`.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`.
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


@jit
def forward_block(block, sums, first, head, known, numbers, out):
    """The midpoints of one block of rows."""
    size = sums.shape[1]
    rows = min(ROWS, len(sums) - block * ROWS)
    S = np.zeros(SLOTS * ROWS)
    for r in range(rows):
        i, vector = first + block * ROWS + r, sums[block * ROWS + r]
        hh = inner_product(vector, vector) * known[INVERSE, i] ** 2
        known[OF_HH, i] = hh
        S[HH * ROWS + r] = hh
        S[MASS * ROWS + r] = known[OF_MASS, i]
    forward_scalars(S, numbers)
    for r in range(rows):
        i, factor = first + block * ROWS + r, S[FACTOR * ROWS + r]
        known[OF_FACTOR, i] = factor
        multiply(sums[block * ROWS + r], factor * known[INVERSE, i], out[i, head * size : (head + 1) * size])


@jit
def backward_block(block, g_out, out, first, head, known, numbers, g_sums, of_rows, sums):
    """The gradients of one block of rows; that of the curvature is summed over the block."""
    columns = slice(head * g_sums.shape[1], (head + 1) * g_sums.shape[1])
    rows = min(ROWS, len(g_sums) - block * ROWS)
    S = np.zeros(SLOTS * ROWS)
    for r in range(rows):
        i = first + block * ROWS + r
        factor, along = known[OF_FACTOR, i], inner_product(g_out[i, columns], out[i, columns])
        S[HH * ROWS + r] = known[OF_HH, i]
        S[MASS * ROWS + r] = known[OF_MASS, i]
        S[G_FACTOR * ROWS + r] = along / factor if factor > 0.0 else 0.0
    backward_scalars(S, numbers)
    total = 0.0
    for r in range(rows):
        i = first + block * ROWS + r
        factor, of_hh, of_mass = known[OF_FACTOR, i], S[D_HH * ROWS + r], S[D_MASS * ROWS + r]
        total += S[D_C * ROWS + r]
        # The derivative in `T`, and the mean of the weights' derivatives under the weights
        of_rows[0, i] = of_mass
        of_rows[1, i] = S[G_FACTOR * ROWS + r] * factor + 2.0 * of_hh * known[OF_HH, i] + of_mass * known[OF_MASS, i]
        b = 2.0 * of_hh / factor if factor > 0.0 else 0.0
        combine(g_out[i, columns], factor, out[i, columns], b, g_sums[block * ROWS + r])
    sums[block] = total


@jit
def forward(begin, end, sums, first, head, known, numbers, out):
    """Midpoints in some of the blocks.

    Args:
        sums: `H`, `[r, D]`, with weights whose sum is not yet one.
        first: The first of the r rows.
        head: The head.
        known: `[5, R]`; what is not known yet is written.
        numbers: The curvature and the clip.
        out: `[R, H·D]`.
    """
    for block in range(begin, end):
        forward_block(block, sums, first, head, known, numbers, out)


@jit
def backward(begin, end, g_out, out, first, head, known, numbers, g_sums, of_rows, sums):
    """Gradients from those of `out`, in some of the blocks.

    Args:
        g_out: `[R, H·D]`.
        out: As `forward` left it.
        first: The first of r rows.
        head: The head.
        known: As `forward` left it.
        numbers: The curvature and the clip.
        g_sums: The gradients of `H`, `[r, D]`, for weights whose sum is one.
        of_rows: The gradients of `T`, and the means of the weights' gradients under the weights, `[2, R]`.
        sums: The gradient of the curvature, one number for each block.
    """
    for block in range(begin, end):
        backward_block(block, g_out, out, first, head, known, numbers, g_sums, of_rows, sums)
