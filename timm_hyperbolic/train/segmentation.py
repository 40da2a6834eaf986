"""The task `segmentation`: images and masks, a class for every pixel."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from timm.data.loader import PrefetchLoader
from timm.task import ClassificationTask, TrainingTask
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..config.model import ModelConfig
from ..config.train import TrainConfig
from ..data.class_tree import read_unseen
from ..data.images import image_mode
from ..data.mask_loaders import create_mask_eval_loader, create_mask_loaders
from ..data.mask_sources import create_mask_splits
from ..data.masks import IGNORED, MaskedImages, check_masks, labels_of
from ..data.sampling import TrainLoader
from ..data.splits import Splits, check_batch_size
from ..data.stratified_split import Part
from ..errors import UserError
from .model import create_model, resolve_data_config
from .pixel_metrics import PixelEvaluator
from .processes import Processes
from .tasks import TaskKind

__all__ = ['PixelCrossEntropy', 'Segmentation', 'SegmentationTask']


class PixelCrossEntropy(nn.Module):
    """The mean cross-entropy of the pixels that have a class; 0 where none has.

    Args:
        smoothing: Label smoothing.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits `[B, K, H, W]` and classes `[B, H, W]`."""
        total = F.cross_entropy(output, target, ignore_index=IGNORED, reduction='sum', label_smoothing=self.smoothing)
        return total / (target != IGNORED).sum().clamp_min(1)


class SegmentationTask(ClassificationTask):
    """timm's task with a class for every pixel."""

    def create_evaluator(self, **keywords: Any) -> PixelEvaluator:
        """Return what measures the predictions of an evaluation."""
        return PixelEvaluator(self.num_classes, self.device, **keywords)


class Segmentation(TaskKind):
    """Images and masks."""

    name = 'segmentation'
    commands = ('evaluate', 'card')

    def open_splits(self, config: TrainConfig, seed: int, classes: list[str] | None) -> Splits:
        """Open images with masks. The arguments are those of `TaskKind.open_splits`."""
        splits = create_mask_splits(config.data, config.splits, config.crops.ignore_index, seed, classes)
        train = _source(splits.train)
        train.left_out = labels_of(read_unseen(config.crops.leave_out), splits.classes, '--leave-out')
        if splits.held_out and train.left_out:
            raise UserError('--leave-out: is evaluated on too; name an evaluation split, not a part of the training')
        return splits

    def create_model(self, config: TrainConfig, model: ModelConfig, splits: Splits) -> nn.Module:
        """Make the model of as many classes as there are names, or in the masks; a tree has its own number."""
        count = splits.num_classes
        if count is None and model.num_classes is None and 'hierarchy' not in model.model_kwargs:
            count = check_masks(_source(splits.train))
        made = create_model(model, count, config.model_training, config.phases.hamp, splits.classes)
        if not hasattr(made, 'forward_maps'):
            raise UserError(f'--model {model.model}: classifies images; --task segmentation trains hyp_segmenter')
        return made

    def data_config(self, model: nn.Module, splits: Splits, config: TrainConfig) -> dict[str, Any]:
        """Return the input of the model, with the size of the crops. The arguments are those of the base class."""
        found = resolve_data_config(model, config.model)
        size = config.crops.crop_size
        if size is not None and len(size) > 2:
            raise UserError(f'--crop-size {" ".join(map(str, size))}: give one side, or height and width')
        height, width = _largest(splits.train) if size is None else (size[0], size[-1])
        return {**found, 'input_size': (found['input_size'][0], height, width), 'crop_pct': 1.0}

    def check(self, splits: Splits, model: nn.Module, data_config: dict[str, Any], config: TrainConfig) -> None:
        """Read the masks and check sizes and classes. The arguments are those of `TaskKind.check`."""
        mode = image_mode(data_config['input_size'][0])
        for _, dataset in splits.named():
            source = _source(dataset)
            source.input_img_mode, source.num_classes = mode, model.num_classes
            source.sizes()
            check_masks(source)
        check_batch_size(splits, config.loader.batch_size)

    def loaders(
        self, splits: Splits, data_config: dict[str, Any], config: TrainConfig, processes: Processes
    ) -> tuple[TrainLoader, DataLoader | PrefetchLoader]:
        """Return loaders of images and masks. The arguments are those of `TaskKind.loaders`."""
        return create_mask_loaders(
            splits,
            data_config,
            _largest(splits.val),
            config.loader,
            config.augment,
            processes.device,
            config.run.seed,
            processes.rank,
            processes.count,
        )

    def eval_loader(
        self, dataset: Dataset, data_config: dict[str, Any], config: TrainConfig, processes: Processes
    ) -> DataLoader | PrefetchLoader:
        """Return a loader of whole images and masks. The arguments are those of `TaskKind.eval_loader`."""
        loader = config.loader
        return create_mask_eval_loader(
            dataset,
            data_config,
            _largest(dataset),
            loader.validation_batch_size or loader.batch_size,
            loader.workers,
            processes.device,
            processes.rank,
            processes.count,
        )

    def training_task(
        self,
        model: nn.Module,
        splits: Splits,
        data_config: dict[str, Any],
        config: TrainConfig,
        device: torch.device,
        soft_targets: bool,
    ) -> TrainingTask:
        """Return the task of pixels. The arguments are those of `TaskKind.training_task`."""
        task = SegmentationTask(model, PixelCrossEntropy(config.task.smoothing), device=device, verbose=False)
        task.num_classes = model.num_classes
        return task


def _source(dataset: Dataset) -> MaskedImages:
    """The whole split of which a data set may be a part."""
    return dataset.dataset if isinstance(dataset, Part) else dataset


def _largest(dataset: Dataset) -> tuple[int, int]:
    """The largest height and the largest width of the images of a split."""
    heights, widths = zip(*_source(dataset).sizes(), strict=True)
    return max(heights), max(widths)
