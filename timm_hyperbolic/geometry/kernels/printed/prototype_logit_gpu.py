"""`prototype_logit`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over all pairs of a feature and a prototype, around their inner products, on a GPU.

Features are rows, prototypes columns. `FEATURES` are the numbers of `Feature`, a line of memory for each, `[4, R]`;
`PROTOTYPES` those of `Prototype`, `[3, C]`. Inner products are those of the vectors, before their factors.

Forward, inner products become logits. Backward, they become the gradients of inner products.

A program of the grid computes a tile of HEIGHT features and WIDTH prototypes, a few features at once.
"""

import triton
import triton.language as tl

from timm_hyperbolic.geometry.kernels.primitives_gpu import f64, narrow, typed

T = tl.constexpr(tl.float64)


@triton.jit
def forward_pair(inner, h_r2, h_inverse, h_reach, p_r2, p_inverse, bias, c, slope):
    """logit of a pair."""
    t13 = (h_r2 + p_r2) - (inner * typed(2.0, T))
    t16 = tl.where((typed(0.0, T) < t13), typed(0.0, T), t13)
    t19 = p_inverse * (h_inverse * (t13 - t16))
    t22 = c * t19
    t24 = t22 < typed(0.015625, T)
    t26 = tl.sqrt((tl.where(t24, typed(1.0, T), t22)))
    t27 = tl.where(t24, t22, typed(0.0, T))
    t31 = (t27 * typed(-0.01396484375, T)) + typed(0.017352764423076924, T)
    t34 = (t27 * t31) + typed(-0.022372159090909092, T)
    t37 = (t27 * t34) + typed(0.030381944444444444, T)
    t40 = (t27 * t37) + typed(-0.044642857142857144, T)
    t46 = (t27 * ((t27 * t40) + typed(0.075, T))) + typed(-0.16666666666666666, T)
    t52 = t26 + (tl.sqrt((typed(1.0, T) + (t26 * t26))))
    t56 = tl.where(t24, (typed(1.0, T) + (t27 * t46)), ((tl.log(t52)) * (typed(1.0, T) / t26)))
    t59 = ((t19 * typed(4.0, T)) * (t56 * t56)) - h_reach
    t61 = bias + (slope * t59)
    logit = t61
    return logit


@triton.jit
def backward_pair(inner, h_r2, h_inverse, h_reach, p_r2, p_inverse, bias, c, slope, g_logit):
    """logit, d_inner, d_h_r2, d_h_inverse, d_h_reach, d_p_r2, d_p_inverse, d_bias, d_c, d_slope of a pair."""
    t14 = (h_r2 + p_r2) - (inner * typed(2.0, T))
    t17 = tl.where((typed(0.0, T) < t14), typed(0.0, T), t14)
    t18 = t14 - t17
    t19 = h_inverse * t18
    t20 = p_inverse * t19
    t22 = t20 * typed(4.0, T)
    t23 = c * t20
    t25 = t23 < typed(0.015625, T)
    t27 = tl.sqrt((tl.where(t25, typed(1.0, T), t23)))
    t28 = tl.where(t25, t23, typed(0.0, T))
    t32 = (t28 * typed(-0.01396484375, T)) + typed(0.017352764423076924, T)
    t35 = (t28 * t32) + typed(-0.022372159090909092, T)
    t38 = (t28 * t35) + typed(0.030381944444444444, T)
    t41 = (t28 * t38) + typed(-0.044642857142857144, T)
    t44 = (t28 * t41) + typed(0.075, T)
    t47 = (t28 * t44) + typed(-0.16666666666666666, T)
    t52 = tl.sqrt((typed(1.0, T) + (t27 * t27)))
    t55 = typed(1.0, T) / t27
    t56 = (tl.log((t27 + t52))) * t55
    t57 = tl.where(t25, (typed(1.0, T) + (t28 * t47)), t56)
    t58 = t57 * t57
    t60 = (t22 * t58) - h_reach
    t62 = bias + (slope * t60)
    t63 = slope * g_logit
    t64 = g_logit * t60
    t65 = -t63
    t69 = (t22 * t63) * (typed(2.0, T) * t57)
    t70 = tl.where(t25, typed(0.0, T), t69)
    t71 = tl.where(t25, t69, typed(0.0, T))
    t79 = ((t55 * t70) * (typed(1.0, T) / t52)) - (t70 * (t55 * t56))
    t81 = t28 * t71
    t83 = t28 * t81
    t86 = t28 * t83
    t87 = ((t47 * t71) + (t44 * t81)) + (t41 * t83)
    t89 = t28 * t86
    t92 = t28 * t89
    t96 = ((t87 + (t38 * t86)) + (t35 * t89)) + (t32 * t92)
    t98 = t96 + (typed(-0.01396484375, T) * (t28 * t92))
    t104 = tl.where(t25, typed(0.0, T), (t79 * (t55 * typed(0.5, T))))
    t105 = (tl.where(t25, t98, typed(0.0, T))) + t104
    t107 = t20 * t105
    t109 = (c * t105) + (typed(4.0, T) * (t58 * t63))
    t110 = t19 * t109
    t111 = p_inverse * t109
    t112 = t18 * t111
    t113 = h_inverse * t111
    t116 = -(typed(2.0, T) * t113)
    logit = t62
    d_inner = t116
    d_h_r2 = t113
    d_h_inverse = t112
    d_h_reach = t65
    d_p_r2 = t113
    d_p_inverse = t110
    d_bias = g_logit
    d_c = t107
    d_slope = t64
    return logit, d_inner, d_h_r2, d_h_inverse, d_h_reach, d_p_r2, d_p_inverse, d_bias, d_c, d_slope


