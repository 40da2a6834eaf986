"""`point_residual`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of a formula of two vectors per row, on a CPU.

Blocks of rows are read once. For each row the inner products of its vectors give an orthogonal basis of their plane:
`e`, the longer of `x` and `y`, and `w = o - k·e` of the other one, `o`. Then the printed program computes the scalars
of all rows of the block, and the result is a combination of `e` and `o`.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp, jit, log, sqrt, where

ROWS = 16
SLOTS = 16
EE = 0
EW = 1
WW = 2
X1 = 3
X2 = 4
Y1 = 5
Y2 = 6
A = 7
B = 8
G_A = 9
G_B = 10
D_EE = 11
D_EW = 12
D_WW = 13
D_C = 14
D_GAMMA = 15


@jit
def forward_scalars(S, numbers):
    """a, b of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    r2_max = numbers[8]
    r2_edge = numbers[9]
    gamma = numbers[10]
    for r in range(ROWS):
        ee = S[EE * ROWS + r]
        ew = S[EW * ROWS + r]
        ww = S[WW * ROWS + r]
        x1 = S[X1 * ROWS + r]
        x2 = S[X2 * ROWS + r]
        y1 = S[Y1 * ROWS + r]
        y2 = S[Y2 * ROWS + r]
        t25 = (ee * (x1 * x1)) + (ew * (x2 * (x1 * 2.0)))
        t28 = t25 + (ww * (x2 * x2))
        t29 = c * t28
        t30 = z2_edge <= t29
        t33 = z2_max * (1.0 / where(t30, t29, z2_max))
        t36 = r2_edge <= t28
        t39 = r2_max * (1.0 / where(t36, t28, r2_max))
        t42 = where(t30, sqrt(t33), 1.0) * where(t36, sqrt(t39), 1.0)
        t47 = c * (t28 * (t42 * t42))
        t49 = t47 < 0.015625
        t51 = sqrt(where(t49, 1.0, t47))
        t53 = where(t49, t47, 0.0)
        t57 = (t53 * (-0.0014558343870513183)) + 0.003592128036572481
        t61 = t53 * ((t53 * t57) + (-0.008863235529902197))
        t66 = (t53 * (t61 + 0.021869488536155203)) + (-0.05396825396825397)
        t70 = t53 * ((t53 * t66) + 0.13333333333333333)
        t74 = 1.0 + (t53 * (t70 + (-0.3333333333333333)))
        t77 = exp((t51 * (-2.0)))
        t79 = 1.0 + t77
        t83 = ((1.0 - t77) * (1.0 / t79)) * (1.0 / t51)
        t84 = where(t49, t74, t83)
        t85 = (x1 * t42) * t84
        t86 = (x2 * t42) * t84
        t97 = where(t49, (1.0 - (t47 * (t74 * t74))), ((t77 * 4.0) * (1.0 / (t79 * t79))))
        t103 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * 2.0)))
        t106 = t103 + (ww * (y2 * y2))
        t107 = c * t106
        t108 = z2_edge <= t107
        t111 = z2_max * (1.0 / where(t108, t107, z2_max))
        t114 = r2_edge <= t106
        t117 = r2_max * (1.0 / where(t114, t106, r2_max))
        t120 = where(t108, sqrt(t111), 1.0) * where(t114, sqrt(t117), 1.0)
        t125 = c * (t106 * (t120 * t120))
        t126 = t125 < 0.015625
        t128 = sqrt(where(t126, 1.0, t125))
        t129 = where(t126, t125, 0.0)
        t131 = 0.003592128036572481 + ((-0.0014558343870513183) * t129)
        t134 = t129 * ((-0.008863235529902197) + (t129 * t131))
        t137 = (-0.05396825396825397) + (t129 * (0.021869488536155203 + t134))
        t140 = t129 * (0.13333333333333333 + (t129 * t137))
        t143 = 1.0 + (t129 * ((-0.3333333333333333) + t140))
        t145 = exp(((-2.0) * t128))
        t147 = 1.0 + t145
        t151 = ((1.0 - t145) * (1.0 / t147)) * (1.0 / t128)
        t152 = where(t126, t143, t151)
        t153 = (y1 * t120) * t152
        t154 = (y2 * t120) * t152
        t164 = where(t126, (1.0 - (t125 * (t143 * t143))), ((4.0 * t145) * (1.0 / (t147 * t147))))
        t170 = t153 - t85
        t171 = t154 - t86
        t177 = (ee * (t170 * t170)) + (ew * (t171 * (2.0 * t170)))
        t180 = t177 + (ww * (t171 * t171))
        t181 = c * t180
        t182 = t97 * t164
        t185 = 1.0 / (t181 + t182)
        t186 = (t97 + t181) * t185
        t191 = t97 * t185
        t196 = t180 * t185
        t197 = t182 * t185
        t200 = (c * t196) * (1.0 / t197)
        t201 = t200 < 0.015625
        t203 = sqrt(where(t201, 1.0, t200))
        t204 = where(t201, t200, 0.0)
        t208 = (t204 * (-0.01396484375)) + 0.017352764423076924
        t212 = t204 * ((t204 * t208) + (-0.022372159090909092))
        t217 = (t204 * (t212 + 0.030381944444444444)) + (-0.044642857142857144)
        t223 = (t204 * ((t204 * t217) + 0.075)) + (-0.16666666666666666)
        t230 = log((t203 + sqrt((1.0 + (t203 * t203)))))
        t233 = where(t201, (1.0 + (t204 * t223)), (t230 * (1.0 / t203)))
        t236 = t233 * (1.0 / sqrt(t197))
        t241 = gamma * (((t153 * t191) - (t85 * t186)) * t236)
        t242 = gamma * (((t154 * t191) - (t86 * t186)) * t236)
        t244 = (t196 * (t236 * t236)) * (gamma * gamma)
        t245 = c * t244
        t247 = 31364.092861833193 <= t245
        t250 = 1.0 / where(t247, t245, 31364.092861833666)
        t253 = where(t247, sqrt((31364.092861833666 * t250)), 1.0)
        t258 = c * (t244 * (t253 * t253))
        t259 = t258 < 0.015625
        t261 = sqrt(where(t259, 1.0, t258))
        t262 = where(t259, t258, 0.0)
        t264 = 0.003592128036572481 + ((-0.0014558343870513183) * t262)
        t267 = t262 * ((-0.008863235529902197) + (t262 * t264))
        t270 = (-0.05396825396825397) + (t262 * (0.021869488536155203 + t267))
        t273 = t262 * (0.13333333333333333 + (t262 * t270))
        t276 = 1.0 + (t262 * ((-0.3333333333333333) + t273))
        t278 = exp(((-2.0) * t261))
        t280 = 1.0 + t278
        t284 = ((1.0 - t278) * (1.0 / t280)) * (1.0 / t261)
        t285 = where(t259, t276, t284)
        t286 = (t241 * t253) * t285
        t287 = (t242 * t253) * t285
        t297 = where(t259, (1.0 - (t258 * (t276 * t276))), ((4.0 * t278) * (1.0 / (t280 * t280))))
        t298 = t85 + t286
        t299 = t86 + t287
        t305 = (ee * (t298 * t298)) + (ew * (t299 * (2.0 * t298)))
        t308 = t305 + (ww * (t299 * t299))
        t309 = c * t308
        t310 = t97 * t297
        t313 = 1.0 / (t309 + t310)
        t314 = (t97 + t309) * t313
        t317 = t97 * t313
        t323 = t310 * t313
        t326 = (c * (t308 * t313)) * (1.0 / t323)
        t327 = t326 < 0.015625
        t329 = sqrt(where(t327, 1.0, t326))
        t330 = where(t327, t326, 0.0)
        t332 = 0.017352764423076924 + ((-0.01396484375) * t330)
        t335 = t330 * ((-0.022372159090909092) + (t330 * t332))
        t338 = (-0.044642857142857144) + (t330 * (0.030381944444444444 + t335))
        t342 = (-0.16666666666666666) + (t330 * (0.075 + (t330 * t338)))
        t349 = log((t329 + sqrt((1.0 + (t329 * t329)))))
        t352 = where(t327, (1.0 + (t330 * t342)), (t349 * (1.0 / t329)))
        t355 = t352 * (1.0 / sqrt(t323))
        t356 = ((t85 * t314) + (t286 * t317)) * t355
        t357 = ((t86 * t314) + (t287 * t317)) * t355
        S[A * ROWS + r] = t356
        S[B * ROWS + r] = t357


