"""The passes over memory of a linear map between centres, on a GPU.

They stand around matrix products that torch computes. Behind the one of the way there, `y = Wx`, a pass takes a block
of rows of `y`, computes their inner products and then the scalars of all rows of the block, and writes the combination
of `y` and the fixed vectors `q = W·p_in`, `o = p_out` and `b`, the bias, in the place of `y`. In the backward pass a
pass before the products takes the gradient `g` of the result and `y`, which is computed once more: nothing of it is
kept but the inner products.

The map has parts: each takes all of `x`, with centres and numbers of its own, and makes its own columns of `y`.

A program of the grid computes a block of rows; on the way there, of one part. Vectors are read a few rows at once, the
scalars of a row are computed by one thread, and in between numbers of a row go through a scratch in memory, as for two
vectors per row. The scratch `S` of a block and a part holds one number for each row in each of its slots,
`S[slot * ROWS + row]`.
"""

import triton
import triton.language as tl

from timm_hyperbolic.geometry.kernels.placeholder import (
    D_C,
    D_XP,
    D_XX,
    D_YB,
    D_YO,
    D_YQ,
    D_YY,
    G_OF_B,
    G_OF_O,
    G_OF_Q,
    G_OF_Y,
    OF_B,
    OF_O,
    OF_Q,
    OF_Y,
    ROWS,
    SLOTS,
    XP,
    XX,
    YB,
    YO,
    YQ,
    YY,
    backward_scalars,
    forward_scalars,
)
from timm_hyperbolic.geometry.kernels.primitives_gpu import f64, narrow, read, rows_at

# Further slots: the factors of `y` in its gradient, and of `x` in its own.
DY_Y = tl.constexpr(SLOTS)
DX_X = tl.constexpr(SLOTS + 1)
SCRATCH = tl.constexpr(SLOTS + 2)
# Inputs of the program, kept for the backward pass, and numbers that all rows share, without those of the clip.
INPUTS = tl.constexpr(OF_Y)
COUNT = tl.constexpr(SLOTS - D_C)


@triton.jit
def fixed_vector(pointer, LENGTH: tl.constexpr, WIDTH: tl.constexpr):
    """A vector that all rows share, as a row of float64 numbers."""
    j = tl.arange(0, WIDTH)
    return tl.load(pointer + j, mask=j < LENGTH, other=0.0).to(tl.float64)[None, :]


@triton.jit
def factor(S, slot: tl.constexpr, r):
    """A factor of the vectors of some rows."""
    return tl.load(S + slot * ROWS + r)[:, None]


@triton.jit
def write_inner_products(S, r, u, v, q, o, b, UV: tl.constexpr, UQ: tl.constexpr, UO: tl.constexpr, UB: tl.constexpr):
    """Inner products of some rows of `u` with `v` and the fixed vectors."""
    tl.store(S + UV * ROWS + r, tl.sum(u * v, 1))
    tl.store(S + UQ * ROWS + r, tl.sum(u * q, 1))
    tl.store(S + UO * ROWS + r, tl.sum(u * o, 1))
    tl.store(S + UB * ROWS + r, tl.sum(u * b, 1))


