"""`point_residual`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of a formula of two vectors per row, on a CPU.

Blocks of rows are read once. For each row the inner products of its vectors give an orthogonal basis of their plane:
`e`, the longer of `x` and `y`, and `w = o - k·e` of the other one, `o`. Then the printed program computes the scalars
of all rows of the block, and the result is a combination of `e` and `o`.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp, jit, log, sqrt, where

ROWS = 16
SLOTS = 17
EE = 0
EW = 1
WW = 2
X1 = 3
X2 = 4
Y1 = 5
Y2 = 6
A = 7
B = 8
G_A = 9
G_B = 10
D_EE = 11
D_EW = 12
D_WW = 13
D_C = 14
D_GAMMA_RAW = 15
D_GAMMA_SCALE = 16


@jit
def forward_scalars(S, numbers):
    """a, b of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    gamma_raw = numbers[11]
    gamma_scale = numbers[12]
    t168 = where((20.0 < gamma_scale), gamma_scale, log((1.0 + exp(gamma_scale))))
    t170 = gamma_raw * gamma_raw
    t171 = t170 < 0.015625
    t173 = sqrt(where(t171, 1.0, t170))
    t174 = where(t171, t170, 0.0)
    t176 = 0.003592128036572481 + ((-0.0014558343870513183) * t174)
    t179 = t174 * ((-0.008863235529902197) + (t174 * t176))
    t182 = (-0.05396825396825397) + (t174 * (0.021869488536155203 + t179))
    t185 = t174 * (0.13333333333333333 + (t174 * t182))
    t188 = 1.0 + (t174 * ((-0.3333333333333333) + t185))
    t190 = exp(((-2.0) * t173))
    t196 = ((1.0 - t190) * (1.0 / (1.0 + t190))) * (1.0 / t173)
    t199 = (1.0 + t168) * (gamma_raw * where(t171, t188, t196))
    t278 = t199 * t199
    for r in range(ROWS):
        ee = S[EE * ROWS + r]
        ew = S[EW * ROWS + r]
        ww = S[WW * ROWS + r]
        x1 = S[X1 * ROWS + r]
        x2 = S[X2 * ROWS + r]
        y1 = S[Y1 * ROWS + r]
        y2 = S[Y2 * ROWS + r]
        t27 = (ee * (x1 * x1)) + (ew * (x2 * (x1 * 2.0)))
        t30 = t27 + (ww * (x2 * x2))
        t31 = c * t30
        t32 = z2_edge <= t31
        t33 = r2_edge <= t30
        t38 = where(t32, z2_max, 1.0) * where(t33, r2_max, 1.0)
        t39 = where(t32, t31, 1.0) * where(t33, t30, 1.0)
        t42 = sqrt((t38 * (1.0 / t39)))
        t47 = c * (t30 * (t42 * t42))
        t49 = t47 < 0.015625
        t51 = sqrt(where(t49, 1.0, t47))
        t53 = where(t49, t47, 0.0)
        t57 = (t53 * (-0.0014558343870513183)) + 0.003592128036572481
        t61 = t53 * ((t53 * t57) + (-0.008863235529902197))
        t66 = (t53 * (t61 + 0.021869488536155203)) + (-0.05396825396825397)
        t70 = t53 * ((t53 * t66) + 0.13333333333333333)
        t74 = 1.0 + (t53 * (t70 + (-0.3333333333333333)))
        t77 = exp((t51 * (-2.0)))
        t80 = 1.0 / (1.0 + t77)
        t84 = where(t49, t74, (((1.0 - t77) * t80) * (1.0 / t51)))
        t85 = (x1 * t42) * t84
        t86 = (x2 * t42) * t84
        t97 = where(t49, (1.0 - (t47 * (t74 * t74))), ((t77 * 4.0) * (t80 * t80)))
        t103 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * 2.0)))
        t106 = t103 + (ww * (y2 * y2))
        t107 = c * t106
        t108 = z2_edge <= t107
        t109 = r2_edge <= t106
        t114 = where(t108, z2_max, 1.0) * where(t109, r2_max, 1.0)
        t115 = where(t108, t107, 1.0) * where(t109, t106, 1.0)
        t118 = sqrt((t114 * (1.0 / t115)))
        t123 = c * (t106 * (t118 * t118))
        t124 = t123 < 0.015625
        t126 = sqrt(where(t124, 1.0, t123))
        t127 = where(t124, t123, 0.0)
        t129 = 0.003592128036572481 + ((-0.0014558343870513183) * t127)
        t132 = t127 * ((-0.008863235529902197) + (t127 * t129))
        t135 = (-0.05396825396825397) + (t127 * (0.021869488536155203 + t132))
        t138 = t127 * (0.13333333333333333 + (t127 * t135))
        t141 = 1.0 + (t127 * ((-0.3333333333333333) + t138))
        t143 = exp(((-2.0) * t126))
        t146 = 1.0 / (1.0 + t143)
        t150 = where(t124, t141, (((1.0 - t143) * t146) * (1.0 / t126)))
        t151 = (y1 * t118) * t150
        t152 = (y2 * t118) * t150
        t162 = where(t124, (1.0 - (t123 * (t141 * t141))), ((4.0 * t143) * (t146 * t146)))
        t205 = t151 - t85
        t206 = t152 - t86
        t212 = (ee * (t205 * t205)) + (ew * (t206 * (2.0 * t205)))
        t215 = t212 + (ww * (t206 * t206))
        t216 = c * t215
        t217 = t97 * t162
        t220 = 1.0 / (t216 + t217)
        t221 = (t97 + t216) * t220
        t226 = t97 * t220
        t231 = t215 * t220
        t232 = t217 * t220
        t235 = (c * t231) * (1.0 / t232)
        t236 = t235 < 0.015625
        t238 = sqrt(where(t236, 1.0, t235))
        t239 = where(t236, t235, 0.0)
        t243 = (t239 * (-0.01396484375)) + 0.017352764423076924
        t247 = t239 * ((t239 * t243) + (-0.022372159090909092))
        t252 = (t239 * (t247 + 0.030381944444444444)) + (-0.044642857142857144)
        t258 = (t239 * ((t239 * t252) + 0.075)) + (-0.16666666666666666)
        t265 = log((t238 + sqrt((1.0 + (t238 * t238)))))
        t268 = where(t236, (1.0 + (t239 * t258)), (t265 * (1.0 / t238)))
        t271 = t268 * (1.0 / sqrt(t232))
        t276 = t199 * (((t151 * t226) - (t85 * t221)) * t271)
        t277 = t199 * (((t152 * t226) - (t86 * t221)) * t271)
        t279 = (t231 * (t271 * t271)) * t278
        t280 = c * t279
        t282 = 31364.092861833193 <= t280
        t287 = where(t282, 31364.092861833666, 1.0) * (1.0 / where(t282, t280, 1.0))
        t288 = sqrt(t287)
        t293 = c * (t279 * (t288 * t288))
        t294 = t293 < 0.015625
        t296 = sqrt(where(t294, 1.0, t293))
        t297 = where(t294, t293, 0.0)
        t299 = 0.003592128036572481 + ((-0.0014558343870513183) * t297)
        t302 = t297 * ((-0.008863235529902197) + (t297 * t299))
        t305 = (-0.05396825396825397) + (t297 * (0.021869488536155203 + t302))
        t308 = t297 * (0.13333333333333333 + (t297 * t305))
        t311 = 1.0 + (t297 * ((-0.3333333333333333) + t308))
        t313 = exp(((-2.0) * t296))
        t316 = 1.0 / (1.0 + t313)
        t320 = where(t294, t311, (((1.0 - t313) * t316) * (1.0 / t296)))
        t321 = (t276 * t288) * t320
        t322 = (t277 * t288) * t320
        t332 = where(t294, (1.0 - (t293 * (t311 * t311))), ((4.0 * t313) * (t316 * t316)))
        t333 = t85 + t321
        t334 = t86 + t322
        t340 = (ee * (t333 * t333)) + (ew * (t334 * (2.0 * t333)))
        t343 = t340 + (ww * (t334 * t334))
        t344 = c * t343
        t345 = t97 * t332
        t348 = 1.0 / (t344 + t345)
        t349 = (t97 + t344) * t348
        t352 = t97 * t348
        t358 = t345 * t348
        t361 = (c * (t343 * t348)) * (1.0 / t358)
        t362 = t361 < 0.015625
        t364 = sqrt(where(t362, 1.0, t361))
        t365 = where(t362, t361, 0.0)
        t367 = 0.017352764423076924 + ((-0.01396484375) * t365)
        t370 = t365 * ((-0.022372159090909092) + (t365 * t367))
        t373 = (-0.044642857142857144) + (t365 * (0.030381944444444444 + t370))
        t377 = (-0.16666666666666666) + (t365 * (0.075 + (t365 * t373)))
        t384 = log((t364 + sqrt((1.0 + (t364 * t364)))))
        t387 = where(t362, (1.0 + (t365 * t377)), (t384 * (1.0 / t364)))
        t390 = t387 * (1.0 / sqrt(t358))
        t391 = ((t85 * t349) + (t321 * t352)) * t390
        t392 = ((t86 * t349) + (t322 * t352)) * t390
        S[A * ROWS + r] = t391
        S[B * ROWS + r] = t392


