"""`linear_map`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of a linear map between centres, on a CPU.

They stand around matrix products that torch computes. Behind the one of the way there, `y = Wx`, a pass takes a block
of rows of `y`, computes their inner products and then the scalars of all rows of the block, and writes the combination
of `y` and the fixed vectors `q = W·p_in`, `o = p_out` and `b`, the bias, in the place of `y`. In the backward pass a
pass before the products takes the gradient `g` of the result and a vector `v`. That is the result, from which the pass
gets `y` again; or it is `y`, computed once more, where the result has too few digits of it
(`linear.result_gives_product`).

The map has parts: each takes all of `x`, with centres and numbers of its own, and makes its own columns of `y`.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp, jit, log, sqrt, where

ROWS = 16
SLOTS = 31
XX = 0
XP = 1
YY = 2
YQ = 3
YO = 4
YB = 5
OF_Y = 6
OF_Q = 7
OF_O = 8
OF_B = 9
G_OF_Y = 10
G_OF_Q = 11
G_OF_O = 12
G_OF_B = 13
D_XX = 14
D_XP = 15
D_YY = 16
D_YQ = 17
D_YO = 18
D_YB = 19
D_C = 20
D_QQ = 21
D_QO = 22
D_QB = 23
D_OQ = 24
D_OO = 25
D_OB = 26
D_BQ = 27
D_BO = 28
D_BB = 29
D_PP = 30


@jit
def forward_scalars(S, numbers):
    """of_y, of_q, of_o, of_b of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    n_max = numbers[3]
    n_edge = numbers[4]
    u_max = numbers[5]
    u_edge = numbers[6]
    u_min = numbers[7]
    n_given = numbers[8]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    qq = numbers[11]
    qo = numbers[12]
    qb = numbers[13]
    oo = numbers[15]
    ob = numbers[16]
    bb = numbers[19]
    pp = numbers[20]
    for r in range(ROWS):
        xx = S[XX * ROWS + r]
        xp = S[XP * ROWS + r]
        yy = S[YY * ROWS + r]
        yq = S[YQ * ROWS + r]
        yo = S[YO * ROWS + r]
        yb = S[YB * ROWS + r]
        t28 = xx * c
        t29 = z2_edge <= t28
        t32 = z2_max * (1.0 / where(t29, t28, z2_max))
        t35 = r2_edge <= xx
        t39 = sqrt((r2_max * (1.0 / where(t35, xx, r2_max))))
        t41 = where(t29, sqrt(t32), 1.0) * where(t35, t39, 1.0)
        t44 = c * (xx * (t41 * t41))
        t46 = t44 < 0.015625
        t48 = sqrt(where(t46, 1.0, t44))
        t50 = where(t46, t44, 0.0)
        t54 = (t50 * (-0.0014558343870513183)) + 0.003592128036572481
        t58 = t50 * ((t50 * t54) + (-0.008863235529902197))
        t63 = (t50 * (t58 + 0.021869488536155203)) + (-0.05396825396825397)
        t67 = t50 * ((t50 * t63) + 0.13333333333333333)
        t71 = 1.0 + (t50 * (t67 + (-0.3333333333333333)))
        t74 = exp((t48 * (-2.0)))
        t76 = 1.0 + t74
        t80 = ((1.0 - t74) * (1.0 / t76)) * (1.0 / t48)
        t82 = t41 * where(t46, t71, t80)
        t93 = where(t46, (1.0 - (t44 * (t71 * t71))), ((t74 * 4.0) * (1.0 / (t76 * t76))))
        t94 = c * pp
        t95 = n_given <= t94
        t98 = n_given * (1.0 / where(t95, t94, n_given))
        t100 = where(t95, sqrt(t98), 1.0)
        t102 = 1.0 - where(t95, n_given, t94)
        t105 = c * oo
        t106 = n_given <= t105
        t109 = n_given * (1.0 / where(t106, t105, n_given))
        t111 = where(t106, sqrt(t109), 1.0)
        t113 = 1.0 - where(t106, n_given, t105)
        t116 = c * bb
        t117 = z2_edge <= t116
        t120 = z2_max * (1.0 / where(t117, t116, z2_max))
        t123 = r2_edge <= bb
        t126 = r2_max * (1.0 / where(t123, bb, r2_max))
        t129 = where(t117, sqrt(t120), 1.0) * where(t123, sqrt(t126), 1.0)
        t132 = c * (bb * (t129 * t129))
        t133 = t132 < 0.015625
        t135 = sqrt(where(t133, 1.0, t132))
        t136 = where(t133, t132, 0.0)
        t138 = 0.003592128036572481 + ((-0.0014558343870513183) * t136)
        t141 = t136 * ((-0.008863235529902197) + (t136 * t138))
        t144 = (-0.05396825396825397) + (t136 * (0.021869488536155203 + t141))
        t147 = t136 * (0.13333333333333333 + (t136 * t144))
        t150 = 1.0 + (t136 * ((-0.3333333333333333) + t147))
        t152 = exp(((-2.0) * t135))
        t154 = 1.0 + t152
        t158 = ((1.0 - t152) * (1.0 / t154)) * (1.0 / t135)
        t160 = t129 * where(t133, t150, t158)
        t170 = where(t133, (1.0 - (t132 * (t150 * t150))), ((4.0 * t152) * (1.0 / (t154 * t154))))
        t181 = (xx * (t82 * t82)) - (xp * (t100 * (t82 * 2.0)))
        t183 = (pp * (t100 * t100)) + t181
        t184 = c * t183
        t185 = t93 * t102
        t188 = 1.0 / (t184 + t185)
        t195 = t185 * t188
        t198 = (c * (t183 * t188)) * (1.0 / t195)
        t199 = t198 < 0.015625
        t201 = sqrt(where(t199, 1.0, t198))
        t202 = where(t199, t198, 0.0)
        t206 = (t202 * (-0.01396484375)) + 0.017352764423076924
        t210 = t202 * ((t202 * t206) + (-0.022372159090909092))
        t215 = (t202 * (t210 + 0.030381944444444444)) + (-0.044642857142857144)
        t221 = (t202 * ((t202 * t215) + 0.075)) + (-0.16666666666666666)
        t228 = log((t201 + sqrt((1.0 + (t201 * t201)))))
        t231 = where(t199, (1.0 + (t202 * t221)), (t228 * (1.0 / t201)))
        t234 = t231 * (1.0 / sqrt(t195))
        t235 = (t82 * (t102 * t188)) * t234
        t236 = (t100 * ((t102 + t184) * t188)) * t234
        t247 = (yy * (t235 * t235)) - (yq * (t236 * (2.0 * t235)))
        t251 = t247 + (qq * (t236 * t236))
        t252 = c * t251
        t253 = z2_edge <= t252
        t256 = z2_max * (1.0 / where(t253, t252, z2_max))
        t259 = r2_edge <= t251
        t262 = r2_max * (1.0 / where(t259, t251, r2_max))
        t265 = where(t253, sqrt(t256), 1.0) * where(t259, sqrt(t262), 1.0)
        t271 = c * (t251 * (t265 * t265))
        t272 = t271 < 0.015625
        t274 = sqrt(where(t272, 1.0, t271))
        t275 = where(t272, t271, 0.0)
        t277 = 0.003592128036572481 + ((-0.0014558343870513183) * t275)
        t280 = t275 * ((-0.008863235529902197) + (t275 * t277))
        t283 = (-0.05396825396825397) + (t275 * (0.021869488536155203 + t280))
        t286 = t275 * (0.13333333333333333 + (t275 * t283))
        t289 = 1.0 + (t275 * ((-0.3333333333333333) + t286))
        t291 = exp(((-2.0) * t274))
        t293 = 1.0 + t291
        t297 = ((1.0 - t291) * (1.0 / t293)) * (1.0 / t274)
        t298 = where(t272, t289, t297)
        t299 = (t235 * t265) * t298
        t300 = (t236 * t265) * t298
        t311 = where(t272, (1.0 - (t271 * (t289 * t289))), ((4.0 * t291) * (1.0 / (t293 * t293))))
        t314 = 2.0 * t299
        t319 = (yy * (t299 * t299)) - (yq * (t300 * t314))
        t326 = (t319 + (yb * (t160 * t314))) + (qq * (t300 * t300))
        t336 = (t326 - (qb * (t160 * (2.0 * t300)))) + (bb * (t160 * t160))
        t337 = c * t336
        t338 = t170 * t311
        t341 = 1.0 / (t337 + t338)
        t342 = (t311 + t337) * t341
        t343 = t299 * t342
        t344 = t300 * t342
        t347 = t160 * (t311 * t341)
        t352 = 2.0 * t343
        t357 = (yy * (t343 * t343)) - (yq * (t344 * t352))
        t363 = (t357 + (yo * (t111 * t352))) + (yb * (t347 * t352))
        t368 = 2.0 * t344
        t374 = (t363 + (qq * (t344 * t344))) - (qo * (t111 * t368))
        t380 = (oo * (t111 * t111)) + (t374 - (qb * (t347 * t368)))
        t387 = (t380 + (ob * (t347 * (t111 * 2.0)))) + (bb * (t347 * t347))
        t388 = c * t387
        t389 = t113 * (t338 * t341)
        t392 = 1.0 / (t388 + t389)
        t395 = t113 * t392
        t400 = t387 * t392
        t401 = t389 * t392
        t402 = c * t400
        t405 = (n_edge < t402) | (t401 < u_edge)
        t408 = n_max * (1.0 / where(t405, t402, n_max))
        t411 = r2_edge <= t400
        t414 = r2_max * (1.0 / where(t411, t400, r2_max))
        t417 = where(t405, sqrt(t408), 1.0) * where(t411, sqrt(t414), 1.0)
        t420 = where(t405, u_max, where((u_min < t401), t401, u_min))
        t430 = (c * (t400 * (t417 * t417))) * (1.0 / t420)
        t431 = t430 < 0.015625
        t433 = sqrt(where(t431, 1.0, t430))
        t434 = where(t431, t430, 0.0)
        t436 = 0.017352764423076924 + ((-0.01396484375) * t434)
        t439 = t434 * ((-0.022372159090909092) + (t434 * t436))
        t442 = (-0.044642857142857144) + (t434 * (0.030381944444444444 + t439))
        t446 = (-0.16666666666666666) + (t434 * (0.075 + (t434 * t442)))
        t453 = log((t433 + sqrt((1.0 + (t433 * t433)))))
        t456 = where(t431, (1.0 + (t434 * t446)), (t453 * (1.0 / t433)))
        t459 = t456 * (1.0 / sqrt(t420))
        t460 = ((t343 * t395) * t417) * t459
        t462 = -(((t344 * t395) * t417) * t459)
        t463 = ((t111 * ((t113 + t388) * t392)) * t417) * t459
        t464 = ((t347 * t395) * t417) * t459
        S[OF_Y * ROWS + r] = t460
        S[OF_Q * ROWS + r] = t462
        S[OF_O * ROWS + r] = t463
        S[OF_B * ROWS + r] = t464


