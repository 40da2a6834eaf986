"""What one pass of a model over the images of a split gives: logits, features, and points of a hyperbolic head."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..analysis.input_hooks import inputs_of
from ..errors import UserError
from ..layers import HyperbolicHead, HyperbolicModule
from ..layers.point_head import PointHead
from ..models.hyperbolic_model import classifiers_of

__all__ = ['Outputs', 'classify', 'collect', 'point_head']

_ROWS = 4096  # features that are classified at once


@dataclass(frozen=True)
class Outputs:
    """What a model gives for `N` images, on the CPU.

    Attributes:
        logits: `[N, K]`, float32.
        features: the inputs of the classifier, `[N, D]`, float32.
        labels: classes, `[N]`.
        vectors: the points that a hyperbolic head classifies, as tangent vectors at the origin before the clip,
            `[N, d]`; None for another classifier.
    """

    logits: Tensor
    features: Tensor
    labels: Tensor
    vectors: Tensor | None = None


def point_head(model: nn.Module) -> HyperbolicModule | None:
    """Return the module of a model's classifier that classifies points of hyperbolic space; None if there is none.

    Args:
        model: A timm model.
    """
    heads = (HyperbolicHead, PointHead)
    for classifier in classifiers_of(model).values():
        for module in classifier.modules():
            if isinstance(module, heads):
                return module
    return None


@torch.no_grad()
def collect(
    model: nn.Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Outputs:
    """Run a timm classifier on all images, once.

    Args:
        model: In evaluation mode.
        loader: At least one batch of images `[B, C, H, W]` and classes `[B]` on the device of the model.
        autocast: Makes the context of a forward pass.
    """
    logits, features, labels = [], [], []
    with _vectors_of(model) as vectors:
        for images, target in loader:
            with autocast():
                x = model.forward_features(images)
                features.append(model.forward_head(x, pre_logits=True).flatten(1).float().cpu())
                logits.append(model.forward_head(x).float().cpu())
            labels.append(target.cpu())
    return Outputs(torch.cat(logits), torch.cat(features), torch.cat(labels), torch.cat(vectors) if vectors else None)


@torch.no_grad()
def classify(model: nn.Module, features: Tensor, labels: Tensor, images: Tensor) -> Outputs:
    """Run the classifier of a timm model on features that its backbone has computed before.

    Args:
        model: In evaluation mode.
        features: Outputs of `forward_head(pre_logits=True)`, `[N, D]`.
        labels: Classes, `[N]`.
        images: Some images, `[B, C, H, W]`, on the device of the model, to see that the classifier takes the features
            as they are.

    Raises:
        UserError: the model has several classifiers, or does more with the features than to classify them.
    """
    (classifier, *others) = classifiers_of(model).values()
    x = model.forward_features(images)
    if others or not torch.allclose(
        classifier(model.forward_head(x, pre_logits=True)), model.forward_head(x), rtol=1e-3, atol=1e-3
    ):
        raise UserError(
            f'--features: {type(model).__name__} does more with its features than to classify them; leave it out'
        )
    with _vectors_of(model) as vectors:
        logits = [classifier(rows.to(images.device)).float().cpu() for rows in features.split(_ROWS)]
    return Outputs(torch.cat(logits), features, labels, torch.cat(vectors) if vectors else None)


@contextmanager
def _vectors_of(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the points that the hyperbolic head of a model gets, in a list that stays empty without such a head."""
    head, vectors = point_head(model), []

    def keep(module: HyperbolicModule, inputs: tuple[Tensor, ...]) -> None:
        (vector,) = inputs_of(module, inputs).values()
        vectors.append(vector.float().cpu())

    handle = None if head is None else head.register_forward_pre_hook(keep)
    try:
        yield vectors
    finally:
        if handle is not None:
            handle.remove()
