"""How many of the vectors that enter a hyperbolic module are as long as its margin lets them be."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ..layers import HyperbolicAttention, HyperbolicHead, HyperbolicLinear, HyperbolicModule

__all__ = ['margin_shares']


def _entering(module: HyperbolicModule, inputs: tuple[Tensor, ...]) -> Iterable[Tensor]:
    """The tangent vectors at the origin that the module clips first, `[..., D]` each."""
    if isinstance(module, HyperbolicHead):
        return (inputs[0] * module.feature_scale(),)
    if isinstance(module, HyperbolicLinear):
        return (inputs[0].unsqueeze(-2),)  # once for each part, which has a curvature of its own
    return inputs


def _heads(attention: HyperbolicAttention, qkv: Tensor) -> Iterable[Tensor]:
    """What the attention clips: q, k and v of each head."""
    q, k, v = qkv.unflatten(-1, (3, attention.num_heads, attention.head_dim)).unbind(-3)
    return attention.q_norm(q), attention.k_norm(k), v


def _share(module: HyperbolicModule, vectors: Iterable[Tensor]) -> Tensor:
    """The share of rows of which a vector is clipped."""
    c = module.curvature()
    at_limit = None
    for v in vectors:
        here = module.limits.reaches(v.float().square().sum(-1), c)
        at_limit = here if at_limit is None else at_limit | here
    return at_limit.float().mean()


@torch.no_grad()
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
    handles = []
    for name, module in model.named_modules():
        if not isinstance(module, HyperbolicModule) or not module.is_clipped:
            continue

        def before(module: HyperbolicModule, inputs: tuple[Any, ...], name: str = name) -> None:
            shares[name] = _share(module, _entering(module, inputs))

        def after(_: nn.Module, __: Any, qkv: Tensor, module: Any = module, name: str = name) -> None:
            shares[name] = _share(module, _heads(module, qkv))

        if isinstance(module, HyperbolicAttention):
            handles.append(module.qkv.register_forward_hook(after))
        else:
            handles.append(module.register_forward_pre_hook(before))
    try:
        if handles:
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    values = torch.stack(list(shares.values())).tolist() if shares else []
    return dict(zip(shares, values, strict=True))
