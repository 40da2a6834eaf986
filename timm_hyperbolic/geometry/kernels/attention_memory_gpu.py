"""How the GPU passes of attention by distance read and write the numbers of queries, keys and pairs.

These functions do not depend on the type of the numbers, so the passes of every type import them.
"""

import triton
import triton.language as tl

__all__ = [
    'FACTOR',
    'INVERSE',
    'KNOWN_GREATEST',
    'KNOWN_INVERSE',
    'KNOWN_MASS',
    'MASS',
    'R2',
    'STRETCH',
    'numbers_of_keys',
    'pairs_at',
    'total',
    'write_line',
]

# The lines of `POINTS`: what attention needs to know of a point
FACTOR = tl.constexpr(0)
R2 = tl.constexpr(1)
INVERSE = tl.constexpr(2)
STRETCH = tl.constexpr(3)
MASS = tl.constexpr(4)
# The lines of `KNOWN`: of each query its greatest score, the inverse sum of its weights, the mass of its sum of values
KNOWN_GREATEST = tl.constexpr(0)
KNOWN_INVERSE = tl.constexpr(1)
KNOWN_MASS = tl.constexpr(2)


@triton.jit
def numbers_of_keys(POINTS, first, one, roles, role, KEYS: tl.constexpr, WIDTH: tl.constexpr):
    """Load the numbers of keys and of their values, `[1, WIDTH]` each, zero beyond `KEYS`.

    Args:
        POINTS: `[5, roles, one]`.
        first: The number of the first key among the `one` points of its role.
        one: How many points each role has.
        roles: How many roles there are.
        role: The number of the keys' role; the values have the next one.
        KEYS: How many keys.
        WIDTH: A power of two that is not below `KEYS`.
    """
    j = tl.arange(0, WIDTH)
    at = POINTS + role * one + first + j
    line = roles * one
    factor = tl.load(at + FACTOR * line, mask=j < KEYS, other=0.0)[None, :]
    r2 = tl.load(at + R2 * line, mask=j < KEYS, other=0.0)[None, :]
    inverse = tl.load(at + INVERSE * line, mask=j < KEYS, other=0.0)[None, :]
    value_factor = tl.load(at + one + STRETCH * line, mask=j < KEYS, other=0.0)[None, :]
    value_mass = tl.load(at + one + MASS * line, mask=j < KEYS, other=0.0)[None, :]
    return factor, r2, inverse, value_factor, value_mass


@triton.jit
def pairs_at(row, here, KEYS: tl.constexpr, WIDTH: tl.constexpr):
    """Return the offsets of the pairs of some queries with their keys, `[queries, WIDTH]`, and which of them exist."""
    j = tl.arange(0, WIDTH)
    return row[:, None] * KEYS + j[None, :], here[:, None] & (j < KEYS)[None, :]


@triton.jit
def total(x):
    """Return the sum of a number over pairs, in float64."""
    return tl.sum(tl.sum(x, 1).to(tl.float64), 0)


@triton.jit
def write_line(pointer, numbers, KEYS: tl.constexpr, WIDTH: tl.constexpr):
    """Store one number of each key."""
    j = tl.arange(0, WIDTH)
    tl.store(pointer + j, numbers, mask=j < KEYS)
