"""Finding the module in which a value that is not finite appears first."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from timm.task import TrainingTask
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .processes import plain_module

__all__ = ['find_nonfinite', 'running_statistics']


def running_statistics(model: nn.Module) -> list[torch.Tensor]:
    """Return the running statistics of batch normalisation, the buffers that a forward pass in training changes.

    Args:
        model: Any model.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    return [buffer for norm in norms for buffer in norm.buffers(recurse=False)]


def find_nonfinite(
    task: TrainingTask,
    image: torch.Tensor,
    target: torch.Tensor,
    autocast: Callable[[], AbstractContextManager],
    scale: float = 1.0,
) -> str:
    """Repeat a training step and return a message on where the first value that is not finite appeared.

    The gradients of the parameters are not changed. The caller must seed the generators as for the original step.

    Args:
        task: The task, whose trainable module is examined.
        image: Images `[B, C, H, W]`.
        target: Targets of the loss.
        autocast: Makes the context of the forward pass.
        scale: Scale of the loss, as set by the gradient scaler.
    """
    if not torch.isfinite(image).all():
        return 'the images of the batch are not finite'
    wrapped = task.trainable_module
    task.trainable_module = model = plain_module(wrapped)
    task.trainable_module = model = getattr(model, '_orig_mod', model)
    found: list[str] = []
    handles = []

    def note(text: str) -> None:
        if not found:
            found.append(text)

    def watch(name: str, output: Any) -> None:
        for tensor in _tensors(output):
            if not torch.isfinite(tensor).all():
                note(f'first in the output of {name}')
            if tensor.requires_grad:
                handles.append(tensor.register_hook(lambda g, name=name: look(g, f'that of the output of {name}')))

    def look(gradient: torch.Tensor, what: str) -> None:
        if not torch.isfinite(gradient).all():
            note(f'first in the gradient, {what}')

    for name, module in model.named_modules():
        label = name or type(module).__name__
        handles.append(module.register_forward_hook(lambda m, args, out, label=label: watch(label, out)))
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    for name, p in parameters.items():
        handles.append(p.register_hook(lambda g, name=name: look(g, f'that of {name}')))
    bad = next((name for name, p in model.named_parameters() if not torch.isfinite(p).all()), None)
    try:
        with autocast():
            loss = task(image, target)['loss']
        if not found and not torch.isfinite(loss).all():
            note('first in the loss')
        if not found:
            torch.autograd.grad(loss * scale, list(parameters.values()), allow_unused=True)
    finally:
        task.trainable_module = wrapped
        for handle in handles:
            handle.remove()
    if bad is not None:
        return f'the parameter {bad} is not finite'
    return found[0] if found else 'not found again when the step was repeated'


def _tensors(output: Any) -> list[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, dict):
        output = list(output.values())
    return [t for part in output for t in _tensors(part)] if isinstance(output, (list, tuple)) else []
