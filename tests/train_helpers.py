"""A training run small enough for a test, as a command line."""

import csv
import os
import signal
from pathlib import Path

import pytest

from timm_hyperbolic.cli import run as run_command
from timm_hyperbolic.train.loop import Loop

# Four tokens of 24 features through two blocks: an epoch of the digits takes about a second.
TINY = ['--model-kwargs', 'embed_dim=24', 'depth=2', 'num_heads=3', '--img-size', '8', '-b', '240', '--lr', '3e-3']


def run(tmp_path: Path, *argv: str, name: str = 'run', tiny: bool = True, steps: int | None = 5) -> tuple[int, Path]:
    """Run the command in this process and return its exit status and output folder. What `argv` repeats wins."""
    flags = [*(TINY if tiny else []), '--output', str(tmp_path), '--experiment', name]
    if steps is not None:
        flags += ['--max-steps', str(steps)]
    return run_command('train', [*flags, *argv], prog='train_hyp.py'), tmp_path / name


def stop_at(monkeypatch: pytest.MonkeyPatch, method: str, count: int, number: int = signal.SIGTERM) -> None:
    """Send this process a signal in the given call of a method of the loop: `_make_step` 7 ends it after step 7."""
    original, calls = getattr(Loop, method), []

    def patched(self: Loop, *args, **kwargs):
        calls.append(None)
        if len(calls) == count:
            os.kill(os.getpid(), number)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Loop, method, patched)


def summary(folder: Path) -> list[dict[str, float]]:
    """Return the rows of a run's summary.csv."""
    with (folder / 'summary.csv').open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
