"""The loss of the basin head."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.basin import COMPATIBILITIES, BasinScores

__all__ = ['BasinLoss']


class BasinLoss(nn.Module):
    """Cross-entropy of the fused logits, contrast of each compatibility, and two pulls on the staircase.

    `CE(logits) + a·mean_si CE(compatibility_si/T) + b·mean (C_s - π_sy)² + e·mean (C_s - mean_s C)²`, with the
    temperature `T` of the head, the position `π_sy` of the sample's class at scale `s`, and means over samples, scales
    `s` and compatibilities `i`.

    It takes what `BasinHead.scores` returns. For a model of timm with such a head:

        features = model.forward_head(model.forward_features(images), pre_logits=True)
        loss = BasinLoss()(model.get_classifier().scores(features), target)

    Args:
        contrast: The weight `a >= 0`.
        position: The weight `b >= 0` of the pull of `C` to the position of the class.
        agreement: The weight `e >= 0` of the pull between scales.
        label_smoothing: Of the cross-entropy of the fused logits.
        fused: The weight `>= 0` of the cross-entropy of the fused logits; 0 where another loss takes its place.

    Raises:
        ValueError: a weight is negative.

    Source: the classifier published as "GeoFractalDavid" (AbstractPhil, Hugging Face, 2025), whose weights are not
    given; these are ours.
    """

    def __init__(
        self,
        contrast: float = 0.5,
        position: float = 0.1,
        agreement: float = 0.1,
        label_smoothing: float = 0.0,
        fused: float = 1.0,
    ) -> None:
        super().__init__()
        self.weights = {'fused': fused, 'contrast': contrast, 'position': position, 'agreement': agreement}
        for name, value in self.weights.items():
            if not 0 <= value < float('inf'):
                raise ValueError(f'{name}={value} must be a number >= 0: it is the weight of a part of the loss')
        self.label_smoothing = label_smoothing

    def parts(self, scores: BasinScores, target: Tensor) -> dict[str, Tensor]:
        """Return the four parts of the loss by name, without their weights. For the arguments see `forward`."""
        scales, _, classes, kinds = scores.compatibility.shape
        logits = (scores.compatibility / scores.temperature).movedim(-1, 1).flatten(0, 2)
        cantor = scores.compatibility[..., COMPATIBILITIES.index('cantor')]
        place = scores.position - scores.position.mean(-1, keepdim=True)
        share = F.one_hot(target, classes) if target.dim() == 1 else target
        return {
            'fused': F.cross_entropy(scores.logits, target, label_smoothing=self.label_smoothing),
            'contrast': F.cross_entropy(logits, torch.cat([target] * (scales * kinds))),
            'position': -(cantor * share.to(cantor.dtype)).sum(-1).mean(),
            'agreement': place.square().mean().to(scores.logits.dtype),
        }

    def forward(self, scores: BasinScores, target: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            scores: What `BasinHead.scores` returns for features `[B, D]`.
            target: Labels, `[B]`, or the shares of the classes in each sample, `[B, K]`, as mixup gives them.
        """
        return sum(self.weights[name] * part for name, part in self.parts(scores, target).items())
