"""Time of an optimizer step: ours on a hyperbolic model, beside torch's AdamW on the Euclidean one of the same size.

    python benchmarks/optimizers.py --csv benchmarks/results/optimizers.csv

Each optimizer has a model of its own, with random gradients that are the same in every step. `ratio` is the time
relative to torch's AdamW with its multi-tensor operations on the Euclidean model. geoopt's RiemannianAdam takes all
parameters of the hyperbolic model. The clip is that of a training step with `--clip-grad 1 --man-clip-grad 1`.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import timm
import torch
from report import Report, add_arguments, chosen_device, header
from side_by_side import interleaved, ratios, spread
from timm.optim import create_optimizer_v2
from torch import nn

import timm_hyperbolic  # noqa: F401  registers models and optimizers
from timm_hyperbolic.optim import GradientClip

with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # geoopt decorates its mathematics with torch.jit.script, which is deprecated
    import geoopt

EUCLIDEAN, HYPERBOLIC = 'Euclidean', 'hyperbolic'


def _adamw(**kwargs: Any) -> Callable[[nn.Module], Callable[[], Any]]:
    return lambda m: torch.optim.AdamW(m.parameters(), lr=1e-4, weight_decay=0.05, **kwargs).step


def _ours(name: str, **kwargs: Any) -> Callable[[nn.Module], Callable[[], Any]]:
    return lambda m: create_optimizer_v2(m, name, lr=1e-4, weight_decay=0.05, **kwargs).step


BASE = ('AdamW, foreach', EUCLIDEAN)
#: What is timed, by name and model.
STEPS: dict[tuple[str, str], Callable[[nn.Module], Callable[[], Any]]] = {
    BASE: _adamw(foreach=True),
    ('AdamW, fused', EUCLIDEAN): _adamw(fused=True),
    ('hypadamw', HYPERBOLIC): _ours('hypadamw'),
    ('hypsgd', HYPERBOLIC): _ours('hypsgd'),
    ('geoopt RiemannianAdam', HYPERBOLIC): lambda m: (
        geoopt.optim.RiemannianAdam(m.parameters(), lr=1e-4, weight_decay=0.05).step
    ),
    ('both clips', HYPERBOLIC): lambda m: GradientClip(m, 1.0, 1.0),
}


def with_gradients(model: nn.Module, seed: int = 0) -> nn.Module:
    """The model, with gradients of the size that clipping leaves."""
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        p.grad = 1e-3 * torch.randn(p.shape, generator=generator).to(p)
    return model


def measure(names: dict[str, str], depth: int, rounds: int, device: torch.device) -> list[dict[str, Any]]:
    """Milliseconds of every step, and the ratio to the baseline."""
    steps = {}
    for (name, kind), make in STEPS.items():
        torch.manual_seed(0)
        steps[name, kind] = make(with_gradients(timm.create_model(names[kind], depth=depth).to(device)))
    times = interleaved(steps, rounds, device, least=0.02)
    rows = []
    for (name, kind), own in times.items():
        ratio = ratios(own, times[BASE])
        row = {'step': name, 'model': kind, 'ms': 1e3 * spread(own).median, 'ratio': ratio.median}
        rows.append(row | {'low': ratio.low, 'high': ratio.high})
    return rows


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=21)
    parser.add_argument('--model', default='vit_tiny_patch4_hyp_all')
    parser.add_argument('--base-model', default='vit_tiny_patch4_euclid')
    parser.add_argument('--depth', type=int, default=12)
    args = parser.parse_args(argv)
    device = chosen_device(args)
    report = Report(header(args, device), args.csv, key=('step', 'model'))
    report.add(measure({EUCLIDEAN: args.base_model, HYPERBOLIC: args.model}, args.depth, args.rounds, device))


if __name__ == '__main__':
    main()
