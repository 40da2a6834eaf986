"""Figures of the space that the features lie in."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from torch import Tensor

from ..delta import DeltaDraws
from ..disk import DiskView
from ..predictions import Labels
from .style import CLIP, GREY, INK, clean, colors, new_figure

__all__ = ['MOST_COLORS', 'delta_figure', 'disk_axes', 'disk_figure', 'origin_figure']

_POINTS = 2000  # features that are drawn
#: Classes that get a colour each; of more, superclasses do.
MOST_COLORS = 30


def delta_figure(draws: DeltaDraws) -> Figure:
    """Draw `δ_rel` of every draw, and its mean, of the features and of the Gaussians beside them."""
    figure = new_figure(7.5, 2.4)
    axes = clean(figure.add_subplot(), 'x')
    rows = {
        'isotropic Gaussian': (draws.isotropic, GREY),
        'Gaussian of equal\ncovariance': (draws.gaussian, GREY),
        'features': (draws.points, '#2563a8'),
    }
    for row, (values, color) in enumerate(rows.values()):
        spread = [row + 0.22 * (i / max(len(values) - 1, 1) - 0.5) for i in range(len(values))]
        axes.plot(values, spread, 'o', color=color, markersize=6, alpha=0.7, markeredgewidth=0)
        mean = sum(values) / len(values)
        axes.vlines(mean, row - 0.26, row + 0.26, color=INK, linewidth=2)
        axes.annotate(f'{mean:.3f}', (mean, row + 0.28), ha='center', va='bottom', fontsize=9, color=INK)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=9)
    axes.set_ylim(-0.5, len(rows) - 0.3)
    axes.set_xlim(0, max(0.4, 1.15 * max(value for values, _ in rows.values() for value in values)))
    axes.set_xlabel('δ_rel of each draw; the line is their mean (0 is a tree)', fontsize=9)
    return figure


def _groups(labels: Labels, classes: int) -> tuple[Tensor, list[str]]:
    """The number of the colour of each class, `[K]`, -1 for grey, and what the colours are called."""
    if labels.superclass_of is not None:
        return labels.superclass_of, labels.superclasses
    if classes <= MOST_COLORS:
        return torch.arange(classes), [labels.name(k) for k in range(classes)]
    return torch.full((classes,), -1), []


def disk_axes(figure: Figure, margin: float) -> tuple[Axes, list[Line2D]]:
    """Return the axes of an empty unit disk with its origin and, if it is less than 1, the margin; and their legend."""
    axes = figure.add_subplot()
    axes.set_aspect('equal')
    axes.set_axis_off()
    axes.set_xlim(-1.03, 1.03)
    axes.set_ylim(-1.03, 1.03)
    axes.add_patch(Circle((0, 0), 1, facecolor='#f7f8fa', edgecolor=INK, linewidth=1.2))
    marks = []
    if margin < 1:
        axes.add_patch(Circle((0, 0), margin, fill=False, edgecolor=CLIP, linewidth=1, linestyle='--'))
        marks.append(Line2D([], [], color=CLIP, linestyle='--', label='margin of the head'))
    axes.plot(0, 0, '+', color=INK, markersize=9, zorder=4)
    marks.append(Line2D([], [], linestyle='', marker='+', color=INK, markersize=9, label='origin'))
    return axes, marks


def disk_figure(view: DiskView, targets: Tensor, labels: Labels) -> Figure:
    """Draw features as dots and prototypes as diamonds on the disk, coloured by superclass, else by class.

    Args:
        view: what `view_head` returns.
        targets: classes of its features, `[N]`.
        labels: names and superclasses.
    """
    group, names = _groups(labels, len(view.prototypes))
    palette = [*colors(len(names)), GREY]  # the last one also for -1
    figure = new_figure(9.4, max(6.6, 0.24 * (len(names) + 5)))
    axes, marks = disk_axes(figure, view.margin)
    step = -(-len(view.features) // _POINTS)
    x, y = view.features[::step].T.tolist()
    dots = [palette[i] for i in group[targets[::step]].tolist()]
    axes.scatter(x, y, c=dots, s=12, alpha=0.6, linewidths=0, rasterized=True, zorder=2)
    x, y = view.prototypes.T.tolist()
    own = [palette[i] for i in group.tolist()]
    axes.scatter(x, y, c=own, s=46, marker='D', edgecolors=INK, linewidths=0.8, zorder=3)
    marks = [
        Line2D([], [], linestyle='', marker='o', markersize=4, color=GREY, label='image'),
        Line2D([], [], linestyle='', marker='D', color=GREY, markeredgecolor=INK, label='prototype'),
        *marks,
        Line2D([], [], linestyle='', label=' '),
    ]
    marks += [
        Line2D([], [], linestyle='', marker='o', color=color, label=name.replace('_', ' '))
        for name, color in zip(names, palette, strict=False)
    ]
    figure.legend(handles=marks, fontsize=9, frameon=False, loc='outside right upper', labelspacing=0.4)
    return figure


def origin_figure(view: DiskView, labels: Labels, most: int = 20) -> Figure:
    """Draw the distances of the prototypes nearest the origin, the nearest on top, coloured as on the disk."""
    group, names = _groups(labels, len(view.prototypes))
    palette = [*colors(len(names)), GREY]
    nearest = view.distances.argsort()[:most].tolist()
    figure = new_figure(7.5, 0.9 + 0.24 * len(nearest))
    axes = clean(figure.add_subplot(), 'x')
    axes.barh(
        range(len(nearest)),
        view.distances[nearest].tolist(),
        color=[palette[i] for i in group[nearest].tolist()],
        height=0.7,
    )
    for row, k in enumerate(nearest):
        axes.annotate(
            f'{view.distances[k]:.2f}',
            (view.distances[k], row),
            xytext=(4, 0),
            va='center',
            fontsize=8.5,
            textcoords='offset points',
            color=INK,
        )
    axes.set_yticks(range(len(nearest)), [labels.name(k).replace('_', ' ') for k in nearest], fontsize=9)
    axes.set_ylim(len(nearest) - 0.4, -0.6)
    axes.margins(x=0.1)
    axes.set_xlabel('distance of the prototype to the origin', fontsize=9)
    return figure
