"""`positional_sum`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of a formula of two vectors per row, on a GPU.

A program of the grid computes a block of rows, in three steps. It reads the vectors, a few rows at once, and takes
their inner products in the orthogonal basis of their plane: `e`, the longer of `x` and `y`, and `w = o - k·e` of the
other one, `o`. Then each thread computes the scalars of one row. At last the vectors are read again, from the cache,
and combined. From step to step numbers of a row go through a scratch in memory: registers would hold a row's scalars in
every thread that has a part of its vectors, and compute them as often.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`. Nothing that is
computed depends on the number of rows or on the order in which programs run, but for sums over rows, of which there is
one for each block.
"""

import triton
import triton.language as tl

from timm_hyperbolic.geometry.kernels.primitives_gpu import f64, narrow, read, rows_at, typed

ROWS = tl.constexpr(32)
SLOTS = tl.constexpr(15)
EE = tl.constexpr(0)
EW = tl.constexpr(1)
WW = tl.constexpr(2)
X1 = tl.constexpr(3)
X2 = tl.constexpr(4)
Y1 = tl.constexpr(5)
Y2 = tl.constexpr(6)
A = tl.constexpr(7)
B = tl.constexpr(8)
G_A = tl.constexpr(9)
G_B = tl.constexpr(10)
D_EE = tl.constexpr(11)
D_EW = tl.constexpr(12)
D_WW = tl.constexpr(13)
D_C = tl.constexpr(14)


