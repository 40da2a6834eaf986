"""Signed distances from points to hyperplanes (totally geodesic hypersurfaces), and points from such distances."""

from __future__ import annotations

import torch
from torch import Tensor

from .analytic import arsinhc, safe_sqrt, sech2, sinhc, sinhc_derivative, tanhc

__all__ = [
    'distance_of_product',
    'fully_connected',
    'fully_connected_gradients',
    'hyperplane_distance',
    'hyperplane_through',
    'offset_factors',
    'plane_factors',
    'point_of_distances',
    'steep_distance',
    'steep_distance_gradients',
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


def plane_factors(zz: Tensor, offset: Tensor, curvature: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the functions below take of a hyperplane: `along = cosh(2√c·r)/‖z‖`, `across = sinh(2√c·r)/√c`, `2‖z‖`.

    Args:
        zz: `‖z‖²` of normals, any shape, float32 or float64. Where it is zero, `along` is `cosh(2√c·r)`.
        offset: `r`, of the same shape.
        curvature: `c >= 0`, broadcastable to `zz`.

    Returns:
        `along`, `across` and the slope `2‖z‖`, of the shape of `zz`.
    """
    length = safe_sqrt(zz)
    cosh, across = offset_factors(offset, curvature)
    return cosh / torch.where(length > 0, length, 1), across, 2 * length


def steep_distance(
    inner: Tensor, time: Tensor, along: Tensor, across: Tensor, slope: Tensor, curvature: Tensor
) -> Tensor:
    """`v = slope·D` for the signed distances `D` of points from hyperplanes; see `hyperplane_distance`.

    All tensors are broadcast against each other.

    Args:
        inner: Inner products `⟨h, z_k⟩` of points with the normals of hyperplanes, float32 or float64.
        time: `τ = √(1 + c‖h‖²)` of the points.
        along: From `plane_factors` of the hyperplanes, as are the next two.
        across: See `along`.
        slope: See `along`.
        curvature: `c >= 0`.

    Returns:
        Distances times slopes, of the common shape.

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), (6).
    """
    return slope * distance_of_product(inner * along - time * across, curvature)


def fully_connected(
    inner: Tensor,
    time: Tensor,
    along: Tensor,
    across: Tensor,
    slope: Tensor,
    curvature: Tensor,
    limit: Tensor | float = MAX_RAPIDITY,
) -> Tensor:
    """The Lorentz space part `w = sinh(√c·v)/√c` of the fully connected layer, with `v` of `steep_distance`.

    Args:
        inner: As in `steep_distance`, as are the next five.
        time: See `inner`.
        along: See `inner`.
        across: See `inner`.
        slope: See `inner`.
        curvature: See `inner`.
        limit: As in `point_of_distances`.

    Returns:
        Coordinates, of the common shape.

    Source: Shimizu, Mukuta, Harada, "Hyperbolic Neural Networks++" (2021), (7).
    """
    return point_of_distances(steep_distance(inner, time, along, across, slope, curvature), curvature, limit)


def steep_distance_gradients(
    v: Tensor, g: Tensor, time: Tensor, along: Tensor, across: Tensor, slope: Tensor, curvature: Tensor
) -> tuple[Tensor, ...]:
    """The gradients of `steep_distance`, from its result in place of `inner`, which need not be kept.

    With `D = v/slope` and `s = sinh(√c·D)/√c`: `∂D/∂s = 1/cosh(√c·D)`, and `inner = (s + time·across)/along`.

    Args:
        v: The result.
        g: The gradient of a loss with respect to it.
        time: As in `steep_distance`, as are the next four.
        along: See `time`.
        across: See `time`.
        slope: See `time`; where it is zero, its own gradient counts as zero.
        curvature: See `time`.

    Returns:
        Gradients with respect to `inner`, `time`, `along`, `across`, `slope` and `curvature`, of the common shape.
    """
    distance = v / torch.where(slope > 0, slope, 1)
    q = curvature * distance**2
    s = distance * sinhc(q)
    inverse = (1 + curvature * s**2).rsqrt()  # 1/cosh
    of_distance = slope * g
    of_s = of_distance * inverse
    of_curvature = -of_s * distance**3 * sinhc_derivative(q)
    inner = (s + time * across) / along
    return along * of_s, -across * of_s, inner * of_s, -time * of_s, distance * g, of_curvature


def fully_connected_gradients(
    w: Tensor,
    g: Tensor,
    time: Tensor,
    along: Tensor,
    across: Tensor,
    slope: Tensor,
    curvature: Tensor,
    edge: Tensor | float,
) -> tuple[Tensor, ...]:
    """The gradients of `fully_connected`, from its result, by `∂w/∂v = cosh(√c·v) = √(1 + c·w²)`.

    Args:
        w: The result.
        g: The gradient of a loss with respect to it.
        time: As in `fully_connected`, as are the next four.
        along: See `time`.
        across: See `time`.
        slope: See `time`; where it is zero, its own gradient counts as zero.
        curvature: See `time`.
        edge: A result with `c·w²` from here on counts as one at the limit of rapidities: there `v` has no gradient.

    Returns:
        As `steep_distance_gradients`.
    """
    q = curvature * w**2
    far = q > edge
    v = w * arsinhc(q)
    of_v = torch.where(far, 0, g * (1 + q).sqrt())
    *of_others, of_curvature = steep_distance_gradients(v, of_v, time, along, across, slope, curvature)
    at_edge = -w / (2 * torch.where(far, curvature, 1))
    by_curvature = torch.where(far, at_edge, v**3 * sinhc_derivative(curvature * v**2))
    return *of_others, of_curvature + g * by_curvature
