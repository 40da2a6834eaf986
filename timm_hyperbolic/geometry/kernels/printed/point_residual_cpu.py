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
        t410 = where(t330, t403, 0.0) + where(t330, 0.0, (t384 * (t353 * 0.5)))
        t415 = t328 * t410
        t416 = t374 - (t410 * (t328 * t329))
        t417 = c * t415
        t429 = (-(t416 * (t316 * t326))) - (t417 * (t316 * t325))
        t434 = (t290 * t364) + (t289 * t366)
        t445 = (t89 * t364) + (t88 * t366)
        t450 = t316 * t445
        t451 = (t429 - (t434 * (t316 * t320))) - (t445 * (t316 * t317))
        t453 = (t316 * t416) + t451
        t454 = t450 + t451
        t455 = t100 * t453
        t461 = (t316 * t417) + (c * t454)
        t464 = t302 * (ww * t461)
        t467 = ew * t461
        t470 = (t464 + t464) + (t305 * t467)
        t474 = t301 * (ee * t461)
        t476 = t474 + ((2.0 * (t302 * t467)) + t474)
        t478 = (t320 * t364) + t470
        t480 = (t320 * t366) + t476
        t481 = where(t262, 0.0, t455)
        t482 = where(t262, t455, 0.0)
        t492 = (4.0 * (t298 * t481)) - ((t481 * (t298 * t299)) * (2.0 * t283))
        t499 = (t261 * t482) * (2.0 * t279)
        t503 = t265 * t499
        t507 = t265 * t503
        t512 = t265 * t507
        t514 = ((-(t277 * t499)) - (t275 * t503)) - (t273 * t507)
        t517 = t265 * t512
        t522 = t265 * t517
        t529 = ((t514 - (t271 * t512)) - (t269 * t517)) - (t267 * t522)
        t530 = (-0.0014558343870513183) * (t265 * t522)
        t534 = where(t262, (t529 - t530), 0.0) - (t293 * t482)
        t538 = t286 * 0.5
        t540 = where(t262, 0.0, (((-2.0) * (t281 * t492)) * t538))
        t543 = t288 * t478
        t545 = t288 * t480
        t546 = (t258 * t478) + (t257 * t480)
        t547 = where(t262, 0.0, t546)
        t548 = where(t262, t546, 0.0)
        t557 = ((t286 * t547) * (1.0 - (t285 * t285))) - (t547 * (t286 * t287))
        t559 = t265 * t548
        t561 = t265 * t559
        t564 = t265 * t561
        t565 = ((t277 * t548) + (t275 * t559)) + (t273 * t561)
        t567 = t265 * t564
        t570 = t265 * t567
        t574 = ((t565 + (t271 * t564)) + (t269 * t567)) + (t267 * t570)
        t575 = (-0.0014558343870513183) * (t265 * t570)
        t578 = (t534 + t540) + where(t262, (t574 + t575), 0.0)
        t581 = t578 + where(t262, 0.0, (t538 * t557))
        t582 = c * t581
        t584 = ((t325 * t415) + (t311 * t454)) + (t260 * t581)
        t590 = t256 * t543
        t591 = ((t247 * t582) * (2.0 * t256)) + (t245 * t543)
        t593 = t256 * t545
        t595 = where(t250, (t591 + (t244 * t545)), 0.0)
        t600 = 31364.092861833666 * (t595 * (0.5 * (1.0 / t255)))
        t605 = where(t250, (-(t600 * (t253 * t253))), 0.0)
        t609 = (t259 * t582) + (c * t605)
        t611 = t246 * t609
        t615 = gamma * t590
        t616 = ((t243 * t609) * (gamma * 2.0)) + (t241 * t590)
        t618 = gamma * t593
        t619 = t616 + (t240 * t593)
        t625 = t239 * t615
        t626 = ((t199 * t611) * (2.0 * t239)) + (t198 * t615)
        t628 = t239 * t618
        t629 = t626 + (t197 * t618)
        t631 = t238 * t629
        t635 = (t238 * (t238 * t238)) * ((-0.5) * (t236 * t629))
        t636 = where(t204, 0.0, t631)
        t637 = where(t204, t631, 0.0)
        t645 = ((t234 * t636) * (1.0 / t231)) - (t636 * (t234 * t235))
        t647 = t207 * t637
        t649 = t207 * t647
        t652 = t207 * t649
        t653 = ((t226 * t637) + (t223 * t647)) + (t220 * t649)
        t655 = t207 * t652
        t658 = t207 * t655
        t662 = ((t653 + (t217 * t652)) + (t214 * t655)) + (t211 * t658)
        t664 = t662 + ((-0.01396484375) * (t207 * t658))
        t670 = where(t204, t664, 0.0) + where(t204, 0.0, (t645 * (t234 * 0.5)))
        t675 = t202 * t670
        t676 = t635 - (t670 * (t202 * t203))
        t680 = (t242 * t611) + (c * t675)
        t691 = (-(t676 * (t188 * t200))) - (t680 * (t188 * t199))
        t696 = (t157 * t625) + (t156 * t628)
        t702 = (((t316 * t434) + t450) + (t300 * t453)) + (t188 * t696)
        t710 = (-(t89 * t625)) - (t88 * t628)
        t715 = t188 * t710
        t716 = (t691 - (t696 * (t188 * t194))) - (t710 * (t188 * t189))
        t718 = (t188 * t676) + t716
        t719 = t715 + t716
        t720 = t100 * t718
        t722 = (t702 + t715) + (t167 * t718)
        t725 = ((t584 + (t247 * t605)) + (t199 * t675)) + (t183 * t719)
        t726 = (t188 * t680) + (c * t719)
        t730 = t174 * (ww * t726)
        t733 = ew * t726
        t737 = (t730 + t730) + (t177 * t733)
        t742 = t173 * (ee * t726)
        t744 = t742 + ((2.0 * (t174 * t733)) + t742)
        t746 = (t194 * t625) + t737
        t748 = (t194 * t628) + t744
        t750 = ((t317 * t364) + t470) - ((t189 * t625) + t737)
        t752 = ((t317 * t366) + t476) - ((t189 * t628) + t744)
        t753 = where(t129, 0.0, t720)
        t754 = where(t129, t720, 0.0)
        t764 = (4.0 * (t165 * t753)) - ((t753 * (t165 * t166)) * (2.0 * t150))
        t771 = (t128 * t754) * (2.0 * t146)
        t775 = t132 * t771
        t779 = t132 * t775
        t784 = t132 * t779
        t786 = ((-(t144 * t771)) - (t142 * t775)) - (t140 * t779)
        t789 = t132 * t784
        t794 = t132 * t789
        t801 = ((t786 - (t138 * t784)) - (t136 * t789)) - (t134 * t794)
        t802 = (-0.0014558343870513183) * (t132 * t794)
        t806 = where(t129, (t801 - t802), 0.0) - (t160 * t754)
        t810 = t153 * 0.5
        t812 = where(t129, 0.0, (((-2.0) * (t148 * t764)) * t810))
        t818 = (t125 * t746) + (t124 * t748)
        t819 = where(t129, 0.0, t818)
        t820 = where(t129, t818, 0.0)
        t829 = ((t153 * t819) * (1.0 - (t152 * t152))) - (t819 * (t153 * t154))
        t831 = t132 * t820
        t833 = t132 * t831
        t836 = t132 * t833
        t837 = ((t144 * t820) + (t142 * t831)) + (t140 * t833)
        t839 = t132 * t836
        t842 = t132 * t839
        t846 = ((t837 + (t138 * t836)) + (t136 * t839)) + (t134 * t842)
        t847 = (-0.0014558343870513183) * (t132 * t842)
        t850 = (t806 + t812) + where(t129, (t846 + t847), 0.0)
        t853 = t850 + where(t129, 0.0, (t810 * t829))
        t854 = c * t853
        t862 = ((t109 * t854) * (2.0 * t123)) + (y2 * (t155 * t746))
        t864 = t862 + (y1 * (t155 * t748))
        t871 = where(t117, (t116 * t864), 0.0) * (0.5 * (1.0 / t121))
        t876 = where(t117, (-(t871 * (t119 * t120))), 0.0)
        t882 = where(t111, (t122 * t864), 0.0) * (0.5 * (1.0 / t115))
        t887 = where(t111, (-(t882 * (t113 * t114))), 0.0)
        t891 = ((t126 * t854) + t876) + (c * t887)
        t893 = ((t309 * t461) + (t181 * t726)) + (t107 * t891)
        t895 = ((t306 * t461) + (t178 * t726)) + (t104 * t891)
        t897 = ((t303 * t461) + (t175 * t726)) + (t101 * t891)
        t898 = where(t52, 0.0, t722)
        t899 = where(t52, t722, 0.0)
        t909 = (4.0 * (t98 * t898)) - ((t898 * (t98 * t99)) * (2.0 * t82))
        t916 = (t50 * t899) * (2.0 * t77)
        t920 = t56 * t916
        t924 = t56 * t920
        t929 = t56 * t924
        t931 = ((-(t75 * t916)) - (t72 * t920)) - (t69 * t924)
        t934 = t56 * t929
        t939 = t56 * t934
        t946 = ((t931 - (t66 * t929)) - (t63 * t934)) - (t60 * t939)
        t949 = t946 - ((-0.0014558343870513183) * (t56 * t939))
        t955 = t85 * 0.5
        t957 = where(t52, 0.0, (((-2.0) * (t80 * t909)) * t955))
        t958 = (where(t52, t949, 0.0) - (t92 * t899)) + t957
        t963 = (t47 * t750) + (t46 * t752)
        t964 = where(t52, 0.0, t963)
        t965 = where(t52, t963, 0.0)
        t974 = ((t85 * t964) * (1.0 - (t84 * t84))) - (t964 * (t85 * t86))
        t976 = t56 * t965
        t978 = t56 * t976
        t981 = t56 * t978
        t982 = ((t75 * t965) + (t72 * t976)) + (t69 * t978)
        t984 = t56 * t981
        t987 = t56 * t984
        t991 = ((t982 + (t66 * t981)) + (t63 * t984)) + (t60 * t987)
        t993 = t991 + ((-0.0014558343870513183) * (t56 * t987))
        t998 = (t958 + where(t52, t993, 0.0)) + where(t52, 0.0, (t955 * t974))
        t999 = c * t998
        t1001 = ((t725 + (t127 * t853)) + (t109 * t887)) + (t49 * t998)
        t1007 = ((t31 * t999) * (2.0 * t45)) + (x2 * (t87 * t750))
        t1009 = t1007 + (x1 * (t87 * t752))
        t1016 = where(t39, (t38 * t1009), 0.0) * (0.5 * (1.0 / t43))
        t1021 = where(t39, (-(t1016 * (t41 * t42))), 0.0)
        t1027 = where(t33, (t44 * t1009), 0.0) * (0.5 * (1.0 / t37))
        t1032 = where(t33, (-(t1027 * (t35 * t36))), 0.0)
        t1035 = t1001 + (t31 * t1032)
        t1036 = ((t48 * t999) + t1021) + (c * t1032)
        t1038 = t893 + (t29 * t1036)
        t1040 = t895 + (t26 * t1036)
        t1042 = t897 + (t22 * t1036)
        S[A * ROWS + r] = t359
        S[B * ROWS + r] = t360
        S[D_EE * ROWS + r] = t1042
        S[D_EW * ROWS + r] = t1040
        S[D_WW * ROWS + r] = t1038
        S[D_C * ROWS + r] = t1035
        S[D_GAMMA * ROWS + r] = t619


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
