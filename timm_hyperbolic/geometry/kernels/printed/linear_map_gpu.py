"""`linear_map`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of a linear map between centres, on a GPU.

They stand around matrix products that torch computes. Behind the one of the way there, `y = Wx`, a pass takes a block
of rows of `y`, computes their inner products and then the scalars of all rows of the block, and writes the combination
of `y` and the fixed vectors `q = W·p_in`, `o = p_out` and `b`, the bias, in the place of `y`. In the backward pass a
pass before the products takes the gradient `g` of the result and `y`, which is computed once more: nothing of it is
kept but the inner products.

The map has parts: each takes all of `x`, with centres and numbers of its own, and makes its own columns of `y`.

A program of the grid computes a block of rows; on the way there, of one part. Vectors are read a few rows at once, the
scalars of a row are computed by one thread, and in between numbers of a row go through a scratch in memory, as for two
vectors per row. The scratch `S` of a block and a part holds one number for each row in each of its slots,
`S[slot * ROWS + row]`.
"""

import triton
import triton.language as tl

from timm_hyperbolic.geometry.kernels.primitives_gpu import f64, narrow, read, rows_at, typed

ROWS = tl.constexpr(32)
SLOTS = tl.constexpr(31)
XX = tl.constexpr(0)
XP = tl.constexpr(1)
YY = tl.constexpr(2)
YQ = tl.constexpr(3)
YO = tl.constexpr(4)
YB = tl.constexpr(5)
OF_Y = tl.constexpr(6)
OF_Q = tl.constexpr(7)
OF_O = tl.constexpr(8)
OF_B = tl.constexpr(9)
G_OF_Y = tl.constexpr(10)
G_OF_Q = tl.constexpr(11)
G_OF_O = tl.constexpr(12)
G_OF_B = tl.constexpr(13)
D_XX = tl.constexpr(14)
D_XP = tl.constexpr(15)
D_YY = tl.constexpr(16)
D_YQ = tl.constexpr(17)
D_YO = tl.constexpr(18)
D_YB = tl.constexpr(19)
D_C = tl.constexpr(20)
D_QQ = tl.constexpr(21)
D_QO = tl.constexpr(22)
D_QB = tl.constexpr(23)
D_OQ = tl.constexpr(24)
D_OO = tl.constexpr(25)
D_OB = tl.constexpr(26)
D_BQ = tl.constexpr(27)
D_BO = tl.constexpr(28)
D_BB = tl.constexpr(29)
D_PP = tl.constexpr(30)


