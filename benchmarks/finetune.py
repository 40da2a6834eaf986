"""Fine-tuning a Euclidean ViT on other classes, with and without hyperbolic modules.

    python benchmarks/finetune.py --data-dir ../shared/data/cifar100 --output output/finetune \\
        --csv benchmarks/results/finetune.csv

For each seed a Euclidean ViT-Tiny is trained on CIFAR-100's first 50 classes. Then it gets a new classifier, is
converted as each contender says (`res0@0.1`: the residuals at the origin, from curvature 0.1), and is trained on the
other 50; `euclid` is trained without a conversion, from the same weights, classifier and batches. The result is the
accuracy on the test images of the second 50 classes after the last epoch, and before the first: mean and standard
deviation over the seeds. Every epoch is saved: the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from report import Report, add_arguments, chosen_device, header, write_text
from timm.data import create_dataset
from timm.data.transforms import MaybePILToTensor
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from torch import Tensor, nn

from timm_hyperbolic import hyperbolize, named_curvatures
from timm_hyperbolic.data.augment import BatchAugment
from timm_hyperbolic.data.memory import MemoryLoader, decode

BASE = 'euclid'
MODEL = 'vit_tiny_patch4_euclid'
CLASSES = 50
CONTENDERS = ('res0@0.1', 'head,pos,res0,mlp@1e-3')
Data = dict[str, tuple[Tensor, Tensor]]


def load(args: argparse.Namespace, device: torch.device) -> Data:
    """Images `[N, 3, 32, 32]` (uint8) and classes of both splits."""
    data = {}
    for split in ('train', 'test'):
        dataset = create_dataset(f'hfds/{args.data_dir}', split=split, input_key='img', target_key='fine_label')
        dataset.transform = MaybePILToTensor()
        data[split] = decode(dataset, device, 0, split)
    return data


def part(images: Tensor, targets: Tensor, second: bool, most: int | None) -> tuple[Tensor, Tensor]:
    """The images of the first or the second 50 classes, at most so many of each class, with classes from 0."""
    targets = targets - CLASSES * second
    kept = (targets >= 0) & (targets < CLASSES)
    if most:
        place = F.one_hot(targets.clamp(0, CLASSES - 1), CLASSES).mul(kept.unsqueeze(1)).cumsum(0)
        kept &= place.gather(1, targets.clamp(0, CLASSES - 1).unsqueeze(1)).squeeze(1) <= most
    return images[kept], targets[kept]


class Phase:
    """Training a model for a number of epochs, saved after each.

    Args:
        folder: Folder for `last.pt` and `log.json`.
        model: Its starting weights.
        data: Images and classes of both splits.
        epochs: How many.
        seed: Seed of the batches.
        args: Flags of the recipe.
        device: Device of the model and the images.
    """

    def __init__(
        self, folder: Path, model: nn.Module, data: Data, epochs: int, seed: int, args: argparse.Namespace, device: Any
    ) -> None:
        self.folder, self.model, self.epochs, self.device = folder, model.to(device), epochs, device
        cfg = model.pretrained_cfg
        norm = {'mean': cfg['mean'], 'std': cfg['std']}
        augment = BatchAugment((32, 32), padding=4)
        self.train = MemoryLoader(*data['train'], args.batch_size, **norm, augment=augment, is_training=True, seed=seed)
        self.test = MemoryLoader(*data['test'], args.batch_size, **norm)
        self.optimizer = create_optimizer_v2(model, 'hypadamw', lr=args.lr, weight_decay=args.weight_decay)
        steps = epochs * len(self.train)
        self.scheduler = CosineLRScheduler(
            self.optimizer, steps, lr_min=1e-6, warmup_t=max(steps // 10, 1), warmup_lr_init=1e-6, t_in_epochs=False
        )
        self.rows: list[dict[str, Any]] = []

    def run(self) -> list[dict[str, Any]]:
        """Train what is left to train; the row of every epoch, that of epoch 0 before training."""
        log = self.folder / 'log.json'
        if log.exists():
            self.rows = json.loads(log.read_text(encoding='utf-8'))
        if len(self.rows) == self.epochs + 1:
            self.model.load_state_dict(torch.load(self.folder / 'last.pt', weights_only=True)['model'])
            return self.rows
        if self.rows:
            saved = torch.load(self.folder / 'last.pt', weights_only=True)
            self.rows = self.rows[: saved['epoch'] + 1]
            self.model.load_state_dict(saved['model'])
            self.optimizer.load_state_dict(saved['optimizer'])
        else:
            self._add(0)
        for epoch in range(len(self.rows), self.epochs + 1):
            start = time.perf_counter()
            self._add(epoch, self._epoch(epoch - 1), time.perf_counter() - start)
        return self.rows

    def _add(self, epoch: int, loss: float | None = None, seconds: float = 0.0) -> None:
        curvatures = list(named_curvatures(self.model).values())
        row = {'epoch': epoch, 'loss': loss, 'seconds': seconds, **self._evaluate()}
        if curvatures:
            row |= {'least curvature': min(curvatures), 'greatest curvature': max(curvatures)}
        self.rows.append(row)
        print(f'{self.folder.parent.name}/{self.folder.name} {row}', flush=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {'epoch': epoch, 'model': self.model.state_dict(), 'optimizer': self.optimizer.state_dict()}
        torch.save(state, self.folder / 'last.pt.tmp')
        (self.folder / 'last.pt.tmp').replace(self.folder / 'last.pt')
        write_text(self.folder / 'log.json', json.dumps(self.rows))

    def _epoch(self, epoch: int) -> float:
        self.model.train()
        self.train.set_epoch(epoch)
        total = 0.0
        for i, (images, targets) in enumerate(self.train):
            self.scheduler.step_update(epoch * len(self.train) + i)
            loss = F.cross_entropy(self.model(images), targets, label_smoothing=0.1)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            total += loss.item()
        if not total < float('inf'):
            raise FloatingPointError(f'the loss of {self.folder} is {total} in epoch {epoch + 1}')
        return total / len(self.train)

    @torch.no_grad()
    def _evaluate(self) -> dict[str, float]:
        self.model.eval()
        loss = right = count = 0.0
        for images, targets in self.test:
            logits = self.model(images)
            loss += F.cross_entropy(logits, targets, reduction='sum').item()
            right += (logits.argmax(-1) == targets).sum().item()
            count += len(targets)
        return {'top1': 100 * right / count, 'test loss': loss / count}


def pretrained(args: argparse.Namespace, seed: int, data: Data, device: torch.device) -> nn.Module:
    """The Euclidean model of a seed, trained on the first classes."""
    torch.manual_seed(seed)
    model = timm.create_model(MODEL, num_classes=CLASSES, **args.model_kwargs)
    first = {split: part(*pair, False, args.images_per_class) for split, pair in data.items()}
    Phase(args.output / f'seed-{seed}' / 'pretrain', model, first, args.pretrain_epochs, seed, args, device).run()
    return model


def convert(model: nn.Module, contender: str) -> None:
    """Convert as `modules@curvature` says."""
    modules, _, curvature = contender.partition('@')
    try:
        hyperbolize(model, modules, float(curvature))
    except ValueError as error:
        sys.exit(f'--contenders {contender}: {error}')


def finetuned(args: argparse.Namespace, seed: int, contender: str, weights: dict, data: Data, device) -> list[dict]:
    """The rows of a contender: trained on the second classes from the weights given, with a new classifier."""
    model = timm.create_model(MODEL, num_classes=CLASSES, **args.model_kwargs)
    model.load_state_dict(weights)
    torch.manual_seed(1000 + seed)
    model.reset_classifier(CLASSES)
    if contender != BASE:
        convert(model, contender)
    folder = args.output / f'seed-{seed}' / contender.replace(',', '+')
    return Phase(folder, model, data, args.finetune_epochs, seed, args, device).run()


def summary(contender: str, results: dict[int, list[dict]], base: dict[int, list[dict]]) -> dict[str, Any]:
    """The row of a contender: means and deviations over the seeds, also of the difference to the base."""
    last = {seed: rows[-1] for seed, rows in results.items()}
    columns = {
        'start': [rows[0]['top1'] for rows in results.values()],
        'top1': [row['top1'] for row in last.values()],
        'gain': [row['top1'] - base[seed][-1]['top1'] for seed, row in last.items()],
        'loss': [row['test loss'] for row in last.values()],
    }
    row: dict[str, Any] = {'contender': contender, 'seeds': len(results)}
    for name, values in columns.items():
        deviation = statistics.stdev(values) if len(values) > 1 else None
        row |= {name: statistics.mean(values), f'{name}_deviation': deviation}
    found = [c for row in last.values() for name, c in row.items() if name.endswith('curvature')]
    return row | {'least_curvature': min(found, default=None), 'greatest_curvature': max(found, default=None)}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--data-dir', type=Path, required=True, help='folder of the CIFAR-100 data set of the Hub')
    parser.add_argument('--output', type=Path, required=True, help='folder of the runs; goes on where it was stopped')
    parser.add_argument('--contenders', nargs='+', default=CONTENDERS, metavar='MODULES@CURVATURE')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--pretrain-epochs', type=int, default=6)
    parser.add_argument('--finetune-epochs', type=int, default=4)
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--lr', type=float, default=5e-4)
    parser.add_argument('--weight-decay', type=float, default=0.05)
    parser.add_argument('--images-per-class', type=int, default=50, help='images of a class, also of the test split')
    parser.add_argument('--depth', type=int, default=12)
    parser.add_argument('--embed-dim', type=int, default=192)
    parser.add_argument('--num-heads', type=int, default=3)
    args = parser.parse_args(argv)
    args.model_kwargs = {key: getattr(args, key) for key in ('depth', 'embed_dim', 'num_heads')}
    return args


def check_setting(args: argparse.Namespace) -> None:
    """Refuse to go on with runs of another setting; write this one down where there is none."""
    free = ('output', 'csv', 'seeds', 'contenders', 'device', 'threads', 'data_dir')
    setting = {key: value for key, value in vars(args).items() if key not in free}
    path = args.output / 'setting.json'
    if path.exists():
        found = json.loads(path.read_text(encoding='utf-8'))
        keys = [key for key, value in setting.items() if found.get(key) != value]
        other = [f'{key}: {found.get(key)} there, {setting[key]} here' for key in keys]
        if other:
            sys.exit(f'--output {args.output} holds runs of another setting; name another folder ({"; ".join(other)})')
    else:
        write_text(path, json.dumps(setting))


def main(argv: list[str] | None = None) -> None:
    """Train what is left, and print the table of all seeds."""
    args = parse(argv)
    device = chosen_device(args)
    for contender in args.contenders:  # one that cannot be converted is an error before any training
        convert(timm.create_model(MODEL, device='meta', **args.model_kwargs), contender)
    if not args.data_dir.is_dir():
        sys.exit(f'--data-dir {args.data_dir}: no such folder')
    check_setting(args)
    choice = ('output', 'data_dir', 'contenders', 'model_kwargs')
    report = Report(header(args, device, choice), args.csv, key=('contender',))
    data = load(args, device)
    second = {split: part(*pair, True, args.images_per_class) for split, pair in data.items()}
    contenders = [BASE, *args.contenders]
    results: dict[str, dict[int, list[dict]]] = {contender: {} for contender in contenders}
    for seed in args.seeds:
        model = pretrained(args, seed, data, device)
        for contender in contenders:
            results[contender][seed] = finetuned(args, seed, contender, model.state_dict(), second, device)
    report.add(summary(contender, found, results[BASE]) for contender, found in results.items())


if __name__ == '__main__':
    main()