@jit
def backward_scalars(S, numbers):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    r2_max = numbers[8]
    r2_edge = numbers[9]
    gamma = numbers[10]
    for r in range(ROWS):
        ee = S[EE * ROWS + r]
        ew = S[EW * ROWS + r]
        ww = S[WW * ROWS + r]
        x1 = S[X1 * ROWS + r]
        x2 = S[X2 * ROWS + r]
        y1 = S[Y1 * ROWS + r]
        y2 = S[Y2 * ROWS + r]
        g_a = S[G_A * ROWS + r]
        g_b = S[G_B * ROWS + r]
        t21 = x1 * x1
        t25 = x2 * (x1 * 2.0)
        t28 = x2 * x2
        t30 = ((ee * t21) + (ew * t25)) + (ww * t28)
        t31 = c * t30
        t32 = z2_edge <= t31
        t34 = 1.0 / where(t32, t31, z2_max)
        t35 = z2_max * t34
        t36 = sqrt(t35)
        t37 = where(t32, t36, 1.0)
        t38 = r2_edge <= t30
        t40 = 1.0 / where(t38, t30, r2_max)
        t41 = r2_max * t40
        t42 = sqrt(t41)
        t43 = where(t38, t42, 1.0)
        t44 = t37 * t43
        t45 = x1 * t44
        t46 = x2 * t44
        t47 = t44 * t44
        t48 = t30 * t47
        t49 = c * t48
        t51 = t49 < 0.015625
        t53 = sqrt(where(t51, 1.0, t49))
        t55 = where(t51, t49, 0.0)
        t59 = (t55 * (-0.0014558343870513183)) + 0.003592128036572481
        t62 = (t55 * t59) + (-0.008863235529902197)
        t65 = (t55 * t62) + 0.021869488536155203
        t68 = (t55 * t65) + (-0.05396825396825397)
        t71 = (t55 * t68) + 0.13333333333333333
        t74 = (t55 * t71) + (-0.3333333333333333)
        t76 = 1.0 + (t55 * t74)
        t79 = exp((t53 * (-2.0)))
        t81 = 1.0 + t79
        t83 = (1.0 - t79) * (1.0 / t81)
        t84 = 1.0 / t53
        t85 = t83 * t84
        t86 = where(t51, t76, t85)
        t87 = t45 * t86
        t88 = t46 * t86
        t91 = t76 * t76
        t97 = 1.0 / (t81 * t81)
        t98 = (t79 * 4.0) * t97
        t99 = where(t51, (1.0 - (t49 * t91)), t98)
        t100 = y1 * y1
        t103 = y2 * (y1 * 2.0)
        t106 = y2 * y2
        t108 = ((ee * t100) + (ew * t103)) + (ww * t106)
        t109 = c * t108
        t110 = z2_edge <= t109
        t112 = 1.0 / where(t110, t109, z2_max)
        t113 = z2_max * t112
        t114 = sqrt(t113)
        t115 = where(t110, t114, 1.0)
        t116 = r2_edge <= t108
        t118 = 1.0 / where(t116, t108, r2_max)
        t119 = r2_max * t118
        t120 = sqrt(t119)
        t121 = where(t116, t120, 1.0)
        t122 = t115 * t121
        t123 = y1 * t122
        t124 = y2 * t122
        t125 = t122 * t122
        t126 = t108 * t125
        t127 = c * t126
        t128 = t127 < 0.015625
        t130 = sqrt(where(t128, 1.0, t127))
        t131 = where(t128, t127, 0.0)
        t133 = 0.003592128036572481 + ((-0.0014558343870513183) * t131)
        t135 = (-0.008863235529902197) + (t131 * t133)
        t137 = 0.021869488536155203 + (t131 * t135)
        t139 = (-0.05396825396825397) + (t131 * t137)
        t141 = 0.13333333333333333 + (t131 * t139)
        t143 = (-0.3333333333333333) + (t131 * t141)
        t145 = 1.0 + (t131 * t143)
        t147 = exp(((-2.0) * t130))
        t149 = 1.0 + t147
        t151 = (1.0 - t147) * (1.0 / t149)
        t152 = 1.0 / t130
        t153 = t151 * t152
        t154 = where(t128, t145, t153)
        t155 = t123 * t154
        t156 = t124 * t154
        t159 = t145 * t145
        t164 = 1.0 / (t149 * t149)
        t165 = (4.0 * t147) * t164
        t166 = where(t128, (1.0 - (t127 * t159)), t165)
        t172 = t155 - t87
        t173 = t156 - t88
        t174 = t172 * t172
        t176 = 2.0 * t172
        t177 = t173 * t176
        t180 = t173 * t173
        t182 = ((ee * t174) + (ew * t177)) + (ww * t180)
        t183 = c * t182
        t184 = t99 * t166
        t187 = 1.0 / (t183 + t184)
        t188 = (t99 + t183) * t187
        t193 = t99 * t187
        t196 = (t155 * t193) - (t87 * t188)
        t197 = (t156 * t193) - (t88 * t188)
        t198 = t182 * t187
        t199 = t184 * t187
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
        t239 = t196 * t238
        t240 = t197 * t238
        t241 = t238 * t238
        t242 = t198 * t241
        t243 = gamma * t239
        t244 = gamma * t240
        t245 = gamma * gamma
        t246 = t242 * t245
        t247 = c * t246
        t249 = 31364.092861833193 <= t247
        t252 = 1.0 / where(t249, t247, 31364.092861833666)
        t254 = sqrt((31364.092861833666 * t252))
        t255 = where(t249, t254, 1.0)
        t256 = t243 * t255
        t257 = t244 * t255
        t258 = t255 * t255
        t259 = t246 * t258
        t260 = c * t259
        t261 = t260 < 0.015625
        t263 = sqrt(where(t261, 1.0, t260))
        t264 = where(t261, t260, 0.0)
        t266 = 0.003592128036572481 + ((-0.0014558343870513183) * t264)
        t268 = (-0.008863235529902197) + (t264 * t266)
        t270 = 0.021869488536155203 + (t264 * t268)
        t272 = (-0.05396825396825397) + (t264 * t270)
        t274 = 0.13333333333333333 + (t264 * t272)
        t276 = (-0.3333333333333333) + (t264 * t274)
        t278 = 1.0 + (t264 * t276)
        t280 = exp(((-2.0) * t263))
        t282 = 1.0 + t280
        t284 = (1.0 - t280) * (1.0 / t282)
        t285 = 1.0 / t263
        t286 = t284 * t285
        t287 = where(t261, t278, t286)
        t288 = t256 * t287
        t289 = t257 * t287
        t292 = t278 * t278
        t297 = 1.0 / (t282 * t282)
        t298 = (4.0 * t280) * t297
        t299 = where(t261, (1.0 - (t260 * t292)), t298)
        t300 = t87 + t288
        t301 = t88 + t289
        t302 = t300 * t300
        t304 = 2.0 * t300
        t305 = t301 * t304
        t308 = t301 * t301
        t310 = ((ee * t302) + (ew * t305)) + (ww * t308)
        t311 = c * t310
        t312 = t99 * t299
        t315 = 1.0 / (t311 + t312)
        t316 = (t99 + t311) * t315
        t319 = t99 * t315
        t322 = (t87 * t316) + (t288 * t319)
        t323 = (t88 * t316) + (t289 * t319)
        t324 = t310 * t315
        t325 = t312 * t315
        t327 = 1.0 / t325
        t328 = (c * t324) * t327
        t329 = t328 < 0.015625
        t331 = sqrt(where(t329, 1.0, t328))
        t332 = where(t329, t328, 0.0)
        t334 = 0.017352764423076924 + ((-0.01396484375) * t332)
        t336 = (-0.022372159090909092) + (t332 * t334)
        t338 = 0.030381944444444444 + (t332 * t336)
        t340 = (-0.044642857142857144) + (t332 * t338)
        t342 = 0.075 + (t332 * t340)
        t344 = (-0.16666666666666666) + (t332 * t342)
        t349 = sqrt((1.0 + (t331 * t331)))
        t352 = 1.0 / t331
        t353 = log((t331 + t349)) * t352
        t354 = where(t329, (1.0 + (t332 * t344)), t353)
        t356 = 1.0 / sqrt(t325)
        t357 = t354 * t356
        t358 = t322 * t357
        t359 = t323 * t357
        t363 = g_b * t357
        t365 = g_a * t357
        t366 = (g_b * t323) + (g_a * t322)
        t368 = t356 * t366
        t373 = (t356 * (t356 * t356)) * ((t354 * t366) * (-0.5))
        t374 = where(t329, 0.0, t368)
        t375 = where(t329, t368, 0.0)
        t383 = ((t352 * t374) * (1.0 / t349)) - (t374 * (t352 * t353))
        t385 = t332 * t375
        t387 = t332 * t385
        t390 = t332 * t387
        t391 = ((t344 * t375) + (t342 * t385)) + (t340 * t387)
        t393 = t332 * t390
        t396 = t332 * t393
        t400 = ((t391 + (t338 * t390)) + (t336 * t393)) + (t334 * t396)
        t402 = t400 + ((-0.01396484375) * (t332 * t396))
        t407 = where(t329, 0.0, (t383 * (1.0 / (2.0 * t331))))
        t408 = where(t329, t402, 0.0) + t407
        t413 = t327 * t408
        t414 = t373 - (t408 * (t327 * t328))
        t415 = c * t413
        t427 = (-(t414 * (t315 * t325))) - (t415 * (t315 * t324))
        t432 = (t289 * t363) + (t288 * t365)
        t443 = (t88 * t363) + (t87 * t365)
        t448 = t315 * t443
        t449 = (t427 - (t432 * (t315 * t319))) - (t443 * (t315 * t316))
        t451 = (t315 * t414) + t449
        t452 = t448 + t449
        t453 = t99 * t451
        t459 = (t315 * t415) + (c * t452)
        t462 = t301 * (ww * t459)
        t465 = ew * t459
        t468 = (t462 + t462) + (t304 * t465)
        t472 = t300 * (ee * t459)
        t474 = t472 + ((2.0 * (t301 * t465)) + t472)
        t476 = (t319 * t363) + t468
        t478 = (t319 * t365) + t474
        t479 = where(t261, 0.0, t453)
        t480 = where(t261, t453, 0.0)
        t490 = (4.0 * (t297 * t479)) - ((t479 * (t297 * t298)) * (2.0 * t282))
        t497 = (t260 * t480) * (2.0 * t278)
        t501 = t264 * t497
        t505 = t264 * t501
        t510 = t264 * t505
        t512 = ((-(t276 * t497)) - (t274 * t501)) - (t272 * t505)
        t515 = t264 * t510
        t520 = t264 * t515
        t527 = ((t512 - (t270 * t510)) - (t268 * t515)) - (t266 * t520)
        t528 = (-0.0014558343870513183) * (t264 * t520)
        t532 = where(t261, (t527 - t528), 0.0) - (t292 * t480)
        t536 = 1.0 / (2.0 * t263)
        t538 = where(t261, 0.0, (((-2.0) * (t280 * t490)) * t536))
        t541 = t287 * t476
        t543 = t287 * t478
        t544 = (t257 * t476) + (t256 * t478)
        t545 = where(t261, 0.0, t544)
        t546 = where(t261, t544, 0.0)
        t555 = ((t285 * t545) * (1.0 - (t284 * t284))) - (t545 * (t285 * t286))
        t557 = t264 * t546
        t559 = t264 * t557
        t562 = t264 * t559
        t563 = ((t276 * t546) + (t274 * t557)) + (t272 * t559)
        t565 = t264 * t562
        t568 = t264 * t565
        t572 = ((t563 + (t270 * t562)) + (t268 * t565)) + (t266 * t568)
        t573 = (-0.0014558343870513183) * (t264 * t568)
        t576 = (t532 + t538) + where(t261, (t572 + t573), 0.0)
        t579 = t576 + where(t261, 0.0, (t536 * t555))
        t580 = c * t579
        t582 = ((t324 * t413) + (t310 * t452)) + (t259 * t579)
        t588 = t255 * t541
        t589 = ((t246 * t580) * (2.0 * t255)) + (t244 * t541)
        t591 = t255 * t543
        t593 = where(t249, (t589 + (t243 * t543)), 0.0)
        t597 = 31364.092861833666 * (t593 * (1.0 / (2.0 * t254)))
        t602 = where(t249, (-(t597 * (t252 * t252))), 0.0)
        t606 = (t258 * t580) + (c * t602)
        t608 = t245 * t606
        t612 = gamma * t588
        t613 = ((t242 * t606) * (gamma * 2.0)) + (t240 * t588)
        t615 = gamma * t591
        t616 = t613 + (t239 * t591)
        t622 = t238 * t612
        t623 = ((t198 * t608) * (2.0 * t238)) + (t197 * t612)
        t625 = t238 * t615
        t626 = t623 + (t196 * t615)
        t628 = t237 * t626
        t632 = (t237 * (t237 * t237)) * ((-0.5) * (t235 * t626))
        t633 = where(t203, 0.0, t628)
        t634 = where(t203, t628, 0.0)
        t642 = ((t233 * t633) * (1.0 / t230)) - (t633 * (t233 * t234))
        t644 = t206 * t634
        t646 = t206 * t644
        t649 = t206 * t646
        t650 = ((t225 * t634) + (t222 * t644)) + (t219 * t646)
        t652 = t206 * t649
        t655 = t206 * t652
        t659 = ((t650 + (t216 * t649)) + (t213 * t652)) + (t210 * t655)
        t661 = t659 + ((-0.01396484375) * (t206 * t655))
        t666 = where(t203, 0.0, (t642 * (1.0 / (2.0 * t205))))
        t667 = where(t203, t661, 0.0) + t666
        t672 = t201 * t667
        t673 = t632 - (t667 * (t201 * t202))
        t677 = (t241 * t608) + (c * t672)
        t688 = (-(t673 * (t187 * t199))) - (t677 * (t187 * t198))
        t693 = (t156 * t622) + (t155 * t625)
        t699 = (((t315 * t432) + t448) + (t299 * t451)) + (t187 * t693)
        t707 = (-(t88 * t622)) - (t87 * t625)
        t712 = t187 * t707
        t713 = (t688 - (t693 * (t187 * t193))) - (t707 * (t187 * t188))
        t715 = (t187 * t673) + t713
        t716 = t712 + t713
        t717 = t99 * t715
        t719 = (t699 + t712) + (t166 * t715)
        t722 = ((t582 + (t246 * t602)) + (t198 * t672)) + (t182 * t716)
        t723 = (t187 * t677) + (c * t716)
        t727 = t173 * (ww * t723)
        t730 = ew * t723
        t734 = (t727 + t727) + (t176 * t730)
        t739 = t172 * (ee * t723)
        t741 = t739 + ((2.0 * (t173 * t730)) + t739)
        t743 = (t193 * t622) + t734
        t745 = (t193 * t625) + t741
        t747 = ((t316 * t363) + t468) - ((t188 * t622) + t734)
        t749 = ((t316 * t365) + t474) - ((t188 * t625) + t741)
        t750 = where(t128, 0.0, t717)
        t751 = where(t128, t717, 0.0)
        t761 = (4.0 * (t164 * t750)) - ((t750 * (t164 * t165)) * (2.0 * t149))
        t768 = (t127 * t751) * (2.0 * t145)
        t772 = t131 * t768
        t776 = t131 * t772
        t781 = t131 * t776
        t783 = ((-(t143 * t768)) - (t141 * t772)) - (t139 * t776)
        t786 = t131 * t781
        t791 = t131 * t786
        t798 = ((t783 - (t137 * t781)) - (t135 * t786)) - (t133 * t791)
        t799 = (-0.0014558343870513183) * (t131 * t791)
        t803 = where(t128, (t798 - t799), 0.0) - (t159 * t751)
        t807 = 1.0 / (2.0 * t130)
        t809 = where(t128, 0.0, (((-2.0) * (t147 * t761)) * t807))
        t815 = (t124 * t743) + (t123 * t745)
        t816 = where(t128, 0.0, t815)
        t817 = where(t128, t815, 0.0)
        t826 = ((t152 * t816) * (1.0 - (t151 * t151))) - (t816 * (t152 * t153))
        t828 = t131 * t817
        t830 = t131 * t828
        t833 = t131 * t830
        t834 = ((t143 * t817) + (t141 * t828)) + (t139 * t830)
        t836 = t131 * t833
        t839 = t131 * t836
        t843 = ((t834 + (t137 * t833)) + (t135 * t836)) + (t133 * t839)
        t844 = (-0.0014558343870513183) * (t131 * t839)
        t847 = (t803 + t809) + where(t128, (t843 + t844), 0.0)
        t850 = t847 + where(t128, 0.0, (t807 * t826))
        t851 = c * t850
        t859 = ((t108 * t851) * (2.0 * t122)) + (y2 * (t154 * t743))
        t861 = t859 + (y1 * (t154 * t745))
        t867 = where(t116, (t115 * t861), 0.0) * (1.0 / (2.0 * t120))
        t872 = where(t116, (-(t867 * (t118 * t119))), 0.0)
        t877 = where(t110, (t121 * t861), 0.0) * (1.0 / (2.0 * t114))
        t882 = where(t110, (-(t877 * (t112 * t113))), 0.0)
        t886 = ((t125 * t851) + t872) + (c * t882)
        t888 = ((t308 * t459) + (t180 * t723)) + (t106 * t886)
        t890 = ((t305 * t459) + (t177 * t723)) + (t103 * t886)
        t892 = ((t302 * t459) + (t174 * t723)) + (t100 * t886)
        t893 = where(t51, 0.0, t719)
        t894 = where(t51, t719, 0.0)
        t904 = (4.0 * (t97 * t893)) - ((t893 * (t97 * t98)) * (2.0 * t81))
        t911 = (t49 * t894) * (2.0 * t76)
        t915 = t55 * t911
        t919 = t55 * t915
        t924 = t55 * t919
        t926 = ((-(t74 * t911)) - (t71 * t915)) - (t68 * t919)
        t929 = t55 * t924
        t934 = t55 * t929
        t941 = ((t926 - (t65 * t924)) - (t62 * t929)) - (t59 * t934)
        t944 = t941 - ((-0.0014558343870513183) * (t55 * t934))
        t950 = 1.0 / (2.0 * t53)
        t952 = where(t51, 0.0, (((-2.0) * (t79 * t904)) * t950))
        t953 = (where(t51, t944, 0.0) - (t91 * t894)) + t952
        t958 = (t46 * t747) + (t45 * t749)
        t959 = where(t51, 0.0, t958)
        t960 = where(t51, t958, 0.0)
        t969 = ((t84 * t959) * (1.0 - (t83 * t83))) - (t959 * (t84 * t85))
        t971 = t55 * t960
        t973 = t55 * t971
        t976 = t55 * t973
        t977 = ((t74 * t960) + (t71 * t971)) + (t68 * t973)
        t979 = t55 * t976
        t982 = t55 * t979
        t986 = ((t977 + (t65 * t976)) + (t62 * t979)) + (t59 * t982)
        t988 = t986 + ((-0.0014558343870513183) * (t55 * t982))
        t993 = (t953 + where(t51, t988, 0.0)) + where(t51, 0.0, (t950 * t969))
        t994 = c * t993
        t996 = ((t722 + (t126 * t850)) + (t108 * t882)) + (t48 * t993)
        t1002 = ((t30 * t994) * (2.0 * t44)) + (x2 * (t86 * t747))
        t1004 = t1002 + (x1 * (t86 * t749))
        t1010 = where(t38, (t37 * t1004), 0.0) * (1.0 / (2.0 * t42))
        t1015 = where(t38, (-(t1010 * (t40 * t41))), 0.0)
        t1020 = where(t32, (t43 * t1004), 0.0) * (1.0 / (2.0 * t36))
        t1025 = where(t32, (-(t1020 * (t34 * t35))), 0.0)
        t1028 = t996 + (t30 * t1025)
        t1029 = ((t47 * t994) + t1015) + (c * t1025)
        t1031 = t888 + (t28 * t1029)
        t1033 = t890 + (t25 * t1029)
        t1035 = t892 + (t21 * t1029)
        S[A * ROWS + r] = t358
        S[B * ROWS + r] = t359
        S[D_EE * ROWS + r] = t1035
        S[D_EW * ROWS + r] = t1033
        S[D_WW * ROWS + r] = t1031
        S[D_C * ROWS + r] = t1028
        S[D_GAMMA * ROWS + r] = t616


