"""A classifier of a backbone's pooled features: a projection to a few dimensions, and a head on them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .point_head import linear_start

__all__ = ['ProjectedHead']


class ProjectedHead(nn.Module):
    """`head(W·x + b)`: features are projected to tangent vectors at the origin, which the head classifies.

    Args:
        in_features: Number of features D of the backbone.
        dim: Number of features d of the head.
        head: A module that takes tangent vectors at the origin, `[..., d]`, and clips their length itself.
        device: Of the parameters.
        dtype: Of the parameters.
    """

    head: Any

    def __init__(
        self,
        in_features: int,
        dim: int,
        head: nn.Module,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.project = nn.Linear(in_features, dim, device=device, dtype=dtype)
        self.head = head
        self._start()

    def _start(self) -> None:
        linear_start(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def reset_parameters(self) -> None:
        """Set projection and head to their starting values."""
        self._start()
        self.head.reset_parameters()

    def embed(self, x: Tensor) -> Tensor:
        """Return the tangent vectors `[..., d]` of features `[..., D]`, before any clip."""
        return self.project(x)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits `[..., K]` of features `[..., D]`."""
        return self.head(self.embed(x))
