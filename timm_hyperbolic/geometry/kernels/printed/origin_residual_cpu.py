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
    n_max = numbers[3]
    n_edge = numbers[4]
    u_max = numbers[5]
    u_edge = numbers[6]
    u_min = numbers[7]
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
        t165 = (t105 * (t117 * t117)) * (gamma * gamma)
        t166 = c * t165
        t167 = z2_edge <= t166
        t168 = r2_edge <= t165
        t173 = where(t167, z2_max, 1.0) * where(t168, r2_max, 1.0)
        t174 = where(t167, t166, 1.0) * where(t168, t165, 1.0)
        t177 = sqrt((t173 * (1.0 / t174)))
        t182 = c * (t165 * (t177 * t177))
        t183 = t182 < 0.015625
        t185 = sqrt(where(t183, 1.0, t182))
        t186 = where(t183, t182, 0.0)
        t188 = 0.003592128036572481 + ((-0.0014558343870513183) * t186)
        t191 = t186 * ((-0.008863235529902197) + (t186 * t188))
        t194 = (-0.05396825396825397) + (t186 * (0.021869488536155203 + t191))
        t197 = t186 * (0.13333333333333333 + (t186 * t194))
        t200 = 1.0 + (t186 * ((-0.3333333333333333) + t197))
        t202 = exp(((-2.0) * t185))
        t205 = 1.0 / (1.0 + t202)
        t209 = where(t183, t200, (((1.0 - t202) * t205) * (1.0 / t185)))
        t210 = ((gamma * (y1 * t117)) * t177) * t209
        t211 = ((gamma * (y2 * t117)) * t177) * t209
        t221 = where(t183, (1.0 - (t182 * (t200 * t200))), ((4.0 * t202) * (t205 * t205)))
        t222 = t84 + t210
        t223 = t85 + t211
        t229 = (ee * (t222 * t222)) + (ew * (t223 * (2.0 * t222)))
        t232 = t229 + (ww * (t223 * t223))
        t233 = c * t232
        t234 = t96 * t221
        t237 = 1.0 / (t233 + t234)
        t238 = (t96 + t233) * t237
        t241 = t96 * t237
        t246 = t232 * t237
        t247 = t234 * t237
        t248 = c * t246
        t251 = (n_edge < t248) | (t247 < u_edge)
        t252 = r2_edge <= t246
        t257 = where(t251, n_max, 1.0) * where(t252, r2_max, 1.0)
        t258 = where(t251, t248, 1.0) * where(t252, t246, 1.0)
        t261 = sqrt((t257 * (1.0 / t258)))
        t264 = where(t251, u_max, where((u_min < t247), t247, u_min))
        t271 = (c * (t246 * (t261 * t261))) * (1.0 / t264)
        t272 = t271 < 0.015625
        t274 = sqrt(where(t272, 1.0, t271))
        t275 = where(t272, t271, 0.0)
        t279 = (t275 * (-0.01396484375)) + 0.017352764423076924
        t283 = t275 * ((t275 * t279) + (-0.022372159090909092))
        t288 = (t275 * (t283 + 0.030381944444444444)) + (-0.044642857142857144)
        t294 = (t275 * ((t275 * t288) + 0.075)) + (-0.16666666666666666)
        t301 = log((t274 + sqrt((1.0 + (t274 * t274)))))
        t304 = where(t272, (1.0 + (t275 * t294)), (t301 * (1.0 / t274)))
        t307 = t304 * (1.0 / sqrt(t264))
        t308 = (((t84 * t238) + (t210 * t241)) * t261) * t307
        t309 = (((t85 * t238) + (t211 * t241)) * t261) * t307
        S[A * ROWS + r] = t308
        S[B * ROWS + r] = t309


