"""Time of an optimizer step: ours on a hyperbolic model, beside torch's AdamW on the Euclidean one of the same size.

    python benchmarks/optimizers.py
    python benchmarks/optimizers.py --model vit_tiny_patch4_hyp_head --rounds 31 --json out.json

Each optimizer has a model of its own, whose gradients are made up, small and the same in every step. The ratio is to
torch's AdamW with its multi-tensor operations on the Euclidean model. On the hyperbolic model torch's AdamW treats all
parameters as flat, and geoopt's RiemannianAdam takes all of them. Both clips are that of a training step with
`--clip-grad 1 --man-clip-grad 1`, with a look at the norms.
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
from timm_hyperbolic.optim import GradientClip, manifold_parameters

with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # geoopt decorates its mathematics with torch.jit.script, which is deprecated
    import geoopt

#: The project's target: a step of hypadamw on the hyperbolic model, to the baseline.
AT_MOST = 1.3
EUCLIDEAN, HYPERBOLIC = 'Euclidean', 'hyperbolic'


def _adamw(**kwargs: Any) -> Callable[[nn.Module], Callable[[], Any]]:
    return lambda m: torch.optim.AdamW(m.parameters(), lr=1e-4, weight_decay=0.05, **kwargs).step


def _ours(name: str, **kwargs: Any) -> Callable[[nn.Module], Callable[[], Any]]:
    return lambda m: create_optimizer_v2(m, name, lr=1e-4, weight_decay=0.05, **kwargs).step


def _torch_clip(m: nn.Module) -> Callable[[], Any]:
    return lambda: torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)


BASE = ('AdamW, foreach', EUCLIDEAN)
#: What is timed, by name and model.
STEPS: dict[tuple[str, str], Callable[[nn.Module], Callable[[], Any]]] = {
    BASE: _adamw(foreach=True),
    ('AdamW, loop', EUCLIDEAN): _adamw(foreach=False),
    ('AdamW, fused', EUCLIDEAN): _adamw(fused=True),
    ('hypadamw', EUCLIDEAN): _ours('hypadamw'),
    ('AdamW, foreach', HYPERBOLIC): _adamw(foreach=True),
    ('AdamW, fused', HYPERBOLIC): _adamw(fused=True),
    ('hypadamw', HYPERBOLIC): _ours('hypadamw'),
    ('hypadamw, foreach', HYPERBOLIC): _ours('hypadamw', foreach=True),
    ('hypsgd', HYPERBOLIC): _ours('hypsgd'),
    ('geoopt RiemannianAdam', HYPERBOLIC): lambda m: (
        geoopt.optim.RiemannianAdam(m.parameters(), lr=1e-4, weight_decay=0.05).step
    ),
    ("torch's clip", EUCLIDEAN): _torch_clip,
    ("torch's clip", HYPERBOLIC): _torch_clip,
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
        ms, ratio = spread([1e3 * t for t in own]), ratios(own, times[BASE])
        rows.append(
            {'step': name, 'model': kind, 'ms': ms.median, 'ms_low': ms.low, 'ms_high': ms.high}
            | {'ratio': ratio.median, 'low': ratio.low, 'high': ratio.high}
        )
    return rows


def judged(row: dict[str, Any]) -> str | None:
    """Whether the row meets the target, where it has one."""
    if (row['step'], row['model']) != ('hypadamw', HYPERBOLIC):
        return None
    return f'{AT_MOST:.2f} {"met" if row["ratio"] <= AT_MOST else "missed"}'


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=21)
    parser.add_argument('--model', default='vit_tiny_patch4_hyp_all')
    parser.add_argument('--base-model', default='vit_tiny_patch4_euclid')
    parser.add_argument('--depth', type=int, default=12)
    args = parser.parse_args(argv)
    device = chosen_device(args)
    report = Report('optimizers', header(args, device), args.json)
    for name in (args.base_model, args.model):
        model = timm.create_model(name, depth=args.depth)
        parameters, points = list(model.parameters()), manifold_parameters(model)
        report.note(
            f'{name}: {sum(p.numel() for p in parameters):,} numbers in {len(parameters)} tensors, of which '
            f'{sum(p.numel() for p in points):,} in {len(points)} are points on a manifold'
        )
    rows = measure({EUCLIDEAN: args.base_model, HYPERBOLIC: args.model}, args.depth, args.rounds, device)
    cells = [
        [row['step'], row['model'], f'{row["ms"]:.2f}', f'{row["ms_low"]:.2f}–{row["ms_high"]:.2f}']
        + [f'{row["ratio"]:.2f}', f'{row["low"]:.2f}–{row["high"]:.2f}', judged(row)]
        for row in rows
    ]
    columns = ['step', 'model', 'ms', 'quartiles', 'ratio', 'its quartiles', 'at most']
    report.table('steps', 'a step', columns, cells, rows)


if __name__ == '__main__':
    main()