@triton.jit
def forward_scalars(S, numbers, clip):
    """a, b of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
    n_max = tl.load(clip + 2)
    n_edge = tl.load(clip + 3)
    u_max = tl.load(clip + 4)
    u_edge = tl.load(clip + 5)
    u_min = tl.load(clip + 6)
    r2_max = tl.load(clip + 8)
    r2_edge = tl.load(clip + 9)
    ee = tl.load(S + EE * ROWS + r)
    ew = tl.load(S + EW * ROWS + r)
    ww = tl.load(S + WW * ROWS + r)
    x1 = tl.load(S + X1 * ROWS + r)
    x2 = tl.load(S + X2 * ROWS + r)
    y1 = tl.load(S + Y1 * ROWS + r)
    y2 = tl.load(S + Y2 * ROWS + r)
    t25 = (ee * (x1 * x1)) + (ew * (x2 * (x1 * f64(2.0))))
    t28 = t25 + (ww * (x2 * x2))
    t29 = c * t28
    t30 = z2_edge <= t29
    t31 = r2_edge <= t28
    t36 = (tl.where(t30, z2_max, f64(1.0))) * (tl.where(t31, r2_max, f64(1.0)))
    t37 = (tl.where(t30, t29, f64(1.0))) * (tl.where(t31, t28, f64(1.0)))
    t40 = tl.sqrt((t36 * (f64(1.0) / t37)))
    t45 = c * (t28 * (t40 * t40))
    t47 = t45 < f64(0.015625)
    t49 = tl.sqrt((tl.where(t47, f64(1.0), t45)))
    t51 = tl.where(t47, t45, f64(0.0))
    t55 = (t51 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t58 = (t51 * t55) + f64(-0.008863235529902197)
    t62 = t51 * ((t51 * t58) + f64(0.021869488536155203))
    t67 = (t51 * (t62 + f64(-0.05396825396825397))) + f64(0.13333333333333333)
    t71 = t51 * ((t51 * t67) + f64(-0.3333333333333333))
    t72 = f64(1.0) + t71
    t75 = tl.exp((t49 * f64(-2.0)))
    t78 = f64(1.0) / (f64(1.0) + t75)
    t81 = ((f64(1.0) - t75) * t78) * (f64(1.0) / t49)
    t82 = tl.where(t47, t72, t81)
    t83 = (x1 * t40) * t82
    t84 = (x2 * t40) * t82
    t95 = tl.where(t47, (f64(1.0) - (t45 * (t72 * t72))), ((t75 * f64(4.0)) * (t78 * t78)))
    t101 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * f64(2.0))))
    t104 = t101 + (ww * (y2 * y2))
    t105 = c * t104
    t106 = z2_edge <= t105
    t107 = r2_edge <= t104
    t112 = (tl.where(t106, z2_max, f64(1.0))) * (tl.where(t107, r2_max, f64(1.0)))
    t113 = (tl.where(t106, t105, f64(1.0))) * (tl.where(t107, t104, f64(1.0)))
    t116 = tl.sqrt((t112 * (f64(1.0) / t113)))
    t121 = c * (t104 * (t116 * t116))
    t122 = t121 < f64(0.015625)
    t124 = tl.sqrt((tl.where(t122, f64(1.0), t121)))
    t125 = tl.where(t122, t121, f64(0.0))
    t127 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t125)
    t129 = f64(-0.008863235529902197) + (t125 * t127)
    t131 = f64(0.021869488536155203) + (t125 * t129)
    t133 = f64(-0.05396825396825397) + (t125 * t131)
    t135 = f64(0.13333333333333333) + (t125 * t133)
    t137 = f64(-0.3333333333333333) + (t125 * t135)
    t139 = f64(1.0) + (t125 * t137)
    t141 = tl.exp((f64(-2.0) * t124))
    t144 = f64(1.0) / (f64(1.0) + t141)
    t147 = ((f64(1.0) - t141) * t144) * (f64(1.0) / t124)
    t148 = tl.where(t122, t139, t147)
    t149 = (y1 * t116) * t148
    t150 = (y2 * t116) * t148
    t160 = tl.where(t122, (f64(1.0) - (t121 * (t139 * t139))), ((f64(4.0) * t141) * (t144 * t144)))
    t161 = t83 + t149
    t162 = t84 + t150
    t168 = (ee * (t161 * t161)) + (ew * (t162 * (f64(2.0) * t161)))
    t171 = t168 + (ww * (t162 * t162))
    t172 = c * t171
    t173 = t95 * t160
    t176 = f64(1.0) / (t172 + t173)
    t177 = (t95 + t172) * t176
    t180 = t95 * t176
    t185 = t171 * t176
    t186 = t173 * t176
    t187 = c * t185
    t190 = (n_edge < t187) | (t186 < u_edge)
    t191 = r2_edge <= t185
    t196 = (tl.where(t190, n_max, f64(1.0))) * (tl.where(t191, r2_max, f64(1.0)))
    t197 = (tl.where(t190, t187, f64(1.0))) * (tl.where(t191, t185, f64(1.0)))
    t200 = tl.sqrt((t196 * (f64(1.0) / t197)))
    t203 = tl.where(t190, u_max, (tl.where((u_min < t186), t186, u_min)))
    t210 = (c * (t185 * (t200 * t200))) * (f64(1.0) / t203)
    t211 = t210 < f64(0.015625)
    t213 = tl.sqrt((tl.where(t211, f64(1.0), t210)))
    t214 = tl.where(t211, t210, f64(0.0))
    t218 = (t214 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t221 = (t214 * t218) + f64(-0.022372159090909092)
    t224 = (t214 * t221) + f64(0.030381944444444444)
    t227 = (t214 * t224) + f64(-0.044642857142857144)
    t233 = (t214 * ((t214 * t227) + f64(0.075))) + f64(-0.16666666666666666)
    t239 = t213 + (tl.sqrt((f64(1.0) + (t213 * t213))))
    t243 = tl.where(t211, (f64(1.0) + (t214 * t233)), ((tl.log(t239)) * (f64(1.0) / t213)))
    t246 = t243 * (f64(1.0) / (tl.sqrt(t203)))
    t247 = (((t83 * t177) + (t149 * t180)) * t200) * t246
    t248 = (((t84 * t177) + (t150 * t180)) * t200) * t246
    tl.store(S + A * ROWS + r, t247)
    tl.store(S + B * ROWS + r, t248)


@triton.jit
def backward_scalars(S, numbers, clip):
    """a, b, d_ee, d_ew, d_ww, d_c of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
    n_max = tl.load(clip + 2)
    n_edge = tl.load(clip + 3)
    u_max = tl.load(clip + 4)
    u_edge = tl.load(clip + 5)
    u_min = tl.load(clip + 6)
    r2_max = tl.load(clip + 8)
    r2_edge = tl.load(clip + 9)
    ee = tl.load(S + EE * ROWS + r)
    ew = tl.load(S + EW * ROWS + r)
    ww = tl.load(S + WW * ROWS + r)
    x1 = tl.load(S + X1 * ROWS + r)
    x2 = tl.load(S + X2 * ROWS + r)
    y1 = tl.load(S + Y1 * ROWS + r)
    y2 = tl.load(S + Y2 * ROWS + r)
    g_a = tl.load(S + G_A * ROWS + r)
    g_b = tl.load(S + G_B * ROWS + r)
    t21 = x1 * x1
    t25 = x2 * (x1 * f64(2.0))
    t28 = x2 * x2
    t30 = ((ee * t21) + (ew * t25)) + (ww * t28)
    t31 = c * t30
    t32 = z2_edge <= t31
    t33 = r2_edge <= t30
    t35 = tl.where(t32, t31, f64(1.0))
    t37 = tl.where(t33, t30, f64(1.0))
    t38 = (tl.where(t32, z2_max, f64(1.0))) * (tl.where(t33, r2_max, f64(1.0)))
    t40 = f64(1.0) / (t35 * t37)
    t41 = t38 * t40
    t42 = tl.sqrt(t41)
    t43 = x1 * t42
    t44 = x2 * t42
    t45 = t42 * t42
    t46 = t30 * t45
    t47 = c * t46
    t49 = t47 < f64(0.015625)
    t51 = tl.sqrt((tl.where(t49, f64(1.0), t47)))
    t53 = tl.where(t49, t47, f64(0.0))
    t57 = (t53 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t60 = (t53 * t57) + f64(-0.008863235529902197)
    t63 = (t53 * t60) + f64(0.021869488536155203)
    t66 = (t53 * t63) + f64(-0.05396825396825397)
    t69 = (t53 * t66) + f64(0.13333333333333333)
    t72 = (t53 * t69) + f64(-0.3333333333333333)
    t74 = f64(1.0) + (t53 * t72)
    t77 = tl.exp((t51 * f64(-2.0)))
    t79 = f64(1.0) + t77
    t80 = f64(1.0) / t79
    t81 = (f64(1.0) - t77) * t80
    t82 = f64(1.0) / t51
    t83 = t81 * t82
    t84 = tl.where(t49, t74, t83)
    t85 = t43 * t84
    t86 = t44 * t84
    t89 = t74 * t74
    t95 = t80 * t80
    t96 = (t77 * f64(4.0)) * t95
    t97 = tl.where(t49, (f64(1.0) - (t47 * t89)), t96)
    t98 = y1 * y1
    t101 = y2 * (y1 * f64(2.0))
    t104 = y2 * y2
    t106 = ((ee * t98) + (ew * t101)) + (ww * t104)
    t107 = c * t106
    t108 = z2_edge <= t107
    t109 = r2_edge <= t106
    t111 = tl.where(t108, t107, f64(1.0))
    t113 = tl.where(t109, t106, f64(1.0))
    t114 = (tl.where(t108, z2_max, f64(1.0))) * (tl.where(t109, r2_max, f64(1.0)))
    t116 = f64(1.0) / (t111 * t113)
    t117 = t114 * t116
    t118 = tl.sqrt(t117)
    t119 = y1 * t118
    t120 = y2 * t118
    t121 = t118 * t118
    t122 = t106 * t121
    t123 = c * t122
    t124 = t123 < f64(0.015625)
    t126 = tl.sqrt((tl.where(t124, f64(1.0), t123)))
    t127 = tl.where(t124, t123, f64(0.0))
    t129 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t127)
    t131 = f64(-0.008863235529902197) + (t127 * t129)
    t133 = f64(0.021869488536155203) + (t127 * t131)
    t135 = f64(-0.05396825396825397) + (t127 * t133)
    t137 = f64(0.13333333333333333) + (t127 * t135)
    t139 = f64(-0.3333333333333333) + (t127 * t137)
    t141 = f64(1.0) + (t127 * t139)
    t143 = tl.exp((f64(-2.0) * t126))
    t145 = f64(1.0) + t143
    t146 = f64(1.0) / t145
    t147 = (f64(1.0) - t143) * t146
    t148 = f64(1.0) / t126
    t149 = t147 * t148
    t150 = tl.where(t124, t141, t149)
    t151 = t119 * t150
    t152 = t120 * t150
    t155 = t141 * t141
    t160 = t146 * t146
    t161 = (f64(4.0) * t143) * t160
    t162 = tl.where(t124, (f64(1.0) - (t123 * t155)), t161)
    t163 = t85 + t151
    t164 = t86 + t152
    t165 = t163 * t163
    t167 = f64(2.0) * t163
    t168 = t164 * t167
    t171 = t164 * t164
    t173 = ((ee * t165) + (ew * t168)) + (ww * t171)
    t174 = c * t173
    t175 = t97 * t162
    t178 = f64(1.0) / (t174 + t175)
    t179 = (t97 + t174) * t178
    t182 = t97 * t178
    t185 = (t85 * t179) + (t151 * t182)
    t186 = (t86 * t179) + (t152 * t182)
    t187 = t173 * t178
    t188 = t175 * t178
    t189 = c * t187
    t192 = (n_edge < t189) | (t188 < u_edge)
    t193 = r2_edge <= t187
    t195 = tl.where(t192, t189, f64(1.0))
    t197 = tl.where(t193, t187, f64(1.0))
    t198 = (tl.where(t192, n_max, f64(1.0))) * (tl.where(t193, r2_max, f64(1.0)))
    t200 = f64(1.0) / (t195 * t197)
    t201 = t198 * t200
    t202 = tl.sqrt(t201)
    t203 = u_min < t188
    t205 = tl.where(t192, u_max, (tl.where(t203, t188, u_min)))
    t206 = t185 * t202
    t207 = t186 * t202
    t208 = t202 * t202
    t209 = t187 * t208
    t211 = f64(1.0) / t205
    t212 = (c * t209) * t211
    t213 = t212 < f64(0.015625)
    t215 = tl.sqrt((tl.where(t213, f64(1.0), t212)))
    t216 = tl.where(t213, t212, f64(0.0))
    t220 = (t216 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t223 = (t216 * t220) + f64(-0.022372159090909092)
    t226 = (t216 * t223) + f64(0.030381944444444444)
    t229 = (t216 * t226) + f64(-0.044642857142857144)
    t232 = (t216 * t229) + f64(0.075)
    t235 = (t216 * t232) + f64(-0.16666666666666666)
    t240 = tl.sqrt((f64(1.0) + (t215 * t215)))
    t243 = f64(1.0) / t215
    t244 = (tl.log((t215 + t240))) * t243
    t245 = tl.where(t213, (f64(1.0) + (t216 * t235)), t244)
    t247 = f64(1.0) / (tl.sqrt(t205))
    t248 = t245 * t247
    t249 = t206 * t248
    t250 = t207 * t248
    t254 = g_b * t248
    t256 = g_a * t248
    t257 = (g_b * t207) + (g_a * t206)
    t259 = t247 * t257
    t264 = (t247 * (t247 * t247)) * ((t245 * t257) * f64(-0.5))
    t265 = tl.where(t213, f64(0.0), t259)
    t266 = tl.where(t213, t259, f64(0.0))
    t274 = ((t243 * t265) * (f64(1.0) / t240)) - (t265 * (t243 * t244))
    t276 = t216 * t266
    t278 = t216 * t276
    t281 = t216 * t278
    t282 = ((t235 * t266) + (t232 * t276)) + (t229 * t278)
    t284 = t216 * t281
    t287 = t216 * t284
    t291 = ((t282 + (t226 * t281)) + (t223 * t284)) + (t220 * t287)
    t293 = t291 + (f64(-0.01396484375) * (t216 * t287))
    t299 = tl.where(t213, f64(0.0), (t274 * (t243 * f64(0.5))))
    t300 = (tl.where(t213, t293, f64(0.0))) + t299
    t305 = t211 * t300
    t307 = c * t305
    t314 = t202 * t254
    t315 = ((t187 * t307) * (f64(2.0) * t202)) + (t186 * t254)
    t317 = t202 * t256
    t319 = tl.where(t192, f64(0.0), (t264 - (t300 * (t211 * t212))))
    t320 = tl.where(t203, t319, f64(0.0))
    t323 = (t315 + (t185 * t256)) * (f64(0.5) * (f64(1.0) / t202))
    t326 = t323 * (t200 * t201)
    t332 = tl.where(t193, (-(t195 * t326)), f64(0.0))
    t334 = tl.where(t192, (-(t197 * t326)), f64(0.0))
    t338 = ((t208 * t307) + t332) + (c * t334)
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
    t396 = t394 + ((f64(2.0) * (t164 * t387)) + t394)
    t397 = (t179 * t314) + t390
    t398 = (t182 * t314) + t390
    t399 = (t179 * t317) + t396
    t400 = (t182 * t317) + t396
    t401 = tl.where(t124, f64(0.0), t375)
    t402 = tl.where(t124, t375, f64(0.0))
    t409 = (t401 * (t160 * t161)) * (f64(2.0) * t145)
    t419 = (t123 * t402) * (f64(2.0) * t141)
    t423 = t127 * t419
    t427 = t127 * t423
    t432 = t127 * t427
    t434 = ((-(t139 * t419)) - (t137 * t423)) - (t135 * t427)
    t437 = t127 * t432
    t442 = t127 * t437
    t449 = ((t434 - (t133 * t432)) - (t131 * t437)) - (t129 * t442)
    t450 = f64(-0.0014558343870513183) * (t127 * t442)
    t454 = (tl.where(t124, (t449 - t450), f64(0.0))) - (t155 * t402)
    t455 = t143 * ((f64(4.0) * (t160 * t401)) - t409)
    t458 = t148 * f64(0.5)
    t460 = tl.where(t124, f64(0.0), ((f64(-2.0) * t455) * t458))
    t466 = (t120 * t398) + (t119 * t400)
    t467 = tl.where(t124, f64(0.0), t466)
    t468 = tl.where(t124, t466, f64(0.0))
    t476 = (t148 * t467) * (f64(1.0) - (t147 * t147))
    t479 = t127 * t468
    t481 = t127 * t479
    t484 = t127 * t481
    t485 = ((t139 * t468) + (t137 * t479)) + (t135 * t481)
    t487 = t127 * t484
    t490 = t127 * t487
    t494 = ((t485 + (t133 * t484)) + (t131 * t487)) + (t129 * t490)
    t495 = f64(-0.0014558343870513183) * (t127 * t490)
    t498 = (t454 + t460) + (tl.where(t124, (t494 + t495), f64(0.0)))
    t500 = tl.where(t124, f64(0.0), (t458 * (t476 - (t467 * (t148 * t149)))))
    t501 = t498 + t500
    t502 = c * t501
    t510 = ((t106 * t502) * (f64(2.0) * t118)) + (y2 * (t150 * t398))
    t515 = (t510 + (y1 * (t150 * t400))) * (f64(0.5) * (f64(1.0) / t118))
    t518 = t515 * (t116 * t117)
    t524 = tl.where(t109, (-(t111 * t518)), f64(0.0))
    t526 = tl.where(t108, (-(t113 * t518)), f64(0.0))
    t530 = ((t121 * t502) + t524) + (c * t526)
    t537 = tl.where(t49, f64(0.0), t377)
    t538 = tl.where(t49, t377, f64(0.0))
    t548 = (f64(4.0) * (t95 * t537)) - ((t537 * (t95 * t96)) * (f64(2.0) * t79))
    t555 = (t47 * t538) * (f64(2.0) * t74)
    t559 = t53 * t555
    t563 = t53 * t559
    t568 = t53 * t563
    t570 = ((-(t72 * t555)) - (t69 * t559)) - (t66 * t563)
    t573 = t53 * t568
    t578 = t53 * t573
    t585 = ((t570 - (t63 * t568)) - (t60 * t573)) - (t57 * t578)
    t586 = f64(-0.0014558343870513183) * (t53 * t578)
    t590 = (tl.where(t49, (t585 - t586), f64(0.0))) - (t89 * t538)
    t594 = t82 * f64(0.5)
    t596 = tl.where(t49, f64(0.0), ((f64(-2.0) * (t77 * t548)) * t594))
    t602 = (t44 * t397) + (t43 * t399)
    t603 = tl.where(t49, f64(0.0), t602)
    t604 = tl.where(t49, t602, f64(0.0))
    t613 = ((t82 * t603) * (f64(1.0) - (t81 * t81))) - (t603 * (t82 * t83))
    t615 = t53 * t604
    t617 = t53 * t615
    t620 = t53 * t617
    t621 = ((t72 * t604) + (t69 * t615)) + (t66 * t617)
    t623 = t53 * t620
    t626 = t53 * t623
    t630 = ((t621 + (t63 * t620)) + (t60 * t623)) + (t57 * t626)
    t631 = f64(-0.0014558343870513183) * (t53 * t626)
    t634 = (t590 + t596) + (tl.where(t49, (t630 + t631), f64(0.0)))
    t637 = t634 + (tl.where(t49, f64(0.0), (t594 * t613)))
    t638 = c * t637
    t640 = ((t380 + (t122 * t501)) + (t106 * t526)) + (t46 * t637)
    t646 = ((t30 * t638) * (f64(2.0) * t42)) + (x2 * (t84 * t397))
    t651 = (t646 + (x1 * (t84 * t399))) * (f64(0.5) * (f64(1.0) / t42))
    t654 = t651 * (t40 * t41)
    t660 = tl.where(t33, (-(t35 * t654)), f64(0.0))
    t662 = tl.where(t32, (-(t37 * t654)), f64(0.0))
    t665 = t640 + (t30 * t662)
    t666 = ((t45 * t638) + t660) + (c * t662)
    t668 = ((t171 * t381) + (t104 * t530)) + (t28 * t666)
    t670 = ((t168 * t381) + (t101 * t530)) + (t25 * t666)
    t672 = ((t165 * t381) + (t98 * t530)) + (t21 * t666)
    tl.store(S + A * ROWS + r, t249)
    tl.store(S + B * ROWS + r, t250)
    tl.store(S + D_EE * ROWS + r, t672)
    tl.store(S + D_EW * ROWS + r, t670)
    tl.store(S + D_WW * ROWS + r, t668)
    tl.store(S + D_C * ROWS + r, t665)


# Further slots: the factors of `x` and `y` in the result, and those of `g`, `x` and `y` in the two gradients.
OUT_X = tl.constexpr(SLOTS)
OUT_Y = tl.constexpr(SLOTS + 1)
DX_G = tl.constexpr(SLOTS)
DX_X = tl.constexpr(SLOTS + 1)
DX_Y = tl.constexpr(SLOTS + 2)
DY_G = tl.constexpr(SLOTS + 3)
DY_X = tl.constexpr(SLOTS + 4)
DY_Y = tl.constexpr(SLOTS + 5)
SCRATCH = tl.constexpr(SLOTS + 6)
# As on a CPU: derivatives below this part of the gradient are rounding and count as zero.
ROUNDING = tl.constexpr(1e-12)
TINY = tl.constexpr(1e-300)


@triton.jit
def plane(x, y):
    """The basis `e`, `w` of each row, with `k`, and whether `e` is `y`."""
    xx = tl.sum(x * x, 1)
    xy = tl.sum(x * y, 1)
    yy = tl.sum(y * y, 1)
    swap = yy > xx
    ee = tl.where(swap, yy, xx)
    some = ee > f64(0.0)
    k = tl.where(some, xy / tl.where(some, ee, f64(1.0)), f64(0.0))
    e = tl.where(swap[:, None], y, x)
    w = tl.where(swap[:, None], x, y) - k[:, None] * e
    return e, w, k, swap


@triton.jit
def write_plane(S, r, e, w, k, swap):
    """The Gram matrix of the basis and the coordinates of `x` and `y` in it, of some rows."""
    one = f64(1.0)
    zero = f64(0.0)
    tl.store(S + EE * ROWS + r, tl.sum(e * e, 1))
    tl.store(S + EW * ROWS + r, tl.sum(e * w, 1))
    tl.store(S + WW * ROWS + r, tl.sum(w * w, 1))
    tl.store(S + X1 * ROWS + r, tl.where(swap, k, one))
    tl.store(S + X2 * ROWS + r, tl.where(swap, one, zero))
    tl.store(S + Y1 * ROWS + r, tl.where(swap, one, k))
    tl.store(S + Y2 * ROWS + r, tl.where(swap, zero, one))


@triton.jit
def basis_of(S, r):
    """`k` of each row of a block, and whether `e` is `y`."""
    swap = tl.load(S + X2 * ROWS + r) > f64(0.0)
    return tl.where(swap, tl.load(S + X1 * ROWS + r), tl.load(S + Y1 * ROWS + r)), swap


@triton.jit
def factor(S, slot: tl.constexpr, r):
    """A factor of the vectors of some rows."""
    return tl.load(S + slot * ROWS + r)[:, None]


@triton.jit
def significant(coefficient, length2, size):
    """The coefficient of a vector, zero where the two are no more than the rounding of a gradient of that size."""
    return tl.where(coefficient * coefficient * length2 > size, coefficient, f64(0.0))


@triton.jit
def held(gradient, BOUND: tl.constexpr):
    """A gradient with respect to an inner product, held to what the vectors' type can take: see `gyrovector.widen`."""
    bound = f64(BOUND)
    gradient = tl.where(gradient > bound, bound, gradient)
    return tl.where(gradient < -bound, -bound, gradient)


@triton.jit
def write_factors(S):
    """The factors of `x` and `y` in the results of a block."""
    r = tl.arange(0, ROWS)
    k, swap = basis_of(S, r)
    a = tl.load(S + A * ROWS + r)
    b = tl.load(S + B * ROWS + r)
    tl.store(S + OUT_X * ROWS + r, tl.where(swap, b, a - k * b))
    tl.store(S + OUT_Y * ROWS + r, tl.where(swap, a - k * b, b))


@triton.jit
def write_sums(S, SUMS, rows):
    """The gradients of the numbers, summed over the first rows of a block."""
    r = tl.arange(0, ROWS)
    for i in tl.static_range(SLOTS - D_C):
        of_a_row = tl.load(S + (D_C + i) * ROWS + r)
        tl.store(SUMS + i, tl.sum(tl.where(r < rows, of_a_row, f64(0.0)), 0))


@triton.jit
def write_gradient_factors(S, BOUND: tl.constexpr):
    """The factors of `g`, `x` and `y` in the gradients of a block."""
    r = tl.arange(0, ROWS)
    k, swap = basis_of(S, r)
    ee = tl.load(S + EE * ROWS + r)
    ww = tl.load(S + WW * ROWS + r)
    oo = ww + k * k * ee
    along_e = tl.load(S + G_A * ROWS + r)
    along_w = tl.load(S + G_B * ROWS + r)
    a = tl.load(S + A * ROWS + r)
    b = tl.load(S + B * ROWS + r)
    by_ee = held(tl.load(S + D_EE * ROWS + r), BOUND)
    by_ew = held(tl.load(S + D_EW * ROWS + r), BOUND)
    by_ww = held(tl.load(S + D_WW * ROWS + r), BOUND)
    two = f64(2.0)
    least = f64(ROUNDING * ROUNDING)
    size = least * (along_e * along_e / (ee + f64(TINY)) + along_w * along_w / (ww + f64(TINY)))
    # With d‖e‖² = 2⟨e, de⟩, d⟨e, w⟩ = ⟨w, de⟩ + ⟨e, dw⟩, d‖w‖² = 2⟨w, dw⟩ and dw = do - k·de
    across = by_ew - two * k * by_ww
    along = two * by_ee - k * by_ew - k * across
    e_from_g = significant(a - k * b, f64(1.0), least)
    e_from_e = significant(along, ee, size)
    e_from_o = significant(across, oo, size)
    o_from_g = significant(b, f64(1.0), least)
    o_from_e = significant(across, ee, size)
    o_from_o = significant(two * by_ww, oo, size)
    tl.store(S + DX_G * ROWS + r, tl.where(swap, o_from_g, e_from_g))
    tl.store(S + DX_X * ROWS + r, tl.where(swap, o_from_o, e_from_e))
    tl.store(S + DX_Y * ROWS + r, tl.where(swap, o_from_e, e_from_o))
    tl.store(S + DY_G * ROWS + r, tl.where(swap, e_from_g, o_from_g))
    tl.store(S + DY_X * ROWS + r, tl.where(swap, e_from_o, o_from_e))
    tl.store(S + DY_Y * ROWS + r, tl.where(swap, e_from_e, o_from_o))


@triton.jit(do_not_specialize=['rows'])
def forward(X, Y, numbers, clip, OUT, SCRATCHES, rows, D: tl.constexpr, WIDTH: tl.constexpr, AT_ONCE: tl.constexpr):
    """`OUT` for vectors `X`, `Y`, all `[rows, D]`.

    Args:
        X: The one vector of each row.
        Y: The other one.
        numbers: The curvature and the formula's numbers, float64.
        clip: The numbers of the clip, float64.
        OUT: The results.
        SCRATCHES: Memory for `SCRATCH * ROWS` numbers of each program.
        rows: How many rows there are.
        D: Length of a vector.
        WIDTH: A power of two that is not below `D`.
        AT_ONCE: How many rows of vectors a program reads at once.
    """
    program = tl.program_id(0).to(tl.int64)
    first = program * ROWS
    S = SCRATCHES + program * SCRATCH * ROWS
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, WIDTH, AT_ONCE)
        e, w, k, swap = plane(read(X, at, inside), read(Y, at, inside))
        write_plane(S, r, e, w, k, swap)
    tl.debug_barrier()
    forward_scalars(S, numbers, clip)
    tl.debug_barrier()
    write_factors(S)
    tl.debug_barrier()
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, WIDTH, AT_ONCE)
        out = factor(S, OUT_X, r) * read(X, at, inside) + factor(S, OUT_Y, r) * read(Y, at, inside)
        tl.store(OUT + at, narrow(out, OUT), mask=inside)


