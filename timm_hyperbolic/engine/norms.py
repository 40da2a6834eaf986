"""Mean gradient norms of an epoch."""

import torch

from ..optim import GradientNorms

__all__ = ['MeanNorms']


class MeanNorms:
    """Means of gradient norms over steps, left on the device until `read`, so that no step waits for its own norms.

    A norm that is not finite, such as that of a step which the loss scaler leaves out, does not count.
    """

    def __init__(self) -> None:
        self._sums: list[torch.Tensor] = []
        self._counts: list[torch.Tensor] = []

    def add(self, norms: GradientNorms) -> None:
        """Add the norms of a step."""
        for index, norm in enumerate(norm for norm in norms if norm is not None):
            if index == len(self._sums):
                self._sums.append(torch.zeros_like(norm))
                self._counts.append(torch.zeros_like(norm))
            finite = norm.isfinite()
            self._sums[index] += torch.where(finite, norm, 0)
            self._counts[index] += finite

    def read(self) -> dict[str, float]:
        """Return the means: `grad_norm`, and `man_grad_norm` if there are points on a manifold."""
        means = [(total / count).item() for total, count in zip(self._sums, self._counts, strict=True)]
        return dict(zip(('grad_norm', 'man_grad_norm'), means, strict=False))
