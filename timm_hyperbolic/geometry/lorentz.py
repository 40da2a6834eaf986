"""The Lorentz model for training on many points: exponential map, logarithm, and all distances from one product.

Points are given by their space part `h`, `[..., D]`, as in `models`. The functions here compute in the type of the
input, float32 or float64, where `models` and `cones` compute in float64: with thousands of points of hundreds of
dimensions the matrix product is what takes the time.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .analytic import arsinhc, sinhc
from .gyrovector import dot

__all__ = ['MAX_RAPIDITY', 'lorentz_exp0', 'lorentz_growth', 'lorentz_log0', 'lorentz_pairwise_distance']

#: The largest length `√c‖v‖` of a tangent vector that `lorentz_exp0` does not shorten, that of MERU: its hyperbolic
#: sine is 2¹⁵, whose square float32 still resolves.
MAX_RAPIDITY = math.asinh(2.0**15)


def lorentz_exp0(v: Tensor, c: Tensor | float) -> Tensor:
    """The exponential map at the origin, `h = sinh(√c‖v‖)/(√c‖v‖)·v`; the identity at `c = 0`.

    Vectors with `√c‖v‖ > MAX_RAPIDITY` are shortened to that length first.

    Args:
        v: Tangent vectors at the origin, `[..., D]`, float32 or float64.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.

    Returns:
        Space parts, `[..., D]`.

    Raises:
        TypeError: `v` is of another type than float32 or float64.

    Source: MERU (Desai et al. 2023), section 3, and its code for the largest length.
    """
    return lorentz_growth(c * dot(v, v, v.dtype)) * v


def lorentz_growth(q: Tensor) -> Tensor:
    """`sinh(√q)/√q`, by which `lorentz_exp0` multiplies a vector with `q = c‖v‖²`, with its largest length.

    Args:
        q: Squared lengths `>= 0`, any shape, float32 or float64.

    Returns:
        Same shape, `> 0`; 1 at `q = 0`.

    Raises:
        TypeError: `q` is of another type than float32 or float64.
    """
    long = q > MAX_RAPIDITY**2
    shortening = torch.where(long, MAX_RAPIDITY * torch.where(long, q, 1).rsqrt(), 1)
    return shortening * sinhc(torch.where(long, MAX_RAPIDITY**2, q))


def lorentz_log0(h: Tensor, c: Tensor | float) -> Tensor:
    """The logarithm at the origin, `v = arsinh(√c‖h‖)/(√c‖h‖)·h`, inverse of `lorentz_exp0`.

    Args:
        h: Space parts, `[..., D]`, float32 or float64.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.

    Returns:
        Tangent vectors at the origin, `[..., D]`.

    Raises:
        TypeError: `h` is of another type than float32 or float64.
    """
    return arsinhc(c * dot(h, h, h.dtype)) * h


class _Distance(torch.autograd.Function):
    """`k·arcosh(1 + p) = k·log(1 + p + √2·u)` of `p >= 0`, with `u = √(p + p²/2)`, whose derivative is `k/(√2·u)`.

    The derivative is 0 at 0. The matrices are passed over as seldom as possible: autograd would do so twice as often.
    """

    @staticmethod
    def forward(ctx: Any, p: Tensor, k: Tensor) -> Tensor:
        p = p.clamp_min(0)
        u = torch.addcmul(p, p, p, value=0.5).sqrt_()
        value = p.add_(u, alpha=math.sqrt(2)).log1p_().mul_(k)
        ctx.save_for_backward(F.threshold(u, 0, math.inf, inplace=True), k, value)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        u, k, value = ctx.saved_tensors
        by_k = torch.dot(grad.reshape(-1), value.reshape(-1)) / k
        return torch.div(grad, u).mul_(k / math.sqrt(2)), by_k


def lorentz_pairwise_distance(
    x: Tensor,
    y: Tensor,
    c: Tensor,
    factor: Tensor | float = 1.0,
    xx: Tensor | None = None,
    yy: Tensor | None = None,
) -> Tensor:
    """Geodesic distances of all pairs of points, from one matrix product.

    With `sinh²(√c·d/2) = q`, `q = ½c(a_i·σ_j + b_j - ⟨x_i, y_j⟩)`, where `τ = √(1 + c‖x‖²)`, `σ = √(1 + c‖y‖²)`,
    `a = ‖x‖²/(τ + 1)`, `b = ‖y‖²/(σ + 1)`. This is one product of `[x, a, 1]` and `[-y, σ, b]`. What cancels in it is
    of the size of `a·σ + b`, not of the 1 that `arcosh` would subtract.

    Accuracy: `q` is good to the last digit of `c(a·σ + b)`; the distance of two nearly equal points, to the root of
    that. The derivative is 0 where the distance is. It can be differentiated once.

    Args:
        x: Space parts, `[N, D]`, float32 or float64.
        y: Space parts, `[M, D]`, of the same type.
        c: Curvature `c > 0`, a tensor of one element.
        factor: A number, not zero, by which the distances are multiplied at no cost.
        xx: `‖x‖²`, `[N, 1]`, where it is known already.
        yy: `‖y‖²`, `[M, 1]`, where it is known already.

    Returns:
        `[N, M]`: the distances times `factor`.
    """
    xx, yy = (dot(t, t, t.dtype) if square is None else square for t, square in ((x, xx), (y, yy)))
    c = c.reshape(()).to(xx.dtype)
    sigma = (1 + c * yy).sqrt()
    left = torch.cat([x, (xx / ((1 + c * xx).sqrt() + 1)).to(x.dtype), torch.ones_like(x[:, :1])], -1)
    right = torch.cat([y, -sigma.to(y.dtype), -(yy / (sigma + 1)).to(y.dtype)], -1)
    return _Distance.apply(torch.mm(left * -c.to(x.dtype), right.mT), (factor * c.rsqrt()).to(x.dtype))
