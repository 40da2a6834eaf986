"""The task `contrastive`: images and texts in one space."""

from __future__ import annotations

from typing import Any

import torch
from timm.data.loader import PrefetchLoader
from timm.task import ClassificationTask, TrainingTask
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..analysis.pairs import EncodedPairs, PairEvaluator
from ..config.model import ModelConfig
from ..config.train import TrainConfig
from ..data.caption_loaders import create_caption_eval_loader, create_caption_loaders
from ..data.captions import create_caption_splits
from ..data.images import image_mode
from ..data.sampling import TrainLoader
from ..data.splits import Splits, check_batch_size
from ..errors import UserError
from ..losses import CompositionalEntailmentLoss, HyperbolicContrastiveLoss
from ..models import HypClip
from ..models.tokenizers import Tokenizer, trimmed
from .model import create_model
from .processes import Processes
from .tasks import TaskKind

__all__ = ['Contrastive', 'ContrastiveTask']


class ContrastiveTask(ClassificationTask):
    """timm's task with pairs of images and texts, and optionally a part of each.

    Args:
        model: The model.
        criterion: The loss, whose space is that of the model.
        padding: The token that fills up texts.
        device: Device of the run.
    """

    def __init__(self, model: nn.Module, criterion: nn.Module, padding: int, device: torch.device) -> None:
        super().__init__(model, criterion, device=device, verbose=False)
        self.padding = padding

    def forward(self, input: Tensor, target: Tensor) -> dict[str, Any]:
        """Return the loss of a batch.

        Args:
            input: Images `[B, C, H, W]`; with parts `[B, 2C, H, W]`.
            target: Tokens `[B, L]`; with parts `[B, 2, L]`.
        """
        tokens = trimmed(target, self.padding)
        if target.dim() == 3:
            input = torch.cat(input.chunk(2, 1))
            tokens = torch.cat([tokens[:, 0], tokens[:, 1]])
        images, texts = self.trainable_module(input, tokens)
        if target.dim() == 3:
            images, image_parts = images.chunk(2)
            texts, text_parts = texts.chunk(2)
            return {'loss': self.criterion(images, texts, image_parts, text_parts), 'output': images}
        return {'loss': self.criterion(images, texts), 'output': images}

    def create_evaluator(self, **keywords: Any) -> PairEvaluator:
        """Return what measures the features of an evaluation."""
        return PairEvaluator(self.device, **keywords)


class Contrastive(TaskKind):
    """Images and texts."""

    name = 'contrastive'
    commands = ('zeroshot', 'traverse')

    def __init__(self) -> None:
        self.tokenizer: Tokenizer | None = None

    def open_splits(self, config: TrainConfig, seed: int, classes: list[str] | None) -> Splits:
        """Open images with texts. The arguments are those of `TaskKind.open_splits`."""
        pairs = config.pairs
        return create_caption_splits(
            config.data, config.splits, config.loader.batch_size, pairs.parts, pairs.wordnet_dir, seed, classes
        )

    def create_model(self, config: TrainConfig, model: ModelConfig, splits: Splits) -> nn.Module:
        """Make the model and its tokenizer. The arguments are those of `TaskKind.create_model`."""
        if 'visual' not in model.model_kwargs and model.model == 'hyp_clip':
            raise UserError('--model hyp_clip: name its image model by --model-kwargs visual=NAME, such as resnet18')
        made = create_model(model, 0, config.model_training, config.phases.hamp)
        if not isinstance(made, HypClip):
            raise UserError(f'--model {model.model}: has no text tower; --task contrastive trains hyp_clip')
        made.space.lr_scale = config.pairs.space_lr_scale
        try:
            self.tokenizer = made.create_tokenizer()
        except ValueError as error:
            raise UserError(f'--model {model.model}: {error}') from error
        return made

    def check(self, splits: Splits, model: nn.Module, data_config: dict[str, Any], config: TrainConfig) -> None:
        """Set the number of channels of the images. The arguments are those of `TaskKind.check`."""
        mode = image_mode(data_config['input_size'][0])
        for _, dataset in splits.named():
            dataset.source.input_img_mode = mode
        check_batch_size(splits, config.loader.batch_size)

    def loaders(
        self, splits: Splits, data_config: dict[str, Any], config: TrainConfig, processes: Processes
    ) -> tuple[TrainLoader, DataLoader | PrefetchLoader]:
        """Return loaders of images and tokens. The arguments are those of `TaskKind.loaders`."""
        return create_caption_loaders(
            splits,
            self.tokenizer,
            data_config,
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
        """Return a loader of images and tokens. The arguments are those of `TaskKind.eval_loader`."""
        loader = config.loader
        return create_caption_eval_loader(
            dataset,
            self.tokenizer,
            data_config,
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
        """Return the task of pairs. The arguments are those of `TaskKind.training_task`."""
        pairs = config.pairs
        loss = CompositionalEntailmentLoss if pairs.parts else HyperbolicContrastiveLoss
        criterion = loss(model.space, pairs.entailment, chunk_size=pairs.chunk_size)
        return ContrastiveTask(model, criterion, model.text.padding, device)

    def predict(self, model: nn.Module, inputs: Tensor, targets: Tensor) -> EncodedPairs:
        """Return the features of images and texts. The arguments are those of `TaskKind.predict`."""
        images, texts = model(inputs, trimmed(targets, model.text.padding))
        return EncodedPairs(images, texts, model.space)
