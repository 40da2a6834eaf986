"""`origin_residual`, printed by `python -m timm_hyperbolic.geometry.kernels`: not to be edited.

The passes over memory of a formula of two vectors per row, on a CPU.

Blocks of rows are read once. For each row the inner products of its vectors give an orthogonal basis of their plane:
`e`, the longer of `x` and `y`, and `w = o - k·e` of the other one, `o`. Then the printed program computes the scalars
of all rows of the block, and the result is a combination of `e` and `o`.

The scratch `S` of a block holds one number for each row in each of its slots, `S[slot * ROWS + row]`.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.primitives import exp, jit, log, sqrt, where

ROWS = 16
SLOTS = 16
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
D_GAMMA = 15


@jit
def forward_scalars(S, numbers):
    """a, b of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    n_max = numbers[3]
    n_edge = numbers[4]
    u_max = numbers[5]
    u_edge = numbers[6]
    u_min = numbers[7]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    gamma = numbers[11]
    for r in range(ROWS):
        ee = S[EE * ROWS + r]
        ew = S[EW * ROWS + r]
        ww = S[WW * ROWS + r]
        x1 = S[X1 * ROWS + r]
        x2 = S[X2 * ROWS + r]
        y1 = S[Y1 * ROWS + r]
        y2 = S[Y2 * ROWS + r]
        t26 = (ee * (x1 * x1)) + (ew * (x2 * (x1 * 2.0)))
        t29 = t26 + (ww * (x2 * x2))
        t30 = c * t29
        t31 = z2_edge <= t30
        t34 = z2_max * (1.0 / where(t31, t30, z2_max))
        t37 = r2_edge <= t29
        t40 = r2_max * (1.0 / where(t37, t29, r2_max))
        t43 = where(t31, sqrt(t34), 1.0) * where(t37, sqrt(t40), 1.0)
        t48 = c * (t29 * (t43 * t43))
        t50 = t48 < 0.015625
        t52 = sqrt(where(t50, 1.0, t48))
        t54 = where(t50, t48, 0.0)
        t58 = (t54 * (-0.0014558343870513183)) + 0.003592128036572481
        t62 = t54 * ((t54 * t58) + (-0.008863235529902197))
        t67 = (t54 * (t62 + 0.021869488536155203)) + (-0.05396825396825397)
        t71 = t54 * ((t54 * t67) + 0.13333333333333333)
        t75 = 1.0 + (t54 * (t71 + (-0.3333333333333333)))
        t78 = exp((t52 * (-2.0)))
        t80 = 1.0 + t78
        t84 = ((1.0 - t78) * (1.0 / t80)) * (1.0 / t52)
        t85 = where(t50, t75, t84)
        t86 = (x1 * t43) * t85
        t87 = (x2 * t43) * t85
        t98 = where(t50, (1.0 - (t48 * (t75 * t75))), ((t78 * 4.0) * (1.0 / (t80 * t80))))
        t104 = (ee * (y1 * y1)) + (ew * (y2 * (y1 * 2.0)))
        t107 = t104 + (ww * (y2 * y2))
        t108 = c * t107
        t109 = z2_edge <= t108
        t112 = z2_max * (1.0 / where(t109, t108, z2_max))
        t115 = r2_edge <= t107
        t118 = r2_max * (1.0 / where(t115, t107, r2_max))
        t121 = where(t109, sqrt(t112), 1.0) * where(t115, sqrt(t118), 1.0)
        t169 = (t107 * (t121 * t121)) * (gamma * gamma)
        t170 = c * t169
        t171 = z2_edge <= t170
        t174 = z2_max * (1.0 / where(t171, t170, z2_max))
        t177 = r2_edge <= t169
        t180 = r2_max * (1.0 / where(t177, t169, r2_max))
        t183 = where(t171, sqrt(t174), 1.0) * where(t177, sqrt(t180), 1.0)
        t188 = c * (t169 * (t183 * t183))
        t189 = t188 < 0.015625
        t191 = sqrt(where(t189, 1.0, t188))
        t192 = where(t189, t188, 0.0)
        t194 = 0.003592128036572481 + ((-0.0014558343870513183) * t192)
        t197 = t192 * ((-0.008863235529902197) + (t192 * t194))
        t200 = (-0.05396825396825397) + (t192 * (0.021869488536155203 + t197))
        t203 = t192 * (0.13333333333333333 + (t192 * t200))
        t206 = 1.0 + (t192 * ((-0.3333333333333333) + t203))
        t208 = exp(((-2.0) * t191))
        t210 = 1.0 + t208
        t214 = ((1.0 - t208) * (1.0 / t210)) * (1.0 / t191)
        t215 = where(t189, t206, t214)
        t216 = ((gamma * (y1 * t121)) * t183) * t215
        t217 = ((gamma * (y2 * t121)) * t183) * t215
        t227 = where(t189, (1.0 - (t188 * (t206 * t206))), ((4.0 * t208) * (1.0 / (t210 * t210))))
        t228 = t86 + t216
        t229 = t87 + t217
        t235 = (ee * (t228 * t228)) + (ew * (t229 * (2.0 * t228)))
        t238 = t235 + (ww * (t229 * t229))
        t239 = c * t238
        t240 = t98 * t227
        t243 = 1.0 / (t239 + t240)
        t244 = (t98 + t239) * t243
        t247 = t98 * t243
        t252 = t238 * t243
        t253 = t240 * t243
        t254 = c * t252
        t257 = (n_edge < t254) | (t253 < u_edge)
        t260 = n_max * (1.0 / where(t257, t254, n_max))
        t263 = r2_edge <= t252
        t266 = r2_max * (1.0 / where(t263, t252, r2_max))
        t269 = where(t257, sqrt(t260), 1.0) * where(t263, sqrt(t266), 1.0)
        t272 = where(t257, u_max, where((u_min < t253), t253, u_min))
        t279 = (c * (t252 * (t269 * t269))) * (1.0 / t272)
        t280 = t279 < 0.015625
        t282 = sqrt(where(t280, 1.0, t279))
        t283 = where(t280, t279, 0.0)
        t287 = (t283 * (-0.01396484375)) + 0.017352764423076924
        t291 = t283 * ((t283 * t287) + (-0.022372159090909092))
        t296 = (t283 * (t291 + 0.030381944444444444)) + (-0.044642857142857144)
        t302 = (t283 * ((t283 * t296) + 0.075)) + (-0.16666666666666666)
        t309 = log((t282 + sqrt((1.0 + (t282 * t282)))))
        t312 = where(t280, (1.0 + (t283 * t302)), (t309 * (1.0 / t282)))
        t315 = t312 * (1.0 / sqrt(t272))
        t316 = (((t86 * t244) + (t216 * t247)) * t269) * t315
        t317 = (((t87 * t244) + (t217 * t247)) * t269) * t315
        S[A * ROWS + r] = t316
        S[B * ROWS + r] = t317


