"""Measures of pairs of images and texts: retrieval both ways, and how many images lie in the cone of their text."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from ..layers import ImageTextSpace
from ..losses import HyperbolicContrastiveLoss

__all__ = ['EncodedPairs', 'PairEvaluator', 'recall_at']

#: Rows of similarities that are held at once.
_ROWS = 2048


class EncodedPairs(NamedTuple):
    """Features of images and of their texts before any scale, and their space.

    Attributes:
        images: `[B, dim]`.
        texts: `[B, dim]`.
        space: The space.
    """

    images: Tensor
    texts: Tensor
    space: ImageTextSpace


@torch.no_grad()
def recall_at(space: ImageTextSpace, queries: Tensor, items: Tensor, right: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Return the share of queries with a right item among the nearest `k`, in percent, for each `k`.

    Args:
        space: The space.
        queries: Points, `[N, dim]`.
        items: Points, `[M, dim]`.
        right: The group of each query and of each item, `[N + M]`; an item of the group of the query is right.
        counts: The numbers `k`.

    Returns:
        `[len(counts)]`.
    """
    groups, of_items = right[: len(queries)], right[len(queries) :]
    deepest = min(max(counts), len(items))
    hits = torch.zeros(len(counts), dtype=torch.float64)
    for points, group in zip(queries.split(_ROWS), groups.split(_ROWS), strict=True):
        nearest = space.similarities(points, items).topk(deepest, -1).indices
        found = (of_items[nearest] == group[:, None]).cumsum(1) > 0
        hits += torch.stack([found[:, min(k, deepest) - 1].sum() for k in counts]).double().cpu()
    return 100 * hits / max(len(queries), 1)


class PairEvaluator:
    """Collects the features of pairs over batches, on one or several processes, and measures them at the end.

    Rows with the same tokens have the same text, of which one is kept.

    Args:
        device: Of the features.
        max_samples: Ignore rows beyond this number, which fill up the share of a process.
    """

    def __init__(self, device: torch.device | None = None, max_samples: int | None = None) -> None:
        self.device, self.max_samples = device, max_samples
        self.images: list[Tensor] = []
        self.texts: list[Tensor] = []
        self.tokens: list[Tensor] = []
        self.loss, self.count = 0.0, 0
        self.space: ImageTextSpace | None = None

    @torch.no_grad()
    def update(self, output: EncodedPairs, target: Tensor) -> None:
        """Add a batch.

        Args:
            output: Features of images and texts.
            target: Tokens of the texts, `[B, L]`.
        """
        self.space = output.space
        images, texts = output.images.float(), output.texts.float()
        if self.max_samples is not None:
            left = max(0, self.max_samples - self.count)
            images, texts, target = images[:left], texts[:left], target[:left]
        if not len(images):
            return
        loss = HyperbolicContrastiveLoss(output.space, gather=False)(images, texts)
        self.loss += loss.item() * len(images)
        self.count += len(images)
        for kept, part in ((self.images, images), (self.texts, texts), (self.tokens, target)):
            kept.append(part.cpu())

    @torch.no_grad()
    def compute(self, distributed: bool = False) -> dict[str, float]:
        """Return `loss`, the mean of the batches' losses of MERU, and the shares that `constants.TASK_MEASURES` names.

        Args:
            distributed: Whether to take the rows of all processes.
        """
        found = (self._joined(self.images), self._joined(self.texts), self._joined(self.tokens), self.loss)
        parts = [found]
        if distributed:
            parts = [None] * dist.get_world_size()
            dist.all_gather_object(parts, found)
        parts = [part for part in parts if len(part[0])]
        if not parts or self.space is None:
            return dict.fromkeys(('loss', 'top1', 'top5', 'text_top1', 'inside'), math.nan)
        length = max(part[2].shape[1] for part in parts)
        images, texts = (torch.cat([part[i] for part in parts]).to(self.device) for i in (0, 1))
        tokens = torch.cat([F.pad(part[2], (0, length - part[2].shape[1])) for part in parts])
        space = self.space
        x, y = space.points(images, 'image'), space.points(texts, 'text')
        _, group = tokens.unique(dim=0, return_inverse=True)
        group = group.to(self.device)
        first = torch.full((int(group.max()) + 1,), len(group), device=group.device)
        first.scatter_reduce_(0, group, torch.arange(len(group), device=group.device), 'amin')
        distinct, of_distinct = y.points[first], torch.arange(len(first), device=group.device)
        top1, top5 = recall_at(space, x.points, distinct, torch.cat([group, of_distinct]), (1, 5)).tolist()
        (back,) = recall_at(space, distinct, x.points, torch.cat([of_distinct, group]), (1,)).tolist()
        inside = (space.cone_energy(y, x) == 0).double().mean().item() if space.is_curved else math.nan
        return {
            'loss': sum(part[3] for part in parts) / len(images),
            'top1': top1,
            'top5': top5,
            'text_top1': back,
            'inside': 100 * inside,
        }

    @staticmethod
    def _joined(parts: list[Tensor]) -> Tensor:
        return torch.cat(parts) if parts else torch.zeros(0, 0)
