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
    t17 = z2_max * (f64(1.0) / (tl.where(t14, t13, z2_max)))
    t20 = r2_edge <= vv
    t23 = r2_max * (f64(1.0) / (tl.where(t20, vv, r2_max)))
    t26 = (tl.where(t14, (tl.sqrt(t17)), f64(1.0))) * (tl.where(t20, (tl.sqrt(t23)), f64(1.0)))
    t28 = vv * (t26 * t26)
    t29 = c * t28
    t31 = t29 < f64(0.015625)
    t33 = tl.sqrt((tl.where(t31, f64(1.0), t29)))
    t35 = tl.where(t31, t29, f64(0.0))
    t39 = (t35 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t42 = (t35 * t39) + f64(-0.008863235529902197)
    t46 = t35 * ((t35 * t42) + f64(0.021869488536155203))
    t51 = (t35 * (t46 + f64(-0.05396825396825397))) + f64(0.13333333333333333)
    t55 = t35 * ((t35 * t51) + f64(-0.3333333333333333))
    t56 = f64(1.0) + t55
    t59 = tl.exp((t33 * f64(-2.0)))
    t61 = f64(1.0) + t59
    t65 = ((f64(1.0) - t59) * (f64(1.0) / t61)) * (f64(1.0) / t33)
    t66 = tl.where(t31, t56, t65)
    t67 = t26 * t66
    t69 = t28 * (t66 * t66)
    t77 = (t59 * f64(4.0)) * (f64(1.0) / (t61 * t61))
    t78 = tl.where(t31, (f64(1.0) - (t29 * (t56 * t56))), t77)
    t79 = f64(1.0) / t78
    t80 = t28 * f64(4.0)
    tl.store(S + FACTOR * ROWS + r, t67)
    tl.store(S + R2 * ROWS + r, t69)
    tl.store(S + INVERSE * ROWS + r, t79)
    tl.store(S + REACH * ROWS + r, t80)


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
    t20 = f64(1.0) / (tl.where(t18, t17, z2_max))
    t21 = z2_max * t20
    t22 = tl.sqrt(t21)
    t23 = tl.where(t18, t22, f64(1.0))
    t24 = r2_edge <= vv
    t26 = f64(1.0) / (tl.where(t24, vv, r2_max))
    t27 = r2_max * t26
    t28 = tl.sqrt(t27)
    t29 = tl.where(t24, t28, f64(1.0))
    t30 = t23 * t29
    t31 = t30 * t30
    t32 = vv * t31
    t33 = c * t32
    t35 = t33 < f64(0.015625)
    t37 = tl.sqrt((tl.where(t35, f64(1.0), t33)))
    t39 = tl.where(t35, t33, f64(0.0))
    t43 = (t39 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t46 = (t39 * t43) + f64(-0.008863235529902197)
    t49 = (t39 * t46) + f64(0.021869488536155203)
    t52 = (t39 * t49) + f64(-0.05396825396825397)
    t55 = (t39 * t52) + f64(0.13333333333333333)
    t58 = (t39 * t55) + f64(-0.3333333333333333)
    t60 = f64(1.0) + (t39 * t58)
    t63 = tl.exp((t37 * f64(-2.0)))
    t65 = f64(1.0) + t63
    t67 = (f64(1.0) - t63) * (f64(1.0) / t65)
    t68 = f64(1.0) / t37
    t69 = t67 * t68
    t70 = tl.where(t35, t60, t69)
    t71 = t30 * t70
    t72 = t70 * t70
    t73 = t32 * t72
    t74 = t60 * t60
    t80 = f64(1.0) / (t65 * t65)
    t81 = (t63 * f64(4.0)) * t80
    t82 = tl.where(t35, (f64(1.0) - (t33 * t74)), t81)
    t83 = f64(1.0) / t82
    t84 = t32 * f64(4.0)
    t89 = -(g_inverse * (t83 * t83))
    t90 = tl.where(t35, f64(0.0), t89)
    t91 = tl.where(t35, t89, f64(0.0))
    t102 = (f64(4.0) * (t80 * t90)) - ((t90 * (t80 * t81)) * (t65 * f64(2.0)))
    t109 = (t33 * t91) * (t60 * f64(2.0))
    t113 = t39 * t109
    t117 = t39 * t113
    t122 = t39 * t117
    t124 = ((-(t58 * t109)) - (t55 * t113)) - (t52 * t117)
    t127 = t39 * t122
    t132 = t39 * t127
    t139 = ((t124 - (t49 * t122)) - (t46 * t127)) - (t43 * t132)
    t140 = f64(-0.0014558343870513183) * (t39 * t132)
    t144 = (tl.where(t35, (t139 - t140), f64(0.0))) - (t74 * t91)
    t149 = t68 * f64(0.5)
    t151 = tl.where(t35, f64(0.0), ((f64(-2.0) * (t63 * t102)) * t149))
    t160 = ((g_r2 * t32) * (t70 * f64(2.0))) + (g_factor * t30)
    t161 = tl.where(t35, f64(0.0), t160)
    t162 = tl.where(t35, t160, f64(0.0))
    t171 = ((t68 * t161) * (f64(1.0) - (t67 * t67))) - (t161 * (t68 * t69))
    t173 = t39 * t162
    t175 = t39 * t173
    t178 = t39 * t175
    t179 = ((t58 * t162) + (t55 * t173)) + (t52 * t175)
    t181 = t39 * t178
    t184 = t39 * t181
    t188 = ((t179 + (t49 * t178)) + (t46 * t181)) + (t43 * t184)
    t189 = f64(-0.0014558343870513183) * (t39 * t184)
    t192 = (t144 + t151) + (tl.where(t35, (t188 + t189), f64(0.0)))
    t195 = t192 + (tl.where(t35, f64(0.0), (t149 * t171)))
    t198 = ((g_reach * f64(4.0)) + (g_r2 * t72)) + (c * t195)
    t203 = (g_factor * t70) + ((vv * t198) * (t30 * f64(2.0)))
    t210 = (tl.where(t24, (t23 * t203), f64(0.0))) * (f64(0.5) * (f64(1.0) / t28))
    t215 = tl.where(t24, (-(t210 * (t26 * t27))), f64(0.0))
    t221 = (tl.where(t18, (t29 * t203), f64(0.0))) * (f64(0.5) * (f64(1.0) / t22))
    t226 = tl.where(t18, (-(t221 * (t20 * t21))), f64(0.0))
    t229 = (t32 * t195) + (vv * t226)
    t230 = ((t31 * t198) + t215) + (c * t226)
    tl.store(S + FACTOR * ROWS + r, t71)
    tl.store(S + R2 * ROWS + r, t73)
    tl.store(S + INVERSE * ROWS + r, t83)
    tl.store(S + REACH * ROWS + r, t84)
    tl.store(S + D_VV * ROWS + r, t230)
    tl.store(S + D_C * ROWS + r, t229)


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