@jit
def backward_scalars(S, numbers):
    """a, b, d_ee, d_ew, d_ww, d_c, d_gamma of every row of a block."""
    c = numbers[0]
    z2_max = numbers[1]
    z2_edge = numbers[2]
    n_max = numbers[3]
    n_edge = numbers[4]
    u_max = numbers[5]
    u_edge = numbers[6]
    u_min = numbers[7]
    r2_max = numbers[9]
    r2_edge = numbers[10]
    gamma = numbers[11]
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
        t22 = x1 * x1
        t26 = x2 * (x1 * 2.0)
        t29 = x2 * x2
        t31 = ((ee * t22) + (ew * t26)) + (ww * t29)
        t32 = c * t31
        t33 = z2_edge <= t32
        t35 = 1.0 / where(t33, t32, z2_max)
        t36 = z2_max * t35
        t37 = sqrt(t36)
        t38 = where(t33, t37, 1.0)
        t39 = r2_edge <= t31
        t41 = 1.0 / where(t39, t31, r2_max)
        t42 = r2_max * t41
        t43 = sqrt(t42)
        t44 = where(t39, t43, 1.0)
        t45 = t38 * t44
        t46 = x1 * t45
        t47 = x2 * t45
        t48 = t45 * t45
        t49 = t31 * t48
        t50 = c * t49
        t52 = t50 < 0.015625
        t54 = sqrt(where(t52, 1.0, t50))
        t56 = where(t52, t50, 0.0)
        t60 = (t56 * (-0.0014558343870513183)) + 0.003592128036572481
        t63 = (t56 * t60) + (-0.008863235529902197)
        t66 = (t56 * t63) + 0.021869488536155203
        t69 = (t56 * t66) + (-0.05396825396825397)
        t72 = (t56 * t69) + 0.13333333333333333
        t75 = (t56 * t72) + (-0.3333333333333333)
        t77 = 1.0 + (t56 * t75)
        t80 = exp((t54 * (-2.0)))
        t82 = 1.0 + t80
        t84 = (1.0 - t80) * (1.0 / t82)
        t85 = 1.0 / t54
        t86 = t84 * t85
        t87 = where(t52, t77, t86)
        t88 = t46 * t87
        t89 = t47 * t87
        t92 = t77 * t77
        t98 = 1.0 / (t82 * t82)
        t99 = (t80 * 4.0) * t98
        t100 = where(t52, (1.0 - (t50 * t92)), t99)
        t101 = y1 * y1
        t104 = y2 * (y1 * 2.0)
        t107 = y2 * y2
        t109 = ((ee * t101) + (ew * t104)) + (ww * t107)
        t110 = c * t109
        t111 = z2_edge <= t110
        t113 = 1.0 / where(t111, t110, z2_max)
        t114 = z2_max * t113
        t115 = sqrt(t114)
        t116 = where(t111, t115, 1.0)
        t117 = r2_edge <= t109
        t119 = 1.0 / where(t117, t109, r2_max)
        t120 = r2_max * t119
        t121 = sqrt(t120)
        t122 = where(t117, t121, 1.0)
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
        t175 = 1.0 / where(t173, t172, z2_max)
        t176 = z2_max * t175
        t177 = sqrt(t176)
        t178 = where(t173, t177, 1.0)
        t179 = r2_edge <= t171
        t181 = 1.0 / where(t179, t171, r2_max)
        t182 = r2_max * t181
        t183 = sqrt(t182)
        t184 = where(t179, t183, 1.0)
        t185 = t178 * t184
        t186 = t168 * t185
        t187 = t169 * t185
        t188 = t185 * t185
        t189 = t171 * t188
        t190 = c * t189
        t191 = t190 < 0.015625
        t193 = sqrt(where(t191, 1.0, t190))
        t194 = where(t191, t190, 0.0)
        t196 = 0.003592128036572481 + ((-0.0014558343870513183) * t194)
        t198 = (-0.008863235529902197) + (t194 * t196)
        t200 = 0.021869488536155203 + (t194 * t198)
        t202 = (-0.05396825396825397) + (t194 * t200)
        t204 = 0.13333333333333333 + (t194 * t202)
        t206 = (-0.3333333333333333) + (t194 * t204)
        t208 = 1.0 + (t194 * t206)
        t210 = exp(((-2.0) * t193))
        t212 = 1.0 + t210
        t214 = (1.0 - t210) * (1.0 / t212)
        t215 = 1.0 / t193
        t216 = t214 * t215
        t217 = where(t191, t208, t216)
        t218 = t186 * t217
        t219 = t187 * t217
        t222 = t208 * t208
        t227 = 1.0 / (t212 * t212)
        t228 = (4.0 * t210) * t227
        t229 = where(t191, (1.0 - (t190 * t222)), t228)
        t230 = t88 + t218
        t231 = t89 + t219
        t232 = t230 * t230
        t234 = 2.0 * t230
        t235 = t231 * t234
        t238 = t231 * t231
        t240 = ((ee * t232) + (ew * t235)) + (ww * t238)
        t241 = c * t240
        t242 = t100 * t229
        t245 = 1.0 / (t241 + t242)
        t246 = (t100 + t241) * t245
        t249 = t100 * t245
        t252 = (t88 * t246) + (t218 * t249)
        t253 = (t89 * t246) + (t219 * t249)
        t254 = t240 * t245
        t255 = t242 * t245
        t256 = c * t254
        t259 = (n_edge < t256) | (t255 < u_edge)
        t261 = 1.0 / where(t259, t256, n_max)
        t262 = n_max * t261
        t263 = sqrt(t262)
        t264 = where(t259, t263, 1.0)
        t265 = r2_edge <= t254
        t267 = 1.0 / where(t265, t254, r2_max)
        t268 = r2_max * t267
        t269 = sqrt(t268)
        t270 = where(t265, t269, 1.0)
        t271 = t264 * t270
        t272 = u_min < t255
        t274 = where(t259, u_max, where(t272, t255, u_min))
        t275 = t252 * t271
        t276 = t253 * t271
        t277 = t271 * t271
        t278 = t254 * t277
        t280 = 1.0 / t274
        t281 = (c * t278) * t280
        t282 = t281 < 0.015625
        t284 = sqrt(where(t282, 1.0, t281))
        t285 = where(t282, t281, 0.0)
        t289 = (t285 * (-0.01396484375)) + 0.017352764423076924
        t292 = (t285 * t289) + (-0.022372159090909092)
        t295 = (t285 * t292) + 0.030381944444444444
        t298 = (t285 * t295) + (-0.044642857142857144)
        t301 = (t285 * t298) + 0.075
        t304 = (t285 * t301) + (-0.16666666666666666)
        t309 = sqrt((1.0 + (t284 * t284)))
        t312 = 1.0 / t284
        t313 = log((t284 + t309)) * t312
        t314 = where(t282, (1.0 + (t285 * t304)), t313)
        t316 = 1.0 / sqrt(t274)
        t317 = t314 * t316
        t318 = t275 * t317
        t319 = t276 * t317
        t323 = g_b * t317
        t325 = g_a * t317
        t326 = (g_b * t276) + (g_a * t275)
        t328 = t316 * t326
        t333 = (t316 * (t316 * t316)) * ((t314 * t326) * (-0.5))
        t334 = where(t282, 0.0, t328)
        t335 = where(t282, t328, 0.0)
        t343 = ((t312 * t334) * (1.0 / t309)) - (t334 * (t312 * t313))
        t345 = t285 * t335
        t347 = t285 * t345
        t350 = t285 * t347
        t351 = ((t304 * t335) + (t301 * t345)) + (t298 * t347)
        t353 = t285 * t350
        t356 = t285 * t353
        t360 = ((t351 + (t295 * t350)) + (t292 * t353)) + (t289 * t356)
        t362 = t360 + ((-0.01396484375) * (t285 * t356))
        t369 = where(t282, t362, 0.0) + where(t282, 0.0, (t343 * (t312 * 0.5)))
        t374 = t280 * t369
        t376 = c * t374
        t383 = t271 * t323
        t384 = ((t254 * t376) * (2.0 * t271)) + (t253 * t323)
        t386 = t271 * t325
        t387 = t384 + (t252 * t325)
        t388 = where(t259, 0.0, (t333 - (t369 * (t280 * t281))))
        t389 = where(t272, t388, 0.0)
        t396 = where(t265, (t264 * t387), 0.0) * (0.5 * (1.0 / t269))
        t401 = where(t265, (-(t396 * (t267 * t268))), 0.0)
        t407 = where(t259, (t270 * t387), 0.0) * (0.5 * (1.0 / t263))
        t412 = where(t259, (-(t407 * (t261 * t262))), 0.0)
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
        t474 = t472 + ((2.0 * (t231 * t465)) + t472)
        t475 = (t246 * t383) + t468
        t476 = (t249 * t383) + t468
        t477 = (t246 * t386) + t474
        t478 = (t249 * t386) + t474
        t479 = where(t191, 0.0, t453)
        t480 = where(t191, t453, 0.0)
        t490 = (4.0 * (t227 * t479)) - ((t479 * (t227 * t228)) * (2.0 * t212))
        t497 = (t190 * t480) * (2.0 * t208)
        t501 = t194 * t497
        t505 = t194 * t501
        t510 = t194 * t505
        t512 = ((-(t206 * t497)) - (t204 * t501)) - (t202 * t505)
        t515 = t194 * t510
        t520 = t194 * t515
        t527 = ((t512 - (t200 * t510)) - (t198 * t515)) - (t196 * t520)
        t528 = (-0.0014558343870513183) * (t194 * t520)
        t532 = where(t191, (t527 - t528), 0.0) - (t222 * t480)
        t536 = t215 * 0.5
        t538 = where(t191, 0.0, (((-2.0) * (t210 * t490)) * t536))
        t541 = t217 * t476
        t543 = t217 * t478
        t544 = (t187 * t476) + (t186 * t478)
        t545 = where(t191, 0.0, t544)
        t546 = where(t191, t544, 0.0)
        t555 = ((t215 * t545) * (1.0 - (t214 * t214))) - (t545 * (t215 * t216))
        t557 = t194 * t546
        t559 = t194 * t557
        t562 = t194 * t559
        t563 = ((t206 * t546) + (t204 * t557)) + (t202 * t559)
        t565 = t194 * t562
        t568 = t194 * t565
        t572 = ((t563 + (t200 * t562)) + (t198 * t565)) + (t196 * t568)
        t573 = (-0.0014558343870513183) * (t194 * t568)
        t576 = (t532 + t538) + where(t191, (t572 + t573), 0.0)
        t579 = t576 + where(t191, 0.0, (t536 * t555))
        t580 = c * t579
        t588 = t185 * t541
        t589 = ((t171 * t580) * (2.0 * t185)) + (t169 * t541)
        t591 = t185 * t543
        t592 = t589 + (t168 * t543)
        t599 = where(t179, (t178 * t592), 0.0) * (0.5 * (1.0 / t183))
        t604 = where(t179, (-(t599 * (t181 * t182))), 0.0)
        t610 = where(t173, (t184 * t592), 0.0) * (0.5 * (1.0 / t177))
        t615 = where(t173, (-(t610 * (t175 * t176))), 0.0)
        t619 = ((t188 * t580) + t604) + (c * t615)
        t621 = t170 * t619
        t626 = ((t127 * t619) * (gamma * 2.0)) + (t125 * t588)
        t629 = t626 + (t124 * t591)
        t635 = ((t109 * t621) * (2.0 * t123)) + (y2 * (gamma * t588))
        t637 = t635 + (y1 * (gamma * t591))
        t644 = where(t117, (t116 * t637), 0.0) * (0.5 * (1.0 / t121))
        t649 = where(t117, (-(t644 * (t119 * t120))), 0.0)
        t655 = where(t111, (t122 * t637), 0.0) * (0.5 * (1.0 / t115))
        t660 = where(t111, (-(t655 * (t113 * t114))), 0.0)
        t663 = ((t458 + (t189 * t579)) + (t171 * t615)) + (t109 * t660)
        t664 = ((t126 * t621) + t649) + (c * t660)
        t671 = where(t52, 0.0, t455)
        t672 = where(t52, t455, 0.0)
        t682 = (4.0 * (t98 * t671)) - ((t671 * (t98 * t99)) * (2.0 * t82))
        t689 = (t50 * t672) * (2.0 * t77)
        t693 = t56 * t689
        t697 = t56 * t693
        t702 = t56 * t697
        t704 = ((-(t75 * t689)) - (t72 * t693)) - (t69 * t697)
        t707 = t56 * t702
        t712 = t56 * t707
        t719 = ((t704 - (t66 * t702)) - (t63 * t707)) - (t60 * t712)
        t722 = t719 - ((-0.0014558343870513183) * (t56 * t712))
        t728 = t85 * 0.5
        t730 = where(t52, 0.0, (((-2.0) * (t80 * t682)) * t728))
        t731 = (where(t52, t722, 0.0) - (t92 * t672)) + t730
        t736 = (t47 * t475) + (t46 * t477)
        t737 = where(t52, 0.0, t736)
        t738 = where(t52, t736, 0.0)
        t747 = ((t85 * t737) * (1.0 - (t84 * t84))) - (t737 * (t85 * t86))
        t749 = t56 * t738
        t751 = t56 * t749
        t754 = t56 * t751
        t755 = ((t75 * t738) + (t72 * t749)) + (t69 * t751)
        t757 = t56 * t754
        t760 = t56 * t757
        t764 = ((t755 + (t66 * t754)) + (t63 * t757)) + (t60 * t760)
        t766 = t764 + ((-0.0014558343870513183) * (t56 * t760))
        t771 = (t731 + where(t52, t766, 0.0)) + where(t52, 0.0, (t728 * t747))
        t772 = c * t771
        t780 = ((t31 * t772) * (2.0 * t45)) + (x2 * (t87 * t475))
        t782 = t780 + (x1 * (t87 * t477))
        t789 = where(t39, (t38 * t782), 0.0) * (0.5 * (1.0 / t43))
        t794 = where(t39, (-(t789 * (t41 * t42))), 0.0)
        t800 = where(t33, (t44 * t782), 0.0) * (0.5 * (1.0 / t37))
        t805 = where(t33, (-(t800 * (t35 * t36))), 0.0)
        t808 = (t663 + (t49 * t771)) + (t31 * t805)
        t809 = ((t48 * t772) + t794) + (c * t805)
        t811 = ((t238 * t459) + (t107 * t664)) + (t29 * t809)
        t813 = ((t235 * t459) + (t104 * t664)) + (t26 * t809)
        t815 = ((t232 * t459) + (t101 * t664)) + (t22 * t809)
        S[A * ROWS + r] = t318
        S[B * ROWS + r] = t319
        S[D_EE * ROWS + r] = t815
        S[D_EW * ROWS + r] = t813
        S[D_WW * ROWS + r] = t811
        S[D_C * ROWS + r] = t808
        S[D_GAMMA * ROWS + r] = t629


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
def plane(x, y, S, r):
    """The basis of row `r`: its Gram matrix and the coordinates of `x` and `y`. Returns `k` and `swap`."""
    xx, xy, yy = inner_products(x, y)
    swap = yy > xx
    if swap:
        ee, oo = yy, xx
    else:
        ee, oo = xx, yy
    k = xy / ee if ee > 0.0 else 0.0
    ew = 0.0
    ww = oo - k * xy
    if ww < NEARLY_PARALLEL * oo:
        if swap:
            ew, ww = remainder(y, x, k)
        else:
            ew, ww = remainder(x, y, k)
    S[EE * ROWS + r] = ee
    S[EW * ROWS + r] = ew
    S[WW * ROWS + r] = ww
    S[X1 * ROWS + r] = k if swap else 1.0
    S[X2 * ROWS + r] = 1.0 if swap else 0.0
    S[Y1 * ROWS + r] = 1.0 if swap else k
    S[Y2 * ROWS + r] = 0.0 if swap else 1.0
    return k, swap