@jit
def backward_scalars(S, numbers):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma_raw, d_gamma_scale of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    gamma_raw = numbers[11]
    gamma_scale = numbers[12]
    t165 = exp(gamma_scale)
    t166 = 1.0 + t165
    t169 = 20.0 < gamma_scale
    t171 = 1.0 + where(t169, gamma_scale, log(t166))
    t172 = gamma_raw * gamma_raw
    t173 = t172 < 0.015625
    t175 = sqrt(where(t173, 1.0, t172))
    t176 = where(t173, t172, 0.0)
    t178 = 0.003592128036572481 + ((-0.0014558343870513183) * t176)
    t180 = (-0.008863235529902197) + (t176 * t178)
    t182 = 0.021869488536155203 + (t176 * t180)
    t184 = (-0.05396825396825397) + (t176 * t182)
    t186 = 0.13333333333333333 + (t176 * t184)
    t188 = (-0.3333333333333333) + (t176 * t186)
    t192 = exp(((-2.0) * t175))
    t196 = (1.0 - t192) * (1.0 / (1.0 + t192))
    t197 = 1.0 / t175
    t198 = t196 * t197
    t199 = where(t173, (1.0 + (t176 * t188)), t198)
    t200 = gamma_raw * t199
    t201 = t171 * t200
    t280 = t201 * t201
    t643 = 2.0 * t201
    t790 = t197 * t198
    t796 = 1.0 - (t196 * t196)
    t820 = t197 * 0.5
    t828 = 1.0 / t166
    for r in range(ROWS):
        ee = S[EE * ROWS + r]
        ew = S[EW * ROWS + r]
        ww = S[WW * ROWS + r]
        x1 = S[X1 * ROWS + r]
        x2 = S[X2 * ROWS + r]
        y1 = S[Y1 * ROWS + r]
        y2 = S[Y2 * ROWS + r]
        g_a = S[G_A * ROWS + r]
        g_b = S[G_B * ROWS + r]
        t23 = x1 * x1
        t27 = x2 * (x1 * 2.0)
        t30 = x2 * x2
        t32 = ((ee * t23) + (ew * t27)) + (ww * t30)
        t33 = c * t32
        t34 = z2_edge <= t33
        t35 = r2_edge <= t32
        t37 = where(t34, t33, 1.0)
        t39 = where(t35, t32, 1.0)
        t40 = where(t34, z2_max, 1.0) * where(t35, r2_max, 1.0)
        t42 = 1.0 / (t37 * t39)
        t43 = t40 * t42
        t44 = sqrt(t43)
        t45 = x1 * t44
        t46 = x2 * t44
        t47 = t44 * t44
        t48 = t32 * t47
        t49 = c * t48
        t51 = t49 < 0.015625
        t53 = sqrt(where(t51, 1.0, t49))
        t55 = where(t51, t49, 0.0)
        t59 = (t55 * (-0.0014558343870513183)) + 0.003592128036572481
        t62 = (t55 * t59) + (-0.008863235529902197)
        t65 = (t55 * t62) + 0.021869488536155203
        t68 = (t55 * t65) + (-0.05396825396825397)
        t71 = (t55 * t68) + 0.13333333333333333
        t74 = (t55 * t71) + (-0.3333333333333333)
        t76 = 1.0 + (t55 * t74)
        t79 = exp((t53 * (-2.0)))
        t81 = 1.0 + t79
        t82 = 1.0 / t81
        t83 = (1.0 - t79) * t82
        t84 = 1.0 / t53
        t85 = t83 * t84
        t86 = where(t51, t76, t85)
        t87 = t45 * t86
        t88 = t46 * t86
        t91 = t76 * t76
        t97 = t82 * t82
        t98 = (t79 * 4.0) * t97
        t99 = where(t51, (1.0 - (t49 * t91)), t98)
        t100 = y1 * y1
        t103 = y2 * (y1 * 2.0)
        t106 = y2 * y2
        t108 = ((ee * t100) + (ew * t103)) + (ww * t106)
        t109 = c * t108
        t110 = z2_edge <= t109
        t111 = r2_edge <= t108
        t113 = where(t110, t109, 1.0)
        t115 = where(t111, t108, 1.0)
        t116 = where(t110, z2_max, 1.0) * where(t111, r2_max, 1.0)
        t118 = 1.0 / (t113 * t115)
        t119 = t116 * t118
        t120 = sqrt(t119)
        t121 = y1 * t120
        t122 = y2 * t120
        t123 = t120 * t120
        t124 = t108 * t123
        t125 = c * t124
        t126 = t125 < 0.015625
        t128 = sqrt(where(t126, 1.0, t125))
        t129 = where(t126, t125, 0.0)
        t131 = 0.003592128036572481 + ((-0.0014558343870513183) * t129)
        t133 = (-0.008863235529902197) + (t129 * t131)
        t135 = 0.021869488536155203 + (t129 * t133)
        t137 = (-0.05396825396825397) + (t129 * t135)
        t139 = 0.13333333333333333 + (t129 * t137)
        t141 = (-0.3333333333333333) + (t129 * t139)
        t143 = 1.0 + (t129 * t141)
        t145 = exp(((-2.0) * t128))
        t147 = 1.0 + t145
        t148 = 1.0 / t147
        t149 = (1.0 - t145) * t148
        t150 = 1.0 / t128
        t151 = t149 * t150
        t152 = where(t126, t143, t151)
        t153 = t121 * t152
        t154 = t122 * t152
        t157 = t143 * t143
        t162 = t148 * t148
        t163 = (4.0 * t145) * t162
        t164 = where(t126, (1.0 - (t125 * t157)), t163)
        t207 = t153 - t87
        t208 = t154 - t88
        t209 = t207 * t207
        t211 = 2.0 * t207
        t212 = t208 * t211
        t215 = t208 * t208
        t217 = ((ee * t209) + (ew * t212)) + (ww * t215)
        t218 = c * t217
        t219 = t99 * t164
        t222 = 1.0 / (t218 + t219)
        t223 = (t99 + t218) * t222
        t228 = t99 * t222
        t231 = (t153 * t228) - (t87 * t223)
        t232 = (t154 * t228) - (t88 * t223)
        t233 = t217 * t222
        t234 = t219 * t222
        t236 = 1.0 / t234
        t237 = (c * t233) * t236
        t238 = t237 < 0.015625
        t240 = sqrt(where(t238, 1.0, t237))
        t241 = where(t238, t237, 0.0)
        t245 = (t241 * (-0.01396484375)) + 0.017352764423076924
        t248 = (t241 * t245) + (-0.022372159090909092)
        t251 = (t241 * t248) + 0.030381944444444444
        t254 = (t241 * t251) + (-0.044642857142857144)
        t257 = (t241 * t254) + 0.075
        t260 = (t241 * t257) + (-0.16666666666666666)
        t265 = sqrt((1.0 + (t240 * t240)))
        t268 = 1.0 / t240
        t269 = log((t240 + t265)) * t268
        t270 = where(t238, (1.0 + (t241 * t260)), t269)
        t272 = 1.0 / sqrt(t234)
        t273 = t270 * t272
        t274 = t231 * t273
        t275 = t232 * t273
        t276 = t273 * t273
        t277 = t233 * t276
        t278 = t201 * t274
        t279 = t201 * t275
        t281 = t277 * t280
        t282 = c * t281
        t284 = 31364.092861833193 <= t282
        t288 = 1.0 / where(t284, t282, 1.0)
        t289 = where(t284, 31364.092861833666, 1.0) * t288
        t290 = sqrt(t289)
        t291 = t278 * t290
        t292 = t279 * t290
        t293 = t290 * t290
        t294 = t281 * t293
        t295 = c * t294
        t296 = t295 < 0.015625
        t298 = sqrt(where(t296, 1.0, t295))
        t299 = where(t296, t295, 0.0)
        t301 = 0.003592128036572481 + ((-0.0014558343870513183) * t299)
        t303 = (-0.008863235529902197) + (t299 * t301)
        t305 = 0.021869488536155203 + (t299 * t303)
        t307 = (-0.05396825396825397) + (t299 * t305)
        t309 = 0.13333333333333333 + (t299 * t307)
        t311 = (-0.3333333333333333) + (t299 * t309)
        t313 = 1.0 + (t299 * t311)
        t315 = exp(((-2.0) * t298))
        t317 = 1.0 + t315
        t318 = 1.0 / t317
        t319 = (1.0 - t315) * t318
        t320 = 1.0 / t298
        t321 = t319 * t320
        t322 = where(t296, t313, t321)
        t323 = t291 * t322
        t324 = t292 * t322
        t327 = t313 * t313
        t332 = t318 * t318
        t333 = (4.0 * t315) * t332
        t334 = where(t296, (1.0 - (t295 * t327)), t333)
        t335 = t87 + t323
        t336 = t88 + t324
        t337 = t335 * t335
        t339 = 2.0 * t335
        t340 = t336 * t339
        t343 = t336 * t336
        t345 = ((ee * t337) + (ew * t340)) + (ww * t343)
        t346 = c * t345
        t347 = t99 * t334
        t350 = 1.0 / (t346 + t347)
        t351 = (t99 + t346) * t350
        t354 = t99 * t350
        t357 = (t87 * t351) + (t323 * t354)
        t358 = (t88 * t351) + (t324 * t354)
        t359 = t345 * t350
        t360 = t347 * t350
        t362 = 1.0 / t360
        t363 = (c * t359) * t362
        t364 = t363 < 0.015625
        t366 = sqrt(where(t364, 1.0, t363))
        t367 = where(t364, t363, 0.0)
        t369 = 0.017352764423076924 + ((-0.01396484375) * t367)
        t371 = (-0.022372159090909092) + (t367 * t369)
        t373 = 0.030381944444444444 + (t367 * t371)
        t375 = (-0.044642857142857144) + (t367 * t373)
        t377 = 0.075 + (t367 * t375)
        t379 = (-0.16666666666666666) + (t367 * t377)
        t384 = sqrt((1.0 + (t366 * t366)))
        t387 = 1.0 / t366
        t388 = log((t366 + t384)) * t387
        t389 = where(t364, (1.0 + (t367 * t379)), t388)
        t391 = 1.0 / sqrt(t360)
        t392 = t389 * t391
        t393 = t357 * t392
        t394 = t358 * t392
        t398 = g_b * t392
        t400 = g_a * t392
        t401 = (g_b * t358) + (g_a * t357)
        t403 = t391 * t401
        t408 = (t391 * (t391 * t391)) * ((t389 * t401) * (-0.5))
        t409 = where(t364, 0.0, t403)
        t410 = where(t364, t403, 0.0)
        t418 = ((t387 * t409) * (1.0 / t384)) - (t409 * (t387 * t388))
        t420 = t367 * t410
        t422 = t367 * t420
        t425 = t367 * t422
        t426 = ((t379 * t410) + (t377 * t420)) + (t375 * t422)
        t428 = t367 * t425
        t431 = t367 * t428
        t435 = ((t426 + (t373 * t425)) + (t371 * t428)) + (t369 * t431)
        t437 = t435 + ((-0.01396484375) * (t367 * t431))
        t444 = where(t364, t437, 0.0) + where(t364, 0.0, (t418 * (t387 * 0.5)))
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
        t510 = t508 + ((2.0 * (t336 * t501)) + t508)
        t512 = (t354 * t398) + t504
        t514 = (t354 * t400) + t510
        t515 = where(t296, 0.0, t489)
        t516 = where(t296, t489, 0.0)
        t526 = (4.0 * (t332 * t515)) - ((t515 * (t332 * t333)) * (2.0 * t317))
        t533 = (t295 * t516) * (2.0 * t313)
        t537 = t299 * t533
        t541 = t299 * t537
        t546 = t299 * t541
        t548 = ((-(t311 * t533)) - (t309 * t537)) - (t307 * t541)
        t551 = t299 * t546
        t556 = t299 * t551
        t563 = ((t548 - (t305 * t546)) - (t303 * t551)) - (t301 * t556)
        t564 = (-0.0014558343870513183) * (t299 * t556)
        t568 = where(t296, (t563 - t564), 0.0) - (t327 * t516)
        t572 = t320 * 0.5
        t574 = where(t296, 0.0, (((-2.0) * (t315 * t526)) * t572))
        t577 = t322 * t512
        t579 = t322 * t514
        t580 = (t292 * t512) + (t291 * t514)
        t581 = where(t296, 0.0, t580)
        t582 = where(t296, t580, 0.0)
        t591 = ((t320 * t581) * (1.0 - (t319 * t319))) - (t581 * (t320 * t321))
        t593 = t299 * t582
        t595 = t299 * t593
        t598 = t299 * t595
        t599 = ((t311 * t582) + (t309 * t593)) + (t307 * t595)
        t601 = t299 * t598
        t604 = t299 * t601
        t608 = ((t599 + (t305 * t598)) + (t303 * t601)) + (t301 * t604)
        t609 = (-0.0014558343870513183) * (t299 * t604)
        t612 = (t568 + t574) + where(t296, (t608 + t609), 0.0)
        t615 = t612 + where(t296, 0.0, (t572 * t591))
        t616 = c * t615
        t618 = ((t359 * t449) + (t345 * t488)) + (t294 * t615)
        t624 = t290 * t577
        t625 = ((t281 * t616) * (2.0 * t290)) + (t279 * t577)
        t627 = t290 * t579
        t631 = (t625 + (t278 * t579)) * (0.5 * (1.0 / t290))
        t636 = where(t284, (-(t631 * (t288 * t289))), 0.0)
        t640 = (t293 * t616) + (c * t636)
        t642 = t280 * t640
        t646 = t201 * t624
        t649 = t201 * t627
        t650 = (((t277 * t640) * t643) + (t275 * t624)) + (t274 * t627)
        t656 = t273 * t646
        t657 = ((t233 * t642) * (2.0 * t273)) + (t232 * t646)
        t659 = t273 * t649
        t660 = t657 + (t231 * t649)
        t662 = t272 * t660
        t666 = (t272 * (t272 * t272)) * ((-0.5) * (t270 * t660))
        t667 = where(t238, 0.0, t662)
        t668 = where(t238, t662, 0.0)
        t676 = ((t268 * t667) * (1.0 / t265)) - (t667 * (t268 * t269))
        t678 = t241 * t668
        t680 = t241 * t678
        t683 = t241 * t680
        t684 = ((t260 * t668) + (t257 * t678)) + (t254 * t680)
        t686 = t241 * t683
        t689 = t241 * t686
        t693 = ((t684 + (t251 * t683)) + (t248 * t686)) + (t245 * t689)
        t695 = t693 + ((-0.01396484375) * (t241 * t689))
        t701 = where(t238, t695, 0.0) + where(t238, 0.0, (t676 * (t268 * 0.5)))
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
        t775 = t773 + ((2.0 * (t208 * t764)) + t773)
        t777 = (t228 * t656) + t768
        t779 = (t228 * t659) + t775
        t781 = ((t351 * t398) + t504) - ((t223 * t656) + t768)
        t783 = ((t351 * t400) + t510) - ((t223 * t659) + t775)
        t784 = t171 * t650
        t785 = t200 * t650
        t786 = gamma_raw * t784
        t788 = where(t173, 0.0, t786)
        t789 = where(t173, t786, 0.0)
        t800 = t176 * t789
        t802 = t176 * t800
        t805 = t176 * t802
        t806 = ((t188 * t789) + (t186 * t800)) + (t184 * t802)
        t808 = t176 * t805
        t811 = t176 * t808
        t815 = ((t806 + (t182 * t805)) + (t180 * t808)) + (t178 * t811)
        t816 = (-0.0014558343870513183) * (t176 * t811)
        t821 = (((t197 * t788) * t796) - (t788 * t790)) * t820
        t823 = where(t173, (t815 + t816), 0.0) + where(t173, 0.0, t821)
        t824 = gamma_raw * t823
        t826 = t824 + ((t199 * t784) + t824)
        t830 = where(t169, t785, ((t165 * t785) * t828))
        t831 = where(t126, 0.0, t751)
        t832 = where(t126, t751, 0.0)
        t842 = (4.0 * (t162 * t831)) - ((t831 * (t162 * t163)) * (2.0 * t147))
        t849 = (t125 * t832) * (2.0 * t143)
        t853 = t129 * t849
        t857 = t129 * t853
        t862 = t129 * t857
        t864 = ((-(t141 * t849)) - (t139 * t853)) - (t137 * t857)
        t867 = t129 * t862
        t872 = t129 * t867
        t879 = ((t864 - (t135 * t862)) - (t133 * t867)) - (t131 * t872)
        t880 = (-0.0014558343870513183) * (t129 * t872)
        t884 = where(t126, (t879 - t880), 0.0) - (t157 * t832)
        t888 = t150 * 0.5
        t890 = where(t126, 0.0, (((-2.0) * (t145 * t842)) * t888))
        t896 = (t122 * t777) + (t121 * t779)
        t897 = where(t126, 0.0, t896)
        t898 = where(t126, t896, 0.0)
        t907 = ((t150 * t897) * (1.0 - (t149 * t149))) - (t897 * (t150 * t151))
        t909 = t129 * t898
        t911 = t129 * t909
        t914 = t129 * t911
        t915 = ((t141 * t898) + (t139 * t909)) + (t137 * t911)
        t917 = t129 * t914
        t920 = t129 * t917
        t924 = ((t915 + (t135 * t914)) + (t133 * t917)) + (t131 * t920)
        t925 = (-0.0014558343870513183) * (t129 * t920)
        t928 = (t884 + t890) + where(t126, (t924 + t925), 0.0)
        t931 = t928 + where(t126, 0.0, (t888 * t907))
        t932 = c * t931
        t940 = ((t108 * t932) * (2.0 * t120)) + (y2 * (t152 * t777))
        t945 = (t940 + (y1 * (t152 * t779))) * (0.5 * (1.0 / t120))
        t948 = t945 * (t118 * t119)
        t955 = (t123 * t932) + where(t111, (-(t113 * t948)), 0.0)
        t956 = where(t110, (-(t115 * t948)), 0.0)
        t960 = t955 + (c * t956)
        t962 = ((t343 * t495) + (t215 * t757)) + (t106 * t960)
        t964 = ((t340 * t495) + (t212 * t757)) + (t103 * t960)
        t966 = ((t337 * t495) + (t209 * t757)) + (t100 * t960)
        t967 = where(t51, 0.0, t753)
        t968 = where(t51, t753, 0.0)
        t978 = (4.0 * (t97 * t967)) - ((t967 * (t97 * t98)) * (2.0 * t81))
        t985 = (t49 * t968) * (2.0 * t76)
        t989 = t55 * t985
        t993 = t55 * t989
        t998 = t55 * t993
        t1000 = ((-(t74 * t985)) - (t71 * t989)) - (t68 * t993)
        t1003 = t55 * t998
        t1008 = t55 * t1003
        t1015 = ((t1000 - (t65 * t998)) - (t62 * t1003)) - (t59 * t1008)
        t1016 = (-0.0014558343870513183) * (t55 * t1008)
        t1020 = where(t51, (t1015 - t1016), 0.0) - (t91 * t968)
        t1024 = t84 * 0.5
        t1026 = where(t51, 0.0, (((-2.0) * (t79 * t978)) * t1024))
        t1032 = (t46 * t781) + (t45 * t783)
        t1033 = where(t51, 0.0, t1032)
        t1034 = where(t51, t1032, 0.0)
        t1043 = ((t84 * t1033) * (1.0 - (t83 * t83))) - (t1033 * (t84 * t85))
        t1045 = t55 * t1034
        t1047 = t55 * t1045
        t1050 = t55 * t1047
        t1051 = ((t74 * t1034) + (t71 * t1045)) + (t68 * t1047)
        t1053 = t55 * t1050
        t1056 = t55 * t1053
        t1060 = ((t1051 + (t65 * t1050)) + (t62 * t1053)) + (t59 * t1056)
        t1061 = (-0.0014558343870513183) * (t55 * t1056)
        t1064 = (t1020 + t1026) + where(t51, (t1060 + t1061), 0.0)
        t1067 = t1064 + where(t51, 0.0, (t1024 * t1043))
        t1068 = c * t1067
        t1070 = ((t756 + (t124 * t931)) + (t108 * t956)) + (t48 * t1067)
        t1076 = ((t32 * t1068) * (2.0 * t44)) + (x2 * (t86 * t781))
        t1081 = (t1076 + (x1 * (t86 * t783))) * (0.5 * (1.0 / t44))
        t1084 = t1081 * (t42 * t43)
        t1091 = (t47 * t1068) + where(t35, (-(t37 * t1084)), 0.0)
        t1092 = where(t34, (-(t39 * t1084)), 0.0)
        t1095 = t1070 + (t32 * t1092)
        t1096 = t1091 + (c * t1092)
        t1098 = t962 + (t30 * t1096)
        t1100 = t964 + (t27 * t1096)
        t1102 = t966 + (t23 * t1096)
        S[A * ROWS + r] = t393
        S[B * ROWS + r] = t394
        S[D_EE * ROWS + r] = t1102
        S[D_EW * ROWS + r] = t1100
        S[D_WW * ROWS + r] = t1098
        S[D_C * ROWS + r] = t1095
        S[D_GAMMA_RAW * ROWS + r] = t826
        S[D_GAMMA_SCALE * ROWS + r] = t830


