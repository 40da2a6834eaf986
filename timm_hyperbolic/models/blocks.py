"""timm's blocks with their residual connections as modules, `residual1` and `residual2`.

Each class has the modules of timm's block, and calls `residual1` and `residual2` where timm adds. `hyperbolize` changes
only the class of a block, so that the names of its parameters stay.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import torch
from timm.layers import LayerNorm
from timm.models import beit, eva, swin_transformer, swin_transformer_v2, vision_transformer, vision_transformer_relpos
from timm.models.convnext import ConvNeXtBlock
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from ..layers import Add, Centroids, HyperbolicAttention, HyperbolicMlp
from .options import RESIDUALS, HyperbolicOptions

__all__ = ['RESIDUAL_BLOCKS', 'HyperbolicBlock', 'blocks_of', 'residual_obstacle']

#: Keywords of timm's `Block` that it passes to its attention, with their names there.
_ATTENTION = {
    **{name: name for name in ('qkv_bias', 'qk_norm', 'proj_bias', 'attn_drop', 'proj_drop', 'norm_layer')},
    'scale_attn_norm': 'scale_norm',
}


class HyperbolicBlock(Block):
    """timm's pre-norm block, of which the residuals, the attention or the MLP can be hyperbolic.

    Args:
        dim: Number of features.
        num_heads: Number of heads of the attention.
        options: Which modules are hyperbolic, and their configuration.
        centroids: The model's centroids; a hyperbolic attention without them has its own.
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
            kwargs['mlp_layer'] = partial(HyperbolicMlp, config=options.layer('mlp'))
        super().__init__(dim, num_heads, **kwargs)
        if 'attn' in options:
            given = {ours: kwargs[theirs] for theirs, ours in _ATTENTION.items() if theirs in kwargs}
            self.attn = HyperbolicAttention(
                dim,
                num_heads=num_heads,
                centroids=centroids,
                num_centroids=options.num_centroids,
                config=options.layer('attn'),
                **{'norm_layer': LayerNorm, **given},
                **dd,
            )
        residual = Add
        if options.residual:
            residual = partial(RESIDUALS[options.residual], options.layer(options.residual), gate=options.gate, **dd)
        self.residual1, self.residual2 = residual(), residual()

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        """Return the tokens after both branches, `[B, N, D]`; the arguments are those of timm's `Block`."""
        y = self.attn(self.norm1(x), attn_mask=attn_mask, is_causal=is_causal)
        x = self.residual1(x, self.drop_path1(self.ls1(y)))
        return self.residual2(x, self.drop_path2(self.ls2(self.mlp(self.norm2(x)))))


class HyperbolicResPostBlock(vision_transformer.ResPostBlock):
    """timm's `ResPostBlock`: norms after the branches."""

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        y = self.norm1(self.attn(x, attn_mask=attn_mask, is_causal=is_causal))
        x = self.residual1(x, self.drop_path1(y))
        return self.residual2(x, self.drop_path2(self.norm2(self.mlp(x))))


class HyperbolicParallelThingsBlock(vision_transformer.ParallelThingsBlock):
    """timm's `ParallelThingsBlock`: the sum of several attentions, then the sum of several MLPs."""

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        y = [
            branch.drop_path(branch.ls(branch.attn(branch.norm(x), attn_mask=attn_mask, is_causal=is_causal)))
            for branch in self.attns
        ]
        x = self.residual1(x, torch.stack(y).sum(dim=0))
        return self.residual2(x, torch.stack([branch(x) for branch in self.ffns]).sum(dim=0))


class HyperbolicBeitBlock(beit.Block):
    """BEiT's block: layer scales `gamma_1` and `gamma_2`, which may be None."""

    def forward(self, x: Tensor, shared_rel_pos_bias: Tensor | None = None) -> Tensor:
        y = self.attn(self.norm1(x), shared_rel_pos_bias=shared_rel_pos_bias)
        x = self.residual1(x, self.drop_path1(_scaled(self.gamma_1, y)))
        return self.residual2(x, self.drop_path2(_scaled(self.gamma_2, self.mlp(self.norm2(x)))))


