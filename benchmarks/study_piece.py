"""Works on a study piece by piece, on a machine that starts bare, is there for minutes, and takes only small files.

    python benchmarks/study_piece.py split path/to/cifar100 --into pieces/data --mib 30
    python benchmarks/study_piece.py work recipes/studies/full.yaml --data pieces/data --into pieces/runs --jobs 3
    python benchmarks/study_piece.py join pieces/runs --into output/study/full

`split` cuts a folder into files of a limited size, and `join` puts them together again. `work` joins the data set and
what earlier pieces of the study have left, trains until the time is over, and leaves the folders of the runs as pieces:
of a run that is done without its checkpoints, of another one with them, so that the next piece goes on exactly there.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from timm_hyperbolic.train.study_run import state_of


class Pieces(io.RawIOBase):
    """A stream that is written as files `piece-000`, `piece-001`, ... of at most `size` bytes, or read from them."""

    def __init__(self, folder: Path, size: int | None = None) -> None:
        self.folder, self.size = folder, size
        self.files = sorted(folder.glob('piece-*')) if size is None else []
        self.current: io.BufferedIOBase | None = None
        self.left = 0

    def readable(self) -> bool:
        """Whether the pieces are read."""
        return self.size is None

    def writable(self) -> bool:
        """Whether the pieces are written."""
        return self.size is not None

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read the next bytes, of the next piece where one is at its end."""
        while True:
            if self.current is None:
                if not self.files:
                    return 0
                self.current = self.files.pop(0).open('rb')
            count = self.current.readinto(buffer)
            if count:
                return count
            self.current.close()
            self.current = None

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write bytes, into a new piece where one is full."""
        rest = memoryview(data)
        while rest:
            if not self.left:
                if self.current is not None:
                    self.current.close()
                self.current = (self.folder / f'piece-{len(self.files):03}').open('wb')
                self.files.append(self.folder)
                self.left = self.size or 0
            part = rest[: self.left]
            self.current.write(part)
            self.left -= len(part)
            rest = rest[len(part) :]
        return len(data)

    def close(self) -> None:
        """Close the last piece."""
        if self.current is not None:
            self.current.close()
        super().close()


def split(folder: Path, into: Path, mib: float, keep: Callable[[Path], bool] = lambda path: True) -> list[Path]:
    """Write the files of a folder as pieces and return their paths.

    Args:
        folder: The folder.
        into: Where the pieces go; pieces that are there already are removed.
        mib: Largest size of a piece in MiB.
        keep: Whether a file, by its path in the folder, is taken along.
    """
    into.mkdir(parents=True, exist_ok=True)
    for old in into.glob('piece-*'):
        old.unlink()
    with Pieces(into, int(mib * 2**20)) as stream, tarfile.open(fileobj=stream, mode='w|') as archive:
        for path in sorted(folder.rglob('*')):
            inside = path.relative_to(folder)
            if path.is_file() and keep(inside):
                archive.add(path, arcname=str(inside))
    return sorted(into.glob('piece-*'))


def join(pieces: Path, into: Path) -> None:
    """Put the files of pieces into a folder.

    Args:
        pieces: The folder of the pieces.
        into: Where the files go.

    Raises:
        SystemExit: there are no pieces.
    """
    if not list(pieces.glob('piece-*')):
        sys.exit(f'{pieces}: there are no pieces')
    into.mkdir(parents=True, exist_ok=True)
    with Pieces(pieces) as stream, tarfile.open(fileobj=io.BufferedReader(stream), mode='r|') as archive:
        archive.extractall(into, filter='data')


def work(args: argparse.Namespace, more: list[str]) -> int:
    """Work on the study for the time, and leave its runs as pieces. The exit status is that of the study."""
    with tempfile.TemporaryDirectory() as scratch:
        runs, words = Path(scratch) / 'runs', []
        runs.mkdir()
        if args.data is not None:
            join(args.data, Path(scratch) / 'data')
            words = ['--dataset', f'hfds/{scratch}/data']
        if args.runs is not None:
            join(args.runs, runs)
        command = [sys.executable, '-m', 'timm_hyperbolic.cli', 'study', str(args.config), '--output', str(runs)]
        command += ['--minutes', str(args.minutes), '--jobs', str(args.jobs), *words, *more]
        status = subprocess.run(command).returncode
        states = {folder.name: state_of(folder) for folder in runs.iterdir() if folder.is_dir()}

        def keep(inside: Path) -> bool:
            return not (inside.name.startswith('checkpoint-') and states.get(inside.parts[0]) in ('done', 'diverged'))

        pieces = split(runs, args.into, args.mib, keep)
        for name, state in sorted(states.items()):
            print(f'{name}: {state}')
        print(f'{len(pieces)} pieces in {args.into}')
        return status


def main(argv: list[str] | None = None) -> int:
    """Do what the first word says."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    commands = parser.add_subparsers(dest='command', required=True)
    for name in ('split', 'join', 'work'):
        command = commands.add_parser(name)
        command.add_argument('config' if name == 'work' else 'folder', type=Path)
        command.add_argument('--into', type=Path, required=True, help='where the result goes')
        if name != 'join':
            command.add_argument('--mib', type=float, default=15, help='largest size of a piece (default 15)')
        if name == 'work':
            command.add_argument('--data', type=Path, help='pieces of the data set')
            command.add_argument('--runs', type=Path, help='pieces of the runs so far')
            command.add_argument('--minutes', type=float, default=8, help='time of the training (default 8)')
            command.add_argument('--jobs', type=int, default=1, help='runs at a time (default 1)')
    args, more = parser.parse_known_args(argv)
    if args.command == 'work':
        return work(args, more)
    if more:
        parser.error(f'unknown argument {more[0]}')
    if args.command == 'join':
        join(args.folder, args.into)
    else:
        print('\n'.join(map(str, split(args.folder, args.into, args.mib))))
    return 0


if __name__ == '__main__':
    sys.exit(main())
