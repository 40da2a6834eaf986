"""The cost model (`cost_model.py`) as tables, checked against what torch counts and against measured times.

    python benchmarks/cost.py                          # all of it
    python benchmarks/cost.py --no-measure             # on paper only, for any machine
    python benchmarks/cost.py --batch-size 8 --json out.json

*Paper*: products and bytes of every layer beside its Euclidean twin, for ViT-Tiny/4 at 32 px and ViT-B/16 at 224 px
with 1,000 classes. *Count*: the products of the real layers by torch's `FlopCounterMode`, which must agree to
`TOLERANCE`, and the bytes that the operations of their definitions read and write, where each operation is a pass of
its own. *Time*: the ratio to the twin that both counts predict, from rates measured on this machine, beside the
measured one. *Expected*: throughput of whole models that the model on paper predicts with these rates.

Exit status 1 if products disagree.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

import torch
from contenders import Contender, contenders
from cost_model import VARIANTS, VIT_BASE, VIT_TINY, Cost, Machine, Passes, Size, layer_costs, training_step
from counters import Traffic, products, traffic
from report import Report, add_arguments, chosen_device, header
from side_by_side import interleaved, ratios, spread

from timm_hyperbolic.geometry import kernels

#: How far counted products may be from the model's, relatively.
TOLERANCE = 0.01


def ratio_of(a: float, b: float) -> str | None:
    """`a/b` for a table, None where there is nothing to compare."""
    return f'{a / b:.3f}' if b else None


# --- paper -----------------------------------------------------------------------------------------------------------


def paper(report: Report, name: str, size: Size, itemsize: int) -> None:
    """Products and bytes of every layer."""
    rows, raw = [], []
    for layer, (twin, own) in layer_costs(size).items():
        for label in ('forward', 'backward'):
            t, o = getattr(twin, label), getattr(own, label)
            rows.append(
                [layer, label, f'{t.products / 1e9:.3f}', f'{o.products / 1e9:.3f}', ratio_of(o.products, t.products)]
                + [f'{itemsize * t.elements / 1e6:.2f}', f'{itemsize * o.elements / 1e6:.2f}']
                + [ratio_of(o.elements, t.elements)]
                + [f'{n / 1e6:.2f}' if n else None for n in (o.exponentials, o.arsinh)]
            )
            raw.append({'size': name, 'layer': layer, 'pass': label, 'twin': vars(t), 'own': vars(o)})
    columns = [
        'layer',
        'pass',
        'GFLOP, Euclidean',
        'ours',
        'ratio',
        'MB, Euclidean',
        'ours',
        'ratio',
        '10⁶ exp',
        '10⁶ arsinh',
    ]
    report.table(f'paper-{name}', f'on paper: {describe(size)}', columns, rows, raw)


def describe(s: Size) -> str:
    """The dimensions in words."""
    return (
        f'batch {s.batch}, {s.tokens} tokens, width {s.dim}, {s.heads} heads, {s.classes} classes, '
        f'{s.centroids} centroids'
    )


# --- count -----------------------------------------------------------------------------------------------------------


def counted(layer: str, size: Size, device: torch.device) -> dict[str, tuple[Contender, Passes, int, Traffic]]:
    """Twin and ours: how they are computed, what the model says, and what is counted, forward and backward."""
    found = {}
    for c, model in zip(contenders(layer, size, device), layer_costs(size)[layer], strict=True):
        c.forward_backward()  # draws the gradient of the output, which would be counted
        counted_products = products(c.accumulate)
        with kernels(False):  # what a kernel reads and writes torch does not see
            found[c.name] = (c, model, counted_products, traffic(c.forward_backward))
    return found


def disagreement(model: Passes, products: int) -> float:
    """Of counted products and the model's, relatively; infinite where one of them is zero and the other is not."""
    said = model.total.products
    if not said:
        return float('inf') if products else 0.0
    return abs(products / said - 1)