# Squared sine of the angle below which `w` is summed from the vectors, since its length cancels in inner products.
NEARLY_PARALLEL = 1e-3
# Derivatives below this part of the gradient are rounding and count as zero: behind a closed gate they would be squared
# from layer to layer, to subnormal numbers, with which a processor computes a hundred times slower.
ROUNDING = 1e-12
TINY = 1e-300


@jit(any_order=True)
def inner_products(x, y):
    """`⟨x, x⟩`, `⟨x, y⟩` and `⟨y, y⟩` of two vectors."""
    xx = 0.0
    xy = 0.0
    yy = 0.0
    for j in range(len(x)):
        a = np.float64(x[j])
        b = np.float64(y[j])
        xx += a * a
        xy += a * b
        yy += b * b
    return xx, xy, yy


@jit(any_order=True)
def inner_products_with(g, x, y):
    """`⟨g, x⟩` and `⟨g, y⟩`."""
    gx = 0.0
    gy = 0.0
    for j in range(len(x)):
        a = np.float64(g[j])
        gx += a * np.float64(x[j])
        gy += a * np.float64(y[j])
    return gx, gy


@jit(any_order=True)
def remainder(e, o, k):
    """`⟨e, w⟩` and `⟨w, w⟩` of `w = o - k·e`."""
    ew = 0.0
    ww = 0.0
    for j in range(len(e)):
        a = np.float64(e[j])
        w = np.float64(o[j]) - k * a
        ew += a * w
        ww += w * w
    return ew, ww


