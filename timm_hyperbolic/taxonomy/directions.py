"""Directions that are spread on a sphere, the same on every run."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

__all__ = ['spread']

# Codes of more points than this are left as they start: repulsion takes the square of their number.
_REPELLED = 2048
_STEPS = 150
_GROWTH = 1.2


def spread(count: int, dim: int) -> Tensor:
    """Return unit vectors that stand at wide angles to each other, the first of them along the first axis.

    Up to `dim + 1` vectors are those of a regular simplex, up to `2·dim` those of the axes, and in the plane they are
    equally spaced. More are brought apart by repulsion from quasi-random starting points. No random number is drawn.

    Args:
        count: the number of vectors, at least 1; at most 2 where `dim` is 1.
        dim: of the space.

    Returns:
        `[count, dim]`, float64.

    Raises:
        ValueError: no such vectors exist.
    """
    if count < 1 or dim < 1 or (dim == 1 and count > 2):
        raise ValueError(f'{count} different directions in {dim} dimensions')
    if dim == 2:
        angles = torch.arange(count, dtype=torch.float64) * (2 * math.pi / count)
        return torch.stack([angles.cos(), angles.sin()], 1)
    if count <= dim + 1:
        return _simplex(count, dim)
    if count <= 2 * dim:
        axes = torch.eye(dim, dtype=torch.float64)
        return torch.stack([axes, -axes], 1).reshape(-1, dim)[:count]
    size = 2 * dim + 1
    while size < count:  # few sizes, so that few codes have to be computed
        size = math.ceil(_GROWTH * size)
    return _code(min(size, count) if size > _REPELLED else size, dim)[:count]


def _simplex(count: int, dim: int) -> Tensor:
    """The corners of a regular simplex of `count` corners around its centre."""
    vectors = torch.zeros(count, dim, dtype=torch.float64)
    for i in range(min(count - 1, dim)):
        # Each axis takes what is left of the length of corner i; the later corners share what balances it.
        vectors[i, i] = (1 - vectors[i].square().sum()).sqrt()
        vectors[i + 1 :, i] = -vectors[i, i] / (count - 1 - i)
    if count == 1:
        vectors[0, 0] = 1
    return vectors


@lru_cache(maxsize=64)
def _code(count: int, dim: int) -> Tensor:
    """Many vectors, each as far as possible from those before it, the first along the first axis."""
    x = _repelled(_quasi_random(count, dim)) if count <= _REPELLED else _quasi_random(count, dim)
    if count <= _REPELLED:
        x = x[_farthest_first(x)]
    # The reflection that takes the first vector to the first axis.
    w = x[0] - torch.eye(1, dim, dtype=torch.float64)[0]
    return x - 2 * torch.outer(x @ w, w) / w.square().sum().clamp_min(torch.finfo(x.dtype).tiny)


def _quasi_random(count: int, dim: int) -> Tensor:
    """Normalised Gaussian quantiles of the additive sequence of the generalised golden ratio.

    Source: Roberts, "The unreasonable effectiveness of quasirandom sequences" (2018).
    """
    ratio = 2.0
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (dim + 1))
    steps = torch.tensor([ratio ** -(k + 1) for k in range(dim)], dtype=torch.float64)
    uniform = (0.5 + torch.arange(1, count + 1, dtype=torch.float64).unsqueeze(1) * steps).remainder(1)
    gaussian = torch.erfinv((2 * uniform - 1).clamp(-1 + 1e-12, 1 - 1e-12))
    return gaussian / gaussian.norm(dim=1, keepdim=True)


def _repelled(x: Tensor) -> Tensor:
    """Points moved apart on the sphere by forces that grow steeper, so that the nearest pairs decide in the end."""
    count, dim = x.shape
    size = count ** (-1 / (dim - 1))  # about the distance of neighbours
    eye = torch.eye(count, dtype=torch.bool)
    for step in range(_STEPS):
        done = step / _STEPS
        squared = (2 - 2 * x @ x.T).masked_fill_(eye, torch.inf)
        nearest = squared.amin()
        force = (nearest / squared).pow(2 + 14 * done) / squared.sqrt()
        move = force.sum(1, keepdim=True) * x - force @ x
        move = move / move.norm(dim=1, keepdim=True).amax()
        x = x + 0.5 * size * (1 - done) * move
        x = x / x.norm(dim=1, keepdim=True)
    return x


def _farthest_first(x: Tensor) -> Tensor:
    """The order in which each point is the one farthest from those before it, from the first point on."""
    order, nearest = [0], 2 - 2 * x @ x[0]
    for _ in range(len(x) - 1):
        order.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, 2 - 2 * x @ x[order[-1]])
        nearest[order[-1]] = -1
    return torch.tensor(order)
