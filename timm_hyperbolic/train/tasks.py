"""The tasks that `--task` names: what of a training run depends on the task, in one object for each task."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from timm.data.loader import PrefetchLoader
from timm.task import TrainingTask
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..config.model import ModelConfig
from ..config.train import TrainConfig
from ..constants import TASK_MEASURES
from ..data.loaders import create_eval_loader, create_loaders, create_mixup
from ..data.sampling import TrainLoader
from ..data.splits import Splits, check_splits, create_splits
from .model import create_model, resolve_data_config
from .processes import Processes
from .task import create_task

__all__ = ['Classification', 'TaskKind', 'task_kind']


class TaskKind:
    """What of a training run depends on the task: its data, its model, its loss and what is measured after an epoch.

    The command, the loop, the checkpoints and the folder of a run are the same for every task and know no task: they
    call the methods of this class. Every batch is a pair `(inputs, targets)` with one row for each example. The methods
    of this base class are those of a task whose batches are images and labels.

    How a task is added:

    1. A subclass in a file of its own in `train/` overrides what is different; `name` is the word of `--task`. The file
       must import no other task.
    2. `constants.TASK_MEASURES` gets the numbers that the evaluator of `training_task` computes, each with its title.
       The first one chooses the best epoch unless `--eval-metric` says otherwise; each of them but `loss` is better the
       larger it is.
    3. `config/defaults.py` gets the defaults of options that differ in this task, and `config/conflicts.py` (`_NOT_IN`)
       the options that have no effect in it.
    4. `_FILES` below gets the file and the name of the subclass.

    Attributes:
        name: The word of `--task`.
        commands: The commands that look at a run, to be named at its end.
    """

    name = ''
    commands: tuple[str, ...] = ('validate', 'report', 'card')

    @property
    def measures(self) -> dict[str, str]:
        """The titles of the numbers that are measured after an epoch, by name."""
        return TASK_MEASURES[self.name]

    def open_splits(self, config: TrainConfig, seed: int, classes: list[str] | None) -> Splits:
        """Open the splits of the data set.

        Args:
            config: Options of the run.
            seed: Seed of the choice of the examples that are held out of the training split.
            classes: Class names by label of a resumed run; None for those of the training split.

        Raises:
            UserError: the data set or a split does not exist, or does not fit the task.
        """
        return create_splits(config.data, config.splits, seed, config.loader.batch_size, classes)

    def create_model(self, config: TrainConfig, model: ModelConfig, splits: Splits) -> nn.Module:
        """Make the model.

        Args:
            config: Options of the run.
            model: Which model, with which weights it begins.
            splits: The data, whose number and names of classes the model may need.

        Raises:
            UserError: the model is unknown, rejects a keyword, or does not fit the task.
        """
        return create_model(model, splits.num_classes, config.model_training, config.phases.hamp, splits.classes)

    def data_config(self, model: nn.Module, splits: Splits, config: TrainConfig) -> dict[str, Any]:
        """Return `input_size`, `mean`, `std`, `interpolation`, `crop_pct` and `crop_mode` of the images.

        Args:
            model: The model.
            splits: The data.
            config: Options of the run.

        Raises:
            UserError: a value does not fit the model.
        """
        return resolve_data_config(model, config.model)

    def check(self, splits: Splits, model: nn.Module, data_config: dict[str, Any], config: TrainConfig) -> None:
        """Check the data against the model, before anything is written.

        Args:
            splits: The data.
            model: The model.
            data_config: What the method of this name returned.
            config: Options of the run.

        Raises:
            UserError: the data does not fit the model.
        """
        channels = data_config['input_size'][0]
        check_splits(splits, model.num_classes, channels, config.data, config.model, config.loader.batch_size)

    def mixup(self, config: TrainConfig, model: nn.Module, processes: Processes) -> Any:
        """Return what mixes the examples of a batch, `(inputs, targets) -> (inputs, targets)`; None for nothing.

        Args:
            config: Options of the run.
            model: The model.
            processes: Processes of the run.

        Raises:
            UserError: the size of a batch does not fit.
        """
        return None

    def loaders(
        self, splits: Splits, data_config: dict[str, Any], config: TrainConfig, processes: Processes
    ) -> tuple[TrainLoader, DataLoader | PrefetchLoader]:
        """Return the training loader, which can begin at any batch, and the loader of the evaluation split.

        Args:
            splits: The data.
            data_config: What the method of this name returned.
            config: Options of the run.
            processes: Processes of the run, each of which gets its share.

        Raises:
            UserError: an option of the loaders or of the augmentation does not fit.
        """
        raise NotImplementedError

    def eval_loader(
        self, dataset: Dataset, data_config: dict[str, Any], config: TrainConfig, processes: Processes
    ) -> DataLoader | PrefetchLoader:
        """Return the evaluation loader of another split, that of the test.

        Args:
            dataset: The split.
            data_config: What the method of this name returned.
            config: Options of the run.
            processes: Processes of the run, each of which gets its share.
        """
        raise NotImplementedError

    def training_task(
        self,
        model: nn.Module,
        splits: Splits,
        data_config: dict[str, Any],
        config: TrainConfig,
        device: torch.device,
        soft_targets: bool,
    ) -> TrainingTask:
        """Return timm's task: its `forward(inputs, targets)` gives the loss, its evaluator the `measures`.

        Args:
            model: The model, on its device.
            splits: The data.
            data_config: What the method of this name returned.
            config: Options of the run.
            device: Device of the run.
            soft_targets: Whether `mixup` mixes the targets.

        Raises:
            UserError: an option of the loss does not fit the model or the data.
        """
        raise NotImplementedError

    def predict(self, model: nn.Module, inputs: Tensor, targets: Tensor) -> Any:
        """Return what the evaluator of `training_task` takes beside the targets.

        Args:
            model: The model in evaluation mode.
            inputs: The inputs of a batch.
            targets: The targets of a batch, for models that need both.
        """
        return model(inputs)


class Classification(TaskKind):
    """Images and their classes."""

    name = 'classification'

    def mixup(self, config: TrainConfig, model: nn.Module, processes: Processes) -> Any:
        """Return timm's mixup and cutmix; None where both are off. The arguments are those of `TaskKind.mixup`."""
        return create_mixup(
            config.mixup, model.num_classes, config.loader.batch_size, config.task.smoothing, processes.count
        )

    def loaders(
        self, splits: Splits, data_config: dict[str, Any], config: TrainConfig, processes: Processes
    ) -> tuple[TrainLoader, DataLoader | PrefetchLoader]:
        """Return the loaders of timm, or those in memory. The arguments are those of `TaskKind.loaders`."""
        return create_loaders(
            splits,
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
        """Return timm's evaluation loader. The arguments are those of `TaskKind.eval_loader`."""
        loader = config.loader
        return create_eval_loader(
            dataset,
            data_config,
            loader.validation_batch_size or loader.batch_size,
            loader.workers,
            processes.device,
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
        """Return timm's task of classification or distillation. The arguments are those of the base class."""
        return create_task(
            model,
            config.task,
            data_config,
            soft_targets,
            device,
            splits.classes,
            config.augment.aug_splits,
            config.model.model,
            config.feature_losses,
        )


#: The file in this folder and the class of each task, which is imported when it is used.
_FILES = {
    'classification': ('tasks', 'Classification'),
    'segmentation': ('segmentation', 'Segmentation'),
    'contrastive': ('contrastive', 'Contrastive'),
}


def task_kind(name: str) -> TaskKind:
    """Return the task that `--task` names.

    Args:
        name: A name in `constants.TASK_MEASURES`.
    """
    file, cls = _FILES[name]
    return getattr(import_module(f'.{file}', __package__), cls)()
