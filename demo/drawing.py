"""One image among the prototypes on the Poincaré disk, by matplotlib."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from prediction import Disk, Guess

from timm_hyperbolic.analysis.disk import euclidean_circle
from timm_hyperbolic.analysis.figures import disk_axes
from timm_hyperbolic.analysis.figures.style import BLUE, GREY, INK, PAPER, colors, legend_below, new_figure, shortened

__all__ = ['place_figure']


def place_figure(disk: Disk, guesses: Sequence[Guess]) -> Figure:
    """Draw the image as a star, the prototypes of `guesses` as coloured diamonds and all others as grey diamonds.

    A circle around the image passes through the nearest prototype: no prototype lies inside.

    Args:
        disk: of a prediction.
        guesses: of the same prediction.
    """
    figure = new_figure(4.4, 5.6)
    axes, marks = disk_axes(figure, disk.margin)
    center, radius = euclidean_circle(disk.point, disk.nearest)
    axes.add_patch(Circle(center.tolist(), radius, facecolor=BLUE, edgecolor=BLUE, linewidth=0, alpha=0.12, zorder=1))
    axes.add_patch(Circle(center.tolist(), radius, fill=False, edgecolor=BLUE, linewidth=1, zorder=2))
    named = {guess.label: color for guess, color in zip(guesses, colors(len(guesses)), strict=True)}
    others = [place for label, place in enumerate(disk.prototypes.tolist()) if label not in named]
    if others:
        axes.scatter(*zip(*others, strict=True), c=GREY, s=16, marker='D', alpha=0.6, linewidths=0, zorder=3)
    star = {'marker': '*', 'color': INK, 'markeredgecolor': PAPER, 'linestyle': ''}
    axes.plot(*disk.point.tolist(), **star, markersize=17, zorder=6, clip_on=False)
    diamond = {'marker': 'D', 'linestyle': '', 'markeredgecolor': INK, 'markeredgewidth': 0.8}
    for label, color in reversed(named.items()):  # the likeliest class on top
        axes.plot(*disk.prototypes[label].tolist(), **diamond, color=color, markersize=7, zorder=5)
    classes = [
        Line2D([], [], **diamond, color=named[guess.label], label=f'{shortened(guess.name, 18)}: {guess.distance:.2f}')
        for guess in guesses
    ]
    marks = [
        Line2D([], [], **star, markersize=14, label='this image'),
        Line2D([], [], color=BLUE, linewidth=1, label='as far as the nearest'),
        *marks,
    ]
    if others:
        marks.append(Line2D([], [], linestyle='', marker='D', markersize=4, color=GREY, label='other prototypes'))
    # matplotlib fills a legend column by column: pad the first column, so that the second one starts with the image.
    blanks = [Line2D([], [], linestyle='', label=' ')] * (max(len(classes), len(marks)) - len(classes))
    legend_below(figure, [*classes, *blanks, *marks], 2, 9.5)
    return figure
