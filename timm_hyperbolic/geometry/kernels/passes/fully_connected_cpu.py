"""The passes around inner products of points and normals of hyperplanes, on a CPU.

Inner products are `[G, K, P]`, with K hyperplanes and P points that lie side by side in memory, as the pixels of an
image do. A piece of work is up to BLOCK points of a group, with all hyperplanes.

The points of a convolution are the concatenations of those under its window. Their time parts, `τ² = 1 + c·Σ‖h‖²`, need
the squares of the coordinates, summed over channels and then over windows.
"""

import numpy as np

from timm_hyperbolic.geometry.kernels.placeholder import T, backward_pair, forward_pair
from timm_hyperbolic.geometry.kernels.primitives import index, jit, sqrt

# Points of a piece
BLOCK = 256
# The numbers of a hyperplane
ALONG, ACROSS, SLOPE = 0, 1, 2


@jit(any_order=True)
def results(x, time, plane, c, limit, edge):
    """What is computed of points and one hyperplane, in place of the inner products."""
    along, across, slope = plane
    for p in range(len(x)):
        x[index(p)] = forward_pair(x[index(p)], time[index(p)], along, across, slope, c, limit, edge)


@jit(any_order=True)
def gradients(result, time, g, of_inner, of_time, of_scale, plane, c, limit, edge):
    """Gradients of the inner products with one normal; those of numbers of the points are added up.

    Returns:
        The gradients of the hyperplane's numbers and of the curvature.
    """
    along, across, slope = plane
    d_along, d_across, d_slope, d_c = T(0.0), T(0.0), T(0.0), T(0.0)
    for p in range(len(result)):
        by_inner, by_time, by_along, by_across, by_slope, by_c = backward_pair(
            result[index(p)], time[index(p)], along, across, slope, c, limit, edge, g[index(p)]
        )
        of_inner[index(p)] = by_inner
        of_time[index(p)] += by_time
        of_scale[index(p)] += along * by_along
        d_along += by_along
        d_across += by_across
        d_slope += by_slope
        d_c += by_c
    return d_along, d_across, d_slope, d_c


@jit(any_order=True)
def gradients_at_fixed_curvature(result, time, g, of_inner, of_time, of_scale, plane, c, limit, edge):
    """As `gradients`, with zero for that of the curvature."""
    along, across, slope = plane
    d_along, d_across, d_slope = T(0.0), T(0.0), T(0.0)
    for p in range(len(result)):
        by_inner, by_time, by_along, by_across, by_slope, _ = backward_pair(
            result[index(p)], time[index(p)], along, across, slope, c, limit, edge, g[index(p)]
        )
        of_inner[index(p)] = by_inner
        of_time[index(p)] += by_time
        of_scale[index(p)] += along * by_along
        d_along += by_along
        d_across += by_across
        d_slope += by_slope
    return d_along, d_across, d_slope, T(0.0)


@jit
def forward(begin, end, inner, time, planes, curvature, limit, edge):
    """Results in some of the pieces, in place of the inner products.

    Args:
        inner: Inner products, `[G, K, P]`.
        time: `[G, P]`.
        planes: Numbers of the hyperplanes, `[3, K]`.
        curvature: The curvature.
        limit: The limit of rapidities.
        edge: Results with `c·w²` beyond it are at the limit.
    """
    blocks = (inner.shape[2] + BLOCK - 1) // BLOCK
    c, limit, edge = T(curvature), T(limit), T(edge)
    for piece in range(begin, end):
        group, first = piece // blocks, piece % blocks * BLOCK
        part = slice(first, min(first + BLOCK, inner.shape[2]))
        for k in range(inner.shape[1]):
            plane = (planes[ALONG, k], planes[ACROSS, k], planes[SLOPE, k])
            results(inner[group, k, part], time[group, part], plane, c, limit, edge)


@jit
def backward(begin, end, result, time, planes, curvature, limit, edge, learnt, g, of_inner, of_points, of_planes):
    """Gradients in some of the pieces.

    Args:
        result: As `forward` left it, `[G, K, P]`.
        time: As `forward`, as are the next four.
        planes: See `time`.
        curvature: See `time`.
        limit: See `time`.
        edge: See `time`.
        learnt: Whether the gradient of the curvature is wanted, 0 or 1.
        g: Gradient of the result, `[G, K, P]`.
        of_inner: Gradient of the inner products, `[G, K, P]`.
        of_points: For each point the gradient of `time`, and that of a common factor of its inner products, at one;
            `[2, G, P]`.
        of_planes: For each piece, gradients of the numbers of hyperplanes, and parts of that of the curvature,
            `[pieces, 4, K]`.
    """
    blocks = (result.shape[2] + BLOCK - 1) // BLOCK
    c, limit, edge = T(curvature), T(limit), T(edge)
    for piece in range(begin, end):
        group, first = piece // blocks, piece % blocks * BLOCK
        part = slice(first, min(first + BLOCK, result.shape[2]))
        times, of_time, of_scale = time[group, part], of_points[0, group, part], of_points[1, group, part]
        of_time[:] = T(0.0)
        of_scale[:] = T(0.0)
        for k in range(result.shape[1]):
            plane = (planes[ALONG, k], planes[ACROSS, k], planes[SLOPE, k])
            y, g_y, of_x = result[group, k, part], g[group, k, part], of_inner[group, k, part]
            if learnt:
                found = gradients(y, times, g_y, of_x, of_time, of_scale, plane, c, limit, edge)
            else:
                found = gradients_at_fixed_curvature(y, times, g_y, of_x, of_time, of_scale, plane, c, limit, edge)
            for i in range(4):
                of_planes[piece, i, k] = found[i]


