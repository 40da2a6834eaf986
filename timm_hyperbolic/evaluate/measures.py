"""What a study measures of the trained model of a run, on images that training has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from timm.task import ClassificationEvaluator
from torch import Tensor, nn

from ..analysis.margin import margin_shares
from ..analysis.pixels import to_pixels
from .corruptions import CORRUPTIONS, corrupt
from .metrics import CalibrationError, SuperclassAccuracy

__all__ = ['measure_model']


@torch.inference_mode()
def measure_model(
    model: nn.Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    superclass: Tensor | None = None,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> dict[str, Any]:
    """Return accuracy, calibration, kind of mistakes, and accuracy on corrupted images of a classifier.

    Args:
        model: In evaluation mode.
        loader: At least one batch of normalised images `[B, C, H, W]` and classes `[B]`, on the device of the model.
        mean: Of each channel, by which the images are normalised.
        std: Of each channel, likewise.
        superclass: The superclass of each class, `[K]`; None where the data set has none.
        autocast: Makes the context of a forward pass.

    Returns:
        `images`, their number; `top1`, `top5`, `ece` and, with superclasses, `superclass_top1` and
        `mistakes_inside_superclass` in percent; `loss`, the mean negative log-likelihood; for each kind of corruption
        the list of Top-1 at its five strengths, under its name; `margin`, the share of tokens at the margin of each
        hyperbolic module, on the first batch.
    """
    evaluator, ece, inside, images = None, None, None, 0
    right = {kind: torch.zeros(5, dtype=torch.int64) for kind in CORRUPTIONS}
    margin: dict[str, float] = {}
    for number, (batch, target) in enumerate(loader):
        if evaluator is None or ece is None:
            evaluator, ece = ClassificationEvaluator(batch.device), CalibrationError(device=batch.device)
            inside = None if superclass is None else SuperclassAccuracy(superclass.to(batch.device))
            with autocast():
                margin = margin_shares(model, batch)
        with autocast():
            logits = model(batch)
        evaluator.update(logits, target)
        ece.update(logits, target)
        if inside is not None:
            inside.update(logits, target)
        images += len(target)
        pixels = to_pixels(batch, mean, std)
        shift, scale = (pixels.new_tensor(values).view(-1, 1, 1) for values in (mean, std))
        for kind, counts in right.items():
            for strength in range(5):
                worse = ((corrupt(pixels, kind, strength + 1, seed=number) - shift) / scale).to(batch.dtype)
                with autocast():
                    counts[strength] += (model(worse).argmax(1) == target).sum().cpu()
    if evaluator is None or ece is None:
        raise ValueError('there are no images')
    found = {name: float(value) for name, value in evaluator.compute().items()}
    result = {'images': images, **found, 'ece': ece.compute()}
    if inside is not None:
        result['superclass_top1'] = inside.compute()
        # A right prediction is inside the superclass too.
        if found['top1'] < 100:
            share = (result['superclass_top1'] - found['top1']) / (100 - found['top1'])
            result['mistakes_inside_superclass'] = 100 * share
    return {**result, **{kind: (100 * counts / images).tolist() for kind, counts in right.items()}, 'margin': margin}
