"""One image among the prototypes on the Poincaré disk, by matplotlib."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from prediction import Disk, Guess

from timm_hyperbolic.analysis.figures import disk_axes
from timm_hyperbolic.analysis.figures.style import GREY, INK, colors, new_figure

__all__ = ['place_figure']


def place_figure(disk: Disk, guesses: Sequence[Guess]) -> Figure:
    """Draw the image as a star, the prototypes of `guesses` as coloured diamonds and all others as grey ones."""
    figure = new_figure(6.4, 4.6)
    axes, marks = disk_axes(figure, disk.margin)
    named = {guess.label: color for guess, color in zip(guesses, colors(len(guesses)), strict=True)}
    others = [place for label, place in enumerate(disk.prototypes.tolist()) if label not in named]
    if others:
        axes.scatter(*zip(*others, strict=True), c=GREY, s=16, marker='D', alpha=0.6, linewidths=0, zorder=2)
        marks.append(Line2D([], [], linestyle='', marker='D', markersize=4, color=GREY, label='other prototypes'))
    star = {'marker': '*', 'color': INK, 'markeredgecolor': 'white', 'linestyle': ''}
    axes.plot(*disk.point.tolist(), **star, markersize=17, zorder=6)
    for label, color in named.items():
        axes.plot(
            *disk.prototypes[label].tolist(),
            'D',
            color=color,
            markersize=8,
            markeredgecolor=INK,
            markeredgewidth=0.8,
            zorder=5,
        )
    top = [
        Line2D(
            [], [], linestyle='', marker='D', color=named[guess.label], markeredgecolor=INK, label=_short(guess.name)
        )
        for guess in guesses
    ]
    marks = [
        Line2D([], [], **star, markersize=14, label='this image'),
        *top,
        Line2D([], [], linestyle='', label=' '),
        *marks,
    ]
    figure.legend(handles=marks, fontsize=10, frameon=False, loc='outside right upper', labelspacing=0.5)
    return figure


def _short(name: str, length: int = 20) -> str:
    """A name that leaves room for the disk."""
    name = name.replace('_', ' ')
    return name if len(name) <= length else f'{name[: length - 1]}…'