@triton.jit(do_not_specialize=['rows'])
def forward(
    X,
    P_IN,
    FIXED,
    numbers,
    clip,
    Y,
    KEPT,
    SCRATCHES,
    rows,
    PARTS: tl.constexpr,
    D: tl.constexpr,
    X_WIDTH: tl.constexpr,
    X_AT_ONCE: tl.constexpr,
    E: tl.constexpr,
    Y_WIDTH: tl.constexpr,
    Y_AT_ONCE: tl.constexpr,
):
    """The results in the place of `Y = WX`, and the inputs of the program.

    Args:
        X: `[rows, D]`.
        P_IN: The centres of `X`, `[PARTS, D]`.
        FIXED: For each part `q`, `o` and `b`, `[PARTS, 3, E]`.
        numbers: What all rows share, without the clip, `[PARTS, COUNT]`, float64.
        clip: The numbers of the clip, float64.
        Y: `[rows, PARTS, E]`.
        KEPT: `[rows, PARTS, INPUTS]`, float64.
        SCRATCHES: Memory for `SCRATCH * ROWS` numbers of each part of each block.
        rows: How many rows there are.
        PARTS: How many parts there are.
        D: Length of a vector `x`.
        X_WIDTH: A power of two that is not below `D`.
        X_AT_ONCE: How many rows of `X` are read at once.
        E: Length of a vector `y` of a part.
        Y_WIDTH: A power of two that is not below `E`.
        Y_AT_ONCE: How many rows of `Y` are read at once.
    """
    block = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    first = block * ROWS
    S = SCRATCHES + (block * PARTS + part) * SCRATCH * ROWS
    p_in = fixed_vector(P_IN + part * D, D, X_WIDTH)
    for i in range(0, ROWS, X_AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, X_WIDTH, X_AT_ONCE)
        x = read(X, at, inside)
        tl.store(S + XX * ROWS + r, tl.sum(x * x, 1))
        tl.store(S + XP * ROWS + r, tl.sum(x * p_in, 1))
    q = fixed_vector(FIXED + part * 3 * E, E, Y_WIDTH)
    o = fixed_vector(FIXED + part * 3 * E + E, E, Y_WIDTH)
    b = fixed_vector(FIXED + part * 3 * E + 2 * E, E, Y_WIDTH)
    for i in range(0, ROWS, Y_AT_ONCE):
        r, at, inside = rows_at(i, first, rows, E, PARTS * E, Y_WIDTH, Y_AT_ONCE)
        y = read(Y + part * E, at, inside)
        write_inner_products(S, r, y, y, q, o, b, YY, YQ, YO, YB)
    tl.debug_barrier()
    forward_scalars(S, numbers + part * COUNT, clip)
    row = tl.arange(0, ROWS)
    for i in tl.static_range(INPUTS):
        to = KEPT + ((first + row) * PARTS + part) * INPUTS + i
        tl.store(to, tl.load(S + i * ROWS + row), mask=first + row < rows)
    tl.debug_barrier()
    for i in range(0, ROWS, Y_AT_ONCE):
        r, at, inside = rows_at(i, first, rows, E, PARTS * E, Y_WIDTH, Y_AT_ONCE)
        out = factor(S, OF_Y, r) * read(Y + part * E, at, inside)
        out += factor(S, OF_Q, r) * q + factor(S, OF_O, r) * o + factor(S, OF_B, r) * b
        tl.store(Y + part * E + at, narrow(out, Y), mask=inside)


@triton.jit
def write_sums(S, SUMS, rows):
    """The gradients of the numbers, summed over the first rows of a block."""
    r = tl.arange(0, ROWS)
    for i in tl.static_range(COUNT):
        of_a_row = tl.load(S + (D_C + i) * ROWS + r)
        tl.store(SUMS + i, tl.sum(tl.where(r < rows, of_a_row, f64(0.0)), 0))


@triton.jit
def write_gradient_factors(S):
    """The factors of `y` in its gradient, and of `x` in its own."""
    r = tl.arange(0, ROWS)
    tl.store(S + DY_Y * ROWS + r, f64(2.0) * tl.load(S + D_YY * ROWS + r))
    tl.store(S + DX_X * ROWS + r, f64(2.0) * tl.load(S + D_XX * ROWS + r))


@triton.jit
def write_vector(pointer, vector, LENGTH: tl.constexpr, WIDTH: tl.constexpr):
    """A sum over rows of vectors."""
    j = tl.arange(0, WIDTH)
    tl.store(pointer + j, narrow(vector, pointer), mask=j < LENGTH)


