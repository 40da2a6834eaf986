"""Classes that training has not seen: named by their place in a tree, and retrieved among each other.

    python benchmarks/unseen.py zero-shot --train TRAIN.safetensors --test TEST.safetensors \\
        --choice benchmarks/results/zero-shot-choice.csv --csv benchmarks/results/zero-shot.csv
    python benchmarks/unseen.py recall --train TRAIN.safetensors --test TEST.safetensors \\
        --choice benchmarks/results/recall-choice.csv --csv benchmarks/results/recall.csv

Both take the features of `heads.py`, of CIFAR-100 by a frozen backbone.

`zero-shot`: the head `tree` learns a projection to the prototypes of 80 classes; one class of each superclass is left
out. Then the test images of the 20 classes left out are classified among the prototypes of these 20. A seed leaves out
another class of each superclass, the first, second and third by name. Learning rate and length of the edges are chosen
at 8 dimensions, on the training images of the fifth classes, which the projection of that trial has not seen.

`recall`: a projection is trained by `PairwiseCrossEntropy` on the first 80 classes, and each test image of the last 20
looks for one of its own class among the nearest 1, 2, 4 and 8 others, by the distance of the loss. The learning rate is
chosen at 8 dimensions, on a fifth of the training images of the classes 60 to 79, which that projection has not seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from heads import CHOICE_DIM, Classifier, Data, Recipe, held_out, load, predict, train
from report import Report, add_arguments, chosen_device, header
from torch import Tensor, nn

from timm_hyperbolic.evaluate.retrieval import retrieval_metrics
from timm_hyperbolic.layers import HyperbolicConfig
from timm_hyperbolic.losses import PairwiseCrossEntropy
from timm_hyperbolic.models.head_options import HeadOptions, hierarchy_of
from timm_hyperbolic.taxonomy import Taxonomy
from timm_hyperbolic.taxonomy.cifar100 import SUPERCLASSES

LRS = {'zero-shot': [5e-3], 'recall': [1e-3, 5e-3]}
GEOMETRIES = {'zero-shot': ('hyperbolic', 'euclid'), 'recall': ('hyperbolic', 'sphere')}
Trial = Callable[[dict[str, Any], Data, Data, Tensor, int], dict[str, float]]


def left_out(place: int) -> Tensor:
    """The label of the class at a place by name in each superclass."""
    names = sorted(name for classes in SUPERCLASSES.values() for name in classes)
    return torch.tensor([names.index(sorted(classes)[place]) for classes in SUPERCLASSES.values()])


def of_classes(data: Data, classes: Tensor) -> Data:
    """The images of some classes; their labels are places in the list."""
    place = torch.full((int(data.y.max()) + 1,), -1, device=data.y.device)
    place[classes] = torch.arange(len(classes), device=data.y.device)
    return Data(data.x, place[data.y]).part(place[data.y] >= 0)


def trees_of(args: argparse.Namespace) -> dict[str, Taxonomy]:
    """The trees that the flags name: that of superclasses, or that of WordNet."""
    found = {'cifar100': lambda: Taxonomy.cifar100(), 'wordnet': lambda: Taxonomy.cifar100(args.wordnet or True)}
    return {name: hierarchy_of(found[name]()) for name in args.trees}


def zero_shot(
    key: dict[str, Any], data: Data, test: Data, unseen: Tensor, seed: int, trees: dict[str, Taxonomy]
) -> dict[str, float]:
    """Accuracy among the unseen classes, and among the seen ones, in percent."""
    tree = trees[key['tree']]
    flat = key['geometry'] == 'euclid'
    config = HyperbolicConfig(curvature=0.0) if flat else HyperbolicConfig()
    options = HeadOptions('tree', key['dim'], key['geometry'], tree, edge=key['edge'], config=config)
    torch.manual_seed(seed)
    head = options(nn.Linear(data.x.shape[1], len(tree.classes))).to(data.x.device)
    seen = torch.tensor([k for k in range(len(tree.classes)) if k not in unseen.tolist()])
    part = of_classes(data, seen)
    loss = lambda x, y: nn.functional.cross_entropy(head(x)[:, seen], y)
    train(Classifier(head), loss, part, Recipe(key['lr'], key['epochs'], key['batch_size']), seed)
    found = {}
    for name, classes in (('unseen', unseen), ('seen', seen)):
        own = of_classes(test, classes)
        right = predict(head, own.x)[:, classes].argmax(1) == own.y
        found[f'{name}_top1'] = 100 * right.double().mean().item()
    return found


def recall(key: dict[str, Any], data: Data, test: Data, unseen: Tensor, seed: int) -> dict[str, float]:
    """Recall@k and mean average precision among the images of the unseen classes, in percent."""
    loss = PairwiseCrossEntropy(geometry=key['geometry'])
    torch.manual_seed(seed)
    project = nn.Linear(data.x.shape[1], key['dim']).to(data.x.device)
    seen = torch.arange(int(unseen.min()))
    part = of_classes(data, seen)
    train(project, lambda x, y: loss(project(x), y), part, Recipe(key['lr'], key['epochs'], key['batch_size']), seed)
    own = of_classes(test, unseen)
    space = {} if key['geometry'] == 'sphere' else {'curvature': loss.curvature, 'limits': loss.limits}
    return retrieval_metrics(predict(project, own.x), own.y, **space)


def keys(args: argparse.Namespace, dims: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The rows of the table, without seed, learning rate and edge."""
    trees = args.trees if args.table == 'zero-shot' else [None]
    for tree, geometry, dim in product(trees, GEOMETRIES[args.table], dims):
        yield {**({} if tree is None else {'tree': tree}), 'geometry': geometry, 'dim': dim}


