"""How far a converted model is from the Euclidean one that it was made of.

    python benchmarks/hyperbolize.py --json output/hyperbolize/hyperbolize.json
    python benchmarks/page.py docs/hyperbolize.md output/hyperbolize/*.json

Every model has random weights under which its branches matter: norms and layer scales are uniform in (0.5, 1.5),
linear maps normal with rows of length 1, biases, tokens and embeddings normal with deviation 0.1 and 0.5; convolutions
are timm's start. Two are compared on the same batch of normal images, in float32 and evaluation mode.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path
from typing import Any

import timm
import torch
from report import Report, header
from torch import Tensor, nn

from timm_hyperbolic import hyperbolize
from timm_hyperbolic.layers import HyperbolicModule

#: timm's models and keywords that make them small enough, with all that can be swapped without a gate.
MODELS: dict[str, tuple[dict[str, Any], str]] = {
    'vit_tiny_patch16_224': ({'img_size': 64}, 'head,pos,res0,mlp'),
    'vit_small_patch16_18x2_224': ({'img_size': 64, 'depth': 4}, 'head,pos,res0,mlp'),
    'vit_tiny_r_s16_p8_224': ({'img_size': 64}, 'head,pos,res0,mlp'),
    'deit_tiny_distilled_patch16_224': ({'img_size': 64}, 'head,pos,res0,mlp'),
    'deit3_small_patch16_224': ({'img_size': 64}, 'head,pos,res0,mlp'),
    'vit_small_patch14_reg4_dinov2': ({'img_size': 56, 'num_classes': 1000}, 'head,pos,res0,mlp'),
    'vit_small_patch16_dinov3': ({'img_size': 64, 'num_classes': 1000}, 'head,res0,mlp'),
    'eva02_tiny_patch14_224': ({'img_size': 56, 'num_classes': 1000}, 'head,pos,res0,mlp'),
    'beitv2_base_patch16_224': ({'img_size': 64, 'depth': 4}, 'head,res0,mlp'),
    'vit_relpos_small_patch16_224': ({'img_size': 64}, 'head,res0,mlp'),
    'swin_tiny_patch4_window7_224': ({}, 'head,res0,mlp'),
    'swinv2_tiny_window8_256': ({'img_size': 128}, 'head,res0,mlp'),
    'convnext_tiny': ({}, 'head,mlp'),
    'convnextv2_tiny': ({}, 'head,mlp'),
    'resnet18': ({}, 'head'),
    'resnet50': ({}, 'head'),
    'efficientnet_lite0': ({}, 'head'),
    'mobilenetv3_small_100': ({}, 'head'),
    'vit_tiny_patch4_euclid': ({}, 'head,pos,res0,mlp'),
}
SMALL = (1e-5, 1e-4, 1e-3)
GATED = ('res', 'resx', 'attn')
#: Where modules are swapped one kind at a time.
ONE_MODEL = 'vit_tiny_patch16_224'
ALLOWED = 1e-5


@torch.no_grad()
def randomized(name: str, **kwargs: Any) -> nn.Module:
    """The model with weights under which every branch matters, in evaluation mode."""
    torch.manual_seed(0)
    model = timm.create_model(name, **kwargs).eval()
    for parameter_name, p in model.named_parameters():
        if 'token' in parameter_name or 'pos_embed' in parameter_name:
            p.normal_(std=0.5)
        elif parameter_name.endswith('bias'):
            p.normal_(std=0.1)
        elif p.dim() <= 1:
            p.uniform_(0.5, 1.5)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.weight.normal_(std=module.in_features**-0.5)
    return model


def batch(name: str, kwargs: dict[str, Any], images: int) -> Tensor:
    """Normal images of the model's size; the convolutional ones take 64 pixels."""
    cfg = timm.get_pretrained_cfg(name)
    size = kwargs.get('img_size') or (cfg.input_size[-1] if cfg.fixed_input_size else 64)
    return torch.randn(images, 3, size, size, generator=torch.Generator().manual_seed(1))


def compared(logits: Tensor, before: Tensor) -> dict[str, float]:
    """How far the logits are from those before: the largest difference, absolute and in deviations of the logits, the
    mean divergence of the predictions in nats, and the share of images with the same best class."""
    logits, before = logits.double(), before.double()
    of, log = before.log_softmax(-1), logits.log_softmax(-1)
    largest = (logits - before).abs().max().item()
    return {
        'largest': largest,
        'relative': largest / max(1.0, before.abs().max().item()),
        'deviations': largest / before.std().item(),
        'divergence': (of.exp() * (of - log)).sum(-1).mean().item(),
        'agreement': (logits.argmax(-1) == before.argmax(-1)).double().mean().item(),
    }


