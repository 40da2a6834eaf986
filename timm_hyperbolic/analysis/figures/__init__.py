"""Figures of what a model has learned, by matplotlib; nothing here touches its global state or opens a window."""

from .depth import distances_figure, gates_figure, grid_figure
from .images import examples_figure
from .space import MOST_COLORS, delta_figure, disk_axes, disk_figure, origin_figure
from .style import to_png, to_svg

__all__ = [
    'MOST_COLORS',
    'delta_figure',
    'disk_axes',
    'disk_figure',
    'distances_figure',
    'examples_figure',
    'gates_figure',
    'grid_figure',
    'origin_figure',
    'to_png',
    'to_svg',
]