@jit(any_order=True)
def combine(x, y, a, b, out):
    """`a·x + b·y`."""
    for j in range(len(x)):
        out[j] = a * np.float64(x[j]) + b * np.float64(y[j])


@jit(any_order=True)
def combine_gradients(g, e, o, of_e, of_o, de, do):
    """The gradients of `e` and `o` as combinations of `g`, `e` and `o`."""
    a0, a1, a2 = of_e
    b0, b1, b2 = of_o
    for j in range(len(g)):
        u = np.float64(g[j])
        v = np.float64(e[j])
        w = np.float64(o[j])
        de[j] = a0 * u + a1 * v + a2 * w
        do[j] = b0 * u + b1 * v + b2 * w


@jit
def forward_block(block, x, y, numbers, out):
    """The results of one block of rows."""
    first = block * ROWS
    rows = min(ROWS, len(x) - first)
    S = np.zeros(SLOTS * ROWS)
    K = np.empty(ROWS)
    swaps = np.empty(ROWS, np.bool_)
    for r in range(rows):
        K[r], swaps[r] = plane(x[first + r], y[first + r], S, r)
    forward_scalars(S, numbers)
    for r in range(rows):
        a = S[A * ROWS + r]
        b = S[B * ROWS + r]
        a -= K[r] * b
        if swaps[r]:
            a, b = b, a
        combine(x[first + r], y[first + r], a, b, out[first + r])


