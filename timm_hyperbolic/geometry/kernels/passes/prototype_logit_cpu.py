"""The passes over all pairs of a feature and a prototype, around their inner products, on a CPU.

Features are rows, prototypes columns. `features` are the numbers of `Feature`, a line of memory for each, `[4, R]`;
`prototypes` those of `Prototype`, `[3, C]`. Inner products are those of the vectors, before their factors.

Forward, inner products become logits. Backward, they become the gradients of inner products.

A piece of work is a few features. Its scratch `S` has blocks of LANES prototypes, and in each block LANES numbers for
each of its slots, `S[block * SIZE + slot * LANES + lane]`. What does not fill the last block is zero.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.placeholder import T, backward_pair, forward_pair
from timm_hyperbolic.geometry.kernels.primitives import index, jit

# Of a vector of numbers, on the widest processors
LANES = 16
# Features of a piece
FEATURES = 16

# The numbers of a point
FACTOR, R2, INVERSE, REACH = 0, 1, 2, 3
# Slots: a prototype's, and the gradients of these and of the numbers, summed over features
P_FACTOR, P_R2, P_INVERSE, BIAS, D_R2, D_INVERSE, D_BIAS, D_C, D_SLOPE = range(9)
SLOTS = 9
SIZE = SLOTS * LANES


@jit
def at(k, slot):
    """Where the scratch has a number of a prototype."""
    return index(k // LANES * SIZE + slot * LANES + k % LANES)


@jit
def scratch(prototypes, bias):
    """The scratch of a piece, with what is known of prototypes."""
    S = np.zeros((len(bias) + LANES - 1) // LANES * SIZE, T)
    for k in range(len(bias)):
        for i in range(3):
            S[at(k, P_FACTOR + i)] = prototypes[FACTOR + i, k]
        S[at(k, BIAS)] = bias[k]
    return S


@jit(any_order=True)
def logits_of_blocks(x, S, block, blocks, h, c, slope):
    """Logits in place of inner products, in some blocks.

    Args:
        x: The inner products.
        S: The scratch.
        block: The first block.
        blocks: How many there are.
        h: The numbers of the feature.
        c: The curvature.
        slope: What squared distances are multiplied by.
    """
    factor, r2, inverse, reach = h
    for k in range(blocks):
        first, s = k * LANES, (block + k) * SIZE
        for j in range(LANES):
            inner = x[index(first + j)] * (factor * S[index(s + P_FACTOR * LANES + j)])
            p_r2, p_inverse = S[index(s + P_R2 * LANES + j)], S[index(s + P_INVERSE * LANES + j)]
            bias = S[index(s + BIAS * LANES + j)]
            x[index(first + j)] = forward_pair(inner, r2, inverse, reach, p_r2, p_inverse, bias, c, slope)


@jit(any_order=True)
def gradients_of_blocks(x, g, S, block, blocks, h, c, slope):
    """Gradients in place of inner products, in some blocks; those of all else are added up in the scratch.

    Args: as `logits_of_blocks`, and
        g: The gradients of logits.

    Returns:
        The gradients of the feature's numbers but for the factor.
    """
    factor, r2, inverse, reach = h
    of_r2, of_inverse, of_reach = T(0.0), T(0.0), T(0.0)
    for k in range(blocks):
        first, s = k * LANES, (block + k) * SIZE
        for j in range(LANES):
            factors = factor * S[index(s + P_FACTOR * LANES + j)]
            p_r2, p_inverse = S[index(s + P_R2 * LANES + j)], S[index(s + P_INVERSE * LANES + j)]
            bias = S[index(s + BIAS * LANES + j)]
            _, by_inner, by_r2, by_inverse, by_reach, by_p_r2, by_p_inverse, by_bias, by_c, by_slope = backward_pair(
                x[index(first + j)] * factors,
                r2,
                inverse,
                reach,
                p_r2,
                p_inverse,
                bias,
                c,
                slope,
                T(g[index(first + j)]),
            )
            x[index(first + j)] = by_inner * factors
            of_r2 += by_r2
            of_inverse += by_inverse
            of_reach += by_reach
            S[index(s + D_R2 * LANES + j)] += by_p_r2
            S[index(s + D_INVERSE * LANES + j)] += by_p_inverse
            S[index(s + D_BIAS * LANES + j)] += by_bias
            S[index(s + D_C * LANES + j)] += by_c
            S[index(s + D_SLOPE * LANES + j)] += by_slope
    return of_r2, of_inverse, of_reach


@jit(once=True)
def forward_piece(piece, pairs, features, prototypes, bias, numbers):
    """The logits of a few features."""
    c, slope = T(numbers[0]), T(numbers[1])
    full = len(bias) // LANES
    S, rest = scratch(prototypes, bias), np.zeros(LANES, pairs.dtype)
    for i in range(piece * FEATURES, min((piece + 1) * FEATURES, len(pairs))):
        x, h = pairs[i], (features[FACTOR, i], features[R2, i], features[INVERSE, i], features[REACH, i])
        left = x[full * LANES :]
        logits_of_blocks(x, S, 0, full, h, c, slope)
        if len(left) > 0:
            rest[: len(left)] = left
            logits_of_blocks(rest, S, full, 1, h, c, slope)
            left[:] = rest[: len(left)]


@jit
def backward_piece(piece, first, pairs, g, features, prototypes, bias, numbers, gradients):
    """The gradients of a few features."""
    of_features, of_prototypes, of_numbers = gradients
    c, slope = T(numbers[0]), T(numbers[1])
    full = len(bias) // LANES
    S, rest, of_rest = scratch(prototypes, bias), np.zeros(LANES, pairs.dtype), np.zeros(LANES, g.dtype)
    for i in range(piece * FEATURES, min((piece + 1) * FEATURES, len(pairs))):
        x, f = pairs[i], first + i
        h = features[FACTOR, f], features[R2, f], features[INVERSE, f], features[REACH, f]
        left = x[full * LANES :]
        r2, inverse, reach = gradients_of_blocks(x, g[i], S, 0, full, h, c, slope)
        if len(left) > 0:
            rest[: len(left)] = left
            of_rest[: len(left)] = g[i, full * LANES :]
            more = gradients_of_blocks(rest, of_rest, S, full, 1, h, c, slope)
            left[:] = rest[: len(left)]
            r2, inverse, reach = r2 + more[0], inverse + more[1], reach + more[2]
        of_features[R2, f], of_features[INVERSE, f], of_features[REACH, f] = r2, inverse, reach
    for k in range(len(bias)):
        for d in range(3):
            of_prototypes[piece, d, k] = S[at(k, D_R2 + d)]
    for d in range(2):
        total = T(0.0)
        for k in range(len(bias)):
            total += S[at(k, D_C + d)]
        of_numbers[piece, d] = total


@jit
def forward(begin, end, pairs, features, prototypes, bias, numbers):
    """Logits in place of inner products, in some of the pieces.

    Args:
        pairs: The inner products, `[R, C]`.
        features: Numbers of the features, `[4, R]`.
        prototypes: Numbers of the prototypes, `[3, C]`.
        bias: `[C]`.
        numbers: The curvature, and what squared distances are multiplied by.
    """
    for piece in range(begin, end):
        forward_piece(piece, pairs, features, prototypes, bias, numbers)


@jit
def backward(begin, end, first, pairs, g, features, prototypes, bias, numbers, gradients):
    """Gradients in place of inner products, in some of the pieces.

    Args:
        first: The first of r features.
        pairs: Their inner products, `[r, C]`.
        g: The gradients of logits, `[r, C]`.
        features: As `forward`, as are `prototypes`, `bias` and `numbers`.
        prototypes: See `features`.
        bias: See `features`.
        numbers: See `features`.
        gradients: Of the numbers of features, `[4, R]`; of `R2` and `INVERSE` of prototypes and of their bias, and of
            the curvature and the slope, for each of P pieces, `[P, 3, C]` and `[P, 2]`.
    """
    for piece in range(begin, end):
        backward_piece(piece, first, pairs, g, features, prototypes, bias, numbers, gradients)
