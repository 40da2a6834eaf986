"""`--dry-run`: the options, the model, the first batch and the memory estimate of a run, without training."""

import torch
import yaml
from torch import Tensor, nn

from ..config.options import to_values
from ..config.train import TrainConfig
from .loop import Loop

__all__ = ['describe']


def describe(config: TrainConfig, model: nn.Module, loop: Loop, batch: tuple[Tensor, Tensor]) -> str:
    """Return a description of a run: options, modules of the model, shapes of a batch, and estimated memory.

    Args:
        config: Options of the run.
        model: The model.
        loop: The loop that would train the model.
        batch: Images `[B, C, H, W]` and targets.
    """
    image, target = batch
    if loop.mixup is not None:
        image, target = loop.mixup(image, target)
    parameters = sum(p.numel() * p.element_size() for p in model.parameters())
    # One gradient and, for Adam, two moving averages per parameter.
    states = 3 * sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    kept = _kept_for_backward(loop, image, target)
    rows = (('parameters', parameters), ('gradients and optimizer', states), ('activations of a batch', kept))
    memory = ''.join(f'  {name}: {size / 2**20:,.1f} MiB\n' for name, size in rows)
    return (
        f'{yaml.safe_dump(to_values(config), sort_keys=True)}\n{model}\n\n'
        f'first batch: images {tuple(image.shape)} {image.dtype}, targets {tuple(target.shape)} {target.dtype}\n'
        f'memory, an estimate:\n{memory}  together: {sum(size for _, size in rows) / 2**20:,.1f} MiB'
    )


def _kept_for_backward(loop: Loop, image: Tensor, target: Tensor) -> int:
    """Return the size in bytes of the tensors that a forward pass saves for the backward pass, without parameters."""
    known = {p.untyped_storage().data_ptr() for p in loop.task.trainable_module.parameters()}
    sizes: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    loop.task.train()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), loop.autocast():
        loss = loop.task(image, target)['loss']
    del loss
    return sum(sizes.values())