@triton.jit(do_not_specialize=['rows'])
def backward(
    G,
    X,
    P_IN,
    FIXED,
    numbers,
    clip,
    Y,
    KEPT,
    DX,
    DY,
    ALONG_X,
    ALONG_G,
    SUMS,
    SCRATCHES,
    rows,
    PARTS: tl.constexpr,
    D: tl.constexpr,
    X_WIDTH: tl.constexpr,
    X_AT_ONCE: tl.constexpr,
    E: tl.constexpr,
    Y_WIDTH: tl.constexpr,
    Y_AT_ONCE: tl.constexpr,
):
    """The gradients of `X` but for the product with `DY`, of `Y`, and sums over each block.

    Args:
        G: The gradient of the results, `[rows, PARTS, E]`.
        X: As for `forward`, which see for what is not described here.
        P_IN: See there.
        FIXED: See there.
        numbers: See there.
        clip: See there.
        Y: `WX`.
        KEPT: As `forward` wrote it.
        DX: `[rows, D]`.
        DY: `[rows, PARTS, E]`.
        ALONG_X: Sums of `x` times the gradients of its inner product with the centre and of those of `y` with the fixed
            vectors, `[blocks, PARTS, 4, D]`.
        ALONG_G: Sums of `g` times the factors of the fixed vectors, `[blocks, PARTS, 3, E]`.
        SUMS: Sums of the gradients of the numbers, `[blocks, PARTS, COUNT]`.
        SCRATCHES: Memory.
        rows: How many rows there are.
        PARTS: How many parts there are.
        D: Length of a vector `x`.
        X_WIDTH: See `forward`.
        X_AT_ONCE: See there.
        E: Length of a vector `y` of a part.
        Y_WIDTH: See there.
        Y_AT_ONCE: See there.
    """
    block = tl.program_id(0).to(tl.int64)
    first = block * ROWS
    row = tl.arange(0, ROWS)
    for part in range(PARTS):
        of_block = block * PARTS + part
        S = SCRATCHES + of_block * SCRATCH * ROWS
        for i in tl.static_range(INPUTS):
            kept = KEPT + ((first + row) * PARTS + part) * INPUTS + i
            tl.store(S + i * ROWS + row, tl.load(kept, mask=first + row < rows, other=0.0))
        q = fixed_vector(FIXED + part * 3 * E, E, Y_WIDTH)
        o = fixed_vector(FIXED + part * 3 * E + E, E, Y_WIDTH)
        b = fixed_vector(FIXED + part * 3 * E + 2 * E, E, Y_WIDTH)
        for i in range(0, ROWS, Y_AT_ONCE):
            r, at, inside = rows_at(i, first, rows, E, PARTS * E, Y_WIDTH, Y_AT_ONCE)
            g = read(G + part * E, at, inside)
            y = read(Y + part * E, at, inside)
            write_inner_products(S, r, g, y, q, o, b, G_OF_Y, G_OF_Q, G_OF_O, G_OF_B)
        tl.debug_barrier()
        backward_scalars(S, numbers + part * COUNT, clip)
        tl.debug_barrier()
        write_sums(S, SUMS + of_block * COUNT, rows - first)
        write_gradient_factors(S)
        tl.debug_barrier()
        along_q = tl.zeros([Y_WIDTH], tl.float64)
        along_o = tl.zeros([Y_WIDTH], tl.float64)
        along_b = tl.zeros([Y_WIDTH], tl.float64)
        for i in range(0, ROWS, Y_AT_ONCE):
            r, at, inside = rows_at(i, first, rows, E, PARTS * E, Y_WIDTH, Y_AT_ONCE)
            g = read(G + part * E, at, inside)
            dy = factor(S, OF_Y, r) * g + factor(S, DY_Y, r) * read(Y + part * E, at, inside)
            dy += factor(S, D_YQ, r) * q + factor(S, D_YO, r) * o + factor(S, D_YB, r) * b
            tl.store(DY + part * E + at, narrow(dy, DY), mask=inside)
            along_q += tl.sum(factor(S, OF_Q, r) * g, 0)
            along_o += tl.sum(factor(S, OF_O, r) * g, 0)
            along_b += tl.sum(factor(S, OF_B, r) * g, 0)
        write_vector(ALONG_G + of_block * 3 * E, along_q, E, Y_WIDTH)
        write_vector(ALONG_G + of_block * 3 * E + E, along_o, E, Y_WIDTH)
        write_vector(ALONG_G + of_block * 3 * E + 2 * E, along_b, E, Y_WIDTH)
        by_p = tl.zeros([X_WIDTH], tl.float64)
        by_q = tl.zeros([X_WIDTH], tl.float64)
        by_o = tl.zeros([X_WIDTH], tl.float64)
        by_b = tl.zeros([X_WIDTH], tl.float64)
        for i in range(0, ROWS, X_AT_ONCE):
            r, at, inside = rows_at(i, first, rows, D, D, X_WIDTH, X_AT_ONCE)
            x = read(X, at, inside)
            by_p += tl.sum(factor(S, D_XP, r) * x, 0)
            by_q += tl.sum(factor(S, D_YQ, r) * x, 0)
            by_o += tl.sum(factor(S, D_YO, r) * x, 0)
            by_b += tl.sum(factor(S, D_YB, r) * x, 0)
        write_vector(ALONG_X + of_block * 4 * D, by_p, D, X_WIDTH)
        write_vector(ALONG_X + of_block * 4 * D + D, by_q, D, X_WIDTH)
        write_vector(ALONG_X + of_block * 4 * D + 2 * D, by_o, D, X_WIDTH)
        write_vector(ALONG_X + of_block * 4 * D + 3 * D, by_b, D, X_WIDTH)
    for i in range(0, ROWS, X_AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, X_WIDTH, X_AT_ONCE)
        x = read(X, at, inside)
        dx = tl.zeros([X_AT_ONCE, X_WIDTH], tl.float64)
        for part in range(PARTS):
            S = SCRATCHES + (block * PARTS + part) * SCRATCH * ROWS
            dx += factor(S, DX_X, r) * x + factor(S, D_XP, r) * fixed_vector(P_IN + part * D, D, X_WIDTH)
        tl.store(DX + at, narrow(dx, DX), mask=inside)
