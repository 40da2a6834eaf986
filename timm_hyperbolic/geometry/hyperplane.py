"""Signed distances from points to hyperplanes (totally geodesic hypersurfaces), and points from such distances."""

from __future__ import annotations

import torch
from torch import Tensor

from .analytic import arsinhc, safe_sqrt, sech2, sinhc, tanhc

__all__ = [
    'distance_of_product',
    'fully_connected',
    'hyperplane_distance',
    'hyperplane_through',
    'offset_factors',
    'point_of_distances',
    'unit_normals',
]

#: Largest `√c·v` of a distance whose point float32 can hold: squares of coordinates, and sums of these, are numbers.
MAX_RAPIDITY = 36.0


def unit_normals(z: Tensor) -> tuple[Tensor, Tensor]:
    """The directions `z/‖z‖` and the lengths `‖z‖` of normals; a zero vector stays zero.

    Args:
        z: Normals, `[K, ...]`, whose length is over all dimensions but the first.

    Returns:
        The directions, shape of `z`, and the lengths, `[K]`.
    """
    length = safe_sqrt(z.flatten(1).square().sum(1))
    return z / torch.where(length > 0, length, 1).view(-1, *(1,) * (z.dim() - 1)), length


def hyperplane_distance(inner: Tensor, time: Tensor, offset: Tensor, curvature: Tensor) -> Tensor:
    """The signed geodesic distance of points from hyperplanes with unit normals `a` and offsets `r`.

    For a point with the Lorentz space part `h` and the time part `τ/√c`, `τ = √(1 + c‖h‖²)`, it is
    `(1/√c)·arsinh(√c·⟨h, a⟩·cosh(2√c·r) - τ·sinh(2√c·r))`; `⟨h, a⟩ - 2r` at `c = 0`. The hyperplane with offset `r`
    passes through the ball's point `exp0(r·a)` at a right angle to `a`.

    In the ball, `h = λp` and `τ = λ - 1` with `λ = 2/(1 - c‖p‖²)`, which gives the same number as
    `(1/√c)·arsinh(√c·λ⟨p, a⟩·cosh(2√c·r) - (λ - 1)·sinh(2√c·r))`.

    Args:
        inner: `⟨h_i, a_j⟩`, `[..., P, K]`, float32 or float64.
        time: `τ_i >= 1`, `[..., P, 1]`.
        offset: `r_j`, `[K]`, any real number.
        curvature: `c >= 0`, broadcastable to `[..., P, K]`.

    Returns:
        `[..., P, K]`, positive on the side to which the normal points.

    Accuracy: the sum under `arsinh` has the absolute error `eps·exp(d(p, 0)√c + 2√c·r)`, the effect of an error of
    `eps` in the direction of `p`.

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), (6), in terms of squared arguments. Bdeir,
    Schwethelm, Landwehr, "Fully Hyperbolic Convolutional Neural Networks for Computer Vision" (2024), has the same
    function in Lorentz coordinates.
    """
    cosh, sinh = offset_factors(offset, curvature)
    return distance_of_product(inner * cosh - time * sinh, curvature)


def distance_of_product(w: Tensor, curvature: Tensor) -> Tensor:
    """The signed distance `(1/√c)·arsinh(√c·w)` of points whose Lorentz product with a unit normal is `w`.

    Args:
        w: Lorentz products, any shape, float32 or float64.
        curvature: `c >= 0`, broadcastable to `w`.

    Returns:
        Shape of `w`.
    """
    return w * arsinhc(curvature * w**2)


