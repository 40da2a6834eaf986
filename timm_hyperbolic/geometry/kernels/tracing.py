"""From a formula to a graph of scalar operations: torch traces it, and differentiates it where asked to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch._decomp import core_aten_decompositions
from torch.fx import Graph
from torch.fx.experimental.proxy_tensor import make_fx

__all__ = ['trace']


def trace(
    function: Callable[..., tuple[Tensor, ...]],
    inputs: int,
    wrt: Sequence[int] | None = None,
    dtype: torch.dtype = torch.float64,
) -> Graph:
    """The graph of a pointwise function of tensors.

    Args:
        function: Takes tensors of one shape and returns a tuple of such tensors.
        inputs: How many tensors it takes.
        wrt: Positions of the inputs with respect to which to differentiate; None for the function itself.
        dtype: The type of the tensors, float32 or float64.

    Returns:
        A graph of ATen operations. Without `wrt` its outputs are those of the function. With `wrt` its inputs are those
        of the function and then a cotangent for each output; its outputs are those of the function and then the
        gradients of the inputs in `wrt`.
    """
    examples = [torch.rand(2, dtype=dtype) for _ in range(inputs)]
    traced = function
    if wrt is not None:
        examples += [torch.rand_like(t) for t in function(*examples)]

        def traced(*values: Tensor) -> tuple[Tensor, ...]:
            primals = list(values[:inputs])

            def of_some(*some: Tensor) -> tuple[Tensor, ...]:
                every = primals.copy()
                for i, value in zip(wrt, some, strict=True):
                    every[i] = value
                return tuple(function(*every))

            outputs, product = torch.func.vjp(of_some, *(primals[i] for i in wrt))
            return (*outputs, *product(values[inputs:]))

    return make_fx(traced, decomposition_table=core_aten_decompositions(), tracing_mode='fake')(*examples).graph
