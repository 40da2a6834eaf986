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
    t92 = c * pp
    t93 = n_given <= t92
    t97 = where(t93, n_given, 1.0) * (1.0 / where(t93, t92, 1.0))
    t98 = sqrt(t97)
    t100 = 1.0 - where(t93, n_given, t92)
    t102 = pp * (t98 * t98)
    t103 = c * oo
    t104 = n_given <= t103
    t108 = where(t104, n_given, 1.0) * (1.0 / where(t104, t103, 1.0))
    t109 = sqrt(t108)
    t111 = 1.0 - where(t104, n_given, t103)
    t113 = oo * (t109 * t109)
    t114 = c * bb
    t115 = z2_edge <= t114
    t116 = r2_edge <= bb
    t121 = where(t115, z2_max, 1.0) * where(t116, r2_max, 1.0)
    t122 = where(t115, t114, 1.0) * where(t116, bb, 1.0)
    t125 = sqrt((t121 * (1.0 / t122)))
    t128 = c * (bb * (t125 * t125))
    t129 = t128 < 0.015625
    t131 = sqrt(where(t129, 1.0, t128))
    t132 = where(t129, t128, 0.0)
    t134 = 0.003592128036572481 + ((-0.0014558343870513183) * t132)
    t137 = t132 * ((-0.008863235529902197) + (t132 * t134))
    t140 = (-0.05396825396825397) + (t132 * (0.021869488536155203 + t137))
    t143 = t132 * (0.13333333333333333 + (t132 * t140))
    t146 = 1.0 + (t132 * ((-0.3333333333333333) + t143))
    t148 = exp(((-2.0) * t131))
    t151 = 1.0 / (1.0 + t148)
    t155 = where(t129, t146, (((1.0 - t148) * t151) * (1.0 / t131)))
    t156 = t125 * t155
    t166 = where(t129, (1.0 - (t128 * (t146 * t146))), ((4.0 * t148) * (t151 * t151)))
    t329 = bb * (t156 * t156)
    t375 = t109 * 2.0
    for r in range(ROWS):
        xx = S[XX * ROWS + r]
        xp = S[XP * ROWS + r]
        yy = S[YY * ROWS + r]
        yq = S[YQ * ROWS + r]
        yo = S[YO * ROWS + r]
        yb = S[YB * ROWS + r]
        t28 = xx * c
        t29 = z2_edge <= t28
        t30 = r2_edge <= xx
        t35 = where(t29, z2_max, 1.0) * where(t30, r2_max, 1.0)
        t36 = where(t29, t28, 1.0) * where(t30, xx, 1.0)
        t39 = sqrt((t35 * (1.0 / t36)))
        t42 = c * (xx * (t39 * t39))
        t44 = t42 < 0.015625
        t46 = sqrt(where(t44, 1.0, t42))
        t48 = where(t44, t42, 0.0)
        t52 = (t48 * (-0.0014558343870513183)) + 0.003592128036572481
        t56 = t48 * ((t48 * t52) + (-0.008863235529902197))
        t61 = (t48 * (t56 + 0.021869488536155203)) + (-0.05396825396825397)
        t65 = t48 * ((t48 * t61) + 0.13333333333333333)
        t69 = 1.0 + (t48 * (t65 + (-0.3333333333333333)))
        t72 = exp((t46 * (-2.0)))
        t75 = 1.0 / (1.0 + t72)
        t79 = where(t44, t69, (((1.0 - t72) * t75) * (1.0 / t46)))
        t80 = t39 * t79
        t91 = where(t44, (1.0 - (t42 * (t69 * t69))), ((t72 * 4.0) * (t75 * t75)))
        t177 = (xx * (t80 * t80)) - (xp * (t98 * (t80 * 2.0)))
        t179 = t102 + t177
        t180 = c * t179
        t181 = t91 * t100
        t184 = 1.0 / (t180 + t181)
        t191 = t181 * t184
        t194 = (c * (t179 * t184)) * (1.0 / t191)
        t195 = t194 < 0.015625
        t197 = sqrt(where(t195, 1.0, t194))
        t198 = where(t195, t194, 0.0)
        t202 = (t198 * (-0.01396484375)) + 0.017352764423076924
        t206 = t198 * ((t198 * t202) + (-0.022372159090909092))
        t211 = (t198 * (t206 + 0.030381944444444444)) + (-0.044642857142857144)
        t217 = (t198 * ((t198 * t211) + 0.075)) + (-0.16666666666666666)
        t224 = log((t197 + sqrt((1.0 + (t197 * t197)))))
        t227 = where(t195, (1.0 + (t198 * t217)), (t224 * (1.0 / t197)))
        t230 = t227 * (1.0 / sqrt(t191))
        t231 = (t80 * (t100 * t184)) * t230
        t232 = (t98 * ((t100 + t180) * t184)) * t230
        t243 = (yy * (t231 * t231)) - (yq * (t232 * (2.0 * t231)))
        t247 = t243 + (qq * (t232 * t232))
        t248 = c * t247
        t249 = z2_edge <= t248
        t250 = r2_edge <= t247
        t255 = where(t249, z2_max, 1.0) * where(t250, r2_max, 1.0)
        t256 = where(t249, t248, 1.0) * where(t250, t247, 1.0)
        t259 = sqrt((t255 * (1.0 / t256)))
        t265 = c * (t247 * (t259 * t259))
        t266 = t265 < 0.015625
        t268 = sqrt(where(t266, 1.0, t265))
        t269 = where(t266, t265, 0.0)
        t271 = 0.003592128036572481 + ((-0.0014558343870513183) * t269)
        t274 = t269 * ((-0.008863235529902197) + (t269 * t271))
        t277 = (-0.05396825396825397) + (t269 * (0.021869488536155203 + t274))
        t280 = t269 * (0.13333333333333333 + (t269 * t277))
        t283 = 1.0 + (t269 * ((-0.3333333333333333) + t280))
        t285 = exp(((-2.0) * t268))
        t288 = 1.0 / (1.0 + t285)
        t292 = where(t266, t283, (((1.0 - t285) * t288) * (1.0 / t268)))
        t293 = (t231 * t259) * t292
        t294 = (t232 * t259) * t292
        t305 = where(t266, (1.0 - (t265 * (t283 * t283))), ((4.0 * t285) * (t288 * t288)))
        t308 = 2.0 * t293
        t313 = (yy * (t293 * t293)) - (yq * (t294 * t308))
        t320 = (t313 + (yb * (t156 * t308))) + (qq * (t294 * t294))
        t330 = (t320 - (qb * (t156 * (2.0 * t294)))) + t329
        t331 = c * t330
        t332 = t166 * t305
        t335 = 1.0 / (t331 + t332)
        t336 = (t305 + t331) * t335
        t337 = t293 * t336
        t338 = t294 * t336
        t341 = t156 * (t305 * t335)
        t346 = 2.0 * t337
        t351 = (yy * (t337 * t337)) - (yq * (t338 * t346))
        t357 = (t351 + (yo * (t109 * t346))) + (yb * (t341 * t346))
        t362 = 2.0 * t338
        t368 = (t357 + (qq * (t338 * t338))) - (qo * (t109 * t362))
        t378 = (t113 + (t368 - (qb * (t341 * t362)))) + (ob * (t341 * t375))
        t381 = t378 + (bb * (t341 * t341))
        t382 = c * t381
        t383 = t111 * (t332 * t335)
        t386 = 1.0 / (t382 + t383)
        t389 = t111 * t386
        t394 = t381 * t386
        t395 = t383 * t386
        t396 = c * t394
        t399 = (n_edge < t396) | (t395 < u_edge)
        t400 = r2_edge <= t394
        t405 = where(t399, n_max, 1.0) * where(t400, r2_max, 1.0)
        t406 = where(t399, t396, 1.0) * where(t400, t394, 1.0)
        t409 = sqrt((t405 * (1.0 / t406)))
        t412 = where(t399, u_max, where((u_min < t395), t395, u_min))
        t422 = (c * (t394 * (t409 * t409))) * (1.0 / t412)
        t423 = t422 < 0.015625
        t425 = sqrt(where(t423, 1.0, t422))
        t426 = where(t423, t422, 0.0)
        t428 = 0.017352764423076924 + ((-0.01396484375) * t426)
        t431 = t426 * ((-0.022372159090909092) + (t426 * t428))
        t434 = (-0.044642857142857144) + (t426 * (0.030381944444444444 + t431))
        t438 = (-0.16666666666666666) + (t426 * (0.075 + (t426 * t434)))
        t445 = log((t425 + sqrt((1.0 + (t425 * t425)))))
        t448 = where(t423, (1.0 + (t426 * t438)), (t445 * (1.0 / t425)))
        t451 = t448 * (1.0 / sqrt(t412))
        t452 = ((t337 * t389) * t409) * t451
        t454 = -(((t338 * t389) * t409) * t451)
        t455 = ((t109 * ((t111 + t382) * t386)) * t409) * t451
        t456 = ((t341 * t389) * t409) * t451
        S[OF_Y * ROWS + r] = t452
        S[OF_Q * ROWS + r] = t454
        S[OF_O * ROWS + r] = t455
        S[OF_B * ROWS + r] = t456


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
    t96 = c * pp
    t97 = n_given <= t96
    t100 = 1.0 / where(t97, t96, 1.0)
    t101 = where(t97, n_given, 1.0) * t100
    t102 = sqrt(t101)
    t104 = 1.0 - where(t97, n_given, t96)
    t105 = t102 * t102
    t106 = pp * t105
    t107 = c * oo
    t108 = n_given <= t107
    t111 = 1.0 / where(t108, t107, 1.0)
    t112 = where(t108, n_given, 1.0) * t111
    t113 = sqrt(t112)
    t115 = 1.0 - where(t108, n_given, t107)
    t116 = t113 * t113
    t117 = oo * t116
    t118 = c * bb
    t119 = z2_edge <= t118
    t120 = r2_edge <= bb
    t122 = where(t119, t118, 1.0)
    t124 = where(t120, bb, 1.0)
    t125 = where(t119, z2_max, 1.0) * where(t120, r2_max, 1.0)
    t127 = 1.0 / (t122 * t124)
    t128 = t125 * t127
    t129 = sqrt(t128)
    t130 = t129 * t129
    t131 = bb * t130
    t132 = c * t131
    t133 = t132 < 0.015625
    t135 = sqrt(where(t133, 1.0, t132))
    t136 = where(t133, t132, 0.0)
    t138 = 0.003592128036572481 + ((-0.0014558343870513183) * t136)
    t140 = (-0.008863235529902197) + (t136 * t138)
    t142 = 0.021869488536155203 + (t136 * t140)
    t144 = (-0.05396825396825397) + (t136 * t142)
    t146 = 0.13333333333333333 + (t136 * t144)
    t148 = (-0.3333333333333333) + (t136 * t146)
    t150 = 1.0 + (t136 * t148)
    t152 = exp(((-2.0) * t135))
    t154 = 1.0 + t152
    t155 = 1.0 / t154
    t156 = (1.0 - t152) * t155
    t157 = 1.0 / t135
    t158 = t156 * t157
    t159 = where(t133, t150, t158)
    t160 = t129 * t159
    t163 = t150 * t150
    t168 = t155 * t155
    t169 = (4.0 * t152) * t168
    t170 = where(t133, (1.0 - (t132 * t163)), t169)
    t332 = t160 * t160
    t333 = bb * t332
    t379 = t113 * 2.0
    t1034 = t168 * t169
    t1039 = t154 * 2.0
    t1049 = t150 * 2.0
    t1089 = t157 * 0.5
    t1097 = t157 * t158
    t1103 = 1.0 - (t156 * t156)
    t1135 = t129 * 2.0
    t1139 = 0.5 * (1.0 / t129)
    t1141 = t127 * t128
    t1160 = 0.5 * (1.0 / t113)
    t1162 = t111 * t112
    t1176 = 0.5 * (1.0 / t102)
    t1179 = t100 * t101
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
        t34 = r2_edge <= xx
        t36 = where(t33, t32, 1.0)
        t38 = where(t34, xx, 1.0)
        t39 = where(t33, z2_max, 1.0) * where(t34, r2_max, 1.0)
        t41 = 1.0 / (t36 * t38)
        t42 = t39 * t41
        t43 = sqrt(t42)
        t44 = t43 * t43
        t45 = xx * t44
        t46 = c * t45
        t48 = t46 < 0.015625
        t50 = sqrt(where(t48, 1.0, t46))
        t52 = where(t48, t46, 0.0)
        t56 = (t52 * (-0.0014558343870513183)) + 0.003592128036572481
        t59 = (t52 * t56) + (-0.008863235529902197)
        t62 = (t52 * t59) + 0.021869488536155203
        t65 = (t52 * t62) + (-0.05396825396825397)
        t68 = (t52 * t65) + 0.13333333333333333
        t71 = (t52 * t68) + (-0.3333333333333333)
        t73 = 1.0 + (t52 * t71)
        t76 = exp((t50 * (-2.0)))
        t78 = 1.0 + t76
        t79 = 1.0 / t78
        t80 = (1.0 - t76) * t79
        t81 = 1.0 / t50
        t82 = t80 * t81
        t83 = where(t48, t73, t82)
        t84 = t43 * t83
        t87 = t73 * t73
        t93 = t79 * t79
        t94 = (t76 * 4.0) * t93
        t95 = where(t48, (1.0 - (t46 * t87)), t94)
        t173 = t84 * t84
        t176 = t84 * 2.0
        t177 = t102 * t176
        t183 = t106 + ((xx * t173) - (xp * t177))
        t184 = c * t183
        t185 = t95 * t104
        t188 = 1.0 / (t184 + t185)
        t189 = (t104 + t184) * t188
        t190 = t102 * t189
        t192 = t104 * t188
        t193 = t84 * t192
        t194 = t183 * t188
        t195 = t185 * t188
        t197 = 1.0 / t195
        t198 = (c * t194) * t197
        t199 = t198 < 0.015625
        t201 = sqrt(where(t199, 1.0, t198))
        t202 = where(t199, t198, 0.0)
        t206 = (t202 * (-0.01396484375)) + 0.017352764423076924
        t209 = (t202 * t206) + (-0.022372159090909092)
        t212 = (t202 * t209) + 0.030381944444444444
        t215 = (t202 * t212) + (-0.044642857142857144)
        t218 = (t202 * t215) + 0.075
        t221 = (t202 * t218) + (-0.16666666666666666)
        t226 = sqrt((1.0 + (t201 * t201)))
        t229 = 1.0 / t201
        t230 = log((t201 + t226)) * t229
        t231 = where(t199, (1.0 + (t202 * t221)), t230)
        t233 = 1.0 / sqrt(t195)
        t234 = t231 * t233
        t235 = t193 * t234
        t236 = t190 * t234
        t240 = t235 * t235
        t242 = 2.0 * t235
        t243 = t236 * t242
        t248 = t236 * t236
        t251 = ((yy * t240) - (yq * t243)) + (qq * t248)
        t252 = c * t251
        t253 = z2_edge <= t252
        t254 = r2_edge <= t251
        t256 = where(t253, t252, 1.0)
        t258 = where(t254, t251, 1.0)
        t259 = where(t253, z2_max, 1.0) * where(t254, r2_max, 1.0)
        t261 = 1.0 / (t256 * t258)
        t262 = t259 * t261
        t263 = sqrt(t262)
        t264 = t235 * t263
        t265 = t236 * t263
        t267 = t263 * t263
        t268 = t251 * t267
        t269 = c * t268
        t270 = t269 < 0.015625
        t272 = sqrt(where(t270, 1.0, t269))
        t273 = where(t270, t269, 0.0)
        t275 = 0.003592128036572481 + ((-0.0014558343870513183) * t273)
        t277 = (-0.008863235529902197) + (t273 * t275)
        t279 = 0.021869488536155203 + (t273 * t277)
        t281 = (-0.05396825396825397) + (t273 * t279)
        t283 = 0.13333333333333333 + (t273 * t281)
        t285 = (-0.3333333333333333) + (t273 * t283)
        t287 = 1.0 + (t273 * t285)
        t289 = exp(((-2.0) * t272))
        t291 = 1.0 + t289
        t292 = 1.0 / t291
        t293 = (1.0 - t289) * t292
        t294 = 1.0 / t272
        t295 = t293 * t294
        t296 = where(t270, t287, t295)
        t297 = t264 * t296
        t298 = t265 * t296
        t302 = t287 * t287
        t307 = t292 * t292
        t308 = (4.0 * t289) * t307
        t309 = where(t270, (1.0 - (t269 * t302)), t308)
        t310 = t297 * t297
        t312 = 2.0 * t297
        t313 = t298 * t312
        t318 = t160 * t312
        t320 = ((yy * t310) - (yq * t313)) + (yb * t318)
        t321 = t298 * t298
        t325 = 2.0 * t298
        t327 = t160 * t325
        t334 = ((t320 + (qq * t321)) - (qb * t327)) + t333
        t335 = c * t334
        t336 = t170 * t309
        t339 = 1.0 / (t335 + t336)
        t340 = (t309 + t335) * t339
        t341 = t297 * t340
        t342 = t298 * t340
        t344 = t309 * t339
        t345 = t160 * t344
        t347 = t336 * t339
        t348 = t341 * t341
        t350 = 2.0 * t341
        t351 = t342 * t350
        t356 = t113 * t350
        t358 = ((yy * t348) - (yq * t351)) + (yo * t356)
        t359 = t345 * t350
        t362 = t342 * t342
        t366 = 2.0 * t342
        t368 = t113 * t366
        t372 = ((t358 + (yb * t359)) + (qq * t362)) - (qo * t368)
        t373 = t345 * t366
        t380 = t345 * t379
        t382 = (t117 + (t372 - (qb * t373))) + (ob * t380)
        t383 = t345 * t345
        t385 = t382 + (bb * t383)
        t386 = c * t385
        t387 = t115 * t347
        t390 = 1.0 / (t386 + t387)
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
        t406 = where(t403, t400, 1.0)
        t408 = where(t404, t398, 1.0)
        t409 = where(t403, n_max, 1.0) * where(t404, r2_max, 1.0)
        t411 = 1.0 / (t406 * t408)
        t412 = t409 * t411
        t413 = sqrt(t412)
        t414 = u_min < t399
        t416 = where(t403, u_max, where(t414, t399, u_min))
        t417 = t394 * t413
        t418 = t395 * t413
        t420 = t392 * t413
        t421 = t397 * t413
        t422 = t413 * t413
        t423 = t398 * t422
        t425 = 1.0 / t416
        t426 = (c * t423) * t425
        t427 = t426 < 0.015625
        t429 = sqrt(where(t427, 1.0, t426))
        t430 = where(t427, t426, 0.0)
        t432 = 0.017352764423076924 + ((-0.01396484375) * t430)
        t434 = (-0.022372159090909092) + (t430 * t432)
        t436 = 0.030381944444444444 + (t430 * t434)
        t438 = (-0.044642857142857144) + (t430 * t436)
        t440 = 0.075 + (t430 * t438)
        t442 = (-0.16666666666666666) + (t430 * t440)
        t447 = sqrt((1.0 + (t429 * t429)))
        t450 = 1.0 / t429
        t451 = log((t429 + t447)) * t450
        t452 = where(t427, (1.0 + (t430 * t442)), t451)
        t454 = 1.0 / sqrt(t416)
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
        t481 = (t454 * (t454 * t454)) * ((t452 * t474) * (-0.5))
        t482 = where(t427, 0.0, t476)
        t483 = where(t427, t476, 0.0)
        t491 = ((t450 * t482) * (1.0 / t447)) - (t482 * (t450 * t451))
        t493 = t430 * t483
        t495 = t430 * t493
        t498 = t430 * t495
        t499 = ((t442 * t483) + (t440 * t493)) + (t438 * t495)
        t501 = t430 * t498
        t504 = t430 * t501
        t508 = ((t499 + (t436 * t498)) + (t434 * t501)) + (t432 * t504)
        t510 = t508 + ((-0.01396484375) * (t430 * t504))
        t517 = where(t427, t510, 0.0) + where(t427, 0.0, (t491 * (t450 * 0.5)))
        t522 = t425 * t517
        t524 = c * t522
        t531 = t413 * t464
        t532 = ((t398 * t524) * (2.0 * t413)) + (t397 * t464)
        t534 = t413 * t466
        t538 = t413 * t470
        t541 = t413 * t473
        t542 = ((t532 + (t392 * t466)) - (t395 * t470)) + (t394 * t473)
        t543 = where(t403, 0.0, (t481 - (t517 * (t425 * t426))))
        t544 = where(t414, t543, 0.0)
        t550 = (t542 * (0.5 * (1.0 / t413))) * (t411 * t412)
        t557 = (t422 * t524) + where(t404, (-(t406 * t550)), 0.0)
        t558 = where(t403, (-(t408 * t550)), 0.0)
        t562 = t557 + (c * t558)
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
        t621 = t113 * (oo * t606)
        t622 = ((t391 * t534) + (2.0 * (t345 * t613))) + t621
        t626 = qb * t606
        t634 = -(t368 * t606)
        t635 = qo * t606
        t641 = ((t393 * t538) + (2.0 * (t345 * t626))) + (2.0 * (t113 * t635))
        t644 = t342 * (qq * t606)
        t649 = yb * t606
        t652 = (t616 - (t366 * t626)) + (t350 * t649)
        t655 = t356 * t606
        t656 = yo * t606
        t659 = ((t621 + t622) - (t366 * t635)) + (t350 * t656)
        t661 = ((t393 * t541) + (2.0 * (t345 * t649))) + (2.0 * (t113 * t656))
        t664 = yq * t606
        t668 = ((t641 - t644) - t644) + (t350 * t664)
        t674 = t341 * (yy * t606)
        t676 = t674 + ((t661 - (2.0 * (t342 * t664))) + t674)
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
        t730 = t298 * (qq * t708)
        t732 = ((t340 * t668) + (2.0 * (t160 * t719))) - t730
        t735 = yb * t708
        t736 = (t359 * t606) + (t318 * t708)
        t739 = t724 + (t312 * t735)
        t744 = yq * t708
        t749 = (t732 - t730) + (t312 * t744)
        t752 = ((t340 * t676) + (2.0 * (t160 * t735))) - (2.0 * (t298 * t744))
        t756 = t297 * (yy * t708)
        t758 = t756 + (t752 + t756)
        t759 = where(t270, 0.0, t707)
        t760 = where(t270, t707, 0.0)
        t770 = (4.0 * (t307 * t759)) - ((t759 * (t307 * t308)) * (2.0 * t291))
        t777 = (t269 * t760) * (2.0 * t287)
        t781 = t273 * t777
        t785 = t273 * t781
        t790 = t273 * t785
        t792 = ((-(t285 * t777)) - (t283 * t781)) - (t281 * t785)
        t795 = t273 * t790
        t800 = t273 * t795
        t807 = ((t792 - (t279 * t790)) - (t277 * t795)) - (t275 * t800)
        t808 = (-0.0014558343870513183) * (t273 * t800)
        t812 = where(t270, (t807 - t808), 0.0) - (t302 * t760)
        t816 = t294 * 0.5
        t818 = where(t270, 0.0, (((-2.0) * (t289 * t770)) * t816))
        t822 = t296 * t749
        t824 = t296 * t758
        t825 = (t264 * t758) - (t265 * t749)
        t826 = where(t270, 0.0, t825)
        t827 = where(t270, t825, 0.0)
        t836 = ((t294 * t826) * (1.0 - (t293 * t293))) - (t826 * (t294 * t295))
        t838 = t273 * t827
        t840 = t273 * t838
        t843 = t273 * t840
        t844 = ((t285 * t827) + (t283 * t838)) + (t281 * t840)
        t846 = t273 * t843
        t849 = t273 * t846
        t853 = ((t844 + (t279 * t843)) + (t277 * t846)) + (t275 * t849)
        t854 = (-0.0014558343870513183) * (t273 * t849)
        t857 = (t812 + t818) + where(t270, (t853 + t854), 0.0)
        t860 = t857 + where(t270, 0.0, (t816 * t836))
        t861 = c * t860
        t871 = ((t251 * t861) * (2.0 * t263)) - (t236 * t822)
        t877 = (t871 + (t235 * t824)) * (0.5 * (1.0 / t263))
        t880 = t877 * (t261 * t262)
        t887 = (t267 * t861) + where(t254, (-(t256 * t880)), 0.0)
        t888 = where(t253, (-(t258 * t880)), 0.0)
        t891 = ((t605 + (t334 * t704)) + (t268 * t860)) + (t251 * t888)
        t892 = t887 + (c * t888)
        t895 = ((t362 * t606) + (t321 * t708)) + (t248 * t892)
        t896 = t236 * (qq * t892)
        t902 = yq * t892
        t903 = ((-(t351 * t606)) - (t313 * t708)) - (t243 * t892)
        t907 = (((t263 * t822) - t896) - t896) + (t242 * t902)
        t913 = ((t348 * t606) + (t310 * t708)) + (t240 * t892)
        t914 = t235 * (yy * t892)
        t915 = ((t263 * t824) - (2.0 * (t236 * t902))) + t914
        t916 = t914 + t915
        t919 = t234 * t907
        t921 = t234 * t916
        t922 = (t193 * t916) - (t190 * t907)
        t924 = t233 * t922
        t928 = (t233 * (t233 * t233)) * ((-0.5) * (t231 * t922))
        t929 = where(t199, 0.0, t924)
        t930 = where(t199, t924, 0.0)
        t938 = ((t229 * t929) * (1.0 / t226)) - (t929 * (t229 * t230))
        t940 = t202 * t930
        t942 = t202 * t940
        t945 = t202 * t942
        t946 = ((t221 * t930) + (t218 * t940)) + (t215 * t942)
        t948 = t202 * t945
        t951 = t202 * t948
        t955 = ((t946 + (t212 * t945)) + (t209 * t948)) + (t206 * t951)
        t957 = t955 + ((-0.01396484375) * (t202 * t951))
        t963 = where(t199, t957, 0.0) + where(t199, 0.0, (t938 * (t229 * 0.5)))
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
        t1028 = t84 * (xx * t1009)
        t1029 = ((t192 * t921) - (2.0 * (t102 * t1018))) + t1028
        t1030 = t1028 + t1029
        t1032 = where(t133, 0.0, t705)
        t1033 = where(t133, t705, 0.0)
        t1043 = (4.0 * (t168 * t1032)) - ((t1032 * t1034) * t1039)
        t1050 = (t132 * t1033) * t1049
        t1054 = t136 * t1050
        t1058 = t136 * t1054
        t1063 = t136 * t1058
        t1065 = ((-(t148 * t1050)) - (t146 * t1054)) - (t144 * t1058)
        t1068 = t136 * t1063
        t1073 = t136 * t1068
        t1075 = (t1065 - (t142 * t1063)) - (t140 * t1068)
        t1081 = (-0.0014558343870513183) * (t136 * t1073)
        t1084 = where(t133, ((t1075 - (t138 * t1073)) - t1081), 0.0)
        t1091 = where(t133, 0.0, (((-2.0) * (t152 * t1043)) * t1089))
        t1093 = t129 * t739
        t1095 = where(t133, 0.0, t1093)
        t1096 = where(t133, t1093, 0.0)
        t1105 = ((t157 * t1095) * t1103) - (t1095 * t1097)
        t1107 = t136 * t1096
        t1109 = t136 * t1107
        t1112 = t136 * t1109
        t1113 = ((t148 * t1096) + (t146 * t1107)) + (t144 * t1109)
        t1115 = t136 * t1112
        t1118 = t136 * t1115
        t1119 = (t1113 + (t142 * t1112)) + (t140 * t1115)
        t1123 = (-0.0014558343870513183) * (t136 * t1118)
        t1125 = where(t133, ((t1119 + (t138 * t1118)) + t1123), 0.0)
        t1126 = ((t1084 - (t163 * t1033)) + t1091) + t1125
        t1129 = t1126 + where(t133, 0.0, (t1089 * t1105))
        t1130 = c * t1129
        t1132 = ((t891 + (t194 * t968)) + (t183 * t1002)) + (t131 * t1129)
        t1140 = ((t159 * t739) + ((bb * t1130) * t1135)) * t1139
        t1143 = t1140 * t1141
        t1150 = (t130 * t1130) + where(t120, (-(t122 * t1143)), 0.0)
        t1151 = where(t119, (-(t124 * t1143)), 0.0)
        t1156 = ((t383 * t606) + (t332 * t708)) + (t1150 + (c * t1151))
        t1157 = -(((t390 * t582) + t595) + (t347 * t598))
        t1166 = where(t108, (-((t659 * t1160) * t1162)), 0.0)
        t1167 = where(t108, 0.0, t1157) + t1166
        t1171 = (t116 * t606) + (c * t1167)
        t1172 = -(((t188 * t984) - t997) + (t95 * t1001))
        t1181 = where(t97, ((t1022 * t1176) * t1179), 0.0)
        t1182 = where(t97, 0.0, t1172) + t1181
        t1185 = ((t1132 + (bb * t1151)) + (oo * t1167)) + (pp * t1182)
        t1186 = (t105 * t1009) + (c * t1182)
        t1187 = where(t48, 0.0, t1003)
        t1188 = where(t48, t1003, 0.0)
        t1198 = (4.0 * (t93 * t1187)) - ((t1187 * (t93 * t94)) * (t78 * 2.0))
        t1205 = (t46 * t1188) * (t73 * 2.0)
        t1209 = t52 * t1205
        t1213 = t52 * t1209
        t1218 = t52 * t1213
        t1220 = ((-(t71 * t1205)) - (t68 * t1209)) - (t65 * t1213)
        t1223 = t52 * t1218
        t1228 = t52 * t1223
        t1235 = ((t1220 - (t62 * t1218)) - (t59 * t1223)) - (t56 * t1228)
        t1236 = (-0.0014558343870513183) * (t52 * t1228)
        t1240 = where(t48, (t1235 - t1236), 0.0) - (t87 * t1188)
        t1244 = t81 * 0.5
        t1246 = where(t48, 0.0, (((-2.0) * (t76 * t1198)) * t1244))
        t1248 = t43 * t1030
        t1250 = where(t48, 0.0, t1248)
        t1251 = where(t48, t1248, 0.0)
        t1260 = ((t81 * t1250) * (1.0 - (t80 * t80))) - (t1250 * (t81 * t82))
        t1262 = t52 * t1251
        t1264 = t52 * t1262
        t1267 = t52 * t1264
        t1268 = ((t71 * t1251) + (t68 * t1262)) + (t65 * t1264)
        t1270 = t52 * t1267
        t1273 = t52 * t1270
        t1277 = ((t1268 + (t62 * t1267)) + (t59 * t1270)) + (t56 * t1273)
        t1278 = (-0.0014558343870513183) * (t52 * t1273)
        t1281 = (t1240 + t1246) + where(t48, (t1277 + t1278), 0.0)
        t1284 = t1281 + where(t48, 0.0, (t1244 * t1260))
        t1285 = c * t1284
        t1292 = (t83 * t1030) + ((xx * t1285) * (t43 * 2.0))
        t1298 = (t1292 * (0.5 * (1.0 / t43))) * (t41 * t42)
        t1305 = (t44 * t1285) + where(t34, (-(t36 * t1298)), 0.0)
        t1306 = where(t33, (-(t38 * t1298)), 0.0)
        t1309 = (t1185 + (t45 * t1284)) + (xx * t1306)
        t1311 = (t173 * t1009) + (t1305 + (c * t1306))
        S[OF_Y * ROWS + r] = t456
        S[OF_Q * ROWS + r] = t458
        S[OF_O * ROWS + r] = t459
        S[OF_B * ROWS + r] = t460
        S[D_XX * ROWS + r] = t1311
        S[D_XP * ROWS + r] = t1017
        S[D_YY * ROWS + r] = t913
        S[D_YQ * ROWS + r] = t903
        S[D_YO * ROWS + r] = t655
        S[D_YB * ROWS + r] = t736
        S[D_C * ROWS + r] = t1309
        S[D_QQ * ROWS + r] = t895
        S[D_QO * ROWS + r] = t634
        S[D_QB * ROWS + r] = t720
        S[D_OQ * ROWS + r] = 0.0
        S[D_OO * ROWS + r] = t1171
        S[D_OB * ROWS + r] = t612
        S[D_BQ * ROWS + r] = 0.0
        S[D_BO * ROWS + r] = 0.0
        S[D_BB * ROWS + r] = t1156
        S[D_PP * ROWS + r] = t1186


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


@jit(once=True)
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


@jit(once=True)
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


@jit(once=True)
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
