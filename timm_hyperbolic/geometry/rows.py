"""Möbius expressions of two vectors as rows of plain numbers, with derivatives by hand.

An implementation of `Gyrovector` for the case that matters most for speed: expressions of two vectors within a margin.
The points of all R rows lie in a plane each. They are held on the hyperboloid, where Möbius addition is a Lorentz
boost: `√c` times the space part in an orthonormal basis of the plane, `h`, and the time part `t = √(1 + ‖h‖²)`. In
float64 the products of two `t` keep enough digits for every point within a margin; without a margin they do not, and
`Gyrovector` with its complement is used.

With the rapidity `w = 2√c‖v‖` the exponential of a tangent vector `v` is `h = √c·v·sinh(w)/(w/2)`, `t = cosh(w)`, and
`p ⊕ q` is

    t = t_p·t_q + ⟨h_p, h_q⟩      h = h_q + (t_q + ⟨h_p, h_q⟩/(1 + t_p))·h_p

An operation computes its result, `out`, when it is made, and takes derivatives back through itself by `backward`;
a program (`SumRows`, `OriginRows`, ...) does the same for a whole formula. Several points are packed: `h` is
`[2, n, R]`, `t` is `[n, R]`, float64.

Source: Ungar, "Analytic Hyperbolic Geometry" (2005), ch. 11, for boosts as gyrotranslations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .fused import is_fused
from .limits import Limits

__all__ = [
    'INSIDE',
    'CenteredRows',
    'OriginRows',
    'PointRows',
    'Program',
    'SumRows',
    'computes_rows',
    'indicator',
    'rapidity',
    'sinh_cosh',
    'square',
]

# A point this near to the margin, relatively, counts as outside, as in `Limits.point`.
INSIDE = 1 - 1e-9

# torch 2.6 does not tell an export from a compilation: with it the definition is compiled too.
_is_exporting = getattr(torch.compiler, 'is_exporting', torch.compiler.is_compiling)


def computes_rows(x: Tensor, limits: Limits) -> bool:
    """Whether rows of plain numbers are used for vectors like `x`.

    Without a margin they lose their digits, flat controls have a clip of their own, not every device has float64, and
    what is exported is to be the definition.
    """
    if _is_exporting():
        return False
    return is_fused() and limits.margin is not None and limits.max_norm is None and x.device.type != 'mps'


def square(x: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    """`⟨x, x⟩` in `dtype`, `[..., D]` to `[...]`, summed in float32 or better, without a tensor of products."""
    at_least = torch.promote_types(x.dtype, torch.float32)
    return torch.linalg.vector_norm(x, dim=-1, dtype=at_least).to(dtype).square_()


class _Points(NamedTuple):
    """n points in each of R rows, or the derivative by them, where a `t` of None is zero."""

    h: Tensor
    t: Tensor | None

    def __getitem__(self, i: slice) -> _Points:
        return _Points(self.h[:, i], self.t[i])

    def __neg__(self) -> _Points:
        return _Points(-self.h, self.t)


def _join(a: _Points, b: _Points) -> _Points:
    return _Points(torch.cat([a.h, b.h], 1), torch.cat([a.t, b.t]))


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(0)


def _length(h: Tensor) -> Tensor:
    return _dot(h, h).clamp_min_(torch.finfo(h.dtype).tiny).sqrt_()


def sinh_cosh(w: Tensor) -> tuple[Tensor, Tensor]:
    """`sinh(w)` and `cosh(w)` by one exponential, several times faster than by themselves, and right at small `w`."""
    m = w.expm1()
    inverse = (m + 1).reciprocal_()
    sinh = torch.addcmul(m, m, inverse).mul_(0.5)
    return sinh, inverse.add_(sinh)


def rapidity(r: Tensor) -> tuple[Tensor, Tensor]:
    """`arsinh(r)`, and `√(1 + r²)`, which tells the time part better than a sum of products whose terms cancel."""
    rr = r * r
    t = (rr + 1).sqrt_()
    return rr.div_(1 + t).add_(r).log1p_(), t


def indicator(condition: Callable[..., Tensor], a: Tensor, b: Tensor | float) -> Tensor:
    """One in float64 where the comparison of `a` and `b` holds, else zero: a factor costs less than `torch.where`."""
    return condition(a, b, out=torch.empty_like(a))


class _Radial:
    """Points at `k` times the rapidity `w0` in the direction of `h`, shortened to the margin.

    Args:
        h: Vectors, `[2, n, R]`.
        r: Their lengths, `[n, R]`.
        w0: Rapidities, functions of the lengths, `[n, R]`.
        w_max: Largest rapidity.
        k: Multipliers, `[n, 1]`, None for one.
    """

    def __init__(self, h: Tensor, r: Tensor, w0: Tensor, w_max: float, k: Tensor | None = None) -> None:
        self.h, self.r, self.w0, self.w_max, self.k = h, r, w0, w_max, k
        self.w = w0 if k is None else (k * w0).clamp_(-w_max, w_max)
        self.sinh, cosh = sinh_cosh(self.w)
        self.f = self.sinh / r
        self.out = _Points(self.f * h, cosh)

    def by_length(self, g: Tensor) -> Tensor:
        """The derivative by `r`, from that by `w0`."""
        raise NotImplementedError

    def backward(self, g: _Points) -> tuple[Tensor, Tensor | None]:
        """Derivatives by `h`, `[2, n, R]`, and by `k`, `[n, 1]`."""
        g_sinh = _dot(g.h, self.h) / self.r
        g_w = g_sinh * self.out.t
        if g.t is not None:
            g_w.addcmul_(g.t, self.sinh)
        g_k = None
        if self.k is not None:
            g_w.mul_(indicator(torch.lt, self.w.abs(), self.w_max))
            g_k = (g_w * self.w0).sum(-1, keepdim=True)
            g_w = self.k * g_w
        over_r = self.by_length(g_w).addcmul_(g_sinh, self.f, value=-1).div_(self.r)
        return torch.addcmul(self.f * g.h, over_r, self.h), g_k


class _Exp0(_Radial):
    """Points at `k` times tangent vectors of length `r` that were shortened to the margin."""

    def __init__(self, v: Tensor, r: Tensor, w_max: float, k: Tensor | None = None) -> None:
        super().__init__(v, r, (2 * r).clamp_max_(w_max), w_max, k)

    def by_length(self, g: Tensor) -> Tensor:
        return indicator(torch.le, self.r, 0.5 * self.w_max).mul_(2).mul_(g)


class _Scale(_Radial):
    """`k ⊗ p`; where the expression is closed, of the clipped points, and clipped again."""

    def __init__(self, p: _Points, k: Tensor, w_max: float, closed: bool) -> None:
        r, w_max = _length(p.h), w_max if closed else math.inf
        self.whole, self.t = rapidity(r)
        super().__init__(p.h, r, self.whole.clamp_max(w_max), w_max, k)

    def by_length(self, g: Tensor) -> Tensor:
        return indicator(torch.le, self.whole, self.w_max * INSIDE).mul_(g).div_(self.t)


class _Clip:
    """Points brought inside the margin."""

    def __init__(self, p: _Points, w_max: float) -> None:
        self.p, self.r_max = p, math.sinh(w_max)
        self.r = _length(p.h)
        self.f = self.r_max / self.r.clamp_min(self.r_max)
        self.out = _Points(self.f * p.h, p.t.clamp_max(math.cosh(w_max)))

    def backward(self, g: _Points) -> _Points:
        """The derivative by the points."""
        inside = indicator(torch.le, self.r, self.r_max * INSIDE)
        g_r = (self.f / self.r.square()).mul_(inside - 1).mul_(_dot(g.h, self.p.h))
        return _Points(torch.addcmul(self.f * g.h, g_r, self.p.h), inside.mul_(g.t))


class _Sum:
    """`p ⊕ q`; one `p` may stand for several `q`."""

    def __init__(self, p: _Points, q: _Points) -> None:
        self.p, self.q = p, q
        self.inner = _dot(p.h, q.h)
        self.inverse = (1 + p.t).reciprocal_()
        self.m = torch.addcmul(q.t, self.inner, self.inverse)
        self.out = _Points(torch.addcmul(q.h, self.m, p.h), torch.addcmul(self.inner, p.t, q.t))

    def backward(self, g: _Points) -> tuple[_Points, _Points]:
        """Derivatives by `p` and `q`."""
        p, q = self.p, self.q
        g_m = _dot(g.h, p.h)
        g_inner = g_m * self.inverse
        g_tp, g_tq = -g_inner * self.inverse * self.inner, g_m
        if g.t is not None:
            g_inner = g_inner + g.t
            g_tp.addcmul_(g.t, q.t)
            g_tq = torch.addcmul(g_tq, g.t, p.t)
        g_q = _Points(torch.addcmul(g.h, g_inner, p.h), g_tq)
        g_p = _Points((self.m * g.h).addcmul_(g_inner, q.h), g_tp)
        if len(p.t) < len(q.t):
            g_p = _Points(g_p.h.sum(1, keepdim=True), g_p.t.sum(0, keepdim=True))
        return g_p, g_q


class _Log0:
    """Tangent vectors at the origin, `[2, n, R]`, of the points, clipped where the expression is closed."""

    def __init__(self, p: _Points, w_max: float, closed: bool) -> None:
        self.p, self.w_max = p, w_max if closed else math.inf
        self.r = _length(p.h)
        self.whole, self.t = rapidity(self.r)
        self.f = self.whole.clamp_max(self.w_max).div_(self.r).mul_(0.5)
        self.out = self.f * p.h

    def backward(self, g: Tensor) -> _Points:
        """The derivative by the points."""
        g_f = _dot(g, self.p.h) / self.r
        g_r = indicator(torch.le, self.whole, self.w_max * INSIDE).mul_(0.5).div_(self.t).sub_(self.f)
        g_r.mul_(g_f).div_(self.r)
        return _Points(torch.addcmul(self.f * g, g_r, self.p.h), None)


class Program:
    """`log0` of a formula of two points `exp0(v_0)` and `exp0(v_1)`.

    Args:
        v: `√c` times the two tangent vectors in an orthonormal basis, `[2, 2, R]`: coordinate, vector, row.
        w_max: Largest rapidity within the margin.
        numbers: What the formula takes besides, each `[1]`, float64.

    Attributes:
        out: `√c` times the result, in the same basis, `[2, 1, R]`.
    """

    out: Tensor

    def __init__(self, v: Tensor, w_max: float, *numbers: Tensor) -> None:
        raise NotImplementedError

    def backward(self, g: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Derivatives by `v` and by the numbers, from that by `out`."""
        raise NotImplementedError