def count(report: Report, size: Size, itemsize: int, device: torch.device) -> tuple[dict[str, Any], list[str]]:
    """The table of counts, what was counted, and the layers whose products disagree."""
    rows, raw, found, wrong = [], [], {}, []
    for layer in layer_costs(size):
        found[layer] = counted(layer, size, device)
        for name, (c, model, flops, moved) in found[layer].items():
            off, plain = disagreement(model, flops), products(c.accumulate, plain=True)
            wrong += [f'{layer}, {name}: {off:.1%}'] if off > TOLERANCE else []
            said = model.total
            rows.append(
                [f'{layer}, {name}', f'{said.products / 1e9:.4f}', f'{flops / 1e9:.4f}', f'{off:.2%}']
                + [f'{plain / 1e9:.4f}']
                + [f'{itemsize * said.elements / 1e6:.2f}', f'{moved.bytes / 1e6:.2f}', moved.operations]
            )
            raw.append(
                {
                    'layer': layer,
                    'contender': name,
                    'paper': vars(said),
                    'products': flops,
                    'plain': plain,
                    **moved._asdict(),
                }
            )
    columns = ['layer', 'GFLOP, paper', 'counted', 'off', 'by torch alone', 'MB, paper', 'moved, eager', 'operations']
    report.table('count', f'counted, forward and backward: {describe(size)}', columns, rows, raw)
    return found, wrong


# --- time ------------------------------------------------------------------------------------------------------------


def measure_machine(size: Size, rounds: int, device: torch.device, least: float) -> Machine:
    """The rates of a product of the MLP's shape, of a copy, exp and arsinh at the activations' size, and of dispatch.

    The last is a chain of sums of one number each, forward and backward, over the operations counted in it.
    """
    rows, dim = size.rows, size.dim
    x, w = torch.randn(rows, dim, device=device), torch.randn(4 * dim, dim, device=device)
    target, one = torch.empty_like(x), torch.ones(1, device=device, requires_grad=True)

    def chain() -> None:
        y = one
        for _ in range(50):
            y = y * one
        torch.autograd.grad(y, one)

    operations = traffic(chain).operations
    calls = {
        'product': lambda: torch.mm(x, w.mT),
        'copy': lambda: target.copy_(x),
        'exponentials': lambda: torch.exp(x, out=target),
        'arsinh': lambda: torch.asinh(x, out=target),
        'chain': chain,
    }
    times = interleaved(calls, rounds, device, least=least)
    seconds = {name: spread(t).median for name, t in times.items()}
    return Machine(
        products=2 * rows * dim * 4 * dim / seconds['product'],
        bytes=2 * x.numel() * x.itemsize / seconds['copy'],
        exponentials=x.numel() / seconds['exponentials'],
        arsinh=x.numel() / seconds['arsinh'],
        dispatch=seconds['chain'] / operations,
    )


def rates(machine: Machine) -> list[list[str]]:
    """The machine's rates, as rows of a table."""
    return [
        ['matrix product', f'{machine.products / 1e9:.0f} GFLOP/s'],
        ['copy', f'{machine.bytes / 1e9:.1f} GB/s'],
        ['exp', f'{machine.exponentials / 1e9:.2f}·10⁹/s'],
        ['arsinh', f'{machine.arsinh / 1e9:.2f}·10⁹/s'],
        ['smallest operation', f'{1e6 * machine.dispatch:.1f} µs'],
    ]


def counted_seconds(machine: Machine, flops: int, moved: Traffic) -> float:
    """Time of what was counted: a pass for each operation, and its dispatch."""
    cost = Cost(flops, moved.bytes, moved.exponentials, moved.arsinh)
    return machine.seconds(cost, itemsize=1) + moved.operations * machine.dispatch


