"""Cantor's staircase made soft, as a learnt position of features in the unit interval."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ['CantorStaircase', 'cantor_digits', 'soft_staircase']

#: Levels of the staircase: ternary digits that are read.
LEVELS = 12


def cantor_digits(t: Tensor, tau: float = 0.25, levels: int = LEVELS) -> Tensor:
    """Return the soft ternary digits of numbers in the unit interval.

    At each level `p = softmax(-(3t - {1/2, 3/2, 5/2})²/τ)` over the left, middle and right third, then
    `t ← frac(3t)`. As `τ → 0` the digits become hard.

    Args:
        t: Numbers in [0, 1], any shape.
        tau: The temperature `τ > 0`.
        levels: The number of digits.

    Returns:
        Probabilities, `[..., levels, 3]`; the digits 0, 1 and 2 along the last axis.
    """
    centers = torch.tensor([0.5, 1.5, 2.5], dtype=t.dtype, device=t.device)
    digits = []
    for _ in range(levels):
        digits.append((-((3 * t.unsqueeze(-1) - centers).square()) / tau).softmax(-1))
        t = (3 * t).frac()
    return torch.stack(digits, -2)


def soft_staircase(digits: Tensor, alpha: Tensor | float) -> Tensor:
    """Return `Σ_k 2^-k·(p_right + α·p_middle)` over the levels `k = 1, 2, ...`.

    Args:
        digits: What `cantor_digits` returns, `[..., levels, 3]`.
        alpha: The height of the middle third, broadcastable to `[..., levels]`.

    Returns:
        `[...]`. With hard digits and no digit 1 this is Cantor's function, up to `2^-levels`.
    """
    levels = torch.arange(1, digits.shape[-2] + 1, device=digits.device)
    steps = torch.exp2(-levels.to(digits.dtype))
    return ((digits[..., 2] + alpha * digits[..., 1]) * steps).sum(-1)


class CantorStaircase(nn.Module):
    """`C_s(x) = Σ_k 2^-k·(p_right + α·p_middle)` of the soft ternary digits of `t = σ(w_s·x)`, for each scale `s`.

    A position depends on the features of its own sample alone. It is computed in float64 where the device has it, since
    every level multiplies a rounding error by three.

    Args:
        in_features: Number of features D.
        scales: Number of scales S, each with a direction `w_s`.
        tau: The temperature of the digits, `> 0`.
        device: Of the parameters.
        dtype: Of the parameters.

    Raises:
        ValueError: `tau` is not positive.
    """

    def __init__(
        self,
        in_features: int,
        scales: int = 1,
        tau: float = 0.25,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not tau > 0:
            raise ValueError(f'tau={tau} must be positive: it is the temperature of the soft ternary digits')
        self.tau = tau
        self.weight = nn.Parameter(torch.empty(scales, in_features, device=device, dtype=dtype))
        self.alpha = nn.Parameter(torch.empty(1, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw directions with which unit features spread over the interval, and set `α` to 1/2."""
        nn.init.normal_(self.weight, std=1.7)  # the logistic function of such numbers is nearly uniform
        nn.init.constant_(self.alpha, 0.5)

    def digits(self, x: Tensor) -> Tensor:
        """Return the soft ternary digits of features `[..., D]`: `[..., S, levels, 3]`, float64 where there is one."""
        wide = torch.float32 if x.device.type == 'mps' else torch.float64
        return cantor_digits((x.to(wide) @ self.weight.to(wide).T).sigmoid(), self.tau)

    def forward(self, x: Tensor) -> Tensor:
        """Return the positions `[..., S]` of features `[..., D]`, float64 where there is one."""
        digits = self.digits(x)
        return soft_staircase(digits, self.alpha.to(digits.dtype))

    def extra_repr(self) -> str:
        """Return the sizes, for `repr`."""
        return f'in_features={self.weight.shape[1]}, scales={self.weight.shape[0]}, tau={self.tau}'
