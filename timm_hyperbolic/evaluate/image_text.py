"""Opening a model of images and texts, encoding texts and splits, and classifying images by texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from timm.data.loader import PrefetchLoader
from torch import Tensor

from ..analysis.pairs import recall_at
from ..config.trained import TrainedConfig
from ..data.captions import gloss_captions
from ..errors import UserError
from ..layers import ImageTextSpace
from ..models import HypClip
from ..models.tokenizers import Tokenizer, trimmed
from ..train.model import resolve_data_config
from .trained import load_trained

__all__ = ['class_texts', 'encode_images', 'encode_texts', 'mean_texts', 'open_clip_model', 'read_lines', 'recalls']


def open_clip_model(config: TrainedConfig, device: torch.device) -> tuple[HypClip, Tokenizer, dict[str, Any]]:
    """Return a trained model of images and texts, its tokenizer, and the input of its images as timm resolves it.

    Args:
        config: The model and its weights.
        device: Device of the model.

    Raises:
        UserError: the model, its weights or its tokenizer do not exist, or it is a model of images alone.
    """
    model = load_trained(config)
    if not isinstance(model, HypClip):
        raise UserError(f'--model {config.model.model}: has no text tower; give a model that hyp_clip made')
    try:
        tokenizer = model.create_tokenizer()
    except ValueError as error:
        raise UserError(f'--model {config.model.model}: {error}') from error
    return model.to(device).eval(), tokenizer, resolve_data_config(model, config.model)


def read_lines(path: str, flag: str) -> list[str]:
    """Return the lines of a text file that are not empty.

    Args:
        path: The file.
        flag: The flag that gave it, for messages.

    Raises:
        UserError: the file cannot be read, or has no line.
    """
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding='utf-8-sig').splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f'{flag} {path}: cannot be read: {error}') from error
    lines = [line for line in lines if line]
    if not lines:
        raise UserError(f'{flag} {path}: has no line')
    return lines


def class_texts(classes: Sequence[str], prompts: Sequence[str], wordnet_dir: str | None = None) -> list[list[str]]:
    """Return the texts of each class, one of each prompt.

    Args:
        classes: Names of the classes.
        prompts: Texts with `{}` for the name; `gloss` for the name and the gloss in WordNet; or one text file of them.
        wordnet_dir: The folder of WordNet's files; None to look for it.

    Raises:
        UserError: a prompt has no `{}`, a file cannot be read, or WordNet does not know a class.
    """
    prompts = list(prompts)
    if len(prompts) == 1 and Path(prompts[0]).is_file():
        prompts = read_lines(prompts[0], '--prompts')
    wrong = next((prompt for prompt in prompts if prompt != 'gloss' and '{}' not in prompt), None)
    if wrong is not None:
        raise UserError(f'--prompts {wrong}: has no {{}} for the name of a class, and is no file; or give gloss')
    glosses = gloss_captions(classes, wordnet_dir)[0].texts if 'gloss' in prompts else None
    return [
        [glosses[label] if prompt == 'gloss' else prompt.replace('{}', name.replace('_', ' ')) for prompt in prompts]
        for label, name in enumerate(classes)
    ]


@torch.no_grad()
def encode_texts(model: HypClip, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 256) -> Tensor:
    """Return the tangent vectors of texts, `[N, dim]`.

    Args:
        model: The model in evaluation mode.
        tokenizer: Its tokenizer.
        texts: The texts.
        batch_size: Texts in a batch.
    """
    device, padding = next(model.parameters()).device, model.text.padding
    parts = [texts[start : start + batch_size] for start in range(0, len(texts), batch_size)]
    return torch.cat([model.encode_text(trimmed(tokenizer(part), padding).to(device)).float() for part in parts])


def mean_texts(model: HypClip, tokenizer: Tokenizer, texts: Sequence[Sequence[str]]) -> Tensor:
    """Return the mean tangent vector of several texts for each class, `[K, dim]`; on the sphere that of unit vectors.

    Args:
        model: The model in evaluation mode.
        tokenizer: Its tokenizer.
        texts: The texts of each class, equally many.

    Source: MERU (Desai et al. 2023), section 4.2.
    """
    flat = encode_texts(model, tokenizer, [text for each in texts for text in each])
    if not model.space.is_curved:
        flat = F.normalize(flat, dim=-1)
    return flat.unflatten(0, (len(texts), -1)).mean(1)


@torch.no_grad()
def encode_images(model: HypClip, loader: PrefetchLoader) -> tuple[Tensor, Tensor]:
    """Return the tangent vectors of images, `[N, dim]`, and the targets of the loader.

    Args:
        model: The model in evaluation mode.
        loader: A loader of images and targets.
    """
    found = [(model.encode_image(images).float(), targets) for images, targets in loader]
    return torch.cat([v for v, _ in found]), torch.cat([t for _, t in found])


@torch.no_grad()
def recalls(
    space: ImageTextSpace, images: Tensor, texts: Tensor, of_images: Tensor, of_texts: Tensor, at: tuple[int, ...]
) -> list[dict[str, Any]]:
    """Return the retrieval of texts by images and of images by texts, by the model's space and by the cosine.

    Args:
        space: The space of the model.
        images: Tangent vectors, `[N, dim]`.
        texts: Tangent vectors, `[M, dim]`.
        of_images: The group of each image, `[N]`; a text of the same group is right.
        of_texts: The group of each text, `[M]`.
        at: The numbers of neighbours.

    Returns:
        A row for each geometry, with `geometry`, and `text_r@K` and `image_r@K` in percent.
    """
    spaces = {space.geometry: space}
    if space.is_curved:
        spaces['cosine'] = ImageTextSpace(space.dim, 'sphere').to(images.device)
    rows = []
    for name, each in spaces.items():
        x, y = each.lift(images), each.lift(texts)
        forth = recall_at(each, x, y, torch.cat([of_images, of_texts]), at).tolist()
        back = recall_at(each, y, x, torch.cat([of_texts, of_images]), at).tolist()
        row = {'geometry': name}
        row |= {f'text_r@{k}': value for k, value in zip(at, forth, strict=True)}
        rows.append(row | {f'image_r@{k}': value for k, value in zip(at, back, strict=True)})
    return rows
