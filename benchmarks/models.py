"""Throughput and memory of every variant, relative to timm's Euclidean ViT of the same size.

    python benchmarks/models.py --modes eager --csv benchmarks/results/models.csv
    python benchmarks/models.py --modes eager --variants res-reference res-geoopt --csv benchmarks/results/models.csv
    python benchmarks/models.py --modes compiled --variants res all --csv benchmarks/results/models.csv
    python benchmarks/models.py --device cuda --amp bfloat16 --modes compiled --batch-size 512

One round times one training step (forward, backward, gradient clip, step of torch's AdamW) of every model, one after
the other; then the same for inference. `train` and `infer` are the median over the rounds of `time of timm's model /
time of the variant`, with the quartiles beside. `activations` are the bytes that autograd keeps for the backward pass,
in eager mode; `peak` is the most that a training step has allocated at once, above the model, the optimizer's state and
the batch; both are relative to timm's model. A model is compiled before any timing.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
import torch._dynamo.config
import torch.nn.functional as F
from report import Report, add_arguments, chosen_device, header
from side_by_side import Spread, interleaved, peak_bytes, ratios, saved_bytes, spread, timed

import timm_hyperbolic  # noqa: F401  registers models and optimizers
from timm_hyperbolic.layers import CenteredResidual

sys.path.append(str(Path(__file__).resolve().parent.parent / 'tests'))

from dense_oracle import DENSE

BASE = 'timm'
VARIANTS = ('head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn', 'all')
#: `res` with every residual computed on whole tensors: with the clips, as the reference code does, and without them, as
#: geoopt's functions one after the other do (see `contenders.py`).
PEERS = {'res-reference': {}, 'res-geoopt': {'margin': 'none'}}
MODES = ('eager', 'compiled')
#: Size of the models, as flags.
SIZE = {'img_size': 32, 'patch_size': 4, 'num_classes': 100, 'embed_dim': 192, 'depth': 12, 'num_heads': 3}


def build(variant: str, args: argparse.Namespace) -> torch.nn.Module:
    """A model of the benchmark's size; 'timm' is timm's own VisionTransformer."""
    size = {name: getattr(args, name) for name in SIZE}
    torch.manual_seed(0)
    if variant == BASE:
        return timm.create_model('vit_tiny_patch16_224', **size)
    if variant in PEERS:
        model = timm.create_model('vit_tiny_patch4_hyp_res', **size, **PEERS[variant])
        for module in model.modules():
            if isinstance(module, CenteredResidual):
                module.forward = partial(DENSE['CenteredResidual'], module)
        return model
    return timm.create_model(f'vit_tiny_patch4_hyp_{variant}', **size, hamp=args.amp is not None)


class Trainer:
    """A model with its optimizer and a batch: `step` is one training step, `infer` one forward pass."""

    def __init__(self, variant: str, compiled: bool, args: argparse.Namespace, device: torch.device) -> None:
        self.variant, self.device = variant, device
        self.model = build(variant, args).to(device)
        self.run = torch.compile(self.model, fullgraph=True) if compiled else self.model
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, foreach=True)
        self.x = torch.randn(args.batch_size, 3, args.img_size, args.img_size, device=device)
        self.y = torch.randint(args.num_classes, (args.batch_size,), device=device)
        dtype = getattr(torch, args.amp) if args.amp else None
        self.autocast = (lambda: torch.autocast(device.type, dtype=dtype)) if dtype else nullcontext

    def begin(self) -> None:
        """The first training step and inference, which compile."""
        seconds = timed(self.step, self.device) + timed(self.infer, self.device)
        print(f'{self.variant}: ready after {seconds:.1f} s', file=sys.stderr, flush=True)

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
    trainers = [Trainer(name, mode == 'compiled', args, device) for name in (BASE, *args.variants)]
    trainers = [t for t in trainers if report.works(f'{t.variant}, {mode}', t.begin)]
    speeds = {what: rates(trainers, of, args.rounds, device) for what, of in (('train', 'step'), ('infer', 'infer'))}
    memory = {'activations': {t.variant: t.activations() for t in trainers} if mode == 'eager' else {}}
    memory['peak'] = {t.variant: peak_bytes(t.step, device) for t in trainers}
    rows = []
    for name in (t.variant for t in trainers):
        row: dict[str, Any] = {'mode': mode, 'variant': name}
        for what, found in speeds.items():
            ratio, ms = found[name]
            row |= {what: ratio.median, f'{what}_low': ratio.low, f'{what}_high': ratio.high, f'{what}_ms': ms}
        for what, found in memory.items():
            row[what] = found[name] / found[BASE] if found else None
            row[f'{what}_mib'] = found[name] / 2**20 if found else None
        rows.append(row)
    return rows


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=9)
    parser.add_argument('--variants', nargs='+', default=VARIANTS, choices=(*VARIANTS, *PEERS))
    parser.add_argument('--modes', nargs='+', default=MODES, choices=MODES)
    parser.add_argument('--amp', default=None, choices=['bfloat16'], help='autocast type, with hamp on')
    parser.add_argument('--batch-size', type=int, default=64)
    for name, value in SIZE.items():
        parser.add_argument(f'--{name.replace("_", "-")}', type=int, default=value)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = parse(argv)
    device = chosen_device(args)
    report = Report(header(args, device, part=('variants', 'modes')), args.csv, key=('mode', 'variant'))
    # All models are of one class, hence one code object, and each compiles it for training and for inference.
    limit = 2 * (len(args.variants) + 2)
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, limit)
    for mode in args.modes:
        report.add(measure(mode, args, device, report))


if __name__ == '__main__':
    main()
