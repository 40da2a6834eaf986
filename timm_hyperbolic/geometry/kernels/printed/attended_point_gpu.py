"""`attended_point`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

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
SLOTS = tl.constexpr(13)
VV = tl.constexpr(0)
FACTOR = tl.constexpr(1)
R2 = tl.constexpr(2)
INVERSE = tl.constexpr(3)
STRETCH = tl.constexpr(4)
MASS = tl.constexpr(5)
G_FACTOR = tl.constexpr(6)
G_R2 = tl.constexpr(7)
G_INVERSE = tl.constexpr(8)
G_STRETCH = tl.constexpr(9)
G_MASS = tl.constexpr(10)
D_VV = tl.constexpr(11)
D_C = tl.constexpr(12)


@triton.jit
def forward_scalars(S, numbers, clip):
    """factor, r2, inverse, stretch, mass of every row of a block."""
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
    t79 = t77 * f64(2.0)
    t80 = t65 * t79
    t81 = t79 - f64(1.0)
    tl.store(S + FACTOR * ROWS + r, t65)
    tl.store(S + R2 * ROWS + r, t67)
    tl.store(S + INVERSE * ROWS + r, t77)
    tl.store(S + STRETCH * ROWS + r, t80)
    tl.store(S + MASS * ROWS + r, t81)


@triton.jit
def backward_scalars(S, numbers, clip):
    """factor, r2, inverse, stretch, mass, d_vv, d_c of every row of a block."""
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
    g_stretch = tl.load(S + G_STRETCH * ROWS + r)
    g_mass = tl.load(S + G_MASS * ROWS + r)
    t18 = vv * c
    t19 = z2_edge <= t18
    t20 = r2_edge <= vv
    t22 = tl.where(t19, t18, f64(1.0))
    t24 = tl.where(t20, vv, f64(1.0))
    t25 = (tl.where(t19, z2_max, f64(1.0))) * (tl.where(t20, r2_max, f64(1.0)))
    t27 = f64(1.0) / (t22 * t24)
    t28 = t25 * t27
    t29 = tl.sqrt(t28)
    t30 = t29 * t29
    t31 = vv * t30
    t32 = c * t31
    t34 = t32 < f64(0.015625)
    t36 = tl.sqrt((tl.where(t34, f64(1.0), t32)))
    t38 = tl.where(t34, t32, f64(0.0))
    t42 = (t38 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t45 = (t38 * t42) + f64(-0.008863235529902197)
    t48 = (t38 * t45) + f64(0.021869488536155203)
    t51 = (t38 * t48) + f64(-0.05396825396825397)
    t54 = (t38 * t51) + f64(0.13333333333333333)
    t57 = (t38 * t54) + f64(-0.3333333333333333)
    t59 = f64(1.0) + (t38 * t57)
    t62 = tl.exp((t36 * f64(-2.0)))
    t64 = f64(1.0) + t62
    t65 = f64(1.0) / t64
    t66 = (f64(1.0) - t62) * t65
    t67 = f64(1.0) / t36
    t68 = t66 * t67
    t69 = tl.where(t34, t59, t68)
    t70 = t29 * t69
    t71 = t69 * t69
    t72 = t31 * t71
    t73 = t59 * t59
    t79 = t65 * t65
    t80 = (t62 * f64(4.0)) * t79
    t81 = tl.where(t34, (f64(1.0) - (t32 * t73)), t80)
    t82 = f64(1.0) / t81
    t84 = t82 * f64(2.0)
    t85 = t70 * t84
    t86 = t84 - f64(1.0)
    t90 = g_factor + (g_stretch * t84)
    t91 = t82 * t82
    t97 = t91 * (f64(2.0) * (g_mass + (g_stretch * t70)))
    t99 = (-(g_inverse * t91)) - t97
    t100 = tl.where(t34, f64(0.0), t99)
    t101 = tl.where(t34, t99, f64(0.0))
    t111 = (f64(4.0) * (t79 * t100)) - ((t100 * (t79 * t80)) * (t64 * f64(2.0)))
    t118 = (t32 * t101) * (t59 * f64(2.0))
    t122 = t38 * t118
    t126 = t38 * t122
    t131 = t38 * t126
    t133 = ((-(t57 * t118)) - (t54 * t122)) - (t51 * t126)
    t136 = t38 * t131
    t141 = t38 * t136
    t148 = ((t133 - (t48 * t131)) - (t45 * t136)) - (t42 * t141)
    t149 = f64(-0.0014558343870513183) * (t38 * t141)
    t153 = (tl.where(t34, (t148 - t149), f64(0.0))) - (t73 * t101)
    t158 = t67 * f64(0.5)
    t160 = tl.where(t34, f64(0.0), ((f64(-2.0) * (t62 * t111)) * t158))
    t168 = ((g_r2 * t31) * (t69 * f64(2.0))) + (t29 * t90)
    t169 = tl.where(t34, f64(0.0), t168)
    t170 = tl.where(t34, t168, f64(0.0))
    t179 = ((t67 * t169) * (f64(1.0) - (t66 * t66))) - (t169 * (t67 * t68))
    t181 = t38 * t170
    t183 = t38 * t181
    t186 = t38 * t183
    t187 = ((t57 * t170) + (t54 * t181)) + (t51 * t183)
    t189 = t38 * t186
    t192 = t38 * t189
    t196 = ((t187 + (t48 * t186)) + (t45 * t189)) + (t42 * t192)
    t197 = f64(-0.0014558343870513183) * (t38 * t192)
    t200 = (t153 + t160) + (tl.where(t34, (t196 + t197), f64(0.0)))
    t203 = t200 + (tl.where(t34, f64(0.0), (t158 * t179)))
    t206 = (g_r2 * t71) + (c * t203)
    t211 = (t69 * t90) + ((vv * t206) * (t29 * f64(2.0)))
    t217 = (t211 * (f64(0.5) * (f64(1.0) / t29))) * (t27 * t28)
    t223 = tl.where(t20, (-(t22 * t217)), f64(0.0))
    t225 = tl.where(t19, (-(t24 * t217)), f64(0.0))
    t228 = (t31 * t203) + (vv * t225)
    t229 = ((t30 * t206) + t223) + (c * t225)
    tl.store(S + FACTOR * ROWS + r, t70)
    tl.store(S + R2 * ROWS + r, t72)
    tl.store(S + INVERSE * ROWS + r, t82)
    tl.store(S + STRETCH * ROWS + r, t85)
    tl.store(S + MASS * ROWS + r, t86)
    tl.store(S + D_VV * ROWS + r, t229)
    tl.store(S + D_C * ROWS + r, t228)


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
