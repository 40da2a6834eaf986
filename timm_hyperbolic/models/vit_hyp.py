"""Hyperbolic Vision Transformers: timm's `VisionTransformer`, any of whose modules can be hyperbolic.

A variant is a preset of `HyperbolicVisionTransformer(hyperbolic=(...))`. Without hyperbolic modules that is timm's
`VisionTransformer`, and every keyword of timm's applies.

Source: Fede2717, "hyperbolic-vit-cifar100" (GitHub, 2025), whose variants have these names here.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import torch
from timm.data import IMAGENET_INCEPTION_MEAN, IMAGENET_INCEPTION_STD
from timm.layers import LayerNorm
from timm.models import generate_default_cfgs, register_model
from timm.models.vision_transformer import Block, VisionTransformer
from torch import nn

from ..layers import Centroids, HyperbolicConfig, HyperbolicPosEmbed
from .blocks import HyperbolicBlock
from .hyperbolic_model import HyperbolicModel, StemGroups, ViTPosEmbed, new_head, set_classifiers
from .options import HyperbolicOptions
from .pretrained import build_model

__all__ = ['HyperbolicVisionTransformer']

CIFAR100_MEAN = (0.5071, 0.4865, 0.4409)
CIFAR100_STD = (0.2673, 0.2564, 0.2762)


class HyperbolicVisionTransformer(HyperbolicModel, StemGroups, ViTPosEmbed, VisionTransformer):
    """timm's `VisionTransformer` with hyperbolic modules.

    `hyperbolize` turns a `VisionTransformer` into one as well.

    Args:
        hyperbolic: Which modules are hyperbolic: any of 'head', 'pos', 'mlp', 'attn' and one of 'res', 'res0', 'resx'.
        num_centroids: Number of centroids of the hyperbolic attention, independent of the number of classes.
        gate: The gate `γ` of the hyperbolic residuals at the start of training: 0, as in the published study, makes a
            block the identity; 1 makes a residual at the origin ('res0') timm's own sum in the flat limit.
        embed_dim: As in timm.
        num_heads: As in timm.
        block_fn: As in timm; with hyperbolic blocks only timm's `Block`.
        norm_layer: As in timm, but with `eps=1e-5` by default.
        weight_init: As in timm.
        device: Of the parameters.
        dtype: Of the parameters.
        **kwargs: The fields of `HyperbolicConfig` (`curvature`, `learn_curvature`, `margin`, `max_norm`, `hamp`), and
            every keyword of timm's `VisionTransformer`. `timm.create_model` drops keywords that are None: through it,
            write `margin='none'` for no clip.

    Raises:
        ValueError: a hyperbolic keyword has an unknown or impossible value.
        TypeError: a keyword is unknown.
    """

    #: The hyperbolic modules that the model was made with; none for a converted `VisionTransformer`.
    options = HyperbolicOptions()

    def __init__(
        self,
        *,
        hyperbolic: str | tuple[str, ...] = (),
        num_centroids: int = 100,
        gate: float = 0.0,
        embed_dim: int = 768,
        num_heads: int = 12,
        block_fn: type[nn.Module] = Block,
        norm_layer: Any = None,
        weight_init: str = '',
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **kwargs: Any,
    ) -> None:
        options = HyperbolicOptions(hyperbolic, num_centroids, gate, HyperbolicConfig.pop_from(kwargs))
        dd = {'device': device, 'dtype': dtype}
        centroids = None
        if embed_dim % num_heads:
            raise ValueError(f'embed_dim={embed_dim} is not divisible by num_heads={num_heads}')
        if 'attn' in options:
            centroids = Centroids(num_heads, options.num_centroids, embed_dim // num_heads, **dd)
        if options.residual or 'mlp' in options or 'attn' in options:
            if block_fn is not Block:
                raise ValueError(
                    f'block_fn={block_fn.__name__} cannot take hyperbolic modules: hyperbolic={options.hyperbolic} '
                    'needs the standard pre-norm block'
                )
            block_fn = partial(HyperbolicBlock, options=options, centroids=centroids)
        super().__init__(
            embed_dim=embed_dim,
            num_heads=num_heads,
            block_fn=block_fn,
            norm_layer=norm_layer or partial(LayerNorm, eps=1e-5),
            weight_init=weight_init,
            **dd,
            **kwargs,
        )
        self.options = options
        self.centroids = centroids
        joins = 'pos' in options and self.pos_embed is not None
        self.pos_join = HyperbolicPosEmbed(options.layer('pos'), **dd) if joins else None
        if 'head' in options:
            self.make_head = partial(new_head, config=options.layer('head'))
            set_classifiers(self)


#: The published study's variants, by the end of their names, with their hyperbolic modules.
PRESETS = {
    'head': ('head',),
    'pos': ('pos',),
    'res': ('res',),
    'res0': ('res0',),
    'resx': ('resx',),
    'mlp': ('mlp',),
    'attn': ('attn',),
    'head_pos': ('head', 'pos'),
    'head_pos_res': ('head', 'pos', 'res'),
    'head_pos_res_mlp': ('head', 'pos', 'res', 'mlp'),
    'all': ('head', 'pos', 'res', 'mlp', 'attn'),
}

# 32 pixels and 100 classes: made for CIFAR-100, as in the study.
_PATCH4: dict[str, Any] = {'img_size': 32, 'patch_size': 4, 'depth': 12}
# timm's models of these names, so that their weights can be a start.
_PATCH16_224: dict[str, Any] = {'img_size': 224, 'patch_size': 16, 'depth': 12, 'norm_layer': LayerNorm}

#: The keywords of every size, by the beginning of its name.
SIZES: dict[str, dict[str, Any]] = {
    'vit_tiny_patch4': {**_PATCH4, 'embed_dim': 192, 'num_heads': 3},
    'vit_small_patch4': {**_PATCH4, 'embed_dim': 384, 'num_heads': 6},
    'vit_base_patch4': {**_PATCH4, 'embed_dim': 768, 'num_heads': 12},
    'vit_tiny_patch16_224': {**_PATCH16_224, 'embed_dim': 192, 'num_heads': 3},
    'vit_small_patch16_224': {**_PATCH16_224, 'embed_dim': 384, 'num_heads': 6},
    'vit_base_patch16_224': {**_PATCH16_224, 'embed_dim': 768, 'num_heads': 12},
}


def _variants(size: str) -> dict[str, dict[str, Any]]:
    variants = {f'{size}_euclid': SIZES[size]}
    for preset, modules in PRESETS.items():
        variants[f'{size}_hyp_{preset}'] = {**SIZES[size], 'hyperbolic': modules}
        variants[f'{size}_flat_{preset}'] = {**SIZES[size], 'hyperbolic': modules, 'curvature': 0.0}
    return variants


#: Names of models, with the keywords of each.
VARIANTS: dict[str, dict[str, Any]] = {name: args for size in SIZES for name, args in _variants(size).items()}


def _cfg(img_size: int) -> dict[str, Any]:
    small = img_size == 32
    return {
        'url': '',
        'num_classes': 100 if small else 1000,
        'input_size': (3, img_size, img_size),
        'pool_size': None,
        'crop_pct': 1.0 if small else 0.9,
        'interpolation': 'bicubic',
        'fixed_input_size': True,
        'mean': CIFAR100_MEAN if small else IMAGENET_INCEPTION_MEAN,
        'std': CIFAR100_STD if small else IMAGENET_INCEPTION_STD,
        'first_conv': 'patch_embed.proj',
        'classifier': 'head',
        'license': 'mit',
    }


default_cfgs = generate_default_cfgs({name: _cfg(args['img_size']) for name, args in VARIANTS.items()})


def _create(variant: str, pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    return build_model(
        HyperbolicVisionTransformer,
        variant,
        pretrained,
        VARIANTS[variant],
        feature_cfg={'out_indices': kwargs.pop('out_indices', 3), 'feature_cls': 'getter'},
        **kwargs,
    )


@register_model
def vit_tiny_patch4_euclid(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny without hyperbolic modules: the baseline of the study."""
    return _create('vit_tiny_patch4_euclid', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_head(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with the prototype head."""
    return _create('vit_tiny_patch4_hyp_head', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_pos(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with the hyperbolic positional embedding."""
    return _create('vit_tiny_patch4_hyp_pos', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_res(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with the centred residual."""
    return _create('vit_tiny_patch4_hyp_res', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_res0(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with the residual at the origin."""
    return _create('vit_tiny_patch4_hyp_res0', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_resx(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with the residual at x."""
    return _create('vit_tiny_patch4_hyp_resx', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_mlp(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with the hyperbolic MLP."""
    return _create('vit_tiny_patch4_hyp_mlp', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_attn(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with the hyperbolic attention."""
    return _create('vit_tiny_patch4_hyp_attn', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_head_pos(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with prototype head and hyperbolic positional embedding."""
    return _create('vit_tiny_patch4_hyp_head_pos', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_head_pos_res(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with prototype head, hyperbolic positional embedding and centred residual."""
    return _create('vit_tiny_patch4_hyp_head_pos_res', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_head_pos_res_mlp(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with prototype head, hyperbolic positional embedding, centred residual and MLP."""
    return _create('vit_tiny_patch4_hyp_head_pos_res_mlp', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_hyp_all(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """ViT-Tiny with all modules hyperbolic: head, positional embedding, centred residual, MLP and attention."""
    return _create('vit_tiny_patch4_hyp_all', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_head(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_head`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_head', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_pos(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_pos`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_pos', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_res(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_res`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_res', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_res0(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_res0`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_res0', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_resx(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_resx`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_resx', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_mlp(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_mlp`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_mlp', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_attn(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_attn`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_attn', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_head_pos(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_head_pos`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_head_pos', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_head_pos_res(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_head_pos_res`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_head_pos_res', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_head_pos_res_mlp(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_head_pos_res_mlp`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_head_pos_res_mlp', pretrained, **kwargs)


@register_model
def vit_tiny_patch4_flat_all(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
    """The flat control of `vit_tiny_patch4_hyp_all`: the same modules at curvature 0."""
    return _create('vit_tiny_patch4_flat_all', pretrained, **kwargs)


def _register(name: str) -> None:
    def create(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
        return _create(name, pretrained, **kwargs)

    create.__name__ = create.__qualname__ = name
    create.__doc__ = f'`{re.sub("vit_.*_(?=euclid|hyp|flat)", "vit_tiny_patch4_", name)}` in another size.'
    globals()[name] = register_model(create)


# The same variants in other sizes.
_OTHER_SIZES = """
    vit_small_patch4_euclid vit_small_patch4_hyp_head vit_small_patch4_hyp_pos vit_small_patch4_hyp_res
    vit_small_patch4_hyp_res0 vit_small_patch4_hyp_resx vit_small_patch4_hyp_mlp vit_small_patch4_hyp_attn
    vit_small_patch4_hyp_head_pos vit_small_patch4_hyp_head_pos_res vit_small_patch4_hyp_head_pos_res_mlp
    vit_small_patch4_hyp_all vit_small_patch4_flat_head vit_small_patch4_flat_pos vit_small_patch4_flat_res
    vit_small_patch4_flat_res0 vit_small_patch4_flat_resx vit_small_patch4_flat_mlp vit_small_patch4_flat_attn
    vit_small_patch4_flat_head_pos vit_small_patch4_flat_head_pos_res vit_small_patch4_flat_head_pos_res_mlp
    vit_small_patch4_flat_all
    vit_base_patch4_euclid vit_base_patch4_hyp_head vit_base_patch4_hyp_pos vit_base_patch4_hyp_res
    vit_base_patch4_hyp_res0 vit_base_patch4_hyp_resx vit_base_patch4_hyp_mlp vit_base_patch4_hyp_attn
    vit_base_patch4_hyp_head_pos vit_base_patch4_hyp_head_pos_res vit_base_patch4_hyp_head_pos_res_mlp
    vit_base_patch4_hyp_all vit_base_patch4_flat_head vit_base_patch4_flat_pos vit_base_patch4_flat_res
    vit_base_patch4_flat_res0 vit_base_patch4_flat_resx vit_base_patch4_flat_mlp vit_base_patch4_flat_attn
    vit_base_patch4_flat_head_pos vit_base_patch4_flat_head_pos_res vit_base_patch4_flat_head_pos_res_mlp
    vit_base_patch4_flat_all
    vit_tiny_patch16_224_euclid vit_tiny_patch16_224_hyp_head vit_tiny_patch16_224_hyp_pos
    vit_tiny_patch16_224_hyp_res vit_tiny_patch16_224_hyp_res0 vit_tiny_patch16_224_hyp_resx
    vit_tiny_patch16_224_hyp_mlp vit_tiny_patch16_224_hyp_attn vit_tiny_patch16_224_hyp_head_pos
    vit_tiny_patch16_224_hyp_head_pos_res vit_tiny_patch16_224_hyp_head_pos_res_mlp vit_tiny_patch16_224_hyp_all
    vit_tiny_patch16_224_flat_head vit_tiny_patch16_224_flat_pos vit_tiny_patch16_224_flat_res
    vit_tiny_patch16_224_flat_res0 vit_tiny_patch16_224_flat_resx vit_tiny_patch16_224_flat_mlp
    vit_tiny_patch16_224_flat_attn vit_tiny_patch16_224_flat_head_pos vit_tiny_patch16_224_flat_head_pos_res
    vit_tiny_patch16_224_flat_head_pos_res_mlp vit_tiny_patch16_224_flat_all
    vit_small_patch16_224_euclid vit_small_patch16_224_hyp_head vit_small_patch16_224_hyp_pos
    vit_small_patch16_224_hyp_res vit_small_patch16_224_hyp_res0 vit_small_patch16_224_hyp_resx
    vit_small_patch16_224_hyp_mlp vit_small_patch16_224_hyp_attn vit_small_patch16_224_hyp_head_pos
    vit_small_patch16_224_hyp_head_pos_res vit_small_patch16_224_hyp_head_pos_res_mlp vit_small_patch16_224_hyp_all
    vit_small_patch16_224_flat_head vit_small_patch16_224_flat_pos vit_small_patch16_224_flat_res
    vit_small_patch16_224_flat_res0 vit_small_patch16_224_flat_resx vit_small_patch16_224_flat_mlp
    vit_small_patch16_224_flat_attn vit_small_patch16_224_flat_head_pos vit_small_patch16_224_flat_head_pos_res
    vit_small_patch16_224_flat_head_pos_res_mlp vit_small_patch16_224_flat_all
    vit_base_patch16_224_euclid vit_base_patch16_224_hyp_head vit_base_patch16_224_hyp_pos
    vit_base_patch16_224_hyp_res vit_base_patch16_224_hyp_res0 vit_base_patch16_224_hyp_resx
    vit_base_patch16_224_hyp_mlp vit_base_patch16_224_hyp_attn vit_base_patch16_224_hyp_head_pos
    vit_base_patch16_224_hyp_head_pos_res vit_base_patch16_224_hyp_head_pos_res_mlp vit_base_patch16_224_hyp_all
    vit_base_patch16_224_flat_head vit_base_patch16_224_flat_pos vit_base_patch16_224_flat_res
    vit_base_patch16_224_flat_res0 vit_base_patch16_224_flat_resx vit_base_patch16_224_flat_mlp
    vit_base_patch16_224_flat_attn vit_base_patch16_224_flat_head_pos vit_base_patch16_224_flat_head_pos_res
    vit_base_patch16_224_flat_head_pos_res_mlp vit_base_patch16_224_flat_all
"""
for _name in _OTHER_SIZES.split():
    _register(_name)
