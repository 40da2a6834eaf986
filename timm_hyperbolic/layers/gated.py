"""A hyperbolic module that starts as the Euclidean one whose place it takes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ['Gated']


class Gated(nn.Module):
    """`e(...) + gate·(h(...) - e(...))` of a Euclidean module `e` and a hyperbolic one `h`; the gate starts at 0.

    At the start it is `e`, and only the gate has a gradient of `h`; both modules are computed and trained.

    Args:
        euclidean: The module at the start.
        hyperbolic: The module at gate 1, which takes and returns the same.
    """

    def __init__(self, euclidean: nn.Module, hyperbolic: nn.Module, device=None, dtype=None) -> None:
        super().__init__()
        self.euclidean, self.hyperbolic = euclidean, hyperbolic
        self.gate = nn.Parameter(torch.empty(1, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.gate)

    def forward(self, *args, **kwargs) -> Tensor:
        """Takes what the two modules take."""
        start = self.euclidean(*args, **kwargs)
        return start + self.gate.to(start.dtype) * (self.hyperbolic(*args, **kwargs).to(start.dtype) - start)
