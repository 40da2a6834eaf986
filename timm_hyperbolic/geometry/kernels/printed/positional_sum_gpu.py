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

from timm_hyperbolic.geometry.kernels.primitives_gpu import f64, narrow

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
    r2_max = tl.load(clip + 7)
    r2_edge = tl.load(clip + 8)
    ee = tl.load(S + EE * ROWS + r)
    ew = tl.load(S + EW * ROWS + r)
    ww = tl.load(S + WW * ROWS + r)
    x1 = tl.load(S + X1 * ROWS + r)
    x2 = tl.load(S + X2 * ROWS + r)
    y1 = tl.load(S + Y1 * ROWS + r)
    y2 = tl.load(S + Y2 * ROWS + r)
    t24 = (ee * (x1 * x1)) + (ew * (x2 * (x1 * f64(2.0))))
    t27 = t24 + (ww * (x2 * x2))
    t28 = c * t27
    t29 = z2_edge <= t28
    t32 = z2_max * (f64(1.0) / (tl.where(t29, t28, z2_max)))
    t35 = r2_edge <= t27
    t38 = r2_max * (f64(1.0) / (tl.where(t35, t27, r2_max)))
    t41 = (tl.where(t29, (tl.sqrt(t32)), f64(1.0))) * (tl.where(t35, (tl.sqrt(t38)), f64(1.0)))
    t46 = c * (t27 * (t41 * t41))
    t48 = t46 < f64(0.015625)
    t50 = tl.sqrt((tl.where(t48, f64(1.0), t46)))
    t52 = tl.where(t48, t46, f64(0.0))
    t56 = (t52 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t59 = (t52 * t56) + f64(-0.008863235529902197)
    t63 = t52 * ((t52 * t59) + f64(0.021869488536155203))
    t68 = (t52 * (t63 + f64(-0.05396825396825397))) + f64(0.13333333333333333)
    t72 = t52 * ((t52 * t68) + f64(-0.3333333333333333))
    t73 = f64(1.0) + t72
    t76 = tl.exp((t50 * f64(-2.0)))
    t78 = f64(1.0) + t76
    t82 = ((f64(1.0) - t76) * (f64(1.0) / t78)) * (f64(1.0) / t50)
    t83 = tl.where(t48, t73, t82)
    t84 = (x1 * t41) * t83
    t85 = (x2 * t41) * t83
    t95 = (t76 * f64(4.0)) * (f64(1.0) / (t78 * t78))
    t96 = tl.where(t48, (f64(1.0) - (t46 * (t73 * t73))), t95)
    t102 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * f64(2.0))))
    t105 = t102 + (ww * (y2 * y2))
    t106 = c * t105
    t107 = z2_edge <= t106
    t109 = f64(1.0) / (tl.where(t107, t106, z2_max))
    t112 = tl.where(t107, (tl.sqrt((z2_max * t109))), f64(1.0))
    t113 = r2_edge <= t105
    t115 = f64(1.0) / (tl.where(t113, t105, r2_max))
    t118 = tl.where(t113, (tl.sqrt((r2_max * t115))), f64(1.0))
    t119 = t112 * t118
    t124 = c * (t105 * (t119 * t119))
    t125 = t124 < f64(0.015625)
    t127 = tl.sqrt((tl.where(t125, f64(1.0), t124)))
    t128 = tl.where(t125, t124, f64(0.0))
    t130 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t128)
    t132 = f64(-0.008863235529902197) + (t128 * t130)
    t134 = f64(0.021869488536155203) + (t128 * t132)
    t136 = f64(-0.05396825396825397) + (t128 * t134)
    t138 = f64(0.13333333333333333) + (t128 * t136)
    t140 = f64(-0.3333333333333333) + (t128 * t138)
    t142 = f64(1.0) + (t128 * t140)
    t144 = tl.exp((f64(-2.0) * t127))
    t146 = f64(1.0) + t144
    t150 = ((f64(1.0) - t144) * (f64(1.0) / t146)) * (f64(1.0) / t127)
    t151 = tl.where(t125, t142, t150)
    t152 = (y1 * t119) * t151
    t153 = (y2 * t119) * t151
    t162 = (f64(4.0) * t144) * (f64(1.0) / (t146 * t146))
    t163 = tl.where(t125, (f64(1.0) - (t124 * (t142 * t142))), t162)
    t164 = t84 + t152
    t165 = t85 + t153
    t171 = (ee * (t164 * t164)) + (ew * (t165 * (f64(2.0) * t164)))
    t174 = t171 + (ww * (t165 * t165))
    t175 = c * t174
    t176 = t96 * t163
    t179 = f64(1.0) / (t175 + t176)
    t180 = (t96 + t175) * t179
    t183 = t96 * t179
    t188 = t174 * t179
    t189 = t176 * t179
    t190 = c * t188
    t193 = (n_edge < t190) | (t189 < u_edge)
    t195 = f64(1.0) / (tl.where(t193, t190, n_max))
    t198 = tl.where(t193, (tl.sqrt((n_max * t195))), f64(1.0))
    t199 = r2_edge <= t188
    t201 = f64(1.0) / (tl.where(t199, t188, r2_max))
    t204 = tl.where(t199, (tl.sqrt((r2_max * t201))), f64(1.0))
    t205 = t198 * t204
    t208 = tl.where(t193, u_max, (tl.where((u_min < t189), t189, u_min)))
    t215 = (c * (t188 * (t205 * t205))) * (f64(1.0) / t208)
    t216 = t215 < f64(0.015625)
    t218 = tl.sqrt((tl.where(t216, f64(1.0), t215)))
    t219 = tl.where(t216, t215, f64(0.0))
    t223 = (t219 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t226 = (t219 * t223) + f64(-0.022372159090909092)
    t229 = (t219 * t226) + f64(0.030381944444444444)
    t232 = (t219 * t229) + f64(-0.044642857142857144)
    t238 = (t219 * ((t219 * t232) + f64(0.075))) + f64(-0.16666666666666666)
    t244 = t218 + (tl.sqrt((f64(1.0) + (t218 * t218))))
    t248 = tl.where(t216, (f64(1.0) + (t219 * t238)), ((tl.log(t244)) * (f64(1.0) / t218)))
    t251 = t248 * (f64(1.0) / (tl.sqrt(t208)))
    t252 = (((t84 * t180) + (t152 * t183)) * t205) * t251
    t253 = (((t85 * t180) + (t153 * t183)) * t205) * t251
    tl.store(S + A * ROWS + r, t252)
    tl.store(S + B * ROWS + r, t253)


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
    r2_max = tl.load(clip + 7)
    r2_edge = tl.load(clip + 8)
    ee = tl.load(S + EE * ROWS + r)
    ew = tl.load(S + EW * ROWS + r)
    ww = tl.load(S + WW * ROWS + r)
    x1 = tl.load(S + X1 * ROWS + r)
    x2 = tl.load(S + X2 * ROWS + r)
    y1 = tl.load(S + Y1 * ROWS + r)
    y2 = tl.load(S + Y2 * ROWS + r)
    g_a = tl.load(S + G_A * ROWS + r)
    g_b = tl.load(S + G_B * ROWS + r)
    t20 = x1 * x1
    t24 = x2 * (x1 * f64(2.0))
    t27 = x2 * x2
    t29 = ((ee * t20) + (ew * t24)) + (ww * t27)
    t30 = c * t29
    t31 = z2_edge <= t30
    t33 = f64(1.0) / (tl.where(t31, t30, z2_max))
    t34 = z2_max * t33
    t35 = tl.sqrt(t34)
    t36 = tl.where(t31, t35, f64(1.0))
    t37 = r2_edge <= t29
    t39 = f64(1.0) / (tl.where(t37, t29, r2_max))
    t40 = r2_max * t39
    t41 = tl.sqrt(t40)
    t42 = tl.where(t37, t41, f64(1.0))
    t43 = t36 * t42
    t44 = x1 * t43
    t45 = x2 * t43
    t46 = t43 * t43
    t47 = t29 * t46
    t48 = c * t47
    t50 = t48 < f64(0.015625)
    t52 = tl.sqrt((tl.where(t50, f64(1.0), t48)))
    t54 = tl.where(t50, t48, f64(0.0))
    t58 = (t54 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t61 = (t54 * t58) + f64(-0.008863235529902197)
    t64 = (t54 * t61) + f64(0.021869488536155203)
    t67 = (t54 * t64) + f64(-0.05396825396825397)
    t70 = (t54 * t67) + f64(0.13333333333333333)
    t73 = (t54 * t70) + f64(-0.3333333333333333)
    t75 = f64(1.0) + (t54 * t73)
    t78 = tl.exp((t52 * f64(-2.0)))
    t80 = f64(1.0) + t78
    t82 = (f64(1.0) - t78) * (f64(1.0) / t80)
    t83 = f64(1.0) / t52
    t84 = t82 * t83
    t85 = tl.where(t50, t75, t84)
    t86 = t44 * t85
    t87 = t45 * t85
    t90 = t75 * t75
    t96 = f64(1.0) / (t80 * t80)
    t97 = (t78 * f64(4.0)) * t96
    t98 = tl.where(t50, (f64(1.0) - (t48 * t90)), t97)
    t99 = y1 * y1
    t102 = y2 * (y1 * f64(2.0))
    t105 = y2 * y2
    t107 = ((ee * t99) + (ew * t102)) + (ww * t105)
    t108 = c * t107
    t109 = z2_edge <= t108
    t111 = f64(1.0) / (tl.where(t109, t108, z2_max))
    t112 = z2_max * t111
    t113 = tl.sqrt(t112)
    t114 = tl.where(t109, t113, f64(1.0))
    t115 = r2_edge <= t107
    t117 = f64(1.0) / (tl.where(t115, t107, r2_max))
    t118 = r2_max * t117
    t119 = tl.sqrt(t118)
    t120 = tl.where(t115, t119, f64(1.0))
    t121 = t114 * t120
    t122 = y1 * t121
    t123 = y2 * t121
    t124 = t121 * t121
    t125 = t107 * t124
    t126 = c * t125
    t127 = t126 < f64(0.015625)
    t129 = tl.sqrt((tl.where(t127, f64(1.0), t126)))
    t130 = tl.where(t127, t126, f64(0.0))
    t132 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t130)
    t134 = f64(-0.008863235529902197) + (t130 * t132)
    t136 = f64(0.021869488536155203) + (t130 * t134)
    t138 = f64(-0.05396825396825397) + (t130 * t136)
    t140 = f64(0.13333333333333333) + (t130 * t138)
    t142 = f64(-0.3333333333333333) + (t130 * t140)
    t144 = f64(1.0) + (t130 * t142)
    t146 = tl.exp((f64(-2.0) * t129))
    t148 = f64(1.0) + t146
    t150 = (f64(1.0) - t146) * (f64(1.0) / t148)
    t151 = f64(1.0) / t129
    t152 = t150 * t151
    t153 = tl.where(t127, t144, t152)
    t154 = t122 * t153
    t155 = t123 * t153
    t158 = t144 * t144
    t163 = f64(1.0) / (t148 * t148)
    t164 = (f64(4.0) * t146) * t163
    t165 = tl.where(t127, (f64(1.0) - (t126 * t158)), t164)
    t166 = t86 + t154
    t167 = t87 + t155
    t168 = t166 * t166
    t170 = f64(2.0) * t166
    t171 = t167 * t170
    t174 = t167 * t167
    t176 = ((ee * t168) + (ew * t171)) + (ww * t174)
    t177 = c * t176
    t178 = t98 * t165
    t181 = f64(1.0) / (t177 + t178)
    t182 = (t98 + t177) * t181
    t185 = t98 * t181
    t188 = (t86 * t182) + (t154 * t185)
    t189 = (t87 * t182) + (t155 * t185)
    t190 = t176 * t181
    t191 = t178 * t181
    t192 = c * t190
    t195 = (n_edge < t192) | (t191 < u_edge)
    t197 = f64(1.0) / (tl.where(t195, t192, n_max))
    t198 = n_max * t197
    t199 = tl.sqrt(t198)
    t200 = tl.where(t195, t199, f64(1.0))
    t201 = r2_edge <= t190
    t203 = f64(1.0) / (tl.where(t201, t190, r2_max))
    t204 = r2_max * t203
    t205 = tl.sqrt(t204)
    t206 = tl.where(t201, t205, f64(1.0))
    t207 = t200 * t206
    t208 = u_min < t191
    t210 = tl.where(t195, u_max, (tl.where(t208, t191, u_min)))
    t211 = t188 * t207
    t212 = t189 * t207
    t213 = t207 * t207
    t214 = t190 * t213
    t216 = f64(1.0) / t210
    t217 = (c * t214) * t216
    t218 = t217 < f64(0.015625)
    t220 = tl.sqrt((tl.where(t218, f64(1.0), t217)))
    t221 = tl.where(t218, t217, f64(0.0))
    t225 = (t221 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t228 = (t221 * t225) + f64(-0.022372159090909092)
    t231 = (t221 * t228) + f64(0.030381944444444444)
    t234 = (t221 * t231) + f64(-0.044642857142857144)
    t237 = (t221 * t234) + f64(0.075)
    t240 = (t221 * t237) + f64(-0.16666666666666666)
    t245 = tl.sqrt((f64(1.0) + (t220 * t220)))
    t248 = f64(1.0) / t220
    t249 = (tl.log((t220 + t245))) * t248
    t250 = tl.where(t218, (f64(1.0) + (t221 * t240)), t249)
    t252 = f64(1.0) / (tl.sqrt(t210))
    t253 = t250 * t252
    t254 = t211 * t253
    t255 = t212 * t253
    t259 = g_b * t253
    t261 = g_a * t253
    t262 = (g_b * t212) + (g_a * t211)
    t264 = t252 * t262
    t269 = (t252 * (t252 * t252)) * ((t250 * t262) * f64(-0.5))
    t270 = tl.where(t218, f64(0.0), t264)
    t271 = tl.where(t218, t264, f64(0.0))
    t279 = ((t248 * t270) * (f64(1.0) / t245)) - (t270 * (t248 * t249))
    t281 = t221 * t271
    t283 = t221 * t281
    t286 = t221 * t283
    t287 = ((t240 * t271) + (t237 * t281)) + (t234 * t283)
    t289 = t221 * t286
    t292 = t221 * t289
    t296 = ((t287 + (t231 * t286)) + (t228 * t289)) + (t225 * t292)
    t298 = t296 + (f64(-0.01396484375) * (t221 * t292))
    t303 = tl.where(t218, f64(0.0), (t279 * (f64(1.0) / (f64(2.0) * t220))))
    t304 = (tl.where(t218, t298, f64(0.0))) + t303
    t309 = t216 * t304
    t311 = c * t309
    t318 = t207 * t259
    t319 = ((t190 * t311) * (f64(2.0) * t207)) + (t189 * t259)
    t321 = t207 * t261
    t322 = t319 + (t188 * t261)
    t323 = tl.where(t195, f64(0.0), (t269 - (t304 * (t216 * t217))))
    t324 = tl.where(t208, t323, f64(0.0))
    t330 = (tl.where(t201, (t200 * t322), f64(0.0))) * (f64(1.0) / (f64(2.0) * t205))
    t335 = tl.where(t201, (-(t330 * (t203 * t204))), f64(0.0))
    t340 = (tl.where(t195, (t206 * t322), f64(0.0))) * (f64(1.0) / (f64(2.0) * t199))
    t345 = tl.where(t195, (-(t340 * (t197 * t198))), f64(0.0))
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
    t407 = t405 + ((f64(2.0) * (t167 * t398)) + t405)
    t408 = (t182 * t318) + t401
    t409 = (t185 * t318) + t401
    t410 = (t182 * t321) + t407
    t411 = (t185 * t321) + t407
    t412 = tl.where(t127, f64(0.0), t386)
    t413 = tl.where(t127, t386, f64(0.0))
    t420 = (t412 * (t163 * t164)) * (f64(2.0) * t148)
    t430 = (t126 * t413) * (f64(2.0) * t144)
    t434 = t130 * t430
    t438 = t130 * t434
    t443 = t130 * t438
    t445 = ((-(t142 * t430)) - (t140 * t434)) - (t138 * t438)
    t448 = t130 * t443
    t453 = t130 * t448
    t460 = ((t445 - (t136 * t443)) - (t134 * t448)) - (t132 * t453)
    t461 = f64(-0.0014558343870513183) * (t130 * t453)
    t465 = (tl.where(t127, (t460 - t461), f64(0.0))) - (t158 * t413)
    t466 = t146 * ((f64(4.0) * (t163 * t412)) - t420)
    t469 = f64(1.0) / (f64(2.0) * t129)
    t471 = tl.where(t127, f64(0.0), ((f64(-2.0) * t466) * t469))
    t477 = (t123 * t409) + (t122 * t411)
    t478 = tl.where(t127, f64(0.0), t477)
    t479 = tl.where(t127, t477, f64(0.0))
    t487 = (t151 * t478) * (f64(1.0) - (t150 * t150))
    t490 = t130 * t479
    t492 = t130 * t490
    t495 = t130 * t492
    t496 = ((t142 * t479) + (t140 * t490)) + (t138 * t492)
    t498 = t130 * t495
    t501 = t130 * t498
    t505 = ((t496 + (t136 * t495)) + (t134 * t498)) + (t132 * t501)
    t506 = f64(-0.0014558343870513183) * (t130 * t501)
    t509 = (t465 + t471) + (tl.where(t127, (t505 + t506), f64(0.0)))
    t511 = tl.where(t127, f64(0.0), (t469 * (t487 - (t478 * (t151 * t152)))))
    t512 = t509 + t511
    t513 = c * t512
    t521 = ((t107 * t513) * (f64(2.0) * t121)) + (y2 * (t153 * t409))
    t523 = t521 + (y1 * (t153 * t411))
    t529 = (tl.where(t115, (t114 * t523), f64(0.0))) * (f64(1.0) / (f64(2.0) * t119))
    t534 = tl.where(t115, (-(t529 * (t117 * t118))), f64(0.0))
    t539 = (tl.where(t109, (t120 * t523), f64(0.0))) * (f64(1.0) / (f64(2.0) * t113))
    t544 = tl.where(t109, (-(t539 * (t111 * t112))), f64(0.0))
    t548 = ((t124 * t513) + t534) + (c * t544)
    t555 = tl.where(t50, f64(0.0), t388)
    t556 = tl.where(t50, t388, f64(0.0))
    t566 = (f64(4.0) * (t96 * t555)) - ((t555 * (t96 * t97)) * (f64(2.0) * t80))
    t573 = (t48 * t556) * (f64(2.0) * t75)
    t577 = t54 * t573
    t581 = t54 * t577
    t586 = t54 * t581
    t588 = ((-(t73 * t573)) - (t70 * t577)) - (t67 * t581)
    t591 = t54 * t586
    t596 = t54 * t591
    t603 = ((t588 - (t64 * t586)) - (t61 * t591)) - (t58 * t596)
    t604 = f64(-0.0014558343870513183) * (t54 * t596)
    t608 = (tl.where(t50, (t603 - t604), f64(0.0))) - (t90 * t556)
    t612 = f64(1.0) / (f64(2.0) * t52)
    t614 = tl.where(t50, f64(0.0), ((f64(-2.0) * (t78 * t566)) * t612))
    t620 = (t45 * t408) + (t44 * t410)
    t621 = tl.where(t50, f64(0.0), t620)
    t622 = tl.where(t50, t620, f64(0.0))
    t631 = ((t83 * t621) * (f64(1.0) - (t82 * t82))) - (t621 * (t83 * t84))
    t633 = t54 * t622
    t635 = t54 * t633
    t638 = t54 * t635
    t639 = ((t73 * t622) + (t70 * t633)) + (t67 * t635)
    t641 = t54 * t638
    t644 = t54 * t641
    t648 = ((t639 + (t64 * t638)) + (t61 * t641)) + (t58 * t644)
    t649 = f64(-0.0014558343870513183) * (t54 * t644)
    t652 = (t608 + t614) + (tl.where(t50, (t648 + t649), f64(0.0)))
    t655 = t652 + (tl.where(t50, f64(0.0), (t612 * t631)))
    t656 = c * t655
    t658 = ((t391 + (t125 * t512)) + (t107 * t544)) + (t47 * t655)
    t664 = ((t29 * t656) * (f64(2.0) * t43)) + (x2 * (t85 * t408))
    t666 = t664 + (x1 * (t85 * t410))
    t672 = (tl.where(t37, (t36 * t666), f64(0.0))) * (f64(1.0) / (f64(2.0) * t41))
    t677 = tl.where(t37, (-(t672 * (t39 * t40))), f64(0.0))
    t682 = (tl.where(t31, (t42 * t666), f64(0.0))) * (f64(1.0) / (f64(2.0) * t35))
    t687 = tl.where(t31, (-(t682 * (t33 * t34))), f64(0.0))
    t690 = t658 + (t29 * t687)
    t691 = ((t46 * t656) + t677) + (c * t687)
    t693 = ((t174 * t392) + (t105 * t548)) + (t27 * t691)
    t695 = ((t171 * t392) + (t102 * t548)) + (t24 * t691)
    t697 = ((t168 * t392) + (t99 * t548)) + (t20 * t691)
    tl.store(S + A * ROWS + r, t254)
    tl.store(S + B * ROWS + r, t255)
    tl.store(S + D_EE * ROWS + r, t697)
    tl.store(S + D_EW * ROWS + r, t695)
    tl.store(S + D_WW * ROWS + r, t693)
    tl.store(S + D_C * ROWS + r, t690)


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
def vectors_at(i, first, rows, D: tl.constexpr, WIDTH: tl.constexpr, AT_ONCE: tl.constexpr):
    """Rows of a block from its `i`-th on: their numbers in it, where their vectors are, and which of that exists."""
    r = i + tl.arange(0, AT_ONCE)
    j = tl.arange(0, WIDTH)
    at = (first + r)[:, None] * D + j[None, :]
    inside = (first + r < rows)[:, None] & (j < D)[None, :]
    return r, at, inside


@triton.jit
def read(pointer, at, inside):
    """Vectors in float64, zero where there are none."""
    return tl.load(pointer + at, mask=inside, other=0.0).to(tl.float64)


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
        r, at, inside = vectors_at(i, first, rows, D, WIDTH, AT_ONCE)
        e, w, k, swap = plane(read(X, at, inside), read(Y, at, inside))
        write_plane(S, r, e, w, k, swap)
    tl.debug_barrier()
    forward_scalars(S, numbers, clip)
    tl.debug_barrier()
    write_factors(S)
    tl.debug_barrier()
    for i in range(0, ROWS, AT_ONCE):
        r, at, inside = vectors_at(i, first, rows, D, WIDTH, AT_ONCE)
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
        r, at, inside = vectors_at(i, first, rows, D, WIDTH, AT_ONCE)
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
        r, at, inside = vectors_at(i, first, rows, D, WIDTH, AT_ONCE)
        x = read(X, at, inside)
        y = read(Y, at, inside)
        g = read(G, at, inside)
        dx = factor(S, DX_G, r) * g + factor(S, DX_X, r) * x + factor(S, DX_Y, r) * y
        dy = factor(S, DY_G, r) * g + factor(S, DY_X, r) * x + factor(S, DY_Y, r) * y
        tl.store(DX + at, narrow(dx, DX), mask=inside)
        tl.store(DY + at, narrow(dy, DY), mask=inside)
