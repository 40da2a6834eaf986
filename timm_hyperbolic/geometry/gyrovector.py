"""Gyrovectors on a Gram matrix: Möbius expressions as scalar arithmetic.

A Möbius expression over a few vectors stays in their span, so a point of it is a few coefficients per row over a basis
whose inner products are known, never a tensor of vectors. A `Frame` holds the basis and its Gram matrix; a `Tangent`
(a tangent vector at the origin) and a `Gyrovector` (a point of the Poincaré ball) hold coefficients. A formula costs
the pass that made the inner products, scalar arithmetic, and one linear combination at the end.

A `Gyrovector` carries its complement `u = 1 - c‖p‖²`, because the laws of `u` need no subtraction
(`u(p ⊕ q) = u_p·u_q/D`), so that a point near the boundary keeps all its digits. With `s = c‖p + q‖²`:

    D = u_p·u_q + s      p ⊕ q = ((u_p + s)·p + u_p·q)/D      u = u_p·u_q/D
    log0(p) = p·artanh(√n)/√n = p·arsinh(√(n/u))/√n           d(p, q) = (2/√c)·arsinh √(c‖p - q‖²/(u_p·u_q))

Everything is analytic in `c`, and `c = 0` is Euclidean space: `⊕` is `+`, `exp0` and `log0` are the identity, and the
distance is `2‖p - q‖` (the conformal factor at the origin is 2).

Source: Ungar, "A Gyrovector Space Approach to Hyperbolic Geometry" (2009), ch. 2-3, for the operations; Ganea,
Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018) for their use. The forms that carry `u` are ours.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .analytic import artanhc, safe_sqrt, sech2, squared_distance, tanhc
from .limits import Bounds, Limits

__all__ = ['Frame', 'Gyrovector', 'Matrix', 'Tangent', 'dot', 'widen']

# A coefficient of None is a zero that is never computed.
Coefficients = tuple['Tensor | None', ...]


def largest_gradient(dtype: torch.dtype) -> float:
    """To what a gradient with respect to an inner product of vectors of a type is held; see `widen`."""
    return torch.finfo(dtype).max ** 0.5  # the vector that it multiplies may be long


class _Widen(torch.autograd.Function):
    """`to` a wider type, whose gradient is held to what the narrower one can take."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, dtype: torch.dtype) -> Tensor:
        return x.to(dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.dtype = inputs[0].dtype

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        bound = largest_gradient(ctx.dtype)
        return gradient.clamp(-bound, bound).to(ctx.dtype), None


def widen(x: Tensor, dtype: torch.dtype) -> Tensor:
    """`x.to(dtype)` for inner products on their way to the scalars of a row.

    Between points near the boundary a gradient in an inner product can be too large for float32, though the sum of all
    is not, and one infinity makes the sum NaN. It is held to a bound here; none that is below is changed.

    Args:
        x: Inner products, of any shape.
        dtype: The type of the result.
    """
    return _Widen.apply(x, dtype) if x.dtype.itemsize < dtype.itemsize else x.to(dtype)


def dot(x: Tensor, y: Tensor, dtype: torch.dtype) -> Tensor:
    """Row-wise inner product, `[..., D]` and `[..., D]` to `[..., 1]`.

    Products and sum are at least float32, whatever the type of the vectors; the result has type `dtype`.

    Args:
        x: Vectors `[..., D]`.
        y: Vectors `[..., D]`.
        dtype: The type of the result.
    """
    at_least = torch.promote_types(x.dtype, torch.float32)
    return widen((x.to(at_least) * y.to(at_least)).sum(-1, keepdim=True), dtype)


def _times(a: Coefficients, factor: Tensor | float) -> Coefficients:
    return tuple(None if x is None else x * factor for x in a)


def _plus(a: Coefficients, b: Coefficients) -> Coefficients:
    return tuple(y if x is None else x if y is None else x + y for x, y in zip(a, b, strict=True))


class Frame:
    """A basis of row vectors with its Gram matrix, in a space of curvature `-c`.

    Args:
        vectors: `k` tensors, each broadcastable to `[..., D]`.
        gram: Inner products `⟨e_i, e_j⟩` for `i <= j` as `gram[i][j - i]`, each broadcastable to `[..., 1]`, float32 or
            float64. This is the type of every coefficient.
        curvature: `c >= 0`, broadcastable to `[..., 1]`.
        limits: The clip of exponentials.
        closed: Sums and multiples are clipped too, so that no expression leaves the limits. Otherwise only the number
            type limits them.
    """

    def __init__(
        self,
        vectors: Sequence[Tensor],
        gram: Sequence[Sequence[Tensor]],
        curvature: Tensor,
        limits: Limits | Bounds | None = None,
        closed: bool = False,
    ) -> None:
        self.vectors = tuple(vectors)
        self.gram = tuple(tuple(row) for row in gram)
        self.dtype = self.gram[0][0].dtype
        self.c = curvature.to(self.dtype)
        self.bounds = limits if isinstance(limits, Bounds) else (limits or Limits()).bounds(self.dtype)
        self.closed = closed

    @classmethod
    def of(
        cls,
        vectors: Sequence[Tensor],
        curvature: Tensor,
        dtype: torch.dtype = torch.float64,
        limits: Limits | Bounds | None = None,
        closed: bool = False,
    ) -> Frame:
        """The frame of the vectors themselves, inner products computed here."""
        gram = [[dot(x, y, dtype) for y in vectors[i:]] for i, x in enumerate(vectors)]
        return cls(vectors, gram, curvature, limits, closed)

    @classmethod
    def plane(
        cls,
        x: Tensor,
        y: Tensor,
        curvature: Tensor,
        dtype: torch.dtype = torch.float64,
        limits: Limits | Bounds | None = None,
        closed: bool = False,
    ) -> tuple[Frame, Tangent, Tangent]:
        """The frame of two vectors on an orthogonal basis, and the two as tangent vectors in it.

        The basis is `x` and `w = y - k·x` with `k = ⟨x, y⟩/⟨x, x⟩`, so that a squared length in the plane is a sum of
        squares and keeps its digits when the vectors nearly cancel. Any `k` describes the same plane: it is held
        constant in differentiation, which is exact to every order (the Gram matrix keeps `⟨x, w⟩`, zero up to
        rounding, for its derivative) and has no pole at `x = 0`.

        Args:
            x: `[..., D]`.
            y: `[..., D]`.
            curvature: `c >= 0`, broadcastable to `[..., 1]`.
            dtype: Type of the coefficients, float32 or float64.
            limits: As for `Frame`.
            closed: As for `Frame`.

        Returns:
            The frame, `x` and `y`.
        """
        xx, xy = dot(x, x, dtype), dot(x, y, dtype)
        k = (xy / torch.where(xx > 0, xx, 1)).detach()
        # The derivative in x is a difference of two terms k times as large. So where y is much longer than x, k is zero
        # and the basis is (x, y) itself: x and y cannot cancel there unless one is scaled by as much.
        k = torch.where(k.abs() < 16, k, 0)
        w = y - k.to(y.dtype) * x
        k = k.to(y.dtype).to(dtype)  # the rounded k is the one that w was made with
        frame = cls((x, w), ((xx, dot(x, w, dtype)), (dot(w, w, dtype),)), curvature, limits, closed)
        one = torch.ones_like(k)
        return frame, frame.tangent(one, None), frame.tangent(k, one)

    def square(self, a: Coefficients) -> Tensor:
        """Squared Euclidean length of a combination of the basis, `[..., 1]`."""
        total = None
        for i, row in enumerate(self.gram):
            for j, g in enumerate(row, start=i):
                left, right = a[i], a[j]
                if left is not None and right is not None:
                    term = left * right * g if i == j else 2 * left * right * g
                    total = term if total is None else total + term
        if total is None:
            raise ValueError('a combination without a coefficient has no length')
        return total

    def inner(self, a: Coefficients, b: Coefficients) -> Tensor:
        """Euclidean inner product of two combinations of the basis, `[..., 1]`."""
        total = torch.zeros_like(self.gram[0][0])
        for i, row in enumerate(self.gram):
            for j, g in enumerate(row, start=i):
                pairs = ((i, i),) if i == j else ((i, j), (j, i))
                for at, bt in pairs:
                    left, right = a[at], b[bt]
                    if left is not None and right is not None:
                        total = total + left * right * g
        return total

    def combine(self, a: Coefficients) -> Tensor:
        """The vector `Σ a_i e_i`, `[..., D]`, in the type of the basis."""
        total = None
        for x, e in zip(a, self.vectors, strict=True):
            if x is not None:
                term = x.to(e.dtype) * e
                total = term if total is None else total + term
        if total is None:
            raise ValueError('a combination without a coefficient is no vector')
        return total

    def tangent(self, *coefficients: Tensor | None) -> Tangent:
        """The tangent vector at the origin with these coefficients."""
        return Tangent(self, coefficients, self.square(coefficients))

    def point(self, *coefficients: Tensor | None) -> Gyrovector:
        """The point of the ball with these coefficients, kept inside the ball (see `Limits.given`)."""
        r2 = self.square(coefficients)
        scale, u = self.bounds.given(r2, self.c)
        return Gyrovector(self, _times(coefficients, scale), r2 * scale**2, u)


class _Scalable:
    """`r * v` for a tensor `r`, in eager mode and under `torch.compile`, which asks for this protocol."""

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        products = (operator.mul, torch.mul, torch.Tensor.mul, torch.Tensor.__mul__, torch.Tensor.__rmul__)
        if func in products and len(args) == 2:
            a, b = args
            return a.__mul__(b) if isinstance(a, _Scalable) else b.__mul__(a)  # type: ignore[operator]
        name = getattr(func, '__name__', func)
        raise TypeError(f'{cls.__name__} holds coefficients and takes no torch.{name}: call its to_tensor() first')


class Tangent(_Scalable):
    """A tangent vector at the origin of the ball, `Σ a_i e_i`.

    Args:
        frame: The basis.
        coefficients: `k` tensors `[..., 1]`, or None for zero.
        r2: The squared Euclidean length, `[..., 1]`.
    """

    def __init__(self, frame: Frame, coefficients: Coefficients, r2: Tensor) -> None:
        self.frame, self.coefficients, self.r2 = frame, coefficients, r2

    def __mul__(self, r: Tensor | float) -> Tangent:
        return Tangent(self.frame, _times(self.coefficients, r), self.r2 * r**2)

    __rmul__ = __mul__

    def exp0(self, bounds: Bounds | None = None) -> Gyrovector:
        """The exponential map at the origin, `tanh(√c‖v‖)·v/(√c‖v‖)`, clipped by the frame's bounds or those given."""
        v = self * (bounds or self.frame.bounds).tangent(self.r2, self.frame.c)
        q = self.frame.c * v.r2
        t = tanhc(q)
        return Gyrovector(self.frame, _times(v.coefficients, t), v.r2 * t**2, sech2(q), log=v)

    def to_tensor(self) -> Tensor:
        """The vector, `[..., D]`, in the type of the basis."""
        return self.frame.combine(self.coefficients)


class Gyrovector(_Scalable):
    """A point of the Poincaré ball of curvature `-c`, `Σ a_i e_i`, with the operations of a gyrovector space.

    `p + q` is Möbius addition, which is neither commutative nor associative: `-p + (p + q) == q`, but `p + q - q` is
    not `p`, and `p + (q + r) != (p + q) + r`. `r * p` is Möbius scaling.

    Args:
        frame: The basis.
        coefficients: `k` tensors `[..., 1]`, or None for zero.
        r2: The squared Euclidean norm, `[..., 1]`.
        u: The complement `1 - c·r2`, `[..., 1]`, with all its digits.
        log: `log0` of the point where it is already known.
    """

    def __init__(
        self, frame: Frame, coefficients: Coefficients, r2: Tensor, u: Tensor, log: Tangent | None = None
    ) -> None:
        self.frame, self.coefficients, self.r2, self.u = frame, coefficients, r2, u
        self._log = log

    def _same_frame(self, other: Gyrovector) -> None:
        if not isinstance(other, Gyrovector):
            raise TypeError(
                f'a gyrovector combines with gyrovectors of its frame only, not with {type(other).__name__}'
            )
        if self.frame is not other.frame:
            raise ValueError('the two gyrovectors belong to different frames, so their inner products are unknown')

    def __neg__(self) -> Gyrovector:
        log = None if self._log is None else self._log * -1.0
        return Gyrovector(self.frame, _times(self.coefficients, -1.0), self.r2, self.u, log)

    def __add__(self, other: Gyrovector) -> Gyrovector:
        """Möbius addition, clipped in a closed frame. Raises ValueError for a point of another frame."""
        self._same_frame(other)
        frame = self.frame
        s2 = frame.square(_plus(self.coefficients, other.coefficients))
        s = frame.c * s2
        uu = self.u * other.u
        D = uu + s
        a = _plus(_times(self.coefficients, (self.u + s) / D), _times(other.coefficients, self.u / D))
        total = Gyrovector(frame, a, s2 / D, uu / D)
        return total.clip() if frame.closed else total

    def __sub__(self, other: Gyrovector) -> Gyrovector:
        return self + (-other)

    def __mul__(self, r: Tensor | float) -> Gyrovector:
        """Möbius scaling `exp0(r·log0(p))`, clipped in a closed frame."""
        return (self.log0() * r).exp0(None if self.frame.closed else Limits().bounds(self.frame.dtype))

    __rmul__ = __mul__

    def clip(self) -> Gyrovector:
        """The point brought inside the frame's limits."""
        scale, u = self.frame.bounds.point(self.r2, self.u, self.frame.c)
        return Gyrovector(self.frame, _times(self.coefficients, scale), self.r2 * scale**2, u)

    def log0(self) -> Tangent:
        """The logarithm at the origin, `artanh(√n)·p/√n` with `n = c‖p‖²`."""
        if self._log is not None:
            return self._log
        scale = artanhc(self.frame.c * self.r2, self.u)
        return Tangent(self.frame, _times(self.coefficients, scale), self.r2 * scale**2)

    def conformal_factor(self) -> Tensor:
        """`λ = 2/(1 - c‖p‖²)`, `[..., 1]`, at least 2."""
        return 2 / self.u

    def squared_distance(self, other: Gyrovector) -> Tensor:
        """Squared geodesic distance, `[..., 1]`, `>= 0`; `4‖p - q‖²` at `c = 0`.

        `‖p - q‖²` is summed from a radial and an angular part, neither of which cancels: the radial one is the square
        of `|p| - |q| = (n_p - n_q)/(|p| + |q|)`, where near the boundary `n_p - n_q` is taken as `u_q - u_p`; the
        angular one, `2(|p||q| - ⟨p, q⟩)`, comes from the Gram determinant. This needs a frame of two vectors; in a
        larger one the quadratic form of the difference is used, good to `eps·(‖p‖² + ‖q‖²)`.

        Raises:
            ValueError: the other point belongs to another frame.
        """
        self._same_frame(other)
        frame, p, q = self.frame, self, other
        if len(frame.vectors) != 2:
            gap2 = frame.square(_plus(p.coefficients, _times(q.coefficients, -1.0)))
            gap2 = gap2 - gap2.detach().clamp_max(0)  # a clamp would make the second derivative zero at p = q
        else:
            gap2 = self._gap2_in_plane(other)
        gap2 = gap2 / (p.u * q.u)
        return squared_distance(gap2, frame.c)

    def _gap2_in_plane(self, other: Gyrovector) -> Tensor:
        frame, p, q = self.frame, self, other
        (xx, xw), (ww,) = frame.gram
        zero = torch.zeros_like(xx)
        a1, b1 = (zero if t is None else t for t in p.coefficients)
        a2, b2 = (zero if t is None else t for t in q.coefficients)
        inner = frame.inner((a1, b1), (a2, b2))
        # Obtuse or degenerate: nothing cancels in the plain form, and there are no square roots at zero.
        plain = p.r2 + q.r2 - 2 * inner
        acute = (inner > 0) & (p.r2 > 0) & (q.r2 > 0)
        rp, rq = (torch.where(acute, t, 1).sqrt() for t in (p.r2, q.r2))
        curved = torch.where(frame.c > 0, frame.c, 1)
        difference = torch.where(frame.c * (p.r2 + q.r2) > 1, (q.u - p.u) / curved, p.r2 - q.r2)
        cross2 = (a1 * b2 - a2 * b1) ** 2 * (xx * ww - xw**2)
        angular = 2 * cross2 / (rp * rq + torch.where(acute, inner, 1))
        return torch.where(acute, (difference / (rp + rq)) ** 2 + angular, plain)

    def distance(self, other: Gyrovector) -> Tensor:
        """Geodesic distance, `[..., 1]`, `>= 0`; its derivative at `p = q` is zero, where the true one has none."""
        return safe_sqrt(self.squared_distance(other))

    def to_tensor(self) -> Tensor:
        """The point, `[..., D]`, in the type of the basis."""
        return self.frame.combine(self.coefficients)


class Matrix:
    """A linear map `W` of tangent vectors at the origin, from one frame to another.

    It is known by what it makes of the first frame's basis: the first vectors of the other one.

    Args:
        target: The other frame.
    """

    def __init__(self, target: Frame) -> None:
        self.target = target

    def __matmul__(self, p: Gyrovector) -> Gyrovector:
        """The Möbius matrix product `W ⊗ p = exp0(W·log0(p))`, clipped by the bounds of the other frame."""
        a = p.log0().coefficients
        return self.target.tangent(*a, *(None,) * (len(self.target.vectors) - len(a))).exp0()
