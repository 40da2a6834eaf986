"""`ball_of_tangent`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

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
    t4 = rr * c
    t7 = limit * T(0.5)
    t8 = t7 * t7
    t9 = t8 < t4
    t13 = t7 * (T(1.0) / sqrt(where(t9, t4, T(1.0))))
    t15 = where(t9, t8, t4)
    t17 = t15 < T(0.015625)
    t19 = sqrt(where(t17, T(1.0), t15))
    t21 = where(t17, t15, T(0.0))
    t25 = (t21 * T(-0.05396825396825397)) + T(0.13333333333333333)
    t29 = t21 * ((t21 * t25) + T(-0.3333333333333333))
    t33 = exp((t19 * T(-2.0)))
    t37 = (T(1.0) - t33) * (T(1.0) / (T(1.0) + t33))
    t40 = where(t17, (T(1.0) + t29), (t37 * (T(1.0) / t19)))
    t41 = where(t9, t13, T(1.0)) * t40
    factor = t41
    return factor


@jit(inline=True)
def backward_pair(rr, c, limit, g_factor):
    """factor, d_rr, d_c of a pair."""
    t5 = rr * c
    t8 = limit * T(0.5)
    t9 = t8 * t8
    t10 = t9 < t5
    t13 = T(1.0) / sqrt(where(t10, t5, T(1.0)))
    t15 = where(t10, (t8 * t13), T(1.0))
    t16 = where(t10, t9, t5)
    t18 = t16 < T(0.015625)
    t20 = sqrt(where(t18, T(1.0), t16))
    t22 = where(t18, t16, T(0.0))
    t26 = (t22 * T(-0.05396825396825397)) + T(0.13333333333333333)
    t29 = (t22 * t26) + T(-0.3333333333333333)
    t34 = exp((t20 * T(-2.0)))
    t38 = (T(1.0) - t34) * (T(1.0) / (T(1.0) + t34))
    t39 = T(1.0) / t20
    t40 = t38 * t39
    t41 = where(t18, (T(1.0) + (t22 * t29)), t40)
    t42 = t15 * t41
    t43 = g_factor * t15
    t45 = where(t18, T(0.0), t43)
    t46 = where(t18, t43, T(0.0))
    t55 = ((t39 * t45) * (T(1.0) - (t38 * t38))) - (t45 * (t39 * t40))
    t57 = t22 * t46
    t62 = ((t29 * t46) + (t26 * t57)) + (T(-0.05396825396825397) * (t22 * t57))
    t67 = where(t18, T(0.0), (t55 * (T(0.5) * t39)))
    t69 = where(t10, T(0.0), (where(t18, t62, T(0.0)) + t67))
    t71 = t8 * where(t10, (g_factor * t41), T(0.0))
    t77 = where(t10, ((t13 * (t13 * t13)) * (t71 * T(-0.5))), T(0.0))
    t78 = t69 + t77
    t79 = c * t78
    t80 = rr * t78
    factor = t42
    d_rr = t79
    d_c = t80
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
