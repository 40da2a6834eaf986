"""Precision and speed of distances in the models of hyperbolic space."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..geometry import MODELS, convert

__all__ = ['ModelPrecision', 'largest_safe_radius', 'measure_models']

#: The relative error up to which a distance counts as right.
TOLERANCE = 1e-2
_STEP = 0.25
_LARGEST = 60.0


@dataclass(frozen=True)
class ModelPrecision:
    """How precise and how fast distances are in one model of the space.

    Attributes:
        model: its name in `geometry.MODELS`.
        dtype: in which points are stored and distances returned.
        radius: distance of the points from the origin, at curvature 1.
        error: median relative error of the distance of two points in random directions.
        worst: the largest relative error.
        nanoseconds: time of one distance, the points being stored.
    """

    model: str
    dtype: torch.dtype
    radius: float
    error: float
    worst: float
    nanoseconds: float


def _pairs(radius: float, dim: int, pairs: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Lorentz points of two random directions at one distance from the origin, and their distance, float64."""
    x, y = (torch.randn(pairs, dim, generator=generator, dtype=torch.float64) for _ in range(2))
    x, y = (v / v.norm(dim=1, keepdim=True) for v in (x, y))
    # sinh(d/2) = sinh(r)·sin(angle/2)
    d = 2 * torch.asinh(math.sinh(radius) * (x - y).norm(dim=1) / 2)
    return math.sinh(radius) * x, math.sinh(radius) * y, d


def _errors(model: str, dtype: torch.dtype, x: Tensor, y: Tensor, d: Tensor) -> Tensor:
    """Relative errors of the distances of points stored in a type; infinite where there is no number."""
    p, q = (convert(v, 'lorentz', model, 1.0).to(dtype) for v in (x, y))
    error = (MODELS[model].distance(p, q, 1.0).double() / d - 1).abs()
    return torch.where(error.isfinite(), error, torch.inf)


def measure_models(
    radii: Sequence[float],
    dtypes: Sequence[torch.dtype] = (torch.bfloat16, torch.float32, torch.float64),
    dim: int = 8,
    pairs: int = 20_000,
    seed: int = 0,
) -> list[ModelPrecision]:
    """Measure the distances of points stored in each model of the space.

    The points are at a known distance from the origin in random directions, so that their distance is known to float64;
    a model has the error of storing a point and that of computing with it.

    Args:
        radii: distances of the points from the origin.
        dtypes: number types.
        dim: of the space.
        pairs: of points, at each radius.
        seed: of the directions.
    """
    rows = []
    for model in MODELS:
        for dtype in dtypes:
            for radius in radii:
                x, y, d = _pairs(radius, dim, pairs, torch.Generator().manual_seed(seed))
                error = _errors(model, dtype, x, y, d)
                p, q = (convert(v, 'lorentz', model, 1.0).to(dtype) for v in (x, y))
                times = []
                for _ in range(3):
                    start = time.perf_counter()
                    MODELS[model].distance(p, q, 1.0)
                    times.append(time.perf_counter() - start)
                median, worst = float(error.median()), float(error.max())
                rows.append(ModelPrecision(model, dtype, radius, median, worst, 1e9 * min(times) / pairs))
    return rows


def largest_safe_radius(model: str, dtype: torch.dtype, dim: int = 8, pairs: int = 2000, seed: int = 0) -> float:
    """Return the largest distance from the origin up to which the median distance is right to a hundredth.

    It is a multiple of a quarter, 60 at most. At curvature `c` it is that over `√c`.

    Args:
        model: its name in `geometry.MODELS`.
        dtype: in which points are stored and distances returned.
        dim: of the space.
        pairs: of points, at each radius.
        seed: of their directions.
    """
    radius = 0.0
    while radius < _LARGEST:
        x, y, d = _pairs(radius + _STEP, dim, pairs, torch.Generator().manual_seed(seed))
        if not float(_errors(model, dtype, x, y, d).median()) <= TOLERANCE:
            break
        radius += _STEP
    return radius
