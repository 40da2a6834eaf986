"""From texts to the numbers that a text tower takes."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ['Tokenizer', 'WordTokenizer', 'create_tokenizer', 'trimmed']

_WORD = re.compile(r'\w+')

#: What to install for the tokenizers and text models of Hugging Face.
INSTALL = "it needs transformers: pip install 'timm_hyperbolic[text]'"


class Tokenizer(Protocol):
    """What takes texts to tokens."""

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return tokens, `[B, context_length]`, int64, with the padding on the right."""


class WordTokenizer:
    """A token for each word, numbered by the checksum of the lower-case word: no vocabulary has to be kept.

    0 is the padding, `vocab_size - 2` begins a text, and `vocab_size - 1`, the largest number, ends it. Two words may
    have the same number; with the 16,384 numbers of the small towers this is the case for 3 % of 500 words.

    Args:
        vocab_size: Number of tokens, at least 4.
        context_length: Largest number of tokens in a text; a longer one is cut, and still ended.
    """

    def __init__(self, vocab_size: int, context_length: int) -> None:
        self.vocab_size, self.context_length = vocab_size, context_length

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return tokens, `[B, context_length]`."""
        tokens = torch.zeros(len(texts), self.context_length, dtype=torch.int64)
        for row, text in zip(tokens, texts, strict=True):
            words = [1 + zlib.crc32(word.encode()) % (self.vocab_size - 3) for word in _WORD.findall(text.lower())]
            ids = [self.vocab_size - 2, *words[: self.context_length - 2], self.vocab_size - 1]
            row[: len(ids)] = torch.tensor(ids)
        return tokens


class HuggingFaceTokenizer:
    """A tokenizer of transformers, whose texts are padded on the right with the padding of the text tower.

    Args:
        name: Name on the Hub, or a folder.
        context_length: Largest number of tokens in a text.
        padding: The number that fills up.
        vocab_size: Number of tokens that the tower knows.

    Raises:
        ValueError: transformers is not installed, or there is no such tokenizer.
    """

    def __init__(self, name: str, context_length: int, padding: int, vocab_size: int) -> None:
        try:
            from transformers import AutoTokenizer
        except ImportError as error:
            raise ValueError(f'tokenizer={name!r}: {INSTALL}') from error
        try:
            self.inner: Any = AutoTokenizer.from_pretrained(name)
        except (OSError, ValueError, KeyError, TypeError) as error:
            said = ' '.join(str(error).split())[:200]
            raise ValueError(f'tokenizer={name!r} is not on this machine and cannot be fetched: {said}') from error
        if len(self.inner) > vocab_size:
            raise ValueError(
                f'tokenizer={name!r} has {len(self.inner)} tokens, more than the {vocab_size} of the text tower; give '
                'vocab_size, or the tokenizer that the tower was trained with'
            )
        self.context_length, self.padding = context_length, padding

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return tokens, `[B, context_length]`."""
        ids = self.inner(list(texts), truncation=True, max_length=self.context_length)['input_ids']
        tokens = torch.full((len(texts), self.context_length), self.padding, dtype=torch.int64)
        for row, each in zip(tokens, ids, strict=True):
            row[: len(each)] = torch.tensor(each)
        return tokens


def create_tokenizer(name: str, vocab_size: int, context_length: int, padding: int = 0) -> Tokenizer:
    """Return a tokenizer.

    Args:
        name: `'words'` for `WordTokenizer`, or a name of a tokenizer of Hugging Face.
        vocab_size: Number of tokens that the text tower knows.
        context_length: Largest number of tokens in a text.
        padding: The number that fills up.

    Raises:
        ValueError: there is no such tokenizer, or transformers is not installed; the message says how to install it.
    """
    if name == 'words':
        return WordTokenizer(vocab_size, context_length)
    return HuggingFaceTokenizer(name, context_length, padding, vocab_size)


def trimmed(tokens: Tensor, padding: int = 0) -> Tensor:
    """Return tokens without the columns on the right that are padding in every text.

    Args:
        tokens: `[..., L]`.
        padding: The number that fills up.

    Returns:
        `[..., L']` with `L' >= 1`.
    """
    used = (tokens != padding).flatten(0, -2).any(0)
    return tokens[..., : max(int(used.nonzero().max()) + 1, 1) if used.any() else 1]
