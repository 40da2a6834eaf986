"""What a kernel on a CPU needs and Numba lacks: a select, and functions that LLVM can vectorise.

Numba's own `exp` and `log` call the C library for one number at a time, which keeps the compiler from computing the
scalars of several rows at once; Python's conditional expression and `min` and `max` do so too.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = [
    'compiled_entry',
    'exp',
    'exp32',
    'from_bits',
    'index',
    'jit',
    'log',
    'log32',
    'sqrt',
    'thread_count',
    'thread_number',
    'where',
]

# Sums may be taken in any order, as vector instructions do; NaN and infinity keep their meaning.
ANY_ORDER = {'reassoc', 'contract', 'nsz', 'arcp'}
# A product and a sum may become one instruction.
CONTRACT = {'contract', 'nsz'}


def jit(function=None, *, any_order: bool = False, inline: bool = False, once: bool = False):
    """Compile a function of a kernel, and keep the machine code on disk where there is a place for it.

    Args:
        function: The function.
        any_order: Let sums be taken in any order.
        inline: Put the code where the function is called, however long it is.
        once: The function is called in one place: make it a part of the caller, which saves compiling it alone.
    """

    def compiled(f):
        options = {
            'fastmath': ANY_ORDER if any_order else CONTRACT,
            'error_model': 'numpy',
            'nogil': True,
            'forceinline': inline,
            'inline': 'always' if once else 'never',
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


float32_at, float64_at, int64_at, uint8_at = map(_pointer, (types.float32, types.float64, types.int64, types.uint8))
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
    """`a` where the condition holds, else `b`, in the type of `a`; both are computed."""

    def generate(context, builder, signature, args):
        return builder.select(args[0], args[1], args[2])

    return a(types.boolean, a, a), generate


@intrinsic
def sqrt(typing_context, x):
    """The square root, in the type of `x`."""

    def generate(context, builder, signature, args):
        number = context.get_value_type(x)
        function_type = ir.FunctionType(number, [number])
        function = cgutils.get_or_insert_function(builder.module, function_type, f'llvm.sqrt.f{x.bitwidth}')
        return builder.call(function, args)

    return x(x), generate


@intrinsic
def index(typing_context, i):
    """`i`, known not to be negative: otherwise it might count from the end, and LLVM loads number by number."""

    def generate(context, builder, signature, args):
        return args[0]

    return types.uint64(types.int64), generate


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


# The same in float32.

_SHIFT, _ONE = ir.IntType(32)(23), ir.IntType(32)(0x3F800000)
_SQRT_HALF = ir.IntType(32)(0x3F3504F3)


def _exponent_of(builder, bits):
    """The exponent relative to √½, so that the mantissa lies between √½ and √2."""
    return builder.ashr(builder.sub(bits, _SQRT_HALF), _SHIFT)


def _intrinsic32(generate):
    """A function of a float32 number from the code that makes its result of the number and its bits."""

    @intrinsic
    def function(typing_context, x):
        def code(context, builder, signature, args):
            return generate(builder, builder.bitcast(args[0], ir.IntType(32)))

        return types.float32(types.float32), code

    return function


_exponent32 = _intrinsic32(lambda builder, bits: builder.sitofp(_exponent_of(builder, bits), ir.FloatType()))
_mantissa32 = _intrinsic32(
    lambda builder, bits: builder.bitcast(
        builder.sub(bits, builder.shl(_exponent_of(builder, bits), _SHIFT)), ir.FloatType()
    )
)
# 2^n of `n + 1.5·2^23`
_power32 = _intrinsic32(
    lambda builder, bits: builder.bitcast(builder.add(builder.shl(bits, _SHIFT), _ONE), ir.FloatType())
)

_f32 = np.float32
_ROUND_32 = _f32(1.5 * 2.0**23)
_LOG2_E_32 = _f32(1 / math.log(2))
_LN2_HIGH_32 = _f32(355 / 512)
_LN2_LOW_32 = _f32(math.log(2) - 355 / 512)


@jit
def exp32(x):
    """`e^x` to an ulp or two, held to the normal numbers: `x` below -87 counts as -87, above 88 as 88."""
    x = where(x > _f32(-87.0), x, _f32(-87.0))
    x = where(x < _f32(88.0), x, _f32(88.0))
    shifted = x * _LOG2_E_32 + _ROUND_32
    n = shifted - _ROUND_32
    r = (x - n * _LN2_HIGH_32) - n * _LN2_LOW_32
    p = _f32(_C7) * r + _f32(_C6)
    p = p * r + _f32(_C5)
    p = p * r + _f32(_C4)
    p = p * r + _f32(_C3)
    p = p * r + _f32(_C2)
    p = (p * r + _f32(1.0)) * r + _f32(1.0)
    return p * _power32(shifted)


@jit
def log32(x):
    """`ln x` to an ulp or two, for a positive normal number."""
    n, f = _exponent32(x), _mantissa32(x) - _f32(1.0)
    s = f / (_f32(2.0) + f)
    z = s * s
    p = z * _f32(1 / 9) + _f32(1 / 7)
    p = p * z + _f32(1 / 5)
    p = p * z + _f32(1 / 3)
    p = p * z + _f32(1.0)
    return n * _LN2_HIGH_32 + (_f32(2.0) * s * p + n * _LN2_LOW_32)
