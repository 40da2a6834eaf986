"""`origin_residual`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

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
SLOTS = tl.constexpr(16)
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
D_GAMMA = tl.constexpr(15)


@triton.jit
def forward_scalars(S, numbers, clip):
    """a, b of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    gamma = tl.load(numbers + 1)
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
    t168 = (t106 * (t120 * t120)) * (gamma * gamma)
    t169 = c * t168
    t170 = z2_edge <= t169
    t172 = f64(1.0) / (tl.where(t170, t169, z2_max))
    t175 = tl.where(t170, (tl.sqrt((z2_max * t172))), f64(1.0))
    t176 = r2_edge <= t168
    t178 = f64(1.0) / (tl.where(t176, t168, r2_max))
    t181 = tl.where(t176, (tl.sqrt((r2_max * t178))), f64(1.0))
    t182 = t175 * t181
    t187 = c * (t168 * (t182 * t182))
    t188 = t187 < f64(0.015625)
    t190 = tl.sqrt((tl.where(t188, f64(1.0), t187)))
    t191 = tl.where(t188, t187, f64(0.0))
    t193 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t191)
    t195 = f64(-0.008863235529902197) + (t191 * t193)
    t197 = f64(0.021869488536155203) + (t191 * t195)
    t199 = f64(-0.05396825396825397) + (t191 * t197)
    t201 = f64(0.13333333333333333) + (t191 * t199)
    t203 = f64(-0.3333333333333333) + (t191 * t201)
    t205 = f64(1.0) + (t191 * t203)
    t207 = tl.exp((f64(-2.0) * t190))
    t209 = f64(1.0) + t207
    t213 = ((f64(1.0) - t207) * (f64(1.0) / t209)) * (f64(1.0) / t190)
    t214 = tl.where(t188, t205, t213)
    t215 = ((gamma * (y1 * t120)) * t182) * t214
    t216 = ((gamma * (y2 * t120)) * t182) * t214
    t225 = (f64(4.0) * t207) * (f64(1.0) / (t209 * t209))
    t226 = tl.where(t188, (f64(1.0) - (t187 * (t205 * t205))), t225)
    t227 = t85 + t215
    t228 = t86 + t216
    t234 = (ee * (t227 * t227)) + (ew * (t228 * (f64(2.0) * t227)))
    t237 = t234 + (ww * (t228 * t228))
    t238 = c * t237
    t239 = t97 * t226
    t242 = f64(1.0) / (t238 + t239)
    t243 = (t97 + t238) * t242
    t246 = t97 * t242
    t251 = t237 * t242
    t252 = t239 * t242
    t253 = c * t251
    t256 = (n_edge < t253) | (t252 < u_edge)
    t258 = f64(1.0) / (tl.where(t256, t253, n_max))
    t261 = tl.where(t256, (tl.sqrt((n_max * t258))), f64(1.0))
    t262 = r2_edge <= t251
    t264 = f64(1.0) / (tl.where(t262, t251, r2_max))
    t267 = tl.where(t262, (tl.sqrt((r2_max * t264))), f64(1.0))
    t268 = t261 * t267
    t271 = tl.where(t256, u_max, (tl.where((u_min < t252), t252, u_min)))
    t278 = (c * (t251 * (t268 * t268))) * (f64(1.0) / t271)
    t279 = t278 < f64(0.015625)
    t281 = tl.sqrt((tl.where(t279, f64(1.0), t278)))
    t282 = tl.where(t279, t278, f64(0.0))
    t286 = (t282 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t289 = (t282 * t286) + f64(-0.022372159090909092)
    t292 = (t282 * t289) + f64(0.030381944444444444)
    t295 = (t282 * t292) + f64(-0.044642857142857144)
    t301 = (t282 * ((t282 * t295) + f64(0.075))) + f64(-0.16666666666666666)
    t307 = t281 + (tl.sqrt((f64(1.0) + (t281 * t281))))
    t311 = tl.where(t279, (f64(1.0) + (t282 * t301)), ((tl.log(t307)) * (f64(1.0) / t281)))
    t314 = t311 * (f64(1.0) / (tl.sqrt(t271)))
    t315 = (((t85 * t243) + (t215 * t246)) * t268) * t314
    t316 = (((t86 * t243) + (t216 * t246)) * t268) * t314
    tl.store(S + A * ROWS + r, t315)
    tl.store(S + B * ROWS + r, t316)


@triton.jit
def backward_scalars(S, numbers, clip):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    gamma = tl.load(numbers + 1)
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
    t167 = gamma * t123
    t168 = gamma * t124
    t169 = gamma * gamma
    t170 = t126 * t169
    t171 = c * t170
    t172 = z2_edge <= t171
    t174 = f64(1.0) / (tl.where(t172, t171, z2_max))
    t175 = z2_max * t174
    t176 = tl.sqrt(t175)
    t177 = tl.where(t172, t176, f64(1.0))
    t178 = r2_edge <= t170
    t180 = f64(1.0) / (tl.where(t178, t170, r2_max))
    t181 = r2_max * t180
    t182 = tl.sqrt(t181)
    t183 = tl.where(t178, t182, f64(1.0))
    t184 = t177 * t183
    t185 = t167 * t184
    t186 = t168 * t184
    t187 = t184 * t184
    t188 = t170 * t187
    t189 = c * t188
    t190 = t189 < f64(0.015625)
    t192 = tl.sqrt((tl.where(t190, f64(1.0), t189)))
    t193 = tl.where(t190, t189, f64(0.0))
    t195 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t193)
    t197 = f64(-0.008863235529902197) + (t193 * t195)
    t199 = f64(0.021869488536155203) + (t193 * t197)
    t201 = f64(-0.05396825396825397) + (t193 * t199)
    t203 = f64(0.13333333333333333) + (t193 * t201)
    t205 = f64(-0.3333333333333333) + (t193 * t203)
    t207 = f64(1.0) + (t193 * t205)
    t209 = tl.exp((f64(-2.0) * t192))
    t211 = f64(1.0) + t209
    t213 = (f64(1.0) - t209) * (f64(1.0) / t211)
    t214 = f64(1.0) / t192
    t215 = t213 * t214
    t216 = tl.where(t190, t207, t215)
    t217 = t185 * t216
    t218 = t186 * t216
    t221 = t207 * t207
    t226 = f64(1.0) / (t211 * t211)
    t227 = (f64(4.0) * t209) * t226
    t228 = tl.where(t190, (f64(1.0) - (t189 * t221)), t227)
    t229 = t87 + t217
    t230 = t88 + t218
    t231 = t229 * t229
    t233 = f64(2.0) * t229
    t234 = t230 * t233
    t237 = t230 * t230
    t239 = ((ee * t231) + (ew * t234)) + (ww * t237)
    t240 = c * t239
    t241 = t99 * t228
    t244 = f64(1.0) / (t240 + t241)
    t245 = (t99 + t240) * t244
    t248 = t99 * t244
    t251 = (t87 * t245) + (t217 * t248)
    t252 = (t88 * t245) + (t218 * t248)
    t253 = t239 * t244
    t254 = t241 * t244
    t255 = c * t253
    t258 = (n_edge < t255) | (t254 < u_edge)
    t260 = f64(1.0) / (tl.where(t258, t255, n_max))
    t261 = n_max * t260
    t262 = tl.sqrt(t261)
    t263 = tl.where(t258, t262, f64(1.0))
    t264 = r2_edge <= t253
    t266 = f64(1.0) / (tl.where(t264, t253, r2_max))
    t267 = r2_max * t266
    t268 = tl.sqrt(t267)
    t269 = tl.where(t264, t268, f64(1.0))
    t270 = t263 * t269
    t271 = u_min < t254
    t273 = tl.where(t258, u_max, (tl.where(t271, t254, u_min)))
    t274 = t251 * t270
    t275 = t252 * t270
    t276 = t270 * t270
    t277 = t253 * t276
    t279 = f64(1.0) / t273
    t280 = (c * t277) * t279
    t281 = t280 < f64(0.015625)
    t283 = tl.sqrt((tl.where(t281, f64(1.0), t280)))
    t284 = tl.where(t281, t280, f64(0.0))
    t288 = (t284 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t291 = (t284 * t288) + f64(-0.022372159090909092)
    t294 = (t284 * t291) + f64(0.030381944444444444)
    t297 = (t284 * t294) + f64(-0.044642857142857144)
    t300 = (t284 * t297) + f64(0.075)
    t303 = (t284 * t300) + f64(-0.16666666666666666)
    t308 = tl.sqrt((f64(1.0) + (t283 * t283)))
    t311 = f64(1.0) / t283
    t312 = (tl.log((t283 + t308))) * t311
    t313 = tl.where(t281, (f64(1.0) + (t284 * t303)), t312)
    t315 = f64(1.0) / (tl.sqrt(t273))
    t316 = t313 * t315
    t317 = t274 * t316
    t318 = t275 * t316
    t322 = g_b * t316
    t324 = g_a * t316
    t325 = (g_b * t275) + (g_a * t274)
    t327 = t315 * t325
    t332 = (t315 * (t315 * t315)) * ((t313 * t325) * f64(-0.5))
    t333 = tl.where(t281, f64(0.0), t327)
    t334 = tl.where(t281, t327, f64(0.0))
    t342 = ((t311 * t333) * (f64(1.0) / t308)) - (t333 * (t311 * t312))
    t344 = t284 * t334
    t346 = t284 * t344
    t349 = t284 * t346
    t350 = ((t303 * t334) + (t300 * t344)) + (t297 * t346)
    t352 = t284 * t349
    t355 = t284 * t352
    t359 = ((t350 + (t294 * t349)) + (t291 * t352)) + (t288 * t355)
    t361 = t359 + (f64(-0.01396484375) * (t284 * t355))
    t366 = tl.where(t281, f64(0.0), (t342 * (f64(1.0) / (f64(2.0) * t283))))
    t367 = (tl.where(t281, t361, f64(0.0))) + t366
    t372 = t279 * t367
    t374 = c * t372
    t381 = t270 * t322
    t382 = ((t253 * t374) * (f64(2.0) * t270)) + (t252 * t322)
    t384 = t270 * t324
    t385 = t382 + (t251 * t324)
    t386 = tl.where(t258, f64(0.0), (t332 - (t367 * (t279 * t280))))
    t387 = tl.where(t271, t386, f64(0.0))
    t393 = (tl.where(t264, (t263 * t385), f64(0.0))) * (f64(1.0) / (f64(2.0) * t268))
    t398 = tl.where(t264, (-(t393 * (t266 * t267))), f64(0.0))
    t403 = (tl.where(t258, (t269 * t385), f64(0.0))) * (f64(1.0) / (f64(2.0) * t262))
    t408 = tl.where(t258, (-(t403 * (t260 * t261))), f64(0.0))
    t412 = ((t276 * t374) + t398) + (c * t408)
    t423 = (-(t387 * (t244 * t254))) - (t412 * (t244 * t253))
    t428 = (t218 * t381) + (t217 * t384)
    t439 = (t88 * t381) + (t87 * t384)
    t444 = t244 * t439
    t445 = (t423 - (t428 * (t244 * t248))) - (t439 * (t244 * t245))
    t447 = (t244 * t387) + t445
    t448 = t444 + t445
    t449 = t99 * t447
    t451 = ((t244 * t428) + t444) + (t228 * t447)
    t454 = ((t277 * t372) + (t253 * t408)) + (t239 * t448)
    t455 = (t244 * t412) + (c * t448)
    t458 = t230 * (ww * t455)
    t461 = ew * t455
    t464 = (t458 + t458) + (t233 * t461)
    t468 = t229 * (ee * t455)
    t470 = t468 + ((f64(2.0) * (t230 * t461)) + t468)
    t471 = (t245 * t381) + t464
    t472 = (t248 * t381) + t464
    t473 = (t245 * t384) + t470
    t474 = (t248 * t384) + t470
    t475 = tl.where(t190, f64(0.0), t449)
    t476 = tl.where(t190, t449, f64(0.0))
    t483 = (t475 * (t226 * t227)) * (f64(2.0) * t211)
    t493 = (t189 * t476) * (f64(2.0) * t207)
    t497 = t193 * t493
    t501 = t193 * t497
    t506 = t193 * t501
    t508 = ((-(t205 * t493)) - (t203 * t497)) - (t201 * t501)
    t511 = t193 * t506
    t516 = t193 * t511
    t523 = ((t508 - (t199 * t506)) - (t197 * t511)) - (t195 * t516)
    t524 = f64(-0.0014558343870513183) * (t193 * t516)
    t528 = (tl.where(t190, (t523 - t524), f64(0.0))) - (t221 * t476)
    t529 = t209 * ((f64(4.0) * (t226 * t475)) - t483)
    t532 = f64(1.0) / (f64(2.0) * t192)
    t534 = tl.where(t190, f64(0.0), ((f64(-2.0) * t529) * t532))
    t537 = t216 * t472
    t539 = t216 * t474
    t540 = (t186 * t472) + (t185 * t474)
    t541 = tl.where(t190, f64(0.0), t540)
    t542 = tl.where(t190, t540, f64(0.0))
    t550 = (t214 * t541) * (f64(1.0) - (t213 * t213))
    t553 = t193 * t542
    t555 = t193 * t553
    t558 = t193 * t555
    t559 = ((t205 * t542) + (t203 * t553)) + (t201 * t555)
    t561 = t193 * t558
    t564 = t193 * t561
    t568 = ((t559 + (t199 * t558)) + (t197 * t561)) + (t195 * t564)
    t569 = f64(-0.0014558343870513183) * (t193 * t564)
    t572 = (t528 + t534) + (tl.where(t190, (t568 + t569), f64(0.0)))
    t574 = tl.where(t190, f64(0.0), (t532 * (t550 - (t541 * (t214 * t215)))))
    t575 = t572 + t574
    t576 = c * t575
    t584 = t184 * t537
    t585 = ((t170 * t576) * (f64(2.0) * t184)) + (t168 * t537)
    t587 = t184 * t539
    t588 = t585 + (t167 * t539)
    t594 = (tl.where(t178, (t177 * t588), f64(0.0))) * (f64(1.0) / (f64(2.0) * t182))
    t599 = tl.where(t178, (-(t594 * (t180 * t181))), f64(0.0))
    t604 = (tl.where(t172, (t183 * t588), f64(0.0))) * (f64(1.0) / (f64(2.0) * t176))
    t609 = tl.where(t172, (-(t604 * (t174 * t175))), f64(0.0))
    t613 = ((t187 * t576) + t599) + (c * t609)
    t615 = t169 * t613
    t620 = ((t126 * t613) * (gamma * f64(2.0))) + (t124 * t584)
    t623 = t620 + (t123 * t587)
    t629 = ((t108 * t615) * (f64(2.0) * t122)) + (y2 * (gamma * t584))
    t631 = t629 + (y1 * (gamma * t587))
    t637 = (tl.where(t116, (t115 * t631), f64(0.0))) * (f64(1.0) / (f64(2.0) * t120))
    t642 = tl.where(t116, (-(t637 * (t118 * t119))), f64(0.0))
    t647 = (tl.where(t110, (t121 * t631), f64(0.0))) * (f64(1.0) / (f64(2.0) * t114))
    t652 = tl.where(t110, (-(t647 * (t112 * t113))), f64(0.0))
    t655 = ((t454 + (t188 * t575)) + (t170 * t609)) + (t108 * t652)
    t656 = ((t125 * t615) + t642) + (c * t652)
    t663 = tl.where(t51, f64(0.0), t451)
    t664 = tl.where(t51, t451, f64(0.0))
    t674 = (f64(4.0) * (t97 * t663)) - ((t663 * (t97 * t98)) * (f64(2.0) * t81))
    t681 = (t49 * t664) * (f64(2.0) * t76)
    t685 = t55 * t681
    t689 = t55 * t685
    t694 = t55 * t689
    t696 = ((-(t74 * t681)) - (t71 * t685)) - (t68 * t689)
    t699 = t55 * t694
    t704 = t55 * t699
    t711 = ((t696 - (t65 * t694)) - (t62 * t699)) - (t59 * t704)
    t712 = f64(-0.0014558343870513183) * (t55 * t704)
    t716 = (tl.where(t51, (t711 - t712), f64(0.0))) - (t91 * t664)
    t720 = f64(1.0) / (f64(2.0) * t53)
    t722 = tl.where(t51, f64(0.0), ((f64(-2.0) * (t79 * t674)) * t720))
    t728 = (t46 * t471) + (t45 * t473)
    t729 = tl.where(t51, f64(0.0), t728)
    t730 = tl.where(t51, t728, f64(0.0))
    t739 = ((t84 * t729) * (f64(1.0) - (t83 * t83))) - (t729 * (t84 * t85))
    t741 = t55 * t730
    t743 = t55 * t741
    t746 = t55 * t743
    t747 = ((t74 * t730) + (t71 * t741)) + (t68 * t743)
    t749 = t55 * t746
    t752 = t55 * t749
    t756 = ((t747 + (t65 * t746)) + (t62 * t749)) + (t59 * t752)
    t757 = f64(-0.0014558343870513183) * (t55 * t752)
    t760 = (t716 + t722) + (tl.where(t51, (t756 + t757), f64(0.0)))
    t763 = t760 + (tl.where(t51, f64(0.0), (t720 * t739)))
    t764 = c * t763
    t772 = ((t30 * t764) * (f64(2.0) * t44)) + (x2 * (t86 * t471))
    t774 = t772 + (x1 * (t86 * t473))
    t780 = (tl.where(t38, (t37 * t774), f64(0.0))) * (f64(1.0) / (f64(2.0) * t42))
    t785 = tl.where(t38, (-(t780 * (t40 * t41))), f64(0.0))
    t790 = (tl.where(t32, (t43 * t774), f64(0.0))) * (f64(1.0) / (f64(2.0) * t36))
    t795 = tl.where(t32, (-(t790 * (t34 * t35))), f64(0.0))
    t798 = (t655 + (t48 * t763)) + (t30 * t795)
    t799 = ((t47 * t764) + t785) + (c * t795)
    t801 = ((t237 * t455) + (t106 * t656)) + (t28 * t799)
    t803 = ((t234 * t455) + (t103 * t656)) + (t25 * t799)
    t805 = ((t231 * t455) + (t100 * t656)) + (t21 * t799)
    tl.store(S + A * ROWS + r, t317)
    tl.store(S + B * ROWS + r, t318)
    tl.store(S + D_EE * ROWS + r, t805)
    tl.store(S + D_EW * ROWS + r, t803)
    tl.store(S + D_WW * ROWS + r, t801)
    tl.store(S + D_C * ROWS + r, t798)
    tl.store(S + D_GAMMA * ROWS + r, t623)


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
