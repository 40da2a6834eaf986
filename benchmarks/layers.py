"""Single layers side by side in one run: the Euclidean twin, ours, and what others offer for the same task.

    python benchmarks/layers.py --csv benchmarks/results/layers.csv
    python benchmarks/layers.py --layers linear res --no-compiled

`ms` is the time of a forward and backward pass, `ratio` that time relative to the Euclidean twin's (median over
interleaved rounds, `low` and `high` are the quartiles), and `kept_mib` is what autograd keeps for the backward pass.
Dense attention builds `[B, H, N, N + M, D/H]` tensors, so the peers of attention are measured in a group of their own,
`attn-peers`, with an eighth of the batch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import torch
import torch._dynamo.config
from contenders import GROUPS, Contender, Size, contenders, has_hypll
from report import Report, add_arguments, chosen_device, header
from side_by_side import interleaved, ratios, saved_bytes, spread

LEAST = 0.02  # seconds of a timing, at least


def groups(args: argparse.Namespace, size: Size, device: torch.device) -> Iterator[tuple[str, list[Contender]]]:
    """Names of groups and their contenders."""
    for name in args.layers:
        apart = name == 'attn'
        yield name, [*contenders(name, size, device, peers=not apart, compiled=args.compiled)]
        if apart:
            smaller = replace(size, batch=max(1, size.batch // 8))
            yield f'{name}-peers', [*contenders(name, smaller, device, peers=True)]


def compared(
    layer: str, group: list[Contender], rounds: int, device: torch.device, least: float
) -> list[dict[str, Any]]:
    """Time, its ratio to the first contender's, and memory of each contender of a group."""
    times = interleaved({c.name: c.forward_backward for c in group}, rounds, device, least=least)
    rows = []
    for c in group:
        ratio = ratios(times[c.name], times[group[0].name])
        row = {'layer': layer, 'contender': c.name, 'ms': 1e3 * spread(times[c.name]).median, 'ratio': ratio.median}
        row |= {'low': ratio.low, 'high': ratio.high, 'kept_mib': saved_bytes(c.forward, c.parameters) / 2**20}
        rows.append(row)
    return rows


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=11)
    parser.add_argument('--layers', nargs='+', default=tuple(GROUPS), choices=tuple(GROUPS))
    parser.add_argument('--no-compiled', dest='compiled', action='store_false', help='do not compile our layers')
    parser.add_argument('--least', type=float, default=LEAST, help=f'seconds of a timing, at least (default {LEAST})')
    for field in fields(Size):
        parser.add_argument(f'--{field.name}', type=int, default=field.default)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    args = parse(argv)
    device = chosen_device(args)
    size = Size(*(getattr(args, field.name) for field in fields(Size)))
    # Each layer of a class compiles that class's code once more.
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 32)
    part = ('layers', 'compiled', 'least')
    report = Report(header(args, device, part, ['hypll']), args.csv, key=('layer', 'contender'))
    if not has_hypll():
        print("HypLL is left out: it is not installed (the extra 'bench' has it)", file=sys.stderr)
    for name, group in groups(args, size, device):
        group = [c for c in group if report.works(f'{name}, {c.name}', c.forward_backward)]
        report.add(compared(name, group, args.rounds, device, args.least))


if __name__ == '__main__':
    main()
