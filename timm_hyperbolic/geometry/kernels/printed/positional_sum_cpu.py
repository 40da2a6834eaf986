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
        t31 = r2_edge <= t28
        t36 = where(t30, z2_max, 1.0) * where(t31, r2_max, 1.0)
        t37 = where(t30, t29, 1.0) * where(t31, t28, 1.0)
        t40 = sqrt((t36 * (1.0 / t37)))
        t45 = c * (t28 * (t40 * t40))
        t47 = t45 < 0.015625
        t49 = sqrt(where(t47, 1.0, t45))
        t51 = where(t47, t45, 0.0)
        t55 = (t51 * (-0.0014558343870513183)) + 0.003592128036572481
        t59 = t51 * ((t51 * t55) + (-0.008863235529902197))
        t64 = (t51 * (t59 + 0.021869488536155203)) + (-0.05396825396825397)
        t68 = t51 * ((t51 * t64) + 0.13333333333333333)
        t72 = 1.0 + (t51 * (t68 + (-0.3333333333333333)))
        t75 = exp((t49 * (-2.0)))
        t78 = 1.0 / (1.0 + t75)
        t82 = where(t47, t72, (((1.0 - t75) * t78) * (1.0 / t49)))
        t83 = (x1 * t40) * t82
        t84 = (x2 * t40) * t82
        t95 = where(t47, (1.0 - (t45 * (t72 * t72))), ((t75 * 4.0) * (t78 * t78)))
        t101 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * 2.0)))
        t104 = t101 + (ww * (y2 * y2))
        t105 = c * t104
        t106 = z2_edge <= t105
        t107 = r2_edge <= t104
        t112 = where(t106, z2_max, 1.0) * where(t107, r2_max, 1.0)
        t113 = where(t106, t105, 1.0) * where(t107, t104, 1.0)
        t116 = sqrt((t112 * (1.0 / t113)))
        t121 = c * (t104 * (t116 * t116))
        t122 = t121 < 0.015625
        t124 = sqrt(where(t122, 1.0, t121))
        t125 = where(t122, t121, 0.0)
        t127 = 0.003592128036572481 + ((-0.0014558343870513183) * t125)
        t130 = t125 * ((-0.008863235529902197) + (t125 * t127))
        t133 = (-0.05396825396825397) + (t125 * (0.021869488536155203 + t130))
        t136 = t125 * (0.13333333333333333 + (t125 * t133))
        t139 = 1.0 + (t125 * ((-0.3333333333333333) + t136))
        t141 = exp(((-2.0) * t124))
        t144 = 1.0 / (1.0 + t141)
        t148 = where(t122, t139, (((1.0 - t141) * t144) * (1.0 / t124)))
        t149 = (y1 * t116) * t148
        t150 = (y2 * t116) * t148
        t160 = where(t122, (1.0 - (t121 * (t139 * t139))), ((4.0 * t141) * (t144 * t144)))
        t161 = t83 + t149
        t162 = t84 + t150
        t168 = (ee * (t161 * t161)) + (ew * (t162 * (2.0 * t161)))
        t171 = t168 + (ww * (t162 * t162))
        t172 = c * t171
        t173 = t95 * t160
        t176 = 1.0 / (t172 + t173)
        t177 = (t95 + t172) * t176
        t180 = t95 * t176
        t185 = t171 * t176
        t186 = t173 * t176
        t187 = c * t185
        t190 = (n_edge < t187) | (t186 < u_edge)
        t191 = r2_edge <= t185
        t196 = where(t190, n_max, 1.0) * where(t191, r2_max, 1.0)
        t197 = where(t190, t187, 1.0) * where(t191, t185, 1.0)
        t200 = sqrt((t196 * (1.0 / t197)))
        t203 = where(t190, u_max, where((u_min < t186), t186, u_min))
        t210 = (c * (t185 * (t200 * t200))) * (1.0 / t203)
        t211 = t210 < 0.015625
        t213 = sqrt(where(t211, 1.0, t210))
        t214 = where(t211, t210, 0.0)
        t218 = (t214 * (-0.01396484375)) + 0.017352764423076924
        t222 = t214 * ((t214 * t218) + (-0.022372159090909092))
        t227 = (t214 * (t222 + 0.030381944444444444)) + (-0.044642857142857144)
        t233 = (t214 * ((t214 * t227) + 0.075)) + (-0.16666666666666666)
        t240 = log((t213 + sqrt((1.0 + (t213 * t213)))))
        t243 = where(t211, (1.0 + (t214 * t233)), (t240 * (1.0 / t213)))
        t246 = t243 * (1.0 / sqrt(t203))
        t247 = (((t83 * t177) + (t149 * t180)) * t200) * t246
        t248 = (((t84 * t177) + (t150 * t180)) * t200) * t246
        S[A * ROWS + r] = t247
        S[B * ROWS + r] = t248


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
        t33 = r2_edge <= t30
        t35 = where(t32, t31, 1.0)
        t37 = where(t33, t30, 1.0)
        t38 = where(t32, z2_max, 1.0) * where(t33, r2_max, 1.0)
        t40 = 1.0 / (t35 * t37)
        t41 = t38 * t40
        t42 = sqrt(t41)
        t43 = x1 * t42
        t44 = x2 * t42
        t45 = t42 * t42
        t46 = t30 * t45
        t47 = c * t46
        t49 = t47 < 0.015625
        t51 = sqrt(where(t49, 1.0, t47))
        t53 = where(t49, t47, 0.0)
        t57 = (t53 * (-0.0014558343870513183)) + 0.003592128036572481
        t60 = (t53 * t57) + (-0.008863235529902197)
        t63 = (t53 * t60) + 0.021869488536155203
        t66 = (t53 * t63) + (-0.05396825396825397)
        t69 = (t53 * t66) + 0.13333333333333333
        t72 = (t53 * t69) + (-0.3333333333333333)
        t74 = 1.0 + (t53 * t72)
        t77 = exp((t51 * (-2.0)))
        t79 = 1.0 + t77
        t80 = 1.0 / t79
        t81 = (1.0 - t77) * t80
        t82 = 1.0 / t51
        t83 = t81 * t82
        t84 = where(t49, t74, t83)
        t85 = t43 * t84
        t86 = t44 * t84
        t89 = t74 * t74
        t95 = t80 * t80
        t96 = (t77 * 4.0) * t95
        t97 = where(t49, (1.0 - (t47 * t89)), t96)
        t98 = y1 * y1
        t101 = y2 * (y1 * 2.0)
        t104 = y2 * y2
        t106 = ((ee * t98) + (ew * t101)) + (ww * t104)
        t107 = c * t106
        t108 = z2_edge <= t107
        t109 = r2_edge <= t106
        t111 = where(t108, t107, 1.0)
        t113 = where(t109, t106, 1.0)
        t114 = where(t108, z2_max, 1.0) * where(t109, r2_max, 1.0)
        t116 = 1.0 / (t111 * t113)
        t117 = t114 * t116
        t118 = sqrt(t117)
        t119 = y1 * t118
        t120 = y2 * t118
        t121 = t118 * t118
        t122 = t106 * t121
        t123 = c * t122
        t124 = t123 < 0.015625
        t126 = sqrt(where(t124, 1.0, t123))
        t127 = where(t124, t123, 0.0)
        t129 = 0.003592128036572481 + ((-0.0014558343870513183) * t127)
        t131 = (-0.008863235529902197) + (t127 * t129)
        t133 = 0.021869488536155203 + (t127 * t131)
        t135 = (-0.05396825396825397) + (t127 * t133)
        t137 = 0.13333333333333333 + (t127 * t135)
        t139 = (-0.3333333333333333) + (t127 * t137)
        t141 = 1.0 + (t127 * t139)
        t143 = exp(((-2.0) * t126))
        t145 = 1.0 + t143
        t146 = 1.0 / t145
        t147 = (1.0 - t143) * t146
        t148 = 1.0 / t126
        t149 = t147 * t148
        t150 = where(t124, t141, t149)
        t151 = t119 * t150
        t152 = t120 * t150
        t155 = t141 * t141
        t160 = t146 * t146
        t161 = (4.0 * t143) * t160
        t162 = where(t124, (1.0 - (t123 * t155)), t161)
        t163 = t85 + t151
        t164 = t86 + t152
        t165 = t163 * t163
        t167 = 2.0 * t163
        t168 = t164 * t167
        t171 = t164 * t164
        t173 = ((ee * t165) + (ew * t168)) + (ww * t171)
        t174 = c * t173
        t175 = t97 * t162
        t178 = 1.0 / (t174 + t175)
        t179 = (t97 + t174) * t178
        t182 = t97 * t178
        t185 = (t85 * t179) + (t151 * t182)
        t186 = (t86 * t179) + (t152 * t182)
        t187 = t173 * t178
        t188 = t175 * t178
        t189 = c * t187
        t192 = (n_edge < t189) | (t188 < u_edge)
        t193 = r2_edge <= t187
        t195 = where(t192, t189, 1.0)
        t197 = where(t193, t187, 1.0)
        t198 = where(t192, n_max, 1.0) * where(t193, r2_max, 1.0)
        t200 = 1.0 / (t195 * t197)
        t201 = t198 * t200
        t202 = sqrt(t201)
        t203 = u_min < t188
        t205 = where(t192, u_max, where(t203, t188, u_min))
        t206 = t185 * t202
        t207 = t186 * t202
        t208 = t202 * t202
        t209 = t187 * t208
        t211 = 1.0 / t205
        t212 = (c * t209) * t211
        t213 = t212 < 0.015625
        t215 = sqrt(where(t213, 1.0, t212))
        t216 = where(t213, t212, 0.0)
        t220 = (t216 * (-0.01396484375)) + 0.017352764423076924
        t223 = (t216 * t220) + (-0.022372159090909092)
        t226 = (t216 * t223) + 0.030381944444444444
        t229 = (t216 * t226) + (-0.044642857142857144)
        t232 = (t216 * t229) + 0.075
        t235 = (t216 * t232) + (-0.16666666666666666)
        t240 = sqrt((1.0 + (t215 * t215)))
        t243 = 1.0 / t215
        t244 = log((t215 + t240)) * t243
        t245 = where(t213, (1.0 + (t216 * t235)), t244)
        t247 = 1.0 / sqrt(t205)
        t248 = t245 * t247
        t249 = t206 * t248
        t250 = t207 * t248
        t254 = g_b * t248
        t256 = g_a * t248
        t257 = (g_b * t207) + (g_a * t206)
        t259 = t247 * t257
        t264 = (t247 * (t247 * t247)) * ((t245 * t257) * (-0.5))
        t265 = where(t213, 0.0, t259)
        t266 = where(t213, t259, 0.0)
        t274 = ((t243 * t265) * (1.0 / t240)) - (t265 * (t243 * t244))
        t276 = t216 * t266
        t278 = t216 * t276
        t281 = t216 * t278
        t282 = ((t235 * t266) + (t232 * t276)) + (t229 * t278)
        t284 = t216 * t281
        t287 = t216 * t284
        t291 = ((t282 + (t226 * t281)) + (t223 * t284)) + (t220 * t287)
        t293 = t291 + ((-0.01396484375) * (t216 * t287))
        t300 = where(t213, t293, 0.0) + where(t213, 0.0, (t274 * (t243 * 0.5)))
        t305 = t211 * t300
        t307 = c * t305
        t314 = t202 * t254
        t315 = ((t187 * t307) * (2.0 * t202)) + (t186 * t254)
        t317 = t202 * t256
        t319 = where(t192, 0.0, (t264 - (t300 * (t211 * t212))))
        t320 = where(t203, t319, 0.0)
        t323 = (t315 + (t185 * t256)) * (0.5 * (1.0 / t202))
        t326 = t323 * (t200 * t201)
        t333 = (t208 * t307) + where(t193, (-(t195 * t326)), 0.0)
        t334 = where(t192, (-(t197 * t326)), 0.0)
        t338 = t333 + (c * t334)
        t349 = (-(t320 * (t178 * t188))) - (t338 * (t178 * t187))
        t354 = (t152 * t314) + (t151 * t317)
        t365 = (t86 * t314) + (t85 * t317)
        t370 = t178 * t365
        t371 = (t349 - (t354 * (t178 * t182))) - (t365 * (t178 * t179))
        t373 = (t178 * t320) + t371
        t374 = t370 + t371
        t375 = t97 * t373
        t377 = ((t178 * t354) + t370) + (t162 * t373)
        t380 = ((t209 * t305) + (t187 * t334)) + (t173 * t374)
        t381 = (t178 * t338) + (c * t374)
        t384 = t164 * (ww * t381)
        t387 = ew * t381
        t390 = (t384 + t384) + (t167 * t387)
        t394 = t163 * (ee * t381)
        t396 = t394 + ((2.0 * (t164 * t387)) + t394)
        t397 = (t179 * t314) + t390
        t398 = (t182 * t314) + t390
        t399 = (t179 * t317) + t396
        t400 = (t182 * t317) + t396
        t401 = where(t124, 0.0, t375)
        t402 = where(t124, t375, 0.0)
        t412 = (4.0 * (t160 * t401)) - ((t401 * (t160 * t161)) * (2.0 * t145))
        t419 = (t123 * t402) * (2.0 * t141)
        t423 = t127 * t419
        t427 = t127 * t423
        t432 = t127 * t427
        t434 = ((-(t139 * t419)) - (t137 * t423)) - (t135 * t427)
        t437 = t127 * t432
        t442 = t127 * t437
        t449 = ((t434 - (t133 * t432)) - (t131 * t437)) - (t129 * t442)
        t450 = (-0.0014558343870513183) * (t127 * t442)
        t454 = where(t124, (t449 - t450), 0.0) - (t155 * t402)
        t458 = t148 * 0.5
        t460 = where(t124, 0.0, (((-2.0) * (t143 * t412)) * t458))
        t466 = (t120 * t398) + (t119 * t400)
        t467 = where(t124, 0.0, t466)
        t468 = where(t124, t466, 0.0)
        t477 = ((t148 * t467) * (1.0 - (t147 * t147))) - (t467 * (t148 * t149))
        t479 = t127 * t468
        t481 = t127 * t479
        t484 = t127 * t481
        t485 = ((t139 * t468) + (t137 * t479)) + (t135 * t481)
        t487 = t127 * t484
        t490 = t127 * t487
        t494 = ((t485 + (t133 * t484)) + (t131 * t487)) + (t129 * t490)
        t495 = (-0.0014558343870513183) * (t127 * t490)
        t498 = (t454 + t460) + where(t124, (t494 + t495), 0.0)
        t501 = t498 + where(t124, 0.0, (t458 * t477))
        t502 = c * t501
        t510 = ((t106 * t502) * (2.0 * t118)) + (y2 * (t150 * t398))
        t515 = (t510 + (y1 * (t150 * t400))) * (0.5 * (1.0 / t118))
        t518 = t515 * (t116 * t117)
        t525 = (t121 * t502) + where(t109, (-(t111 * t518)), 0.0)
        t526 = where(t108, (-(t113 * t518)), 0.0)
        t530 = t525 + (c * t526)
        t537 = where(t49, 0.0, t377)
        t538 = where(t49, t377, 0.0)
        t548 = (4.0 * (t95 * t537)) - ((t537 * (t95 * t96)) * (2.0 * t79))
        t555 = (t47 * t538) * (2.0 * t74)
        t559 = t53 * t555
        t563 = t53 * t559
        t568 = t53 * t563
        t570 = ((-(t72 * t555)) - (t69 * t559)) - (t66 * t563)
        t573 = t53 * t568
        t578 = t53 * t573
        t585 = ((t570 - (t63 * t568)) - (t60 * t573)) - (t57 * t578)
        t588 = t585 - ((-0.0014558343870513183) * (t53 * t578))
        t594 = t82 * 0.5
        t596 = where(t49, 0.0, (((-2.0) * (t77 * t548)) * t594))
        t597 = (where(t49, t588, 0.0) - (t89 * t538)) + t596
        t602 = (t44 * t397) + (t43 * t399)
        t603 = where(t49, 0.0, t602)
        t604 = where(t49, t602, 0.0)
        t613 = ((t82 * t603) * (1.0 - (t81 * t81))) - (t603 * (t82 * t83))
        t615 = t53 * t604
        t617 = t53 * t615
        t620 = t53 * t617
        t621 = ((t72 * t604) + (t69 * t615)) + (t66 * t617)
        t623 = t53 * t620
        t626 = t53 * t623
        t630 = ((t621 + (t63 * t620)) + (t60 * t623)) + (t57 * t626)
        t632 = t630 + ((-0.0014558343870513183) * (t53 * t626))
        t637 = (t597 + where(t49, t632, 0.0)) + where(t49, 0.0, (t594 * t613))
        t638 = c * t637
        t640 = ((t380 + (t122 * t501)) + (t106 * t526)) + (t46 * t637)
        t646 = ((t30 * t638) * (2.0 * t42)) + (x2 * (t84 * t397))
        t651 = (t646 + (x1 * (t84 * t399))) * (0.5 * (1.0 / t42))
        t654 = t651 * (t40 * t41)
        t661 = (t45 * t638) + where(t33, (-(t35 * t654)), 0.0)
        t662 = where(t32, (-(t37 * t654)), 0.0)
        t665 = t640 + (t30 * t662)
        t666 = t661 + (c * t662)
        t668 = ((t171 * t381) + (t104 * t530)) + (t28 * t666)
        t670 = ((t168 * t381) + (t101 * t530)) + (t25 * t666)
        t672 = ((t165 * t381) + (t98 * t530)) + (t21 * t666)
        S[A * ROWS + r] = t249
        S[B * ROWS + r] = t250
        S[D_EE * ROWS + r] = t672
        S[D_EW * ROWS + r] = t670
        S[D_WW * ROWS + r] = t668
        S[D_C * ROWS + r] = t665


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
