"""torch's `fully_shard` (FSDP2): large parameters, their gradients and their optimizer state in parts on all processes.

Points on a manifold and small parameters stay whole on every process, for two reasons: an operation on a manifold needs
the whole point, and to gather a few numbers costs as much as to gather thousands. Their gradients are averaged here.
"""

from __future__ import annotations

from typing import Any

import geoopt
import torch
import torch.distributed as dist
from timm.task import TrainingTask
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from .processes import Processes

__all__ = [
    'average_whole_gradients',
    'is_sharded',
    'load',
    'shard_optimizer_state',
    'shard_task',
    'to_whole',
]

#: Parameters with fewer elements stay whole.
MIN_SHARDED = 2**14


def shard_task(task: TrainingTask, processes: Processes, min_sharded: int = MIN_SHARDED) -> None:
    """Shard the model of a task, and its moving average; before the optimizer is made.

    Args:
        task: not compiled, nor wrapped otherwise.
        processes: that share the parameters.
        min_sharded: parameters with fewer elements stay whole.
    """
    mesh = init_device_mesh(processes.device.type, (processes.count,))
    models = [task.trainable_module]
    if task.has_ema():
        average = task.get_trainable_module(ema=True)
        average.foreach = False  # no such operation takes whole and sharded tensors together
        models.append(average.module)
    for model in models:
        whole = {p for p in model.parameters() if isinstance(p, geoopt.ManifoldParameter) or p.numel() < min_sharded}
        for block in getattr(model, 'blocks', ()):
            fully_shard(block, mesh=mesh, ignored_params=whole)
        fully_shard(model, mesh=mesh, ignored_params=whole)


def is_sharded(module: nn.Module) -> bool:
    """Whether `shard_task` has sharded the module."""
    return isinstance(module, FSDPModule)


def average_whole_gradients(model: nn.Module, processes: Processes) -> None:
    """Average the gradients of the parameters that are whole, as torch does with those of the others."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None and not isinstance(p.grad, DTensor)]
    if not gradients:
        return
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= processes.count
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def to_whole(content: Any) -> Any:
    """Return nested containers with every sharded tensor put together. All processes call it."""
    if isinstance(content, DTensor):
        return content.full_tensor()
    if isinstance(content, dict):
        return {key: to_whole(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return type(content)(to_whole(value) for value in content)
    return content


def load(model: nn.Module, state_dict: dict[str, Tensor]) -> None:
    """Load whole weights into a model, sharded or not."""
    if is_sharded(model):
        set_model_state_dict(model, state_dict, options=StateDictOptions(full_state_dict=True))
    else:
        model.load_state_dict(state_dict)


def shard_optimizer_state(optimizer: torch.optim.Optimizer, state_dict: dict[str, Any]) -> dict[str, Any]:
    """Return the whole state of an optimizer, sharded as its parameters are."""
    parameters = [p for group in optimizer.param_groups for p in group['params']]
    numbers = [number for group in state_dict['param_groups'] for number in group['params']]
    by_number = dict(zip(numbers, parameters, strict=True))

    def like(value: Any, p: Tensor) -> Any:
        if isinstance(p, DTensor) and isinstance(value, Tensor) and value.shape == p.shape:
            return distribute_tensor(value.to(p.device), p.device_mesh, p.placements)
        return value

    state = {
        number: {key: like(value, by_number[number]) for key, value in entry.items()}
        for number, entry in state_dict['state'].items()
    }
    return {**state_dict, 'state': state}
