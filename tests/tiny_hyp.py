"""Tiny models of every variant."""

from __future__ import annotations

from typing import Any

import timm
import torch
from layer_cases import scramble
from torch import Tensor

import timm_hyperbolic  # noqa: F401  registers the models

__all__ = ['ALL', 'FLAT', 'HYPERBOLIC', 'NAMES', 'PRESETS', 'SIZE', 'TINY', 'create', 'images', 'modules_of', 'moved']

PRESETS = ('head', 'pos', 'res', 'res0', 'resx', 'mlp', 'attn', 'head_pos', 'head_pos_res', 'head_pos_res_mlp', 'all')
HYPERBOLIC = [f'vit_tiny_patch4_hyp_{preset}' for preset in PRESETS]
FLAT = [f'vit_tiny_patch4_flat_{preset}' for preset in PRESETS]
NAMES = ['vit_tiny_patch4_euclid', *HYPERBOLIC, *FLAT]
ALL = 'vit_tiny_patch4_hyp_all'

SIZE = 16
TINY = {'img_size': SIZE, 'embed_dim': 12, 'depth': 2, 'num_heads': 3, 'num_classes': 5, 'num_centroids': 4}


def create(name: str = ALL, **kwargs: Any) -> Any:
    """A tiny model with its starting values, the same each time."""
    torch.manual_seed(0)
    return timm.create_model(name, **TINY | kwargs)


def moved(name: str = ALL, **kwargs: Any) -> Any:
    """A tiny model on which every gate is open."""
    model = create(name, **kwargs)
    return scramble(model, torch.Generator().manual_seed(1), curved='flat' not in name)


def images(batch: int = 2, size: int = SIZE, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(2)).to(dtype)


def modules_of(name: str) -> set[str]:
    """The hyperbolic modules that a name stands for."""
    preset = name.split('_', 4)[-1] if 'euclid' not in name else ''
    return {'head', 'pos', 'res', 'mlp', 'attn'} if preset == 'all' else set(filter(None, preset.split('_')))
