"""Classification of held-out relations of WordNet's mammals: entailment cones beside distance embeddings.

    python benchmarks/entailment.py --csv benchmarks/results/entailment.csv

Of the relations that others imply, `--percent` are trained on besides the basic ones. F1 is that of
`timm-hyperbolic embed --task entailment`, with the threshold of the validation pairs. `distances_full_f1` is of a
distance embedding with the settings of the reconstruction, trained for longer than the one that cones start from.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from report import Report, add_arguments, chosen_device, header

from timm_hyperbolic.commands.embed import BEFORE_CONES
from timm_hyperbolic.taxonomy import (
    ConeSettings,
    ConeTraining,
    DistanceTraining,
    Taxonomy,
    TrainingSettings,
    classify_relations,
    split_relations,
)


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--taxonomy', type=Path, default=None, help="file of a tree (default: WordNet's mammals)")
    parser.add_argument('--wordnet-dir', type=Path, default=None, help="folder of WordNet's files")
    parser.add_argument('--dim', type=int, default=5)
    parser.add_argument('--percent', type=float, nargs='+', default=[0, 10, 25, 50])
    parser.add_argument('--epochs', type=int, default=300)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    args.threads = args.threads or 1
    device = chosen_device(args)
    if args.taxonomy is None:
        tree = Taxonomy.from_wordnet(args.wordnet_dir).subtree('mammal.n.01')
    else:
        tree = Taxonomy.from_text(args.taxonomy)
    report = Report(header(args, device, ('wordnet_dir', 'percent')), args.csv, key=('percent',))
    for percent in args.percent:
        split = split_relations(tree, percent, args.seed)
        start = time.process_time()
        first = DistanceTraining(
            tree.names, split.train, TrainingSettings(dim=args.dim, seed=args.seed, **BEFORE_CONES)
        )
        list(first.run())
        cones = ConeTraining(tree.names, split.train, first.points, ConeSettings(args.epochs, seed=args.seed))
        list(cones.run())
        seconds = time.process_time() - start
        full = DistanceTraining(
            tree.names, split.train, TrainingSettings(dim=args.dim, epochs=args.epochs, seed=args.seed)
        )
        list(full.run())
        row = {'percent': percent, 'cones_f1': classify_relations(cones.points, split, 0.1, args.seed).f1}
        row |= {'distances_f1': classify_relations(first.points, split, None, args.seed).f1}
        row |= {'distances_full_f1': classify_relations(full.points, split, None, args.seed).f1, 'seconds': seconds}
        report.add([row])


if __name__ == '__main__':
    main()
