"""Hyperbolic positional embedding: Möbius addition of tokens and embedding in place of `x + pos`."""

from __future__ import annotations

from torch import Tensor

from ..geometry import ops, positional_sum
from .module import HyperbolicModule

__all__ = ['HyperbolicPosEmbed']


class HyperbolicPosEmbed(HyperbolicModule):
    """Adds an embedding to tokens in the ball: `log0(clip(exp0(x) ⊕ exp0(pos)))`.

    The embedding itself is a tensor of tangent vectors at the origin that belongs to the model, which resamples it for
    other image sizes as timm does. Flat limit: `x + pos`.

    Args: as `HyperbolicModule`.

    Source: the positional embedding of the reference study (Fede2717, "hyperbolic-vit-cifar100", GitHub, 2025).
    """

    study_margin = 0.98
    kernel_names = (positional_sum.name,)

    def forward(self, x: Tensor, pos: Tensor) -> Tensor:
        """Add an embedding to tokens.

        Args:
            x: Tokens as tangent vectors at the origin, `[B, N, D]`.
            pos: Embedding as tangent vectors at the origin, `[1, N, D]`.

        Returns:
            Tangent vectors at the origin, `[B, N, D]`, in the type of `x`.
        """
        vectors, scalars = self.vector_dtype(x), self.scalar_dtype(x)
        with self.without_autocast(x):
            inputs = x.to(vectors), pos.to(vectors), (), self.curvature(scalars), self.limits_for(x)
            return ops.two_vectors(positional_sum, *inputs).to(x.dtype)
