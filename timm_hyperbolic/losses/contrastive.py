"""Contrast of images and texts: MERU's loss with entailment, and HyCoCLIP's with boxes and phrases."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..layers.image_text import ImageTextSpace, SpacePoints

__all__ = ['CompositionalEntailmentLoss', 'HyperbolicContrastiveLoss']


class HyperbolicContrastiveLoss(nn.Module):
    """`½(CE(I→T) + CE(T→I)) + w·mean max(0, Ξ(T, I) - ψ(T))`: MERU's loss of pairs of images and texts.

    `I` and `T` are the points of the features in an `ImageTextSpace`, and `CE` is the cross-entropy of the similarities
    `-e^τ·d(I_i, T_j)` with the partner as the class. The second term keeps each image in the entailment cone of its
    text. On the sphere the first term is CLIP's loss, and there is no second one.

    Where several processes train, each contrasts its own pairs with those of all processes, and gradients flow to all.
    Every process must have the same number of pairs.

    Args:
        space: The space, such as `model.space` of `hyp_clip`; None for a new one with the keywords, whose parameters
            then are the loss's and must be given to the optimizer.
        entailment: The weight `w >= 0`.
        aperture: The constant `K > 0` of the half-aperture `ψ`.
        chunk_size: Number of rows of the similarities that are held at once; None for all of them. With it the
            similarities are computed twice, and memory grows with `B·chunk_size`, not with `B²`.
        gather: Whether to contrast with the pairs of all processes, not only with those of this one.
        **keywords: Keywords of `ImageTextSpace`: `dim`, `geometry`, `curvature`, `learn_curvature`.

    Raises:
        ValueError: a value is unknown or outside its range.

    Source: MERU (Desai, Nickel, Rajpurohit, Johnson, Vedantam, "Hyperbolic image-text representations", ICML 2023),
    section 3.
    """

    def __init__(
        self,
        space: ImageTextSpace | None = None,
        entailment: float = 0.2,
        aperture: float = 0.1,
        chunk_size: int | None = None,
        gather: bool = True,
        **keywords: Any,
    ) -> None:
        super().__init__()
        if not 0 <= entailment < float('inf'):
            raise ValueError(f'entailment={entailment} must be a number >= 0: it is the weight of a part of the loss')
        if not 0 < aperture < float('inf'):
            raise ValueError(f'aperture={aperture} must be a number > 0')
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(f'chunk_size={chunk_size} must be at least 1, or None for the whole batch at once')
        if space is not None and keywords:
            raise ValueError(f'the space is given, so that {", ".join(keywords)} would have no effect: leave it out')
        self.space = ImageTextSpace(**keywords) if space is None else space
        self.entailment, self.aperture, self.chunk_size, self.gather = entailment, aperture, chunk_size, gather

    def forward(self, images: Tensor, texts: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            images: Features of B images, `[B, dim]`, before any scale.
            texts: Features of their texts, `[B, dim]`.

        Returns:
            A number `>= 0`, float32 or float64.

        Raises:
            ValueError: the shapes do not fit.
        """
        return self.total(self.parts(images, texts))

    def parts(self, images: Tensor, texts: Tensor) -> dict[str, Tensor]:
        """Return `contrast` and `entailment`, without the weight. For the arguments see `forward`."""
        x, y = self._points(image=images, text=texts)
        return {'contrast': self._both(x, y)[0] / 2, 'entailment': self._energy(y, x)}

    def total(self, parts: dict[str, Tensor]) -> Tensor:
        """Return the loss from its parts.

        Args:
            parts: What `parts` returns.
        """
        return parts['contrast'] + self.entailment * parts['entailment']

    def _points(self, **features: Tensor) -> list[SpacePoints]:
        shapes = {name: list(f.shape) for name, f in features.items()}
        shape = next(iter(shapes.values()))
        if len(shape) != 2 or shape[1] != self.space.dim or any(other != shape for other in shapes.values()):
            raise ValueError(f'features of the shapes {shapes} must all be [B, {self.space.dim}]')
        return [self.space.points(f, name.removesuffix('_part')) for name, f in features.items()]

    def _energy(self, x: SpacePoints, y: SpacePoints, width: float = 1.0) -> Tensor:
        return self.space.cone_energy(x, y, width, self.aperture).mean()

    def _both(self, x: SpacePoints, y: SpacePoints) -> tuple[Tensor, SpacePoints, SpacePoints]:
        """The sum of the cross-entropies of `x→y` and of `y→x`, and the points of all processes."""
        if not self.gather or _processes() == 1:
            rows, columns = self._cross_entropies(x, y, columns=True)
            return rows + columns, x, y
        all_x, all_y = _gathered(x), _gathered(y)
        return self._contrast(x, all_y) + self._contrast(y, all_x), all_x, all_y

    def _contrast(self, x: SpacePoints, all_y: SpacePoints) -> Tensor:
        """The cross-entropy of `x→y` with the `y` of all processes."""
        return self._cross_entropies(x, all_y)[0]

    def _cross_entropies(self, x: SpacePoints, y: SpacePoints, columns: bool = False) -> tuple[Tensor, Tensor]:
        """The mean cross-entropies of the rows and, if asked for, of the columns of the similarities.

        The partners of this process's points `x` stand in `y` from the place of this process on.
        """
        count = len(x.points)
        first = 0 if len(y.points) == count else count * dist.get_rank()
        partner = torch.arange(first, first + count, device=x.points.device)
        size = self.chunk_size or count
        if size >= count:
            logits = self.space.similarities(x.points, y.points, x.square, y.square)
            rows = F.cross_entropy(logits, partner)
            # log_softmax over the first dimension needs no copy; cross_entropy of the transpose would make one
            return rows, -logits.log_softmax(0).diagonal().mean() if columns else rows

        def part(points: Tensor, square: Tensor | None, partner: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            logits = self.space.similarities(points, y.points, square, y.square)
            own = logits.gather(1, partner[:, None]).sum()
            return F.cross_entropy(logits, partner, reduction='sum'), own, logits.logsumexp(0) if columns else own

        squares = [None] * -(-count // size) if x.square is None else x.square.split(size)
        pieces = [
            checkpoint(part, *each, use_reentrant=False)
            for each in zip(x.points.split(size), squares, partner.split(size), strict=True)
        ]
        rows, own, totals = (torch.stack(each) for each in zip(*pieces, strict=True))
        return rows.sum() / count, (totals.logsumexp(0).sum() - own.sum()) / count

    def extra_repr(self) -> str:
        """Return the keywords, for `repr`."""
        return f'entailment={self.entailment:g}, aperture={self.aperture:g}, chunk_size={self.chunk_size}'


class CompositionalEntailmentLoss(HyperbolicContrastiveLoss):
    """HyCoCLIP's loss of pairs of images and texts with a box of each image and a phrase of each text.

    With boxes `I'` and phrases `T'`, `¼[CE(I→T) + CE(T→I) + CE(I'→T) + CE(T'→I)]` plus `w` times
    `½[E_η(T→I) + E_η(T'→I') + E_μ(I'→I) + E_μ(T'→T)]`, where `E_η(x→y) = mean max(0, Ξ(x, y) - η·ψ(x))`: texts entail
    images, and the part entails the whole.

    Args:
        space: As for `HyperbolicContrastiveLoss`.
        entailment: The weight `w >= 0`.
        aperture: The constant `K > 0` of the half-aperture `ψ`.
        chunk_size: As for `HyperbolicContrastiveLoss`.
        gather: As for `HyperbolicContrastiveLoss`.
        between: The factor `η` of the half-aperture between a text and an image.
        within: The factor `μ` between a part and the whole.
        **keywords: Keywords of `ImageTextSpace`.

    Raises:
        ValueError: a value is unknown or outside its range.

    Source: HyCoCLIP (Pal, van Spengler, di Melendugno, Flaborea, Galasso, Mettes, "Compositional entailment learning
    for hyperbolic vision-language models", ICLR 2025), section 3; the factor ½ of the entailment is
    that of the authors' code.
    """

    def __init__(
        self,
        space: ImageTextSpace | None = None,
        entailment: float = 0.2,
        aperture: float = 0.1,
        chunk_size: int | None = None,
        gather: bool = True,
        between: float = 0.7,
        within: float = 1.2,
        **keywords: Any,
    ) -> None:
        super().__init__(space, entailment, aperture, chunk_size, gather, **keywords)
        for name, value in (('between', between), ('within', within)):
            if not 0 <= value < float('inf'):
                raise ValueError(f'{name}={value} must be a number >= 0: it is a factor of the half-aperture')
        self.between, self.within = between, within

    def forward(self, images: Tensor, texts: Tensor, image_parts: Tensor, text_parts: Tensor) -> Tensor:  # type: ignore[override]
        """Return the loss of a batch.

        Args:
            images: Features of B images, `[B, dim]`, before any scale.
            texts: Features of their texts, `[B, dim]`.
            image_parts: Features of a box of each image, `[B, dim]`.
            text_parts: Features of the phrase that names the box, `[B, dim]`.

        Returns:
            A number `>= 0`, float32 or float64.

        Raises:
            ValueError: the shapes do not fit.
        """
        return self.total(self.parts(images, texts, image_parts, text_parts))

    def parts(  # type: ignore[override]
        self, images: Tensor, texts: Tensor, image_parts: Tensor, text_parts: Tensor
    ) -> dict[str, Tensor]:
        """Return `contrast` and `entailment`, without the weight. For the arguments see `forward`."""
        x, y, p, q = self._points(image=images, text=texts, image_part=image_parts, text_part=text_parts)
        both, all_x, all_y = self._both(x, y)
        contrast = (both + self._contrast(p, all_y) + self._contrast(q, all_x)) / 4
        across = self._energy(y, x, self.between) + self._energy(q, p, self.between)
        inside = self._energy(p, x, self.within) + self._energy(q, y, self.within)
        return {'contrast': contrast, 'entailment': (across + inside) / 2}


class _Gather(torch.autograd.Function):
    """The tensors of all processes, of which each gets the sum of its gradients.

    Torch has this as `torch.distributed.nn.functional.all_gather` up to 2.13, and under a private name after it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, x)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.contiguous()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def _gathered(x: SpacePoints) -> SpacePoints:
    """The points of all processes, `[W·B, dim]`."""
    square = None if x.square is None else _Gather.apply(x.square.contiguous())
    return x._replace(points=_Gather.apply(x.points.contiguous()), square=square)
