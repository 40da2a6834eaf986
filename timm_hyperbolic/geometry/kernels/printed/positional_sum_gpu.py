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
    t33 = z2_max * (f64(1.0) / (tl.where(t30, t29, z2_max)))
    t36 = r2_edge <= t28
    t39 = r2_max * (f64(1.0) / (tl.where(t36, t28, r2_max)))
    t42 = (tl.where(t30, (tl.sqrt(t33)), f64(1.0))) * (tl.where(t36, (tl.sqrt(t39)), f64(1.0)))
    t47 = c * (t28 * (t42 * t42))
    t49 = t47 < f64(0.015625)
    t51 = tl.sqrt((tl.where(t49, f64(1.0), t47)))
    t53 = tl.where(t49, t47, f64(0.0))
    t57 = (t53 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t60 = (t53 * t57) + f64(-0.008863235529902197)
    t64 = t53 * ((t53 * t60) + f64(0.021869488536155203))
    t69 = (t53 * (t64 + f64(-0.05396825396825397))) + f64(0.13333333333333333)
    t73 = t53 * ((t53 * t69) + f64(-0.3333333333333333))
    t74 = f64(1.0) + t73
    t77 = tl.exp((t51 * f64(-2.0)))
    t79 = f64(1.0) + t77
    t83 = ((f64(1.0) - t77) * (f64(1.0) / t79)) * (f64(1.0) / t51)
    t84 = tl.where(t49, t74, t83)
    t85 = (x1 * t42) * t84
    t86 = (x2 * t42) * t84
    t96 = (t77 * f64(4.0)) * (f64(1.0) / (t79 * t79))
    t97 = tl.where(t49, (f64(1.0) - (t47 * (t74 * t74))), t96)
    t103 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * f64(2.0))))
    t106 = t103 + (ww * (y2 * y2))
    t107 = c * t106
    t108 = z2_edge <= t107
    t110 = f64(1.0) / (tl.where(t108, t107, z2_max))
    t113 = tl.where(t108, (tl.sqrt((z2_max * t110))), f64(1.0))
    t114 = r2_edge <= t106
    t116 = f64(1.0) / (tl.where(t114, t106, r2_max))
    t119 = tl.where(t114, (tl.sqrt((r2_max * t116))), f64(1.0))
    t120 = t113 * t119
    t125 = c * (t106 * (t120 * t120))
    t126 = t125 < f64(0.015625)
    t128 = tl.sqrt((tl.where(t126, f64(1.0), t125)))
    t129 = tl.where(t126, t125, f64(0.0))
    t131 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t129)
    t133 = f64(-0.008863235529902197) + (t129 * t131)
    t135 = f64(0.021869488536155203) + (t129 * t133)
    t137 = f64(-0.05396825396825397) + (t129 * t135)
    t139 = f64(0.13333333333333333) + (t129 * t137)
    t141 = f64(-0.3333333333333333) + (t129 * t139)
    t143 = f64(1.0) + (t129 * t141)
    t145 = tl.exp((f64(-2.0) * t128))
    t147 = f64(1.0) + t145
    t151 = ((f64(1.0) - t145) * (f64(1.0) / t147)) * (f64(1.0) / t128)
    t152 = tl.where(t126, t143, t151)
    t153 = (y1 * t120) * t152
    t154 = (y2 * t120) * t152
    t163 = (f64(4.0) * t145) * (f64(1.0) / (t147 * t147))
    t164 = tl.where(t126, (f64(1.0) - (t125 * (t143 * t143))), t163)
    t165 = t85 + t153
    t166 = t86 + t154
    t172 = (ee * (t165 * t165)) + (ew * (t166 * (f64(2.0) * t165)))
    t175 = t172 + (ww * (t166 * t166))
    t176 = c * t175
    t177 = t97 * t164
    t180 = f64(1.0) / (t176 + t177)
    t181 = (t97 + t176) * t180
    t184 = t97 * t180
    t189 = t175 * t180
    t190 = t177 * t180
    t191 = c * t189
    t194 = (n_edge < t191) | (t190 < u_edge)
    t196 = f64(1.0) / (tl.where(t194, t191, n_max))
    t199 = tl.where(t194, (tl.sqrt((n_max * t196))), f64(1.0))
    t200 = r2_edge <= t189
    t202 = f64(1.0) / (tl.where(t200, t189, r2_max))
    t205 = tl.where(t200, (tl.sqrt((r2_max * t202))), f64(1.0))
    t206 = t199 * t205
    t209 = tl.where(t194, u_max, (tl.where((u_min < t190), t190, u_min)))
    t216 = (c * (t189 * (t206 * t206))) * (f64(1.0) / t209)
    t217 = t216 < f64(0.015625)
    t219 = tl.sqrt((tl.where(t217, f64(1.0), t216)))
    t220 = tl.where(t217, t216, f64(0.0))
    t224 = (t220 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t227 = (t220 * t224) + f64(-0.022372159090909092)
    t230 = (t220 * t227) + f64(0.030381944444444444)
    t233 = (t220 * t230) + f64(-0.044642857142857144)
    t239 = (t220 * ((t220 * t233) + f64(0.075))) + f64(-0.16666666666666666)
    t245 = t219 + (tl.sqrt((f64(1.0) + (t219 * t219))))
    t249 = tl.where(t217, (f64(1.0) + (t220 * t239)), ((tl.log(t245)) * (f64(1.0) / t219)))
    t252 = t249 * (f64(1.0) / (tl.sqrt(t209)))
    t253 = (((t85 * t181) + (t153 * t184)) * t206) * t252
    t254 = (((t86 * t181) + (t154 * t184)) * t206) * t252
    tl.store(S + A * ROWS + r, t253)
    tl.store(S + B * ROWS + r, t254)


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
    t34 = f64(1.0) / (tl.where(t32, t31, z2_max))
    t35 = z2_max * t34
    t36 = tl.sqrt(t35)
    t37 = tl.where(t32, t36, f64(1.0))
    t38 = r2_edge <= t30
    t40 = f64(1.0) / (tl.where(t38, t30, r2_max))
    t41 = r2_max * t40
    t42 = tl.sqrt(t41)
    t43 = tl.where(t38, t42, f64(1.0))
    t44 = t37 * t43
    t45 = x1 * t44
    t46 = x2 * t44
    t47 = t44 * t44
    t48 = t30 * t47
    t49 = c * t48
    t51 = t49 < f64(0.015625)
    t53 = tl.sqrt((tl.where(t51, f64(1.0), t49)))
    t55 = tl.where(t51, t49, f64(0.0))
    t59 = (t55 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t62 = (t55 * t59) + f64(-0.008863235529902197)
    t65 = (t55 * t62) + f64(0.021869488536155203)
    t68 = (t55 * t65) + f64(-0.05396825396825397)
    t71 = (t55 * t68) + f64(0.13333333333333333)
    t74 = (t55 * t71) + f64(-0.3333333333333333)
    t76 = f64(1.0) + (t55 * t74)
    t79 = tl.exp((t53 * f64(-2.0)))
    t81 = f64(1.0) + t79
    t83 = (f64(1.0) - t79) * (f64(1.0) / t81)
    t84 = f64(1.0) / t53
    t85 = t83 * t84
    t86 = tl.where(t51, t76, t85)
    t87 = t45 * t86
    t88 = t46 * t86
    t91 = t76 * t76
    t97 = f64(1.0) / (t81 * t81)
    t98 = (t79 * f64(4.0)) * t97
    t99 = tl.where(t51, (f64(1.0) - (t49 * t91)), t98)
    t100 = y1 * y1
    t103 = y2 * (y1 * f64(2.0))
    t106 = y2 * y2
    t108 = ((ee * t100) + (ew * t103)) + (ww * t106)
    t109 = c * t108
    t110 = z2_edge <= t109
    t112 = f64(1.0) / (tl.where(t110, t109, z2_max))
    t113 = z2_max * t112
    t114 = tl.sqrt(t113)
    t115 = tl.where(t110, t114, f64(1.0))
    t116 = r2_edge <= t108
    t118 = f64(1.0) / (tl.where(t116, t108, r2_max))
    t119 = r2_max * t118
    t120 = tl.sqrt(t119)
    t121 = tl.where(t116, t120, f64(1.0))
    t122 = t115 * t121
    t123 = y1 * t122
    t124 = y2 * t122
    t125 = t122 * t122
    t126 = t108 * t125
    t127 = c * t126
    t128 = t127 < f64(0.015625)
    t130 = tl.sqrt((tl.where(t128, f64(1.0), t127)))
    t131 = tl.where(t128, t127, f64(0.0))
    t133 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t131)
    t135 = f64(-0.008863235529902197) + (t131 * t133)
    t137 = f64(0.021869488536155203) + (t131 * t135)
    t139 = f64(-0.05396825396825397) + (t131 * t137)
    t141 = f64(0.13333333333333333) + (t131 * t139)
    t143 = f64(-0.3333333333333333) + (t131 * t141)
    t145 = f64(1.0) + (t131 * t143)
    t147 = tl.exp((f64(-2.0) * t130))
    t149 = f64(1.0) + t147
    t151 = (f64(1.0) - t147) * (f64(1.0) / t149)
    t152 = f64(1.0) / t130
    t153 = t151 * t152
    t154 = tl.where(t128, t145, t153)
    t155 = t123 * t154
    t156 = t124 * t154
    t159 = t145 * t145
    t164 = f64(1.0) / (t149 * t149)
    t165 = (f64(4.0) * t147) * t164
    t166 = tl.where(t128, (f64(1.0) - (t127 * t159)), t165)
    t167 = t87 + t155
    t168 = t88 + t156
    t169 = t167 * t167
    t171 = f64(2.0) * t167
    t172 = t168 * t171
    t175 = t168 * t168
    t177 = ((ee * t169) + (ew * t172)) + (ww * t175)
    t178 = c * t177
    t179 = t99 * t166
    t182 = f64(1.0) / (t178 + t179)
    t183 = (t99 + t178) * t182
    t186 = t99 * t182
    t189 = (t87 * t183) + (t155 * t186)
    t190 = (t88 * t183) + (t156 * t186)
    t191 = t177 * t182
    t192 = t179 * t182
    t193 = c * t191
    t196 = (n_edge < t193) | (t192 < u_edge)
    t198 = f64(1.0) / (tl.where(t196, t193, n_max))
    t199 = n_max * t198
    t200 = tl.sqrt(t199)
    t201 = tl.where(t196, t200, f64(1.0))
    t202 = r2_edge <= t191
    t204 = f64(1.0) / (tl.where(t202, t191, r2_max))
    t205 = r2_max * t204
    t206 = tl.sqrt(t205)
    t207 = tl.where(t202, t206, f64(1.0))
    t208 = t201 * t207
    t209 = u_min < t192
    t211 = tl.where(t196, u_max, (tl.where(t209, t192, u_min)))
    t212 = t189 * t208
    t213 = t190 * t208
    t214 = t208 * t208
    t215 = t191 * t214
    t217 = f64(1.0) / t211
    t218 = (c * t215) * t217
    t219 = t218 < f64(0.015625)
    t221 = tl.sqrt((tl.where(t219, f64(1.0), t218)))
    t222 = tl.where(t219, t218, f64(0.0))
    t226 = (t222 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t229 = (t222 * t226) + f64(-0.022372159090909092)
    t232 = (t222 * t229) + f64(0.030381944444444444)
    t235 = (t222 * t232) + f64(-0.044642857142857144)
    t238 = (t222 * t235) + f64(0.075)
    t241 = (t222 * t238) + f64(-0.16666666666666666)
    t246 = tl.sqrt((f64(1.0) + (t221 * t221)))
    t249 = f64(1.0) / t221
    t250 = (tl.log((t221 + t246))) * t249
    t251 = tl.where(t219, (f64(1.0) + (t222 * t241)), t250)
    t253 = f64(1.0) / (tl.sqrt(t211))
    t254 = t251 * t253
    t255 = t212 * t254
    t256 = t213 * t254
    t260 = g_b * t254
    t262 = g_a * t254
    t263 = (g_b * t213) + (g_a * t212)
    t265 = t253 * t263
    t270 = (t253 * (t253 * t253)) * ((t251 * t263) * f64(-0.5))
    t271 = tl.where(t219, f64(0.0), t265)
    t272 = tl.where(t219, t265, f64(0.0))
    t280 = ((t249 * t271) * (f64(1.0) / t246)) - (t271 * (t249 * t250))
    t282 = t222 * t272
    t284 = t222 * t282
    t287 = t222 * t284
    t288 = ((t241 * t272) + (t238 * t282)) + (t235 * t284)
    t290 = t222 * t287
    t293 = t222 * t290
    t297 = ((t288 + (t232 * t287)) + (t229 * t290)) + (t226 * t293)
    t299 = t297 + (f64(-0.01396484375) * (t222 * t293))
    t305 = tl.where(t219, f64(0.0), (t280 * (t249 * f64(0.5))))
    t306 = (tl.where(t219, t299, f64(0.0))) + t305
    t311 = t217 * t306
    t313 = c * t311
    t320 = t208 * t260
    t321 = ((t191 * t313) * (f64(2.0) * t208)) + (t190 * t260)
    t323 = t208 * t262
    t324 = t321 + (t189 * t262)
    t325 = tl.where(t196, f64(0.0), (t270 - (t306 * (t217 * t218))))
    t326 = tl.where(t209, t325, f64(0.0))
    t333 = (tl.where(t202, (t201 * t324), f64(0.0))) * (f64(0.5) * (f64(1.0) / t206))
    t338 = tl.where(t202, (-(t333 * (t204 * t205))), f64(0.0))
    t344 = (tl.where(t196, (t207 * t324), f64(0.0))) * (f64(0.5) * (f64(1.0) / t200))
    t349 = tl.where(t196, (-(t344 * (t198 * t199))), f64(0.0))
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
    t411 = t409 + ((f64(2.0) * (t168 * t402)) + t409)
    t412 = (t183 * t320) + t405
    t413 = (t186 * t320) + t405
    t414 = (t183 * t323) + t411
    t415 = (t186 * t323) + t411
    t416 = tl.where(t128, f64(0.0), t390)
    t417 = tl.where(t128, t390, f64(0.0))
    t424 = (t416 * (t164 * t165)) * (f64(2.0) * t149)
    t434 = (t127 * t417) * (f64(2.0) * t145)
    t438 = t131 * t434
    t442 = t131 * t438
    t447 = t131 * t442
    t449 = ((-(t143 * t434)) - (t141 * t438)) - (t139 * t442)
    t452 = t131 * t447
    t457 = t131 * t452
    t464 = ((t449 - (t137 * t447)) - (t135 * t452)) - (t133 * t457)
    t465 = f64(-0.0014558343870513183) * (t131 * t457)
    t469 = (tl.where(t128, (t464 - t465), f64(0.0))) - (t159 * t417)
    t470 = t147 * ((f64(4.0) * (t164 * t416)) - t424)
    t473 = t152 * f64(0.5)
    t475 = tl.where(t128, f64(0.0), ((f64(-2.0) * t470) * t473))
    t481 = (t124 * t413) + (t123 * t415)
    t482 = tl.where(t128, f64(0.0), t481)
    t483 = tl.where(t128, t481, f64(0.0))
    t491 = (t152 * t482) * (f64(1.0) - (t151 * t151))
    t494 = t131 * t483
    t496 = t131 * t494
    t499 = t131 * t496
    t500 = ((t143 * t483) + (t141 * t494)) + (t139 * t496)
    t502 = t131 * t499
    t505 = t131 * t502
    t509 = ((t500 + (t137 * t499)) + (t135 * t502)) + (t133 * t505)
    t510 = f64(-0.0014558343870513183) * (t131 * t505)
    t513 = (t469 + t475) + (tl.where(t128, (t509 + t510), f64(0.0)))
    t515 = tl.where(t128, f64(0.0), (t473 * (t491 - (t482 * (t152 * t153)))))
    t516 = t513 + t515
    t517 = c * t516
    t525 = ((t108 * t517) * (f64(2.0) * t122)) + (y2 * (t154 * t413))
    t527 = t525 + (y1 * (t154 * t415))
    t534 = (tl.where(t116, (t115 * t527), f64(0.0))) * (f64(0.5) * (f64(1.0) / t120))
    t539 = tl.where(t116, (-(t534 * (t118 * t119))), f64(0.0))
    t545 = (tl.where(t110, (t121 * t527), f64(0.0))) * (f64(0.5) * (f64(1.0) / t114))
    t550 = tl.where(t110, (-(t545 * (t112 * t113))), f64(0.0))
    t554 = ((t125 * t517) + t539) + (c * t550)
    t561 = tl.where(t51, f64(0.0), t392)
    t562 = tl.where(t51, t392, f64(0.0))
    t572 = (f64(4.0) * (t97 * t561)) - ((t561 * (t97 * t98)) * (f64(2.0) * t81))
    t579 = (t49 * t562) * (f64(2.0) * t76)
    t583 = t55 * t579
    t587 = t55 * t583
    t592 = t55 * t587
    t594 = ((-(t74 * t579)) - (t71 * t583)) - (t68 * t587)
    t597 = t55 * t592
    t602 = t55 * t597
    t609 = ((t594 - (t65 * t592)) - (t62 * t597)) - (t59 * t602)
    t610 = f64(-0.0014558343870513183) * (t55 * t602)
    t614 = (tl.where(t51, (t609 - t610), f64(0.0))) - (t91 * t562)
    t618 = t84 * f64(0.5)
    t620 = tl.where(t51, f64(0.0), ((f64(-2.0) * (t79 * t572)) * t618))
    t626 = (t46 * t412) + (t45 * t414)
    t627 = tl.where(t51, f64(0.0), t626)
    t628 = tl.where(t51, t626, f64(0.0))
    t637 = ((t84 * t627) * (f64(1.0) - (t83 * t83))) - (t627 * (t84 * t85))
    t639 = t55 * t628
    t641 = t55 * t639
    t644 = t55 * t641
    t645 = ((t74 * t628) + (t71 * t639)) + (t68 * t641)
    t647 = t55 * t644
    t650 = t55 * t647
    t654 = ((t645 + (t65 * t644)) + (t62 * t647)) + (t59 * t650)
    t655 = f64(-0.0014558343870513183) * (t55 * t650)
    t658 = (t614 + t620) + (tl.where(t51, (t654 + t655), f64(0.0)))
    t661 = t658 + (tl.where(t51, f64(0.0), (t618 * t637)))
    t662 = c * t661
    t664 = ((t395 + (t126 * t516)) + (t108 * t550)) + (t48 * t661)
    t670 = ((t30 * t662) * (f64(2.0) * t44)) + (x2 * (t86 * t412))
    t672 = t670 + (x1 * (t86 * t414))
    t679 = (tl.where(t38, (t37 * t672), f64(0.0))) * (f64(0.5) * (f64(1.0) / t42))
    t684 = tl.where(t38, (-(t679 * (t40 * t41))), f64(0.0))
    t690 = (tl.where(t32, (t43 * t672), f64(0.0))) * (f64(0.5) * (f64(1.0) / t36))
    t695 = tl.where(t32, (-(t690 * (t34 * t35))), f64(0.0))
    t698 = t664 + (t30 * t695)
    t699 = ((t47 * t662) + t684) + (c * t695)
    t701 = ((t175 * t396) + (t106 * t554)) + (t28 * t699)
    t703 = ((t172 * t396) + (t103 * t554)) + (t25 * t699)
    t705 = ((t169 * t396) + (t100 * t554)) + (t21 * t699)
    tl.store(S + A * ROWS + r, t255)
    tl.store(S + B * ROWS + r, t256)
    tl.store(S + D_EE * ROWS + r, t705)
    tl.store(S + D_EW * ROWS + r, t703)
    tl.store(S + D_WW * ROWS + r, t701)
    tl.store(S + D_C * ROWS + r, t698)


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
