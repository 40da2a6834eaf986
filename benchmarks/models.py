"""Throughput, memory and inference speed of every variant, relative to timm's Euclidean ViT of the same size.

    python benchmarks/models.py                      # the table on this machine, eager and compiled
    python benchmarks/models.py --variants res mlp --modes eager --rounds 9 --json out.json --figure out.svg
    python benchmarks/models.py --device cuda --amp bfloat16 --modes compiled --batch-size 512

One round times one training step (forward, backward, gradient clip, optimizer step) of every model, one after the
other, so that whatever else the machine does falls on all alike; then the same for inference. A variant's figure is the
median over the rounds of `time of timm's model / time of the variant`; the spread is the interquartile range.
Activations are what autograd keeps for the backward pass, in eager mode, counted by hooks on saved tensors, parameters
left out, each storage once. Peak is the most that a training step has allocated at once, above the model, the
optimizer's state and the batch. Compiling is the first training step and the first inference of each model, one model
after the other, before any timing.

It is a report: a missed target does not change the exit status.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import timm
import torch
import torch._dynamo.config
import torch.nn.functional as F
from report import Report, add_arguments, chosen_device, header, pyplot, save_figure
from side_by_side import Spread, interleaved, peak_bytes, ratios, saved_bytes, spread, timed, turn
from timm.optim import create_optimizer_v2

import timm_hyperbolic  # noqa: F401  registers models and optimizers

BASE = 'timm'
VARIANTS = ('head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn', 'all')
MODES = ('eager', 'compiled')

# What the project aims at, relative to timm's model: at least this throughput, at most these activations.
TRAIN = {
    ('cpu', 'compiled'): {
        'head': 0.98,
        'pos': 0.98,
        'res': 0.95,
        'res0': 0.95,
        'resx': 0.95,
        'mlp': 0.87,
        'attn': 0.70,
        'all': 0.60,
    },
    ('cpu', 'eager'): {
        'head': 0.98,
        'pos': 0.98,
        'res': 0.93,
        'res0': 0.94,
        'resx': 0.94,
        'mlp': 0.85,
        'attn': 0.68,
        'all': 0.57,
    },
    ('cuda', 'compiled'): {'res': 0.95, 'mlp': 0.8, 'attn': 0.6, 'all': 0.5},
}
INFERENCE = {'res': 0.95, 'all': 0.65}
ACTIVATIONS = {'res': 1.1, 'res0': 1.1, 'resx': 1.1, 'mlp': 1.1, 'attn': 1.4, 'all': 1.5}
#: The models that the targets are for.
TARGET_SIZE = {
    'img_size': 32,
    'patch_size': 4,
    'num_classes': 100,
    'embed_dim': 192,
    'depth': 12,
    'num_heads': 3,
}
TARGET_RUN = {
    'cpu': {'batch_size': 64, 'amp': None},
    'cuda': {'batch_size': 512, 'amp': 'bfloat16'},
}


def targets(args: argparse.Namespace, device: torch.device, mode: str) -> tuple[dict, dict, dict]:
    """Targets of training, inference and activations by variant; none for another size, batch or number type."""
    wanted = TARGET_SIZE | TARGET_RUN.get(device.type, {})
    if device.type not in TARGET_RUN or any(getattr(args, key) != value for key, value in wanted.items()):
        return {}, {}, {}
    on_cpu = device.type == 'cpu'
    return (
        TRAIN.get((device.type, mode), {}),
        INFERENCE if on_cpu else {},
        ACTIVATIONS if on_cpu and mode == 'eager' else {},
    )


def judged(value: float, target: float | None, at_least: bool) -> str | None:
    """`0.95 met` or `0.95 missed`; None where there is no target."""
    if target is None:
        return None
    met = value >= target if at_least else value <= target
    return f'{target:.2f} {"met" if met else "missed"}'


def build(variant: str, args: argparse.Namespace) -> torch.nn.Module:
    """A model of the benchmark's size; 'timm' is timm's own VisionTransformer, 'euclid' ours without a swap."""
    size = {name: getattr(args, name) for name in TARGET_SIZE}
    torch.manual_seed(0)
    if variant == BASE:
        return timm.create_model('vit_tiny_patch16_224', **size)
    name = f'vit_tiny_patch4_{variant if variant == "euclid" else f"hyp_{variant}"}'
    return timm.create_model(name, **size, hamp=args.amp is not None)


class Trainer:
    """A model with its optimizer and a batch: `step` is one training step, `infer` one forward."""

    def __init__(self, variant: str, compiled: bool, args: argparse.Namespace, device: torch.device) -> None:
        self.variant, self.device = variant, device
        self.model = build(variant, args).to(device)
        self.run = torch.compile(self.model, fullgraph=True, mode=args.compile_mode) if compiled else self.model
        if args.optimizer == 'hypadamw':
            self.optimizer = create_optimizer_v2(self.model, 'hypadamw', lr=1e-4, weight_decay=0.01)
        else:
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, foreach=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=args.amp == 'float16')
        self.x = torch.randn(args.batch_size, 3, args.img_size, args.img_size, device=device)
        self.y = torch.randint(args.num_classes, (args.batch_size,), device=device)
        dtype = {'bfloat16': torch.bfloat16, 'float16': torch.float16}.get(args.amp)
        self.autocast = (lambda: torch.autocast(device.type, dtype=dtype)) if dtype else nullcontext

    def begin(self) -> None:
        """The first training step and inference, which compile."""
        self.begin_s = timed(self.step, self.device) + timed(self.infer, self.device)

    def loss(self) -> torch.Tensor:
        """The loss of the batch."""
        with self.autocast():
            return F.cross_entropy(self.run(self.x).float(), self.y)

    def step(self) -> None:
        """One training step."""
        self.model.train()
        self.scaler.scale(self.loss()).backward()
        if self.scaler.is_enabled():
            self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()

    @torch.inference_mode()
    def infer(self) -> None:
        """One forward pass for inference."""
        self.model.eval()
        with self.autocast():
            self.run(self.x)

    def activations(self) -> int:
        """Bytes that autograd keeps for the backward pass of one eager step."""
        self.model.train()
        return saved_bytes(self.loss, self.model.parameters())


def rates(trainers: list[Trainer], what: str, rounds: int, device: torch.device) -> dict[str, tuple[Spread, float]]:
    """Throughput of every model relative to timm's, and its milliseconds."""
    times = interleaved({t.variant: getattr(t, what) for t in trainers}, rounds, device)
    return {name: (ratios(times[BASE], own), 1e3 * spread(own).median) for name, own in times.items()}


