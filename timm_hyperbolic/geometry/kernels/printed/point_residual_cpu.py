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
    r2_max = numbers[9]
    r2_edge = numbers[10]
    gamma = numbers[11]
    for r in range(ROWS):
        ee = S[EE * ROWS + r]
        ew = S[EW * ROWS + r]
        ww = S[WW * ROWS + r]
        x1 = S[X1 * ROWS + r]
        x2 = S[X2 * ROWS + r]
        y1 = S[Y1 * ROWS + r]
        y2 = S[Y2 * ROWS + r]
        t26 = (ee * (x1 * x1)) + (ew * (x2 * (x1 * 2.0)))
        t29 = t26 + (ww * (x2 * x2))
        t30 = c * t29
        t31 = z2_edge <= t30
        t32 = r2_edge <= t29
        t37 = where(t31, z2_max, 1.0) * where(t32, r2_max, 1.0)
        t38 = where(t31, t30, 1.0) * where(t32, t29, 1.0)
        t41 = sqrt((t37 * (1.0 / t38)))
        t46 = c * (t29 * (t41 * t41))
        t48 = t46 < 0.015625
        t50 = sqrt(where(t48, 1.0, t46))
        t52 = where(t48, t46, 0.0)
        t56 = (t52 * (-0.0014558343870513183)) + 0.003592128036572481
        t60 = t52 * ((t52 * t56) + (-0.008863235529902197))
        t65 = (t52 * (t60 + 0.021869488536155203)) + (-0.05396825396825397)
        t69 = t52 * ((t52 * t65) + 0.13333333333333333)
        t73 = 1.0 + (t52 * (t69 + (-0.3333333333333333)))
        t76 = exp((t50 * (-2.0)))
        t79 = 1.0 / (1.0 + t76)
        t83 = where(t48, t73, (((1.0 - t76) * t79) * (1.0 / t50)))
        t84 = (x1 * t41) * t83
        t85 = (x2 * t41) * t83
        t96 = where(t48, (1.0 - (t46 * (t73 * t73))), ((t76 * 4.0) * (t79 * t79)))
        t102 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * 2.0)))
        t105 = t102 + (ww * (y2 * y2))
        t106 = c * t105
        t107 = z2_edge <= t106
        t108 = r2_edge <= t105
        t113 = where(t107, z2_max, 1.0) * where(t108, r2_max, 1.0)
        t114 = where(t107, t106, 1.0) * where(t108, t105, 1.0)
        t117 = sqrt((t113 * (1.0 / t114)))
        t122 = c * (t105 * (t117 * t117))
        t123 = t122 < 0.015625
        t125 = sqrt(where(t123, 1.0, t122))
        t126 = where(t123, t122, 0.0)
        t128 = 0.003592128036572481 + ((-0.0014558343870513183) * t126)
        t131 = t126 * ((-0.008863235529902197) + (t126 * t128))
        t134 = (-0.05396825396825397) + (t126 * (0.021869488536155203 + t131))
        t137 = t126 * (0.13333333333333333 + (t126 * t134))
        t140 = 1.0 + (t126 * ((-0.3333333333333333) + t137))
        t142 = exp(((-2.0) * t125))
        t145 = 1.0 / (1.0 + t142)
        t149 = where(t123, t140, (((1.0 - t142) * t145) * (1.0 / t125)))
        t150 = (y1 * t117) * t149
        t151 = (y2 * t117) * t149
        t161 = where(t123, (1.0 - (t122 * (t140 * t140))), ((4.0 * t142) * (t145 * t145)))
        t167 = t150 - t84
        t168 = t151 - t85
        t174 = (ee * (t167 * t167)) + (ew * (t168 * (2.0 * t167)))
        t177 = t174 + (ww * (t168 * t168))
        t178 = c * t177
        t179 = t96 * t161
        t182 = 1.0 / (t178 + t179)
        t183 = (t96 + t178) * t182
        t188 = t96 * t182
        t193 = t177 * t182
        t194 = t179 * t182
        t197 = (c * t193) * (1.0 / t194)
        t198 = t197 < 0.015625
        t200 = sqrt(where(t198, 1.0, t197))
        t201 = where(t198, t197, 0.0)
        t205 = (t201 * (-0.01396484375)) + 0.017352764423076924
        t209 = t201 * ((t201 * t205) + (-0.022372159090909092))
        t214 = (t201 * (t209 + 0.030381944444444444)) + (-0.044642857142857144)
        t220 = (t201 * ((t201 * t214) + 0.075)) + (-0.16666666666666666)
        t227 = log((t200 + sqrt((1.0 + (t200 * t200)))))
        t230 = where(t198, (1.0 + (t201 * t220)), (t227 * (1.0 / t200)))
        t233 = t230 * (1.0 / sqrt(t194))
        t238 = gamma * (((t150 * t188) - (t84 * t183)) * t233)
        t239 = gamma * (((t151 * t188) - (t85 * t183)) * t233)
        t241 = (t193 * (t233 * t233)) * (gamma * gamma)
        t242 = c * t241
        t244 = 31364.092861833193 <= t242
        t249 = where(t244, 31364.092861833666, 1.0) * (1.0 / where(t244, t242, 1.0))
        t250 = sqrt(t249)
        t255 = c * (t241 * (t250 * t250))
        t256 = t255 < 0.015625
        t258 = sqrt(where(t256, 1.0, t255))
        t259 = where(t256, t255, 0.0)
        t261 = 0.003592128036572481 + ((-0.0014558343870513183) * t259)
        t264 = t259 * ((-0.008863235529902197) + (t259 * t261))
        t267 = (-0.05396825396825397) + (t259 * (0.021869488536155203 + t264))
        t270 = t259 * (0.13333333333333333 + (t259 * t267))
        t273 = 1.0 + (t259 * ((-0.3333333333333333) + t270))
        t275 = exp(((-2.0) * t258))
        t278 = 1.0 / (1.0 + t275)
        t282 = where(t256, t273, (((1.0 - t275) * t278) * (1.0 / t258)))
        t283 = (t238 * t250) * t282
        t284 = (t239 * t250) * t282
        t294 = where(t256, (1.0 - (t255 * (t273 * t273))), ((4.0 * t275) * (t278 * t278)))
        t295 = t84 + t283
        t296 = t85 + t284
        t302 = (ee * (t295 * t295)) + (ew * (t296 * (2.0 * t295)))
        t305 = t302 + (ww * (t296 * t296))
        t306 = c * t305
        t307 = t96 * t294
        t310 = 1.0 / (t306 + t307)
        t311 = (t96 + t306) * t310
        t314 = t96 * t310
        t320 = t307 * t310
        t323 = (c * (t305 * t310)) * (1.0 / t320)
        t324 = t323 < 0.015625
        t326 = sqrt(where(t324, 1.0, t323))
        t327 = where(t324, t323, 0.0)
        t329 = 0.017352764423076924 + ((-0.01396484375) * t327)
        t332 = t327 * ((-0.022372159090909092) + (t327 * t329))
        t335 = (-0.044642857142857144) + (t327 * (0.030381944444444444 + t332))
        t339 = (-0.16666666666666666) + (t327 * (0.075 + (t327 * t335)))
        t346 = log((t326 + sqrt((1.0 + (t326 * t326)))))
        t349 = where(t324, (1.0 + (t327 * t339)), (t346 * (1.0 / t326)))
        t352 = t349 * (1.0 / sqrt(t320))
        t353 = ((t84 * t311) + (t283 * t314)) * t352
        t354 = ((t85 * t311) + (t284 * t314)) * t352
        S[A * ROWS + r] = t353
        S[B * ROWS + r] = t354


