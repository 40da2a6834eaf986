"""`point_residual`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of a formula of two vectors per row, on a CPU.

Blocks of rows are read once. For each row the inner products of its vectors give an orthogonal basis of their plane:
`e`, the longer of `x` and `y`, and `w = o - k·e` of the other one, `o`. Then the printed program computes the scalars
of all rows of the block, and the result is a combination of `e` and `o`.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import numpy as np
from numba import prange

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
        t409 = where(t329, t402, 0.0) + where(t329, 0.0, (t383 * (t352 * 0.5)))
        t414 = t327 * t409
        t415 = t373 - (t409 * (t327 * t328))
        t416 = c * t414
        t428 = (-(t415 * (t315 * t325))) - (t416 * (t315 * t324))
        t433 = (t289 * t363) + (t288 * t365)
        t444 = (t88 * t363) + (t87 * t365)
        t449 = t315 * t444
        t450 = (t428 - (t433 * (t315 * t319))) - (t444 * (t315 * t316))
        t452 = (t315 * t415) + t450
        t453 = t449 + t450
        t454 = t99 * t452
        t460 = (t315 * t416) + (c * t453)
        t463 = t301 * (ww * t460)
        t466 = ew * t460
        t469 = (t463 + t463) + (t304 * t466)
        t473 = t300 * (ee * t460)
        t475 = t473 + ((2.0 * (t301 * t466)) + t473)
        t477 = (t319 * t363) + t469
        t479 = (t319 * t365) + t475
        t480 = where(t261, 0.0, t454)
        t481 = where(t261, t454, 0.0)
        t491 = (4.0 * (t297 * t480)) - ((t480 * (t297 * t298)) * (2.0 * t282))
        t498 = (t260 * t481) * (2.0 * t278)
        t502 = t264 * t498
        t506 = t264 * t502
        t511 = t264 * t506
        t513 = ((-(t276 * t498)) - (t274 * t502)) - (t272 * t506)
        t516 = t264 * t511
        t521 = t264 * t516
        t528 = ((t513 - (t270 * t511)) - (t268 * t516)) - (t266 * t521)
        t529 = (-0.0014558343870513183) * (t264 * t521)
        t533 = where(t261, (t528 - t529), 0.0) - (t292 * t481)
        t537 = t285 * 0.5
        t539 = where(t261, 0.0, (((-2.0) * (t280 * t491)) * t537))
        t542 = t287 * t477
        t544 = t287 * t479
        t545 = (t257 * t477) + (t256 * t479)
        t546 = where(t261, 0.0, t545)
        t547 = where(t261, t545, 0.0)
        t556 = ((t285 * t546) * (1.0 - (t284 * t284))) - (t546 * (t285 * t286))
        t558 = t264 * t547
        t560 = t264 * t558
        t563 = t264 * t560
        t564 = ((t276 * t547) + (t274 * t558)) + (t272 * t560)
        t566 = t264 * t563
        t569 = t264 * t566
        t573 = ((t564 + (t270 * t563)) + (t268 * t566)) + (t266 * t569)
        t574 = (-0.0014558343870513183) * (t264 * t569)
        t577 = (t533 + t539) + where(t261, (t573 + t574), 0.0)
        t580 = t577 + where(t261, 0.0, (t537 * t556))
        t581 = c * t580
        t583 = ((t324 * t414) + (t310 * t453)) + (t259 * t580)
        t589 = t255 * t542
        t590 = ((t246 * t581) * (2.0 * t255)) + (t244 * t542)
        t592 = t255 * t544
        t594 = where(t249, (t590 + (t243 * t544)), 0.0)
        t599 = 31364.092861833666 * (t594 * (0.5 * (1.0 / t254)))
        t604 = where(t249, (-(t599 * (t252 * t252))), 0.0)
        t608 = (t258 * t581) + (c * t604)
        t610 = t245 * t608
        t614 = gamma * t589
        t615 = ((t242 * t608) * (gamma * 2.0)) + (t240 * t589)
        t617 = gamma * t592
        t618 = t615 + (t239 * t592)
        t624 = t238 * t614
        t625 = ((t198 * t610) * (2.0 * t238)) + (t197 * t614)
        t627 = t238 * t617
        t628 = t625 + (t196 * t617)
        t630 = t237 * t628
        t634 = (t237 * (t237 * t237)) * ((-0.5) * (t235 * t628))
        t635 = where(t203, 0.0, t630)
        t636 = where(t203, t630, 0.0)
        t644 = ((t233 * t635) * (1.0 / t230)) - (t635 * (t233 * t234))
        t646 = t206 * t636
        t648 = t206 * t646
        t651 = t206 * t648
        t652 = ((t225 * t636) + (t222 * t646)) + (t219 * t648)
        t654 = t206 * t651
        t657 = t206 * t654
        t661 = ((t652 + (t216 * t651)) + (t213 * t654)) + (t210 * t657)
        t663 = t661 + ((-0.01396484375) * (t206 * t657))
        t669 = where(t203, t663, 0.0) + where(t203, 0.0, (t644 * (t233 * 0.5)))
        t674 = t201 * t669
        t675 = t634 - (t669 * (t201 * t202))
        t679 = (t241 * t610) + (c * t674)
        t690 = (-(t675 * (t187 * t199))) - (t679 * (t187 * t198))
        t695 = (t156 * t624) + (t155 * t627)
        t701 = (((t315 * t433) + t449) + (t299 * t452)) + (t187 * t695)
        t709 = (-(t88 * t624)) - (t87 * t627)
        t714 = t187 * t709
        t715 = (t690 - (t695 * (t187 * t193))) - (t709 * (t187 * t188))
        t717 = (t187 * t675) + t715
        t718 = t714 + t715
        t719 = t99 * t717
        t721 = (t701 + t714) + (t166 * t717)
        t724 = ((t583 + (t246 * t604)) + (t198 * t674)) + (t182 * t718)
        t725 = (t187 * t679) + (c * t718)
        t729 = t173 * (ww * t725)
        t732 = ew * t725
        t736 = (t729 + t729) + (t176 * t732)
        t741 = t172 * (ee * t725)
        t743 = t741 + ((2.0 * (t173 * t732)) + t741)
        t745 = (t193 * t624) + t736
        t747 = (t193 * t627) + t743
        t749 = ((t316 * t363) + t469) - ((t188 * t624) + t736)
        t751 = ((t316 * t365) + t475) - ((t188 * t627) + t743)
        t752 = where(t128, 0.0, t719)
        t753 = where(t128, t719, 0.0)
        t763 = (4.0 * (t164 * t752)) - ((t752 * (t164 * t165)) * (2.0 * t149))
        t770 = (t127 * t753) * (2.0 * t145)
        t774 = t131 * t770
        t778 = t131 * t774
        t783 = t131 * t778
        t785 = ((-(t143 * t770)) - (t141 * t774)) - (t139 * t778)
        t788 = t131 * t783
        t793 = t131 * t788
        t800 = ((t785 - (t137 * t783)) - (t135 * t788)) - (t133 * t793)
        t801 = (-0.0014558343870513183) * (t131 * t793)
        t805 = where(t128, (t800 - t801), 0.0) - (t159 * t753)
        t809 = t152 * 0.5
        t811 = where(t128, 0.0, (((-2.0) * (t147 * t763)) * t809))
        t817 = (t124 * t745) + (t123 * t747)
        t818 = where(t128, 0.0, t817)
        t819 = where(t128, t817, 0.0)
        t828 = ((t152 * t818) * (1.0 - (t151 * t151))) - (t818 * (t152 * t153))
        t830 = t131 * t819
        t832 = t131 * t830
        t835 = t131 * t832
        t836 = ((t143 * t819) + (t141 * t830)) + (t139 * t832)
        t838 = t131 * t835
        t841 = t131 * t838
        t845 = ((t836 + (t137 * t835)) + (t135 * t838)) + (t133 * t841)
        t846 = (-0.0014558343870513183) * (t131 * t841)
        t849 = (t805 + t811) + where(t128, (t845 + t846), 0.0)
        t852 = t849 + where(t128, 0.0, (t809 * t828))
        t853 = c * t852
        t861 = ((t108 * t853) * (2.0 * t122)) + (y2 * (t154 * t745))
        t863 = t861 + (y1 * (t154 * t747))
        t870 = where(t116, (t115 * t863), 0.0) * (0.5 * (1.0 / t120))
        t875 = where(t116, (-(t870 * (t118 * t119))), 0.0)
        t881 = where(t110, (t121 * t863), 0.0) * (0.5 * (1.0 / t114))
        t886 = where(t110, (-(t881 * (t112 * t113))), 0.0)
        t890 = ((t125 * t853) + t875) + (c * t886)
        t892 = ((t308 * t460) + (t180 * t725)) + (t106 * t890)
        t894 = ((t305 * t460) + (t177 * t725)) + (t103 * t890)
        t896 = ((t302 * t460) + (t174 * t725)) + (t100 * t890)
        t897 = where(t51, 0.0, t721)
        t898 = where(t51, t721, 0.0)
        t908 = (4.0 * (t97 * t897)) - ((t897 * (t97 * t98)) * (2.0 * t81))
        t915 = (t49 * t898) * (2.0 * t76)
        t919 = t55 * t915
        t923 = t55 * t919
        t928 = t55 * t923
        t930 = ((-(t74 * t915)) - (t71 * t919)) - (t68 * t923)
        t933 = t55 * t928
        t938 = t55 * t933
        t945 = ((t930 - (t65 * t928)) - (t62 * t933)) - (t59 * t938)
        t948 = t945 - ((-0.0014558343870513183) * (t55 * t938))
        t954 = t84 * 0.5
        t956 = where(t51, 0.0, (((-2.0) * (t79 * t908)) * t954))
        t957 = (where(t51, t948, 0.0) - (t91 * t898)) + t956
        t962 = (t46 * t749) + (t45 * t751)
        t963 = where(t51, 0.0, t962)
        t964 = where(t51, t962, 0.0)
        t973 = ((t84 * t963) * (1.0 - (t83 * t83))) - (t963 * (t84 * t85))
        t975 = t55 * t964
        t977 = t55 * t975
        t980 = t55 * t977
        t981 = ((t74 * t964) + (t71 * t975)) + (t68 * t977)
        t983 = t55 * t980
        t986 = t55 * t983
        t990 = ((t981 + (t65 * t980)) + (t62 * t983)) + (t59 * t986)
        t992 = t990 + ((-0.0014558343870513183) * (t55 * t986))
        t997 = (t957 + where(t51, t992, 0.0)) + where(t51, 0.0, (t954 * t973))
        t998 = c * t997
        t1000 = ((t724 + (t126 * t852)) + (t108 * t886)) + (t48 * t997)
        t1006 = ((t30 * t998) * (2.0 * t44)) + (x2 * (t86 * t749))
        t1008 = t1006 + (x1 * (t86 * t751))
        t1015 = where(t38, (t37 * t1008), 0.0) * (0.5 * (1.0 / t42))
        t1020 = where(t38, (-(t1015 * (t40 * t41))), 0.0)
        t1026 = where(t32, (t43 * t1008), 0.0) * (0.5 * (1.0 / t36))
        t1031 = where(t32, (-(t1026 * (t34 * t35))), 0.0)
        t1034 = t1000 + (t30 * t1031)
        t1035 = ((t47 * t998) + t1020) + (c * t1031)
        t1037 = t892 + (t28 * t1035)
        t1039 = t894 + (t25 * t1035)
        t1041 = t896 + (t21 * t1035)
        S[A * ROWS + r] = t358
        S[B * ROWS + r] = t359
        S[D_EE * ROWS + r] = t1041
        S[D_EW * ROWS + r] = t1039
        S[D_WW * ROWS + r] = t1037
        S[D_C * ROWS + r] = t1034
        S[D_GAMMA * ROWS + r] = t618


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
def backward_block(block, x, y, g, numbers, dx, dy, sums):
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
        by_ee, by_ew, by_ww = S[D_EE * ROWS + r], S[D_EW * ROWS + r], S[D_WW * ROWS + r]
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
def forward_serial(x, y, numbers, out):
    """`out` for vectors `x`, `y`, all `[R, D]`, on one thread."""
    for block in range((len(x) + ROWS - 1) // ROWS):
        forward_block(block, x, y, numbers, out)


@jit(parallel=True)
def forward(x, y, numbers, out):
    """`out` for vectors `x`, `y`, all `[R, D]`."""
    for block in prange((len(x) + ROWS - 1) // ROWS):
        forward_block(block, x, y, numbers, out)


@jit
def backward_serial(x, y, g, numbers, dx, dy, sums):
    """Gradients of `x` and `y`, `[R, D]`, and of the numbers, summed over each block, on one thread."""
    for block in range((len(x) + ROWS - 1) // ROWS):
        backward_block(block, x, y, g, numbers, dx, dy, sums)


@jit(parallel=True)
def backward(x, y, g, numbers, dx, dy, sums):
    """Gradients of `x` and `y`, `[R, D]`, and of the numbers, summed over each block."""
    for block in prange((len(x) + ROWS - 1) // ROWS):
        backward_block(block, x, y, g, numbers, dx, dy, sums)