# Squared sine of the angle below which `w` is summed from the vectors, since its length cancels in inner products.
NEARLY_PARALLEL = 1e-3
# Derivatives below this part of the gradient are rounding and count as zero: behind a closed gate they would be squared
# from layer to layer, to subnormal numbers, with which a processor computes a hundred times slower.
ROUNDING = 1e-12
TINY = 1e-300


@jit(any_order=True)
def inner_products(x, y):
    """`⟨x, x⟩`, `⟨x, y⟩` and `⟨y, y⟩` of two vectors."""
    xx = 0.0
    xy = 0.0
    yy = 0.0
    for j in range(len(x)):
        a = np.float64(x[j])
        b = np.float64(y[j])
        xx += a * a
        xy += a * b
        yy += b * b
    return xx, xy, yy


@jit(any_order=True)
def inner_products_with(g, x, y):
    """`⟨g, x⟩` and `⟨g, y⟩`."""
    gx = 0.0
    gy = 0.0
    for j in range(len(x)):
        a = np.float64(g[j])
        gx += a * np.float64(x[j])
        gy += a * np.float64(y[j])
    return gx, gy


@jit(any_order=True)
def remainder(e, o, k):
    """`⟨e, w⟩` and `⟨w, w⟩` of `w = o - k·e`."""
    ew = 0.0
    ww = 0.0
    for j in range(len(e)):
        a = np.float64(e[j])
        w = np.float64(o[j]) - k * a
        ew += a * w
        ww += w * w
    return ew, ww