@jit
def backward_scalars(S, numbers):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    gamma = numbers[11]
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
        t22 = x1 * x1
        t26 = x2 * (x1 * 2.0)
        t29 = x2 * x2
        t31 = ((ee * t22) + (ew * t26)) + (ww * t29)
        t32 = c * t31
        t33 = z2_edge <= t32
        t34 = r2_edge <= t31
        t36 = where(t33, t32, 1.0)
        t38 = where(t34, t31, 1.0)
        t39 = where(t33, z2_max, 1.0) * where(t34, r2_max, 1.0)
        t41 = 1.0 / (t36 * t38)
        t42 = t39 * t41
        t43 = sqrt(t42)
        t44 = x1 * t43
        t45 = x2 * t43
        t46 = t43 * t43
        t47 = t31 * t46
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
        t81 = 1.0 / t80
        t82 = (1.0 - t78) * t81
        t83 = 1.0 / t52
        t84 = t82 * t83
        t85 = where(t50, t75, t84)
        t86 = t44 * t85
        t87 = t45 * t85
        t90 = t75 * t75
        t96 = t81 * t81
        t97 = (t78 * 4.0) * t96
        t98 = where(t50, (1.0 - (t48 * t90)), t97)
        t99 = y1 * y1
        t102 = y2 * (y1 * 2.0)
        t105 = y2 * y2
        t107 = ((ee * t99) + (ew * t102)) + (ww * t105)
        t108 = c * t107
        t109 = z2_edge <= t108
        t110 = r2_edge <= t107
        t112 = where(t109, t108, 1.0)
        t114 = where(t110, t107, 1.0)
        t115 = where(t109, z2_max, 1.0) * where(t110, r2_max, 1.0)
        t117 = 1.0 / (t112 * t114)
        t118 = t115 * t117
        t119 = sqrt(t118)
        t120 = y1 * t119
        t121 = y2 * t119
        t122 = t119 * t119
        t123 = t107 * t122
        t124 = c * t123
        t125 = t124 < 0.015625
        t127 = sqrt(where(t125, 1.0, t124))
        t128 = where(t125, t124, 0.0)
        t130 = 0.003592128036572481 + ((-0.0014558343870513183) * t128)
        t132 = (-0.008863235529902197) + (t128 * t130)
        t134 = 0.021869488536155203 + (t128 * t132)
        t136 = (-0.05396825396825397) + (t128 * t134)
        t138 = 0.13333333333333333 + (t128 * t136)
        t140 = (-0.3333333333333333) + (t128 * t138)
        t142 = 1.0 + (t128 * t140)
        t144 = exp(((-2.0) * t127))
        t146 = 1.0 + t144
        t147 = 1.0 / t146
        t148 = (1.0 - t144) * t147
        t149 = 1.0 / t127
        t150 = t148 * t149
        t151 = where(t125, t142, t150)
        t152 = t120 * t151
        t153 = t121 * t151
        t156 = t142 * t142
        t161 = t147 * t147
        t162 = (4.0 * t144) * t161
        t163 = where(t125, (1.0 - (t124 * t156)), t162)
        t169 = t152 - t86
        t170 = t153 - t87
        t171 = t169 * t169
        t173 = 2.0 * t169
        t174 = t170 * t173
        t177 = t170 * t170
        t179 = ((ee * t171) + (ew * t174)) + (ww * t177)
        t180 = c * t179
        t181 = t98 * t163
        t184 = 1.0 / (t180 + t181)
        t185 = (t98 + t180) * t184
        t190 = t98 * t184
        t193 = (t152 * t190) - (t86 * t185)
        t194 = (t153 * t190) - (t87 * t185)
        t195 = t179 * t184
        t196 = t181 * t184
        t198 = 1.0 / t196
        t199 = (c * t195) * t198
        t200 = t199 < 0.015625
        t202 = sqrt(where(t200, 1.0, t199))
        t203 = where(t200, t199, 0.0)
        t207 = (t203 * (-0.01396484375)) + 0.017352764423076924
        t210 = (t203 * t207) + (-0.022372159090909092)
        t213 = (t203 * t210) + 0.030381944444444444
        t216 = (t203 * t213) + (-0.044642857142857144)
        t219 = (t203 * t216) + 0.075
        t222 = (t203 * t219) + (-0.16666666666666666)
        t227 = sqrt((1.0 + (t202 * t202)))
        t230 = 1.0 / t202
        t231 = log((t202 + t227)) * t230
        t232 = where(t200, (1.0 + (t203 * t222)), t231)
        t234 = 1.0 / sqrt(t196)
        t235 = t232 * t234
        t236 = t193 * t235
        t237 = t194 * t235
        t238 = t235 * t235
        t239 = t195 * t238
        t240 = gamma * t236
        t241 = gamma * t237
        t242 = gamma * gamma
        t243 = t239 * t242
        t244 = c * t243
        t246 = 31364.092861833193 <= t244
        t250 = 1.0 / where(t246, t244, 1.0)
        t251 = where(t246, 31364.092861833666, 1.0) * t250
        t252 = sqrt(t251)
        t253 = t240 * t252
        t254 = t241 * t252
        t255 = t252 * t252
        t256 = t243 * t255
        t257 = c * t256
        t258 = t257 < 0.015625
        t260 = sqrt(where(t258, 1.0, t257))
        t261 = where(t258, t257, 0.0)
        t263 = 0.003592128036572481 + ((-0.0014558343870513183) * t261)
        t265 = (-0.008863235529902197) + (t261 * t263)
        t267 = 0.021869488536155203 + (t261 * t265)
        t269 = (-0.05396825396825397) + (t261 * t267)
        t271 = 0.13333333333333333 + (t261 * t269)
        t273 = (-0.3333333333333333) + (t261 * t271)
        t275 = 1.0 + (t261 * t273)
        t277 = exp(((-2.0) * t260))
        t279 = 1.0 + t277
        t280 = 1.0 / t279
        t281 = (1.0 - t277) * t280
        t282 = 1.0 / t260
        t283 = t281 * t282
        t284 = where(t258, t275, t283)
        t285 = t253 * t284
        t286 = t254 * t284
        t289 = t275 * t275
        t294 = t280 * t280
        t295 = (4.0 * t277) * t294
        t296 = where(t258, (1.0 - (t257 * t289)), t295)
        t297 = t86 + t285
        t298 = t87 + t286
        t299 = t297 * t297
        t301 = 2.0 * t297
        t302 = t298 * t301
        t305 = t298 * t298
        t307 = ((ee * t299) + (ew * t302)) + (ww * t305)
        t308 = c * t307
        t309 = t98 * t296
        t312 = 1.0 / (t308 + t309)
        t313 = (t98 + t308) * t312
        t316 = t98 * t312
        t319 = (t86 * t313) + (t285 * t316)
        t320 = (t87 * t313) + (t286 * t316)
        t321 = t307 * t312
        t322 = t309 * t312
        t324 = 1.0 / t322
        t325 = (c * t321) * t324
        t326 = t325 < 0.015625
        t328 = sqrt(where(t326, 1.0, t325))
        t329 = where(t326, t325, 0.0)
        t331 = 0.017352764423076924 + ((-0.01396484375) * t329)
        t333 = (-0.022372159090909092) + (t329 * t331)
        t335 = 0.030381944444444444 + (t329 * t333)
        t337 = (-0.044642857142857144) + (t329 * t335)
        t339 = 0.075 + (t329 * t337)
        t341 = (-0.16666666666666666) + (t329 * t339)
        t346 = sqrt((1.0 + (t328 * t328)))
        t349 = 1.0 / t328
        t350 = log((t328 + t346)) * t349
        t351 = where(t326, (1.0 + (t329 * t341)), t350)
        t353 = 1.0 / sqrt(t322)
        t354 = t351 * t353
        t355 = t319 * t354
        t356 = t320 * t354
        t360 = g_b * t354
        t362 = g_a * t354
        t363 = (g_b * t320) + (g_a * t319)
        t365 = t353 * t363
        t370 = (t353 * (t353 * t353)) * ((t351 * t363) * (-0.5))
        t371 = where(t326, 0.0, t365)
        t372 = where(t326, t365, 0.0)
        t380 = ((t349 * t371) * (1.0 / t346)) - (t371 * (t349 * t350))
        t382 = t329 * t372
        t384 = t329 * t382
        t387 = t329 * t384
        t388 = ((t341 * t372) + (t339 * t382)) + (t337 * t384)
        t390 = t329 * t387
        t393 = t329 * t390
        t397 = ((t388 + (t335 * t387)) + (t333 * t390)) + (t331 * t393)
        t399 = t397 + ((-0.01396484375) * (t329 * t393))
        t406 = where(t326, t399, 0.0) + where(t326, 0.0, (t380 * (t349 * 0.5)))
        t411 = t324 * t406
        t412 = t370 - (t406 * (t324 * t325))
        t413 = c * t411
        t425 = (-(t412 * (t312 * t322))) - (t413 * (t312 * t321))
        t430 = (t286 * t360) + (t285 * t362)
        t441 = (t87 * t360) + (t86 * t362)
        t446 = t312 * t441
        t447 = (t425 - (t430 * (t312 * t316))) - (t441 * (t312 * t313))
        t449 = (t312 * t412) + t447
        t450 = t446 + t447
        t451 = t98 * t449
        t457 = (t312 * t413) + (c * t450)
        t460 = t298 * (ww * t457)
        t463 = ew * t457
        t466 = (t460 + t460) + (t301 * t463)
        t470 = t297 * (ee * t457)
        t472 = t470 + ((2.0 * (t298 * t463)) + t470)
        t474 = (t316 * t360) + t466
        t476 = (t316 * t362) + t472
        t477 = where(t258, 0.0, t451)
        t478 = where(t258, t451, 0.0)
        t488 = (4.0 * (t294 * t477)) - ((t477 * (t294 * t295)) * (2.0 * t279))
        t495 = (t257 * t478) * (2.0 * t275)
        t499 = t261 * t495
        t503 = t261 * t499
        t508 = t261 * t503
        t510 = ((-(t273 * t495)) - (t271 * t499)) - (t269 * t503)
        t513 = t261 * t508
        t518 = t261 * t513
        t525 = ((t510 - (t267 * t508)) - (t265 * t513)) - (t263 * t518)
        t526 = (-0.0014558343870513183) * (t261 * t518)
        t530 = where(t258, (t525 - t526), 0.0) - (t289 * t478)
        t534 = t282 * 0.5
        t536 = where(t258, 0.0, (((-2.0) * (t277 * t488)) * t534))
        t539 = t284 * t474
        t541 = t284 * t476
        t542 = (t254 * t474) + (t253 * t476)
        t543 = where(t258, 0.0, t542)
        t544 = where(t258, t542, 0.0)
        t553 = ((t282 * t543) * (1.0 - (t281 * t281))) - (t543 * (t282 * t283))
        t555 = t261 * t544
        t557 = t261 * t555
        t560 = t261 * t557
        t561 = ((t273 * t544) + (t271 * t555)) + (t269 * t557)
        t563 = t261 * t560
        t566 = t261 * t563
        t570 = ((t561 + (t267 * t560)) + (t265 * t563)) + (t263 * t566)
        t571 = (-0.0014558343870513183) * (t261 * t566)
        t574 = (t530 + t536) + where(t258, (t570 + t571), 0.0)
        t577 = t574 + where(t258, 0.0, (t534 * t553))
        t578 = c * t577
        t580 = ((t321 * t411) + (t307 * t450)) + (t256 * t577)
        t586 = t252 * t539
        t587 = ((t243 * t578) * (2.0 * t252)) + (t241 * t539)
        t589 = t252 * t541
        t593 = (t587 + (t240 * t541)) * (0.5 * (1.0 / t252))
        t598 = where(t246, (-(t593 * (t250 * t251))), 0.0)
        t602 = (t255 * t578) + (c * t598)
        t604 = t242 * t602
        t608 = gamma * t586
        t609 = ((t239 * t602) * (gamma * 2.0)) + (t237 * t586)
        t611 = gamma * t589
        t612 = t609 + (t236 * t589)
        t618 = t235 * t608
        t619 = ((t195 * t604) * (2.0 * t235)) + (t194 * t608)
        t621 = t235 * t611
        t622 = t619 + (t193 * t611)
        t624 = t234 * t622
        t628 = (t234 * (t234 * t234)) * ((-0.5) * (t232 * t622))
        t629 = where(t200, 0.0, t624)
        t630 = where(t200, t624, 0.0)
        t638 = ((t230 * t629) * (1.0 / t227)) - (t629 * (t230 * t231))
        t640 = t203 * t630
        t642 = t203 * t640
        t645 = t203 * t642
        t646 = ((t222 * t630) + (t219 * t640)) + (t216 * t642)
        t648 = t203 * t645
        t651 = t203 * t648
        t655 = ((t646 + (t213 * t645)) + (t210 * t648)) + (t207 * t651)
        t657 = t655 + ((-0.01396484375) * (t203 * t651))
        t663 = where(t200, t657, 0.0) + where(t200, 0.0, (t638 * (t230 * 0.5)))
        t668 = t198 * t663
        t669 = t628 - (t663 * (t198 * t199))
        t673 = (t238 * t604) + (c * t668)
        t684 = (-(t669 * (t184 * t196))) - (t673 * (t184 * t195))
        t689 = (t153 * t618) + (t152 * t621)
        t695 = (((t312 * t430) + t446) + (t296 * t449)) + (t184 * t689)
        t703 = (-(t87 * t618)) - (t86 * t621)
        t708 = t184 * t703
        t709 = (t684 - (t689 * (t184 * t190))) - (t703 * (t184 * t185))
        t711 = (t184 * t669) + t709
        t712 = t708 + t709
        t713 = t98 * t711
        t715 = (t695 + t708) + (t163 * t711)
        t718 = ((t580 + (t243 * t598)) + (t195 * t668)) + (t179 * t712)
        t719 = (t184 * t673) + (c * t712)
        t723 = t170 * (ww * t719)
        t726 = ew * t719
        t730 = (t723 + t723) + (t173 * t726)
        t735 = t169 * (ee * t719)
        t737 = t735 + ((2.0 * (t170 * t726)) + t735)
        t739 = (t190 * t618) + t730
        t741 = (t190 * t621) + t737
        t743 = ((t313 * t360) + t466) - ((t185 * t618) + t730)
        t745 = ((t313 * t362) + t472) - ((t185 * t621) + t737)
        t746 = where(t125, 0.0, t713)
        t747 = where(t125, t713, 0.0)
        t757 = (4.0 * (t161 * t746)) - ((t746 * (t161 * t162)) * (2.0 * t146))
        t764 = (t124 * t747) * (2.0 * t142)
        t768 = t128 * t764
        t772 = t128 * t768
        t777 = t128 * t772
        t779 = ((-(t140 * t764)) - (t138 * t768)) - (t136 * t772)
        t782 = t128 * t777
        t787 = t128 * t782
        t794 = ((t779 - (t134 * t777)) - (t132 * t782)) - (t130 * t787)
        t795 = (-0.0014558343870513183) * (t128 * t787)
        t799 = where(t125, (t794 - t795), 0.0) - (t156 * t747)
        t803 = t149 * 0.5
        t805 = where(t125, 0.0, (((-2.0) * (t144 * t757)) * t803))
        t811 = (t121 * t739) + (t120 * t741)
        t812 = where(t125, 0.0, t811)
        t813 = where(t125, t811, 0.0)
        t822 = ((t149 * t812) * (1.0 - (t148 * t148))) - (t812 * (t149 * t150))
        t824 = t128 * t813
        t826 = t128 * t824
        t829 = t128 * t826
        t830 = ((t140 * t813) + (t138 * t824)) + (t136 * t826)
        t832 = t128 * t829
        t835 = t128 * t832
        t839 = ((t830 + (t134 * t829)) + (t132 * t832)) + (t130 * t835)
        t840 = (-0.0014558343870513183) * (t128 * t835)
        t843 = (t799 + t805) + where(t125, (t839 + t840), 0.0)
        t846 = t843 + where(t125, 0.0, (t803 * t822))
        t847 = c * t846
        t855 = ((t107 * t847) * (2.0 * t119)) + (y2 * (t151 * t739))
        t860 = (t855 + (y1 * (t151 * t741))) * (0.5 * (1.0 / t119))
        t863 = t860 * (t117 * t118)
        t870 = (t122 * t847) + where(t110, (-(t112 * t863)), 0.0)
        t871 = where(t109, (-(t114 * t863)), 0.0)
        t875 = t870 + (c * t871)
        t877 = ((t305 * t457) + (t177 * t719)) + (t105 * t875)
        t879 = ((t302 * t457) + (t174 * t719)) + (t102 * t875)
        t881 = ((t299 * t457) + (t171 * t719)) + (t99 * t875)
        t882 = where(t50, 0.0, t715)
        t883 = where(t50, t715, 0.0)
        t893 = (4.0 * (t96 * t882)) - ((t882 * (t96 * t97)) * (2.0 * t80))
        t900 = (t48 * t883) * (2.0 * t75)
        t904 = t54 * t900
        t908 = t54 * t904
        t913 = t54 * t908
        t915 = ((-(t73 * t900)) - (t70 * t904)) - (t67 * t908)
        t918 = t54 * t913
        t923 = t54 * t918
        t930 = ((t915 - (t64 * t913)) - (t61 * t918)) - (t58 * t923)
        t933 = t930 - ((-0.0014558343870513183) * (t54 * t923))
        t939 = t83 * 0.5
        t941 = where(t50, 0.0, (((-2.0) * (t78 * t893)) * t939))
        t942 = (where(t50, t933, 0.0) - (t90 * t883)) + t941
        t947 = (t45 * t743) + (t44 * t745)
        t948 = where(t50, 0.0, t947)
        t949 = where(t50, t947, 0.0)
        t958 = ((t83 * t948) * (1.0 - (t82 * t82))) - (t948 * (t83 * t84))
        t960 = t54 * t949
        t962 = t54 * t960
        t965 = t54 * t962
        t966 = ((t73 * t949) + (t70 * t960)) + (t67 * t962)
        t968 = t54 * t965
        t971 = t54 * t968
        t975 = ((t966 + (t64 * t965)) + (t61 * t968)) + (t58 * t971)
        t977 = t975 + ((-0.0014558343870513183) * (t54 * t971))
        t982 = (t942 + where(t50, t977, 0.0)) + where(t50, 0.0, (t939 * t958))
        t983 = c * t982
        t985 = ((t718 + (t123 * t846)) + (t107 * t871)) + (t47 * t982)
        t991 = ((t31 * t983) * (2.0 * t43)) + (x2 * (t85 * t743))
        t996 = (t991 + (x1 * (t85 * t745))) * (0.5 * (1.0 / t43))
        t999 = t996 * (t41 * t42)
        t1006 = (t46 * t983) + where(t34, (-(t36 * t999)), 0.0)
        t1007 = where(t33, (-(t38 * t999)), 0.0)
        t1010 = t985 + (t31 * t1007)
        t1011 = t1006 + (c * t1007)
        t1013 = t877 + (t29 * t1011)
        t1015 = t879 + (t26 * t1011)
        t1017 = t881 + (t22 * t1011)
        S[A * ROWS + r] = t355
        S[B * ROWS + r] = t356
        S[D_EE * ROWS + r] = t1017
        S[D_EW * ROWS + r] = t1015
        S[D_WW * ROWS + r] = t1013
        S[D_C * ROWS + r] = t1010
        S[D_GAMMA * ROWS + r] = t612


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
def planes(x, y, S):
    """The bases of the rows of a block: their Gram matrices, and the coordinates of `x` and `y` in them."""
    for r in range(len(x)):
        S[EE * ROWS + r], S[EW * ROWS + r], S[WW * ROWS + r] = inner_products(x[r], y[r])
    parallel = 0.0
    for r in range(ROWS):
        xx, xy, yy = S[EE * ROWS + r], S[EW * ROWS + r], S[WW * ROWS + r]
        swap = yy > xx
        ee, oo = where(swap, yy, xx), where(swap, xx, yy)
        k = where(ee > 0.0, xy, 0.0) / where(ee > 0.0, ee, 1.0)
        ww = oo - k * xy
        nearly = where(ww < NEARLY_PARALLEL * oo, 1.0, 0.0)
        parallel += nearly
        S[EE * ROWS + r] = ee
        S[EW * ROWS + r] = nearly
        S[WW * ROWS + r] = ww
        S[X1 * ROWS + r] = where(swap, k, 1.0)
        S[X2 * ROWS + r] = where(swap, 1.0, 0.0)
        S[Y1 * ROWS + r] = where(swap, 1.0, k)
        S[Y2 * ROWS + r] = where(swap, 0.0, 1.0)
    if parallel > 0.0:
        for r in range(len(x)):
            if S[EW * ROWS + r] > 0.0:
                k, swap = basis_of(S, r)
                e, o = (y[r], x[r]) if swap else (x[r], y[r])
                S[EW * ROWS + r], S[WW * ROWS + r] = remainder(e, o, k)


