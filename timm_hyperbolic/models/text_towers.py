"""Text towers: a small causal transformer made of timm's blocks, and any text model of Hugging Face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from ..errors import nearest
from .tokenizers import INSTALL

__all__ = ['TEXT_TOWERS', 'HuggingFaceText', 'TextTower', 'TextTransformer', 'create_text_tower']

#: How a text tower of Hugging Face is named.
HUGGING_FACE = 'hf:'
#: The tokenizer with the vocabulary of CLIP, which MERU and HyCoCLIP have.
CLIP_TOKENIZER = 'openai/clip-vit-base-patch32'


class TextTower(NamedTuple):
    """The sizes of a `TextTransformer`.

    Attributes:
        width: Number of dimensions of a token.
        depth: Number of blocks.
        heads: Number of heads.
        context_length: Largest number of tokens in a text.
        vocab_size: Number of tokens.
        tokenizer: As for `create_tokenizer`.
    """

    width: int
    depth: int
    heads: int
    context_length: int
    vocab_size: int
    tokenizer: str


#: `base` is that of MERU and HyCoCLIP, `L12_W512` there.
TEXT_TOWERS = {
    'tiny': TextTower(128, 2, 4, 48, 16384, 'words'),
    'small': TextTower(256, 4, 4, 77, 16384, 'words'),
    'base': TextTower(512, 12, 8, 77, 49408, CLIP_TOKENIZER),
}


class TextTransformer(nn.Module):
    """A causal transformer with the norm before each layer, read out at the end of the text.

    The end is the place of the largest number among the tokens, which is that of the token that ends a text.

    Args:
        width: Number of dimensions of a token.
        depth: Number of blocks.
        heads: Number of heads, which must divide `width`.
        context_length: Largest number of tokens in a text.
        vocab_size: Number of tokens.
        device: Of the parameters.
        dtype: Of the parameters.

    Source: CLIP (Radford et al. 2021), section 2.4, with the GELU and the starting values of MERU (Desai et al. 2023).
    """

    padding = 0

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        context_length: int,
        vocab_size: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        dd: dict[str, Any] = {'device': device, 'dtype': dtype}
        self.num_features, self.context_length, self.vocab_size = width, context_length, vocab_size
        self.token_embed = nn.Embedding(vocab_size, width, **dd)
        self.pos_embed = nn.Parameter(torch.empty(context_length, width, **dd))
        self.blocks = nn.ModuleList(
            Block(width, heads, qkv_bias=True, norm_layer=nn.LayerNorm, **dd) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, **dd)
        self.grad_checkpointing = False
        self.init_weights()

    def init_weights(self) -> None:
        """Set the weights to their starting values."""
        width, depth = self.num_features, len(self.blocks)
        nn.init.normal_(self.token_embed.weight, std=0.02)
        nn.init.normal_(self.pos_embed, std=0.01)
        out = (2 * width * max(depth, 1)) ** -0.5
        for block in self.blocks:
            nn.init.normal_(block.attn.qkv.weight, std=width**-0.5)
            nn.init.normal_(block.attn.proj.weight, std=out)
            nn.init.normal_(block.mlp.fc1.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.fc2.weight, std=out)
            for layer in (block.attn.qkv, block.attn.proj, block.mlp.fc1, block.mlp.fc2):
                nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the features of texts.

        Args:
            tokens: `[B, L]` with `L <= context_length`, padded on the right with 0.

        Returns:
            `[B, width]`.
        """
        x = self.token_embed(tokens) + self.pos_embed[: tokens.shape[1]]
        for block in self.blocks:
            if self.grad_checkpointing and self.training and not torch.jit.is_scripting():
                x = torch.utils.checkpoint.checkpoint(block, x, None, True, use_reentrant=False)
            else:
                x = block(x, is_causal=True)
        end = tokens.argmax(-1, keepdim=True).unsqueeze(-1).expand(-1, -1, x.shape[-1])
        return self.norm(x.gather(1, end).squeeze(1))

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Trade computation for memory in the backward pass."""
        self.grad_checkpointing = enable


class HuggingFaceText(nn.Module):
    """A text model of transformers, read out as the mean over the tokens that are not padding.

    Args:
        name: Name on the Hub, or a folder.
        config: Its configuration as plain data; None to read that of `name`.
        pretrained: Whether to load its weights.

    Raises:
        ValueError: transformers is not installed, or there is no such model.
    """

    def __init__(self, name: str, config: Mapping[str, Any] | None = None, pretrained: bool = False) -> None:
        super().__init__()
        try:
            from transformers import AutoConfig, AutoModelForTextEncoding
        except ImportError as error:
            raise ValueError(f"text='{HUGGING_FACE}{name}': {INSTALL}") from error
        try:
            if config is None:
                settings = AutoConfig.from_pretrained(name)
            else:
                settings = AutoConfig.for_model(**config)
            if pretrained:
                self.model = AutoModelForTextEncoding.from_pretrained(name, config=settings)
            else:
                self.model = AutoModelForTextEncoding.from_config(settings)
        except (OSError, ValueError, KeyError, TypeError) as error:
            said = ' '.join(str(error).split())[:200]
            raise ValueError(f"text='{HUGGING_FACE}{name}' gives no text model: {said}") from error
        settings = self.model.config
        self.config = settings.to_diff_dict() | {'model_type': settings.model_type}
        self.num_features, self.vocab_size = settings.hidden_size, settings.vocab_size
        self.context_length = min(getattr(settings, 'max_position_embeddings', 77), 77)
        self.padding = getattr(settings, 'pad_token_id', None) or 0

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the features of texts, `[B, num_features]`, for tokens `[B, L]`."""
        mask = tokens != self.padding
        states = self.model(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (weights * states).sum(1) / weights.sum(1).clamp_min(1)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Trade computation for memory in the backward pass."""
        (self.model.gradient_checkpointing_enable if enable else self.model.gradient_checkpointing_disable)()


def create_text_tower(
    text: str,
    context_length: int | None = None,
    vocab_size: int | None = None,
    config: Mapping[str, Any] | None = None,
    pretrained: bool = False,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[nn.Module, str]:
    """Return a text tower and the name of its tokenizer.

    Args:
        text: A name of `TEXT_TOWERS`, or `hf:NAME` for a text model of Hugging Face.
        context_length: Largest number of tokens in a text; None for that of the tower.
        vocab_size: Number of tokens; None for that of the tower.
        config: The configuration of a model of Hugging Face as plain data; None to read it.
        pretrained: Whether a model of Hugging Face begins with its weights.
        device: Of the parameters.
        dtype: Of the parameters.

    Raises:
        ValueError: there is no such tower, or transformers is not installed.
    """
    if text.startswith(HUGGING_FACE):
        name = text.removeprefix(HUGGING_FACE)
        if vocab_size is not None:
            raise ValueError(f'vocab_size={vocab_size} with text={text!r}: the model has its own; leave it out')
        tower: nn.Module = HuggingFaceText(name, config, pretrained).to(device=device, dtype=dtype)
        if context_length is not None:
            tower.context_length = context_length
        return tower, name
    if text not in TEXT_TOWERS:
        raise ValueError(
            f'text={text!r} must be one of {", ".join(TEXT_TOWERS)}, or {HUGGING_FACE}NAME for a text model of Hugging '
            f'Face.{nearest(text, TEXT_TOWERS)}'
        )
    sizes = TEXT_TOWERS[text]
    sizes = sizes._replace(
        context_length=context_length or sizes.context_length, vocab_size=vocab_size or sizes.vocab_size
    )
    return TextTransformer(*sizes[:5], device=device, dtype=dtype), sizes.tokenizer
