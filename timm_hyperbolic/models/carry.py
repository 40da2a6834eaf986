"""A hyperbolic layer with the weights of a Euclidean one."""

from __future__ import annotations

from typing import Any

import torch
from timm.layers import Attention, GlobalResponseNormMlp, GluMlp, Linear, Mlp, SwiGLU, get_device_dtype
from torch import nn

from ..geometry import tanhc
from ..layers import (
    Centroids,
    HyperbolicAttention,
    HyperbolicHead,
    HyperbolicLinear,
    HyperbolicModule,
    PointResidual,
    inverse_softplus,
)
from .options import RESIDUALS

__all__ = [
    'MLP_LINEARS',
    'attention_obstacle',
    'carry_attention',
    'carry_head',
    'carry_linear',
    'linear_obstacle',
    'match_dot_product',
    'new_residual',
]

#: The linear layers of timm's MLPs, with the number of maps that each packs.
MLP_LINEARS = {
    Mlp: {'fc1': 1, 'fc2': 1},
    GlobalResponseNormMlp: {'fc1': 1, 'fc2': 1},
    GluMlp: {'fc1': 2, 'fc2': 1},
    SwiGLU: {'fc1_g': 1, 'fc1_x': 1, 'fc2': 1},
}

#: What to do about a linear layer that something else has changed already.
_UNWRAP = (
    '; convert the model before adapters, pruning or quantization, or remove those first (PEFT: merge_and_unload())'
)


def linear_obstacle(source: nn.Module) -> str | None:
    """Why this is no linear layer that can be swapped, None where it is one."""
    if isinstance(source, HyperbolicModule):
        return f'{type(source).__name__} is hyperbolic already'
    if isinstance(source, nn.Conv2d):
        return 'a convolution acts on the channels of a map, and a hyperbolic layer on the last axis'
    if type(source) not in (nn.Linear, Linear):
        remedy = _UNWRAP if 'Linear' in type(source).__name__ else ''
        return f'{torch.typename(source)} is not torch.nn.Linear{remedy}'
    computed = [name for name in ('weight', 'bias') if name not in source._parameters]
    return f'its {" and ".join(computed)} is computed, as by pruning{_UNWRAP}' if computed else None


def carry_linear(source: nn.Linear, parts: int = 1, **hyperbolic: Any) -> HyperbolicLinear:
    """The layer with the same weight and bias, the parameters themselves, and its centres at the origin.

    Args:
        source: The Euclidean layer.
        parts: Maps that it packs.
        **hyperbolic: Keywords of `HyperbolicModule`.
    """
    bias = source.bias is not None
    dd = get_device_dtype(source)
    layer = HyperbolicLinear(source.in_features, source.out_features, bias, parts, **hyperbolic, **dd)
    layer.weight, layer.bias = source.weight, source.bias
    return layer.train(source.training)


def attention_obstacle(source: nn.Module) -> str | None:
    """Why this attention cannot be swapped, None where it can."""
    if type(source) is not Attention:
        if isinstance(source, HyperbolicModule):
            return f'{type(source).__name__} is hyperbolic already'
        return f'{torch.typename(source)} is not timm.layers.Attention; other scores have no swap'
    if source.gate is not None:
        return 'its output is gated'
    if not source.attn_dim == source.qkv.in_features == source.proj.out_features:
        return f'its heads are {source.attn_dim} wide together, the stream {source.qkv.in_features}'
    return linear_obstacle(source.qkv) or linear_obstacle(source.proj)


def carry_attention(source: Attention, centroids: Centroids, **hyperbolic: Any) -> HyperbolicAttention:
    """The attention with the same maps and norms, and the temperature of `match_dot_product`.

    Args:
        source: timm's attention.
        centroids: The model's.
        **hyperbolic: Keywords of `HyperbolicModule`.
    """
    layer = HyperbolicAttention(
        source.qkv.in_features,
        source.num_heads,
        attn_drop=source.attn_drop.p,
        proj_drop=source.proj_drop.p,
        centroids=centroids,
        **hyperbolic,
        **get_device_dtype(source.qkv),
    )
    layer.qkv = carry_linear(source.qkv, 3, **hyperbolic)
    layer.proj = carry_linear(source.proj, **hyperbolic)
    layer.q_norm, layer.k_norm, layer.norm = source.q_norm, source.k_norm, source.norm
    match_dot_product(layer)
    return layer.train(source.training)


def match_dot_product(layer: HyperbolicAttention) -> None:
    """Set the temperature at which a flat score is the dot product's and a term of each key.

    With `σ² = 4√D` it is `-2‖q - k‖²/σ²`, up to what the softmax takes away `⟨q, k⟩/√D - ‖k‖²/(2√D)`.
    """
    nn.init.constant_(layer.sigma_raw, inverse_softplus(2 * layer.head_dim**0.25))


@torch.no_grad()
def carry_head(source: nn.Linear, **hyperbolic: Any) -> HyperbolicHead:
    """The prototypes whose flat logits are `Wx + b`.

    `p_k = exp0(σ²/(4a)·W_k)`, `b_k + d(p_k, 0)²/(2σ²)`, logits relative to the origin. Any `a` and `σ` do; these bring
    features of unit variance to length 1 and prototypes to a root mean square of 1, inside the study's margin at
    curvature 1, where weights of usual length allow.

    Args:
        source: The linear classifier.
        **hyperbolic: Keywords of `HyperbolicModule`.
    """
    dd = get_device_dtype(source)
    layer = HyperbolicHead(source.in_features, source.out_features, **hyperbolic, **dd, relative=True)
    weight = source.weight.to(torch.promote_types(source.weight.dtype, torch.float32))
    scale = source.in_features**-0.5
    length = weight.square().sum(-1).mean().sqrt()
    sigma = (4 * scale / length).sqrt().clamp(0.05, 5)  # within the head's own range
    nn.init.constant_(layer.scale_raw, inverse_softplus(scale))
    layer.sigma_raw.fill_(sigma + (-torch.expm1(-sigma)).log())

    a, sigma = (t.to(weight.dtype) for t in (layer.feature_scale(), layer.sigma()))
    tangent = sigma**2 / (4 * a) * weight
    r2 = tangent.square().sum(-1)
    layer.weight.copy_(tanhc(layer.curvature() * r2).unsqueeze(-1) * tangent)
    offset = 2 * r2 / sigma**2
    layer.bias.copy_(offset if source.bias is None else source.bias + offset)
    layer.weight.requires_grad_(source.weight.requires_grad)
    layer.bias.requires_grad_(source.bias is None or source.bias.requires_grad)
    return layer.train(source.training)


def new_residual(name: str, device: Any = None, dtype: Any = None, **hyperbolic: Any) -> HyperbolicModule:
    """A residual that starts near `x + y`.

    At the origin, that is `γ = 1`, and its flat limit is `x + y` itself. The others start at the midpoint of the two
    points, `(x + y)/2` in the flat limit: the sum but for a factor that a layer norm behind it takes away.

    Args:
        name: Of `RESIDUALS`.
        device: Of the parameters.
        dtype: Of the parameters.
        **hyperbolic: Keywords of `HyperbolicModule`.
    """
    residual = RESIDUALS[name](**hyperbolic, device=device, dtype=dtype)
    residual.set_gate(0.5 if isinstance(residual, PointResidual) else 1.0)
    return residual
