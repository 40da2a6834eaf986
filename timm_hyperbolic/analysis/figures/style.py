"""What all figures share: their look, and how they become files."""

import io
from collections.abc import Sequence

from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ['CLIP', 'GREY', 'INK', 'clean', 'colors', 'new_figure', 'numbered', 'to_png', 'to_svg']

INK, GREY, CLIP = '#1f2430', '#8a93a1', '#b5482a'
_DPI = 150


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, that makes room for its labels."""
    return Figure(figsize=(width, height), layout='constrained', facecolor='white')


def clean(axes: Axes, grid: str | None = 'y') -> Axes:
    """Take away the frame's upper and right side and draw a light grid along `grid`, `x` or `y`."""
    axes.spines[['top', 'right']].set_visible(False)
    axes.spines[['left', 'bottom']].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9)
    if grid:
        axes.grid(axis=grid, color='#e6e8ec', linewidth=0.8)
        axes.set_axisbelow(True)
    return axes


def colors(count: int) -> list[tuple[float, ...]]:
    """Return colours that are told apart: of up to 10, up to 20, or as many of the rainbow."""
    if count <= 20:
        return list(colormaps['tab10' if count <= 10 else 'tab20'].colors)[:count]
    return [colormaps['turbo'](i / (count - 1)) for i in range(count)]


def numbered(axes: Axes, blocks: Sequence[int]) -> None:
    """Put the numbers of blocks, at most about a dozen of them, on the horizontal axis."""
    step = -(-len(blocks) // 13)
    axes.set_xticks(blocks[::step], [str(b) for b in blocks[::step]])
    axes.set_xlim(min(blocks) - 0.6, max(blocks) + 0.6)


def to_svg(figure: Figure) -> bytes:
    """Return the figure as SVG, the same for the same figure; text is drawn as shapes, so that no font is missed."""
    return _saved(figure, 'svg')


def to_png(figure: Figure) -> bytes:
    """Return the figure as PNG."""
    return _saved(figure, 'png')


def _saved(figure: Figure, form: str) -> bytes:
    stream = io.BytesIO()
    with rc_context({'svg.hashsalt': 'timm_hyperbolic', 'svg.fonttype': 'path'}):
        figure.savefig(stream, format=form, dpi=_DPI, metadata={'Date': None} if form == 'svg' else None)
    return stream.getvalue()