@jit
def significant(coefficient, length2, size):
    """The coefficient of a vector, zero where the two are no more than the rounding of a gradient of that size."""
    return coefficient if coefficient * coefficient * length2 > size else 0.0


@jit
def held(gradient, bound):
    """A gradient with respect to an inner product, held to what the vectors' type can take: see `gyrovector.widen`."""
    return max(-bound, min(gradient, bound))


@jit
def backward_block(block, x, y, g, numbers, bound, dx, dy, sums):
    """The gradients of one block of rows; those of the numbers are summed over the block."""
    first = block * ROWS
    rows = min(ROWS, len(x) - first)
    S = np.zeros(SLOTS * ROWS)
    K = np.empty(ROWS)
    swaps = np.empty(ROWS, np.bool_)
    for r in range(rows):
        k, swap = plane(x[first + r], y[first + r], S, r)
        gx, gy = inner_products_with(g[first + r], x[first + r], y[first + r])
        K[r], swaps[r] = k, swap
        S[G_A * ROWS + r] = gy if swap else gx
        S[G_B * ROWS + r] = (gx - k * gy) if swap else (gy - k * gx)
    backward_scalars(S, numbers)
    for i in range(SLOTS - D_C):
        total = 0.0
        for r in range(rows):
            total += S[(D_C + i) * ROWS + r]
        sums[block, i] = total
    for r in range(rows):
        k = K[r]
        ee, ww = S[EE * ROWS + r], S[WW * ROWS + r]
        oo = ww + k * k * ee
        along_e, along_w = S[G_A * ROWS + r], S[G_B * ROWS + r]
        size = ROUNDING**2 * (along_e**2 / (ee + TINY) + along_w**2 / (ww + TINY))
        a, b = S[A * ROWS + r], S[B * ROWS + r]
        by_ee = held(S[D_EE * ROWS + r], bound)
        by_ew = held(S[D_EW * ROWS + r], bound)
        by_ww = held(S[D_WW * ROWS + r], bound)
        # With d‖e‖² = 2⟨e, de⟩, d⟨e, w⟩ = ⟨w, de⟩ + ⟨e, dw⟩, d‖w‖² = 2⟨w, dw⟩ and dw = do - k·de
        across = by_ew - 2.0 * k * by_ww
        of_e = (
            significant(a - k * b, 1.0, ROUNDING**2),
            significant(2.0 * by_ee - k * by_ew - k * across, ee, size),
            significant(across, oo, size),
        )
        of_o = (
            significant(b, 1.0, ROUNDING**2),
            significant(across, ee, size),
            significant(2.0 * by_ww, oo, size),
        )
        i = first + r
        if swaps[r]:
            combine_gradients(g[i], y[i], x[i], of_e, of_o, dy[i], dx[i])
        else:
            combine_gradients(g[i], x[i], y[i], of_e, of_o, dx[i], dy[i])


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
