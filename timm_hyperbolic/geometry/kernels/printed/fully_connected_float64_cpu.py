"""`fully_connected_float64`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over inner products of points and normals that make coordinates of them, on a CPU.

Inner products are `[G, K, P]`, with K hyperplanes and P points that lie side by side in memory, as the pixels of an
image do. A piece of work is up to BLOCK points of a group, with all hyperplanes.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp, index, jit, log, sqrt, where

T = np.float64


@jit(inline=True)
def forward_pair(inner, time, cosh, sinh, slope, c, limit):
    """w of a pair."""
    t10 = (inner * cosh) - (time * sinh)
    t12 = c * (t10 * t10)
    t14 = t12 < T(0.015625)
    t16 = sqrt(where(t14, T(1.0), t12))
    t18 = where(t14, t12, T(0.0))
    t22 = (t18 * T(-0.01396484375)) + T(0.017352764423076924)
    t26 = t18 * ((t18 * t22) + T(-0.022372159090909092))
    t31 = (t18 * (t26 + T(0.030381944444444444))) + T(-0.044642857142857144)
    t37 = (t18 * ((t18 * t31) + T(0.075))) + T(-0.16666666666666666)
    t44 = log((t16 + sqrt((T(1.0) + (t16 * t16)))))
    t47 = where(t14, (T(1.0) + (t18 * t37)), (t44 * (T(1.0) / t16)))
    t49 = slope * (t10 * t47)
    t51 = c * (t49 * t49)
    t53 = (limit * limit) < t51
    t57 = limit * (T(1.0) / sqrt(where(t53, t51, T(1.0))))
    t59 = t49 * where(t53, t57, T(1.0))
    t61 = c * (t59 * t59)
    t62 = t61 < T(0.015625)
    t64 = sqrt(where(t62, T(1.0), t61))
    t65 = where(t62, t61, T(0.0))
    t69 = (t65 * T(7.647163731819816e-13)) + T(1.6059043836821613e-10)
    t73 = t65 * ((t65 * t69) + T(2.505210838544172e-08))
    t78 = (t65 * (t73 + T(2.7557319223985893e-06))) + T(0.0001984126984126984)
    t82 = t65 * ((t65 * t78) + T(0.008333333333333333))
    t86 = T(1.0) + (t65 * (t82 + T(0.16666666666666666)))
    t87 = exp(t64)
    t93 = ((t87 - (T(1.0) / t87)) * T(0.5)) * (T(1.0) / t64)
    t95 = t59 * where(t62, t86, t93)
    w = t95
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
    t23 = (t19 * T(-0.01396484375)) + T(0.017352764423076924)
    t26 = (t19 * t23) + T(-0.022372159090909092)
    t29 = (t19 * t26) + T(0.030381944444444444)
    t32 = (t19 * t29) + T(-0.044642857142857144)
    t35 = (t19 * t32) + T(0.075)
    t38 = (t19 * t35) + T(-0.16666666666666666)
    t43 = sqrt((T(1.0) + (t17 * t17)))
    t46 = T(1.0) / t17
    t47 = log((t17 + t43)) * t46
    t48 = where(t15, (T(1.0) + (t19 * t38)), t47)
    t49 = t11 * t48
    t50 = slope * t49
    t51 = t50 * t50
    t52 = c * t51
    t54 = (limit * limit) < t52
    t57 = T(1.0) / sqrt(where(t54, t52, T(1.0)))
    t59 = where(t54, (limit * t57), T(1.0))
    t60 = t50 * t59
    t61 = t60 * t60
    t62 = c * t61
    t63 = t62 < T(0.015625)
    t65 = sqrt(where(t63, T(1.0), t62))
    t66 = where(t63, t62, T(0.0))
    t70 = (t66 * T(7.647163731819816e-13)) + T(1.6059043836821613e-10)
    t73 = (t66 * t70) + T(2.505210838544172e-08)
    t76 = (t66 * t73) + T(2.7557319223985893e-06)
    t79 = (t66 * t76) + T(0.0001984126984126984)
    t82 = (t66 * t79) + T(0.008333333333333333)
    t85 = (t66 * t82) + T(0.16666666666666666)
    t88 = exp(t65)
    t89 = T(1.0) / t88
    t93 = T(1.0) / t65
    t94 = ((t88 - t89) * T(0.5)) * t93
    t95 = where(t63, (T(1.0) + (t66 * t85)), t94)
    t96 = t60 * t95
    t97 = g_w * t60
    t99 = where(t63, T(0.0), t97)
    t100 = where(t63, t97, T(0.0))
    t109 = ((t93 * t99) * (T(0.5) * (t88 + t89))) - (t99 * (t93 * t94))
    t111 = t66 * t100
    t113 = t66 * t111
    t116 = t66 * t113
    t117 = ((t85 * t100) + (t82 * t111)) + (t79 * t113)
    t119 = t66 * t116
    t122 = t66 * t119
    t126 = ((t117 + (t76 * t116)) + (t73 * t119)) + (t70 * t122)
    t128 = t126 + (T(7.647163731819816e-13) * (t66 * t122))
    t134 = where(t63, T(0.0), (t109 * (T(0.5) * t93)))
    t135 = where(t63, t128, T(0.0)) + t134
    t140 = (g_w * t95) + ((c * t135) * (t60 * T(2.0)))
    t144 = limit * where(t54, (t50 * t140), T(0.0))
    t150 = where(t54, ((t57 * (t57 * t57)) * (t144 * T(-0.5))), T(0.0))
    t156 = (t59 * t140) + ((c * t150) * (t50 * T(2.0)))
    t157 = slope * t156
    t158 = t49 * t156
    t159 = t11 * t157
    t161 = where(t15, T(0.0), t159)
    t162 = where(t15, t159, T(0.0))
    t170 = ((t46 * t161) * (T(1.0) / t43)) - (t161 * (t46 * t47))
    t172 = t19 * t162
    t174 = t19 * t172
    t177 = t19 * t174
    t178 = ((t38 * t162) + (t35 * t172)) + (t32 * t174)
    t180 = t19 * t177
    t183 = t19 * t180
    t187 = ((t178 + (t29 * t177)) + (t26 * t180)) + (t23 * t183)
    t189 = t187 + (T(-0.01396484375) * (t19 * t183))
    t194 = where(t15, T(0.0), (t170 * (t46 * T(0.5))))
    t195 = where(t15, t189, T(0.0)) + t194
    t198 = ((t61 * t135) + (t51 * t150)) + (t12 * t195)
    t201 = (t48 * t157) + ((c * t195) * (t11 * T(2.0)))
    t204 = -(time * t201)
    t206 = -(sinh * t201)
    t207 = inner * t201
    t208 = cosh * t201
    w = t96
    d_inner = t208
    d_time = t206
    d_cosh = t207
    d_sinh = t204
    d_slope = t158
    d_c = t198
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
