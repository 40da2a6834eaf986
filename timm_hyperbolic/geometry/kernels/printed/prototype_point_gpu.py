"""`prototype_point`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of vectors that stand for points of the ball, on a GPU.

Vectors are `[R, D]`, values of attention behind all others. What is taken of their points, n numbers, is `[n, R]`, one
line of memory for each number; the first one is the factor that makes the point of the vector. A program of the grid
computes a block of rows: it reads vectors a few rows at once, each thread computes the scalars of one row, and in
between numbers of a row go through a scratch in memory, as for two vectors per row. The scratch `S` of a block holds
one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import triton
import triton.language as tl

from timm_hyperbolic.geometry.kernels.primitives_gpu import f64, narrow, read, rows_at, typed

ROWS = tl.constexpr(32)
SLOTS = tl.constexpr(9)
VV = tl.constexpr(0)
FACTOR = tl.constexpr(1)
R2 = tl.constexpr(2)
INVERSE = tl.constexpr(3)
G_FACTOR = tl.constexpr(4)
G_R2 = tl.constexpr(5)
G_INVERSE = tl.constexpr(6)
D_VV = tl.constexpr(7)
D_C = tl.constexpr(8)


@triton.jit
def forward_scalars(S, numbers, clip):
    """factor, r2, inverse of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    n_given = tl.load(clip + 7)
    vv = tl.load(S + VV * ROWS + r)
    t13 = vv * c
    t14 = n_given <= t13
    t17 = f64(1.0) / (tl.where(t14, t13, f64(1.0)))
    t18 = (tl.where(t14, n_given, f64(1.0))) * t17
    t19 = tl.sqrt(t18)
    t21 = f64(1.0) - (tl.where(t14, n_given, t13))
    t23 = vv * (t19 * t19)
    t24 = f64(1.0) / t21
    tl.store(S + FACTOR * ROWS + r, t19)
    tl.store(S + R2 * ROWS + r, t23)
    tl.store(S + INVERSE * ROWS + r, t24)


@triton.jit
def backward_scalars(S, numbers, clip):
    """factor, r2, inverse, d_vv, d_c of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    n_given = tl.load(clip + 7)
    vv = tl.load(S + VV * ROWS + r)
    g_factor = tl.load(S + G_FACTOR * ROWS + r)
    g_r2 = tl.load(S + G_R2 * ROWS + r)
    g_inverse = tl.load(S + G_INVERSE * ROWS + r)
    t16 = vv * c
    t17 = n_given <= t16
    t20 = f64(1.0) / (tl.where(t17, t16, f64(1.0)))
    t21 = (tl.where(t17, n_given, f64(1.0))) * t20
    t22 = tl.sqrt(t21)
    t24 = f64(1.0) - (tl.where(t17, n_given, t16))
    t25 = t22 * t22
    t26 = vv * t25
    t27 = f64(1.0) / t24
    t37 = g_factor + ((vv * g_r2) * (t22 * f64(2.0)))
    t39 = tl.where(t17, f64(0.0), (g_inverse * (t27 * t27)))
    t46 = (t37 * ((f64(1.0) / t22) * f64(0.5))) * (t20 * t21)
    t49 = t39 + (tl.where(t17, (-t46), f64(0.0)))
    t51 = vv * t49
    t52 = (g_r2 * t25) + (c * t49)
    tl.store(S + FACTOR * ROWS + r, t22)
    tl.store(S + R2 * ROWS + r, t26)
    tl.store(S + INVERSE * ROWS + r, t27)
    tl.store(S + D_VV * ROWS + r, t52)
    tl.store(S + D_C * ROWS + r, t51)


# A further slot: the inner product of a vector and its gradient where its factor is constant.
ALONG = tl.constexpr(SLOTS)
SCRATCH = tl.constexpr(SLOTS + 1)
# Of a point
NUMBERS = tl.constexpr(G_FACTOR - FACTOR)
# The place of the number that multiplies a value of attention
OF_VALUE = tl.constexpr(3)


@triton.jit(do_not_specialize=['rows'])
def forward(V, numbers, clip, POINTS, SCRATCHES, rows, D: tl.constexpr, WIDTH: tl.constexpr, AT_ONCE: tl.constexpr):
    """The numbers of the points of vectors.

    Args:
        V: The vectors, `[rows, D]`.
        numbers: The curvature, float64.
        clip: The numbers of the clip, float64.
        POINTS: `[n, rows]`.
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
        v = read(V, at, inside)
        tl.store(S + VV * ROWS + r, tl.sum(v * v, 1))
    tl.debug_barrier()
    forward_scalars(S, numbers, clip)
    tl.debug_barrier()
    row = tl.arange(0, ROWS)
    for i in tl.static_range(NUMBERS):
        number = tl.load(S + (FACTOR + i) * ROWS + row)
        tl.store(POINTS + i * rows + first + row, narrow(number, POINTS), mask=first + row < rows)


@triton.jit(do_not_specialize=['rows', 'values_from'])
def backward(
    V,
    MOVED,
    POINTS,
    GRADIENTS,
    numbers,
    clip,
    OUT,
    SUMS,
    SCRATCHES,
    rows,
    values_from,
    D: tl.constexpr,
    WIDTH: tl.constexpr,
    AT_ONCE: tl.constexpr,
):
    """The gradients of `V`, and that of the curvature summed over each block.

    Args:
        V: As for `forward`, which see for what is not described here.
        MOVED: The gradients of vectors where factors are constant, `[rows, D]`.
        POINTS: As `forward` wrote it.
        GRADIENTS: Those of `POINTS`, `[n, rows]`, but for the factors.
        numbers: See `forward`.
        clip: See there.
        OUT: `[rows, D]`.
        SUMS: One number for each block.
        SCRATCHES: Memory.
        rows: How many rows there are.
        values_from: The first row that is a value.
        D: Length of a vector.
        WIDTH: A power of two.
        AT_ONCE: How many rows at once.
    """
    block = tl.program_id(0).to(tl.int64)
    first = block * ROWS
    S = SCRATCHES + block * SCRATCH * ROWS
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, WIDTH, AT_ONCE)
        v = read(V, at, inside)
        tl.store(S + VV * ROWS + r, tl.sum(v * v, 1))
        tl.store(S + ALONG * ROWS + r, tl.sum(v * read(MOVED, at, inside), 1))
    tl.debug_barrier()
    row = tl.arange(0, ROWS)
    here = first + row < rows
    multiplies = tl.where(first + row < values_from, 0, OF_VALUE)
    for i in tl.static_range(NUMBERS):
        at_row = i * rows + first + row
        gradient = tl.load(GRADIENTS + at_row, mask=here, other=0.0).to(tl.float64)
        # What `MOVED` is multiplied by is the factor of its vector.
        along = tl.load(S + ALONG * ROWS + row) / tl.load(POINTS + at_row, mask=here, other=1.0).to(tl.float64)
        tl.store(S + (G_FACTOR + i) * ROWS + row, tl.where(multiplies == i, along, gradient))
    tl.debug_barrier()
    backward_scalars(S, numbers, clip)
    tl.debug_barrier()
    tl.store(SUMS + block, tl.sum(tl.where(here, tl.load(S + D_C * ROWS + row), f64(0.0)), 0))
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, WIDTH, AT_ONCE)
        by_vv = tl.load(S + D_VV * ROWS + r)[:, None]
        out = read(MOVED, at, inside) + f64(2.0) * by_vv * read(V, at, inside)
        tl.store(OUT + at, narrow(out, OUT), mask=inside)
