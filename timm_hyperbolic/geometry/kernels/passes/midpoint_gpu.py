"""The passes over memory of gyro-midpoints from the sums of attention, on a GPU.

The sums `H` are `[R, D]`, what is known of them `[5, R]`, and the midpoints' tangent vectors `[R, D]`. A program of the
grid computes a block of rows: it reads vectors a few rows at once, each thread computes the scalars of one row, and in
between numbers of a row go through a scratch in memory, as for two vectors per row. The scratch `S` of a block holds
one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import triton
import triton.language as tl

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
from timm_hyperbolic.geometry.kernels.primitives_gpu import f64, narrow, read, rows_at

# Further slots: the factors of the vectors in what is written.
OF_G = tl.constexpr(SLOTS)
OF_OUT = tl.constexpr(SLOTS + 1)
SCRATCH = tl.constexpr(SLOTS + 2)
# What is known of the sums of a row: the softmax's inverse sum, `T`, `‖H‖²` and the factor of `H`, with weights whose
# sum is one.
KNOWN_INVERSE = tl.constexpr(1)
KNOWN_MASS = tl.constexpr(2)
KNOWN_HH = tl.constexpr(3)
KNOWN_FACTOR = tl.constexpr(4)


@triton.jit(do_not_specialize=['rows'])
def forward(H, KNOWN, numbers, clip, OUT, SCRATCHES, rows, D: tl.constexpr, WIDTH: tl.constexpr, AT_ONCE: tl.constexpr):
    """The midpoints of sums; what is known of them is completed.

    Args:
        H: The sums, `[rows, D]`.
        KNOWN: `[5, rows]`, float64.
        numbers: The curvature, float64.
        clip: The numbers of the clip, float64.
        OUT: `[rows, D]`.
        SCRATCHES: Memory for `SCRATCH * ROWS` numbers of each program.
        rows: How many rows there are.
        D: Length of a vector.
        WIDTH: A power of two that is not below `D`.
        AT_ONCE: How many rows of vectors a program reads at once.
    """
    block = tl.program_id(0).to(tl.int64)
    first = block * ROWS
    S = SCRATCHES + block * SCRATCH * ROWS
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, WIDTH, AT_ONCE)
        h = read(H, at, inside)
        tl.store(S + HH * ROWS + r, tl.sum(h * h, 1))
    tl.debug_barrier()
    row = tl.arange(0, ROWS)
    here = first + row < rows
    inverse = tl.load(KNOWN + KNOWN_INVERSE * rows + first + row, mask=here, other=1.0)
    hh = tl.load(S + HH * ROWS + row) * inverse * inverse
    tl.store(KNOWN + KNOWN_HH * rows + first + row, hh, mask=here)
    tl.store(S + HH * ROWS + row, hh)
    tl.store(S + MASS * ROWS + row, tl.load(KNOWN + KNOWN_MASS * rows + first + row, mask=here, other=1.0))
    tl.debug_barrier()
    forward_scalars(S, numbers, clip)
    tl.debug_barrier()
    factor = tl.load(S + FACTOR * ROWS + row)
    tl.store(KNOWN + KNOWN_FACTOR * rows + first + row, factor, mask=here)
    tl.store(S + OF_OUT * ROWS + row, factor * inverse)
    tl.debug_barrier()
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, WIDTH, AT_ONCE)
        out = tl.load(S + OF_OUT * ROWS + r)[:, None] * read(H, at, inside)
        tl.store(OUT + at, narrow(out, OUT), mask=inside)


@triton.jit(do_not_specialize=['rows'])
def backward(
    G,
    OUT,
    KNOWN,
    numbers,
    clip,
    G_SUMS,
    OF_MASS,
    SUMS,
    SCRATCHES,
    rows,
    D: tl.constexpr,
    WIDTH: tl.constexpr,
    AT_ONCE: tl.constexpr,
):
    """Gradients of the sums, of their mass, and of the curvature, a sum over each block.

    Args:
        G: The gradients of the midpoints, `[rows, D]`.
        OUT: As `forward` wrote it.
        KNOWN: As `forward` left it.
        numbers: See `forward`.
        clip: See there.
        G_SUMS: The gradients of `H`, `[rows, D]`, for weights whose sum is one.
        OF_MASS: The gradients of `T`, `[rows]`, float64.
        SUMS: One number for each block.
        SCRATCHES: Memory.
        rows: How many rows there are.
        D: Length of a vector.
        WIDTH: A power of two.
        AT_ONCE: How many rows at once.
    """
    block = tl.program_id(0).to(tl.int64)
    first = block * ROWS
    S = SCRATCHES + block * SCRATCH * ROWS
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, WIDTH, AT_ONCE)
        tl.store(S + G_FACTOR * ROWS + r, tl.sum(read(G, at, inside) * read(OUT, at, inside), 1))
    tl.debug_barrier()
    row = tl.arange(0, ROWS)
    here = first + row < rows
    factor = tl.load(KNOWN + KNOWN_FACTOR * rows + first + row, mask=here, other=1.0)
    some = factor > f64(0.0)
    divisor = tl.where(some, factor, f64(1.0))
    hh = tl.load(KNOWN + KNOWN_HH * rows + first + row, mask=here, other=0.0)
    mass = tl.load(KNOWN + KNOWN_MASS * rows + first + row, mask=here, other=1.0)
    of_factor = tl.where(some, tl.load(S + G_FACTOR * ROWS + row) / divisor, f64(0.0))
    tl.store(S + HH * ROWS + row, hh)
    tl.store(S + MASS * ROWS + row, mass)
    tl.store(S + G_FACTOR * ROWS + row, of_factor)
    tl.debug_barrier()
    backward_scalars(S, numbers, clip)
    tl.debug_barrier()
    of_hh = f64(2.0) * tl.load(S + D_HH * ROWS + row)
    tl.store(SUMS + block, tl.sum(tl.where(here, tl.load(S + D_C * ROWS + row), f64(0.0)), 0))
    tl.store(OF_MASS + first + row, tl.load(S + D_MASS * ROWS + row), mask=here)
    tl.store(S + OF_G * ROWS + row, factor)
    tl.store(S + OF_OUT * ROWS + row, tl.where(some, of_hh / divisor, f64(0.0)))
    tl.debug_barrier()
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, WIDTH, AT_ONCE)
        g_sums = tl.load(S + OF_G * ROWS + r)[:, None] * read(G, at, inside)
        g_sums += tl.load(S + OF_OUT * ROWS + r)[:, None] * read(OUT, at, inside)
        tl.store(G_SUMS + at, narrow(g_sums, G_SUMS), mask=inside)
