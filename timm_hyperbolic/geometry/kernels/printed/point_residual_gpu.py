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
    t170 = t153 - t85
    t171 = t154 - t86
    t177 = (ee * (t170 * t170)) + (ew * (t171 * (f64(2.0) * t170)))
    t180 = t177 + (ww * (t171 * t171))
    t181 = c * t180
    t182 = t97 * t164
    t185 = f64(1.0) / (t181 + t182)
    t186 = (t97 + t181) * t185
    t191 = t97 * t185
    t196 = t180 * t185
    t197 = t182 * t185
    t200 = (c * t196) * (f64(1.0) / t197)
    t201 = t200 < f64(0.015625)
    t203 = tl.sqrt((tl.where(t201, f64(1.0), t200)))
    t204 = tl.where(t201, t200, f64(0.0))
    t208 = (t204 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t211 = (t204 * t208) + f64(-0.022372159090909092)
    t214 = (t204 * t211) + f64(0.030381944444444444)
    t217 = (t204 * t214) + f64(-0.044642857142857144)
    t223 = (t204 * ((t204 * t217) + f64(0.075))) + f64(-0.16666666666666666)
    t229 = t203 + (tl.sqrt((f64(1.0) + (t203 * t203))))
    t233 = tl.where(t201, (f64(1.0) + (t204 * t223)), ((tl.log(t229)) * (f64(1.0) / t203)))
    t236 = t233 * (f64(1.0) / (tl.sqrt(t197)))
    t241 = gamma * (((t153 * t191) - (t85 * t186)) * t236)
    t242 = gamma * (((t154 * t191) - (t86 * t186)) * t236)
    t244 = (t196 * (t236 * t236)) * (gamma * gamma)
    t245 = c * t244
    t247 = f64(31364.092861833193) <= t245
    t249 = tl.where(t247, t245, f64(31364.092861833666))
    t251 = f64(31364.092861833666) * (f64(1.0) / t249)
    t253 = tl.where(t247, (tl.sqrt(t251)), f64(1.0))
    t258 = c * (t244 * (t253 * t253))
    t259 = t258 < f64(0.015625)
    t261 = tl.sqrt((tl.where(t259, f64(1.0), t258)))
    t262 = tl.where(t259, t258, f64(0.0))
    t264 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t262)
    t266 = f64(-0.008863235529902197) + (t262 * t264)
    t268 = f64(0.021869488536155203) + (t262 * t266)
    t270 = f64(-0.05396825396825397) + (t262 * t268)
    t272 = f64(0.13333333333333333) + (t262 * t270)
    t274 = f64(-0.3333333333333333) + (t262 * t272)
    t276 = f64(1.0) + (t262 * t274)
    t278 = tl.exp((f64(-2.0) * t261))
    t280 = f64(1.0) + t278
    t284 = ((f64(1.0) - t278) * (f64(1.0) / t280)) * (f64(1.0) / t261)
    t285 = tl.where(t259, t276, t284)
    t286 = (t241 * t253) * t285
    t287 = (t242 * t253) * t285
    t296 = (f64(4.0) * t278) * (f64(1.0) / (t280 * t280))
    t297 = tl.where(t259, (f64(1.0) - (t258 * (t276 * t276))), t296)
    t298 = t85 + t286
    t299 = t86 + t287
    t305 = (ee * (t298 * t298)) + (ew * (t299 * (f64(2.0) * t298)))
    t308 = t305 + (ww * (t299 * t299))
    t309 = c * t308
    t310 = t97 * t297
    t313 = f64(1.0) / (t309 + t310)
    t314 = (t97 + t309) * t313
    t317 = t97 * t313
    t323 = t310 * t313
    t326 = (c * (t308 * t313)) * (f64(1.0) / t323)
    t327 = t326 < f64(0.015625)
    t329 = tl.sqrt((tl.where(t327, f64(1.0), t326)))
    t330 = tl.where(t327, t326, f64(0.0))
    t332 = f64(0.017352764423076924) + (f64(-0.01396484375) * t330)
    t334 = f64(-0.022372159090909092) + (t330 * t332)
    t336 = f64(0.030381944444444444) + (t330 * t334)
    t338 = f64(-0.044642857142857144) + (t330 * t336)
    t342 = f64(-0.16666666666666666) + (t330 * (f64(0.075) + (t330 * t338)))
    t348 = t329 + (tl.sqrt((f64(1.0) + (t329 * t329))))
    t352 = tl.where(t327, (f64(1.0) + (t330 * t342)), ((tl.log(t348)) * (f64(1.0) / t329)))
    t355 = t352 * (f64(1.0) / (tl.sqrt(t323)))
    t356 = ((t85 * t314) + (t286 * t317)) * t355
    t357 = ((t86 * t314) + (t287 * t317)) * t355
    tl.store(S + A * ROWS + r, t356)
    tl.store(S + B * ROWS + r, t357)


