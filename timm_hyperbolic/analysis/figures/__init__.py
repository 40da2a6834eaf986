"""Figures of what a model has learned, by matplotlib, in a wide and in a narrow layout.

No function changes matplotlib's global settings or opens a window. `to_svg` gives a file for light and dark mode.
"""

from .basin import (
    basin_intervals_figure,
    basin_positions_figure,
    basin_scales_figure,
    basin_sorted_figure,
    basin_weights_figure,
)
from .classes import LARGEST_MATRIX, MOST_BARS, accuracy_figure, confusion_figure
from .depth import ColorScale, distances_figure, gates_figure, grid_figure, linear_scale, ratio_scale
from .images import examples_figure
from .space import MOST_COLORS, delta_figure, disk_axes, disk_figure, origin_figure
from .study import course_figure, forest_figure, roadmap_figure
from .style import NARROW, WIDE, to_png, to_svg
from .training import history_figure
from .tree import animate_tree, tree_figure

__all__ = [
    'LARGEST_MATRIX',
    'MOST_BARS',
    'MOST_COLORS',
    'NARROW',
    'WIDE',
    'ColorScale',
    'accuracy_figure',
    'animate_tree',
    'basin_intervals_figure',
    'basin_positions_figure',
    'basin_scales_figure',
    'basin_sorted_figure',
    'basin_weights_figure',
    'confusion_figure',
    'course_figure',
    'delta_figure',
    'disk_axes',
    'disk_figure',
    'distances_figure',
    'examples_figure',
    'forest_figure',
    'gates_figure',
    'grid_figure',
    'history_figure',
    'linear_scale',
    'origin_figure',
    'ratio_scale',
    'roadmap_figure',
    'to_png',
    'to_svg',
    'tree_figure',
]
