"""Pictures of points of a high-dimensional ball on the Poincaré disk."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..geometry import exp0, log0, tangent_distance
from ..layers import HyperbolicHead

__all__ = [
    'DiskView',
    'euclidean_circle',
    'head_vectors',
    'main_directions',
    'to_disk',
    'turn_about',
    'unit_disk',
    'view_head',
]

_COMPARED = 300  # points whose distances on the disk and in the ball are compared


@dataclass(frozen=True)
class DiskView:
    """The features and prototypes of a hyperbolic head on the unit disk.

    Attributes:
        features: points of the disk, `[N, 2]`.
        prototypes: points of the disk, `[C, 2]`.
        distances: distances of the prototypes from the origin in the ball of the head, `[C]`.
        margin: radius on the disk at which the head clips, in (0, 1]; 1 without a clip.
        in_plane: share, in [0, 1], of the features' squared length that lies in the plane of the two directions.
        agreement: rank correlation, in [-1, 1], of distances on the disk with distances in the ball of the head.
    """

    features: Tensor
    prototypes: Tensor
    distances: Tensor
    margin: float
    in_plane: float
    agreement: float


def head_vectors(head: HyperbolicHead, features: Tensor) -> tuple[Tensor, Tensor]:
    """Return scaled and clipped features, as a head compares them, and its prototypes.

    Args:
        head: with `D` input features and `C` classes.
        features: inputs of the head, `[N, D]`.

    Returns:
        Tangent vectors at the origin, `[N, D]` and `[C, D]`, float64, on the CPU.
    """
    with torch.no_grad():
        c = head.curvature().cpu().double()
        v = features.cpu().double() * head.feature_scale().cpu().double()
        v = v * head.limits.tangent(v.square().sum(-1, keepdim=True), c)
        return v, log0(head.weight.detach().cpu().double(), c)


def main_directions(vectors: Tensor, classes: Tensor) -> Tensor:
    """Return the first two principal directions of the means of the classes.

    The sign of each direction is that with which its entry of largest magnitude is positive.

    Args:
        vectors: `[N, D]`, `D >= 2`.
        classes: class of each vector, `[N]`; vectors of negative classes are ignored.

    Returns:
        Orthonormal columns, `[D, 2]`.

    Raises:
        ValueError: there are fewer than two dimensions, or no vector belongs to a class.
    """
    if vectors.shape[1] < 2 or not (classes >= 0).any():
        raise ValueError(f'{list(vectors.shape)} vectors, {int((classes >= 0).sum())} of a class: no plane in them')
    known = classes[classes >= 0]
    found, index = known.unique(return_inverse=True)
    sums = vectors.new_zeros(len(found), vectors.shape[1]).index_add_(0, index, vectors[classes >= 0])
    means = sums / index.bincount().unsqueeze(1)
    # A full basis: with at most two classes, any direction orthogonal to the first one is the second.
    _, _, basis = torch.linalg.svd(means - means.mean(0), full_matrices=True)
    axes = basis[:2]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return (axes * largest.sign()).T


def unit_disk(flat: Tensor, curvature: Tensor | float) -> Tensor:
    """Map tangent vectors at the origin of a two-dimensional ball to the unit disk by `√c·exp0(v)`.

    Args:
        flat: tangent vectors, `[N, 2]`.
        curvature: `c > 0` of the ball.

    Returns:
        Points of norm `tanh(√c‖v‖)`, `[N, 2]`.
    """
    c = torch.as_tensor(curvature, dtype=flat.dtype, device=flat.device)
    return c.sqrt() * exp0(flat, c)


def to_disk(vectors: Tensor, axes: Tensor, curvature: Tensor | float) -> Tensor:
    """Map tangent vectors at the origin to the unit disk, each at its own distance from the centre.

    A vector is projected to the plane of `axes`, scaled to its length before the projection, and mapped by `unit_disk`.
    So the distance from the origin is exact for every point, and the direction within the plane too. The part across
    the plane is lost: points close together on the disk may be far apart in the ball.

    (The nearest point of the plane, which is the orthogonal projection in Klein's model, moves no two points further
    apart, but in many dimensions it moves all points near the centre. Horospherical projection, Chami et al., "HoroPCA"
    (2021), keeps more, but folds the disk along a geodesic.)

    Args:
        vectors: `[N, D]`.
        axes: orthonormal columns, `[D, 2]`.
        curvature: `c > 0` of the ball.

    Returns:
        Points of norm `tanh(√c‖v‖)`, `[N, 2]`; a vector without a part in the plane lies on the first axis.
    """
    flat = vectors @ axes
    length = flat.square().sum(-1, keepdim=True).sqrt()
    first = torch.tensor([1.0, 0.0], dtype=flat.dtype, device=flat.device)
    direction = torch.where(length > 0, flat / torch.where(length > 0, length, 1), first)
    return unit_disk(direction * vectors.square().sum(-1, keepdim=True).sqrt(), curvature)


def turn_about(axis: Tensor, vectors: Tensor, up: Tensor) -> Tensor:
    """Turn tangent vectors at the origin about an axis into one half of a plane or the other.

    A rotation about the line through the origin and a point is an isometry of the ball that fixes this line. So after
    turning, the distance of every vector from the origin, and from every point on the line, is exact. Only distances
    between turned vectors are lost.

    Args:
        axis: a vector on the line, `[D]`; the zero vector stands for the first coordinate axis.
        vectors: `[N, D]`.
        up: `[D]`. Vectors whose part across the axis has a negative inner product with `up` are turned to the lower
            half of the plane.

    Returns:
        Coordinates along and across the axis, `[N, 2]`.
    """
    length = axis.square().sum().sqrt()
    unit = torch.where(length > 0, axis / torch.where(length > 0, length, 1), torch.eye(1, len(axis)).to(axis)[0])
    along = vectors @ unit
    across = vectors - along.unsqueeze(1) * unit
    side = torch.where(across @ up < 0, -1.0, 1.0).to(vectors)
    return torch.stack([along, side * across.square().sum(-1).sqrt()], -1)


def euclidean_circle(center: Tensor, radius: float) -> tuple[Tensor, float]:
    """Return the Euclidean centre and radius of a hyperbolic circle on the unit disk, which has curvature -1.

    With `t = tanh(radius/2)`, the centre is `(1 - t²)/(1 - t²‖p‖²)·p` and the radius `t(1 - ‖p‖²)/(1 - t²‖p‖²)`.

    Args:
        center: hyperbolic centre `p`, a point of the disk, `[2]`.
        radius: hyperbolic radius.
    """
    t2, n = math.tanh(radius / 2) ** 2, center.square().sum()
    scale = 1 - t2 * n
    return (1 - t2) / scale * center, (math.sqrt(t2) * (1 - n) / scale).item()


def view_head(head: HyperbolicHead, features: Tensor, classes: Tensor) -> DiskView:
    """Return prototypes and features on the disk, projected by `to_disk` to the `main_directions` of the features.

    Args:
        head: with `D >= 2` input features, not flat.
        features: inputs of the head, `[N, D]`.
        classes: class of each feature, `[N]`.

    Raises:
        ValueError: as `main_directions`.
    """
    v, prototypes = head_vectors(head, features)
    axes, c = main_directions(v, classes.cpu()), head.curvature().detach().cpu().double()
    both, disk = torch.cat([prototypes, v]), torch.cat([to_disk(prototypes, axes, c), to_disk(v, axes, c)])
    some = slice(None, None, -(-len(both) // _COMPARED))
    return DiskView(
        features=disk[len(prototypes) :],
        prototypes=disk[: len(prototypes)],
        distances=2 * prototypes.square().sum(-1).sqrt(),
        margin=1.0 if head.limits.margin is None else head.limits.margin,
        in_plane=((v @ axes).square().sum() / v.square().sum().clamp_min(torch.finfo(v.dtype).tiny)).item(),
        agreement=_rank_correlation(_pairwise(both[some], c), _pairwise(log0(disk[some] / c.sqrt(), c), c)),
    )


def _pairwise(vectors: Tensor, c: Tensor) -> Tensor:
    """The distances of all pairs of vectors, `[N(N-1)/2]`."""
    return torch.cat([tangent_distance(v, vectors[i + 1 :], c) for i, v in enumerate(vectors[:-1])])


def _rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's rank correlation."""
    ranks = torch.stack([x.argsort().argsort().double() for x in (a, b)])
    return ranks.corrcoef()[0, 1].item()