@triton.jit
def backward_scalars(S, numbers, clip):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    gamma = tl.load(numbers + 1)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
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
    t172 = t155 - t87
    t173 = t156 - t88
    t174 = t172 * t172
    t176 = f64(2.0) * t172
    t177 = t173 * t176
    t180 = t173 * t173
    t182 = ((ee * t174) + (ew * t177)) + (ww * t180)
    t183 = c * t182
    t184 = t99 * t166
    t187 = f64(1.0) / (t183 + t184)
    t188 = (t99 + t183) * t187
    t193 = t99 * t187
    t196 = (t155 * t193) - (t87 * t188)
    t197 = (t156 * t193) - (t88 * t188)
    t198 = t182 * t187
    t199 = t184 * t187
    t201 = f64(1.0) / t199
    t202 = (c * t198) * t201
    t203 = t202 < f64(0.015625)
    t205 = tl.sqrt((tl.where(t203, f64(1.0), t202)))
    t206 = tl.where(t203, t202, f64(0.0))
    t210 = (t206 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t213 = (t206 * t210) + f64(-0.022372159090909092)
    t216 = (t206 * t213) + f64(0.030381944444444444)
    t219 = (t206 * t216) + f64(-0.044642857142857144)
    t222 = (t206 * t219) + f64(0.075)
    t225 = (t206 * t222) + f64(-0.16666666666666666)
    t230 = tl.sqrt((f64(1.0) + (t205 * t205)))
    t233 = f64(1.0) / t205
    t234 = (tl.log((t205 + t230))) * t233
    t235 = tl.where(t203, (f64(1.0) + (t206 * t225)), t234)
    t237 = f64(1.0) / (tl.sqrt(t199))
    t238 = t235 * t237
    t239 = t196 * t238
    t240 = t197 * t238
    t241 = t238 * t238
    t242 = t198 * t241
    t243 = gamma * t239
    t244 = gamma * t240
    t245 = gamma * gamma
    t246 = t242 * t245
    t247 = c * t246
    t249 = f64(31364.092861833193) <= t247
    t251 = tl.where(t249, t247, f64(31364.092861833666))
    t252 = f64(1.0) / t251
    t254 = tl.sqrt((f64(31364.092861833666) * t252))
    t255 = tl.where(t249, t254, f64(1.0))
    t256 = t243 * t255
    t257 = t244 * t255
    t258 = t255 * t255
    t259 = t246 * t258
    t260 = c * t259
    t261 = t260 < f64(0.015625)
    t263 = tl.sqrt((tl.where(t261, f64(1.0), t260)))
    t264 = tl.where(t261, t260, f64(0.0))
    t266 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t264)
    t268 = f64(-0.008863235529902197) + (t264 * t266)
    t270 = f64(0.021869488536155203) + (t264 * t268)
    t272 = f64(-0.05396825396825397) + (t264 * t270)
    t274 = f64(0.13333333333333333) + (t264 * t272)
    t276 = f64(-0.3333333333333333) + (t264 * t274)
    t278 = f64(1.0) + (t264 * t276)
    t280 = tl.exp((f64(-2.0) * t263))
    t282 = f64(1.0) + t280
    t284 = (f64(1.0) - t280) * (f64(1.0) / t282)
    t285 = f64(1.0) / t263
    t286 = t284 * t285
    t287 = tl.where(t261, t278, t286)
    t288 = t256 * t287
    t289 = t257 * t287
    t292 = t278 * t278
    t297 = f64(1.0) / (t282 * t282)
    t298 = (f64(4.0) * t280) * t297
    t299 = tl.where(t261, (f64(1.0) - (t260 * t292)), t298)
    t300 = t87 + t288
    t301 = t88 + t289
    t302 = t300 * t300
    t304 = f64(2.0) * t300
    t305 = t301 * t304
    t308 = t301 * t301
    t310 = ((ee * t302) + (ew * t305)) + (ww * t308)
    t311 = c * t310
    t312 = t99 * t299
    t315 = f64(1.0) / (t311 + t312)
    t316 = (t99 + t311) * t315
    t319 = t99 * t315
    t322 = (t87 * t316) + (t288 * t319)
    t323 = (t88 * t316) + (t289 * t319)
    t324 = t310 * t315
    t325 = t312 * t315
    t327 = f64(1.0) / t325
    t328 = (c * t324) * t327
    t329 = t328 < f64(0.015625)
    t331 = tl.sqrt((tl.where(t329, f64(1.0), t328)))
    t332 = tl.where(t329, t328, f64(0.0))
    t334 = f64(0.017352764423076924) + (f64(-0.01396484375) * t332)
    t336 = f64(-0.022372159090909092) + (t332 * t334)
    t338 = f64(0.030381944444444444) + (t332 * t336)
    t340 = f64(-0.044642857142857144) + (t332 * t338)
    t342 = f64(0.075) + (t332 * t340)
    t344 = f64(-0.16666666666666666) + (t332 * t342)
    t349 = tl.sqrt((f64(1.0) + (t331 * t331)))
    t352 = f64(1.0) / t331
    t353 = (tl.log((t331 + t349))) * t352
    t354 = tl.where(t329, (f64(1.0) + (t332 * t344)), t353)
    t356 = f64(1.0) / (tl.sqrt(t325))
    t357 = t354 * t356
    t358 = t322 * t357
    t359 = t323 * t357
    t363 = g_b * t357
    t365 = g_a * t357
    t366 = (g_b * t323) + (g_a * t322)
    t368 = t356 * t366
    t373 = (t356 * (t356 * t356)) * ((t354 * t366) * f64(-0.5))
    t374 = tl.where(t329, f64(0.0), t368)
    t375 = tl.where(t329, t368, f64(0.0))
    t383 = ((t352 * t374) * (f64(1.0) / t349)) - (t374 * (t352 * t353))
    t385 = t332 * t375
    t387 = t332 * t385
    t390 = t332 * t387
    t391 = ((t344 * t375) + (t342 * t385)) + (t340 * t387)
    t393 = t332 * t390
    t396 = t332 * t393
    t400 = ((t391 + (t338 * t390)) + (t336 * t393)) + (t334 * t396)
    t402 = t400 + (f64(-0.01396484375) * (t332 * t396))
    t407 = tl.where(t329, f64(0.0), (t383 * (f64(1.0) / (f64(2.0) * t331))))
    t408 = (tl.where(t329, t402, f64(0.0))) + t407
    t413 = t327 * t408
    t414 = t373 - (t408 * (t327 * t328))
    t415 = c * t413
    t427 = (-(t414 * (t315 * t325))) - (t415 * (t315 * t324))
    t432 = (t289 * t363) + (t288 * t365)
    t443 = (t88 * t363) + (t87 * t365)
    t448 = t315 * t443
    t449 = (t427 - (t432 * (t315 * t319))) - (t443 * (t315 * t316))
    t451 = (t315 * t414) + t449
    t452 = t448 + t449
    t453 = t99 * t451
    t459 = (t315 * t415) + (c * t452)
    t462 = t301 * (ww * t459)
    t465 = ew * t459
    t468 = (t462 + t462) + (t304 * t465)
    t472 = t300 * (ee * t459)
    t474 = t472 + ((f64(2.0) * (t301 * t465)) + t472)
    t476 = (t319 * t363) + t468
    t478 = (t319 * t365) + t474
    t479 = tl.where(t261, f64(0.0), t453)
    t480 = tl.where(t261, t453, f64(0.0))
    t487 = (t479 * (t297 * t298)) * (f64(2.0) * t282)
    t497 = (t260 * t480) * (f64(2.0) * t278)
    t501 = t264 * t497
    t505 = t264 * t501
    t510 = t264 * t505
    t512 = ((-(t276 * t497)) - (t274 * t501)) - (t272 * t505)
    t515 = t264 * t510
    t520 = t264 * t515
    t527 = ((t512 - (t270 * t510)) - (t268 * t515)) - (t266 * t520)
    t528 = f64(-0.0014558343870513183) * (t264 * t520)
    t532 = (tl.where(t261, (t527 - t528), f64(0.0))) - (t292 * t480)
    t533 = t280 * ((f64(4.0) * (t297 * t479)) - t487)
    t536 = f64(1.0) / (f64(2.0) * t263)
    t538 = tl.where(t261, f64(0.0), ((f64(-2.0) * t533) * t536))
    t541 = t287 * t476
    t543 = t287 * t478
    t544 = (t257 * t476) + (t256 * t478)
    t545 = tl.where(t261, f64(0.0), t544)
    t546 = tl.where(t261, t544, f64(0.0))
    t554 = (t285 * t545) * (f64(1.0) - (t284 * t284))
    t557 = t264 * t546
    t559 = t264 * t557
    t562 = t264 * t559
    t563 = ((t276 * t546) + (t274 * t557)) + (t272 * t559)
    t565 = t264 * t562
    t568 = t264 * t565
    t572 = ((t563 + (t270 * t562)) + (t268 * t565)) + (t266 * t568)
    t573 = f64(-0.0014558343870513183) * (t264 * t568)
    t576 = (t532 + t538) + (tl.where(t261, (t572 + t573), f64(0.0)))
    t578 = tl.where(t261, f64(0.0), (t536 * (t554 - (t545 * (t285 * t286)))))
    t579 = t576 + t578
    t580 = c * t579
    t582 = ((t324 * t413) + (t310 * t452)) + (t259 * t579)
    t588 = t255 * t541
    t589 = ((t246 * t580) * (f64(2.0) * t255)) + (t244 * t541)
    t591 = t255 * t543
    t593 = tl.where(t249, (t589 + (t243 * t543)), f64(0.0))
    t597 = f64(31364.092861833666) * (t593 * (f64(1.0) / (f64(2.0) * t254)))
    t602 = tl.where(t249, (-(t597 * (t252 * t252))), f64(0.0))
    t606 = (t258 * t580) + (c * t602)
    t608 = t245 * t606
    t612 = gamma * t588
    t613 = ((t242 * t606) * (gamma * f64(2.0))) + (t240 * t588)
    t615 = gamma * t591
    t616 = t613 + (t239 * t591)
    t622 = t238 * t612
    t623 = ((t198 * t608) * (f64(2.0) * t238)) + (t197 * t612)
    t625 = t238 * t615
    t626 = t623 + (t196 * t615)
    t628 = t237 * t626
    t632 = (t237 * (t237 * t237)) * (f64(-0.5) * (t235 * t626))
    t633 = tl.where(t203, f64(0.0), t628)
    t634 = tl.where(t203, t628, f64(0.0))
    t642 = ((t233 * t633) * (f64(1.0) / t230)) - (t633 * (t233 * t234))
    t644 = t206 * t634
    t646 = t206 * t644
    t649 = t206 * t646
    t650 = ((t225 * t634) + (t222 * t644)) + (t219 * t646)
    t652 = t206 * t649
    t655 = t206 * t652
    t659 = ((t650 + (t216 * t649)) + (t213 * t652)) + (t210 * t655)
    t661 = t659 + (f64(-0.01396484375) * (t206 * t655))
    t666 = tl.where(t203, f64(0.0), (t642 * (f64(1.0) / (f64(2.0) * t205))))
    t667 = (tl.where(t203, t661, f64(0.0))) + t666
    t672 = t201 * t667
    t673 = t632 - (t667 * (t201 * t202))
    t677 = (t241 * t608) + (c * t672)
    t688 = (-(t673 * (t187 * t199))) - (t677 * (t187 * t198))
    t693 = (t156 * t622) + (t155 * t625)
    t699 = (((t315 * t432) + t448) + (t299 * t451)) + (t187 * t693)
    t707 = (-(t88 * t622)) - (t87 * t625)
    t712 = t187 * t707
    t713 = (t688 - (t693 * (t187 * t193))) - (t707 * (t187 * t188))
    t715 = (t187 * t673) + t713
    t716 = t712 + t713
    t717 = t99 * t715
    t719 = (t699 + t712) + (t166 * t715)
    t722 = ((t582 + (t246 * t602)) + (t198 * t672)) + (t182 * t716)
    t723 = (t187 * t677) + (c * t716)
    t727 = t173 * (ww * t723)
    t730 = ew * t723
    t734 = (t727 + t727) + (t176 * t730)
    t739 = t172 * (ee * t723)
    t741 = t739 + ((f64(2.0) * (t173 * t730)) + t739)
    t743 = (t193 * t622) + t734
    t745 = (t193 * t625) + t741
    t747 = ((t316 * t363) + t468) - ((t188 * t622) + t734)
    t749 = ((t316 * t365) + t474) - ((t188 * t625) + t741)
    t750 = tl.where(t128, f64(0.0), t717)
    t751 = tl.where(t128, t717, f64(0.0))
    t758 = (t750 * (t164 * t165)) * (f64(2.0) * t149)
    t768 = (t127 * t751) * (f64(2.0) * t145)
    t772 = t131 * t768
    t776 = t131 * t772
    t781 = t131 * t776
    t783 = ((-(t143 * t768)) - (t141 * t772)) - (t139 * t776)
    t786 = t131 * t781
    t791 = t131 * t786
    t798 = ((t783 - (t137 * t781)) - (t135 * t786)) - (t133 * t791)
    t799 = f64(-0.0014558343870513183) * (t131 * t791)
    t803 = (tl.where(t128, (t798 - t799), f64(0.0))) - (t159 * t751)
    t804 = t147 * ((f64(4.0) * (t164 * t750)) - t758)
    t807 = f64(1.0) / (f64(2.0) * t130)
    t809 = tl.where(t128, f64(0.0), ((f64(-2.0) * t804) * t807))
    t815 = (t124 * t743) + (t123 * t745)
    t816 = tl.where(t128, f64(0.0), t815)
    t817 = tl.where(t128, t815, f64(0.0))
    t825 = (t152 * t816) * (f64(1.0) - (t151 * t151))
    t828 = t131 * t817
    t830 = t131 * t828
    t833 = t131 * t830
    t834 = ((t143 * t817) + (t141 * t828)) + (t139 * t830)
    t836 = t131 * t833
    t839 = t131 * t836
    t843 = ((t834 + (t137 * t833)) + (t135 * t836)) + (t133 * t839)
    t844 = f64(-0.0014558343870513183) * (t131 * t839)
    t847 = (t803 + t809) + (tl.where(t128, (t843 + t844), f64(0.0)))
    t849 = tl.where(t128, f64(0.0), (t807 * (t825 - (t816 * (t152 * t153)))))
    t850 = t847 + t849
    t851 = c * t850
    t859 = ((t108 * t851) * (f64(2.0) * t122)) + (y2 * (t154 * t743))
    t861 = t859 + (y1 * (t154 * t745))
    t867 = (tl.where(t116, (t115 * t861), f64(0.0))) * (f64(1.0) / (f64(2.0) * t120))
    t872 = tl.where(t116, (-(t867 * (t118 * t119))), f64(0.0))
    t877 = (tl.where(t110, (t121 * t861), f64(0.0))) * (f64(1.0) / (f64(2.0) * t114))
    t882 = tl.where(t110, (-(t877 * (t112 * t113))), f64(0.0))
    t886 = ((t125 * t851) + t872) + (c * t882)
    t888 = ((t308 * t459) + (t180 * t723)) + (t106 * t886)
    t890 = ((t305 * t459) + (t177 * t723)) + (t103 * t886)
    t892 = ((t302 * t459) + (t174 * t723)) + (t100 * t886)
    t893 = tl.where(t51, f64(0.0), t719)
    t894 = tl.where(t51, t719, f64(0.0))
    t904 = (f64(4.0) * (t97 * t893)) - ((t893 * (t97 * t98)) * (f64(2.0) * t81))
    t911 = (t49 * t894) * (f64(2.0) * t76)
    t915 = t55 * t911
    t919 = t55 * t915
    t924 = t55 * t919
    t926 = ((-(t74 * t911)) - (t71 * t915)) - (t68 * t919)
    t929 = t55 * t924
    t934 = t55 * t929
    t941 = ((t926 - (t65 * t924)) - (t62 * t929)) - (t59 * t934)
    t942 = f64(-0.0014558343870513183) * (t55 * t934)
    t946 = (tl.where(t51, (t941 - t942), f64(0.0))) - (t91 * t894)
    t950 = f64(1.0) / (f64(2.0) * t53)
    t952 = tl.where(t51, f64(0.0), ((f64(-2.0) * (t79 * t904)) * t950))
    t958 = (t46 * t747) + (t45 * t749)
    t959 = tl.where(t51, f64(0.0), t958)
    t960 = tl.where(t51, t958, f64(0.0))
    t969 = ((t84 * t959) * (f64(1.0) - (t83 * t83))) - (t959 * (t84 * t85))
    t971 = t55 * t960
    t973 = t55 * t971
    t976 = t55 * t973
    t977 = ((t74 * t960) + (t71 * t971)) + (t68 * t973)
    t979 = t55 * t976
    t982 = t55 * t979
    t986 = ((t977 + (t65 * t976)) + (t62 * t979)) + (t59 * t982)
    t987 = f64(-0.0014558343870513183) * (t55 * t982)
    t990 = (t946 + t952) + (tl.where(t51, (t986 + t987), f64(0.0)))
    t993 = t990 + (tl.where(t51, f64(0.0), (t950 * t969)))
    t994 = c * t993
    t996 = ((t722 + (t126 * t850)) + (t108 * t882)) + (t48 * t993)
    t1002 = ((t30 * t994) * (f64(2.0) * t44)) + (x2 * (t86 * t747))
    t1004 = t1002 + (x1 * (t86 * t749))
    t1010 = (tl.where(t38, (t37 * t1004), f64(0.0))) * (f64(1.0) / (f64(2.0) * t42))
    t1015 = tl.where(t38, (-(t1010 * (t40 * t41))), f64(0.0))
    t1020 = (tl.where(t32, (t43 * t1004), f64(0.0))) * (f64(1.0) / (f64(2.0) * t36))
    t1025 = tl.where(t32, (-(t1020 * (t34 * t35))), f64(0.0))
    t1028 = t996 + (t30 * t1025)
    t1029 = ((t47 * t994) + t1015) + (c * t1025)
    t1031 = t888 + (t28 * t1029)
    t1033 = t890 + (t25 * t1029)
    t1035 = t892 + (t21 * t1029)
    tl.store(S + A * ROWS + r, t358)
    tl.store(S + B * ROWS + r, t359)
    tl.store(S + D_EE * ROWS + r, t1035)
    tl.store(S + D_EW * ROWS + r, t1033)
    tl.store(S + D_WW * ROWS + r, t1031)
    tl.store(S + D_C * ROWS + r, t1028)
    tl.store(S + D_GAMMA * ROWS + r, t616)


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
