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
    t278 = t199 * t199
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
    t123 = c * (t106 * (t118 * t118))
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
    t146 = f64(1.0) / (f64(1.0) + t143)
    t149 = ((f64(1.0) - t143) * t146) * (f64(1.0) / t126)
    t150 = tl.where(t124, t141, t149)
    t151 = (y1 * t118) * t150
    t152 = (y2 * t118) * t150
    t162 = tl.where(t124, (f64(1.0) - (t123 * (t141 * t141))), ((f64(4.0) * t143) * (t146 * t146)))
    t205 = t151 - t85
    t206 = t152 - t86
    t212 = (ee * (t205 * t205)) + (ew * (t206 * (f64(2.0) * t205)))
    t215 = t212 + (ww * (t206 * t206))
    t216 = c * t215
    t217 = t97 * t162
    t220 = f64(1.0) / (t216 + t217)
    t221 = (t97 + t216) * t220
    t226 = t97 * t220
    t231 = t215 * t220
    t232 = t217 * t220
    t235 = (c * t231) * (f64(1.0) / t232)
    t236 = t235 < f64(0.015625)
    t238 = tl.sqrt((tl.where(t236, f64(1.0), t235)))
    t239 = tl.where(t236, t235, f64(0.0))
    t243 = (t239 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t246 = (t239 * t243) + f64(-0.022372159090909092)
    t249 = (t239 * t246) + f64(0.030381944444444444)
    t252 = (t239 * t249) + f64(-0.044642857142857144)
    t258 = (t239 * ((t239 * t252) + f64(0.075))) + f64(-0.16666666666666666)
    t264 = t238 + (tl.sqrt((f64(1.0) + (t238 * t238))))
    t268 = tl.where(t236, (f64(1.0) + (t239 * t258)), ((tl.log(t264)) * (f64(1.0) / t238)))
    t271 = t268 * (f64(1.0) / (tl.sqrt(t232)))
    t276 = t199 * (((t151 * t226) - (t85 * t221)) * t271)
    t277 = t199 * (((t152 * t226) - (t86 * t221)) * t271)
    t279 = (t231 * (t271 * t271)) * t278
    t280 = c * t279
    t282 = f64(31364.092861833193) <= t280
    t284 = tl.where(t282, f64(31364.092861833666), f64(1.0))
    t286 = f64(1.0) / (tl.where(t282, t280, f64(1.0)))
    t288 = tl.sqrt((t284 * t286))
    t293 = c * (t279 * (t288 * t288))
    t294 = t293 < f64(0.015625)
    t296 = tl.sqrt((tl.where(t294, f64(1.0), t293)))
    t297 = tl.where(t294, t293, f64(0.0))
    t299 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t297)
    t301 = f64(-0.008863235529902197) + (t297 * t299)
    t303 = f64(0.021869488536155203) + (t297 * t301)
    t305 = f64(-0.05396825396825397) + (t297 * t303)
    t307 = f64(0.13333333333333333) + (t297 * t305)
    t309 = f64(-0.3333333333333333) + (t297 * t307)
    t311 = f64(1.0) + (t297 * t309)
    t313 = tl.exp((f64(-2.0) * t296))
    t316 = f64(1.0) / (f64(1.0) + t313)
    t319 = ((f64(1.0) - t313) * t316) * (f64(1.0) / t296)
    t320 = tl.where(t294, t311, t319)
    t321 = (t276 * t288) * t320
    t322 = (t277 * t288) * t320
    t332 = tl.where(t294, (f64(1.0) - (t293 * (t311 * t311))), ((f64(4.0) * t313) * (t316 * t316)))
    t333 = t85 + t321
    t334 = t86 + t322
    t340 = (ee * (t333 * t333)) + (ew * (t334 * (f64(2.0) * t333)))
    t343 = t340 + (ww * (t334 * t334))
    t344 = c * t343
    t345 = t97 * t332
    t348 = f64(1.0) / (t344 + t345)
    t349 = (t97 + t344) * t348
    t352 = t97 * t348
    t358 = t345 * t348
    t361 = (c * (t343 * t348)) * (f64(1.0) / t358)
    t362 = t361 < f64(0.015625)
    t364 = tl.sqrt((tl.where(t362, f64(1.0), t361)))
    t365 = tl.where(t362, t361, f64(0.0))
    t367 = f64(0.017352764423076924) + (f64(-0.01396484375) * t365)
    t369 = f64(-0.022372159090909092) + (t365 * t367)
    t371 = f64(0.030381944444444444) + (t365 * t369)
    t373 = f64(-0.044642857142857144) + (t365 * t371)
    t377 = f64(-0.16666666666666666) + (t365 * (f64(0.075) + (t365 * t373)))
    t383 = t364 + (tl.sqrt((f64(1.0) + (t364 * t364))))
    t387 = tl.where(t362, (f64(1.0) + (t365 * t377)), ((tl.log(t383)) * (f64(1.0) / t364)))
    t390 = t387 * (f64(1.0) / (tl.sqrt(t358)))
    t391 = ((t85 * t349) + (t321 * t352)) * t390
    t392 = ((t86 * t349) + (t322 * t352)) * t390
    tl.store(S + A * ROWS + r, t391)
    tl.store(S + B * ROWS + r, t392)


