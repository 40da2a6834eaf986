"""`space_of_ball`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

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
    t11 = (T(1.0) / t8) * T(2.0)
    factor = t11
    return factor


@jit(inline=True)
def backward_pair(rr, c, limit, g_factor):
    """factor, d_rr, d_c of a pair."""
    t6 = T(1.0) - (rr * c)
    t9 = where((t6 < T(9.5367431640625e-07)), T(9.5367431640625e-07), t6)
    t10 = T(1.0) / t9
    t12 = t10 * T(2.0)
    t20 = where((T(9.5367431640625e-07) < t6), (-((g_factor * T(2.0)) * (t10 * t10))), T(0.0))
    t23 = -(c * t20)
    t25 = -(rr * t20)
    factor = t12
    d_rr = t23
    d_c = t25
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
