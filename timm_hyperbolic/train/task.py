"""The training task of timm, with the loss or the distillation that the options ask for."""

from collections.abc import Callable
from typing import Any

import timm
import torch
from timm.task import ClassificationTask, LogitDistillationTask, TokenDistillationTask, TrainingTask
from torch import nn

from ..config.losses import FeatureLossConfig
from ..config.run import TaskConfig
from ..data.labels import label_names
from ..errors import UserError
from .feature_losses import add_feature_losses
from .model import check_classifier

__all__ = ['create_task', 'use_channels_last']

_DISTILLATION: dict[str, Callable[..., TrainingTask]] = {
    'logit': LogitDistillationTask,
    'token': TokenDistillationTask,
}


def create_task(
    model: nn.Module,
    config: TaskConfig,
    data_config: dict[str, Any],
    soft_targets: bool,
    device: torch.device,
    classes: list[str] | None = None,
    aug_splits: int = 0,
    name: str = '',
    features: FeatureLossConfig | None = None,
) -> TrainingTask:
    """Return the task that trains `model`, which is on `device`.

    A model with a basin head is trained by the loss of that head.

    Args:
        model: The model.
        config: Options of the loss and of the distillation.
        data_config: `input_size`, `mean` and `std` of the images; a teacher may need another normalisation.
        soft_targets: Whether targets are class probabilities, as with mixup.
        device: Device of the run.
        classes: Class names by label, which must agree with those of a teacher.
        aug_splits: Number of differently augmented copies of each image in a batch.
        name: Name of the model, for messages.
        features: Options of the losses on features; None for their defaults.

    Raises:
        UserError: the teacher cannot be created, the model does not support the kind of distillation, or the tree of
            the classes is not that of the model.
    """
    task = _task_on_labels(model, config, data_config, soft_targets, device, classes, aug_splits, name)
    weight = 1.0 if config.kd_model_name or config.task_loss_weight is None else config.task_loss_weight
    add_feature_losses(task, model, features or FeatureLossConfig(), weight, aug_splits, classes)
    return task


def _task_on_labels(
    model: nn.Module,
    config: TaskConfig,
    data_config: dict[str, Any],
    soft_targets: bool,
    device: torch.device,
    classes: list[str] | None,
    aug_splits: int,
    name: str,
) -> TrainingTask:
    criterion = {'smoothing': config.smoothing, 'soft_targets': soft_targets}
    if config.bce_loss:
        criterion |= {
            'loss_type': 'bce',
            'bce_sum': config.bce_sum,
            'bce_target_thresh': config.bce_target_thresh,
            'pos_weight': config.bce_pos_weight,
        }
    if config.jsd_loss:
        criterion |= {'loss_type': 'jsd', 'jsd_splits': aug_splits}
    common = {'criterion_kwargs': criterion, 'device': device, 'verbose': False}
    if not config.kd_model_name:
        return ClassificationTask(model, **common)
    teacher = _create_teacher(config.kd_model_name, model, data_config['input_size'], device, classes)
    try:
        task = _DISTILLATION[config.kd_distill_type](
            model,
            teacher,
            distill_loss_weight=config.distill_loss_weight,
            task_loss_weight=config.task_loss_weight,
            temperature=config.kd_temperature,
            **common,
        )
    except ValueError as error:
        raise UserError(f'--kd-distill-type {config.kd_distill_type} with --model {name}: {error}') from error
    # timm uses the mean and std of the model's pretrained_cfg, but the run may use others.
    task.student_mean, task.student_std = (
        torch.tensor(data_config[key], device=device).view(1, -1, 1, 1) for key in ('mean', 'std')
    )
    return task


def _create_teacher(
    name: str,
    student: nn.Module,
    input_size: tuple[int, ...],
    device: torch.device,
    classes: list[str] | None,
) -> nn.Module:
    try:
        teacher = timm.create_model(name, pretrained=True, num_classes=student.num_classes, in_chans=student.in_chans)
        teacher.to(device).eval().requires_grad_(False)
        teacher(torch.zeros(1, *input_size, device=device))  # fails if it needs images of another size
    # Errors of the model, of a download or of a file.
    except (AssertionError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise UserError(f'--kd-model-name {name}: {" ".join(str(error).split())}') from error
    check_classifier(teacher, f'--kd-model-name {name}: its weights')
    names = label_names(teacher.pretrained_cfg, teacher.num_classes)
    for label, (theirs, own) in enumerate(zip(names or (), classes or (), strict=False)):
        if theirs != own:
            raise UserError(
                f'--kd-model-name {name}: its label {label} is {theirs}, which in the data set is {own}; '
                'take a teacher of the same classes in the same order'
            )
    return teacher


def _to_channels_last(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return inputs[0].contiguous(memory_format=torch.channels_last), *inputs[1:]


def use_channels_last(model: nn.Module) -> None:
    """Convert the model, and each batch that it gets, to torch's channels-last memory format.

    Args:
        model: The model, which is changed in place.
    """
    model.to(memory_format=torch.channels_last)
    model.register_forward_pre_hook(_to_channels_last)
