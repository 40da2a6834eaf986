"""Hyperbolic positional embedding: where `x + pos` stood, Möbius addition of the two."""

from __future__ import annotations

from torch import Tensor

from ..geometry import ops, positional_sum
from .module import HyperbolicModule

__all__ = ['HyperbolicPosEmbed']


class HyperbolicPosEmbed(HyperbolicModule):
    """Adds an embedding to tokens in the ball: `log0(clip(exp0(x) ⊕ exp0(pos)))`.

    The embedding itself stays a tensor of tangent vectors at the origin and belongs to the model, so that it is
    resampled for other image sizes as in timm. Flat limit: `x + pos`.

    Args: as `HyperbolicModule`; the study's margin is 0.98.
    """

    kernel_names = (positional_sum.name,)

    def __init__(
        self,
        curvature: float = 1.0,
        learn_curvature: bool | None = None,
        margin: float | None = 0.98,
        max_norm: float | None = None,
        hamp: bool = False,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(curvature, learn_curvature, margin, max_norm, hamp, device=device, dtype=dtype)

    def forward(self, x: Tensor, pos: Tensor) -> Tensor:
        """Join tokens `x`, `[B, N, D]`, and their embedding `pos`, `[1, N, D]`; the result has the type of `x`."""
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        with self.without_autocast(x):
            inputs = x.to(vectors), pos.to(vectors), (), self.curvature(scalars), self.limits_for(x)
            return ops.two_vectors(positional_sum, *inputs).to(x.dtype)
