"""Metric learning by the cross-entropy of distances."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import Limits
from ..layers.point_head import unit
from .points import all_distances, check_features, points_of

__all__ = ['PairwiseCrossEntropy']


class PairwiseCrossEntropy(nn.Module):
    """`-log(e^(-d_ij/τ) / (e^(-d_ij/τ) + Σ_k e^(-d_ik/τ)))`, averaged over all pairs `(i, j)` of one class.

    The sum runs over the samples `k` of other classes. `d` is the geodesic distance of the points `exp0(x)`, with
    features clipped to a length; on the sphere it is the squared distance `2 - 2·cos` of unit vectors, the published
    twin; at `curvature=0` it is `2‖x_i - x_j‖`.

    Args:
        temperature: `τ > 0`.
        curvature: `c >= 0`.
        max_norm: The largest length of the features, or None; not used on the sphere.
        geometry: `'hyperbolic'` or `'sphere'`.

    Raises:
        ValueError: a value is unknown or outside its range.

    Source: Ermolov, Mirvakhabova, Khrulkov, Sebe, Oseledets, "Hyperbolic Vision Transformers: Combining Improvements
    in Metric Learning" (CVPR 2022), (8), with its values. There the denominator has one sample of each other class,
    here all of the batch.
    """

    def __init__(
        self,
        temperature: float = 0.2,
        curvature: float = 0.1,
        max_norm: float | None = 2.3,
        geometry: str = 'hyperbolic',
    ) -> None:
        super().__init__()
        if geometry not in ('hyperbolic', 'sphere'):
            raise ValueError(f"geometry={geometry!r} must be 'hyperbolic' or 'sphere'; curvature=0 is flat space")
        for name, value, low in (('temperature', temperature, 1e-6), ('curvature', curvature, 0)):
            if not low <= value < float('inf'):
                raise ValueError(f'{name}={value} must be a number of at least {low}')
        self.temperature, self.curvature, self.geometry = temperature, curvature, geometry
        self.limits = Limits(max_norm=max_norm)

    def distances(self, features: Tensor) -> Tensor:
        """Return the distances of all pairs of features `[B, D]`: `[B, B]`, float64 where the device has it."""
        with torch.autocast(features.device.type, enabled=False):
            if self.geometry == 'sphere':
                x = unit(features.to(torch.float32 if features.device.type == 'mps' else torch.float64), features.dtype)
                return 2 - 2 * F.linear(x, x)
            return all_distances(*points_of(features, self.curvature, self.limits))

    def forward(self, features: Tensor, target: Tensor | None = None) -> Tensor:
        """Return the loss of a batch.

        Args:
            features: `[B, D]` with labels, or `[B, V, D]` of V views of each of B images.
            target: Labels `[B]`; None for views, of which those of one image are of one class.

        Returns:
            A number `>= 0`, in the type of the features (float32 for half types); 0 where no class stands twice.

        Raises:
            ValueError: the shapes do not fit.
        """
        if target is None:
            if features.dim() != 3 or features.shape[1] < 2:
                raise ValueError(
                    f'features of shape {list(features.shape)} without target must be views [B, V, D] with V >= 2'
                )
            target = torch.arange(features.shape[0], device=features.device).repeat_interleave(features.shape[1])
            features = features.flatten(0, 1)
        check_features(features, target)
        logits = -self.distances(features) / self.temperature
        same = target == target[:, None]
        # finite, so that a row without another class has the loss and the gradient 0
        others = logits.masked_fill(same, -1e30).logsumexp(-1, keepdim=True)
        pairs = same & ~torch.eye(len(target), dtype=torch.bool, device=target.device)
        losses = torch.where(pairs, F.softplus(others - logits), 0)
        return (losses.sum() / pairs.sum().clamp_min(1)).to(torch.promote_types(features.dtype, torch.float32))
