"""The command that measures a trained model on a split: accuracy, loss, calibration, superclasses, speed."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from timm.data.loader import PrefetchLoader
from timm.task import ClassificationEvaluator
from torch import nn
from tqdm import tqdm

from ..config.trained import ValidateConfig
from ..evaluate.metrics import CalibrationError, SuperclassAccuracy
from ..evaluate.results import check_results_file, write_results
from ..evaluate.trained import open_trained
from ..train.device import create_autocast, resolve_device
from ..train.progress import format_table

__all__ = ['validate']


def validate(config: ValidateConfig) -> dict[str, Any]:
    """Measure a trained model on a split; print the results and return them.

    Args:
        config: The options of the command.

    Returns:
        `top1`, `top5`, `ece` and, where the data set has them, `superclass_top1` in percent; `loss`, the mean
        cross-entropy; `images_per_second`, data included but for the first batch; and what was measured: `model`,
        `checkpoint`, `dataset`, `split`, `images`, `param_count` (in millions), `img_size`, `crop_pct`,
        `interpolation`.

    Raises:
        UserError: The model or the data does not exist or does not fit; nothing was measured.
        TrainingError: The results could not be written.
    """
    results_file = check_results_file(config.results.results_file)
    device = resolve_device(config.device.device)
    autocast = create_autocast(config.device, device)
    trained = open_trained(config, device)
    model, superclasses = trained.model, trained.superclasses
    param_count = sum(p.numel() for p in model.parameters())
    if config.compile.torchcompile:
        model = torch.compile(model, backend=config.compile.torchcompile)
    measures = {'ece': CalibrationError(device=device)}
    if superclasses is not None:
        measures['superclass_top1'] = SuperclassAccuracy(superclasses.of_class.to(device))
    metrics, images, seconds = _measure(model, trained.loader, measures, autocast, device)

    results = {
        'model': config.model.model,
        'checkpoint': config.weights.checkpoint,
        'dataset': config.data.name,
        'split': trained.split,
        'images': images,
        'top1': metrics['top1'],
        'top1_err': 100 - metrics['top1'],
        'top5': metrics['top5'],
        'top5_err': 100 - metrics['top5'],
        'loss': metrics['loss'],
        **{name: measure.compute() for name, measure in measures.items()},
        'images_per_second': images / seconds,
        'param_count': param_count / 1e6,
        'img_size': trained.data_config['input_size'][-1],
        'crop_pct': trained.data_config['crop_pct'],
        'interpolation': trained.data_config['interpolation'],
    }
    print(f'{config.model.model} on {results["dataset"]}, split {trained.split}, {images:,} images')
    print(_table(results))
    write_results(results_file, results)
    return results


@torch.inference_mode()
def _measure(
    model: nn.Module,
    loader: PrefetchLoader,
    measures: Mapping[str, CalibrationError | SuperclassAccuracy],
    autocast: Callable[[], AbstractContextManager],
    device: torch.device,
) -> tuple[dict[str, float], int, float]:
    """Return loss and accuracies, the number of images, and the seconds without those of the first, extra batch."""
    evaluator = ClassificationEvaluator(device)
    images, start = 0, None
    for image, target in tqdm(loader, desc='evaluation', leave=False, disable=None):
        if start is None:  # compilation, and choices of kernels
            with autocast():
                model(image)
            _wait_for(device)
            start = time.perf_counter()
        with autocast():
            output = model(image)
        evaluator.update(output, target)
        for measure in measures.values():
            measure.update(output, target)
        images += len(target)
    metrics = dict(evaluator.compute())  # waits for the device
    return metrics, images, time.perf_counter() - start


def _wait_for(device: torch.device) -> None:
    if device.type != 'cpu':
        torch.get_device_module(device).synchronize()


def _table(results: dict[str, Any]) -> str:
    rows = [('Top-1', f'{results["top1"]:.2f} %'), ('Top-5', f'{results["top5"]:.2f} %')]
    if 'superclass_top1' in results:
        rows.append(('superclass Top-1', f'{results["superclass_top1"]:.2f} %'))
    rows += [('ECE', f'{results["ece"]:.2f} %'), ('loss', f'{results["loss"]:.4f}')]
    return format_table([*rows, ('images/s', f'{results["images_per_second"]:.0f}')])