@triton.jit
def forward_scalars(S, numbers, clip):
    """of_y, of_q, of_o, of_b of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    qq = tl.load(numbers + 1)
    qo = tl.load(numbers + 2)
    qb = tl.load(numbers + 3)
    oo = tl.load(numbers + 5)
    ob = tl.load(numbers + 6)
    bb = tl.load(numbers + 9)
    pp = tl.load(numbers + 10)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
    n_max = tl.load(clip + 2)
    n_edge = tl.load(clip + 3)
    u_max = tl.load(clip + 4)
    u_edge = tl.load(clip + 5)
    u_min = tl.load(clip + 6)
    n_given = tl.load(clip + 7)
    r2_max = tl.load(clip + 8)
    r2_edge = tl.load(clip + 9)
    t92 = c * pp
    t93 = n_given <= t92
    t96 = f64(1.0) / (tl.where(t93, t92, f64(1.0)))
    t97 = (tl.where(t93, n_given, f64(1.0))) * t96
    t98 = tl.sqrt(t97)
    t100 = f64(1.0) - (tl.where(t93, n_given, t92))
    t102 = pp * (t98 * t98)
    t103 = c * oo
    t104 = n_given <= t103
    t107 = f64(1.0) / (tl.where(t104, t103, f64(1.0)))
    t108 = (tl.where(t104, n_given, f64(1.0))) * t107
    t109 = tl.sqrt(t108)
    t111 = f64(1.0) - (tl.where(t104, n_given, t103))
    t113 = oo * (t109 * t109)
    t114 = c * bb
    t115 = z2_edge <= t114
    t116 = r2_edge <= bb
    t121 = (tl.where(t115, z2_max, f64(1.0))) * (tl.where(t116, r2_max, f64(1.0)))
    t122 = (tl.where(t115, t114, f64(1.0))) * (tl.where(t116, bb, f64(1.0)))
    t125 = tl.sqrt((t121 * (f64(1.0) / t122)))
    t128 = c * (bb * (t125 * t125))
    t129 = t128 < f64(0.015625)
    t131 = tl.sqrt((tl.where(t129, f64(1.0), t128)))
    t132 = tl.where(t129, t128, f64(0.0))
    t134 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t132)
    t136 = f64(-0.008863235529902197) + (t132 * t134)
    t138 = f64(0.021869488536155203) + (t132 * t136)
    t140 = f64(-0.05396825396825397) + (t132 * t138)
    t142 = f64(0.13333333333333333) + (t132 * t140)
    t144 = f64(-0.3333333333333333) + (t132 * t142)
    t146 = f64(1.0) + (t132 * t144)
    t148 = tl.exp((f64(-2.0) * t131))
    t151 = f64(1.0) / (f64(1.0) + t148)
    t154 = ((f64(1.0) - t148) * t151) * (f64(1.0) / t131)
    t156 = t125 * (tl.where(t129, t146, t154))
    t166 = tl.where(t129, (f64(1.0) - (t128 * (t146 * t146))), ((f64(4.0) * t148) * (t151 * t151)))
    t329 = bb * (t156 * t156)
    t375 = t109 * f64(2.0)
    xx = tl.load(S + XX * ROWS + r)
    xp = tl.load(S + XP * ROWS + r)
    yy = tl.load(S + YY * ROWS + r)
    yq = tl.load(S + YQ * ROWS + r)
    yo = tl.load(S + YO * ROWS + r)
    yb = tl.load(S + YB * ROWS + r)
    t28 = xx * c
    t29 = z2_edge <= t28
    t30 = r2_edge <= xx
    t35 = (tl.where(t29, z2_max, f64(1.0))) * (tl.where(t30, r2_max, f64(1.0)))
    t36 = (tl.where(t29, t28, f64(1.0))) * (tl.where(t30, xx, f64(1.0)))
    t39 = tl.sqrt((t35 * (f64(1.0) / t36)))
    t42 = c * (xx * (t39 * t39))
    t44 = t42 < f64(0.015625)
    t46 = tl.sqrt((tl.where(t44, f64(1.0), t42)))
    t48 = tl.where(t44, t42, f64(0.0))
    t52 = (t48 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t55 = (t48 * t52) + f64(-0.008863235529902197)
    t59 = t48 * ((t48 * t55) + f64(0.021869488536155203))
    t64 = (t48 * (t59 + f64(-0.05396825396825397))) + f64(0.13333333333333333)
    t68 = t48 * ((t48 * t64) + f64(-0.3333333333333333))
    t69 = f64(1.0) + t68
    t72 = tl.exp((t46 * f64(-2.0)))
    t75 = f64(1.0) / (f64(1.0) + t72)
    t78 = ((f64(1.0) - t72) * t75) * (f64(1.0) / t46)
    t80 = t39 * (tl.where(t44, t69, t78))
    t91 = tl.where(t44, (f64(1.0) - (t42 * (t69 * t69))), ((t72 * f64(4.0)) * (t75 * t75)))
    t177 = (xx * (t80 * t80)) - (xp * (t98 * (t80 * f64(2.0))))
    t179 = t102 + t177
    t180 = c * t179
    t181 = t91 * t100
    t184 = f64(1.0) / (t180 + t181)
    t191 = t181 * t184
    t194 = (c * (t179 * t184)) * (f64(1.0) / t191)
    t195 = t194 < f64(0.015625)
    t197 = tl.sqrt((tl.where(t195, f64(1.0), t194)))
    t198 = tl.where(t195, t194, f64(0.0))
    t202 = (t198 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t205 = (t198 * t202) + f64(-0.022372159090909092)
    t208 = (t198 * t205) + f64(0.030381944444444444)
    t211 = (t198 * t208) + f64(-0.044642857142857144)
    t217 = (t198 * ((t198 * t211) + f64(0.075))) + f64(-0.16666666666666666)
    t223 = t197 + (tl.sqrt((f64(1.0) + (t197 * t197))))
    t227 = tl.where(t195, (f64(1.0) + (t198 * t217)), ((tl.log(t223)) * (f64(1.0) / t197)))
    t230 = t227 * (f64(1.0) / (tl.sqrt(t191)))
    t231 = (t80 * (t100 * t184)) * t230
    t232 = (t98 * ((t100 + t180) * t184)) * t230
    t243 = (yy * (t231 * t231)) - (yq * (t232 * (f64(2.0) * t231)))
    t247 = t243 + (qq * (t232 * t232))
    t248 = c * t247
    t249 = z2_edge <= t248
    t250 = r2_edge <= t247
    t255 = (tl.where(t249, z2_max, f64(1.0))) * (tl.where(t250, r2_max, f64(1.0)))
    t256 = (tl.where(t249, t248, f64(1.0))) * (tl.where(t250, t247, f64(1.0)))
    t259 = tl.sqrt((t255 * (f64(1.0) / t256)))
    t265 = c * (t247 * (t259 * t259))
    t266 = t265 < f64(0.015625)
    t268 = tl.sqrt((tl.where(t266, f64(1.0), t265)))
    t269 = tl.where(t266, t265, f64(0.0))
    t271 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t269)
    t273 = f64(-0.008863235529902197) + (t269 * t271)
    t275 = f64(0.021869488536155203) + (t269 * t273)
    t277 = f64(-0.05396825396825397) + (t269 * t275)
    t279 = f64(0.13333333333333333) + (t269 * t277)
    t281 = f64(-0.3333333333333333) + (t269 * t279)
    t283 = f64(1.0) + (t269 * t281)
    t285 = tl.exp((f64(-2.0) * t268))
    t288 = f64(1.0) / (f64(1.0) + t285)
    t291 = ((f64(1.0) - t285) * t288) * (f64(1.0) / t268)
    t292 = tl.where(t266, t283, t291)
    t293 = (t231 * t259) * t292
    t294 = (t232 * t259) * t292
    t305 = tl.where(t266, (f64(1.0) - (t265 * (t283 * t283))), ((f64(4.0) * t285) * (t288 * t288)))
    t308 = f64(2.0) * t293
    t313 = (yy * (t293 * t293)) - (yq * (t294 * t308))
    t320 = (t313 + (yb * (t156 * t308))) + (qq * (t294 * t294))
    t327 = t320 - (qb * (t156 * (f64(2.0) * t294)))
    t331 = c * (t327 + t329)
    t332 = t166 * t305
    t335 = f64(1.0) / (t331 + t332)
    t336 = (t305 + t331) * t335
    t337 = t293 * t336
    t338 = t294 * t336
    t341 = t156 * (t305 * t335)
    t346 = f64(2.0) * t337
    t351 = (yy * (t337 * t337)) - (yq * (t338 * t346))
    t357 = (t351 + (yo * (t109 * t346))) + (yb * (t341 * t346))
    t362 = f64(2.0) * t338
    t368 = (t357 + (qq * (t338 * t338))) - (qo * (t109 * t362))
    t378 = (t113 + (t368 - (qb * (t341 * t362)))) + (ob * (t341 * t375))
    t381 = t378 + (bb * (t341 * t341))
    t382 = c * t381
    t383 = t111 * (t332 * t335)
    t386 = f64(1.0) / (t382 + t383)
    t389 = t111 * t386
    t394 = t381 * t386
    t395 = t383 * t386
    t396 = c * t394
    t399 = (n_edge < t396) | (t395 < u_edge)
    t400 = r2_edge <= t394
    t405 = (tl.where(t399, n_max, f64(1.0))) * (tl.where(t400, r2_max, f64(1.0)))
    t406 = (tl.where(t399, t396, f64(1.0))) * (tl.where(t400, t394, f64(1.0)))
    t409 = tl.sqrt((t405 * (f64(1.0) / t406)))
    t412 = tl.where(t399, u_max, (tl.where((u_min < t395), t395, u_min)))
    t422 = (c * (t394 * (t409 * t409))) * (f64(1.0) / t412)
    t423 = t422 < f64(0.015625)
    t425 = tl.sqrt((tl.where(t423, f64(1.0), t422)))
    t426 = tl.where(t423, t422, f64(0.0))
    t428 = f64(0.017352764423076924) + (f64(-0.01396484375) * t426)
    t430 = f64(-0.022372159090909092) + (t426 * t428)
    t432 = f64(0.030381944444444444) + (t426 * t430)
    t434 = f64(-0.044642857142857144) + (t426 * t432)
    t438 = f64(-0.16666666666666666) + (t426 * (f64(0.075) + (t426 * t434)))
    t444 = t425 + (tl.sqrt((f64(1.0) + (t425 * t425))))
    t448 = tl.where(t423, (f64(1.0) + (t426 * t438)), ((tl.log(t444)) * (f64(1.0) / t425)))
    t451 = t448 * (f64(1.0) / (tl.sqrt(t412)))
    t452 = ((t337 * t389) * t409) * t451
    t454 = -(((t338 * t389) * t409) * t451)
    t455 = ((t109 * ((t111 + t382) * t386)) * t409) * t451
    t456 = ((t341 * t389) * t409) * t451
    tl.store(S + OF_Y * ROWS + r, t452)
    tl.store(S + OF_Q * ROWS + r, t454)
    tl.store(S + OF_O * ROWS + r, t455)
    tl.store(S + OF_B * ROWS + r, t456)


@triton.jit
def backward_scalars(S, numbers, clip):
    """of_y, of_q, of_o, of_b, d_xx, d_xp, d_yy, d_yq, d_yo, d_yb, d_c, d_qq, d_qo, d_qb, d_oq, d_oo, d_ob, d_bq, d_bo, d_bb, d_pp of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    qq = tl.load(numbers + 1)
    qo = tl.load(numbers + 2)
    qb = tl.load(numbers + 3)
    oo = tl.load(numbers + 5)
    ob = tl.load(numbers + 6)
    bb = tl.load(numbers + 9)
    pp = tl.load(numbers + 10)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
    n_max = tl.load(clip + 2)
    n_edge = tl.load(clip + 3)
    u_max = tl.load(clip + 4)
    u_edge = tl.load(clip + 5)
    u_min = tl.load(clip + 6)
    n_given = tl.load(clip + 7)
    r2_max = tl.load(clip + 8)
    r2_edge = tl.load(clip + 9)
    t96 = c * pp
    t97 = n_given <= t96
    t100 = f64(1.0) / (tl.where(t97, t96, f64(1.0)))
    t101 = (tl.where(t97, n_given, f64(1.0))) * t100
    t102 = tl.sqrt(t101)
    t104 = f64(1.0) - (tl.where(t97, n_given, t96))
    t105 = t102 * t102
    t106 = pp * t105
    t107 = c * oo
    t108 = n_given <= t107
    t111 = f64(1.0) / (tl.where(t108, t107, f64(1.0)))
    t112 = (tl.where(t108, n_given, f64(1.0))) * t111
    t113 = tl.sqrt(t112)
    t115 = f64(1.0) - (tl.where(t108, n_given, t107))
    t116 = t113 * t113
    t117 = oo * t116
    t118 = c * bb
    t119 = z2_edge <= t118
    t120 = r2_edge <= bb
    t122 = tl.where(t119, t118, f64(1.0))
    t124 = tl.where(t120, bb, f64(1.0))
    t125 = (tl.where(t119, z2_max, f64(1.0))) * (tl.where(t120, r2_max, f64(1.0)))
    t127 = f64(1.0) / (t122 * t124)
    t128 = t125 * t127
    t129 = tl.sqrt(t128)
    t130 = t129 * t129
    t131 = bb * t130
    t132 = c * t131
    t133 = t132 < f64(0.015625)
    t135 = tl.sqrt((tl.where(t133, f64(1.0), t132)))
    t136 = tl.where(t133, t132, f64(0.0))
    t138 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t136)
    t140 = f64(-0.008863235529902197) + (t136 * t138)
    t142 = f64(0.021869488536155203) + (t136 * t140)
    t144 = f64(-0.05396825396825397) + (t136 * t142)
    t146 = f64(0.13333333333333333) + (t136 * t144)
    t148 = f64(-0.3333333333333333) + (t136 * t146)
    t150 = f64(1.0) + (t136 * t148)
    t152 = tl.exp((f64(-2.0) * t135))
    t154 = f64(1.0) + t152
    t155 = f64(1.0) / t154
    t156 = (f64(1.0) - t152) * t155
    t157 = f64(1.0) / t135
    t158 = t156 * t157
    t159 = tl.where(t133, t150, t158)
    t160 = t129 * t159
    t163 = t150 * t150
    t168 = t155 * t155
    t169 = (f64(4.0) * t152) * t168
    t170 = tl.where(t133, (f64(1.0) - (t132 * t163)), t169)
    t332 = t160 * t160
    t333 = bb * t332
    t379 = t113 * f64(2.0)
    t1034 = t168 * t169
    t1039 = t154 * f64(2.0)
    t1049 = t150 * f64(2.0)
    t1089 = t157 * f64(0.5)
    t1097 = t157 * t158
    t1103 = f64(1.0) - (t156 * t156)
    t1135 = t129 * f64(2.0)
    t1139 = f64(0.5) * (f64(1.0) / t129)
    t1141 = t127 * t128
    t1160 = f64(0.5) * (f64(1.0) / t113)
    t1162 = t111 * t112
    t1176 = f64(0.5) * (f64(1.0) / t102)
    t1179 = t100 * t101
    xx = tl.load(S + XX * ROWS + r)
    xp = tl.load(S + XP * ROWS + r)
    yy = tl.load(S + YY * ROWS + r)
    yq = tl.load(S + YQ * ROWS + r)
    yo = tl.load(S + YO * ROWS + r)
    yb = tl.load(S + YB * ROWS + r)
    g_of_y = tl.load(S + G_OF_Y * ROWS + r)
    g_of_q = tl.load(S + G_OF_Q * ROWS + r)
    g_of_o = tl.load(S + G_OF_O * ROWS + r)
    g_of_b = tl.load(S + G_OF_B * ROWS + r)
    t32 = xx * c
    t33 = z2_edge <= t32
    t34 = r2_edge <= xx
    t36 = tl.where(t33, t32, f64(1.0))
    t38 = tl.where(t34, xx, f64(1.0))
    t39 = (tl.where(t33, z2_max, f64(1.0))) * (tl.where(t34, r2_max, f64(1.0)))
    t41 = f64(1.0) / (t36 * t38)
    t42 = t39 * t41
    t43 = tl.sqrt(t42)
    t44 = t43 * t43
    t45 = xx * t44
    t46 = c * t45
    t48 = t46 < f64(0.015625)
    t50 = tl.sqrt((tl.where(t48, f64(1.0), t46)))
    t52 = tl.where(t48, t46, f64(0.0))
    t56 = (t52 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t59 = (t52 * t56) + f64(-0.008863235529902197)
    t62 = (t52 * t59) + f64(0.021869488536155203)
    t65 = (t52 * t62) + f64(-0.05396825396825397)
    t68 = (t52 * t65) + f64(0.13333333333333333)
    t71 = (t52 * t68) + f64(-0.3333333333333333)
    t73 = f64(1.0) + (t52 * t71)
    t76 = tl.exp((t50 * f64(-2.0)))
    t78 = f64(1.0) + t76
    t79 = f64(1.0) / t78
    t80 = (f64(1.0) - t76) * t79
    t81 = f64(1.0) / t50
    t82 = t80 * t81
    t83 = tl.where(t48, t73, t82)
    t84 = t43 * t83
    t87 = t73 * t73
    t93 = t79 * t79
    t94 = (t76 * f64(4.0)) * t93
    t95 = tl.where(t48, (f64(1.0) - (t46 * t87)), t94)
    t173 = t84 * t84
    t176 = t84 * f64(2.0)
    t177 = t102 * t176
    t183 = t106 + ((xx * t173) - (xp * t177))
    t184 = c * t183
    t185 = t95 * t104
    t188 = f64(1.0) / (t184 + t185)
    t189 = (t104 + t184) * t188
    t190 = t102 * t189
    t192 = t104 * t188
    t193 = t84 * t192
    t194 = t183 * t188
    t195 = t185 * t188
    t197 = f64(1.0) / t195
    t198 = (c * t194) * t197
    t199 = t198 < f64(0.015625)
    t201 = tl.sqrt((tl.where(t199, f64(1.0), t198)))
    t202 = tl.where(t199, t198, f64(0.0))
    t206 = (t202 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t209 = (t202 * t206) + f64(-0.022372159090909092)
    t212 = (t202 * t209) + f64(0.030381944444444444)
    t215 = (t202 * t212) + f64(-0.044642857142857144)
    t218 = (t202 * t215) + f64(0.075)
    t221 = (t202 * t218) + f64(-0.16666666666666666)
    t226 = tl.sqrt((f64(1.0) + (t201 * t201)))
    t229 = f64(1.0) / t201
    t230 = (tl.log((t201 + t226))) * t229
    t231 = tl.where(t199, (f64(1.0) + (t202 * t221)), t230)
    t233 = f64(1.0) / (tl.sqrt(t195))
    t234 = t231 * t233
    t235 = t193 * t234
    t236 = t190 * t234
    t240 = t235 * t235
    t242 = f64(2.0) * t235
    t243 = t236 * t242
    t248 = t236 * t236
    t251 = ((yy * t240) - (yq * t243)) + (qq * t248)
    t252 = c * t251
    t253 = z2_edge <= t252
    t254 = r2_edge <= t251
    t256 = tl.where(t253, t252, f64(1.0))
    t258 = tl.where(t254, t251, f64(1.0))
    t259 = (tl.where(t253, z2_max, f64(1.0))) * (tl.where(t254, r2_max, f64(1.0)))
    t261 = f64(1.0) / (t256 * t258)
    t262 = t259 * t261
    t263 = tl.sqrt(t262)
    t264 = t235 * t263
    t265 = t236 * t263
    t267 = t263 * t263
    t268 = t251 * t267
    t269 = c * t268
    t270 = t269 < f64(0.015625)
    t272 = tl.sqrt((tl.where(t270, f64(1.0), t269)))
    t273 = tl.where(t270, t269, f64(0.0))
    t275 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t273)
    t277 = f64(-0.008863235529902197) + (t273 * t275)
    t279 = f64(0.021869488536155203) + (t273 * t277)
    t281 = f64(-0.05396825396825397) + (t273 * t279)
    t283 = f64(0.13333333333333333) + (t273 * t281)
    t285 = f64(-0.3333333333333333) + (t273 * t283)
    t287 = f64(1.0) + (t273 * t285)
    t289 = tl.exp((f64(-2.0) * t272))
    t291 = f64(1.0) + t289
    t292 = f64(1.0) / t291
    t293 = (f64(1.0) - t289) * t292
    t294 = f64(1.0) / t272
    t295 = t293 * t294
    t296 = tl.where(t270, t287, t295)
    t297 = t264 * t296
    t298 = t265 * t296
    t302 = t287 * t287
    t307 = t292 * t292
    t308 = (f64(4.0) * t289) * t307
    t309 = tl.where(t270, (f64(1.0) - (t269 * t302)), t308)
    t310 = t297 * t297
    t312 = f64(2.0) * t297
    t313 = t298 * t312
    t318 = t160 * t312
    t320 = ((yy * t310) - (yq * t313)) + (yb * t318)
    t321 = t298 * t298
    t325 = f64(2.0) * t298
    t327 = t160 * t325
    t334 = ((t320 + (qq * t321)) - (qb * t327)) + t333
    t335 = c * t334
    t336 = t170 * t309
    t339 = f64(1.0) / (t335 + t336)
    t340 = (t309 + t335) * t339
    t341 = t297 * t340
    t342 = t298 * t340
    t344 = t309 * t339
    t345 = t160 * t344
    t347 = t336 * t339
    t348 = t341 * t341
    t350 = f64(2.0) * t341
    t351 = t342 * t350
    t356 = t113 * t350
    t358 = ((yy * t348) - (yq * t351)) + (yo * t356)
    t359 = t345 * t350
    t362 = t342 * t342
    t366 = f64(2.0) * t342
    t368 = t113 * t366
    t372 = ((t358 + (yb * t359)) + (qq * t362)) - (qo * t368)
    t373 = t345 * t366
    t380 = t345 * t379
    t382 = (t117 + (t372 - (qb * t373))) + (ob * t380)
    t383 = t345 * t345
    t385 = t382 + (bb * t383)
    t386 = c * t385
    t387 = t115 * t347
    t390 = f64(1.0) / (t386 + t387)
    t391 = (t115 + t386) * t390
    t392 = t113 * t391
    t393 = t115 * t390
    t394 = t341 * t393
    t395 = t342 * t393
    t397 = t345 * t393
    t398 = t385 * t390
    t399 = t387 * t390
    t400 = c * t398
    t403 = (n_edge < t400) | (t399 < u_edge)
    t404 = r2_edge <= t398
    t406 = tl.where(t403, t400, f64(1.0))
    t408 = tl.where(t404, t398, f64(1.0))
    t409 = (tl.where(t403, n_max, f64(1.0))) * (tl.where(t404, r2_max, f64(1.0)))
    t411 = f64(1.0) / (t406 * t408)
    t412 = t409 * t411
    t413 = tl.sqrt(t412)
    t414 = u_min < t399
    t416 = tl.where(t403, u_max, (tl.where(t414, t399, u_min)))
    t417 = t394 * t413
    t418 = t395 * t413
    t420 = t392 * t413
    t421 = t397 * t413
    t422 = t413 * t413
    t423 = t398 * t422
    t425 = f64(1.0) / t416
    t426 = (c * t423) * t425
    t427 = t426 < f64(0.015625)
    t429 = tl.sqrt((tl.where(t427, f64(1.0), t426)))
    t430 = tl.where(t427, t426, f64(0.0))
    t432 = f64(0.017352764423076924) + (f64(-0.01396484375) * t430)
    t434 = f64(-0.022372159090909092) + (t430 * t432)
    t436 = f64(0.030381944444444444) + (t430 * t434)
    t438 = f64(-0.044642857142857144) + (t430 * t436)
    t440 = f64(0.075) + (t430 * t438)
    t442 = f64(-0.16666666666666666) + (t430 * t440)
    t447 = tl.sqrt((f64(1.0) + (t429 * t429)))
    t450 = f64(1.0) / t429
    t451 = (tl.log((t429 + t447))) * t450
    t452 = tl.where(t427, (f64(1.0) + (t430 * t442)), t451)
    t454 = f64(1.0) / (tl.sqrt(t416))
    t455 = t452 * t454
    t456 = t417 * t455
    t458 = -(t418 * t455)
    t459 = t420 * t455
    t460 = t421 * t455
    t464 = g_of_b * t455
    t466 = g_of_o * t455
    t470 = g_of_q * t455
    t471 = ((g_of_b * t421) + (g_of_o * t420)) - (g_of_q * t418)
    t473 = g_of_y * t455
    t474 = t471 + (g_of_y * t417)
    t476 = t454 * t474
    t481 = (t454 * (t454 * t454)) * ((t452 * t474) * f64(-0.5))
    t482 = tl.where(t427, f64(0.0), t476)
    t483 = tl.where(t427, t476, f64(0.0))
    t491 = ((t450 * t482) * (f64(1.0) / t447)) - (t482 * (t450 * t451))
    t493 = t430 * t483
    t495 = t430 * t493
    t498 = t430 * t495
    t499 = ((t442 * t483) + (t440 * t493)) + (t438 * t495)
    t501 = t430 * t498
    t504 = t430 * t501
    t508 = ((t499 + (t436 * t498)) + (t434 * t501)) + (t432 * t504)
    t510 = t508 + (f64(-0.01396484375) * (t430 * t504))
    t516 = tl.where(t427, f64(0.0), (t491 * (t450 * f64(0.5))))
    t517 = (tl.where(t427, t510, f64(0.0))) + t516
    t522 = t425 * t517
    t524 = c * t522
    t531 = t413 * t464
    t532 = ((t398 * t524) * (f64(2.0) * t413)) + (t397 * t464)
    t534 = t413 * t466
    t538 = t413 * t470
    t541 = t413 * t473
    t542 = ((t532 + (t392 * t466)) - (t395 * t470)) + (t394 * t473)
    t543 = tl.where(t403, f64(0.0), (t481 - (t517 * (t425 * t426))))
    t544 = tl.where(t414, t543, f64(0.0))
    t550 = (t542 * (f64(0.5) * (f64(1.0) / t413))) * (t411 * t412)
    t556 = tl.where(t404, (-(t406 * t550)), f64(0.0))
    t558 = tl.where(t403, (-(t408 * t550)), f64(0.0))
    t562 = ((t422 * t524) + t556) + (c * t558)
    t573 = (-(t544 * (t390 * t399))) - (t562 * (t390 * t398))
    t582 = ((t345 * t531) - (t342 * t538)) + (t341 * t541)
    t589 = t113 * t534
    t595 = t390 * t589
    t596 = (t573 - (t582 * (t390 * t393))) - (t589 * (t390 * t391))
    t598 = (t390 * t544) + t596
    t599 = t595 + t596
    t600 = t115 * t598
    t605 = ((t423 * t522) + (t398 * t558)) + (t385 * t599)
    t606 = (t390 * t562) + (c * t599)
    t609 = t345 * (bb * t606)
    t612 = t380 * t606
    t613 = ob * t606
    t616 = (t609 + ((t393 * t531) + t609)) + (t379 * t613)
    t618 = (t391 * t534) + (f64(2.0) * (t345 * t613))
    t621 = t113 * (oo * t606)
    t626 = qb * t606
    t632 = (t393 * t538) + (f64(2.0) * (t345 * t626))
    t634 = -(t368 * t606)
    t635 = qo * t606
    t644 = t342 * (qq * t606)
    t646 = (t632 + (f64(2.0) * (t113 * t635))) - t644
    t649 = yb * t606
    t652 = (t616 - (t366 * t626)) + (t350 * t649)
    t654 = (t393 * t541) + (f64(2.0) * (t345 * t649))
    t655 = t356 * t606
    t656 = yo * t606
    t659 = ((t621 + (t618 + t621)) - (t366 * t635)) + (t350 * t656)
    t664 = yq * t606
    t668 = (t646 - t644) + (t350 * t664)
    t671 = (t654 + (f64(2.0) * (t113 * t656))) - (f64(2.0) * (t342 * t664))
    t674 = t341 * (yy * t606)
    t676 = t674 + (t671 + t674)
    t682 = t160 * t652
    t689 = (-(t600 * (t339 * t347))) - (t682 * (t339 * t344))
    t695 = (t297 * t676) - (t298 * t668)
    t700 = t339 * t695
    t701 = t689 - (t695 * (t339 * t340))
    t703 = (t339 * t600) + t701
    t704 = t700 + t701
    t705 = t309 * t703
    t707 = ((t339 * t682) + t700) + (t170 * t703)
    t708 = c * t704
    t714 = t160 * (bb * t708)
    t719 = qb * t708
    t720 = (-(t373 * t606)) - (t327 * t708)
    t724 = (t714 + ((t344 * t652) + t714)) - (t325 * t719)
    t726 = (t340 * t668) + (f64(2.0) * (t160 * t719))
    t730 = t298 * (qq * t708)
    t735 = yb * t708
    t736 = (t359 * t606) + (t318 * t708)
    t739 = t724 + (t312 * t735)
    t741 = (t340 * t676) + (f64(2.0) * (t160 * t735))
    t744 = yq * t708
    t749 = ((t726 - t730) - t730) + (t312 * t744)
    t756 = t297 * (yy * t708)
    t757 = (t741 - (f64(2.0) * (t298 * t744))) + t756
    t758 = t756 + t757
    t759 = tl.where(t270, f64(0.0), t707)
    t760 = tl.where(t270, t707, f64(0.0))
    t767 = (t759 * (t307 * t308)) * (f64(2.0) * t291)
    t777 = (t269 * t760) * (f64(2.0) * t287)
    t781 = t273 * t777
    t785 = t273 * t781
    t790 = t273 * t785
    t792 = ((-(t285 * t777)) - (t283 * t781)) - (t281 * t785)
    t795 = t273 * t790
    t800 = t273 * t795
    t807 = ((t792 - (t279 * t790)) - (t277 * t795)) - (t275 * t800)
    t808 = f64(-0.0014558343870513183) * (t273 * t800)
    t812 = (tl.where(t270, (t807 - t808), f64(0.0))) - (t302 * t760)
    t813 = t289 * ((f64(4.0) * (t307 * t759)) - t767)
    t816 = t294 * f64(0.5)
    t818 = tl.where(t270, f64(0.0), ((f64(-2.0) * t813) * t816))
    t822 = t296 * t749
    t824 = t296 * t758
    t825 = (t264 * t758) - (t265 * t749)
    t826 = tl.where(t270, f64(0.0), t825)
    t827 = tl.where(t270, t825, f64(0.0))
    t835 = (t294 * t826) * (f64(1.0) - (t293 * t293))
    t838 = t273 * t827
    t840 = t273 * t838
    t843 = t273 * t840
    t844 = ((t285 * t827) + (t283 * t838)) + (t281 * t840)
    t846 = t273 * t843
    t849 = t273 * t846
    t853 = ((t844 + (t279 * t843)) + (t277 * t846)) + (t275 * t849)
    t854 = f64(-0.0014558343870513183) * (t273 * t849)
    t857 = (t812 + t818) + (tl.where(t270, (t853 + t854), f64(0.0)))
    t859 = tl.where(t270, f64(0.0), (t816 * (t835 - (t826 * (t294 * t295)))))
    t860 = t857 + t859
    t861 = c * t860
    t871 = ((t251 * t861) * (f64(2.0) * t263)) - (t236 * t822)
    t877 = (t871 + (t235 * t824)) * (f64(0.5) * (f64(1.0) / t263))
    t880 = t877 * (t261 * t262)
    t886 = tl.where(t254, (-(t256 * t880)), f64(0.0))
    t888 = tl.where(t253, (-(t258 * t880)), f64(0.0))
    t891 = ((t605 + (t334 * t704)) + (t268 * t860)) + (t251 * t888)
    t892 = ((t267 * t861) + t886) + (c * t888)
    t895 = ((t362 * t606) + (t321 * t708)) + (t248 * t892)
    t896 = t236 * (qq * t892)
    t902 = yq * t892
    t903 = ((-(t351 * t606)) - (t313 * t708)) - (t243 * t892)
    t907 = (((t263 * t822) - t896) - t896) + (t242 * t902)
    t910 = (t263 * t824) - (f64(2.0) * (t236 * t902))
    t913 = ((t348 * t606) + (t310 * t708)) + (t240 * t892)
    t914 = t235 * (yy * t892)
    t916 = t914 + (t910 + t914)
    t919 = t234 * t907
    t921 = t234 * t916
    t922 = (t193 * t916) - (t190 * t907)
    t924 = t233 * t922
    t928 = (t233 * (t233 * t233)) * (f64(-0.5) * (t231 * t922))
    t929 = tl.where(t199, f64(0.0), t924)
    t930 = tl.where(t199, t924, f64(0.0))
    t938 = ((t229 * t929) * (f64(1.0) / t226)) - (t929 * (t229 * t230))
    t940 = t202 * t930
    t942 = t202 * t940
    t945 = t202 * t942
    t946 = ((t221 * t930) + (t218 * t940)) + (t215 * t942)
    t948 = t202 * t945
    t951 = t202 * t948
    t955 = ((t946 + (t212 * t945)) + (t209 * t948)) + (t206 * t951)
    t957 = t955 + (f64(-0.01396484375) * (t202 * t951))
    t962 = tl.where(t199, f64(0.0), (t938 * (t229 * f64(0.5))))
    t963 = (tl.where(t199, t957, f64(0.0))) + t962
    t968 = t197 * t963
    t969 = t928 - (t963 * (t197 * t198))
    t970 = c * t968
    t983 = (-(t969 * (t188 * t195))) - (t970 * (t188 * t194))
    t984 = t84 * t921
    t992 = t102 * t919
    t997 = t188 * t992
    t999 = (t983 - (t984 * (t188 * t192))) + (t992 * (t188 * t189))
    t1001 = (t188 * t969) + t999
    t1002 = t999 - t997
    t1003 = t104 * t1001
    t1009 = (t188 * t970) + (c * t1002)
    t1012 = t102 * (pp * t1009)
    t1017 = -(t177 * t1009)
    t1018 = xp * t1009
    t1022 = (((t189 * t919) - t1012) - t1012) + (t176 * t1018)
    t1025 = (t192 * t921) - (f64(2.0) * (t102 * t1018))
    t1028 = t84 * (xx * t1009)
    t1030 = t1028 + (t1025 + t1028)
    t1032 = tl.where(t133, f64(0.0), t705)
    t1033 = tl.where(t133, t705, f64(0.0))
    t1043 = (f64(4.0) * (t168 * t1032)) - ((t1032 * t1034) * t1039)
    t1050 = (t132 * t1033) * t1049
    t1054 = t136 * t1050
    t1058 = t136 * t1054
    t1063 = t136 * t1058
    t1065 = ((-(t148 * t1050)) - (t146 * t1054)) - (t144 * t1058)
    t1068 = t136 * t1063
    t1073 = t136 * t1068
    t1075 = (t1065 - (t142 * t1063)) - (t140 * t1068)
    t1081 = f64(-0.0014558343870513183) * (t136 * t1073)
    t1084 = tl.where(t133, ((t1075 - (t138 * t1073)) - t1081), f64(0.0))
    t1091 = tl.where(t133, f64(0.0), ((f64(-2.0) * (t152 * t1043)) * t1089))
    t1093 = t129 * t739
    t1095 = tl.where(t133, f64(0.0), t1093)
    t1096 = tl.where(t133, t1093, f64(0.0))
    t1105 = ((t157 * t1095) * t1103) - (t1095 * t1097)
    t1107 = t136 * t1096
    t1109 = t136 * t1107
    t1112 = t136 * t1109
    t1113 = ((t148 * t1096) + (t146 * t1107)) + (t144 * t1109)
    t1115 = t136 * t1112
    t1118 = t136 * t1115
    t1119 = (t1113 + (t142 * t1112)) + (t140 * t1115)
    t1123 = f64(-0.0014558343870513183) * (t136 * t1118)
    t1125 = tl.where(t133, ((t1119 + (t138 * t1118)) + t1123), f64(0.0))
    t1126 = ((t1084 - (t163 * t1033)) + t1091) + t1125
    t1128 = tl.where(t133, f64(0.0), (t1089 * t1105))
    t1129 = t1126 + t1128
    t1130 = c * t1129
    t1132 = ((t891 + (t194 * t968)) + (t183 * t1002)) + (t131 * t1129)
    t1140 = ((t159 * t739) + ((bb * t1130) * t1135)) * t1139
    t1143 = t1140 * t1141
    t1149 = tl.where(t120, (-(t122 * t1143)), f64(0.0))
    t1151 = tl.where(t119, (-(t124 * t1143)), f64(0.0))
    t1156 = ((t383 * t606) + (t332 * t708)) + (((t130 * t1130) + t1149) + (c * t1151))
    t1157 = -(((t390 * t582) + t595) + (t347 * t598))
    t1166 = tl.where(t108, (-((t659 * t1160) * t1162)), f64(0.0))
    t1167 = (tl.where(t108, f64(0.0), t1157)) + t1166
    t1171 = (t116 * t606) + (c * t1167)
    t1172 = -(((t188 * t984) - t997) + (t95 * t1001))
    t1181 = tl.where(t97, ((t1022 * t1176) * t1179), f64(0.0))
    t1182 = (tl.where(t97, f64(0.0), t1172)) + t1181
    t1185 = ((t1132 + (bb * t1151)) + (oo * t1167)) + (pp * t1182)
    t1186 = (t105 * t1009) + (c * t1182)
    t1187 = tl.where(t48, f64(0.0), t1003)
    t1188 = tl.where(t48, t1003, f64(0.0))
    t1195 = (t1187 * (t93 * t94)) * (t78 * f64(2.0))
    t1205 = (t46 * t1188) * (t73 * f64(2.0))
    t1209 = t52 * t1205
    t1213 = t52 * t1209
    t1218 = t52 * t1213
    t1220 = ((-(t71 * t1205)) - (t68 * t1209)) - (t65 * t1213)
    t1223 = t52 * t1218
    t1228 = t52 * t1223
    t1235 = ((t1220 - (t62 * t1218)) - (t59 * t1223)) - (t56 * t1228)
    t1236 = f64(-0.0014558343870513183) * (t52 * t1228)
    t1239 = tl.where(t48, (t1235 - t1236), f64(0.0))
    t1241 = t76 * ((f64(4.0) * (t93 * t1187)) - t1195)
    t1244 = t81 * f64(0.5)
    t1246 = tl.where(t48, f64(0.0), ((f64(-2.0) * t1241) * t1244))
    t1248 = t43 * t1030
    t1250 = tl.where(t48, f64(0.0), t1248)
    t1251 = tl.where(t48, t1248, f64(0.0))
    t1259 = (t81 * t1250) * (f64(1.0) - (t80 * t80))
    t1262 = t52 * t1251
    t1264 = t52 * t1262
    t1267 = t52 * t1264
    t1268 = ((t71 * t1251) + (t68 * t1262)) + (t65 * t1264)
    t1270 = t52 * t1267
    t1273 = t52 * t1270
    t1277 = ((t1268 + (t62 * t1267)) + (t59 * t1270)) + (t56 * t1273)
    t1278 = f64(-0.0014558343870513183) * (t52 * t1273)
    t1280 = tl.where(t48, (t1277 + t1278), f64(0.0))
    t1281 = ((t1239 - (t87 * t1188)) + t1246) + t1280
    t1283 = tl.where(t48, f64(0.0), (t1244 * (t1259 - (t1250 * (t81 * t82)))))
    t1284 = t1281 + t1283
    t1285 = c * t1284
    t1292 = (t83 * t1030) + ((xx * t1285) * (t43 * f64(2.0)))
    t1298 = (t1292 * (f64(0.5) * (f64(1.0) / t43))) * (t41 * t42)
    t1304 = tl.where(t34, (-(t36 * t1298)), f64(0.0))
    t1306 = tl.where(t33, (-(t38 * t1298)), f64(0.0))
    t1309 = (t1185 + (t45 * t1284)) + (xx * t1306)
    t1311 = (t173 * t1009) + (((t44 * t1285) + t1304) + (c * t1306))
    tl.store(S + OF_Y * ROWS + r, t456)
    tl.store(S + OF_Q * ROWS + r, t458)
    tl.store(S + OF_O * ROWS + r, t459)
    tl.store(S + OF_B * ROWS + r, t460)
    tl.store(S + D_XX * ROWS + r, t1311)
    tl.store(S + D_XP * ROWS + r, t1017)
    tl.store(S + D_YY * ROWS + r, t913)
    tl.store(S + D_YQ * ROWS + r, t903)
    tl.store(S + D_YO * ROWS + r, t655)
    tl.store(S + D_YB * ROWS + r, t736)
    tl.store(S + D_C * ROWS + r, t1309)
    tl.store(S + D_QQ * ROWS + r, t895)
    tl.store(S + D_QO * ROWS + r, t634)
    tl.store(S + D_QB * ROWS + r, t720)
    tl.store(S + D_OQ * ROWS + r, f64(0.0))
    tl.store(S + D_OO * ROWS + r, t1171)
    tl.store(S + D_OB * ROWS + r, t612)
    tl.store(S + D_BQ * ROWS + r, f64(0.0))
    tl.store(S + D_BO * ROWS + r, f64(0.0))
    tl.store(S + D_BB * ROWS + r, t1156)
    tl.store(S + D_PP * ROWS + r, t1186)


# Further slots: the factors of `y` in its gradient, and of `x` in its own.
DY_Y = tl.constexpr(SLOTS)
DX_X = tl.constexpr(SLOTS + 1)
SCRATCH = tl.constexpr(SLOTS + 2)
# Inputs of the program, kept for the backward pass, and numbers that all rows share, without those of the clip.
INPUTS = tl.constexpr(OF_Y)
COUNT = tl.constexpr(SLOTS - D_C)


@triton.jit
def fixed_vector(pointer, LENGTH: tl.constexpr, WIDTH: tl.constexpr):
    """A vector that all rows share, as a row of float64 numbers."""
    j = tl.arange(0, WIDTH)
    return tl.load(pointer + j, mask=j < LENGTH, other=0.0).to(tl.float64)[None, :]


@triton.jit
def factor(S, slot: tl.constexpr, r):
    """A factor of the vectors of some rows."""
    return tl.load(S + slot * ROWS + r)[:, None]


@triton.jit
def write_inner_products(S, r, u, v, q, o, b, UV: tl.constexpr, UQ: tl.constexpr, UO: tl.constexpr, UB: tl.constexpr):
    """Inner products of some rows of `u` with `v` and the fixed vectors."""
    tl.store(S + UV * ROWS + r, tl.sum(u * v, 1))
    tl.store(S + UQ * ROWS + r, tl.sum(u * q, 1))
    tl.store(S + UO * ROWS + r, tl.sum(u * o, 1))
    tl.store(S + UB * ROWS + r, tl.sum(u * b, 1))


@triton.jit(do_not_specialize=['rows'])
def forward(
    X,
    P_IN,
    FIXED,
    numbers,
    clip,
    Y,
    KEPT,
    SCRATCHES,
    rows,
    PARTS: tl.constexpr,
    D: tl.constexpr,
    X_WIDTH: tl.constexpr,
    X_AT_ONCE: tl.constexpr,
    E: tl.constexpr,
    Y_WIDTH: tl.constexpr,
    Y_AT_ONCE: tl.constexpr,
):
    """The results in the place of `Y = WX`, and the inputs of the program.

    Args:
        X: `[rows, D]`.
        P_IN: The centres of `X`, `[PARTS, D]`.
        FIXED: For each part `q`, `o` and `b`, `[PARTS, 3, E]`.
        numbers: What all rows share, without the clip, `[PARTS, COUNT]`, float64.
        clip: The numbers of the clip, float64.
        Y: `[rows, PARTS, E]`.
        KEPT: `[rows, PARTS, INPUTS]`, float64.
        SCRATCHES: Memory for `SCRATCH * ROWS` numbers of each part of each block.
        rows: How many rows there are.
        PARTS: How many parts there are.
        D: Length of a vector `x`.
        X_WIDTH: A power of two that is not below `D`.
        X_AT_ONCE: How many rows of `X` are read at once.
        E: Length of a vector `y` of a part.
        Y_WIDTH: A power of two that is not below `E`.
        Y_AT_ONCE: How many rows of `Y` are read at once.
    """
    block = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    first = block * ROWS
    S = SCRATCHES + (block * PARTS + part) * SCRATCH * ROWS
    p_in = fixed_vector(P_IN + part * D, D, X_WIDTH)
    for i in range(0, ROWS, X_AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, X_WIDTH, X_AT_ONCE)
        x = read(X, at, inside)
        tl.store(S + XX * ROWS + r, tl.sum(x * x, 1))
        tl.store(S + XP * ROWS + r, tl.sum(x * p_in, 1))
    q = fixed_vector(FIXED + part * 3 * E, E, Y_WIDTH)
    o = fixed_vector(FIXED + part * 3 * E + E, E, Y_WIDTH)
    b = fixed_vector(FIXED + part * 3 * E + 2 * E, E, Y_WIDTH)
    for i in range(0, ROWS, Y_AT_ONCE):
        r, at, inside = rows_at(i, first, rows, E, PARTS * E, Y_WIDTH, Y_AT_ONCE)
        y = read(Y + part * E, at, inside)
        write_inner_products(S, r, y, y, q, o, b, YY, YQ, YO, YB)
    tl.debug_barrier()
    forward_scalars(S, numbers + part * COUNT, clip)
    row = tl.arange(0, ROWS)
    for i in tl.static_range(INPUTS):
        to = KEPT + ((first + row) * PARTS + part) * INPUTS + i
        tl.store(to, tl.load(S + i * ROWS + row), mask=first + row < rows)
    tl.debug_barrier()
    for i in range(0, ROWS, Y_AT_ONCE):
        r, at, inside = rows_at(i, first, rows, E, PARTS * E, Y_WIDTH, Y_AT_ONCE)
        out = factor(S, OF_Y, r) * read(Y + part * E, at, inside)
        out += factor(S, OF_Q, r) * q + factor(S, OF_O, r) * o + factor(S, OF_B, r) * b
        tl.store(Y + part * E + at, narrow(out, Y), mask=inside)


@triton.jit
def write_sums(S, SUMS, rows):
    """The gradients of the numbers, summed over the first rows of a block."""
    r = tl.arange(0, ROWS)
    for i in tl.static_range(COUNT):
        of_a_row = tl.load(S + (D_C + i) * ROWS + r)
        tl.store(SUMS + i, tl.sum(tl.where(r < rows, of_a_row, f64(0.0)), 0))


@triton.jit
def write_gradient_factors(S):
    """The factors of `y` in its gradient, and of `x` in its own."""
    r = tl.arange(0, ROWS)
    tl.store(S + DY_Y * ROWS + r, f64(2.0) * tl.load(S + D_YY * ROWS + r))
    tl.store(S + DX_X * ROWS + r, f64(2.0) * tl.load(S + D_XX * ROWS + r))


@triton.jit
def write_vector(pointer, vector, LENGTH: tl.constexpr, WIDTH: tl.constexpr):
    """A sum over rows of vectors."""
    j = tl.arange(0, WIDTH)
    tl.store(pointer + j, narrow(vector, pointer), mask=j < LENGTH)


@triton.jit(do_not_specialize=['rows'])
def backward(
    G,
    X,
    P_IN,
    FIXED,
    numbers,
    clip,
    Y,
    KEPT,
    DX,
    DY,
    ALONG_X,
    ALONG_G,
    SUMS,
    SCRATCHES,
    rows,
    PARTS: tl.constexpr,
    D: tl.constexpr,
    X_WIDTH: tl.constexpr,
    X_AT_ONCE: tl.constexpr,
    E: tl.constexpr,
    Y_WIDTH: tl.constexpr,
    Y_AT_ONCE: tl.constexpr,
):
    """The gradients of `X` but for the product with `DY`, of `Y`, and sums over each block.

    Args:
        G: The gradient of the results, `[rows, PARTS, E]`.
        X: As for `forward`, which see for what is not described here.
        P_IN: See there.
        FIXED: See there.
        numbers: See there.
        clip: See there.
        Y: `WX`.
        KEPT: As `forward` wrote it.
        DX: `[rows, D]`.
        DY: `[rows, PARTS, E]`.
        ALONG_X: Sums of `x` times the gradients of its inner product with the centre and of those of `y` with the fixed
            vectors, `[blocks, PARTS, 4, D]`.
        ALONG_G: Sums of `g` times the factors of the fixed vectors, `[blocks, PARTS, 3, E]`.
        SUMS: Sums of the gradients of the numbers, `[blocks, PARTS, COUNT]`.
        SCRATCHES: Memory.
        rows: How many rows there are.
        PARTS: How many parts there are.
        D: Length of a vector `x`.
        X_WIDTH: See `forward`.
        X_AT_ONCE: See there.
        E: Length of a vector `y` of a part.
        Y_WIDTH: See there.
        Y_AT_ONCE: See there.
    """
    block = tl.program_id(0).to(tl.int64)
    first = block * ROWS
    row = tl.arange(0, ROWS)
    for part in range(PARTS):
        of_block = block * PARTS + part
        S = SCRATCHES + of_block * SCRATCH * ROWS
        for i in tl.static_range(INPUTS):
            kept = KEPT + ((first + row) * PARTS + part) * INPUTS + i
            tl.store(S + i * ROWS + row, tl.load(kept, mask=first + row < rows, other=0.0))
        q = fixed_vector(FIXED + part * 3 * E, E, Y_WIDTH)
        o = fixed_vector(FIXED + part * 3 * E + E, E, Y_WIDTH)
        b = fixed_vector(FIXED + part * 3 * E + 2 * E, E, Y_WIDTH)
        for i in range(0, ROWS, Y_AT_ONCE):
            r, at, inside = rows_at(i, first, rows, E, PARTS * E, Y_WIDTH, Y_AT_ONCE)
            g = read(G + part * E, at, inside)
            y = read(Y + part * E, at, inside)
            write_inner_products(S, r, g, y, q, o, b, G_OF_Y, G_OF_Q, G_OF_O, G_OF_B)
        tl.debug_barrier()
        backward_scalars(S, numbers + part * COUNT, clip)
        tl.debug_barrier()
        write_sums(S, SUMS + of_block * COUNT, rows - first)
        write_gradient_factors(S)
        tl.debug_barrier()
        along_q = tl.zeros([Y_WIDTH], tl.float64)
        along_o = tl.zeros([Y_WIDTH], tl.float64)
        along_b = tl.zeros([Y_WIDTH], tl.float64)
        for i in range(0, ROWS, Y_AT_ONCE):
            r, at, inside = rows_at(i, first, rows, E, PARTS * E, Y_WIDTH, Y_AT_ONCE)
            g = read(G + part * E, at, inside)
            dy = factor(S, OF_Y, r) * g + factor(S, DY_Y, r) * read(Y + part * E, at, inside)
            dy += factor(S, D_YQ, r) * q + factor(S, D_YO, r) * o + factor(S, D_YB, r) * b
            tl.store(DY + part * E + at, narrow(dy, DY), mask=inside)
            along_q += tl.sum(factor(S, OF_Q, r) * g, 0)
            along_o += tl.sum(factor(S, OF_O, r) * g, 0)
            along_b += tl.sum(factor(S, OF_B, r) * g, 0)
        write_vector(ALONG_G + of_block * 3 * E, along_q, E, Y_WIDTH)
        write_vector(ALONG_G + of_block * 3 * E + E, along_o, E, Y_WIDTH)
        write_vector(ALONG_G + of_block * 3 * E + 2 * E, along_b, E, Y_WIDTH)
        by_p = tl.zeros([X_WIDTH], tl.float64)
        by_q = tl.zeros([X_WIDTH], tl.float64)
        by_o = tl.zeros([X_WIDTH], tl.float64)
        by_b = tl.zeros([X_WIDTH], tl.float64)
        for i in range(0, ROWS, X_AT_ONCE):
            r, at, inside = rows_at(i, first, rows, D, D, X_WIDTH, X_AT_ONCE)
            x = read(X, at, inside)
            by_p += tl.sum(factor(S, D_XP, r) * x, 0)
            by_q += tl.sum(factor(S, D_YQ, r) * x, 0)
            by_o += tl.sum(factor(S, D_YO, r) * x, 0)
            by_b += tl.sum(factor(S, D_YB, r) * x, 0)
        write_vector(ALONG_X + of_block * 4 * D, by_p, D, X_WIDTH)
        write_vector(ALONG_X + of_block * 4 * D + D, by_q, D, X_WIDTH)
        write_vector(ALONG_X + of_block * 4 * D + 2 * D, by_o, D, X_WIDTH)
        write_vector(ALONG_X + of_block * 4 * D + 3 * D, by_b, D, X_WIDTH)
    for i in range(0, ROWS, X_AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, X_WIDTH, X_AT_ONCE)
        x = read(X, at, inside)
        dx = tl.zeros([X_AT_ONCE, X_WIDTH], tl.float64)
        for part in range(PARTS):
            S = SCRATCHES + (block * PARTS + part) * SCRATCH * ROWS
            dx += factor(S, DX_X, r) * x + factor(S, D_XP, r) * fixed_vector(P_IN + part * D, D, X_WIDTH)
        tl.store(DX + at, narrow(dx, DX), mask=inside)
