"""Throughput, memory and inference speed of every variant, relative to timm's Euclidean ViT of the same size.

    python benchmarks/models.py                      # the table on this machine, eager and compiled
    python benchmarks/models.py --variants res mlp --modes eager --rounds 9 --json out.json

One round times one training step (forward, backward, gradient clip, optimizer step) of every model, one after the
other, so that whatever else the machine does falls on all alike. A variant's figure is the median over the rounds of
`time of Euclid / time of variant`; the spread is the interquartile range. Activation memory is what autograd keeps for
the backward pass, counted by hooks on saved tensors, parameters left out, each storage once.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import timm
import torch
import torch.nn.functional as F

import timm_hyperbolic

VARIANTS = ('head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn', 'all')
# What the project aims at, relative to Euclid: training compiled, training eager, activations.
TARGETS = {
    'head': (0.98, 0.95, None),
    'pos': (0.98, 0.95, None),
    'res': (0.95, 0.85, 1.15),
    'res0': (0.96, 0.88, 1.15),
    'resx': (0.96, 0.88, 1.15),
    'mlp': (0.80, 0.60, 1.5),
    'attn': (0.55, 0.42, 1.8),
    'all': (0.47, 0.36, 1.8),
}
INFERENCE_TARGETS = {'res': 0.98, 'all': 0.6}


def build(variant: str, args: argparse.Namespace, device: torch.device) -> torch.nn.Module:
    """A model of the benchmark's size; 'timm' is timm's own VisionTransformer."""
    size = {'img_size': args.img_size, 'patch_size': args.patch_size, 'num_classes': args.num_classes}
    torch.manual_seed(0)
    if variant == 'timm':
        model = timm.create_model('vit_tiny_patch16_224', **size)
    else:
        model = timm.create_model(f'vit_tiny_patch4_hyp_{variant}', **size, hamp=args.amp is not None)
    return model.to(device)


class Trainer:
    """A model with its optimizer and a batch; `step` is one training step, `infer` one forward."""

    def __init__(self, variant: str, compiled: bool, args: argparse.Namespace, device: torch.device) -> None:
        self.variant, self.device = variant, device
        self.model = build(variant, args, device)
        self.run = torch.compile(self.model) if compiled else self.model
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, foreach=True)
        self.x = torch.randn(args.batch_size, 3, args.img_size, args.img_size, device=device)
        self.y = torch.randint(args.num_classes, (args.batch_size,), device=device)
        dtype = {'bfloat16': torch.bfloat16, 'float16': torch.float16}.get(args.amp)
        self.autocast = (lambda: torch.autocast(device.type, dtype=dtype)) if dtype else nullcontext

    def loss(self) -> torch.Tensor:
        """The loss of the batch."""
        with self.autocast():
            return F.cross_entropy(self.run(self.x).float(), self.y)

    def step(self) -> None:
        """One training step."""
        self.model.train()
        self.loss().backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.inference_mode()
    def infer(self) -> None:
        """One forward pass for inference."""
        self.model.eval()
        with self.autocast():
            self.run(self.x)

    def saved_bytes(self) -> int:
        """Bytes that autograd keeps for the backward pass of one eager step."""
        kept: dict[int, int] = {}
        alive = []
        parameters = {p.untyped_storage().data_ptr() for p in self.model.parameters()}

        def pack(t: torch.Tensor) -> torch.Tensor:
            storage = t.untyped_storage()
            if storage.data_ptr() not in parameters:
                kept[storage.data_ptr()] = storage.nbytes()
                alive.append(t)  # or its storage could be used again
            return t

        self.model.train()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t), self.autocast():
            F.cross_entropy(self.model(self.x).float(), self.y)
        return sum(kept.values())


def timed(f: Callable[[], None], device: torch.device) -> float:
    """Seconds of one call."""
    if device.type == 'cuda':
        torch.cuda.synchronize()
    start = time.perf_counter()
    f()
    if device.type == 'cuda':
        torch.cuda.synchronize()
    return time.perf_counter() - start


def ratios(trainers: list[Trainer], what: str, rounds: int, device: torch.device) -> dict[str, tuple]:
    """`variant: (median ratio to timm, lower quartile, upper quartile, median milliseconds)`, interleaved."""
    for t in trainers:
        for _ in range(2):
            getattr(t, what)()
    times: dict[str, list[float]] = {t.variant: [] for t in trainers}
    for _ in range(rounds):
        for t in trainers:
            times[t.variant].append(timed(getattr(t, what), device))
    out = {}
    for variant, own in times.items():
        r = [e / o for e, o in zip(times['timm'], own, strict=True)]
        low, _, high = statistics.quantiles(r, n=4)
        out[variant] = (statistics.median(r), low, high, 1e3 * statistics.median(own))
    return out


def header(args: argparse.Namespace, device: torch.device) -> dict:
    """The machine, the versions and the setting."""
    name = torch.cuda.get_device_name() if device.type == 'cuda' else platform.processor() or platform.machine()
    return {
        'date': time.strftime('%Y-%m-%d'),
        'device': f'{name}, {torch.get_num_threads()} threads' if device.type == 'cpu' else name,
        'torch': torch.__version__,
        'timm': timm.__version__,
        'timm_hyperbolic': timm_hyperbolic.__version__,
        'setting': vars(args) | {'json': None},
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--variants', nargs='+', default=VARIANTS, choices=VARIANTS)
    parser.add_argument('--modes', nargs='+', default=['eager', 'compiled'], choices=['eager', 'compiled'])
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--amp', default=None, choices=['bfloat16', 'float16'], help='autocast type, with hamp on')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--img-size', type=int, default=32)
    parser.add_argument('--patch-size', type=int, default=4)
    parser.add_argument('--num-classes', type=int, default=100)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--json', type=Path, default=None, help='write the figures here')
    args = parser.parse_args()
    device = torch.device(args.device)

    result = header(args, device)
    for key, value in result.items():
        print(f'{key}: {value}')
    result['rows'] = []
    names = ['timm', *args.variants]
    for mode in args.modes:
        trainers = [Trainer(v, mode == 'compiled', args, device) for v in names]
        train = ratios(trainers, 'step', args.rounds, device)
        infer = ratios(trainers, 'infer', args.rounds, device)
        memory = {t.variant: t.saved_bytes() for t in trainers} if mode == 'eager' else {}
        print(f'\n{mode}\n| variant | train | quartiles | target | ms | infer | activations | target |')
        print('|---|---|---|---|---|---|---|---|')
        for v in names:
            ratio, low, high, ms = train[v]
            kept = memory[v] / memory['timm'] if memory else None
            goal = TARGETS.get(v, (None, None, None))
            target = goal[0 if mode == 'compiled' else 1]
            row = {'mode': mode, 'variant': v, 'train': ratio, 'low': low, 'high': high, 'ms': ms, 'target': target}
            row |= {'infer': infer[v][0], 'infer_ms': infer[v][3], 'activations': kept}
            result['rows'].append(row)
            shown = '' if kept is None else f'{kept:.2f}'
            limit = goal[2] if kept is not None and goal[2] else ''
            speed = f'{ratio:.3f} | {low:.3f}-{high:.3f} | {target or ""} | {ms:.0f} | {infer[v][0]:.3f}'
            print(f'| {v} | {speed} | {shown} | {limit} |', flush=True)
    if args.json:
        args.json.write_text(json.dumps(result, indent=2, default=str) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
