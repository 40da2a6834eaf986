"""From images to the root of a hyperbolic space of images and texts, past the texts that entail each point.

Source: MERU (Desai et al. 2023), section 4.3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import lorentz_cone_energy_of_rows, lorentz_exp0, lorentz_log0
from ..layers import ImageTextSpace

__all__ = ['chains_to_root']

#: Elements of the similarities that are held at once.
_ELEMENTS = 2**24


@torch.no_grad()
def chains_to_root(
    space: ImageTextSpace, points: Tensor, texts: Tensor, steps: int = 50, nested: float | None = None
) -> list[list[int]]:
    """Return the texts that are passed on the way from each point to the origin, without repetitions.

    The way is `exp0(t·log0(p))` for `steps` equal steps from `t = 1` to `t = 0`. At each point the nearest text among
    those whose cones it lies in is taken, the origin among them, whose cone is the whole space.

    With `nested` each text of the chain entails the text before it: a text `U` may follow a text `T` only if `T` lies
    in the cone of `U`. Texts near the root have wide cones, which contain almost every point of the way; `nested < 1`
    narrows the cones when two texts are compared.

    Args:
        space: A hyperbolic space.
        points: Points of images, `[N, dim]`.
        texts: Points of texts, `[M, dim]`.
        steps: Number of points on the way, both ends included.
        nested: The factor `η` of the half-aperture: the text after `T` is one of those whose cone of the half-aperture
            `η·ψ` holds `T`; None for the nearest text at each point, whichever text came before, as in MERU.

    Returns:
        For each point the numbers of the texts in the order in which they are passed; the last is M, the root.

    Raises:
        ValueError: the space is a sphere, which has neither a root nor cones, or `nested` is not positive.
    """
    if not space.is_curved:
        raise ValueError("geometry='sphere' has neither a root nor cones: there is no way to go")
    if nested is not None and not 0 < nested < float('inf'):
        raise ValueError(f'nested={nested} must be a number > 0, or None: it is a factor of the half-aperture')
    c = space.curvature().to(points.dtype)
    pool = torch.cat([texts, torch.zeros_like(texts[:1])])
    pool_square, pool_direction = pool.square().sum(-1), F.normalize(pool, dim=-1)
    tangents = lorentz_log0(points, c)
    root = len(texts)
    if nested is not None:
        cosine = (pool_direction @ pool_direction.mT).clamp(-1, 1)
        follows = lorentz_cone_energy_of_rows(pool_square, pool_square[:, None], cosine, c, width=nested) <= 0
        follows[root] = False
        follows[:, root] = True
        follows.fill_diagonal_(True)
    share = torch.linspace(1, 0, steps, dtype=points.dtype, device=points.device)[:, None]
    chains = []
    for part in tangents.split(max(1, _ELEMENTS // (steps * len(pool)))):
        way = lorentz_exp0(part[:, None] * share, c).flatten(0, 1)
        scores = space.similarities(way, pool)
        cosine = (F.normalize(way, dim=-1) @ pool_direction.mT).clamp(-1, 1)
        energy = lorentz_cone_energy_of_rows(pool_square, way.square().sum(-1, keepdim=True), cosine, c)
        scores = scores.masked_fill_(energy > 0, -torch.inf).view(len(part), steps, -1)
        if nested is None:
            passed = scores.argmax(-1)
        else:
            passed = scores.new_empty(scores.shape[:2], dtype=torch.long)
            passed[:, 0] = scores[:, 0].argmax(-1)
            for step in range(1, steps):
                possible = follows[passed[:, step - 1]]
                passed[:, step] = scores[:, step].masked_fill(~possible, -torch.inf).argmax(-1)
        chains += [list(dict.fromkeys(row)) for row in passed.tolist()]
    return chains
