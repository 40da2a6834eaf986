"""`tangent_of_ball`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of vectors that are multiplied by a function of their length, on a CPU.

Vectors are `[G, D, P]`: the P vectors of a group lie side by side, as the pixels of an image do. A piece of work is up
to BLOCK vectors of a group.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp32 as exp, index, jit, log32 as log, sqrt, where

T = np.float32


@jit(inline=True)
def forward_pair(rr, c, limit):
    """factor of a pair."""
    t5 = T(1.0) - (rr * c)
    t8 = where((t5 < T(9.5367431640625e-07)), T(9.5367431640625e-07), t5)
    t11 = (T(1.0) - t8) * (T(1.0) / t8)
    t13 = t11 < T(0.015625)
    t15 = sqrt(where(t13, T(1.0), t11))
    t17 = where(t13, t11, T(0.0))
    t21 = (t17 * T(-0.044642857142857144)) + T(0.075)
    t25 = t17 * ((t17 * t21) + T(-0.16666666666666666))
    t31 = log((t15 + sqrt((T(1.0) + (t15 * t15)))))
    t34 = where(t13, (T(1.0) + t25), (t31 * (T(1.0) / t15)))
    t37 = t34 * (T(1.0) / sqrt(t8))
    factor = t37
    return factor


@jit(inline=True)
def backward_pair(rr, c, limit, g_factor):
    """factor, d_rr, d_c of a pair."""
    t6 = T(1.0) - (rr * c)
    t9 = where((t6 < T(9.5367431640625e-07)), T(9.5367431640625e-07), t6)
    t11 = T(1.0) / t9
    t12 = (T(1.0) - t9) * t11
    t14 = t12 < T(0.015625)
    t16 = sqrt(where(t14, T(1.0), t12))
    t18 = where(t14, t12, T(0.0))
    t22 = (t18 * T(-0.044642857142857144)) + T(0.075)
    t25 = (t18 * t22) + T(-0.16666666666666666)
    t30 = sqrt((T(1.0) + (t16 * t16)))
    t33 = T(1.0) / t16
    t34 = log((t16 + t30)) * t33
    t35 = where(t14, (T(1.0) + (t18 * t25)), t34)
    t37 = T(1.0) / sqrt(t9)
    t38 = t35 * t37
    t40 = g_factor * t37
    t45 = (t37 * (t37 * t37)) * ((g_factor * t35) * T(-0.5))
    t46 = where(t14, T(0.0), t40)
    t47 = where(t14, t40, T(0.0))
    t55 = ((t33 * t46) * (T(1.0) / t30)) - (t46 * (t33 * t34))
    t57 = t18 * t47
    t62 = ((t25 * t47) + (t22 * t57)) + (T(-0.044642857142857144) * (t18 * t57))
    t69 = where(t14, T(0.0), (t55 * (t33 * T(0.5))))
    t70 = where(t14, t62, T(0.0)) + t69
    t78 = (t45 - (t70 * (t11 * t12))) - (t11 * t70)
    t80 = where((T(9.5367431640625e-07) < t6), t78, T(0.0))
    t83 = -(c * t80)
    t85 = -(rr * t80)
    factor = t38
    d_rr = t83
    d_c = t85
    return factor, d_rr, d_c


# Vectors of a piece
BLOCK = 256


@jit(any_order=True)
def add_products(total, x, y):
    """Add `x·y` in place."""
    for p in range(len(x)):
        total[index(p)] += x[index(p)] * y[index(p)]


@jit(any_order=True)
def factors(rr, c, limit):
    """The factor of each vector, in place of its squared length."""
    for p in range(len(rr)):
        rr[index(p)] = forward_pair(rr[index(p)], c, limit)


@jit(any_order=True)
def derivatives(rr, along, factor, c, limit):
    """The factor, and twice the gradient of the squared length in place of it; returns that of the curvature."""
    total = T(0.0)
    for p in range(len(rr)):
        factor[index(p)], by_rr, by_c = backward_pair(rr[index(p)], c, limit, along[index(p)])
        rr[index(p)] = T(2.0) * by_rr
        total += by_c
    return total


@jit(any_order=True)
def multiply(factor, x, out):
    """`factor·x`."""
    for p in range(len(x)):
        out[index(p)] = factor[index(p)] * x[index(p)]


@jit(any_order=True)
def combine(a, x, b, y, out):
    """`a·x + b·y`."""
    for p in range(len(x)):
        out[index(p)] = a[index(p)] * x[index(p)] + b[index(p)] * y[index(p)]


@jit
def forward(begin, end, x, numbers, out):
    """The results in some of the pieces.

    Args:
        x: `[G, D, P]`.
        numbers: The curvature and the limit, `[2]`.
        out: `[G, D, P]`.
    """
    blocks = (x.shape[2] + BLOCK - 1) // BLOCK
    for piece in range(begin, end):
        group, first = piece // blocks, piece % blocks * BLOCK
        last = min(first + BLOCK, x.shape[2])
        some, lengths = slice(first, last), np.zeros(last - first, T)
        for d in range(x.shape[1]):
            add_products(lengths, x[group, d, some], x[group, d, some])
        factors(lengths, numbers[0], numbers[1])
        for d in range(x.shape[1]):
            multiply(lengths, x[group, d, some], out[group, d, some])


@jit
def backward(begin, end, x, numbers, g, of_x, of_c):
    """Gradients in some of the pieces.

    Args:
        x: As `forward`, as are `numbers`.
        numbers: See `x`.
        g: The gradient of the results, `[G, D, P]`.
        of_x: The gradient of `x`, `[G, D, P]`.
        of_c: A part of the gradient of the curvature for each piece.
    """
    blocks = (x.shape[2] + BLOCK - 1) // BLOCK
    for piece in range(begin, end):
        group, first = piece // blocks, piece % blocks * BLOCK
        last = min(first + BLOCK, x.shape[2])
        some = slice(first, last)
        lengths, along, factor = np.zeros(last - first, T), np.zeros(last - first, T), np.empty(last - first, T)
        for d in range(x.shape[1]):
            add_products(lengths, x[group, d, some], x[group, d, some])
            add_products(along, g[group, d, some], x[group, d, some])
        of_c[piece] = derivatives(lengths, along, factor, numbers[0], numbers[1])
        for d in range(x.shape[1]):
            combine(factor, g[group, d, some], lengths, x[group, d, some], of_x[group, d, some])
