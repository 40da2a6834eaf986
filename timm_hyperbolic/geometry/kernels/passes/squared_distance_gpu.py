"""The passes over all pairs of attention by distance, between its matrix products, on a GPU.

Queries and keys are rows of their sample, head and token; each query meets the M keys that all samples share, and the N
keys of its own sample and head. `POINTS` are the numbers of `Attended`, a line of memory for each, of queries, keys and
values: `[5, 3, R]`, or `[5, 2, H·M]` for the keys and values that are shared.

Forward, inner products become weights, not yet divided by their sum, times the factor of the value that they multiply.
Backward, inner products become such weights again, divided by their sum, and products of the sums' gradients with
values become the gradients of inner products.

A program of the grid computes some queries of one sample and head, a few of them at once.
"""

import triton
import triton.language as tl

from timm_hyperbolic.geometry.kernels.attention_memory_gpu import (
    FACTOR,
    INVERSE,
    KNOWN_GREATEST,
    KNOWN_INVERSE,
    KNOWN_MASS,
    R2,
    numbers_of_keys,
    pairs_at,
    total,
    write_line,
)
from timm_hyperbolic.geometry.kernels.placeholder import T, backward_pair, forward_pair
from timm_hyperbolic.geometry.kernels.primitives_gpu import typed

# Queries of a program
QUERIES = tl.constexpr(32)
# As on a CPU: weights below e^-64 of the greatest are no more than rounding, and count as zero.
LEAST = tl.constexpr(-64.0)
NEVER = tl.constexpr(-1e30)


@triton.jit
def kept(KEEP, row, inside, ALL: tl.constexpr, FIRST: tl.constexpr, WIDTH: tl.constexpr):
    """One where a weight stays, zero where dropout takes it; `KEEP` is `[R, ALL]`."""
    at = row[:, None] * ALL + FIRST + tl.arange(0, WIDTH)[None, :]
    return tl.load(KEEP + at, mask=inside, other=0).to(T)


@triton.jit
def weight(score):
    """`e^score`, but zero where that is negligible; NaN stays NaN."""
    return tl.where(score > typed(LEAST, T), tl.exp(score), typed(0.0, T) * score)


@triton.jit(do_not_specialize=['rows', 'first'])
def forward(
    SHARED,
    OWN,
    POINTS,
    SHARED_POINTS,
    KEEP,
    numbers,
    KNOWN,
    rows,
    first,
    HEADS: tl.constexpr,
    N: tl.constexpr,
    OWN_WIDTH: tl.constexpr,
    M: tl.constexpr,
    SHARED_WIDTH: tl.constexpr,
    AT_ONCE: tl.constexpr,
    DROPS: tl.constexpr,
):
    """Weights in place of inner products.

    Args:
        SHARED: The inner products with the shared keys, M for each query of some samples.
        OWN: Those with the sample's keys, N for each query.
        POINTS: See above.
        SHARED_POINTS: See above.
        KEEP: Which weights stay, `[rows, M + N]`, bytes; of no meaning unless `DROPS`.
        numbers: The curvature, and for each head what squared distances are multiplied by, float64.
        KNOWN: Of each query its greatest score, the inverse sum of its weights, and the mass of the sum of values,
            `[5, rows]`, float64; see `midpoint_gpu`.
        rows: How many queries there are at all.
        first: The first sample of which there are pairs, counting each head.
        HEADS: How many heads.
        N: How many tokens.
        OWN_WIDTH: A power of two that is not below `N`.
        M: How many shared keys.
        SHARED_WIDTH: A power of two that is not below `M`.
        AT_ONCE: How many queries are computed at once.
        DROPS: Whether weights are dropped.
    """
    sample = first + tl.program_id(0).to(tl.int64)
    head = sample % HEADS
    c = tl.load(numbers).to(T)
    slope = tl.load(numbers + 1 + head).to(T)
    never = typed(NEVER, T)
    zero = typed(0.0, T)
    s_factor, s_r2, s_inverse, s_value, s_mass = numbers_of_keys(
        SHARED_POINTS, head * M, HEADS * M, 2, 0, M, SHARED_WIDTH
    )
    o_factor, o_r2, o_inverse, o_value, o_mass = numbers_of_keys(POINTS, sample * N, rows, 3, 1, N, OWN_WIDTH)
    for i in range(0, QUERIES, AT_ONCE):
        n = tl.program_id(1) * QUERIES + i + tl.arange(0, AT_ONCE)
        here = n < N
        row = sample * N + n
        factor = tl.load(POINTS + FACTOR * 3 * rows + row, mask=here, other=0.0)[:, None]
        r2 = tl.load(POINTS + R2 * 3 * rows + row, mask=here, other=0.0)[:, None]
        inverse = tl.load(POINTS + INVERSE * 3 * rows + row, mask=here, other=0.0)[:, None]
        s_at, s_inside = pairs_at(row - first * N, here, M, SHARED_WIDTH)
        o_at, o_inside = pairs_at(row - first * N, here, N, OWN_WIDTH)
        s_inner = tl.load(SHARED + s_at, mask=s_inside, other=0.0) * (factor * s_factor)
        o_inner = tl.load(OWN + o_at, mask=o_inside, other=0.0) * (factor * o_factor)
        s_score = tl.where(s_inside, slope * forward_pair(s_inner, r2, inverse, s_r2, s_inverse, c), never)
        o_score = tl.where(o_inside, slope * forward_pair(o_inner, r2, inverse, o_r2, o_inverse, c), never)
        greatest = tl.maximum(tl.max(s_score, 1), tl.max(o_score, 1))
        s_weight = tl.where(s_inside, weight(s_score - greatest[:, None]), zero)
        o_weight = tl.where(o_inside, weight(o_score - greatest[:, None]), zero)
        total = tl.where(here, tl.sum(s_weight, 1) + tl.sum(o_weight, 1), typed(1.0, T)).to(tl.float64)
        if DROPS:
            s_weight *= kept(KEEP, row, s_inside, M + N, 0, SHARED_WIDTH)
            o_weight *= kept(KEEP, row, o_inside, M + N, M, OWN_WIDTH)
        mass = (tl.sum(s_weight * s_mass, 1) + tl.sum(o_weight * o_mass, 1)).to(tl.float64)
        tl.store(SHARED + s_at, s_weight * s_value, mask=s_inside)
        tl.store(OWN + o_at, o_weight * o_value, mask=o_inside)
        tl.store(KNOWN + KNOWN_GREATEST * rows + row, greatest.to(tl.float64), mask=here)
        tl.store(KNOWN + KNOWN_INVERSE * rows + row, 1.0 / total, mask=here)
        tl.store(KNOWN + KNOWN_MASS * rows + row, mass / total, mask=here)


