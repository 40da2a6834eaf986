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
        t303 = where(t218, 0.0, (t279 * (1.0 / (2.0 * t220))))
        t304 = where(t218, t298, 0.0) + t303
        t309 = t216 * t304
        t311 = c * t309
        t318 = t207 * t259
        t319 = ((t190 * t311) * (2.0 * t207)) + (t189 * t259)
        t321 = t207 * t261
        t322 = t319 + (t188 * t261)
        t323 = where(t195, 0.0, (t269 - (t304 * (t216 * t217))))
        t324 = where(t208, t323, 0.0)
        t330 = where(t201, (t200 * t322), 0.0) * (1.0 / (2.0 * t205))
        t335 = where(t201, (-(t330 * (t203 * t204))), 0.0)
        t340 = where(t195, (t206 * t322), 0.0) * (1.0 / (2.0 * t199))
        t345 = where(t195, (-(t340 * (t197 * t198))), 0.0)
        t349 = ((t213 * t311) + t335) + (c * t345)
        t360 = (-(t324 * (t181 * t191))) - (t349 * (t181 * t190))
        t365 = (t155 * t318) + (t154 * t321)
        t376 = (t87 * t318) + (t86 * t321)
        t381 = t181 * t376
        t382 = (t360 - (t365 * (t181 * t185))) - (t376 * (t181 * t182))
        t384 = (t181 * t324) + t382
        t385 = t381 + t382
        t386 = t98 * t384
        t388 = ((t181 * t365) + t381) + (t165 * t384)
        t391 = ((t214 * t309) + (t190 * t345)) + (t176 * t385)
        t392 = (t181 * t349) + (c * t385)
        t395 = t167 * (ww * t392)
        t398 = ew * t392
        t401 = (t395 + t395) + (t170 * t398)
        t405 = t166 * (ee * t392)
        t407 = t405 + ((2.0 * (t167 * t398)) + t405)
        t408 = (t182 * t318) + t401
        t409 = (t185 * t318) + t401
        t410 = (t182 * t321) + t407
        t411 = (t185 * t321) + t407
        t412 = where(t127, 0.0, t386)
        t413 = where(t127, t386, 0.0)
        t423 = (4.0 * (t163 * t412)) - ((t412 * (t163 * t164)) * (2.0 * t148))
        t430 = (t126 * t413) * (2.0 * t144)
        t434 = t130 * t430
        t438 = t130 * t434
        t443 = t130 * t438
        t445 = ((-(t142 * t430)) - (t140 * t434)) - (t138 * t438)
        t448 = t130 * t443
        t453 = t130 * t448
        t460 = ((t445 - (t136 * t443)) - (t134 * t448)) - (t132 * t453)
        t461 = (-0.0014558343870513183) * (t130 * t453)
        t465 = where(t127, (t460 - t461), 0.0) - (t158 * t413)
        t469 = 1.0 / (2.0 * t129)
        t471 = where(t127, 0.0, (((-2.0) * (t146 * t423)) * t469))
        t477 = (t123 * t409) + (t122 * t411)
        t478 = where(t127, 0.0, t477)
        t479 = where(t127, t477, 0.0)
        t488 = ((t151 * t478) * (1.0 - (t150 * t150))) - (t478 * (t151 * t152))
        t490 = t130 * t479
        t492 = t130 * t490
        t495 = t130 * t492
        t496 = ((t142 * t479) + (t140 * t490)) + (t138 * t492)
        t498 = t130 * t495
        t501 = t130 * t498
        t505 = ((t496 + (t136 * t495)) + (t134 * t498)) + (t132 * t501)
        t506 = (-0.0014558343870513183) * (t130 * t501)
        t509 = (t465 + t471) + where(t127, (t505 + t506), 0.0)
        t512 = t509 + where(t127, 0.0, (t469 * t488))
        t513 = c * t512
        t521 = ((t107 * t513) * (2.0 * t121)) + (y2 * (t153 * t409))
        t523 = t521 + (y1 * (t153 * t411))
        t529 = where(t115, (t114 * t523), 0.0) * (1.0 / (2.0 * t119))
        t534 = where(t115, (-(t529 * (t117 * t118))), 0.0)
        t539 = where(t109, (t120 * t523), 0.0) * (1.0 / (2.0 * t113))
        t544 = where(t109, (-(t539 * (t111 * t112))), 0.0)
        t548 = ((t124 * t513) + t534) + (c * t544)
        t555 = where(t50, 0.0, t388)
        t556 = where(t50, t388, 0.0)
        t566 = (4.0 * (t96 * t555)) - ((t555 * (t96 * t97)) * (2.0 * t80))
        t573 = (t48 * t556) * (2.0 * t75)
        t577 = t54 * t573
        t581 = t54 * t577
        t586 = t54 * t581
        t588 = ((-(t73 * t573)) - (t70 * t577)) - (t67 * t581)
        t591 = t54 * t586
        t596 = t54 * t591
        t603 = ((t588 - (t64 * t586)) - (t61 * t591)) - (t58 * t596)
        t606 = t603 - ((-0.0014558343870513183) * (t54 * t596))
        t612 = 1.0 / (2.0 * t52)
        t614 = where(t50, 0.0, (((-2.0) * (t78 * t566)) * t612))
        t615 = (where(t50, t606, 0.0) - (t90 * t556)) + t614
        t620 = (t45 * t408) + (t44 * t410)
        t621 = where(t50, 0.0, t620)
        t622 = where(t50, t620, 0.0)
        t631 = ((t83 * t621) * (1.0 - (t82 * t82))) - (t621 * (t83 * t84))
        t633 = t54 * t622
        t635 = t54 * t633
        t638 = t54 * t635
        t639 = ((t73 * t622) + (t70 * t633)) + (t67 * t635)
        t641 = t54 * t638
        t644 = t54 * t641
        t648 = ((t639 + (t64 * t638)) + (t61 * t641)) + (t58 * t644)
        t650 = t648 + ((-0.0014558343870513183) * (t54 * t644))
        t655 = (t615 + where(t50, t650, 0.0)) + where(t50, 0.0, (t612 * t631))
        t656 = c * t655
        t658 = ((t391 + (t125 * t512)) + (t107 * t544)) + (t47 * t655)
        t664 = ((t29 * t656) * (2.0 * t43)) + (x2 * (t85 * t408))
        t666 = t664 + (x1 * (t85 * t410))
        t672 = where(t37, (t36 * t666), 0.0) * (1.0 / (2.0 * t41))
        t677 = where(t37, (-(t672 * (t39 * t40))), 0.0)
        t682 = where(t31, (t42 * t666), 0.0) * (1.0 / (2.0 * t35))
        t687 = where(t31, (-(t682 * (t33 * t34))), 0.0)
        t690 = t658 + (t29 * t687)
        t691 = ((t46 * t656) + t677) + (c * t687)
        t693 = ((t174 * t392) + (t105 * t548)) + (t27 * t691)
        t695 = ((t171 * t392) + (t102 * t548)) + (t24 * t691)
        t697 = ((t168 * t392) + (t99 * t548)) + (t20 * t691)
        S[A * ROWS + r] = t254
        S[B * ROWS + r] = t255
        S[D_EE * ROWS + r] = t697
        S[D_EW * ROWS + r] = t695
        S[D_WW * ROWS + r] = t693
        S[D_C * ROWS + r] = t690


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
