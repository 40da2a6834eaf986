"""What the programs beside it report with: a header that says where the numbers are from, tables, JSON, figures."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

__all__ = [
    'Report',
    'add_arguments',
    'chosen_device',
    'header',
    'markdown',
    'pyplot',
    'save_figure',
    'write_json',
    'write_text',
]

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ('torch', 'timm', 'timm_hyperbolic', 'geoopt')
#: Keys of the setting that say where the output went and not how it was made.
OUTPUTS = ('json', 'figure', 'turns')


def add_arguments(parser: argparse.ArgumentParser, rounds: int) -> None:
    """The flags that every program has."""
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--threads', type=int, default=None, help="of the CPU (torch's own choice by default)")
    parser.add_argument('--rounds', type=int, default=rounds, help=f'rounds of timing (default {rounds})')
    parser.add_argument('--json', type=Path, default=None, metavar='FILE', help='write all figures here')


def chosen_device(args: argparse.Namespace) -> torch.device:
    """The device of the flags; also sets the threads, and stops at once if a figure could not be drawn at the end."""
    if args.threads:
        torch.set_num_threads(args.threads)
    if getattr(args, 'figure', None):
        pyplot()
    return torch.device(args.device)


def _cpu() -> str:
    """The processor's name as the kernel gives it, else what Python knows of it."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:
        lines = []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return next(iter(names), '') or platform.processor() or platform.machine() or 'unknown processor'


def _commit() -> str:
    """The commit that was measured, with `-dirty` where files differ from it."""
    command = ['git', '--no-optional-locks', '-C', str(ROOT), 'describe', '--always', '--dirty']
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return 'not installed'


def header(args: argparse.Namespace, device: torch.device, packages: Sequence[str] = ()) -> dict[str, Any]:
    """The date, the machine, the versions and the setting.

    Args:
        args: The flags.
        device: Where it is measured.
        packages: Versions to name besides torch, timm, timm_hyperbolic and geoopt.
    """
    cpu = f'{_cpu()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads'
    accelerator = torch.get_device_module(device).get_device_name(device) if device.type == 'cuda' else None
    return {
        'date': time.strftime('%Y-%m-%d'),
        'hardware': f'{accelerator}; {cpu}' if accelerator else cpu,
        'system': f'{platform.system()} {platform.machine()}, Python {platform.python_version()}',
        'versions': {package: _version(package) for package in (*PACKAGES, *packages)},
        'float32 matmul precision': torch.get_float32_matmul_precision(),
        'commit': _commit(),
        'setting': {key: value for key, value in vars(args).items() if key not in OUTPUTS},
    }


def markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]], left: int = 1) -> str:
    """A Markdown table; None is an empty cell, the first `left` columns are text."""
    align = ['---'] * left + ['---:'] * (len(columns) - left)
    cells = [map(str, columns), align, *(['' if cell is None else str(cell) for cell in row] for row in rows)]
    return '\n'.join(f'| {" | ".join(row)} |' for row in cells)


def write_text(path: Path, text: str) -> None:
    """Write whole or not at all: to a temporary name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(descriptor, 'w', encoding='utf-8') as file:
            file.write(text)
        Path(temporary).chmod(0o644)  # mkstemp keeps it to its owner
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Any) -> None:
    """Write data as JSON, whole or not at all."""
    write_text(path, json.dumps(data, indent=1, ensure_ascii=False, default=str) + '\n')


class Report:
    """Prints tables as they are made and keeps them, with the raw figures, as JSON.

    Args:
        name: Of the program; its tables are called `name/table` in `docs/`.
        head: What `header` gives.
        path: Of the JSON file, None for none. It is written anew with every table, so that a run that is cut short
            leaves what it had.
    """

    def __init__(self, name: str, head: dict[str, Any], path: Path | None) -> None:
        self.name, self.path = name, path
        self.data: dict[str, Any] = {'header': head, 'rows': [], 'tables': {}}
        lines = [f'{key}: {_flat(value)}' for key, value in head.items()]
        self._keep('header', '\n'.join(f'- {line}' for line in lines))
        print('\n'.join(lines), flush=True)

    def _keep(self, table: str, text: str) -> None:
        self.data['tables'][f'{self.name}/{table}'] = text

    def table(
        self, name: str, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], raw: Iterable[dict] = ()
    ) -> None:
        """Print a table and keep it, with the figures that it was made from."""
        text = markdown(columns, rows)
        print(f'\n{title}\n\n{text}', flush=True)
        self._keep(name, text)
        self.data['rows'] += [{'table': name, **row} for row in raw]
        if self.path:
            write_json(self.path, self.data)

    def note(self, line: str) -> None:
        """Print a line that belongs to the report, and keep it under the header."""
        print(line, flush=True)
        self._keep('header', f'{self.data["tables"][f"{self.name}/header"]}\n- {line}')

    def works(self, name: str, f: Callable[[], Any]) -> bool:
        """Call `f()`; where it fails, note the error's first line. What fails is left out of the report."""
        try:
            f()
        except Exception as error:
            self.note(f'{name} fails and is left out: {type(error).__name__}: {(str(error).splitlines() or [""])[0]}')
            return False
        return True


def _flat(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ', '.join(
        f'{k} {_flat(v) if not isinstance(v, (list, tuple)) else "/".join(map(str, v))}' for k, v in value.items()
    )


def pyplot() -> Any:
    """matplotlib's pyplot, drawing to files."""
    try:
        matplotlib = importlib.import_module('matplotlib')
    except ImportError:
        sys.exit("a figure needs matplotlib, which the extra 'bench' installs: pip install -e '.[bench]'")
    matplotlib.use('Agg')
    return importlib.import_module('matplotlib.pyplot')


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure in the format of its name, without the date that would make two equal ones differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {'Date': None} if path.suffix == '.svg' else None
    figure.savefig(path, bbox_inches='tight', metadata=metadata)
    pyplot().close(figure)
