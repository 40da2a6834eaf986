"""Models that join tokens and positional embedding in a module, `pos_join`."""

from __future__ import annotations

import torch
from timm.layers import apply_keep_indices_nlc, resample_abs_pos_embed
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from ..vit_hyp import HyperbolicVisionTransformer

__all__ = ['pos_embed_mixin', 'pos_embed_obstacle']


def _joined(model: nn.Module, x: Tensor, *prefix: Tensor | None) -> Tensor:
    """Patches, `[B, N, D]` or `[B, H, W, D]`, and prefix tokens, joined with the embedding, `[B, P + N, D]`."""
    pos = model.pos_embed
    if model.dynamic_img_size:
        pos = resample_abs_pos_embed(
            pos,
            new_size=x.shape[1:3],
            old_size=model.patch_embed.grid_size,
            num_prefix_tokens=0 if model.no_embed_class else model.num_prefix_tokens,
        )
        x = x.flatten(1, 2)
    tokens = [t.expand(x.shape[0], -1, -1) for t in prefix if t is not None]
    if model.no_embed_class:
        return torch.cat([*tokens, model.pos_join(x, pos)], dim=1)
    return model.pos_join(torch.cat([*tokens, x], dim=1), pos)


class _ViTPosEmbed:
    def _pos_embed(self, x: Tensor) -> Tensor:
        return self.pos_drop(_joined(self, x, self.cls_token, self.reg_token))


class _DistilledPosEmbed:
    def _pos_embed(self, x: Tensor) -> Tensor:
        return self.pos_drop(_joined(self, x, self.cls_token, self.dist_token))


class _EvaPosEmbed:
    def _pos_embed(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        rope = None if self.rope is None else self._rotary(x)
        x = self.pos_drop(_joined(self, x, self.cls_token, self.reg_token))
        if self.patch_drop is None:
            return x, rope
        x, kept = self.patch_drop(x)
        if rope is not None and kept is not None:
            rope = apply_keep_indices_nlc(x, rope, kept)
            rope = rope.transpose(0, 1) if self.rope_mixed else rope.unsqueeze(1)
        return x, rope

    def _rotary(self, x: Tensor) -> Tensor:
        if self.dynamic_img_size:
            return self.rope.get_embed(shape=tuple(x.shape[1:3]))
        if hasattr(self.rope, 'feat_shape'):
            return self.rope.get_embed()
        return self.rope.get_embed(shape=self.patch_embed.grid_size)


# By the method that adds the embedding; our own model has the module already.
_MIXINS = {
    VisionTransformer._pos_embed: _ViTPosEmbed,
    VisionTransformerDistilled._pos_embed: _DistilledPosEmbed,
    Eva._pos_embed: _EvaPosEmbed,
    HyperbolicVisionTransformer._pos_embed: None,
}


def pos_embed_obstacle(model: nn.Module) -> str | None:
    """Why the positional embedding of a model cannot be swapped, None where it can."""
    if getattr(model, 'pos_join', None) is not None:
        return 'it is hyperbolic already'
    if getattr(model, 'pos_embed', None) is None:
        return f'{torch.typename(model)} has no absolute positional embedding'
    if getattr(type(model), '_pos_embed', None) not in _MIXINS:
        return f'where {torch.typename(model)} adds its embedding is not known here'
    return None


def pos_embed_mixin(model: nn.Module) -> type | None:
    """The class with the `_pos_embed` that calls `pos_join`, None where the model's own does."""
    return _MIXINS[type(model)._pos_embed]
