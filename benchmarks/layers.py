"""Single layers side by side in one run: the Euclidean twin, ours, and what others offer for the same task.

    python benchmarks/layers.py                                     # the tables on this machine
    python benchmarks/layers.py --layers linear res --modes eager compiled --json out.json --figure out.svg
    python benchmarks/layers.py --device cuda --amp bfloat16 --batch-size 512 --modes eager compiled

Three parts. *Layers*: time of the forward pass and of forward and backward, relative to the Euclidean twin (median and
quartiles over interleaved rounds), with the bytes that autograd keeps and the peak of what a forward and backward
allocate. *Growth*: the same ratios as tokens, features and classes grow. *Roofline*: the bytes that a residual must
move (`cost_model.py`), over its time, against the bandwidth of a copy of tensors of the same size on the same device.

Dense attention builds `[B, H, N, N + M, D/H]` tensors, so that the peers of attention are measured in a group of their
own, at an eighth of the batch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch._dynamo.config
import torch._functorch.config
from contenders import EUCLID, GROUPS, OURS, Contender, contenders, has_hypll
from cost_model import Size, layer_costs
from report import Report, add_arguments, chosen_device, header, pyplot, save_figure
from side_by_side import Spread, interleaved, peak_bytes, ratios, saved_bytes, spread

#: Most times of its Euclidean twin that a layer should take, forward and backward, in the setting of `measure_layers`.
TARGETS = {('linear', OURS): 1.25}
GROWTH = {
    'tokens': (('res', 'linear', 'mlp', 'attn'), (17, 65, 197, 577, 1025)),
    'dim': (('res', 'linear', 'mlp', 'attn', 'head'), (96, 192, 384, 768, 1024)),
    'classes': (('head',), (10, 100, 1000, 10_000)),
}
ROW_LAYERS = ('res', 'res0', 'resx', 'pos')
LEAST = 0.02  # seconds of a timing, at least
MIB = 2**20


def compared(group: list[Contender], rounds: int, device: torch.device, least: float = LEAST) -> list[dict[str, Any]]:
    """Times, ratios to the first contender, and memory of a group."""
    base = group[0].name
    forward = interleaved({c.name: c.forward for c in group}, rounds, device, least=least)
    both = interleaved({c.name: c.forward_backward for c in group}, rounds, device, least=least)
    rows = []
    for c in group:
        row: dict[str, Any] = {'contender': c.name}
        for key, times in (('forward', forward), ('both', both)):
            ratio = ratios(times[c.name], times[base])
            row |= {f'{key}_ms': 1e3 * spread(times[c.name]).median, key: ratio.median}
            row |= {f'{key}_low': ratio.low, f'{key}_high': ratio.high}
        row['saved_bytes'] = saved_bytes(c.forward, c.parameters)
        row['peak_bytes'] = peak_bytes(c.forward_backward, device) if device.type in ('cpu', 'cuda') else None
        rows.append(row)
    return rows


def shown(value: float | None, scale: float = 1.0, digits: int = 2) -> str | None:
    """A number for a table, None for an empty cell."""
    return None if value is None else f'{value / scale:.{digits}f}'


def quartiles(row: dict[str, Any], key: str) -> str:
    """`2.10 (2.05–2.20)`."""
    return f'{row[key]:.2f} ({row[f"{key}_low"]:.2f}–{row[f"{key}_high"]:.2f})'


# --- layers ----------------------------------------------------------------------------------------------------------


def layer_groups(args: argparse.Namespace, size: Size, device: torch.device, amp: Any) -> Iterator[tuple[str, list]]:
    """Names of groups and their contenders."""
    compiled = 'compiled' in args.modes
    for name in args.layers:
        apart = name == 'attn' and args.peers
        yield (
            name,
            [*contenders(name, size, device, amp, definition=True, peers=args.peers and not apart, compiled=compiled)],
        )
        if apart:
            batch = max(1, size.batch // 8)
            yield f'{name}-peers', [*contenders(name, replace(size, batch=batch), device, amp, peers=True)]


def measure_layers(
    report: Report, args: argparse.Namespace, size: Size, device: torch.device, amp: Any
) -> list[dict[str, Any]]:
    """The table of single layers."""
    rows = []
    for name, group in layer_groups(args, size, device, amp):
        group = [c for c in group if report.works(f'{name}, {c.name}', c.forward_backward)]
        of_group = compared(group, args.rounds, device, args.least)
        for row in of_group:
            judged = (size, amp, device.type) == (Size(), None, 'cpu')
            row |= {'layer': name, 'target': TARGETS.get((name, row['contender'])) if judged else None}
        rows += of_group
        cells = []
        for row in of_group:
            mark = None
            if row['target']:
                mark = f'{row["target"]} {"met" if row["both"] <= row["target"] else "missed"}'
            cells.append(
                [
                    row['contender'],
                    shown(row['forward_ms']),
                    quartiles(row, 'forward'),
                    shown(row['both_ms']),
                    quartiles(row, 'both'),
                    mark,
                    shown(row['saved_bytes'], MIB),
                    shown(row['peak_bytes'], MIB),
                ]
            )
        columns = ['', 'forward ms', 'ratio', 'both ms', 'ratio', 'at most', 'MiB kept', 'MiB peak']
        report.table(name, name, columns, cells, of_group)
    return rows


# --- growth ----------------------------------------------------------------------------------------------------------


def measure_growth(
    report: Report, args: argparse.Namespace, size: Size, device: torch.device, amp: Any
) -> list[dict[str, Any]]:
    """How the ratios change with one dimension, the others as they are."""
    rows = []
    for dimension in args.growth:
        layers, values = GROWTH[dimension]
        values = [value for value in values if value <= args.growth_limit]
        of_dimension = []
        for layer in layers:
            for value in values:
                batch = size.batch if layer == 'head' else args.growth_batch
                at = replace(size, batch=batch, **{dimension: value})
                if dimension == 'dim':  # heads of 64 features, as ViTs of every width have them
                    at = replace(at, heads=max(1, value // 64))
                twin, ours = compared([*contenders(layer, at, device, amp)], args.rounds, device, args.least)
                logits = batch * at.classes
                of_dimension.append(
                    {'dimension': dimension, 'layer': layer, 'value': value, 'batch': batch}
                    | {key: ours[key] for key in ('forward', 'forward_ms', 'both', 'both_low', 'both_high', 'both_ms')}
                    | {f'{key}_bytes': ours[f'{key}_bytes'] for key in ('saved', 'peak')}
                    | {f'twin_{key}_bytes': twin[f'{key}_bytes'] for key in ('saved', 'peak')}
                    | {'logits': logits}
                )
        rows += of_dimension
        if dimension == 'classes':
            table_of_classes(report, size, of_dimension)
            continue
        cells = [[layer, *(quartiles(r, 'both') for r in of_dimension if r['layer'] == layer)] for layer in layers]
        report.table(f'growth-{dimension}', f'growth with {dimension}', [dimension, *values], cells, of_dimension)
    return rows


def table_of_classes(report: Report, size: Size, rows: list[dict[str, Any]]) -> None:
    """The head as classes grow. In units of `B·C` numbers, memory would reach D if a `[B, C, D]` tensor were built."""

    def units(row: dict[str, Any], key: str) -> str | None:
        return shown(row[f'{key}_bytes'], 4 * row['logits'], 1)

    cells = [
        [row['value'], quartiles(row, 'both'), shown(row['both_ms'])]
        + [units(row, key) for key in ('saved', 'twin_saved', 'peak', 'twin_peak')]
        for row in rows
    ]
    columns = ['classes', 'ratio', 'ms', 'kept / BC', "twin's", 'peak / BC', "twin's"]
    title = f'growth with classes, D = {size.dim}: memory in units of B·C float32 numbers'
    report.table('growth-classes', title, columns, cells, rows)


# --- roofline --------------------------------------------------------------------------------------------------------


def copy_rate(elements: int, dtype: torch.dtype, rounds: int, device: torch.device, least: float) -> Spread:
    """Bytes per second, read and written, of copies of a tensor: median and quartiles."""
    source = torch.randn(elements, device=device).to(dtype)
    target = torch.empty_like(source)
    times = interleaved({'copy': lambda: target.copy_(source)}, rounds, device, least=least)['copy']
    return spread([2 * elements * source.itemsize / t for t in times])


def measure_roofline(
    report: Report, args: argparse.Namespace, size: Size, device: torch.device, amp: Any
) -> list[dict[str, Any]]:
    """Achieved bandwidth of the row-wise layers as a share of a copy's."""
    dtype = amp or torch.float32
    large = copy_rate(args.copy_mib * MIB // dtype.itemsize, dtype, args.rounds, device, args.least)
    costs = layer_costs(size)
    rows: list[dict[str, Any]] = []
    for layer in (name for name in ROW_LAYERS if name in args.layers):
        twin, own = costs[layer]
        group = [*contenders(layer, size, device, amp, compiled='compiled' in args.modes)]
        group = [c for c in group if report.works(f'{layer}, {c.name}', c.forward_backward)]
        # In the autocast type, as a residual's inputs are within a model
        for c in group:
            c.inputs = tuple(x.detach().to(dtype).requires_grad_() for x in c.inputs)
        elements = size.rows * size.dim
        source = torch.randn(elements, device=device).to(dtype)
        target = torch.empty_like(source)
        calls: dict[str, Any] = {'copy': lambda s=source, t=target: t.copy_(s)}
        passes = []
        for c in group:
            must = twin if c.name.startswith(EUCLID) else own
            passes.append((c.name, 'forward', must.forward, c.forward))
            if must.backward.elements:
                passes.append((c.name, 'backward', must.backward, c.backward()))
        calls |= {f'{name} {which}': call for name, which, _, call in passes}
        times = interleaved(calls, args.rounds, device, least=args.least)
        copied = 2 * elements * dtype.itemsize
        for name, which, cost, _ in passes:
            moved = cost.elements * dtype.itemsize
            own_times = times[f'{name} {which}']
            share = spread([moved / t / (copied / c) for t, c in zip(own_times, times['copy'], strict=True)])
            ms = 1e3 * spread(own_times).median
            rows.append(
                {'layer': layer, 'contender': name, 'pass': which, 'bytes': moved, 'ms': ms}
                | {'rate': moved / ms * 1e3, 'copy_rate': copied / spread(times['copy']).median}
                | {'share': share.median, 'share_low': share.low, 'share_high': share.high, 'large_copy': large.median}
            )
    cells = [
        [r['layer'], r['contender'], r['pass'], shown(r['bytes'], MIB), shown(r['ms'], 1, 3)]
        + [shown(r['rate'], 1e9, 1), shown(r['copy_rate'], 1e9, 1), quartiles(r, 'share')]
        for r in rows
    ]
    columns = ['layer', '', 'pass', 'MiB to move', 'ms', 'GB/s', "copy's GB/s", 'share of the copy']
    title = f'roofline; a copy of {args.copy_mib} MiB moves {large.median / 1e9:.1f} GB/s'
    report.table('roofline', title, columns, cells, rows)
    return rows


# --- figure ----------------------------------------------------------------------------------------------------------


def draw(path: Path, layers: list[dict], growth: list[dict], roofline: list[dict], title: str) -> None:
    """The ratios of all contenders, the curves of growth, and the roofline positions."""
    mosaic = [['layers', 'tokens', 'dim'], ['layers', 'classes', 'memory'], ['layers', 'roofline', 'roofline']]
    figure, axes = pyplot().subplot_mosaic(mosaic, figsize=(16, 12), layout='constrained')
    figure.suptitle(title, fontsize=9)

    others = [row for row in layers if row['contender'] != EUCLID]
    names = [f'{row["layer"]}: {row["contender"]}' for row in others]
    bars(axes['layers'], names, [row['both'] for row in others], 'forward and backward, Euclidean twin = 1')
    axes['layers'].set_xscale('log')

    for dimension in GROWTH:
        of_dimension = [row for row in growth if row['dimension'] == dimension]
        curves = {}
        for layer in dict.fromkeys(row['layer'] for row in of_dimension):
            curves[layer] = {row['value']: row['both'] for row in of_dimension if row['layer'] == layer}
        lines(axes[dimension], curves, f'forward and backward by {dimension}, Euclidean twin = 1')
        axes[dimension].axhline(1, color='0.6', linewidth=1)

    of_classes = [row for row in growth if row['dimension'] == 'classes' and row['peak_bytes'] is not None]
    peaks = {
        label: {row['value']: row[f'{key}_bytes'] / MIB for row in of_classes}
        for key, label in (('peak', 'head'), ('twin_peak', 'nn.Linear'))
    }
    lines(axes['memory'], peaks, 'peak MiB of the head by classes')

    names = [f'{row["layer"]} {row["pass"]}: {row["contender"]}' for row in roofline]
    bars(axes['roofline'], names, [row['share'] for row in roofline], "roofline position: share of a copy's bandwidth")
    save_figure(figure, path)


def bars(ax: Any, names: list[str], values: list[float], title: str) -> None:
    """Horizontal bars with a line at one."""
    ax.barh(names, values)
    ax.axvline(1, color='0.6', linewidth=1)
    ax.invert_yaxis()
    ax.tick_params(axis='y', labelsize=6)
    ax.set_title(title, fontsize=9)


def lines(ax: Any, curves: dict[str, dict[int, float]], title: str) -> None:
    """Curves over a dimension, both axes logarithmic."""
    for label, curve in curves.items():
        if curve:
            ax.loglog(list(curve), list(curve.values()), marker='o', label=label)
            ax.set_xticks(list(curve), [str(value) for value in curve])
            ax.legend(fontsize=7)
    ax.tick_params(axis='x', which='minor', bottom=False, labelbottom=False)
    ax.set_title(title, fontsize=9)


# --- the program -----------------------------------------------------------------------------------------------------


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=11)
    parser.add_argument('--layers', nargs='+', default=tuple(GROUPS), choices=tuple(GROUPS))
    parser.add_argument('--modes', nargs='+', default=('eager', 'compiled'), choices=('eager', 'compiled'))
    parser.add_argument('--growth', nargs='*', default=tuple(GROWTH), choices=tuple(GROWTH))
    parser.add_argument('--growth-batch', type=int, default=8, help='batch of the token layers there (default 8)')
    parser.add_argument('--growth-limit', type=int, default=10_000, help='leave out larger tokens, features, classes')
    parser.add_argument('--no-peers', dest='peers', action='store_false', help='without the dense formulas and HypLL')
    parser.add_argument('--amp', default=None, choices=['bfloat16', 'float16'], help='autocast type, with hamp on')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--tokens', type=int, default=65)
    parser.add_argument('--dim', type=int, default=192)
    parser.add_argument('--heads', type=int, default=3)
    parser.add_argument('--classes', type=int, default=100)
    parser.add_argument('--centroids', type=int, default=100)
    parser.add_argument('--copy-mib', type=int, default=256, help='size of the large copy (default 256)')
    parser.add_argument('--least', type=float, default=LEAST, help=f'seconds of a timing, at least (default {LEAST})')
    parser.add_argument('--figure', type=Path, default=None, metavar='FILE', help='draw ratios, growth and roofline')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Print the tables."""
    args = parse(argv)
    device = chosen_device(args)
    amp = {'bfloat16': torch.bfloat16, 'float16': torch.float16}.get(args.amp)
    size = Size(args.batch_size, args.tokens, args.dim, args.heads, args.classes, args.centroids)
    # Each layer of a class compiles that class's code once more; their backward is called twice in the roofline.
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 32)
    torch._functorch.config.donated_buffer = False
    report = Report('layers', header(args, device, ['hypll']), args.json)
    if args.peers and not has_hypll():
        report.note("HypLL is skipped: it is not installed (the extra 'bench' has it)")
    layers = measure_layers(report, args, size, device, amp)
    growth = measure_growth(report, args, size, device, amp)
    roofline = measure_roofline(report, args, size, device, amp)
    if args.figure:
        head = report.data['header']
        draw(args.figure, layers, growth, roofline, f'{head["hardware"]}, torch {head["versions"]["torch"]}')


if __name__ == '__main__':
    main()