# Of a tile, and how many features are computed at once
HEIGHT = tl.constexpr(32)
WIDTH = tl.constexpr(128)
AT_ONCE = tl.constexpr(4)
# The numbers of a point
FACTOR = tl.constexpr(0)
R2 = tl.constexpr(1)
INVERSE = tl.constexpr(2)
REACH = tl.constexpr(3)


@triton.jit
def numbers_of_prototypes(PROTOTYPES, BIAS, k, classes):
    """Factor, `r2`, `inverse` and bias of the prototypes of a tile, each a line of numbers."""
    inside = k < classes
    factor = tl.load(PROTOTYPES + FACTOR * classes + k, mask=inside, other=0.0)[None, :]
    r2 = tl.load(PROTOTYPES + R2 * classes + k, mask=inside, other=0.0)[None, :]
    inverse = tl.load(PROTOTYPES + INVERSE * classes + k, mask=inside, other=0.0)[None, :]
    return factor, r2, inverse, tl.load(BIAS + k, mask=inside, other=0.0).to(T)[None, :]


@triton.jit
def numbers_of_features(FEATURES, row, rows):
    """Factor, `r2`, `inverse` and reach of features, each a column of numbers."""
    here = row < rows
    factor = tl.load(FEATURES + FACTOR * rows + row, mask=here, other=0.0)[:, None]
    r2 = tl.load(FEATURES + R2 * rows + row, mask=here, other=0.0)[:, None]
    inverse = tl.load(FEATURES + INVERSE * rows + row, mask=here, other=0.0)[:, None]
    return factor, r2, inverse, tl.load(FEATURES + REACH * rows + row, mask=here, other=0.0)[:, None]


@triton.jit(do_not_specialize=['rows', 'classes'])
def forward(PAIRS, FEATURES, PROTOTYPES, BIAS, numbers, rows, classes):
    """Logits in place of inner products.

    Args:
        PAIRS: The inner products, `[rows, classes]`.
        FEATURES: Numbers of the features, `[4, rows]`, float64.
        PROTOTYPES: Numbers of the prototypes, `[3, classes]`, float64.
        BIAS: `[classes]`.
        numbers: The curvature, what features were multiplied by, and what squared distances are multiplied by, float64.
        rows: How many features there are.
        classes: How many prototypes.
    """
    piece = tl.program_id(0).to(tl.int64)
    k = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    c, slope = tl.load(numbers), tl.load(numbers + 2)
    p_factor, p_r2, p_inverse, bias = numbers_of_prototypes(PROTOTYPES, BIAS, k, classes)
    for i in range(0, HEIGHT, AT_ONCE):
        row = piece * HEIGHT + i + tl.arange(0, AT_ONCE)
        factor, r2, inverse, reach = numbers_of_features(FEATURES, row, rows)
        at = row[:, None] * classes + k[None, :]
        inside = (row < rows)[:, None] & (k < classes)[None, :]
        inner = tl.load(PAIRS + at, mask=inside, other=0.0).to(T) * (factor * p_factor)
        logit = forward_pair(inner, r2, inverse, reach, p_r2, p_inverse, bias, c, slope)
        tl.store(PAIRS + at, narrow(logit, PAIRS), mask=inside)


