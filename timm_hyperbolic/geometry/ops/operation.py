"""What the operations of torch that run kernels share: how they are made, second derivatives, and trials on a GPU."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..limits import Bounds, Limits

__all__ = [
    'bounds_of',
    'cached_clip_numbers',
    'clip_numbers',
    'differentiated',
    'drawn',
    'in_float64',
    'operation',
    'with_double_backward',
]


def in_float64(
    definition: Callable[..., Tensor], inputs: Sequence[Tensor], others: Sequence[Any], g: Tensor
) -> list[Tensor]:
    """Return the result of a definition in float64, and its gradients, for a trial.

    Args:
        definition: The function.
        inputs: Tensors with respect to which it is differentiated.
        others: Its other arguments.
        g: The gradient of a loss with respect to the result.

    Returns:
        The result, and the gradient with respect to each input.
    """
    inputs = [t.double().requires_grad_() for t in inputs]
    with torch.enable_grad():
        out = definition(*inputs, *others)
    return [out.detach(), *torch.autograd.grad(out, inputs, g.double())]


def drawn(seed: int, device: str, dtype: torch.dtype, *shape: int) -> Tensor:
    """Return normally distributed numbers for a trial, scaled so that the vectors have a length of about 1.

    Args:
        seed: The seed of the generator.
        device: The device of the result.
        dtype: The type of the result.
        *shape: The shape of the result, vectors in the last axis.
    """
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(shape, generator=generator, dtype=torch.float64, device='cpu')
    return (numbers / shape[-1] ** 0.5).to(device, dtype)


def clip_numbers(limits: Limits) -> list[float]:
    """Return the numbers of a clip as a kernel takes them.

    Args:
        limits: The clip.
    """
    bounds = limits.bounds(torch.float64)
    never = 1e300  # so that its reciprocal is a normal number
    return [never if b is None else b for b in bounds]


# The compiler traces into a cached function, and warns of that.
cached_clip_numbers = functools.cache(clip_numbers)


def bounds_of(clip: Limits | list[float]) -> Limits | Bounds:
    """Return a clip as a definition takes it.

    Args:
        clip: The clip, or its numbers as a kernel takes them.
    """
    return clip if isinstance(clip, Limits) else Bounds(*clip)


def operation(name: str, schema: str) -> Callable[[Callable], Any]:
    """Decorate what computes an operation of torch on a CPU.

    Args:
        name: Of the operation, within `timm_hyperbolic::`.
        schema: Its types, which torch before 2.7 cannot read from annotations such as `list[float]`.
    """
    name = f'timm_hyperbolic::{name}'
    return torch.library.custom_op(name, mutates_args=(), device_types='cpu', schema=schema)


def with_double_backward(
    operation: Any, definition: Callable[..., Tensor], backward: Any, tensors: int, from_result: bool = False
) -> None:
    """Give an operation its gradients: by a kernel, and by the definition where second derivatives are wanted.

    Args:
        operation: Made by `torch.library.custom_op`. It takes tensors first, then other arguments. Where it returns a
            tuple, that is the output and what is kept for the backward pass, which has no gradient. On a GPU the
            output is not kept.
        definition: Takes the same arguments, and returns the output.
        backward: An operation that takes the gradient of the output, the same tensors, the tuple if there is one, with
            None for an output that is not kept, and the other arguments; it returns the gradients of the tensors.
        tensors: How many tensors the operation takes, of which some may be None.
        from_result: `backward` takes the operation's result, which is a tensor, behind the tensors, and at last which
            gradients are needed; the others may be anything.
    """

    def setup_context(ctx: Any, inputs: tuple, output: Tensor | tuple[Tensor, ...]) -> None:
        if isinstance(output, tuple):
            out, *kept = output
            ctx.save_for_backward(*inputs[:tensors], None if out.device.type == 'cuda' else out, *kept)
            ctx.mark_non_differentiable(*kept)
        else:
            ctx.save_for_backward(*inputs[:tensors], *([output] if from_result else []))
        ctx.others = inputs[tensors:]

    def gradients(ctx: Any, g: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        inputs = saved[:tensors]
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # `create_graph=True`
            found = differentiated(definition, inputs, ctx.others, ctx.needs_input_grad[:tensors], g)
        else:
            needs = list(ctx.needs_input_grad[:tensors])
            found = backward(g, *saved, *ctx.others, *([needs] if from_result else []))
            if from_result:
                found = [t if needed else None for t, needed in zip(found, needs, strict=True)]
        return (*found, *(None for _ in ctx.others))

    operation.register_autograd(gradients, setup_context=setup_context)


def differentiated(
    definition: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    others: Sequence[Any],
    wanted: Sequence[bool],
    g: Tensor,
) -> list[Tensor | None]:
    """Return gradients that have a graph of their own, by autograd of the definition.

    Args:
        definition: The function.
        inputs: Tensors with respect to which it is differentiated.
        others: Its other arguments.
        wanted: Whether the gradient with respect to each input is wanted.
        g: The gradient of a loss with respect to the result.

    Returns:
        The gradient with respect to each input; None where it is not wanted.
    """
    # One input may be made of another: as views of their own, each has the gradient that reaches it directly.
    inputs = [t.view_as(t) if needed else t for t, needed in zip(inputs, wanted, strict=True)]
    some = [t for t, needed in zip(inputs, wanted, strict=True) if needed]
    with torch.autocast(g.device.type, enabled=False):
        out = definition(*inputs, *others)
        found = iter(torch.autograd.grad(out, some, g, create_graph=True, allow_unused=True))
    return [next(found) if needed else None for needed in wanted]
