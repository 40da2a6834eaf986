"""Time of the losses of images and texts, forward and backward, beside CLIP's cosine loss in one run.

    python benchmarks/contrastive.py --csv benchmarks/results/contrastive.csv

CLIP's loss is written here as in its paper: unit vectors, one product, the cross-entropy of rows and of columns.
`pairwise` is the first term of `HyperbolicContrastiveLoss`, distances in the Lorentz model in place of cosines; `MERU`
is the whole loss. `ratio` is the time relative to CLIP's loss, formed within a round; `memory` is the peak in
multiples of one matrix of the similarities.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from report import Report, add_arguments, chosen_device, header
from side_by_side import interleaved, peak_bytes, ratios, spread
from torch import Tensor, nn

from timm_hyperbolic.losses import CompositionalEntailmentLoss, HyperbolicContrastiveLoss

BASE = 'CLIP'


class Clip(nn.Module):
    """CLIP's loss."""

    def __init__(self) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(2.659))

    def forward(self, images: Tensor, texts: Tensor) -> Tensor:
        """Return the loss of pairs of features `[B, dim]`."""
        x, y = F.normalize(images, dim=-1), F.normalize(texts, dim=-1)
        logits = self.logit_scale.exp() * (x @ y.mT)
        pairs = torch.arange(len(x), device=x.device)
        return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.mT, pairs)) / 2


class Pairwise(HyperbolicContrastiveLoss):
    """The contrast alone."""

    def forward(self, images: Tensor, texts: Tensor) -> Tensor:
        """Return the first term of the loss."""
        return self._both(*self._points(image=images, text=texts))[0] / 2


def measure(batch: int, dim: int, chunk: int, rounds: int, device: torch.device) -> list[dict[str, Any]]:
    """Milliseconds of every loss, the ratio to CLIP's, and the peak of memory."""
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(batch, dim, generator=generator).to(device).requires_grad_() for _ in range(4)]
    losses: dict[str, nn.Module] = {
        BASE: Clip(),
        'sphere': HyperbolicContrastiveLoss(dim=dim, geometry='sphere'),
        'pairwise': Pairwise(dim=dim),
        'MERU': HyperbolicContrastiveLoss(dim=dim),
        f'MERU, chunks of {chunk}': HyperbolicContrastiveLoss(dim=dim, chunk_size=chunk),
        'HyCoCLIP': CompositionalEntailmentLoss(dim=dim),
    }

    def step(loss: nn.Module) -> Callable[[], None]:
        loss.to(device)
        given = features if isinstance(loss, CompositionalEntailmentLoss) else features[:2]
        return lambda: torch.autograd.backward(loss(*given))

    steps = {name: step(loss) for name, loss in losses.items()}
    times = interleaved(steps, rounds, device)
    rows = []
    for name, own in times.items():
        ratio = ratios(own, times[BASE])
        row = {'loss': name, 'ms': 1e3 * spread(own).median, 'ratio': ratio.median, 'low': ratio.low}
        rows.append(row | {'high': ratio.high, 'memory': peak_bytes(steps[name], device) / (4 * batch**2)})
    return rows


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser, rounds=21)
    parser.add_argument('--batch', type=int, default=1024)
    parser.add_argument('--dim', type=int, default=512)
    parser.add_argument('--chunk', type=int, default=128)
    args = parser.parse_args(argv)
    device = chosen_device(args)
    report = Report(header(args, device), args.csv, key=('loss',))
    report.add(measure(args.batch, args.dim, args.chunk, args.rounds, device))


if __name__ == '__main__':
    main()
