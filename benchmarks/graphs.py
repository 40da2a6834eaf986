"""Every variant through every compiler and exporter, and how often the compiler starts anew.

    python benchmarks/graphs.py --csv benchmarks/results/graphs.csv       # twelve variants, many minutes
    python benchmarks/graphs.py --variants res mlp --checks onnxruntime   # a part

`difference` is the largest difference from the model itself (see `graph_checks.py`), `reason` the error where there is
none, `graphs` how many graphs there were after each batch. Models are small, with every gate open. The exit status is 1
if a check fails.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import timm
import torch
from graph_checks import CHECKS, open_gates
from report import Report, add_arguments, chosen_device, header
from torch import Tensor, nn

import timm_hyperbolic  # noqa: F401  registers the models

VARIANTS = (
    'euclid',
    *('head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn'),
    *('head_pos', 'head_pos_res', 'head_pos_res_mlp', 'all'),
)
#: Dimensions of the models, as flags.
DIMENSIONS = {'img_size': 16, 'embed_dim': 48, 'depth': 1, 'num_heads': 3, 'num_classes': 10, 'num_centroids': 8}


def name_of(variant: str) -> str:
    """timm's name of a variant."""
    return f'vit_tiny_patch4_{variant if variant == "euclid" else f"hyp_{variant}"}'


def build(variant: str, args: argparse.Namespace) -> nn.Module:
    """A small model of a variant with every gate open."""
    torch.manual_seed(0)
    return open_gates(timm.create_model(name_of(variant), **{key: getattr(args, key) for key in DIMENSIONS}))


def measure(variant: str, check: str, args: argparse.Namespace) -> dict[str, Any]:
    """One check of one variant."""
    generator = torch.Generator().manual_seed(2)

    def draw(size: int) -> Tensor:
        return torch.randn(size, 3, args.img_size, args.img_size, generator=generator)

    started = time.perf_counter()
    row = {'variant': variant, 'check': check, 'kept': False, 'difference': None, 'allowed': None, 'graphs': None}
    row['reason'] = None
    try:
        found = CHECKS[check](build(variant, args), draw)
    except Exception as error:
        row['reason'] = f'{type(error).__name__}: {(str(error).splitlines() or [""])[0][:120]}'
    else:
        row |= {'kept': found.is_kept, 'difference': float(found.difference), 'allowed': float(found.allowed)}
        row['graphs'] = '/'.join(map(str, found.graphs or ()))
    print(f'{variant}, {check}: {time.perf_counter() - started:.1f} s', file=sys.stderr, flush=True)
    return row


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--variants', nargs='+', default=VARIANTS, choices=VARIANTS, metavar='VARIANT')
    parser.add_argument('--checks', nargs='+', default=list(CHECKS), choices=list(CHECKS), metavar='CHECK')
    for key, value in DIMENSIONS.items():
        parser.add_argument(f'--{key.replace("_", "-")}', type=int, default=value)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Check and print; 1 if a check fails."""
    args = parse(argv)
    device = chosen_device(args)
    head = header(args, device, ('variants', 'checks'), ('onnx', 'onnxscript', 'onnxruntime'))
    report = Report(head, args.csv, key=('variant', 'check'))
    kept = True
    for variant in args.variants:
        rows = [measure(variant, check, args) for check in args.checks]
        report.add(rows)
        kept &= all(row['kept'] for row in rows)
    return 0 if kept else 1


if __name__ == '__main__':
    sys.exit(main())
