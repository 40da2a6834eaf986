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

from timm_hyperbolic.geometry.kernels.primitives_gpu import f64, narrow, read, rows_at, typed

ROWS = tl.constexpr(32)
SLOTS = tl.constexpr(17)
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
D_GAMMA_RAW = tl.constexpr(15)
D_GAMMA_SCALE = tl.constexpr(16)


@triton.jit
def forward_scalars(S, numbers, clip):
    """a, b of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    gamma_raw = tl.load(numbers + 1)
    gamma_scale = tl.load(numbers + 2)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
    n_max = tl.load(clip + 2)
    n_edge = tl.load(clip + 3)
    u_max = tl.load(clip + 4)
    u_edge = tl.load(clip + 5)
    u_min = tl.load(clip + 6)
    r2_max = tl.load(clip + 8)
    r2_edge = tl.load(clip + 9)
    t165 = tl.log((f64(1.0) + (tl.exp(gamma_scale))))
    t168 = tl.where((f64(20.0) < gamma_scale), gamma_scale, t165)
    t170 = gamma_raw * gamma_raw
    t171 = t170 < f64(0.015625)
    t173 = tl.sqrt((tl.where(t171, f64(1.0), t170)))
    t174 = tl.where(t171, t170, f64(0.0))
    t176 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t174)
    t178 = f64(-0.008863235529902197) + (t174 * t176)
    t180 = f64(0.021869488536155203) + (t174 * t178)
    t182 = f64(-0.05396825396825397) + (t174 * t180)
    t184 = f64(0.13333333333333333) + (t174 * t182)
    t186 = f64(-0.3333333333333333) + (t174 * t184)
    t190 = tl.exp((f64(-2.0) * t173))
    t194 = (f64(1.0) - t190) * (f64(1.0) / (f64(1.0) + t190))
    t197 = tl.where(t171, (f64(1.0) + (t174 * t186)), (t194 * (f64(1.0) / t173)))
    t199 = (f64(1.0) + t168) * (gamma_raw * t197)
    t202 = t199 * t199
    ee = tl.load(S + EE * ROWS + r)
    ew = tl.load(S + EW * ROWS + r)
    ww = tl.load(S + WW * ROWS + r)
    x1 = tl.load(S + X1 * ROWS + r)
    x2 = tl.load(S + X2 * ROWS + r)
    y1 = tl.load(S + Y1 * ROWS + r)
    y2 = tl.load(S + Y2 * ROWS + r)
    t27 = (ee * (x1 * x1)) + (ew * (x2 * (x1 * f64(2.0))))
    t30 = t27 + (ww * (x2 * x2))
    t31 = c * t30
    t32 = z2_edge <= t31
    t33 = r2_edge <= t30
    t38 = (tl.where(t32, z2_max, f64(1.0))) * (tl.where(t33, r2_max, f64(1.0)))
    t39 = (tl.where(t32, t31, f64(1.0))) * (tl.where(t33, t30, f64(1.0)))
    t42 = tl.sqrt((t38 * (f64(1.0) / t39)))
    t47 = c * (t30 * (t42 * t42))
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
    t80 = f64(1.0) / (f64(1.0) + t77)
    t83 = ((f64(1.0) - t77) * t80) * (f64(1.0) / t51)
    t84 = tl.where(t49, t74, t83)
    t85 = (x1 * t42) * t84
    t86 = (x2 * t42) * t84
    t97 = tl.where(t49, (f64(1.0) - (t47 * (t74 * t74))), ((t77 * f64(4.0)) * (t80 * t80)))
    t103 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * f64(2.0))))
    t106 = t103 + (ww * (y2 * y2))
    t107 = c * t106
    t108 = z2_edge <= t107
    t109 = r2_edge <= t106
    t114 = (tl.where(t108, z2_max, f64(1.0))) * (tl.where(t109, r2_max, f64(1.0)))
    t115 = (tl.where(t108, t107, f64(1.0))) * (tl.where(t109, t106, f64(1.0)))
    t118 = tl.sqrt((t114 * (f64(1.0) / t115)))
    t203 = (t106 * (t118 * t118)) * t202
    t204 = c * t203
    t205 = z2_edge <= t204
    t206 = r2_edge <= t203
    t211 = (tl.where(t205, z2_max, f64(1.0))) * (tl.where(t206, r2_max, f64(1.0)))
    t212 = (tl.where(t205, t204, f64(1.0))) * (tl.where(t206, t203, f64(1.0)))
    t215 = tl.sqrt((t211 * (f64(1.0) / t212)))
    t220 = c * (t203 * (t215 * t215))
    t221 = t220 < f64(0.015625)
    t223 = tl.sqrt((tl.where(t221, f64(1.0), t220)))
    t224 = tl.where(t221, t220, f64(0.0))
    t226 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t224)
    t228 = f64(-0.008863235529902197) + (t224 * t226)
    t230 = f64(0.021869488536155203) + (t224 * t228)
    t232 = f64(-0.05396825396825397) + (t224 * t230)
    t234 = f64(0.13333333333333333) + (t224 * t232)
    t236 = f64(-0.3333333333333333) + (t224 * t234)
    t238 = f64(1.0) + (t224 * t236)
    t240 = tl.exp((f64(-2.0) * t223))
    t243 = f64(1.0) / (f64(1.0) + t240)
    t246 = ((f64(1.0) - t240) * t243) * (f64(1.0) / t223)
    t247 = tl.where(t221, t238, t246)
    t248 = (((y1 * t118) * t199) * t215) * t247
    t249 = (((y2 * t118) * t199) * t215) * t247
    t259 = tl.where(t221, (f64(1.0) - (t220 * (t238 * t238))), ((f64(4.0) * t240) * (t243 * t243)))
    t260 = t85 + t248
    t261 = t86 + t249
    t267 = (ee * (t260 * t260)) + (ew * (t261 * (f64(2.0) * t260)))
    t270 = t267 + (ww * (t261 * t261))
    t271 = c * t270
    t272 = t97 * t259
    t275 = f64(1.0) / (t271 + t272)
    t276 = (t97 + t271) * t275
    t279 = t97 * t275
    t284 = t270 * t275
    t285 = t272 * t275
    t286 = c * t284
    t289 = (n_edge < t286) | (t285 < u_edge)
    t290 = r2_edge <= t284
    t295 = (tl.where(t289, n_max, f64(1.0))) * (tl.where(t290, r2_max, f64(1.0)))
    t296 = (tl.where(t289, t286, f64(1.0))) * (tl.where(t290, t284, f64(1.0)))
    t299 = tl.sqrt((t295 * (f64(1.0) / t296)))
    t302 = tl.where(t289, u_max, (tl.where((u_min < t285), t285, u_min)))
    t309 = (c * (t284 * (t299 * t299))) * (f64(1.0) / t302)
    t310 = t309 < f64(0.015625)
    t312 = tl.sqrt((tl.where(t310, f64(1.0), t309)))
    t313 = tl.where(t310, t309, f64(0.0))
    t317 = (t313 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t320 = (t313 * t317) + f64(-0.022372159090909092)
    t323 = (t313 * t320) + f64(0.030381944444444444)
    t326 = (t313 * t323) + f64(-0.044642857142857144)
    t332 = (t313 * ((t313 * t326) + f64(0.075))) + f64(-0.16666666666666666)
    t338 = t312 + (tl.sqrt((f64(1.0) + (t312 * t312))))
    t342 = tl.where(t310, (f64(1.0) + (t313 * t332)), ((tl.log(t338)) * (f64(1.0) / t312)))
    t345 = t342 * (f64(1.0) / (tl.sqrt(t302)))
    t346 = (((t85 * t276) + (t248 * t279)) * t299) * t345
    t347 = (((t86 * t276) + (t249 * t279)) * t299) * t345
    tl.store(S + A * ROWS + r, t346)
    tl.store(S + B * ROWS + r, t347)


@triton.jit
def backward_scalars(S, numbers, clip):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma_raw, d_gamma_scale of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    gamma_raw = tl.load(numbers + 1)
    gamma_scale = tl.load(numbers + 2)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
    n_max = tl.load(clip + 2)
    n_edge = tl.load(clip + 3)
    u_max = tl.load(clip + 4)
    u_edge = tl.load(clip + 5)
    u_min = tl.load(clip + 6)
    r2_max = tl.load(clip + 8)
    r2_edge = tl.load(clip + 9)
    t165 = tl.exp(gamma_scale)
    t166 = f64(1.0) + t165
    t169 = f64(20.0) < gamma_scale
    t170 = tl.where(t169, gamma_scale, (tl.log(t166)))
    t171 = f64(1.0) + t170
    t172 = gamma_raw * gamma_raw
    t173 = t172 < f64(0.015625)
    t175 = tl.sqrt((tl.where(t173, f64(1.0), t172)))
    t176 = tl.where(t173, t172, f64(0.0))
    t178 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t176)
    t180 = f64(-0.008863235529902197) + (t176 * t178)
    t182 = f64(0.021869488536155203) + (t176 * t180)
    t184 = f64(-0.05396825396825397) + (t176 * t182)
    t186 = f64(0.13333333333333333) + (t176 * t184)
    t188 = f64(-0.3333333333333333) + (t176 * t186)
    t192 = tl.exp((f64(-2.0) * t175))
    t196 = (f64(1.0) - t192) * (f64(1.0) / (f64(1.0) + t192))
    t197 = f64(1.0) / t175
    t198 = t196 * t197
    t199 = tl.where(t173, (f64(1.0) + (t176 * t188)), t198)
    t200 = gamma_raw * t199
    t201 = t171 * t200
    t204 = t201 * t201
    t634 = f64(2.0) * t201
    t648 = t197 * t198
    t654 = f64(1.0) - (t196 * t196)
    t678 = t197 * f64(0.5)
    t686 = f64(1.0) / t166
    ee = tl.load(S + EE * ROWS + r)
    ew = tl.load(S + EW * ROWS + r)
    ww = tl.load(S + WW * ROWS + r)
    x1 = tl.load(S + X1 * ROWS + r)
    x2 = tl.load(S + X2 * ROWS + r)
    y1 = tl.load(S + Y1 * ROWS + r)
    y2 = tl.load(S + Y2 * ROWS + r)
    g_a = tl.load(S + G_A * ROWS + r)
    g_b = tl.load(S + G_B * ROWS + r)
    t23 = x1 * x1
    t27 = x2 * (x1 * f64(2.0))
    t30 = x2 * x2
    t32 = ((ee * t23) + (ew * t27)) + (ww * t30)
    t33 = c * t32
    t34 = z2_edge <= t33
    t35 = r2_edge <= t32
    t37 = tl.where(t34, t33, f64(1.0))
    t39 = tl.where(t35, t32, f64(1.0))
    t40 = (tl.where(t34, z2_max, f64(1.0))) * (tl.where(t35, r2_max, f64(1.0)))
    t42 = f64(1.0) / (t37 * t39)
    t43 = t40 * t42
    t44 = tl.sqrt(t43)
    t45 = x1 * t44
    t46 = x2 * t44
    t47 = t44 * t44
    t48 = t32 * t47
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
    t82 = f64(1.0) / t81
    t83 = (f64(1.0) - t79) * t82
    t84 = f64(1.0) / t53
    t85 = t83 * t84
    t86 = tl.where(t51, t76, t85)
    t87 = t45 * t86
    t88 = t46 * t86
    t91 = t76 * t76
    t97 = t82 * t82
    t98 = (t79 * f64(4.0)) * t97
    t99 = tl.where(t51, (f64(1.0) - (t49 * t91)), t98)
    t100 = y1 * y1
    t103 = y2 * (y1 * f64(2.0))
    t106 = y2 * y2
    t108 = ((ee * t100) + (ew * t103)) + (ww * t106)
    t109 = c * t108
    t110 = z2_edge <= t109
    t111 = r2_edge <= t108
    t113 = tl.where(t110, t109, f64(1.0))
    t115 = tl.where(t111, t108, f64(1.0))
    t116 = (tl.where(t110, z2_max, f64(1.0))) * (tl.where(t111, r2_max, f64(1.0)))
    t118 = f64(1.0) / (t113 * t115)
    t119 = t116 * t118
    t120 = tl.sqrt(t119)
    t121 = y1 * t120
    t122 = y2 * t120
    t123 = t120 * t120
    t124 = t108 * t123
    t202 = t121 * t201
    t203 = t122 * t201
    t205 = t124 * t204
    t206 = c * t205
    t207 = z2_edge <= t206
    t208 = r2_edge <= t205
    t210 = tl.where(t207, t206, f64(1.0))
    t212 = tl.where(t208, t205, f64(1.0))
    t213 = (tl.where(t207, z2_max, f64(1.0))) * (tl.where(t208, r2_max, f64(1.0)))
    t215 = f64(1.0) / (t210 * t212)
    t216 = t213 * t215
    t217 = tl.sqrt(t216)
    t218 = t202 * t217
    t219 = t203 * t217
    t220 = t217 * t217
    t221 = t205 * t220
    t222 = c * t221
    t223 = t222 < f64(0.015625)
    t225 = tl.sqrt((tl.where(t223, f64(1.0), t222)))
    t226 = tl.where(t223, t222, f64(0.0))
    t228 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t226)
    t230 = f64(-0.008863235529902197) + (t226 * t228)
    t232 = f64(0.021869488536155203) + (t226 * t230)
    t234 = f64(-0.05396825396825397) + (t226 * t232)
    t236 = f64(0.13333333333333333) + (t226 * t234)
    t238 = f64(-0.3333333333333333) + (t226 * t236)
    t240 = f64(1.0) + (t226 * t238)
    t242 = tl.exp((f64(-2.0) * t225))
    t244 = f64(1.0) + t242
    t245 = f64(1.0) / t244
    t246 = (f64(1.0) - t242) * t245
    t247 = f64(1.0) / t225
    t248 = t246 * t247
    t249 = tl.where(t223, t240, t248)
    t250 = t218 * t249
    t251 = t219 * t249
    t254 = t240 * t240
    t259 = t245 * t245
    t260 = (f64(4.0) * t242) * t259
    t261 = tl.where(t223, (f64(1.0) - (t222 * t254)), t260)
    t262 = t87 + t250
    t263 = t88 + t251
    t264 = t262 * t262
    t266 = f64(2.0) * t262
    t267 = t263 * t266
    t270 = t263 * t263
    t272 = ((ee * t264) + (ew * t267)) + (ww * t270)
    t273 = c * t272
    t274 = t99 * t261
    t277 = f64(1.0) / (t273 + t274)
    t278 = (t99 + t273) * t277
    t281 = t99 * t277
    t284 = (t87 * t278) + (t250 * t281)
    t285 = (t88 * t278) + (t251 * t281)
    t286 = t272 * t277
    t287 = t274 * t277
    t288 = c * t286
    t291 = (n_edge < t288) | (t287 < u_edge)
    t292 = r2_edge <= t286
    t294 = tl.where(t291, t288, f64(1.0))
    t296 = tl.where(t292, t286, f64(1.0))
    t297 = (tl.where(t291, n_max, f64(1.0))) * (tl.where(t292, r2_max, f64(1.0)))
    t299 = f64(1.0) / (t294 * t296)
    t300 = t297 * t299
    t301 = tl.sqrt(t300)
    t302 = u_min < t287
    t304 = tl.where(t291, u_max, (tl.where(t302, t287, u_min)))
    t305 = t284 * t301
    t306 = t285 * t301
    t307 = t301 * t301
    t308 = t286 * t307
    t310 = f64(1.0) / t304
    t311 = (c * t308) * t310
    t312 = t311 < f64(0.015625)
    t314 = tl.sqrt((tl.where(t312, f64(1.0), t311)))
    t315 = tl.where(t312, t311, f64(0.0))
    t319 = (t315 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t322 = (t315 * t319) + f64(-0.022372159090909092)
    t325 = (t315 * t322) + f64(0.030381944444444444)
    t328 = (t315 * t325) + f64(-0.044642857142857144)
    t331 = (t315 * t328) + f64(0.075)
    t334 = (t315 * t331) + f64(-0.16666666666666666)
    t339 = tl.sqrt((f64(1.0) + (t314 * t314)))
    t342 = f64(1.0) / t314
    t343 = (tl.log((t314 + t339))) * t342
    t344 = tl.where(t312, (f64(1.0) + (t315 * t334)), t343)
    t346 = f64(1.0) / (tl.sqrt(t304))
    t347 = t344 * t346
    t348 = t305 * t347
    t349 = t306 * t347
    t353 = g_b * t347
    t355 = g_a * t347
    t356 = (g_b * t306) + (g_a * t305)
    t358 = t346 * t356
    t363 = (t346 * (t346 * t346)) * ((t344 * t356) * f64(-0.5))
    t364 = tl.where(t312, f64(0.0), t358)
    t365 = tl.where(t312, t358, f64(0.0))
    t373 = ((t342 * t364) * (f64(1.0) / t339)) - (t364 * (t342 * t343))
    t375 = t315 * t365
    t377 = t315 * t375
    t380 = t315 * t377
    t381 = ((t334 * t365) + (t331 * t375)) + (t328 * t377)
    t383 = t315 * t380
    t386 = t315 * t383
    t390 = ((t381 + (t325 * t380)) + (t322 * t383)) + (t319 * t386)
    t392 = t390 + (f64(-0.01396484375) * (t315 * t386))
    t398 = tl.where(t312, f64(0.0), (t373 * (t342 * f64(0.5))))
    t399 = (tl.where(t312, t392, f64(0.0))) + t398
    t404 = t310 * t399
    t406 = c * t404
    t413 = t301 * t353
    t414 = ((t286 * t406) * (f64(2.0) * t301)) + (t285 * t353)
    t416 = t301 * t355
    t418 = tl.where(t291, f64(0.0), (t363 - (t399 * (t310 * t311))))
    t419 = tl.where(t302, t418, f64(0.0))
    t422 = (t414 + (t284 * t355)) * (f64(0.5) * (f64(1.0) / t301))
    t425 = t422 * (t299 * t300)
    t431 = tl.where(t292, (-(t294 * t425)), f64(0.0))
    t433 = tl.where(t291, (-(t296 * t425)), f64(0.0))
    t437 = ((t307 * t406) + t431) + (c * t433)
    t448 = (-(t419 * (t277 * t287))) - (t437 * (t277 * t286))
    t453 = (t251 * t413) + (t250 * t416)
    t464 = (t88 * t413) + (t87 * t416)
    t469 = t277 * t464
    t470 = (t448 - (t453 * (t277 * t281))) - (t464 * (t277 * t278))
    t472 = (t277 * t419) + t470
    t473 = t469 + t470
    t474 = t99 * t472
    t476 = ((t277 * t453) + t469) + (t261 * t472)
    t479 = ((t308 * t404) + (t286 * t433)) + (t272 * t473)
    t480 = (t277 * t437) + (c * t473)
    t483 = t263 * (ww * t480)
    t486 = ew * t480
    t489 = (t483 + t483) + (t266 * t486)
    t493 = t262 * (ee * t480)
    t495 = t493 + ((f64(2.0) * (t263 * t486)) + t493)
    t496 = (t278 * t413) + t489
    t497 = (t281 * t413) + t489
    t498 = (t278 * t416) + t495
    t499 = (t281 * t416) + t495
    t500 = tl.where(t223, f64(0.0), t474)
    t501 = tl.where(t223, t474, f64(0.0))
    t508 = (t500 * (t259 * t260)) * (f64(2.0) * t244)
    t518 = (t222 * t501) * (f64(2.0) * t240)
    t522 = t226 * t518
    t526 = t226 * t522
    t531 = t226 * t526
    t533 = ((-(t238 * t518)) - (t236 * t522)) - (t234 * t526)
    t536 = t226 * t531
    t541 = t226 * t536
    t548 = ((t533 - (t232 * t531)) - (t230 * t536)) - (t228 * t541)
    t549 = f64(-0.0014558343870513183) * (t226 * t541)
    t553 = (tl.where(t223, (t548 - t549), f64(0.0))) - (t254 * t501)
    t554 = t242 * ((f64(4.0) * (t259 * t500)) - t508)
    t557 = t247 * f64(0.5)
    t559 = tl.where(t223, f64(0.0), ((f64(-2.0) * t554) * t557))
    t562 = t249 * t497
    t564 = t249 * t499
    t565 = (t219 * t497) + (t218 * t499)
    t566 = tl.where(t223, f64(0.0), t565)
    t567 = tl.where(t223, t565, f64(0.0))
    t575 = (t247 * t566) * (f64(1.0) - (t246 * t246))
    t578 = t226 * t567
    t580 = t226 * t578
    t583 = t226 * t580
    t584 = ((t238 * t567) + (t236 * t578)) + (t234 * t580)
    t586 = t226 * t583
    t589 = t226 * t586
    t593 = ((t584 + (t232 * t583)) + (t230 * t586)) + (t228 * t589)
    t594 = f64(-0.0014558343870513183) * (t226 * t589)
    t597 = (t553 + t559) + (tl.where(t223, (t593 + t594), f64(0.0)))
    t599 = tl.where(t223, f64(0.0), (t557 * (t575 - (t566 * (t247 * t248)))))
    t600 = t597 + t599
    t601 = c * t600
    t609 = t217 * t562
    t610 = ((t205 * t601) * (f64(2.0) * t217)) + (t203 * t562)
    t612 = t217 * t564
    t616 = (t610 + (t202 * t564)) * (f64(0.5) * (f64(1.0) / t217))
    t619 = t616 * (t215 * t216)
    t625 = tl.where(t208, (-(t210 * t619)), f64(0.0))
    t627 = tl.where(t207, (-(t212 * t619)), f64(0.0))
    t631 = ((t220 * t601) + t625) + (c * t627)
    t633 = t204 * t631
    t641 = (((t124 * t631) * t634) + (t122 * t609)) + (t121 * t612)
    t642 = t171 * t641
    t643 = t200 * t641
    t644 = gamma_raw * t642
    t646 = tl.where(t173, f64(0.0), t644)
    t647 = tl.where(t173, t644, f64(0.0))
    t658 = t176 * t647
    t660 = t176 * t658
    t663 = t176 * t660
    t664 = ((t188 * t647) + (t186 * t658)) + (t184 * t660)
    t666 = t176 * t663
    t669 = t176 * t666
    t673 = ((t664 + (t182 * t663)) + (t180 * t666)) + (t178 * t669)
    t674 = f64(-0.0014558343870513183) * (t176 * t669)
    t679 = (((t197 * t646) * t654) - (t646 * t648)) * t678
    t681 = (tl.where(t173, (t673 + t674), f64(0.0))) + (tl.where(t173, f64(0.0), t679))
    t682 = gamma_raw * t681
    t684 = t682 + ((t199 * t642) + t682)
    t688 = tl.where(t169, t643, ((t165 * t643) * t686))
    t694 = ((t108 * t633) * (f64(2.0) * t120)) + (y2 * (t201 * t609))
    t699 = (t694 + (y1 * (t201 * t612))) * (f64(0.5) * (f64(1.0) / t120))
    t702 = t699 * (t118 * t119)
    t708 = tl.where(t111, (-(t113 * t702)), f64(0.0))
    t710 = tl.where(t110, (-(t115 * t702)), f64(0.0))
    t713 = ((t479 + (t221 * t600)) + (t205 * t627)) + (t108 * t710)
    t714 = ((t123 * t633) + t708) + (c * t710)
    t721 = tl.where(t51, f64(0.0), t476)
    t722 = tl.where(t51, t476, f64(0.0))
    t732 = (f64(4.0) * (t97 * t721)) - ((t721 * (t97 * t98)) * (f64(2.0) * t81))
    t739 = (t49 * t722) * (f64(2.0) * t76)
    t743 = t55 * t739
    t747 = t55 * t743
    t752 = t55 * t747
    t754 = ((-(t74 * t739)) - (t71 * t743)) - (t68 * t747)
    t757 = t55 * t752
    t762 = t55 * t757
    t769 = ((t754 - (t65 * t752)) - (t62 * t757)) - (t59 * t762)
    t770 = f64(-0.0014558343870513183) * (t55 * t762)
    t774 = (tl.where(t51, (t769 - t770), f64(0.0))) - (t91 * t722)
    t778 = t84 * f64(0.5)
    t780 = tl.where(t51, f64(0.0), ((f64(-2.0) * (t79 * t732)) * t778))
    t786 = (t46 * t496) + (t45 * t498)
    t787 = tl.where(t51, f64(0.0), t786)
    t788 = tl.where(t51, t786, f64(0.0))
    t797 = ((t84 * t787) * (f64(1.0) - (t83 * t83))) - (t787 * (t84 * t85))
    t799 = t55 * t788
    t801 = t55 * t799
    t804 = t55 * t801
    t805 = ((t74 * t788) + (t71 * t799)) + (t68 * t801)
    t807 = t55 * t804
    t810 = t55 * t807
    t814 = ((t805 + (t65 * t804)) + (t62 * t807)) + (t59 * t810)
    t815 = f64(-0.0014558343870513183) * (t55 * t810)
    t818 = (t774 + t780) + (tl.where(t51, (t814 + t815), f64(0.0)))
    t821 = t818 + (tl.where(t51, f64(0.0), (t778 * t797)))
    t822 = c * t821
    t830 = ((t32 * t822) * (f64(2.0) * t44)) + (x2 * (t86 * t496))
    t835 = (t830 + (x1 * (t86 * t498))) * (f64(0.5) * (f64(1.0) / t44))
    t838 = t835 * (t42 * t43)
    t844 = tl.where(t35, (-(t37 * t838)), f64(0.0))
    t846 = tl.where(t34, (-(t39 * t838)), f64(0.0))
    t849 = (t713 + (t48 * t821)) + (t32 * t846)
    t850 = ((t47 * t822) + t844) + (c * t846)
    t852 = ((t270 * t480) + (t106 * t714)) + (t30 * t850)
    t854 = ((t267 * t480) + (t103 * t714)) + (t27 * t850)
    t856 = ((t264 * t480) + (t100 * t714)) + (t23 * t850)
    tl.store(S + A * ROWS + r, t348)
    tl.store(S + B * ROWS + r, t349)
    tl.store(S + D_EE * ROWS + r, t856)
    tl.store(S + D_EW * ROWS + r, t854)
    tl.store(S + D_WW * ROWS + r, t852)
    tl.store(S + D_C * ROWS + r, t849)
    tl.store(S + D_GAMMA_RAW * ROWS + r, t684)
    tl.store(S + D_GAMMA_SCALE * ROWS + r, t688)


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
