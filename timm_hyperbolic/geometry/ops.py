"""What runs a formula: a kernel where there is one, else the definition. This is the only place that chooses.

The choice depends on the device, the number types and the kind of call, never on the numbers in the data, so that a row
gives the same bits in every batch. The definition runs under `torch.func`, under `torch.jit.trace`, and in what
`torch.export` and ONNX see; it also gives the second derivatives. Everything else sees one operation, opaque to
`torch.compile`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from .formulas import TwoVectorFormula, linear_map, two_vector_formula
from .gyrovector import Frame, dot, widen
from .kernels import cpu, library
from .limits import Bounds, Limits

__all__ = ['has_kernel', 'kernels', 'linear', 'two_vectors']

_enabled = True


@contextmanager
def kernels(enable: bool) -> Iterator[None]:
    """Within this context layers are computed by kernels where there are some, or all by their definitions.

    Args:
        enable: False for the definitions.
    """
    global _enabled
    before, _enabled = _enabled, enable
    try:
        yield
    finally:
        _enabled = before


def has_kernel(x: Tensor) -> bool:
    """Whether formulas of vectors like `x` are computed by kernels here and now."""
    return reason_for_definition(x) is None


def reason_for_definition(x: Tensor) -> str | None:
    """Why formulas of vectors like `x` are computed by their definitions here and now; None where kernels do it."""
    if not _enabled:
        return 'kernels are switched off by geometry.kernels(False)'
    if torch.compiler.is_exporting():
        return 'torch.export and ONNX see the definition'
    if torch.jit.is_tracing():
        return 'torch.jit.trace sees the definition'
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        return 'torch.func differentiates the definition'
    if x.device.type != 'cpu':
        return f'there are no kernels for devices of type {x.device.type}'
    if not library.has_numba():
        return 'Numba, which compiles the kernels for a CPU, is not installed'
    return None


@functools.lru_cache(maxsize=256)
def _clip(limits: Limits) -> list[float]:
    """The numbers of a clip as a kernel takes them."""
    bounds = limits.bounds(torch.float64)
    never = 1e300  # so that its reciprocal is a normal number
    return [never if b is None else b for b in bounds]


def _bounds(clip: Limits | list[float]) -> Limits | Bounds:
    return clip if isinstance(clip, Limits) else Bounds(*clip)


def _with_double_backward(operation: Any, definition: Callable[..., Tensor], backward: Any, tensors: int) -> None:
    """Give an operation its gradients: by a kernel, and by the definition where second derivatives are wanted.

    Args:
        operation: Made by `torch.library.custom_op`. It takes tensors first, then other arguments. Where it returns a
            tuple, that is the output and what is kept besides for the way back, which has no gradient.
        definition: Takes the same arguments, and returns the output.
        backward: An operation that takes the gradient of the output, the same tensors, the tuple if there is one, and
            the other arguments; it returns the gradients of the tensors.
        tensors: How many tensors the operation takes.
    """

    def setup_context(ctx: Any, inputs: tuple, output: Tensor | tuple[Tensor, ...]) -> None:
        kept = output if isinstance(output, tuple) else ()
        ctx.save_for_backward(*inputs[:tensors], *kept)
        ctx.mark_non_differentiable(*kept[1:])
        ctx.others = inputs[tensors:]

    def gradients(ctx: Any, g: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        inputs = saved[:tensors]
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # `create_graph=True`
            found = _differentiated(definition, inputs, ctx.others, ctx.needs_input_grad[:tensors], g)
        else:
            found = backward(g, *saved, *ctx.others)
        return (*found, *(None for _ in ctx.others))

    operation.register_autograd(gradients, setup_context=setup_context)


def _differentiated(
    definition: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    others: Sequence[Any],
    wanted: Sequence[bool],
    g: Tensor,
) -> list[Tensor | None]:
    """Gradients that have a graph of their own, by autograd of the definition."""
    # One input may be made of another: as views of their own, each has the gradient that reaches it directly.
    inputs = [t.view_as(t) if needed else t for t, needed in zip(inputs, wanted, strict=True)]
    some = [t for t, needed in zip(inputs, wanted, strict=True) if needed]
    with torch.autocast(g.device.type, enabled=False):
        out = definition(*inputs, *others)
        found = iter(torch.autograd.grad(out, some, g, create_graph=True, allow_unused=True))
    return [next(found) if needed else None for needed in wanted]


# Two vectors per row


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
        numbers: What the formula takes besides the points, each `[1]`.
        curvature: `c >= 0`, `[1]`, float32 or float64; the definition computes scalars in its type.
        limits: The clip.

    Returns:
        `[..., D]`, in the type of `x`.
    """
    packed = torch.cat([curvature, *(n.to(curvature.dtype) for n in numbers)])
    if has_kernel(x):
        return _two_vectors(x, y.expand_as(x), packed.double(), formula.name, _clip(limits))
    return _two_vectors_definition(x, y, packed, formula, limits)


