"""What runs a formula: a kernel where there is one, else the definition. This is the only place that chooses.

The choice depends on the device, the number types and the kind of call, never on the numbers in the data, so that a row
gives the same bits in every batch. The definition runs under `torch.func`, under `torch.jit.trace`, and in what
`torch.export` and ONNX see; it also gives the second derivatives. Everything else sees one operation, opaque to
`torch.compile`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import register_flop_formula

from .attention import attention as _attention_definition
from .formulas import TwoVectorFormula, linear_map, two_vector_formula
from .gyrovector import Frame, dot, widen
from .kernels import attention_cpu, attention_gpu, cpu, gpu, library
from .kernels.linear import kept_shape
from .kernels.trial import reason_against
from .limits import Bounds, Limits

__all__ = ['attention', 'explain', 'has_kernel', 'kernels', 'linear', 'two_vectors']

_enabled = True
# torch 2.6 does not tell an export from a compilation: with it the definition is compiled too.
_is_exporting = getattr(torch.compiler, 'is_exporting', torch.compiler.is_compiling)


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


def has_kernel(x: Tensor, *names: str, longest: int = 0, dtype: torch.dtype | None = None) -> bool:
    """Whether formulas of vectors like `x` are computed by kernels here and now; see `reason_for_definition`."""
    return reason_for_definition(x, *names, longest=longest, dtype=dtype) is None


def reason_for_definition(x: Tensor, *names: str, longest: int = 0, dtype: torch.dtype | None = None) -> str | None:
    """Why formulas of vectors like `x` are computed by their definitions here and now; None where kernels do it.

    Args:
        x: Vectors.
        names: The kernels that are wanted. On a GPU each is tried first, see `kernels.trial`; without names the answer
            is that for kernels as such.
        longest: How many numbers the kernel has to hold at once, where that may be more than a vector has.
        dtype: The type of the vectors that the kernel gets; None for that of `x`.
    """
    if not _enabled:
        return 'kernels are switched off by geometry.kernels(False)'
    if _is_exporting():
        return 'torch.export and ONNX see the definition'
    if torch.jit.is_tracing():
        return 'torch.jit.trace sees the definition'
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        return 'torch.func differentiates the definition'
    if x.device.type == 'cpu':
        return None if library.has_numba() else 'Numba, which compiles the kernels for a CPU, is not installed'
    if x.device.type != 'cuda':
        return f'there are no kernels for devices of type {x.device.type}'
    if not library.has_triton():
        return 'Triton, which compiles the kernels for a GPU, is not installed'
    if max(x.shape[-1], longest) > gpu.WIDEST:
        return f'kernels on a GPU take vectors of up to {gpu.WIDEST} numbers, and as many tokens or centroids'
    # While the compiler traces, a length need not be known.
    dim = 64 if torch.compiler.is_compiling() or x.dim() < 2 else x.shape[-1]
    for name in names:
        reason = _try_on_gpu(name, str(x.device), dtype or x.dtype, dim)
        if reason is not None:
            return reason
    return None


@torch.compiler.assume_constant_result  # the compiler does not trace it, but runs it
def _try_on_gpu(name: str, device: str, dtype: torch.dtype, dim: int) -> str | None:
    """Why a kernel is not to be used for vectors of that kind; None where it agrees with its definition."""
    others = {'linear_map': _linear_both_ways, 'attention': _attention_both_ways}
    both_ways = others.get(name, _two_vectors_both_ways)
    return reason_against(name, device, dtype, functools.partial(both_ways, name, device, dtype, dim))


def _exact(
    definition: Callable[..., Tensor], inputs: Sequence[Tensor], others: Sequence[Any], g: Tensor
) -> list[Tensor]:
    """The result of a definition in float64, and its gradients, for a trial."""
    inputs = [t.double().requires_grad_() for t in inputs]
    with torch.enable_grad():
        out = definition(*inputs, *others)
    return [out.detach(), *torch.autograd.grad(out, inputs, g.double())]


def _drawn(seed: int, device: str, dtype: torch.dtype, *shape: int) -> Tensor:
    """Numbers for a trial, normally distributed, of vectors as long as numbers are in the last axis."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(shape, generator=generator, dtype=torch.float64, device='cpu')
    return (numbers / shape[-1] ** 0.5).to(device, dtype)


