"""The Poincaré ball on plain tensors: one function an operation, for use outside the layers.

Each is a Möbius expression on a `Frame`, so it agrees with the layers by construction. Points and tangent vectors are
`[..., D]` tensors of float32 or float64 that broadcast against each other; everything is computed in float64; results
have the type of the input. Points must lie in the ball `c‖p‖² < 1`; one that does not is brought to its boundary.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .gyrovector import Frame, dot
from .midpoint import midpoint_log0

__all__ = ['distance', 'exp0', 'log0', 'midpoint', 'mobius_add', 'mobius_matvec', 'mobius_scale', 'tangent_distance']


def _curvature(c: Tensor | float, like: Tensor) -> Tensor:
    c = torch.as_tensor(c, dtype=torch.float64, device=like.device)
    # A data-dependent check breaks graphs, so only a number or an eager tensor that needs no gradient is looked at.
    if not torch.compiler.is_compiling() and not c.requires_grad and bool((c < 0).any()):
        raise ValueError(f'curvature={c.tolist()} must be >= 0: it is the magnitude c of the sectional curvature -c')
    return c


def _pair(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f'the last dimensions differ: {tuple(x.shape)} and {tuple(y.shape)}')
    x, y = torch.broadcast_tensors(x, y)
    return x, y


def mobius_add(p: Tensor, q: Tensor, c: Tensor | float) -> Tensor:
    """Möbius addition `p ⊕ q`; `p + q` at `c = 0`.

    Args:
        p: Points, `[..., D]`.
        q: Points, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.

    Returns:
        Points, `[..., D]`.

    Raises:
        ValueError: a negative curvature, or points of different dimensions.

    Source: Ungar (2009), (3.129).
    """
    p, q = _pair(p, q)
    frame, a, b = Frame.plane(p.double(), q.double(), _curvature(c, p))
    return (frame.point(*a.coefficients) + frame.point(*b.coefficients)).to_tensor().to(p.dtype)


def mobius_scale(r: Tensor | float, p: Tensor, c: Tensor | float) -> Tensor:
    """Möbius scaling `r ⊗ p = exp0(r·log0(p))`; result and errors as `mobius_add`.

    Args:
        r: Any real number, broadcastable to `[..., 1]`.
        p: Points of the ball, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.

    Source: Ungar (2009), (3.131).
    """
    frame = Frame.of((p.double(),), _curvature(c, p))
    return (r * frame.point(torch.ones_like(frame.gram[0][0]))).to_tensor().to(p.dtype)


def mobius_matvec(weight: Tensor, p: Tensor, c: Tensor | float) -> Tensor:
    """Möbius matrix-vector product `W ⊗ p = exp0(W·log0(p))`.

    Args:
        weight: `[E, D]`.
        p: Points, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.

    Returns:
        Points, `[..., E]`.

    Raises:
        ValueError: a negative curvature.

    Source: Ganea, Bécigneul, Hofmann (2018), Lemma 6.
    """
    return exp0(log0(p.double(), c) @ weight.double().mT, c).to(p.dtype)


def exp0(v: Tensor, c: Tensor | float) -> Tensor:
    """The exponential map at the origin, `[..., D]` to `[..., D]`; the identity at `c = 0`.

    Args:
        v: Tangent vectors at the origin, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.

    Raises:
        ValueError: a negative curvature.

    Source: Ganea, Bécigneul, Hofmann (2018), Lemma 2.
    """
    frame = Frame.of((v.double(),), _curvature(c, v))
    return frame.tangent(torch.ones_like(frame.gram[0][0])).exp0().to_tensor().to(v.dtype)


def log0(p: Tensor, c: Tensor | float) -> Tensor:
    """The logarithm at the origin, inverse of `exp0`; errors as `exp0`.

    Args:
        p: Points of the ball, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    frame = Frame.of((p.double(),), _curvature(c, p))
    return frame.point(torch.ones_like(frame.gram[0][0])).log0().to_tensor().to(p.dtype)


def _distance(x: Tensor, y: Tensor, c: Tensor | float, tangent: bool) -> Tensor:
    x, y = _pair(x, y)
    frame, a, b = Frame.plane(x.double(), y.double(), _curvature(c, x))
    if tangent:
        p, q = a.exp0(), b.exp0()
    else:
        p, q = frame.point(*a.coefficients), frame.point(*b.coefficients)
    return p.distance(q).squeeze(-1).to(x.dtype)


def distance(p: Tensor, q: Tensor, c: Tensor | float) -> Tensor:
    """Geodesic distance between points, `[..., D]` and `[..., D]` to `[...]`; `2‖p - q‖` at `c = 0`.

    Accuracy: relative 1e-6 in float32, whatever the points, taken as exact.

    Args:
        p: Points of the ball, `[..., D]`.
        q: Points of the ball, `[..., D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.

    Raises:
        ValueError: a negative curvature, or points of different dimensions.

    Source: Ganea, Bécigneul, Hofmann (2018), (6), in the form with `arsinh`.
    """
    return _distance(p, q, c, tangent=False)


def tangent_distance(v: Tensor, w: Tensor, c: Tensor | float) -> Tensor:
    """`distance(exp0(v), exp0(w))`, right also where the points are too near the boundary for any number type.

    Args, returns, errors and accuracy as `distance`, for tangent vectors at the origin with `√c‖v‖` up to about 170.

    Args:
        v: Tangent vectors at the origin, `[..., D]`, with `√c‖v‖` up to about 170.
        w: The same.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
    """
    return _distance(v, w, c, tangent=True)


def midpoint(points: Tensor, c: Tensor | float, weights: Tensor | None = None) -> Tensor:
    """Weighted gyro-midpoint `½ ⊗ (Σ wλv / Σ w(λ - 1))`; the mean at `c = 0`.

    Args:
        points: `[..., K, D]`.
        c: Curvature `c >= 0`, broadcastable to `[..., 1]`.
        weights: `[..., K]`, `>= 0`; all one if None.

    Returns:
        Points, `[..., D]`.

    Raises:
        ValueError: a negative curvature.

    Source: see `midpoint_log0`.
    """
    c = _curvature(c, points)
    v = points.double()
    factor = 2 / (1 - c * dot(v, v, torch.float64)).clamp_min(8 * torch.finfo(torch.float64).eps)
    w = torch.ones_like(factor) if weights is None else weights.double().unsqueeze(-1)
    log = midpoint_log0((w * factor * v).sum(-2), (w * (factor - 1)).sum(-2), c)
    return exp0(log, c).to(points.dtype)
