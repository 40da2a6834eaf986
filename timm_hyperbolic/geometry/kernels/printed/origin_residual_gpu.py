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
    r2_max = tl.load(clip + 8)
    r2_edge = tl.load(clip + 9)
    ee = tl.load(S + EE * ROWS + r)
    ew = tl.load(S + EW * ROWS + r)
    ww = tl.load(S + WW * ROWS + r)
    x1 = tl.load(S + X1 * ROWS + r)
    x2 = tl.load(S + X2 * ROWS + r)
    y1 = tl.load(S + Y1 * ROWS + r)
    y2 = tl.load(S + Y2 * ROWS + r)
    t26 = (ee * (x1 * x1)) + (ew * (x2 * (x1 * f64(2.0))))
    t29 = t26 + (ww * (x2 * x2))
    t30 = c * t29
    t31 = z2_edge <= t30
    t32 = r2_edge <= t29
    t37 = (tl.where(t31, z2_max, f64(1.0))) * (tl.where(t32, r2_max, f64(1.0)))
    t38 = (tl.where(t31, t30, f64(1.0))) * (tl.where(t32, t29, f64(1.0)))
    t41 = tl.sqrt((t37 * (f64(1.0) / t38)))
    t46 = c * (t29 * (t41 * t41))
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
    t79 = f64(1.0) / (f64(1.0) + t76)
    t82 = ((f64(1.0) - t76) * t79) * (f64(1.0) / t50)
    t83 = tl.where(t48, t73, t82)
    t84 = (x1 * t41) * t83
    t85 = (x2 * t41) * t83
    t96 = tl.where(t48, (f64(1.0) - (t46 * (t73 * t73))), ((t76 * f64(4.0)) * (t79 * t79)))
    t102 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * f64(2.0))))
    t105 = t102 + (ww * (y2 * y2))
    t106 = c * t105
    t107 = z2_edge <= t106
    t108 = r2_edge <= t105
    t113 = (tl.where(t107, z2_max, f64(1.0))) * (tl.where(t108, r2_max, f64(1.0)))
    t114 = (tl.where(t107, t106, f64(1.0))) * (tl.where(t108, t105, f64(1.0)))
    t117 = tl.sqrt((t113 * (f64(1.0) / t114)))
    t165 = (t105 * (t117 * t117)) * (gamma * gamma)
    t166 = c * t165
    t167 = z2_edge <= t166
    t168 = r2_edge <= t165
    t173 = (tl.where(t167, z2_max, f64(1.0))) * (tl.where(t168, r2_max, f64(1.0)))
    t174 = (tl.where(t167, t166, f64(1.0))) * (tl.where(t168, t165, f64(1.0)))
    t177 = tl.sqrt((t173 * (f64(1.0) / t174)))
    t182 = c * (t165 * (t177 * t177))
    t183 = t182 < f64(0.015625)
    t185 = tl.sqrt((tl.where(t183, f64(1.0), t182)))
    t186 = tl.where(t183, t182, f64(0.0))
    t188 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t186)
    t190 = f64(-0.008863235529902197) + (t186 * t188)
    t192 = f64(0.021869488536155203) + (t186 * t190)
    t194 = f64(-0.05396825396825397) + (t186 * t192)
    t196 = f64(0.13333333333333333) + (t186 * t194)
    t198 = f64(-0.3333333333333333) + (t186 * t196)
    t200 = f64(1.0) + (t186 * t198)
    t202 = tl.exp((f64(-2.0) * t185))
    t205 = f64(1.0) / (f64(1.0) + t202)
    t208 = ((f64(1.0) - t202) * t205) * (f64(1.0) / t185)
    t209 = tl.where(t183, t200, t208)
    t210 = ((gamma * (y1 * t117)) * t177) * t209
    t211 = ((gamma * (y2 * t117)) * t177) * t209
    t221 = tl.where(t183, (f64(1.0) - (t182 * (t200 * t200))), ((f64(4.0) * t202) * (t205 * t205)))
    t222 = t84 + t210
    t223 = t85 + t211
    t229 = (ee * (t222 * t222)) + (ew * (t223 * (f64(2.0) * t222)))
    t232 = t229 + (ww * (t223 * t223))
    t233 = c * t232
    t234 = t96 * t221
    t237 = f64(1.0) / (t233 + t234)
    t238 = (t96 + t233) * t237
    t241 = t96 * t237
    t246 = t232 * t237
    t247 = t234 * t237
    t248 = c * t246
    t251 = (n_edge < t248) | (t247 < u_edge)
    t252 = r2_edge <= t246
    t257 = (tl.where(t251, n_max, f64(1.0))) * (tl.where(t252, r2_max, f64(1.0)))
    t258 = (tl.where(t251, t248, f64(1.0))) * (tl.where(t252, t246, f64(1.0)))
    t261 = tl.sqrt((t257 * (f64(1.0) / t258)))
    t264 = tl.where(t251, u_max, (tl.where((u_min < t247), t247, u_min)))
    t271 = (c * (t246 * (t261 * t261))) * (f64(1.0) / t264)
    t272 = t271 < f64(0.015625)
    t274 = tl.sqrt((tl.where(t272, f64(1.0), t271)))
    t275 = tl.where(t272, t271, f64(0.0))
    t279 = (t275 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t282 = (t275 * t279) + f64(-0.022372159090909092)
    t285 = (t275 * t282) + f64(0.030381944444444444)
    t288 = (t275 * t285) + f64(-0.044642857142857144)
    t294 = (t275 * ((t275 * t288) + f64(0.075))) + f64(-0.16666666666666666)
    t300 = t274 + (tl.sqrt((f64(1.0) + (t274 * t274))))
    t304 = tl.where(t272, (f64(1.0) + (t275 * t294)), ((tl.log(t300)) * (f64(1.0) / t274)))
    t307 = t304 * (f64(1.0) / (tl.sqrt(t264)))
    t308 = (((t84 * t238) + (t210 * t241)) * t261) * t307
    t309 = (((t85 * t238) + (t211 * t241)) * t261) * t307
    tl.store(S + A * ROWS + r, t308)
    tl.store(S + B * ROWS + r, t309)


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
    t22 = x1 * x1
    t26 = x2 * (x1 * f64(2.0))
    t29 = x2 * x2
    t31 = ((ee * t22) + (ew * t26)) + (ww * t29)
    t32 = c * t31
    t33 = z2_edge <= t32
    t34 = r2_edge <= t31
    t36 = tl.where(t33, t32, f64(1.0))
    t38 = tl.where(t34, t31, f64(1.0))
    t39 = (tl.where(t33, z2_max, f64(1.0))) * (tl.where(t34, r2_max, f64(1.0)))
    t41 = f64(1.0) / (t36 * t38)
    t42 = t39 * t41
    t43 = tl.sqrt(t42)
    t44 = x1 * t43
    t45 = x2 * t43
    t46 = t43 * t43
    t47 = t31 * t46
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
    t81 = f64(1.0) / t80
    t82 = (f64(1.0) - t78) * t81
    t83 = f64(1.0) / t52
    t84 = t82 * t83
    t85 = tl.where(t50, t75, t84)
    t86 = t44 * t85
    t87 = t45 * t85
    t90 = t75 * t75
    t96 = t81 * t81
    t97 = (t78 * f64(4.0)) * t96
    t98 = tl.where(t50, (f64(1.0) - (t48 * t90)), t97)
    t99 = y1 * y1
    t102 = y2 * (y1 * f64(2.0))
    t105 = y2 * y2
    t107 = ((ee * t99) + (ew * t102)) + (ww * t105)
    t108 = c * t107
    t109 = z2_edge <= t108
    t110 = r2_edge <= t107
    t112 = tl.where(t109, t108, f64(1.0))
    t114 = tl.where(t110, t107, f64(1.0))
    t115 = (tl.where(t109, z2_max, f64(1.0))) * (tl.where(t110, r2_max, f64(1.0)))
    t117 = f64(1.0) / (t112 * t114)
    t118 = t115 * t117
    t119 = tl.sqrt(t118)
    t120 = y1 * t119
    t121 = y2 * t119
    t122 = t119 * t119
    t123 = t107 * t122
    t164 = gamma * t120
    t165 = gamma * t121
    t166 = gamma * gamma
    t167 = t123 * t166
    t168 = c * t167
    t169 = z2_edge <= t168
    t170 = r2_edge <= t167
    t172 = tl.where(t169, t168, f64(1.0))
    t174 = tl.where(t170, t167, f64(1.0))
    t175 = (tl.where(t169, z2_max, f64(1.0))) * (tl.where(t170, r2_max, f64(1.0)))
    t177 = f64(1.0) / (t172 * t174)
    t178 = t175 * t177
    t179 = tl.sqrt(t178)
    t180 = t164 * t179
    t181 = t165 * t179
    t182 = t179 * t179
    t183 = t167 * t182
    t184 = c * t183
    t185 = t184 < f64(0.015625)
    t187 = tl.sqrt((tl.where(t185, f64(1.0), t184)))
    t188 = tl.where(t185, t184, f64(0.0))
    t190 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t188)
    t192 = f64(-0.008863235529902197) + (t188 * t190)
    t194 = f64(0.021869488536155203) + (t188 * t192)
    t196 = f64(-0.05396825396825397) + (t188 * t194)
    t198 = f64(0.13333333333333333) + (t188 * t196)
    t200 = f64(-0.3333333333333333) + (t188 * t198)
    t202 = f64(1.0) + (t188 * t200)
    t204 = tl.exp((f64(-2.0) * t187))
    t206 = f64(1.0) + t204
    t207 = f64(1.0) / t206
    t208 = (f64(1.0) - t204) * t207
    t209 = f64(1.0) / t187
    t210 = t208 * t209
    t211 = tl.where(t185, t202, t210)
    t212 = t180 * t211
    t213 = t181 * t211
    t216 = t202 * t202
    t221 = t207 * t207
    t222 = (f64(4.0) * t204) * t221
    t223 = tl.where(t185, (f64(1.0) - (t184 * t216)), t222)
    t224 = t86 + t212
    t225 = t87 + t213
    t226 = t224 * t224
    t228 = f64(2.0) * t224
    t229 = t225 * t228
    t232 = t225 * t225
    t234 = ((ee * t226) + (ew * t229)) + (ww * t232)
    t235 = c * t234
    t236 = t98 * t223
    t239 = f64(1.0) / (t235 + t236)
    t240 = (t98 + t235) * t239
    t243 = t98 * t239
    t246 = (t86 * t240) + (t212 * t243)
    t247 = (t87 * t240) + (t213 * t243)
    t248 = t234 * t239
    t249 = t236 * t239
    t250 = c * t248
    t253 = (n_edge < t250) | (t249 < u_edge)
    t254 = r2_edge <= t248
    t256 = tl.where(t253, t250, f64(1.0))
    t258 = tl.where(t254, t248, f64(1.0))
    t259 = (tl.where(t253, n_max, f64(1.0))) * (tl.where(t254, r2_max, f64(1.0)))
    t261 = f64(1.0) / (t256 * t258)
    t262 = t259 * t261
    t263 = tl.sqrt(t262)
    t264 = u_min < t249
    t266 = tl.where(t253, u_max, (tl.where(t264, t249, u_min)))
    t267 = t246 * t263
    t268 = t247 * t263
    t269 = t263 * t263
    t270 = t248 * t269
    t272 = f64(1.0) / t266
    t273 = (c * t270) * t272
    t274 = t273 < f64(0.015625)
    t276 = tl.sqrt((tl.where(t274, f64(1.0), t273)))
    t277 = tl.where(t274, t273, f64(0.0))
    t281 = (t277 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t284 = (t277 * t281) + f64(-0.022372159090909092)
    t287 = (t277 * t284) + f64(0.030381944444444444)
    t290 = (t277 * t287) + f64(-0.044642857142857144)
    t293 = (t277 * t290) + f64(0.075)
    t296 = (t277 * t293) + f64(-0.16666666666666666)
    t301 = tl.sqrt((f64(1.0) + (t276 * t276)))
    t304 = f64(1.0) / t276
    t305 = (tl.log((t276 + t301))) * t304
    t306 = tl.where(t274, (f64(1.0) + (t277 * t296)), t305)
    t308 = f64(1.0) / (tl.sqrt(t266))
    t309 = t306 * t308
    t310 = t267 * t309
    t311 = t268 * t309
    t315 = g_b * t309
    t317 = g_a * t309
    t318 = (g_b * t268) + (g_a * t267)
    t320 = t308 * t318
    t325 = (t308 * (t308 * t308)) * ((t306 * t318) * f64(-0.5))
    t326 = tl.where(t274, f64(0.0), t320)
    t327 = tl.where(t274, t320, f64(0.0))
    t335 = ((t304 * t326) * (f64(1.0) / t301)) - (t326 * (t304 * t305))
    t337 = t277 * t327
    t339 = t277 * t337
    t342 = t277 * t339
    t343 = ((t296 * t327) + (t293 * t337)) + (t290 * t339)
    t345 = t277 * t342
    t348 = t277 * t345
    t352 = ((t343 + (t287 * t342)) + (t284 * t345)) + (t281 * t348)
    t354 = t352 + (f64(-0.01396484375) * (t277 * t348))
    t360 = tl.where(t274, f64(0.0), (t335 * (t304 * f64(0.5))))
    t361 = (tl.where(t274, t354, f64(0.0))) + t360
    t366 = t272 * t361
    t368 = c * t366
    t375 = t263 * t315
    t376 = ((t248 * t368) * (f64(2.0) * t263)) + (t247 * t315)
    t378 = t263 * t317
    t380 = tl.where(t253, f64(0.0), (t325 - (t361 * (t272 * t273))))
    t381 = tl.where(t264, t380, f64(0.0))
    t384 = (t376 + (t246 * t317)) * (f64(0.5) * (f64(1.0) / t263))
    t387 = t384 * (t261 * t262)
    t393 = tl.where(t254, (-(t256 * t387)), f64(0.0))
    t395 = tl.where(t253, (-(t258 * t387)), f64(0.0))
    t399 = ((t269 * t368) + t393) + (c * t395)
    t410 = (-(t381 * (t239 * t249))) - (t399 * (t239 * t248))
    t415 = (t213 * t375) + (t212 * t378)
    t426 = (t87 * t375) + (t86 * t378)
    t431 = t239 * t426
    t432 = (t410 - (t415 * (t239 * t243))) - (t426 * (t239 * t240))
    t434 = (t239 * t381) + t432
    t435 = t431 + t432
    t436 = t98 * t434
    t438 = ((t239 * t415) + t431) + (t223 * t434)
    t441 = ((t270 * t366) + (t248 * t395)) + (t234 * t435)
    t442 = (t239 * t399) + (c * t435)
    t445 = t225 * (ww * t442)
    t448 = ew * t442
    t451 = (t445 + t445) + (t228 * t448)
    t455 = t224 * (ee * t442)
    t457 = t455 + ((f64(2.0) * (t225 * t448)) + t455)
    t458 = (t240 * t375) + t451
    t459 = (t243 * t375) + t451
    t460 = (t240 * t378) + t457
    t461 = (t243 * t378) + t457
    t462 = tl.where(t185, f64(0.0), t436)
    t463 = tl.where(t185, t436, f64(0.0))
    t470 = (t462 * (t221 * t222)) * (f64(2.0) * t206)
    t480 = (t184 * t463) * (f64(2.0) * t202)
    t484 = t188 * t480
    t488 = t188 * t484
    t493 = t188 * t488
    t495 = ((-(t200 * t480)) - (t198 * t484)) - (t196 * t488)
    t498 = t188 * t493
    t503 = t188 * t498
    t510 = ((t495 - (t194 * t493)) - (t192 * t498)) - (t190 * t503)
    t511 = f64(-0.0014558343870513183) * (t188 * t503)
    t515 = (tl.where(t185, (t510 - t511), f64(0.0))) - (t216 * t463)
    t516 = t204 * ((f64(4.0) * (t221 * t462)) - t470)
    t519 = t209 * f64(0.5)
    t521 = tl.where(t185, f64(0.0), ((f64(-2.0) * t516) * t519))
    t524 = t211 * t459
    t526 = t211 * t461
    t527 = (t181 * t459) + (t180 * t461)
    t528 = tl.where(t185, f64(0.0), t527)
    t529 = tl.where(t185, t527, f64(0.0))
    t537 = (t209 * t528) * (f64(1.0) - (t208 * t208))
    t540 = t188 * t529
    t542 = t188 * t540
    t545 = t188 * t542
    t546 = ((t200 * t529) + (t198 * t540)) + (t196 * t542)
    t548 = t188 * t545
    t551 = t188 * t548
    t555 = ((t546 + (t194 * t545)) + (t192 * t548)) + (t190 * t551)
    t556 = f64(-0.0014558343870513183) * (t188 * t551)
    t559 = (t515 + t521) + (tl.where(t185, (t555 + t556), f64(0.0)))
    t561 = tl.where(t185, f64(0.0), (t519 * (t537 - (t528 * (t209 * t210)))))
    t562 = t559 + t561
    t563 = c * t562
    t571 = t179 * t524
    t572 = ((t167 * t563) * (f64(2.0) * t179)) + (t165 * t524)
    t574 = t179 * t526
    t578 = (t572 + (t164 * t526)) * (f64(0.5) * (f64(1.0) / t179))
    t581 = t578 * (t177 * t178)
    t587 = tl.where(t170, (-(t172 * t581)), f64(0.0))
    t589 = tl.where(t169, (-(t174 * t581)), f64(0.0))
    t593 = ((t182 * t563) + t587) + (c * t589)
    t595 = t166 * t593
    t600 = ((t123 * t593) * (gamma * f64(2.0))) + (t121 * t571)
    t603 = t600 + (t120 * t574)
    t609 = ((t107 * t595) * (f64(2.0) * t119)) + (y2 * (gamma * t571))
    t614 = (t609 + (y1 * (gamma * t574))) * (f64(0.5) * (f64(1.0) / t119))
    t617 = t614 * (t117 * t118)
    t623 = tl.where(t110, (-(t112 * t617)), f64(0.0))
    t625 = tl.where(t109, (-(t114 * t617)), f64(0.0))
    t628 = ((t441 + (t183 * t562)) + (t167 * t589)) + (t107 * t625)
    t629 = ((t122 * t595) + t623) + (c * t625)
    t636 = tl.where(t50, f64(0.0), t438)
    t637 = tl.where(t50, t438, f64(0.0))
    t647 = (f64(4.0) * (t96 * t636)) - ((t636 * (t96 * t97)) * (f64(2.0) * t80))
    t654 = (t48 * t637) * (f64(2.0) * t75)
    t658 = t54 * t654
    t662 = t54 * t658
    t667 = t54 * t662
    t669 = ((-(t73 * t654)) - (t70 * t658)) - (t67 * t662)
    t672 = t54 * t667
    t677 = t54 * t672
    t684 = ((t669 - (t64 * t667)) - (t61 * t672)) - (t58 * t677)
    t685 = f64(-0.0014558343870513183) * (t54 * t677)
    t689 = (tl.where(t50, (t684 - t685), f64(0.0))) - (t90 * t637)
    t693 = t83 * f64(0.5)
    t695 = tl.where(t50, f64(0.0), ((f64(-2.0) * (t78 * t647)) * t693))
    t701 = (t45 * t458) + (t44 * t460)
    t702 = tl.where(t50, f64(0.0), t701)
    t703 = tl.where(t50, t701, f64(0.0))
    t712 = ((t83 * t702) * (f64(1.0) - (t82 * t82))) - (t702 * (t83 * t84))
    t714 = t54 * t703
    t716 = t54 * t714
    t719 = t54 * t716
    t720 = ((t73 * t703) + (t70 * t714)) + (t67 * t716)
    t722 = t54 * t719
    t725 = t54 * t722
    t729 = ((t720 + (t64 * t719)) + (t61 * t722)) + (t58 * t725)
    t730 = f64(-0.0014558343870513183) * (t54 * t725)
    t733 = (t689 + t695) + (tl.where(t50, (t729 + t730), f64(0.0)))
    t736 = t733 + (tl.where(t50, f64(0.0), (t693 * t712)))
    t737 = c * t736
    t745 = ((t31 * t737) * (f64(2.0) * t43)) + (x2 * (t85 * t458))
    t750 = (t745 + (x1 * (t85 * t460))) * (f64(0.5) * (f64(1.0) / t43))
    t753 = t750 * (t41 * t42)
    t759 = tl.where(t34, (-(t36 * t753)), f64(0.0))
    t761 = tl.where(t33, (-(t38 * t753)), f64(0.0))
    t764 = (t628 + (t47 * t736)) + (t31 * t761)
    t765 = ((t46 * t737) + t759) + (c * t761)
    t767 = ((t232 * t442) + (t105 * t629)) + (t29 * t765)
    t769 = ((t229 * t442) + (t102 * t629)) + (t26 * t765)
    t771 = ((t226 * t442) + (t99 * t629)) + (t22 * t765)
    tl.store(S + A * ROWS + r, t310)
    tl.store(S + B * ROWS + r, t311)
    tl.store(S + D_EE * ROWS + r, t771)
    tl.store(S + D_EW * ROWS + r, t769)
    tl.store(S + D_WW * ROWS + r, t767)
    tl.store(S + D_C * ROWS + r, t764)
    tl.store(S + D_GAMMA * ROWS + r, t603)


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
