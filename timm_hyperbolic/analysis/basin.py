"""What a basin head has learned, and how it scores the features of a split."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..layers import BasinHead

__all__ = ['BasinView', 'view_basin']

_ROWS = 1000  # features that are scored at once


@dataclass(frozen=True)
class BasinView:
    """The numbers of a basin head with S scales, K classes and N images, on the CPU.

    Attributes:
        scales: numbers of dimensions of the scales.
        positions: the position `π` of each class on the staircase, `[S, K]`.
        images: the position `C` of each image, `[S, N]`.
        compatibility: the weights of the compatibilities, `[S, 3]`; each row has the sum 1.
        fusion: the weights of the scales, `[S]`, with the sum 1.
        intervals: the shares of the left, middle and right third at each level of the staircase, `[S, levels, 3]`.
        alone: the accuracy of each scale without the others, in percent, `[S]`.
        alpha: the height of the middle third.
        temperature: the divisor of the fused scores.
    """

    scales: tuple[int, ...]
    positions: Tensor
    images: Tensor
    compatibility: Tensor
    fusion: Tensor
    intervals: Tensor
    alone: Tensor
    alpha: float
    temperature: float


@torch.no_grad()
def view_basin(head: BasinHead, features: Tensor, targets: Tensor) -> BasinView:
    """Read the weights of a basin head and score features with it.

    Args:
        head: the head; it is not changed.
        features: what enters the head, `[N, D]`, at least one row.
        targets: classes, `[N]`.
    """
    parameter = head.positions
    positions, shares, right = [], [], 0
    for part, target in zip(features.split(_ROWS), targets.split(_ROWS), strict=True):
        x = part.to(parameter.device, parameter.dtype)
        scores = head.scores(x)
        positions.append(scores.position.float().cpu())
        shares.append(head.get_cantor_interval_distribution(x).float().cpu() * len(part))
        right = right + (scores.scale_logits.argmax(-1).cpu() == target).sum(-1)
    weights = head.get_geometric_weights()
    return BasinView(
        head.scales,
        parameter.detach().float().cpu(),
        torch.cat(positions).T,
        weights['compatibility'].float().cpu(),
        weights['scale'].float().cpu(),
        sum(shares) / len(features),
        100 * right / len(features),
        head.staircase.alpha.item(),
        head.log_temperature.exp().item(),
    )
