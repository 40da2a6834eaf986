"""How many of the vectors that enter a hyperbolic module are as long as its margin lets them be."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..layers import HyperbolicLinear, HyperbolicModule
from .input_hooks import visit_inputs

__all__ = ['margin_shares', 'row_lengths']


def _share(module: HyperbolicModule, vectors: Iterable[Tensor]) -> Tensor:
    """The share of rows of which a vector is clipped."""
    c = module.curvature()
    at_limit = None
    for v in vectors:
        # A linear layer clips once for each part, which has a curvature of its own.
        q = v.float().square().sum(-1, keepdim=isinstance(module, HyperbolicLinear))
        here = module.limits.reaches(q, c)
        at_limit = here if at_limit is None else at_limit | here
    return at_limit.float().mean()


def margin_shares(model: nn.Module, images: Tensor) -> dict[str, float]:
    """Return the share, in [0, 1], of rows at the margin in every hyperbolic module of `model`, by its name.

    A row is a token of a residual, positional embedding or linear layer, an image of a head, a token of one head of an
    attention. It is at the margin if one of its vectors, before the first clip, is at least as long as the clip leaves
    it: the layer then knows the direction of that vector but not its length. In flat controls `max_norm` counts; a
    module without a clip is left out.

    Args:
        model: in the mode in which it is looked at, evaluation as a rule. It is run once, in eager mode.
        images: one batch, `[B, C, H, W]`.
    """
    shares: dict[str, Tensor] = {}

    def look(name: str, module: HyperbolicModule, vectors: dict[str, Tensor]) -> None:
        if module.is_clipped:
            shares[name] = _share(module, vectors.values())

    visit_inputs(model, images, look)
    return _numbers(shares)


def row_lengths(model: nn.Module, images: Tensor, share: float = 0.95) -> dict[str, float]:
    """Return the length that this share of the rows in every hyperbolic module of `model` does not exceed, by its name.

    The length of a row is that of the longest of its vectors before the first clip. At the curvature
    `(artanh(margin)/length)²`, or with a `max_norm` of that length, a module leaves this share of the rows alone.

    Args:
        model: as in `margin_shares`.
        images: one batch, `[B, C, H, W]`.
        share: in (0, 1).
    """
    lengths: dict[str, Tensor] = {}

    def look(name: str, module: HyperbolicModule, vectors: dict[str, Tensor]) -> None:
        if module.is_clipped:
            longest = [v.float().square().sum(-1).expand(_shape(vectors)) for v in vectors.values()]
            lengths[name] = torch.stack(longest).amax(0).flatten().sqrt().quantile(share)

    visit_inputs(model, images, look)
    return _numbers(lengths)


def _shape(vectors: dict[str, Tensor]) -> torch.Size:
    return torch.broadcast_shapes(*(v.shape[:-1] for v in vectors.values()))


def _numbers(values: dict[str, Tensor]) -> dict[str, float]:
    return dict(zip(values, torch.stack(list(values.values())).tolist() if values else [], strict=True))
