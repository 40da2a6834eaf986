"""Several processes that train one model: who they are, what they tell each other, how the model is wrapped."""

import argparse
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from timm.task import TrainingTask
from timm.utils.distributed import init_distributed_device_so, is_distributed_env
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import UserError

__all__ = ['Processes', 'plain_module', 'wrap_task']


@dataclass(frozen=True)
class Processes:
    """The processes of a run, as torchrun or Slurm started them; one alone needs neither.

    Attributes:
        device: of this one.
        rank: number of this process; the one of rank 0 writes and prints.
        count: how many there are.
    """

    device: torch.device
    rank: int = 0
    count: int = 1

    @classmethod
    def start(cls, device: torch.device) -> 'Processes':
        """Join the group that the environment describes; each process of a node takes the device of its number."""
        if not is_distributed_env():
            return cls(device)
        if dist.is_initialized():
            return cls(device, dist.get_rank(), dist.get_world_size())
        found = init_distributed_device_so(device.type)
        return cls(torch.device(found['device']), found['global_rank'], found['world_size'])

    @staticmethod
    def end() -> None:
        """Leave the group, if there is one."""
        if dist.is_initialized():
            dist.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def check(self, args: argparse.Namespace) -> None:
        """Raise a UserError where the batch cannot be shared out evenly."""
        if args.batch_size % self.count:
            raise UserError(
                f'--batch-size {args.batch_size}: the images of a batch, over all processes, cannot be shared out '
                f'evenly to {self.count}; give a multiple of {self.count}'
            )
        if not args.fsdp:
            return
        if self.count == 1:
            raise UserError('--fsdp: one process has nobody to share a model with; start several by torchrun')
        if args.clip_grad and args.clip_mode != 'norm':
            raise UserError(f'--clip-mode {args.clip_mode}: a sharded model is clipped by norm only; leave out --fsdp')
        # The shares of an evaluation in memory are not padded: a process with a batch less would be waited for.
        for name in ('data_in_memory', 'torchcompile', 'train_only', 'kd_model_name'):
            if getattr(args, name):
                raise UserError(f'--{name.replace("_", "-")}: not with --fsdp; leave out one of the two')

    def sum(self, values: list[float]) -> list[float]:
        """Return the sums over all processes, the same on each."""
        if self.count == 1:
            return values
        dtype = torch.float32 if self.device.type == 'mps' else torch.float64
        total = torch.tensor(values, dtype=dtype, device=self.device)
        dist.all_reduce(total)
        return total.tolist()

    def from_first(self, value: Any) -> Any:
        """Return what the first process holds."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, 0, device=self.device)
        return values[0]


def wrap_task(task: TrainingTask, processes: Processes) -> None:
    """Let the processes share gradients; call it again when other parameters are to be trained.

    Args:
        task: its trainable module is wrapped in torch's DistributedDataParallel.
        processes: one alone needs no wrapper.
    """
    if processes.count == 1:
        return
    task.trainable_module = plain_module(task.trainable_module)
    task.prepare_distributed(device_ids=None if processes.device.type == 'cpu' else [processes.device])


def plain_module(module: nn.Module) -> nn.Module:
    """Return the module without DistributedDataParallel around it, compiled or not."""
    return module.module if isinstance(module, DistributedDataParallel) else module