@jit
def basis_of(S, r):
    """`k` of a row, and whether `e` is `y`."""
    swap = S[X2 * ROWS + r] > 0.0
    return where(swap, S[X1 * ROWS + r], S[Y1 * ROWS + r]), swap


@jit(any_order=True)
def combine(x, y, a, b, out):
    """`a·x + b·y`."""
    for j in range(len(x)):
        out[j] = a * np.float64(x[j]) + b * np.float64(y[j])


@jit(any_order=True)
def combine_gradients(g, x, y, of_x, of_y, dx, dy):
    """The gradients of `x` and `y` as combinations of `g`, `x` and `y`."""
    a0, a1, a2 = of_x
    b0, b1, b2 = of_y
    for j in range(len(g)):
        u = np.float64(g[j])
        v = np.float64(x[j])
        w = np.float64(y[j])
        dx[j] = a0 * u + a1 * v + a2 * w
        dy[j] = b0 * u + b1 * v + b2 * w


@jit(once=True)
def forward_block(block, x, y, numbers, out):
    """The results of one block of rows."""
    some = slice(block * ROWS, min(block * ROWS + ROWS, len(x)))
    x, y, out = x[some], y[some], out[some]
    S = np.zeros(SLOTS * ROWS)
    planes(x, y, S)
    forward_scalars(S, numbers)
    for r in range(ROWS):
        k, swap = basis_of(S, r)
        a, b = S[A * ROWS + r], S[B * ROWS + r]
        a -= k * b
        S[A * ROWS + r] = where(swap, b, a)
        S[B * ROWS + r] = where(swap, a, b)
    for r in range(len(x)):
        combine(x[r], y[r], S[A * ROWS + r], S[B * ROWS + r], out[r])