@triton.jit
def weights_of_pairs(
    x,
    g,
    keep,
    inside,
    factor,
    r2,
    inverse,
    greatest,
    inverse_total,
    of_mass,
    key_factor,
    key_r2,
    key_inverse,
    value_factor,
    value_mass,
    slope,
    c,
):
    """The weights of some pairs, made again, and their gradients.

    Args:
        x: The inner products.
        g: The products of the sums' gradients with the values.
        keep: One where a weight stays, zero where dropout takes it.
        inside: Which pairs exist.
        factor: Numbers of the queries, as are `r2` and `inverse`.
        r2: See `factor`.
        inverse: See there.
        greatest: What is known of the queries, as is `inverse_total`.
        inverse_total: See `greatest`.
        of_mass: The gradient of the mass of a query's sum.
        key_factor: Numbers of the keys, as are `key_r2` and `key_inverse`.
        key_r2: See `key_factor`.
        key_inverse: See there.
        value_factor: Numbers of the values, as is `value_mass`.
        value_mass: See `value_factor`.
        slope: What squared distances are multiplied by.
        c: The curvature.

    Returns:
        The inner products of points, the factors from those of vectors, squared distances, weights, their gradients.
    """
    factors = factor * key_factor
    inner = x * factors
    d2 = forward_pair(inner, r2, inverse, key_r2, key_inverse, c)
    zero = typed(0.0, T)
    # Above zero only by rounding, which may differ from that of `forward`: by much where a distance cancels.
    score = slope * d2 - greatest
    score = tl.where(score > zero, zero, score)
    w = tl.where(inside, weight(score) * inverse_total, zero)
    return inner, factors, d2, w, (g * value_factor + of_mass * value_mass) * keep


@triton.jit
def gradients_of_pairs(
    inner, factors, d2, w, of_weight, mean, keep, r2, inverse, of_mass, key_r2, key_inverse, value_factor, slope, c
):
    """Gradients of some pairs; arguments as of `weights_of_pairs` and what that returns.

    Returns:
        The weights times the factors of values, and the gradients of the inner products of vectors, of `r2`, `inverse`,
        `key_r2`, `key_inverse`, `value_mass`, `c` and `slope`.
    """
    of_score = w * (of_weight - mean)
    _, d_inner, d_r2, d_inverse, d_key_r2, d_key_inverse, d_c = backward_pair(
        inner, r2, inverse, key_r2, key_inverse, c, slope * of_score
    )
    w = w * keep
    x = w * value_factor
    return x, d_inner * factors, d_r2, d_inverse, d_key_r2, d_key_inverse, w * of_mass, d_c, of_score * d2


