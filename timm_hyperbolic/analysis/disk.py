"""Points of a high-dimensional ball on the Poincaré disk, to be looked at."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..geometry import exp0, log0, tangent_distance
from ..layers import HyperbolicHead

__all__ = ['DiskView', 'head_vectors', 'main_directions', 'to_disk', 'view_head']

_COMPARED = 300  # points whose distances are compared


@dataclass(frozen=True)
class DiskView:
    """What a hyperbolic head looks at, on the unit disk.

    Attributes:
        features: `[N, 2]`.
        prototypes: `[C, 2]`.
        distances: of the prototypes from the origin, `[C]`, those of the head's ball.
        margin: norm at which the head clips, in (0, 1]; 1 without a clip.
        in_plane: share, in [0, 1], of the features' squared length that lies in the plane of the two directions.
        agreement: rank correlation, in [-1, 1], of the distances on the disk with those in the head's ball.
    """

    features: Tensor
    prototypes: Tensor
    distances: Tensor
    margin: float
    in_plane: float
    agreement: float


def head_vectors(head: HyperbolicHead, features: Tensor) -> tuple[Tensor, Tensor]:
    """Return features as the head sees them, scaled and clipped, and its prototypes.

    Args:
        head: of `D` features and `C` classes.
        features: `[N, D]`.

    Returns:
        Tangent vectors at the origin, `[N, D]` and `[C, D]`, float64, on the CPU.
    """
    with torch.no_grad():
        c = head.curvature().cpu().double()
        v = features.cpu().double() * head.feature_scale().cpu().double()
        v = v * head.limits.tangent(v.square().sum(-1, keepdim=True), c)
        return v, log0(head.weight.detach().cpu().double(), c)


def main_directions(vectors: Tensor, classes: Tensor) -> Tensor:
    """Return the two directions in which the classes' means lie furthest apart, `[D, 2]`, orthonormal.

    They are the first two principal directions of the means; each points to where its largest entry is positive.

    Args:
        vectors: `[N, D]`, `D >= 2`.
        classes: class indices, `[N]`; a negative one does not count.

    Raises:
        ValueError: fewer than two dimensions, or no vector of a class.
    """
    if vectors.shape[1] < 2 or not (classes >= 0).any():
        raise ValueError(f'{list(vectors.shape)} vectors, {int((classes >= 0).sum())} of a class: no plane in them')
    known = classes[classes >= 0]
    found, index = known.unique(return_inverse=True)
    sums = vectors.new_zeros(len(found), vectors.shape[1]).index_add_(0, index, vectors[classes >= 0])
    means = sums / index.bincount().unsqueeze(1)
    # A full basis: of two classes or fewer the second direction is any one orthogonal to the first.
    _, _, basis = torch.linalg.svd(means - means.mean(0), full_matrices=True)
    axes = basis[:2]
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return (axes * largest.sign()).T


def to_disk(vectors: Tensor, axes: Tensor, curvature: Tensor | float) -> Tensor:
    """Lay tangent vectors at the origin on the unit disk, each at its own distance from the centre.

    A vector is projected to the plane of `axes`, brought back to its length there, and mapped by `exp0`, scaled so that
    the ball's boundary is the unit circle. The distance from the origin is kept exactly, for every point; so is the
    direction within the plane. What lies across the plane is lost: points close together on the disk may be far apart
    in the ball, and of a vector with little in the plane the angle says little.

    (The nearest point of a plane through the origin, which in Klein's model is the orthogonal projection, moves no two
    points further apart, but in many dimensions it draws all of them to the centre. Horospherical projection,
    Chami et al., "HoroPCA" (2021), keeps more, but folds the disk along a geodesic.)

    Args:
        vectors: `[N, D]`.
        axes: orthonormal, `[D, 2]`.
        curvature: `c > 0` of the ball.

    Returns:
        `[N, 2]`, of norm `tanh(√c‖v‖)`; a vector without a part in the plane lies along the first axis.
    """
    flat = vectors @ axes
    length = flat.square().sum(-1, keepdim=True).sqrt()
    first = torch.tensor([1.0, 0.0], dtype=flat.dtype, device=flat.device)
    direction = torch.where(length > 0, flat / torch.where(length > 0, length, 1), first)
    c = torch.as_tensor(curvature, dtype=flat.dtype, device=flat.device)
    return c.sqrt() * exp0(direction * vectors.square().sum(-1, keepdim=True).sqrt(), c)


def view_head(head: HyperbolicHead, features: Tensor, classes: Tensor) -> DiskView:
    """Return the head's prototypes and its features on the disk, in the directions in which the classes differ most.

    Args:
        head: of `D >= 2` features, not flat.
        features: what enters it, `[N, D]`.
        classes: of the features, `[N]`.

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
    """Distances of all pairs, each once, `[N(N-1)/2]`."""
    return torch.cat([tangent_distance(v, vectors[i + 1 :], c) for i, v in enumerate(vectors[:-1])])


def _rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's."""
    ranks = torch.stack([x.argsort().argsort().double() for x in (a, b)])
    return ranks.corrcoef()[0, 1].item()