def _two_vectors_definition(
    x: Tensor, y: Tensor, numbers: Tensor, formula: TwoVectorFormula | str, clip: Limits | list[float]
) -> Tensor:
    formula = two_vector_formula(formula) if isinstance(formula, str) else formula
    c, *rest = numbers.unsqueeze(-1)
    _, tx, ty = Frame.plane(x, y, c, numbers.dtype, _bounds(clip), formula.closed)
    return formula(tx.exp0(), ty.exp0(), *rest).log0().to_tensor()


@torch.library.custom_op('timm_hyperbolic::two_vectors', mutates_args=(), device_types='cpu')
def _two_vectors(x: Tensor, y: Tensor, numbers: Tensor, formula: str, clip: list[float]) -> Tensor:
    return cpu.two_vectors(two_vector_formula(formula), x, y, numbers, clip)


@torch.library.custom_op('timm_hyperbolic::two_vectors_backward', mutates_args=(), device_types='cpu')
def _two_vectors_backward(
    g: Tensor, x: Tensor, y: Tensor, numbers: Tensor, formula: str, clip: list[float]
) -> tuple[Tensor, Tensor, Tensor]:
    return cpu.two_vectors_backward(two_vector_formula(formula), g, x, y, numbers, clip)


@_two_vectors.register_fake
def _(x, y, numbers, formula, clip):
    return x.new_empty(x.shape)


@_two_vectors_backward.register_fake
def _(g, x, y, numbers, formula, clip):
    return x.new_empty(x.shape), x.new_empty(x.shape), torch.empty_like(numbers)


_with_double_backward(_two_vectors, _two_vectors_definition, _two_vectors_backward, tensors=3)


# A linear map


def linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    p_in: Tensor,
    p_out: Tensor,
    curvature: Tensor,
    limits: Limits,
    vectors: torch.dtype,
) -> Tensor:
    """P linear layers on tangent vectors at the origin, their results joined; see `formulas.linear`.

    Args:
        x: `[..., D]`.
        weight: `[P·E, D]`.
        bias: `[P·E]`, or None.
        p_in: Centres of the inputs, `[P, D]`.
        p_out: Centres of the results, `[P, E]`.
        curvature: `c >= 0`, `[P]`, float32 or float64; the definition computes scalars in its type.
        limits: The clip.
        vectors: The type of vectors.

    Returns:
        `[..., P·E]`, in the type `vectors`.
    """
    if vectors.itemsize < 4:
        # A half type cannot hold a long vector's products, and `exp0` would shorten it anyway: to the longest that
        # any part allows it is shortened here, before the cast.
        x = x * limits.tangent(dot(x, x, curvature.dtype), curvature.amin()).to(x.dtype)
    x = x.to(vectors)
    if not has_kernel(x):
        return _linear_definition(x, weight, bias, p_in, p_out, curvature, limits)
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    return _linear(x, weight, bias, p_in, p_out, curvature.double(), _clip(limits))[0]