@triton.jit
def backward_scalars(S, numbers, clip):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma_raw, d_gamma_scale of every row of a block."""
    r = tl.arange(0, ROWS)
    c = tl.load(numbers + 0)
    gamma_raw = tl.load(numbers + 1)
    gamma_scale = tl.load(numbers + 2)
    z2_max = tl.load(clip + 0)
    z2_edge = tl.load(clip + 1)
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
    t280 = t201 * t201
    t643 = f64(2.0) * t201
    t790 = t197 * t198
    t796 = f64(1.0) - (t196 * t196)
    t820 = t197 * f64(0.5)
    t828 = f64(1.0) / t166
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
    t125 = c * t124
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
    t148 = f64(1.0) / t147
    t149 = (f64(1.0) - t145) * t148
    t150 = f64(1.0) / t128
    t151 = t149 * t150
    t152 = tl.where(t126, t143, t151)
    t153 = t121 * t152
    t154 = t122 * t152
    t157 = t143 * t143
    t162 = t148 * t148
    t163 = (f64(4.0) * t145) * t162
    t164 = tl.where(t126, (f64(1.0) - (t125 * t157)), t163)
    t207 = t153 - t87
    t208 = t154 - t88
    t209 = t207 * t207
    t211 = f64(2.0) * t207
    t212 = t208 * t211
    t215 = t208 * t208
    t217 = ((ee * t209) + (ew * t212)) + (ww * t215)
    t218 = c * t217
    t219 = t99 * t164
    t222 = f64(1.0) / (t218 + t219)
    t223 = (t99 + t218) * t222
    t228 = t99 * t222
    t231 = (t153 * t228) - (t87 * t223)
    t232 = (t154 * t228) - (t88 * t223)
    t233 = t217 * t222
    t234 = t219 * t222
    t236 = f64(1.0) / t234
    t237 = (c * t233) * t236
    t238 = t237 < f64(0.015625)
    t240 = tl.sqrt((tl.where(t238, f64(1.0), t237)))
    t241 = tl.where(t238, t237, f64(0.0))
    t245 = (t241 * f64(-0.01396484375)) + f64(0.017352764423076924)
    t248 = (t241 * t245) + f64(-0.022372159090909092)
    t251 = (t241 * t248) + f64(0.030381944444444444)
    t254 = (t241 * t251) + f64(-0.044642857142857144)
    t257 = (t241 * t254) + f64(0.075)
    t260 = (t241 * t257) + f64(-0.16666666666666666)
    t265 = tl.sqrt((f64(1.0) + (t240 * t240)))
    t268 = f64(1.0) / t240
    t269 = (tl.log((t240 + t265))) * t268
    t270 = tl.where(t238, (f64(1.0) + (t241 * t260)), t269)
    t272 = f64(1.0) / (tl.sqrt(t234))
    t273 = t270 * t272
    t274 = t231 * t273
    t275 = t232 * t273
    t276 = t273 * t273
    t277 = t233 * t276
    t278 = t201 * t274
    t279 = t201 * t275
    t281 = t277 * t280
    t282 = c * t281
    t284 = f64(31364.092861833193) <= t282
    t286 = tl.where(t284, f64(31364.092861833666), f64(1.0))
    t288 = f64(1.0) / (tl.where(t284, t282, f64(1.0)))
    t289 = t286 * t288
    t290 = tl.sqrt(t289)
    t291 = t278 * t290
    t292 = t279 * t290
    t293 = t290 * t290
    t294 = t281 * t293
    t295 = c * t294
    t296 = t295 < f64(0.015625)
    t298 = tl.sqrt((tl.where(t296, f64(1.0), t295)))
    t299 = tl.where(t296, t295, f64(0.0))
    t301 = f64(0.003592128036572481) + (f64(-0.0014558343870513183) * t299)
    t303 = f64(-0.008863235529902197) + (t299 * t301)
    t305 = f64(0.021869488536155203) + (t299 * t303)
    t307 = f64(-0.05396825396825397) + (t299 * t305)
    t309 = f64(0.13333333333333333) + (t299 * t307)
    t311 = f64(-0.3333333333333333) + (t299 * t309)
    t313 = f64(1.0) + (t299 * t311)
    t315 = tl.exp((f64(-2.0) * t298))
    t317 = f64(1.0) + t315
    t318 = f64(1.0) / t317
    t319 = (f64(1.0) - t315) * t318
    t320 = f64(1.0) / t298
    t321 = t319 * t320
    t322 = tl.where(t296, t313, t321)
    t323 = t291 * t322
    t324 = t292 * t322
    t327 = t313 * t313
    t332 = t318 * t318
    t333 = (f64(4.0) * t315) * t332
    t334 = tl.where(t296, (f64(1.0) - (t295 * t327)), t333)
    t335 = t87 + t323
    t336 = t88 + t324
    t337 = t335 * t335
    t339 = f64(2.0) * t335
    t340 = t336 * t339
    t343 = t336 * t336
    t345 = ((ee * t337) + (ew * t340)) + (ww * t343)
    t346 = c * t345
    t347 = t99 * t334
    t350 = f64(1.0) / (t346 + t347)
    t351 = (t99 + t346) * t350
    t354 = t99 * t350
    t357 = (t87 * t351) + (t323 * t354)
    t358 = (t88 * t351) + (t324 * t354)
    t359 = t345 * t350
    t360 = t347 * t350
    t362 = f64(1.0) / t360
    t363 = (c * t359) * t362
    t364 = t363 < f64(0.015625)
    t366 = tl.sqrt((tl.where(t364, f64(1.0), t363)))
    t367 = tl.where(t364, t363, f64(0.0))
    t369 = f64(0.017352764423076924) + (f64(-0.01396484375) * t367)
    t371 = f64(-0.022372159090909092) + (t367 * t369)
    t373 = f64(0.030381944444444444) + (t367 * t371)
    t375 = f64(-0.044642857142857144) + (t367 * t373)
    t377 = f64(0.075) + (t367 * t375)
    t379 = f64(-0.16666666666666666) + (t367 * t377)
    t384 = tl.sqrt((f64(1.0) + (t366 * t366)))
    t387 = f64(1.0) / t366
    t388 = (tl.log((t366 + t384))) * t387
    t389 = tl.where(t364, (f64(1.0) + (t367 * t379)), t388)
    t391 = f64(1.0) / (tl.sqrt(t360))
    t392 = t389 * t391
    t393 = t357 * t392
    t394 = t358 * t392
    t398 = g_b * t392
    t400 = g_a * t392
    t401 = (g_b * t358) + (g_a * t357)
    t403 = t391 * t401
    t408 = (t391 * (t391 * t391)) * ((t389 * t401) * f64(-0.5))
    t409 = tl.where(t364, f64(0.0), t403)
    t410 = tl.where(t364, t403, f64(0.0))
    t418 = ((t387 * t409) * (f64(1.0) / t384)) - (t409 * (t387 * t388))
    t420 = t367 * t410
    t422 = t367 * t420
    t425 = t367 * t422
    t426 = ((t379 * t410) + (t377 * t420)) + (t375 * t422)
    t428 = t367 * t425
    t431 = t367 * t428
    t435 = ((t426 + (t373 * t425)) + (t371 * t428)) + (t369 * t431)
    t437 = t435 + (f64(-0.01396484375) * (t367 * t431))
    t443 = tl.where(t364, f64(0.0), (t418 * (t387 * f64(0.5))))
    t444 = (tl.where(t364, t437, f64(0.0))) + t443
    t449 = t362 * t444
    t450 = t408 - (t444 * (t362 * t363))
    t451 = c * t449
    t463 = (-(t450 * (t350 * t360))) - (t451 * (t350 * t359))
    t468 = (t324 * t398) + (t323 * t400)
    t479 = (t88 * t398) + (t87 * t400)
    t484 = t350 * t479
    t485 = (t463 - (t468 * (t350 * t354))) - (t479 * (t350 * t351))
    t487 = (t350 * t450) + t485
    t488 = t484 + t485
    t489 = t99 * t487
    t495 = (t350 * t451) + (c * t488)
    t498 = t336 * (ww * t495)
    t501 = ew * t495
    t504 = (t498 + t498) + (t339 * t501)
    t508 = t335 * (ee * t495)
    t510 = t508 + ((f64(2.0) * (t336 * t501)) + t508)
    t512 = (t354 * t398) + t504
    t514 = (t354 * t400) + t510
    t515 = tl.where(t296, f64(0.0), t489)
    t516 = tl.where(t296, t489, f64(0.0))
    t523 = (t515 * (t332 * t333)) * (f64(2.0) * t317)
    t533 = (t295 * t516) * (f64(2.0) * t313)
    t537 = t299 * t533
    t541 = t299 * t537
    t546 = t299 * t541
    t548 = ((-(t311 * t533)) - (t309 * t537)) - (t307 * t541)
    t551 = t299 * t546
    t556 = t299 * t551
    t563 = ((t548 - (t305 * t546)) - (t303 * t551)) - (t301 * t556)
    t564 = f64(-0.0014558343870513183) * (t299 * t556)
    t568 = (tl.where(t296, (t563 - t564), f64(0.0))) - (t327 * t516)
    t569 = t315 * ((f64(4.0) * (t332 * t515)) - t523)
    t572 = t320 * f64(0.5)
    t574 = tl.where(t296, f64(0.0), ((f64(-2.0) * t569) * t572))
    t577 = t322 * t512
    t579 = t322 * t514
    t580 = (t292 * t512) + (t291 * t514)
    t581 = tl.where(t296, f64(0.0), t580)
    t582 = tl.where(t296, t580, f64(0.0))
    t590 = (t320 * t581) * (f64(1.0) - (t319 * t319))
    t593 = t299 * t582
    t595 = t299 * t593
    t598 = t299 * t595
    t599 = ((t311 * t582) + (t309 * t593)) + (t307 * t595)
    t601 = t299 * t598
    t604 = t299 * t601
    t608 = ((t599 + (t305 * t598)) + (t303 * t601)) + (t301 * t604)
    t609 = f64(-0.0014558343870513183) * (t299 * t604)
    t612 = (t568 + t574) + (tl.where(t296, (t608 + t609), f64(0.0)))
    t614 = tl.where(t296, f64(0.0), (t572 * (t590 - (t581 * (t320 * t321)))))
    t615 = t612 + t614
    t616 = c * t615
    t618 = ((t359 * t449) + (t345 * t488)) + (t294 * t615)
    t624 = t290 * t577
    t625 = ((t281 * t616) * (f64(2.0) * t290)) + (t279 * t577)
    t627 = t290 * t579
    t631 = (t625 + (t278 * t579)) * (f64(0.5) * (f64(1.0) / t290))
    t636 = tl.where(t284, (-(t631 * (t288 * t289))), f64(0.0))
    t640 = (t293 * t616) + (c * t636)
    t642 = t280 * t640
    t646 = t201 * t624
    t649 = t201 * t627
    t650 = (((t277 * t640) * t643) + (t275 * t624)) + (t274 * t627)
    t656 = t273 * t646
    t657 = ((t233 * t642) * (f64(2.0) * t273)) + (t232 * t646)
    t659 = t273 * t649
    t660 = t657 + (t231 * t649)
    t662 = t272 * t660
    t666 = (t272 * (t272 * t272)) * (f64(-0.5) * (t270 * t660))
    t667 = tl.where(t238, f64(0.0), t662)
    t668 = tl.where(t238, t662, f64(0.0))
    t676 = ((t268 * t667) * (f64(1.0) / t265)) - (t667 * (t268 * t269))
    t678 = t241 * t668
    t680 = t241 * t678
    t683 = t241 * t680
    t684 = ((t260 * t668) + (t257 * t678)) + (t254 * t680)
    t686 = t241 * t683
    t689 = t241 * t686
    t693 = ((t684 + (t251 * t683)) + (t248 * t686)) + (t245 * t689)
    t695 = t693 + (f64(-0.01396484375) * (t241 * t689))
    t700 = tl.where(t238, f64(0.0), (t676 * (t268 * f64(0.5))))
    t701 = (tl.where(t238, t695, f64(0.0))) + t700
    t706 = t236 * t701
    t707 = t666 - (t701 * (t236 * t237))
    t711 = (t276 * t642) + (c * t706)
    t722 = (-(t707 * (t222 * t234))) - (t711 * (t222 * t233))
    t727 = (t154 * t656) + (t153 * t659)
    t733 = (((t350 * t468) + t484) + (t334 * t487)) + (t222 * t727)
    t741 = (-(t88 * t656)) - (t87 * t659)
    t746 = t222 * t741
    t747 = (t722 - (t727 * (t222 * t228))) - (t741 * (t222 * t223))
    t749 = (t222 * t707) + t747
    t750 = t746 + t747
    t751 = t99 * t749
    t753 = (t733 + t746) + (t164 * t749)
    t756 = ((t618 + (t281 * t636)) + (t233 * t706)) + (t217 * t750)
    t757 = (t222 * t711) + (c * t750)
    t761 = t208 * (ww * t757)
    t764 = ew * t757
    t768 = (t761 + t761) + (t211 * t764)
    t773 = t207 * (ee * t757)
    t775 = t773 + ((f64(2.0) * (t208 * t764)) + t773)
    t777 = (t228 * t656) + t768
    t779 = (t228 * t659) + t775
    t781 = ((t351 * t398) + t504) - ((t223 * t656) + t768)
    t783 = ((t351 * t400) + t510) - ((t223 * t659) + t775)
    t784 = t171 * t650
    t785 = t200 * t650
    t786 = gamma_raw * t784
    t788 = tl.where(t173, f64(0.0), t786)
    t789 = tl.where(t173, t786, f64(0.0))
    t800 = t176 * t789
    t802 = t176 * t800
    t805 = t176 * t802
    t806 = ((t188 * t789) + (t186 * t800)) + (t184 * t802)
    t808 = t176 * t805
    t811 = t176 * t808
    t815 = ((t806 + (t182 * t805)) + (t180 * t808)) + (t178 * t811)
    t816 = f64(-0.0014558343870513183) * (t176 * t811)
    t821 = (((t197 * t788) * t796) - (t788 * t790)) * t820
    t823 = (tl.where(t173, (t815 + t816), f64(0.0))) + (tl.where(t173, f64(0.0), t821))
    t824 = gamma_raw * t823
    t826 = t824 + ((t199 * t784) + t824)
    t830 = tl.where(t169, t785, ((t165 * t785) * t828))
    t831 = tl.where(t126, f64(0.0), t751)
    t832 = tl.where(t126, t751, f64(0.0))
    t839 = (t831 * (t162 * t163)) * (f64(2.0) * t147)
    t849 = (t125 * t832) * (f64(2.0) * t143)
    t853 = t129 * t849
    t857 = t129 * t853
    t862 = t129 * t857
    t864 = ((-(t141 * t849)) - (t139 * t853)) - (t137 * t857)
    t867 = t129 * t862
    t872 = t129 * t867
    t879 = ((t864 - (t135 * t862)) - (t133 * t867)) - (t131 * t872)
    t880 = f64(-0.0014558343870513183) * (t129 * t872)
    t884 = (tl.where(t126, (t879 - t880), f64(0.0))) - (t157 * t832)
    t885 = t145 * ((f64(4.0) * (t162 * t831)) - t839)
    t888 = t150 * f64(0.5)
    t890 = tl.where(t126, f64(0.0), ((f64(-2.0) * t885) * t888))
    t896 = (t122 * t777) + (t121 * t779)
    t897 = tl.where(t126, f64(0.0), t896)
    t898 = tl.where(t126, t896, f64(0.0))
    t906 = (t150 * t897) * (f64(1.0) - (t149 * t149))
    t909 = t129 * t898
    t911 = t129 * t909
    t914 = t129 * t911
    t915 = ((t141 * t898) + (t139 * t909)) + (t137 * t911)
    t917 = t129 * t914
    t920 = t129 * t917
    t924 = ((t915 + (t135 * t914)) + (t133 * t917)) + (t131 * t920)
    t925 = f64(-0.0014558343870513183) * (t129 * t920)
    t928 = (t884 + t890) + (tl.where(t126, (t924 + t925), f64(0.0)))
    t930 = tl.where(t126, f64(0.0), (t888 * (t906 - (t897 * (t150 * t151)))))
    t931 = t928 + t930
    t932 = c * t931
    t940 = ((t108 * t932) * (f64(2.0) * t120)) + (y2 * (t152 * t777))
    t945 = (t940 + (y1 * (t152 * t779))) * (f64(0.5) * (f64(1.0) / t120))
    t948 = t945 * (t118 * t119)
    t954 = tl.where(t111, (-(t113 * t948)), f64(0.0))
    t956 = tl.where(t110, (-(t115 * t948)), f64(0.0))
    t960 = ((t123 * t932) + t954) + (c * t956)
    t962 = ((t343 * t495) + (t215 * t757)) + (t106 * t960)
    t964 = ((t340 * t495) + (t212 * t757)) + (t103 * t960)
    t966 = ((t337 * t495) + (t209 * t757)) + (t100 * t960)
    t967 = tl.where(t51, f64(0.0), t753)
    t968 = tl.where(t51, t753, f64(0.0))
    t978 = (f64(4.0) * (t97 * t967)) - ((t967 * (t97 * t98)) * (f64(2.0) * t81))
    t985 = (t49 * t968) * (f64(2.0) * t76)
    t989 = t55 * t985
    t993 = t55 * t989
    t998 = t55 * t993
    t1000 = ((-(t74 * t985)) - (t71 * t989)) - (t68 * t993)
    t1003 = t55 * t998
    t1008 = t55 * t1003
    t1015 = ((t1000 - (t65 * t998)) - (t62 * t1003)) - (t59 * t1008)
    t1016 = f64(-0.0014558343870513183) * (t55 * t1008)
    t1019 = tl.where(t51, (t1015 - t1016), f64(0.0))
    t1024 = t84 * f64(0.5)
    t1026 = tl.where(t51, f64(0.0), ((f64(-2.0) * (t79 * t978)) * t1024))
    t1032 = (t46 * t781) + (t45 * t783)
    t1033 = tl.where(t51, f64(0.0), t1032)
    t1034 = tl.where(t51, t1032, f64(0.0))
    t1042 = (t84 * t1033) * (f64(1.0) - (t83 * t83))
    t1045 = t55 * t1034
    t1047 = t55 * t1045
    t1050 = t55 * t1047
    t1051 = ((t74 * t1034) + (t71 * t1045)) + (t68 * t1047)
    t1053 = t55 * t1050
    t1056 = t55 * t1053
    t1060 = ((t1051 + (t65 * t1050)) + (t62 * t1053)) + (t59 * t1056)
    t1061 = f64(-0.0014558343870513183) * (t55 * t1056)
    t1063 = tl.where(t51, (t1060 + t1061), f64(0.0))
    t1064 = ((t1019 - (t91 * t968)) + t1026) + t1063
    t1066 = tl.where(t51, f64(0.0), (t1024 * (t1042 - (t1033 * (t84 * t85)))))
    t1067 = t1064 + t1066
    t1068 = c * t1067
    t1070 = ((t756 + (t124 * t931)) + (t108 * t956)) + (t48 * t1067)
    t1076 = ((t32 * t1068) * (f64(2.0) * t44)) + (x2 * (t86 * t781))
    t1081 = (t1076 + (x1 * (t86 * t783))) * (f64(0.5) * (f64(1.0) / t44))
    t1084 = t1081 * (t42 * t43)
    t1090 = tl.where(t35, (-(t37 * t1084)), f64(0.0))
    t1092 = tl.where(t34, (-(t39 * t1084)), f64(0.0))
    t1095 = t1070 + (t32 * t1092)
    t1096 = ((t47 * t1068) + t1090) + (c * t1092)
    t1098 = t962 + (t30 * t1096)
    t1100 = t964 + (t27 * t1096)
    t1102 = t966 + (t23 * t1096)
    tl.store(S + A * ROWS + r, t393)
    tl.store(S + B * ROWS + r, t394)
    tl.store(S + D_EE * ROWS + r, t1102)
    tl.store(S + D_EW * ROWS + r, t1100)
    tl.store(S + D_WW * ROWS + r, t1098)
    tl.store(S + D_C * ROWS + r, t1095)
    tl.store(S + D_GAMMA_RAW * ROWS + r, t826)
    tl.store(S + D_GAMMA_SCALE * ROWS + r, t830)


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
