"""`point_residual`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

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
    t126 = c * (t107 * (t121 * t121))
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
    t152 = ((f64(1.0) - t146) * (f64(1.0) / t148)) * (f64(1.0) / t129)
    t153 = tl.where(t127, t144, t152)
    t154 = (y1 * t121) * t153
    t155 = (y2 * t121) * t153
    t164 = (f64(4.0) * t146) * (f64(1.0) / (t148 * t148))
    t165 = tl.where(t127, (f64(1.0) - (t126 * (t144 * t144))), t164)
    t171 = t154 - t86
    t172 = t155 - t87
    t178 = (ee * (t171 * t171)) + (ew * (t172 * (f64(2.0) * t171)))
    t181 = t178 + (ww * (t172 * t172))
    t182 = c * t181
    t183 = t98 * t165
    t186 = f64(1.0) / (t182 + t183)
    t187 = (t98 + t182) * t186
    t192 = t98 * t186
    t197 = t181 * t186
    t198 = t183 * t186
    t201 = (c * t197) * (f64(1.0) / t198)
    t202 = t201 < f64(0.015625)
    t204 = tl.sqrt((tl.where(t202, f64(1.0), t201)))
    t205 = tl.where(t202, t201, f64(0.0))
    t209 = (t205 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t212 = (t205 * t209) + f64(-0.022372159090909092)
    t215 = (t205 * t212) + f64(0.030381944444444444)
    t218 = (t205 * t215) + f64(-0.044642857142857144)
    t224 = (t205 * ((t205 * t218) + f64(0.075))) + f64(-0.16666666666666666)
    t230 = t204 + (tl.sqrt((f64(1.0) + (t204 * t204))))
    t234 = tl.where(t202, (f64(1.0) + (t205 * t224)), ((tl.log(t230)) * (f64(1.0) / t204)))
    t237 = t234 * (f64(1.0) / (tl.sqrt(t198)))
    t242 = gamma * (((t154 * t192) - (t86 * t187)) * t237)
    t243 = gamma * (((t155 * t192) - (t87 * t187)) * t237)
    t245 = (t197 * (t237 * t237)) * (gamma * gamma)
    t246 = c * t245
    t248 = f64(31364.092861833193) <= t246
    t250 = tl.where(t248, t246, f64(31364.092861833666))
    t252 = f64(31364.092861833666) * (f64(1.0) / t250)
    t254 = tl.where(t248, (tl.sqrt(t252)), f64(1.0))
    t259 = c * (t245 * (t254 * t254))
    t260 = t259 < f64(0.015625)
    t262 = tl.sqrt((tl.where(t260, f64(1.0), t259)))
    t263 = tl.where(t260, t259, f64(0.0))
    t265 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t263)
    t267 = f64(-0.008863235529902197) + (t263 * t265)
    t269 = f64(0.021869488536155203) + (t263 * t267)
    t271 = f64(-0.05396825396825397) + (t263 * t269)
    t273 = f64(0.13333333333333333) + (t263 * t271)
    t275 = f64(-0.3333333333333333) + (t263 * t273)
    t277 = f64(1.0) + (t263 * t275)
    t279 = tl.exp((f64(-2.0) * t262))
    t281 = f64(1.0) + t279
    t285 = ((f64(1.0) - t279) * (f64(1.0) / t281)) * (f64(1.0) / t262)
    t286 = tl.where(t260, t277, t285)
    t287 = (t242 * t254) * t286
    t288 = (t243 * t254) * t286
    t297 = (f64(4.0) * t279) * (f64(1.0) / (t281 * t281))
    t298 = tl.where(t260, (f64(1.0) - (t259 * (t277 * t277))), t297)
    t299 = t86 + t287
    t300 = t87 + t288
    t306 = (ee * (t299 * t299)) + (ew * (t300 * (f64(2.0) * t299)))
    t309 = t306 + (ww * (t300 * t300))
    t310 = c * t309
    t311 = t98 * t298
    t314 = f64(1.0) / (t310 + t311)
    t315 = (t98 + t310) * t314
    t318 = t98 * t314
    t324 = t311 * t314
    t327 = (c * (t309 * t314)) * (f64(1.0) / t324)
    t328 = t327 < f64(0.015625)
    t330 = tl.sqrt((tl.where(t328, f64(1.0), t327)))
    t331 = tl.where(t328, t327, f64(0.0))
    t333 = f64(0.017352764423076924) + (f64(-0.01396484375) * t331)
    t335 = f64(-0.022372159090909092) + (t331 * t333)
    t337 = f64(0.030381944444444444) + (t331 * t335)
    t339 = f64(-0.044642857142857144) + (t331 * t337)
    t343 = f64(-0.16666666666666666) + (t331 * (f64(0.075) + (t331 * t339)))
    t349 = t330 + (tl.sqrt((f64(1.0) + (t330 * t330))))
    t353 = tl.where(t328, (f64(1.0) + (t331 * t343)), ((tl.log(t349)) * (f64(1.0) / t330)))
    t356 = t353 * (f64(1.0) / (tl.sqrt(t324)))
    t357 = ((t86 * t315) + (t287 * t318)) * t356
    t358 = ((t87 * t315) + (t288 * t318)) * t356
    tl.store(S + A * ROWS + r, t357)
    tl.store(S + B * ROWS + r, t358)


@triton.jit
def backward_scalars(S, numbers, clip):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    gamma = tl.load(numbers + 1)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
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
    t128 = c * t127
    t129 = t128 < f64(0.015625)
    t131 = tl.sqrt((tl.where(t129, f64(1.0), t128)))
    t132 = tl.where(t129, t128, f64(0.0))
    t134 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t132)
    t136 = f64(-0.008863235529902197) + (t132 * t134)
    t138 = f64(0.021869488536155203) + (t132 * t136)
    t140 = f64(-0.05396825396825397) + (t132 * t138)
    t142 = f64(0.13333333333333333) + (t132 * t140)
    t144 = f64(-0.3333333333333333) + (t132 * t142)
    t146 = f64(1.0) + (t132 * t144)
    t148 = tl.exp((f64(-2.0) * t131))
    t150 = f64(1.0) + t148
    t152 = (f64(1.0) - t148) * (f64(1.0) / t150)
    t153 = f64(1.0) / t131
    t154 = t152 * t153
    t155 = tl.where(t129, t146, t154)
    t156 = t124 * t155
    t157 = t125 * t155
    t160 = t146 * t146
    t165 = f64(1.0) / (t150 * t150)
    t166 = (f64(4.0) * t148) * t165
    t167 = tl.where(t129, (f64(1.0) - (t128 * t160)), t166)
    t173 = t156 - t88
    t174 = t157 - t89
    t175 = t173 * t173
    t177 = f64(2.0) * t173
    t178 = t174 * t177
    t181 = t174 * t174
    t183 = ((ee * t175) + (ew * t178)) + (ww * t181)
    t184 = c * t183
    t185 = t100 * t167
    t188 = f64(1.0) / (t184 + t185)
    t189 = (t100 + t184) * t188
    t194 = t100 * t188
    t197 = (t156 * t194) - (t88 * t189)
    t198 = (t157 * t194) - (t89 * t189)
    t199 = t183 * t188
    t200 = t185 * t188
    t202 = f64(1.0) / t200
    t203 = (c * t199) * t202
    t204 = t203 < f64(0.015625)
    t206 = tl.sqrt((tl.where(t204, f64(1.0), t203)))
    t207 = tl.where(t204, t203, f64(0.0))
    t211 = (t207 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t214 = (t207 * t211) + f64(-0.022372159090909092)
    t217 = (t207 * t214) + f64(0.030381944444444444)
    t220 = (t207 * t217) + f64(-0.044642857142857144)
    t223 = (t207 * t220) + f64(0.075)
    t226 = (t207 * t223) + f64(-0.16666666666666666)
    t231 = tl.sqrt((f64(1.0) + (t206 * t206)))
    t234 = f64(1.0) / t206
    t235 = (tl.log((t206 + t231))) * t234
    t236 = tl.where(t204, (f64(1.0) + (t207 * t226)), t235)
    t238 = f64(1.0) / (tl.sqrt(t200))
    t239 = t236 * t238
    t240 = t197 * t239
    t241 = t198 * t239
    t242 = t239 * t239
    t243 = t199 * t242
    t244 = gamma * t240
    t245 = gamma * t241
    t246 = gamma * gamma
    t247 = t243 * t246
    t248 = c * t247
    t250 = f64(31364.092861833193) <= t248
    t252 = tl.where(t250, t248, f64(31364.092861833666))
    t253 = f64(1.0) / t252
    t255 = tl.sqrt((f64(31364.092861833666) * t253))
    t256 = tl.where(t250, t255, f64(1.0))
    t257 = t244 * t256
    t258 = t245 * t256
    t259 = t256 * t256
    t260 = t247 * t259
    t261 = c * t260
    t262 = t261 < f64(0.015625)
    t264 = tl.sqrt((tl.where(t262, f64(1.0), t261)))
    t265 = tl.where(t262, t261, f64(0.0))
    t267 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t265)
    t269 = f64(-0.008863235529902197) + (t265 * t267)
    t271 = f64(0.021869488536155203) + (t265 * t269)
    t273 = f64(-0.05396825396825397) + (t265 * t271)
    t275 = f64(0.13333333333333333) + (t265 * t273)
    t277 = f64(-0.3333333333333333) + (t265 * t275)
    t279 = f64(1.0) + (t265 * t277)
    t281 = tl.exp((f64(-2.0) * t264))
    t283 = f64(1.0) + t281
    t285 = (f64(1.0) - t281) * (f64(1.0) / t283)
    t286 = f64(1.0) / t264
    t287 = t285 * t286
    t288 = tl.where(t262, t279, t287)
    t289 = t257 * t288
    t290 = t258 * t288
    t293 = t279 * t279
    t298 = f64(1.0) / (t283 * t283)
    t299 = (f64(4.0) * t281) * t298
    t300 = tl.where(t262, (f64(1.0) - (t261 * t293)), t299)
    t301 = t88 + t289
    t302 = t89 + t290
    t303 = t301 * t301
    t305 = f64(2.0) * t301
    t306 = t302 * t305
    t309 = t302 * t302
    t311 = ((ee * t303) + (ew * t306)) + (ww * t309)
    t312 = c * t311
    t313 = t100 * t300
    t316 = f64(1.0) / (t312 + t313)
    t317 = (t100 + t312) * t316
    t320 = t100 * t316
    t323 = (t88 * t317) + (t289 * t320)
    t324 = (t89 * t317) + (t290 * t320)
    t325 = t311 * t316
    t326 = t313 * t316
    t328 = f64(1.0) / t326
    t329 = (c * t325) * t328
    t330 = t329 < f64(0.015625)
    t332 = tl.sqrt((tl.where(t330, f64(1.0), t329)))
    t333 = tl.where(t330, t329, f64(0.0))
    t335 = f64(0.017352764423076924) + (f64(-0.01396484375) * t333)
    t337 = f64(-0.022372159090909092) + (t333 * t335)
    t339 = f64(0.030381944444444444) + (t333 * t337)
    t341 = f64(-0.044642857142857144) + (t333 * t339)
    t343 = f64(0.075) + (t333 * t341)
    t345 = f64(-0.16666666666666666) + (t333 * t343)
    t350 = tl.sqrt((f64(1.0) + (t332 * t332)))
    t353 = f64(1.0) / t332
    t354 = (tl.log((t332 + t350))) * t353
    t355 = tl.where(t330, (f64(1.0) + (t333 * t345)), t354)
    t357 = f64(1.0) / (tl.sqrt(t326))
    t358 = t355 * t357
    t359 = t323 * t358
    t360 = t324 * t358
    t364 = g_b * t358
    t366 = g_a * t358
    t367 = (g_b * t324) + (g_a * t323)
    t369 = t357 * t367
    t374 = (t357 * (t357 * t357)) * ((t355 * t367) * f64(-0.5))
    t375 = tl.where(t330, f64(0.0), t369)
    t376 = tl.where(t330, t369, f64(0.0))
    t384 = ((t353 * t375) * (f64(1.0) / t350)) - (t375 * (t353 * t354))
    t386 = t333 * t376
    t388 = t333 * t386
    t391 = t333 * t388
    t392 = ((t345 * t376) + (t343 * t386)) + (t341 * t388)
    t394 = t333 * t391
    t397 = t333 * t394
    t401 = ((t392 + (t339 * t391)) + (t337 * t394)) + (t335 * t397)
    t403 = t401 + (f64(-0.01396484375) * (t333 * t397))
    t409 = tl.where(t330, f64(0.0), (t384 * (t353 * f64(0.5))))
    t410 = (tl.where(t330, t403, f64(0.0))) + t409
    t415 = t328 * t410
    t416 = t374 - (t410 * (t328 * t329))
    t417 = c * t415
    t429 = (-(t416 * (t316 * t326))) - (t417 * (t316 * t325))
    t434 = (t290 * t364) + (t289 * t366)
    t445 = (t89 * t364) + (t88 * t366)
    t450 = t316 * t445
    t451 = (t429 - (t434 * (t316 * t320))) - (t445 * (t316 * t317))
    t453 = (t316 * t416) + t451
    t454 = t450 + t451
    t455 = t100 * t453
    t461 = (t316 * t417) + (c * t454)
    t464 = t302 * (ww * t461)
    t467 = ew * t461
    t470 = (t464 + t464) + (t305 * t467)
    t474 = t301 * (ee * t461)
    t476 = t474 + ((f64(2.0) * (t302 * t467)) + t474)
    t478 = (t320 * t364) + t470
    t480 = (t320 * t366) + t476
    t481 = tl.where(t262, f64(0.0), t455)
    t482 = tl.where(t262, t455, f64(0.0))
    t489 = (t481 * (t298 * t299)) * (f64(2.0) * t283)
    t499 = (t261 * t482) * (f64(2.0) * t279)
    t503 = t265 * t499
    t507 = t265 * t503
    t512 = t265 * t507
    t514 = ((-(t277 * t499)) - (t275 * t503)) - (t273 * t507)
    t517 = t265 * t512
    t522 = t265 * t517
    t529 = ((t514 - (t271 * t512)) - (t269 * t517)) - (t267 * t522)
    t530 = f64(-0.0014558343870513183) * (t265 * t522)
    t534 = (tl.where(t262, (t529 - t530), f64(0.0))) - (t293 * t482)
    t535 = t281 * ((f64(4.0) * (t298 * t481)) - t489)
    t538 = t286 * f64(0.5)
    t540 = tl.where(t262, f64(0.0), ((f64(-2.0) * t535) * t538))
    t543 = t288 * t478
    t545 = t288 * t480
    t546 = (t258 * t478) + (t257 * t480)
    t547 = tl.where(t262, f64(0.0), t546)
    t548 = tl.where(t262, t546, f64(0.0))
    t556 = (t286 * t547) * (f64(1.0) - (t285 * t285))
    t559 = t265 * t548
    t561 = t265 * t559
    t564 = t265 * t561
    t565 = ((t277 * t548) + (t275 * t559)) + (t273 * t561)
    t567 = t265 * t564
    t570 = t265 * t567
    t574 = ((t565 + (t271 * t564)) + (t269 * t567)) + (t267 * t570)
    t575 = f64(-0.0014558343870513183) * (t265 * t570)
    t578 = (t534 + t540) + (tl.where(t262, (t574 + t575), f64(0.0)))
    t580 = tl.where(t262, f64(0.0), (t538 * (t556 - (t547 * (t286 * t287)))))
    t581 = t578 + t580
    t582 = c * t581
    t584 = ((t325 * t415) + (t311 * t454)) + (t260 * t581)
    t590 = t256 * t543
    t591 = ((t247 * t582) * (f64(2.0) * t256)) + (t245 * t543)
    t593 = t256 * t545
    t595 = tl.where(t250, (t591 + (t244 * t545)), f64(0.0))
    t600 = f64(31364.092861833666) * (t595 * (f64(0.5) * (f64(1.0) / t255)))
    t605 = tl.where(t250, (-(t600 * (t253 * t253))), f64(0.0))
    t609 = (t259 * t582) + (c * t605)
    t611 = t246 * t609
    t615 = gamma * t590
    t616 = ((t243 * t609) * (gamma * f64(2.0))) + (t241 * t590)
    t618 = gamma * t593
    t619 = t616 + (t240 * t593)
    t625 = t239 * t615
    t626 = ((t199 * t611) * (f64(2.0) * t239)) + (t198 * t615)
    t628 = t239 * t618
    t629 = t626 + (t197 * t618)
    t631 = t238 * t629
    t635 = (t238 * (t238 * t238)) * (f64(-0.5) * (t236 * t629))
    t636 = tl.where(t204, f64(0.0), t631)
    t637 = tl.where(t204, t631, f64(0.0))
    t645 = ((t234 * t636) * (f64(1.0) / t231)) - (t636 * (t234 * t235))
    t647 = t207 * t637
    t649 = t207 * t647
    t652 = t207 * t649
    t653 = ((t226 * t637) + (t223 * t647)) + (t220 * t649)
    t655 = t207 * t652
    t658 = t207 * t655
    t662 = ((t653 + (t217 * t652)) + (t214 * t655)) + (t211 * t658)
    t664 = t662 + (f64(-0.01396484375) * (t207 * t658))
    t669 = tl.where(t204, f64(0.0), (t645 * (t234 * f64(0.5))))
    t670 = (tl.where(t204, t664, f64(0.0))) + t669
    t675 = t202 * t670
    t676 = t635 - (t670 * (t202 * t203))
    t680 = (t242 * t611) + (c * t675)
    t691 = (-(t676 * (t188 * t200))) - (t680 * (t188 * t199))
    t696 = (t157 * t625) + (t156 * t628)
    t702 = (((t316 * t434) + t450) + (t300 * t453)) + (t188 * t696)
    t710 = (-(t89 * t625)) - (t88 * t628)
    t715 = t188 * t710
    t716 = (t691 - (t696 * (t188 * t194))) - (t710 * (t188 * t189))
    t718 = (t188 * t676) + t716
    t719 = t715 + t716
    t720 = t100 * t718
    t722 = (t702 + t715) + (t167 * t718)
    t725 = ((t584 + (t247 * t605)) + (t199 * t675)) + (t183 * t719)
    t726 = (t188 * t680) + (c * t719)
    t730 = t174 * (ww * t726)
    t733 = ew * t726
    t737 = (t730 + t730) + (t177 * t733)
    t742 = t173 * (ee * t726)
    t744 = t742 + ((f64(2.0) * (t174 * t733)) + t742)
    t746 = (t194 * t625) + t737
    t748 = (t194 * t628) + t744
    t750 = ((t317 * t364) + t470) - ((t189 * t625) + t737)
    t752 = ((t317 * t366) + t476) - ((t189 * t628) + t744)
    t753 = tl.where(t129, f64(0.0), t720)
    t754 = tl.where(t129, t720, f64(0.0))
    t761 = (t753 * (t165 * t166)) * (f64(2.0) * t150)
    t771 = (t128 * t754) * (f64(2.0) * t146)
    t775 = t132 * t771
    t779 = t132 * t775
    t784 = t132 * t779
    t786 = ((-(t144 * t771)) - (t142 * t775)) - (t140 * t779)
    t789 = t132 * t784
    t794 = t132 * t789
    t801 = ((t786 - (t138 * t784)) - (t136 * t789)) - (t134 * t794)
    t802 = f64(-0.0014558343870513183) * (t132 * t794)
    t806 = (tl.where(t129, (t801 - t802), f64(0.0))) - (t160 * t754)
    t807 = t148 * ((f64(4.0) * (t165 * t753)) - t761)
    t810 = t153 * f64(0.5)
    t812 = tl.where(t129, f64(0.0), ((f64(-2.0) * t807) * t810))
    t818 = (t125 * t746) + (t124 * t748)
    t819 = tl.where(t129, f64(0.0), t818)
    t820 = tl.where(t129, t818, f64(0.0))
    t828 = (t153 * t819) * (f64(1.0) - (t152 * t152))
    t831 = t132 * t820
    t833 = t132 * t831
    t836 = t132 * t833
    t837 = ((t144 * t820) + (t142 * t831)) + (t140 * t833)
    t839 = t132 * t836
    t842 = t132 * t839
    t846 = ((t837 + (t138 * t836)) + (t136 * t839)) + (t134 * t842)
    t847 = f64(-0.0014558343870513183) * (t132 * t842)
    t850 = (t806 + t812) + (tl.where(t129, (t846 + t847), f64(0.0)))
    t852 = tl.where(t129, f64(0.0), (t810 * (t828 - (t819 * (t153 * t154)))))
    t853 = t850 + t852
    t854 = c * t853
    t862 = ((t109 * t854) * (f64(2.0) * t123)) + (y2 * (t155 * t746))
    t864 = t862 + (y1 * (t155 * t748))
    t871 = (tl.where(t117, (t116 * t864), f64(0.0))) * (f64(0.5) * (f64(1.0) / t121))
    t876 = tl.where(t117, (-(t871 * (t119 * t120))), f64(0.0))
    t882 = (tl.where(t111, (t122 * t864), f64(0.0))) * (f64(0.5) * (f64(1.0) / t115))
    t887 = tl.where(t111, (-(t882 * (t113 * t114))), f64(0.0))
    t891 = ((t126 * t854) + t876) + (c * t887)
    t893 = ((t309 * t461) + (t181 * t726)) + (t107 * t891)
    t895 = ((t306 * t461) + (t178 * t726)) + (t104 * t891)
    t897 = ((t303 * t461) + (t175 * t726)) + (t101 * t891)
    t898 = tl.where(t52, f64(0.0), t722)
    t899 = tl.where(t52, t722, f64(0.0))
    t909 = (f64(4.0) * (t98 * t898)) - ((t898 * (t98 * t99)) * (f64(2.0) * t82))
    t916 = (t50 * t899) * (f64(2.0) * t77)
    t920 = t56 * t916
    t924 = t56 * t920
    t929 = t56 * t924
    t931 = ((-(t75 * t916)) - (t72 * t920)) - (t69 * t924)
    t934 = t56 * t929
    t939 = t56 * t934
    t946 = ((t931 - (t66 * t929)) - (t63 * t934)) - (t60 * t939)
    t947 = f64(-0.0014558343870513183) * (t56 * t939)
    t951 = (tl.where(t52, (t946 - t947), f64(0.0))) - (t92 * t899)
    t955 = t85 * f64(0.5)
    t957 = tl.where(t52, f64(0.0), ((f64(-2.0) * (t80 * t909)) * t955))
    t963 = (t47 * t750) + (t46 * t752)
    t964 = tl.where(t52, f64(0.0), t963)
    t965 = tl.where(t52, t963, f64(0.0))
    t974 = ((t85 * t964) * (f64(1.0) - (t84 * t84))) - (t964 * (t85 * t86))
    t976 = t56 * t965
    t978 = t56 * t976
    t981 = t56 * t978
    t982 = ((t75 * t965) + (t72 * t976)) + (t69 * t978)
    t984 = t56 * t981
    t987 = t56 * t984
    t991 = ((t982 + (t66 * t981)) + (t63 * t984)) + (t60 * t987)
    t992 = f64(-0.0014558343870513183) * (t56 * t987)
    t995 = (t951 + t957) + (tl.where(t52, (t991 + t992), f64(0.0)))
    t998 = t995 + (tl.where(t52, f64(0.0), (t955 * t974)))
    t999 = c * t998
    t1001 = ((t725 + (t127 * t853)) + (t109 * t887)) + (t49 * t998)
    t1007 = ((t31 * t999) * (f64(2.0) * t45)) + (x2 * (t87 * t750))
    t1009 = t1007 + (x1 * (t87 * t752))
    t1016 = (tl.where(t39, (t38 * t1009), f64(0.0))) * (f64(0.5) * (f64(1.0) / t43))
    t1021 = tl.where(t39, (-(t1016 * (t41 * t42))), f64(0.0))
    t1027 = (tl.where(t33, (t44 * t1009), f64(0.0))) * (f64(0.5) * (f64(1.0) / t37))
    t1032 = tl.where(t33, (-(t1027 * (t35 * t36))), f64(0.0))
    t1035 = t1001 + (t31 * t1032)
    t1036 = ((t48 * t999) + t1021) + (c * t1032)
    t1038 = t893 + (t29 * t1036)
    t1040 = t895 + (t26 * t1036)
    t1042 = t897 + (t22 * t1036)
    tl.store(S + A * ROWS + r, t359)
    tl.store(S + B * ROWS + r, t360)
    tl.store(S + D_EE * ROWS + r, t1042)
    tl.store(S + D_EW * ROWS + r, t1040)
    tl.store(S + D_WW * ROWS + r, t1038)
    tl.store(S + D_C * ROWS + r, t1035)
    tl.store(S + D_GAMMA * ROWS + r, t619)


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