@jit
def planes(x, y, S):
    """The bases of the rows of a block: their Gram matrices, and the coordinates of `x` and `y` in them."""
    for r in range(len(x)):
        S[EE * ROWS + r], S[EW * ROWS + r], S[WW * ROWS + r] = inner_products(x[r], y[r])
    parallel = 0.0
    for r in range(ROWS):
        xx, xy, yy = S[EE * ROWS + r], S[EW * ROWS + r], S[WW * ROWS + r]
        swap = yy > xx
        ee, oo = where(swap, yy, xx), where(swap, xx, yy)
        k = where(ee > 0.0, xy, 0.0) / where(ee > 0.0, ee, 1.0)
        ww = oo - k * xy
        nearly = where(ww < NEARLY_PARALLEL * oo, 1.0, 0.0)
        parallel += nearly
        S[EE * ROWS + r] = ee
        S[EW * ROWS + r] = nearly
        S[WW * ROWS + r] = ww
        S[X1 * ROWS + r] = where(swap, k, 1.0)
        S[X2 * ROWS + r] = where(swap, 1.0, 0.0)
        S[Y1 * ROWS + r] = where(swap, 1.0, k)
        S[Y2 * ROWS + r] = where(swap, 0.0, 1.0)
    if parallel > 0.0:
        for r in range(len(x)):
            if S[EW * ROWS + r] > 0.0:
                k, swap = basis_of(S, r)
                e, o = (y[r], x[r]) if swap else (x[r], y[r])
                S[EW * ROWS + r], S[WW * ROWS + r] = remainder(e, o, k)


