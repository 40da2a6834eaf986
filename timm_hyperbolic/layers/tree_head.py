"""A classifier by the distance to prototypes that a tree of the labels has placed."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry import Frame, Gyrovector, pairwise_squared_distance
from ..geometry.analytic import safe_sqrt
from .config import HyperbolicConfig
from .curvature import inverse_softplus
from .point_head import PointHead

__all__ = ['TreeHead']


class TreeHead(PointHead):
    """`logit_k = -s·d(exp0(x), P_k)` with fixed prototypes `P_k = exp0(v_k)` and a learnt scale `s > 0`.

    The prototypes are given as tangent vectors `v_k` at the origin, their logarithms, which have all their digits
    however near the boundary the points are, and which are the prototypes of the flat twin too. The scale is
    `s = softplus(scale_raw)` and starts at 1.

    Flat limit: `-2s·‖x - v_k‖`.

    Args:
        prototypes: The vectors `v_k`, `[K, d]`. They are a buffer, which is saved with the weights and not trained.
        config: Hyperbolic keywords, as for `HyperbolicModule`. The margin is for the features only.
        device: Of the parameters and buffers.
        dtype: Of the parameters and buffers.
        **keywords: Fields of `HyperbolicConfig`.

    Raises:
        ValueError: `prototypes` is not a matrix, or a value is outside its range.
        TypeError: a keyword is unknown.

    Source: Long, Mettes, Shen, Snoek, "Searching for Actions on the Hyperbole" (2020), for fixed prototypes from a
    hierarchy, which they train; here they come from a closed form.
    """

    prototypes: Tensor

    def __init__(
        self,
        prototypes: Tensor,
        config: HyperbolicConfig | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **keywords: Any,
    ) -> None:
        if prototypes.dim() != 2:
            raise ValueError(f'prototypes of shape {list(prototypes.shape)} must be a matrix [num_classes, dim]')
        num_classes, in_features = prototypes.shape
        super().__init__(in_features, num_classes, config, device, dtype, **keywords)
        self._given = prototypes.detach().clone()
        self.register_buffer('prototypes', torch.empty(num_classes, in_features, device=device, dtype=dtype))
        self.scale_raw = nn.Parameter(torch.empty(1, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Put the prototypes where they were given, and set the scale to 1."""
        super().reset_parameters()
        with torch.no_grad():
            self.prototypes.copy_(self._given)
        nn.init.constant_(self.scale_raw, inverse_softplus(1.0))

    def scale(self) -> Tensor:
        """Return the factor `s > 0` of the distances, shape `[1]`."""
        return F.softplus(self.scale_raw)

    def score(self, p: Gyrovector, c: Tensor) -> Tensor:
        """Return the logits `[..., K]` of points in a space of curvature `c`."""
        frame = Frame.of((self.prototypes.to(c.dtype),), c, c.dtype)
        q = frame.tangent(torch.ones_like(frame.gram[0][0])).exp0()
        inner = F.linear(p.to_tensor(), q.to_tensor())
        d2 = pairwise_squared_distance(inner, p.r2, p.u, q.r2.squeeze(-1), q.u.squeeze(-1), c)
        return -self.scale().to(c.dtype) * safe_sqrt(d2)
