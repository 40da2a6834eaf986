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
    t122 = c * (t105 * (t117 * t117))
    t123 = t122 < f64(0.015625)
    t125 = tl.sqrt((tl.where(t123, f64(1.0), t122)))
    t126 = tl.where(t123, t122, f64(0.0))
    t128 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t126)
    t130 = f64(-0.008863235529902197) + (t126 * t128)
    t132 = f64(0.021869488536155203) + (t126 * t130)
    t134 = f64(-0.05396825396825397) + (t126 * t132)
    t136 = f64(0.13333333333333333) + (t126 * t134)
    t138 = f64(-0.3333333333333333) + (t126 * t136)
    t140 = f64(1.0) + (t126 * t138)
    t142 = tl.exp((f64(-2.0) * t125))
    t145 = f64(1.0) / (f64(1.0) + t142)
    t148 = ((f64(1.0) - t142) * t145) * (f64(1.0) / t125)
    t149 = tl.where(t123, t140, t148)
    t150 = (y1 * t117) * t149
    t151 = (y2 * t117) * t149
    t161 = tl.where(t123, (f64(1.0) - (t122 * (t140 * t140))), ((f64(4.0) * t142) * (t145 * t145)))
    t167 = t150 - t84
    t168 = t151 - t85
    t174 = (ee * (t167 * t167)) + (ew * (t168 * (f64(2.0) * t167)))
    t177 = t174 + (ww * (t168 * t168))
    t178 = c * t177
    t179 = t96 * t161
    t182 = f64(1.0) / (t178 + t179)
    t183 = (t96 + t178) * t182
    t188 = t96 * t182
    t193 = t177 * t182
    t194 = t179 * t182
    t197 = (c * t193) * (f64(1.0) / t194)
    t198 = t197 < f64(0.015625)
    t200 = tl.sqrt((tl.where(t198, f64(1.0), t197)))
    t201 = tl.where(t198, t197, f64(0.0))
    t205 = (t201 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t208 = (t201 * t205) + f64(-0.022372159090909092)
    t211 = (t201 * t208) + f64(0.030381944444444444)
    t214 = (t201 * t211) + f64(-0.044642857142857144)
    t220 = (t201 * ((t201 * t214) + f64(0.075))) + f64(-0.16666666666666666)
    t226 = t200 + (tl.sqrt((f64(1.0) + (t200 * t200))))
    t230 = tl.where(t198, (f64(1.0) + (t201 * t220)), ((tl.log(t226)) * (f64(1.0) / t200)))
    t233 = t230 * (f64(1.0) / (tl.sqrt(t194)))
    t238 = gamma * (((t150 * t188) - (t84 * t183)) * t233)
    t239 = gamma * (((t151 * t188) - (t85 * t183)) * t233)
    t241 = (t193 * (t233 * t233)) * (gamma * gamma)
    t242 = c * t241
    t244 = f64(31364.092861833193) <= t242
    t246 = tl.where(t244, f64(31364.092861833666), f64(1.0))
    t248 = f64(1.0) / (tl.where(t244, t242, f64(1.0)))
    t250 = tl.sqrt((t246 * t248))
    t255 = c * (t241 * (t250 * t250))
    t256 = t255 < f64(0.015625)
    t258 = tl.sqrt((tl.where(t256, f64(1.0), t255)))
    t259 = tl.where(t256, t255, f64(0.0))
    t261 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t259)
    t263 = f64(-0.008863235529902197) + (t259 * t261)
    t265 = f64(0.021869488536155203) + (t259 * t263)
    t267 = f64(-0.05396825396825397) + (t259 * t265)
    t269 = f64(0.13333333333333333) + (t259 * t267)
    t271 = f64(-0.3333333333333333) + (t259 * t269)
    t273 = f64(1.0) + (t259 * t271)
    t275 = tl.exp((f64(-2.0) * t258))
    t278 = f64(1.0) / (f64(1.0) + t275)
    t281 = ((f64(1.0) - t275) * t278) * (f64(1.0) / t258)
    t282 = tl.where(t256, t273, t281)
    t283 = (t238 * t250) * t282
    t284 = (t239 * t250) * t282
    t294 = tl.where(t256, (f64(1.0) - (t255 * (t273 * t273))), ((f64(4.0) * t275) * (t278 * t278)))
    t295 = t84 + t283
    t296 = t85 + t284
    t302 = (ee * (t295 * t295)) + (ew * (t296 * (f64(2.0) * t295)))
    t305 = t302 + (ww * (t296 * t296))
    t306 = c * t305
    t307 = t96 * t294
    t310 = f64(1.0) / (t306 + t307)
    t311 = (t96 + t306) * t310
    t314 = t96 * t310
    t320 = t307 * t310
    t323 = (c * (t305 * t310)) * (f64(1.0) / t320)
    t324 = t323 < f64(0.015625)
    t326 = tl.sqrt((tl.where(t324, f64(1.0), t323)))
    t327 = tl.where(t324, t323, f64(0.0))
    t329 = f64(0.017352764423076924) + (f64(-0.01396484375) * t327)
    t331 = f64(-0.022372159090909092) + (t327 * t329)
    t333 = f64(0.030381944444444444) + (t327 * t331)
    t335 = f64(-0.044642857142857144) + (t327 * t333)
    t339 = f64(-0.16666666666666666) + (t327 * (f64(0.075) + (t327 * t335)))
    t345 = t326 + (tl.sqrt((f64(1.0) + (t326 * t326))))
    t349 = tl.where(t324, (f64(1.0) + (t327 * t339)), ((tl.log(t345)) * (f64(1.0) / t326)))
    t352 = t349 * (f64(1.0) / (tl.sqrt(t320)))
    t353 = ((t84 * t311) + (t283 * t314)) * t352
    t354 = ((t85 * t311) + (t284 * t314)) * t352
    tl.store(S + A * ROWS + r, t353)
    tl.store(S + B * ROWS + r, t354)


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
    t124 = c * t123
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
    t147 = f64(1.0) / t146
    t148 = (f64(1.0) - t144) * t147
    t149 = f64(1.0) / t127
    t150 = t148 * t149
    t151 = tl.where(t125, t142, t150)
    t152 = t120 * t151
    t153 = t121 * t151
    t156 = t142 * t142
    t161 = t147 * t147
    t162 = (f64(4.0) * t144) * t161
    t163 = tl.where(t125, (f64(1.0) - (t124 * t156)), t162)
    t169 = t152 - t86
    t170 = t153 - t87
    t171 = t169 * t169
    t173 = f64(2.0) * t169
    t174 = t170 * t173
    t177 = t170 * t170
    t179 = ((ee * t171) + (ew * t174)) + (ww * t177)
    t180 = c * t179
    t181 = t98 * t163
    t184 = f64(1.0) / (t180 + t181)
    t185 = (t98 + t180) * t184
    t190 = t98 * t184
    t193 = (t152 * t190) - (t86 * t185)
    t194 = (t153 * t190) - (t87 * t185)
    t195 = t179 * t184
    t196 = t181 * t184
    t198 = f64(1.0) / t196
    t199 = (c * t195) * t198
    t200 = t199 < f64(0.015625)
    t202 = tl.sqrt((tl.where(t200, f64(1.0), t199)))
    t203 = tl.where(t200, t199, f64(0.0))
    t207 = (t203 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t210 = (t203 * t207) + f64(-0.022372159090909092)
    t213 = (t203 * t210) + f64(0.030381944444444444)
    t216 = (t203 * t213) + f64(-0.044642857142857144)
    t219 = (t203 * t216) + f64(0.075)
    t222 = (t203 * t219) + f64(-0.16666666666666666)
    t227 = tl.sqrt((f64(1.0) + (t202 * t202)))
    t230 = f64(1.0) / t202
    t231 = (tl.log((t202 + t227))) * t230
    t232 = tl.where(t200, (f64(1.0) + (t203 * t222)), t231)
    t234 = f64(1.0) / (tl.sqrt(t196))
    t235 = t232 * t234
    t236 = t193 * t235
    t237 = t194 * t235
    t238 = t235 * t235
    t239 = t195 * t238
    t240 = gamma * t236
    t241 = gamma * t237
    t242 = gamma * gamma
    t243 = t239 * t242
    t244 = c * t243
    t246 = f64(31364.092861833193) <= t244
    t248 = tl.where(t246, f64(31364.092861833666), f64(1.0))
    t250 = f64(1.0) / (tl.where(t246, t244, f64(1.0)))
    t251 = t248 * t250
    t252 = tl.sqrt(t251)
    t253 = t240 * t252
    t254 = t241 * t252
    t255 = t252 * t252
    t256 = t243 * t255
    t257 = c * t256
    t258 = t257 < f64(0.015625)
    t260 = tl.sqrt((tl.where(t258, f64(1.0), t257)))
    t261 = tl.where(t258, t257, f64(0.0))
    t263 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t261)
    t265 = f64(-0.008863235529902197) + (t261 * t263)
    t267 = f64(0.021869488536155203) + (t261 * t265)
    t269 = f64(-0.05396825396825397) + (t261 * t267)
    t271 = f64(0.13333333333333333) + (t261 * t269)
    t273 = f64(-0.3333333333333333) + (t261 * t271)
    t275 = f64(1.0) + (t261 * t273)
    t277 = tl.exp((f64(-2.0) * t260))
    t279 = f64(1.0) + t277
    t280 = f64(1.0) / t279
    t281 = (f64(1.0) - t277) * t280
    t282 = f64(1.0) / t260
    t283 = t281 * t282
    t284 = tl.where(t258, t275, t283)
    t285 = t253 * t284
    t286 = t254 * t284
    t289 = t275 * t275
    t294 = t280 * t280
    t295 = (f64(4.0) * t277) * t294
    t296 = tl.where(t258, (f64(1.0) - (t257 * t289)), t295)
    t297 = t86 + t285
    t298 = t87 + t286
    t299 = t297 * t297
    t301 = f64(2.0) * t297
    t302 = t298 * t301
    t305 = t298 * t298
    t307 = ((ee * t299) + (ew * t302)) + (ww * t305)
    t308 = c * t307
    t309 = t98 * t296
    t312 = f64(1.0) / (t308 + t309)
    t313 = (t98 + t308) * t312
    t316 = t98 * t312
    t319 = (t86 * t313) + (t285 * t316)
    t320 = (t87 * t313) + (t286 * t316)
    t321 = t307 * t312
    t322 = t309 * t312
    t324 = f64(1.0) / t322
    t325 = (c * t321) * t324
    t326 = t325 < f64(0.015625)
    t328 = tl.sqrt((tl.where(t326, f64(1.0), t325)))
    t329 = tl.where(t326, t325, f64(0.0))
    t331 = f64(0.017352764423076924) + (f64(-0.01396484375) * t329)
    t333 = f64(-0.022372159090909092) + (t329 * t331)
    t335 = f64(0.030381944444444444) + (t329 * t333)
    t337 = f64(-0.044642857142857144) + (t329 * t335)
    t339 = f64(0.075) + (t329 * t337)
    t341 = f64(-0.16666666666666666) + (t329 * t339)
    t346 = tl.sqrt((f64(1.0) + (t328 * t328)))
    t349 = f64(1.0) / t328
    t350 = (tl.log((t328 + t346))) * t349
    t351 = tl.where(t326, (f64(1.0) + (t329 * t341)), t350)
    t353 = f64(1.0) / (tl.sqrt(t322))
    t354 = t351 * t353
    t355 = t319 * t354
    t356 = t320 * t354
    t360 = g_b * t354
    t362 = g_a * t354
    t363 = (g_b * t320) + (g_a * t319)
    t365 = t353 * t363
    t370 = (t353 * (t353 * t353)) * ((t351 * t363) * f64(-0.5))
    t371 = tl.where(t326, f64(0.0), t365)
    t372 = tl.where(t326, t365, f64(0.0))
    t380 = ((t349 * t371) * (f64(1.0) / t346)) - (t371 * (t349 * t350))
    t382 = t329 * t372
    t384 = t329 * t382
    t387 = t329 * t384
    t388 = ((t341 * t372) + (t339 * t382)) + (t337 * t384)
    t390 = t329 * t387
    t393 = t329 * t390
    t397 = ((t388 + (t335 * t387)) + (t333 * t390)) + (t331 * t393)
    t399 = t397 + (f64(-0.01396484375) * (t329 * t393))
    t405 = tl.where(t326, f64(0.0), (t380 * (t349 * f64(0.5))))
    t406 = (tl.where(t326, t399, f64(0.0))) + t405
    t411 = t324 * t406
    t412 = t370 - (t406 * (t324 * t325))
    t413 = c * t411
    t425 = (-(t412 * (t312 * t322))) - (t413 * (t312 * t321))
    t430 = (t286 * t360) + (t285 * t362)
    t441 = (t87 * t360) + (t86 * t362)
    t446 = t312 * t441
    t447 = (t425 - (t430 * (t312 * t316))) - (t441 * (t312 * t313))
    t449 = (t312 * t412) + t447
    t450 = t446 + t447
    t451 = t98 * t449
    t457 = (t312 * t413) + (c * t450)
    t460 = t298 * (ww * t457)
    t463 = ew * t457
    t466 = (t460 + t460) + (t301 * t463)
    t470 = t297 * (ee * t457)
    t472 = t470 + ((f64(2.0) * (t298 * t463)) + t470)
    t474 = (t316 * t360) + t466
    t476 = (t316 * t362) + t472
    t477 = tl.where(t258, f64(0.0), t451)
    t478 = tl.where(t258, t451, f64(0.0))
    t485 = (t477 * (t294 * t295)) * (f64(2.0) * t279)
    t495 = (t257 * t478) * (f64(2.0) * t275)
    t499 = t261 * t495
    t503 = t261 * t499
    t508 = t261 * t503
    t510 = ((-(t273 * t495)) - (t271 * t499)) - (t269 * t503)
    t513 = t261 * t508
    t518 = t261 * t513
    t525 = ((t510 - (t267 * t508)) - (t265 * t513)) - (t263 * t518)
    t526 = f64(-0.0014558343870513183) * (t261 * t518)
    t530 = (tl.where(t258, (t525 - t526), f64(0.0))) - (t289 * t478)
    t531 = t277 * ((f64(4.0) * (t294 * t477)) - t485)
    t534 = t282 * f64(0.5)
    t536 = tl.where(t258, f64(0.0), ((f64(-2.0) * t531) * t534))
    t539 = t284 * t474
    t541 = t284 * t476
    t542 = (t254 * t474) + (t253 * t476)
    t543 = tl.where(t258, f64(0.0), t542)
    t544 = tl.where(t258, t542, f64(0.0))
    t552 = (t282 * t543) * (f64(1.0) - (t281 * t281))
    t555 = t261 * t544
    t557 = t261 * t555
    t560 = t261 * t557
    t561 = ((t273 * t544) + (t271 * t555)) + (t269 * t557)
    t563 = t261 * t560
    t566 = t261 * t563
    t570 = ((t561 + (t267 * t560)) + (t265 * t563)) + (t263 * t566)
    t571 = f64(-0.0014558343870513183) * (t261 * t566)
    t574 = (t530 + t536) + (tl.where(t258, (t570 + t571), f64(0.0)))
    t576 = tl.where(t258, f64(0.0), (t534 * (t552 - (t543 * (t282 * t283)))))
    t577 = t574 + t576
    t578 = c * t577
    t580 = ((t321 * t411) + (t307 * t450)) + (t256 * t577)
    t586 = t252 * t539
    t587 = ((t243 * t578) * (f64(2.0) * t252)) + (t241 * t539)
    t589 = t252 * t541
    t593 = (t587 + (t240 * t541)) * (f64(0.5) * (f64(1.0) / t252))
    t598 = tl.where(t246, (-(t593 * (t250 * t251))), f64(0.0))
    t602 = (t255 * t578) + (c * t598)
    t604 = t242 * t602
    t608 = gamma * t586
    t609 = ((t239 * t602) * (gamma * f64(2.0))) + (t237 * t586)
    t611 = gamma * t589
    t612 = t609 + (t236 * t589)
    t618 = t235 * t608
    t619 = ((t195 * t604) * (f64(2.0) * t235)) + (t194 * t608)
    t621 = t235 * t611
    t622 = t619 + (t193 * t611)
    t624 = t234 * t622
    t628 = (t234 * (t234 * t234)) * (f64(-0.5) * (t232 * t622))
    t629 = tl.where(t200, f64(0.0), t624)
    t630 = tl.where(t200, t624, f64(0.0))
    t638 = ((t230 * t629) * (f64(1.0) / t227)) - (t629 * (t230 * t231))
    t640 = t203 * t630
    t642 = t203 * t640
    t645 = t203 * t642
    t646 = ((t222 * t630) + (t219 * t640)) + (t216 * t642)
    t648 = t203 * t645
    t651 = t203 * t648
    t655 = ((t646 + (t213 * t645)) + (t210 * t648)) + (t207 * t651)
    t657 = t655 + (f64(-0.01396484375) * (t203 * t651))
    t662 = tl.where(t200, f64(0.0), (t638 * (t230 * f64(0.5))))
    t663 = (tl.where(t200, t657, f64(0.0))) + t662
    t668 = t198 * t663
    t669 = t628 - (t663 * (t198 * t199))
    t673 = (t238 * t604) + (c * t668)
    t684 = (-(t669 * (t184 * t196))) - (t673 * (t184 * t195))
    t689 = (t153 * t618) + (t152 * t621)
    t695 = (((t312 * t430) + t446) + (t296 * t449)) + (t184 * t689)
    t703 = (-(t87 * t618)) - (t86 * t621)
    t708 = t184 * t703
    t709 = (t684 - (t689 * (t184 * t190))) - (t703 * (t184 * t185))
    t711 = (t184 * t669) + t709
    t712 = t708 + t709
    t713 = t98 * t711
    t715 = (t695 + t708) + (t163 * t711)
    t718 = ((t580 + (t243 * t598)) + (t195 * t668)) + (t179 * t712)
    t719 = (t184 * t673) + (c * t712)
    t723 = t170 * (ww * t719)
    t726 = ew * t719
    t730 = (t723 + t723) + (t173 * t726)
    t735 = t169 * (ee * t719)
    t737 = t735 + ((f64(2.0) * (t170 * t726)) + t735)
    t739 = (t190 * t618) + t730
    t741 = (t190 * t621) + t737
    t743 = ((t313 * t360) + t466) - ((t185 * t618) + t730)
    t745 = ((t313 * t362) + t472) - ((t185 * t621) + t737)
    t746 = tl.where(t125, f64(0.0), t713)
    t747 = tl.where(t125, t713, f64(0.0))
    t754 = (t746 * (t161 * t162)) * (f64(2.0) * t146)
    t764 = (t124 * t747) * (f64(2.0) * t142)
    t768 = t128 * t764
    t772 = t128 * t768
    t777 = t128 * t772
    t779 = ((-(t140 * t764)) - (t138 * t768)) - (t136 * t772)
    t782 = t128 * t777
    t787 = t128 * t782
    t794 = ((t779 - (t134 * t777)) - (t132 * t782)) - (t130 * t787)
    t795 = f64(-0.0014558343870513183) * (t128 * t787)
    t799 = (tl.where(t125, (t794 - t795), f64(0.0))) - (t156 * t747)
    t800 = t144 * ((f64(4.0) * (t161 * t746)) - t754)
    t803 = t149 * f64(0.5)
    t805 = tl.where(t125, f64(0.0), ((f64(-2.0) * t800) * t803))
    t811 = (t121 * t739) + (t120 * t741)
    t812 = tl.where(t125, f64(0.0), t811)
    t813 = tl.where(t125, t811, f64(0.0))
    t821 = (t149 * t812) * (f64(1.0) - (t148 * t148))
    t824 = t128 * t813
    t826 = t128 * t824
    t829 = t128 * t826
    t830 = ((t140 * t813) + (t138 * t824)) + (t136 * t826)
    t832 = t128 * t829
    t835 = t128 * t832
    t839 = ((t830 + (t134 * t829)) + (t132 * t832)) + (t130 * t835)
    t840 = f64(-0.0014558343870513183) * (t128 * t835)
    t843 = (t799 + t805) + (tl.where(t125, (t839 + t840), f64(0.0)))
    t845 = tl.where(t125, f64(0.0), (t803 * (t821 - (t812 * (t149 * t150)))))
    t846 = t843 + t845
    t847 = c * t846
    t855 = ((t107 * t847) * (f64(2.0) * t119)) + (y2 * (t151 * t739))
    t860 = (t855 + (y1 * (t151 * t741))) * (f64(0.5) * (f64(1.0) / t119))
    t863 = t860 * (t117 * t118)
    t869 = tl.where(t110, (-(t112 * t863)), f64(0.0))
    t871 = tl.where(t109, (-(t114 * t863)), f64(0.0))
    t875 = ((t122 * t847) + t869) + (c * t871)
    t877 = ((t305 * t457) + (t177 * t719)) + (t105 * t875)
    t879 = ((t302 * t457) + (t174 * t719)) + (t102 * t875)
    t881 = ((t299 * t457) + (t171 * t719)) + (t99 * t875)
    t882 = tl.where(t50, f64(0.0), t715)
    t883 = tl.where(t50, t715, f64(0.0))
    t893 = (f64(4.0) * (t96 * t882)) - ((t882 * (t96 * t97)) * (f64(2.0) * t80))
    t900 = (t48 * t883) * (f64(2.0) * t75)
    t904 = t54 * t900
    t908 = t54 * t904
    t913 = t54 * t908
    t915 = ((-(t73 * t900)) - (t70 * t904)) - (t67 * t908)
    t918 = t54 * t913
    t923 = t54 * t918
    t930 = ((t915 - (t64 * t913)) - (t61 * t918)) - (t58 * t923)
    t931 = f64(-0.0014558343870513183) * (t54 * t923)
    t935 = (tl.where(t50, (t930 - t931), f64(0.0))) - (t90 * t883)
    t939 = t83 * f64(0.5)
    t941 = tl.where(t50, f64(0.0), ((f64(-2.0) * (t78 * t893)) * t939))
    t947 = (t45 * t743) + (t44 * t745)
    t948 = tl.where(t50, f64(0.0), t947)
    t949 = tl.where(t50, t947, f64(0.0))
    t958 = ((t83 * t948) * (f64(1.0) - (t82 * t82))) - (t948 * (t83 * t84))
    t960 = t54 * t949
    t962 = t54 * t960
    t965 = t54 * t962
    t966 = ((t73 * t949) + (t70 * t960)) + (t67 * t962)
    t968 = t54 * t965
    t971 = t54 * t968
    t975 = ((t966 + (t64 * t965)) + (t61 * t968)) + (t58 * t971)
    t976 = f64(-0.0014558343870513183) * (t54 * t971)
    t979 = (t935 + t941) + (tl.where(t50, (t975 + t976), f64(0.0)))
    t982 = t979 + (tl.where(t50, f64(0.0), (t939 * t958)))
    t983 = c * t982
    t985 = ((t718 + (t123 * t846)) + (t107 * t871)) + (t47 * t982)
    t991 = ((t31 * t983) * (f64(2.0) * t43)) + (x2 * (t85 * t743))
    t996 = (t991 + (x1 * (t85 * t745))) * (f64(0.5) * (f64(1.0) / t43))
    t999 = t996 * (t41 * t42)
    t1005 = tl.where(t34, (-(t36 * t999)), f64(0.0))
    t1007 = tl.where(t33, (-(t38 * t999)), f64(0.0))
    t1010 = t985 + (t31 * t1007)
    t1011 = ((t46 * t983) + t1005) + (c * t1007)
    t1013 = t877 + (t29 * t1011)
    t1015 = t879 + (t26 * t1011)
    t1017 = t881 + (t22 * t1011)
    tl.store(S + A * ROWS + r, t355)
    tl.store(S + B * ROWS + r, t356)
    tl.store(S + D_EE * ROWS + r, t1017)
    tl.store(S + D_EW * ROWS + r, t1015)
    tl.store(S + D_WW * ROWS + r, t1013)
    tl.store(S + D_C * ROWS + r, t1010)
    tl.store(S + D_GAMMA * ROWS + r, t612)


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