def explain(module: nn.Module) -> str:
    """Which implementation each hyperbolic layer of a module would use now, and why where it is the definition.

    Args:
        module: A layer or a model.

    Returns:
        A line for each layer: its name, its class, the kernels or the reason.
    """
    lines = []
    for name, layer in module.named_modules():
        names = getattr(layer, 'kernel_names', ())
        if names:
            reason = reason_for_definition(next(itertools.chain(layer.parameters(), layer.buffers())), *names)
            how = f'kernels {", ".join(names)}' if reason is None else f'the definition, because {reason}'
            lines.append(f'{name or "layer"} ({type(layer).__name__}): {how}')
    return '\n'.join(lines) or 'no hyperbolic layer'


def _clip(limits: Limits) -> list[float]:
    """The numbers of a clip as a kernel takes them."""
    bounds = limits.bounds(torch.float64)
    never = 1e300  # so that its reciprocal is a normal number
    return [never if b is None else b for b in bounds]


# The compiler traces into a cached function, and warns of that.
_cached_clip = functools.cache(_clip)


def _bounds(clip: Limits | list[float]) -> Limits | Bounds:
    return clip if isinstance(clip, Limits) else Bounds(*clip)


def _operation(name: str, schema: str) -> Callable[[Callable], Any]:
    """Decorate what computes an operation of torch on a CPU.

    Args:
        name: Of the operation, within `timm_hyperbolic::`.
        schema: Its types, which torch before 2.7 cannot read from annotations such as `list[float]`.
    """
    name = f'timm_hyperbolic::{name}'
    return torch.library.custom_op(name, mutates_args=(), device_types='cpu', schema=schema)


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
    if has_kernel(x, formula.name):
        clip = _clip(limits) if torch.compiler.is_compiling() else _cached_clip(limits)
        return _two_vectors(x, y.expand_as(x), packed.double(), formula.name, clip)
    return _two_vectors_definition(x, y, packed, formula, limits)


def _two_vectors_definition(
    x: Tensor, y: Tensor, numbers: Tensor, formula: TwoVectorFormula | str, clip: Limits | list[float]
) -> Tensor:
    formula = two_vector_formula(formula) if isinstance(formula, str) else formula
    c, *rest = numbers.unsqueeze(-1)
    _, tx, ty = Frame.plane(x, y, c, numbers.dtype, _bounds(clip), formula.closed)
    return formula(tx.exp0(), ty.exp0(), *rest).log0().to_tensor()


@_operation('two_vectors', '(Tensor x, Tensor y, Tensor numbers, str formula, float[] clip) -> Tensor')
def _two_vectors(x: Tensor, y: Tensor, numbers: Tensor, formula: str, clip: list[float]) -> Tensor:
    return cpu.two_vectors(two_vector_formula(formula), x, y, numbers, clip)


