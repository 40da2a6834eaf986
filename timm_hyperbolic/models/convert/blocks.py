"""timm's blocks with their residuals as modules, and where blocks are.

A class here has the modules of timm's and `residual1`, `residual2` where timm adds; a block of timm's becomes one by
its class alone, so that the names of its parameters stay.
"""

from __future__ import annotations

import re

import torch
from timm.models import beit, eva, swin_transformer, swin_transformer_v2, vision_transformer, vision_transformer_relpos
from timm.models.convnext import ConvNeXtBlock
from torch import Tensor, nn

from ..vit_hyp import HyperbolicBlock

__all__ = ['RESIDUAL_BLOCKS', 'blocks_of', 'residual_obstacle']


class HyperbolicResPostBlock(vision_transformer.ResPostBlock):
    """Norms behind the branches."""

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        y = self.norm1(self.attn(x, attn_mask=attn_mask, is_causal=is_causal))
        x = self.residual1(x, self.drop_path1(y))
        return self.residual2(x, self.drop_path2(self.norm2(self.mlp(x))))


class HyperbolicParallelThingsBlock(vision_transformer.ParallelThingsBlock):
    """Several attentions, then several MLPs, summed before they join the stream."""

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        y = [
            branch.drop_path(branch.ls(branch.attn(branch.norm(x), attn_mask=attn_mask, is_causal=is_causal)))
            for branch in self.attns
        ]
        x = self.residual1(x, torch.stack(y).sum(dim=0))
        return self.residual2(x, torch.stack([branch(x) for branch in self.ffns]).sum(dim=0))


class HyperbolicBeitBlock(beit.Block):
    """Layer scales `gamma_1`, `gamma_2`, which may be None."""

    def forward(self, x: Tensor, shared_rel_pos_bias: Tensor | None = None) -> Tensor:
        y = self.attn(self.norm1(x), shared_rel_pos_bias=shared_rel_pos_bias)
        x = self.residual1(x, self.drop_path1(_scaled(self.gamma_1, y)))
        return self.residual2(x, self.drop_path2(_scaled(self.gamma_2, self.mlp(self.norm2(x)))))


class HyperbolicEvaBlock(eva.EvaBlock):
    """The same with rotary embeddings."""

    def forward(
        self, x: Tensor, rope: Tensor | None = None, attn_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        y = self.attn(self.norm1(x), rope=rope, attn_mask=attn_mask, is_causal=is_causal)
        x = self.residual1(x, self.drop_path1(_scaled(self.gamma_1, y)))
        return self.residual2(x, self.drop_path2(_scaled(self.gamma_2, self.mlp(self.norm2(x)))))


class HyperbolicEvaBlockPostNorm(eva.EvaBlockPostNorm):
    """Norms behind the branches, rotary embeddings."""

    def forward(
        self, x: Tensor, rope: Tensor | None = None, attn_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        y = self.norm1(self.attn(x, rope=rope, attn_mask=attn_mask, is_causal=is_causal))
        x = self.residual1(x, self.drop_path1(y))
        return self.residual2(x, self.drop_path2(self.norm2(self.mlp(x))))


class HyperbolicRelPosBlock(vision_transformer_relpos.RelPosBlock):
    """Relative positions."""

    def forward(self, x: Tensor, shared_rel_pos: Tensor | None = None) -> Tensor:
        y = self.attn(self.norm1(x), shared_rel_pos=shared_rel_pos)
        x = self.residual1(x, self.drop_path1(self.ls1(y)))
        return self.residual2(x, self.drop_path2(self.ls2(self.mlp(self.norm2(x)))))


class HyperbolicResPostRelPosBlock(vision_transformer_relpos.ResPostRelPosBlock):
    """Relative positions, norms behind the branches."""

    def forward(self, x: Tensor, shared_rel_pos: Tensor | None = None) -> Tensor:
        x = self.residual1(x, self.drop_path1(self.norm1(self.attn(x, shared_rel_pos=shared_rel_pos))))
        return self.residual2(x, self.drop_path2(self.norm2(self.mlp(x))))


class HyperbolicSwinBlock(swin_transformer.SwinTransformerBlock):
    """Windows of a map `[B, H, W, D]`."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.residual1(x, self.drop_path1(self._attn(self.norm1(x))))
        return self.residual2(x, self.drop_path2(self.mlp(self.norm2(x))))


class HyperbolicSwinV2Block(swin_transformer_v2.SwinTransformerV2Block):
    """Windows of a map `[B, H, W, D]`, norms behind the branches."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.residual1(x, self.drop_path1(self.norm1(self._attn(x))))
        return self.residual2(x, self.drop_path2(self.norm2(self.mlp(x))))


def _scaled(gamma: Tensor | None, y: Tensor) -> Tensor:
    return y if gamma is None else gamma * y


#: timm's blocks and their classes with `residual1` and `residual2`.
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

_WITHOUT = {
    ConvNeXtBlock: 'it adds maps whose channels are not the last axis',
    vision_transformer.ParallelScalingBlock: 'it adds attention and MLP at once, from one fused map',
    vision_transformer.DiffParallelScalingBlock: 'it adds attention and MLP at once, from one fused map',
}


def residual_obstacle(block: nn.Module) -> str | None:
    """Why the residuals of a block cannot be swapped, None where they can."""
    if type(block) in RESIDUAL_BLOCKS:
        return None
    if type(block) in RESIDUAL_BLOCKS.values():
        return f'the residuals of this {type(block).__name__} are hyperbolic already'
    return _WITHOUT.get(type(block), f'how {torch.typename(block)} adds is not known here')


def blocks_of(model: nn.Module) -> dict[str, nn.Module]:
    """The blocks of a model by name: the outermost modules whose class is called one, outside the patch embedding."""
    blocks: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        inside = any(name.startswith(f'{outer}.') for outer in (*blocks, 'patch_embed'))
        if not inside and re.search('Block|Bottleneck|InvertedResidual', type(module).__name__):
            blocks[name] = module
    return blocks
