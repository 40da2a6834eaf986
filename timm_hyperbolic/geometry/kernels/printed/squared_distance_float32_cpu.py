"""`squared_distance_float32`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over all pairs of attention by distance, between its matrix products, on a CPU.

One head at a time. Queries and keys are rows `b·N + n` of their sample `b` and token `n`; each query meets the keys
that all samples share, `[R, M]`, and the keys of its own sample, `[R, N]`. `points` are the numbers of `Attended`, a
line of memory for each: `[5, R]`, or `[5, M]` for what is shared.

Forward, inner products become weights, not yet divided by their sum, times the factor of the value that they multiply.
Backward, inner products become such weights again, divided by their sum, and products of the sums' gradients with
values become the gradients of inner products.

A piece of work is a few queries of one sample. Its scratch `S` has blocks of LANES pairs of one query, and in each
block LANES numbers for each of its slots, `S[block * SIZE + slot * LANES + lane]`. The pairs with shared keys come
first, as many as fill blocks, then those with the sample's keys, then the rest of both.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp32 as exp, index, jit, log32 as log, sqrt, where

T = np.float32


@jit(inline=True)
def forward_pair(inner, p_r2, p_inverse, q_r2, q_inverse, c):
    """d2 of a pair."""
    t10 = (p_r2 + q_r2) - (inner * T(2.0))
    t14 = t10 - where((T(0.0) < t10), T(0.0), t10)
    t16 = q_inverse * (p_inverse * t14)
    t19 = c * t16
    t21 = t19 < T(0.015625)
    t23 = sqrt(where(t21, T(1.0), t19))
    t24 = where(t21, t19, T(0.0))
    t28 = (t24 * T(-0.044642857142857144)) + T(0.075)
    t32 = t24 * ((t24 * t28) + T(-0.16666666666666666))
    t38 = log((t23 + sqrt((T(1.0) + (t23 * t23)))))
    t41 = where(t21, (T(1.0) + t32), (t38 * (T(1.0) / t23)))
    t43 = (t16 * T(4.0)) * (t41 * t41)
    d2 = t43
    return d2


@jit(inline=True)
def backward_pair(inner, p_r2, p_inverse, q_r2, q_inverse, c, g_d2):
    """d2, d_inner, d_p_r2, d_p_inverse, d_q_r2, d_q_inverse, d_c of a pair."""
    t11 = (p_r2 + q_r2) - (inner * T(2.0))
    t15 = t11 - where((T(0.0) < t11), T(0.0), t11)
    t16 = p_inverse * t15
    t17 = q_inverse * t16
    t19 = t17 * T(4.0)
    t20 = c * t17
    t22 = t20 < T(0.015625)
    t24 = sqrt(where(t22, T(1.0), t20))
    t25 = where(t22, t20, T(0.0))
    t29 = (t25 * T(-0.044642857142857144)) + T(0.075)
    t32 = (t25 * t29) + T(-0.16666666666666666)
    t37 = sqrt((T(1.0) + (t24 * t24)))
    t40 = T(1.0) / t24
    t41 = log((t24 + t37)) * t40
    t42 = where(t22, (T(1.0) + (t25 * t32)), t41)
    t43 = t42 * t42
    t44 = t19 * t43
    t48 = (g_d2 * t19) * (T(2.0) * t42)
    t49 = where(t22, T(0.0), t48)
    t50 = where(t22, t48, T(0.0))
    t58 = ((t40 * t49) * (T(1.0) / t37)) - (t49 * (t40 * t41))
    t60 = t25 * t50
    t65 = ((t32 * t50) + (t29 * t60)) + (T(-0.044642857142857144) * (t25 * t60))
    t71 = where(t22, T(0.0), (t58 * (t40 * T(0.5))))
    t72 = where(t22, t65, T(0.0)) + t71
    t74 = t17 * t72
    t76 = (c * t72) + (T(4.0) * (g_d2 * t43))
    t77 = t16 * t76
    t78 = q_inverse * t76
    t79 = t15 * t78
    t80 = p_inverse * t78
    t83 = -(T(2.0) * t80)
    d2 = t44
    d_inner = t83
    d_p_r2 = t80
    d_p_inverse = t79
    d_q_r2 = t80
    d_q_inverse = t77
    d_c = t74
    return d2, d_inner, d_p_r2, d_p_inverse, d_q_r2, d_q_inverse, d_c


# Of a vector of numbers, on the widest processors
LANES = 16
# Queries of a piece
QUERIES = 128
# Weights below e^-64 of the greatest are no more than rounding, and count as zero: their products would be subnormal
# numbers, with which a processor computes a hundred times slower.
LEAST = T(-64.0)
NEVER = T(-1e30)

# The numbers of a point
FACTOR, R2, INVERSE, STRETCH, MASS = 0, 1, 2, 3, 4
# Slots: a key's and its value's, a pair's, the gradients of a key's
KEY_FACTOR, KEY_R2, KEY_INVERSE, VALUE_FACTOR, VALUE_MASS, BIAS, KEEP = 0, 1, 2, 3, 4, 5, 6
SCORE, D_KEY_R2, D_KEY_INVERSE, D_VALUE_MASS, D_C, D_SLOPE = 7, 8, 9, 10, 11, 12
SLOTS = 13
SIZE = SLOTS * LANES


@jit
def place(S, slot, first, values, start, stop):
    """Numbers of keys into a slot, one after the other from the place `first` on."""
    for j in range(start, stop):
        at = first + j - start
        S[index(at // LANES * SIZE + slot * LANES + at % LANES)] = values[j]


@jit
def take(S, slot, first, values, start, stop):
    """The inverse of `place`."""
    for j in range(start, stop):
        at = first + j - start
        values[j] = S[index(at // LANES * SIZE + slot * LANES + at % LANES)]


@jit
def place_rest(rest, of_shared, of_own):
    """What does not fill blocks, side by side."""
    full_shared, full_own = len(of_shared) // LANES * LANES, len(of_own) // LANES * LANES
    at = len(of_shared) - full_shared
    for j in range(at):
        rest[j] = of_shared[full_shared + j]
    for j in range(len(of_own) - full_own):
        rest[at + j] = of_own[full_own + j]


@jit
def take_rest(rest, of_shared, of_own):
    """The inverse of `place_rest`."""
    full_shared, full_own = len(of_shared) // LANES * LANES, len(of_own) // LANES * LANES
    at = len(of_shared) - full_shared
    for j in range(at):
        of_shared[full_shared + j] = rest[j]
    for j in range(len(of_own) - full_own):
        of_own[full_own + j] = rest[at + j]


@jit
def place_keys(S, slot, of_shared, of_own):
    """Numbers of all keys into a slot, in the order of the pairs."""
    full_shared, full_own = len(of_shared) // LANES * LANES, len(of_own) // LANES * LANES
    place(S, slot, 0, of_shared, 0, full_shared)
    place(S, slot, full_shared, of_own, 0, full_own)
    rest = full_shared + full_own
    place(S, slot, rest, of_shared, full_shared, len(of_shared))
    place(S, slot, rest + len(of_shared) - full_shared, of_own, full_own, len(of_own))


@jit
def take_keys(S, slot, of_shared, of_own):
    """The inverse of `place_keys`."""
    full_shared, full_own = len(of_shared) // LANES * LANES, len(of_own) // LANES * LANES
    take(S, slot, 0, of_shared, 0, full_shared)
    take(S, slot, full_shared, of_own, 0, full_own)
    rest = full_shared + full_own
    take(S, slot, rest, of_shared, full_shared, len(of_shared))
    take(S, slot, rest + len(of_shared) - full_shared, of_own, full_own, len(of_own))


@jit
def blocks_of(shared, own):
    """How many blocks there are full of shared keys, full of own keys, and in all."""
    full_shared, full_own = shared // LANES, own // LANES
    rest = shared + own - (full_shared + full_own) * LANES
    return full_shared, full_own, full_shared + full_own + (rest + LANES - 1) // LANES


@jit
def scratch(shared, shared_value, key, value):
    """The scratch of a piece, with what is known of its keys."""
    _, _, blocks = blocks_of(shared.shape[1], key.shape[1])
    S = np.zeros(blocks * SIZE, shared.dtype)
    for block in range(blocks):
        for j in range(LANES):
            S[index(block * SIZE + BIAS * LANES + j)] = NEVER
            S[index(block * SIZE + KEEP * LANES + j)] = T(1.0)
    place_keys(S, KEY_FACTOR, shared[FACTOR], key[FACTOR])
    place_keys(S, KEY_R2, shared[R2], key[R2])
    place_keys(S, KEY_INVERSE, shared[INVERSE], key[INVERSE])
    place_keys(S, VALUE_FACTOR, shared_value[STRETCH], value[STRETCH])
    place_keys(S, VALUE_MASS, shared_value[MASS], value[MASS])
    place_keys(S, BIAS, np.zeros(shared.shape[1], shared.dtype), np.zeros(key.shape[1], shared.dtype))
    return S


@jit
def total(S, slot, blocks):
    """The sum over a slot of all blocks."""
    found = 0.0
    for block in range(blocks):
        for j in range(LANES):
            found += S[index(block * SIZE + slot * LANES + j)]
    return found


@jit(any_order=True)
def scores(x, S, block, blocks, lanes, query, slope, c):
    """The scores of some blocks, and the greatest of each lane.

    Args:
        x: The inner products.
        S: The scratch.
        block: The first block.
        blocks: How many there are.
        lanes: The greatest score of each lane.
        query: The numbers of the query's point.
        slope: What squared distances are multiplied by.
        c: The curvature.
    """
    factor, r2, inverse = query
    for k in range(blocks):
        at, s = k * LANES, (block + k) * SIZE
        for j in range(LANES):
            inner = x[index(at + j)] * (factor * S[index(s + KEY_FACTOR * LANES + j)])
            key_r2, key_inverse = S[index(s + KEY_R2 * LANES + j)], S[index(s + KEY_INVERSE * LANES + j)]
            d2 = forward_pair(inner, r2, inverse, key_r2, key_inverse, c)
            score = slope * d2 + S[index(s + BIAS * LANES + j)]
            S[index(s + SCORE * LANES + j)] = score
            lanes[j] = where(score > lanes[j], score, lanes[j])


@jit(inline=True)
def weight(score):
    """`e^score`, but zero where that is negligible; NaN stays NaN."""
    return where(score > LEAST, exp(score), T(0.0) * score)


@jit(any_order=True)
def weights(x, S, block, blocks, greatest):
    """Weights from the scores of some blocks, into `x` times the factors of values; returns their sum and their mass.

    Args: as `scores`, and
        greatest: The greatest score of the query.
    """
    total, mass = T(0.0), T(0.0)
    for k in range(blocks):
        at, s = k * LANES, (block + k) * SIZE
        for j in range(LANES):
            w = weight(S[index(s + SCORE * LANES + j)] - greatest)
            total += w
            w *= S[index(s + KEEP * LANES + j)]
            mass += w * S[index(s + VALUE_MASS * LANES + j)]
            x[index(at + j)] = w * S[index(s + VALUE_FACTOR * LANES + j)]
    return total, mass


@jit(any_order=True)
def backward_of_blocks(x, g, S, block, blocks, query, of_row, slope, c):
    """Weights into `x`, the gradients of inner products into `g` in place of the sums' gradients times the values.

    Gradients of the keys' and values' numbers, of the slope and of the curvature are added to in the scratch.

    Args: as `scores`, and
        g: The products of the sums' gradients with the values.
        of_row: What is known of the query, and the gradients of its sums.

    Returns:
        The gradients of the query's `r2` and `inverse`.
    """
    factor, r2, inverse = query
    greatest, inverse_total, of_mass, mean = of_row
    of_r2, of_inverse = T(0.0), T(0.0)
    for k in range(blocks):
        at, s = k * LANES, (block + k) * SIZE
        for j in range(LANES):
            factors = factor * S[index(s + KEY_FACTOR * LANES + j)]
            inner = x[index(at + j)] * factors
            key_r2, key_inverse = S[index(s + KEY_R2 * LANES + j)], S[index(s + KEY_INVERSE * LANES + j)]
            d2 = forward_pair(inner, r2, inverse, key_r2, key_inverse, c)
            w = weight(slope * d2 + S[index(s + BIAS * LANES + j)] - greatest) * inverse_total
            keep, value_factor = S[index(s + KEEP * LANES + j)], S[index(s + VALUE_FACTOR * LANES + j)]
            of_weight = (g[index(at + j)] * value_factor + of_mass * S[index(s + VALUE_MASS * LANES + j)]) * keep
            of_score = w * (of_weight - mean)
            _, d_inner, d_r2, d_inverse, d_key_r2, d_key_inverse, d_c = backward_pair(
                inner, r2, inverse, key_r2, key_inverse, c, slope * of_score
            )
            w *= keep
            of_r2 += d_r2
            of_inverse += d_inverse
            S[index(s + D_KEY_R2 * LANES + j)] += d_key_r2
            S[index(s + D_KEY_INVERSE * LANES + j)] += d_key_inverse
            S[index(s + D_VALUE_MASS * LANES + j)] += w * of_mass
            S[index(s + D_C * LANES + j)] += d_c
            S[index(s + D_SLOPE * LANES + j)] += of_score * d2
            x[index(at + j)] = w * value_factor
            g[index(at + j)] = d_inner * factors
    return of_r2, of_inverse


@jit
def forward_piece(piece, first, pairs, points, keep, head, numbers, known):
    """Weights of a few queries of one sample."""
    of_shared, of_own = pairs
    query, key, value, shared, shared_value = points
    N, M = of_own.shape[1], of_shared.shape[1]
    pieces = (N + QUERIES - 1) // QUERIES
    sample, n = piece // pieces, piece % pieces * QUERIES
    own = slice(first + sample * N, first + (sample + 1) * N)
    c, slope = T(numbers[0]), T(numbers[1])
    full_shared, full_own, blocks = blocks_of(M, N)
    full = full_shared + full_own
    S, last = scratch(shared, shared_value, key[:, own], value[:, own]), blocks - full
    rest, lanes = np.zeros(2 * LANES, S.dtype), np.empty(LANES, S.dtype)
    for row in range(sample * N + n, min(sample * N + n + QUERIES, (sample + 1) * N)):
        i = first + row
        x_shared, x_own = of_shared[row], of_own[row]
        place_rest(rest, x_shared, x_own)
        if len(keep) > 0:
            kept = keep[head[0] + sample * head[1] + row - sample * N]
            place_keys(S, KEEP, kept[:M], kept[M:])
        q = query[FACTOR, i], query[R2, i], query[INVERSE, i]
        lanes[:] = NEVER
        scores(x_shared, S, 0, full_shared, lanes, q, slope, c)
        scores(x_own, S, full_shared, full_own, lanes, q, slope, c)
        scores(rest, S, full, last, lanes, q, slope, c)
        greatest = NEVER
        for j in range(LANES):
            greatest = max(greatest, lanes[j])
        t1, m1 = weights(x_shared, S, 0, full_shared, greatest)
        t2, m2 = weights(x_own, S, full_shared, full_own, greatest)
        t3, m3 = weights(rest, S, full, last, greatest)
        take_rest(rest, x_shared, x_own)
        total = np.float64(t1 + t2 + t3)
        known[0, i] = greatest
        known[1, i] = 1.0 / total
        known[2, i] = (m1 + m2 + m3) / total


@jit
def backward_piece(piece, first, pairs, points, keep, head, numbers, known, of_rows, gradients):
    """The gradients of a few queries of one sample."""
    of_shared, of_own, g_shared, g_own = pairs
    query, key, value, shared, shared_value = points
    d_query, d_own, d_shared, d_numbers = gradients
    N, M = of_own.shape[1], of_shared.shape[1]
    pieces = (N + QUERIES - 1) // QUERIES
    sample, n = piece // pieces, piece % pieces * QUERIES
    own = slice(first + sample * N, first + (sample + 1) * N)
    c, slope = T(numbers[0]), T(numbers[1])
    full_shared, full_own, blocks = blocks_of(M, N)
    full = full_shared + full_own
    S, last = scratch(shared, shared_value, key[:, own], value[:, own]), blocks - full
    rest, of_rest = np.zeros(2 * LANES, S.dtype), np.zeros(2 * LANES, S.dtype)
    for row in range(sample * N + n, min(sample * N + n + QUERIES, (sample + 1) * N)):
        i = first + row
        x_shared, x_own, y_shared, y_own = of_shared[row], of_own[row], g_shared[row], g_own[row]
        place_rest(rest, x_shared, x_own)
        place_rest(of_rest, y_shared, y_own)
        if len(keep) > 0:
            kept = keep[head[0] + sample * head[1] + row - sample * N]
            place_keys(S, KEEP, kept[:M], kept[M:])
        q = query[FACTOR, i], query[R2, i], query[INVERSE, i]
        of_row = T(known[0, i]), T(known[1, i]), T(of_rows[0, i]), T(of_rows[1, i])
        a1, b1 = backward_of_blocks(x_shared, y_shared, S, 0, full_shared, q, of_row, slope, c)
        a2, b2 = backward_of_blocks(x_own, y_own, S, full_shared, full_own, q, of_row, slope, c)
        a3, b3 = backward_of_blocks(rest, of_rest, S, full, last, q, of_row, slope, c)
        take_rest(rest, x_shared, x_own)
        take_rest(of_rest, y_shared, y_own)
        d_query[R2, i] = a1 + a2 + a3
        d_query[INVERSE, i] = b1 + b2 + b3
    d_numbers[piece, 0] = total(S, D_C, blocks)
    d_numbers[piece, 1] = total(S, D_SLOPE, blocks)
    for d in range(3):
        take_keys(S, D_KEY_R2 + d, d_shared[piece, d], d_own[piece % pieces, d, own])


@jit
def forward(begin, end, first, pairs, points, keep, head, numbers, known):
    """Weights in place of inner products, in some of the blocks.

    Args:
        first: The row of the first query.
        pairs: The inner products, `[r, M]` and `[r, N]`, for r queries from the first one on, all of their samples.
        points: Numbers of the queries, the keys, the values, `[5, R]`, of the shared keys and values, `[5, M]`.
        keep: Which weights stay, a line of shared and own keys for each query of every head; empty for all.
        head: The line of `keep` of the first query, and how many there are from one sample to the next.
        numbers: The curvature, and what squared distances are multiplied by.
        known: Of each query its greatest score, the inverse sum of its weights, and the mass of the sum of values,
            `[5, R]`; see `midpoint_cpu`.
    """
    for piece in range(begin, end):
        forward_piece(piece, first, pairs, points, keep, head, numbers, known)


@jit
def backward(begin, end, first, pairs, points, keep, head, numbers, known, of_rows, gradients):
    """Weights in place of inner products, and gradients of inner products in place of those of weights.

    Args:
        first: As `forward`, as are `points`, `keep`, `head` and `numbers`.
        pairs: The inner products as there, and those of the sums' gradients with the values.
        points: See `first`.
        keep: See `first`.
        head: See `first`.
        numbers: See `first`.
        known: As `forward` left it.
        of_rows: The gradient of the mass of each query, and the mean of its weights' gradients, `[2, R]`.
        gradients: Of the numbers of queries, `[5, R]`; of `R2` and `INVERSE` of keys and `MASS` of values, `[q, 3, R]`
            for q pieces of a sample; of the same of shared keys and values, and of the curvature and the slope, for
            each piece, `[P, 3, M]` and `[P, 2]`.
    """
    for piece in range(begin, end):
        backward_piece(piece, first, pairs, points, keep, head, numbers, known, of_rows, gradients)
