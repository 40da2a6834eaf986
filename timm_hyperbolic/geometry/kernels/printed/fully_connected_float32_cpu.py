"""`fully_connected_float32`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over inner products of points and normals that make coordinates of them, on a CPU.

Inner products are `[G, K, P]`, with K hyperplanes and P points that lie side by side in memory, as the pixels of an
image do. A piece of work is up to BLOCK points of a group, with all hyperplanes.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp32 as exp, index, jit, log32 as log, sqrt, where

T = np.float32


@jit(inline=True)
def forward_pair(inner, time, cosh, sinh, slope, c, limit):
    """w of a pair."""
    t10 = (inner * cosh) - (time * sinh)
    t12 = c * (t10 * t10)
    t14 = t12 < T(0.015625)
    t16 = sqrt(where(t14, T(1.0), t12))
    t18 = where(t14, t12, T(0.0))
    t22 = (t18 * T(-0.044642857142857144)) + T(0.075)
    t26 = t18 * ((t18 * t22) + T(-0.16666666666666666))
    t32 = log((t16 + sqrt((T(1.0) + (t16 * t16)))))
    t35 = where(t14, (T(1.0) + t26), (t32 * (T(1.0) / t16)))
    t37 = slope * (t10 * t35)
    t39 = c * (t37 * t37)
    t41 = (limit * limit) < t39
    t45 = limit * (T(1.0) / sqrt(where(t41, t39, T(1.0))))
    t47 = t37 * where(t41, t45, T(1.0))
    t49 = c * (t47 * t47)
    t50 = t49 < T(0.015625)
    t52 = sqrt(where(t50, T(1.0), t49))
    t53 = where(t50, t49, T(0.0))
    t57 = (t53 * T(0.0001984126984126984)) + T(0.008333333333333333)
    t61 = t53 * ((t53 * t57) + T(0.16666666666666666))
    t63 = exp(t52)
    t69 = ((t63 - (T(1.0) / t63)) * T(0.5)) * (T(1.0) / t52)
    t71 = t47 * where(t50, (T(1.0) + t61), t69)
    w = t71
    return w


@jit(inline=True)
def backward_pair(inner, time, cosh, sinh, slope, c, limit, g_w):
    """w, d_inner, d_time, d_cosh, d_sinh, d_slope, d_c of a pair."""
    t11 = (inner * cosh) - (time * sinh)
    t12 = t11 * t11
    t13 = c * t12
    t15 = t13 < T(0.015625)
    t17 = sqrt(where(t15, T(1.0), t13))
    t19 = where(t15, t13, T(0.0))
    t23 = (t19 * T(-0.044642857142857144)) + T(0.075)
    t26 = (t19 * t23) + T(-0.16666666666666666)
    t31 = sqrt((T(1.0) + (t17 * t17)))
    t34 = T(1.0) / t17
    t35 = log((t17 + t31)) * t34
    t36 = where(t15, (T(1.0) + (t19 * t26)), t35)
    t37 = t11 * t36
    t38 = slope * t37
    t39 = t38 * t38
    t40 = c * t39
    t42 = (limit * limit) < t40
    t45 = T(1.0) / sqrt(where(t42, t40, T(1.0)))
    t47 = where(t42, (limit * t45), T(1.0))
    t48 = t38 * t47
    t49 = t48 * t48
    t50 = c * t49
    t51 = t50 < T(0.015625)
    t53 = sqrt(where(t51, T(1.0), t50))
    t54 = where(t51, t50, T(0.0))
    t58 = (t54 * T(0.0001984126984126984)) + T(0.008333333333333333)
    t61 = (t54 * t58) + T(0.16666666666666666)
    t64 = exp(t53)
    t65 = T(1.0) / t64
    t69 = T(1.0) / t53
    t70 = ((t64 - t65) * T(0.5)) * t69
    t71 = where(t51, (T(1.0) + (t54 * t61)), t70)
    t72 = t48 * t71
    t73 = g_w * t48
    t75 = where(t51, T(0.0), t73)
    t76 = where(t51, t73, T(0.0))
    t85 = ((t69 * t75) * (T(0.5) * (t64 + t65))) - (t75 * (t69 * t70))
    t87 = t54 * t76
    t92 = ((t61 * t76) + (t58 * t87)) + (T(0.0001984126984126984) * (t54 * t87))
    t98 = where(t51, T(0.0), (t85 * (T(0.5) * t69)))
    t99 = where(t51, t92, T(0.0)) + t98
    t104 = (g_w * t71) + ((c * t99) * (t48 * T(2.0)))
    t108 = limit * where(t42, (t38 * t104), T(0.0))
    t114 = where(t42, ((t45 * (t45 * t45)) * (t108 * T(-0.5))), T(0.0))
    t120 = (t47 * t104) + ((c * t114) * (t38 * T(2.0)))
    t121 = slope * t120
    t122 = t37 * t120
    t123 = t11 * t121
    t125 = where(t15, T(0.0), t123)
    t126 = where(t15, t123, T(0.0))
    t134 = ((t34 * t125) * (T(1.0) / t31)) - (t125 * (t34 * t35))
    t136 = t19 * t126
    t141 = ((t26 * t126) + (t23 * t136)) + (T(-0.044642857142857144) * (t19 * t136))
    t146 = where(t15, T(0.0), (t134 * (t34 * T(0.5))))
    t147 = where(t15, t141, T(0.0)) + t146
    t150 = ((t49 * t99) + (t39 * t114)) + (t12 * t147)
    t153 = (t36 * t121) + ((c * t147) * (t11 * T(2.0)))
    t156 = -(time * t153)
    t158 = -(sinh * t153)
    t159 = inner * t153
    t160 = cosh * t153
    w = t72
    d_inner = t160
    d_time = t158
    d_cosh = t159
    d_sinh = t156
    d_slope = t122
    d_c = t150
    return w, d_inner, d_time, d_cosh, d_sinh, d_slope, d_c


# Points of a piece
BLOCK = 256
# The numbers of a hyperplane
COSH, SINH, SLOPE = 0, 1, 2


@jit(any_order=True)
def coordinates(x, time, out, plane, c, limit):
    """The coordinates of points, from inner products with one normal."""
    cosh, sinh, slope = plane
    for p in range(len(x)):
        out[index(p)] = forward_pair(x[index(p)], time[index(p)], cosh, sinh, slope, c, limit)


@jit(any_order=True)
def gradients(x, time, g, of_x, of_time, plane, c, limit):
    """Gradients of the inner products with one normal; those of `time` are added up.

    Returns:
        The gradients of the hyperplane's numbers and of the curvature.
    """
    cosh, sinh, slope = plane
    d_cosh, d_sinh, d_slope, d_c = T(0.0), T(0.0), T(0.0), T(0.0)
    for p in range(len(x)):
        _, by_inner, by_time, by_cosh, by_sinh, by_slope, by_c = backward_pair(
            x[index(p)], time[index(p)], cosh, sinh, slope, c, limit, g[index(p)]
        )
        of_x[index(p)] = by_inner
        of_time[index(p)] += by_time
        d_cosh += by_cosh
        d_sinh += by_sinh
        d_slope += by_slope
        d_c += by_c
    return d_cosh, d_sinh, d_slope, d_c


@jit
def forward(begin, end, inner, time, planes, numbers, out):
    """Coordinates in some of the pieces.

    Args:
        inner: Inner products, `[G, K, P]`.
        time: `[G, P]`.
        planes: Numbers of the hyperplanes, `[3, K]`.
        numbers: The curvature and the limit of rapidities, `[2]`.
        out: Coordinates, `[G, K, P]`.
    """
    blocks = (inner.shape[2] + BLOCK - 1) // BLOCK
    for piece in range(begin, end):
        group, first = piece // blocks, piece % blocks * BLOCK
        last = min(first + BLOCK, inner.shape[2])
        for k in range(inner.shape[1]):
            plane = (planes[COSH, k], planes[SINH, k], planes[SLOPE, k])
            part = slice(first, last)
            coordinates(inner[group, k, part], time[group, part], out[group, k, part], plane, numbers[0], numbers[1])


@jit
def backward(begin, end, inner, time, planes, numbers, g, of_inner, of_time, of_planes):
    """Gradients in some of the pieces.

    Args:
        inner: As `forward`, as are `time`, `planes` and `numbers`.
        time: See `inner`.
        planes: See `inner`.
        numbers: See `inner`.
        g: Gradient of the coordinates, `[G, K, P]`.
        of_inner: Gradient of the inner products, `[G, K, P]`.
        of_time: Gradient of `time`, `[G, P]`.
        of_planes: For each piece, gradients of the numbers of hyperplanes, and parts of that of the curvature,
            `[pieces, 4, K]`.
    """
    blocks = (inner.shape[2] + BLOCK - 1) // BLOCK
    for piece in range(begin, end):
        group, first = piece // blocks, piece % blocks * BLOCK
        last = min(first + BLOCK, inner.shape[2])
        part = slice(first, last)
        summed = np.zeros(last - first, T)
        for k in range(inner.shape[1]):
            plane = (planes[COSH, k], planes[SINH, k], planes[SLOPE, k])
            x, d_x = inner[group, k, part], of_inner[group, k, part]
            found = gradients(x, time[group, part], g[group, k, part], d_x, summed, plane, numbers[0], numbers[1])
            for i in range(4):
                of_planes[piece, i, k] = found[i]
        of_time[group, part] = summed
