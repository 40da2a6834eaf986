"""The graph matrix: every variant through every compiler and exporter, and how often a compiler starts anew.

    python benchmarks/graphs.py                      # twelve variants, many minutes
    python benchmarks/graphs.py --variants res mlp --checks onnxruntime --json output/graphs/some.json
    python benchmarks/graphs.py --variants --add output/graphs/*.json --json output/graphs.json
    python benchmarks/page.py docs/graphs.md output/graphs.json

A cell is the largest difference from the model itself (see `graph_checks.py`), or the reason why there is none. Models
are small, with every gate open. The exit status is 1 where a cell fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import timm
import torch
from graph_checks import CHECKS, SIZES, open_gates
from report import Report, header
from torch import Tensor, nn

import timm_hyperbolic  # noqa: F401  registers the models

VARIANTS = (
    'euclid',
    *('head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn'),
    *('head_pos', 'head_pos_res', 'head_pos_res_mlp', 'all'),
)
#: Of the models, as flags.
DIMENSIONS = {'img_size': 16, 'embed_dim': 48, 'depth': 2, 'num_heads': 3, 'num_classes': 10, 'num_centroids': 8}
#: What two runs must share to stand in one table.
SHARED = ('hardware', 'system', 'versions')


def name_of(variant: str) -> str:
    """timm's name of a variant."""
    return f'vit_tiny_patch4_{variant if variant == "euclid" else f"hyp_{variant}"}'


def build(variant: str, args: argparse.Namespace) -> nn.Module:
    """A small model of a variant with every gate open."""
    torch.manual_seed(0)
    return open_gates(timm.create_model(name_of(variant), **{key: getattr(args, key) for key in DIMENSIONS}))


def measure(variant: str, check: str, args: argparse.Namespace) -> dict[str, Any]:
    """One cell."""
    generator = torch.Generator().manual_seed(2)

    def draw(size: int) -> Tensor:
        return torch.randn(size, 3, args.img_size, args.img_size, generator=generator)

    started, row = time.perf_counter(), {'variant': variant, 'check': check}
    try:
        found = CHECKS[check](build(variant, args), draw)
    except Exception as error:
        said = (str(error).splitlines() or [''])[0]
        row |= {'kept': False, 'reason': f'{type(error).__name__}: {said[:120]}'}
    else:
        row |= {'kept': found.is_kept, 'difference': found.difference, 'allowed': found.allowed, 'graphs': found.graphs}
    return row | {'seconds': time.perf_counter() - started}


def cell(row: dict[str, Any] | None) -> str | None:
    """A row as the matrix shows it."""
    if row is None:
        return None
    if 'reason' in row:
        return f'**fails**: {row["reason"]}'
    difference = '0' if row['difference'] == 0 else f'{row["difference"]:.0e}'
    graphs = f' ({"/".join(map(str, row["graphs"]))})' if row['graphs'] else ''
    return f'{"" if row["kept"] else "**differs** "}{difference}{graphs}'


def earlier(paths: list[Path], head: dict[str, Any], args: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of earlier runs, whose commits the header then names too.

    Raises:
        SystemExit: one was made by other versions or with other models.
    """
    rows, commits = [], [head['commit']] if args.variants else []
    for path in paths:
        data = json.loads(path.read_text(encoding='utf-8'))
        theirs = {key: data['header'][key] for key in SHARED} | {
            key: data['header']['setting'][key] for key in DIMENSIONS
        }
        ours = {key: head[key] for key in SHARED} | {key: getattr(args, key) for key in DIMENSIONS}
        other = [f'{key}: {theirs[key]} there, {ours[key]} here' for key in ours if theirs[key] != ours[key]]
        if other:
            sys.exit(f'--add {path}: a run of another setting; {"; ".join(other)}')
        rows += [{key: value for key, value in row.items() if key != 'table'} for row in data['rows']]
        commits.append(data['header']['commit'])
    head['commit'] = ', '.join(dict.fromkeys(commits))
    return rows


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--variants', nargs='*', default=VARIANTS, choices=VARIANTS, metavar='VARIANT')
    parser.add_argument('--checks', nargs='+', default=list(CHECKS), choices=list(CHECKS), metavar='CHECK')
    for key, value in DIMENSIONS.items():
        parser.add_argument(f'--{key.replace("_", "-")}', type=int, default=value)
    parser.add_argument('--add', type=Path, nargs='+', default=[], metavar='FILE', help='rows of earlier runs')
    parser.add_argument('--json', type=Path, default=None, metavar='FILE', help='write all figures here')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Print the matrix; 1 where a cell fails."""
    args = parse(argv)
    head = header(args, torch.device('cpu'), ('onnx', 'onnxscript', 'onnxruntime'))
    rows = earlier(args.add, head, args)
    head['setting'] = {key: value for key, value in head['setting'].items() if key in DIMENSIONS}
    report = Report('graphs', head, args.json)
    for variant in args.variants:
        for check in args.checks:
            rows.append(measure(variant, check, args))
            print(f'{variant}, {check}: {cell(rows[-1])}, {rows[-1]["seconds"]:.1f} s', file=sys.stderr, flush=True)
    found = {(row['variant'], row['check']): row for row in rows}
    checks = [check for check in CHECKS if any(row['check'] == check for row in rows)]
    variants = [variant for variant in VARIANTS if any(row['variant'] == variant for row in rows)]
    matrix = [[f'`{name_of(v)}`', *(cell(found.get((v, check))) for check in checks)] for v in variants]
    title = f'Largest difference from the model; graphs after batches of {"/".join(map(str, SIZES))}'
    report.table('matrix', title, ['model', *checks], matrix, rows)
    return 0 if all(row['kept'] for row in rows) else 1


if __name__ == '__main__':
    sys.exit(main())
