"""`origin_residual`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of a formula of two vectors per row, on a CPU.

Blocks of rows are read once. For each row the inner products of its vectors give an orthogonal basis of their plane:
`e`, the longer of `x` and `y`, and `w = o - k·e` of the other one, `o`. Then the printed program computes the scalars
of all rows of the block, and the result is a combination of `e` and `o`.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp, jit, log, sqrt, where

ROWS = 16
SLOTS = 17
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
D_GAMMA_RAW = 15
D_GAMMA_SCALE = 16


@jit
def forward_scalars(S, numbers):
    """a, b of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    n_max = numbers[3]
    n_edge = numbers[4]
    u_max = numbers[5]
    u_edge = numbers[6]
    u_min = numbers[7]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    gamma_raw = numbers[11]
    gamma_scale = numbers[12]
    t168 = where((20.0 < gamma_scale), gamma_scale, log((1.0 + exp(gamma_scale))))
    t170 = gamma_raw * gamma_raw
    t171 = t170 < 0.015625
    t173 = sqrt(where(t171, 1.0, t170))
    t174 = where(t171, t170, 0.0)
    t176 = 0.003592128036572481 + ((-0.0014558343870513183) * t174)
    t179 = t174 * ((-0.008863235529902197) + (t174 * t176))
    t182 = (-0.05396825396825397) + (t174 * (0.021869488536155203 + t179))
    t185 = t174 * (0.13333333333333333 + (t174 * t182))
    t188 = 1.0 + (t174 * ((-0.3333333333333333) + t185))
    t190 = exp(((-2.0) * t173))
    t196 = ((1.0 - t190) * (1.0 / (1.0 + t190))) * (1.0 / t173)
    t199 = (1.0 + t168) * (gamma_raw * where(t171, t188, t196))
    t202 = t199 * t199
    for r in range(ROWS):
        ee = S[EE * ROWS + r]
        ew = S[EW * ROWS + r]
        ww = S[WW * ROWS + r]
        x1 = S[X1 * ROWS + r]
        x2 = S[X2 * ROWS + r]
        y1 = S[Y1 * ROWS + r]
        y2 = S[Y2 * ROWS + r]
        t27 = (ee * (x1 * x1)) + (ew * (x2 * (x1 * 2.0)))
        t30 = t27 + (ww * (x2 * x2))
        t31 = c * t30
        t32 = z2_edge <= t31
        t33 = r2_edge <= t30
        t38 = where(t32, z2_max, 1.0) * where(t33, r2_max, 1.0)
        t39 = where(t32, t31, 1.0) * where(t33, t30, 1.0)
        t42 = sqrt((t38 * (1.0 / t39)))
        t47 = c * (t30 * (t42 * t42))
        t49 = t47 < 0.015625
        t51 = sqrt(where(t49, 1.0, t47))
        t53 = where(t49, t47, 0.0)
        t57 = (t53 * (-0.0014558343870513183)) + 0.003592128036572481
        t61 = t53 * ((t53 * t57) + (-0.008863235529902197))
        t66 = (t53 * (t61 + 0.021869488536155203)) + (-0.05396825396825397)
        t70 = t53 * ((t53 * t66) + 0.13333333333333333)
        t74 = 1.0 + (t53 * (t70 + (-0.3333333333333333)))
        t77 = exp((t51 * (-2.0)))
        t80 = 1.0 / (1.0 + t77)
        t84 = where(t49, t74, (((1.0 - t77) * t80) * (1.0 / t51)))
        t85 = (x1 * t42) * t84
        t86 = (x2 * t42) * t84
        t97 = where(t49, (1.0 - (t47 * (t74 * t74))), ((t77 * 4.0) * (t80 * t80)))
        t103 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * 2.0)))
        t106 = t103 + (ww * (y2 * y2))
        t107 = c * t106
        t108 = z2_edge <= t107
        t109 = r2_edge <= t106
        t114 = where(t108, z2_max, 1.0) * where(t109, r2_max, 1.0)
        t115 = where(t108, t107, 1.0) * where(t109, t106, 1.0)
        t118 = sqrt((t114 * (1.0 / t115)))
        t203 = (t106 * (t118 * t118)) * t202
        t204 = c * t203
        t205 = z2_edge <= t204
        t206 = r2_edge <= t203
        t211 = where(t205, z2_max, 1.0) * where(t206, r2_max, 1.0)
        t212 = where(t205, t204, 1.0) * where(t206, t203, 1.0)
        t215 = sqrt((t211 * (1.0 / t212)))
        t220 = c * (t203 * (t215 * t215))
        t221 = t220 < 0.015625
        t223 = sqrt(where(t221, 1.0, t220))
        t224 = where(t221, t220, 0.0)
        t226 = 0.003592128036572481 + ((-0.0014558343870513183) * t224)
        t229 = t224 * ((-0.008863235529902197) + (t224 * t226))
        t232 = (-0.05396825396825397) + (t224 * (0.021869488536155203 + t229))
        t235 = t224 * (0.13333333333333333 + (t224 * t232))
        t238 = 1.0 + (t224 * ((-0.3333333333333333) + t235))
        t240 = exp(((-2.0) * t223))
        t243 = 1.0 / (1.0 + t240)
        t247 = where(t221, t238, (((1.0 - t240) * t243) * (1.0 / t223)))
        t248 = (((y1 * t118) * t199) * t215) * t247
        t249 = (((y2 * t118) * t199) * t215) * t247
        t259 = where(t221, (1.0 - (t220 * (t238 * t238))), ((4.0 * t240) * (t243 * t243)))
        t260 = t85 + t248
        t261 = t86 + t249
        t267 = (ee * (t260 * t260)) + (ew * (t261 * (2.0 * t260)))
        t270 = t267 + (ww * (t261 * t261))
        t271 = c * t270
        t272 = t97 * t259
        t275 = 1.0 / (t271 + t272)
        t276 = (t97 + t271) * t275
        t279 = t97 * t275
        t284 = t270 * t275
        t285 = t272 * t275
        t286 = c * t284
        t289 = (n_edge < t286) | (t285 < u_edge)
        t290 = r2_edge <= t284
        t295 = where(t289, n_max, 1.0) * where(t290, r2_max, 1.0)
        t296 = where(t289, t286, 1.0) * where(t290, t284, 1.0)
        t299 = sqrt((t295 * (1.0 / t296)))
        t302 = where(t289, u_max, where((u_min < t285), t285, u_min))
        t309 = (c * (t284 * (t299 * t299))) * (1.0 / t302)
        t310 = t309 < 0.015625
        t312 = sqrt(where(t310, 1.0, t309))
        t313 = where(t310, t309, 0.0)
        t317 = (t313 * (-0.01396484375)) + 0.017352764423076924
        t321 = t313 * ((t313 * t317) + (-0.022372159090909092))
        t326 = (t313 * (t321 + 0.030381944444444444)) + (-0.044642857142857144)
        t332 = (t313 * ((t313 * t326) + 0.075)) + (-0.16666666666666666)
        t339 = log((t312 + sqrt((1.0 + (t312 * t312)))))
        t342 = where(t310, (1.0 + (t313 * t332)), (t339 * (1.0 / t312)))
        t345 = t342 * (1.0 / sqrt(t302))
        t346 = (((t85 * t276) + (t248 * t279)) * t299) * t345
        t347 = (((t86 * t276) + (t249 * t279)) * t299) * t345
        S[A * ROWS + r] = t346
        S[B * ROWS + r] = t347