def measure(mode: str, args: argparse.Namespace, device: torch.device, report: Report) -> list[dict[str, Any]]:
    """The rows of one mode, timm's model first."""
    trainers = []
    with turn(args.turns, alone=False):
        for name in (BASE, *args.variants):
            t = Trainer(name, mode == 'compiled', args, device)
            if report.works(f'{name}, {mode}', t.begin):
                trainers.append(t)
                print(f'{name}, {mode}: ready after {t.begin_s:.1f} s', file=sys.stderr, flush=True)
    with turn(args.turns, alone=True):
        train = rates(trainers, 'step', args.rounds, device)
        infer = rates(trainers, 'infer', args.rounds, device)
        activations = {t.variant: t.activations() if mode == 'eager' else None for t in trainers}
        measurable = device.type in ('cpu', 'cuda')
        peak = {t.variant: peak_bytes(t.step, device) if measurable else None for t in trainers}

    def relative(memory: dict[str, int | None], name: str) -> float | None:
        return None if memory[name] is None else memory[name] / memory[BASE]

    goals = dict(zip(('train', 'infer', 'activations'), targets(args, device, mode), strict=True))
    rows = []
    for t in trainers:
        name = t.variant
        row = {'mode': mode, 'variant': name, 'compile_s': t.begin_s if mode == 'compiled' else None}
        for key, (ratio, ms) in (('train', train[name]), ('infer', infer[name])):
            row |= {key: ratio.median, f'{key}_low': ratio.low, f'{key}_high': ratio.high, f'{key}_ms': ms}
        for key, memory in (('activations', activations), ('peak', peak)):
            row |= {key: relative(memory, name), f'{key}_bytes': memory[name]}
        for key, goal in goals.items():
            row[f'{key}_target'] = goal.get(name)
        rows.append(row)
    return rows


COLUMNS: dict[str, Callable[[dict[str, Any]], Any]] = {
    'variant': lambda r: r['variant'],
    'train': lambda r: f'{r["train"]:.3f}',
    'quartiles': lambda r: f'{r["train_low"]:.3f}–{r["train_high"]:.3f}',
    'at least': lambda r: judged(r['train'], r['train_target'], True),
    'ms': lambda r: f'{r["train_ms"]:.1f}',
    'inference': lambda r: f'{r["infer"]:.3f}',
    'its quartiles': lambda r: f'{r["infer_low"]:.3f}–{r["infer_high"]:.3f}',
    'its at least': lambda r: judged(r['infer'], r['infer_target'], True),
    'its ms': lambda r: f'{r["infer_ms"]:.1f}',
    'activations': lambda r: f'{r["activations"]:.2f}',
    'at most': lambda r: judged(r['activations'], r['activations_target'], False),
    'MiB kept': lambda r: f'{r["activations_bytes"] / 2**20:.1f}',
    'peak': lambda r: f'{r["peak"]:.2f}',
    'MiB peak': lambda r: f'{r["peak_bytes"] / 2**20:.1f}',
    'compile s': lambda r: f'{r["compile_s"]:.1f}',
}


