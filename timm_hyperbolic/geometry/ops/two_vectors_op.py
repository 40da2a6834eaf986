"""Formulas of two vectors per row: the residuals and the positional embedding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ..formulas import TwoVectorFormula, two_vector_formula
from ..gyrovector import Frame
from ..kernels import cpu, gpu
from ..limits import Limits
from .choice import TRIALS, has_kernel
from .operation import (
    bounds_of,
    cached_clip_numbers,
    clip_numbers,
    drawn,
    in_float64,
    operation,
    with_double_backward,
)

__all__ = ['both_ways', 'two_vectors']


def two_vectors(
    formula: TwoVectorFormula,
    x: Tensor,
    y: Tensor,
    numbers: Sequence[Tensor],
    curvature: Tensor,
    limits: Limits,
) -> Tensor:
    """`log0(formula(exp0(x), exp0(y), *numbers))`, where `x` and `y` are tangent vectors at the origin.

    Args:
        formula: From `formulas`.
        x: `[..., D]`.
        y: Broadcastable to `x`, of its type.
        numbers: What the formula takes besides the points, each `[1]`, of any floating-point type.
        curvature: `c >= 0`, `[1]`, float32 or float64; the definition computes scalars in its type.
        limits: The clip.

    Returns:
        `[..., D]`, in the type of `x`.
    """
    packed = torch.cat([curvature, *numbers])  # in the widest of their types
    if has_kernel(x, formula.name):
        clip = clip_numbers(limits) if torch.compiler.is_compiling() else cached_clip_numbers(limits)
        return _two_vectors(x, y.expand_as(x), packed.double(), formula.name, clip)
    return _two_vectors_definition(x, y, packed, formula, limits)


def _two_vectors_definition(
    x: Tensor, y: Tensor, numbers: Tensor, formula: TwoVectorFormula | str, clip: Limits | list[float]
) -> Tensor:
    formula = two_vector_formula(formula) if isinstance(formula, str) else formula
    c, *rest = numbers.unsqueeze(-1)
    _, tx, ty = Frame.plane(x, y, c, numbers.dtype, bounds_of(clip), formula.closed)
    return formula(tx.exp0(), ty.exp0(), *rest).log0().to_tensor()


@operation('two_vectors', '(Tensor x, Tensor y, Tensor numbers, str formula, float[] clip) -> Tensor')
def _two_vectors(x: Tensor, y: Tensor, numbers: Tensor, formula: str, clip: list[float]) -> Tensor:
    return cpu.two_vectors(two_vector_formula(formula), x, y, numbers, clip)


@operation(
    'two_vectors_backward',
    '(Tensor g, Tensor x, Tensor y, Tensor numbers, str formula, float[] clip) -> (Tensor, Tensor, Tensor)',
)
def _two_vectors_backward(
    g: Tensor, x: Tensor, y: Tensor, numbers: Tensor, formula: str, clip: list[float]
) -> tuple[Tensor, Tensor, Tensor]:
    return cpu.two_vectors_backward(two_vector_formula(formula), g, x, y, numbers, clip)


@_two_vectors.register_kernel('cuda')
def _(x: Any, y: Any, numbers: Any, formula: Any, clip: Any) -> Any:
    return gpu.two_vectors(two_vector_formula(formula), x, y, numbers, clip)


@_two_vectors_backward.register_kernel('cuda')
def _(g: Any, x: Any, y: Any, numbers: Any, formula: Any, clip: Any) -> Any:
    return gpu.two_vectors_backward(two_vector_formula(formula), g, x, y, numbers, clip)


def both_ways(name: str, device: str, dtype: torch.dtype, dim: int) -> Iterator[tuple[str, Tensor, Tensor, float]]:
    """Yield what the kernel of a formula and its definition give for a few rows, as `trial.reason_against` takes it.

    Args:
        name: The name of the kernel.
        device: The device, such as `cuda:0`.
        dtype: The type of the vectors.
        dim: The number D of entries of a vector.
    """
    formula, clip = two_vector_formula(name), clip_numbers(Limits(0.985))
    # More rows than a block has; half of them are within the margin.
    x, y, g = 2 * drawn(0, device, dtype, 3, 40, dim)
    numbers = torch.linspace(0.9, 0.3, 1 + len(formula.numbers), dtype=torch.float64, device=device)
    ours = (
        gpu.two_vectors(formula, x, y, numbers, clip),
        *gpu.two_vectors_backward(formula, g, x, y, numbers, clip),
    )
    exact = in_float64(_two_vectors_definition, (x, y, numbers), (formula, clip), g)
    names = ('result', 'gradient of x', 'gradient of y', 'gradient of curvature and numbers')
    for result in zip(names, ours, exact, strict=True):
        yield *result, 4 * torch.finfo(result[1].dtype).eps + 1e-9  # A result is rounded to its type.


@_two_vectors.register_fake
def _(x: Any, y: Any, numbers: Any, formula: Any, clip: Any) -> Any:
    return x.new_empty(x.shape)


@_two_vectors_backward.register_fake
def _(g: Any, x: Any, y: Any, numbers: Any, formula: Any, clip: Any) -> Any:
    return x.new_empty(x.shape), x.new_empty(x.shape), torch.empty_like(numbers)


with_double_backward(_two_vectors, _two_vectors_definition, _two_vectors_backward, tensors=3)


TRIALS['two vectors'] = both_ways
