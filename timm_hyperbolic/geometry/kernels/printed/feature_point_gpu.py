"""`feature_point`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

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
SLOTS = tl.constexpr(11)
VV = tl.constexpr(0)
FACTOR = tl.constexpr(1)
R2 = tl.constexpr(2)
INVERSE = tl.constexpr(3)
REACH = tl.constexpr(4)
G_FACTOR = tl.constexpr(5)
G_R2 = tl.constexpr(6)
G_INVERSE = tl.constexpr(7)
G_REACH = tl.constexpr(8)
D_VV = tl.constexpr(9)
D_C = tl.constexpr(10)


@triton.jit
def forward_scalars(S, numbers, clip):
    """factor, r2, inverse, reach of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
    r2_max = tl.load(clip + 8)
    r2_edge = tl.load(clip + 9)
    vv = tl.load(S + VV * ROWS + r)
    t13 = vv * c
    t14 = z2_edge <= t13
    t15 = r2_edge <= vv
    t20 = (tl.where(t14, z2_max, f64(1.0))) * (tl.where(t15, r2_max, f64(1.0)))
    t21 = (tl.where(t14, t13, f64(1.0))) * (tl.where(t15, vv, f64(1.0)))
    t24 = tl.sqrt((t20 * (f64(1.0) / t21)))
    t26 = vv * (t24 * t24)
    t27 = c * t26
    t29 = t27 < f64(0.015625)
    t31 = tl.sqrt((tl.where(t29, f64(1.0), t27)))
    t33 = tl.where(t29, t27, f64(0.0))
    t37 = (t33 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t40 = (t33 * t37) + f64(-0.008863235529902197)
    t44 = t33 * ((t33 * t40) + f64(0.021869488536155203))
    t49 = (t33 * (t44 + f64(-0.05396825396825397))) + f64(0.13333333333333333)
    t53 = t33 * ((t33 * t49) + f64(-0.3333333333333333))
    t54 = f64(1.0) + t53
    t57 = tl.exp((t31 * f64(-2.0)))
    t60 = f64(1.0) / (f64(1.0) + t57)
    t63 = ((f64(1.0) - t57) * t60) * (f64(1.0) / t31)
    t64 = tl.where(t29, t54, t63)
    t65 = t24 * t64
    t67 = t26 * (t64 * t64)
    t76 = tl.where(t29, (f64(1.0) - (t27 * (t54 * t54))), ((t57 * f64(4.0)) * (t60 * t60)))
    t77 = f64(1.0) / t76
    t78 = t26 * f64(4.0)
    tl.store(S + FACTOR * ROWS + r, t65)
    tl.store(S + R2 * ROWS + r, t67)
    tl.store(S + INVERSE * ROWS + r, t77)
    tl.store(S + REACH * ROWS + r, t78)


@triton.jit
def backward_scalars(S, numbers, clip):
    """factor, r2, inverse, reach, d_vv, d_c of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
    r2_max = tl.load(clip + 8)
    r2_edge = tl.load(clip + 9)
    vv = tl.load(S + VV * ROWS + r)
    g_factor = tl.load(S + G_FACTOR * ROWS + r)
    g_r2 = tl.load(S + G_R2 * ROWS + r)
    g_inverse = tl.load(S + G_INVERSE * ROWS + r)
    g_reach = tl.load(S + G_REACH * ROWS + r)
    t17 = vv * c
    t18 = z2_edge <= t17
    t19 = r2_edge <= vv
    t21 = tl.where(t18, t17, f64(1.0))
    t23 = tl.where(t19, vv, f64(1.0))
    t24 = (tl.where(t18, z2_max, f64(1.0))) * (tl.where(t19, r2_max, f64(1.0)))
    t26 = f64(1.0) / (t21 * t23)
    t27 = t24 * t26
    t28 = tl.sqrt(t27)
    t29 = t28 * t28
    t30 = vv * t29
    t31 = c * t30
    t33 = t31 < f64(0.015625)
    t35 = tl.sqrt((tl.where(t33, f64(1.0), t31)))
    t37 = tl.where(t33, t31, f64(0.0))
    t41 = (t37 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t44 = (t37 * t41) + f64(-0.008863235529902197)
    t47 = (t37 * t44) + f64(0.021869488536155203)
    t50 = (t37 * t47) + f64(-0.05396825396825397)
    t53 = (t37 * t50) + f64(0.13333333333333333)
    t56 = (t37 * t53) + f64(-0.3333333333333333)
    t58 = f64(1.0) + (t37 * t56)
    t61 = tl.exp((t35 * f64(-2.0)))
    t63 = f64(1.0) + t61
    t64 = f64(1.0) / t63
    t65 = (f64(1.0) - t61) * t64
    t66 = f64(1.0) / t35
    t67 = t65 * t66
    t68 = tl.where(t33, t58, t67)
    t69 = t28 * t68
    t70 = t68 * t68
    t71 = t30 * t70
    t72 = t58 * t58
    t78 = t64 * t64
    t79 = (t61 * f64(4.0)) * t78
    t80 = tl.where(t33, (f64(1.0) - (t31 * t72)), t79)
    t81 = f64(1.0) / t80
    t82 = t30 * f64(4.0)
    t87 = -(g_inverse * (t81 * t81))
    t88 = tl.where(t33, f64(0.0), t87)
    t89 = tl.where(t33, t87, f64(0.0))
    t100 = (f64(4.0) * (t78 * t88)) - ((t88 * (t78 * t79)) * (t63 * f64(2.0)))
    t107 = (t31 * t89) * (t58 * f64(2.0))
    t111 = t37 * t107
    t115 = t37 * t111
    t120 = t37 * t115
    t122 = ((-(t56 * t107)) - (t53 * t111)) - (t50 * t115)
    t125 = t37 * t120
    t130 = t37 * t125
    t137 = ((t122 - (t47 * t120)) - (t44 * t125)) - (t41 * t130)
    t138 = f64(-0.0014558343870513183) * (t37 * t130)
    t142 = (tl.where(t33, (t137 - t138), f64(0.0))) - (t72 * t89)
    t147 = t66 * f64(0.5)
    t149 = tl.where(t33, f64(0.0), ((f64(-2.0) * (t61 * t100)) * t147))
    t158 = ((g_r2 * t30) * (t68 * f64(2.0))) + (g_factor * t28)
    t159 = tl.where(t33, f64(0.0), t158)
    t160 = tl.where(t33, t158, f64(0.0))
    t169 = ((t66 * t159) * (f64(1.0) - (t65 * t65))) - (t159 * (t66 * t67))
    t171 = t37 * t160
    t173 = t37 * t171
    t176 = t37 * t173
    t177 = ((t56 * t160) + (t53 * t171)) + (t50 * t173)
    t179 = t37 * t176
    t182 = t37 * t179
    t186 = ((t177 + (t47 * t176)) + (t44 * t179)) + (t41 * t182)
    t187 = f64(-0.0014558343870513183) * (t37 * t182)
    t190 = (t142 + t149) + (tl.where(t33, (t186 + t187), f64(0.0)))
    t193 = t190 + (tl.where(t33, f64(0.0), (t147 * t169)))
    t196 = ((g_reach * f64(4.0)) + (g_r2 * t70)) + (c * t193)
    t201 = (g_factor * t68) + ((vv * t196) * (t28 * f64(2.0)))
    t207 = (t201 * (f64(0.5) * (f64(1.0) / t28))) * (t26 * t27)
    t213 = tl.where(t19, (-(t21 * t207)), f64(0.0))
    t215 = tl.where(t18, (-(t23 * t207)), f64(0.0))
    t218 = (t30 * t193) + (vv * t215)
    t219 = ((t29 * t196) + t213) + (c * t215)
    tl.store(S + FACTOR * ROWS + r, t69)
    tl.store(S + R2 * ROWS + r, t71)
    tl.store(S + INVERSE * ROWS + r, t81)
    tl.store(S + REACH * ROWS + r, t82)
    tl.store(S + D_VV * ROWS + r, t219)
    tl.store(S + D_C * ROWS + r, t218)


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
