"""Training time and quality of embeddings of WordNet's mammals: ours, gensim's PoincareModel, geoopt's optimizers.

    pip install gensim
    python benchmarks/taxonomy.py --contenders ours gensim --csv benchmarks/results/taxonomy.csv

Each contender trains on the closure in the same dimension, and is evaluated in the same way, all relations ranked among
all nodes, whenever its time has grown by a fifth. Its row is the state at the end: after `--epochs` epochs, or after
`--seconds`. Times are those of the processor, on one thread, without the evaluations and the first epoch, which also
imports and compiles. `reached_s` is the time after which the mean average precision is at least `--reach`.

gensim draws nodes by their frequency until all of them are different and unrelated. With 50 of them one epoch of the
mammals does not end within a minute, so gensim has its default of 10.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from report import Report, add_arguments, chosen_device, header
from torch import Tensor, nn

from timm_hyperbolic.taxonomy import DistanceTraining, NodePoints, Taxonomy, TrainingSettings

#: Pairs of a step of geoopt's optimizers.
BATCH = 32


def ours(space: str, tree: Taxonomy, args: argparse.Namespace) -> Iterator[NodePoints]:
    """Points after every epoch; Numba has compiled before."""
    warm = Taxonomy.from_parents({'a': [], 'b': ['a'], 'c': ['a']})
    list(DistanceTraining(warm.names, warm.closure(), TrainingSettings(args.dim, space, epochs=1)).run())
    settings = TrainingSettings(args.dim, space, args.epochs, args.lr, args.burn_in, args.negatives, args.seed)
    training = DistanceTraining(tree.names, tree.closure(), settings)
    for _ in training.run():
        yield training.points


def gensim(tree: Taxonomy, args: argparse.Namespace) -> Iterator[NodePoints]:
    """Points of gensim's model after every epoch, its burn-in included."""
    from gensim.models.poincare import PoincareModel

    named = [(tree.names[a], tree.names[b]) for a, b in tree.closure()]
    keywords = {'negative': args.gensim_negatives, 'burn_in': 0, 'seed': args.seed}
    model = PoincareModel(named, args.dim, args.lr / 100, **keywords)
    index = [model.kv.key_to_index.get(name, 0) for name in tree.names]
    for epoch in range(args.epochs):
        model.train_alpha = args.lr / 100 if epoch < args.burn_in else args.lr
        model.train(1, batch_size=10, print_every=10**9)
        yield NodePoints(tree.names, torch.from_numpy(model.kv.vectors[index]))


def by_geoopt(sparse: bool, tree: Taxonomy, args: argparse.Namespace) -> Iterator[NodePoints]:
    """Points after every epoch, by geoopt's ball and optimizer, in batches of `BATCH` relations."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # geoopt decorates its mathematics with torch.jit.script, which is deprecated
        import geoopt
        from geoopt.optim import RiemannianSGD, SparseRiemannianSGD

    rng, relations, count = np.random.default_rng(args.seed), tree.closure(), len(tree)
    ball = geoopt.PoincareBall()
    table = nn.Embedding(count, args.dim, sparse=sparse, dtype=torch.float64)
    start = torch.from_numpy(rng.uniform(-1e-3, 1e-3, (count, args.dim)))
    table.weight = geoopt.ManifoldParameter(start, manifold=ball)
    optimizer = (SparseRiemannianSGD if sparse else RiemannianSGD)(table.parameters(), lr=args.lr)
    known = np.zeros((count, count), bool)
    known[relations[:, 0], relations[:, 1]] = True
    np.fill_diagonal(known, True)
    for epoch in range(args.epochs):
        optimizer.param_groups[0]['lr'] = args.lr / 100 if epoch < args.burn_in else args.lr
        shuffled = relations[rng.permutation(len(relations))]
        for i in range(0, len(shuffled), BATCH):
            pairs = shuffled[i : i + BATCH]
            others = rng.integers(count, size=(len(pairs), args.negatives))
            left_out = torch.from_numpy(known[pairs[:, :1], others])
            d = ball.dist(table(torch.from_numpy(pairs[:, :1])), table(_joined(pairs, others)))
            d = torch.cat([d[:, :1], d[:, 1:].masked_fill(left_out, torch.inf)], 1)
            loss = (d[:, 0] + torch.logsumexp(-d, 1)).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        yield NodePoints(tree.names, table.weight.detach().clone())


def _joined(pairs: np.ndarray, others: np.ndarray) -> Tensor:
    return torch.from_numpy(np.concatenate([pairs[:, 1:], others], 1))


CONTENDERS: dict[str, Callable[[Taxonomy, argparse.Namespace], Iterator[NodePoints]]] = {
    'ours': lambda tree, args: ours('poincare', tree, args),
    'ours, lorentz': lambda tree, args: ours('lorentz', tree, args),
    'ours, euclidean': lambda tree, args: ours('euclidean', tree, args),
    'gensim': gensim,
    'geoopt': lambda tree, args: by_geoopt(False, tree, args),
    'geoopt, sparse': lambda tree, args: by_geoopt(True, tree, args),
}


def measure(name: str, tree: Taxonomy, args: argparse.Namespace) -> dict[str, Any]:
    """The row of a contender."""
    relations, used, seen, reached, row = tree.closure(), 0.0, 0.0, None, {}
    run = CONTENDERS[name](tree, args)
    for epoch in range(args.epochs):
        start = time.process_time()
        points = next(run)
        # The first epoch also imports and compiles, and is left out.
        used += time.process_time() - start if epoch else 0.0
        done = epoch + 1 == args.epochs or used >= args.seconds
        if done or used > 1.2 * seen:
            seen, ranking = used, points.rank(relations)
            found = ranking.mean_average_precision
            row = {'epochs': epoch + 1, 'seconds': used, 'rank': ranking.mean_rank, 'map': found}
            reached = used if reached is None and found >= args.reach else reached
            print(f'{name}: {row}', file=sys.stderr, flush=True)
        if done:
            break
    return {'contender': name, 'dim': args.dim, **row, 'reached_s': reached}


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--contenders', nargs='+', choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument(
        '--taxonomy', type=Path, default=None, metavar='FILE', help="a tree (default: WordNet's mammals)"
    )
    parser.add_argument('--wordnet-dir', type=Path, default=None, help="folder of WordNet's files")
    parser.add_argument('--dim', type=int, default=5)
    parser.add_argument('--epochs', type=int, default=300)
    parser.add_argument('--lr', type=float, default=0.1)
    parser.add_argument('--burn-in', type=int, default=20)
    parser.add_argument('--negatives', type=int, default=50)
    parser.add_argument('--gensim-negatives', type=int, default=10, help='sampled nodes of gensim')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--seconds', type=float, default=60.0, help='processor time after which a contender is stopped')
    parser.add_argument('--reach', type=float, default=0.9, help='mean average precision whose time is noted')
    args = parser.parse_args(argv)
    args.threads = args.threads or 1
    device = chosen_device(args)
    if args.taxonomy is None:
        tree = Taxonomy.from_wordnet(args.wordnet_dir).subtree('mammal.n.01')
    else:
        tree = Taxonomy.from_text(args.taxonomy)
    part = ('contenders', 'wordnet_dir', 'dim', 'seconds')
    report = Report(header(args, device, part, ['gensim', 'numba']), args.csv, key=('contender', 'dim'))
    for name in args.contenders:
        report.add([measure(name, tree, args)])


if __name__ == '__main__':
    main()
