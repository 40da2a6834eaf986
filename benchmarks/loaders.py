"""Images a second of the training loaders: timm's with worker processes, and `--data-in-memory`.

    python benchmarks/loaders.py --data-dir ../shared/data/cifar100 --csv benchmarks/results/loaders.csv

No model runs: each loader is drained. Without `--data-dir` the images are noise of CIFAR's size, already in memory, so
that the ordinary loader is spared the decoding. The loaders take turns, one pass over the images each.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from report import Report, add_arguments, chosen_device, header
from side_by_side import ratios, spread
from torch.utils.data import Dataset

from timm_hyperbolic.config.train import read_train_options
from timm_hyperbolic.data.loaders import create_loaders
from timm_hyperbolic.data.splits import Splits, create_splits

INPUT = {'input_size': (3, 32, 32), 'mean': (0.5,) * 3, 'std': (0.25,) * 3}
INPUT |= {'interpolation': 'bicubic', 'crop_pct': 1.0, 'crop_mode': 'center'}
AUGMENTATIONS = {
    'padded crop, flip': ['--crop-padding', '4', '--color-jitter', '0'],
    'resized crop, flip': ['--color-jitter', '0'],
    'resized crop, flip, colours': ['--color-jitter', '0.4'],
    'padded crop, flip, erasing': ['--crop-padding', '4', '--color-jitter', '0', '--reprob', '0.25'],
}


class Noise(Dataset):
    """Images of random pixels, as PIL images."""

    def __init__(self, count: int) -> None:
        self.images = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        self.targets = [0] * count
        self.transform = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Any, int]:
        image = Image.fromarray(self.images[row])
        return image if self.transform is None else self.transform(image), 0


def make_loader(flags: list[str], args: argparse.Namespace, device: torch.device, in_memory: bool):
    """The training loader of these flags."""
    options = [*flags, '-b', str(args.batch_size), '--workers', str(args.workers)]
    if args.data_dir is None:
        splits = Splits(Noise(args.images), 'train', Noise(args.batch_size), 'val', None, 1)
    else:
        keys = ['--dataset', f'hfds/{args.data_dir}', '--input-key', args.input_key, '--target-key', args.target_key]
        cut = f'train[:{args.images}]'
        options += [*keys, '--train-split', cut, '--val-split', f'train[:{args.batch_size}]']
        config = read_train_options(options)
        splits = create_splits(config.data, config.splits)
    options += ['--data-in-memory'] * in_memory
    config = read_train_options(options)
    return create_loaders(splits, INPUT, config.loader, config.augment, device)[0]


def drain(loader, device: torch.device) -> float:
    """Images a second of a pass. The first batch, for which workers start, is not counted."""
    images, start = 0, None
    for image, _ in loader:
        if start is None:
            start = time.perf_counter()
        else:
            images += len(image)
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    return images / (time.perf_counter() - start)


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=3)
    parser.add_argument('--data-dir', type=Path, help='folder that the datasets library reads, such as CIFAR-100')
    parser.add_argument('--input-key', default='img')
    parser.add_argument('--target-key', default='fine_label')
    parser.add_argument('--images', type=int, default=5120)
    parser.add_argument('--batch-size', type=int, default=128)
    parser.add_argument('--workers', type=int, default=2)
    args = parser.parse_args(argv)
    device = chosen_device(args)
    head = header(args, device, ('data_dir',), ['torchvision', 'pillow'])
    report = Report(head, args.csv, key=('augmentation',))
    for name, flags in AUGMENTATIONS.items():
        start = time.perf_counter()
        memory = make_loader(flags, args, device, in_memory=True)
        decoding = time.perf_counter() - start
        loaders = {'timm': make_loader(flags, args, device, in_memory=False), 'memory': memory}
        for loader in loaders.values():
            drain(loader, device)
        speeds: dict[str, list[float]] = {kind: [] for kind in loaders}
        for _ in range(args.rounds):
            for kind, loader in loaders.items():
                speeds[kind].append(drain(loader, device))
        row = {'augmentation': name, **{kind: spread(values).median for kind, values in speeds.items()}}
        ratio = ratios(speeds['memory'], speeds['timm'])
        report.add([row | {'ratio': ratio.median, 'low': ratio.low, 'high': ratio.high, 'decoding_s': decoding}])


if __name__ == '__main__':
    main()