def recipe_of(args: argparse.Namespace) -> dict[str, int]:
    """What all rows share."""
    return {'epochs': args.epochs, 'batch_size': args.batch_size}


def as_text(row: dict[str, Any]) -> tuple[str, ...]:
    """The name of a row in a report."""
    return tuple(f'{value:.4g}' if isinstance(value, float) else str(value) for value in row.values())


def choose(args: argparse.Namespace, head: dict[str, str], trial: Trial, data: Data) -> dict[tuple, dict[str, float]]:
    """The best settings of each tree and geometry on classes of the training set that a trial has not seen."""
    names = ['lr', 'edge'] if args.table == 'zero-shot' else ['lr']
    fixed = [*next(keys(args, args.dims)), *names]
    report = Report(head, args.choice, key=fixed)
    measure = 'unseen_top1' if args.table == 'zero-shot' else 'recall_at_1'
    unseen = left_out(4) if args.table == 'zero-shot' else torch.arange(60, 80)
    seen_by_trials = data if args.table == 'zero-shot' else data.part(held_out(data.y, 5))
    recipe = recipe_of(args)
    best: dict[tuple, tuple[float, dict[str, float]]] = {}
    for key in keys(args, (CHOICE_DIM,)):
        for setting in product(*(args.lrs if name == 'lr' else args.edges for name in names)):
            chosen = dict(zip(names, setting, strict=True))
            row = key | chosen
            if as_text(row) not in report.rows:
                found = trial(row | recipe, data, seen_by_trials, unseen, args.seeds[0])
                report.add([row | {measure: found[measure]}])
            value = float(report.rows[as_text(row)][measure])
            name = as_text(key)[:-1]
            best[name] = max((value, chosen), best.get(name, (value, chosen)), key=lambda pair: pair[0])
    return {name: chosen for name, (_, chosen) in best.items()}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('table', choices=list(GEOMETRIES))
    add_arguments(parser)
    parser.add_argument('--train', type=Path, required=True, metavar='FILE', help='features of the training set')
    parser.add_argument('--test', type=Path, required=True, metavar='FILE', help='features of the test set')
    parser.add_argument('--choice', type=Path, default=None, metavar='FILE', help='CSV of the settings tried')
    parser.add_argument(
        '--trees',
        nargs='+',
        default=['cifar100'],
        choices=['cifar100', 'wordnet'],
        help='trees of zero-shot',
    )
    parser.add_argument('--wordnet', metavar='FOLDER', help="where WordNet's files are")
    parser.add_argument('--dims', nargs='+', type=int, default=[8, 32])
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--lrs', nargs='+', type=float, help='learning rates to choose from')
    parser.add_argument('--edges', nargs='+', type=float, default=[1.0, 2.0, 4.0])
    parser.add_argument('--batch-size', type=int, default=1024)
    parser.add_argument('--epochs', type=int, default=3)
    args = parser.parse_args(argv)
    args.lrs = args.lrs or LRS[args.table]
    return args


def main(argv: list[str] | None = None) -> None:
    """Train what is left to train, and print the table."""
    args = parse(argv)
    device = chosen_device(args)
    data, test = load(args, device)
    trial: Trial = partial(zero_shot, trees=trees_of(args)) if args.table == 'zero-shot' else recall
    head = header(args, device, ('train', 'test', 'choice', 'trees', 'dims', 'seeds', 'wordnet'))
    settings = choose(args, dict(head), trial, data)
    report = Report(head, args.csv, key=(*next(keys(args, args.dims)), 'seed'))
    for seed in args.seeds:
        for key in keys(args, args.dims):
            if as_text(key | {'seed': seed}) in report.rows:
                continue
            chosen = settings[as_text(key)[:-1]]
            unseen = left_out(seed) if args.table == 'zero-shot' else torch.arange(80, 100)
            found = trial(key | chosen | recipe_of(args), data, test, unseen, seed)
            report.add([key | {'seed': seed} | chosen | found])


if __name__ == '__main__':
    main()
