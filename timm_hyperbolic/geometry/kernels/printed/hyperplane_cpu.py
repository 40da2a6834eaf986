"""`hyperplane`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over normals and offsets that make the numbers of hyperplanes of them, on a CPU."""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp, jit, log, sqrt, where

T = np.float64


@jit(inline=True)
def forward_pair(zz, offset, c):
    """along, across, slope of a pair."""
    t5 = T(0.0) < zz
    t8 = where(t5, sqrt(where(t5, zz, T(1.0))), T(0.0))
    t10 = c * (offset * offset)
    t12 = t10 < T(0.015625)
    t14 = sqrt(where(t12, T(1.0), t10))
    t15 = where(t12, t10, T(0.0))
    t19 = (t15 * T(-0.0014558343870513183)) + T(0.003592128036572481)
    t23 = t15 * ((t15 * t19) + T(-0.008863235529902197))
    t28 = (t15 * (t23 + T(0.021869488536155203))) + T(-0.05396825396825397)
    t32 = t15 * ((t15 * t28) + T(0.13333333333333333))
    t36 = T(1.0) + (t15 * (t32 + T(-0.3333333333333333)))
    t39 = exp((t14 * T(-2.0)))
    t42 = T(1.0) / (T(1.0) + t39)
    t46 = where(t12, t36, (((T(1.0) - t39) * t42) * (T(1.0) / t14)))
    t55 = where(t12, (T(1.0) - (t10 * (t36 * t36))), ((t39 * T(4.0)) * (t42 * t42)))
    t59 = T(1.0) / t55
    t64 = t59 * (t46 * (offset * T(2.0)))
    t67 = T(1.0) / where((T(0.0) < t8), t8, T(1.0))
    t68 = ((T(1.0) + (t10 * (t46 * t46))) * t59) * t67
    t69 = t8 * T(2.0)
    along = t68
    across = t64
    slope = t69
    return along, across, slope


