"""Options of training on pairs of images and texts."""

from dataclasses import dataclass
from typing import ClassVar

from .argtypes import real, whole
from .options import option

__all__ = ['GlossConfig', 'PairConfig']


@dataclass(frozen=True, kw_only=True)
class GlossConfig:
    """Where the texts of classes come from."""

    wordnet_dir: str | None = option(
        None, metavar='DIR', help="folder of WordNet's files (default: where Debian or NLTK puts them)"
    )


@dataclass(frozen=True, kw_only=True)
class PairConfig(GlossConfig):
    """How pairs of images and texts are contrasted."""

    title: ClassVar[str] = 'images and texts'

    parts: bool = option(
        False,
        help="with --task contrastive: train with a box of each image and the phrase for it, HyCoCLIP's loss "
        "(default: pairs alone, MERU's)",
    )
    entailment: float = option(
        0.2, type=real(0), metavar='X', help='with --task contrastive: weight of the entailment; 0 for none'
    )
    space_lr_scale: float = option(
        1.0,
        type=real(0),
        metavar='X',
        help='with --task contrastive: learning rate of the parameters of the space (curvature, scales of images '
        'and texts, temperature), as a multiple of --lr; in short runs they hardly change unless it is above 1',
    )
    chunk_size: int | None = option(
        None,
        type=whole(1),
        metavar='N',
        help='with --task contrastive: rows of the similarities that are held at once, for large batches '
        '(default: all)',
    )
