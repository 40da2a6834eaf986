"""A linear projection of features that is learnt for few-shot episodes on some classes, and used on others."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from ..config.features import ProjectionConfig
from .episodes import Geometry, prototype_logits, sample_episodes

__all__ = ['learn_projection', 'split_classes']

_TASKS = 16  # episodes in a step


def split_classes(labels: Tensor, novel: int | float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Split the classes at random into base classes, to learn on, and novel classes, to evaluate on.

    Args:
        labels: The class of each row, `[N]`.
        novel: The number of novel classes, or their share if it is below 1.
        seed: Seed of the choice.

    Returns:
        The base classes and the novel classes, both sorted.

    Raises:
        ValueError: Fewer than two classes are left on one side.
    """
    classes = labels.unique()
    count = round(novel * len(classes)) if novel < 1 else int(novel)
    if not 2 <= count <= len(classes) - 2:
        raise ValueError(
            f'{count} novel classes of {len(classes)}: both the novel and the other ones must be 2 or more'
        )
    order = classes[torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed))]
    return order[count:].sort().values, order[:count].sort().values


def learn_projection(
    features: Tensor,
    labels: Tensor,
    classes: Tensor,
    geometry: Geometry,
    config: ProjectionConfig,
    way: int,
    shot: int,
    query: int,
    seed: int = 0,
) -> nn.Module:
    """Learn a linear map to few dimensions by the prototypical loss: cross-entropy of `s·logits` over the classes.

    The features are standardised first, by the mean and deviation of each number over the base classes. The scale `s`
    is learnt too. Every geometry is trained in the same way, on the same episodes.

    Args:
        features: `[N, D]`.
        labels: The class of each row, `[N]`.
        classes: The base classes.
        geometry: The space in which the prototypes are.
        config: The number of dimensions, the number of steps and the learning rate.
        way: Number of classes in an episode.
        shot: Number of labelled examples of each class.
        query: Number of examples of each class to be classified.
        seed: Seed of the weights and of the episodes.

    Returns:
        The projection, `[..., D]` to `[..., config.dim]`, without gradients.

    Raises:
        ValueError: The classes have too few rows for an episode.
    """
    generator = torch.Generator().manual_seed(seed)
    own = features[torch.isin(labels, classes)]
    mean, deviation = own.mean(0), own.std(0).clamp_min(1e-6)
    linear = nn.Linear(features.shape[1], config.dim)
    with torch.no_grad():
        linear.weight.copy_(torch.randn(linear.weight.shape, generator=generator) / math.sqrt(features.shape[1]))
        linear.bias.zero_()
    raw_scale = nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.AdamW([*linear.parameters(), raw_scale], lr=config.lr, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    target = torch.arange(way).repeat_interleave(query).repeat(_TASKS)
    for _ in tqdm(range(config.steps), desc=f'{geometry.name}, {config.dim} dimensions', leave=False, disable=None):
        support, queries = sample_episodes(labels, way, shot, query, _TASKS, classes, generator)
        rows = torch.cat([support.flatten(1), queries.flatten(1)], 1)
        projected = linear((features[rows] - mean) / deviation)
        near = projected[:, : way * shot].unflatten(1, (way, shot))
        logits = prototype_logits(near, projected[:, way * shot :], geometry)
        loss = F.cross_entropy((F.softplus(raw_scale) * logits).flatten(0, 1), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():  # standardisation and map as one
        linear.weight.div_(deviation)
        linear.bias.sub_(linear.weight @ mean)
    return linear.requires_grad_(False)
