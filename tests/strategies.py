"""What the property tests draw: curvatures, dimensions, and points that stand to each other in every way."""

from __future__ import annotations

from typing import NamedTuple

import torch
from hypothesis import strategies as st
from torch import Tensor

__all__ = ['MARGIN', 'RELATIONS', 'Case', 'cases', 'curvatures', 'dimensions', 'place', 'unit']

MARGIN = 0.985
RELATIONS = ('random', 'same ray', 'opposite', 'near', 'near-cancelling', 'equal', 'negative', 'zero')

curvatures = st.one_of(st.sampled_from([1e-6, 1.0, 10.0]), st.floats(-6, 1).map(lambda e: 10.0**e))
dimensions = st.one_of(st.sampled_from([1, 2, 3, 512]), st.integers(1, 512))
seeds = st.integers(0, 2**31 - 1)
# Norms in the unit ball: zero, almost zero, anything, and the margin itself.
radii = st.one_of(st.sampled_from([0.0, MARGIN]), st.floats(-12, -1).map(lambda e: 10.0**e), st.floats(1e-12, MARGIN))


def unit(generator: torch.Generator, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random unit vectors."""
    v = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return (v / v.norm(dim=-1, keepdim=True)).to(dtype)


def place(generator: torch.Generator, relation: str, x: Tensor, length: float) -> Tensor:
    """A vector that stands to `x` in a relation, of the given length where that leaves it free."""
    size = x.norm(dim=-1, keepdim=True)
    along = torch.where(size > 0, x / size, unit(generator, *x.shape, dtype=x.dtype))
    noise = 1e-3 * size * unit(generator, *x.shape, dtype=x.dtype)
    y = {
        'random': lambda: length * unit(generator, *x.shape, dtype=x.dtype),
        'same ray': lambda: length * along,
        'opposite': lambda: -length * along,
        'near': lambda: x + noise,
        'near-cancelling': lambda: -x + noise,
        'equal': lambda: x.clone(),
        'negative': lambda: -x,
        'zero': lambda: torch.zeros_like(x),
    }[relation]()
    return y.to(x.dtype)


class Case(NamedTuple):
    """A curvature, points of its ball within the margin, `[..., D]`, and a generator for whatever else is needed."""

    c: float
    points: tuple[Tensor, ...]
    generator: torch.Generator


@st.composite
def cases(draw: st.DrawFn, count: int = 2) -> Case:
    """Points `p, q, ...` of `[D]`, each after the first in a relation to the first."""
    c, dim = draw(curvatures), draw(dimensions)
    generator = torch.Generator().manual_seed(draw(seeds))
    points = [draw(radii) * unit(generator, dim)]
    for _ in range(count - 1):
        q = place(generator, draw(st.sampled_from(RELATIONS)), points[0], draw(radii))
        points.append(q * (MARGIN / q.norm()).clamp_max(1))
    return Case(c, tuple(p / c**0.5 for p in points), generator)
