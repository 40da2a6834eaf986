"""`positional_sum`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

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
SLOTS = 15
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
    r2_max = numbers[8]
    r2_edge = numbers[9]
    for r in range(ROWS):
        ee = S[EE * ROWS + r]
        ew = S[EW * ROWS + r]
        ww = S[WW * ROWS + r]
        x1 = S[X1 * ROWS + r]
        x2 = S[X2 * ROWS + r]
        y1 = S[Y1 * ROWS + r]
        y2 = S[Y2 * ROWS + r]
        t24 = (ee * (x1 * x1)) + (ew * (x2 * (x1 * 2.0)))
        t27 = t24 + (ww * (x2 * x2))
        t28 = c * t27
        t29 = z2_edge <= t28
        t32 = z2_max * (1.0 / where(t29, t28, z2_max))
        t35 = r2_edge <= t27
        t38 = r2_max * (1.0 / where(t35, t27, r2_max))
        t41 = where(t29, sqrt(t32), 1.0) * where(t35, sqrt(t38), 1.0)
        t46 = c * (t27 * (t41 * t41))
        t48 = t46 < 0.015625
        t50 = sqrt(where(t48, 1.0, t46))
        t52 = where(t48, t46, 0.0)
        t56 = (t52 * (-0.0014558343870513183)) + 0.003592128036572481
        t60 = t52 * ((t52 * t56) + (-0.008863235529902197))
        t65 = (t52 * (t60 + 0.021869488536155203)) + (-0.05396825396825397)
        t69 = t52 * ((t52 * t65) + 0.13333333333333333)
        t73 = 1.0 + (t52 * (t69 + (-0.3333333333333333)))
        t76 = exp((t50 * (-2.0)))
        t78 = 1.0 + t76
        t82 = ((1.0 - t76) * (1.0 / t78)) * (1.0 / t50)
        t83 = where(t48, t73, t82)
        t84 = (x1 * t41) * t83
        t85 = (x2 * t41) * t83
        t96 = where(t48, (1.0 - (t46 * (t73 * t73))), ((t76 * 4.0) * (1.0 / (t78 * t78))))
        t102 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * 2.0)))
        t105 = t102 + (ww * (y2 * y2))
        t106 = c * t105
        t107 = z2_edge <= t106
        t110 = z2_max * (1.0 / where(t107, t106, z2_max))
        t113 = r2_edge <= t105
        t116 = r2_max * (1.0 / where(t113, t105, r2_max))
        t119 = where(t107, sqrt(t110), 1.0) * where(t113, sqrt(t116), 1.0)
        t124 = c * (t105 * (t119 * t119))
        t125 = t124 < 0.015625
        t127 = sqrt(where(t125, 1.0, t124))
        t128 = where(t125, t124, 0.0)
        t130 = 0.003592128036572481 + ((-0.0014558343870513183) * t128)
        t133 = t128 * ((-0.008863235529902197) + (t128 * t130))
        t136 = (-0.05396825396825397) + (t128 * (0.021869488536155203 + t133))
        t139 = t128 * (0.13333333333333333 + (t128 * t136))
        t142 = 1.0 + (t128 * ((-0.3333333333333333) + t139))
        t144 = exp(((-2.0) * t127))
        t146 = 1.0 + t144
        t150 = ((1.0 - t144) * (1.0 / t146)) * (1.0 / t127)
        t151 = where(t125, t142, t150)
        t152 = (y1 * t119) * t151
        t153 = (y2 * t119) * t151
        t163 = where(t125, (1.0 - (t124 * (t142 * t142))), ((4.0 * t144) * (1.0 / (t146 * t146))))
        t164 = t84 + t152
        t165 = t85 + t153
        t171 = (ee * (t164 * t164)) + (ew * (t165 * (2.0 * t164)))
        t174 = t171 + (ww * (t165 * t165))
        t175 = c * t174
        t176 = t96 * t163
        t179 = 1.0 / (t175 + t176)
        t180 = (t96 + t175) * t179
        t183 = t96 * t179
        t188 = t174 * t179
        t189 = t176 * t179
        t190 = c * t188
        t193 = (n_edge < t190) | (t189 < u_edge)
        t196 = n_max * (1.0 / where(t193, t190, n_max))
        t199 = r2_edge <= t188
        t202 = r2_max * (1.0 / where(t199, t188, r2_max))
        t205 = where(t193, sqrt(t196), 1.0) * where(t199, sqrt(t202), 1.0)
        t208 = where(t193, u_max, where((u_min < t189), t189, u_min))
        t215 = (c * (t188 * (t205 * t205))) * (1.0 / t208)
        t216 = t215 < 0.015625
        t218 = sqrt(where(t216, 1.0, t215))
        t219 = where(t216, t215, 0.0)
        t223 = (t219 * (-0.01396484375)) + 0.017352764423076924
        t227 = t219 * ((t219 * t223) + (-0.022372159090909092))
        t232 = (t219 * (t227 + 0.030381944444444444)) + (-0.044642857142857144)
        t238 = (t219 * ((t219 * t232) + 0.075)) + (-0.16666666666666666)
        t245 = log((t218 + sqrt((1.0 + (t218 * t218)))))
        t248 = where(t216, (1.0 + (t219 * t238)), (t245 * (1.0 / t218)))
        t251 = t248 * (1.0 / sqrt(t208))
        t252 = (((t84 * t180) + (t152 * t183)) * t205) * t251
        t253 = (((t85 * t180) + (t153 * t183)) * t205) * t251
        S[A * ROWS + r] = t252
        S[B * ROWS + r] = t253


@jit
def backward_scalars(S, numbers):
    """a, b, d_ee, d_ew, d_ww, d_c of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    n_max = numbers[3]
    n_edge = numbers[4]
    u_max = numbers[5]
    u_edge = numbers[6]
    u_min = numbers[7]
    r2_max = numbers[8]
    r2_edge = numbers[9]
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
        t20 = x1 * x1
        t24 = x2 * (x1 * 2.0)
        t27 = x2 * x2
        t29 = ((ee * t20) + (ew * t24)) + (ww * t27)
        t30 = c * t29
        t31 = z2_edge <= t30
        t33 = 1.0 / where(t31, t30, z2_max)
        t34 = z2_max * t33
        t35 = sqrt(t34)
        t36 = where(t31, t35, 1.0)
        t37 = r2_edge <= t29
        t39 = 1.0 / where(t37, t29, r2_max)
        t40 = r2_max * t39
        t41 = sqrt(t40)
        t42 = where(t37, t41, 1.0)
        t43 = t36 * t42
        t44 = x1 * t43
        t45 = x2 * t43
        t46 = t43 * t43
        t47 = t29 * t46
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
        t86 = t44 * t85
        t87 = t45 * t85
        t90 = t75 * t75
        t96 = 1.0 / (t80 * t80)
        t97 = (t78 * 4.0) * t96
        t98 = where(t50, (1.0 - (t48 * t90)), t97)
        t99 = y1 * y1
        t102 = y2 * (y1 * 2.0)
        t105 = y2 * y2
        t107 = ((ee * t99) + (ew * t102)) + (ww * t105)
        t108 = c * t107
        t109 = z2_edge <= t108
        t111 = 1.0 / where(t109, t108, z2_max)
        t112 = z2_max * t111
        t113 = sqrt(t112)
        t114 = where(t109, t113, 1.0)
        t115 = r2_edge <= t107
        t117 = 1.0 / where(t115, t107, r2_max)
        t118 = r2_max * t117
        t119 = sqrt(t118)
        t120 = where(t115, t119, 1.0)
        t121 = t114 * t120
        t122 = y1 * t121
        t123 = y2 * t121
        t124 = t121 * t121
        t125 = t107 * t124
        t126 = c * t125
        t127 = t126 < 0.015625
        t129 = sqrt(where(t127, 1.0, t126))
        t130 = where(t127, t126, 0.0)
        t132 = 0.003592128036572481 + ((-0.0014558343870513183) * t130)
        t134 = (-0.008863235529902197) + (t130 * t132)
        t136 = 0.021869488536155203 + (t130 * t134)
        t138 = (-0.05396825396825397) + (t130 * t136)
        t140 = 0.13333333333333333 + (t130 * t138)
        t142 = (-0.3333333333333333) + (t130 * t140)
        t144 = 1.0 + (t130 * t142)
        t146 = exp(((-2.0) * t129))
        t148 = 1.0 + t146
        t150 = (1.0 - t146) * (1.0 / t148)
        t151 = 1.0 / t129
        t152 = t150 * t151
        t153 = where(t127, t144, t152)
        t154 = t122 * t153
        t155 = t123 * t153
        t158 = t144 * t144
        t163 = 1.0 / (t148 * t148)
        t164 = (4.0 * t146) * t163
        t165 = where(t127, (1.0 - (t126 * t158)), t164)
        t166 = t86 + t154
        t167 = t87 + t155
        t168 = t166 * t166
        t170 = 2.0 * t166
        t171 = t167 * t170
        t174 = t167 * t167
        t176 = ((ee * t168) + (ew * t171)) + (ww * t174)
        t177 = c * t176
        t178 = t98 * t165
        t181 = 1.0 / (t177 + t178)
        t182 = (t98 + t177) * t181
        t185 = t98 * t181
        t188 = (t86 * t182) + (t154 * t185)
        t189 = (t87 * t182) + (t155 * t185)
        t190 = t176 * t181
        t191 = t178 * t181
        t192 = c * t190
        t195 = (n_edge < t192) | (t191 < u_edge)
        t197 = 1.0 / where(t195, t192, n_max)
        t198 = n_max * t197
        t199 = sqrt(t198)
        t200 = where(t195, t199, 1.0)
        t201 = r2_edge <= t190
        t203 = 1.0 / where(t201, t190, r2_max)
        t204 = r2_max * t203
        t205 = sqrt(t204)
        t206 = where(t201, t205, 1.0)
        t207 = t200 * t206
        t208 = u_min < t191
        t210 = where(t195, u_max, where(t208, t191, u_min))
        t211 = t188 * t207
        t212 = t189 * t207
        t213 = t207 * t207
        t214 = t190 * t213
        t216 = 1.0 / t210
        t217 = (c * t214) * t216
        t218 = t217 < 0.015625
        t220 = sqrt(where(t218, 1.0, t217))
        t221 = where(t218, t217, 0.0)
        t225 = (t221 * (-0.01396484375)) + 0.017352764423076924
        t228 = (t221 * t225) + (-0.022372159090909092)
        t231 = (t221 * t228) + 0.030381944444444444
        t234 = (t221 * t231) + (-0.044642857142857144)
        t237 = (t221 * t234) + 0.075
        t240 = (t221 * t237) + (-0.16666666666666666)
        t245 = sqrt((1.0 + (t220 * t220)))
        t248 = 1.0 / t220
        t249 = log((t220 + t245)) * t248
        t250 = where(t218, (1.0 + (t221 * t240)), t249)
        t252 = 1.0 / sqrt(t210)
        t253 = t250 * t252
        t254 = t211 * t253
        t255 = t212 * t253
        t259 = g_b * t253
        t261 = g_a * t253
        t262 = (g_b * t212) + (g_a * t211)
        t264 = t252 * t262
        t269 = (t252 * (t252 * t252)) * ((t250 * t262) * (-0.5))
        t270 = where(t218, 0.0, t264)
        t271 = where(t218, t264, 0.0)
        t279 = ((t248 * t270) * (1.0 / t245)) - (t270 * (t248 * t249))
        t281 = t221 * t271
        t283 = t221 * t281
        t286 = t221 * t283
        t287 = ((t240 * t271) + (t237 * t281)) + (t234 * t283)
        t289 = t221 * t286
        t292 = t221 * t289
        t296 = ((t287 + (t231 * t286)) + (t228 * t289)) + (t225 * t292)
        t298 = t296 + ((-0.01396484375) * (t221 * t292))
        t305 = where(t218, t298, 0.0) + where(t218, 0.0, (t279 * (t248 * 0.5)))
        t310 = t216 * t305
        t312 = c * t310
        t319 = t207 * t259
        t320 = ((t190 * t312) * (2.0 * t207)) + (t189 * t259)
        t322 = t207 * t261
        t323 = t320 + (t188 * t261)
        t324 = where(t195, 0.0, (t269 - (t305 * (t216 * t217))))
        t325 = where(t208, t324, 0.0)
        t332 = where(t201, (t200 * t323), 0.0) * (0.5 * (1.0 / t205))
        t337 = where(t201, (-(t332 * (t203 * t204))), 0.0)
        t343 = where(t195, (t206 * t323), 0.0) * (0.5 * (1.0 / t199))
        t348 = where(t195, (-(t343 * (t197 * t198))), 0.0)
        t352 = ((t213 * t312) + t337) + (c * t348)
        t363 = (-(t325 * (t181 * t191))) - (t352 * (t181 * t190))
        t368 = (t155 * t319) + (t154 * t322)
        t379 = (t87 * t319) + (t86 * t322)
        t384 = t181 * t379
        t385 = (t363 - (t368 * (t181 * t185))) - (t379 * (t181 * t182))
        t387 = (t181 * t325) + t385
        t388 = t384 + t385
        t389 = t98 * t387
        t391 = ((t181 * t368) + t384) + (t165 * t387)
        t394 = ((t214 * t310) + (t190 * t348)) + (t176 * t388)
        t395 = (t181 * t352) + (c * t388)
        t398 = t167 * (ww * t395)
        t401 = ew * t395
        t404 = (t398 + t398) + (t170 * t401)
        t408 = t166 * (ee * t395)
        t410 = t408 + ((2.0 * (t167 * t401)) + t408)
        t411 = (t182 * t319) + t404
        t412 = (t185 * t319) + t404
        t413 = (t182 * t322) + t410
        t414 = (t185 * t322) + t410
        t415 = where(t127, 0.0, t389)
        t416 = where(t127, t389, 0.0)
        t426 = (4.0 * (t163 * t415)) - ((t415 * (t163 * t164)) * (2.0 * t148))
        t433 = (t126 * t416) * (2.0 * t144)
        t437 = t130 * t433
        t441 = t130 * t437
        t446 = t130 * t441
        t448 = ((-(t142 * t433)) - (t140 * t437)) - (t138 * t441)
        t451 = t130 * t446
        t456 = t130 * t451
        t463 = ((t448 - (t136 * t446)) - (t134 * t451)) - (t132 * t456)
        t464 = (-0.0014558343870513183) * (t130 * t456)
        t468 = where(t127, (t463 - t464), 0.0) - (t158 * t416)
        t472 = t151 * 0.5
        t474 = where(t127, 0.0, (((-2.0) * (t146 * t426)) * t472))
        t480 = (t123 * t412) + (t122 * t414)
        t481 = where(t127, 0.0, t480)
        t482 = where(t127, t480, 0.0)
        t491 = ((t151 * t481) * (1.0 - (t150 * t150))) - (t481 * (t151 * t152))
        t493 = t130 * t482
        t495 = t130 * t493
        t498 = t130 * t495
        t499 = ((t142 * t482) + (t140 * t493)) + (t138 * t495)
        t501 = t130 * t498
        t504 = t130 * t501
        t508 = ((t499 + (t136 * t498)) + (t134 * t501)) + (t132 * t504)
        t509 = (-0.0014558343870513183) * (t130 * t504)
        t512 = (t468 + t474) + where(t127, (t508 + t509), 0.0)
        t515 = t512 + where(t127, 0.0, (t472 * t491))
        t516 = c * t515
        t524 = ((t107 * t516) * (2.0 * t121)) + (y2 * (t153 * t412))
        t526 = t524 + (y1 * (t153 * t414))
        t533 = where(t115, (t114 * t526), 0.0) * (0.5 * (1.0 / t119))
        t538 = where(t115, (-(t533 * (t117 * t118))), 0.0)
        t544 = where(t109, (t120 * t526), 0.0) * (0.5 * (1.0 / t113))
        t549 = where(t109, (-(t544 * (t111 * t112))), 0.0)
        t553 = ((t124 * t516) + t538) + (c * t549)
        t560 = where(t50, 0.0, t391)
        t561 = where(t50, t391, 0.0)
        t571 = (4.0 * (t96 * t560)) - ((t560 * (t96 * t97)) * (2.0 * t80))
        t578 = (t48 * t561) * (2.0 * t75)
        t582 = t54 * t578
        t586 = t54 * t582
        t591 = t54 * t586
        t593 = ((-(t73 * t578)) - (t70 * t582)) - (t67 * t586)
        t596 = t54 * t591
        t601 = t54 * t596
        t608 = ((t593 - (t64 * t591)) - (t61 * t596)) - (t58 * t601)
        t611 = t608 - ((-0.0014558343870513183) * (t54 * t601))
        t617 = t83 * 0.5
        t619 = where(t50, 0.0, (((-2.0) * (t78 * t571)) * t617))
        t620 = (where(t50, t611, 0.0) - (t90 * t561)) + t619
        t625 = (t45 * t411) + (t44 * t413)
        t626 = where(t50, 0.0, t625)
        t627 = where(t50, t625, 0.0)
        t636 = ((t83 * t626) * (1.0 - (t82 * t82))) - (t626 * (t83 * t84))
        t638 = t54 * t627
        t640 = t54 * t638
        t643 = t54 * t640
        t644 = ((t73 * t627) + (t70 * t638)) + (t67 * t640)
        t646 = t54 * t643
        t649 = t54 * t646
        t653 = ((t644 + (t64 * t643)) + (t61 * t646)) + (t58 * t649)
        t655 = t653 + ((-0.0014558343870513183) * (t54 * t649))
        t660 = (t620 + where(t50, t655, 0.0)) + where(t50, 0.0, (t617 * t636))
        t661 = c * t660
        t663 = ((t394 + (t125 * t515)) + (t107 * t549)) + (t47 * t660)
        t669 = ((t29 * t661) * (2.0 * t43)) + (x2 * (t85 * t411))
        t671 = t669 + (x1 * (t85 * t413))
        t678 = where(t37, (t36 * t671), 0.0) * (0.5 * (1.0 / t41))
        t683 = where(t37, (-(t678 * (t39 * t40))), 0.0)
        t689 = where(t31, (t42 * t671), 0.0) * (0.5 * (1.0 / t35))
        t694 = where(t31, (-(t689 * (t33 * t34))), 0.0)
        t697 = t663 + (t29 * t694)
        t698 = ((t46 * t661) + t683) + (c * t694)
        t700 = ((t174 * t395) + (t105 * t553)) + (t27 * t698)
        t702 = ((t171 * t395) + (t102 * t553)) + (t24 * t698)
        t704 = ((t168 * t395) + (t99 * t553)) + (t20 * t698)
        S[A * ROWS + r] = t254
        S[B * ROWS + r] = t255
        S[D_EE * ROWS + r] = t704
        S[D_EW * ROWS + r] = t702
        S[D_WW * ROWS + r] = t700
        S[D_C * ROWS + r] = t697


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
