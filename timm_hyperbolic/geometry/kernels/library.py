"""Where kernels are loaded from, and how they are launched on a CPU."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib
import importlib.util
import inspect
import itertools
import os
import struct
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from .row_program import RowProgram

__all__ = ['PRINTED', 'has_numba', 'has_triton', 'launch', 'load']

#: The folder of the kernels that the package ships.
PRINTED = Path(__file__).parent / 'printed'

_loading = threading.RLock()
_importable: dict[str, bool] = {}
_forked = False


@torch.compiler.assume_constant_result  # the compiler does not trace imports
def has_numba() -> bool:
    """Whether Numba, which compiles the kernels for a CPU, can be imported. You are warned once if it cannot."""
    return _can_import('numba', 'Run: pip install numba')


@torch.compiler.assume_constant_result
def has_triton() -> bool:
    """Whether Triton, which compiles the kernels for a GPU, can be imported. You are warned once if it cannot."""
    return _can_import('triton', 'On Linux it comes with torch.')


def _can_import(name: str, remedy: str) -> bool:
    if name not in _importable:
        try:
            importlib.import_module(name)
        except ImportError as error:
            warnings.warn(
                'timm_hyperbolic computes hyperbolic layers by their definitions, which is several times slower than '
                f'by kernels, because {name.capitalize()} cannot be imported ({error}). {remedy}',
                stacklevel=4,
            )
            _importable[name] = False
        else:
            _importable[name] = True
    return _importable[name]


@functools.cache
def load(row: RowProgram, passes: str) -> ModuleType:
    """The module with the kernels of a row program for a device: the one that the package ships, or one printed now.

    Args:
        row: The scalars of a row.
        passes: The passes over memory around them, a module of `passes/`, whose name ends in `_cpu` or `_gpu`.
    """
    with _loading:
        name = f'{row.name}_{passes.rpartition("_")[2]}'
        if (PRINTED / f'{name}.py').exists():
            return importlib.import_module(f'{__package__}.printed.{name}')
        from .printing import source

        return _module(name, source(row, passes))


def _module(name: str, source: str) -> ModuleType:
    """A module made of a text, kept in the user's cache directory so that Numba can keep its machine code."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    cache = Path(os.environ.get('XDG_CACHE_HOME') or Path('~/.cache').expanduser()) / 'timm_hyperbolic' / 'kernels'
    path = cache / f'{name}_{digest}.py'
    if not path.exists():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile('w', dir=cache, suffix='.tmp', delete=False, encoding='utf-8') as file:
                file.write(source)
            Path(file.name).replace(path)
        except OSError:  # A file for this process alone: its machine code is not kept.
            path = Path(tempfile.mkdtemp()) / path.name
            path.write_text(source, encoding='utf-8')
    spec = importlib.util.spec_from_file_location(f'timm_hyperbolic_{name}_{digest}', path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def launch(
    kernel: Callable[..., None],
    blocks: int,
    arguments: Sequence[Any],
    least: int = 8,
) -> None:
    """Run a kernel with as many threads as torch would use.

    The threads are those of torch's own OpenMP, which is called directly: other threads than torch's would share the
    processors with torch's, which wait for their next work in a loop. Measured in a training step of
    `vit_tiny_patch4_hyp_res` on two cores, relative to timm's model: 0.942 so, 0.904 on one thread, 0.895 on threads of
    Python, 0.933 on Numba's own OpenMP; in inference 0.944, 0.87, 0.851 and 0.907.

    Args:
        kernel: A function of a module from `load`. It takes the first block, the one behind the last, and `arguments`;
            what it computes for a block does not depend on the others.
        blocks: How many blocks there are.
        arguments: Tensors, numbers, and tuples of such.
        least: How many blocks are worth a thread.
    """
    threads = min(torch.get_num_threads(), blocks // least)
    run = _openmp() if threads > 1 and not _forked else None
    if run is None:
        kernel(0, blocks, *_arrays(arguments))
        return
    job = [blocks]
    kinds = tuple(_packed(argument, job) for argument in arguments)
    run(_entry(kernel, kinds), (ctypes.c_int64 * len(job))(*job), threads, 0)


def _arrays(argument: Any) -> Any:
    """An argument with arrays in place of tensors."""
    if isinstance(argument, torch.Tensor):
        return argument.numpy()
    return tuple(map(_arrays, argument)) if isinstance(argument, (tuple, list)) else argument


def _packed(argument: Any, job: list[int]) -> Any:
    """Add the numbers of an argument to a job; returns what `_unpacked` needs to know of it.

    That is a tuple for a tuple, the kind of a number, or a tensor's type, its dimensions and whether it has gaps.
    """
    if isinstance(argument, torch.Tensor):
        gaps = not argument.is_contiguous()
        job += argument.data_ptr(), *argument.shape
        job += (size * argument.itemsize for size in argument.stride()) if gaps else ()
        return f'{str(argument.dtype).removeprefix("torch.")} {argument.dim()} {gaps}'
    if isinstance(argument, (tuple, list)):
        return tuple(_packed(a, job) for a in argument)
    job.append(_float_bits(argument) if isinstance(argument, float) else argument)
    return 'float' if isinstance(argument, float) else 'int'


def _float_bits(x: float) -> int:
    return struct.unpack('q', struct.pack('d', x))[0]


def _unpacked(kind: Any, places: Iterator[int], used: set[str]) -> str:
    """The text that makes an argument of the numbers of a job.

    Args:
        kind: As `_packed` returned it.
        places: Of the numbers that are not read yet.
        used: Gets the names of the functions that the text calls.
    """
    if isinstance(kind, tuple):
        return f'({"".join(f"{_unpacked(k, places, used)}, " for k in kind)})'
    if kind in ('int', 'float'):
        place = next(places)
        return f'from_bits(job[{place}])' if kind == 'float' else f'job[{place}]'
    name, dimensions, gaps = kind.split()
    used.add(f'{name}_at')
    start = f'{name}_at(job[{next(places)}])'
    shape, strides = (
        ''.join(f'job[{next(places)}], ' for _ in range(int(dimensions) * wanted)) for wanted in (1, gaps == 'True')
    )
    return f'as_strided(carray({start}, (1,)), ({shape}), ({strides}))' if strides else f'carray({start}, ({shape}))'


@functools.cache
def _openmp() -> Callable[..., None] | None:
    """The function by which OpenMP starts threads, of the library that torch has loaded; None where there is none."""
    library = ctypes.CDLL(None) if sys.platform == 'linux' else None
    if library is None or not hasattr(library, 'GOMP_parallel'):
        return None
    library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    library.GOMP_parallel.restype = None
    return library.GOMP_parallel


def _after_fork() -> None:
    # A child process has none of the threads that its parent's OpenMP has started, and must not wait for them.
    global _forked
    _forked = True


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)


@functools.cache
def _entry(kernel: Callable[..., None], kinds: tuple) -> int:
    """The address of a function by which OpenMP's threads call a kernel, each for its part of the blocks.

    Args:
        kernel: The kernel.
        kinds: What `_packed` says of each argument.
    """
    used: set[str] = {'compiled_entry', 'from_bits', 'thread_count', 'thread_number'}
    places = itertools.count(1)
    arguments = ', '.join(_unpacked(kind, places, used) for kind in kinds)
    module = sys.modules[kernel.__module__]
    source = (
        f'# {hashlib.sha256(inspect.getsource(module).encode()).hexdigest()}\n'
        'from numba import carray\n'
        'from numpy.lib.stride_tricks import as_strided\n\n'
        f'from {__package__}.primitives import {", ".join(sorted(used))}\n'
        f'from {module.__name__} import {kernel.__name__}\n\n\n'
        '@compiled_entry\n'
        'def entry(address):\n'
        f'    job = carray(address, ({next(places)},))\n'
        '    blocks, threads, thread = job[0], thread_count(), thread_number()\n'
        '    first, last = blocks * thread // threads, blocks * (thread + 1) // threads\n'
        f'    {kernel.__name__}(first, last, {arguments})\n'
    )
    with _loading:
        return _module(f'{module.__name__.rpartition(".")[2]}_{kernel.__name__}', source).entry.address
