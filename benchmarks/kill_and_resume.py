"""Kill a run again and again with SIGKILL, go on each time, and compare it bit by bit with one that was left alone.

python benchmarks/kill_and_resume.py --kills 10
"""

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
MODEL = ['--model', 'vit_tiny_patch4_hyp_all', '--model-kwargs', 'embed_dim=24', 'depth=2', 'num_heads=3']
BASE = [*MODEL, '--img-size', '8', '-b', '96', '--epochs', '3', '--lr', '3e-3', '--drop', '0.1', '--drop-path', '0.1']
BASE += ['--model-ema', '--model-ema-decay', '0.9', '--log-interval', '1', '--checkpoint-every', '1', '--device', 'cpu']
CASES = {
    'plain': [],
    'accumulation': ['--grad-accum-steps', '4'],
    'mixup': ['--mixup', '0.4', '--cutmix', '1.0', '--reprob', '0.3', '--aa', 'rand-m5'],
    'workers': ['--workers', '2'],
    'all': ['--grad-accum-steps', '4', '--mixup', '0.4', '--cutmix', '1.0', '--reprob', '0.3', '--workers', '2'],
}


def command(output: Path, name: str, flags: list[str]) -> list[str]:
    """Return the command of a run, which resumes by itself."""
    script = [sys.executable, str(ROOT / 'train_hyp.py')]
    return [*script, *BASE, *flags, '--output', str(output), '--experiment', name, '--resume', 'auto']


def run(argv: list[str]) -> None:
    """Run a command to its end."""
    done = subprocess.run(argv, capture_output=True, text=True, env=environment())
    if done.returncode:
        raise RuntimeError(f'status {done.returncode}: {done.stderr}')


def environment() -> dict[str, str]:
    """Return ours, with the package of this tree to import and one thread."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    return {**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'}


def run_and_kill(argv: list[str], generator: random.Random, batches: int = 12) -> str:
    """Start a run, kill it some batches later or while it saves or evaluates, and return the last line it printed.

    Args:
        argv: the run's command.
        generator: draws the moment.
        batches: at most so many are waited for.
    """
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment())
    last, left = '', generator.randint(1, batches)
    for line in process.stdout:
        last = line.strip() or last
        left -= line.startswith('epoch')
        if left <= 0:
            time.sleep(generator.uniform(0, 0.1))  # a step, an evaluation and a checkpoint take less
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return last


def differences(a: Path, b: Path) -> list[str]:
    """Return what differs in the results of two runs: weights, moving average, optimizer, metrics. Times may.

    Args:
        a: folder of a run.
        b: of another.
    """
    found = []
    newest = [max(folder.glob('checkpoint-*.pt'), key=lambda path: path.name) for folder in (a, b)]
    left, right = (torch.load(path, weights_only=True) for path in newest)
    for key in ('state_dict', 'state_dict_ema', 'optimizer', 'scheduler'):
        flat = [dict(flatten(content[key])) for content in (left, right)]
        found += [f'{key}{name}' for name in flat[0].keys() | flat[1].keys() if not equal(name, *flat)]
    if (a / 'model.safetensors').read_bytes() != (b / 'model.safetensors').read_bytes():
        found.append('model.safetensors')
    rows = []
    for folder in (a, b):
        with (folder / 'summary.csv').open() as file:
            rows.append([{k: v for k, v in row.items() if k != 'images_per_second'} for row in csv.DictReader(file)])
    if rows[0] != rows[1]:
        found.append('summary.csv')
    return found


def flatten(value, prefix: str = ''):
    """Yield the leaves of nested containers with their places."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from flatten(part, f'{prefix}.{key}')
    elif isinstance(value, (list, tuple)):
        for key, part in enumerate(value):
            yield from flatten(part, f'{prefix}.{key}')
    else:
        yield prefix, value


def equal(name: str, left: dict, right: dict) -> bool:
    """Whether both have the same value under `name`, bit for bit."""
    x, y = left.get(name), right.get(name)
    return torch.equal(x, y) if isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor) else x == y


def compare(case: str, kills: int, seed: int, output: Path) -> list[str]:
    """Run a case undisturbed and with kills, print each kill, and return the differences."""
    generator = random.Random(f'{case} {seed}')
    run(command(output, f'{case}-whole', CASES[case]))
    argv = command(output, f'{case}-killed', CASES[case])
    for number in range(kills):
        # An epoch has 14 batches; part of those that a killed run made are made again.
        last = run_and_kill(argv, generator, max(1, (120 if 'accum' in ' '.join(argv) else 60) // kills))
        print(f'{case}: kill {number + 1} after "{last}"', flush=True)
    run(argv)
    return differences(output / f'{case}-whole', output / f'{case}-killed')


def main(argv: list[str] | None = None) -> int:
    """Print what differs in each case; return 1 if anything does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', nargs='+', choices=CASES, default=list(CASES))
    parser.add_argument('--kills', type=int, default=10)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        for case in args.cases:
            found = compare(case, args.kills, args.seed, Path(folder))
            print(f'{case}: {args.kills} kills: {", ".join(found) or "bit-identical"}', flush=True)
            status |= bool(found)
    return status


if __name__ == '__main__':
    sys.exit(main())
