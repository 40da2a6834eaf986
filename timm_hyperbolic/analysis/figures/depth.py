"""Figures whose horizontal axis is the depth of the model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from ..depth import Place, places
from ..norms import OriginDistances
from .style import CLIP, GREY, INK, PAPER, WIDE, clean, colors, legend_below, new_figure, numbered, text_color_on

__all__ = ['ColorScale', 'distances_figure', 'gates_figure', 'grid_figure', 'linear_scale', 'ratio_scale']

_CELL = 0.43  # inches: the width of a cell that holds a number
_MOST_BANDS = 3  # of blocks, one under another; a deeper model is drawn in one band without numbers
_FLOOR = 1e-3  # the smallest distance on a logarithmic axis


@dataclass(frozen=True)
class ColorScale:
    """How the numbers of a grid become colours.

    Attributes:
        norm: from a number to the position in the colormap.
        colormap: of matplotlib.
        ticks: numbers at the colour bar, with their labels.
    """

    norm: Normalize
    colormap: Colormap
    ticks: Mapping[float, str]


def linear_scale(low: float, high: float, unit: str = '') -> ColorScale:
    """Return a scale from light at `low` to dark at `high`.

    Args:
        low: The value with the lightest colour.
        high: The value with the darkest colour.
        unit: Text behind the numbers of the scale.
    """
    ticks = {value: f'{value:.3g}{unit}' for value in (low, (low + high) / 2, high)}
    return ColorScale(Normalize(low, high), colormaps['YlGnBu'], ticks)


def ratio_scale(ratios: Sequence[float], least: float, most: float = 100) -> ColorScale:
    """Return a logarithmic scale of ratios, neutral at 1, with one colour below and another above.

    Args:
        ratios: positive numbers that must fit.
        least: factor, more than 1, that the scale reaches at least in both directions.
        most: factor at which it ends.
    """
    reach = max([least, *(max(r, 1 / r) for r in ratios if r > 0)])
    reach = min(reach, most)
    ticks = {1 / reach: f'÷ {reach:.3g}', 1.0: '1', reach: f'× {reach:.3g}'}
    return ColorScale(LogNorm(1 / reach, reach), colormaps['PuOr_r'], ticks)


def _kinds(where: Mapping[str, Place]) -> list[str]:
    """Kinds of modules, the same order in every figure: by name, those outside of blocks last."""
    inside = {place.kind for place in where.values() if place.block is not None}
    return [*sorted(inside), *sorted({place.kind for place in where.values() if place.block is None})]


def _blocks(where: Mapping[str, Place]) -> int:
    """The number of blocks."""
    return 1 + max((place.block for place in where.values() if place.block is not None), default=-1)


def _bands(blocks: int, across: int) -> list[range]:
    """The blocks in bands of equal length that fit `across` cells."""
    if blocks == 0:
        return []
    bands = -(-blocks // across)
    if bands > _MOST_BANDS:
        return [range(blocks)]
    length = -(-blocks // bands)
    return [range(i, min(i + length, blocks)) for i in range(0, blocks, length)]


def grid_figure(
    values: Mapping[str, float],
    label: str,
    form: str = '.2f',
    scale: ColorScale | None = None,
    shades: Mapping[str, float] | None = None,
    width: float = WIDE,
) -> Figure:
    """Draw one number for each module: a row for each kind of module, a column for each block.

    Modules outside of blocks have a grid of their own at the end. Deep models are drawn without the numbers.

    Args:
        values: the numbers by the module's name, at least one.
        label: what the colours mean.
        form: format of the numbers.
        scale: of the colours, by default from the least to the largest number.
        shades: numbers that are coloured, by the module's name; by default `values`.
        width: of the figure in inches.
    """
    where, shades = places(values), values if shades is None else shades
    low, high = min(shades.values()), max(shades.values())
    scale = scale or linear_scale(*((low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)))
    kinds, blocks = _kinds(where), _blocks(where)
    inside = [kind for kind in kinds if any(p.kind == kind and p.block is not None for p in where.values())]
    outside = [kind for kind in kinds if any(p.kind == kind and p.block is None for p in where.values())]
    across = max(1, int((width - 0.3 - 0.075 * max(map(len, kinds))) / _CELL))
    bands = _bands(blocks, across)
    has_numbers = not bands or len(bands[0]) <= across
    names = {(place.kind, place.block): name for name, place in where.items()}

    rows = [len(inside)] * len(bands) + [len(outside)] * bool(outside)
    figure = new_figure(width, 0.85 + 0.3 * sum(rows) + 0.3 * len(bands) + 0.1 * bool(outside))
    grid = figure.subplots(len(rows), 1, squeeze=False, gridspec_kw={'height_ratios': rows})[:, 0]
    columns = max([6 if has_numbers else across, *map(len, bands)])  # cells of few blocks are not stretched
    for axes, band in zip(grid, bands, strict=False):
        _draw_grid(axes, [[names.get((kind, block)) for block in band] for kind in inside], values, shades, scale)
        _label_rows(axes, inside, columns)
        step = 1 if has_numbers else -(-len(band) // (across // 2))
        axes.set_xticks(range(0, len(band), step), [str(block) for block in band[::step]], fontsize=9)
        axes.set_xlabel('block', fontsize=9)
        if has_numbers:
            _write_numbers(axes, [[names.get((kind, block)) for block in band] for kind in inside], values, form)
    if outside:
        cells = [[names[kind, None]] for kind in outside]
        _draw_grid(grid[-1], cells, values, shades, scale)
        _label_rows(grid[-1], outside, columns)
        grid[-1].set_xticks([])
        _write_numbers(grid[-1], cells, values, form)
    bar = figure.colorbar(
        ScalarMappable(scale.norm, scale.colormap), ax=list(grid), location='bottom', aspect=40, pad=0.02, fraction=0.05
    )
    bar.set_label(label, fontsize=9)
    bar.ax.minorticks_off()
    bar.set_ticks(list(scale.ticks), labels=list(scale.ticks.values()), fontsize=8)
    bar.outline.set_visible(False)
    return figure


def _draw_grid(
    axes: Axes,
    cells: Sequence[Sequence[str | None]],
    values: Mapping[str, float],
    shades: Mapping[str, float],
    scale: ColorScale,
) -> None:
    """Colour the cells; one without a module, None, stays empty."""
    matrix = np.array([[math.nan if name is None else shades[name] for name in row] for row in cells])
    low, high = scale.norm.vmin, scale.norm.vmax
    matrix = np.ma.masked_invalid(np.clip(matrix, low, high))
    axes.imshow(matrix, aspect='auto', cmap=scale.colormap, norm=scale.norm, interpolation='nearest')
    axes.set_facecolor('none')
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(matrix.shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(matrix.shape[0] + 1) - 0.5, minor=True)
    axes.grid(which='minor', color=PAPER, linewidth=2 if matrix.shape[1] <= 20 else 1)
    axes.tick_params(which='minor', length=0)


def _label_rows(axes: Axes, kinds: Sequence[str], columns: int) -> None:
    axes.set_yticks(range(len(kinds)), kinds, fontsize=9)
    axes.set_xlim(-0.5, columns - 0.5)


def _write_numbers(axes: Axes, cells: Sequence[Sequence[str | None]], values: Mapping[str, float], form: str) -> None:
    """Write each number into its cell."""
    (image,) = axes.images
    background = image.to_rgba(image.get_array())
    for row, names in enumerate(cells):
        for column, name in enumerate(names):
            if name is not None:
                ink = text_color_on(background[row, column])
                text = format(values[name], form)
                axes.text(column, row, text, ha='center', va='center', color=ink, fontsize=8)


def gates_figure(gates: Mapping[str, Mapping[str, float]], width: float = WIDE) -> Figure:
    """Draw the gate `γ`, and the centre `s` where residuals have one, by depth; a line for each kind of residual.

    Args:
        gates: the result of `named_gates`, at least one residual.
        width: of the figure in inches.
    """
    where = places(gates)
    panels = [('gamma', 'gate γ', 0.0)]
    if all('s' in own for own in gates.values()):
        panels.append(('s', 'centre s', 0.5))
    beside = len(panels) if width >= WIDE else 1
    below = len(panels) // beside
    figure = new_figure(width, 0.5 + 2.4 * below)
    kinds = _kinds(where)
    for axes, (key, label, start) in zip(figure.subplots(below, beside, squeeze=False).flat, panels, strict=True):
        clean(axes)
        axes.axhline(start, color=GREY, linestyle='--', linewidth=1)
        for kind, color in zip(kinds, colors(len(kinds)), strict=True):
            own = {where[name].block or 0: own[key] for name, own in gates.items() if where[name].kind == kind}
            axes.plot(list(own), list(own.values()), 'o-', color=color, markersize=5, linewidth=1.5)
        numbered(axes, range(max(_blocks(where), 1)))
        axes.set_xlabel('block', fontsize=9)
        axes.set_ylabel(label, fontsize=9)
        axes.margins(y=0.1)
    handles = [
        Line2D([], [], color=color, marker='o', markersize=5, label=kind)
        for kind, color in zip(kinds, colors(len(kinds)), strict=True)
    ]
    handles.append(Line2D([], [], color=GREY, linestyle='--', linewidth=1, label='at the start'))
    legend_below(figure, handles, 4 if width >= WIDE else 2)
    return figure


def distances_figure(distances: Mapping[str, OriginDistances], width: float = WIDE) -> Figure:
    """Draw how far from the origin the inputs of each module lie: a panel for each kind of module, by depth.

    The vertical axis is logarithmic and the same in all panels. A distance below 0.001 is drawn at 0.001.

    Args:
        distances: the result of `origin_distances`, at least one module.
        width: of the figure in inches.
    """
    where = places(distances)
    inside = [kind for kind in _kinds(where) if any(p.kind == kind and p.block is not None for p in where.values())]
    outside = {name: own for name, own in distances.items() if where[name].block is None}
    panels = len(inside) + bool(outside)
    columns = min(panels, (3 if _blocks(where) <= 12 else 2 if _blocks(where) <= 24 else 1) if width >= WIDE else 1)
    rows = -(-panels // columns)
    figure = new_figure(width, 2.2 * rows)
    grid = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for axes in grid[panels:]:
        axes.set_axis_off()
    for axes, kind in zip(grid, inside, strict=False):
        own = {where[name].block: found for name, found in distances.items() if where[name].kind == kind}
        _draw_quantiles(axes, own, kind)
        numbered(axes, range(_blocks(where)), 7 if columns == 3 else 13)
        axes.set_xlabel('block', fontsize=9)
    if outside:
        axes = grid[len(inside)]
        _draw_quantiles(axes, dict(enumerate(outside.values())), 'outside of blocks')
        axes.set_xticks(range(len(outside)), list(outside), fontsize=9)
        axes.set_xlim(-0.6, len(outside) - 0.4)
    numbers = [value for own in distances.values() for q in own.quantiles.values() for value in q]
    numbers += [own.clip for own in distances.values() if own.clip]
    numbers = [max(value, _FLOOR) for value in numbers if math.isfinite(value)] or [1.0]
    low, high = math.log10(min(numbers)), math.log10(max(numbers))
    reach = max(high - low, 0.5)
    grid[0].set_yscale('log')
    grid[0].yaxis.set_minor_locator(NullLocator())
    grid[0].set_ylim(10 ** (low - 0.08 * reach), 10 ** (high + 0.35 * reach))  # with room for the legend
    for axes in grid[:panels:columns]:
        axes.set_ylabel('distance to the origin', fontsize=9)
    return figure


def _draw_quantiles(axes: Axes, found: Mapping[int, OriginDistances], title: str) -> None:
    """Draw the quantiles of each input as a point, a bar and a line, and the clip as a dash."""
    clean(axes)
    axes.set_title(title, fontsize=10, loc='left', color=INK)
    labels = list(dict.fromkeys(label for own in found.values() for label in own.quantiles))
    handles = []
    thick = max(1.5, min(4, 60 / (len(found) * len(labels))))
    for label, color in zip(labels, colors(max(len(labels), 2)), strict=False):
        at, values = [], []
        for place, own in found.items():
            if label in own.quantiles:
                beside = list(own.quantiles)
                at.append(place + 0.5 * ((beside.index(label) + 0.5) / len(beside) - 0.5))
                values.append([max(value, _FLOOR) for value in own.quantiles[label]])
        p5, p25, p50, p75, p95 = zip(*values, strict=True)
        axes.vlines(at, p5, p95, color=color, linewidth=thick / 4)
        axes.vlines(at, p25, p75, color=color, linewidth=thick, alpha=0.6)
        axes.plot(at, p50, 'o', color=color, markersize=0.9 * thick, markeredgecolor=PAPER, markeredgewidth=thick / 8)
        handles.append(Line2D([], [], color=color, marker='o', markersize=4, linewidth=2, label=label))
    clips = [(place, own.clip) for place, own in found.items() if own.clip is not None]
    if clips:
        axes.hlines([c for _, c in clips], [p - 0.4 for p, _ in clips], [p + 0.4 for p, _ in clips], color=CLIP)
        handles.append(Line2D([], [], color=CLIP, label='clip'))
    axes.legend(
        handles=handles,
        fontsize=8,
        frameon=False,
        loc='upper center',
        ncols=4 if len(handles) < 4 else 2,
        columnspacing=0.6,
        handlelength=1,
        handletextpad=0.3,
        borderaxespad=0,
    )
