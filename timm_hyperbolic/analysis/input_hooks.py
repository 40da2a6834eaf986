"""Hooks that read the inputs of the hyperbolic modules of a model."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..layers import (
    CenteredResidual,
    HyperbolicAttention,
    HyperbolicHead,
    HyperbolicMLR2d,
    HyperbolicModule,
    HyperbolicPosEmbed,
    OriginResidual,
    PointResidual,
)

__all__ = ['inputs_of', 'visit_inputs']

Visit = Callable[[str, HyperbolicModule, dict[str, Tensor]], None]


@torch.no_grad()
def visit_inputs(model: nn.Module, images: Tensor, visit: Visit) -> None:
    """Run `model` once, in eager mode, and call `visit` with the inputs of each hyperbolic module.

    The inputs are the tangent vectors at the origin, `[..., D]` each, that the module clips first, by name: `stream`
    and `branch` of a residual, `tokens` and `embedding` of a positional embedding, `q`, `k` and `v` of an attention
    (`[B, N, heads, D]`), `features` of a head (scaled by it), `input` of any other module.

    Args:
        model: in evaluation mode as a rule. It is not changed, and not run if it has no hyperbolic module.
        images: one batch, `[B, C, H, W]`.
        visit: a function of the module's name, the module, and its inputs.
    """
    handles = []
    for name, module in model.named_modules():
        if not isinstance(module, HyperbolicModule):
            continue

        def before(module: HyperbolicModule, inputs: tuple[Any, ...], name: str = name) -> None:
            visit(name, module, inputs_of(module, inputs))

        def after(_: nn.Module, __: Any, qkv: Tensor, module: Any = module, name: str = name) -> None:
            visit(name, module, _attention_inputs(module, qkv))

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


def inputs_of(module: HyperbolicModule, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Return the tangent vectors that a module other than an attention clips first, by name; see `visit_inputs`.

    Args:
        module: a hyperbolic layer.
        inputs: the arguments of its `forward`.
    """
    if isinstance(module, HyperbolicHead):
        return {'features': inputs[0] * module.feature_scale()}
    if isinstance(module, (CenteredResidual, OriginResidual, PointResidual)):
        return {'stream': inputs[0], 'branch': inputs[1]}
    if isinstance(module, HyperbolicPosEmbed):
        return {'tokens': inputs[0], 'embedding': inputs[1]}
    if isinstance(module, HyperbolicMLR2d):  # pixels as rows
        return {'input': inputs[0].movedim(1, -1)}
    return {'input': inputs[0]}


def _attention_inputs(attention: HyperbolicAttention, qkv: Tensor) -> dict[str, Tensor]:
    """The q, k and v of each head, which the attention clips."""
    q, k, v = qkv.unflatten(-1, (3, attention.num_heads, attention.head_dim)).unbind(-3)
    return {'q': attention.q_norm(q), 'k': attention.k_norm(k), 'v': v}