@triton.jit(do_not_specialize=['rows'])
def backward(
    X,
    Y,
    G,
    numbers,
    clip,
    DX,
    DY,
    SUMS,
    SCRATCHES,
    rows,
    BOUND: tl.constexpr,
    D: tl.constexpr,
    WIDTH: tl.constexpr,
    AT_ONCE: tl.constexpr,
):
    """Gradients of `X` and `Y`, `[rows, D]`, and of the numbers, a sum over each block.

    Args:
        X: As for `forward`, which see for what is not described here.
        Y: The other vector of each row.
        G: The gradient with respect to the results.
        numbers: As for `forward`.
        clip: As for `forward`.
        DX: The gradients of `X`.
        DY: The gradients of `Y`.
        SUMS: For each program a sum for each number.
        SCRATCHES: Memory.
        rows: How many rows there are.
        BOUND: To what gradients with respect to inner products are held.
        D: Length of a vector.
        WIDTH: A power of two.
        AT_ONCE: How many rows at once.
    """
    program = tl.program_id(0).to(tl.int64)
    first = program * ROWS
    S = SCRATCHES + program * SCRATCH * ROWS
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, WIDTH, AT_ONCE)
        e, w, k, swap = plane(read(X, at, inside), read(Y, at, inside))
        write_plane(S, r, e, w, k, swap)
        g = read(G, at, inside)
        tl.store(S + G_A * ROWS + r, tl.sum(g * e, 1))
        tl.store(S + G_B * ROWS + r, tl.sum(g * w, 1))
    tl.debug_barrier()
    backward_scalars(S, numbers, clip)
    tl.debug_barrier()
    write_sums(S, SUMS + program * (SLOTS - D_C), rows - first)
    write_gradient_factors(S, BOUND)
    tl.debug_barrier()
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = rows_at(i, first, rows, D, D, WIDTH, AT_ONCE)
        x = read(X, at, inside)
        y = read(Y, at, inside)
        g = read(G, at, inside)
        dx = factor(S, DX_G, r) * g + factor(S, DX_X, r) * x + factor(S, DX_Y, r) * y
        dy = factor(S, DY_G, r) * g + factor(S, DY_X, r) * x + factor(S, DY_Y, r) * y
        tl.store(DX + at, narrow(dx, DX), mask=inside)
        tl.store(DY + at, narrow(dy, DY), mask=inside)