# Sums of squares under windows


@jit(any_order=True)
def add_squares(total, x):
    """Add `x²` in place."""
    for j in range(len(x)):
        total[index(j)] += x[index(j)] * x[index(j)]


@jit(any_order=True)
def add(total, x):
    """Add `x` in place."""
    for j in range(len(x)):
        total[index(j)] += x[index(j)]


@jit(any_order=True)
def add_products(total, a, c, x):
    """Add `c·a·x` in place; returns the sum of `a·x²`."""
    squares = T(0.0)
    for j in range(len(x)):
        product = a[index(j)] * x[index(j)]
        total[index(j)] += c * product
        squares += product * x[index(j)]
    return squares


@jit
def covered(place, stride, padding, dilation, size, count):
    """For one place of a window along an axis: the first window where it is inside, the one behind the last, its start.

    Args:
        place: The place within the window.
        stride: Of the windows, as are `padding` and `dilation`.
        padding: See `stride`.
        dilation: See `stride`.
        size: Number of pixels.
        count: Number of windows.
    """
    start = place * dilation - padding
    first = max(0, (stride - 1 - start) // stride)
    last = min(count, (size - 1 - start) // stride + 1)
    return first, max(first, last), start


@jit
def over_rows(pixels, windows, window, back):
    """Add up rows of pixels under each window; with `back` add the row of each window to the rows under it.

    Args:
        pixels: `[H, W]`.
        windows: `[H', W]`.
        window: Height and width, then strides, paddings, dilations, two each.
        back: 0 or 1.
    """
    stride, width = window[2], pixels.shape[1]
    for place in range(window[0]):
        first, last, start = covered(place, stride, window[4], window[6], pixels.shape[0], windows.shape[0])
        if stride == 1:  # the rows lie one behind the other
            under = pixels.reshape(-1)[(first + start) * width : (last + start) * width]
            sums = windows.reshape(-1)[first * width : last * width]
            if back:
                add(under, sums)
            else:
                add(sums, under)
        else:
            for i in range(first, last):
                if back:
                    add(pixels[i * stride + start], windows[i])
                else:
                    add(windows[i], pixels[i * stride + start])


@jit
def over_columns(pixels, windows, window, back):
    """As `over_rows`, along the other axis: windows are `[H, W']`."""
    stride = window[3]
    for place in range(window[1]):
        first, last, start = covered(place, stride, window[5], window[7], pixels.shape[1], windows.shape[1])
        for i in range(pixels.shape[0]):
            row, sums = pixels[i], windows[i, first:last]
            if stride > 1:
                for j in range(first, last):
                    if back:
                        row[j * stride + start] += windows[i, j]
                    else:
                        windows[i, j] += row[j * stride + start]
            elif back:
                add(row[first + start : last + start], sums)
            else:
                add(sums, row[first + start : last + start])


@jit
def times(begin, end, x, curvature, window, time):
    """The time parts of the points under windows, for some of the images.

    Args:
        x: `[B, C, H, W]`.
        curvature: The curvature.
        window: As `over_rows`.
        time: `[B, H', W']`.
    """
    height, width, c = x.shape[2], x.shape[3], T(curvature)
    for b in range(begin, end):
        image, squares = x[b].reshape(x.shape[1], -1), np.zeros(height * width, T)
        for channel in range(x.shape[1]):
            add_squares(squares, image[channel])
        rows, sums = np.zeros((time.shape[1], width), T), time[b]
        over_rows(squares.reshape(height, width), rows, window, 0)
        sums[:] = T(0.0)
        over_columns(rows, sums, window, 0)
        for i in range(sums.shape[0]):
            for j in range(sums.shape[1]):
                sums[i, j] = sqrt(T(1.0) + c * sums[i, j])


@jit
def times_backward(begin, end, x, curvature, window, time, of_time, of_x, of_c):
    """The gradients of the points from those of time parts, for some of the images.

    Args:
        x: As `times`, as are the next three.
        curvature: See `x`.
        window: See `x`.
        time: See `x`.
        of_time: `[B, H', W']`.
        of_x: The gradient of `x` is added to it.
        of_c: A part of the gradient of the curvature for each image.
    """
    height, width, c = x.shape[2], x.shape[3], T(curvature)
    for b in range(begin, end):
        of_sums = of_time[b] / time[b]
        of_rows, of_squares = np.zeros((time.shape[1], width), T), np.zeros(height * width, T)
        over_columns(of_rows, of_sums, window, 1)
        over_rows(of_squares.reshape(height, width), of_rows, window, 1)
        image, of_image = x[b].reshape(x.shape[1], -1), of_x[b].reshape(x.shape[1], -1)
        by_c = T(0.0)
        for channel in range(x.shape[1]):
            by_c += add_products(of_image[channel], of_squares, c, image[channel])
        of_c[b] = T(0.5) * by_c
