"""The training task: timm's, with the loss, or the teacher, that the options ask for."""

import argparse
from collections.abc import Callable
from typing import Any

import timm
import torch
from timm.task import ClassificationTask, LogitDistillationTask, TokenDistillationTask, TrainingTask
from torch import nn

from ..config.argtypes import one_of, real
from ..data.labels import label_names
from ..errors import UserError
from .model import check_classifier

__all__ = ['add_task_options', 'check_task', 'create_task', 'use_channels_last']

_DISTILLATION: dict[str, Callable[..., TrainingTask]] = {
    'logit': LogitDistillationTask,
    'token': TokenDistillationTask,
}


def add_task_options(group) -> None:
    """Add the flags of this file to an argument group."""
    group.add_argument(
        '--bce-loss',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='binary cross-entropy, each class by itself, instead of the softmax',
    )
    group.add_argument(
        '--bce-sum',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='with --bce-loss: sum over the classes, not the mean',
    )
    group.add_argument(
        '--bce-target-thresh', type=real(0, 1), metavar='X', help='with --bce-loss: targets over X count as 1'
    )
    group.add_argument(
        '--bce-pos-weight',
        type=real(positive=True),
        metavar='X',
        help="with --bce-loss: weight of an image's own class",
    )
    group.add_argument(
        '--jsd-loss',
        action=argparse.BooleanOptionalAction,
        default=False,
        help='cross-entropy on the first of --aug-splits, and the Jensen-Shannon divergence between all of them',
    )
    group.add_argument(
        '--kd-model-name',
        metavar='NAME',
        help='distil from this model, any of timm with pretrained weights, or local-dir:FOLDER of a run',
    )
    group.add_argument(
        '--kd-distill-type',
        type=one_of(tuple(_DISTILLATION)),
        default='logit',
        metavar='NAME',
        help='match the logits, or the distillation token of a DeiT: logit, token',
    )
    group.add_argument(
        '--kd-temperature', type=real(positive=True), default=1.0, metavar='X', help='softens both before matching'
    )
    group.add_argument('--distill-loss-weight', type=real(0), metavar='X', help='of matching the teacher (default: 1)')
    group.add_argument(
        '--task-loss-weight',
        type=real(0),
        metavar='X',
        help='of the labels (default: 1); given alone, the teacher has the rest to 1',
    )


def check_task(args: argparse.Namespace) -> None:
    """Refuse flags that need another one.

    Raises:
        UserError: naming both.
    """
    needs = {
        'bce_loss': ('bce_sum', 'bce_target_thresh', 'bce_pos_weight'),
        'kd_model_name': ('distill_loss_weight', 'task_loss_weight'),
    }
    for first, others in needs.items():
        for other in others:
            value = getattr(args, other)
            if value is not None and value is not False and not getattr(args, first):
                shown = _flag(other) if value is True else f'{_flag(other)} {value:g}'
                raise UserError(f'{shown}: give {_flag(first)} too')
    if args.jsd_loss and not args.aug_splits:
        raise UserError('--jsd-loss: compares augmentations of the same images; give --aug-splits 3 too')
    if args.jsd_loss and args.bce_loss:
        raise UserError('--jsd-loss and --bce-loss: two losses; give one')


def _flag(dest: str) -> str:
    return '--' + dest.replace('_', '-')


def create_task(
    model: nn.Module,
    args: argparse.Namespace,
    data_config: dict[str, Any],
    soft_targets: bool,
    device: torch.device,
    classes: list[str] | None = None,
) -> TrainingTask:
    """Return the task that trains `model`, which is on `device`.

    Args:
        model: the model.
        args: options of the run.
        data_config: `input_size` of the images; their `mean` and `std`, for a teacher that has others.
        soft_targets: whether targets are distributions over the classes, as mixup makes them.
        device: of the run.
        classes: names of the classes by label, with which those of a teacher are compared.

    Raises:
        UserError: the teacher cannot be made, or the model cannot be taught in the way asked for.
    """
    criterion = {'smoothing': args.smoothing, 'soft_targets': soft_targets}
    if args.bce_loss:
        criterion |= {
            'loss_type': 'bce',
            'bce_sum': args.bce_sum,
            'bce_target_thresh': args.bce_target_thresh,
            'pos_weight': args.bce_pos_weight,
        }
    if args.jsd_loss:
        criterion |= {'loss_type': 'jsd', 'jsd_splits': args.aug_splits}
    common = {'criterion_kwargs': criterion, 'device': device, 'verbose': False}
    if not args.kd_model_name:
        return ClassificationTask(model, **common)
    teacher = _create_teacher(args, model, data_config['input_size'], device, classes)
    try:
        task = _DISTILLATION[args.kd_distill_type](
            model,
            teacher,
            distill_loss_weight=args.distill_loss_weight,
            task_loss_weight=args.task_loss_weight,
            temperature=args.kd_temperature,
            **common,
        )
    except ValueError as error:
        raise UserError(f'--kd-distill-type {args.kd_distill_type} with --model {args.model}: {error}') from error
    # timm takes what the model was made for; a run may normalise otherwise.
    task.student_mean, task.student_std = (
        torch.tensor(data_config[key], device=device).view(1, -1, 1, 1) for key in ('mean', 'std')
    )
    return task


def _create_teacher(
    args: argparse.Namespace,
    student: nn.Module,
    input_size: tuple[int, ...],
    device: torch.device,
    classes: list[str] | None,
) -> nn.Module:
    try:
        teacher = timm.create_model(
            args.kd_model_name, pretrained=True, num_classes=student.num_classes, in_chans=student.in_chans
        )
        teacher.to(device).eval().requires_grad_(False)
        teacher(torch.zeros(1, *input_size, device=device))  # it may want images of another size
    # What a model, a download or a file has to say.
    except (AssertionError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise UserError(f'--kd-model-name {args.kd_model_name}: {" ".join(str(error).split())}') from error
    check_classifier(teacher, f'--kd-model-name {args.kd_model_name}: its weights')
    names = label_names(teacher.pretrained_cfg, teacher.num_classes)
    for label, (theirs, own) in enumerate(zip(names or (), classes or (), strict=False)):
        if theirs != own:
            raise UserError(
                f'--kd-model-name {args.kd_model_name}: its label {label} is {theirs}, which in the data set is {own}; '
                'take a teacher of the same classes in the same order'
            )
    return teacher


def _to_channels_last(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return inputs[0].contiguous(memory_format=torch.channels_last), *inputs[1:]


def use_channels_last(model: nn.Module) -> None:
    """Keep the filters of `model` and each batch that it is given with the channels last in memory."""
    model.to(memory_format=torch.channels_last)
    model.register_forward_pre_hook(_to_channels_last)
