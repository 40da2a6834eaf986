"""What every kernel on a GPU needs: numbers in float64, and results in the type of the vectors.

Triton takes a number in a kernel's text for float32 where nothing tells it otherwise, and passes Python's floats to
kernels as float32.
"""

import triton
import triton.language as tl

__all__ = ['f64', 'narrow', 'pack']


@triton.jit
def f64(x: tl.constexpr):
    """A number as float64."""
    return tl.full((), x, tl.float64)


@triton.jit
def narrow(x, pointer):
    """`x`, float64, in the type of what a pointer points to; rounded to float32 before it is rounded to a half type."""
    if pointer.dtype.element_ty != tl.float64:
        x = x.to(tl.float32)
    return x.to(pointer.dtype.element_ty)


@triton.jit
def _from_bits(x):
    return x.to(tl.int64).to(tl.float64, bitcast=True)


_CLIP = ('z2_max', 'z2_edge', 'n_max', 'n_edge', 'u_max', 'u_edge', 'u_min', 'r2_max', 'r2_edge')


@triton.jit(do_not_specialize=_CLIP)
def pack(
    numbers,
    packed,
    z2_max: tl.int64,
    z2_edge: tl.int64,
    n_max: tl.int64,
    n_edge: tl.int64,
    u_max: tl.int64,
    u_edge: tl.int64,
    u_min: tl.int64,
    r2_max: tl.int64,
    r2_edge: tl.int64,
    COUNT: tl.constexpr,
):
    """Write the curvature, the clip and a formula's further numbers, as a kernel takes them.

    Args:
        numbers: The curvature and then the formula's numbers, float64.
        packed: What is written, float64.
        z2_max: The bits of the first number of the clip, and so on.
        COUNT: How many numbers the formula takes.
    """
    tl.store(packed, tl.load(numbers))
    tl.store(packed + 1, _from_bits(z2_max))
    tl.store(packed + 2, _from_bits(z2_edge))
    tl.store(packed + 3, _from_bits(n_max))
    tl.store(packed + 4, _from_bits(n_edge))
    tl.store(packed + 5, _from_bits(u_max))
    tl.store(packed + 6, _from_bits(u_edge))
    tl.store(packed + 7, _from_bits(u_min))
    tl.store(packed + 8, _from_bits(r2_max))
    tl.store(packed + 9, _from_bits(r2_edge))
    for i in tl.static_range(COUNT):
        tl.store(packed + 10 + i, tl.load(numbers + 1 + i))
