"""The scalars of a row, as a function that can be traced, with a name for everything that goes in and out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..limits import Bounds
from .program import Program
from .tracing import trace

__all__ = ['CLIP', 'RowProgram']

#: Names of the numbers of a clip; every program that clips has them behind the curvature.
CLIP = Bounds._fields


@dataclass(frozen=True)
class RowProgram:
    """A pointwise function of the scalars of a row and of numbers that all rows share.

    Args:
        name: Of the module that has its kernels.
        function: Takes the inputs and then the numbers, as tensors of one shape and type; returns the outputs.
        inputs: Names of what each row has of its own.
        numbers: Names of what all rows share.
        outputs: Names of the results.
        wrt: Inputs and numbers whose gradients are wanted, inputs first.
        dtype: The type of all numbers, float64 for the scalars of a row; what is computed for every pair of rows has
            the type of the vectors.
        gradients: A function in place of the derivative by autograd, for pairs whose inputs are not kept. It takes
            `given`, then the numbers, then the gradients of the outputs, and returns the gradients of `wrt`.
        given: Names of what `gradients` takes in place of the inputs, as many.
    """

    name: str
    function: Callable[..., tuple[Tensor, ...]]
    inputs: tuple[str, ...]
    numbers: tuple[str, ...]
    outputs: tuple[str, ...]
    wrt: tuple[str, ...]
    dtype: torch.dtype = torch.float64
    gradients: Callable[..., tuple[Tensor, ...]] | None = None
    given: tuple[str, ...] = ()

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the numbers of a row in a kernel's scratch, in order.

        Inputs have their own names, outputs too; the gradient of an output is `g_...`, that of an input or number
        `d_...`.
        """
        gradients = (*(f'g_{name}' for name in self.outputs), *(f'd_{name}' for name in self.wrt))
        return (*self.inputs, *self.outputs, *gradients)

    @cached_property
    def forward(self) -> Program:
        """From inputs and numbers to outputs."""
        return Program(trace(self.function, len(self.inputs) + len(self.numbers), dtype=self.dtype))

    @cached_property
    def backward(self) -> Program:
        """From inputs, numbers and the outputs' gradients to outputs and the gradients of `wrt`.

        With a function `gradients`, from `given` in place of the inputs to the gradients alone.
        """
        if self.gradients is not None:
            count = len(self.given) + len(self.numbers) + len(self.outputs)
            return Program(trace(self.gradients, count, dtype=self.dtype))
        every = (*self.inputs, *self.numbers)
        return Program(trace(self.function, len(every), [every.index(name) for name in self.wrt], self.dtype))
