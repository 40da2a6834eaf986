"""Hyperbolic Vision Transformers: timm's, with any of its modules swapped for the hyperbolic one.

A variant is a preset of `HyperbolicVisionTransformer(hyperbolic=(...))`, which is timm's `VisionTransformer` where
nothing is swapped. Every keyword of timm's applies.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from timm.data import IMAGENET_INCEPTION_MEAN, IMAGENET_INCEPTION_STD
from timm.layers import LayerNorm, get_device_dtype, resample_abs_pos_embed
from timm.models import generate_default_cfgs, register_model
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from ..layers import Add, Centroids, HyperbolicAttention, HyperbolicHead, HyperbolicMlp, HyperbolicPosEmbed
from .decay import undecayed
from .options import RESIDUALS, HyperbolicOptions
from .pretrained import build_model

__all__ = ['HyperbolicBlock', 'HyperbolicVisionTransformer']

CIFAR100_MEAN = (0.5071, 0.4865, 0.4409)
CIFAR100_STD = (0.2673, 0.2564, 0.2762)

#: Keywords of timm's `Block` that are its attention's, and what they are called there.
_ATTENTION = {
    **{name: name for name in ('qkv_bias', 'qk_norm', 'proj_bias', 'attn_drop', 'proj_drop', 'norm_layer')},
    'scale_attn_norm': 'scale_norm',
}


class HyperbolicBlock(Block):
    """timm's pre-norm block with the residuals, the attention or the MLP hyperbolic.

    Args:
        dim: Features.
        num_heads: Heads of the attention.
        options: Which modules are hyperbolic, and how.
        centroids: The model's centroids, where the attention is hyperbolic; by default it has its own.
        **kwargs: Every keyword of timm's `Block`.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        options: HyperbolicOptions,
        centroids: Centroids | None = None,
        **kwargs: Any,
    ) -> None:
        dd = {'device': kwargs.get('device'), 'dtype': kwargs.get('dtype')}
        if 'mlp' in options:
            kwargs['mlp_layer'] = partial(HyperbolicMlp, **options.layer('mlp'))
        super().__init__(dim, num_heads, **kwargs)
        if 'attn' in options:
            given = {ours: kwargs[theirs] for theirs, ours in _ATTENTION.items() if theirs in kwargs}
            self.attn = HyperbolicAttention(
                dim,
                num_heads=num_heads,
                centroids=centroids,
                num_centroids=options.num_centroids,
                **{'norm_layer': LayerNorm, **given},
                **options.layer('attn'),
                **dd,
            )
        residual = Add
        if options.residual:
            residual = partial(RESIDUALS[options.residual], **options.layer(options.residual), **dd)
        self.residual1, self.residual2 = residual(), residual()

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        y = self.attn(self.norm1(x), attn_mask=attn_mask, is_causal=is_causal)
        x = self.residual1(x, self.drop_path1(self.ls1(y)))
        x = self.residual2(x, self.drop_path2(self.ls2(self.mlp(self.norm2(x)))))
        return x


class HyperbolicVisionTransformer(VisionTransformer):
    """timm's `VisionTransformer` with hyperbolic modules.

    Args:
        hyperbolic: Which modules: any of 'head', 'pos', 'mlp', 'attn' and one of 'res', 'res0', 'resx'.
        curvature: `c >= 0` of every hyperbolic module at the start; 0 makes flat controls.
        learn_curvature: Learn the curvatures; by default where `curvature > 0`.
        margin: The clip: one number in (0, 1), a mapping from module names to numbers, None or 'none' for no clip (use
            'none' in `timm.create_model`, which drops keywords that are None), or 'study', the published margins.
        num_centroids: Centroids of the hyperbolic attention; independent of the number of classes.
        max_norm: For flat controls: the largest norm of vectors in the swapped modules.
        hamp: Mixed precision inside the hyperbolic modules under autocast.
        **kwargs: Every keyword of timm's `VisionTransformer`.

    Raises:
        ValueError: a hyperbolic keyword has an unknown or impossible value.
        TypeError: a keyword is unknown.
    """

    def __init__(
        self,
        *,
        hyperbolic: str | tuple[str, ...] = (),
        curvature: float = 1.0,
        learn_curvature: bool | None = None,
        margin: Any = 'study',
        num_centroids: int = 100,
        max_norm: float | None = None,
        hamp: bool = False,
        embed_dim: int = 768,
        num_heads: int = 12,
        block_fn: type[nn.Module] = Block,
        norm_layer: Any = None,
        weight_init: str = '',
        device=None,
        dtype=None,
        **kwargs: Any,
    ) -> None:
        options = HyperbolicOptions(hyperbolic, curvature, learn_curvature, margin, num_centroids, max_norm, hamp)
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
        self.pos_join = HyperbolicPosEmbed(**options.layer('pos'), **dd) if joins else None
        if 'head' in options and self.num_classes > 0:
            self.head = self._prototype_head(**dd)

    def _prototype_head(self, **dd: Any) -> HyperbolicHead:
        return HyperbolicHead(self.embed_dim, self.num_classes, **self.options.layer('head'), **dd)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the classifier by one for `num_classes`, of the same kind; see timm."""
        super().reset_classifier(num_classes, global_pool)
        if 'head' in self.options and num_classes > 0:
            self.head = self._prototype_head(**get_device_dtype(self)).train(self.training)

    @torch.jit.ignore
    def no_weight_decay(self) -> set[str]:
        """Parameters without weight decay: timm's, and all hyperbolic ones but the weights of linear maps."""
        return set(super().no_weight_decay()) | undecayed(self)

    @torch.jit.ignore
    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Patterns for layer groups: timm's, with the positional join and the shared centroids in the stem."""
        groups = super().group_matcher(coarse)
        groups['stem'] += r'|pos_join|^centroids'
        return groups

    def _pos_embed(self, x: Tensor) -> Tensor:
        if self.pos_join is None:
            return super()._pos_embed(x)
        prefix = [t.expand(x.shape[0], -1, -1) for t in (self.cls_token, self.reg_token) if t is not None]
        pos = self.pos_embed
        if self.dynamic_img_size:
            pos = resample_abs_pos_embed(
                pos,
                new_size=x.shape[1:3],
                old_size=self.patch_embed.grid_size,
                num_prefix_tokens=0 if self.no_embed_class else self.num_prefix_tokens,
            )
            x = x.flatten(1, 2)
        if self.no_embed_class:
            x = torch.cat([*prefix, self.pos_join(x, pos)], dim=1)
        else:
            x = self.pos_join(torch.cat([*prefix, x], dim=1), pos)
        return self.pos_drop(x)