@_operation(
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


def _two_vectors_both_ways(
    name: str, device: str, dtype: torch.dtype, dim: int
) -> Iterator[tuple[str, Tensor, Tensor, float]]:
    """What the kernel of a formula gives for a few rows on a GPU, and its definition; see `trial.reason_against`."""
    formula, clip = two_vector_formula(name), _clip(Limits(0.985))
    # More rows than a block has; half of them are within the margin.
    x, y, g = 2 * _drawn(0, device, dtype, 3, 40, dim)
    numbers = torch.linspace(0.9, 0.3, 1 + len(formula.numbers), dtype=torch.float64, device=device)
    ours = (
        gpu.two_vectors(formula, x, y, numbers, clip),
        *gpu.two_vectors_backward(formula, g, x, y, numbers, clip),
    )
    exact = _exact(_two_vectors_definition, (x, y, numbers), (formula, clip), g)
    names = ('result', 'gradient of x', 'gradient of y', 'gradient of curvature and numbers')
    for result in zip(names, ours, exact, strict=True):
        yield *result, 4 * torch.finfo(result[1].dtype).eps + 1e-9  # A result is rounded to its type.


@_two_vectors.register_fake
def _(x: Any, y: Any, numbers: Any, formula: Any, clip: Any) -> Any:
    return x.new_empty(x.shape)


@_two_vectors_backward.register_fake
def _(g: Any, x: Any, y: Any, numbers: Any, formula: Any, clip: Any) -> Any:
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
    if not has_kernel(x, 'linear_map', longest=p_out.shape[-1]):
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
    of_y, *of_each = (cast(Tensor, t).to(vectors) for t in linear_map(source, target).coefficients)
    of_fixed = torch.cat(of_each, dim=-1).reshape(-1, parts * len(fixed))
    out = torch.addmm((of_y * y).flatten(-2), of_fixed, torch.block_diag(*torch.stack(fixed, 1)))
    return out.view(*x.shape[:-1], len(weight))


@_operation(
    'linear',
    '(Tensor x, Tensor weight, Tensor bias, Tensor p_in, Tensor p_out, Tensor c, float[] clip) -> (Tensor, Tensor)',
)
def _linear(
    x: Tensor, weight: Tensor, bias: Tensor, p_in: Tensor, p_out: Tensor, c: Tensor, clip: list[float]
) -> tuple[Tensor, Tensor]:
    return cpu.linear(x, weight, bias, p_in, p_out, c, clip)


@_operation(
    'linear_backward',
    '(Tensor g, Tensor x, Tensor weight, Tensor bias, Tensor p_in, Tensor p_out, Tensor c, Tensor out, Tensor kept, '
    'float[] clip) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)',
)
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


@_linear.register_kernel('cuda')
def _(x: Any, weight: Any, bias: Any, p_in: Any, p_out: Any, c: Any, clip: Any) -> Any:
    return gpu.linear(x, weight, bias, p_in, p_out, c, clip)


@_linear_backward.register_kernel('cuda')
def _(g: Any, x: Any, weight: Any, bias: Any, p_in: Any, p_out: Any, c: Any, out: Any, kept: Any, clip: Any) -> Any:
    return gpu.linear_backward(g, x, weight, bias, p_in, p_out, c, out, kept, clip)


def _linear_both_ways(
    name: str, device: str, dtype: torch.dtype, dim: int
) -> Iterator[tuple[str, Tensor, Tensor, float]]:
    """What the kernels of a linear map give for a few rows on a GPU, and its definition; see `trial.reason_against`."""
    clip, (x, g) = _clip(Limits(0.985)), 2 * _drawn(0, device, dtype, 2, 40, dim)
    weight, centres = _drawn(1, device, dtype, dim, dim), 0.3 * _drawn(2, device, dtype, 3, 1, dim)
    inputs = x, weight, centres[0, 0], centres[1], centres[2], torch.full((1,), 0.9, dtype=torch.float64, device=device)
    out, kept = gpu.linear(*inputs, clip)
    ours = out, *gpu.linear_backward(g, *inputs, out, kept, clip)
    exact = _exact(_linear_definition, inputs, (clip,), g)
    names = ('result', *(f'gradient of {n}' for n in ('x', 'weight', 'bias', 'p_in', 'p_out', 'curvature')))
    for result in zip(names, ours, exact, strict=True):
        yield *result, 16 * torch.finfo(dtype).eps + 1e-9  # Matrix products are rounded to the type of the vectors.


@_linear.register_fake
def _(x: Any, weight: Any, bias: Any, p_in: Any, p_out: Any, c: Any, clip: Any) -> Any:
    return x.new_empty(*x.shape[:-1], len(weight)), c.new_empty(kept_shape(x, p_in))


@_linear_backward.register_fake
def _(g: Any, x: Any, weight: Any, bias: Any, p_in: Any, p_out: Any, c: Any, out: Any, kept: Any, clip: Any) -> Any:
    return tuple(t.new_empty(t.shape) for t in (x, weight, bias, p_in, p_out, c))


def _linear_for_second_derivatives(x: Tensor, *others: Any) -> Tensor:
    """The definition in float32 or better, as the kernel computes all but its matrix products."""
    return _linear_definition(x.to(torch.promote_types(x.dtype, torch.float32)), *others).to(x.dtype)


_with_double_backward(_linear, _linear_for_second_derivatives, _linear_backward, tensors=6)


# Matrix products as torch's counter of FLOPs counts them, which does not see into an operation.


@register_flop_formula(torch.ops.timm_hyperbolic.linear)
def _linear_flops(x: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Any = None, **__: Any) -> int:
    """`Wx` and `W·p_in`."""
    out, dim = weight
    return 2 * (math.prod(x) + dim) * out


@register_flop_formula(torch.ops.timm_hyperbolic.linear_backward)
def _linear_backward_flops(
    g: Sequence[int],
    x: Sequence[int],
    weight: Sequence[int],
    bias: Sequence[int],
    p_in: Sequence[int],
    *_: Any,
    out_shape: Any = None,
    **__: Any,
) -> int:
    """The gradients of `x` and `W`, four sums over `x` for each part, and what gives those of the fixed vectors."""
    out, dim = weight
    return 2 * math.prod(x) * (2 * out + 4 * p_in[0]) + 10 * out * dim


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
    # Without a margin, the numbers of points near the boundary differ too much for float32.
    dtype = torch.float64 if limits.margin is None else torch.promote_types(qkv.dtype, torch.float32)
    longest = max(qkv.shape[1], centroids.shape[1])
    if explicit or mask is not None or not has_kernel(qkv, 'attention', longest=longest, dtype=dtype):
        return _attention_definition(qkv, centroids, slope, curvature, limits, vectors, mask, drop)
    qkv = qkv.to(dtype)
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


@_operation(
    'attention',
    '(Tensor qkv, Tensor centroids, Tensor numbers, Tensor? keep, float[] clip) -> (Tensor, Tensor)',
)
def _attention(
    qkv: Tensor, centroids: Tensor, numbers: Tensor, keep: Tensor | None, clip: list[float]
) -> tuple[Tensor, Tensor]:
    return attention_cpu.attention(qkv, centroids, numbers, keep, clip)


@_operation(
    'attention_backward',
    '(Tensor g, Tensor qkv, Tensor centroids, Tensor numbers, Tensor? keep, Tensor out, Tensor known, float[] clip) '
    '-> (Tensor, Tensor, Tensor)',
)
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


@_attention.register_kernel('cuda')
def _(qkv: Any, centroids: Any, numbers: Any, keep: Any, clip: Any) -> Any:
    return attention_gpu.attention(qkv, centroids, numbers, keep, clip)


@_attention_backward.register_kernel('cuda')
def _(g: Any, qkv: Any, centroids: Any, numbers: Any, keep: Any, out: Any, known: Any, clip: Any) -> Any:
    return attention_gpu.attention_backward(g, qkv, centroids, numbers, keep, out, known, clip)


def _attention_both_ways(
    name: str, device: str, dtype: torch.dtype, dim: int
) -> Iterator[tuple[str, Tensor, Tensor, float]]:
    """What the kernels of attention give for a few tokens on a GPU, and its definition; see `trial.reason_against`."""
    clip = _clip(Limits(0.985))
    # More tokens than a program of the kernels computes.
    qkv, g = 2 * _drawn(0, device, dtype, 2, 40, 3, 2, dim), _drawn(1, device, dtype, 2, 40, 2 * dim)
    centroids = _drawn(2, device, dtype, 2, 5, dim)
    numbers = torch.tensor([0.9, -0.5, -0.2], dtype=torch.float64, device=device)
    keep = _drawn(3, device, dtype, 2, 2, 40, 45) < 0.1
    out, known = attention_gpu.attention(qkv, centroids, numbers, keep, clip)
    ours = out, *attention_gpu.attention_backward(g, qkv, centroids, numbers, keep, out, known, clip)
    exact = _exact(_attention_of_numbers, (qkv, centroids, numbers), (keep, clip), g)
    names = ('result', *(f'gradient of {n}' for n in ('queries, keys and values', 'centroids', 'curvature and slopes')))
    for result in zip(names, ours, exact, strict=True):
        yield *result, 256 * torch.finfo(dtype).eps + 1e-9  # Exponents and distances are of the vectors' type.


@_attention.register_fake
def _(qkv: Any, centroids: Any, numbers: Any, keep: Any, clip: Any) -> Any:
    batch, tokens, _, heads, size = qkv.shape
    known = (attention_gpu if qkv.device.type == 'cuda' else attention_cpu).shape_of_known(qkv)
    return qkv.new_empty(batch, tokens, heads * size), numbers.new_empty(known)


@_attention_backward.register_fake
def _(g: Any, qkv: Any, centroids: Any, numbers: Any, keep: Any, out: Any, known: Any, clip: Any) -> Any:
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
def _attention_flops(
    qkv: Any, centroids: Any, *args: Any, out_shape: Any = None, products: int = 2, **kwargs: Any
) -> int:
    """Those of the matrix products, which counters count."""
    batch, tokens, _, heads, size = qkv
    return products * 2 * batch * heads * tokens * (tokens + centroids[1]) * size


@register_flop_formula(torch.ops.timm_hyperbolic.attention_backward)
def _attention_backward_flops(
    g: Any, qkv: Any, centroids: Any, *args: Any, out_shape: Any = None, **kwargs: Any
) -> int:
    return _attention_flops(qkv, centroids, products=5)
