"""`squared_distance_float64`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

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

from timm_hyperbolic.geometry.kernels.primitives import exp, index, jit, log, sqrt, where

T = np.float64


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
    t28 = (t24 * T(-0.01396484375)) + T(0.017352764423076924)
    t32 = t24 * ((t24 * t28) + T(-0.022372159090909092))
    t37 = (t24 * (t32 + T(0.030381944444444444))) + T(-0.044642857142857144)
    t43 = (t24 * ((t24 * t37) + T(0.075))) + T(-0.16666666666666666)
    t50 = log((t23 + sqrt((T(1.0) + (t23 * t23)))))
    t53 = where(t21, (T(1.0) + (t24 * t43)), (t50 * (T(1.0) / t23)))
    t55 = (t16 * T(4.0)) * (t53 * t53)
    d2 = t55
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
    t29 = (t25 * T(-0.01396484375)) + T(0.017352764423076924)
    t32 = (t25 * t29) + T(-0.022372159090909092)
    t35 = (t25 * t32) + T(0.030381944444444444)
    t38 = (t25 * t35) + T(-0.044642857142857144)
    t41 = (t25 * t38) + T(0.075)
    t44 = (t25 * t41) + T(-0.16666666666666666)
    t49 = sqrt((T(1.0) + (t24 * t24)))
    t52 = T(1.0) / t24
    t53 = log((t24 + t49)) * t52
    t54 = where(t22, (T(1.0) + (t25 * t44)), t53)
    t55 = t54 * t54
    t56 = t19 * t55
    t60 = (g_d2 * t19) * (T(2.0) * t54)
    t61 = where(t22, T(0.0), t60)
    t62 = where(t22, t60, T(0.0))
    t70 = ((t52 * t61) * (T(1.0) / t49)) - (t61 * (t52 * t53))
    t72 = t25 * t62
    t74 = t25 * t72
    t77 = t25 * t74
    t78 = ((t44 * t62) + (t41 * t72)) + (t38 * t74)
    t80 = t25 * t77
    t83 = t25 * t80
    t87 = ((t78 + (t35 * t77)) + (t32 * t80)) + (t29 * t83)
    t90 = where(t22, (t87 + (T(-0.01396484375) * (t25 * t83))), T(0.0))
    t95 = where(t22, T(0.0), (t70 * (t52 * T(0.5))))
    t96 = t90 + t95
    t98 = t17 * t96
    t100 = (c * t96) + (T(4.0) * (g_d2 * t55))
    t101 = t16 * t100
    t102 = q_inverse * t100
    t103 = t15 * t102
    t104 = p_inverse * t102
    t107 = -(T(2.0) * t104)
    d2 = t56
    d_inner = t107
    d_p_r2 = t104
    d_p_inverse = t103
    d_q_r2 = t104
    d_q_inverse = t101
    d_c = t98
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
# Slots: a key's and its value's; the gradients of these and of the numbers, summed over queries; a pair's
KEY_FACTOR, KEY_R2, KEY_INVERSE, VALUE_FACTOR, VALUE_MASS, BIAS, KEEP = 0, 1, 2, 3, 4, 5, 6
D_KEY_R2, D_KEY_INVERSE, D_VALUE_MASS, D_C, D_SLOPE = 7, 8, 9, 10, 11
SCORE, WEIGHT, OF_WEIGHT, D2, BY_INNER, BY_R2, BY_INVERSE, BY_KEY_R2, BY_KEY_INVERSE, BY_C = range(12, 22)
SLOTS = 22
SIZE = SLOTS * LANES


@jit
def place_of_shared(j, M, N):
    """The place of a shared key: in full blocks, or behind those of both kinds."""
    return j if j < M // LANES * LANES else N // LANES * LANES + j


@jit
def place_of_own(j, M, N):
    """The place of a key of the sample: behind full blocks of shared ones, or at the end."""
    return M // LANES * LANES + j if j < N // LANES * LANES else M + j


@jit
def at(place, slot):
    """Where the scratch has a number of a pair."""
    return index(place // LANES * SIZE + slot * LANES + place % LANES)


@jit
def place_keys(S, slot, of_shared, of_own):
    """Numbers of all keys into a slot."""
    M, N = len(of_shared), len(of_own)
    for j in range(M):
        S[at(place_of_shared(j, M, N), slot)] = of_shared[j]
    for j in range(N):
        S[at(place_of_own(j, M, N), slot)] = of_own[j]


@jit
def take_keys(S, slot, of_shared, of_own):
    """Numbers of all keys from a slot."""
    M, N = len(of_shared), len(of_own)
    for j in range(M):
        of_shared[j] = S[at(place_of_shared(j, M, N), slot)]
    for j in range(N):
        of_own[j] = S[at(place_of_own(j, M, N), slot)]


@jit
def place_rest(rest, of_shared, of_own):
    """What does not fill blocks, side by side."""
    full_shared, full_own = len(of_shared) // LANES * LANES, len(of_own) // LANES * LANES
    for j in range(len(of_shared) - full_shared):
        rest[j] = of_shared[full_shared + j]
    for j in range(len(of_own) - full_own):
        rest[len(of_shared) - full_shared + j] = of_own[full_own + j]


@jit
def take_rest(rest, of_shared, of_own):
    """The inverse of `place_rest`."""
    full_shared, full_own = len(of_shared) // LANES * LANES, len(of_own) // LANES * LANES
    for j in range(len(of_shared) - full_shared):
        of_shared[full_shared + j] = rest[j]
    for j in range(len(of_own) - full_own):
        of_own[full_own + j] = rest[len(of_shared) - full_shared + j]


@jit
def blocks_of(M, N):
    """How many blocks there are."""
    return M // LANES + N // LANES + (M % LANES + N % LANES + LANES - 1) // LANES


@jit
def part(k, of_shared, of_own, rest):
    """Numbers of pairs, their first block and how many there are: full of shared keys, of own keys, and the rest."""
    shared, own = len(of_shared) // LANES, len(of_own) // LANES
    if k == 0:
        return of_shared, 0, shared
    if k == 1:
        return of_own, shared, own
    return rest, shared + own, blocks_of(len(of_shared), len(of_own)) - shared - own


@jit
def scratch(shared, shared_value, key, value, own):
    """The scratch of a piece, with what is known of its keys: shared ones, and the rows `own`."""
    M, N = shared.shape[1], own.stop - own.start
    places = blocks_of(M, N) * LANES
    S = np.zeros(places * SLOTS, shared.dtype)
    for place in range(places):
        S[at(place, BIAS)] = T(0.0) if place < M + N else NEVER
        S[at(place, KEEP)] = T(1.0)
    for i in range(3):
        place_keys(S, KEY_FACTOR + i, shared[FACTOR + i], key[FACTOR + i, own])
    for i in range(2):
        place_keys(S, VALUE_FACTOR + i, shared_value[STRETCH + i], value[STRETCH + i, own])
    return S


@jit
def total(S, slot):
    """The sum over a slot of all blocks."""
    found = 0.0
    for place in range(len(S) // SLOTS):
        found += S[at(place, slot)]
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
        first, s = k * LANES, (block + k) * SIZE
        for j in range(LANES):
            inner = x[index(first + j)] * (factor * S[index(s + KEY_FACTOR * LANES + j)])
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
        first, s = k * LANES, (block + k) * SIZE
        for j in range(LANES):
            w = weight(S[index(s + SCORE * LANES + j)] - greatest)
            total += w
            w *= S[index(s + KEEP * LANES + j)]
            mass += w * S[index(s + VALUE_MASS * LANES + j)]
            x[index(first + j)] = w * S[index(s + VALUE_FACTOR * LANES + j)]
    return total, mass


@jit(any_order=True)
def derivatives(x, g, S, block, blocks, query, of_row, slope, c):
    """The derivatives of squared distances, the weights and their gradients in some blocks.

    Args: as `scores`, and
        g: The products of the sums' gradients with the values.
        of_row: The greatest score of the query, its weights' inverse sum, and the gradient of their mass.

    Returns:
        The mean of the weights' gradients under the weights.
    """
    factor, r2, inverse = query
    greatest, inverse_total, of_mass = of_row
    mean = T(0.0)
    for k in range(blocks):
        first, s = k * LANES, (block + k) * SIZE
        for j in range(LANES):
            inner = x[index(first + j)] * (factor * S[index(s + KEY_FACTOR * LANES + j)])
            key_r2, key_inverse = S[index(s + KEY_R2 * LANES + j)], S[index(s + KEY_INVERSE * LANES + j)]
            d2, by_inner, by_r2, by_inverse, by_key_r2, by_key_inverse, by_c = backward_pair(
                inner, r2, inverse, key_r2, key_inverse, c, T(1.0)
            )
            score = slope * d2 + S[index(s + BIAS * LANES + j)] - greatest
            # Above zero only by rounding, which may differ from that of `scores`: by much where a distance cancels.
            w = weight(where(score > T(0.0), T(0.0), score)) * inverse_total
            of_weight = g[index(first + j)] * S[index(s + VALUE_FACTOR * LANES + j)]
            of_weight += of_mass * S[index(s + VALUE_MASS * LANES + j)]
            of_weight *= S[index(s + KEEP * LANES + j)]
            mean += w * of_weight
            S[index(s + WEIGHT * LANES + j)] = w
            S[index(s + OF_WEIGHT * LANES + j)] = of_weight
            S[index(s + D2 * LANES + j)] = d2
            S[index(s + BY_INNER * LANES + j)] = by_inner
            S[index(s + BY_R2 * LANES + j)] = by_r2
            S[index(s + BY_INVERSE * LANES + j)] = by_inverse
            S[index(s + BY_KEY_R2 * LANES + j)] = by_key_r2
            S[index(s + BY_KEY_INVERSE * LANES + j)] = by_key_inverse
            S[index(s + BY_C * LANES + j)] = by_c
    return mean


@jit(any_order=True)
def gradients_of_blocks(x, g, S, block, blocks, factor, of_mass, mean, slope):
    """Weights into `x`, the gradients of inner products into `g`; those of all else are added up in the scratch.

    Args: as `derivatives`, and
        factor: The factor of the query.
        of_mass: The gradient of the mass.
        mean: The mean of the gradients of all weights.

    Returns:
        The gradients of the query's `r2` and `inverse`.
    """
    of_r2, of_inverse = T(0.0), T(0.0)
    for k in range(blocks):
        first, s = k * LANES, (block + k) * SIZE
        for j in range(LANES):
            w = S[index(s + WEIGHT * LANES + j)]
            of_score = w * (S[index(s + OF_WEIGHT * LANES + j)] - mean)
            of_d2 = slope * of_score
            of_r2 += of_d2 * S[index(s + BY_R2 * LANES + j)]
            of_inverse += of_d2 * S[index(s + BY_INVERSE * LANES + j)]
            w *= S[index(s + KEEP * LANES + j)]
            S[index(s + D_KEY_R2 * LANES + j)] += of_d2 * S[index(s + BY_KEY_R2 * LANES + j)]
            S[index(s + D_KEY_INVERSE * LANES + j)] += of_d2 * S[index(s + BY_KEY_INVERSE * LANES + j)]
            S[index(s + D_VALUE_MASS * LANES + j)] += w * of_mass
            S[index(s + D_C * LANES + j)] += of_d2 * S[index(s + BY_C * LANES + j)]
            S[index(s + D_SLOPE * LANES + j)] += of_score * S[index(s + D2 * LANES + j)]
            x[index(first + j)] = w * S[index(s + VALUE_FACTOR * LANES + j)]
            g[index(first + j)] = (
                of_d2 * S[index(s + BY_INNER * LANES + j)] * (factor * S[index(s + KEY_FACTOR * LANES + j)])
            )
    return of_r2, of_inverse


@jit(once=True)
def forward_piece(piece, first, pairs, points, keep, numbers, known):
    """Weights of a few queries of one sample."""
    of_shared, of_own = pairs
    query, key, value, shared, shared_value = points
    M, N = of_shared.shape[1], of_own.shape[1]
    pieces = (N + QUERIES - 1) // QUERIES
    sample, n = piece // pieces, piece % pieces * QUERIES
    own = slice(first + sample * N, first + (sample + 1) * N)
    c, slope = T(numbers[0]), T(numbers[1])
    S = scratch(shared, shared_value, key, value, own)
    rest, lanes = np.zeros(2 * LANES, S.dtype), np.empty(LANES, S.dtype)
    for row in range(sample * N + n, min(sample * N + n + QUERIES, (sample + 1) * N)):
        i = first + row
        x_shared, x_own = of_shared[row], of_own[row]
        place_rest(rest, x_shared, x_own)
        if len(keep) > 0:
            place_keys(S, KEEP, keep[row, :M], keep[row, M:])
        q = query[FACTOR, i], query[R2, i], query[INVERSE, i]
        lanes[:] = NEVER
        for k in range(3):
            x, block, blocks = part(k, x_shared, x_own, rest)
            scores(x, S, block, blocks, lanes, q, slope, c)
        greatest, of_all, mass = NEVER, 0.0, 0.0
        for j in range(LANES):
            greatest = max(greatest, lanes[j])
        for k in range(3):
            x, block, blocks = part(k, x_shared, x_own, rest)
            some, of_some = weights(x, S, block, blocks, greatest)
            of_all += some
            mass += of_some
        take_rest(rest, x_shared, x_own)
        known[0, i] = greatest
        known[1, i] = 1.0 / of_all
        known[2, i] = mass / of_all


@jit(once=True)
def backward_piece(piece, first, pairs, points, keep, numbers, known, of_mass, gradients):
    """The gradients of a few queries of one sample."""
    of_shared, of_own, g_shared, g_own = pairs
    query, key, value, shared, shared_value = points
    d_query, d_own, d_shared, d_numbers = gradients
    M, N = of_shared.shape[1], of_own.shape[1]
    pieces = (N + QUERIES - 1) // QUERIES
    sample, n = piece // pieces, piece % pieces * QUERIES
    own = slice(first + sample * N, first + (sample + 1) * N)
    c, slope = T(numbers[0]), T(numbers[1])
    S = scratch(shared, shared_value, key, value, own)
    rest, of_rest = np.zeros(2 * LANES, S.dtype), np.zeros(2 * LANES, S.dtype)
    for row in range(sample * N + n, min(sample * N + n + QUERIES, (sample + 1) * N)):
        i = first + row
        x_shared, x_own, g_x_shared, g_x_own = of_shared[row], of_own[row], g_shared[row], g_own[row]
        place_rest(rest, x_shared, x_own)
        place_rest(of_rest, g_x_shared, g_x_own)
        if len(keep) > 0:
            place_keys(S, KEEP, keep[row, :M], keep[row, M:])
        q = query[FACTOR, i], query[R2, i], query[INVERSE, i]
        of_row = T(known[0, i]), T(known[1, i]), T(of_mass[i])
        mean, r2, inverse = T(0.0), T(0.0), T(0.0)
        for k in range(3):
            x, block, blocks = part(k, x_shared, x_own, rest)
            g, _, _ = part(k, g_x_shared, g_x_own, of_rest)
            mean += derivatives(x, g, S, block, blocks, q, of_row, slope, c)
        for k in range(3):
            x, block, blocks = part(k, x_shared, x_own, rest)
            g, _, _ = part(k, g_x_shared, g_x_own, of_rest)
            of_r2, of_inverse = gradients_of_blocks(x, g, S, block, blocks, q[0], of_row[2], mean, slope)
            r2 += of_r2
            inverse += of_inverse
        take_rest(rest, x_shared, x_own)
        take_rest(of_rest, g_x_shared, g_x_own)
        d_query[R2, i] = r2
        d_query[INVERSE, i] = inverse
    d_numbers[piece, 0] = total(S, D_C)
    d_numbers[piece, 1] = total(S, D_SLOPE)
    for d in range(3):
        take_keys(S, D_KEY_R2 + d, d_shared[piece, d], d_own[piece % pieces, d, own])


@jit
def forward(begin, end, first, pairs, points, keep, numbers, known):
    """Weights in place of inner products, in some of the blocks.

    Args:
        first: The row of the first query.
        pairs: The inner products, `[r, M]` and `[r, N]`, for r queries from the first one on, all of their samples.
        points: Numbers of the queries, the keys, the values, `[5, R]`, of the shared keys and values, `[5, M]`.
        keep: One for the weights that stay and zero for others, `[r, M + N]`; empty for all.
        numbers: The curvature, and what squared distances are multiplied by.
        known: Of each query its greatest score, the inverse sum of its weights, and the mass of the sum of values,
            `[5, R]`; see `midpoint_cpu`.
    """
    for piece in range(begin, end):
        forward_piece(piece, first, pairs, points, keep, numbers, known)


@jit
def backward(begin, end, first, pairs, points, keep, numbers, known, of_mass, gradients):
    """Weights in place of inner products, and gradients of inner products in place of those of weights.

    Args:
        first: As `forward`, as are `points`, `keep` and `numbers`.
        pairs: The inner products as there, and those of the sums' gradients with the values.
        points: See `first`.
        keep: See `first`.
        numbers: See `first`.
        known: As `forward` left it.
        of_mass: The gradient of the mass of each query, `[R]`.
        gradients: Of the numbers of queries, `[5, R]`; of `R2` and `INVERSE` of keys and `MASS` of values, `[q, 3, R]`
            for q pieces of a sample; of the same of shared keys and values, and of the curvature and the slope, for
            each piece, `[P, 3, M]` and `[P, 2]`.
    """
    for piece in range(begin, end):
        backward_piece(piece, first, pairs, points, keep, numbers, known, of_mass, gradients)
