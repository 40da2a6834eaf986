"""`midpoint`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of gyro-midpoints from the sums of attention, on a GPU.

The sums `H` are `[R, D]`, what is known of them `[5, R]`, and the midpoints' tangent vectors `[R, D]`. A program of the
grid computes a block of rows: it reads vectors a few rows at once, each thread computes the scalars of one row, and in
between numbers of a row go through a scratch in memory, as for two vectors per row. The scratch `S` of a block holds
one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import triton
import triton.language as tl

from timm_hyperbolic.geometry.kernels.primitives_gpu import f64, narrow, read, rows_at, typed

ROWS = tl.constexpr(32)
SLOTS = tl.constexpr(7)
HH = tl.constexpr(0)
MASS = tl.constexpr(1)
FACTOR = tl.constexpr(2)
G_FACTOR = tl.constexpr(3)
D_HH = tl.constexpr(4)
D_MASS = tl.constexpr(5)
D_C = tl.constexpr(6)


@triton.jit
def forward_scalars(S, numbers, clip):
    """factor of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    n_max = tl.load(clip + 2)
    u_max = tl.load(clip + 4)
    t19 = u_max * (f64(1.0) / (n_max + f64(1.0)))
    t20 = t19 * t19
    hh = tl.load(S + HH * ROWS + r)
    mass = tl.load(S + MASS * ROWS + r)
    t14 = hh * c
    t15 = mass * mass
    t16 = t15 - t14
    t21 = t15 * t20
    t23 = t15 * f64(2.220446049250313e-16)
    t26 = tl.where((t21 < t16), t16, t21)
    t28 = tl.where((t23 < t26), t26, t23)
    t30 = tl.where((f64(1.4916681462400413e-154) < t28), t28, f64(1.4916681462400413e-154))
    t34 = t14 * (f64(1.0) / t30)
    t36 = t34 < f64(0.015625)
    t38 = tl.sqrt((tl.where(t36, f64(1.0), t34)))
    t39 = tl.where(t36, t34, f64(0.0))
    t43 = (t39 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t46 = (t39 * t43) + f64(-0.022372159090909092)
    t50 = t39 * ((t39 * t46) + f64(0.030381944444444444))
    t53 = t39 * (t50 + f64(-0.044642857142857144))
    t58 = (t39 * (t53 + f64(0.075))) + f64(-0.16666666666666666)
    t64 = t38 + (tl.sqrt((f64(1.0) + (t38 * t38))))
    t68 = tl.where(t36, (f64(1.0) + (t39 * t58)), ((tl.log(t64)) * (f64(1.0) / t38)))
    t73 = (t68 * f64(0.5)) * (f64(1.0) / (tl.sqrt(t30)))
    t74 = tl.where((f64(0.0) < mass), t73, f64(0.0))
    tl.store(S + FACTOR * ROWS + r, t74)


@triton.jit
def backward_scalars(S, numbers, clip):
    """factor, d_hh, d_mass, d_c of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    n_max = tl.load(clip + 2)
    u_max = tl.load(clip + 4)
    t20 = u_max * (f64(1.0) / (n_max + f64(1.0)))
    t21 = t20 * t20
    hh = tl.load(S + HH * ROWS + r)
    mass = tl.load(S + MASS * ROWS + r)
    g_factor = tl.load(S + G_FACTOR * ROWS + r)
    t15 = hh * c
    t16 = mass * mass
    t17 = t16 - t15
    t22 = t16 * t21
    t24 = t16 * f64(2.220446049250313e-16)
    t26 = t22 < t17
    t27 = tl.where(t26, t17, t22)
    t28 = t24 < t27
    t29 = tl.where(t28, t27, t24)
    t30 = f64(1.4916681462400413e-154) < t29
    t31 = tl.where(t30, t29, f64(1.4916681462400413e-154))
    t33 = f64(0.0) < mass
    t34 = f64(1.0) / t31
    t35 = t15 * t34
    t37 = t35 < f64(0.015625)
    t39 = tl.sqrt((tl.where(t37, f64(1.0), t35)))
    t40 = tl.where(t37, t35, f64(0.0))
    t44 = (t40 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t47 = (t40 * t44) + f64(-0.022372159090909092)
    t50 = (t40 * t47) + f64(0.030381944444444444)
    t53 = (t40 * t50) + f64(-0.044642857142857144)
    t56 = (t40 * t53) + f64(0.075)
    t59 = (t40 * t56) + f64(-0.16666666666666666)
    t64 = tl.sqrt((f64(1.0) + (t39 * t39)))
    t67 = f64(1.0) / t39
    t68 = (tl.log((t39 + t64))) * t67
    t69 = tl.where(t37, (f64(1.0) + (t40 * t59)), t68)
    t71 = t69 * f64(0.5)
    t73 = f64(1.0) / (tl.sqrt(t31))
    t75 = tl.where(t33, (t71 * t73), f64(0.0))
    t76 = tl.where(t33, g_factor, f64(0.0))
    t83 = (t73 * (t73 * t73)) * ((t71 * t76) * f64(-0.5))
    t84 = f64(0.5) * (t73 * t76)
    t85 = tl.where(t37, f64(0.0), t84)
    t86 = tl.where(t37, t84, f64(0.0))
    t94 = ((t67 * t85) * (f64(1.0) / t64)) - (t85 * (t67 * t68))
    t96 = t40 * t86
    t98 = t40 * t96
    t101 = t40 * t98
    t102 = ((t59 * t86) + (t56 * t96)) + (t53 * t98)
    t104 = t40 * t101
    t107 = t40 * t104
    t111 = ((t102 + (t50 * t101)) + (t47 * t104)) + (t44 * t107)
    t113 = t111 + (f64(-0.01396484375) * (t40 * t107))
    t119 = tl.where(t37, f64(0.0), (t94 * (t67 * f64(0.5))))
    t120 = (tl.where(t37, t113, f64(0.0))) + t119
    t127 = tl.where(t30, (t83 - (t120 * (t34 * t35))), f64(0.0))
    t129 = tl.where(t28, t127, f64(0.0))
    t131 = tl.where(t26, t129, f64(0.0))
    t132 = f64(2.220446049250313e-16) * (tl.where(t28, f64(0.0), t127))
    t134 = t132 + (t21 * (tl.where(t26, f64(0.0), t129)))
    t137 = (t34 * t120) - t131
    t139 = (t131 + t134) * (mass * f64(2.0))
    t140 = c * t137
    t141 = hh * t137
    tl.store(S + FACTOR * ROWS + r, t75)
    tl.store(S + D_HH * ROWS + r, t140)
    tl.store(S + D_MASS * ROWS + r, t139)
    tl.store(S + D_C * ROWS + r, t141)


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
