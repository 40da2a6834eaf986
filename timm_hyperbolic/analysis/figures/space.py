"""Figures of the space in which the features lie."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from torch import Tensor

from ..delta import DeltaDraws
from ..disk import DiskView
from ..predictions import Labels
from .style import BLUE, CLIP, GREY, INK, PANEL, WIDE, clean, colors, legend_below, new_figure, shortened

__all__ = ['MOST_COLORS', 'class_colors', 'delta_figure', 'disk_axes', 'disk_figure', 'origin_figure']

_POINTS = 2000  # features that are drawn
#: The largest number of classes that get a colour each. Of more classes, the superclasses get colours.
MOST_COLORS = 30


def delta_figure(draws: DeltaDraws, width: float = WIDE) -> Figure:
    """Draw `δ_rel` of every draw, and its mean, of the features and of two Gaussians.

    Args:
        draws: the result of `relative_deltas`.
        width: of the figure in inches.
    """
    figure = new_figure(width, 2.4)
    axes = clean(figure.add_subplot(), 'x')
    rows = {
        'isotropic\nGaussian': (draws.isotropic, GREY),
        'Gaussian of equal\ncovariance': (draws.gaussian, GREY),
        'features': (draws.points, BLUE),
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
    axes.set_xlabel('δ_rel of each draw, and the mean', fontsize=9)
    return figure


def class_colors(labels: Labels, classes: int) -> tuple[list[tuple[float, ...] | str], dict[str, tuple[float, ...]]]:
    """Return the colour of each class, and the names of the colours.

    Superclasses have a colour each. Without superclasses, up to `MOST_COLORS` classes have one. Else all are grey.

    Args:
        labels: names and superclasses of the classes.
        classes: their number.

    Returns:
        A list of `classes` colours; and the colour of each superclass or class by its name, empty if all are grey.
    """
    if labels.superclass_of is not None:
        group, names = labels.superclass_of.tolist(), labels.superclasses
    elif classes <= MOST_COLORS:
        group, names = list(range(classes)), [labels.name(k) for k in range(classes)]
    else:
        group, names = [-1] * classes, []
    palette = colors(len(names))
    return [palette[i] if i >= 0 else GREY for i in group], dict(zip(names, palette, strict=True))


def disk_axes(figure: Figure, margin: float) -> tuple[Axes, list[Line2D]]:
    """Return axes with an empty unit disk, and handles for its legend.

    Args:
        figure: an empty one.
        margin: radius at which the head clips; where it is less than 1, it is drawn as a dashed circle.
    """
    axes = figure.add_subplot()
    axes.set_aspect('equal')
    axes.set_axis_off()
    axes.set_xlim(-1.03, 1.03)
    axes.set_ylim(-1.03, 1.03)
    axes.add_patch(Circle((0, 0), 1, facecolor=PANEL, edgecolor=INK, linewidth=1.2))
    marks = []
    if margin < 1:
        axes.add_patch(Circle((0, 0), margin, fill=False, edgecolor=CLIP, linewidth=1, linestyle='--'))
        marks.append(Line2D([], [], color=CLIP, linestyle='--', label='margin of the head'))
    axes.plot(0, 0, '+', color=INK, markersize=9, zorder=4)
    marks.append(Line2D([], [], linestyle='', marker='+', color=INK, markersize=9, label='origin'))
    return axes, marks


def disk_figure(view: DiskView, targets: Tensor, labels: Labels, width: float = WIDE) -> Figure:
    """Draw features as dots and prototypes as diamonds on the disk, coloured by superclass or by class.

    Args:
        view: the result of `view_head`.
        targets: classes of its features, `[N]`.
        labels: names and superclasses.
        width: of the figure in inches.
    """
    own, names = class_colors(labels, len(view.prototypes))
    beside = width >= WIDE
    columns = 1 if beside else 2
    rows = -(-len(names) // columns)
    figure = new_figure(width, max(5.2, 0.2 * (rows + 6)) if beside else width + 0.2 * (rows + 3))
    axes, marks = disk_axes(figure, view.margin)
    step = -(-len(view.features) // _POINTS)
    x, y = view.features[::step].T.tolist()
    dots = [own[k] for k in targets[::step].tolist()]
    axes.scatter(x, y, c=dots, s=12, alpha=0.6, linewidths=0, rasterized=True, zorder=2)
    x, y = view.prototypes.T.tolist()
    axes.scatter(x, y, c=own, s=46, marker='D', edgecolors=INK, linewidths=0.8, zorder=3)
    marks = [
        Line2D([], [], linestyle='', marker='o', markersize=4, color=GREY, label='image'),
        Line2D([], [], linestyle='', marker='D', color=GREY, markeredgecolor=INK, label='prototype'),
        *marks,
    ]
    marks += [
        Line2D([], [], linestyle='', marker='o', color=color, label=shortened(name, 26 if beside else 19))
        for name, color in names.items()
    ]
    if beside:
        figure.legend(handles=marks, fontsize=9, frameon=False, loc='outside right upper', labelspacing=0.35)
    else:
        legend_below(figure, marks, columns, 8.5)
    return figure


def origin_figure(view: DiskView, labels: Labels, most: int = 20, width: float = WIDE) -> Figure:
    """Draw the distances of the prototypes nearest the origin, the nearest first, coloured as on the disk.

    Args:
        view: the result of `view_head`.
        labels: names and superclasses.
        most: how many prototypes to draw at most.
        width: of the figure in inches.
    """
    own, _ = class_colors(labels, len(view.prototypes))
    nearest = view.distances.argsort()[:most].tolist()
    figure = new_figure(width, 0.9 + 0.24 * len(nearest))
    axes = clean(figure.add_subplot(), 'x')
    axes.barh(range(len(nearest)), view.distances[nearest].tolist(), color=[own[k] for k in nearest], height=0.7)
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
    axes.set_yticks(range(len(nearest)), [shortened(labels.name(k), 24) for k in nearest], fontsize=9)
    axes.set_ylim(len(nearest) - 0.4, -0.6)
    axes.margins(x=0.15)
    axes.set_xlabel('distance to the origin', fontsize=9)
    return figure
