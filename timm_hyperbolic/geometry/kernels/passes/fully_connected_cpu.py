"""The passes over inner products of points and normals that make coordinates of them, on a CPU.

Inner products are `[G, K, P]`, with K hyperplanes and P points that lie side by side in memory, as the pixels of an
image do. A piece of work is up to BLOCK points of a group, with all hyperplanes.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.placeholder import T, backward_pair, forward_pair
from timm_hyperbolic.geometry.kernels.primitives import index, jit

# Points of a piece
BLOCK = 256
# The numbers of a hyperplane
COSH, SINH, SLOPE = 0, 1, 2


@jit(any_order=True)
def coordinates(x, time, out, plane, c, limit):
    """The coordinates of points, from inner products with one normal."""
    cosh, sinh, slope = plane
    for p in range(len(x)):
        out[index(p)] = forward_pair(x[index(p)], time[index(p)], cosh, sinh, slope, c, limit)


@jit(any_order=True)
def gradients(x, time, g, of_x, of_time, plane, c, limit):
    """Gradients of the inner products with one normal; those of `time` are added up.

    Returns:
        The gradients of the hyperplane's numbers and of the curvature.
    """
    cosh, sinh, slope = plane
    d_cosh, d_sinh, d_slope, d_c = T(0.0), T(0.0), T(0.0), T(0.0)
    for p in range(len(x)):
        _, by_inner, by_time, by_cosh, by_sinh, by_slope, by_c = backward_pair(
            x[index(p)], time[index(p)], cosh, sinh, slope, c, limit, g[index(p)]
        )
        of_x[index(p)] = by_inner
        of_time[index(p)] += by_time
        d_cosh += by_cosh
        d_sinh += by_sinh
        d_slope += by_slope
        d_c += by_c
    return d_cosh, d_sinh, d_slope, d_c


@jit
def forward(begin, end, inner, time, planes, numbers, out):
    """Coordinates in some of the pieces.

    Args:
        inner: Inner products, `[G, K, P]`.
        time: `[G, P]`.
        planes: Numbers of the hyperplanes, `[3, K]`.
        numbers: The curvature and the limit of rapidities, `[2]`.
        out: Coordinates, `[G, K, P]`.
    """
    blocks = (inner.shape[2] + BLOCK - 1) // BLOCK
    for piece in range(begin, end):
        group, first = piece // blocks, piece % blocks * BLOCK
        last = min(first + BLOCK, inner.shape[2])
        for k in range(inner.shape[1]):
            plane = (planes[COSH, k], planes[SINH, k], planes[SLOPE, k])
            part = slice(first, last)
            coordinates(inner[group, k, part], time[group, part], out[group, k, part], plane, numbers[0], numbers[1])


@jit
def backward(begin, end, inner, time, planes, numbers, g, of_inner, of_time, of_planes):
    """Gradients in some of the pieces.

    Args:
        inner: As `forward`, as are `time`, `planes` and `numbers`.
        time: See `inner`.
        planes: See `inner`.
        numbers: See `inner`.
        g: Gradient of the coordinates, `[G, K, P]`.
        of_inner: Gradient of the inner products, `[G, K, P]`.
        of_time: Gradient of `time`, `[G, P]`.
        of_planes: For each piece, gradients of the numbers of hyperplanes, and parts of that of the curvature,
            `[pieces, 4, K]`.
    """
    blocks = (inner.shape[2] + BLOCK - 1) // BLOCK
    for piece in range(begin, end):
        group, first = piece // blocks, piece % blocks * BLOCK
        last = min(first + BLOCK, inner.shape[2])
        part = slice(first, last)
        summed = np.zeros(last - first, T)
        for k in range(inner.shape[1]):
            plane = (planes[COSH, k], planes[SINH, k], planes[SLOPE, k])
            x, d_x = inner[group, k, part], of_inner[group, k, part]
            found = gradients(x, time[group, part], g[group, k, part], d_x, summed, plane, numbers[0], numbers[1])
            for i in range(4):
                of_planes[piece, i, k] = found[i]
        of_time[group, part] = summed