@jit(inline=True)
def backward_pair(zz, offset, c, g_along, g_across, g_slope):
    """along, across, slope, d_zz, d_offset, d_c of a pair."""
    t8 = T(0.0) < zz
    t10 = sqrt(where(t8, zz, T(1.0)))
    t11 = where(t8, t10, T(0.0))
    t12 = offset * offset
    t13 = c * t12
    t15 = t13 < T(0.015625)
    t17 = sqrt(where(t15, T(1.0), t13))
    t18 = where(t15, t13, T(0.0))
    t22 = (t18 * T(-0.0014558343870513183)) + T(0.003592128036572481)
    t25 = (t18 * t22) + T(-0.008863235529902197)
    t28 = (t18 * t25) + T(0.021869488536155203)
    t31 = (t18 * t28) + T(-0.05396825396825397)
    t34 = (t18 * t31) + T(0.13333333333333333)
    t37 = (t18 * t34) + T(-0.3333333333333333)
    t39 = T(1.0) + (t18 * t37)
    t42 = exp((t17 * T(-2.0)))
    t44 = T(1.0) + t42
    t45 = T(1.0) / t44
    t46 = (T(1.0) - t42) * t45
    t47 = T(1.0) / t17
    t48 = t46 * t47
    t49 = where(t15, t39, t48)
    t50 = t39 * t39
    t56 = t45 * t45
    t57 = (t42 * T(4.0)) * t56
    t59 = t49 * t49
    t62 = T(1.0) / where(t15, (T(1.0) - (t13 * t50)), t57)
    t63 = (T(1.0) + (t13 * t59)) * t62
    t65 = offset * T(2.0)
    t67 = t62 * (t49 * t65)
    t68 = T(0.0) < t11
    t70 = T(1.0) / where(t68, t11, T(1.0))
    t71 = t63 * t70
    t72 = t11 * T(2.0)
    t78 = g_along * t70
    t79 = where(t68, (-(g_along * (t70 * t71))), T(0.0))
    t85 = g_across * t62
    t93 = t62 * t78
    t94 = (-(g_across * (t62 * t67))) - (t78 * (t62 * t63))
    t99 = (t65 * t85) + ((t13 * t93) * (t49 * T(2.0)))
    t100 = where(t15, T(0.0), t94)
    t101 = where(t15, t94, T(0.0))
    t111 = (T(4.0) * (t56 * t100)) - ((t100 * (t56 * t57)) * (t44 * T(2.0)))
    t119 = (t13 * t101) * (t39 * T(2.0))
    t123 = t18 * t119
    t127 = t18 * t123
    t132 = t18 * t127
    t134 = ((-(t37 * t119)) - (t34 * t123)) - (t31 * t127)
    t137 = t18 * t132
    t142 = t18 * t137
    t149 = ((t134 - (t28 * t132)) - (t25 * t137)) - (t22 * t142)
    t150 = T(-0.0014558343870513183) * (t18 * t142)
    t154 = ((t59 * t93) - (t50 * t101)) + where(t15, (t149 - t150), T(0.0))
    t159 = t47 * T(0.5)
    t161 = where(t15, T(0.0), ((T(-2.0) * (t42 * t111)) * t159))
    t163 = where(t15, T(0.0), t99)
    t164 = where(t15, t99, T(0.0))
    t173 = ((t47 * t163) * (T(1.0) - (t46 * t46))) - (t163 * (t47 * t48))
    t175 = t18 * t164
    t177 = t18 * t175
    t180 = t18 * t177
    t181 = ((t37 * t164) + (t34 * t175)) + (t31 * t177)
    t183 = t18 * t180
    t186 = t18 * t183
    t190 = ((t181 + (t28 * t180)) + (t25 * t183)) + (t22 * t186)
    t191 = T(-0.0014558343870513183) * (t18 * t186)
    t194 = (t154 + t161) + where(t15, (t190 + t191), T(0.0))
    t197 = t194 + where(t15, T(0.0), (t159 * t173))
    t199 = t12 * t197
    t201 = (T(2.0) * (t49 * t85)) + (t65 * (c * t197))
    t202 = where(t8, ((g_slope * T(2.0)) + t79), T(0.0))
    t207 = where(t8, (t202 * (T(0.5) * (T(1.0) / t10))), T(0.0))
    along = t71
    across = t67
    slope = t72
    d_zz = t207
    d_offset = t201
    d_c = t199
    return along, across, slope, d_zz, d_offset, d_c


@jit(any_order=True)
def squared_length(z):
    """`‖z‖²`."""
    total = T(0.0)
    for j in range(len(z)):
        total += T(z[j]) * T(z[j])
    return total


@jit(any_order=True)
def add_multiple(out, a, z):
    """Add `a·z` in place."""
    for j in range(len(z)):
        out[j] += a * z[j]


@jit
def forward(begin, end, normals, offsets, c, planes):
    """The numbers of some of the hyperplanes.

    Args:
        normals: `[K, D]`.
        offsets: `[K]`.
        c: The curvature.
        planes: `along`, `across` and the slope, `[3, K]`.
    """
    for k in range(begin, end):
        along, across, slope = forward_pair(squared_length(normals[k]), np.float64(offsets[k]), c)
        planes[0, k] = along
        planes[1, k] = across
        planes[2, k] = slope


@jit
def backward(begin, end, normals, offsets, c, of_planes, of_normals, of_offsets, of_c):
    """The gradients of some of the hyperplanes.

    Args:
        normals: As `forward`, as are `offsets` and `c`.
        offsets: See `normals`.
        c: See `normals`.
        of_planes: The gradient of `planes`, `[3, K]`.
        of_normals: The gradient of the normals is added to it, `[K, D]`.
        of_offsets: The gradient of the offsets, `[K]`.
        of_c: Parts of the gradient of the curvature, `[K]`.
    """
    for k in range(begin, end):
        zz = squared_length(normals[k])
        found = backward_pair(zz, np.float64(offsets[k]), c, of_planes[0, k], of_planes[1, k], of_planes[2, k])
        # Behind the results themselves
        add_multiple(of_normals[k], normals.dtype.type(T(2.0) * found[3]), normals[k])
        of_offsets[k] = found[4]
        of_c[k] = found[5]