@jit
def backward_scalars(S, numbers):
    """of_y, of_q, of_o, of_b, d_xx, d_xp, d_yy, d_yq, d_yo, d_yb, d_c, d_qq, d_qo, d_qb, d_oq, d_oo, d_ob, d_bq, d_bo, d_bb, d_pp of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    n_max = numbers[3]
    n_edge = numbers[4]
    u_max = numbers[5]
    u_edge = numbers[6]
    u_min = numbers[7]
    n_given = numbers[8]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    qq = numbers[11]
    qo = numbers[12]
    qb = numbers[13]
    oo = numbers[15]
    ob = numbers[16]
    bb = numbers[19]
    pp = numbers[20]
    for r in range(ROWS):
        xx = S[XX * ROWS + r]
        xp = S[XP * ROWS + r]
        yy = S[YY * ROWS + r]
        yq = S[YQ * ROWS + r]
        yo = S[YO * ROWS + r]
        yb = S[YB * ROWS + r]
        g_of_y = S[G_OF_Y * ROWS + r]
        g_of_q = S[G_OF_Q * ROWS + r]
        g_of_o = S[G_OF_O * ROWS + r]
        g_of_b = S[G_OF_B * ROWS + r]
        t32 = xx * c
        t33 = z2_edge <= t32
        t35 = 1.0 / where(t33, t32, z2_max)
        t36 = z2_max * t35
        t37 = sqrt(t36)
        t38 = where(t33, t37, 1.0)
        t39 = r2_edge <= xx
        t41 = 1.0 / where(t39, xx, r2_max)
        t42 = r2_max * t41
        t43 = sqrt(t42)
        t44 = where(t39, t43, 1.0)
        t45 = t38 * t44
        t46 = t45 * t45
        t47 = xx * t46
        t48 = c * t47
        t50 = t48 < 0.015625
        t52 = sqrt(where(t50, 1.0, t48))
        t54 = where(t50, t48, 0.0)
        t58 = (t54 * (-0.0014558343870513183)) + 0.003592128036572481
        t61 = (t54 * t58) + (-0.008863235529902197)
        t64 = (t54 * t61) + 0.021869488536155203
        t67 = (t54 * t64) + (-0.05396825396825397)
        t70 = (t54 * t67) + 0.13333333333333333
        t73 = (t54 * t70) + (-0.3333333333333333)
        t75 = 1.0 + (t54 * t73)
        t78 = exp((t52 * (-2.0)))
        t80 = 1.0 + t78
        t82 = (1.0 - t78) * (1.0 / t80)
        t83 = 1.0 / t52
        t84 = t82 * t83
        t85 = where(t50, t75, t84)
        t86 = t45 * t85
        t89 = t75 * t75
        t95 = 1.0 / (t80 * t80)
        t96 = (t78 * 4.0) * t95
        t97 = where(t50, (1.0 - (t48 * t89)), t96)
        t98 = c * pp
        t99 = n_given <= t98
        t101 = 1.0 / where(t99, t98, n_given)
        t102 = n_given * t101
        t103 = sqrt(t102)
        t104 = where(t99, t103, 1.0)
        t106 = 1.0 - where(t99, n_given, t98)
        t107 = t104 * t104
        t109 = c * oo
        t110 = n_given <= t109
        t112 = 1.0 / where(t110, t109, n_given)
        t113 = n_given * t112
        t114 = sqrt(t113)
        t115 = where(t110, t114, 1.0)
        t117 = 1.0 - where(t110, n_given, t109)
        t118 = t115 * t115
        t120 = c * bb
        t121 = z2_edge <= t120
        t123 = 1.0 / where(t121, t120, z2_max)
        t124 = z2_max * t123
        t125 = sqrt(t124)
        t126 = where(t121, t125, 1.0)
        t127 = r2_edge <= bb
        t129 = 1.0 / where(t127, bb, r2_max)
        t130 = r2_max * t129
        t131 = sqrt(t130)
        t132 = where(t127, t131, 1.0)
        t133 = t126 * t132
        t134 = t133 * t133
        t135 = bb * t134
        t136 = c * t135
        t137 = t136 < 0.015625
        t139 = sqrt(where(t137, 1.0, t136))
        t140 = where(t137, t136, 0.0)
        t142 = 0.003592128036572481 + ((-0.0014558343870513183) * t140)
        t144 = (-0.008863235529902197) + (t140 * t142)
        t146 = 0.021869488536155203 + (t140 * t144)
        t148 = (-0.05396825396825397) + (t140 * t146)
        t150 = 0.13333333333333333 + (t140 * t148)
        t152 = (-0.3333333333333333) + (t140 * t150)
        t154 = 1.0 + (t140 * t152)
        t156 = exp(((-2.0) * t139))
        t158 = 1.0 + t156
        t160 = (1.0 - t156) * (1.0 / t158)
        t161 = 1.0 / t139
        t162 = t160 * t161
        t163 = where(t137, t154, t162)
        t164 = t133 * t163
        t167 = t154 * t154
        t172 = 1.0 / (t158 * t158)
        t173 = (4.0 * t156) * t172
        t174 = where(t137, (1.0 - (t136 * t167)), t173)
        t177 = t86 * t86
        t180 = t86 * 2.0
        t181 = t104 * t180
        t187 = (pp * t107) + ((xx * t177) - (xp * t181))
        t188 = c * t187
        t189 = t97 * t106
        t192 = 1.0 / (t188 + t189)
        t193 = (t106 + t188) * t192
        t194 = t104 * t193
        t196 = t106 * t192
        t197 = t86 * t196
        t198 = t187 * t192
        t199 = t189 * t192
        t201 = 1.0 / t199
        t202 = (c * t198) * t201
        t203 = t202 < 0.015625
        t205 = sqrt(where(t203, 1.0, t202))
        t206 = where(t203, t202, 0.0)
        t210 = (t206 * (-0.01396484375)) + 0.017352764423076924
        t213 = (t206 * t210) + (-0.022372159090909092)
        t216 = (t206 * t213) + 0.030381944444444444
        t219 = (t206 * t216) + (-0.044642857142857144)
        t222 = (t206 * t219) + 0.075
        t225 = (t206 * t222) + (-0.16666666666666666)
        t230 = sqrt((1.0 + (t205 * t205)))
        t233 = 1.0 / t205
        t234 = log((t205 + t230)) * t233
        t235 = where(t203, (1.0 + (t206 * t225)), t234)
        t237 = 1.0 / sqrt(t199)
        t238 = t235 * t237
        t239 = t197 * t238
        t240 = t194 * t238
        t244 = t239 * t239
        t246 = 2.0 * t239
        t247 = t240 * t246
        t252 = t240 * t240
        t255 = ((yy * t244) - (yq * t247)) + (qq * t252)
        t256 = c * t255
        t257 = z2_edge <= t256
        t259 = 1.0 / where(t257, t256, z2_max)
        t260 = z2_max * t259
        t261 = sqrt(t260)
        t262 = where(t257, t261, 1.0)
        t263 = r2_edge <= t255
        t265 = 1.0 / where(t263, t255, r2_max)
        t266 = r2_max * t265
        t267 = sqrt(t266)
        t268 = where(t263, t267, 1.0)
        t269 = t262 * t268
        t270 = t239 * t269
        t271 = t240 * t269
        t273 = t269 * t269
        t274 = t255 * t273
        t275 = c * t274
        t276 = t275 < 0.015625
        t278 = sqrt(where(t276, 1.0, t275))
        t279 = where(t276, t275, 0.0)
        t281 = 0.003592128036572481 + ((-0.0014558343870513183) * t279)
        t283 = (-0.008863235529902197) + (t279 * t281)
        t285 = 0.021869488536155203 + (t279 * t283)
        t287 = (-0.05396825396825397) + (t279 * t285)
        t289 = 0.13333333333333333 + (t279 * t287)
        t291 = (-0.3333333333333333) + (t279 * t289)
        t293 = 1.0 + (t279 * t291)
        t295 = exp(((-2.0) * t278))
        t297 = 1.0 + t295
        t299 = (1.0 - t295) * (1.0 / t297)
        t300 = 1.0 / t278
        t301 = t299 * t300
        t302 = where(t276, t293, t301)
        t303 = t270 * t302
        t304 = t271 * t302
        t308 = t293 * t293
        t313 = 1.0 / (t297 * t297)
        t314 = (4.0 * t295) * t313
        t315 = where(t276, (1.0 - (t275 * t308)), t314)
        t316 = t303 * t303
        t318 = 2.0 * t303
        t319 = t304 * t318
        t324 = t164 * t318
        t326 = ((yy * t316) - (yq * t319)) + (yb * t324)
        t327 = t304 * t304
        t331 = 2.0 * t304
        t333 = t164 * t331
        t338 = t164 * t164
        t340 = ((t326 + (qq * t327)) - (qb * t333)) + (bb * t338)
        t341 = c * t340
        t342 = t174 * t315
        t345 = 1.0 / (t341 + t342)
        t346 = (t315 + t341) * t345
        t347 = t303 * t346
        t348 = t304 * t346
        t350 = t315 * t345
        t351 = t164 * t350
        t353 = t342 * t345
        t354 = t347 * t347
        t356 = 2.0 * t347
        t357 = t348 * t356
        t362 = t115 * t356
        t364 = ((yy * t354) - (yq * t357)) + (yo * t362)
        t365 = t351 * t356
        t368 = t348 * t348
        t372 = 2.0 * t348
        t374 = t115 * t372
        t378 = ((t364 + (yb * t365)) + (qq * t368)) - (qo * t374)
        t379 = t351 * t372
        t385 = t115 * 2.0
        t386 = t351 * t385
        t388 = ((oo * t118) + (t378 - (qb * t379))) + (ob * t386)
        t389 = t351 * t351
        t391 = t388 + (bb * t389)
        t392 = c * t391
        t393 = t117 * t353
        t396 = 1.0 / (t392 + t393)
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
        t411 = 1.0 / where(t409, t406, n_max)
        t412 = n_max * t411
        t413 = sqrt(t412)
        t414 = where(t409, t413, 1.0)
        t415 = r2_edge <= t404
        t417 = 1.0 / where(t415, t404, r2_max)
        t418 = r2_max * t417
        t419 = sqrt(t418)
        t420 = where(t415, t419, 1.0)
        t421 = t414 * t420
        t422 = u_min < t405
        t424 = where(t409, u_max, where(t422, t405, u_min))
        t425 = t400 * t421
        t426 = t401 * t421
        t428 = t398 * t421
        t429 = t403 * t421
        t430 = t421 * t421
        t431 = t404 * t430
        t433 = 1.0 / t424
        t434 = (c * t431) * t433
        t435 = t434 < 0.015625
        t437 = sqrt(where(t435, 1.0, t434))
        t438 = where(t435, t434, 0.0)
        t440 = 0.017352764423076924 + ((-0.01396484375) * t438)
        t442 = (-0.022372159090909092) + (t438 * t440)
        t444 = 0.030381944444444444 + (t438 * t442)
        t446 = (-0.044642857142857144) + (t438 * t444)
        t448 = 0.075 + (t438 * t446)
        t450 = (-0.16666666666666666) + (t438 * t448)
        t455 = sqrt((1.0 + (t437 * t437)))
        t458 = 1.0 / t437
        t459 = log((t437 + t455)) * t458
        t460 = where(t435, (1.0 + (t438 * t450)), t459)
        t462 = 1.0 / sqrt(t424)
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
        t489 = (t462 * (t462 * t462)) * ((t460 * t482) * (-0.5))
        t490 = where(t435, 0.0, t484)
        t491 = where(t435, t484, 0.0)
        t499 = ((t458 * t490) * (1.0 / t455)) - (t490 * (t458 * t459))
        t501 = t438 * t491
        t503 = t438 * t501
        t506 = t438 * t503
        t507 = ((t450 * t491) + (t448 * t501)) + (t446 * t503)
        t509 = t438 * t506
        t512 = t438 * t509
        t516 = ((t507 + (t444 * t506)) + (t442 * t509)) + (t440 * t512)
        t518 = t516 + ((-0.01396484375) * (t438 * t512))
        t525 = where(t435, t518, 0.0) + where(t435, 0.0, (t499 * (t458 * 0.5)))
        t530 = t433 * t525
        t532 = c * t530
        t539 = t421 * t472
        t540 = ((t404 * t532) * (2.0 * t421)) + (t403 * t472)
        t542 = t421 * t474
        t546 = t421 * t478
        t549 = t421 * t481
        t550 = ((t540 + (t398 * t474)) - (t401 * t478)) + (t400 * t481)
        t551 = where(t409, 0.0, (t489 - (t525 * (t433 * t434))))
        t552 = where(t422, t551, 0.0)
        t559 = where(t415, (t414 * t550), 0.0) * (0.5 * (1.0 / t419))
        t564 = where(t415, (-(t559 * (t417 * t418))), 0.0)
        t570 = where(t409, (t420 * t550), 0.0) * (0.5 * (1.0 / t413))
        t575 = where(t409, (-(t570 * (t411 * t412))), 0.0)
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
        t638 = t115 * (oo * t623)
        t639 = ((t397 * t542) + (2.0 * (t351 * t630))) + t638
        t643 = qb * t623
        t651 = -(t374 * t623)
        t652 = qo * t623
        t658 = ((t399 * t546) + (2.0 * (t351 * t643))) + (2.0 * (t115 * t652))
        t661 = t348 * (qq * t623)
        t666 = yb * t623
        t669 = (t633 - (t372 * t643)) + (t356 * t666)
        t672 = t362 * t623
        t673 = yo * t623
        t676 = ((t638 + t639) - (t372 * t652)) + (t356 * t673)
        t678 = ((t399 * t549) + (2.0 * (t351 * t666))) + (2.0 * (t115 * t673))
        t681 = yq * t623
        t685 = ((t658 - t661) - t661) + (t356 * t681)
        t691 = t347 * (yy * t623)
        t693 = t691 + ((t678 - (2.0 * (t348 * t681))) + t691)
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
        t747 = t304 * (qq * t725)
        t749 = ((t346 * t685) + (2.0 * (t164 * t736))) - t747
        t752 = yb * t725
        t753 = (t365 * t623) + (t324 * t725)
        t756 = t741 + (t318 * t752)
        t761 = yq * t725
        t766 = (t749 - t747) + (t318 * t761)
        t769 = ((t346 * t693) + (2.0 * (t164 * t752))) - (2.0 * (t304 * t761))
        t773 = t303 * (yy * t725)
        t775 = t773 + (t769 + t773)
        t776 = where(t276, 0.0, t724)
        t777 = where(t276, t724, 0.0)
        t787 = (4.0 * (t313 * t776)) - ((t776 * (t313 * t314)) * (2.0 * t297))
        t794 = (t275 * t777) * (2.0 * t293)
        t798 = t279 * t794
        t802 = t279 * t798
        t807 = t279 * t802
        t809 = ((-(t291 * t794)) - (t289 * t798)) - (t287 * t802)
        t812 = t279 * t807
        t817 = t279 * t812
        t824 = ((t809 - (t285 * t807)) - (t283 * t812)) - (t281 * t817)
        t825 = (-0.0014558343870513183) * (t279 * t817)
        t829 = where(t276, (t824 - t825), 0.0) - (t308 * t777)
        t833 = t300 * 0.5
        t835 = where(t276, 0.0, (((-2.0) * (t295 * t787)) * t833))
        t839 = t302 * t766
        t841 = t302 * t775
        t842 = (t270 * t775) - (t271 * t766)
        t843 = where(t276, 0.0, t842)
        t844 = where(t276, t842, 0.0)
        t853 = ((t300 * t843) * (1.0 - (t299 * t299))) - (t843 * (t300 * t301))
        t855 = t279 * t844
        t857 = t279 * t855
        t860 = t279 * t857
        t861 = ((t291 * t844) + (t289 * t855)) + (t287 * t857)
        t863 = t279 * t860
        t866 = t279 * t863
        t870 = ((t861 + (t285 * t860)) + (t283 * t863)) + (t281 * t866)
        t871 = (-0.0014558343870513183) * (t279 * t866)
        t874 = (t829 + t835) + where(t276, (t870 + t871), 0.0)
        t877 = t874 + where(t276, 0.0, (t833 * t853))
        t878 = c * t877
        t888 = ((t255 * t878) * (2.0 * t269)) - (t240 * t839)
        t891 = t888 + (t239 * t841)
        t898 = where(t263, (t262 * t891), 0.0) * (0.5 * (1.0 / t267))
        t903 = where(t263, (-(t898 * (t265 * t266))), 0.0)
        t909 = where(t257, (t268 * t891), 0.0) * (0.5 * (1.0 / t261))
        t914 = where(t257, (-(t909 * (t259 * t260))), 0.0)
        t917 = ((t622 + (t340 * t721)) + (t274 * t877)) + (t255 * t914)
        t918 = ((t273 * t878) + t903) + (c * t914)
        t921 = ((t368 * t623) + (t327 * t725)) + (t252 * t918)
        t922 = t240 * (qq * t918)
        t928 = yq * t918
        t929 = ((-(t357 * t623)) - (t319 * t725)) - (t247 * t918)
        t933 = (((t269 * t839) - t922) - t922) + (t246 * t928)
        t939 = ((t354 * t623) + (t316 * t725)) + (t244 * t918)
        t940 = t239 * (yy * t918)
        t941 = ((t269 * t841) - (2.0 * (t240 * t928))) + t940
        t942 = t940 + t941
        t945 = t238 * t933
        t947 = t238 * t942
        t948 = (t197 * t942) - (t194 * t933)
        t950 = t237 * t948
        t954 = (t237 * (t237 * t237)) * ((-0.5) * (t235 * t948))
        t955 = where(t203, 0.0, t950)
        t956 = where(t203, t950, 0.0)
        t964 = ((t233 * t955) * (1.0 / t230)) - (t955 * (t233 * t234))
        t966 = t206 * t956
        t968 = t206 * t966
        t971 = t206 * t968
        t972 = ((t225 * t956) + (t222 * t966)) + (t219 * t968)
        t974 = t206 * t971
        t977 = t206 * t974
        t981 = ((t972 + (t216 * t971)) + (t213 * t974)) + (t210 * t977)
        t983 = t981 + ((-0.01396484375) * (t206 * t977))
        t989 = where(t203, t983, 0.0) + where(t203, 0.0, (t964 * (t233 * 0.5)))
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
        t1054 = t86 * (xx * t1035)
        t1055 = ((t196 * t947) - (2.0 * (t104 * t1044))) + t1054
        t1056 = t1054 + t1055
        t1058 = where(t137, 0.0, t722)
        t1059 = where(t137, t722, 0.0)
        t1069 = (4.0 * (t172 * t1058)) - ((t1058 * (t172 * t173)) * (t158 * 2.0))
        t1076 = (t136 * t1059) * (t154 * 2.0)
        t1080 = t140 * t1076
        t1084 = t140 * t1080
        t1089 = t140 * t1084
        t1091 = ((-(t152 * t1076)) - (t150 * t1080)) - (t148 * t1084)
        t1094 = t140 * t1089
        t1099 = t140 * t1094
        t1101 = (t1091 - (t146 * t1089)) - (t144 * t1094)
        t1107 = (-0.0014558343870513183) * (t140 * t1099)
        t1110 = where(t137, ((t1101 - (t142 * t1099)) - t1107), 0.0)
        t1115 = t161 * 0.5
        t1117 = where(t137, 0.0, (((-2.0) * (t156 * t1069)) * t1115))
        t1119 = t133 * t756
        t1121 = where(t137, 0.0, t1119)
        t1122 = where(t137, t1119, 0.0)
        t1131 = ((t161 * t1121) * (1.0 - (t160 * t160))) - (t1121 * (t161 * t162))
        t1133 = t140 * t1122
        t1135 = t140 * t1133
        t1138 = t140 * t1135
        t1139 = ((t152 * t1122) + (t150 * t1133)) + (t148 * t1135)
        t1141 = t140 * t1138
        t1144 = t140 * t1141
        t1145 = (t1139 + (t146 * t1138)) + (t144 * t1141)
        t1149 = (-0.0014558343870513183) * (t140 * t1144)
        t1151 = where(t137, ((t1145 + (t142 * t1144)) + t1149), 0.0)
        t1152 = ((t1110 - (t167 * t1059)) + t1117) + t1151
        t1155 = t1152 + where(t137, 0.0, (t1115 * t1131))
        t1156 = c * t1155
        t1158 = ((t917 + (t198 * t994)) + (t187 * t1028)) + (t135 * t1155)
        t1163 = (t163 * t756) + ((bb * t1156) * (t133 * 2.0))
        t1170 = where(t127, (t126 * t1163), 0.0) * (0.5 * (1.0 / t131))
        t1175 = where(t127, (-(t1170 * (t129 * t130))), 0.0)
        t1181 = where(t121, (t132 * t1163), 0.0) * (0.5 * (1.0 / t125))
        t1186 = where(t121, (-(t1181 * (t123 * t124))), 0.0)
        t1191 = ((t389 * t623) + (t338 * t725)) + (((t134 * t1156) + t1175) + (c * t1186))
        t1192 = -(((t396 * t599) + t612) + (t353 * t615))
        t1198 = where(t110, t676, 0.0) * (0.5 * (1.0 / t114))
        t1203 = where(t110, (-(t1198 * (t112 * t113))), 0.0)
        t1204 = where(t110, 0.0, t1192) + t1203
        t1208 = (t118 * t623) + (c * t1204)
        t1215 = where(t99, (-t1048), 0.0) * (0.5 * (1.0 / t103))
        t1220 = where(t99, (-(t1215 * (t101 * t102))), 0.0)
        t1221 = where(t99, 0.0, (-t1031)) + t1220
        t1224 = ((t1158 + (bb * t1186)) + (oo * t1204)) + (pp * t1221)
        t1225 = (t107 * t1035) + (c * t1221)
        t1226 = where(t50, 0.0, t1029)
        t1227 = where(t50, t1029, 0.0)
        t1237 = (4.0 * (t95 * t1226)) - ((t1226 * (t95 * t96)) * (t80 * 2.0))
        t1244 = (t48 * t1227) * (t75 * 2.0)
        t1248 = t54 * t1244
        t1252 = t54 * t1248
        t1257 = t54 * t1252
        t1259 = ((-(t73 * t1244)) - (t70 * t1248)) - (t67 * t1252)
        t1262 = t54 * t1257
        t1267 = t54 * t1262
        t1274 = ((t1259 - (t64 * t1257)) - (t61 * t1262)) - (t58 * t1267)
        t1275 = (-0.0014558343870513183) * (t54 * t1267)
        t1279 = where(t50, (t1274 - t1275), 0.0) - (t89 * t1227)
        t1283 = t83 * 0.5
        t1285 = where(t50, 0.0, (((-2.0) * (t78 * t1237)) * t1283))
        t1287 = t45 * t1056
        t1289 = where(t50, 0.0, t1287)
        t1290 = where(t50, t1287, 0.0)
        t1299 = ((t83 * t1289) * (1.0 - (t82 * t82))) - (t1289 * (t83 * t84))
        t1301 = t54 * t1290
        t1303 = t54 * t1301
        t1306 = t54 * t1303
        t1307 = ((t73 * t1290) + (t70 * t1301)) + (t67 * t1303)
        t1309 = t54 * t1306
        t1312 = t54 * t1309
        t1316 = ((t1307 + (t64 * t1306)) + (t61 * t1309)) + (t58 * t1312)
        t1317 = (-0.0014558343870513183) * (t54 * t1312)
        t1320 = (t1279 + t1285) + where(t50, (t1316 + t1317), 0.0)
        t1323 = t1320 + where(t50, 0.0, (t1283 * t1299))
        t1324 = c * t1323
        t1331 = (t85 * t1056) + ((xx * t1324) * (t45 * 2.0))
        t1338 = where(t39, (t38 * t1331), 0.0) * (0.5 * (1.0 / t43))
        t1343 = where(t39, (-(t1338 * (t41 * t42))), 0.0)
        t1349 = where(t33, (t44 * t1331), 0.0) * (0.5 * (1.0 / t37))
        t1354 = where(t33, (-(t1349 * (t35 * t36))), 0.0)
        t1357 = (t1224 + (t47 * t1323)) + (xx * t1354)
        t1359 = (t177 * t1035) + (((t46 * t1324) + t1343) + (c * t1354))
        S[OF_Y * ROWS + r] = t464
        S[OF_Q * ROWS + r] = t466
        S[OF_O * ROWS + r] = t467
        S[OF_B * ROWS + r] = t468
        S[D_XX * ROWS + r] = t1359
        S[D_XP * ROWS + r] = t1043
        S[D_YY * ROWS + r] = t939
        S[D_YQ * ROWS + r] = t929
        S[D_YO * ROWS + r] = t672
        S[D_YB * ROWS + r] = t753
        S[D_C * ROWS + r] = t1357
        S[D_QQ * ROWS + r] = t921
        S[D_QO * ROWS + r] = t651
        S[D_QB * ROWS + r] = t737
        S[D_OQ * ROWS + r] = 0.0
        S[D_OO * ROWS + r] = t1208
        S[D_OB * ROWS + r] = t629
        S[D_BQ * ROWS + r] = 0.0
        S[D_BO * ROWS + r] = 0.0
        S[D_BB * ROWS + r] = t1191
        S[D_PP * ROWS + r] = t1225


# Sums over rows are taken over pieces of so many blocks first.
BLOCKS = 4


# The functions below take whole arrays and where in them a row is: a view of a row would cost more than its numbers.


@jit(any_order=True)
def inner_products_x(x, i, p_in, part):
    """`⟨x, x⟩` and `⟨x, p_in⟩`."""
    xx = 0.0
    xp = 0.0
    for j in range(x.shape[1]):
        a = np.float64(x[i, j])
        xx += a * a
        xp += a * np.float64(p_in[part, j])
    return xx, xp


@jit(any_order=True)
def inner_products(u, v, i, fixed, part):
    """`⟨u, v⟩`, and those of `u` with the three fixed vectors."""
    uv = 0.0
    uq = 0.0
    uo = 0.0
    ub = 0.0
    for j in range(u.shape[2]):
        a = np.float64(u[i, part, j])
        uv += a * np.float64(v[i, part, j])
        uq += a * np.float64(fixed[part, 0, j])
        uo += a * np.float64(fixed[part, 1, j])
        ub += a * np.float64(fixed[part, 2, j])
    return uv, uq, uo, ub


@jit(any_order=True)
def combine(y, i, fixed, part, of_y, of_q, of_o, of_b):
    """`of_y·y + of_q·q + of_o·o + of_b·b`, in the place of `y`."""
    for j in range(y.shape[2]):
        fixed_part = of_q * fixed[part, 0, j] + of_o * fixed[part, 1, j] + of_b * fixed[part, 2, j]
        y[i, part, j] = of_y * y[i, part, j] + fixed_part


@jit(any_order=True)
def combine_gradient(g, v, i, fixed, part, of_g, of_v, of_q, of_o, of_b, dy):
    """The gradient of `y` as a combination of `g`, `v` and the fixed vectors."""
    for j in range(g.shape[2]):
        fixed_part = of_q * fixed[part, 0, j] + of_o * fixed[part, 1, j] + of_b * fixed[part, 2, j]
        dy[i, part, j] = of_g * g[i, part, j] + of_v * v[i, part, j] + fixed_part


@jit(any_order=True)
def accumulate_g(g, i, part, a, b, c, sums, piece):
    """Add three multiples of a row of `g` to three sums."""
    for j in range(g.shape[2]):
        sums[piece, part, 0, j] += a * g[i, part, j]
        sums[piece, part, 1, j] += b * g[i, part, j]
        sums[piece, part, 2, j] += c * g[i, part, j]


@jit(any_order=True)
def write_dx(x, i, p_in, part, a, b, dx):
    """`a·x + b·p_in`, added to what the parts before it have."""
    if part == 0:
        for j in range(x.shape[1]):
            dx[i, j] = a * x[i, j] + b * p_in[part, j]
    else:
        for j in range(x.shape[1]):
            dx[i, j] += a * x[i, j] + b * p_in[part, j]


@jit
def forward_block(block, x, p_in, fixed, numbers, y, kept):
    """The results of one block of rows, in the place of `y`; `kept` are the inputs of the program."""
    first, parts = block * ROWS, len(numbers)
    rows = min(ROWS, len(x) - first)
    number = y.dtype.type
    S = np.zeros((parts, SLOTS * ROWS))
    for r in range(rows):
        for part in range(parts):
            xx, xp = inner_products_x(x, first + r, p_in, part)
            yy, yq, yo, yb = inner_products(y, y, first + r, fixed, part)
            S[part, XX * ROWS + r] = xx
            S[part, XP * ROWS + r] = xp
            S[part, YY * ROWS + r] = yy
            S[part, YQ * ROWS + r] = yq
            S[part, YO * ROWS + r] = yo
            S[part, YB * ROWS + r] = yb
    for part in range(parts):
        for r in range(rows):
            for i in range(OF_Y):
                kept[first + r, part, i] = S[part, i * ROWS + r]
        forward_scalars(S[part], numbers[part])
    for r in range(rows):
        for part in range(parts):
            of_y, of_q = number(S[part, OF_Y * ROWS + r]), number(S[part, OF_Q * ROWS + r])
            of_o, of_b = number(S[part, OF_O * ROWS + r]), number(S[part, OF_B * ROWS + r])
            combine(y, first + r, fixed, part, of_y, of_q, of_o, of_b)


@jit
def backward_block(block, piece, g, x, p_in, fixed, numbers, v, v_is_y, kept, dx, dy, along_x, along_g, of_numbers):
    """The gradients of one block of rows; sums over rows are added to those of its piece.

    Those of the inner products of `x` with `p_in` and of `y` with `q`, `o` and `b` are written to `along_x`.
    """
    first, parts = block * ROWS, len(numbers)
    rows = min(ROWS, len(x) - first)
    number = g.dtype.type
    S = np.zeros((parts, SLOTS * ROWS))
    for part in range(parts):
        for r in range(rows):
            for i in range(OF_Y):
                S[part, i * ROWS + r] = kept[first + r, part, i]
        forward_scalars(S[part], numbers[part])
    for r in range(rows):
        for part in range(parts):
            along_v, along_q, along_o, along_b = inner_products(g, v, first + r, fixed, part)
            if not v_is_y:
                of_q, of_o, of_b = S[part, OF_Q * ROWS + r], S[part, OF_O * ROWS + r], S[part, OF_B * ROWS + r]
                along_v -= of_q * along_q + of_o * along_o + of_b * along_b
                along_v /= S[part, OF_Y * ROWS + r]
            S[part, G_OF_Y * ROWS + r] = along_v
            S[part, G_OF_Q * ROWS + r] = along_q
            S[part, G_OF_O * ROWS + r] = along_o
            S[part, G_OF_B * ROWS + r] = along_b
    for part in range(parts):
        backward_scalars(S[part], numbers[part])
        for i in range(SLOTS - D_C):
            total = 0.0
            for r in range(rows):
                total += S[part, (D_C + i) * ROWS + r]
            of_numbers[piece, part, i] += total
    for r in range(rows):
        i = first + r
        for part in range(parts):
            of_y, of_q = S[part, OF_Y * ROWS + r], S[part, OF_Q * ROWS + r]
            of_o, of_b = S[part, OF_O * ROWS + r], S[part, OF_B * ROWS + r]
            by_xp, by_yq = S[part, D_XP * ROWS + r], S[part, D_YQ * ROWS + r]
            by_yo, by_yb = S[part, D_YO * ROWS + r], S[part, D_YB * ROWS + r]
            of_v, dy_q, dy_o, dy_b = 2.0 * S[part, D_YY * ROWS + r], by_yq, by_yo, by_yb
            if not v_is_y:
                of_v /= of_y
                dy_q -= of_v * of_q
                dy_o -= of_v * of_o
                dy_b -= of_v * of_b
            of_fixed = number(dy_q), number(dy_o), number(dy_b)
            combine_gradient(g, v, i, fixed, part, number(of_y), number(of_v), *of_fixed, dy)
            accumulate_g(g, i, part, number(of_q), number(of_o), number(of_b), along_g, piece)
            along_x[i, part, 0], along_x[i, part, 1] = by_xp, by_yq
            along_x[i, part, 2], along_x[i, part, 3] = by_yo, by_yb
            write_dx(x, i, p_in, part, number(2.0 * S[part, D_XX * ROWS + r]), number(by_xp), dx)


@jit
def backward_piece(piece, g, x, p_in, fixed, numbers, v, v_is_y, kept, dx, dy, along_x, along_g, of_numbers):
    """The gradients of one piece of rows, with its sums."""
    along_g[piece] = 0.0
    of_numbers[piece] = 0.0
    for block in range(piece * BLOCKS, min((piece + 1) * BLOCKS, (len(x) + ROWS - 1) // ROWS)):
        backward_block(block, piece, g, x, p_in, fixed, numbers, v, v_is_y, kept, dx, dy, along_x, along_g, of_numbers)


@jit
def forward(first, last, x, p_in, fixed, numbers, y, kept):
    """The results for `x`, `[R, D]`, and `y`, `[R, P, E]`, in the place of `y`, in some of the blocks."""
    for block in range(first, last):
        forward_block(block, x, p_in, fixed, numbers, y, kept)


@jit
def backward(first, last, g, x, p_in, fixed, numbers, v, v_is_y, kept, dx, dy, along_x, along_g, of_numbers):
    """The gradients of `x` but for the product with `dy`, of `y`, and sums for each piece of rows, in some pieces."""
    for piece in range(first, last):
        backward_piece(piece, g, x, p_in, fixed, numbers, v, v_is_y, kept, dx, dy, along_x, along_g, of_numbers)