@triton.jit(do_not_specialize=['rows', 'classes'])
def backward(
    PAIRS,
    G,
    FEATURES,
    PROTOTYPES,
    BIAS,
    numbers,
    D_FEATURES,
    D_PROTOTYPES,
    D_NUMBERS,
    rows,
    classes,
):
    """Gradients in place of inner products.

    Args:
        PAIRS: As for `forward`, which see for what is not described here.
        G: The gradients of logits, `[rows, classes]`.
        FEATURES: See `forward`.
        PROTOTYPES: See there.
        BIAS: See there.
        numbers: See there.
        D_FEATURES: The gradients of `R2`, `INVERSE` and `REACH` of features, for each of p tiles of a row of tiles,
            `[p, 3, rows]`.
        D_PROTOTYPES: Those of `R2` and `INVERSE` of prototypes and of their bias, for each of q rows of tiles,
            `[q, 3, classes]`.
        D_NUMBERS: Those of the curvature and the slope, for each tile, `[q, p, 2]`.
        rows: See `forward`.
        classes: See there.
    """
    piece, column = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    k = column * WIDTH + tl.arange(0, WIDTH)
    c, slope = tl.load(numbers), tl.load(numbers + 2)
    p_factor, p_r2, p_inverse, bias = numbers_of_prototypes(PROTOTYPES, BIAS, k, classes)
    of_p_r2 = tl.zeros((WIDTH,), T)
    of_p_inverse = tl.zeros((WIDTH,), T)
    of_bias = tl.zeros((WIDTH,), T)
    of_c = tl.zeros((WIDTH,), T)
    of_slope = tl.zeros((WIDTH,), T)
    for i in range(0, HEIGHT, AT_ONCE):
        row = piece * HEIGHT + i + tl.arange(0, AT_ONCE)
        factor, r2, inverse, reach = numbers_of_features(FEATURES, row, rows)
        at = row[:, None] * classes + k[None, :]
        inside = (row < rows)[:, None] & (k < classes)[None, :]
        factors = factor * p_factor
        inner = tl.load(PAIRS + at, mask=inside, other=0.0).to(T) * factors
        g = tl.load(G + at, mask=inside, other=0.0).to(T)
        _, by_inner, by_r2, by_inverse, by_reach, by_p_r2, by_p_inverse, by_bias, by_c, by_slope = backward_pair(
            inner, r2, inverse, reach, p_r2, p_inverse, bias, c, slope, g
        )
        tl.store(PAIRS + at, narrow(by_inner * factors, PAIRS), mask=inside)
        to, here = D_FEATURES + column * 3 * rows + row, row < rows
        tl.store(to, tl.sum(by_r2, 1), mask=here)
        tl.store(to + rows, tl.sum(by_inverse, 1), mask=here)
        tl.store(to + 2 * rows, tl.sum(by_reach, 1), mask=here)
        of_p_r2 += tl.sum(by_p_r2, 0)
        of_p_inverse += tl.sum(by_p_inverse, 0)
        of_bias += tl.sum(by_bias, 0)
        of_c += tl.sum(by_c, 0)
        of_slope += tl.sum(by_slope, 0)
    to = D_PROTOTYPES + piece * 3 * classes + k
    tl.store(to, of_p_r2, mask=k < classes)
    tl.store(to + classes, of_p_inverse, mask=k < classes)
    tl.store(to + 2 * classes, of_bias, mask=k < classes)
    to = D_NUMBERS + 2 * (piece * tl.num_programs(1) + column)
    tl.store(to, tl.sum(of_c, 0))
    tl.store(to + 1, tl.sum(of_slope, 0))
