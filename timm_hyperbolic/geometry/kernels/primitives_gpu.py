"""What every kernel on a GPU needs: numbers in float64, and results in the type of the vectors.

Triton takes a number in a kernel's text for float32 where nothing tells it otherwise, and passes Python's floats to
kernels as float32.
"""

import triton
import triton.language as tl

__all__ = ['f64', 'narrow', 'read', 'rows_at', 'typed', 'write16']


@triton.jit
def f64(x: tl.constexpr):
    """A number as float64."""
    return tl.full((), x, tl.float64)


@triton.jit
def typed(x: tl.constexpr, T: tl.constexpr):
    """A number of a type."""
    return tl.full((), x, T)


@triton.jit
def rows_at(i, first, rows, LENGTH: tl.constexpr, STRIDE: tl.constexpr, WIDTH: tl.constexpr, AT_ONCE: tl.constexpr):
    """Some rows of a block: their places in it, where their vectors are, and which of that exists.

    Args:
        i: The place of the first one in the block.
        first: The first row of the block.
        rows: How many rows there are at all.
        LENGTH: Of a vector.
        STRIDE: From one row's vector to the next one's.
        WIDTH: A power of two that is not below `LENGTH`.
        AT_ONCE: How many rows.
    """
    r = i + tl.arange(0, AT_ONCE)
    j = tl.arange(0, WIDTH)
    at = (first + r)[:, None] * STRIDE + j[None, :]
    inside = (first + r < rows)[:, None] & (j < LENGTH)[None, :]
    return r, at, inside


@triton.jit
def read(pointer, at, inside):
    """Vectors in float64, zero where there are none."""
    return tl.load(pointer + at, mask=inside, other=0.0).to(tl.float64)


@triton.jit
def narrow(x, pointer):
    """`x`, float64, in the type of what a pointer points to; rounded to float32 before it is rounded to a half type."""
    if pointer.dtype.element_ty != tl.float64:
        x = x.to(tl.float32)
    return x.to(pointer.dtype.element_ty)


@triton.jit
def _from_bits(x):
    return x.to(tl.int64).to(tl.float64, bitcast=True)


@triton.jit(do_not_specialize=[f'b{i}' for i in range(16)])
def write16(
    pointer,
    b0: tl.int64,
    b1: tl.int64,
    b2: tl.int64,
    b3: tl.int64,
    b4: tl.int64,
    b5: tl.int64,
    b6: tl.int64,
    b7: tl.int64,
    b8: tl.int64,
    b9: tl.int64,
    b10: tl.int64,
    b11: tl.int64,
    b12: tl.int64,
    b13: tl.int64,
    b14: tl.int64,
    b15: tl.int64,
):
    """Write sixteen float64 numbers, given by their bits."""
    tl.store(pointer, _from_bits(b0))
    tl.store(pointer + 1, _from_bits(b1))
    tl.store(pointer + 2, _from_bits(b2))
    tl.store(pointer + 3, _from_bits(b3))
    tl.store(pointer + 4, _from_bits(b4))
    tl.store(pointer + 5, _from_bits(b5))
    tl.store(pointer + 6, _from_bits(b6))
    tl.store(pointer + 7, _from_bits(b7))
    tl.store(pointer + 8, _from_bits(b8))
    tl.store(pointer + 9, _from_bits(b9))
    tl.store(pointer + 10, _from_bits(b10))
    tl.store(pointer + 11, _from_bits(b11))
    tl.store(pointer + 12, _from_bits(b12))
    tl.store(pointer + 13, _from_bits(b13))
    tl.store(pointer + 14, _from_bits(b14))
    tl.store(pointer + 15, _from_bits(b15))