@jit
def basis_of(S, r):
    """`k` of a row, and whether `e` is `y`."""
    swap = S[X2 * ROWS + r] > 0.0
    return where(swap, S[X1 * ROWS + r], S[Y1 * ROWS + r]), swap


@jit(any_order=True)
def combine(x, y, a, b, out):
    """`a·x + b·y`."""
    for j in range(len(x)):
        out[j] = a * np.float64(x[j]) + b * np.float64(y[j])


@jit(any_order=True)
def combine_gradients(g, x, y, of_x, of_y, dx, dy):
    """The gradients of `x` and `y` as combinations of `g`, `x` and `y`."""
    a0, a1, a2 = of_x
    b0, b1, b2 = of_y
    for j in range(len(g)):
        u = np.float64(g[j])
        v = np.float64(x[j])
        w = np.float64(y[j])
        dx[j] = a0 * u + a1 * v + a2 * w
        dy[j] = b0 * u + b1 * v + b2 * w


@jit(once=True)
def forward_block(block, x, y, numbers, out):
    """The results of one block of rows."""
    some = slice(block * ROWS, min(block * ROWS + ROWS, len(x)))
    x, y, out = x[some], y[some], out[some]
    S = np.zeros(SLOTS * ROWS)
    planes(x, y, S)
    forward_scalars(S, numbers)
    for r in range(ROWS):
        k, swap = basis_of(S, r)
        a, b = S[A * ROWS + r], S[B * ROWS + r]
        a -= k * b
        S[A * ROWS + r] = where(swap, b, a)
        S[B * ROWS + r] = where(swap, a, b)
    for r in range(len(x)):
        combine(x[r], y[r], S[A * ROWS + r], S[B * ROWS + r], out[r])


