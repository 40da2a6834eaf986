"""What a kernel on a CPU needs and Numba lacks: a select, and functions that LLVM can vectorise.

Numba's own `exp` and `log` call the C library for one number at a time, which keeps the compiler from computing the
scalars of several rows at once; Python's conditional expression and `min` and `max` do so too.
"""

from __future__ import annotations

import math

from llvmlite import ir
from numba import cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ['compiled_entry', 'exp', 'from_bits', 'jit', 'log', 'sqrt', 'thread_count', 'thread_number', 'where']

# Sums may be taken in any order, as vector instructions do; NaN and infinity keep their meaning.
ANY_ORDER = {'reassoc', 'contract', 'nsz', 'arcp'}
# A product and a sum may become one instruction.
CONTRACT = {'contract', 'nsz'}


def jit(function=None, *, any_order: bool = False):
    """Compile a function of a kernel, and keep the machine code on disk where there is a place for it.

    Args:
        function: The function.
        any_order: Let sums be taken in any order.
    """

    def compiled(f):
        options = {
            'fastmath': ANY_ORDER if any_order else CONTRACT,
            'error_model': 'numpy',
            'nogil': True,
        }
        try:
            return njit(cache=True, **options)(f)
        except RuntimeError:  # Numba finds no directory that it may write to.
            return njit(**options)(f)

    return compiled if function is None else compiled(function)


def _reinterpret(source, target, llvm_target):
    @intrinsic
    def reinterpret(typing_context, x):
        def generate(context, builder, signature, args):
            return builder.bitcast(args[0], llvm_target)

        return target(source), generate

    return reinterpret


_bits = _reinterpret(types.float64, types.int64, ir.IntType(64))
from_bits = _reinterpret(types.int64, types.float64, ir.DoubleType())


def _pointer(element):
    """A function from an address to a pointer to elements of a type."""
    target = types.CPointer(element)

    @intrinsic
    def pointer(typing_context, address):
        def generate(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(target))

        return target(types.int64), generate

    return pointer


float32_at, float64_at, int64_at, bool_at = map(_pointer, (types.float32, types.float64, types.int64, types.boolean))
thread_number = types.ExternalFunction('omp_get_thread_num', types.intc())
thread_count = types.ExternalFunction('omp_get_num_threads', types.intc())


def compiled_entry(function):
    """Compile a function that takes a pointer to whole numbers, so that C can call it, and keep the machine code."""
    signature = types.void(types.CPointer(types.int64))
    try:
        return cfunc(signature, cache=True)(function)
    except RuntimeError:  # Numba finds no directory that it may write to.
        return cfunc(signature)(function)


@intrinsic
def where(typing_context, condition, a, b):
    """`a` where the condition holds, else `b`; both are computed."""

    def generate(context, builder, signature, args):
        return builder.select(args[0], args[1], args[2])

    return types.float64(types.boolean, types.float64, types.float64), generate


@intrinsic
def sqrt(typing_context, x):
    """The square root."""

    def generate(context, builder, signature, args):
        double = ir.DoubleType()
        function_type = ir.FunctionType(double, [double])
        function = cgutils.get_or_insert_function(builder.module, function_type, 'llvm.sqrt.f64')
        return builder.call(function, args)

    return types.float64(types.float64), generate


# A number that, added to one below 2^51, leaves the integer nearest to it in the last bits.
_ROUND = 1.5 * 2.0**52
_LOG2_E = 1 / math.log(2)
# ln 2 in two parts, the first with so few bits that its products with exponents are exact.
_LN2_HIGH = 0.693147180369123816490
_LN2_LOW = 1.90821492927058770002e-10
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1 / math.factorial(i) for i in range(2, 14))


@jit
def exp(x):
    """`e^x` to an ulp or two, held to the normal numbers: `x` below -708 counts as -708, above 709 as 709."""
    x = where(x > -708.0, x, -708.0)
    x = where(x < 709.0, x, 709.0)
    shifted = x * _LOG2_E + _ROUND
    n = shifted - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = _C13 * r + _C12
    p = p * r + _C11
    p = p * r + _C10
    p = p * r + _C9
    p = p * r + _C8
    p = p * r + _C7
    p = p * r + _C6
    p = p * r + _C5
    p = p * r + _C4
    p = p * r + _C3
    p = p * r + _C2
    p = (p * r + 1.0) * r + 1.0
    return p * from_bits((_bits(shifted) << 52) + 0x3FF0000000000000)


@jit
def log(x):
    """`ln x` to an ulp or two, for a positive normal number."""
    bits = _bits(x)
    # The exponent of x relative to √½, so that the mantissa lies between √½ and √2.
    exponent = (bits - 0x3FE6A09E667F3BCD) >> 52
    f = from_bits(bits - (exponent << 52)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = z * (1 / 21) + (1 / 19)
    p = p * z + (1 / 17)
    p = p * z + (1 / 15)
    p = p * z + (1 / 13)
    p = p * z + (1 / 11)
    p = p * z + (1 / 9)
    p = p * z + (1 / 7)
    p = p * z + (1 / 5)
    p = p * z + (1 / 3)
    p = p * z + 1.0
    n = float(exponent)
    return n * _LN2_HIGH + (2.0 * s * p + n * _LN2_LOW)
