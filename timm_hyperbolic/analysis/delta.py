"""Gromov's δ-hyperbolicity: how far a finite metric space is from a tree."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ['DeltaDraws', 'gaussian_like', 'gromov_delta', 'relative_delta', 'relative_deltas', 'suggested_curvature']

_CHUNK = 1 << 22  # entries of the largest temporary tensor besides the matrix of distances


def gromov_delta(distances: Tensor, base: int | None = 0) -> Tensor:
    """Return the smallest `δ` with `(x|z)_w >= min((x|y)_w, (y|z)_w) - δ` for all points `x, y, z`.

    `(x|y)_w = (d(x,w) + d(y,w) - d(x,y))/2` is Gromov's product at the base point `w`; `x`, `y`, `z` are any points.
    With the matrix `A` of products, `δ_w` is the largest entry of `A∘A - A`, where `(A∘A)_xz = max_y min(A_xy, A_yz)`
    is the max-min product. `δ` is 0 for a tree, and 1 for the four points of a cycle of length four.

    Args:
        distances: between all pairs of points, `[N, N]`, symmetric, zero on the diagonal, in a floating type.
        base: index of the base point `w`. None takes the largest `δ` of all base points, which is the four-point
            condition, at `N` times the cost; one base point gives at least half of that `δ`.

    Returns:
        `δ >= 0`, a scalar in the type of `distances`, exact except for rounding. The cost is `N³` operations and `N²`
        numbers of memory.

    Raises:
        ValueError: `distances` is not a square matrix of a floating type, or `base` is out of range.

    Source: Gromov, "Hyperbolic groups" (1987), 1.1; the max-min product is that of Fournier, Ismail, Vigneron,
    "Computing the Gromov hyperbolicity of a discrete metric space" (2015).
    """
    if distances.dim() != 2 or distances.shape[0] != distances.shape[1] or not distances.is_floating_point():
        raise ValueError(
            f'distances must be a square matrix of a floating type, not {list(distances.shape)} of {distances.dtype}'
        )
    n = len(distances)
    if base is None:
        return torch.stack([gromov_delta(distances, w) for w in range(n)]).max()
    if not 0 <= base < n:
        raise ValueError(f'base={base}: the {n} points are numbered from 0')
    to_base = distances[base]
    products = (to_base.unsqueeze(1) + to_base.unsqueeze(0) - distances) / 2
    delta = products.new_zeros(())
    for x in range(n):
        # A is symmetric: only z >= x.
        best = _max_min(products[x], products[x:])
        delta = torch.maximum(delta, (best - products[x, x:]).max())
    return delta


def _max_min(row: Tensor, others: Tensor) -> Tensor:
    """`max_y min(row_y, others_zy)` for each `z`: `[N]` and `[M, N]` to `[M]`."""
    rows = max(1, _CHUNK // len(row))
    return torch.cat([torch.minimum(part, row).amax(1) for part in others.split(rows)])


def relative_delta(points: Tensor, base: int = 0) -> float:
    """Return `δ_rel = 2δ/diameter` of points under the Euclidean distance: 0 for a tree, at most 1.

    Args:
        points: `[N, D]`, at least two different points.
        base: index of the base point of `gromov_delta`.

    Returns:
        A number in [0, 1]. With one base point it is at least half of the value over all base points.

    Raises:
        ValueError: the points are all the same, or not finite.

    Source: Khrulkov, Mirvakhabova, Ustinova, Oseledets, Lempitsky, "Hyperbolic Image Embeddings" (2020), section 3.
    """
    points = points.double()
    points = points - points.mean(0)  # cdist subtracts squared lengths: shorter vectors lose fewer digits
    distances = torch.cdist(points, points).fill_diagonal_(0)
    diameter = distances.max().item()
    if not 0 < diameter < float('inf'):
        raise ValueError(f'{len(points)} points of diameter {diameter:g}: they must be finite, and not all the same')
    return 2 * gromov_delta((distances / diameter).float(), base).item()


def gaussian_like(points: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw from the normal distribution with the mean and the covariance of `points`.

    Args:
        points: `[N, D]`, at least two.
        count: number of points to draw.
        generator: of the random numbers; None for torch's own.

    Returns:
        `[count, D]`, float64.
    """
    points = points.double()
    values, vectors = torch.linalg.eigh(torch.atleast_2d(points.T.cov()))
    root = vectors * values.clamp_min(0).sqrt()
    noise = torch.randn(count, points.shape[1], generator=generator, dtype=torch.float64, device=points.device)
    return points.mean(0) + noise @ root.T


@dataclass(frozen=True)
class DeltaDraws:
    """`δ_rel` of several draws from points and from two Gaussians.

    Attributes:
        points: `δ_rel` of each sample of the points.
        gaussian: `δ_rel` of each sample of a Gaussian with the mean and the covariance of all points.
        isotropic: `δ_rel` of each sample of an isotropic Gaussian of the same dimension.
    """

    points: list[float]
    gaussian: list[float]
    isotropic: list[float]


def relative_deltas(points: Tensor, samples: int = 1000, draws: int = 5, seed: int = 0) -> DeltaDraws:
    """Return `δ_rel` of several random samples of `points`, and of as many samples of two Gaussians.

    In many dimensions distances concentrate, and any set of points has a low `δ_rel`. The isotropic Gaussian shows the
    effect of the number of dimensions, the Gaussian of equal covariance also that of unequal variances: only a `δ_rel`
    below both is evidence of a tree. The base point of each sample is its first point, a random one.

    Args:
        points: `[N, D]`.
        samples: number of points in a sample, from 4 to `N`; samples of `N` points differ in the base point alone.
        draws: number of samples.
        seed: of the draws.

    Returns:
        `draws` numbers for the points and for each Gaussian.

    Raises:
        ValueError: a number is out of range, or the points are all the same or not finite.
    """
    if not 4 <= samples <= len(points):
        raise ValueError(f'samples={samples} must be at least 4 and at most the number of points, {len(points)}')
    if draws < 1:
        raise ValueError(f'draws={draws} must be at least 1')
    generator = torch.Generator().manual_seed(seed)
    points = points.cpu()
    own = [relative_delta(points[torch.randperm(len(points), generator=generator)[:samples]]) for _ in range(draws)]
    gaussian = gaussian_like(points, draws * samples, generator).split(samples)
    isotropic = torch.randn(draws * samples, points.shape[1], generator=generator).split(samples)
    return DeltaDraws(own, *([relative_delta(part) for part in control] for control in (gaussian, isotropic)))


def suggested_curvature(delta: float) -> float:
    """Return `c = (0.144/δ_rel)²`: the smaller the δ_rel of features, the more curved the ball that suits them.

    Args:
        delta: `δ_rel > 0` of the features, as `relative_delta` measures it.

    Raises:
        ValueError: `delta` is not positive.

    Source: Khrulkov, Mirvakhabova, Ustinova, Oseledets, Lempitsky, "Hyperbolic Image Embeddings" (2020), section 3.
    """
    if not delta > 0:
        raise ValueError(f'delta={delta} must be greater than 0')
    return (0.144 / delta) ** 2