class SumRows(Program):
    """`x ⊕ y`, clipped."""

    def __init__(self, v: Tensor, w_max: float) -> None:
        self.exp = _Exp0(v, _length(v), w_max)
        self.sum = _Sum(self.exp.out[:1], self.exp.out[1:])
        self.log = _Log0(self.sum.out, w_max, closed=True)
        self.out = self.log.out

    def backward(self, g: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See `Program`."""
        g_v, _ = self.exp.backward(_join(*self.sum.backward(self.log.backward(g))))
        return g_v, ()


class OriginRows(Program):
    """`x ⊕ γ⊗y`, clipped."""

    def __init__(self, v: Tensor, w_max: float, gamma: Tensor) -> None:
        self.exp = _Exp0(v, _length(v), w_max, torch.stack([torch.ones_like(gamma), gamma]))
        self.sum = _Sum(self.exp.out[:1], self.exp.out[1:])
        self.log = _Log0(self.sum.out, w_max, closed=True)
        self.out = self.log.out

    def backward(self, g: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See `Program`."""
        g_v, g_k = self.exp.backward(_join(*self.sum.backward(self.log.backward(g))))
        return g_v, (g_k[1],)


class PointRows(Program):
    """`x ⊕ γ⊗(-x ⊕ y)`, nothing clipped but `x` and `y`."""

    def __init__(self, v: Tensor, w_max: float, gamma: Tensor) -> None:
        self.exp = _Exp0(v, _length(v), w_max)
        x, y = self.exp.out[:1], self.exp.out[1:]
        self.way = _Sum(-x, y)
        self.step = _Scale(self.way.out, gamma.unsqueeze(0), w_max, closed=False)
        self.sum = _Sum(x, self.step.out)
        self.log = _Log0(self.sum.out, w_max, closed=False)
        self.out = self.log.out

    def backward(self, g: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See `Program`."""
        g_x, g_step = self.sum.backward(self.log.backward(g))
        g_way, g_gamma = self.step.backward(g_step)
        g_minus_x, g_y = self.way.backward(_Points(g_way, None))
        g_x = _Points(g_x.h - g_minus_x.h, g_x.t + g_minus_x.t)
        g_v, _ = self.exp.backward(_join(g_x, g_y))
        return g_v, (g_gamma[0],)


class CenteredRows(Program):
    """`p ⊕ ((-p ⊕ x) ⊕ γ⊗(-p ⊕ y))` with `p = s⊗x ⊕ (1-s)⊗y`, `0 <= s <= 1`, all clipped.

    `p` lies between points within the margin, in a ball, so that it needs no clip.
    """

    def __init__(self, v: Tensor, w_max: float, gamma: Tensor, s: Tensor) -> None:
        one = torch.ones_like(gamma)
        v = torch.cat([v, v], 1)
        self.exp = _Exp0(v, _length(v), w_max, torch.stack([one, one, s, 1 - s]))
        self.center = _Sum(self.exp.out[2:3], self.exp.out[3:])
        p = self.center.out
        self.seen = _Sum(-p, self.exp.out[:2])
        self.step = _Scale(self.seen.out, torch.stack([one, gamma]), w_max, closed=True)
        self.inner = _Sum(self.step.out[:1], self.step.out[1:])
        self.clip = _Clip(self.inner.out, w_max)
        self.sum = _Sum(p, self.clip.out)
        self.log = _Log0(self.sum.out, w_max, closed=True)
        self.out = self.log.out

    def backward(self, g: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See `Program`."""
        g_p, g_inner = self.sum.backward(self.log.backward(g))
        g_step = _join(*self.inner.backward(self.clip.backward(g_inner)))
        g_seen, g_k = self.step.backward(g_step)
        g_minus_p, g_points = self.seen.backward(_Points(g_seen, None))
        g_p = _Points(g_p.h - g_minus_p.h, g_p.t + g_minus_p.t)
        g_v, g_s = self.exp.backward(_join(g_points, _join(*self.center.backward(g_p))))
        return g_v[:, :2] + g_v[:, 2:], (g_k[1], g_s[2] - g_s[3])
