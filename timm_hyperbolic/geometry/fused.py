"""What the fused operations share: the switch, and the way back to their definitions for second derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch._dynamo
import torch._inductor.config
from torch import Tensor

__all__ = [
    'compile_once',
    'differentiable_backward',
    'in_saved_types',
    'is_fused',
    'needs_gradient',
    'set_fused',
    'wants_graph',
]

_fused = True


def set_fused(enable: bool = True) -> None:
    """Compute by autograd nodes with derivatives by hand (the default), or by the definitions that they implement."""
    global _fused
    _fused = enable


def is_fused() -> bool:
    """Whether fused operations are used where they apply: not within `torch.func`, which takes derivatives itself."""
    return _fused and (torch.compiler.is_compiling() or not torch._C._are_functorch_transforms_active())


@torch._dynamo.assume_constant_result
def _regions_are_safe() -> bool:
    """Whether inductor hands no buffer on: else gradients behind a second call of a region are wrong (torch 2.14)."""
    return not torch._inductor.config.allow_buffer_reuse


def compile_once(f: Callable) -> Callable:
    """Let `torch.compile` compile `f` once for all layers that call it on tensors of the same shapes.

    A model has two dozen residuals, and the compiler would take a minute for every three. This takes
    `torch._inductor.config.allow_buffer_reuse = False`, without which inductor frees what another call of the region
    still needs, and the gradients are silently wrong; otherwise the plain function is compiled. Exporters, which keep
    no such regions, see the plain function too.
    """
    if not hasattr(torch.compiler, 'nested_compile_region'):  # before torch 2.8
        return f
    region = torch.compiler.nested_compile_region(lambda *args: f(*args))

    @functools.wraps(f)
    def call(*args: Any) -> Any:
        if torch.compiler.is_compiling() and not torch.compiler.is_exporting() and _regions_are_safe():
            return region(*args)
        return f(*args)

    return call


def needs_gradient(inputs: Sequence[Any]) -> bool:
    """Whether a node is needed: without one the compiler traces the plain computation, in eager mode it is quicker."""
    return torch.is_grad_enabled() and any(isinstance(t, Tensor) and t.requires_grad for t in inputs)


def in_saved_types(backward: Callable) -> Callable:
    """Decorate a node's `backward`: called within autocast too, it computes in the types that were saved."""

    @functools.wraps(backward)
    def call(ctx: Any, g: Tensor) -> Any:
        with torch.autocast(g.device.type, enabled=False):
            return backward(ctx, g)

    return call


def wants_graph() -> bool:
    """Whether a backward pass in progress was asked for a graph of its own (`create_graph=True`)."""
    return torch.is_grad_enabled() and not torch.compiler.is_compiling()


def differentiable_backward(
    ctx: Any, definition: Callable[..., Tensor], inputs: Sequence[Any], g: Tensor
) -> tuple[Tensor | None, ...]:
    """A backward pass that has a graph: autograd's, of the definition.

    Args:
        ctx: Of the `autograd.Function`.
        definition: Computes the output from `inputs`.
        inputs: Those of the function's `forward`, the tensors as saved.
        g: Derivative by the output.

    Returns:
        A derivative for each input, None for those that need none.
    """
    wanted = [i for i, needed in enumerate(ctx.needs_input_grad) if needed]
    # One input may be made of another: as views of their own, each has the derivative that reaches it directly.
    inputs = [t.view_as(t) if needed else t for t, needed in zip(inputs, ctx.needs_input_grad, strict=True)]
    out = definition(*inputs)
    gradients = torch.autograd.grad(out, [inputs[i] for i in wanted], g, create_graph=True, allow_unused=True)
    every = dict(zip(wanted, gradients, strict=True))
    return tuple(every.get(i) for i in range(len(inputs)))
