"""`origin_residual`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

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
    n_max = numbers[3]
    n_edge = numbers[4]
    u_max = numbers[5]
    u_edge = numbers[6]
    u_min = numbers[7]
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
        t168 = (t106 * (t120 * t120)) * (gamma * gamma)
        t169 = c * t168
        t170 = z2_edge <= t169
        t173 = z2_max * (1.0 / where(t170, t169, z2_max))
        t176 = r2_edge <= t168
        t179 = r2_max * (1.0 / where(t176, t168, r2_max))
        t182 = where(t170, sqrt(t173), 1.0) * where(t176, sqrt(t179), 1.0)
        t187 = c * (t168 * (t182 * t182))
        t188 = t187 < 0.015625
        t190 = sqrt(where(t188, 1.0, t187))
        t191 = where(t188, t187, 0.0)
        t193 = 0.003592128036572481 + ((-0.0014558343870513183) * t191)
        t196 = t191 * ((-0.008863235529902197) + (t191 * t193))
        t199 = (-0.05396825396825397) + (t191 * (0.021869488536155203 + t196))
        t202 = t191 * (0.13333333333333333 + (t191 * t199))
        t205 = 1.0 + (t191 * ((-0.3333333333333333) + t202))
        t207 = exp(((-2.0) * t190))
        t209 = 1.0 + t207
        t213 = ((1.0 - t207) * (1.0 / t209)) * (1.0 / t190)
        t214 = where(t188, t205, t213)
        t215 = ((gamma * (y1 * t120)) * t182) * t214
        t216 = ((gamma * (y2 * t120)) * t182) * t214
        t226 = where(t188, (1.0 - (t187 * (t205 * t205))), ((4.0 * t207) * (1.0 / (t209 * t209))))
        t227 = t85 + t215
        t228 = t86 + t216
        t234 = (ee * (t227 * t227)) + (ew * (t228 * (2.0 * t227)))
        t237 = t234 + (ww * (t228 * t228))
        t238 = c * t237
        t239 = t97 * t226
        t242 = 1.0 / (t238 + t239)
        t243 = (t97 + t238) * t242
        t246 = t97 * t242
        t251 = t237 * t242
        t252 = t239 * t242
        t253 = c * t251
        t256 = (n_edge < t253) | (t252 < u_edge)
        t259 = n_max * (1.0 / where(t256, t253, n_max))
        t262 = r2_edge <= t251
        t265 = r2_max * (1.0 / where(t262, t251, r2_max))
        t268 = where(t256, sqrt(t259), 1.0) * where(t262, sqrt(t265), 1.0)
        t271 = where(t256, u_max, where((u_min < t252), t252, u_min))
        t278 = (c * (t251 * (t268 * t268))) * (1.0 / t271)
        t279 = t278 < 0.015625
        t281 = sqrt(where(t279, 1.0, t278))
        t282 = where(t279, t278, 0.0)
        t286 = (t282 * (-0.01396484375)) + 0.017352764423076924
        t290 = t282 * ((t282 * t286) + (-0.022372159090909092))
        t295 = (t282 * (t290 + 0.030381944444444444)) + (-0.044642857142857144)
        t301 = (t282 * ((t282 * t295) + 0.075)) + (-0.16666666666666666)
        t308 = log((t281 + sqrt((1.0 + (t281 * t281)))))
        t311 = where(t279, (1.0 + (t282 * t301)), (t308 * (1.0 / t281)))
        t314 = t311 * (1.0 / sqrt(t271))
        t315 = (((t85 * t243) + (t215 * t246)) * t268) * t314
        t316 = (((t86 * t243) + (t216 * t246)) * t268) * t314
        S[A * ROWS + r] = t315
        S[B * ROWS + r] = t316


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
        t167 = gamma * t123
        t168 = gamma * t124
        t169 = gamma * gamma
        t170 = t126 * t169
        t171 = c * t170
        t172 = z2_edge <= t171
        t174 = 1.0 / where(t172, t171, z2_max)
        t175 = z2_max * t174
        t176 = sqrt(t175)
        t177 = where(t172, t176, 1.0)
        t178 = r2_edge <= t170
        t180 = 1.0 / where(t178, t170, r2_max)
        t181 = r2_max * t180
        t182 = sqrt(t181)
        t183 = where(t178, t182, 1.0)
        t184 = t177 * t183
        t185 = t167 * t184
        t186 = t168 * t184
        t187 = t184 * t184
        t188 = t170 * t187
        t189 = c * t188
        t190 = t189 < 0.015625
        t192 = sqrt(where(t190, 1.0, t189))
        t193 = where(t190, t189, 0.0)
        t195 = 0.003592128036572481 + ((-0.0014558343870513183) * t193)
        t197 = (-0.008863235529902197) + (t193 * t195)
        t199 = 0.021869488536155203 + (t193 * t197)
        t201 = (-0.05396825396825397) + (t193 * t199)
        t203 = 0.13333333333333333 + (t193 * t201)
        t205 = (-0.3333333333333333) + (t193 * t203)
        t207 = 1.0 + (t193 * t205)
        t209 = exp(((-2.0) * t192))
        t211 = 1.0 + t209
        t213 = (1.0 - t209) * (1.0 / t211)
        t214 = 1.0 / t192
        t215 = t213 * t214
        t216 = where(t190, t207, t215)
        t217 = t185 * t216
        t218 = t186 * t216
        t221 = t207 * t207
        t226 = 1.0 / (t211 * t211)
        t227 = (4.0 * t209) * t226
        t228 = where(t190, (1.0 - (t189 * t221)), t227)
        t229 = t87 + t217
        t230 = t88 + t218
        t231 = t229 * t229
        t233 = 2.0 * t229
        t234 = t230 * t233
        t237 = t230 * t230
        t239 = ((ee * t231) + (ew * t234)) + (ww * t237)
        t240 = c * t239
        t241 = t99 * t228
        t244 = 1.0 / (t240 + t241)
        t245 = (t99 + t240) * t244
        t248 = t99 * t244
        t251 = (t87 * t245) + (t217 * t248)
        t252 = (t88 * t245) + (t218 * t248)
        t253 = t239 * t244
        t254 = t241 * t244
        t255 = c * t253
        t258 = (n_edge < t255) | (t254 < u_edge)
        t260 = 1.0 / where(t258, t255, n_max)
        t261 = n_max * t260
        t262 = sqrt(t261)
        t263 = where(t258, t262, 1.0)
        t264 = r2_edge <= t253
        t266 = 1.0 / where(t264, t253, r2_max)
        t267 = r2_max * t266
        t268 = sqrt(t267)
        t269 = where(t264, t268, 1.0)
        t270 = t263 * t269
        t271 = u_min < t254
        t273 = where(t258, u_max, where(t271, t254, u_min))
        t274 = t251 * t270
        t275 = t252 * t270
        t276 = t270 * t270
        t277 = t253 * t276
        t279 = 1.0 / t273
        t280 = (c * t277) * t279
        t281 = t280 < 0.015625
        t283 = sqrt(where(t281, 1.0, t280))
        t284 = where(t281, t280, 0.0)
        t288 = (t284 * (-0.01396484375)) + 0.017352764423076924
        t291 = (t284 * t288) + (-0.022372159090909092)
        t294 = (t284 * t291) + 0.030381944444444444
        t297 = (t284 * t294) + (-0.044642857142857144)
        t300 = (t284 * t297) + 0.075
        t303 = (t284 * t300) + (-0.16666666666666666)
        t308 = sqrt((1.0 + (t283 * t283)))
        t311 = 1.0 / t283
        t312 = log((t283 + t308)) * t311
        t313 = where(t281, (1.0 + (t284 * t303)), t312)
        t315 = 1.0 / sqrt(t273)
        t316 = t313 * t315
        t317 = t274 * t316
        t318 = t275 * t316
        t322 = g_b * t316
        t324 = g_a * t316
        t325 = (g_b * t275) + (g_a * t274)
        t327 = t315 * t325
        t332 = (t315 * (t315 * t315)) * ((t313 * t325) * (-0.5))
        t333 = where(t281, 0.0, t327)
        t334 = where(t281, t327, 0.0)
        t342 = ((t311 * t333) * (1.0 / t308)) - (t333 * (t311 * t312))
        t344 = t284 * t334
        t346 = t284 * t344
        t349 = t284 * t346
        t350 = ((t303 * t334) + (t300 * t344)) + (t297 * t346)
        t352 = t284 * t349
        t355 = t284 * t352
        t359 = ((t350 + (t294 * t349)) + (t291 * t352)) + (t288 * t355)
        t361 = t359 + ((-0.01396484375) * (t284 * t355))
        t368 = where(t281, t361, 0.0) + where(t281, 0.0, (t342 * (t311 * 0.5)))
        t373 = t279 * t368
        t375 = c * t373
        t382 = t270 * t322
        t383 = ((t253 * t375) * (2.0 * t270)) + (t252 * t322)
        t385 = t270 * t324
        t386 = t383 + (t251 * t324)
        t387 = where(t258, 0.0, (t332 - (t368 * (t279 * t280))))
        t388 = where(t271, t387, 0.0)
        t395 = where(t264, (t263 * t386), 0.0) * (0.5 * (1.0 / t268))
        t400 = where(t264, (-(t395 * (t266 * t267))), 0.0)
        t406 = where(t258, (t269 * t386), 0.0) * (0.5 * (1.0 / t262))
        t411 = where(t258, (-(t406 * (t260 * t261))), 0.0)
        t415 = ((t276 * t375) + t400) + (c * t411)
        t426 = (-(t388 * (t244 * t254))) - (t415 * (t244 * t253))
        t431 = (t218 * t382) + (t217 * t385)
        t442 = (t88 * t382) + (t87 * t385)
        t447 = t244 * t442
        t448 = (t426 - (t431 * (t244 * t248))) - (t442 * (t244 * t245))
        t450 = (t244 * t388) + t448
        t451 = t447 + t448
        t452 = t99 * t450
        t454 = ((t244 * t431) + t447) + (t228 * t450)
        t457 = ((t277 * t373) + (t253 * t411)) + (t239 * t451)
        t458 = (t244 * t415) + (c * t451)
        t461 = t230 * (ww * t458)
        t464 = ew * t458
        t467 = (t461 + t461) + (t233 * t464)
        t471 = t229 * (ee * t458)
        t473 = t471 + ((2.0 * (t230 * t464)) + t471)
        t474 = (t245 * t382) + t467
        t475 = (t248 * t382) + t467
        t476 = (t245 * t385) + t473
        t477 = (t248 * t385) + t473
        t478 = where(t190, 0.0, t452)
        t479 = where(t190, t452, 0.0)
        t489 = (4.0 * (t226 * t478)) - ((t478 * (t226 * t227)) * (2.0 * t211))
        t496 = (t189 * t479) * (2.0 * t207)
        t500 = t193 * t496
        t504 = t193 * t500
        t509 = t193 * t504
        t511 = ((-(t205 * t496)) - (t203 * t500)) - (t201 * t504)
        t514 = t193 * t509
        t519 = t193 * t514
        t526 = ((t511 - (t199 * t509)) - (t197 * t514)) - (t195 * t519)
        t527 = (-0.0014558343870513183) * (t193 * t519)
        t531 = where(t190, (t526 - t527), 0.0) - (t221 * t479)
        t535 = t214 * 0.5
        t537 = where(t190, 0.0, (((-2.0) * (t209 * t489)) * t535))
        t540 = t216 * t475
        t542 = t216 * t477
        t543 = (t186 * t475) + (t185 * t477)
        t544 = where(t190, 0.0, t543)
        t545 = where(t190, t543, 0.0)
        t554 = ((t214 * t544) * (1.0 - (t213 * t213))) - (t544 * (t214 * t215))
        t556 = t193 * t545
        t558 = t193 * t556
        t561 = t193 * t558
        t562 = ((t205 * t545) + (t203 * t556)) + (t201 * t558)
        t564 = t193 * t561
        t567 = t193 * t564
        t571 = ((t562 + (t199 * t561)) + (t197 * t564)) + (t195 * t567)
        t572 = (-0.0014558343870513183) * (t193 * t567)
        t575 = (t531 + t537) + where(t190, (t571 + t572), 0.0)
        t578 = t575 + where(t190, 0.0, (t535 * t554))
        t579 = c * t578
        t587 = t184 * t540
        t588 = ((t170 * t579) * (2.0 * t184)) + (t168 * t540)
        t590 = t184 * t542
        t591 = t588 + (t167 * t542)
        t598 = where(t178, (t177 * t591), 0.0) * (0.5 * (1.0 / t182))
        t603 = where(t178, (-(t598 * (t180 * t181))), 0.0)
        t609 = where(t172, (t183 * t591), 0.0) * (0.5 * (1.0 / t176))
        t614 = where(t172, (-(t609 * (t174 * t175))), 0.0)
        t618 = ((t187 * t579) + t603) + (c * t614)
        t620 = t169 * t618
        t625 = ((t126 * t618) * (gamma * 2.0)) + (t124 * t587)
        t628 = t625 + (t123 * t590)
        t634 = ((t108 * t620) * (2.0 * t122)) + (y2 * (gamma * t587))
        t636 = t634 + (y1 * (gamma * t590))
        t643 = where(t116, (t115 * t636), 0.0) * (0.5 * (1.0 / t120))
        t648 = where(t116, (-(t643 * (t118 * t119))), 0.0)
        t654 = where(t110, (t121 * t636), 0.0) * (0.5 * (1.0 / t114))
        t659 = where(t110, (-(t654 * (t112 * t113))), 0.0)
        t662 = ((t457 + (t188 * t578)) + (t170 * t614)) + (t108 * t659)
        t663 = ((t125 * t620) + t648) + (c * t659)
        t670 = where(t51, 0.0, t454)
        t671 = where(t51, t454, 0.0)
        t681 = (4.0 * (t97 * t670)) - ((t670 * (t97 * t98)) * (2.0 * t81))
        t688 = (t49 * t671) * (2.0 * t76)
        t692 = t55 * t688
        t696 = t55 * t692
        t701 = t55 * t696
        t703 = ((-(t74 * t688)) - (t71 * t692)) - (t68 * t696)
        t706 = t55 * t701
        t711 = t55 * t706
        t718 = ((t703 - (t65 * t701)) - (t62 * t706)) - (t59 * t711)
        t721 = t718 - ((-0.0014558343870513183) * (t55 * t711))
        t727 = t84 * 0.5
        t729 = where(t51, 0.0, (((-2.0) * (t79 * t681)) * t727))
        t730 = (where(t51, t721, 0.0) - (t91 * t671)) + t729
        t735 = (t46 * t474) + (t45 * t476)
        t736 = where(t51, 0.0, t735)
        t737 = where(t51, t735, 0.0)
        t746 = ((t84 * t736) * (1.0 - (t83 * t83))) - (t736 * (t84 * t85))
        t748 = t55 * t737
        t750 = t55 * t748
        t753 = t55 * t750
        t754 = ((t74 * t737) + (t71 * t748)) + (t68 * t750)
        t756 = t55 * t753
        t759 = t55 * t756
        t763 = ((t754 + (t65 * t753)) + (t62 * t756)) + (t59 * t759)
        t765 = t763 + ((-0.0014558343870513183) * (t55 * t759))
        t770 = (t730 + where(t51, t765, 0.0)) + where(t51, 0.0, (t727 * t746))
        t771 = c * t770
        t779 = ((t30 * t771) * (2.0 * t44)) + (x2 * (t86 * t474))
        t781 = t779 + (x1 * (t86 * t476))
        t788 = where(t38, (t37 * t781), 0.0) * (0.5 * (1.0 / t42))
        t793 = where(t38, (-(t788 * (t40 * t41))), 0.0)
        t799 = where(t32, (t43 * t781), 0.0) * (0.5 * (1.0 / t36))
        t804 = where(t32, (-(t799 * (t34 * t35))), 0.0)
        t807 = (t662 + (t48 * t770)) + (t30 * t804)
        t808 = ((t47 * t771) + t793) + (c * t804)
        t810 = ((t237 * t458) + (t106 * t663)) + (t28 * t808)
        t812 = ((t234 * t458) + (t103 * t663)) + (t25 * t808)
        t814 = ((t231 * t458) + (t100 * t663)) + (t21 * t808)
        S[A * ROWS + r] = t317
        S[B * ROWS + r] = t318
        S[D_EE * ROWS + r] = t814
        S[D_EW * ROWS + r] = t812
        S[D_WW * ROWS + r] = t810
        S[D_C * ROWS + r] = t807
        S[D_GAMMA * ROWS + r] = t628


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
