"""Figures whose horizontal axis is the depth of the model."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..depth import Place, places
from ..norms import OriginDistances
from .style import CLIP, GREY, INK, clean, colors, new_figure, numbered

__all__ = ['distances_figure', 'gates_figure', 'grid_figure']

_DENSE = 24  # blocks from which numbers no longer fit their cells


def _kinds(where: dict[str, Place]) -> list[str]:
    """Kinds of modules, the same order in every figure: by name, those outside of blocks last."""
    inside = {place.kind for place in where.values() if place.block is not None}
    return [*sorted(inside), *sorted({place.kind for place in where.values() if place.block is None})]


def _blocks(where: dict[str, Place]) -> int:
    return 1 + max((place.block for place in where.values() if place.block is not None), default=-1)


def grid_figure(
    values: dict[str, float], label: str, form: str = '.2f', limits: tuple[float, float] | None = None
) -> Figure:
    """Draw one number for each module: a row for each kind, a column for each block, the number in its cell.

    Args:
        values: by the module's name; at least one.
        label: of the colours.
        form: format of the numbers.
        limits: values of the lightest and the darkest colour, by default the extremes.
    """
    where = places(values)
    kinds, blocks = _kinds(where), _blocks(where)
    outside = any(place.block is None for place in where.values())
    matrix = np.full((len(kinds), blocks + outside), np.nan)
    for name, value in values.items():
        place = where[name]
        matrix[kinds.index(place.kind), blocks if place.block is None else place.block] = value
    low, high = limits or (min(values.values()), max(values.values()))
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5

    columns = matrix.shape[1]
    width = 0.52 if columns <= _DENSE else 0.24
    figure = new_figure(2.8 + max(width * columns, 2.6), 1.1 + 0.36 * len(kinds))
    axes = figure.add_subplot()
    colormap = colormaps['YlGnBu']
    image = axes.imshow(np.ma.masked_invalid(matrix), aspect='auto', cmap=colormap, vmin=low, vmax=high)
    axes.set_yticks(range(len(kinds)), kinds, fontsize=9)
    ticks = list(range(0, blocks if columns <= _DENSE else blocks - 2, max(1, -(-blocks // 25))))
    axes.set_xticks(ticks + [blocks] * outside, [str(t) for t in ticks] + ['outside'] * outside, fontsize=9)
    axes.set_xlabel('block' if blocks else '', fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(kinds) + 1) - 0.5, minor=True)
    axes.grid(which='minor', color='white', linewidth=2)
    axes.tick_params(which='minor', length=0)
    if columns <= _DENSE:
        for (row, column), value in np.ndenumerate(matrix):
            if not math.isnan(value):
                red, green, blue, _ = colormap((value - low) / (high - low))
                ink = INK if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else 'white'
                axes.text(column, row, format(value, form), ha='center', va='center', color=ink, fontsize=8)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    return figure


def gates_figure(gates: dict[str, dict[str, float]]) -> Figure:
    """Draw `γ`, and `s` where residuals have a centre, by depth; a line for each kind of residual.

    Args:
        gates: what `named_gates` returns; at least one.
    """
    where = places(gates)
    panels = [('gamma', 'gate γ', 0.0)]
    if all('s' in own for own in gates.values()):
        panels.append(('s', 'centre s', 0.5))
    figure = new_figure(4 * len(panels) + 2, 3)
    kinds = _kinds(where)
    for axes, (key, label, start) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
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
    figure.legend(handles=handles, fontsize=9, frameon=False, loc='outside right upper')
    return figure


def distances_figure(distances: dict[str, OriginDistances]) -> Figure:
    """Draw how far from the origin the vectors lie that enter each module: a panel for each kind, by depth.

    Args:
        distances: what `origin_distances` returns; at least one.
    """
    where = places(distances)
    inside = [kind for kind in _kinds(where) if any(p.kind == kind and p.block is not None for p in where.values())]
    outside = {name: own for name, own in distances.items() if where[name].block is None}
    panels = len(inside) + bool(outside)
    columns = min(3 if _blocks(where) <= _DENSE // 2 else 2 if _blocks(where) <= _DENSE else 1, panels)
    rows = -(-panels // columns)
    figure = new_figure(max(10.5 if _blocks(where) > _DENSE // 2 else 3.5 * columns, 5), 2.6 * rows)
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid[panels:]:
        axes.set_axis_off()
    for axes, kind in zip(grid, inside, strict=False):
        own = {where[name].block: found for name, found in distances.items() if where[name].kind == kind}
        _spreads(axes, own, kind)
        numbered(axes, range(_blocks(where)))
        axes.set_xlabel('block', fontsize=9)
    if outside:
        axes = grid[len(inside)]
        _spreads(axes, dict(enumerate(outside.values())), 'outside of blocks', spread=0.5)
        axes.set_xticks(range(len(outside)), list(outside), fontsize=9)
        axes.set_xlim(-0.6, len(outside) - 0.4)
    for axes in grid[:panels:columns]:
        axes.set_ylabel('distance to the origin', fontsize=9)
    return figure


def _spreads(axes: Axes, found: dict[int, OriginDistances], title: str, spread: float = 0.5) -> None:
    """Draw the quantiles of each entering vector as a bar and a whisker, and the clip as a dash."""
    clean(axes)
    axes.set_title(title, fontsize=10, loc='left', color=INK)
    labels = list(dict.fromkeys(label for own in found.values() for label in own.quantiles))
    handles = []
    thick = max(1.5, min(4, 72 / (len(found) * len(labels))))
    for label, color in zip(labels, colors(max(len(labels), 2)), strict=False):
        at, values = [], []
        for place, own in found.items():
            if label in own.quantiles:
                beside = list(own.quantiles)
                at.append(place + spread * ((beside.index(label) + 0.5) / len(beside) - 0.5))
                values.append(own.quantiles[label])
        p5, p25, p50, p75, p95 = zip(*values, strict=True)
        axes.vlines(at, p5, p95, color=color, linewidth=thick / 4)
        axes.vlines(at, p25, p75, color=color, linewidth=thick, alpha=0.6)
        axes.plot(at, p50, 'o', color=color, markersize=0.9 * thick, markeredgecolor='white', markeredgewidth=thick / 8)
        handles.append(Line2D([], [], color=color, marker='o', markersize=4, linewidth=2, label=label))
    clips = [(place, own.clip) for place, own in found.items() if own.clip is not None]
    if clips:
        axes.hlines([c for _, c in clips], [p - 0.4 for p, _ in clips], [p + 0.4 for p, _ in clips], color=CLIP)
        handles.append(Line2D([], [], color=CLIP, label='clip'))
    axes.set_ylim(bottom=0)
    axes.margins(y=0.05)
    top = axes.get_ylim()[1]
    axes.set_ylim(0, top * 1.25)  # room for the legend
    axes.legend(
        handles=handles,
        fontsize=8,
        frameon=False,
        loc='upper center',
        ncols=4,
        columnspacing=0.8,
        handlelength=1.2,
        handletextpad=0.4,
        borderaxespad=0,
    )
