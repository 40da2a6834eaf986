"""The device and the mixed precision of a run."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch

from ..config.run import DeviceConfig
from ..errors import UserError

__all__ = ['create_autocast', 'create_scaler', 'resolve_device']


def resolve_device(name: str | None) -> torch.device:
    """Return a device by its name; without a name the first CUDA device, or the CPU if there is none.

    Args:
        name: A name of torch, such as `cuda:1`, or None.

    Raises:
        UserError: torch knows no such device, or this machine has none.
    """
    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
        torch.empty(1, device=device).cpu()  # the meta device has no values to copy: it cannot train
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(f'--device {name}: not usable here ({str(error).splitlines()[0]}); try --device cpu') from error
    return device


def create_autocast(config: DeviceConfig, device: torch.device) -> Callable[[], AbstractContextManager]:
    """Return a function that makes the context of a forward pass: torch's autocast with `--amp`, else a null context.

    Args:
        config: Options of the device.
        device: The device of the model.

    Raises:
        UserError: the device has no autocast of that type.
    """
    if not config.amp:
        return nullcontext
    name = config.dtype_on(device.type)
    autocast = partial(torch.autocast, device.type, dtype=getattr(torch, name))
    if not autocast()._enabled or (device.type == 'cuda' and name == 'bfloat16' and not torch.cuda.is_bf16_supported()):
        raise UserError(f'--amp-dtype {name}: no mixed precision of that type on {device}')
    return autocast


def create_scaler(config: DeviceConfig, device: torch.device) -> torch.amp.GradScaler | None:
    """Return the loss scaler for float16, or None for other types, whose small gradients do not underflow.

    Args:
        config: Options of the device.
        device: The device of the model.
    """
    return torch.amp.GradScaler(device.type) if config.amp and config.dtype_on(device.type) == 'float16' else None