@jit
def plane(x, y, S, r):
    """The basis of row `r`: its Gram matrix and the coordinates of `x` and `y`. Returns `k` and `swap`."""
    xx, xy, yy = inner_products(x, y)
    swap = yy > xx
    if swap:
        ee, oo = yy, xx
    else:
        ee, oo = xx, yy
    k = xy / ee if ee > 0.0 else 0.0
    ew = 0.0
    ww = oo - k * xy
    if ww < NEARLY_PARALLEL * oo:
        if swap:
            ew, ww = remainder(y, x, k)
        else:
            ew, ww = remainder(x, y, k)
    S[EE * ROWS + r] = ee
    S[EW * ROWS + r] = ew
    S[WW * ROWS + r] = ww
    S[X1 * ROWS + r] = k if swap else 1.0
    S[X2 * ROWS + r] = 1.0 if swap else 0.0
    S[Y1 * ROWS + r] = 1.0 if swap else k
    S[Y2 * ROWS + r] = 0.0 if swap else 1.0
    return k, swap


@jit(any_order=True)
def combine(x, y, a, b, out):
    """`a·x + b·y`."""
    for j in range(len(x)):
        out[j] = a * np.float64(x[j]) + b * np.float64(y[j])


@jit(any_order=True)
def combine_gradients(g, e, o, of_e, of_o, de, do):
    """The gradients of `e` and `o` as combinations of `g`, `e` and `o`."""
    a0, a1, a2 = of_e
    b0, b1, b2 = of_o
    for j in range(len(g)):
        u = np.float64(g[j])
        v = np.float64(e[j])
        w = np.float64(o[j])
        de[j] = a0 * u + a1 * v + a2 * w
        do[j] = b0 * u + b1 * v + b2 * w


