"""`positional_sum`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of a formula of two vectors per row, on a CPU.

Blocks of rows are read once. For each row the inner products of its vectors give an orthogonal basis of their plane:
`e`, the longer of `x` and `y`, and `w = o - k·e` of the other one, `o`. Then the printed program computes the scalars
of all rows of the block, and the result is a combination of `e` and `o`.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import numpy as np

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
    r2_max = numbers[9]
    r2_edge = numbers[10]
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
        t165 = t85 + t153
        t166 = t86 + t154
        t172 = (ee * (t165 * t165)) + (ew * (t166 * (2.0 * t165)))
        t175 = t172 + (ww * (t166 * t166))
        t176 = c * t175
        t177 = t97 * t164
        t180 = 1.0 / (t176 + t177)
        t181 = (t97 + t176) * t180
        t184 = t97 * t180
        t189 = t175 * t180
        t190 = t177 * t180
        t191 = c * t189
        t194 = (n_edge < t191) | (t190 < u_edge)
        t197 = n_max * (1.0 / where(t194, t191, n_max))
        t200 = r2_edge <= t189
        t203 = r2_max * (1.0 / where(t200, t189, r2_max))
        t206 = where(t194, sqrt(t197), 1.0) * where(t200, sqrt(t203), 1.0)
        t209 = where(t194, u_max, where((u_min < t190), t190, u_min))
        t216 = (c * (t189 * (t206 * t206))) * (1.0 / t209)
        t217 = t216 < 0.015625
        t219 = sqrt(where(t217, 1.0, t216))
        t220 = where(t217, t216, 0.0)
        t224 = (t220 * (-0.01396484375)) + 0.017352764423076924
        t228 = t220 * ((t220 * t224) + (-0.022372159090909092))
        t233 = (t220 * (t228 + 0.030381944444444444)) + (-0.044642857142857144)
        t239 = (t220 * ((t220 * t233) + 0.075)) + (-0.16666666666666666)
        t246 = log((t219 + sqrt((1.0 + (t219 * t219)))))
        t249 = where(t217, (1.0 + (t220 * t239)), (t246 * (1.0 / t219)))
        t252 = t249 * (1.0 / sqrt(t209))
        t253 = (((t85 * t181) + (t153 * t184)) * t206) * t252
        t254 = (((t86 * t181) + (t154 * t184)) * t206) * t252
        S[A * ROWS + r] = t253
        S[B * ROWS + r] = t254


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
    r2_max = numbers[9]
    r2_edge = numbers[10]
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
        t167 = t87 + t155
        t168 = t88 + t156
        t169 = t167 * t167
        t171 = 2.0 * t167
        t172 = t168 * t171
        t175 = t168 * t168
        t177 = ((ee * t169) + (ew * t172)) + (ww * t175)
        t178 = c * t177
        t179 = t99 * t166
        t182 = 1.0 / (t178 + t179)
        t183 = (t99 + t178) * t182
        t186 = t99 * t182
        t189 = (t87 * t183) + (t155 * t186)
        t190 = (t88 * t183) + (t156 * t186)
        t191 = t177 * t182
        t192 = t179 * t182
        t193 = c * t191
        t196 = (n_edge < t193) | (t192 < u_edge)
        t198 = 1.0 / where(t196, t193, n_max)
        t199 = n_max * t198
        t200 = sqrt(t199)
        t201 = where(t196, t200, 1.0)
        t202 = r2_edge <= t191
        t204 = 1.0 / where(t202, t191, r2_max)
        t205 = r2_max * t204
        t206 = sqrt(t205)
        t207 = where(t202, t206, 1.0)
        t208 = t201 * t207
        t209 = u_min < t192
        t211 = where(t196, u_max, where(t209, t192, u_min))
        t212 = t189 * t208
        t213 = t190 * t208
        t214 = t208 * t208
        t215 = t191 * t214
        t217 = 1.0 / t211
        t218 = (c * t215) * t217
        t219 = t218 < 0.015625
        t221 = sqrt(where(t219, 1.0, t218))
        t222 = where(t219, t218, 0.0)
        t226 = (t222 * (-0.01396484375)) + 0.017352764423076924
        t229 = (t222 * t226) + (-0.022372159090909092)
        t232 = (t222 * t229) + 0.030381944444444444
        t235 = (t222 * t232) + (-0.044642857142857144)
        t238 = (t222 * t235) + 0.075
        t241 = (t222 * t238) + (-0.16666666666666666)
        t246 = sqrt((1.0 + (t221 * t221)))
        t249 = 1.0 / t221
        t250 = log((t221 + t246)) * t249
        t251 = where(t219, (1.0 + (t222 * t241)), t250)
        t253 = 1.0 / sqrt(t211)
        t254 = t251 * t253
        t255 = t212 * t254
        t256 = t213 * t254
        t260 = g_b * t254
        t262 = g_a * t254
        t263 = (g_b * t213) + (g_a * t212)
        t265 = t253 * t263
        t270 = (t253 * (t253 * t253)) * ((t251 * t263) * (-0.5))
        t271 = where(t219, 0.0, t265)
        t272 = where(t219, t265, 0.0)
        t280 = ((t249 * t271) * (1.0 / t246)) - (t271 * (t249 * t250))
        t282 = t222 * t272
        t284 = t222 * t282
        t287 = t222 * t284
        t288 = ((t241 * t272) + (t238 * t282)) + (t235 * t284)
        t290 = t222 * t287
        t293 = t222 * t290
        t297 = ((t288 + (t232 * t287)) + (t229 * t290)) + (t226 * t293)
        t299 = t297 + ((-0.01396484375) * (t222 * t293))
        t306 = where(t219, t299, 0.0) + where(t219, 0.0, (t280 * (t249 * 0.5)))
        t311 = t217 * t306
        t313 = c * t311
        t320 = t208 * t260
        t321 = ((t191 * t313) * (2.0 * t208)) + (t190 * t260)
        t323 = t208 * t262
        t324 = t321 + (t189 * t262)
        t325 = where(t196, 0.0, (t270 - (t306 * (t217 * t218))))
        t326 = where(t209, t325, 0.0)
        t333 = where(t202, (t201 * t324), 0.0) * (0.5 * (1.0 / t206))
        t338 = where(t202, (-(t333 * (t204 * t205))), 0.0)
        t344 = where(t196, (t207 * t324), 0.0) * (0.5 * (1.0 / t200))
        t349 = where(t196, (-(t344 * (t198 * t199))), 0.0)
        t353 = ((t214 * t313) + t338) + (c * t349)
        t364 = (-(t326 * (t182 * t192))) - (t353 * (t182 * t191))
        t369 = (t156 * t320) + (t155 * t323)
        t380 = (t88 * t320) + (t87 * t323)
        t385 = t182 * t380
        t386 = (t364 - (t369 * (t182 * t186))) - (t380 * (t182 * t183))
        t388 = (t182 * t326) + t386
        t389 = t385 + t386
        t390 = t99 * t388
        t392 = ((t182 * t369) + t385) + (t166 * t388)
        t395 = ((t215 * t311) + (t191 * t349)) + (t177 * t389)
        t396 = (t182 * t353) + (c * t389)
        t399 = t168 * (ww * t396)
        t402 = ew * t396
        t405 = (t399 + t399) + (t171 * t402)
        t409 = t167 * (ee * t396)
        t411 = t409 + ((2.0 * (t168 * t402)) + t409)
        t412 = (t183 * t320) + t405
        t413 = (t186 * t320) + t405
        t414 = (t183 * t323) + t411
        t415 = (t186 * t323) + t411
        t416 = where(t128, 0.0, t390)
        t417 = where(t128, t390, 0.0)
        t427 = (4.0 * (t164 * t416)) - ((t416 * (t164 * t165)) * (2.0 * t149))
        t434 = (t127 * t417) * (2.0 * t145)
        t438 = t131 * t434
        t442 = t131 * t438
        t447 = t131 * t442
        t449 = ((-(t143 * t434)) - (t141 * t438)) - (t139 * t442)
        t452 = t131 * t447
        t457 = t131 * t452
        t464 = ((t449 - (t137 * t447)) - (t135 * t452)) - (t133 * t457)
        t465 = (-0.0014558343870513183) * (t131 * t457)
        t469 = where(t128, (t464 - t465), 0.0) - (t159 * t417)
        t473 = t152 * 0.5
        t475 = where(t128, 0.0, (((-2.0) * (t147 * t427)) * t473))
        t481 = (t124 * t413) + (t123 * t415)
        t482 = where(t128, 0.0, t481)
        t483 = where(t128, t481, 0.0)
        t492 = ((t152 * t482) * (1.0 - (t151 * t151))) - (t482 * (t152 * t153))
        t494 = t131 * t483
        t496 = t131 * t494
        t499 = t131 * t496
        t500 = ((t143 * t483) + (t141 * t494)) + (t139 * t496)
        t502 = t131 * t499
        t505 = t131 * t502
        t509 = ((t500 + (t137 * t499)) + (t135 * t502)) + (t133 * t505)
        t510 = (-0.0014558343870513183) * (t131 * t505)
        t513 = (t469 + t475) + where(t128, (t509 + t510), 0.0)
        t516 = t513 + where(t128, 0.0, (t473 * t492))
        t517 = c * t516
        t525 = ((t108 * t517) * (2.0 * t122)) + (y2 * (t154 * t413))
        t527 = t525 + (y1 * (t154 * t415))
        t534 = where(t116, (t115 * t527), 0.0) * (0.5 * (1.0 / t120))
        t539 = where(t116, (-(t534 * (t118 * t119))), 0.0)
        t545 = where(t110, (t121 * t527), 0.0) * (0.5 * (1.0 / t114))
        t550 = where(t110, (-(t545 * (t112 * t113))), 0.0)
        t554 = ((t125 * t517) + t539) + (c * t550)
        t561 = where(t51, 0.0, t392)
        t562 = where(t51, t392, 0.0)
        t572 = (4.0 * (t97 * t561)) - ((t561 * (t97 * t98)) * (2.0 * t81))
        t579 = (t49 * t562) * (2.0 * t76)
        t583 = t55 * t579
        t587 = t55 * t583
        t592 = t55 * t587
        t594 = ((-(t74 * t579)) - (t71 * t583)) - (t68 * t587)
        t597 = t55 * t592
        t602 = t55 * t597
        t609 = ((t594 - (t65 * t592)) - (t62 * t597)) - (t59 * t602)
        t612 = t609 - ((-0.0014558343870513183) * (t55 * t602))
        t618 = t84 * 0.5
        t620 = where(t51, 0.0, (((-2.0) * (t79 * t572)) * t618))
        t621 = (where(t51, t612, 0.0) - (t91 * t562)) + t620
        t626 = (t46 * t412) + (t45 * t414)
        t627 = where(t51, 0.0, t626)
        t628 = where(t51, t626, 0.0)
        t637 = ((t84 * t627) * (1.0 - (t83 * t83))) - (t627 * (t84 * t85))
        t639 = t55 * t628
        t641 = t55 * t639
        t644 = t55 * t641
        t645 = ((t74 * t628) + (t71 * t639)) + (t68 * t641)
        t647 = t55 * t644
        t650 = t55 * t647
        t654 = ((t645 + (t65 * t644)) + (t62 * t647)) + (t59 * t650)
        t656 = t654 + ((-0.0014558343870513183) * (t55 * t650))
        t661 = (t621 + where(t51, t656, 0.0)) + where(t51, 0.0, (t618 * t637))
        t662 = c * t661
        t664 = ((t395 + (t126 * t516)) + (t108 * t550)) + (t48 * t661)
        t670 = ((t30 * t662) * (2.0 * t44)) + (x2 * (t86 * t412))
        t672 = t670 + (x1 * (t86 * t414))
        t679 = where(t38, (t37 * t672), 0.0) * (0.5 * (1.0 / t42))
        t684 = where(t38, (-(t679 * (t40 * t41))), 0.0)
        t690 = where(t32, (t43 * t672), 0.0) * (0.5 * (1.0 / t36))
        t695 = where(t32, (-(t690 * (t34 * t35))), 0.0)
        t698 = t664 + (t30 * t695)
        t699 = ((t47 * t662) + t684) + (c * t695)
        t701 = ((t175 * t396) + (t106 * t554)) + (t28 * t699)
        t703 = ((t172 * t396) + (t103 * t554)) + (t25 * t699)
        t705 = ((t169 * t396) + (t100 * t554)) + (t21 * t699)
        S[A * ROWS + r] = t255
        S[B * ROWS + r] = t256
        S[D_EE * ROWS + r] = t705
        S[D_EW * ROWS + r] = t703
        S[D_WW * ROWS + r] = t701
        S[D_C * ROWS + r] = t698


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
