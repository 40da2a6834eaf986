"""The passes over memory of a linear map between centres, on a CPU.

They stand around matrix products that torch computes. Behind the one of the way there, `y = Wx`, a pass takes a block
of rows of `y`, computes their inner products and then the scalars of all rows of the block, and writes the combination
of `y` and the fixed vectors `q = W·p_in`, `o = p_out` and `b`, the bias, in the place of `y`. In the backward pass a
pass before the products takes the gradient `g` of the result and a vector `v`. That is the result, from which the pass
gets `y` again; or it is `y`, computed once more, where the result has too few digits of it
(`linear.result_gives_product`).

The map has parts: each takes all of `x`, with centres and numbers of its own, and makes its own columns of `y`.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import numpy as np

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
from timm_hyperbolic.geometry.kernels.primitives import jit

# Sums over rows are taken over pieces of so many blocks first.
BLOCKS = 4


# The functions below take whole arrays and where in them a row is: a view of a row would cost more than its numbers.


@jit(any_order=True)
def inner_products_x(x, i, p_in, part):
    """`⟨x, x⟩` and `⟨x, p_in⟩`."""
    xx = 0.0
    xp = 0.0
    for j in range(x.shape[1]):
        a = np.float64(x[i, j])
        xx += a * a
        xp += a * np.float64(p_in[part, j])
    return xx, xp


@jit(any_order=True)
def inner_products(u, v, i, fixed, part):
    """`⟨u, v⟩`, and those of `u` with the three fixed vectors."""
    uv = 0.0
    uq = 0.0
    uo = 0.0
    ub = 0.0
    for j in range(u.shape[2]):
        a = np.float64(u[i, part, j])
        uv += a * np.float64(v[i, part, j])
        uq += a * np.float64(fixed[part, 0, j])
        uo += a * np.float64(fixed[part, 1, j])
        ub += a * np.float64(fixed[part, 2, j])
    return uv, uq, uo, ub


@jit(any_order=True)
def combine(y, i, fixed, part, of_y, of_q, of_o, of_b):
    """`of_y·y + of_q·q + of_o·o + of_b·b`, in the place of `y`."""
    for j in range(y.shape[2]):
        fixed_part = of_q * fixed[part, 0, j] + of_o * fixed[part, 1, j] + of_b * fixed[part, 2, j]
        y[i, part, j] = of_y * y[i, part, j] + fixed_part


@jit(any_order=True)
def combine_gradient(g, v, i, fixed, part, of_g, of_v, of_q, of_o, of_b, dy):
    """The gradient of `y` as a combination of `g`, `v` and the fixed vectors."""
    for j in range(g.shape[2]):
        fixed_part = of_q * fixed[part, 0, j] + of_o * fixed[part, 1, j] + of_b * fixed[part, 2, j]
        dy[i, part, j] = of_g * g[i, part, j] + of_v * v[i, part, j] + fixed_part


@jit(any_order=True)
def accumulate_g(g, i, part, a, b, c, sums, piece):
    """Add three multiples of a row of `g` to three sums."""
    for j in range(g.shape[2]):
        sums[piece, part, 0, j] += a * g[i, part, j]
        sums[piece, part, 1, j] += b * g[i, part, j]
        sums[piece, part, 2, j] += c * g[i, part, j]


@jit(any_order=True)
def write_dx(x, i, p_in, part, a, b, dx):
    """`a·x + b·p_in`, added to what the parts before it have."""
    if part == 0:
        for j in range(x.shape[1]):
            dx[i, j] = a * x[i, j] + b * p_in[part, j]
    else:
        for j in range(x.shape[1]):
            dx[i, j] += a * x[i, j] + b * p_in[part, j]


@jit(once=True)
def forward_block(block, x, p_in, fixed, numbers, y, kept):
    """The results of one block of rows, in the place of `y`; `kept` are the inputs of the program."""
    first, parts = block * ROWS, len(numbers)
    rows = min(ROWS, len(x) - first)
    number = y.dtype.type
    S = np.zeros((parts, SLOTS * ROWS))
    for r in range(rows):
        for part in range(parts):
            xx, xp = inner_products_x(x, first + r, p_in, part)
            yy, yq, yo, yb = inner_products(y, y, first + r, fixed, part)
            S[part, XX * ROWS + r] = xx
            S[part, XP * ROWS + r] = xp
            S[part, YY * ROWS + r] = yy
            S[part, YQ * ROWS + r] = yq
            S[part, YO * ROWS + r] = yo
            S[part, YB * ROWS + r] = yb
    for part in range(parts):
        for r in range(rows):
            for i in range(OF_Y):
                kept[first + r, part, i] = S[part, i * ROWS + r]
        forward_scalars(S[part], numbers[part])
    for r in range(rows):
        for part in range(parts):
            of_y, of_q = number(S[part, OF_Y * ROWS + r]), number(S[part, OF_Q * ROWS + r])
            of_o, of_b = number(S[part, OF_O * ROWS + r]), number(S[part, OF_B * ROWS + r])
            combine(y, first + r, fixed, part, of_y, of_q, of_o, of_b)


@jit(once=True)
def backward_block(block, piece, g, x, p_in, fixed, numbers, v, v_is_y, kept, dx, dy, along_x, along_g, of_numbers):
    """The gradients of one block of rows; sums over rows are added to those of its piece.

    Those of the inner products of `x` with `p_in` and of `y` with `q`, `o` and `b` are written to `along_x`.
    """
    first, parts = block * ROWS, len(numbers)
    rows = min(ROWS, len(x) - first)
    number = g.dtype.type
    S = np.zeros((parts, SLOTS * ROWS))
    for part in range(parts):
        for r in range(rows):
            for i in range(OF_Y):
                S[part, i * ROWS + r] = kept[first + r, part, i]
        forward_scalars(S[part], numbers[part])
    for r in range(rows):
        for part in range(parts):
            along_v, along_q, along_o, along_b = inner_products(g, v, first + r, fixed, part)
            if not v_is_y:
                of_q, of_o, of_b = S[part, OF_Q * ROWS + r], S[part, OF_O * ROWS + r], S[part, OF_B * ROWS + r]
                along_v -= of_q * along_q + of_o * along_o + of_b * along_b
                along_v /= S[part, OF_Y * ROWS + r]
            S[part, G_OF_Y * ROWS + r] = along_v
            S[part, G_OF_Q * ROWS + r] = along_q
            S[part, G_OF_O * ROWS + r] = along_o
            S[part, G_OF_B * ROWS + r] = along_b
    for part in range(parts):
        backward_scalars(S[part], numbers[part])
        for i in range(SLOTS - D_C):
            total = 0.0
            for r in range(rows):
                total += S[part, (D_C + i) * ROWS + r]
            of_numbers[piece, part, i] += total
    for r in range(rows):
        i = first + r
        for part in range(parts):
            of_y, of_q = S[part, OF_Y * ROWS + r], S[part, OF_Q * ROWS + r]
            of_o, of_b = S[part, OF_O * ROWS + r], S[part, OF_B * ROWS + r]
            by_xp, by_yq = S[part, D_XP * ROWS + r], S[part, D_YQ * ROWS + r]
            by_yo, by_yb = S[part, D_YO * ROWS + r], S[part, D_YB * ROWS + r]
            of_v, dy_q, dy_o, dy_b = 2.0 * S[part, D_YY * ROWS + r], by_yq, by_yo, by_yb
            if not v_is_y:
                of_v /= of_y
                dy_q -= of_v * of_q
                dy_o -= of_v * of_o
                dy_b -= of_v * of_b
            of_fixed = number(dy_q), number(dy_o), number(dy_b)
            combine_gradient(g, v, i, fixed, part, number(of_y), number(of_v), *of_fixed, dy)
            accumulate_g(g, i, part, number(of_q), number(of_o), number(of_b), along_g, piece)
            along_x[i, part, 0], along_x[i, part, 1] = by_xp, by_yq
            along_x[i, part, 2], along_x[i, part, 3] = by_yo, by_yb
            write_dx(x, i, p_in, part, number(2.0 * S[part, D_XX * ROWS + r]), number(by_xp), dx)


@jit(once=True)
def backward_piece(piece, g, x, p_in, fixed, numbers, v, v_is_y, kept, dx, dy, along_x, along_g, of_numbers):
    """The gradients of one piece of rows, with its sums."""
    along_g[piece] = 0.0
    of_numbers[piece] = 0.0
    for block in range(piece * BLOCKS, min((piece + 1) * BLOCKS, (len(x) + ROWS - 1) // ROWS)):
        backward_block(block, piece, g, x, p_in, fixed, numbers, v, v_is_y, kept, dx, dy, along_x, along_g, of_numbers)


@jit
def forward(first, last, x, p_in, fixed, numbers, y, kept):
    """The results for `x`, `[R, D]`, and `y`, `[R, P, E]`, in the place of `y`, in some of the blocks."""
    for block in range(first, last):
        forward_block(block, x, p_in, fixed, numbers, y, kept)


@jit
def backward(first, last, g, x, p_in, fixed, numbers, v, v_is_y, kept, dx, dy, along_x, along_g, of_numbers):
    """The gradients of `x` but for the product with `dy`, of `y`, and sums for each piece of rows, in some pieces."""
    for piece in range(first, last):
        backward_piece(piece, g, x, p_in, fixed, numbers, v, v_is_y, kept, dx, dy, along_x, along_g, of_numbers)
