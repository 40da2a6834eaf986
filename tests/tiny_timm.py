"""Tiny timm models of every family that `hyperbolize` knows, with weights on which every branch matters."""

from __future__ import annotations

from typing import Any

import timm
import torch
from timm.models.vision_transformer import DiffParallelScalingBlock, ParallelScalingBlock, ResPostBlock
from torch import Tensor, nn

__all__ = ['CLASSES', 'SWAPS', 'images', 'tiny']

SIZE, CLASSES = 32, 7
_VIT = {'img_size': SIZE, 'patch_size': 8, 'embed_dim': 24, 'depth': 2, 'num_heads': 3}
_SWIN = {'img_size': SIZE, 'patch_size': 2, 'embed_dim': 12, 'depths': (2, 1), 'num_heads': (2, 2), 'window_size': 4}

#: timm's name and keywords of each.
_MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    'vit': ('vit_tiny_patch16_224', _VIT),
    'vit-dynamic': ('vit_tiny_patch16_224', _VIT | {'dynamic_img_size': True, 'no_embed_class': True}),
    'vit-postnorm': ('vit_tiny_patch16_224', _VIT | {'block_fn': ResPostBlock}),
    'vit-parallel': ('vit_small_patch16_18x2_224', _VIT | {'init_values': 0.5}),
    'vit-fused': ('vit_tiny_patch16_224', _VIT | {'block_fn': ParallelScalingBlock}),
    'vit-fused-diff': ('vit_tiny_patch16_224', _VIT | {'block_fn': DiffParallelScalingBlock, 'num_heads': 2}),
    'vit-rmsnorm': ('vit_tiny_patch16_224', _VIT | {'qk_norm': True, 'norm_layer': 'rmsnorm'}),
    'deit-distilled': ('deit_tiny_distilled_patch16_224', _VIT),
    'dinov2': ('vit_small_patch14_reg4_dinov2', _VIT),
    'dinov2-giant': ('vit_giant_patch14_dinov2', _VIT),
    'dinov3': ('vit_small_patch16_dinov3', _VIT),
    'eva02': ('eva02_tiny_patch14_224', _VIT),
    'eva02-dynamic': ('eva02_base_patch14_224', _VIT | {'dynamic_img_size': True, 'patch_drop_rate': 0.5}),
    'eva-postnorm': ('eva_giant_patch14_224', _VIT | {'use_post_norm': True}),
    'beit': ('beitv2_base_patch16_224', _VIT),
    'beit-absolute': ('beitv2_base_patch16_224', _VIT | {'use_abs_pos_emb': True, 'init_values': None}),
    'relpos': ('vit_relpos_small_patch16_224', _VIT),
    'relpos-postnorm': ('vit_relpos_base_patch16_rpn_224', _VIT),
    'swin': ('swin_tiny_patch4_window7_224', _SWIN),
    'swinv2': ('swinv2_tiny_window8_256', _SWIN),
    'convnext': ('test_convnext', {}),
    'convnextv2': ('test_convnext2', {'use_grn': True}),
    'convnext-conv': ('test_convnext', {'conv_mlp': True}),
    'resnet': ('test_resnet', {}),
    'efficientnet': ('test_efficientnet', {}),
    'ours': ('vit_tiny_patch4_euclid', _VIT),
}

#: What can be swapped in each so that the function stays at curvature 0.
SWAPS = {
    **dict.fromkeys(
        [
            'vit',
            'vit-dynamic',
            'vit-postnorm',
            'vit-parallel',
            'vit-rmsnorm',
            'deit-distilled',
            'dinov2',
            'dinov2-giant',
        ],
        ('head', 'pos', 'res0', 'mlp'),
    ),
    **dict.fromkeys(['eva02', 'eva02-dynamic', 'eva-postnorm', 'ours'], ('head', 'pos', 'res0', 'mlp')),
    **dict.fromkeys(['dinov3', 'beit', 'relpos', 'relpos-postnorm', 'swin', 'swinv2'], ('head', 'res0', 'mlp')),
    **dict.fromkeys(['vit-fused', 'vit-fused-diff'], ('head', 'pos')),
    **dict.fromkeys(['convnext', 'convnextv2'], ('head', 'mlp')),
    **dict.fromkeys(['convnext-conv', 'resnet', 'efficientnet'], ('head',)),
}


def images(batch: int = 2, size: int = SIZE) -> Tensor:
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def tiny(name: str, num_classes: int = CLASSES, **kwargs: Any) -> nn.Module:
    """The model in evaluation mode, with the same weights each time; a layer scale is no longer almost zero."""
    torch.manual_seed(0)
    timm_name, defaults = _MODELS[name]
    model = timm.create_model(timm_name, num_classes=num_classes, **defaults | kwargs)
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter[0].numel() ** -0.5)
        else:
            parameter.add_(0.5 * torch.rand(parameter.shape, generator=generator))
    return model.eval()