def _linear_definition(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    p_in: Tensor,
    p_out: Tensor,
    c: Tensor,
    clip: Limits | list[float],
) -> Tensor:
    vectors, scalars, parts = x.dtype, c.dtype, len(p_in)
    weight, p_in, p_out = (t.to(vectors) for t in (weight, p_in, p_out))
    w, c, bounds = weight.unflatten(0, (parts, -1)), c.unsqueeze(-1), _bounds(clip)  # [P, E, D], [P, 1]
    fixed = [(w @ p_in.unsqueeze(-1)).squeeze(-1), p_out, *([] if bias is None else [bias.to(vectors).view_as(p_out)])]
    # The inner products of `x` with the centres, and those of `Wx` with the fixed vectors, `⟨Wx, v⟩ = ⟨x, Wᵀv⟩`, are
    # one skinny product.
    columns = torch.stack([p_in, *((v.unsqueeze(-2) @ w).squeeze(-2) for v in fixed)])
    rows = x.flatten(0, -2) if x.dim() > 1 else x.unsqueeze(0)
    inner = widen(F.linear(rows, columns.flatten(0, 1)), scalars).unflatten(-1, columns.shape[:2])
    xp, *y_fixed = inner.unsqueeze(-1).unbind(-3)  # each [R, P, 1]
    y = F.linear(rows, weight).unflatten(-1, (parts, -1))  # [R, P, E]

    xx, pp = dot(rows, rows, scalars).unsqueeze(-2), dot(p_in, p_in, scalars)
    upper = [[dot(u, v, scalars) for v in fixed[i:]] for i, u in enumerate(fixed)]
    source = Frame((rows.unsqueeze(-2), p_in), ((xx, xp), (pp,)), c, bounds)
    target = Frame((y, *fixed), ((dot(y, y, scalars), *y_fixed), *upper), c, bounds)
    # The combination, as one product with the fixed vectors of all parts
    of_y, *of_fixed = (t.to(vectors) for t in linear_map(source, target).coefficients)
    of_fixed = torch.cat(of_fixed, dim=-1).reshape(-1, parts * len(fixed))
    out = torch.addmm((of_y * y).flatten(-2), of_fixed, torch.block_diag(*torch.stack(fixed, 1)))
    return out.view(*x.shape[:-1], len(weight))


@torch.library.custom_op('timm_hyperbolic::linear', mutates_args=(), device_types='cpu')
def _linear(
    x: Tensor, weight: Tensor, bias: Tensor, p_in: Tensor, p_out: Tensor, c: Tensor, clip: list[float]
) -> tuple[Tensor, Tensor]:
    return cpu.linear(x, weight, bias, p_in, p_out, c, clip)


@torch.library.custom_op('timm_hyperbolic::linear_backward', mutates_args=(), device_types='cpu')
def _linear_backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    p_in: Tensor,
    p_out: Tensor,
    c: Tensor,
    out: Tensor,
    kept: Tensor,
    clip: list[float],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    return cpu.linear_backward(g, x, weight, bias, p_in, p_out, c, out, kept, clip)


@_linear.register_fake
def _(x, weight, bias, p_in, p_out, c, clip):
    return x.new_empty(*x.shape[:-1], len(weight)), c.new_empty(cpu.linear_kept(x, p_in))


@_linear_backward.register_fake
def _(g, x, weight, bias, p_in, p_out, c, out, kept, clip):
    return tuple(t.new_empty(t.shape) for t in (x, weight, bias, p_in, p_out, c))


def _linear_for_second_derivatives(x: Tensor, *others: Any) -> Tensor:
    """The definition in float32 or better, as the kernel computes all but its matrix products."""
    return _linear_definition(x.to(torch.promote_types(x.dtype, torch.float32)), *others).to(x.dtype)


_with_double_backward(_linear, _linear_for_second_derivatives, _linear_backward, tensors=6)


# Matrix products as torch's counter of FLOPs counts them, which does not see into an operation.


@register_flop_formula(torch.ops.timm_hyperbolic.linear)
def _linear_flops(x: Sequence[int], weight: Sequence[int], *_: Any, out_val: Any = None, **__: Any) -> int:
    return 2 * math.prod(x) * weight[0]


@register_flop_formula(torch.ops.timm_hyperbolic.linear_backward)
def _linear_backward_flops(
    g: Sequence[int], x: Sequence[int], weight: Sequence[int], *_: Any, out_val: Any = None, **__: Any
) -> int:
    return 4 * math.prod(x) * weight[0]