@triton.jit(do_not_specialize=['rows', 'first'])
def backward(
    SHARED,
    OWN,
    G_SHARED,
    G_OWN,
    POINTS,
    SHARED_POINTS,
    KEEP,
    numbers,
    KNOWN,
    OF_MASS,
    D_POINTS,
    D_OWN,
    D_SHARED,
    D_NUMBERS,
    rows,
    first,
    HEADS: tl.constexpr,
    N: tl.constexpr,
    OWN_WIDTH: tl.constexpr,
    M: tl.constexpr,
    SHARED_WIDTH: tl.constexpr,
    AT_ONCE: tl.constexpr,
    DROPS: tl.constexpr,
):
    """Weights in place of inner products, and gradients of inner products in place of those of weights.

    Args:
        SHARED: As for `forward`, which see for what is not described here.
        OWN: See there.
        G_SHARED: The inner products of the sums' gradients with the shared values.
        G_OWN: Those with the sample's values.
        POINTS: See `forward`.
        SHARED_POINTS: See there.
        KEEP: See there.
        numbers: See there.
        KNOWN: As `forward` left it.
        OF_MASS: The gradient of the mass of each query, `[rows]`, float64.
        D_POINTS: `[5, 3, rows]`, of which the gradients of `R2` and `INVERSE` of queries are written.
        D_OWN: The gradients of `R2` and `INVERSE` of keys and of `MASS` of values, a sum over the queries of a program,
            `[pieces, 3, rows]` for so many programs of a sample.
        D_SHARED: The same of what is shared, `[samples, pieces, 3, M]`.
        D_NUMBERS: The gradients of the curvature and of the slope, `[samples, pieces, 2]`, float64.
        rows: How many queries there are at all.
        first: The first sample of which there are pairs, counting each head.
        HEADS: How many heads.
        N: How many tokens.
        OWN_WIDTH: See `forward`.
        M: How many shared keys.
        SHARED_WIDTH: See `forward`.
        AT_ONCE: How many queries at once.
        DROPS: Whether weights are dropped.
    """
    sample = first + tl.program_id(0).to(tl.int64)
    piece = tl.program_id(1)
    head = sample % HEADS
    c = tl.load(numbers).to(T)
    slope = tl.load(numbers + 1 + head).to(T)
    s_factor, s_r2, s_inverse, s_value, s_mass = numbers_of_keys(
        SHARED_POINTS, head * M, HEADS * M, 2, 0, M, SHARED_WIDTH
    )
    o_factor, o_r2, o_inverse, o_value, o_mass = numbers_of_keys(POINTS, sample * N, rows, 3, 1, N, OWN_WIDTH)
    d_s_r2 = tl.zeros([SHARED_WIDTH], T)
    d_s_inverse = tl.zeros([SHARED_WIDTH], T)
    d_s_mass = tl.zeros([SHARED_WIDTH], T)
    d_o_r2 = tl.zeros([OWN_WIDTH], T)
    d_o_inverse = tl.zeros([OWN_WIDTH], T)
    d_o_mass = tl.zeros([OWN_WIDTH], T)
    d_c = tl.zeros((), tl.float64)
    d_slope = tl.zeros((), tl.float64)
    for i in range(0, QUERIES, AT_ONCE):
        n = piece * QUERIES + i + tl.arange(0, AT_ONCE)
        here = n < N
        row = sample * N + n
        factor = tl.load(POINTS + FACTOR * 3 * rows + row, mask=here, other=0.0)[:, None]
        r2 = tl.load(POINTS + R2 * 3 * rows + row, mask=here, other=0.0)[:, None]
        inverse = tl.load(POINTS + INVERSE * 3 * rows + row, mask=here, other=0.0)[:, None]
        greatest = tl.load(KNOWN + KNOWN_GREATEST * rows + row, mask=here, other=0.0).to(T)[:, None]
        inverse_total = tl.load(KNOWN + KNOWN_INVERSE * rows + row, mask=here, other=0.0).to(T)[:, None]
        of_mass = tl.load(OF_MASS + row, mask=here, other=0.0).to(T)[:, None]
        s_at, s_inside = pairs_at(row - first * N, here, M, SHARED_WIDTH)
        o_at, o_inside = pairs_at(row - first * N, here, N, OWN_WIDTH)
        s_keep = tl.full((AT_ONCE, SHARED_WIDTH), 1.0, T)
        o_keep = tl.full((AT_ONCE, OWN_WIDTH), 1.0, T)
        if DROPS:
            s_keep = kept(KEEP, row, s_inside, M + N, 0, SHARED_WIDTH)
            o_keep = kept(KEEP, row, o_inside, M + N, M, OWN_WIDTH)
        s_inner, s_factors, s_d2, s_weight, s_of_weight = weights_of_pairs(
            tl.load(SHARED + s_at, mask=s_inside, other=0.0),
            tl.load(G_SHARED + s_at, mask=s_inside, other=0.0),
            s_keep,
            s_inside,
            factor,
            r2,
            inverse,
            greatest,
            inverse_total,
            of_mass,
            s_factor,
            s_r2,
            s_inverse,
            s_value,
            s_mass,
            slope,
            c,
        )
        o_inner, o_factors, o_d2, o_weight, o_of_weight = weights_of_pairs(
            tl.load(OWN + o_at, mask=o_inside, other=0.0),
            tl.load(G_OWN + o_at, mask=o_inside, other=0.0),
            o_keep,
            o_inside,
            factor,
            r2,
            inverse,
            greatest,
            inverse_total,
            of_mass,
            o_factor,
            o_r2,
            o_inverse,
            o_value,
            o_mass,
            slope,
            c,
        )
        mean = (tl.sum(s_weight * s_of_weight, 1) + tl.sum(o_weight * o_of_weight, 1))[:, None]

        x, g, of_r2, of_inverse, of_key_r2, of_key_inverse, of_value_mass, of_c, of_slope = gradients_of_pairs(
            s_inner,
            s_factors,
            s_d2,
            s_weight,
            s_of_weight,
            mean,
            s_keep,
            r2,
            inverse,
            of_mass,
            s_r2,
            s_inverse,
            s_value,
            slope,
            c,
        )
        tl.store(SHARED + s_at, x, mask=s_inside)
        tl.store(G_SHARED + s_at, g, mask=s_inside)
        d_r2 = tl.sum(of_r2, 1)
        d_inverse = tl.sum(of_inverse, 1)
        d_s_r2 += tl.sum(of_key_r2, 0)
        d_s_inverse += tl.sum(of_key_inverse, 0)
        d_s_mass += tl.sum(of_value_mass, 0)
        d_c += total(of_c)
        d_slope += total(of_slope)

        x, g, of_r2, of_inverse, of_key_r2, of_key_inverse, of_value_mass, of_c, of_slope = gradients_of_pairs(
            o_inner,
            o_factors,
            o_d2,
            o_weight,
            o_of_weight,
            mean,
            o_keep,
            r2,
            inverse,
            of_mass,
            o_r2,
            o_inverse,
            o_value,
            slope,
            c,
        )
        tl.store(OWN + o_at, x, mask=o_inside)
        tl.store(G_OWN + o_at, g, mask=o_inside)
        d_o_r2 += tl.sum(of_key_r2, 0)
        d_o_inverse += tl.sum(of_key_inverse, 0)
        d_o_mass += tl.sum(of_value_mass, 0)
        d_c += total(of_c)
        d_slope += total(of_slope)
        tl.store(D_POINTS + R2 * 3 * rows + row, d_r2 + tl.sum(of_r2, 1), mask=here)
        tl.store(D_POINTS + INVERSE * 3 * rows + row, d_inverse + tl.sum(of_inverse, 1), mask=here)
    to = D_OWN + piece * 3 * rows + sample * N
    write_line(to, d_o_r2, N, OWN_WIDTH)
    write_line(to + rows, d_o_inverse, N, OWN_WIDTH)
    write_line(to + 2 * rows, d_o_mass, N, OWN_WIDTH)
    program = sample * tl.num_programs(1) + piece
    to = D_SHARED + program * 3 * M
    write_line(to, d_s_r2, M, SHARED_WIDTH)
    write_line(to + M, d_s_inverse, M, SHARED_WIDTH)
    write_line(to + 2 * M, d_s_mass, M, SHARED_WIDTH)
    tl.store(D_NUMBERS + 2 * program, d_c)
    tl.store(D_NUMBERS + 2 * program + 1, d_slope)
