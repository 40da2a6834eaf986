"""Figures of a tree of names on the Poincaré disk."""

import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from PIL import Image
from torch import Tensor

from ...geometry import exp0, half_aperture, mobius_add
from ...taxonomy import Taxonomy
from .style import INK, NARROW, PANEL, PAPER, WIDE, new_figure, shortened, to_png

__all__ = ['animate_tree', 'cone_outline', 'geodesic', 'tree_figure']

_POINTS = 17  # of a geodesic edge
_OUTLINE = 24  # of each side of a cone
_CONES = 24
_NAMES = 28
_LETTERS = 22


def geodesic(p: Tensor, q: Tensor, count: int = _POINTS) -> Tensor:
    """Return points on the geodesics between points of the unit disk, equally spaced to the eye.

    A geodesic is an arc of the circle that meets the boundary at right angles: its centre `m` has
    `2⟨m, p⟩ = 1 + ‖p‖²` and `2⟨m, q⟩ = 1 + ‖q‖²`. Where both points lie on a line through the origin, it is this line.

    Args:
        p: Where they begin, `[E, 2]`.
        q: Where they end, `[E, 2]`.
        count: How many points.

    Returns:
        `[E, count, 2]`.
    """
    t = torch.linspace(0, 1, count, dtype=torch.float64)
    straight = p.unsqueeze(1) + t.view(-1, 1) * (q - p).unsqueeze(1)
    determinant = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    bent = determinant.abs() > 1e-9
    pp, qq = (1 + p.square().sum(1)) / 2, (1 + q.square().sum(1)) / 2
    center = torch.stack([pp * q[:, 1] - qq * p[:, 1], qq * p[:, 0] - pp * q[:, 0]], 1)
    center = center / torch.where(bent, determinant, 1).unsqueeze(1)
    start, end = (torch.atan2(*(x - center).flip(1).T) for x in (p, q))
    turn = (end - start + math.pi).remainder(2 * math.pi) - math.pi  # the shorter way round
    angle = start.unsqueeze(1) + t * turn.unsqueeze(1)
    radius = (p - center).norm(dim=1).view(-1, 1, 1)
    arc = center.unsqueeze(1) + radius * torch.stack([angle.cos(), angle.sin()], -1)
    return torch.where(bent.view(-1, 1, 1), arc, straight)


def cone_outline(apex: Tensor, aperture: float) -> Tensor:
    """Return the outline of the entailment cone of a point of the unit disk, up to the boundary of the disk.

    Its sides are the geodesics that leave the apex at the half-aperture to either side of the ray from the origin.

    Args:
        apex: `[2]`, not the origin.
        aperture: the constant `K` of `half_aperture`.

    Returns:
        `[P, 2]`.
    """
    angle = float(half_aperture(apex, 1.0, aperture))
    ray = math.atan2(*reversed(apex.tolist()))
    length = torch.linspace(0, 9, _OUTLINE, dtype=torch.float64).unsqueeze(1)
    sides = []
    for sign in (1, -1):
        direction = torch.tensor([math.cos(ray + sign * angle), math.sin(ray + sign * angle)], dtype=torch.float64)
        # A Möbius translation keeps the angles at the origin.
        sides.append(mobius_add(apex.expand(_OUTLINE, 2), exp0(length * direction, 1.0), 1.0))
    ends = [math.atan2(*reversed(side[-1].tolist())) for side in sides]
    turn = (ends[1] - ends[0]) % (2 * math.pi)
    # The shorter way round, on the side of the ray.
    turn = turn if (ray - ends[0]) % (2 * math.pi) < turn else turn - 2 * math.pi
    arc = ends[0] + torch.linspace(0, 1, _OUTLINE, dtype=torch.float64) * turn
    return torch.cat([sides[0], torch.stack([arc.cos(), arc.sin()], 1), sides[1].flip(0)])


