"""Which implementation runs a formula: a kernel where there is one, else the definition.

The choice depends on the device, the number types and the kind of call, never on the numbers in the data, so that a row
gives the same bits in every batch.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..kernels import gpu, library
from ..kernels.trial import reason_against

__all__ = ['TRIALS', 'explain', 'has_kernel', 'kernels', 'reason_for_definition', 'try_on_gpu']

#: For each kernel, or kind of kernels, what computes it and its definition on a few numbers; the operations add theirs.
TRIALS: dict[str, Callable[..., Iterator[tuple[str, Tensor, Tensor, float]]]] = {}

#: Kernels that there are for a CPU only: on other devices torch's own compiler makes one pass of their formula.
CPU_ONLY = {'fully_connected', 'radial'}

_enabled = True
# torch 2.6 does not tell an export from a compilation: with it the definition is compiled too.
_is_exporting = getattr(torch.compiler, 'is_exporting', torch.compiler.is_compiling)


@contextmanager
def kernels(enable: bool) -> Iterator[None]:
    """Within this context layers are computed by kernels where there are some, or all by their definitions.

    Args:
        enable: False for the definitions.
    """
    global _enabled
    before, _enabled = _enabled, enable
    try:
        yield
    finally:
        _enabled = before


def has_kernel(x: Tensor, *names: str, longest: int = 0, dtype: torch.dtype | None = None) -> bool:
    """Return whether formulas of vectors like `x` are computed by kernels here and now; see `reason_for_definition`.

    Args:
        x: Vectors.
        *names: The kernels that are wanted.
        longest: As in `reason_for_definition`.
        dtype: As in `reason_for_definition`.
    """
    return reason_for_definition(x, *names, longest=longest, dtype=dtype) is None


def reason_for_definition(x: Tensor, *names: str, longest: int = 0, dtype: torch.dtype | None = None) -> str | None:
    """Why formulas of vectors like `x` are computed by their definitions here and now; None where kernels do it.

    Args:
        x: Vectors.
        names: The kernels that are wanted. On a GPU each is tried first, see `kernels.trial`; without names the answer
            is that for kernels as such.
        longest: How many numbers the kernel has to hold at once, where that may be more than a vector has.
        dtype: The type of the vectors that the kernel gets; None for that of `x`.
    """
    if not _enabled:
        return 'kernels are switched off by geometry.kernels(False)'
    if _is_exporting():
        return 'torch.export and ONNX see the definition'
    if torch.jit.is_tracing():
        return 'torch.jit.trace sees the definition'
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        return 'torch.func differentiates the definition'
    if x.device.type == 'cpu':
        return None if library.has_numba() else 'Numba, which compiles the kernels for a CPU, is not installed'
    if not CPU_ONLY.isdisjoint(names):
        return f'torch computes {", ".join(names)} on devices of type {x.device.type}'
    if x.device.type != 'cuda':
        return f'there are no kernels for devices of type {x.device.type}'
    if not library.has_triton():
        return 'Triton, which compiles the kernels for a GPU, is not installed'
    if max(x.shape[-1], longest) > gpu.WIDEST:
        return f'kernels on a GPU take vectors of up to {gpu.WIDEST} numbers, and as many tokens or centroids'
    # While the compiler traces, a length need not be known.
    dim = 64 if torch.compiler.is_compiling() or x.dim() < 2 else x.shape[-1]
    for name in names:
        reason = try_on_gpu(name, str(x.device), dtype or x.dtype, dim)
        if reason is not None:
            return reason
    return None


@torch.compiler.assume_constant_result  # the compiler does not trace it, but runs it
def try_on_gpu(name: str, device: str, dtype: torch.dtype, dim: int) -> str | None:
    """Return why a kernel is not to be used for vectors of a kind; None where it agrees with its definition.

    Args:
        name: The name of the kernel.
        device: The device, such as `cuda:0`.
        dtype: The type of the vectors.
        dim: The number D of entries of a vector.
    """
    both_ways = TRIALS.get(name, TRIALS['two vectors'])
    return reason_against(name, device, dtype, functools.partial(both_ways, name, device, dtype, dim))


def explain(module: nn.Module) -> str:
    """Which implementation each hyperbolic layer of a module would use now, and why where it is the definition.

    Args:
        module: A layer or a model.

    Returns:
        A line for each layer: its name, its class, the kernels or the reason.
    """
    lines = []
    for name, layer in module.named_modules():
        names = getattr(layer, 'kernel_names', ())
        if names:
            reason = reason_for_definition(next(itertools.chain(layer.parameters(), layer.buffers())), *names)
            how = f'kernels {", ".join(names)}' if reason is None else f'the definition, because {reason}'
            lines.append(f'{name or "layer"} ({type(layer).__name__}): {how}')
    return '\n'.join(lines) or 'no hyperbolic layer'
