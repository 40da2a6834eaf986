"""Convolutions and LeNets side by side in one run: Euclidean, ours, and HypLL's.

    python benchmarks/convolution.py --csv benchmarks/results/convolution.csv

A layer is a convolution of 64 to 64 channels with a kernel of three pixels; `ms` is the time of a forward and backward
pass. A network is the LeNet of HypLL's tutorial on images of 32 pixels; `ms` is the time of a training step with SGD.
`ratio` is the time relative to the Euclidean twin's (median over interleaved rounds, `low` and `high` are the
quartiles), `kept_mib` is what autograd keeps for the backward pass besides the result, which the next layer keeps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Any

import timm
import torch
from contenders import has_hypll
from report import Report, add_arguments, chosen_device, header
from side_by_side import interleaved, ratios, saved_bytes, spread
from torch import Tensor, nn

import timm_hyperbolic  # noqa: F401  registers the models
from timm_hyperbolic.layers import HypConv2d

Step = tuple[Callable[[], Any], Callable[[], Tensor], list[Tensor]]


def layer_step(layer: nn.Module | Callable[[Tensor], Tensor], x: Tensor, parameters: list[Tensor]) -> Step:
    """A forward and backward pass of a layer, its forward pass, and its parameters."""

    def forward() -> Tensor:
        return layer(x.view_as(x))

    upstream = torch.randn_like(forward())
    return lambda: torch.autograd.grad(forward(), (x, *parameters), upstream), forward, parameters


def layers(args: argparse.Namespace, device: torch.device) -> Iterator[tuple[str, Step]]:
    """The convolutions, the Euclidean one first."""
    x = torch.randn(args.batch, args.channels, args.side, args.side, device=device) / args.channels**0.5
    x.requires_grad_()
    for name, layer in (
        ('Euclidean', nn.Conv2d(args.channels, args.channels, 3, padding=1)),
        ('ours, lorentz', HypConv2d(args.channels, args.channels, 3, padding=1)),
        ('ours, poincare', HypConv2d(args.channels, args.channels, 3, padding=1, mode='poincare')),
    ):
        layer = layer.to(device)
        yield name, layer_step(layer, x, list(layer.parameters()))
        if args.compiled and name != 'ours, poincare':
            yield f'{name}, compiled', layer_step(torch.compile(layer), x, list(layer.parameters()))
    if has_hypll():
        from hypll.manifolds.poincare_ball import Curvature, PoincareBall
        from hypll.nn import HConvolution2d
        from hypll.tensors import ManifoldTensor

        with torch.device(device):
            ball = PoincareBall(Curvature(1.0))
            layer = HConvolution2d(args.channels, args.channels, 3, ball, padding=1)
        parameters = [layer.weights.tensor, layer.bias]
        yield 'HypLL', layer_step(lambda x: layer(ManifoldTensor(x, ball, 1)).tensor, x, parameters)


def training_step(model: nn.Module, parameters: list[Tensor], images: Tensor, labels: Tensor) -> Step:
    """A training step of a network, its forward pass, and its parameters."""
    optimizer = torch.optim.SGD(parameters, lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step, lambda: model(images), parameters


def networks(args: argparse.Namespace, device: torch.device) -> Iterator[tuple[str, Step]]:
    """The LeNets, the Euclidean one first."""
    images = torch.randn(args.batch, 3, 32, 32, device=device)
    labels = torch.randint(10, (args.batch,), device=device)
    for name, entry, keywords in (
        ('Euclidean', 'lenet', {}),
        ('ours, lorentz', 'hyp_lenet', {}),
        ('ours, poincare', 'hyp_lenet', {'mode': 'poincare'}),
    ):
        model = timm.create_model(entry, **keywords).to(device)
        yield name, training_step(model, list(model.parameters()), images, labels)
    if has_hypll():
        model = hypll_lenet(device)
        parameters = [p.tensor if hasattr(p, 'tensor') else p for p in model.parameters()]
        yield 'HypLL', training_step(model, parameters, images, labels)


def hypll_lenet(device: torch.device) -> nn.Module:
    """The LeNet of HypLL's tutorial, with the curvature of `hyp_lenet`."""
    from hypll import nn as hnn
    from hypll.manifolds.poincare_ball import Curvature, PoincareBall
    from hypll.tensors import TangentTensor

    with torch.device(device):
        ball = PoincareBall(Curvature(0.1, constraining_strategy=nn.Identity()))
        body = nn.Sequential(
            hnn.HConvolution2d(3, 6, 5, ball),
            hnn.HReLU(ball),
            hnn.HMaxPool2d(2, ball, stride=2),
            hnn.HConvolution2d(6, 16, 5, ball),
            hnn.HReLU(ball),
            hnn.HMaxPool2d(2, ball, stride=2),
            hnn.HFlatten(),
            hnn.HLinear(400, 120, ball),
            hnn.HReLU(ball),
            hnn.HLinear(120, 84, ball),
            hnn.HReLU(ball),
            hnn.HLinear(84, 10, ball),
        )

    class Net(nn.Module):
        """The network between tensors."""

        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: Tensor) -> Tensor:
            """Return logits for images."""
            return self.body(ball.expmap(TangentTensor(x, man_dim=1, manifold=ball))).tensor

    return Net()


def measured(what: str, steps: dict[str, Step], args: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    """A row for each contender."""
    times = interleaved({name: step for name, (step, _, _) in steps.items()}, args.rounds, device, least=args.least)
    rows = []
    for name, (_, forward, parameters) in steps.items():
        ratio = ratios(times[name], times['Euclidean'])
        row = {'what': what, 'contender': name, 'ms': 1e3 * spread(times[name]).median, 'ratio': ratio.median}
        kept = saved_bytes(forward, parameters, result=False) / 2**20
        rows.append(row | {'low': ratio.low, 'high': ratio.high, 'kept_mib': kept})
    return rows


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=11)
    parser.add_argument('--no-compiled', dest='compiled', action='store_false', help='do not compile the layers')
    parser.add_argument('--least', type=float, default=0.02, help='seconds of a timing, at least (default 0.02)')
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--channels', type=int, default=64)
    parser.add_argument('--side', type=int, default=16, help='height and width of the maps (default 16)')
    args = parser.parse_args(argv)
    device = chosen_device(args)
    part = ('compiled', 'least')
    report = Report(header(args, device, part, ['hypll']), args.csv, key=('what', 'contender'))
    if not has_hypll():
        print("HypLL is left out: it is not installed (the extra 'bench' has it)", file=sys.stderr)
    for what, contenders in (('convolution', layers), ('training step of LeNet', networks)):
        torch.manual_seed(0)
        report.add(measured(what, dict(contenders(args, device)), args, device))


if __name__ == '__main__':
    main()
