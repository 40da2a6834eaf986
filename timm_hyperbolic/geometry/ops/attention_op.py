"""Attention by distance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import register_flop_formula

from ..attention import attention as _attention_definition
from ..kernels import attention_cpu, attention_gpu
from ..limits import Limits
from .choice import TRIALS, has_kernel
from .operation import (
    bounds_of,
    clip_numbers,
    differentiated,
    drawn,
    in_float64,
    operation,
)

__all__ = ['attention', 'both_ways']


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
    return _attention(qkv, centroids.to(qkv.dtype), numbers, _kept(qkv, centroids, drop), clip_numbers(limits))[0]


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
    return _attention_definition(qkv, centroids, slope, curvature, bounds_of(clip), qkv.dtype, drop=drop)


@operation(
    'attention',
    '(Tensor qkv, Tensor centroids, Tensor numbers, Tensor? keep, float[] clip) -> (Tensor, Tensor)',
)
def _attention(
    qkv: Tensor, centroids: Tensor, numbers: Tensor, keep: Tensor | None, clip: list[float]
) -> tuple[Tensor, Tensor]:
    return attention_cpu.attention(qkv, centroids, numbers, keep, clip)


@operation(
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


def both_ways(name: str, device: str, dtype: torch.dtype, dim: int) -> Iterator[tuple[str, Tensor, Tensor, float]]:
    """Yield what the kernels of attention and its definition give for a few tokens, as `trial.reason_against` takes it.

    Args:
        name: The name of the kernel.
        device: The device, such as `cuda:0`.
        dtype: The type of the vectors.
        dim: The number D of entries of a vector.
    """
    clip = clip_numbers(Limits(0.985))
    # More tokens than a program of the kernels computes.
    qkv, g = 2 * drawn(0, device, dtype, 2, 40, 3, 2, dim), drawn(1, device, dtype, 2, 40, 2 * dim)
    centroids = drawn(2, device, dtype, 2, 5, dim)
    numbers = torch.tensor([0.9, -0.5, -0.2], dtype=torch.float64, device=device)
    keep = drawn(3, device, dtype, 2, 2, 40, 45) < 0.1
    out, known = attention_gpu.attention(qkv, centroids, numbers, keep, clip)
    ours = out, *attention_gpu.attention_backward(g, qkv, centroids, numbers, keep, out, known, clip)
    exact = in_float64(_attention_of_numbers, (qkv, centroids, numbers), (keep, clip), g)
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
        found = differentiated(_attention_of_numbers, inputs, (keep, ctx.clip), wanted, g)
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


TRIALS['attention'] = both_ways