@torch.no_grad()
def measure(model: nn.Module, x: Tensor, modules: str, curvature: float, **kwargs: Any) -> dict[str, float]:
    """A conversion compared with the model that it was made of."""
    converted = hyperbolize(copy.deepcopy(model), modules, curvature, **kwargs)
    return compared(converted(x), model(x))


def equalities(report: Report, names: list[str], images: int) -> bool:
    """The table of conversions that keep the function; whether all do, at curvature 0."""
    rows, raw, kept = [], [], True
    for name in names:
        kwargs, modules = MODELS[name]
        model, x = randomized(name, **kwargs), batch(name, kwargs, images)
        swaps = sum(isinstance(m, HyperbolicModule) for m in hyperbolize(copy.deepcopy(model), modules).modules())
        flat = measure(model, x, modules, 0.0)
        small = {c: measure(model, x, modules, c) for c in SMALL}
        kept &= flat['relative'] <= ALLOWED
        changed = ', '.join(f'{key}={value}' for key, value in kwargs.items() if key != 'num_classes')
        near = [f'{small[c]["deviations"]:.1g} / {small[c]["divergence"]:.1g}' for c in SMALL]
        rows.append([f'`{name}`', changed, modules, swaps, f'{flat["relative"]:.1e}', *near])
        raw.append({'model': name, 'swaps': swaps, 'flat': flat, 'small': {str(c): small[c] for c in SMALL}})
    columns = ['model', 'made small by', 'swapped', 'modules', 'c = 0', *(f'c = {c:g}' for c in SMALL)]
    title = 'Largest difference of a logit at c = 0, relative; beyond, in deviations of the logits / divergence in nats'
    report.table('equal', title, columns, rows, raw)
    return kept


def modules_alone(report: Report, images: int) -> None:
    """The table of how far each module takes one model at a small curvature."""
    kwargs, modules = MODELS[ONE_MODEL]
    model, x = randomized(ONE_MODEL, **kwargs), batch(ONE_MODEL, kwargs, images)
    rows, raw = [], []
    for module in modules.split(','):
        small = {c: measure(model, x, module, c) for c in (*SMALL, 1.0)}
        rows.append([module, *(f'{got["deviations"]:.1g} / {got["divergence"]:.1g}' for got in small.values())])
        raw.append({'module': module, 'small': {str(c): got for c, got in small.items()}})
    columns = ['swapped', *(f'c = {c:g}' for c in (*SMALL, 1.0))]
    title = f'One kind of module in {ONE_MODEL}: deviations of the logits / divergence in nats'
    report.table('alone', title, columns, rows, raw)


def starts(report: Report, images: int) -> bool:
    """The table of modules whose flat limit is another function, gated and not; whether the gate keeps the function."""
    kwargs, _ = MODELS[ONE_MODEL]
    model, x = randomized(ONE_MODEL, **kwargs), batch(ONE_MODEL, kwargs, images)
    rows, raw, kept = [], [], True
    for module in GATED:
        gated = measure(model, x, module, 1.0, num_centroids=100)
        kept &= gated['largest'] == 0
        rows.append([module, 'gated', 1, f'{gated["largest"]:.1e}', '0', '100'])
        raw.append({'module': module, 'start': 'gated', 'curvature': 1.0, **gated})
        for curvature, centroids in ((0.0, 0), (1e-3, 0), *([(0.0, 100)] if module == 'attn' else [])):
            got = measure(model, x, module, curvature, start='carried', num_centroids=centroids)
            label = 'carried, 100 centroids' if centroids else 'carried'
            cells = [f'{got["largest"]:.1e}', f'{got["divergence"]:.1e}', f'{100 * got["agreement"]:.0f}']
            rows.append([module, label, f'{curvature:g}', *cells])
            raw.append({'module': module, 'start': label, 'curvature': curvature, **got})
    columns = ['swapped', 'start', 'c', 'largest difference', 'divergence', 'same best class, %']
    report.table('starts', f'Modules whose flat limit is another function, in {ONE_MODEL}', columns, rows, raw)
    return kept


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--models', nargs='+', default=list(MODELS), choices=list(MODELS), metavar='MODEL')
    parser.add_argument('--images', type=int, default=8, help='images in the batch (default 8)')
    parser.add_argument('--json', type=Path, default=None, metavar='FILE', help='write all figures here')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 where a function that should be kept is not."""
    args = parse(argv)
    report = Report('hyperbolize', header(args, torch.device('cpu')), args.json)
    kept = equalities(report, args.models, args.images)
    modules_alone(report, args.images)
    kept &= starts(report, args.images)
    if not kept:
        print(f'a converted model differs by more than {ALLOWED:g} at curvature 0', file=sys.stderr)
    return 0 if kept else 1


if __name__ == '__main__':
    sys.exit(main())
