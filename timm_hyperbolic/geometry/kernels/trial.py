"""Whether a kernel on a GPU is trusted: it is tried once on each device, against the definition that it was made from.

The kernels by Triton have been run in Triton's interpreter only. Where one does not compile, or computes something else
than its definition, the definition is used, and you are warned.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.utils._python_dispatch import _get_current_dispatch_mode

__all__ = ['reason_against']

_Results = Callable[[], Iterable[tuple[str, Tensor, Tensor, float]]]

_reasons: dict[tuple[str, str, torch.dtype], str | None] = {}
_warned: set[str] = set()
_trying = threading.RLock()


def reason_against(name: str, device: str, dtype: torch.dtype, results: _Results) -> str | None:
    """Why a kernel is not to be used; None where it agrees with its definition.

    Both run at the first call for a kernel, a device and a type, and then never again.

    Args:
        name: Of the kernel.
        device: Where the vectors are.
        dtype: Type of the vectors.
        results: Computes a small input; returns for each result its name, what the kernel gives, what the definition
            gives in float64, and by how much they may differ, relative to the largest number.
    """
    key = name, device, dtype
    with _trying:
        if key not in _reasons:
            if _cannot_be_tried(device):
                return 'the kernel is still to be tried, which is not possible here'
            _reasons[key] = reason = _tried(results)
            if reason is not None and name not in _warned:
                _warned.add(name)
                warnings.warn(
                    f'timm_hyperbolic computes {name} on {device} in {dtype} by its definition, which is several '
                    f'times slower than by a kernel, because {reason}. Please report this, with the versions of torch '
                    'and Triton and the name of the GPU.',
                    stacklevel=5,
                )
        return _reasons[key]


def _cannot_be_tried(device: str) -> bool:
    """Whether results cannot be looked at: a CUDA graph is recorded, or a mode of torch takes the operations."""
    if _get_current_dispatch_mode() is not None:
        return True
    return device.startswith('cuda') and torch.cuda.is_current_stream_capturing()


def _tried(results: _Results) -> str | None:
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('highest')
    try:
        with torch.inference_mode(False), torch.no_grad():
            for name, ours, exact, allowed in results():
                difference = float((ours.double() - exact).abs().max() / exact.abs().max())
                if not difference <= allowed:
                    return f'its kernel gives another {name}: they differ by {difference:.1e} of the largest number'
    except Exception as error:
        return f'its kernel fails with {type(error).__name__}: {str(error).strip().rpartition(chr(10))[2].strip()}'
    finally:
        torch.set_float32_matmul_precision(precision)
    return None