# The published study's models. `all` is head, pos, res, mlp and attn together.
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

# Made for CIFAR-100, as in the study.
_PATCH4 = {
    'num_classes': 100,
    'input_size': (3, 32, 32),
    'crop_pct': 1.0,
    'mean': CIFAR100_MEAN,
    'std': CIFAR100_STD,
}
# Made for ImageNet: timm's models of these names, so that their weights are a start.
_PATCH16_224 = {
    'num_classes': 1000,
    'input_size': (3, 224, 224),
    'crop_pct': 0.9,
    'mean': IMAGENET_INCEPTION_MEAN,
    'std': IMAGENET_INCEPTION_STD,
}
_WIDTHS = {'tiny': (192, 3), 'small': (384, 6), 'base': (768, 12)}

#: Names of sizes, with the model's keywords and what its configuration says.
SIZES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    f'vit_{width}_{name}': ({'embed_dim': dim, 'depth': 12, 'num_heads': heads, **keywords}, cfg)
    for name, keywords, cfg in (
        ('patch4', {'img_size': 32, 'patch_size': 4}, _PATCH4),
        ('patch16_224', {'img_size': 224, 'patch_size': 16, 'norm_layer': LayerNorm}, _PATCH16_224),
    )
    for width, (dim, heads) in _WIDTHS.items()
}


def _variants() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for size in SIZES:
        yield f'{size}_euclid', size, {}
        for preset, modules in PRESETS.items():
            yield f'{size}_hyp_{preset}', size, {'hyperbolic': modules}
            yield f'{size}_flat_{preset}', size, {'hyperbolic': modules, 'curvature': 0.0}


#: Names of models, with the keywords of each.
VARIANTS: dict[str, dict[str, Any]] = {name: {**SIZES[size][0], **modules} for name, size, modules in _variants()}


def _cfg(**kwargs: Any) -> dict[str, Any]:
    return {
        'url': '',
        'pool_size': None,
        'interpolation': 'bicubic',
        'fixed_input_size': True,
        'first_conv': 'patch_embed.proj',
        'classifier': 'head',
        'license': 'mit',
        **kwargs,
    }


default_cfgs = generate_default_cfgs({name: _cfg(**SIZES[size][1]) for name, size, _ in _variants()})


def _register(name: str, defaults: dict[str, Any]) -> None:
    def create(pretrained: bool = False, **kwargs: Any) -> HyperbolicVisionTransformer:
        return build_model(
            HyperbolicVisionTransformer,
            name,
            pretrained,
            defaults,
            feature_cfg={'out_indices': kwargs.pop('out_indices', 3), 'feature_cls': 'getter'},
            **kwargs,
        )

    create.__name__ = create.__qualname__ = name
    modules = defaults.get('hyperbolic')
    kind = 'flat control of ' if defaults.get('curvature') == 0 else 'hyperbolic '
    create.__doc__ = f'ViT with {kind + ", ".join(modules) if modules else "Euclidean modules only"}; see timm.'
    globals()[name] = register_model(create)


for _name, _keywords in VARIANTS.items():
    _register(_name, _keywords)