def tree_figure(
    tree: Taxonomy, panels: Mapping[str, tuple[Tensor, float | None]], width: float = WIDE, names: int = _NAMES
) -> Figure:
    """Draw a tree on one Poincaré disk or several side by side: geodesic edges, colours by depth, names where they fit.

    Args:
        tree: the names and the edges of the spanning tree.
        panels: for each title points of the unit disk, `[N, 2]`, and the constant of their cones, which are drawn as
            shaded sectors, or None for no cones.
        width: of the figure in inches; narrow figures have the disks one below the other.
        names: how many names to place at most on each disk.
    """
    columns = len(panels) if width > NARROW else 1
    rows = -(-len(panels) // columns)
    side = width / columns
    figure = new_figure(width, rows * (side + (0.25 if any(panels) else 0)))
    drawn = []
    for number, (title, (points, aperture)) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, number + 1)
        drawn.append((_draw_tree(axes, tree, points, aperture, side), points))
        if title:
            axes.set_title(title, fontsize=10, color=INK, pad=3)
    if not names:
        return figure
    figure.draw_without_rendering()  # places the axes, so that the extents of names are known
    for axes, points in drawn:
        _place_names(axes, tree, points, names if columns == 1 else names // 2)
    return figure


def _draw_tree(axes: Axes, tree: Taxonomy, points: Tensor, aperture: float | None, side: float) -> Axes:
    """Draw edges, nodes and cones."""
    axes.set_aspect('equal')
    axes.set_axis_off()
    axes.set_xlim(-1.02, 1.02)
    axes.set_ylim(-1.02, 1.02)
    axes.add_patch(Circle((0, 0), 1, facecolor=PANEL, edgecolor=INK, linewidth=1.0))
    below = np.flatnonzero(tree.parent >= 0)
    palette = colormaps['viridis']
    shade = palette(0.92 * (1 - tree.depth / max(tree.max_depth, 1)))
    if aperture is not None:
        for node in _largest(tree, _CONES):
            if points[node].norm() > 1e-9:
                outline = cone_outline(points[node].double(), aperture).tolist()
                color = shade[node]
                axes.add_collection(
                    PolyCollection([outline], facecolors=[(*color[:3], 0.10)], edgecolors=[(*color[:3], 0.55)], lw=0.5)
                )
    p, q = points[tree.parent[below]].double(), points[below].double()
    lines = [_thinned(line) for line in geodesic(p, q).numpy()]
    thickness = 0.35 + 0.9 * min(1.0, 150 / len(tree)) * side / WIDE
    order = np.argsort(-tree.depth[below], kind='stable')  # edges near the root are drawn last
    axes.add_collection(
        LineCollection([lines[i] for i in order], colors=shade[below][order], linewidths=thickness, zorder=2)
    )
    x, y = points.T.tolist()
    size = 30 * min(1.0, 60 / len(tree)) * side / WIDE + 1.5
    axes.scatter(x, y, s=size, c=shade, linewidths=0, zorder=3, rasterized=len(tree) > 400)
    return axes


def _thinned(line: np.ndarray) -> np.ndarray:
    """A line with fewer points where it is short or straight."""
    length = np.abs(np.diff(line, axis=0)).sum()
    step = next((step for least, step in ((0.3, 1), (0.08, 2), (0.03, 4)) if length > least), len(line) - 1)
    return line[::step]


def _largest(tree: Taxonomy, count: int) -> list[int]:
    """The nodes with the most nodes below them, the root left out."""
    size = np.ones(len(tree), np.int64)
    for level in reversed(tree.levels[1:]):
        np.add.at(size, tree.parent[level], size[level])
    order = np.argsort(-size, kind='stable')
    return [int(i) for i in order if i != tree.root and size[i] > 1][:count]


def _place_names(axes: Axes, tree: Taxonomy, points: Tensor, most: int) -> None:
    """Write the names of the root and of the largest subtrees, where they overlap no other name."""
    renderer = axes.figure.canvas.get_renderer() if hasattr(axes.figure.canvas, 'get_renderer') else None
    taken, leaves = [], [int(i) for i in tree.leaves]
    for node in [tree.root, *_largest(tree, 6 * most), *leaves[:: max(1, len(leaves) // (4 * most))]]:
        if len(taken) >= most:
            break
        x, y = points[node].tolist()
        name = shortened(tree.names[node].rsplit('.n.', 1)[0], _LETTERS)
        text = axes.text(
            x,
            y + 0.012,
            name,
            fontsize=7,
            color=INK,
            ha='center',
            va='bottom',
            zorder=5,
            path_effects=[withStroke(linewidth=1.8, foreground=PAPER)],
        )
        box = text.get_window_extent(renderer).expanded(1.06, 1.1)
        corners = axes.transData.inverted().transform(box.get_points())
        if np.abs(corners).max() > 1.0 or any(box.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(box)


def animate_tree(tree: Taxonomy, frames: Sequence[tuple[str, Tensor]], width: float = NARROW) -> bytes:
    """Return a GIF of a tree whose points move; the last picture stays for two seconds.

    Args:
        tree: the names and the edges of the spanning tree.
        frames: titles and points of the unit disk, `[N, 2]`.
        width: in inches.
    """
    images = []
    for title, points in frames:
        png = to_png(tree_figure(tree, {title or ' ': (points, None)}, width, names=0))
        images.append(Image.open(io.BytesIO(png)).convert('RGB').quantize(64))
    stream = io.BytesIO()
    durations = [90] * (len(images) - 1) + [2000]
    images[0].save(stream, 'GIF', save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=True)
    return stream.getvalue()
