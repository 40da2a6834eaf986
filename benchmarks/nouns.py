"""How well trained embeddings of all nouns of WordNet give back their relations, beside the published figures.

    timm-hyperbolic embed --taxonomy wordnet --dim 5 --output output/embed/nouns-5
    python benchmarks/nouns.py output/embed/nouns-5/embedding.safetensors --csv benchmarks/results/nouns.csv

All 743,241 relations are ranked among all nodes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from report import Report, add_arguments, chosen_device, header

from timm_hyperbolic.taxonomy import NodePoints, Taxonomy

#: Rank and mean average precision of the reconstruction in Nickel and Kiela (2017), table 1, by dimension.
PUBLISHED = {
    'euclidean': {5: (3542.3, 0.024), 10: (2286.9, 0.059), 20: (1685.9, 0.087), 50: (1281.7, 0.140)},
    'poincare': {5: (4.9, 0.823), 10: (4.02, 0.851), 20: (3.84, 0.855), 50: (3.98, 0.86)},
}


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('files', type=Path, nargs='+', metavar='FILE', help='embedding.safetensors of trainings')
    parser.add_argument('--wordnet-dir', type=Path, default=None, help="folder of WordNet's files")
    args = parser.parse_args(argv)
    args.threads = args.threads or 1
    device = chosen_device(args)
    nouns = Taxonomy.from_wordnet(args.wordnet_dir)
    relations = nouns.closure()
    report = Report(header(args, device, ('files', 'wordnet_dir')), args.csv, key=('space', 'dim'))
    for file in args.files:
        points = NodePoints.load(file)
        assert points.names == nouns.names, f'{file} has other nodes than WordNet'
        found, dim = points.rank(relations), points.points.shape[1]
        row = {'space': points.space, 'dim': dim, 'epochs': points.about['epoch']}
        row |= {'rank': found.mean_rank, 'map': found.mean_average_precision}
        published = PUBLISHED['euclidean' if points.space == 'euclidean' else 'poincare'].get(dim, (None, None))
        report.add([row | {'published_rank': published[0], 'published_map': published[1]}])


if __name__ == '__main__':
    main()
