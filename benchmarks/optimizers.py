"""Time of an optimizer step on the parameters of a model: ours beside torch's AdamW and geoopt's RiemannianAdam.

    python benchmarks/optimizers.py
    python benchmarks/optimizers.py --model vit_tiny_patch4_hyp_head --rounds 31 --json out.json

Each optimizer has its own copy of the model, whose gradients are made up, small and the same in every step. Ours is
`timm_hyperbolic.optim.create_optimizer`: AdamW for the flat parameters, Riemannian Adam for the points on a manifold.
torch's AdamW treats all parameters as flat, and geoopt's RiemannianAdam takes all of them.
"""

from __future__ import annotations

import argparse
import copy
import warnings
from collections.abc import Callable
from typing import Any

import timm
import torch
from report import Report, add_arguments, chosen_device, header
from side_by_side import interleaved, ratios, spread
from torch import nn

import timm_hyperbolic  # noqa: F401  registers the models
from timm_hyperbolic.optim import create_optimizer, manifold_parameters

with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # geoopt decorates its mathematics with torch.jit.script, which is deprecated
    import geoopt

BASE = 'AdamW, foreach'
OPTIMIZERS: dict[str, Callable[[nn.Module], Any]] = {
    BASE: lambda m: torch.optim.AdamW(m.parameters(), lr=1e-4, weight_decay=0.05, foreach=True),
    'AdamW, loop': lambda m: torch.optim.AdamW(m.parameters(), lr=1e-4, weight_decay=0.05, foreach=False),
    'ours': lambda m: create_optimizer(m, 'adamw', lr=1e-4, weight_decay=0.05),
    'ours, foreach': lambda m: create_optimizer(m, 'adamw', lr=1e-4, weight_decay=0.05, foreach=True),
    'geoopt RiemannianAdam': lambda m: geoopt.optim.RiemannianAdam(m.parameters(), lr=1e-4, weight_decay=0.05),
}


def with_gradients(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy of the model with gradients of the size that clipping leaves."""
    model = copy.deepcopy(model)
    torch.manual_seed(seed)
    for p in model.parameters():
        p.grad = 1e-3 * torch.randn_like(p)
    return model


def measure(model: nn.Module, rounds: int, device: torch.device, least: float = 0.02) -> list[dict[str, Any]]:
    """Milliseconds a step of every optimizer, and the ratio to the first."""
    optimizers = {name: make(with_gradients(model)) for name, make in OPTIMIZERS.items()}
    times = interleaved({name: o.step for name, o in optimizers.items()}, rounds, device, least=least)
    rows = []
    for name, own in times.items():
        ms, ratio = spread([1e3 * t for t in own]), ratios(own, times[BASE])
        rows.append(
            {'optimizer': name, 'ms': ms.median, 'ms_low': ms.low, 'ms_high': ms.high}
            | {'ratio': ratio.median, 'low': ratio.low, 'high': ratio.high}
        )
    return rows


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=21)
    parser.add_argument('--model', default='vit_tiny_patch4_hyp_all')
    parser.add_argument('--depth', type=int, default=12)
    args = parser.parse_args(argv)
    device = chosen_device(args)
    torch.manual_seed(0)
    model = timm.create_model(args.model, depth=args.depth).to(device)
    report = Report('optimizers', header(args, device), args.json)
    points = manifold_parameters(model)
    parameters = list(model.parameters())
    report.note(
        f'{args.model}: {sum(p.numel() for p in parameters):,} numbers in {len(parameters)} tensors, of which '
        f'{sum(p.numel() for p in points):,} in {len(points)} are points on a manifold'
    )
    rows = measure(model, args.rounds, device)
    cells = [
        [row['optimizer'], f'{row["ms"]:.2f}', f'{row["ms_low"]:.2f}–{row["ms_high"]:.2f}']
        + [f'{row["ratio"]:.2f}', f'{row["low"]:.2f}–{row["high"]:.2f}']
        for row in rows
    ]
    report.table('steps', 'a step', ['optimizer', 'ms', 'quartiles', 'ratio', 'its quartiles'], cells, rows)


if __name__ == '__main__':
    main()
