"""The names of tensors in the files that the authors of MERU and of HyCoCLIP published.

Only the names and shapes are here; the weights are licensed by their authors (CC BY-NC 4.0).

Source: the repositories facebookresearch/meru and PalAvik/hycoclip (GitHub).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from timm.models.vision_transformer import VisionTransformer
from timm.models.vision_transformer import checkpoint_filter_fn as vit_filter_fn
from torch import Tensor, nn

__all__ = ['check_heads', 'is_published', 'state_from_published']

# Names in the files as patterns, names here as replacements; other names are the same in both.
_RENAME = [
    (r'textual\.token_embed\.weight', 'text.token_embed.weight'),
    (r'textual\.posit_embed', 'text.pos_embed'),
    (r'textual\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)', r'text.blocks.\1.attn.qkv.\2'),
    (r'textual\.resblocks\.(\d+)\.attn\.out_proj\.(weight|bias)', r'text.blocks.\1.attn.proj.\2'),
    (r'textual\.resblocks\.(\d+)\.ln_([12])\.(weight|bias)', r'text.blocks.\1.norm\2.\3'),
    (r'textual\.resblocks\.(\d+)\.mlp\.c_fc\.(weight|bias)', r'text.blocks.\1.mlp.fc1.\2'),
    (r'textual\.resblocks\.(\d+)\.mlp\.c_proj\.(weight|bias)', r'text.blocks.\1.mlp.fc2.\2'),
    (r'textual\.ln_final\.(weight|bias)', r'text.norm.\1'),
    (r'textual_proj\.weight', 'text_proj.weight'),
    (r'logit_scale', 'space.logit_scale'),
    (r'curv', 'space.log_curvature'),
    (r'visual_alpha', 'space.image_log_scale'),
    (r'textual_alpha', 'space.text_log_scale'),
]
#: The mask of the causal attention, which is computed here.
_IGNORE = 'textual.attn_mask'
_PIXELS = {'pixel_mean': 'mean', 'pixel_std': 'std'}


def is_published(state_dict: Mapping[str, Any]) -> bool:
    """Return whether a checkpoint has the names of the published files.

    Args:
        state_dict: Tensors by name.
    """
    return any(name.startswith('textual.') for name in state_dict)


def check_heads(state_dict: Mapping[str, Tensor], visual: nn.Module) -> None:
    """Refuse to load a published ViT-S into one with timm's number of heads, which no shape shows.

    Args:
        state_dict: A published checkpoint.
        visual: The image model.

    Raises:
        ValueError: the number of heads is not 12.
    """
    width = getattr(state_dict.get('visual.cls_token'), 'shape', (0,))[-1]
    if isinstance(visual, VisionTransformer) and visual.embed_dim == width == 384:
        heads = visual.blocks[0].attn.num_heads
        if heads != 12:
            raise ValueError(
                f'num_heads={heads}: the published ViT-S has 12 heads; make the model by hyp_clip_vit_small, or with '
                'num_heads=12'
            )


def state_from_published(
    state_dict: Mapping[str, Tensor], visual: nn.Module
) -> tuple[dict[str, Tensor], dict[str, tuple[float, ...]]]:
    """Return the tensors by the names of `HypClip`, and the mean and the deviation of the pixels.

    Positional embeddings are resampled to the image size of the model as timm does.

    Args:
        state_dict: A published checkpoint.
        visual: The image model that will load its part.

    Returns:
        The tensors, and `mean` and `std` for timm's `pretrained_cfg` where the file has them.
    """
    state, pixels = {}, {}
    for name, tensor in state_dict.items():
        if name in _PIXELS:
            pixels[_PIXELS[name]] = tuple(tensor.flatten().tolist())
        elif name != _IGNORE:
            state[_renamed(name)] = tensor
    if isinstance(visual, VisionTransformer):
        part = {name.removeprefix('visual.'): t for name, t in state.items() if name.startswith('visual.')}
        if part.keys() == visual.state_dict().keys():
            state |= {f'visual.{name}': t for name, t in vit_filter_fn(part, visual).items()}
    return state, pixels


def _renamed(name: str) -> str:
    for pattern, replacement in _RENAME:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(replacement)
    return name
