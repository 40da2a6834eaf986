"""How many of the inputs of a hyperbolic module its margin clips, and how far the others are from the clip."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..layers import HyperbolicLinear, HyperbolicModule
from .input_hooks import visit_inputs
from .norms import clip_distance

__all__ = ['clip_ratios', 'margin_shares', 'row_lengths']


def _share(module: HyperbolicModule, vectors: Iterable[Tensor]) -> Tensor:
    """The share of tokens of which at least one vector is clipped."""
    c = module.curvature()
    at_limit = None
    for v in vectors:
        # A linear layer clips its input once for each of its parts, which have curvatures of their own.
        q = v.float().square().sum(-1, keepdim=isinstance(module, HyperbolicLinear))
        here = module.limits.reaches(q, c)
        at_limit = here if at_limit is None else at_limit | here
    return at_limit.float().mean()


def margin_shares(model: nn.Module, images: Tensor) -> dict[str, float]:
    """Return the share of tokens that each hyperbolic module of `model` clips.

    A token of an attention is a token of one of its heads; for a classifier's head, images take the place of tokens. A
    token counts if one of its vectors, before the first clip, is at least as long as the clip: the module then knows
    the direction of that vector and not its length.

    Args:
        model: in evaluation mode as a rule. It is run once, in eager mode, and not changed.
        images: one batch, `[B, C, H, W]`.

    Returns:
        Shares in [0, 1] by the name of the module. Modules that clip by `max_norm` count; those without a clip are left
        out.
    """
    shares: dict[str, Tensor] = {}

    def visit(name: str, module: HyperbolicModule, vectors: dict[str, Tensor]) -> None:
        if module.is_clipped:
            shares[name] = _share(module, vectors.values())

    visit_inputs(model, images, visit)
    return _to_numbers(shares)


def row_lengths(model: nn.Module, images: Tensor, share: float = 0.95) -> dict[str, float]:
    """Return the length that a share of the tokens does not exceed, for each hyperbolic module of `model` that clips.

    The length of a token is that of the longest of its vectors before the first clip. At the curvature
    `(artanh(margin)/length)²`, or with a `max_norm` of that length, a module clips no token of this share.

    Args:
        model: in evaluation mode as a rule. It is run once, in eager mode, and not changed.
        images: one batch, `[B, C, H, W]`.
        share: of the tokens, in (0, 1).

    Returns:
        Norms of tangent vectors by the name of the module.
    """
    lengths: dict[str, Tensor] = {}

    def visit(name: str, module: HyperbolicModule, vectors: dict[str, Tensor]) -> None:
        if module.is_clipped:
            longest = [v.float().square().sum(-1).expand(_shape(vectors)) for v in vectors.values()]
            lengths[name] = torch.stack(longest).amax(0).flatten().sqrt().quantile(share)

    visit_inputs(model, images, visit)
    return _to_numbers(lengths)


def clip_ratios(model: nn.Module, images: Tensor) -> dict[str, float]:
    """Return the length of the median token relative to the clip, for each hyperbolic module of `model` that clips.

    A ratio of 0.5 is half way from the origin to the clip, in hyperbolic distance; at a ratio above 1 at least half of
    the tokens are clipped. A module with several curvatures clips at several lengths, of which the shortest counts.

    Args:
        model: in evaluation mode as a rule. It is run once, in eager mode, and not changed.
        images: one batch, `[B, C, H, W]`.

    Returns:
        Ratios `>= 0` by the name of the module.
    """
    modules = dict(model.named_modules())
    # The distance of exp0(v) from the origin is 2‖v‖.
    return {name: 2 * length / clip_distance(modules[name]) for name, length in row_lengths(model, images, 0.5).items()}


def _shape(vectors: dict[str, Tensor]) -> torch.Size:
    return torch.broadcast_shapes(*(v.shape[:-1] for v in vectors.values()))


def _to_numbers(values: dict[str, Tensor]) -> dict[str, float]:
    return dict(zip(values, torch.stack(list(values.values())).tolist() if values else [], strict=True))
