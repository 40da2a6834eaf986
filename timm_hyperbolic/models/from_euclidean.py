"""Hyperbolic layers and models with the weights of Euclidean ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from timm.layers import Attention, GlobalResponseNormMlp, GluMlp, Linear, Mlp, SwiGLU, get_device_dtype
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ..geometry import tanhc
from ..layers import (
    Centroids,
    HyperbolicAttention,
    HyperbolicConfig,
    HyperbolicHead,
    HyperbolicLinear,
    HyperbolicModule,
    HyperbolicPosEmbed,
    PointResidual,
    inverse_softplus,
)
from .options import RESIDUALS, HyperbolicOptions

__all__ = [
    'MLP_LINEARS',
    'attention_from_euclidean',
    'attention_obstacle',
    'head_from_euclidean',
    'is_euclidean',
    'linear_from_euclidean',
    'linear_obstacle',
    'residual_near_sum',
    'set_dot_product_temperature',
    'state_from_euclidean',
]

#: The linear layers of timm's MLPs, with the number of maps that each packs.
MLP_LINEARS: dict[type[nn.Module], dict[str, int]] = {
    Mlp: {'fc1': 1, 'fc2': 1},
    GlobalResponseNormMlp: {'fc1': 1, 'fc2': 1},
    GluMlp: {'fc1': 2, 'fc2': 1},
    SwiGLU: {'fc1_g': 1, 'fc1_x': 1, 'fc2': 1},
}

#: The remedy for a linear layer that an adapter, pruning or quantization has replaced.
_UNWRAP = (
    '; convert the model before adapters, pruning or quantization, or remove those first (PEFT: merge_and_unload())'
)


def linear_obstacle(source: nn.Module) -> str | None:
    """Return the reason why a module is no linear layer that can be replaced, or None where it is one.

    Args:
        source: The module in the place of a linear layer.
    """
    if isinstance(source, HyperbolicModule):
        return f'{type(source).__name__} is hyperbolic already'
    if isinstance(source, nn.Conv2d):
        return 'a convolution acts on the channels of a map, and a hyperbolic layer on the last axis'
    if type(source) not in (nn.Linear, Linear):
        remedy = _UNWRAP if 'Linear' in type(source).__name__ else ''
        return f'{torch.typename(source)} is not torch.nn.Linear{remedy}'
    computed = [name for name in ('weight', 'bias') if name not in source._parameters]
    return f'its {" and ".join(computed)} is computed, as by pruning{_UNWRAP}' if computed else None


def attention_obstacle(source: nn.Module) -> str | None:
    """Return the reason why an attention cannot be replaced, or None where it can.

    Args:
        source: The module in the place of timm's attention.
    """
    if type(source) is not Attention:
        if isinstance(source, HyperbolicModule):
            return f'{type(source).__name__} is hyperbolic already'
        return f'{torch.typename(source)} is not timm.layers.Attention; other scores have no swap'
    if source.gate is not None:
        return 'its output is gated'
    if not source.attn_dim == source.qkv.in_features == source.proj.out_features:
        return f'its heads are {source.attn_dim} wide together, the stream {source.qkv.in_features}'
    return linear_obstacle(source.qkv) or linear_obstacle(source.proj)


def linear_from_euclidean(source: nn.Linear, config: HyperbolicConfig, parts: int = 1) -> HyperbolicLinear:
    """Return a hyperbolic layer with the weight and bias of a linear one, as the same parameters.

    Its centres are at the origin, so that the flat limit is the linear layer.

    Args:
        source: The Euclidean layer.
        config: The hyperbolic keywords.
        parts: Number of maps that the layer packs.
    """
    bias = source.bias is not None
    dd = get_device_dtype(source)
    layer = HyperbolicLinear(source.in_features, source.out_features, bias, parts, config, **dd)
    layer.weight, layer.bias = source.weight, source.bias
    return layer.train(source.training)


def attention_from_euclidean(source: Attention, centroids: Centroids, config: HyperbolicConfig) -> HyperbolicAttention:
    """Return a hyperbolic attention with the linear maps and norms of timm's, as the same parameters.

    Its temperature is that of `set_dot_product_temperature`.

    Args:
        source: timm's attention.
        centroids: The model's centroids.
        config: The hyperbolic keywords.
    """
    layer = HyperbolicAttention(
        source.qkv.in_features,
        source.num_heads,
        attn_drop=source.attn_drop.p,
        proj_drop=source.proj_drop.p,
        centroids=centroids,
        config=config,
        **get_device_dtype(source.qkv),
    )
    layer.qkv = linear_from_euclidean(source.qkv, config, parts=3)
    layer.proj = linear_from_euclidean(source.proj, config)
    layer.q_norm, layer.k_norm, layer.norm = source.q_norm, source.k_norm, source.norm
    set_dot_product_temperature(layer)
    return layer.train(source.training)


def set_dot_product_temperature(layer: HyperbolicAttention) -> None:
    """Set the temperature at which the flat score of a query and a key contains their dot product.

    With `σ² = 4√D` the flat score `-2‖q - k‖²/σ²` is `⟨q, k⟩/√D - ‖k‖²/(2√D)`, up to a term of the query alone, which
    the softmax removes.

    Args:
        layer: The attention, of `D` features for each head.
    """
    nn.init.constant_(layer.sigma_raw, inverse_softplus(2 * layer.head_dim**0.25))


@torch.no_grad()
def head_from_euclidean(source: nn.Linear, config: HyperbolicConfig) -> HyperbolicHead:
    """Return a hyperbolic head whose flat logits are those of a linear classifier, `Wx + b`.

    `p_k = exp0(σ²/(4a)·W_k)`, `b_k + d(p_k, 0)²/(2σ²)`, with logits relative to the origin. This holds for any `a` and
    `σ`. Here they are chosen so that features of unit variance have length 1 and prototypes a root mean square of 1,
    which is inside the study's margin at curvature 1, as far as the length of the weights allows.

    Args:
        source: The linear classifier.
        config: The hyperbolic keywords.
    """
    dd = get_device_dtype(source)
    layer = HyperbolicHead(source.in_features, source.out_features, config, **dd, relative=True)
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


def residual_near_sum(
    name: str,
    config: HyperbolicConfig,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> HyperbolicModule:
    """Return a residual that starts near the Euclidean one, `x + y`.

    The residual at the origin starts at `γ = 1`, where its flat limit is `x + y`. The others start at the midpoint of
    the two points, in the flat limit `(x + y)/2`: a layer norm after it removes the factor.

    Args:
        name: A name of `RESIDUALS`.
        config: The hyperbolic keywords.
        device: Of the parameters.
        dtype: Of the parameters.
    """
    residual = RESIDUALS[name](config, device=device, dtype=dtype)
    residual.set_gate(0.5 if isinstance(residual, PointResidual) else 1.0)
    return residual


def _hyperbolic_modules(model: nn.Module) -> dict[str, nn.Module]:
    return {name: m for name, m in model.named_modules() if isinstance(m, (HyperbolicModule, Centroids))}


def is_euclidean(weights: Mapping[str, Tensor], model: VisionTransformer) -> bool:
    """Return whether weights lack everything that a hyperbolic model has besides a Euclidean one.

    Args:
        weights: Tensors by name.
        model: The model that is to load them. For a model that `hyperbolize` converted the answer is False, since the
            conversion has made its hyperbolic modules from Euclidean weights already.
    """
    if not isinstance(getattr(model, 'options', None), HyperbolicOptions) or not model.options.hyperbolic:
        return False
    own = {
        f'{prefix}.{name}'
        for prefix, module in _hyperbolic_modules(model).items()
        for name in module.state_dict()
        if isinstance(module, Centroids) or not name.endswith(('weight', 'bias'))
    }
    return own.isdisjoint(weights)


def state_from_euclidean(
    weights: Mapping[str, Tensor], model: VisionTransformer, classifier: bool = True
) -> dict[str, Tensor]:
    """Return the state of a hyperbolic model from Euclidean weights, as `hyperbolize(start='carried')` makes it.

    Linear maps and the embedding keep their weights, with centres at the origin. Prototypes are made from the linear
    classifier, residuals start near the sum, and attention starts near dot products. What the weights lack stays
    missing.

    Args:
        weights: Those of a Euclidean ViT, by timm's names.
        model: The hyperbolic model of the same size.
        classifier: Whether to make prototypes from the classifier.
    """
    out = dict(weights)
    for name, module in _hyperbolic_modules(model).items():
        if classifier or not isinstance(module, HyperbolicHead):
            state = _module_state(name, module, weights, model.options)
            out |= {f'{name}.{key}': value for key, value in state.items()}
    return out


def _module_state(
    name: str, module: nn.Module, weights: Mapping[str, Tensor], options: HyperbolicOptions
) -> Mapping[str, Tensor]:
    if isinstance(module, Centroids):
        return Centroids(*module.weight.shape).state_dict()
    if isinstance(module, HyperbolicPosEmbed):
        return HyperbolicPosEmbed(options.layer('pos')).state_dict()
    if isinstance(module, HyperbolicAttention):
        # its linear maps and norms are modules of their own
        layer = HyperbolicAttention(module.head_dim * module.num_heads, module.num_heads, config=options.layer('attn'))
        set_dot_product_temperature(layer)
        return {key: value for key, value in layer.state_dict().items() if key.startswith(('sigma_raw', 'curvature.'))}
    if not isinstance(module, (HyperbolicHead, HyperbolicLinear)):
        return residual_near_sum(options.residual, options.layer(options.residual)).state_dict()
    if f'{name}.weight' not in weights:
        return {}
    source = _linear(weights[f'{name}.weight'], weights.get(f'{name}.bias'))
    if isinstance(module, HyperbolicHead):
        return head_from_euclidean(source, options.layer('head')).state_dict()
    kind = name.split('.')[-2]  # blocks.0.mlp.fc1, blocks.0.attn.qkv
    return linear_from_euclidean(source, options.layer(kind), module.parts).state_dict()


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device='meta')
    linear.load_state_dict({'weight': weight} | ({} if bias is None else {'bias': bias}), assign=True)
    return linear
