"""The passes over normals and offsets that make the numbers of hyperplanes of them, on a CPU."""

import numpy as np

from timm_hyperbolic.geometry.kernels.placeholder import T, backward_pair, forward_pair
from timm_hyperbolic.geometry.kernels.primitives import jit


@jit(any_order=True)
def squared_length(z):
    """`‖z‖²`."""
    total = T(0.0)
    for j in range(len(z)):
        total += T(z[j]) * T(z[j])
    return total


@jit(any_order=True)
def add_multiple(out, a, z):
    """Add `a·z` in place."""
    for j in range(len(z)):
        out[j] += a * z[j]


@jit
def forward(begin, end, normals, offsets, c, planes):
    """The numbers of some of the hyperplanes.

    Args:
        normals: `[K, D]`.
        offsets: `[K]`.
        c: The curvature.
        planes: `along`, `across` and the slope, `[3, K]`.
    """
    for k in range(begin, end):
        along, across, slope = forward_pair(squared_length(normals[k]), np.float64(offsets[k]), c)
        planes[0, k] = along
        planes[1, k] = across
        planes[2, k] = slope


@jit
def backward(begin, end, normals, offsets, c, of_planes, of_normals, of_offsets, of_c):
    """The gradients of some of the hyperplanes.

    Args:
        normals: As `forward`, as are `offsets` and `c`.
        offsets: See `normals`.
        c: See `normals`.
        of_planes: The gradient of `planes`, `[3, K]`.
        of_normals: The gradient of the normals is added to it, `[K, D]`.
        of_offsets: The gradient of the offsets, `[K]`.
        of_c: Parts of the gradient of the curvature, `[K]`.
    """
    for k in range(begin, end):
        zz = squared_length(normals[k])
        found = backward_pair(zz, np.float64(offsets[k]), c, of_planes[0, k], of_planes[1, k], of_planes[2, k])
        # Behind the results themselves
        add_multiple(of_normals[k], normals.dtype.type(T(2.0) * found[3]), normals[k])
        of_offsets[k] = found[4]
        of_c[k] = found[5]