@jit
def backward_scalars(S, numbers):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma_raw, d_gamma_scale of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    n_max = numbers[3]
    n_edge = numbers[4]
    u_max = numbers[5]
    u_edge = numbers[6]
    u_min = numbers[7]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    gamma_raw = numbers[11]
    gamma_scale = numbers[12]
    t165 = exp(gamma_scale)
    t166 = 1.0 + t165
    t169 = 20.0 < gamma_scale
    t171 = 1.0 + where(t169, gamma_scale, log(t166))
    t172 = gamma_raw * gamma_raw
    t173 = t172 < 0.015625
    t175 = sqrt(where(t173, 1.0, t172))
    t176 = where(t173, t172, 0.0)
    t178 = 0.003592128036572481 + ((-0.0014558343870513183) * t176)
    t180 = (-0.008863235529902197) + (t176 * t178)
    t182 = 0.021869488536155203 + (t176 * t180)
    t184 = (-0.05396825396825397) + (t176 * t182)
    t186 = 0.13333333333333333 + (t176 * t184)
    t188 = (-0.3333333333333333) + (t176 * t186)
    t192 = exp(((-2.0) * t175))
    t196 = (1.0 - t192) * (1.0 / (1.0 + t192))
    t197 = 1.0 / t175
    t198 = t196 * t197
    t199 = where(t173, (1.0 + (t176 * t188)), t198)
    t200 = gamma_raw * t199
    t201 = t171 * t200
    t204 = t201 * t201
    t634 = 2.0 * t201
    t648 = t197 * t198
    t654 = 1.0 - (t196 * t196)
    t678 = t197 * 0.5
    t686 = 1.0 / t166
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
        t23 = x1 * x1
        t27 = x2 * (x1 * 2.0)
        t30 = x2 * x2
        t32 = ((ee * t23) + (ew * t27)) + (ww * t30)
        t33 = c * t32
        t34 = z2_edge <= t33
        t35 = r2_edge <= t32
        t37 = where(t34, t33, 1.0)
        t39 = where(t35, t32, 1.0)
        t40 = where(t34, z2_max, 1.0) * where(t35, r2_max, 1.0)
        t42 = 1.0 / (t37 * t39)
        t43 = t40 * t42
        t44 = sqrt(t43)
        t45 = x1 * t44
        t46 = x2 * t44
        t47 = t44 * t44
        t48 = t32 * t47
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
        t82 = 1.0 / t81
        t83 = (1.0 - t79) * t82
        t84 = 1.0 / t53
        t85 = t83 * t84
        t86 = where(t51, t76, t85)
        t87 = t45 * t86
        t88 = t46 * t86
        t91 = t76 * t76
        t97 = t82 * t82
        t98 = (t79 * 4.0) * t97
        t99 = where(t51, (1.0 - (t49 * t91)), t98)
        t100 = y1 * y1
        t103 = y2 * (y1 * 2.0)
        t106 = y2 * y2
        t108 = ((ee * t100) + (ew * t103)) + (ww * t106)
        t109 = c * t108
        t110 = z2_edge <= t109
        t111 = r2_edge <= t108
        t113 = where(t110, t109, 1.0)
        t115 = where(t111, t108, 1.0)
        t116 = where(t110, z2_max, 1.0) * where(t111, r2_max, 1.0)
        t118 = 1.0 / (t113 * t115)
        t119 = t116 * t118
        t120 = sqrt(t119)
        t121 = y1 * t120
        t122 = y2 * t120
        t123 = t120 * t120
        t124 = t108 * t123
        t202 = t121 * t201
        t203 = t122 * t201
        t205 = t124 * t204
        t206 = c * t205
        t207 = z2_edge <= t206
        t208 = r2_edge <= t205
        t210 = where(t207, t206, 1.0)
        t212 = where(t208, t205, 1.0)
        t213 = where(t207, z2_max, 1.0) * where(t208, r2_max, 1.0)
        t215 = 1.0 / (t210 * t212)
        t216 = t213 * t215
        t217 = sqrt(t216)
        t218 = t202 * t217
        t219 = t203 * t217
        t220 = t217 * t217
        t221 = t205 * t220
        t222 = c * t221
        t223 = t222 < 0.015625
        t225 = sqrt(where(t223, 1.0, t222))
        t226 = where(t223, t222, 0.0)
        t228 = 0.003592128036572481 + ((-0.0014558343870513183) * t226)
        t230 = (-0.008863235529902197) + (t226 * t228)
        t232 = 0.021869488536155203 + (t226 * t230)
        t234 = (-0.05396825396825397) + (t226 * t232)
        t236 = 0.13333333333333333 + (t226 * t234)
        t238 = (-0.3333333333333333) + (t226 * t236)
        t240 = 1.0 + (t226 * t238)
        t242 = exp(((-2.0) * t225))
        t244 = 1.0 + t242
        t245 = 1.0 / t244
        t246 = (1.0 - t242) * t245
        t247 = 1.0 / t225
        t248 = t246 * t247
        t249 = where(t223, t240, t248)
        t250 = t218 * t249
        t251 = t219 * t249
        t254 = t240 * t240
        t259 = t245 * t245
        t260 = (4.0 * t242) * t259
        t261 = where(t223, (1.0 - (t222 * t254)), t260)
        t262 = t87 + t250
        t263 = t88 + t251
        t264 = t262 * t262
        t266 = 2.0 * t262
        t267 = t263 * t266
        t270 = t263 * t263
        t272 = ((ee * t264) + (ew * t267)) + (ww * t270)
        t273 = c * t272
        t274 = t99 * t261
        t277 = 1.0 / (t273 + t274)
        t278 = (t99 + t273) * t277
        t281 = t99 * t277
        t284 = (t87 * t278) + (t250 * t281)
        t285 = (t88 * t278) + (t251 * t281)
        t286 = t272 * t277
        t287 = t274 * t277
        t288 = c * t286
        t291 = (n_edge < t288) | (t287 < u_edge)
        t292 = r2_edge <= t286
        t294 = where(t291, t288, 1.0)
        t296 = where(t292, t286, 1.0)
        t297 = where(t291, n_max, 1.0) * where(t292, r2_max, 1.0)
        t299 = 1.0 / (t294 * t296)
        t300 = t297 * t299
        t301 = sqrt(t300)
        t302 = u_min < t287
        t304 = where(t291, u_max, where(t302, t287, u_min))
        t305 = t284 * t301
        t306 = t285 * t301
        t307 = t301 * t301
        t308 = t286 * t307
        t310 = 1.0 / t304
        t311 = (c * t308) * t310
        t312 = t311 < 0.015625
        t314 = sqrt(where(t312, 1.0, t311))
        t315 = where(t312, t311, 0.0)
        t319 = (t315 * (-0.01396484375)) + 0.017352764423076924
        t322 = (t315 * t319) + (-0.022372159090909092)
        t325 = (t315 * t322) + 0.030381944444444444
        t328 = (t315 * t325) + (-0.044642857142857144)
        t331 = (t315 * t328) + 0.075
        t334 = (t315 * t331) + (-0.16666666666666666)
        t339 = sqrt((1.0 + (t314 * t314)))
        t342 = 1.0 / t314
        t343 = log((t314 + t339)) * t342
        t344 = where(t312, (1.0 + (t315 * t334)), t343)
        t346 = 1.0 / sqrt(t304)
        t347 = t344 * t346
        t348 = t305 * t347
        t349 = t306 * t347
        t353 = g_b * t347
        t355 = g_a * t347
        t356 = (g_b * t306) + (g_a * t305)
        t358 = t346 * t356
        t363 = (t346 * (t346 * t346)) * ((t344 * t356) * (-0.5))
        t364 = where(t312, 0.0, t358)
        t365 = where(t312, t358, 0.0)
        t373 = ((t342 * t364) * (1.0 / t339)) - (t364 * (t342 * t343))
        t375 = t315 * t365
        t377 = t315 * t375
        t380 = t315 * t377
        t381 = ((t334 * t365) + (t331 * t375)) + (t328 * t377)
        t383 = t315 * t380
        t386 = t315 * t383
        t390 = ((t381 + (t325 * t380)) + (t322 * t383)) + (t319 * t386)
        t392 = t390 + ((-0.01396484375) * (t315 * t386))
        t399 = where(t312, t392, 0.0) + where(t312, 0.0, (t373 * (t342 * 0.5)))
        t404 = t310 * t399
        t406 = c * t404
        t413 = t301 * t353
        t414 = ((t286 * t406) * (2.0 * t301)) + (t285 * t353)
        t416 = t301 * t355
        t418 = where(t291, 0.0, (t363 - (t399 * (t310 * t311))))
        t419 = where(t302, t418, 0.0)
        t422 = (t414 + (t284 * t355)) * (0.5 * (1.0 / t301))
        t425 = t422 * (t299 * t300)
        t432 = (t307 * t406) + where(t292, (-(t294 * t425)), 0.0)
        t433 = where(t291, (-(t296 * t425)), 0.0)
        t437 = t432 + (c * t433)
        t448 = (-(t419 * (t277 * t287))) - (t437 * (t277 * t286))
        t453 = (t251 * t413) + (t250 * t416)
        t464 = (t88 * t413) + (t87 * t416)
        t469 = t277 * t464
        t470 = (t448 - (t453 * (t277 * t281))) - (t464 * (t277 * t278))
        t472 = (t277 * t419) + t470
        t473 = t469 + t470
        t474 = t99 * t472
        t476 = ((t277 * t453) + t469) + (t261 * t472)
        t479 = ((t308 * t404) + (t286 * t433)) + (t272 * t473)
        t480 = (t277 * t437) + (c * t473)
        t483 = t263 * (ww * t480)
        t486 = ew * t480
        t489 = (t483 + t483) + (t266 * t486)
        t493 = t262 * (ee * t480)
        t495 = t493 + ((2.0 * (t263 * t486)) + t493)
        t496 = (t278 * t413) + t489
        t497 = (t281 * t413) + t489
        t498 = (t278 * t416) + t495
        t499 = (t281 * t416) + t495
        t500 = where(t223, 0.0, t474)
        t501 = where(t223, t474, 0.0)
        t511 = (4.0 * (t259 * t500)) - ((t500 * (t259 * t260)) * (2.0 * t244))
        t518 = (t222 * t501) * (2.0 * t240)
        t522 = t226 * t518
        t526 = t226 * t522
        t531 = t226 * t526
        t533 = ((-(t238 * t518)) - (t236 * t522)) - (t234 * t526)
        t536 = t226 * t531
        t541 = t226 * t536
        t548 = ((t533 - (t232 * t531)) - (t230 * t536)) - (t228 * t541)
        t549 = (-0.0014558343870513183) * (t226 * t541)
        t553 = where(t223, (t548 - t549), 0.0) - (t254 * t501)
        t557 = t247 * 0.5
        t559 = where(t223, 0.0, (((-2.0) * (t242 * t511)) * t557))
        t562 = t249 * t497
        t564 = t249 * t499
        t565 = (t219 * t497) + (t218 * t499)
        t566 = where(t223, 0.0, t565)
        t567 = where(t223, t565, 0.0)
        t576 = ((t247 * t566) * (1.0 - (t246 * t246))) - (t566 * (t247 * t248))
        t578 = t226 * t567
        t580 = t226 * t578
        t583 = t226 * t580
        t584 = ((t238 * t567) + (t236 * t578)) + (t234 * t580)
        t586 = t226 * t583
        t589 = t226 * t586
        t593 = ((t584 + (t232 * t583)) + (t230 * t586)) + (t228 * t589)
        t594 = (-0.0014558343870513183) * (t226 * t589)
        t597 = (t553 + t559) + where(t223, (t593 + t594), 0.0)
        t600 = t597 + where(t223, 0.0, (t557 * t576))
        t601 = c * t600
        t609 = t217 * t562
        t610 = ((t205 * t601) * (2.0 * t217)) + (t203 * t562)
        t612 = t217 * t564
        t616 = (t610 + (t202 * t564)) * (0.5 * (1.0 / t217))
        t619 = t616 * (t215 * t216)
        t626 = (t220 * t601) + where(t208, (-(t210 * t619)), 0.0)
        t627 = where(t207, (-(t212 * t619)), 0.0)
        t631 = t626 + (c * t627)
        t633 = t204 * t631
        t641 = (((t124 * t631) * t634) + (t122 * t609)) + (t121 * t612)
        t642 = t171 * t641
        t643 = t200 * t641
        t644 = gamma_raw * t642
        t646 = where(t173, 0.0, t644)
        t647 = where(t173, t644, 0.0)
        t658 = t176 * t647
        t660 = t176 * t658
        t663 = t176 * t660
        t664 = ((t188 * t647) + (t186 * t658)) + (t184 * t660)
        t666 = t176 * t663
        t669 = t176 * t666
        t673 = ((t664 + (t182 * t663)) + (t180 * t666)) + (t178 * t669)
        t674 = (-0.0014558343870513183) * (t176 * t669)
        t679 = (((t197 * t646) * t654) - (t646 * t648)) * t678
        t681 = where(t173, (t673 + t674), 0.0) + where(t173, 0.0, t679)
        t682 = gamma_raw * t681
        t684 = t682 + ((t199 * t642) + t682)
        t688 = where(t169, t643, ((t165 * t643) * t686))
        t694 = ((t108 * t633) * (2.0 * t120)) + (y2 * (t201 * t609))
        t699 = (t694 + (y1 * (t201 * t612))) * (0.5 * (1.0 / t120))
        t702 = t699 * (t118 * t119)
        t709 = (t123 * t633) + where(t111, (-(t113 * t702)), 0.0)
        t710 = where(t110, (-(t115 * t702)), 0.0)
        t713 = ((t479 + (t221 * t600)) + (t205 * t627)) + (t108 * t710)
        t714 = t709 + (c * t710)
        t721 = where(t51, 0.0, t476)
        t722 = where(t51, t476, 0.0)
        t732 = (4.0 * (t97 * t721)) - ((t721 * (t97 * t98)) * (2.0 * t81))
        t739 = (t49 * t722) * (2.0 * t76)
        t743 = t55 * t739
        t747 = t55 * t743
        t752 = t55 * t747
        t754 = ((-(t74 * t739)) - (t71 * t743)) - (t68 * t747)
        t757 = t55 * t752
        t762 = t55 * t757
        t769 = ((t754 - (t65 * t752)) - (t62 * t757)) - (t59 * t762)
        t772 = t769 - ((-0.0014558343870513183) * (t55 * t762))
        t778 = t84 * 0.5
        t780 = where(t51, 0.0, (((-2.0) * (t79 * t732)) * t778))
        t781 = (where(t51, t772, 0.0) - (t91 * t722)) + t780
        t786 = (t46 * t496) + (t45 * t498)
        t787 = where(t51, 0.0, t786)
        t788 = where(t51, t786, 0.0)
        t797 = ((t84 * t787) * (1.0 - (t83 * t83))) - (t787 * (t84 * t85))
        t799 = t55 * t788
        t801 = t55 * t799
        t804 = t55 * t801
        t805 = ((t74 * t788) + (t71 * t799)) + (t68 * t801)
        t807 = t55 * t804
        t810 = t55 * t807
        t814 = ((t805 + (t65 * t804)) + (t62 * t807)) + (t59 * t810)
        t816 = t814 + ((-0.0014558343870513183) * (t55 * t810))
        t821 = (t781 + where(t51, t816, 0.0)) + where(t51, 0.0, (t778 * t797))
        t822 = c * t821
        t830 = ((t32 * t822) * (2.0 * t44)) + (x2 * (t86 * t496))
        t835 = (t830 + (x1 * (t86 * t498))) * (0.5 * (1.0 / t44))
        t838 = t835 * (t42 * t43)
        t845 = (t47 * t822) + where(t35, (-(t37 * t838)), 0.0)
        t846 = where(t34, (-(t39 * t838)), 0.0)
        t849 = (t713 + (t48 * t821)) + (t32 * t846)
        t850 = t845 + (c * t846)
        t852 = ((t270 * t480) + (t106 * t714)) + (t30 * t850)
        t854 = ((t267 * t480) + (t103 * t714)) + (t27 * t850)
        t856 = ((t264 * t480) + (t100 * t714)) + (t23 * t850)
        S[A * ROWS + r] = t348
        S[B * ROWS + r] = t349
        S[D_EE * ROWS + r] = t856
        S[D_EW * ROWS + r] = t854
        S[D_WW * ROWS + r] = t852
        S[D_C * ROWS + r] = t849
        S[D_GAMMA_RAW * ROWS + r] = t684
        S[D_GAMMA_SCALE * ROWS + r] = t688


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
