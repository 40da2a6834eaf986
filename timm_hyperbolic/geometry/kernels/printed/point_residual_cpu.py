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
        t34 = z2_max * (1.0 / where(t31, t30, z2_max))
        t37 = r2_edge <= t29
        t40 = r2_max * (1.0 / where(t37, t29, r2_max))
        t43 = where(t31, sqrt(t34), 1.0) * where(t37, sqrt(t40), 1.0)
        t48 = c * (t29 * (t43 * t43))
        t50 = t48 < 0.015625
        t52 = sqrt(where(t50, 1.0, t48))
        t54 = where(t50, t48, 0.0)
        t58 = (t54 * (-0.0014558343870513183)) + 0.003592128036572481
        t62 = t54 * ((t54 * t58) + (-0.008863235529902197))
        t67 = (t54 * (t62 + 0.021869488536155203)) + (-0.05396825396825397)
        t71 = t54 * ((t54 * t67) + 0.13333333333333333)
        t75 = 1.0 + (t54 * (t71 + (-0.3333333333333333)))
        t78 = exp((t52 * (-2.0)))
        t80 = 1.0 + t78
        t84 = ((1.0 - t78) * (1.0 / t80)) * (1.0 / t52)
        t85 = where(t50, t75, t84)
        t86 = (x1 * t43) * t85
        t87 = (x2 * t43) * t85
        t98 = where(t50, (1.0 - (t48 * (t75 * t75))), ((t78 * 4.0) * (1.0 / (t80 * t80))))
        t104 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * 2.0)))
        t107 = t104 + (ww * (y2 * y2))
        t108 = c * t107
        t109 = z2_edge <= t108
        t112 = z2_max * (1.0 / where(t109, t108, z2_max))
        t115 = r2_edge <= t107
        t118 = r2_max * (1.0 / where(t115, t107, r2_max))
        t121 = where(t109, sqrt(t112), 1.0) * where(t115, sqrt(t118), 1.0)
        t126 = c * (t107 * (t121 * t121))
        t127 = t126 < 0.015625
        t129 = sqrt(where(t127, 1.0, t126))
        t130 = where(t127, t126, 0.0)
        t132 = 0.003592128036572481 + ((-0.0014558343870513183) * t130)
        t135 = t130 * ((-0.008863235529902197) + (t130 * t132))
        t138 = (-0.05396825396825397) + (t130 * (0.021869488536155203 + t135))
        t141 = t130 * (0.13333333333333333 + (t130 * t138))
        t144 = 1.0 + (t130 * ((-0.3333333333333333) + t141))
        t146 = exp(((-2.0) * t129))
        t148 = 1.0 + t146
        t152 = ((1.0 - t146) * (1.0 / t148)) * (1.0 / t129)
        t153 = where(t127, t144, t152)
        t154 = (y1 * t121) * t153
        t155 = (y2 * t121) * t153
        t165 = where(t127, (1.0 - (t126 * (t144 * t144))), ((4.0 * t146) * (1.0 / (t148 * t148))))
        t171 = t154 - t86
        t172 = t155 - t87
        t178 = (ee * (t171 * t171)) + (ew * (t172 * (2.0 * t171)))
        t181 = t178 + (ww * (t172 * t172))
        t182 = c * t181
        t183 = t98 * t165
        t186 = 1.0 / (t182 + t183)
        t187 = (t98 + t182) * t186
        t192 = t98 * t186
        t197 = t181 * t186
        t198 = t183 * t186
        t201 = (c * t197) * (1.0 / t198)
        t202 = t201 < 0.015625
        t204 = sqrt(where(t202, 1.0, t201))
        t205 = where(t202, t201, 0.0)
        t209 = (t205 * (-0.01396484375)) + 0.017352764423076924
        t213 = t205 * ((t205 * t209) + (-0.022372159090909092))
        t218 = (t205 * (t213 + 0.030381944444444444)) + (-0.044642857142857144)
        t224 = (t205 * ((t205 * t218) + 0.075)) + (-0.16666666666666666)
        t231 = log((t204 + sqrt((1.0 + (t204 * t204)))))
        t234 = where(t202, (1.0 + (t205 * t224)), (t231 * (1.0 / t204)))
        t237 = t234 * (1.0 / sqrt(t198))
        t242 = gamma * (((t154 * t192) - (t86 * t187)) * t237)
        t243 = gamma * (((t155 * t192) - (t87 * t187)) * t237)
        t245 = (t197 * (t237 * t237)) * (gamma * gamma)
        t246 = c * t245
        t248 = 31364.092861833193 <= t246
        t251 = 1.0 / where(t248, t246, 31364.092861833666)
        t254 = where(t248, sqrt((31364.092861833666 * t251)), 1.0)
        t259 = c * (t245 * (t254 * t254))
        t260 = t259 < 0.015625
        t262 = sqrt(where(t260, 1.0, t259))
        t263 = where(t260, t259, 0.0)
        t265 = 0.003592128036572481 + ((-0.0014558343870513183) * t263)
        t268 = t263 * ((-0.008863235529902197) + (t263 * t265))
        t271 = (-0.05396825396825397) + (t263 * (0.021869488536155203 + t268))
        t274 = t263 * (0.13333333333333333 + (t263 * t271))
        t277 = 1.0 + (t263 * ((-0.3333333333333333) + t274))
        t279 = exp(((-2.0) * t262))
        t281 = 1.0 + t279
        t285 = ((1.0 - t279) * (1.0 / t281)) * (1.0 / t262)
        t286 = where(t260, t277, t285)
        t287 = (t242 * t254) * t286
        t288 = (t243 * t254) * t286
        t298 = where(t260, (1.0 - (t259 * (t277 * t277))), ((4.0 * t279) * (1.0 / (t281 * t281))))
        t299 = t86 + t287
        t300 = t87 + t288
        t306 = (ee * (t299 * t299)) + (ew * (t300 * (2.0 * t299)))
        t309 = t306 + (ww * (t300 * t300))
        t310 = c * t309
        t311 = t98 * t298
        t314 = 1.0 / (t310 + t311)
        t315 = (t98 + t310) * t314
        t318 = t98 * t314
        t324 = t311 * t314
        t327 = (c * (t309 * t314)) * (1.0 / t324)
        t328 = t327 < 0.015625
        t330 = sqrt(where(t328, 1.0, t327))
        t331 = where(t328, t327, 0.0)
        t333 = 0.017352764423076924 + ((-0.01396484375) * t331)
        t336 = t331 * ((-0.022372159090909092) + (t331 * t333))
        t339 = (-0.044642857142857144) + (t331 * (0.030381944444444444 + t336))
        t343 = (-0.16666666666666666) + (t331 * (0.075 + (t331 * t339)))
        t350 = log((t330 + sqrt((1.0 + (t330 * t330)))))
        t353 = where(t328, (1.0 + (t331 * t343)), (t350 * (1.0 / t330)))
        t356 = t353 * (1.0 / sqrt(t324))
        t357 = ((t86 * t315) + (t287 * t318)) * t356
        t358 = ((t87 * t315) + (t288 * t318)) * t356
        S[A * ROWS + r] = t357
        S[B * ROWS + r] = t358


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
        t35 = 1.0 / where(t33, t32, z2_max)
        t36 = z2_max * t35
        t37 = sqrt(t36)
        t38 = where(t33, t37, 1.0)
        t39 = r2_edge <= t31
        t41 = 1.0 / where(t39, t31, r2_max)
        t42 = r2_max * t41
        t43 = sqrt(t42)
        t44 = where(t39, t43, 1.0)
        t45 = t38 * t44
        t46 = x1 * t45
        t47 = x2 * t45
        t48 = t45 * t45
        t49 = t31 * t48
        t50 = c * t49
        t52 = t50 < 0.015625
        t54 = sqrt(where(t52, 1.0, t50))
        t56 = where(t52, t50, 0.0)
        t60 = (t56 * (-0.0014558343870513183)) + 0.003592128036572481
        t63 = (t56 * t60) + (-0.008863235529902197)
        t66 = (t56 * t63) + 0.021869488536155203
        t69 = (t56 * t66) + (-0.05396825396825397)
        t72 = (t56 * t69) + 0.13333333333333333
        t75 = (t56 * t72) + (-0.3333333333333333)
        t77 = 1.0 + (t56 * t75)
        t80 = exp((t54 * (-2.0)))
        t82 = 1.0 + t80
        t84 = (1.0 - t80) * (1.0 / t82)
        t85 = 1.0 / t54
        t86 = t84 * t85
        t87 = where(t52, t77, t86)
        t88 = t46 * t87
        t89 = t47 * t87
        t92 = t77 * t77
        t98 = 1.0 / (t82 * t82)
        t99 = (t80 * 4.0) * t98
        t100 = where(t52, (1.0 - (t50 * t92)), t99)
        t101 = y1 * y1
        t104 = y2 * (y1 * 2.0)
        t107 = y2 * y2
        t109 = ((ee * t101) + (ew * t104)) + (ww * t107)
        t110 = c * t109
        t111 = z2_edge <= t110
        t113 = 1.0 / where(t111, t110, z2_max)
        t114 = z2_max * t113
        t115 = sqrt(t114)
        t116 = where(t111, t115, 1.0)
        t117 = r2_edge <= t109
        t119 = 1.0 / where(t117, t109, r2_max)
        t120 = r2_max * t119
        t121 = sqrt(t120)
        t122 = where(t117, t121, 1.0)
        t123 = t116 * t122
        t124 = y1 * t123
        t125 = y2 * t123
        t126 = t123 * t123
        t127 = t109 * t126
        t128 = c * t127
        t129 = t128 < 0.015625
        t131 = sqrt(where(t129, 1.0, t128))
        t132 = where(t129, t128, 0.0)
        t134 = 0.003592128036572481 + ((-0.0014558343870513183) * t132)
        t136 = (-0.008863235529902197) + (t132 * t134)
        t138 = 0.021869488536155203 + (t132 * t136)
        t140 = (-0.05396825396825397) + (t132 * t138)
        t142 = 0.13333333333333333 + (t132 * t140)
        t144 = (-0.3333333333333333) + (t132 * t142)
        t146 = 1.0 + (t132 * t144)
        t148 = exp(((-2.0) * t131))
        t150 = 1.0 + t148
        t152 = (1.0 - t148) * (1.0 / t150)
        t153 = 1.0 / t131
        t154 = t152 * t153
        t155 = where(t129, t146, t154)
        t156 = t124 * t155
        t157 = t125 * t155
        t160 = t146 * t146
        t165 = 1.0 / (t150 * t150)
        t166 = (4.0 * t148) * t165
        t167 = where(t129, (1.0 - (t128 * t160)), t166)
        t173 = t156 - t88
        t174 = t157 - t89
        t175 = t173 * t173
        t177 = 2.0 * t173
        t178 = t174 * t177
        t181 = t174 * t174
        t183 = ((ee * t175) + (ew * t178)) + (ww * t181)
        t184 = c * t183
        t185 = t100 * t167
        t188 = 1.0 / (t184 + t185)
        t189 = (t100 + t184) * t188
        t194 = t100 * t188
        t197 = (t156 * t194) - (t88 * t189)
        t198 = (t157 * t194) - (t89 * t189)
        t199 = t183 * t188
        t200 = t185 * t188
        t202 = 1.0 / t200
        t203 = (c * t199) * t202
        t204 = t203 < 0.015625
        t206 = sqrt(where(t204, 1.0, t203))
        t207 = where(t204, t203, 0.0)
        t211 = (t207 * (-0.01396484375)) + 0.017352764423076924
        t214 = (t207 * t211) + (-0.022372159090909092)
        t217 = (t207 * t214) + 0.030381944444444444
        t220 = (t207 * t217) + (-0.044642857142857144)
        t223 = (t207 * t220) + 0.075
        t226 = (t207 * t223) + (-0.16666666666666666)
        t231 = sqrt((1.0 + (t206 * t206)))
        t234 = 1.0 / t206
        t235 = log((t206 + t231)) * t234
        t236 = where(t204, (1.0 + (t207 * t226)), t235)
        t238 = 1.0 / sqrt(t200)
        t239 = t236 * t238
        t240 = t197 * t239
        t241 = t198 * t239
        t242 = t239 * t239
        t243 = t199 * t242
        t244 = gamma * t240
        t245 = gamma * t241
        t246 = gamma * gamma
        t247 = t243 * t246
        t248 = c * t247
        t250 = 31364.092861833193 <= t248
        t253 = 1.0 / where(t250, t248, 31364.092861833666)
        t255 = sqrt((31364.092861833666 * t253))
        t256 = where(t250, t255, 1.0)
        t257 = t244 * t256
        t258 = t245 * t256
        t259 = t256 * t256
        t260 = t247 * t259
        t261 = c * t260
        t262 = t261 < 0.015625
        t264 = sqrt(where(t262, 1.0, t261))
        t265 = where(t262, t261, 0.0)
        t267 = 0.003592128036572481 + ((-0.0014558343870513183) * t265)
        t269 = (-0.008863235529902197) + (t265 * t267)
        t271 = 0.021869488536155203 + (t265 * t269)
        t273 = (-0.05396825396825397) + (t265 * t271)
        t275 = 0.13333333333333333 + (t265 * t273)
        t277 = (-0.3333333333333333) + (t265 * t275)
        t279 = 1.0 + (t265 * t277)
        t281 = exp(((-2.0) * t264))
        t283 = 1.0 + t281
        t285 = (1.0 - t281) * (1.0 / t283)
        t286 = 1.0 / t264
        t287 = t285 * t286
        t288 = where(t262, t279, t287)
        t289 = t257 * t288
        t290 = t258 * t288
        t293 = t279 * t279
        t298 = 1.0 / (t283 * t283)
        t299 = (4.0 * t281) * t298
        t300 = where(t262, (1.0 - (t261 * t293)), t299)
        t301 = t88 + t289
        t302 = t89 + t290
        t303 = t301 * t301
        t305 = 2.0 * t301
        t306 = t302 * t305
        t309 = t302 * t302
        t311 = ((ee * t303) + (ew * t306)) + (ww * t309)
        t312 = c * t311
        t313 = t100 * t300
        t316 = 1.0 / (t312 + t313)
        t317 = (t100 + t312) * t316
        t320 = t100 * t316
        t323 = (t88 * t317) + (t289 * t320)
        t324 = (t89 * t317) + (t290 * t320)
        t325 = t311 * t316
        t326 = t313 * t316
        t328 = 1.0 / t326
        t329 = (c * t325) * t328
        t330 = t329 < 0.015625
        t332 = sqrt(where(t330, 1.0, t329))
        t333 = where(t330, t329, 0.0)
        t335 = 0.017352764423076924 + ((-0.01396484375) * t333)
        t337 = (-0.022372159090909092) + (t333 * t335)
        t339 = 0.030381944444444444 + (t333 * t337)
        t341 = (-0.044642857142857144) + (t333 * t339)
        t343 = 0.075 + (t333 * t341)
        t345 = (-0.16666666666666666) + (t333 * t343)
        t350 = sqrt((1.0 + (t332 * t332)))
        t353 = 1.0 / t332
        t354 = log((t332 + t350)) * t353
        t355 = where(t330, (1.0 + (t333 * t345)), t354)
        t357 = 1.0 / sqrt(t326)
        t358 = t355 * t357
        t359 = t323 * t358
        t360 = t324 * t358
        t364 = g_b * t358
        t366 = g_a * t358
        t367 = (g_b * t324) + (g_a * t323)
        t369 = t357 * t367
        t374 = (t357 * (t357 * t357)) * ((t355 * t367) * (-0.5))
        t375 = where(t330, 0.0, t369)
        t376 = where(t330, t369, 0.0)
        t384 = ((t353 * t375) * (1.0 / t350)) - (t375 * (t353 * t354))
        t386 = t333 * t376
        t388 = t333 * t386
        t391 = t333 * t388
        t392 = ((t345 * t376) + (t343 * t386)) + (t341 * t388)
        t394 = t333 * t391
        t397 = t333 * t394
        t401 = ((t392 + (t339 * t391)) + (t337 * t394)) + (t335 * t397)
        t403 = t401 + ((-0.01396484375) * (t333 * t397))
        t408 = where(t330, 0.0, (t384 * (1.0 / (2.0 * t332))))
        t409 = where(t330, t403, 0.0) + t408
        t414 = t328 * t409
        t415 = t374 - (t409 * (t328 * t329))
        t416 = c * t414
        t428 = (-(t415 * (t316 * t326))) - (t416 * (t316 * t325))
        t433 = (t290 * t364) + (t289 * t366)
        t444 = (t89 * t364) + (t88 * t366)
        t449 = t316 * t444
        t450 = (t428 - (t433 * (t316 * t320))) - (t444 * (t316 * t317))
        t452 = (t316 * t415) + t450
        t453 = t449 + t450
        t454 = t100 * t452
        t460 = (t316 * t416) + (c * t453)
        t463 = t302 * (ww * t460)
        t466 = ew * t460
        t469 = (t463 + t463) + (t305 * t466)
        t473 = t301 * (ee * t460)
        t475 = t473 + ((2.0 * (t302 * t466)) + t473)
        t477 = (t320 * t364) + t469
        t479 = (t320 * t366) + t475
        t480 = where(t262, 0.0, t454)
        t481 = where(t262, t454, 0.0)
        t491 = (4.0 * (t298 * t480)) - ((t480 * (t298 * t299)) * (2.0 * t283))
        t498 = (t261 * t481) * (2.0 * t279)
        t502 = t265 * t498
        t506 = t265 * t502
        t511 = t265 * t506
        t513 = ((-(t277 * t498)) - (t275 * t502)) - (t273 * t506)
        t516 = t265 * t511
        t521 = t265 * t516
        t528 = ((t513 - (t271 * t511)) - (t269 * t516)) - (t267 * t521)
        t529 = (-0.0014558343870513183) * (t265 * t521)
        t533 = where(t262, (t528 - t529), 0.0) - (t293 * t481)
        t537 = 1.0 / (2.0 * t264)
        t539 = where(t262, 0.0, (((-2.0) * (t281 * t491)) * t537))
        t542 = t288 * t477
        t544 = t288 * t479
        t545 = (t258 * t477) + (t257 * t479)
        t546 = where(t262, 0.0, t545)
        t547 = where(t262, t545, 0.0)
        t556 = ((t286 * t546) * (1.0 - (t285 * t285))) - (t546 * (t286 * t287))
        t558 = t265 * t547
        t560 = t265 * t558
        t563 = t265 * t560
        t564 = ((t277 * t547) + (t275 * t558)) + (t273 * t560)
        t566 = t265 * t563
        t569 = t265 * t566
        t573 = ((t564 + (t271 * t563)) + (t269 * t566)) + (t267 * t569)
        t574 = (-0.0014558343870513183) * (t265 * t569)
        t577 = (t533 + t539) + where(t262, (t573 + t574), 0.0)
        t580 = t577 + where(t262, 0.0, (t537 * t556))
        t581 = c * t580
        t583 = ((t325 * t414) + (t311 * t453)) + (t260 * t580)
        t589 = t256 * t542
        t590 = ((t247 * t581) * (2.0 * t256)) + (t245 * t542)
        t592 = t256 * t544
        t594 = where(t250, (t590 + (t244 * t544)), 0.0)
        t598 = 31364.092861833666 * (t594 * (1.0 / (2.0 * t255)))
        t603 = where(t250, (-(t598 * (t253 * t253))), 0.0)
        t607 = (t259 * t581) + (c * t603)
        t609 = t246 * t607
        t613 = gamma * t589
        t614 = ((t243 * t607) * (gamma * 2.0)) + (t241 * t589)
        t616 = gamma * t592
        t617 = t614 + (t240 * t592)
        t623 = t239 * t613
        t624 = ((t199 * t609) * (2.0 * t239)) + (t198 * t613)
        t626 = t239 * t616
        t627 = t624 + (t197 * t616)
        t629 = t238 * t627
        t633 = (t238 * (t238 * t238)) * ((-0.5) * (t236 * t627))
        t634 = where(t204, 0.0, t629)
        t635 = where(t204, t629, 0.0)
        t643 = ((t234 * t634) * (1.0 / t231)) - (t634 * (t234 * t235))
        t645 = t207 * t635
        t647 = t207 * t645
        t650 = t207 * t647
        t651 = ((t226 * t635) + (t223 * t645)) + (t220 * t647)
        t653 = t207 * t650
        t656 = t207 * t653
        t660 = ((t651 + (t217 * t650)) + (t214 * t653)) + (t211 * t656)
        t662 = t660 + ((-0.01396484375) * (t207 * t656))
        t667 = where(t204, 0.0, (t643 * (1.0 / (2.0 * t206))))
        t668 = where(t204, t662, 0.0) + t667
        t673 = t202 * t668
        t674 = t633 - (t668 * (t202 * t203))
        t678 = (t242 * t609) + (c * t673)
        t689 = (-(t674 * (t188 * t200))) - (t678 * (t188 * t199))
        t694 = (t157 * t623) + (t156 * t626)
        t700 = (((t316 * t433) + t449) + (t300 * t452)) + (t188 * t694)
        t708 = (-(t89 * t623)) - (t88 * t626)
        t713 = t188 * t708
        t714 = (t689 - (t694 * (t188 * t194))) - (t708 * (t188 * t189))
        t716 = (t188 * t674) + t714
        t717 = t713 + t714
        t718 = t100 * t716
        t720 = (t700 + t713) + (t167 * t716)
        t723 = ((t583 + (t247 * t603)) + (t199 * t673)) + (t183 * t717)
        t724 = (t188 * t678) + (c * t717)
        t728 = t174 * (ww * t724)
        t731 = ew * t724
        t735 = (t728 + t728) + (t177 * t731)
        t740 = t173 * (ee * t724)
        t742 = t740 + ((2.0 * (t174 * t731)) + t740)
        t744 = (t194 * t623) + t735
        t746 = (t194 * t626) + t742
        t748 = ((t317 * t364) + t469) - ((t189 * t623) + t735)
        t750 = ((t317 * t366) + t475) - ((t189 * t626) + t742)
        t751 = where(t129, 0.0, t718)
        t752 = where(t129, t718, 0.0)
        t762 = (4.0 * (t165 * t751)) - ((t751 * (t165 * t166)) * (2.0 * t150))
        t769 = (t128 * t752) * (2.0 * t146)
        t773 = t132 * t769
        t777 = t132 * t773
        t782 = t132 * t777
        t784 = ((-(t144 * t769)) - (t142 * t773)) - (t140 * t777)
        t787 = t132 * t782
        t792 = t132 * t787
        t799 = ((t784 - (t138 * t782)) - (t136 * t787)) - (t134 * t792)
        t800 = (-0.0014558343870513183) * (t132 * t792)
        t804 = where(t129, (t799 - t800), 0.0) - (t160 * t752)
        t808 = 1.0 / (2.0 * t131)
        t810 = where(t129, 0.0, (((-2.0) * (t148 * t762)) * t808))
        t816 = (t125 * t744) + (t124 * t746)
        t817 = where(t129, 0.0, t816)
        t818 = where(t129, t816, 0.0)
        t827 = ((t153 * t817) * (1.0 - (t152 * t152))) - (t817 * (t153 * t154))
        t829 = t132 * t818
        t831 = t132 * t829
        t834 = t132 * t831
        t835 = ((t144 * t818) + (t142 * t829)) + (t140 * t831)
        t837 = t132 * t834
        t840 = t132 * t837
        t844 = ((t835 + (t138 * t834)) + (t136 * t837)) + (t134 * t840)
        t845 = (-0.0014558343870513183) * (t132 * t840)
        t848 = (t804 + t810) + where(t129, (t844 + t845), 0.0)
        t851 = t848 + where(t129, 0.0, (t808 * t827))
        t852 = c * t851
        t860 = ((t109 * t852) * (2.0 * t123)) + (y2 * (t155 * t744))
        t862 = t860 + (y1 * (t155 * t746))
        t868 = where(t117, (t116 * t862), 0.0) * (1.0 / (2.0 * t121))
        t873 = where(t117, (-(t868 * (t119 * t120))), 0.0)
        t878 = where(t111, (t122 * t862), 0.0) * (1.0 / (2.0 * t115))
        t883 = where(t111, (-(t878 * (t113 * t114))), 0.0)
        t887 = ((t126 * t852) + t873) + (c * t883)
        t889 = ((t309 * t460) + (t181 * t724)) + (t107 * t887)
        t891 = ((t306 * t460) + (t178 * t724)) + (t104 * t887)
        t893 = ((t303 * t460) + (t175 * t724)) + (t101 * t887)
        t894 = where(t52, 0.0, t720)
        t895 = where(t52, t720, 0.0)
        t905 = (4.0 * (t98 * t894)) - ((t894 * (t98 * t99)) * (2.0 * t82))
        t912 = (t50 * t895) * (2.0 * t77)
        t916 = t56 * t912
        t920 = t56 * t916
        t925 = t56 * t920
        t927 = ((-(t75 * t912)) - (t72 * t916)) - (t69 * t920)
        t930 = t56 * t925
        t935 = t56 * t930
        t942 = ((t927 - (t66 * t925)) - (t63 * t930)) - (t60 * t935)
        t945 = t942 - ((-0.0014558343870513183) * (t56 * t935))
        t951 = 1.0 / (2.0 * t54)
        t953 = where(t52, 0.0, (((-2.0) * (t80 * t905)) * t951))
        t954 = (where(t52, t945, 0.0) - (t92 * t895)) + t953
        t959 = (t47 * t748) + (t46 * t750)
        t960 = where(t52, 0.0, t959)
        t961 = where(t52, t959, 0.0)
        t970 = ((t85 * t960) * (1.0 - (t84 * t84))) - (t960 * (t85 * t86))
        t972 = t56 * t961
        t974 = t56 * t972
        t977 = t56 * t974
        t978 = ((t75 * t961) + (t72 * t972)) + (t69 * t974)
        t980 = t56 * t977
        t983 = t56 * t980
        t987 = ((t978 + (t66 * t977)) + (t63 * t980)) + (t60 * t983)
        t989 = t987 + ((-0.0014558343870513183) * (t56 * t983))
        t994 = (t954 + where(t52, t989, 0.0)) + where(t52, 0.0, (t951 * t970))
        t995 = c * t994
        t997 = ((t723 + (t127 * t851)) + (t109 * t883)) + (t49 * t994)
        t1003 = ((t31 * t995) * (2.0 * t45)) + (x2 * (t87 * t748))
        t1005 = t1003 + (x1 * (t87 * t750))
        t1011 = where(t39, (t38 * t1005), 0.0) * (1.0 / (2.0 * t43))
        t1016 = where(t39, (-(t1011 * (t41 * t42))), 0.0)
        t1021 = where(t33, (t44 * t1005), 0.0) * (1.0 / (2.0 * t37))
        t1026 = where(t33, (-(t1021 * (t35 * t36))), 0.0)
        t1029 = t997 + (t31 * t1026)
        t1030 = ((t48 * t995) + t1016) + (c * t1026)
        t1032 = t889 + (t29 * t1030)
        t1034 = t891 + (t26 * t1030)
        t1036 = t893 + (t22 * t1030)
        S[A * ROWS + r] = t359
        S[B * ROWS + r] = t360
        S[D_EE * ROWS + r] = t1036
        S[D_EW * ROWS + r] = t1034
        S[D_WW * ROWS + r] = t1032
        S[D_C * ROWS + r] = t1029
        S[D_GAMMA * ROWS + r] = t617


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
