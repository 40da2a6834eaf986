"""Figures of right and wrong predictions by class."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ..confusion import Confusion
from ..predictions import Labels
from .style import BLUE, GREY, INK, WIDE, clean, new_figure, shortened, text_color_on

__all__ = ['LARGEST_MATRIX', 'MOST_BARS', 'accuracy_figure', 'confusion_figure']

#: The largest number of classes with a bar each.
MOST_BARS = 30
#: The largest number of classes of a confusion matrix that can be drawn.
LARGEST_MATRIX = 200
_NUMBERED = 12  # classes up to which a matrix has numbers in its cells


def accuracy_figure(confusion: Confusion, labels: Labels, width: float = WIDE) -> Figure:
    """Draw the accuracy of each class; classes without images are left out.

    Up to `MOST_BARS` classes have a bar each, in the order of their superclasses. Of more classes there is a row for
    each superclass, with a dot for each class and a line at the mean; without superclasses, a bar for each of the 15
    lowest and of the 15 highest.

    Args:
        confusion: the result of `find_confusion`, with at least one image.
        labels: names of the classes.
        width: of the figure in inches.
    """
    accuracy = confusion.accuracy.tolist()
    known = [place for place, value in enumerate(accuracy) if not math.isnan(value)]
    length = 26 if width >= WIDE else 18
    if len(known) > MOST_BARS and confusion.groups is not None:
        return _accuracy_by_superclass(confusion, labels, known, length, width)
    if len(known) > MOST_BARS:
        known.sort(key=lambda place: accuracy[place])
        half = MOST_BARS // 2
        known = known[:half] + known[-half:]
    names = [shortened(labels.name(confusion.order[place].item()), length) for place in known]
    figure = new_figure(width, 0.75 + 0.24 * len(known))
    axes = _percent_axes(figure, names)
    values = [accuracy[place] for place in known]
    axes.barh(range(len(known)), values, color=BLUE, height=0.7)
    for row, value in enumerate(values):
        axes.annotate(
            f'{value:.0f}',
            (value, row),
            xytext=(4, 0),
            va='center',
            fontsize=8.5,
            textcoords='offset points',
            color=INK,
        )
    return figure


def _accuracy_by_superclass(
    confusion: Confusion, labels: Labels, known: Sequence[int], length: int, width: float
) -> Figure:
    groups, accuracy = confusion.groups.tolist(), confusion.accuracy.tolist()
    rows: dict[int, list[float]] = {}
    for place in known:
        rows.setdefault(groups[place], []).append(accuracy[place])
    names = [shortened(labels.superclasses[group] if group >= 0 else 'none', length) for group in rows]
    figure = new_figure(width, 0.75 + 0.24 * len(rows))
    axes = _percent_axes(figure, names)
    for row, values in enumerate(rows.values()):
        axes.plot(values, [row] * len(values), 'o', color=BLUE, markersize=5, alpha=0.6, markeredgewidth=0)
        axes.vlines(sum(values) / len(values), row - 0.32, row + 0.32, color=INK, linewidth=2)
    return figure


def _percent_axes(figure: Figure, names: Sequence[str]) -> Axes:
    """Axes with a row for each name, and the accuracy in percent across."""
    axes = clean(figure.add_subplot(), 'x')
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 107)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel('accuracy, %', fontsize=9)
    return axes


def confusion_figure(confusion: Confusion, labels: Labels, width: float = WIDE) -> Figure:
    """Draw the confusion matrix: a row for each class, a column for each prediction, the share of the row as colour.

    The colours follow the square root of the share, so that rare errors are seen. Lines separate superclasses. Of up to
    12 classes each cell holds its number of images.

    Args:
        confusion: the result of `find_confusion`, of at most `LARGEST_MATRIX` classes.
        labels: names of the classes.
        width: of the figure in inches.
    """
    matrix = confusion.counts
    shares = (matrix / matrix.sum(1, keepdim=True).clamp_min(1)).sqrt().numpy()
    counts, k = matrix.tolist(), len(matrix)
    wide = width >= WIDE
    runs = _runs(confusion.groups.tolist(), labels) if confusion.groups is not None and k > MOST_BARS else None
    step = 1
    if runs:
        names, size = [shortened(name, 24 if wide else 16) for name in runs[1]], 8.5 if wide else 6.5
    else:
        names = (
            [shortened(labels.name(i), 20 if wide else 12) for i in confusion.order.tolist()] if k <= MOST_BARS else []
        )
        size = min(8, 42 * width / k)  # points, that the height of a row leaves
        step, size = (
            math.ceil(6.5 / size),
            max(size, 6.5),
        )  # where that is too small to read, every second class has its name
    label = 0.0085 * size * max(map(len, names), default=0)  # inches that the names take from the matrix
    figure = new_figure(width, width + (0.7 if names and not runs else 0.9 - label))
    axes = figure.add_subplot()
    axes.set_facecolor('none')
    axes.spines[:].set_color(GREY)
    colormap = colormaps['YlGnBu']
    axes.imshow(shares, aspect='auto', cmap=colormap, vmin=0, vmax=1, interpolation='nearest')
    axes.tick_params(length=0)
    axes.set(xticks=[], yticks=[])
    if runs:
        ends = [*runs[0][1:], k]
        axes.set_yticks([(a + b - 1) / 2 for a, b in zip(runs[0], ends, strict=True)], names, fontsize=size)
        for start in runs[0][1:]:
            axes.axhline(start - 0.5, color=GREY, linewidth=0.5)
            axes.axvline(start - 0.5, color=GREY, linewidth=0.5)
    elif names:
        places = range(0, k, step)
        axes.set_yticks(places, names[::step], fontsize=size)
        axes.set_xticks(places, names[::step], fontsize=size, rotation=90 if max(map(len, names)) > 2 else 0)
    if k <= _NUMBERED:
        for row, column in np.ndindex(k, k):
            if counts[row][column]:
                ink = text_color_on(colormap(shares[row, column]))
                axes.text(column, row, counts[row][column], ha='center', va='center', fontsize=8, color=ink)
    axes.set_xlabel('class down, prediction across', fontsize=9)
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), colormap), ax=axes, location='bottom', aspect=40, pad=0.02)
    ticks = (0, 0.01, 0.05, 0.2, 0.5, 1)
    bar.set_ticks([t**0.5 for t in ticks], labels=[f'{100 * t:.0f} %' for t in ticks], fontsize=8)
    bar.set_label('share of the images of the class', fontsize=9)
    bar.outline.set_visible(False)
    return figure


def _runs(groups: Sequence[int], labels: Labels) -> tuple[list[int], list[str]]:
    """Where each superclass starts, and its name."""
    starts = [i for i, group in enumerate(groups) if i == 0 or group != groups[i - 1]]
    return starts, [labels.superclasses[groups[i]] if groups[i] >= 0 else 'none' for i in starts]
