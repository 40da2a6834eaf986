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
    t81 = t79 * f64(2.0)
    t82 = t67 * t81
    t83 = t81 - f64(1.0)
    tl.store(S + FACTOR * ROWS + r, t67)
    tl.store(S + R2 * ROWS + r, t69)
    tl.store(S + INVERSE * ROWS + r, t79)
    tl.store(S + STRETCH * ROWS + r, t82)
    tl.store(S + MASS * ROWS + r, t83)


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
    t21 = f64(1.0) / (tl.where(t19, t18, z2_max))
    t22 = z2_max * t21
    t23 = tl.sqrt(t22)
    t24 = tl.where(t19, t23, f64(1.0))
    t25 = r2_edge <= vv
    t27 = f64(1.0) / (tl.where(t25, vv, r2_max))
    t28 = r2_max * t27
    t29 = tl.sqrt(t28)
    t30 = tl.where(t25, t29, f64(1.0))
    t31 = t24 * t30
    t32 = t31 * t31
    t33 = vv * t32
    t34 = c * t33
    t36 = t34 < f64(0.015625)
    t38 = tl.sqrt((tl.where(t36, f64(1.0), t34)))
    t40 = tl.where(t36, t34, f64(0.0))
    t44 = (t40 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t47 = (t40 * t44) + f64(-0.008863235529902197)
    t50 = (t40 * t47) + f64(0.021869488536155203)
    t53 = (t40 * t50) + f64(-0.05396825396825397)
    t56 = (t40 * t53) + f64(0.13333333333333333)
    t59 = (t40 * t56) + f64(-0.3333333333333333)
    t61 = f64(1.0) + (t40 * t59)
    t64 = tl.exp((t38 * f64(-2.0)))
    t66 = f64(1.0) + t64
    t68 = (f64(1.0) - t64) * (f64(1.0) / t66)
    t69 = f64(1.0) / t38
    t70 = t68 * t69
    t71 = tl.where(t36, t61, t70)
    t72 = t31 * t71
    t73 = t71 * t71
    t74 = t33 * t73
    t75 = t61 * t61
    t81 = f64(1.0) / (t66 * t66)
    t82 = (t64 * f64(4.0)) * t81
    t83 = tl.where(t36, (f64(1.0) - (t34 * t75)), t82)
    t84 = f64(1.0) / t83
    t86 = t84 * f64(2.0)
    t87 = t72 * t86
    t88 = t86 - f64(1.0)
    t92 = g_factor + (g_stretch * t86)
    t93 = t84 * t84
    t99 = t93 * (f64(2.0) * (g_mass + (g_stretch * t72)))
    t101 = (-(g_inverse * t93)) - t99
    t102 = tl.where(t36, f64(0.0), t101)
    t103 = tl.where(t36, t101, f64(0.0))
    t113 = (f64(4.0) * (t81 * t102)) - ((t102 * (t81 * t82)) * (t66 * f64(2.0)))
    t120 = (t34 * t103) * (t61 * f64(2.0))
    t124 = t40 * t120
    t128 = t40 * t124
    t133 = t40 * t128
    t135 = ((-(t59 * t120)) - (t56 * t124)) - (t53 * t128)
    t138 = t40 * t133
    t143 = t40 * t138
    t150 = ((t135 - (t50 * t133)) - (t47 * t138)) - (t44 * t143)
    t151 = f64(-0.0014558343870513183) * (t40 * t143)
    t155 = (tl.where(t36, (t150 - t151), f64(0.0))) - (t75 * t103)
    t160 = t69 * f64(0.5)
    t162 = tl.where(t36, f64(0.0), ((f64(-2.0) * (t64 * t113)) * t160))
    t170 = ((g_r2 * t33) * (t71 * f64(2.0))) + (t31 * t92)
    t171 = tl.where(t36, f64(0.0), t170)
    t172 = tl.where(t36, t170, f64(0.0))
    t181 = ((t69 * t171) * (f64(1.0) - (t68 * t68))) - (t171 * (t69 * t70))
    t183 = t40 * t172
    t185 = t40 * t183
    t188 = t40 * t185
    t189 = ((t59 * t172) + (t56 * t183)) + (t53 * t185)
    t191 = t40 * t188
    t194 = t40 * t191
    t198 = ((t189 + (t50 * t188)) + (t47 * t191)) + (t44 * t194)
    t199 = f64(-0.0014558343870513183) * (t40 * t194)
    t202 = (t155 + t162) + (tl.where(t36, (t198 + t199), f64(0.0)))
    t205 = t202 + (tl.where(t36, f64(0.0), (t160 * t181)))
    t208 = (g_r2 * t73) + (c * t205)
    t213 = (t71 * t92) + ((vv * t208) * (t31 * f64(2.0)))
    t220 = (tl.where(t25, (t24 * t213), f64(0.0))) * (f64(0.5) * (f64(1.0) / t29))
    t225 = tl.where(t25, (-(t220 * (t27 * t28))), f64(0.0))
    t231 = (tl.where(t19, (t30 * t213), f64(0.0))) * (f64(0.5) * (f64(1.0) / t23))
    t236 = tl.where(t19, (-(t231 * (t21 * t22))), f64(0.0))
    t239 = (t33 * t205) + (vv * t236)
    t240 = ((t32 * t208) + t225) + (c * t236)
    tl.store(S + FACTOR * ROWS + r, t72)
    tl.store(S + R2 * ROWS + r, t74)
    tl.store(S + INVERSE * ROWS + r, t84)
    tl.store(S + STRETCH * ROWS + r, t87)
    tl.store(S + MASS * ROWS + r, t88)
    tl.store(S + D_VV * ROWS + r, t240)
    tl.store(S + D_C * ROWS + r, t239)


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
