"""The Möbius linear map between centres as rows of numbers, with derivatives by hand.

With `y = Wx` and three fixed vectors, `q = Wp_in`, `o = p_out` and the bias, the map is a sum of these, whose
coefficients depend on a few inner products. As in `rows`, points are on the hyperboloid and in float64. Lengths appear
as squares, in which everything is smooth, at zero too.

Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018), section 3.2; Ungar (2005) for the boosts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .analytic import horner
from .rows import INSIDE, indicator, rapidity, sinh_cosh

__all__ = ['LinearRows']

# Below it the derivative by a square `s` is told by its series, as its terms cancel to `s` times their size.
_SMALL = 1e-4


def _length(s: Tensor) -> Tensor:
    return s.clamp_min(torch.finfo(s.dtype).tiny).sqrt_()


def _total(x: Tensor) -> Tensor:
    """The sum over the rows."""
    return x.sum(-1, keepdim=True)


def _over_2s(difference: Tensor, s: Tensor, w_max: float, *series: float) -> Tensor:
    """`difference/2s`, or the polynomial where `s` is so small that the terms of `difference` cancel; both to 1e-12."""
    small = min(_SMALL, (0.5 * w_max) ** 2)  # the series is that of points within the margin
    direct = difference.div_(s.clamp_min(small).mul_(2))
    return torch.lerp(direct, horner(s, series), indicator(torch.lt, s, small))


class _Exp0:
    """`exp0` of a tangent vector of square `s`: the factor to the space part, `f`, and the time part, `t`."""

    def __init__(self, s: Tensor, w_max: float) -> None:
        self.s, self.w_max = s, w_max
        r = _length(s)
        self.f, self.t = sinh_cosh((2 * r).clamp_max_(w_max))
        self.f.div_(r)

    def backward(self, g_f: Tensor, g_t: Tensor) -> Tensor:
        """The derivative by `s`."""
        inside = indicator(torch.le, self.s, (0.5 * self.w_max) ** 2)
        slope = _over_2s((2 * inside).mul_(self.t).sub_(self.f), self.s, self.w_max, 4 / 3, 8 / 15, 8 / 105)
        return slope.mul_(g_f).addcmul_(inside.mul_(self.f), g_t)


class _Log0:
    """The factor from the space part, of square `s`, to its `log0` clipped to `w_max`."""

    def __init__(self, s: Tensor, w_max: float) -> None:
        self.s, self.w_max = s, w_max
        r = _length(s)
        self.w, self.t = rapidity(r)
        self.f = self.w.clamp_max(w_max).div_(r).mul_(0.5)

    def backward(self, g: Tensor) -> Tensor:
        """The derivative by `s`."""
        inside = indicator(torch.le, self.w, self.w_max * INSIDE)
        slope = _over_2s(inside.div_(self.t).mul_(0.5).sub_(self.f), self.s, self.w_max, -1 / 12, 3 / 40, -15 / 224)
        return slope.mul_(g)


class LinearRows:
    """Coefficients of `y` and of the fixed vectors in `log0(p_out ⊕ (W ⊗ (-p_in ⊕ exp0(x)) ⊕ exp0(b)))`, clipped.

    A centre has the factor `k = 2/(1 - n)` from the ball to the hyperboloid and the time part `k - 1`, so that the sum
    with a point `(h, t)` is `h + m·v` with `m = k(t + ⟨h, v⟩)` times the centre `v`.

    Args:
        xx: `‖x‖²`, `[R]`.
        yy: `‖y‖²` of each part, `[P, R]`.
        inner: `⟨x, p_in⟩` and `⟨y, v⟩` for the fixed vectors `v`, `[F + 1, P, R]`.
        gram: Inner products of the fixed vectors, `[F, F, P, 1]`, of which the upper triangle is read.
        pp: `‖p_in‖²`, `[P, 1]`.
        c: Curvatures, `>= 0`, `[P, 1]`, with `c‖p‖² < 1` for `p_in` and `p_out`.
        w_max: Largest rapidity within the margin.

    Attributes:
        out: The coefficients, `[F + 1, P, R]`.
    """

    def __init__(
        self, xx: Tensor, yy: Tensor, inner: Tensor, gram: Tensor, pp: Tensor, c: Tensor, w_max: float
    ) -> None:
        self.c, self.plain = c, (xx, yy, inner, gram, pp)
        # In units of the curvature from here on
        xx, yy, inner, gram, pp = self.scaled = tuple(c * t for t in self.plain)
        xp, yq, yo, *yb = inner
        # -p_in ⊕ exp0(x) = f·x - m·p_in, and its logarithm a·x - b·p_in
        self.exp_x = _Exp0(xx, w_max)
        f = self.exp_x.f
        self.kp = 2 / (1 - pp)
        self.seen = torch.addcmul(self.exp_x.t, f, xp, value=-1)
        self.m = m = self.kp * self.seen
        self.hx = torch.addcmul(f * xx, m, xp, value=-1)  # ⟨f·x - m·p_in, x⟩, and with p_in
        self.hp = torch.addcmul(f * xp, m, pp, value=-1)
        self.log_x = _Log0((f * self.hx).addcmul_(m, self.hp, value=-1), math.inf)
        self.a, self.b = self.log_x.f * f, self.log_x.f * m
        # z = exp0(a·y - b·q) with q = Wp_in
        self.zy = torch.addcmul(self.a * yy, self.b, yq, value=-1)
        self.zq = torch.addcmul(self.a * yq, self.b, gram[0, 0], value=-1)
        self.exp_z = _Exp0((self.a * self.zy).addcmul_(self.b, self.zq, value=-1), w_max)
        self.u, self.v = self.exp_z.f * self.a, self.exp_z.f * self.b
        self.zz = self.exp_z.f.square().mul_(self.exp_z.s)
        self.zo = torch.addcmul(self.u * yo, self.v, gram[0, 1], value=-1)
        u, v, zz, zo, t = self.u, self.v, self.zz, self.zo, self.exp_z.t
        if yb:  # z ⊕ exp0(bias)
            self.exp_b = _Exp0(gram[2, 2], w_max)
            fb, tb = self.exp_b.f, self.exp_b.t
            self.zb = torch.addcmul(u * yb[0], v, gram[0, 2], value=-1)
            self.inverse = (1 + t).reciprocal_()
            i = fb * self.zb
            self.mb = torch.addcmul(tb, i, self.inverse)
            self.with_b = torch.addcmul(i, self.mb, zz)  # ⟨z, z ⊕ exp0(bias)⟩
            zz = torch.addcmul(fb.square() * gram[2, 2], self.mb, i + self.with_b)
            u, v = self.mb * u, self.mb * v
            zo, t = torch.addcmul(fb * gram[1, 2], self.mb, zo), torch.addcmul(i, t, tb)
        # p_out ⊕ z
        self.ko = 2 / (1 - gram[1, 1])
        self.sum = t + zo
        self.mo = self.ko * self.sum
        self.with_o = torch.addcmul(zo, self.mo, gram[1, 1])  # ⟨p_out, p_out ⊕ z⟩
        self.log = _Log0(torch.addcmul(zz, self.mo, zo + self.with_o), w_max)
        self.factors = torch.stack([u, -v, self.mo, *([fb.expand_as(u)] if yb else [])])
        self.out = self.log.f * self.factors

    def backward(self, g: Tensor) -> tuple[Tensor, ...]:
        """The derivatives by everything but `w_max`, from that by `out`."""
        _, _, (xp, _, yo, *yb), gram, _ = self.scaled
        g_gram = torch.zeros_like(gram)
        # p_out ⊕ z
        g_zz = self.log.backward((g * self.factors).sum(0))
        g_u, g_v, g_mo, *g_fb = g * self.log.f
        g_zo = 2 * g_zz * self.mo
        g_mo = torch.addcmul(g_mo, g_zz, self.with_o, value=2)  # not in place, as in `plane`
        g_gram[1, 1] = _total(g_zz * self.mo.square() + 0.5 * self.ko.square() * g_mo * self.sum)
        g_t = self.ko * g_mo
        g_zo += g_t
        g_v = -g_v
        g_yb = []
        if yb:  # z ⊕ exp0(bias)
            fb, tb = self.exp_b.f, self.exp_b.t
            g_mb = (g_u * self.u).addcmul_(g_v, self.v).addcmul_(g_zo, self.zo).addcmul_(g_zz, self.with_b, value=2)
            over = g_mb * self.inverse
            g_i = (over + g_t).addcmul_(g_zz, self.mb, value=2)
            of_b = (g_zz * fb).mul_(2 * gram[2, 2]).addcmul_(g_zo, gram[1, 2]).addcmul_(g_i, self.zb).add_(g_fb[0])
            g_fb, g_tb = _total(of_b), _total(torch.addcmul(g_mb, g_t, self.exp_z.t))
            g_gram[2, 2] = self.exp_b.backward(g_fb, g_tb) + fb.square() * _total(g_zz)
            g_gram[1, 2] = fb * _total(g_zo)
            g_t = (tb * g_t).addcmul_(over * self.inverse, fb * self.zb, value=-1)
            g_zz, g_zo = self.mb.square() * g_zz, self.mb * g_zo
            g_i.mul_(fb)
            g_u, g_v = (self.mb * g_u).addcmul_(g_i, yb[0]), (self.mb * g_v).addcmul_(g_i, gram[0, 2], value=-1)
            g_gram[0, 2] = -_total(g_i * self.v)
            g_yb = [g_i * self.u]
        # z = exp0(a·y - b·q)
        g_u = torch.addcmul(g_u, g_zo, yo)
        g_v.addcmul_(g_zo, gram[0, 1], value=-1)
        g_gram[0, 1] = -_total(g_zo * self.v)
        f = self.exp_z.f
        g_f = (g_u * self.a).addcmul_(g_v, self.b).addcmul_(g_zz, f * self.exp_z.s, value=2)
        g_s = self.exp_z.backward(g_f, g_t).addcmul_(g_zz, f.square())
        g_a, g_b = (f * g_u).addcmul_(g_s, self.zy, value=2), (f * g_v).addcmul_(g_s, self.zq, value=-2)
        g_gram[0, 0] = _total(g_s * self.b.square())
        # -p_in ⊕ exp0(x) = f·x - m·p_in
        f, m = self.exp_x.f, self.m
        g_ss = self.log_x.backward((g_a * f).addcmul_(g_b, m))
        g_f = (self.log_x.f * g_a).addcmul_(g_ss, self.hx, value=2)
        g_m = (self.log_x.f * g_b).addcmul_(g_ss, self.hp, value=-2)
        g_pp = _total(g_ss * m.square() + 0.5 * self.kp.square() * g_m * self.seen)
        g_t = self.kp * g_m
        g_f.addcmul_(g_t, xp, value=-1)
        g_xx = self.exp_x.backward(g_f, g_t).addcmul_(g_ss, f.square())
        g_xp = (g_t * -f).addcmul_(g_ss, f * m, value=-2)
        g_yy, g_yq = g_s * self.a.square(), -2 * g_s * self.a * self.b
        g_inner = torch.stack([g_xp, g_yq, g_zo * self.u, *g_yb])
        xx, yy, inner, gram, pp = self.plain
        g_c = _total(g_xx * xx + g_yy * yy + (g_inner * inner).sum(0)) + (g_gram * gram).sum((0, 1)) + g_pp * pp
        g_xx, g_yy, g_inner, g_gram, g_pp = (self.c * g for g in (g_xx, g_yy, g_inner, g_gram, g_pp))
        return g_xx.sum(0), g_yy, g_inner, g_gram, g_pp, g_c
