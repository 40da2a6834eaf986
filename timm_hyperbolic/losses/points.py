"""Features as points of the ball, for losses on distances."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import Frame, Gyrovector, Limits, pairwise_squared_distance
from ..geometry.analytic import safe_sqrt

__all__ = ['all_distances', 'check_features', 'points_of']


def check_features(features: Tensor, target: Tensor) -> None:
    """Refuse features and labels whose shapes do not fit.

    Args:
        features: Tangent vectors at the origin, `[B, D]`.
        target: The class of each vector, `[B]`.

    Raises:
        ValueError: naming both shapes.
    """
    if features.dim() != 2 or target.shape != features.shape[:1]:
        raise ValueError(
            f'features of shape {list(features.shape)} and target of shape {list(target.shape)} must be [B, D] and [B]'
        )


def points_of(features: Tensor, curvature: float, limits: Limits) -> tuple[Gyrovector, Tensor]:
    """Return the points `exp0(v)` of clipped tangent vectors, in float64 where the device has it, and the curvature.

    Args:
        features: Tangent vectors at the origin, `[B, D]`.
        curvature: Magnitude `c >= 0` of the curvature `-c`.
        limits: The clip of the vectors.
    """
    wide = torch.float32 if features.device.type == 'mps' else torch.float64
    c = torch.tensor([curvature], dtype=wide, device=features.device)
    frame = Frame.of((features.to(wide),), c, wide, limits)
    return frame.tangent(torch.ones_like(frame.gram[0][0])).exp0(), c


def all_distances(p: Gyrovector, c: Tensor) -> Tensor:
    """Return the geodesic distances of all pairs of points, `[B, B]`.

    Args:
        p: Points in one frame with their `to_tensor` of shape `[B, D]`.
        c: Curvature, `[1]`.
    """
    points = p.to_tensor()
    inner = F.linear(points, points)
    return safe_sqrt(pairwise_squared_distance(inner, p.r2, p.u, p.r2.squeeze(-1), p.u.squeeze(-1), c))
