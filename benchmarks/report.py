"""What the programs beside it report with: a header that names machine, versions and setting, and one CSV a table.

A file of `results/` starts with comment lines (`# hardware: ...`) and has one row for each measured thing. Columns that
a program names as its key identify a row: a second run with the same machine, versions and setting replaces rows of the
same key and leaves the others, so a long table can be measured in parts.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import io
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from timm_hyperbolic.files import whole_file

__all__ = [
    'RESULTS',
    'Report',
    'add_arguments',
    'chosen_device',
    'header',
    'markdown',
    'read_csv',
    'write_text',
]

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / 'benchmarks' / 'results'
PACKAGES = ('torch', 'timm', 'timm_hyperbolic', 'geoopt')
#: Lines of the header in which the parts of a table may differ.
FREE = ('date', 'commit')


def add_arguments(parser: argparse.ArgumentParser, rounds: int | None = None) -> None:
    """Add the flags that every program has.

    Args:
        parser: The program's parser.
        rounds: Default number of rounds of timing, None for a program that times nothing.
    """
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--threads', type=int, default=None, help="threads of the CPU (default: torch's choice)")
    parser.add_argument('--csv', type=Path, default=None, metavar='FILE', help='write the figures to this file')
    if rounds is not None:
        parser.add_argument('--rounds', type=int, default=rounds, help=f'rounds of timing (default {rounds})')


def chosen_device(args: argparse.Namespace) -> torch.device:
    """The device that the flags name; also sets the number of threads."""
    if args.threads:
        torch.set_num_threads(args.threads)
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
    """The commit that was measured, with `-dirty` where the package or a program differs from it."""

    def git(*arguments: str) -> str:
        command = ['git', '--no-optional-locks', '-C', str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        measuring = ('timm_hyperbolic', 'benchmarks/*.py', ':!benchmarks/page.py', ':!benchmarks/figures.py')
        changed = git('status', '--porcelain', '--untracked-files=no', '--', *measuring)
        return git('rev-parse', '--short=7', 'HEAD') + '-dirty' * bool(changed)
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return 'not installed'


def header(
    args: argparse.Namespace, device: torch.device, part: Iterable[str] = (), packages: Sequence[str] = ()
) -> dict[str, str]:
    """The date, the machine, the versions and the setting.

    Args:
        args: The flags.
        device: Device that is measured.
        part: Flags that choose a part of the table, which are no part of the setting.
        packages: Versions to name besides torch, timm, timm_hyperbolic and geoopt.

    Returns:
        The lines of the header, by name.
    """
    cpu = f'{_cpu()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads'
    accelerator = torch.get_device_module(device).get_device_name(device) if device.type == 'cuda' else None
    left_out = {'csv', 'device', 'threads', *part}
    setting = {key: value for key, value in vars(args).items() if key not in left_out and value is not None}
    head = {
        'hardware': f'{accelerator}; {cpu}' if accelerator else cpu,
        'system': f'{platform.system()} {platform.machine()}, Python {platform.python_version()}',
        'versions': ', '.join(f'{package} {_version(package)}' for package in (*PACKAGES, *packages)),
        'setting': ', '.join(f'{key} {_flat(value)}' for key, value in setting.items()),
        'date': time.strftime('%Y-%m-%d'),
        'commit': _commit(),
    }
    return {name: value for name, value in head.items() if value}


def _flat(value: Any) -> str:
    return ' '.join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; the first column is text, the others are numbers, None is an empty cell."""
    align = ['---'] + ['---:'] * (len(columns) - 1)
    cells = [map(str, columns), align, *(['' if cell is None else str(cell) for cell in row] for row in rows)]
    return '\n'.join(f'| {" | ".join(row)} |' for row in cells)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with whole_file(path) as scratch:
        scratch.write_text(text, encoding='utf-8')


def read_csv(path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The header lines and the rows of a file of results, all as text; nothing where there is no file."""
    if not path.exists():
        return {}, []
    lines = path.read_text(encoding='utf-8').splitlines()
    head = dict(line.removeprefix('# ').split(': ', 1) for line in lines if line.startswith('# '))
    return head, list(csv.DictReader(line for line in lines if not line.startswith('# ')))


def _shown(value: Any) -> str:
    if value is None:
        return ''
    return f'{value:.4g}' if isinstance(value, float) else str(value)


class Report:
    """Prints rows as they are measured and keeps them as CSV.

    Args:
        head: What `header` gives.
        path: The CSV file, None for none. It is written with every call of `add`, so a run that is cut short keeps its
            rows.
        key: The columns that identify a row.

    Raises:
        SystemExit: The file holds figures of another machine, of other versions or of another setting.
    """

    def __init__(self, head: dict[str, str], path: Path | None, key: Sequence[str]) -> None:
        self.head, self.path, self.key = head, path, tuple(key)
        self.rows: dict[tuple[str, ...], dict[str, str]] = {}
        self.begun = False
        if path is not None:
            self._take_over(*read_csv(path))
        print('\n'.join(f'{name}: {value}' for name, value in self.head.items()), flush=True)

    def _take_over(self, head: dict[str, str], rows: list[dict[str, str]]) -> None:
        """Start from the rows of an earlier run."""
        if not head:
            return
        fixed = {name: value for name, value in self.head.items() if name not in FREE}
        other = [f'{k}: {head.get(k)} there, {v} here' for k, v in fixed.items() if head.get(k) != v]
        if other:
            sys.exit(f'--csv {self.path} holds another measurement, delete it or name another ({"; ".join(other)})')
        for name in FREE:
            self.head[name] = ', '.join(dict.fromkeys([*head[name].split(', '), self.head[name]]))
        self.rows = {self._name(row): row for row in rows}

    def _name(self, row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[column] for column in self.key)

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Print rows, all of the same columns, and keep them."""
        new = [{column: _shown(value) for column, value in row.items()} for row in rows]
        if not new:
            return
        table = markdown(list(new[0]), [list(row.values()) for row in new]).splitlines()
        print('\n'.join(table[2:] if self.begun else ['', *table]), flush=True)
        self.begun = True
        self.rows |= {self._name(row): row for row in new}
        if self.path is not None:
            file = io.StringIO()
            file.writelines(f'# {name}: {value}\n' for name, value in self.head.items())
            writer = csv.DictWriter(file, list(new[0]), lineterminator='\n')
            writer.writeheader()
            writer.writerows(self.rows.values())
            write_text(self.path, file.getvalue())

    def works(self, name: str, f: Callable[[], Any]) -> bool:
        """Call `f()`; where it fails, print the first line of the error, and the thing is left out."""
        try:
            f()
        except Exception as error:
            reason = (str(error).splitlines() or [''])[0]
            print(f'{name} fails and is left out: {type(error).__name__}: {reason}', file=sys.stderr, flush=True)
            return False
        return True
