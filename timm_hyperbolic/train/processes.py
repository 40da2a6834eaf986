"""Training with several processes: their ranks, collective operations, DistributedDataParallel and FSDP2.

With `--fsdp`, torch's `fully_shard` (FSDP2) shards large parameters, their gradients and their optimizer state. Points
on a manifold and small parameters are replicated on every process, for two reasons: an operation on a manifold needs
the whole point, and gathering a few numbers takes as long as gathering thousands. `fully_shard` does not average the
gradients of replicated parameters, so this module does.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from timm.task import TrainingTask
from timm.utils.distributed import init_distributed_device_so, is_distributed_env
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from ..config.train import TrainConfig
from ..errors import UserError
from ..layers.manifold import geoopt

__all__ = ['Processes', 'average_whole_gradients', 'is_sharded', 'load', 'plain_module', 'shard_optimizer_state']
__all__ += ['shard_task', 'to_whole', 'wrap_task']


@dataclass(frozen=True)
class Processes:
    """The processes of a run, as started by torchrun or Slurm, or a single process.

    Attributes:
        device: Device of this process.
        rank: Number of this process; the process of rank 0 writes and prints.
        count: Number of processes.
    """

    device: torch.device
    rank: int = 0
    count: int = 1

    @classmethod
    def start(cls, device: torch.device) -> 'Processes':
        """Join the process group described by the environment; each process uses the device of its local rank.

        Args:
            device: The device of a single process, or the kind of device of several.
        """
        if not is_distributed_env():
            return cls(device)
        if dist.is_initialized():
            return cls(device, dist.get_rank(), dist.get_world_size())
        found = init_distributed_device_so(device.type)
        return cls(torch.device(found['device']), found['global_rank'], found['world_size'])

    @staticmethod
    def end() -> None:
        """Leave the process group, if there is one."""
        if dist.is_initialized():
            dist.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def check(self, config: TrainConfig) -> None:
        """Check that the run can be divided among the processes.

        Args:
            config: Options of the run.

        Raises:
            UserError: The batch size is not a multiple of the number of processes, or an option excludes `--fsdp`.
        """
        batch_size, clip_mode = config.loader.batch_size, config.optimizer.clip_mode
        if batch_size % self.count:
            raise UserError(
                f'--batch-size {batch_size}: the images of a batch, over all processes, cannot be shared out '
                f'evenly to {self.count}; give a multiple of {self.count}'
            )
        if not config.device.fsdp:
            return
        if self.count == 1:
            raise UserError('--fsdp: one process has nobody to share a model with; start several by torchrun')
        if config.optimizer.clip_grad and clip_mode != 'norm':
            raise UserError(f'--clip-mode {clip_mode}: a sharded model is clipped by norm only; leave out --fsdp')
        # `MemoryLoader` does not pad evaluation shares; FSDP would wait for a process that has one batch less.
        for flag, is_given in (
            ('--data-in-memory', config.loader.data_in_memory),
            ('--torchcompile', config.compile.torchcompile),
            ('--train-only', config.phases.train_only),
            ('--kd-model-name', config.task.kd_model_name),
        ):
            if is_given:
                raise UserError(f'{flag}: not with --fsdp; leave out one of the two')

    def sum(self, values: list[float]) -> list[float]:
        """Return the sum of each value over all processes.

        Args:
            values: This process's values.
        """
        if self.count == 1:
            return values
        dtype = torch.float32 if self.device.type == 'mps' else torch.float64
        total = torch.tensor(values, dtype=dtype, device=self.device)
        dist.all_reduce(total)
        return total.tolist()

    def from_first(self, value: Any) -> Any:
        """Return the value of the first process on all processes.

        Args:
            value: Any value that can be pickled; that of the first process counts.
        """
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, 0, device=self.device)
        return values[0]


def wrap_task(task: TrainingTask, processes: Processes) -> None:
    """Wrap the model of a task in torch's DistributedDataParallel, anew whenever other parameters become trainable.

    Args:
        task: The task, whose trainable module is wrapped.
        processes: Processes of the run; for a single process nothing is wrapped.
    """
    if processes.count == 1:
        return
    task.trainable_module = plain_module(task.trainable_module)
    task.prepare_distributed(device_ids=None if processes.device.type == 'cpu' else [processes.device])


def plain_module(module: nn.Module) -> nn.Module:
    """Return the module without its DistributedDataParallel wrapper; a compiled module stays compiled.

    Args:
        module: The module that a task trains.
    """
    return module.module if isinstance(module, DistributedDataParallel) else module


#: Parameters with fewer elements are replicated, not sharded.
MIN_SHARDED = 2**14


def shard_task(task: TrainingTask, processes: Processes, min_sharded: int = MIN_SHARDED) -> None:
    """Shard the model of a task and its moving average. Call this before creating the optimizer.

    Args:
        task: The task, whose model is neither compiled nor wrapped.
        processes: Processes of the run.
        min_sharded: Parameters with fewer elements are replicated.
    """
    mesh = init_device_mesh(processes.device.type, (processes.count,))
    models = [task.trainable_module]
    if task.has_ema():
        average = task.get_trainable_module(ema=True)
        average.foreach = False  # foreach operations cannot mix replicated and sharded tensors
        models.append(average.module)
    for model in models:
        whole = {p for p in model.parameters() if isinstance(p, geoopt.ManifoldParameter) or p.numel() < min_sharded}
        for block in getattr(model, 'blocks', ()):
            fully_shard(block, mesh=mesh, ignored_params=whole)
        fully_shard(model, mesh=mesh, ignored_params=whole)


def is_sharded(module: nn.Module) -> bool:
    """Return whether `shard_task` has sharded a module.

    Args:
        module: The module.
    """
    return isinstance(module, FSDPModule)


def average_whole_gradients(model: nn.Module, processes: Processes) -> None:
    """Average the gradients of replicated parameters over all processes; torch averages those of sharded ones.

    Args:
        model: A sharded model after its backward pass.
        processes: The processes of the run.
    """
    gradients = [p.grad for p in model.parameters() if p.grad is not None and not isinstance(p.grad, DTensor)]
    if not gradients:
        return
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= processes.count
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def to_whole(content: Any) -> Any:
    """Return nested containers with sharded tensors gathered into whole ones. All processes must call this.

    torch's `get_optimizer_state_dict` names the parameters of an optimizer; a checkpoint has their numbers, as those of
    runs in one process do, so that either kind of run resumes the other.

    Args:
        content: Dictionaries, lists and tuples that contain tensors and plain values.
    """
    if isinstance(content, DTensor):
        return content.full_tensor()
    if isinstance(content, dict):
        return {key: to_whole(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return type(content)(to_whole(value) for value in content)
    return content


def load(model: nn.Module, state_dict: dict[str, Tensor]) -> None:
    """Load an unsharded state dict into a model, sharded or not.

    Args:
        model: The model.
        state_dict: Whole tensors by the names of parameters and buffers.
    """
    if is_sharded(model):
        set_model_state_dict(model, state_dict, options=StateDictOptions(full_state_dict=True))
    else:
        model.load_state_dict(state_dict)


def shard_optimizer_state(optimizer: torch.optim.Optimizer, state_dict: dict[str, Any]) -> dict[str, Any]:
    """Shard the state dict of an optimizer in the way its parameters are sharded.

    torch's `set_optimizer_state_dict` takes names of parameters only, not the numbers of `Optimizer.state_dict`.

    Args:
        optimizer: The optimizer of a sharded model.
        state_dict: The state of an optimizer of the same parameters, as whole tensors.
    """
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
