"""Figures of a basin head: positions on the staircase, weights, thirds at each level."""

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...layers.basin import COMPATIBILITIES
from ..basin import BasinView
from ..predictions import Labels
from .space import class_colors
from .style import BLUE, GREY, INK, PAPER, WIDE, clean, colors, legend_below, new_figure, shortened, text_color_on

__all__ = [
    'basin_intervals_figure',
    'basin_positions_figure',
    'basin_scales_figure',
    'basin_sorted_figure',
    'basin_weights_figure',
]

_BINS = 24
_THIRDS = ('left', 'middle', 'right')


def _panels(scales: Sequence[int], width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A panel for each scale, as many in a row as fit, with one range of each axis."""
    columns = min(len(scales), 3 if width >= WIDE else 1)
    rows = -(-len(scales) // columns)
    figure = new_figure(width, 0.6 + height * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    panels = list(grid.flat)
    for axes in panels[len(scales) :]:
        axes.set_visible(False)
    for axes, scale in zip(panels, scales, strict=False):
        clean(axes)
        axes.set_title(f'scale {scale}', fontsize=9, color=INK, loc='left')
    return figure, panels[: len(scales)]


def basin_positions_figure(view: BasinView, width: float = WIDE) -> Figure:
    """Draw the histogram of the positions of classes, and of those of images, for each scale.

    Args:
        view: the result of `view_basin`.
        width: of the figure in inches.
    """
    figure, panels = _panels(view.scales, width, 1.7)
    both = torch.cat([view.positions.flatten(), view.images.flatten()])
    low, high = both.min().item(), both.max().item()
    high = high if high > low else low + 1
    edges = torch.linspace(low, high, _BINS + 1)
    for axes, classes, images in zip(panels, view.positions, view.images, strict=True):
        for values, color, filled in ((classes, BLUE, True), (images, GREY, False)):
            share = 100 * torch.histc(values, _BINS, low, high) / len(values)
            axes.stairs(share.tolist(), edges.tolist(), color=color, fill=filled, alpha=0.8 if filled else 1, lw=1.4)
    for axes in panels[:: len(panels) if width >= WIDE else 1]:
        axes.set_ylabel('share, %', fontsize=9)
    panels[-1].set_xlabel('position on the staircase', fontsize=9)
    marks = [Patch(color=BLUE, alpha=0.8, label='classes'), Line2D([], [], color=GREY, label='images')]
    legend_below(figure, marks, 2)
    return figure


def basin_sorted_figure(view: BasinView, width: float = WIDE) -> Figure:
    """Draw the sorted positions of the classes, one curve for each scale, and the even spread at the start.

    Args:
        view: the result of `view_basin`.
        width: of the figure in inches.
    """
    figure = new_figure(width, 3.0)
    axes = clean(figure.add_subplot())
    count = view.positions.shape[1]
    places = range(1, count + 1)
    axes.plot(places, [(k - 0.5) / count for k in places], '--', color=GREY, linewidth=1)
    marks = [Line2D([], [], color=GREY, linestyle='--', label='start')]
    for scale, positions, color in zip(view.scales, view.positions, colors(len(view.scales)), strict=True):
        axes.plot(places, positions.sort().values.tolist(), color=color, linewidth=1.6)
        marks.append(Line2D([], [], color=color, label=f'scale {scale}'))
    axes.set_xlabel('classes, sorted at each scale', fontsize=9)
    axes.set_ylabel('position', fontsize=9)
    legend_below(figure, marks, 4 if width >= WIDE else 2)
    return figure


def basin_scales_figure(view: BasinView, labels: Labels, width: float = WIDE) -> Figure:
    """Draw the position of each class across the scales, coloured by superclass or by class.

    Args:
        view: the result of `view_basin`.
        labels: names and superclasses.
        width: of the figure in inches.
    """
    own, names = class_colors(labels, view.positions.shape[1])
    beside = width >= WIDE
    columns = 1 if beside else 2
    rows = -(-len(names) // columns)
    figure = new_figure(width, max(3.6, 0.2 * (rows + 1)) if beside else 3.2 + 0.2 * rows)
    axes = clean(figure.add_subplot())
    places = range(len(view.scales))
    for positions, color in zip(view.positions.T.tolist(), own, strict=True):
        axes.plot(places, positions, '-o', color=color, linewidth=0.9, markersize=3, alpha=0.8, markeredgewidth=0)
    axes.set_xticks(places, [f'scale {scale}' for scale in view.scales], fontsize=9)
    axes.set_ylabel('position', fontsize=9)
    marks = [
        Line2D([], [], linestyle='', marker='o', color=color, label=shortened(name, 26 if beside else 19))
        for name, color in names.items()
    ]
    if beside and marks:
        figure.legend(handles=marks, fontsize=9, frameon=False, loc='outside right upper', labelspacing=0.35)
    elif marks:
        legend_below(figure, marks, columns, 8.5)
    return figure


def _stacked(axes: Axes, rows: Sequence[Sequence[float]], palette: Sequence[tuple[float, ...]], least: float) -> None:
    """Draw a bar of shares for each row, with the percentage on every part that is at least so wide."""
    for row, shares in enumerate(rows):
        left = 0.0
        for share, color in zip(shares, palette, strict=True):
            axes.barh(row, share, left=left, color=color, height=0.72, edgecolor=PAPER, linewidth=0.5)
            if share >= least:
                place = (left + share / 2, row)
                axes.annotate(f'{100 * share:.0f}', place, ha='center', va='center', fontsize=8,
                              color=text_color_on(color))  # fmt: skip
            left += share
    axes.set_xlim(0, 1)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks([0, 0.5, 1], ['0', '50', '100 %'], fontsize=9)


def basin_weights_figure(view: BasinView, width: float = WIDE) -> Figure:
    """Draw how each scale weighs the three compatibilities, and how the fusion weighs the scales.

    Args:
        view: the result of `view_basin`.
        width: of the figure in inches.
    """
    count = len(view.scales)
    figure = new_figure(width, 1.3 + 0.36 * (count + 1))
    axes = clean(figure.add_subplot(), None)
    palette, own = colors(3), colors(10)[3:] if count <= 7 else colors(count + 3)[3:]
    _stacked(axes, view.compatibility.tolist(), palette, 0.08)
    left = 0.0
    for scale, share, color in zip(view.scales, view.fusion.tolist(), own, strict=False):
        axes.barh(count, share, left=left, color=color, height=0.72, edgecolor=PAPER, linewidth=0.5)
        if share >= (0.16 if width >= WIDE else 0.3):
            axes.annotate(f'scale {scale}: {100 * share:.0f}', (left + share / 2, count), ha='center', va='center',
                          fontsize=8, color=text_color_on(color))  # fmt: skip
        left += share
    axes.set_ylim(count + 0.5, -0.5)
    axes.set_yticks(range(count + 1), [*(f'scale {scale}' for scale in view.scales), 'fusion'], fontsize=9)
    marks = [Patch(color=color, label=name) for name, color in zip(COMPATIBILITIES, palette, strict=True)]
    legend_below(figure, marks, 3)
    return figure


def basin_intervals_figure(view: BasinView, width: float = WIDE) -> Figure:
    """Draw the shares of the three thirds at each level of the staircase, for each scale.

    Args:
        view: the result of `view_basin`.
        width: of the figure in inches.
    """
    levels = view.intervals.shape[1]
    figure, panels = _panels(view.scales, width, 0.4 + 0.17 * levels)
    palette = colors(3)
    for axes, shares in zip(panels, view.intervals.tolist(), strict=True):
        _stacked(axes, shares, palette, 2)
        axes.grid(visible=False)
        axes.set_yticks(range(levels), [str(k + 1) for k in range(levels)], fontsize=8)
    for axes in panels[:: len(panels) if width >= WIDE else 1]:
        axes.set_ylabel('level', fontsize=9)
    marks = [Patch(color=color, label=name) for name, color in zip(_THIRDS, palette, strict=True)]
    legend_below(figure, marks, 3)
    return figure