@jit
def backward_scalars(S, numbers):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma of every row of a block."""
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
        t164 = gamma * t120
        t165 = gamma * t121
        t166 = gamma * gamma
        t167 = t123 * t166
        t168 = c * t167
        t169 = z2_edge <= t168
        t170 = r2_edge <= t167
        t172 = where(t169, t168, 1.0)
        t174 = where(t170, t167, 1.0)
        t175 = where(t169, z2_max, 1.0) * where(t170, r2_max, 1.0)
        t177 = 1.0 / (t172 * t174)
        t178 = t175 * t177
        t179 = sqrt(t178)
        t180 = t164 * t179
        t181 = t165 * t179
        t182 = t179 * t179
        t183 = t167 * t182
        t184 = c * t183
        t185 = t184 < 0.015625
        t187 = sqrt(where(t185, 1.0, t184))
        t188 = where(t185, t184, 0.0)
        t190 = 0.003592128036572481 + ((-0.0014558343870513183) * t188)
        t192 = (-0.008863235529902197) + (t188 * t190)
        t194 = 0.021869488536155203 + (t188 * t192)
        t196 = (-0.05396825396825397) + (t188 * t194)
        t198 = 0.13333333333333333 + (t188 * t196)
        t200 = (-0.3333333333333333) + (t188 * t198)
        t202 = 1.0 + (t188 * t200)
        t204 = exp(((-2.0) * t187))
        t206 = 1.0 + t204
        t207 = 1.0 / t206
        t208 = (1.0 - t204) * t207
        t209 = 1.0 / t187
        t210 = t208 * t209
        t211 = where(t185, t202, t210)
        t212 = t180 * t211
        t213 = t181 * t211
        t216 = t202 * t202
        t221 = t207 * t207
        t222 = (4.0 * t204) * t221
        t223 = where(t185, (1.0 - (t184 * t216)), t222)
        t224 = t86 + t212
        t225 = t87 + t213
        t226 = t224 * t224
        t228 = 2.0 * t224
        t229 = t225 * t228
        t232 = t225 * t225
        t234 = ((ee * t226) + (ew * t229)) + (ww * t232)
        t235 = c * t234
        t236 = t98 * t223
        t239 = 1.0 / (t235 + t236)
        t240 = (t98 + t235) * t239
        t243 = t98 * t239
        t246 = (t86 * t240) + (t212 * t243)
        t247 = (t87 * t240) + (t213 * t243)
        t248 = t234 * t239
        t249 = t236 * t239
        t250 = c * t248
        t253 = (n_edge < t250) | (t249 < u_edge)
        t254 = r2_edge <= t248
        t256 = where(t253, t250, 1.0)
        t258 = where(t254, t248, 1.0)
        t259 = where(t253, n_max, 1.0) * where(t254, r2_max, 1.0)
        t261 = 1.0 / (t256 * t258)
        t262 = t259 * t261
        t263 = sqrt(t262)
        t264 = u_min < t249
        t266 = where(t253, u_max, where(t264, t249, u_min))
        t267 = t246 * t263
        t268 = t247 * t263
        t269 = t263 * t263
        t270 = t248 * t269
        t272 = 1.0 / t266
        t273 = (c * t270) * t272
        t274 = t273 < 0.015625
        t276 = sqrt(where(t274, 1.0, t273))
        t277 = where(t274, t273, 0.0)
        t281 = (t277 * (-0.01396484375)) + 0.017352764423076924
        t284 = (t277 * t281) + (-0.022372159090909092)
        t287 = (t277 * t284) + 0.030381944444444444
        t290 = (t277 * t287) + (-0.044642857142857144)
        t293 = (t277 * t290) + 0.075
        t296 = (t277 * t293) + (-0.16666666666666666)
        t301 = sqrt((1.0 + (t276 * t276)))
        t304 = 1.0 / t276
        t305 = log((t276 + t301)) * t304
        t306 = where(t274, (1.0 + (t277 * t296)), t305)
        t308 = 1.0 / sqrt(t266)
        t309 = t306 * t308
        t310 = t267 * t309
        t311 = t268 * t309
        t315 = g_b * t309
        t317 = g_a * t309
        t318 = (g_b * t268) + (g_a * t267)
        t320 = t308 * t318
        t325 = (t308 * (t308 * t308)) * ((t306 * t318) * (-0.5))
        t326 = where(t274, 0.0, t320)
        t327 = where(t274, t320, 0.0)
        t335 = ((t304 * t326) * (1.0 / t301)) - (t326 * (t304 * t305))
        t337 = t277 * t327
        t339 = t277 * t337
        t342 = t277 * t339
        t343 = ((t296 * t327) + (t293 * t337)) + (t290 * t339)
        t345 = t277 * t342
        t348 = t277 * t345
        t352 = ((t343 + (t287 * t342)) + (t284 * t345)) + (t281 * t348)
        t354 = t352 + ((-0.01396484375) * (t277 * t348))
        t361 = where(t274, t354, 0.0) + where(t274, 0.0, (t335 * (t304 * 0.5)))
        t366 = t272 * t361
        t368 = c * t366
        t375 = t263 * t315
        t376 = ((t248 * t368) * (2.0 * t263)) + (t247 * t315)
        t378 = t263 * t317
        t380 = where(t253, 0.0, (t325 - (t361 * (t272 * t273))))
        t381 = where(t264, t380, 0.0)
        t384 = (t376 + (t246 * t317)) * (0.5 * (1.0 / t263))
        t387 = t384 * (t261 * t262)
        t394 = (t269 * t368) + where(t254, (-(t256 * t387)), 0.0)
        t395 = where(t253, (-(t258 * t387)), 0.0)
        t399 = t394 + (c * t395)
        t410 = (-(t381 * (t239 * t249))) - (t399 * (t239 * t248))
        t415 = (t213 * t375) + (t212 * t378)
        t426 = (t87 * t375) + (t86 * t378)
        t431 = t239 * t426
        t432 = (t410 - (t415 * (t239 * t243))) - (t426 * (t239 * t240))
        t434 = (t239 * t381) + t432
        t435 = t431 + t432
        t436 = t98 * t434
        t438 = ((t239 * t415) + t431) + (t223 * t434)
        t441 = ((t270 * t366) + (t248 * t395)) + (t234 * t435)
        t442 = (t239 * t399) + (c * t435)
        t445 = t225 * (ww * t442)
        t448 = ew * t442
        t451 = (t445 + t445) + (t228 * t448)
        t455 = t224 * (ee * t442)
        t457 = t455 + ((2.0 * (t225 * t448)) + t455)
        t458 = (t240 * t375) + t451
        t459 = (t243 * t375) + t451
        t460 = (t240 * t378) + t457
        t461 = (t243 * t378) + t457
        t462 = where(t185, 0.0, t436)
        t463 = where(t185, t436, 0.0)
        t473 = (4.0 * (t221 * t462)) - ((t462 * (t221 * t222)) * (2.0 * t206))
        t480 = (t184 * t463) * (2.0 * t202)
        t484 = t188 * t480
        t488 = t188 * t484
        t493 = t188 * t488
        t495 = ((-(t200 * t480)) - (t198 * t484)) - (t196 * t488)
        t498 = t188 * t493
        t503 = t188 * t498
        t510 = ((t495 - (t194 * t493)) - (t192 * t498)) - (t190 * t503)
        t511 = (-0.0014558343870513183) * (t188 * t503)
        t515 = where(t185, (t510 - t511), 0.0) - (t216 * t463)
        t519 = t209 * 0.5
        t521 = where(t185, 0.0, (((-2.0) * (t204 * t473)) * t519))
        t524 = t211 * t459
        t526 = t211 * t461
        t527 = (t181 * t459) + (t180 * t461)
        t528 = where(t185, 0.0, t527)
        t529 = where(t185, t527, 0.0)
        t538 = ((t209 * t528) * (1.0 - (t208 * t208))) - (t528 * (t209 * t210))
        t540 = t188 * t529
        t542 = t188 * t540
        t545 = t188 * t542
        t546 = ((t200 * t529) + (t198 * t540)) + (t196 * t542)
        t548 = t188 * t545
        t551 = t188 * t548
        t555 = ((t546 + (t194 * t545)) + (t192 * t548)) + (t190 * t551)
        t556 = (-0.0014558343870513183) * (t188 * t551)
        t559 = (t515 + t521) + where(t185, (t555 + t556), 0.0)
        t562 = t559 + where(t185, 0.0, (t519 * t538))
        t563 = c * t562
        t571 = t179 * t524
        t572 = ((t167 * t563) * (2.0 * t179)) + (t165 * t524)
        t574 = t179 * t526
        t578 = (t572 + (t164 * t526)) * (0.5 * (1.0 / t179))
        t581 = t578 * (t177 * t178)
        t588 = (t182 * t563) + where(t170, (-(t172 * t581)), 0.0)
        t589 = where(t169, (-(t174 * t581)), 0.0)
        t593 = t588 + (c * t589)
        t595 = t166 * t593
        t600 = ((t123 * t593) * (gamma * 2.0)) + (t121 * t571)
        t603 = t600 + (t120 * t574)
        t609 = ((t107 * t595) * (2.0 * t119)) + (y2 * (gamma * t571))
        t614 = (t609 + (y1 * (gamma * t574))) * (0.5 * (1.0 / t119))
        t617 = t614 * (t117 * t118)
        t624 = (t122 * t595) + where(t110, (-(t112 * t617)), 0.0)
        t625 = where(t109, (-(t114 * t617)), 0.0)
        t628 = ((t441 + (t183 * t562)) + (t167 * t589)) + (t107 * t625)
        t629 = t624 + (c * t625)
        t636 = where(t50, 0.0, t438)
        t637 = where(t50, t438, 0.0)
        t647 = (4.0 * (t96 * t636)) - ((t636 * (t96 * t97)) * (2.0 * t80))
        t654 = (t48 * t637) * (2.0 * t75)
        t658 = t54 * t654
        t662 = t54 * t658
        t667 = t54 * t662
        t669 = ((-(t73 * t654)) - (t70 * t658)) - (t67 * t662)
        t672 = t54 * t667
        t677 = t54 * t672
        t684 = ((t669 - (t64 * t667)) - (t61 * t672)) - (t58 * t677)
        t687 = t684 - ((-0.0014558343870513183) * (t54 * t677))
        t693 = t83 * 0.5
        t695 = where(t50, 0.0, (((-2.0) * (t78 * t647)) * t693))
        t696 = (where(t50, t687, 0.0) - (t90 * t637)) + t695
        t701 = (t45 * t458) + (t44 * t460)
        t702 = where(t50, 0.0, t701)
        t703 = where(t50, t701, 0.0)
        t712 = ((t83 * t702) * (1.0 - (t82 * t82))) - (t702 * (t83 * t84))
        t714 = t54 * t703
        t716 = t54 * t714
        t719 = t54 * t716
        t720 = ((t73 * t703) + (t70 * t714)) + (t67 * t716)
        t722 = t54 * t719
        t725 = t54 * t722
        t729 = ((t720 + (t64 * t719)) + (t61 * t722)) + (t58 * t725)
        t731 = t729 + ((-0.0014558343870513183) * (t54 * t725))
        t736 = (t696 + where(t50, t731, 0.0)) + where(t50, 0.0, (t693 * t712))
        t737 = c * t736
        t745 = ((t31 * t737) * (2.0 * t43)) + (x2 * (t85 * t458))
        t750 = (t745 + (x1 * (t85 * t460))) * (0.5 * (1.0 / t43))
        t753 = t750 * (t41 * t42)
        t760 = (t46 * t737) + where(t34, (-(t36 * t753)), 0.0)
        t761 = where(t33, (-(t38 * t753)), 0.0)
        t764 = (t628 + (t47 * t736)) + (t31 * t761)
        t765 = t760 + (c * t761)
        t767 = ((t232 * t442) + (t105 * t629)) + (t29 * t765)
        t769 = ((t229 * t442) + (t102 * t629)) + (t26 * t765)
        t771 = ((t226 * t442) + (t99 * t629)) + (t22 * t765)
        S[A * ROWS + r] = t310
        S[B * ROWS + r] = t311
        S[D_EE * ROWS + r] = t771
        S[D_EW * ROWS + r] = t769
        S[D_WW * ROWS + r] = t767
        S[D_C * ROWS + r] = t764
        S[D_GAMMA * ROWS + r] = t603


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