def time_layers(
    report: Report,
    found: dict[str, Any],
    machine: Machine,
    itemsize: int,
    args: argparse.Namespace,
    device: torch.device,
) -> None:
    """Predicted and measured ratios to the twin, forward and backward."""
    rows, raw = [], []
    for layer, pair in found.items():
        (twin, twin_model, *twin_counts), (own, own_model, *own_counts) = pair.values()
        paper_seconds = [machine.seconds(m.total, itemsize) for m in (twin_model, own_model)]
        eager_seconds = [counted_seconds(machine, *counts) for counts in (twin_counts, own_counts)]
        calls = {c.name: c.forward_backward for c in (twin, own)}
        times = interleaved(calls, args.rounds, device, least=args.least)
        measured = ratios(times[own.name], times[twin.name])
        ms = [1e3 * spread(times[c.name]).median for c in (twin, own)]
        rows.append(
            [layer, *(f'{1e3 * t:.2f}' for t in paper_seconds), f'{paper_seconds[1] / paper_seconds[0]:.2f}']
            + [*(f'{1e3 * t:.2f}' for t in eager_seconds), f'{eager_seconds[1] / eager_seconds[0]:.2f}']
            + [*(f'{t:.2f}' for t in ms), f'{measured.median:.2f} ({measured.low:.2f}–{measured.high:.2f})']
        )
        raw.append(
            {'layer': layer, 'paper_s': paper_seconds, 'counted_s': eager_seconds, 'measured_ms': ms}
            | {'measured': measured.median, 'low': measured.low, 'high': measured.high}
        )
    columns = ['layer', 'paper ms, Euclidean', 'ours', 'ratio', 'counted ms, Euclidean', 'ours', 'ratio']
    columns += ['measured ms, Euclidean', 'ours', 'ratio']
    report.table('time', 'time, forward and backward, eager', columns, rows, raw)


def expected(report: Report, machine: Machine, sizes: dict[str, Size], itemsize: int) -> None:
    """Throughput of whole models relative to the Euclidean one, as the model on paper has it."""
    base = {name: training_step(s) for name, s in sizes.items()}
    rows, raw = [], []
    for variant, modules in VARIANTS.items():
        cells: list[Any] = [variant]
        for name, s in sizes.items():
            cost = training_step(s, modules)
            share = machine.seconds(base[name], itemsize) / machine.seconds(cost, itemsize)
            products, elements = cost.products / base[name].products, cost.elements / base[name].elements
            cells += [f'{products:.3f}', f'{elements:.3f}', f'{share:.3f}']
            raw.append({'size': name, 'variant': variant, 'products': products, 'elements': elements, 'share': share})
        rows.append(cells)
    columns = ['variant', *(f'{name}: {c}' for name in sizes for c in ('FLOPs', 'bytes', 'throughput'))]
    report.table('expected', 'training step, relative to the Euclidean model', columns, rows, raw)


# --- the program -----------------------------------------------------------------------------------------------------


def main(argv: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=11)
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--tokens', type=int, default=VIT_TINY.tokens, help='of the layers that are counted and timed')
    parser.add_argument('--itemsize', type=int, default=4, choices=(2, 4, 8), help='bytes a number, on paper')
    parser.add_argument('--least', type=float, default=0.02, help='seconds of a timing, at least (default 0.02)')
    parser.add_argument('--no-measure', dest='measure', action='store_false', help='on paper only')
    args = parser.parse_args(argv)
    device = chosen_device(args)
    report = Report('cost', header(args, device), args.json)
    sizes = {name: replace(s, batch=args.batch_size) for name, s in (('ViT-Tiny/4', VIT_TINY), ('ViT-B/16', VIT_BASE))}
    for name, size in sizes.items():
        paper(report, name, size, args.itemsize)
    if not args.measure:
        return 0
    at = replace(sizes['ViT-Tiny/4'], tokens=args.tokens)
    found, wrong = count(report, at, 4, device)
    machine = measure_machine(at, args.rounds, device, args.least)
    report.table('machine', 'this machine, float32', ['', 'rate'], rates(machine), [vars(machine)])
    time_layers(report, found, machine, 4, args, device)
    expected(report, machine, sizes, args.itemsize)
    for line in wrong:
        print(f'products disagree: {line}', file=sys.stderr)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