class HyperbolicEvaBlock(eva.EvaBlock):
    """EVA's block: layer scales as in BEiT, and rotary embeddings."""

    def forward(
        self, x: Tensor, rope: Tensor | None = None, attn_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        y = self.attn(self.norm1(x), rope=rope, attn_mask=attn_mask, is_causal=is_causal)
        x = self.residual1(x, self.drop_path1(_scaled(self.gamma_1, y)))
        return self.residual2(x, self.drop_path2(_scaled(self.gamma_2, self.mlp(self.norm2(x)))))


class HyperbolicEvaBlockPostNorm(eva.EvaBlockPostNorm):
    """EVA's block with norms after the branches, and rotary embeddings."""

    def forward(
        self, x: Tensor, rope: Tensor | None = None, attn_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        y = self.norm1(self.attn(x, rope=rope, attn_mask=attn_mask, is_causal=is_causal))
        x = self.residual1(x, self.drop_path1(y))
        return self.residual2(x, self.drop_path2(self.norm2(self.mlp(x))))


class HyperbolicRelPosBlock(vision_transformer_relpos.RelPosBlock):
    """timm's `RelPosBlock`: relative positions."""

    def forward(self, x: Tensor, shared_rel_pos: Tensor | None = None) -> Tensor:
        y = self.attn(self.norm1(x), shared_rel_pos=shared_rel_pos)
        x = self.residual1(x, self.drop_path1(self.ls1(y)))
        return self.residual2(x, self.drop_path2(self.ls2(self.mlp(self.norm2(x)))))


class HyperbolicResPostRelPosBlock(vision_transformer_relpos.ResPostRelPosBlock):
    """timm's `ResPostRelPosBlock`: relative positions, norms after the branches."""

    def forward(self, x: Tensor, shared_rel_pos: Tensor | None = None) -> Tensor:
        x = self.residual1(x, self.drop_path1(self.norm1(self.attn(x, shared_rel_pos=shared_rel_pos))))
        return self.residual2(x, self.drop_path2(self.norm2(self.mlp(x))))


class HyperbolicSwinBlock(swin_transformer.SwinTransformerBlock):
    """Swin's block: windows of a map `[B, H, W, D]`."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.residual1(x, self.drop_path1(self._attn(self.norm1(x))))
        return self.residual2(x, self.drop_path2(self.mlp(self.norm2(x))))


class HyperbolicSwinV2Block(swin_transformer_v2.SwinTransformerV2Block):
    """Swin V2's block: windows of a map `[B, H, W, D]`, norms after the branches."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.residual1(x, self.drop_path1(self.norm1(self._attn(x))))
        return self.residual2(x, self.drop_path2(self.norm2(self.mlp(x))))


def _scaled(gamma: Tensor | None, y: Tensor) -> Tensor:
    return y if gamma is None else gamma * y


#: timm's blocks, each with its class with `residual1` and `residual2`.
RESIDUAL_BLOCKS = {
    vision_transformer.Block: HyperbolicBlock,
    vision_transformer.ResPostBlock: HyperbolicResPostBlock,
    vision_transformer.ParallelThingsBlock: HyperbolicParallelThingsBlock,
    beit.Block: HyperbolicBeitBlock,
    eva.EvaBlock: HyperbolicEvaBlock,
    eva.EvaBlockPostNorm: HyperbolicEvaBlockPostNorm,
    vision_transformer_relpos.RelPosBlock: HyperbolicRelPosBlock,
    vision_transformer_relpos.ResPostRelPosBlock: HyperbolicResPostRelPosBlock,
    swin_transformer.SwinTransformerBlock: HyperbolicSwinBlock,
    swin_transformer_v2.SwinTransformerV2Block: HyperbolicSwinV2Block,
}

#: Blocks of timm's without such a class, and the reason.
_WITHOUT = {
    ConvNeXtBlock: 'it adds maps whose channels are not the last axis',
    vision_transformer.ParallelScalingBlock: 'it adds attention and MLP at once, from one fused map',
    vision_transformer.DiffParallelScalingBlock: 'it adds attention and MLP at once, from one fused map',
}


def residual_obstacle(block: nn.Module) -> str | None:
    """Return the reason why the residuals of a block cannot be replaced, or None where they can.

    Args:
        block: A block of a timm model.
    """
    if type(block) in RESIDUAL_BLOCKS:
        return None
    if type(block) in RESIDUAL_BLOCKS.values():
        return f'the residuals of this {type(block).__name__} are hyperbolic already'
    return _WITHOUT.get(type(block), f'how {torch.typename(block)} adds is not known here')


def blocks_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return the blocks of a model by name: the outermost modules whose class name says so, except in `patch_embed`.

    Args:
        model: Any model.
    """
    blocks: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        inside = any(name.startswith(f'{outer}.') for outer in (*blocks, 'patch_embed'))
        if not inside and re.search('Block|Bottleneck|InvertedResidual', type(module).__name__):
            blocks[name] = module
    return blocks
