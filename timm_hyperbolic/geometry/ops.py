"""What runs a formula: a kernel where there is one, else the definition. This is the only place that chooses.

The choice depends on the device, the number types and the kind of call, never on the numbers in the data, so that a row
gives the same bits in every batch. The definition runs under `torch.func`, under `torch.jit.trace`, and in what
`torch.export` and ONNX see; it also gives the second derivatives. Everything else sees one operation, opaque to
`torch.compile`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import register_flop_formula

from .attention import attention as _attention_definition
from .formulas import TwoVectorFormula, two_vector_formula
from .gyrovector import Frame
from .kernels import attention_cpu, cpu, library
from .limits import Bounds, Limits

__all__ = ['attention', 'has_kernel', 'kernels', 'two_vectors']

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
        operation: Made by `torch.library.custom_op`. It takes tensors first, then other arguments.
        definition: Takes the same arguments.
        backward: An operation that takes the gradient of the output and then the same arguments, and returns the
            gradients of the tensors.
        tensors: How many tensors the operation takes.
    """

    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:tensors])
        ctx.others = inputs[tensors:]

    def gradients(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # `create_graph=True`
            found = _differentiated(definition, inputs, ctx.others, ctx.needs_input_grad[:tensors], g)
        else:
            found = backward(g, *inputs, *ctx.others)
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


# Attention by distance


def attention(
    qkv: Tensor,
    centroids: Tensor,
    temperature: Tensor,
    curvature: Tensor,
    limits: Limits,
    vectors: torch.dtype,
    mask: Tensor | None = None,
    drop: nn.Dropout | None = None,
    explicit: bool = False,
) -> Tensor:
    """Softmax of squared distances between queries and keys, and the gyro-midpoint of the values; see `attention`.

    Args:
        qkv: Tangent vectors of queries, keys and values, `[B, N, 3, H, D]`.
        centroids: Those that join the keys and values of every sample, `[H, M, D]`.
        temperature: `σ`, `[H]`.
        curvature: `c >= 0`, `[1]`, float32 or float64; the definition computes scalars in its type.
        limits: The clip.
        vectors: The type of matrix products in the definition.
        mask: Added to the scores between tokens, broadcastable to `[B, H, N, N]`.
        drop: Dropout of the weights.
        explicit: Make the weights a tensor that goes through `drop`, so that they can be seen there.

    Returns:
        Tangent vectors at the origin, `[B, N, H·D]`; of the type of `qkv`, half types as float32, or by the definition
        of the type `vectors`.
    """
    slope = -0.5 / temperature.to(curvature.dtype) ** 2
    if explicit or mask is not None or not has_kernel(qkv):
        return _attention_definition(qkv, centroids, slope, curvature, limits, vectors, mask, drop)
    # Without a margin, the numbers of points near the boundary differ too much for float32.
    qkv = qkv.to(torch.float64 if limits.margin is None else torch.promote_types(qkv.dtype, torch.float32))
    numbers = torch.cat([curvature, slope]).double()
    return _attention(qkv, centroids.to(qkv.dtype), numbers, _kept(qkv, centroids, drop), _clip(limits))[0]


def _kept(qkv: Tensor, centroids: Tensor, drop: nn.Dropout | None) -> Tensor | None:
    """The weights that dropout leaves, `[B, H, N, M + N]`, None for all."""
    if drop is None or not drop.training or drop.p == 0:
        return None
    batch, tokens, _, heads, _ = qkv.shape
    keep = torch.empty(batch, heads, tokens, centroids.shape[1] + tokens, dtype=torch.bool, device=qkv.device)
    return keep.bernoulli_(1 - drop.p)


def _attention_of_numbers(
    qkv: Tensor, centroids: Tensor, numbers: Tensor, keep: Tensor | None, clip: list[float]
) -> Tensor:
    curvature, slope = numbers[:1], numbers[1:]
    drop = None if keep is None else lambda weights: weights * keep  # of any scale: it is a weighted mean
    return _attention_definition(qkv, centroids, slope, curvature, _bounds(clip), qkv.dtype, drop=drop)


@torch.library.custom_op('timm_hyperbolic::attention', mutates_args=(), device_types='cpu')
def _attention(
    qkv: Tensor, centroids: Tensor, numbers: Tensor, keep: Tensor | None, clip: list[float]
) -> tuple[Tensor, Tensor]:
    return attention_cpu.attention(qkv, centroids, numbers, keep, clip)


@torch.library.custom_op('timm_hyperbolic::attention_backward', mutates_args=(), device_types='cpu')
def _attention_backward(
    g: Tensor,
    qkv: Tensor,
    centroids: Tensor,
    numbers: Tensor,
    keep: Tensor | None,
    out: Tensor,
    known: Tensor,
    clip: list[float],
) -> tuple[Tensor, Tensor, Tensor]:
    return attention_cpu.attention_backward(g, qkv, centroids, numbers, keep, out, known, clip)


@_attention.register_fake
def _(qkv, centroids, numbers, keep, clip):
    batch, tokens, _, heads, size = qkv.shape
    return qkv.new_empty(batch, tokens, heads * size), numbers.new_empty(attention_cpu.shape_of_known(qkv))


@_attention_backward.register_fake
def _(g, qkv, centroids, numbers, keep, out, known, clip):
    return qkv.new_empty(qkv.shape), centroids.new_empty(centroids.shape), torch.empty_like(numbers)


def _attention_setup(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.clip = inputs
    ctx.save_for_backward(*tensors, *output)
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)


def _attention_gradients(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
    qkv, centroids, numbers, keep, out, known = ctx.saved_tensors
    if g is None:
        return (None,) * 5
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # `create_graph=True`
        inputs, wanted = (qkv, centroids, numbers), ctx.needs_input_grad[:3]
        found = _differentiated(_attention_of_numbers, inputs, (keep, ctx.clip), wanted, g)
    else:
        found = _attention_backward(g, qkv, centroids, numbers, keep, out, known, ctx.clip)
    return (*found, None, None)


_attention.register_autograd(_attention_gradients, setup_context=_attention_setup)


@register_flop_formula(torch.ops.timm_hyperbolic.attention)
def _attention_flops(qkv, centroids, *args, out_shape=None, products: int = 2, **kwargs) -> int:
    """Those of the matrix products, which counters count."""
    batch, tokens, _, heads, size = qkv
    return products * 2 * batch * heads * tokens * (tokens + centroids[1]) * size


@register_flop_formula(torch.ops.timm_hyperbolic.attention_backward)
def _attention_backward_flops(g, qkv, centroids, *args, out_shape=None, **kwargs) -> int:
    return _attention_flops(qkv, centroids, products=7)
