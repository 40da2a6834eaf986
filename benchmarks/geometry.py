"""Precision and speed of distances in the models of hyperbolic space: the table of `timm-hyperbolic geometry`.

python benchmarks/geometry.py --csv benchmarks/results/geometry.csv
"""

from __future__ import annotations

import argparse

from report import Report, add_arguments, chosen_device, header

from timm_hyperbolic.commands.geometry import geometry
from timm_hyperbolic.config.embed import GeometryConfig
from timm_hyperbolic.config.options import with_values


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--dim', type=int, default=8)
    parser.add_argument('--pairs', type=int, default=20_000)
    args = parser.parse_args(argv)
    args.threads = args.threads or 1
    report = Report(header(args, chosen_device(args)), args.csv, key=('model', 'type', 'radius'))
    report.add(geometry(with_values(GeometryConfig(), dim=args.dim, pairs=args.pairs)))


if __name__ == '__main__':
    main()