def hyperplane_through(v: Tensor, a: Tensor, curvature: Tensor) -> tuple[Tensor, Tensor]:
    """The Lorentz normal of the hyperplane through the ball's point `p = exp0(v)` at a right angle to `a` there.

    The points of the hyperplane are those with `⟨-p ⊕ x, a⟩ = 0`. The normal has the space part
    `a + 2c⟨p, a⟩/(1 - c‖p‖²)·p` and the time part `√c·t`, `t = 2⟨p, a⟩/(1 - c‖p‖²)`. So its Lorentz product with a
    point of space part `h` and time part `τ/√c` is `⟨h, space⟩ - τ·t`, and for a unit `a` the signed distance of the
    point is `distance_of_product` of it. At `c = 0` the product is `⟨h, a⟩ - 2⟨p, a⟩`.

    Args:
        v: Tangent vectors at the origin, `[..., d]`, float32 or float64.
        a: Normals, of the same shape. A normal of length `s` gives a product that is `s` times as large.
        curvature: `c >= 0`, broadcastable to `[..., 1]`.

    Returns:
        The space part `[..., d]`, and `t`, `[..., 1]`.

    Accuracy: as in `hyperplane_distance`, with the distance of `p` from the origin in place of `2r`.

    Source: Ganea, Bécigneul, Hofmann, "Hyperbolic Neural Networks" (2018), section 3.1, for these hyperplanes, which
    they describe by `p` and `a` in the ball; in Lorentz coordinates they are the same points.
    """
    q = curvature * v.square().sum(-1, keepdim=True)
    time = 2 * sinhc(4 * q) * (v * a).sum(-1, keepdim=True)
    return a + curvature * time * tanhc(q) * v, time


def offset_factors(offset: Tensor, curvature: Tensor) -> tuple[Tensor, Tensor]:
    """`cosh(2√c·r)` and `sinh(2√c·r)/√c` of the offsets of hyperplanes; `1` and `2r` at `c = 0`.

    Args:
        offset: `r`, any shape, float32 or float64.
        curvature: `c >= 0`, broadcastable to `offset`.

    Returns:
        Two tensors of the shape of `offset`.
    """
    q = curvature * offset**2
    t, u = tanhc(q), sech2(q)
    # for the point at r, whose n = tanh² and u = sech²
    return (1 + q * t**2) / u, 2 * offset * t / u


def point_of_distances(v: Tensor, curvature: Tensor, limit: Tensor | float = MAX_RAPIDITY) -> Tensor:
    """The Lorentz space part `sinh(√c·v)/√c` of the point with signed distances `v` from the coordinate hyperplanes.

    The k-th coordinate hyperplane passes through the origin at a right angle to the k-th axis. At `c = 0` the result is
    `v`.

    Args:
        v: Distances, `[..., K]`, float32 or float64.
        curvature: `c >= 0`, broadcastable to `v`.
        limit: Values of `√c·v` beyond it count as this limit, which is at most `MAX_RAPIDITY`.

    Returns:
        Shape of `v`.

    Source: Shimizu, Mukuta, Harada (2021), (7): their `w`.
    """
    q = curvature * v**2
    far = q > limit**2
    v = v * torch.where(far, limit * torch.where(far, q, 1).rsqrt(), 1)
    return v * sinhc(curvature * v**2)


def fully_connected(
    inner: Tensor,
    time: Tensor,
    cosh: Tensor,
    sinh: Tensor,
    slope: Tensor,
    curvature: Tensor,
    limit: Tensor | float = MAX_RAPIDITY,
) -> Tensor:
    """The Lorentz space part `w = sinh(√c·v)/√c` of the fully connected layer, with `v = slope·D` for distances `D`.

    All tensors are broadcast against each other.

    Args:
        inner: Inner products `⟨h, ẑ_k⟩` of points with the normals of hyperplanes, float32 or float64.
        time: `τ = √(1 + c‖h‖²)` of the points.
        cosh: From `offset_factors` of the hyperplanes, as is `sinh`.
        sinh: See `cosh`.
        slope: `2‖z_k‖`.
        curvature: `c >= 0`.
        limit: As in `point_of_distances`.

    Returns:
        Coordinates, of the common shape.

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), (7).
    """
    return point_of_distances(slope * distance_of_product(inner * cosh - time * sinh, curvature), curvature, limit)
