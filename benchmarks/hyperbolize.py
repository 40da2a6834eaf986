"""How far a converted model is from the Euclidean one that it was made of.

    python benchmarks/hyperbolize.py --csv benchmarks/results/hyperbolize.csv

Every model has random weights under which its branches matter: norms and layer scales are uniform in (0.5, 1.5),
linear maps normal with rows of length 1, biases, tokens and embeddings normal with deviation 0.1 and 0.5; convolutions
are timm's start. Both models get the same batch of normal images, in float32 and evaluation mode. A row has the largest
difference of a logit, `relative` to the largest logit where that is over 1 and in `deviations` of the logits, the mean
`divergence` of the predictions in nats, and the share of images with the same best class (`agreement`). The exit status
is 1 if a conversion that should keep the function does not.
"""

from __future__ import annotations

import argparse
import copy
import functools
import math
import sys
from collections.abc import Iterator
from typing import Any

import timm
import torch
from report import Report, add_arguments, chosen_device, header
from torch import Tensor, nn

from timm_hyperbolic import hyperbolize

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
#: The model in which modules are swapped one kind at a time.
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
    """How far the logits are from those before the conversion; the module's docstring names the numbers."""
    logits, before = logits.double(), before.double()
    of, log = before.log_softmax(-1), logits.log_softmax(-1)
    largest = (logits - before).abs().max().item()
    return {
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


def cases(names: list[str]) -> Iterator[tuple[str, str, str, float, dict[str, Any]]]:
    """What is converted: model, modules, start, curvature and keywords of `hyperbolize`."""
    for name in names:
        for curvature in (0.0, *SMALL):
            yield name, MODELS[name][1], 'equal', curvature, {}
    if ONE_MODEL in names:
        for module in MODELS[ONE_MODEL][1].split(','):
            for curvature in (*SMALL, 1.0):
                yield ONE_MODEL, module, 'equal', curvature, {}
        for module in GATED:
            yield ONE_MODEL, module, 'gated', 1.0, {'num_centroids': 100}
            for curvature in (0.0, 1e-3):
                yield ONE_MODEL, module, 'carried', curvature, {'start': 'carried'}
        yield ONE_MODEL, 'attn', 'carried, 100 centroids', 0.0, {'start': 'carried', 'num_centroids': 100}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--models', nargs='+', default=list(MODELS), choices=list(MODELS), metavar='MODEL')
    parser.add_argument('--images', type=int, default=8, help='images in the batch (default 8)')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Convert and print; 1 if a function that should be kept is not."""
    args = parse(argv)
    report = Report(header(args, chosen_device(args), ('models',)), args.csv, key=('model', 'swapped', 'start', 'c'))
    lost, models = [], functools.cache(lambda name: randomized(name, **MODELS[name][0]))
    for name, modules, start, curvature, keywords in cases(args.models):
        found = measure(models(name), batch(name, MODELS[name][0], args.images), modules, curvature, **keywords)
        report.add([{'model': name, 'swapped': modules, 'start': start, 'c': curvature, **found}])
        allowed = {('equal', 0.0): ALLOWED, ('gated', 1.0): 0.0}.get((start, curvature), math.inf)
        if not found['relative'] <= allowed:
            lost.append(f'{name}, {modules}, {start}')
    if lost:
        print(f'not the function of before: {"; ".join(lost)}', file=sys.stderr)
    return 1 if lost else 0


if __name__ == '__main__':
    sys.exit(main())
