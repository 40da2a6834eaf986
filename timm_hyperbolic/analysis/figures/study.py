"""Figures of a study: accuracy against speed, differences between arms, and what its residuals did in training."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import BLUE, CLIP, GREY, INK, WIDE, clean, legend_below, new_figure

__all__ = ['course_figure', 'forest_figure', 'roadmap_figure']

# The colours of Okabe and Ito, which people with any colour vision can tell apart, without yellow, which is too light
# on white; with a marker and a dash for each, so that no arm is known by its colour alone.
_COLORS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#8a93a1')
_MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X')
_DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = (
    '-',
    '--',
    '-.',
    ':',
    (0, (5, 1)),
    (0, (3, 1, 1, 1)),
    (0, (1, 1)),
)

#: The kinds of numbers that `course_figure` draws, with the titles of their axes.
_PANELS = {'curvature': 'curvature c', 'gamma': 'size of the gate |γ|', 's': 'centre s', 'margin': 'clipped tokens, %'}


def roadmap_figure(points: Mapping[str, tuple[float, float, float]], base: str, width: float = WIDE) -> Figure:
    """Draw accuracy against images per second in training, one point with its interval for each arm.

    Args:
        points: Images per second, Top-1 in percent and half the width of its 95 % interval (NaN for none), by the name
            of the arm; at least one.
        base: Name of the arm whose accuracy is drawn as a line.
        width: Of the figure in inches.
    """
    figure = new_figure(width, 4.2)
    axes = clean(figure.subplots())
    if base in points:
        axes.axhline(points[base][1], color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    handles = []
    for number, (arm, (speed, top1, half)) in enumerate(points.items()):
        style = _style(number)
        bar = None if math.isnan(half) else half
        axes.errorbar(speed, top1, bar, color=style['color'], marker=style['marker'], markersize=7, capsize=3, zorder=3)
        handles.append(Line2D([], [], color=style['color'], marker=style['marker'], linestyle='', label=arm))
    axes.set_xlabel('images per second in training', fontsize=9)
    axes.set_title('Top-1 on the test images, %', fontsize=10, loc='left', color=INK)
    axes.margins(x=0.12, y=0.12)
    legend_below(figure, handles, 5 if width >= WIDE else 2)
    return figure


def forest_figure(differences: Sequence[tuple[str, float, float, float]], title: str, width: float = WIDE) -> Figure:
    """Draw differences in accuracy as a forest plot: estimate, 95 % interval, and the interval for all arms together.

    Args:
        differences: Name, difference in percentage points, half the width of its 95 % interval and half the width of
            the interval that holds for all arms together (NaN for none); at least one.
        title: What is subtracted from what.
        width: Of the figure in inches.
    """
    figure = new_figure(width, 0.95 + 0.3 * len(differences))
    axes = clean(figure.subplots(), grid='x')
    axes.axvline(0, color=GREY, linewidth=1.2, zorder=1)
    for place, (_, value, half, wide) in enumerate(differences):
        if not math.isnan(half):
            axes.plot([value - wide, value + wide], [place, place], color=BLUE, linewidth=1, zorder=2)
            axes.plot([value - half, value + half], [place, place], color=BLUE, linewidth=3.2, zorder=3)
        clear = not math.isnan(wide) and abs(value) > wide
        axes.plot(value, place, 'D' if clear else 'o', color=CLIP if clear else BLUE, markersize=6, zorder=4)
        axes.annotate(
            f'{value:+.2f}', (value, place), (0, 5), textcoords='offset points', ha='center', fontsize=7.5, color=INK
        )
    axes.set_yticks(range(len(differences)), [name for name, *_ in differences])
    axes.set_ylim(len(differences) - 0.5, -0.7)
    axes.set_xlabel('percentage points', fontsize=9)
    axes.set_title(title, fontsize=10, loc='left', color=INK)
    return figure


def course_figure(courses: Mapping[str, Mapping[str, Sequence[Sequence[float]]]], width: float = WIDE) -> Figure | None:
    """Draw curvature, gate, centre and clipped share by epoch, the mean over modules; a band reaches over all modules.

    Args:
        courses: For each arm and each of `curvature`, `gamma`, `s` and `margin` (a share from 0 to 1) the least, mean
            and largest value of its modules after each epoch. Kinds that an arm has not are left out. An arm without
            any is not drawn, and keeps its colour for itself all the same.
        width: Of the figure in inches.

    Returns:
        The figure; None where no arm has any of the numbers.
    """
    panels = [kind for kind in _PANELS if any(course.get(kind) for course in courses.values())]
    if not panels:
        return None
    beside = 2 if width >= WIDE and len(panels) > 1 else 1
    down = -(-len(panels) // beside)
    figure = new_figure(width, 0.7 + 2.3 * down)
    grid = figure.subplots(down, beside, squeeze=False).flat
    places = {arm: place for place, arm in enumerate(courses)}  # an arm looks the same in every figure
    shown = [arm for arm in courses if any(courses[arm].get(kind) for kind in panels)]
    for axes, kind in zip(grid, panels, strict=False):
        for arm in shown:
            if courses[arm].get(kind):
                factor = 100 if kind == 'margin' else 1
                _draw_course(axes, courses[arm][kind], places[arm], factor, min(0.12, 0.3 / len(shown)))
        clean(axes)
        if kind == 'curvature':
            axes.set_yscale('log')
        axes.set_title(_PANELS[kind], fontsize=10, loc='left', color=INK)
        axes.set_xlabel('epoch', fontsize=9)
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=6)
    for axes in list(figure.axes)[len(panels) :]:
        axes.set_visible(False)
    handles = [Line2D([], [], **_style(places[arm]), markersize=4, label=arm) for arm in shown]
    legend_below(figure, handles, 4 if width >= WIDE else 2)
    return figure


def _draw_course(axes: Axes, rows: Sequence[Sequence[float]], number: int, factor: float, alpha: float) -> None:
    epochs = range(1, len(rows) + 1)
    low, mean, high = ([factor * value for value in column] for column in zip(*rows, strict=True))
    style = _style(number)
    axes.fill_between(epochs, low, high, color=style['color'], alpha=alpha, linewidth=0)
    axes.plot(epochs, mean, **style, markersize=3.5, markevery=max(1, len(rows) // 8), linewidth=1.6)


def _style(number: int) -> dict:
    """Colour, marker and dash of the arm with a number; beyond the colours they come again with another marker."""
    again = number // len(_COLORS)
    return {
        'color': _COLORS[number % len(_COLORS)],
        'marker': _MARKERS[(number + again) % len(_MARKERS)],
        'linestyle': _DASHES[(number + again) % len(_DASHES)],
    }
