"""Gyrovectors of a plane as rows of plain numbers, with derivatives by hand.

An implementation of `Gyrovector` for the case that matters most for speed: expressions of two vectors within a margin.
A formula written with `+`, `-` and `r *` runs on `RowPoint` as it does on `Gyrovector`, by fewer and cheaper
operations, and `Tape.backward` runs it backwards without autograd.

Points are held on the hyperboloid, where Möbius addition is a Lorentz boost: coefficients `h` of the space part in the
basis, `[2, R]` for R rows, and the time part `t = √(1 + c‖h‖²)`, `[R]`. In float64 the products of two `t` keep enough
digits for every point within a margin; without a margin they do not, and `Gyrovector` with its complement is used.

With `w = 2√c‖v‖` the exponential of a tangent vector `v` is `h = v·sinh(w)/(w/2)`, `t = cosh(w)`, and `p ⊕ q` is

    t = t_p·t_q + c⟨h_p, h_q⟩      h = h_q + (t_q + c⟨h_p, h_q⟩/(1 + t_p))·h_p

Source: Ungar, "Analytic Hyperbolic Geometry" (2005), ch. 11, for boosts as gyrotranslations.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .limits import Limits

__all__ = ['RowPoint', 'RowScalar', 'RowTangent', 'Tape']


class Tape:
    """What a row program has done, for its derivative.

    Args:
        gram: `c⟨e_i, e_i⟩` of an orthogonal basis, `[2, R]`, float64.
        limits: The clip; it has a margin.
        closed: Sums and multiples are clipped, as for `Frame`.
    """

    def __init__(self, gram: Tensor, limits: Limits, closed: bool) -> None:
        self.gram, self.closed = gram, closed
        self.w_max = 2 * math.atanh(limits.margin)
        self.tiny = torch.finfo(gram.dtype).tiny
        self.steps: list[Callable[[], None]] = []
        # Quadratic forms taken so far: the two vectors, and the derivative by c times their inner product.
        self.forms: list[tuple[Tensor, Tensor, Tensor]] = []

    def length(self, h: Tensor) -> Tensor:
        """`√c` times the length of a combination, `[R]`; at least the square root of the smallest normal number."""
        return (h * self.gram * h).sum(0).clamp_min_(self.tiny).sqrt_()

    def backward(self) -> tuple[Tensor, Tensor]:
        """Run backwards; the derivatives by `gram`, `[2, R]`, and by `c⟨e_0, e_1⟩`, `[R]`."""
        for step in reversed(self.steps):
            step()
        p, q, g = (torch.stack(part) for part in zip(*self.forms, strict=True))
        gp = g.unsqueeze(1) * p
        return (gp * q).sum(0), (gp * q.flip(1)).sum((0, 1))


class _Differentiable:
    """Holds derivatives under the names `g_...`, None for zero."""

    def accumulate(self, **derivatives: Tensor | None) -> None:
        for name, g in derivatives.items():
            if g is not None:
                old = getattr(self, name)
                setattr(self, name, g if old is None else old + g)


class RowScalar(_Differentiable):
    """A number that all rows share, `[1]`, such as a gate."""

    def __init__(self, value: Tensor) -> None:
        self.value = value
        self.g_value: Tensor | None = None

    def __rsub__(self, constant: float) -> _Complement:
        return _Complement(self, constant)


class _Complement(RowScalar):
    """`constant - r`."""

    def __init__(self, of: RowScalar, constant: float) -> None:
        super().__init__(constant - of.value)
        self._of = of

    def accumulate(self, g_value: Tensor) -> None:
        self._of.accumulate(g_value=-g_value)


class RowTangent(_Differentiable):
    """The tangent vector at the origin `(w/2r)·h`, of length `w/(2√c)`.

    Args:
        tape: The tape.
        h: A vector along it, `[2, R]`.
        r: `√c` times the length of `h`, `[R]`.
        w: Twice `√c` times its own length, with a sign, `[R]`.
        free: It is the multiple of a point in a frame that is not closed, and is not clipped.
    """

    def __init__(self, tape: Tape, h: Tensor, r: Tensor, w: Tensor, free: bool = False) -> None:
        self.tape, self.h, self.r, self.w, self.free = tape, h, r, w, free
        self.g_h = self.g_r = self.g_w = None

    @classmethod
    def given(cls, tape: Tape, h: Tensor) -> RowTangent:
        """The tangent vector with constant coefficients `h`."""
        r = tape.length(h)
        out = cls(tape, h, r, 2 * r)

        def backward() -> None:
            g = out.g_r + 2 * out.g_w
            tape.forms.append((h, h, g / (2 * r)))

        tape.steps.append(backward)
        return out

    def __mul__(self, k: RowScalar) -> RowTangent:
        out = RowTangent(self.tape, self.h, self.r, self.w * k.value, free=not self.tape.closed)

        def backward() -> None:
            self.accumulate(g_h=out.g_h, g_r=out.g_r, g_w=out.g_w * k.value)
            k.accumulate(g_value=(out.g_w * self.w).sum())

        self.tape.steps.append(backward)
        return out

    def exp0(self) -> RowPoint:
        """The exponential map at the origin, clipped to the margin."""
        w_max = math.inf if self.free else self.tape.w_max
        w = self.w.clamp(-w_max, w_max)
        sinh, cosh = w.sinh(), w.cosh()
        f = sinh / self.r
        log = RowTangent(self.tape, self.h, self.r, w)
        out = RowPoint(self.tape, f * self.h, cosh, log=log)

        def backward() -> None:
            g_w = log.g_w
            if out.g_h is not None:
                g_sinh = (out.g_h * self.h).sum(0) / self.r
                self.accumulate(g_h=f * out.g_h, g_r=-f * g_sinh)
                g_exp = torch.addcmul(g_sinh * cosh, out.g_t, sinh)
                g_w = g_exp if g_w is None else g_w + g_exp
            self.accumulate(g_h=log.g_h, g_r=log.g_r, g_w=torch.where(w == self.w, g_w, 0))

        self.tape.steps.append(backward)
        return out

    def coefficients(self) -> Tensor:
        """Coefficients of the vector, `[2, R]`; `derive` takes the derivative by them."""
        return self.w / (2 * self.r) * self.h

    def derive(self, g: Tensor) -> None:
        """Start the way back from the derivative by `coefficients()`."""
        scale = self.w / (2 * self.r)
        g_scale = (g * self.h).sum(0) / self.r
        self.accumulate(g_h=scale * g, g_w=0.5 * g_scale, g_r=-scale * g_scale)


class RowPoint(_Differentiable):
    """A point of the hyperboloid; `+`, `-` and `r *` are those of `Gyrovector`.

    Args:
        tape: The tape.
        h: Coefficients of the space part, `[2, R]`.
        t: The time part times `√c`, `[R]`.
        log: The tangent vector it is the exponential of, where that is known.
        unclipped: A sum whose clip has not been applied yet, since the next operation may do it better.
    """

    def __init__(
        self, tape: Tape, h: Tensor, t: Tensor, log: RowTangent | None = None, unclipped: bool = False
    ) -> None:
        self.tape, self.h, self.t, self.unclipped = tape, h, t, unclipped
        self._log, self._r = log, None
        self.g_h = self.g_t = self.g_r = None

    def _length(self) -> Tensor:
        if self._r is None:
            self._r = r = self.tape.length(self.h)

            def backward() -> None:
                q = self.g_r / r
                self.accumulate(g_h=q * self.tape.gram * self.h)
                self.tape.forms.append((self.h, self.h, 0.5 * q))

            self.tape.steps.append(backward)
        return self._r

    def _clipped(self) -> RowPoint:
        if not self.unclipped:
            return self
        r, r_max = self._length(), math.sinh(self.tape.w_max)
        f = r_max / r.clamp_min(r_max)
        out = RowPoint(self.tape, f * self.h, self.t.clamp_max(math.cosh(self.tape.w_max)))

        def backward() -> None:
            # A point on the margin, up to rounding, counts as outside, as in `Limits.point`.
            over = r > r_max * (1 - 1e-9)
            g_f = (out.g_h * self.h).sum(0)
            self.accumulate(g_h=f * out.g_h, g_t=torch.where(over, 0, out.g_t), g_r=torch.where(over, -g_f * f / r, 0))

        self.tape.steps.append(backward)
        return out

    def __neg__(self) -> RowPoint:
        point = self._clipped()
        out = RowPoint(self.tape, -point.h, point.t)

        def backward() -> None:
            point.accumulate(g_h=-out.g_h, g_t=out.g_t)

        self.tape.steps.append(backward)
        return out

    def __add__(self, other: RowPoint) -> RowPoint:
        p, q, gram = self._clipped(), other._clipped(), self.tape.gram
        gram_p = gram * p.h
        inner = (gram_p * q.h).sum(0)
        inverse = 1 / (1 + p.t)
        m = torch.addcmul(q.t, inner, inverse)
        h = torch.addcmul(q.h, m, p.h)
        out = RowPoint(self.tape, h, torch.addcmul(inner, p.t, q.t), unclipped=self.tape.closed)

        def backward() -> None:
            g_m = (out.g_h * p.h).sum(0)
            g_inner = g_m * inverse
            g_tp, g_tq = -g_inner * inverse * inner, g_m
            if out.g_t is not None:
                g_inner = g_inner + out.g_t
                g_tp = torch.addcmul(g_tp, out.g_t, q.t)
                g_tq = torch.addcmul(g_tq, out.g_t, p.t)
            q.accumulate(g_h=torch.addcmul(out.g_h, g_inner, gram_p), g_t=g_tq)
            p.accumulate(g_h=torch.addcmul(m * out.g_h, g_inner, gram * q.h), g_t=g_tp)
            self.tape.forms.append((p.h, q.h, g_inner))

        self.tape.steps.append(backward)
        return out

    def __rmul__(self, k: RowScalar) -> RowPoint:
        return (self.log0() * k).exp0()

    def log0(self) -> RowTangent:
        """The logarithm at the origin, of the clipped point."""
        if self._log is not None:
            return self._log
        r = self._length()
        whole = r.asinh()
        w = whole.clamp_max(self.tape.w_max) if self.unclipped else whole
        out = RowTangent(self.tape, self.h, r, w)

        def backward() -> None:
            g_r = out.g_w / self.t
            if self.unclipped:
                g_r = torch.where(whole > self.tape.w_max * (1 - 1e-9), 0, g_r)
            self.accumulate(g_h=out.g_h, g_r=g_r + out.g_r)

        self.tape.steps.append(backward)
        return out