@jit
def significant(coefficient, length2, size):
    """The coefficient of a vector, zero where the two are no more than the rounding of a gradient of that size."""
    return where(coefficient * coefficient * length2 > size, coefficient, 0.0)


@jit
def held(gradient, bound):
    """A gradient with respect to an inner product, held to what the vectors' type can take: see `gyrovector.widen`."""
    gradient = where(gradient > bound, bound, gradient)
    return where(gradient < -bound, -bound, gradient)


@jit(once=True)
def backward_block(block, x, y, g, numbers, bound, dx, dy, sums):
    """The gradients of one block of rows; those of the numbers are summed over the block."""
    some = slice(block * ROWS, min(block * ROWS + ROWS, len(x)))
    x, y, g, dx, dy = x[some], y[some], g[some], dx[some], dy[some]
    S = np.zeros(SLOTS * ROWS)
    planes(x, y, S)
    for r in range(len(x)):
        S[G_A * ROWS + r], S[G_B * ROWS + r] = inner_products_with(g[r], x[r], y[r])
    for r in range(ROWS):
        k, swap = basis_of(S, r)
        gx, gy = S[G_A * ROWS + r], S[G_B * ROWS + r]
        S[G_A * ROWS + r] = where(swap, gy, gx)
        S[G_B * ROWS + r] = where(swap, gx - k * gy, gy - k * gx)
    backward_scalars(S, numbers)
    for i in range(SLOTS - D_C):
        total = 0.0
        for r in range(len(x)):
            total += S[(D_C + i) * ROWS + r]
        sums[block, i] = total
    C = np.empty(6 * ROWS)
    for r in range(ROWS):
        k, swap = basis_of(S, r)
        ee, ww = S[EE * ROWS + r], S[WW * ROWS + r]
        oo = ww + k * k * ee
        along_e, along_w = S[G_A * ROWS + r], S[G_B * ROWS + r]
        size = ROUNDING**2 * (along_e * along_e / (ee + TINY) + along_w * along_w / (ww + TINY))
        a, b = S[A * ROWS + r], S[B * ROWS + r]
        by_ee = held(S[D_EE * ROWS + r], bound)
        by_ew = held(S[D_EW * ROWS + r], bound)
        by_ww = held(S[D_WW * ROWS + r], bound)
        # With d‖e‖² = 2⟨e, de⟩, d⟨e, w⟩ = ⟨w, de⟩ + ⟨e, dw⟩, d‖w‖² = 2⟨w, dw⟩ and dw = do - k·de
        across = by_ew - 2.0 * k * by_ww
        e_by_g = significant(a - k * b, 1.0, ROUNDING**2)
        e_by_e = significant(2.0 * by_ee - k * by_ew - k * across, ee, size)
        e_by_o = significant(across, oo, size)
        o_by_g = significant(b, 1.0, ROUNDING**2)
        o_by_e = significant(across, ee, size)
        o_by_o = significant(2.0 * by_ww, oo, size)
        C[r] = where(swap, o_by_g, e_by_g)
        C[ROWS + r] = where(swap, o_by_o, e_by_e)
        C[2 * ROWS + r] = where(swap, o_by_e, e_by_o)
        C[3 * ROWS + r] = where(swap, e_by_g, o_by_g)
        C[4 * ROWS + r] = where(swap, e_by_o, o_by_e)
        C[5 * ROWS + r] = where(swap, e_by_e, o_by_o)
    for r in range(len(x)):
        of_x = C[r], C[ROWS + r], C[2 * ROWS + r]
        of_y = C[3 * ROWS + r], C[4 * ROWS + r], C[5 * ROWS + r]
        combine_gradients(g[r], x[r], y[r], of_x, of_y, dx[r], dy[r])


@jit
def forward(first, last, x, y, numbers, out):
    """`out` for vectors `x`, `y`, all `[R, D]`, in some of the blocks."""
    for block in range(first, last):
        forward_block(block, x, y, numbers, out)


@jit
def backward(first, last, x, y, g, numbers, bound, dx, dy, sums):
    """Gradients of `x` and `y`, `[R, D]`, and of the numbers, summed over each block, in some of the blocks."""
    for block in range(first, last):
        backward_block(block, x, y, g, numbers, bound, dx, dy, sums)
