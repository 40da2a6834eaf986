"""Chains from images to the root, and the distances of images and texts from it."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .style import BLUE, CLIP, GREY, INK, WIDE, clean, new_figure

__all__ = ['chains_figure', 'radii_figure']

_LETTERS = 26  # of a line beside an image


def chains_figure(
    images: Sequence[NDArray[np.float32]], chains: Sequence[Sequence[str]], marks: Sequence[bool] | None = None
) -> Figure:
    """Draw images, each with the texts that are passed on the way from it to the root, the nearest first.

    Args:
        images: Pixels `[H, W, 3]` from 0 to 1, at least one image.
        chains: The texts of each image.
        marks: Whether a chain is as it should be; the others have another colour. None for one colour.
    """
    columns = min(3, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure(WIDE, 1.4 * rows)
    grid = figure.subplots(rows, 2 * columns, squeeze=False, width_ratios=[1, 1.5] * columns)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, (image, chain) in enumerate(zip(images, chains, strict=True)):
        left, right = grid[number // columns, 2 * (number % columns) : 2 * (number % columns) + 2]
        left.imshow(image, interpolation='nearest')
        left.set_anchor('N')
        lines = [textwrap.shorten(text, _LETTERS, placeholder='…') for text in chain]
        color = INK if marks is None or marks[number] else CLIP
        right.text(
            0, 1, '\n↑ '.join(lines), va='top', fontsize=7.5, color=color, linespacing=1.35, transform=right.transAxes
        )
    return figure


def radii_figure(radii: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw histograms of distances from the root.

    Args:
        radii: Distances by the name of what lies there, at most four names.
    """
    figure = new_figure(WIDE, 3.2)
    axes = clean(figure.subplots())
    low, high = min(r.min() for r in radii.values()), max(np.quantile(r, 0.999) for r in radii.values())
    bins = np.linspace(low, high, 61)
    for color, (name, values) in zip((GREY, CLIP, '#7a9a3a', BLUE), radii.items(), strict=False):
        axes.hist(values, bins, density=True, histtype='stepfilled', alpha=0.35, color=color)
        axes.hist(values, bins, density=True, histtype='step', color=color, label=name, linewidth=1.4)
        axes.axvline(float(np.median(values)), color=color, linewidth=1, linestyle='--')
    axes.set_xlabel('distance from the root', fontsize=9)
    axes.set_ylabel('density', fontsize=9)
    axes.legend(frameon=False, fontsize=9)
    return figure
