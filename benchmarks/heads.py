"""Every head of `attach_head`, with its flat twin, on the features of a frozen backbone.

    timm-hyperbolic extract --help   # how a file of features is made
    python benchmarks/heads.py --train TRAIN.safetensors --test TEST.safetensors --wordnet \\
        --choice benchmarks/results/heads-choice.csv --csv benchmarks/results/heads.csv

The features are those that enter the classifier of a frozen backbone, of CIFAR-100's images, scaled to mean 0 and
deviation 1 in each dimension of the training set. A head is trained on all 50,000 of them, by AdamW with a cosine
schedule; the basin head by its own loss, all others by cross-entropy.

The learning rate of each head and geometry is the best of `--lrs` on a held-out part of the training set (every tenth
image of a class), at 8 dimensions with the first seed, after `--choice-epochs`. Then the heads are trained on the
whole training set, and the test set is read once for each row. Rows that are there are not measured again: the same
command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from report import Report, add_arguments, chosen_device, header
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from torch import Tensor, nn

from timm_hyperbolic.errors import UserError
from timm_hyperbolic.evaluate.features import read_features
from timm_hyperbolic.evaluate.hierarchy import hierarchy_metrics
from timm_hyperbolic.layers import BasinHead, HyperbolicConfig
from timm_hyperbolic.losses import BasinLoss
from timm_hyperbolic.models.head_options import HeadOptions, hierarchy_of
from timm_hyperbolic.models.hyperbolic_model import HyperbolicModel
from timm_hyperbolic.optim import param_groups_lr_scale
from timm_hyperbolic.taxonomy import Taxonomy

GEOMETRIES = ('hyperbolic', 'euclid')
#: Heads with a flat twin. The twin of the basin head has its vertices in flat space.
CURVED = ('proto', 'tree', 'mlr', 'hsoftmax', 'basin')
#: An MLP with as many parameters as the basin head of the same d, besides the one with d hidden features.
WIDE = 'mlp-basin'
HEADS = ('linear', 'mlp', WIDE, *CURVED)
DIMS = (3, 8, 32)
CHOICE_DIM = 8


@dataclass(frozen=True)
class Contender:
    """A head: its name, its geometry (empty where it has none), and its number of dimensions (0 where it has none)."""

    head: str
    geometry: str = ''
    dim: int = 0

    def key(self, seed: int) -> dict[str, Any]:
        """The columns that name a row."""
        return {'head': self.head, 'geometry': self.geometry, 'dim': self.dim, 'seed': seed}

    def build(self, in_features: int, tree: Taxonomy) -> nn.Module:
        """The head for the classes of a tree."""
        classes = nn.Linear(in_features, len(tree.classes), device='meta')
        if self.head == WIDE:
            basin = Contender('basin', 'euclid', self.dim).options(tree)(classes)
            size = sum(p.numel() for p in basin.parameters())
            options = HeadOptions('mlp', round((size - classes.out_features) / (in_features + len(tree.classes) + 1)))
        else:
            options = self.options(tree)
        return options(nn.Linear(in_features, classes.out_features))

    def options(self, tree: Taxonomy) -> HeadOptions:
        """The keywords of the head."""
        dim = self.dim or CHOICE_DIM
        if self.head == 'basin':
            vertices = 'ball' if self.geometry == 'hyperbolic' else 'euclid'
            return HeadOptions('basin', dim, k=min(12, dim), vertices=vertices)
        config = HyperbolicConfig(curvature=0.0) if self.geometry == 'euclid' else HyperbolicConfig()
        return HeadOptions(self.head, dim, self.geometry or 'hyperbolic', tree, config=config)


def contenders(heads: Iterable[str], dims: Iterable[int]) -> Iterator[Contender]:
    """All heads in the order of the table."""
    for head in heads:
        for geometry in GEOMETRIES if head in CURVED else ('',):
            for dim in (0,) if head == 'linear' else dims:
                yield Contender(head, geometry, dim)


class Classifier(HyperbolicModel, nn.Module):
    """A head without its backbone, whose parameters without weight decay are those that models have."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """Classify features."""
        return self.head(x)


@dataclass(frozen=True)
class Recipe:
    """How a head is trained."""

    lr: float
    epochs: int
    batch_size: int
    weight_decay: float = 0.05


@dataclass(frozen=True)
class Data:
    """Features `[N, D]` and labels `[N]` of a part of a data set."""

    x: Tensor
    y: Tensor

    def part(self, rows: Tensor) -> Data:
        """Some of the rows."""
        return Data(self.x[rows], self.y[rows])


def load(args: argparse.Namespace, device: torch.device) -> tuple[Data, Data]:
    """Training and test set, scaled by the training set."""
    sets = []
    for flag, path in (('--train', args.train), ('--test', args.test)):
        try:
            found = read_features(path)
        except UserError as error:
            sys.exit(f'{flag} {error}')
        sets.append(Data(found.features.to(device), found.labels.to(device)))
    deviation, mean = torch.std_mean(sets[0].x, 0)
    return tuple(Data((one.x - mean) / deviation.clamp_min(1e-6), one.y) for one in sets)


def held_out(y: Tensor, every: int = 10) -> Tensor:
    """Which rows are the first of each ten of their class."""
    place = nn.functional.one_hot(y).cumsum(0).gather(1, y.unsqueeze(1)).squeeze(1) - 1
    return place % every == 0


def train(module: nn.Module, loss: Any, data: Data, recipe: Recipe, seed: int) -> None:
    """Train a module by `loss(x, y)` of minibatches in random order."""
    groups = partial(param_groups_lr_scale, weight_decay=recipe.weight_decay)
    optimizer = create_optimizer_v2(module, 'hypadamw', lr=recipe.lr, param_group_fn=groups)
    per_epoch = -(-len(data.y) // recipe.batch_size)
    steps = recipe.epochs * per_epoch
    schedule = CosineLRScheduler(optimizer, steps, warmup_t=max(steps // 20, 1), warmup_lr_init=0.0, t_in_epochs=False)
    generator = torch.Generator().manual_seed(seed)
    step = 0
    module.train()
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(data.y), generator=generator).to(data.y.device).chunk(per_epoch):
            schedule.step_update(step)
            optimizer.zero_grad()
            loss(data.x[rows], data.y[rows]).backward()
            optimizer.step()
            step += 1
    module.eval()


def _basin_loss(head: BasinHead, loss: BasinLoss, x: Tensor, y: Tensor) -> Tensor:
    return loss(head.scores(x), y)


def loss_of(head: nn.Module) -> Any:
    """The loss of a head: that of the basin head, else cross-entropy."""
    if isinstance(head, BasinHead):
        return partial(_basin_loss, head, BasinLoss())
    return lambda x, y: nn.functional.cross_entropy(head(x), y)


def trained(contender: Contender, data: Data, tree: Taxonomy, recipe: Recipe, seed: int) -> nn.Module:
    """A head of these features, trained."""
    torch.manual_seed(seed)
    head = contender.build(data.x.shape[1], tree).to(data.x.device)
    train(Classifier(head), loss_of(head), data, recipe, seed)
    return head


@torch.no_grad()
def predict(head: nn.Module, x: Tensor) -> Tensor:
    """What a module makes of all rows."""
    return torch.cat([head(part) for part in x.split(1000)])


def accuracy(head: nn.Module, data: Data) -> float:
    """Top-1 in percent."""
    return 100 * (predict(head, data.x).argmax(1) == data.y).double().mean().item()


def choose(args: argparse.Namespace, head: dict[str, str], data: Data, tree: Taxonomy) -> dict[tuple[str, str], float]:
    """The best learning rate of each head and geometry on the held-out part of the training set."""
    report = Report(head, args.choice, key=('head', 'geometry', 'dim', 'seed', 'lr'))
    out = held_out(data.y)
    seed = args.seeds[0]
    for contender in contenders(args.heads, (CHOICE_DIM,)):
        for lr in args.lrs:
            row = {**contender.key(seed), 'lr': lr}
            if tuple(map(str, row.values())) in report.rows:
                continue
            module = trained(contender, data.part(~out), tree, Recipe(lr, args.choice_epochs, args.batch_size), seed)
            report.add([{**{k: str(v) for k, v in row.items()}, 'held_out_top1': accuracy(module, data.part(out))}])
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for row in report.rows.values():
        found = float(row['held_out_top1']), float(row['lr'])
        best[row['head'], row['geometry']] = max(found, best.get((row['head'], row['geometry']), found))
    return {name: lr for name, (_, lr) in best.items()}


def measure(logits: Tensor, y: Tensor, tree: Taxonomy, wordnet: Taxonomy | None) -> dict[str, float | None]:
    """The columns of a row that the test set gives; shares in percent."""
    found = hierarchy_metrics(logits, y, tree)
    return {
        'fine_top1': found['top1'],
        'coarse_top1': found['level1_top1'],
        'inside_superclass': found['mistakes_inside_superclass'],
        'height': found['mistake_height'],
        'wordnet_height': None if wordnet is None else hierarchy_metrics(logits, y, wordnet)['mistake_height'],
    }


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--train', type=Path, required=True, metavar='FILE', help='features of the training set')
    parser.add_argument('--test', type=Path, required=True, metavar='FILE', help='features of the test set')
    parser.add_argument('--choice', type=Path, default=None, metavar='FILE', help='CSV of the learning rates tried')
    parser.add_argument('--hierarchy', default='cifar100', help='tree of the classes (default cifar100)')
    parser.add_argument(
        '--wordnet', nargs='?', const=True, metavar='FOLDER', help="measure by WordNet's tree too; where its files are"
    )
    parser.add_argument('--heads', nargs='+', default=HEADS, choices=HEADS)
    parser.add_argument('--dims', nargs='+', type=int, default=DIMS)
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--lrs', nargs='+', type=float, default=[3e-3, 1e-2, 3e-2])
    parser.add_argument('--epochs', type=int, default=8)
    parser.add_argument('--batch-size', type=int, default=1024)
    parser.add_argument('--choice-epochs', type=int, default=3, help='epochs of a trial of a learning rate')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Train what is left to train, and print the table."""
    args = parse(argv)
    device = chosen_device(args)
    data, test = load(args, device)
    tree = hierarchy_of(args.hierarchy)
    wordnet = hierarchy_of(Taxonomy.cifar100(args.wordnet)) if args.wordnet else None
    head = header(args, device, ('train', 'test', 'choice', 'heads', 'dims', 'seeds', 'wordnet'))
    rates = choose(args, dict(head), data, tree)
    report = Report(head, args.csv, key=('head', 'geometry', 'dim', 'seed'))
    for seed in args.seeds:
        for contender in contenders(args.heads, args.dims):
            key = contender.key(seed)
            if tuple(map(str, key.values())) in report.rows:
                continue
            start = time.perf_counter()
            recipe = Recipe(rates[contender.head, contender.geometry], args.epochs, args.batch_size)
            module = trained(contender, data, tree, recipe, seed)
            seconds = time.perf_counter() - start
            row = {'lr': recipe.lr, 'parameters': sum(p.numel() for p in module.parameters())}
            report.add([{**key, **row, **measure(predict(module, test.x), test.y, tree, wordnet), 'seconds': seconds}])


if __name__ == '__main__':
    main()
