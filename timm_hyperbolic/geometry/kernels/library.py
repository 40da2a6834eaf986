"""Where kernels are loaded from, and how they are launched on a CPU."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from .row_program import RowProgram

__all__ = ['PRINTED', 'has_numba', 'has_triton', 'launch', 'load']

#: The folder of the kernels that the package ships.
PRINTED = Path(__file__).parent / 'printed'

_loading = threading.RLock()
_launching = threading.Lock()
_importable: dict[str, bool] = {}
_started_threads = False
_must_run_serially = False


def _after_fork() -> None:
    # A child process has none of the threads of OpenMP that its parent had, and must not ask for them.
    global _must_run_serially
    _must_run_serially = _must_run_serially or _started_threads


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)


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


def launch(module: ModuleType, kernel: str, blocks: int, arguments: Sequence[Any]) -> None:
    """Run a kernel with as many threads as torch would use.

    What a kernel computes does not depend on the number of threads.

    Args:
        module: From `load`; it has the kernel twice, `<kernel>` for threads and `<kernel>_serial` for one.
        kernel: The name.
        blocks: Into how many pieces the work can be cut.
        arguments: NumPy arrays and numbers.
    """
    global _started_threads
    import numba

    threads = min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS, blocks)
    if threads <= 1 or _must_run_serially:
        getattr(module, f'{kernel}_serial')(*arguments)
        return
    run, before = getattr(module, kernel), numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        if _started_threads and numba.threading_layer() != 'workqueue':
            run(*arguments)
        else:  # The first launch starts the threads; and Numba's own pool serves one caller at a time.
            with _launching:
                run(*arguments)
                _started_threads = True
    finally:
        numba.set_num_threads(before)
