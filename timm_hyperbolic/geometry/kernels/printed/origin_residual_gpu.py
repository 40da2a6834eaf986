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
    t34 = z2_max * (f64(1.0) / (tl.where(t31, t30, z2_max)))
    t37 = r2_edge <= t29
    t40 = r2_max * (f64(1.0) / (tl.where(t37, t29, r2_max)))
    t43 = (tl.where(t31, (tl.sqrt(t34)), f64(1.0))) * (tl.where(t37, (tl.sqrt(t40)), f64(1.0)))
    t48 = c * (t29 * (t43 * t43))
    t50 = t48 < f64(0.015625)
    t52 = tl.sqrt((tl.where(t50, f64(1.0), t48)))
    t54 = tl.where(t50, t48, f64(0.0))
    t58 = (t54 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t61 = (t54 * t58) + f64(-0.008863235529902197)
    t65 = t54 * ((t54 * t61) + f64(0.021869488536155203))
    t70 = (t54 * (t65 + f64(-0.05396825396825397))) + f64(0.13333333333333333)
    t74 = t54 * ((t54 * t70) + f64(-0.3333333333333333))
    t75 = f64(1.0) + t74
    t78 = tl.exp((t52 * f64(-2.0)))
    t80 = f64(1.0) + t78
    t84 = ((f64(1.0) - t78) * (f64(1.0) / t80)) * (f64(1.0) / t52)
    t85 = tl.where(t50, t75, t84)
    t86 = (x1 * t43) * t85
    t87 = (x2 * t43) * t85
    t97 = (t78 * f64(4.0)) * (f64(1.0) / (t80 * t80))
    t98 = tl.where(t50, (f64(1.0) - (t48 * (t75 * t75))), t97)
    t104 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * f64(2.0))))
    t107 = t104 + (ww * (y2 * y2))
    t108 = c * t107
    t109 = z2_edge <= t108
    t111 = f64(1.0) / (tl.where(t109, t108, z2_max))
    t114 = tl.where(t109, (tl.sqrt((z2_max * t111))), f64(1.0))
    t115 = r2_edge <= t107
    t117 = f64(1.0) / (tl.where(t115, t107, r2_max))
    t120 = tl.where(t115, (tl.sqrt((r2_max * t117))), f64(1.0))
    t121 = t114 * t120
    t169 = (t107 * (t121 * t121)) * (gamma * gamma)
    t170 = c * t169
    t171 = z2_edge <= t170
    t173 = f64(1.0) / (tl.where(t171, t170, z2_max))
    t176 = tl.where(t171, (tl.sqrt((z2_max * t173))), f64(1.0))
    t177 = r2_edge <= t169
    t179 = f64(1.0) / (tl.where(t177, t169, r2_max))
    t182 = tl.where(t177, (tl.sqrt((r2_max * t179))), f64(1.0))
    t183 = t176 * t182
    t188 = c * (t169 * (t183 * t183))
    t189 = t188 < f64(0.015625)
    t191 = tl.sqrt((tl.where(t189, f64(1.0), t188)))
    t192 = tl.where(t189, t188, f64(0.0))
    t194 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t192)
    t196 = f64(-0.008863235529902197) + (t192 * t194)
    t198 = f64(0.021869488536155203) + (t192 * t196)
    t200 = f64(-0.05396825396825397) + (t192 * t198)
    t202 = f64(0.13333333333333333) + (t192 * t200)
    t204 = f64(-0.3333333333333333) + (t192 * t202)
    t206 = f64(1.0) + (t192 * t204)
    t208 = tl.exp((f64(-2.0) * t191))
    t210 = f64(1.0) + t208
    t214 = ((f64(1.0) - t208) * (f64(1.0) / t210)) * (f64(1.0) / t191)
    t215 = tl.where(t189, t206, t214)
    t216 = ((gamma * (y1 * t121)) * t183) * t215
    t217 = ((gamma * (y2 * t121)) * t183) * t215
    t226 = (f64(4.0) * t208) * (f64(1.0) / (t210 * t210))
    t227 = tl.where(t189, (f64(1.0) - (t188 * (t206 * t206))), t226)
    t228 = t86 + t216
    t229 = t87 + t217
    t235 = (ee * (t228 * t228)) + (ew * (t229 * (f64(2.0) * t228)))
    t238 = t235 + (ww * (t229 * t229))
    t239 = c * t238
    t240 = t98 * t227
    t243 = f64(1.0) / (t239 + t240)
    t244 = (t98 + t239) * t243
    t247 = t98 * t243
    t252 = t238 * t243
    t253 = t240 * t243
    t254 = c * t252
    t257 = (n_edge < t254) | (t253 < u_edge)
    t259 = f64(1.0) / (tl.where(t257, t254, n_max))
    t262 = tl.where(t257, (tl.sqrt((n_max * t259))), f64(1.0))
    t263 = r2_edge <= t252
    t265 = f64(1.0) / (tl.where(t263, t252, r2_max))
    t268 = tl.where(t263, (tl.sqrt((r2_max * t265))), f64(1.0))
    t269 = t262 * t268
    t272 = tl.where(t257, u_max, (tl.where((u_min < t253), t253, u_min)))
    t279 = (c * (t252 * (t269 * t269))) * (f64(1.0) / t272)
    t280 = t279 < f64(0.015625)
    t282 = tl.sqrt((tl.where(t280, f64(1.0), t279)))
    t283 = tl.where(t280, t279, f64(0.0))
    t287 = (t283 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t290 = (t283 * t287) + f64(-0.022372159090909092)
    t293 = (t283 * t290) + f64(0.030381944444444444)
    t296 = (t283 * t293) + f64(-0.044642857142857144)
    t302 = (t283 * ((t283 * t296) + f64(0.075))) + f64(-0.16666666666666666)
    t308 = t282 + (tl.sqrt((f64(1.0) + (t282 * t282))))
    t312 = tl.where(t280, (f64(1.0) + (t283 * t302)), ((tl.log(t308)) * (f64(1.0) / t282)))
    t315 = t312 * (f64(1.0) / (tl.sqrt(t272)))
    t316 = (((t86 * t244) + (t216 * t247)) * t269) * t315
    t317 = (((t87 * t244) + (t217 * t247)) * t269) * t315
    tl.store(S + A * ROWS + r, t316)
    tl.store(S + B * ROWS + r, t317)


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
    t35 = f64(1.0) / (tl.where(t33, t32, z2_max))
    t36 = z2_max * t35
    t37 = tl.sqrt(t36)
    t38 = tl.where(t33, t37, f64(1.0))
    t39 = r2_edge <= t31
    t41 = f64(1.0) / (tl.where(t39, t31, r2_max))
    t42 = r2_max * t41
    t43 = tl.sqrt(t42)
    t44 = tl.where(t39, t43, f64(1.0))
    t45 = t38 * t44
    t46 = x1 * t45
    t47 = x2 * t45
    t48 = t45 * t45
    t49 = t31 * t48
    t50 = c * t49
    t52 = t50 < f64(0.015625)
    t54 = tl.sqrt((tl.where(t52, f64(1.0), t50)))
    t56 = tl.where(t52, t50, f64(0.0))
    t60 = (t56 * f64(-0.0014558343870513183)) + f64(0.003592128036572481)
    t63 = (t56 * t60) + f64(-0.008863235529902197)
    t66 = (t56 * t63) + f64(0.021869488536155203)
    t69 = (t56 * t66) + f64(-0.05396825396825397)
    t72 = (t56 * t69) + f64(0.13333333333333333)
    t75 = (t56 * t72) + f64(-0.3333333333333333)
    t77 = f64(1.0) + (t56 * t75)
    t80 = tl.exp((t54 * f64(-2.0)))
    t82 = f64(1.0) + t80
    t84 = (f64(1.0) - t80) * (f64(1.0) / t82)
    t85 = f64(1.0) / t54
    t86 = t84 * t85
    t87 = tl.where(t52, t77, t86)
    t88 = t46 * t87
    t89 = t47 * t87
    t92 = t77 * t77
    t98 = f64(1.0) / (t82 * t82)
    t99 = (t80 * f64(4.0)) * t98
    t100 = tl.where(t52, (f64(1.0) - (t50 * t92)), t99)
    t101 = y1 * y1
    t104 = y2 * (y1 * f64(2.0))
    t107 = y2 * y2
    t109 = ((ee * t101) + (ew * t104)) + (ww * t107)
    t110 = c * t109
    t111 = z2_edge <= t110
    t113 = f64(1.0) / (tl.where(t111, t110, z2_max))
    t114 = z2_max * t113
    t115 = tl.sqrt(t114)
    t116 = tl.where(t111, t115, f64(1.0))
    t117 = r2_edge <= t109
    t119 = f64(1.0) / (tl.where(t117, t109, r2_max))
    t120 = r2_max * t119
    t121 = tl.sqrt(t120)
    t122 = tl.where(t117, t121, f64(1.0))
    t123 = t116 * t122
    t124 = y1 * t123
    t125 = y2 * t123
    t126 = t123 * t123
    t127 = t109 * t126
    t168 = gamma * t124
    t169 = gamma * t125
    t170 = gamma * gamma
    t171 = t127 * t170
    t172 = c * t171
    t173 = z2_edge <= t172
    t175 = f64(1.0) / (tl.where(t173, t172, z2_max))
    t176 = z2_max * t175
    t177 = tl.sqrt(t176)
    t178 = tl.where(t173, t177, f64(1.0))
    t179 = r2_edge <= t171
    t181 = f64(1.0) / (tl.where(t179, t171, r2_max))
    t182 = r2_max * t181
    t183 = tl.sqrt(t182)
    t184 = tl.where(t179, t183, f64(1.0))
    t185 = t178 * t184
    t186 = t168 * t185
    t187 = t169 * t185
    t188 = t185 * t185
    t189 = t171 * t188
    t190 = c * t189
    t191 = t190 < f64(0.015625)
    t193 = tl.sqrt((tl.where(t191, f64(1.0), t190)))
    t194 = tl.where(t191, t190, f64(0.0))
    t196 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t194)
    t198 = f64(-0.008863235529902197) + (t194 * t196)
    t200 = f64(0.021869488536155203) + (t194 * t198)
    t202 = f64(-0.05396825396825397) + (t194 * t200)
    t204 = f64(0.13333333333333333) + (t194 * t202)
    t206 = f64(-0.3333333333333333) + (t194 * t204)
    t208 = f64(1.0) + (t194 * t206)
    t210 = tl.exp((f64(-2.0) * t193))
    t212 = f64(1.0) + t210
    t214 = (f64(1.0) - t210) * (f64(1.0) / t212)
    t215 = f64(1.0) / t193
    t216 = t214 * t215
    t217 = tl.where(t191, t208, t216)
    t218 = t186 * t217
    t219 = t187 * t217
    t222 = t208 * t208
    t227 = f64(1.0) / (t212 * t212)
    t228 = (f64(4.0) * t210) * t227
    t229 = tl.where(t191, (f64(1.0) - (t190 * t222)), t228)
    t230 = t88 + t218
    t231 = t89 + t219
    t232 = t230 * t230
    t234 = f64(2.0) * t230
    t235 = t231 * t234
    t238 = t231 * t231
    t240 = ((ee * t232) + (ew * t235)) + (ww * t238)
    t241 = c * t240
    t242 = t100 * t229
    t245 = f64(1.0) / (t241 + t242)
    t246 = (t100 + t241) * t245
    t249 = t100 * t245
    t252 = (t88 * t246) + (t218 * t249)
    t253 = (t89 * t246) + (t219 * t249)
    t254 = t240 * t245
    t255 = t242 * t245
    t256 = c * t254
    t259 = (n_edge < t256) | (t255 < u_edge)
    t261 = f64(1.0) / (tl.where(t259, t256, n_max))
    t262 = n_max * t261
    t263 = tl.sqrt(t262)
    t264 = tl.where(t259, t263, f64(1.0))
    t265 = r2_edge <= t254
    t267 = f64(1.0) / (tl.where(t265, t254, r2_max))
    t268 = r2_max * t267
    t269 = tl.sqrt(t268)
    t270 = tl.where(t265, t269, f64(1.0))
    t271 = t264 * t270
    t272 = u_min < t255
    t274 = tl.where(t259, u_max, (tl.where(t272, t255, u_min)))
    t275 = t252 * t271
    t276 = t253 * t271
    t277 = t271 * t271
    t278 = t254 * t277
    t280 = f64(1.0) / t274
    t281 = (c * t278) * t280
    t282 = t281 < f64(0.015625)
    t284 = tl.sqrt((tl.where(t282, f64(1.0), t281)))
    t285 = tl.where(t282, t281, f64(0.0))
    t289 = (t285 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t292 = (t285 * t289) + f64(-0.022372159090909092)
    t295 = (t285 * t292) + f64(0.030381944444444444)
    t298 = (t285 * t295) + f64(-0.044642857142857144)
    t301 = (t285 * t298) + f64(0.075)
    t304 = (t285 * t301) + f64(-0.16666666666666666)
    t309 = tl.sqrt((f64(1.0) + (t284 * t284)))
    t312 = f64(1.0) / t284
    t313 = (tl.log((t284 + t309))) * t312
    t314 = tl.where(t282, (f64(1.0) + (t285 * t304)), t313)
    t316 = f64(1.0) / (tl.sqrt(t274))
    t317 = t314 * t316
    t318 = t275 * t317
    t319 = t276 * t317
    t323 = g_b * t317
    t325 = g_a * t317
    t326 = (g_b * t276) + (g_a * t275)
    t328 = t316 * t326
    t333 = (t316 * (t316 * t316)) * ((t314 * t326) * f64(-0.5))
    t334 = tl.where(t282, f64(0.0), t328)
    t335 = tl.where(t282, t328, f64(0.0))
    t343 = ((t312 * t334) * (f64(1.0) / t309)) - (t334 * (t312 * t313))
    t345 = t285 * t335
    t347 = t285 * t345
    t350 = t285 * t347
    t351 = ((t304 * t335) + (t301 * t345)) + (t298 * t347)
    t353 = t285 * t350
    t356 = t285 * t353
    t360 = ((t351 + (t295 * t350)) + (t292 * t353)) + (t289 * t356)
    t362 = t360 + (f64(-0.01396484375) * (t285 * t356))
    t368 = tl.where(t282, f64(0.0), (t343 * (t312 * f64(0.5))))
    t369 = (tl.where(t282, t362, f64(0.0))) + t368
    t374 = t280 * t369
    t376 = c * t374
    t383 = t271 * t323
    t384 = ((t254 * t376) * (f64(2.0) * t271)) + (t253 * t323)
    t386 = t271 * t325
    t387 = t384 + (t252 * t325)
    t388 = tl.where(t259, f64(0.0), (t333 - (t369 * (t280 * t281))))
    t389 = tl.where(t272, t388, f64(0.0))
    t396 = (tl.where(t265, (t264 * t387), f64(0.0))) * (f64(0.5) * (f64(1.0) / t269))
    t401 = tl.where(t265, (-(t396 * (t267 * t268))), f64(0.0))
    t407 = (tl.where(t259, (t270 * t387), f64(0.0))) * (f64(0.5) * (f64(1.0) / t263))
    t412 = tl.where(t259, (-(t407 * (t261 * t262))), f64(0.0))
    t416 = ((t277 * t376) + t401) + (c * t412)
    t427 = (-(t389 * (t245 * t255))) - (t416 * (t245 * t254))
    t432 = (t219 * t383) + (t218 * t386)
    t443 = (t89 * t383) + (t88 * t386)
    t448 = t245 * t443
    t449 = (t427 - (t432 * (t245 * t249))) - (t443 * (t245 * t246))
    t451 = (t245 * t389) + t449
    t452 = t448 + t449
    t453 = t100 * t451
    t455 = ((t245 * t432) + t448) + (t229 * t451)
    t458 = ((t278 * t374) + (t254 * t412)) + (t240 * t452)
    t459 = (t245 * t416) + (c * t452)
    t462 = t231 * (ww * t459)
    t465 = ew * t459
    t468 = (t462 + t462) + (t234 * t465)
    t472 = t230 * (ee * t459)
    t474 = t472 + ((f64(2.0) * (t231 * t465)) + t472)
    t475 = (t246 * t383) + t468
    t476 = (t249 * t383) + t468
    t477 = (t246 * t386) + t474
    t478 = (t249 * t386) + t474
    t479 = tl.where(t191, f64(0.0), t453)
    t480 = tl.where(t191, t453, f64(0.0))
    t487 = (t479 * (t227 * t228)) * (f64(2.0) * t212)
    t497 = (t190 * t480) * (f64(2.0) * t208)
    t501 = t194 * t497
    t505 = t194 * t501
    t510 = t194 * t505
    t512 = ((-(t206 * t497)) - (t204 * t501)) - (t202 * t505)
    t515 = t194 * t510
    t520 = t194 * t515
    t527 = ((t512 - (t200 * t510)) - (t198 * t515)) - (t196 * t520)
    t528 = f64(-0.0014558343870513183) * (t194 * t520)
    t532 = (tl.where(t191, (t527 - t528), f64(0.0))) - (t222 * t480)
    t533 = t210 * ((f64(4.0) * (t227 * t479)) - t487)
    t536 = t215 * f64(0.5)
    t538 = tl.where(t191, f64(0.0), ((f64(-2.0) * t533) * t536))
    t541 = t217 * t476
    t543 = t217 * t478
    t544 = (t187 * t476) + (t186 * t478)
    t545 = tl.where(t191, f64(0.0), t544)
    t546 = tl.where(t191, t544, f64(0.0))
    t554 = (t215 * t545) * (f64(1.0) - (t214 * t214))
    t557 = t194 * t546
    t559 = t194 * t557
    t562 = t194 * t559
    t563 = ((t206 * t546) + (t204 * t557)) + (t202 * t559)
    t565 = t194 * t562
    t568 = t194 * t565
    t572 = ((t563 + (t200 * t562)) + (t198 * t565)) + (t196 * t568)
    t573 = f64(-0.0014558343870513183) * (t194 * t568)
    t576 = (t532 + t538) + (tl.where(t191, (t572 + t573), f64(0.0)))
    t578 = tl.where(t191, f64(0.0), (t536 * (t554 - (t545 * (t215 * t216)))))
    t579 = t576 + t578
    t580 = c * t579
    t588 = t185 * t541
    t589 = ((t171 * t580) * (f64(2.0) * t185)) + (t169 * t541)
    t591 = t185 * t543
    t592 = t589 + (t168 * t543)
    t599 = (tl.where(t179, (t178 * t592), f64(0.0))) * (f64(0.5) * (f64(1.0) / t183))
    t604 = tl.where(t179, (-(t599 * (t181 * t182))), f64(0.0))
    t610 = (tl.where(t173, (t184 * t592), f64(0.0))) * (f64(0.5) * (f64(1.0) / t177))
    t615 = tl.where(t173, (-(t610 * (t175 * t176))), f64(0.0))
    t619 = ((t188 * t580) + t604) + (c * t615)
    t621 = t170 * t619
    t626 = ((t127 * t619) * (gamma * f64(2.0))) + (t125 * t588)
    t629 = t626 + (t124 * t591)
    t635 = ((t109 * t621) * (f64(2.0) * t123)) + (y2 * (gamma * t588))
    t637 = t635 + (y1 * (gamma * t591))
    t644 = (tl.where(t117, (t116 * t637), f64(0.0))) * (f64(0.5) * (f64(1.0) / t121))
    t649 = tl.where(t117, (-(t644 * (t119 * t120))), f64(0.0))
    t655 = (tl.where(t111, (t122 * t637), f64(0.0))) * (f64(0.5) * (f64(1.0) / t115))
    t660 = tl.where(t111, (-(t655 * (t113 * t114))), f64(0.0))
    t663 = ((t458 + (t189 * t579)) + (t171 * t615)) + (t109 * t660)
    t664 = ((t126 * t621) + t649) + (c * t660)
    t671 = tl.where(t52, f64(0.0), t455)
    t672 = tl.where(t52, t455, f64(0.0))
    t682 = (f64(4.0) * (t98 * t671)) - ((t671 * (t98 * t99)) * (f64(2.0) * t82))
    t689 = (t50 * t672) * (f64(2.0) * t77)
    t693 = t56 * t689
    t697 = t56 * t693
    t702 = t56 * t697
    t704 = ((-(t75 * t689)) - (t72 * t693)) - (t69 * t697)
    t707 = t56 * t702
    t712 = t56 * t707
    t719 = ((t704 - (t66 * t702)) - (t63 * t707)) - (t60 * t712)
    t720 = f64(-0.0014558343870513183) * (t56 * t712)
    t724 = (tl.where(t52, (t719 - t720), f64(0.0))) - (t92 * t672)
    t728 = t85 * f64(0.5)
    t730 = tl.where(t52, f64(0.0), ((f64(-2.0) * (t80 * t682)) * t728))
    t736 = (t47 * t475) + (t46 * t477)
    t737 = tl.where(t52, f64(0.0), t736)
    t738 = tl.where(t52, t736, f64(0.0))
    t747 = ((t85 * t737) * (f64(1.0) - (t84 * t84))) - (t737 * (t85 * t86))
    t749 = t56 * t738
    t751 = t56 * t749
    t754 = t56 * t751
    t755 = ((t75 * t738) + (t72 * t749)) + (t69 * t751)
    t757 = t56 * t754
    t760 = t56 * t757
    t764 = ((t755 + (t66 * t754)) + (t63 * t757)) + (t60 * t760)
    t765 = f64(-0.0014558343870513183) * (t56 * t760)
    t768 = (t724 + t730) + (tl.where(t52, (t764 + t765), f64(0.0)))
    t771 = t768 + (tl.where(t52, f64(0.0), (t728 * t747)))
    t772 = c * t771
    t780 = ((t31 * t772) * (f64(2.0) * t45)) + (x2 * (t87 * t475))
    t782 = t780 + (x1 * (t87 * t477))
    t789 = (tl.where(t39, (t38 * t782), f64(0.0))) * (f64(0.5) * (f64(1.0) / t43))
    t794 = tl.where(t39, (-(t789 * (t41 * t42))), f64(0.0))
    t800 = (tl.where(t33, (t44 * t782), f64(0.0))) * (f64(0.5) * (f64(1.0) / t37))
    t805 = tl.where(t33, (-(t800 * (t35 * t36))), f64(0.0))
    t808 = (t663 + (t49 * t771)) + (t31 * t805)
    t809 = ((t48 * t772) + t794) + (c * t805)
    t811 = ((t238 * t459) + (t107 * t664)) + (t29 * t809)
    t813 = ((t235 * t459) + (t104 * t664)) + (t26 * t809)
    t815 = ((t232 * t459) + (t101 * t664)) + (t22 * t809)
    tl.store(S + A * ROWS + r, t318)
    tl.store(S + B * ROWS + r, t319)
    tl.store(S + D_EE * ROWS + r, t815)
    tl.store(S + D_EW * ROWS + r, t813)
    tl.store(S + D_WW * ROWS + r, t811)
    tl.store(S + D_C * ROWS + r, t808)
    tl.store(S + D_GAMMA * ROWS + r, t629)


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