@jit
def significant(coefficient, length2, size):
    """The coefficient of a vector, zero where the two are no more than the rounding of a gradient of that size."""
    return where(coefficient * coefficient * length2 > size, coefficient, 0.0)


@jit
def held(gradient, bound):
    """A gradient with respect to an inner product, held to what the vectors' type can take: see `gyrovector.widen`."""
    gradient = where(gradient > bound, bound, gradient)
    return where(gradient < -bound, -bound, gradient)


@jit(once=True)
def backward_block(block, x, y, g, numbers, bound, dx, dy, sums):
    """The gradients of one block of rows; those of the numbers are summed over the block."""
    some = slice(block * ROWS, min(block * ROWS + ROWS, len(x)))
    x, y, g, dx, dy = x[some], y[some], g[some], dx[some], dy[some]
    S = np.zeros(SLOTS * ROWS)
    planes(x, y, S)
    for r in range(len(x)):
        S[G_A * ROWS + r], S[G_B * ROWS + r] = inner_products_with(g[r], x[r], y[r])
    for r in range(ROWS):
        k, swap = basis_of(S, r)
        gx, gy = S[G_A * ROWS + r], S[G_B * ROWS + r]
        S[G_A * ROWS + r] = where(swap, gy, gx)
        S[G_B * ROWS + r] = where(swap, gx - k * gy, gy - k * gx)
    backward_scalars(S, numbers)
    for i in range(SLOTS - D_C):
        total = 0.0
        for r in range(len(x)):
            total += S[(D_C + i) * ROWS + r]
        sums[block, i] = total
    C = np.empty(6 * ROWS)
    for r in range(ROWS):
        k, swap = basis_of(S, r)
        ee, ww = S[EE * ROWS + r], S[WW * ROWS + r]
        oo = ww + k * k * ee
        along_e, along_w = S[G_A * ROWS + r], S[G_B * ROWS + r]
        size = ROUNDING**2 * (along_e * along_e / (ee + TINY) + along_w * along_w / (ww + TINY))
        a, b = S[A * ROWS + r], S[B * ROWS + r]
        by_ee = held(S[D_EE * ROWS + r], bound)
        by_ew = held(S[D_EW * ROWS + r], bound)
        by_ww = held(S[D_WW * ROWS + r], bound)
        # With d‖e‖² = 2⟨e, de⟩, d⟨e, w⟩ = ⟨w, de⟩ + ⟨e, dw⟩, d‖w‖² = 2⟨w, dw⟩ and dw = do - k·de
        across = by_ew - 2.0 * k * by_ww
        e_by_g = significant(a - k * b, 1.0, ROUNDING**2)
        e_by_e = significant(2.0 * by_ee - k * by_ew - k * across, ee, size)
        e_by_o = significant(across, oo, size)
        o_by_g = significant(b, 1.0, ROUNDING**2)
        o_by_e = significant(across, ee, size)
        o_by_o = significant(2.0 * by_ww, oo, size)
        C[r] = where(swap, o_by_g, e_by_g)
        C[ROWS + r] = where(swap, o_by_o, e_by_e)
        C[2 * ROWS + r] = where(swap, o_by_e, e_by_o)
        C[3 * ROWS + r] = where(swap, e_by_g, o_by_g)
        C[4 * ROWS + r] = where(swap, e_by_o, o_by_e)
        C[5 * ROWS + r] = where(swap, e_by_e, o_by_o)
    for r in range(len(x)):
        of_x = C[r], C[ROWS + r], C[2 * ROWS + r]
        of_y = C[3 * ROWS + r], C[4 * ROWS + r], C[5 * ROWS + r]
        combine_gradients(g[r], x[r], y[r], of_x, of_y, dx[r], dy[r])


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
