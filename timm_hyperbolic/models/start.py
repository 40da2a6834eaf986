"""A checkpoint of a Euclidean ViT as the start of a hyperbolic one of its size."""

from __future__ import annotations

from collections.abc import Mapping

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ..layers import (
    Centroids,
    HyperbolicAttention,
    HyperbolicHead,
    HyperbolicLinear,
    HyperbolicModule,
    HyperbolicPosEmbed,
)
from .carry import carry_head, carry_linear, match_dot_product, new_residual
from .options import HyperbolicOptions

__all__ = ['euclidean_start', 'is_euclidean']


def _hyperbolic_modules(model: nn.Module) -> dict[str, nn.Module]:
    return {name: m for name, m in model.named_modules() if isinstance(m, (HyperbolicModule, Centroids))}


def is_euclidean(weights: Mapping[str, Tensor], model: VisionTransformer) -> bool:
    """Whether a hyperbolic model is given weights of which none is a hyperbolic module's alone."""
    # a model that `hyperbolize` converted has modules that no keyword names, and was started there
    if not isinstance(getattr(model, 'options', None), HyperbolicOptions) or not model.options.hyperbolic:
        return False
    own = {
        f'{prefix}.{name}'
        for prefix, module in _hyperbolic_modules(model).items()
        for name in module.state_dict()
        if isinstance(module, Centroids) or not name.endswith(('weight', 'bias'))
    }
    return own.isdisjoint(weights)


def euclidean_start(weights: Mapping[str, Tensor], model: VisionTransformer, classifier: bool = True) -> dict:
    """The weights, and what the hyperbolic modules have besides, as `hyperbolize(start='carried')` makes it.

    Linear maps and the embedding keep their weights, with centres at the origin; prototypes are made of the linear
    classifier; residuals start near the sum, and attention near dot products. What the weights lack stays missing.

    Args:
        weights: Of a Euclidean ViT, by timm's names.
        model: The hyperbolic model of that size.
        classifier: Make prototypes of the classifier.
    """
    out = dict(weights)
    for name, module in _hyperbolic_modules(model).items():
        if classifier or not isinstance(module, HyperbolicHead):
            out |= {f'{name}.{key}': value for key, value in _start(name, module, weights, model.options).items()}
    return out


def _start(
    name: str, module: nn.Module, weights: Mapping[str, Tensor], options: HyperbolicOptions
) -> Mapping[str, Tensor]:
    """What the module's state is to be, by its own names."""
    if isinstance(module, Centroids):
        return Centroids(*module.weight.shape).state_dict()
    if isinstance(module, HyperbolicPosEmbed):
        return HyperbolicPosEmbed(**options.layer('pos')).state_dict()
    if isinstance(module, HyperbolicAttention):
        # its linear maps and norms are modules of their own
        layer = HyperbolicAttention(module.head_dim * module.num_heads, module.num_heads, **options.layer('attn'))
        match_dot_product(layer)
        return {key: value for key, value in layer.state_dict().items() if key.startswith(('sigma_raw', 'curvature.'))}
    if not isinstance(module, (HyperbolicHead, HyperbolicLinear)):
        return new_residual(options.residual, **options.layer(options.residual)).state_dict()
    if f'{name}.weight' not in weights:
        return {}
    source = _linear(weights[f'{name}.weight'], weights.get(f'{name}.bias'))
    if isinstance(module, HyperbolicHead):
        return carry_head(source, **options.layer('head')).state_dict()
    kind = name.split('.')[-2]  # blocks.0.mlp.fc1, blocks.0.attn.qkv
    return carry_linear(source, module.parts, **options.layer(kind)).state_dict()


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device='meta')
    linear.load_state_dict({'weight': weight} | ({} if bias is None else {'bias': bias}), assign=True)
    return linear