def columns(mode: str, device: torch.device) -> list[str]:
    """The columns that a mode has figures for."""
    absent = {'compile s'} if mode == 'eager' else {'activations', 'at most', 'MiB kept'}
    if device.type not in ('cpu', 'cuda'):
        absent |= {'peak', 'MiB peak'}
    return [name for name in COLUMNS if name not in absent]


def draw(path: Path, rows: list[dict[str, Any]], title: str) -> None:
    """Throughput and memory of every variant relative to timm's model, as bars; a line marks a target."""
    panels = {'train': 'training throughput', 'infer': 'inference throughput', 'activations': 'activations kept'}
    panels['peak'] = 'peak memory of a step'
    modes = list(dict.fromkeys(row['mode'] for row in rows))
    names = list(dict.fromkeys(row['variant'] for row in rows if row['variant'] != BASE))
    figure, axes = pyplot().subplots(1, len(panels), figsize=(4.2 * len(panels), 3.6), layout='constrained')
    width = 0.8 / len(modes)
    for ax, (key, label) in zip(axes, panels.items(), strict=True):
        for i, mode in enumerate(modes):
            of_mode = {row['variant']: row for row in rows if row['mode'] == mode}
            for at, name in enumerate(names):
                row = of_mode.get(name)
                if row is None or row[key] is None:
                    continue
                x = at + (i - (len(modes) - 1) / 2) * width
                error = None
                if f'{key}_low' in row:
                    error = [[row[key] - row[f'{key}_low']], [row[f'{key}_high'] - row[key]]]
                ax.bar(x, row[key], width, color=f'C{MODES.index(mode)}', yerr=error, ecolor='0.3')
                target = row.get(f'{key}_target')
                if target is not None:
                    ax.plot([x - width / 2, x + width / 2], [target, target], color='k', linewidth=2)
        ax.axhline(1, color='0.6', linewidth=1)
        ax.set_xticks(range(len(names)), names)
        ax.set_xlim(-0.6, len(names) - 0.4)
        ax.set_title(f"{label}, timm's Euclidean model = 1", fontsize=9)
    for mode in modes:
        axes[0].bar(0, 0, color=f'C{MODES.index(mode)}', label=mode)
    axes[0].legend(fontsize=8)
    figure.suptitle(title, fontsize=9)
    save_figure(figure, path)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=7)
    parser.add_argument('--variants', nargs='+', default=VARIANTS, choices=('euclid', *VARIANTS))
    parser.add_argument('--modes', nargs='+', default=MODES, choices=MODES)
    parser.add_argument(
        '--turns',
        type=Path,
        default=None,
        metavar='FILE',
        help='a lock: programs that name the same file compile side by side and time one after the other',
    )
    parser.add_argument('--compile-mode', default=None, help="of torch.compile, such as 'reduce-overhead'")
    parser.add_argument('--amp', default=None, choices=['bfloat16', 'float16'], help='autocast type, with hamp on')
    parser.add_argument(
        '--optimizer',
        default='adamw',
        choices=['adamw', 'hypadamw'],
        help="torch's AdamW for all parameters, or train_hyp's",
    )
    parser.add_argument('--batch-size', type=int, default=64)
    for name, value in TARGET_SIZE.items():
        parser.add_argument(f'--{name.replace("_", "-")}', type=int, default=value)
    parser.add_argument('--figure', type=Path, default=None, metavar='FILE', help='draw throughput and memory')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    args = parse(argv)
    device = chosen_device(args)
    report = Report('models', header(args, device), args.json)
    if not any(targets(args, device, mode)[0] for mode in args.modes):
        report.note('no targets: they are for another size, batch, number type or mode')
    # All models are of one class, hence one code object, and each compiles it for training and for inference.
    limit = 2 * (len(args.variants) + 2)
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, limit)
    rows = []
    for mode in args.modes:
        of_mode = measure(mode, args, device, report)
        rows += of_mode
        names = columns(mode, device)
        report.table(mode, mode, names, [[COLUMNS[n](row) for n in names] for row in of_mode], of_mode)
    if args.figure:
        head = report.data['header']
        draw(args.figure, rows, f'{head["hardware"]}, torch {head["versions"]["torch"]}, batch {args.batch_size}')


if __name__ == '__main__':
    main()