@jit
def forward_block(block, x, y, numbers, out):
    """The results of one block of rows."""
    first = block * ROWS
    rows = min(ROWS, len(x) - first)
    S = np.zeros(SLOTS * ROWS)
    K = np.empty(ROWS)
    swaps = np.empty(ROWS, np.bool_)
    for r in range(rows):
        K[r], swaps[r] = plane(x[first + r], y[first + r], S, r)
    forward_scalars(S, numbers)
    for r in range(rows):
        a = S[A * ROWS + r]
        b = S[B * ROWS + r]
        a -= K[r] * b
        if swaps[r]:
            a, b = b, a
        combine(x[first + r], y[first + r], a, b, out[first + r])


@jit
def significant(coefficient, length2, size):
    """The coefficient of a vector, zero where the two are no more than the rounding of a gradient of that size."""
    return coefficient if coefficient * coefficient * length2 > size else 0.0


@jit
def held(gradient, bound):
    """A gradient with respect to an inner product, held to what the vectors' type can take: see `gyrovector.widen`."""
    return max(-bound, min(gradient, bound))


@jit
def backward_block(block, x, y, g, numbers, bound, dx, dy, sums):
    """The gradients of one block of rows; those of the numbers are summed over the block."""
    first = block * ROWS
    rows = min(ROWS, len(x) - first)
    S = np.zeros(SLOTS * ROWS)
    K = np.empty(ROWS)
    swaps = np.empty(ROWS, np.bool_)
    for r in range(rows):
        k, swap = plane(x[first + r], y[first + r], S, r)
        gx, gy = inner_products_with(g[first + r], x[first + r], y[first + r])
        K[r], swaps[r] = k, swap
        S[G_A * ROWS + r] = gy if swap else gx
        S[G_B * ROWS + r] = (gx - k * gy) if swap else (gy - k * gx)
    backward_scalars(S, numbers)
    for i in range(SLOTS - D_C):
        total = 0.0
        for r in range(rows):
            total += S[(D_C + i) * ROWS + r]
        sums[block, i] = total
    for r in range(rows):
        k = K[r]
        ee, ww = S[EE * ROWS + r], S[WW * ROWS + r]
        oo = ww + k * k * ee
        along_e, along_w = S[G_A * ROWS + r], S[G_B * ROWS + r]
        size = ROUNDING**2 * (along_e**2 / (ee + TINY) + along_w**2 / (ww + TINY))
        a, b = S[A * ROWS + r], S[B * ROWS + r]
        by_ee = held(S[D_EE * ROWS + r], bound)
        by_ew = held(S[D_EW * ROWS + r], bound)
        by_ww = held(S[D_WW * ROWS + r], bound)
        # With d‖e‖² = 2⟨e, de⟩, d⟨e, w⟩ = ⟨w, de⟩ + ⟨e, dw⟩, d‖w‖² = 2⟨w, dw⟩ and dw = do - k·de
        across = by_ew - 2.0 * k * by_ww
        of_e = (
            significant(a - k * b, 1.0, ROUNDING**2),
            significant(2.0 * by_ee - k * by_ew - k * across, ee, size),
            significant(across, oo, size),
        )
        of_o = (
            significant(b, 1.0, ROUNDING**2),
            significant(across, ee, size),
            significant(2.0 * by_ww, oo, size),
        )
        i = first + r
        if swaps[r]:
            combine_gradients(g[i], y[i], x[i], of_e, of_o, dy[i], dx[i])
        else:
            combine_gradients(g[i], x[i], y[i], of_e, of_o, dx[i], dy[i])


@jit
def forward(first, last, x, y, numbers, out):
    """`out` for vectors `x`, `y`, all `[R, D]`, in some of the blocks."""
    for block in range(first, last):
        forward_block(block, x, y, numbers, out)


@jit
def backward(first, last, x, y, g, numbers, bound, dx, dy, sums):
    """Gradients of `x` and `y`, `[R, D]`, and of the numbers, summed over each block, in some of the blocks."""
    for block in range(first, last):
        backward_block(block, x, y, g, numbers, bound, dx, dy, sums)
