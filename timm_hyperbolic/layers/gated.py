"""A hyperbolic module that starts as the Euclidean module it replaces."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ['Gated']


class Gated(nn.Module):
    """`e(...) + gate·(h(...) - e(...))` of a Euclidean module `e` and a hyperbolic one `h`; the gate starts at 0.

    At the start the output is that of `e`, and of the two terms with `h` only the gate has a gradient. Both modules are
    computed and trained.

    Args:
        euclidean: The module `e`, which is the output at gate 0.
        hyperbolic: The module `h`, which is the output at gate 1. It takes and returns the same shapes as `e`.
        device: Of the gate.
        dtype: Of the gate.
    """

    def __init__(
        self,
        euclidean: nn.Module,
        hyperbolic: nn.Module,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.euclidean, self.hyperbolic = euclidean, hyperbolic
        self.gate = nn.Parameter(torch.empty(1, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Close the gate."""
        nn.init.zeros_(self.gate)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the gated output; the arguments are those of the two modules."""
        start = self.euclidean(*args, **kwargs)
        return start + self.gate.to(start.dtype) * (self.hyperbolic(*args, **kwargs).to(start.dtype) - start)
