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
    xx = tl.load(S + XX * ROWS + r)
    xp = tl.load(S + XP * ROWS + r)
    yy = tl.load(S + YY * ROWS + r)
    yq = tl.load(S + YQ * ROWS + r)
    yo = tl.load(S + YO * ROWS + r)
    yb = tl.load(S + YB * ROWS + r)
    t28 = xx * c
    t29 = z2_edge <= t28
    t32 = z2_max * (f64(1.0) / (tl.where(t29, t28, z2_max)))
    t35 = r2_edge <= xx
    t38 = r2_max * (f64(1.0) / (tl.where(t35, xx, r2_max)))
    t41 = (tl.where(t29, (tl.sqrt(t32)), f64(1.0))) * (tl.where(t35, (tl.sqrt(t38)), f64(1.0)))
    t44 = c * (xx * (t41 * t41))
    t46 = t44 < f64(0.015625)
    t48 = tl.sqrt((tl.where(t46, f64(1.0), t44)))
    t50 = tl.where(t46, t44, f64(0.0))
    t54 = (t50 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t57 = (t50 * t54) + f64(-0.008863235529902197)
    t61 = t50 * ((t50 * t57) + f64(0.021869488536155203))
    t66 = (t50 * (t61 + f64(-0.05396825396825397))) + f64(0.13333333333333333)
    t70 = t50 * ((t50 * t66) + f64(-0.3333333333333333))
    t71 = f64(1.0) + t70
    t74 = tl.exp((t48 * f64(-2.0)))
    t76 = f64(1.0) + t74
    t80 = ((f64(1.0) - t74) * (f64(1.0) / t76)) * (f64(1.0) / t48)
    t82 = t41 * (tl.where(t46, t71, t80))
    t92 = (t74 * f64(4.0)) * (f64(1.0) / (t76 * t76))
    t93 = tl.where(t46, (f64(1.0) - (t44 * (t71 * t71))), t92)
    t94 = c * pp
    t95 = n_given <= t94
    t97 = f64(1.0) / (tl.where(t95, t94, n_given))
    t100 = tl.where(t95, (tl.sqrt((n_given * t97))), f64(1.0))
    t102 = f64(1.0) - (tl.where(t95, n_given, t94))
    t105 = c * oo
    t106 = n_given <= t105
    t108 = f64(1.0) / (tl.where(t106, t105, n_given))
    t111 = tl.where(t106, (tl.sqrt((n_given * t108))), f64(1.0))
    t113 = f64(1.0) - (tl.where(t106, n_given, t105))
    t116 = c * bb
    t117 = z2_edge <= t116
    t119 = f64(1.0) / (tl.where(t117, t116, z2_max))
    t122 = tl.where(t117, (tl.sqrt((z2_max * t119))), f64(1.0))
    t123 = r2_edge <= bb
    t126 = r2_max * (f64(1.0) / (tl.where(t123, bb, r2_max)))
    t128 = tl.where(t123, (tl.sqrt(t126)), f64(1.0))
    t129 = t122 * t128
    t132 = c * (bb * (t129 * t129))
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
    t158 = ((f64(1.0) - t152) * (f64(1.0) / t154)) * (f64(1.0) / t135)
    t160 = t129 * (tl.where(t133, t150, t158))
    t169 = (f64(4.0) * t152) * (f64(1.0) / (t154 * t154))
    t170 = tl.where(t133, (f64(1.0) - (t132 * (t150 * t150))), t169)
    t181 = (xx * (t82 * t82)) - (xp * (t100 * (t82 * f64(2.0))))
    t183 = (pp * (t100 * t100)) + t181
    t184 = c * t183
    t185 = t93 * t102
    t188 = f64(1.0) / (t184 + t185)
    t195 = t185 * t188
    t198 = (c * (t183 * t188)) * (f64(1.0) / t195)
    t199 = t198 < f64(0.015625)
    t201 = tl.sqrt((tl.where(t199, f64(1.0), t198)))
    t202 = tl.where(t199, t198, f64(0.0))
    t206 = (t202 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t209 = (t202 * t206) + f64(-0.022372159090909092)
    t212 = (t202 * t209) + f64(0.030381944444444444)
    t215 = (t202 * t212) + f64(-0.044642857142857144)
    t221 = (t202 * ((t202 * t215) + f64(0.075))) + f64(-0.16666666666666666)
    t227 = t201 + (tl.sqrt((f64(1.0) + (t201 * t201))))
    t231 = tl.where(t199, (f64(1.0) + (t202 * t221)), ((tl.log(t227)) * (f64(1.0) / t201)))
    t234 = t231 * (f64(1.0) / (tl.sqrt(t195)))
    t235 = (t82 * (t102 * t188)) * t234
    t236 = (t100 * ((t102 + t184) * t188)) * t234
    t247 = (yy * (t235 * t235)) - (yq * (t236 * (f64(2.0) * t235)))
    t251 = t247 + (qq * (t236 * t236))
    t252 = c * t251
    t253 = z2_edge <= t252
    t255 = f64(1.0) / (tl.where(t253, t252, z2_max))
    t258 = tl.where(t253, (tl.sqrt((z2_max * t255))), f64(1.0))
    t259 = r2_edge <= t251
    t261 = f64(1.0) / (tl.where(t259, t251, r2_max))
    t264 = tl.where(t259, (tl.sqrt((r2_max * t261))), f64(1.0))
    t265 = t258 * t264
    t271 = c * (t251 * (t265 * t265))
    t272 = t271 < f64(0.015625)
    t274 = tl.sqrt((tl.where(t272, f64(1.0), t271)))
    t275 = tl.where(t272, t271, f64(0.0))
    t277 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t275)
    t279 = f64(-0.008863235529902197) + (t275 * t277)
    t281 = f64(0.021869488536155203) + (t275 * t279)
    t283 = f64(-0.05396825396825397) + (t275 * t281)
    t285 = f64(0.13333333333333333) + (t275 * t283)
    t287 = f64(-0.3333333333333333) + (t275 * t285)
    t289 = f64(1.0) + (t275 * t287)
    t291 = tl.exp((f64(-2.0) * t274))
    t293 = f64(1.0) + t291
    t297 = ((f64(1.0) - t291) * (f64(1.0) / t293)) * (f64(1.0) / t274)
    t298 = tl.where(t272, t289, t297)
    t299 = (t235 * t265) * t298
    t300 = (t236 * t265) * t298
    t310 = (f64(4.0) * t291) * (f64(1.0) / (t293 * t293))
    t311 = tl.where(t272, (f64(1.0) - (t271 * (t289 * t289))), t310)
    t314 = f64(2.0) * t299
    t319 = (yy * (t299 * t299)) - (yq * (t300 * t314))
    t326 = (t319 + (yb * (t160 * t314))) + (qq * (t300 * t300))
    t333 = t326 - (qb * (t160 * (f64(2.0) * t300)))
    t337 = c * (t333 + (bb * (t160 * t160)))
    t338 = t170 * t311
    t341 = f64(1.0) / (t337 + t338)
    t342 = (t311 + t337) * t341
    t343 = t299 * t342
    t344 = t300 * t342
    t347 = t160 * (t311 * t341)
    t352 = f64(2.0) * t343
    t357 = (yy * (t343 * t343)) - (yq * (t344 * t352))
    t363 = (t357 + (yo * (t111 * t352))) + (yb * (t347 * t352))
    t368 = f64(2.0) * t344
    t374 = (t363 + (qq * (t344 * t344))) - (qo * (t111 * t368))
    t380 = (oo * (t111 * t111)) + (t374 - (qb * (t347 * t368)))
    t384 = t380 + (ob * (t347 * (t111 * f64(2.0))))
    t387 = t384 + (bb * (t347 * t347))
    t388 = c * t387
    t389 = t113 * (t338 * t341)
    t392 = f64(1.0) / (t388 + t389)
    t395 = t113 * t392
    t400 = t387 * t392
    t401 = t389 * t392
    t402 = c * t400
    t405 = (n_edge < t402) | (t401 < u_edge)
    t407 = f64(1.0) / (tl.where(t405, t402, n_max))
    t410 = tl.where(t405, (tl.sqrt((n_max * t407))), f64(1.0))
    t411 = r2_edge <= t400
    t413 = f64(1.0) / (tl.where(t411, t400, r2_max))
    t416 = tl.where(t411, (tl.sqrt((r2_max * t413))), f64(1.0))
    t417 = t410 * t416
    t420 = tl.where(t405, u_max, (tl.where((u_min < t401), t401, u_min)))
    t430 = (c * (t400 * (t417 * t417))) * (f64(1.0) / t420)
    t431 = t430 < f64(0.015625)
    t433 = tl.sqrt((tl.where(t431, f64(1.0), t430)))
    t434 = tl.where(t431, t430, f64(0.0))
    t436 = f64(0.017352764423076924) + (f64(-0.01396484375) * t434)
    t438 = f64(-0.022372159090909092) + (t434 * t436)
    t440 = f64(0.030381944444444444) + (t434 * t438)
    t442 = f64(-0.044642857142857144) + (t434 * t440)
    t446 = f64(-0.16666666666666666) + (t434 * (f64(0.075) + (t434 * t442)))
    t452 = t433 + (tl.sqrt((f64(1.0) + (t433 * t433))))
    t456 = tl.where(t431, (f64(1.0) + (t434 * t446)), ((tl.log(t452)) * (f64(1.0) / t433)))
    t459 = t456 * (f64(1.0) / (tl.sqrt(t420)))
    t460 = ((t343 * t395) * t417) * t459
    t462 = -(((t344 * t395) * t417) * t459)
    t463 = ((t111 * ((t113 + t388) * t392)) * t417) * t459
    t464 = ((t347 * t395) * t417) * t459
    tl.store(S + OF_Y * ROWS + r, t460)
    tl.store(S + OF_Q * ROWS + r, t462)
    tl.store(S + OF_O * ROWS + r, t463)
    tl.store(S + OF_B * ROWS + r, t464)


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
    t35 = f64(1.0) / (tl.where(t33, t32, z2_max))
    t36 = z2_max * t35
    t37 = tl.sqrt(t36)
    t38 = tl.where(t33, t37, f64(1.0))
    t39 = r2_edge <= xx
    t41 = f64(1.0) / (tl.where(t39, xx, r2_max))
    t42 = r2_max * t41
    t43 = tl.sqrt(t42)
    t44 = tl.where(t39, t43, f64(1.0))
    t45 = t38 * t44
    t46 = t45 * t45
    t47 = xx * t46
    t48 = c * t47
    t50 = t48 < f64(0.015625)
    t52 = tl.sqrt((tl.where(t50, f64(1.0), t48)))
    t54 = tl.where(t50, t48, f64(0.0))
    t58 = (t54 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t61 = (t54 * t58) + f64(-0.008863235529902197)
    t64 = (t54 * t61) + f64(0.021869488536155203)
    t67 = (t54 * t64) + f64(-0.05396825396825397)
    t70 = (t54 * t67) + f64(0.13333333333333333)
    t73 = (t54 * t70) + f64(-0.3333333333333333)
    t75 = f64(1.0) + (t54 * t73)
    t78 = tl.exp((t52 * f64(-2.0)))
    t80 = f64(1.0) + t78
    t82 = (f64(1.0) - t78) * (f64(1.0) / t80)
    t83 = f64(1.0) / t52
    t84 = t82 * t83
    t85 = tl.where(t50, t75, t84)
    t86 = t45 * t85
    t89 = t75 * t75
    t95 = f64(1.0) / (t80 * t80)
    t96 = (t78 * f64(4.0)) * t95
    t97 = tl.where(t50, (f64(1.0) - (t48 * t89)), t96)
    t98 = c * pp
    t99 = n_given <= t98
    t101 = f64(1.0) / (tl.where(t99, t98, n_given))
    t102 = n_given * t101
    t103 = tl.sqrt(t102)
    t104 = tl.where(t99, t103, f64(1.0))
    t106 = f64(1.0) - (tl.where(t99, n_given, t98))
    t107 = t104 * t104
    t109 = c * oo
    t110 = n_given <= t109
    t112 = f64(1.0) / (tl.where(t110, t109, n_given))
    t113 = n_given * t112
    t114 = tl.sqrt(t113)
    t115 = tl.where(t110, t114, f64(1.0))
    t117 = f64(1.0) - (tl.where(t110, n_given, t109))
    t118 = t115 * t115
    t120 = c * bb
    t121 = z2_edge <= t120
    t123 = f64(1.0) / (tl.where(t121, t120, z2_max))
    t124 = z2_max * t123
    t125 = tl.sqrt(t124)
    t126 = tl.where(t121, t125, f64(1.0))
    t127 = r2_edge <= bb
    t129 = f64(1.0) / (tl.where(t127, bb, r2_max))
    t130 = r2_max * t129
    t131 = tl.sqrt(t130)
    t132 = tl.where(t127, t131, f64(1.0))
    t133 = t126 * t132
    t134 = t133 * t133
    t135 = bb * t134
    t136 = c * t135
    t137 = t136 < f64(0.015625)
    t139 = tl.sqrt((tl.where(t137, f64(1.0), t136)))
    t140 = tl.where(t137, t136, f64(0.0))
    t142 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t140)
    t144 = f64(-0.008863235529902197) + (t140 * t142)
    t146 = f64(0.021869488536155203) + (t140 * t144)
    t148 = f64(-0.05396825396825397) + (t140 * t146)
    t150 = f64(0.13333333333333333) + (t140 * t148)
    t152 = f64(-0.3333333333333333) + (t140 * t150)
    t154 = f64(1.0) + (t140 * t152)
    t156 = tl.exp((f64(-2.0) * t139))
    t158 = f64(1.0) + t156
    t160 = (f64(1.0) - t156) * (f64(1.0) / t158)
    t161 = f64(1.0) / t139
    t162 = t160 * t161
    t163 = tl.where(t137, t154, t162)
    t164 = t133 * t163
    t167 = t154 * t154
    t172 = f64(1.0) / (t158 * t158)
    t173 = (f64(4.0) * t156) * t172
    t174 = tl.where(t137, (f64(1.0) - (t136 * t167)), t173)
    t177 = t86 * t86
    t180 = t86 * f64(2.0)
    t181 = t104 * t180
    t187 = (pp * t107) + ((xx * t177) - (xp * t181))
    t188 = c * t187
    t189 = t97 * t106
    t192 = f64(1.0) / (t188 + t189)
    t193 = (t106 + t188) * t192
    t194 = t104 * t193
    t196 = t106 * t192
    t197 = t86 * t196
    t198 = t187 * t192
    t199 = t189 * t192
    t201 = f64(1.0) / t199
    t202 = (c * t198) * t201
    t203 = t202 < f64(0.015625)
    t205 = tl.sqrt((tl.where(t203, f64(1.0), t202)))
    t206 = tl.where(t203, t202, f64(0.0))
    t210 = (t206 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t213 = (t206 * t210) + f64(-0.022372159090909092)
    t216 = (t206 * t213) + f64(0.030381944444444444)
    t219 = (t206 * t216) + f64(-0.044642857142857144)
    t222 = (t206 * t219) + f64(0.075)
    t225 = (t206 * t222) + f64(-0.16666666666666666)
    t230 = tl.sqrt((f64(1.0) + (t205 * t205)))
    t233 = f64(1.0) / t205
    t234 = (tl.log((t205 + t230))) * t233
    t235 = tl.where(t203, (f64(1.0) + (t206 * t225)), t234)
    t237 = f64(1.0) / (tl.sqrt(t199))
    t238 = t235 * t237
    t239 = t197 * t238
    t240 = t194 * t238
    t244 = t239 * t239
    t246 = f64(2.0) * t239
    t247 = t240 * t246
    t252 = t240 * t240
    t255 = ((yy * t244) - (yq * t247)) + (qq * t252)
    t256 = c * t255
    t257 = z2_edge <= t256
    t259 = f64(1.0) / (tl.where(t257, t256, z2_max))
    t260 = z2_max * t259
    t261 = tl.sqrt(t260)
    t262 = tl.where(t257, t261, f64(1.0))
    t263 = r2_edge <= t255
    t265 = f64(1.0) / (tl.where(t263, t255, r2_max))
    t266 = r2_max * t265
    t267 = tl.sqrt(t266)
    t268 = tl.where(t263, t267, f64(1.0))
    t269 = t262 * t268
    t270 = t239 * t269
    t271 = t240 * t269
    t273 = t269 * t269
    t274 = t255 * t273
    t275 = c * t274
    t276 = t275 < f64(0.015625)
    t278 = tl.sqrt((tl.where(t276, f64(1.0), t275)))
    t279 = tl.where(t276, t275, f64(0.0))
    t281 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t279)
    t283 = f64(-0.008863235529902197) + (t279 * t281)
    t285 = f64(0.021869488536155203) + (t279 * t283)
    t287 = f64(-0.05396825396825397) + (t279 * t285)
    t289 = f64(0.13333333333333333) + (t279 * t287)
    t291 = f64(-0.3333333333333333) + (t279 * t289)
    t293 = f64(1.0) + (t279 * t291)
    t295 = tl.exp((f64(-2.0) * t278))
    t297 = f64(1.0) + t295
    t299 = (f64(1.0) - t295) * (f64(1.0) / t297)
    t300 = f64(1.0) / t278
    t301 = t299 * t300
    t302 = tl.where(t276, t293, t301)
    t303 = t270 * t302
    t304 = t271 * t302
    t308 = t293 * t293
    t313 = f64(1.0) / (t297 * t297)
    t314 = (f64(4.0) * t295) * t313
    t315 = tl.where(t276, (f64(1.0) - (t275 * t308)), t314)
    t316 = t303 * t303
    t318 = f64(2.0) * t303
    t319 = t304 * t318
    t324 = t164 * t318
    t326 = ((yy * t316) - (yq * t319)) + (yb * t324)
    t327 = t304 * t304
    t331 = f64(2.0) * t304
    t333 = t164 * t331
    t338 = t164 * t164
    t340 = ((t326 + (qq * t327)) - (qb * t333)) + (bb * t338)
    t341 = c * t340
    t342 = t174 * t315
    t345 = f64(1.0) / (t341 + t342)
    t346 = (t315 + t341) * t345
    t347 = t303 * t346
    t348 = t304 * t346
    t350 = t315 * t345
    t351 = t164 * t350
    t353 = t342 * t345
    t354 = t347 * t347
    t356 = f64(2.0) * t347
    t357 = t348 * t356
    t362 = t115 * t356
    t364 = ((yy * t354) - (yq * t357)) + (yo * t362)
    t365 = t351 * t356
    t368 = t348 * t348
    t372 = f64(2.0) * t348
    t374 = t115 * t372
    t378 = ((t364 + (yb * t365)) + (qq * t368)) - (qo * t374)
    t379 = t351 * t372
    t385 = t115 * f64(2.0)
    t386 = t351 * t385
    t388 = ((oo * t118) + (t378 - (qb * t379))) + (ob * t386)
    t389 = t351 * t351
    t391 = t388 + (bb * t389)
    t392 = c * t391
    t393 = t117 * t353
    t396 = f64(1.0) / (t392 + t393)
    t397 = (t117 + t392) * t396
    t398 = t115 * t397
    t399 = t117 * t396
    t400 = t347 * t399
    t401 = t348 * t399
    t403 = t351 * t399
    t404 = t391 * t396
    t405 = t393 * t396
    t406 = c * t404
    t409 = (n_edge < t406) | (t405 < u_edge)
    t411 = f64(1.0) / (tl.where(t409, t406, n_max))
    t412 = n_max * t411
    t413 = tl.sqrt(t412)
    t414 = tl.where(t409, t413, f64(1.0))
    t415 = r2_edge <= t404
    t417 = f64(1.0) / (tl.where(t415, t404, r2_max))
    t418 = r2_max * t417
    t419 = tl.sqrt(t418)
    t420 = tl.where(t415, t419, f64(1.0))
    t421 = t414 * t420
    t422 = u_min < t405
    t424 = tl.where(t409, u_max, (tl.where(t422, t405, u_min)))
    t425 = t400 * t421
    t426 = t401 * t421
    t428 = t398 * t421
    t429 = t403 * t421
    t430 = t421 * t421
    t431 = t404 * t430
    t433 = f64(1.0) / t424
    t434 = (c * t431) * t433
    t435 = t434 < f64(0.015625)
    t437 = tl.sqrt((tl.where(t435, f64(1.0), t434)))
    t438 = tl.where(t435, t434, f64(0.0))
    t440 = f64(0.017352764423076924) + (f64(-0.01396484375) * t438)
    t442 = f64(-0.022372159090909092) + (t438 * t440)
    t444 = f64(0.030381944444444444) + (t438 * t442)
    t446 = f64(-0.044642857142857144) + (t438 * t444)
    t448 = f64(0.075) + (t438 * t446)
    t450 = f64(-0.16666666666666666) + (t438 * t448)
    t455 = tl.sqrt((f64(1.0) + (t437 * t437)))
    t458 = f64(1.0) / t437
    t459 = (tl.log((t437 + t455))) * t458
    t460 = tl.where(t435, (f64(1.0) + (t438 * t450)), t459)
    t462 = f64(1.0) / (tl.sqrt(t424))
    t463 = t460 * t462
    t464 = t425 * t463
    t466 = -(t426 * t463)
    t467 = t428 * t463
    t468 = t429 * t463
    t472 = g_of_b * t463
    t474 = g_of_o * t463
    t478 = g_of_q * t463
    t479 = ((g_of_b * t429) + (g_of_o * t428)) - (g_of_q * t426)
    t481 = g_of_y * t463
    t482 = t479 + (g_of_y * t425)
    t484 = t462 * t482
    t489 = (t462 * (t462 * t462)) * ((t460 * t482) * f64(-0.5))
    t490 = tl.where(t435, f64(0.0), t484)
    t491 = tl.where(t435, t484, f64(0.0))
    t499 = ((t458 * t490) * (f64(1.0) / t455)) - (t490 * (t458 * t459))
    t501 = t438 * t491
    t503 = t438 * t501
    t506 = t438 * t503
    t507 = ((t450 * t491) + (t448 * t501)) + (t446 * t503)
    t509 = t438 * t506
    t512 = t438 * t509
    t516 = ((t507 + (t444 * t506)) + (t442 * t509)) + (t440 * t512)
    t518 = t516 + (f64(-0.01396484375) * (t438 * t512))
    t524 = tl.where(t435, f64(0.0), (t499 * (t458 * f64(0.5))))
    t525 = (tl.where(t435, t518, f64(0.0))) + t524
    t530 = t433 * t525
    t532 = c * t530
    t539 = t421 * t472
    t540 = ((t404 * t532) * (f64(2.0) * t421)) + (t403 * t472)
    t542 = t421 * t474
    t546 = t421 * t478
    t549 = t421 * t481
    t550 = ((t540 + (t398 * t474)) - (t401 * t478)) + (t400 * t481)
    t551 = tl.where(t409, f64(0.0), (t489 - (t525 * (t433 * t434))))
    t552 = tl.where(t422, t551, f64(0.0))
    t559 = (tl.where(t415, (t414 * t550), f64(0.0))) * (f64(0.5) * (f64(1.0) / t419))
    t564 = tl.where(t415, (-(t559 * (t417 * t418))), f64(0.0))
    t570 = (tl.where(t409, (t420 * t550), f64(0.0))) * (f64(0.5) * (f64(1.0) / t413))
    t575 = tl.where(t409, (-(t570 * (t411 * t412))), f64(0.0))
    t579 = ((t430 * t532) + t564) + (c * t575)
    t590 = (-(t552 * (t396 * t405))) - (t579 * (t396 * t404))
    t599 = ((t351 * t539) - (t348 * t546)) + (t347 * t549)
    t606 = t115 * t542
    t612 = t396 * t606
    t613 = (t590 - (t599 * (t396 * t399))) - (t606 * (t396 * t397))
    t615 = (t396 * t552) + t613
    t616 = t612 + t613
    t617 = t117 * t615
    t622 = ((t431 * t530) + (t404 * t575)) + (t391 * t616)
    t623 = (t396 * t579) + (c * t616)
    t626 = t351 * (bb * t623)
    t629 = t386 * t623
    t630 = ob * t623
    t633 = (t626 + ((t399 * t539) + t626)) + (t385 * t630)
    t635 = (t397 * t542) + (f64(2.0) * (t351 * t630))
    t638 = t115 * (oo * t623)
    t643 = qb * t623
    t649 = (t399 * t546) + (f64(2.0) * (t351 * t643))
    t651 = -(t374 * t623)
    t652 = qo * t623
    t661 = t348 * (qq * t623)
    t663 = (t649 + (f64(2.0) * (t115 * t652))) - t661
    t666 = yb * t623
    t669 = (t633 - (t372 * t643)) + (t356 * t666)
    t671 = (t399 * t549) + (f64(2.0) * (t351 * t666))
    t672 = t362 * t623
    t673 = yo * t623
    t676 = ((t638 + (t635 + t638)) - (t372 * t652)) + (t356 * t673)
    t681 = yq * t623
    t685 = (t663 - t661) + (t356 * t681)
    t688 = (t671 + (f64(2.0) * (t115 * t673))) - (f64(2.0) * (t348 * t681))
    t691 = t347 * (yy * t623)
    t693 = t691 + (t688 + t691)
    t699 = t164 * t669
    t706 = (-(t617 * (t345 * t353))) - (t699 * (t345 * t350))
    t712 = (t303 * t693) - (t304 * t685)
    t717 = t345 * t712
    t718 = t706 - (t712 * (t345 * t346))
    t720 = (t345 * t617) + t718
    t721 = t717 + t718
    t722 = t315 * t720
    t724 = ((t345 * t699) + t717) + (t174 * t720)
    t725 = c * t721
    t731 = t164 * (bb * t725)
    t736 = qb * t725
    t737 = (-(t379 * t623)) - (t333 * t725)
    t741 = (t731 + ((t350 * t669) + t731)) - (t331 * t736)
    t743 = (t346 * t685) + (f64(2.0) * (t164 * t736))
    t747 = t304 * (qq * t725)
    t752 = yb * t725
    t753 = (t365 * t623) + (t324 * t725)
    t756 = t741 + (t318 * t752)
    t758 = (t346 * t693) + (f64(2.0) * (t164 * t752))
    t761 = yq * t725
    t766 = ((t743 - t747) - t747) + (t318 * t761)
    t773 = t303 * (yy * t725)
    t774 = (t758 - (f64(2.0) * (t304 * t761))) + t773
    t775 = t773 + t774
    t776 = tl.where(t276, f64(0.0), t724)
    t777 = tl.where(t276, t724, f64(0.0))
    t784 = (t776 * (t313 * t314)) * (f64(2.0) * t297)
    t794 = (t275 * t777) * (f64(2.0) * t293)
    t798 = t279 * t794
    t802 = t279 * t798
    t807 = t279 * t802
    t809 = ((-(t291 * t794)) - (t289 * t798)) - (t287 * t802)
    t812 = t279 * t807
    t817 = t279 * t812
    t824 = ((t809 - (t285 * t807)) - (t283 * t812)) - (t281 * t817)
    t825 = f64(-0.0014558343870513183) * (t279 * t817)
    t829 = (tl.where(t276, (t824 - t825), f64(0.0))) - (t308 * t777)
    t830 = t295 * ((f64(4.0) * (t313 * t776)) - t784)
    t833 = t300 * f64(0.5)
    t835 = tl.where(t276, f64(0.0), ((f64(-2.0) * t830) * t833))
    t839 = t302 * t766
    t841 = t302 * t775
    t842 = (t270 * t775) - (t271 * t766)
    t843 = tl.where(t276, f64(0.0), t842)
    t844 = tl.where(t276, t842, f64(0.0))
    t852 = (t300 * t843) * (f64(1.0) - (t299 * t299))
    t855 = t279 * t844
    t857 = t279 * t855
    t860 = t279 * t857
    t861 = ((t291 * t844) + (t289 * t855)) + (t287 * t857)
    t863 = t279 * t860
    t866 = t279 * t863
    t870 = ((t861 + (t285 * t860)) + (t283 * t863)) + (t281 * t866)
    t871 = f64(-0.0014558343870513183) * (t279 * t866)
    t874 = (t829 + t835) + (tl.where(t276, (t870 + t871), f64(0.0)))
    t876 = tl.where(t276, f64(0.0), (t833 * (t852 - (t843 * (t300 * t301)))))
    t877 = t874 + t876
    t878 = c * t877
    t888 = ((t255 * t878) * (f64(2.0) * t269)) - (t240 * t839)
    t891 = t888 + (t239 * t841)
    t898 = (tl.where(t263, (t262 * t891), f64(0.0))) * (f64(0.5) * (f64(1.0) / t267))
    t903 = tl.where(t263, (-(t898 * (t265 * t266))), f64(0.0))
    t909 = (tl.where(t257, (t268 * t891), f64(0.0))) * (f64(0.5) * (f64(1.0) / t261))
    t914 = tl.where(t257, (-(t909 * (t259 * t260))), f64(0.0))
    t917 = ((t622 + (t340 * t721)) + (t274 * t877)) + (t255 * t914)
    t918 = ((t273 * t878) + t903) + (c * t914)
    t921 = ((t368 * t623) + (t327 * t725)) + (t252 * t918)
    t922 = t240 * (qq * t918)
    t928 = yq * t918
    t929 = ((-(t357 * t623)) - (t319 * t725)) - (t247 * t918)
    t933 = (((t269 * t839) - t922) - t922) + (t246 * t928)
    t936 = (t269 * t841) - (f64(2.0) * (t240 * t928))
    t939 = ((t354 * t623) + (t316 * t725)) + (t244 * t918)
    t940 = t239 * (yy * t918)
    t942 = t940 + (t936 + t940)
    t945 = t238 * t933
    t947 = t238 * t942
    t948 = (t197 * t942) - (t194 * t933)
    t950 = t237 * t948
    t954 = (t237 * (t237 * t237)) * (f64(-0.5) * (t235 * t948))
    t955 = tl.where(t203, f64(0.0), t950)
    t956 = tl.where(t203, t950, f64(0.0))
    t964 = ((t233 * t955) * (f64(1.0) / t230)) - (t955 * (t233 * t234))
    t966 = t206 * t956
    t968 = t206 * t966
    t971 = t206 * t968
    t972 = ((t225 * t956) + (t222 * t966)) + (t219 * t968)
    t974 = t206 * t971
    t977 = t206 * t974
    t981 = ((t972 + (t216 * t971)) + (t213 * t974)) + (t210 * t977)
    t983 = t981 + (f64(-0.01396484375) * (t206 * t977))
    t988 = tl.where(t203, f64(0.0), (t964 * (t233 * f64(0.5))))
    t989 = (tl.where(t203, t983, f64(0.0))) + t988
    t994 = t201 * t989
    t995 = t954 - (t989 * (t201 * t202))
    t996 = c * t994
    t1009 = (-(t995 * (t192 * t199))) - (t996 * (t192 * t198))
    t1010 = t86 * t947
    t1018 = t104 * t945
    t1023 = t192 * t1018
    t1025 = (t1009 - (t1010 * (t192 * t196))) + (t1018 * (t192 * t193))
    t1027 = (t192 * t995) + t1025
    t1028 = t1025 - t1023
    t1029 = t106 * t1027
    t1031 = ((t192 * t1010) - t1023) + (t97 * t1027)
    t1035 = (t192 * t996) + (c * t1028)
    t1038 = t104 * (pp * t1035)
    t1043 = -(t181 * t1035)
    t1044 = xp * t1035
    t1048 = (((t193 * t945) - t1038) - t1038) + (t180 * t1044)
    t1051 = (t196 * t947) - (f64(2.0) * (t104 * t1044))
    t1054 = t86 * (xx * t1035)
    t1056 = t1054 + (t1051 + t1054)
    t1058 = tl.where(t137, f64(0.0), t722)
    t1059 = tl.where(t137, t722, f64(0.0))
    t1066 = (t1058 * (t172 * t173)) * (t158 * f64(2.0))
    t1076 = (t136 * t1059) * (t154 * f64(2.0))
    t1080 = t140 * t1076
    t1084 = t140 * t1080
    t1089 = t140 * t1084
    t1091 = ((-(t152 * t1076)) - (t150 * t1080)) - (t148 * t1084)
    t1094 = t140 * t1089
    t1099 = t140 * t1094
    t1101 = (t1091 - (t146 * t1089)) - (t144 * t1094)
    t1107 = f64(-0.0014558343870513183) * (t140 * t1099)
    t1110 = tl.where(t137, ((t1101 - (t142 * t1099)) - t1107), f64(0.0))
    t1112 = t156 * ((f64(4.0) * (t172 * t1058)) - t1066)
    t1115 = t161 * f64(0.5)
    t1117 = tl.where(t137, f64(0.0), ((f64(-2.0) * t1112) * t1115))
    t1119 = t133 * t756
    t1121 = tl.where(t137, f64(0.0), t1119)
    t1122 = tl.where(t137, t1119, f64(0.0))
    t1130 = (t161 * t1121) * (f64(1.0) - (t160 * t160))
    t1133 = t140 * t1122
    t1135 = t140 * t1133
    t1138 = t140 * t1135
    t1139 = ((t152 * t1122) + (t150 * t1133)) + (t148 * t1135)
    t1141 = t140 * t1138
    t1144 = t140 * t1141
    t1145 = (t1139 + (t146 * t1138)) + (t144 * t1141)
    t1149 = f64(-0.0014558343870513183) * (t140 * t1144)
    t1151 = tl.where(t137, ((t1145 + (t142 * t1144)) + t1149), f64(0.0))
    t1152 = ((t1110 - (t167 * t1059)) + t1117) + t1151
    t1153 = t1115 * (t1130 - (t1121 * (t161 * t162)))
    t1155 = t1152 + (tl.where(t137, f64(0.0), t1153))
    t1156 = c * t1155
    t1158 = ((t917 + (t198 * t994)) + (t187 * t1028)) + (t135 * t1155)
    t1163 = (t163 * t756) + ((bb * t1156) * (t133 * f64(2.0)))
    t1166 = tl.where(t127, (t126 * t1163), f64(0.0))
    t1173 = (t1166 * (f64(0.5) * (f64(1.0) / t131))) * (t129 * t130)
    t1176 = (t134 * t1156) + (tl.where(t127, (-t1173), f64(0.0)))
    t1177 = tl.where(t121, (t132 * t1163), f64(0.0))
    t1184 = (t1177 * (f64(0.5) * (f64(1.0) / t125))) * (t123 * t124)
    t1186 = tl.where(t121, (-t1184), f64(0.0))
    t1191 = ((t389 * t623) + (t338 * t725)) + (t1176 + (c * t1186))
    t1192 = -(((t396 * t599) + t612) + (t353 * t615))
    t1198 = (tl.where(t110, t676, f64(0.0))) * (f64(0.5) * (f64(1.0) / t114))
    t1203 = tl.where(t110, (-(t1198 * (t112 * t113))), f64(0.0))
    t1204 = (tl.where(t110, f64(0.0), t1192)) + t1203
    t1208 = (t118 * t623) + (c * t1204)
    t1215 = (tl.where(t99, (-t1048), f64(0.0))) * (f64(0.5) * (f64(1.0) / t103))
    t1220 = tl.where(t99, (-(t1215 * (t101 * t102))), f64(0.0))
    t1221 = (tl.where(t99, f64(0.0), (-t1031))) + t1220
    t1224 = ((t1158 + (bb * t1186)) + (oo * t1204)) + (pp * t1221)
    t1225 = (t107 * t1035) + (c * t1221)
    t1226 = tl.where(t50, f64(0.0), t1029)
    t1227 = tl.where(t50, t1029, f64(0.0))
    t1234 = (t1226 * (t95 * t96)) * (t80 * f64(2.0))
    t1244 = (t48 * t1227) * (t75 * f64(2.0))
    t1248 = t54 * t1244
    t1252 = t54 * t1248
    t1257 = t54 * t1252
    t1259 = ((-(t73 * t1244)) - (t70 * t1248)) - (t67 * t1252)
    t1262 = t54 * t1257
    t1267 = t54 * t1262
    t1274 = ((t1259 - (t64 * t1257)) - (t61 * t1262)) - (t58 * t1267)
    t1275 = f64(-0.0014558343870513183) * (t54 * t1267)
    t1278 = tl.where(t50, (t1274 - t1275), f64(0.0))
    t1280 = t78 * ((f64(4.0) * (t95 * t1226)) - t1234)
    t1283 = t83 * f64(0.5)
    t1285 = tl.where(t50, f64(0.0), ((f64(-2.0) * t1280) * t1283))
    t1287 = t45 * t1056
    t1289 = tl.where(t50, f64(0.0), t1287)
    t1290 = tl.where(t50, t1287, f64(0.0))
    t1298 = (t83 * t1289) * (f64(1.0) - (t82 * t82))
    t1301 = t54 * t1290
    t1303 = t54 * t1301
    t1306 = t54 * t1303
    t1307 = ((t73 * t1290) + (t70 * t1301)) + (t67 * t1303)
    t1309 = t54 * t1306
    t1312 = t54 * t1309
    t1316 = ((t1307 + (t64 * t1306)) + (t61 * t1309)) + (t58 * t1312)
    t1317 = f64(-0.0014558343870513183) * (t54 * t1312)
    t1319 = tl.where(t50, (t1316 + t1317), f64(0.0))
    t1320 = ((t1278 - (t89 * t1227)) + t1285) + t1319
    t1322 = tl.where(t50, f64(0.0), (t1283 * (t1298 - (t1289 * (t83 * t84)))))
    t1323 = t1320 + t1322
    t1324 = c * t1323
    t1331 = (t85 * t1056) + ((xx * t1324) * (t45 * f64(2.0)))
    t1338 = (tl.where(t39, (t38 * t1331), f64(0.0))) * (f64(0.5) * (f64(1.0) / t43))
    t1343 = tl.where(t39, (-(t1338 * (t41 * t42))), f64(0.0))
    t1349 = (tl.where(t33, (t44 * t1331), f64(0.0))) * (f64(0.5) * (f64(1.0) / t37))
    t1354 = tl.where(t33, (-(t1349 * (t35 * t36))), f64(0.0))
    t1357 = (t1224 + (t47 * t1323)) + (xx * t1354)
    t1359 = (t177 * t1035) + (((t46 * t1324) + t1343) + (c * t1354))
    tl.store(S + OF_Y * ROWS + r, t464)
    tl.store(S + OF_Q * ROWS + r, t466)
    tl.store(S + OF_O * ROWS + r, t467)
    tl.store(S + OF_B * ROWS + r, t468)
    tl.store(S + D_XX * ROWS + r, t1359)
    tl.store(S + D_XP * ROWS + r, t1043)
    tl.store(S + D_YY * ROWS + r, t939)
    tl.store(S + D_YQ * ROWS + r, t929)
    tl.store(S + D_YO * ROWS + r, t672)
    tl.store(S + D_YB * ROWS + r, t753)
    tl.store(S + D_C * ROWS + r, t1357)
    tl.store(S + D_QQ * ROWS + r, t921)
    tl.store(S + D_QO * ROWS + r, t651)
    tl.store(S + D_QB * ROWS + r, t737)
    tl.store(S + D_OQ * ROWS + r, f64(0.0))
    tl.store(S + D_OO * ROWS + r, t1208)
    tl.store(S + D_OB * ROWS + r, t629)
    tl.store(S + D_BQ * ROWS + r, f64(0.0))
    tl.store(S + D_BO * ROWS + r, f64(0.0))
    tl.store(S + D_BB * ROWS + r, t1191)
    tl.store(S + D_PP * ROWS + r, t1225)


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
