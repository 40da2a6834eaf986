"""The look that all figures share, in light and in dark mode, and how figures become files."""

import io
from collections.abc import Sequence

from matplotlib import colormaps, rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.spines import Spine
from matplotlib.text import Text

__all__ = [
    'BLUE',
    'CLIP',
    'GREY',
    'INK',
    'NARROW',
    'PAPER',
    'WIDE',
    'clean',
    'colors',
    'legend_below',
    'new_figure',
    'numbered',
    'shortened',
    'text_color_on',
    'to_png',
    'to_svg',
]

#: Widths in inches at which a figure is drawn: for a page of 736 CSS pixels, and for the screen of a phone.
WIDE, NARROW = 7.6, 3.7

#: Colours that change in dark mode: text and axes, background, grid lines, the clip, one series of data.
INK, PAPER, GRID, CLIP, BLUE = '#1f2430', '#fefefe', '#e6e8ec', '#b5482a', '#2563a8'
#: A colour that is readable in both modes.
GREY = '#8a93a1'
#: Background of the disk.
PANEL = '#f7f8fa'
_DARK = {INK: '#e3e6eb', PAPER: '#15181e', GRID: '#2f3540', CLIP: '#f0896a', BLUE: '#6ba7ea', PANEL: '#1c2028'}
#: Text on coloured cells, the same in both modes.
_TEXT_ON_LIGHT, _TEXT_ON_DARK = '#101419', '#fbfbfb'
_DPI = 150


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that makes room for its labels.

    Args:
        width: in inches.
        height: in inches.
    """
    return Figure(figsize=(width, height), layout='constrained', facecolor=PAPER)


def clean(axes: Axes, grid: str | None = 'y') -> Axes:
    """Remove the upper and the right side of the frame, draw light grid lines, and return the axes.

    Args:
        axes: to be changed.
        grid: axis with grid lines, `x` or `y`; None for no grid lines.
    """
    axes.set_facecolor('none')
    axes.spines[['top', 'right']].set_visible(False)
    axes.spines[['left', 'bottom']].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9)
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
    return axes


def colors(count: int) -> list[tuple[float, ...]]:
    """Return `count` colours that can be told apart: of matplotlib's tab10, else of tab20, else of the rainbow.

    Args:
        count: The number of colours.
    """
    if count <= 20:
        return list(colormaps['tab10' if count <= 10 else 'tab20'].colors)[:count]
    return [colormaps['turbo'](i / (count - 1)) for i in range(count)]


def text_color_on(color: Sequence[float]) -> str:
    """Return the colour of text that is readable on a background.

    Args:
        color: red, green and blue of the background, each in [0, 1]; more numbers are ignored.
    """
    red, green, blue = color[:3]
    return _TEXT_ON_LIGHT if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else _TEXT_ON_DARK


def numbered(axes: Axes, blocks: Sequence[int], most: int = 13) -> None:
    """Label the horizontal axis with the numbers of blocks.

    Args:
        axes: to be changed.
        blocks: numbers of all blocks.
        most: how many of them to print at most.
    """
    step = -(-len(blocks) // most)
    axes.set_xticks(blocks[::step], [str(b) for b in blocks[::step]])
    axes.set_xlim(min(blocks) - 0.6, max(blocks) + 0.6)


def legend_below(figure: Figure, handles: Sequence[Artist], columns: int, fontsize: float = 9) -> None:
    """Put a legend below the axes of a figure, filled row by row as far as matplotlib's columns allow.

    Args:
        figure: The figure.
        handles: The artists that the legend explains, by their labels.
        columns: Largest number of columns.
        fontsize: Size of the text in points.
    """
    figure.legend(
        handles=handles,
        fontsize=fontsize,
        frameon=False,
        loc='outside lower center',
        ncols=max(1, min(columns, len(handles))),
        labelspacing=0.4,
        columnspacing=1.2,
        handletextpad=0.5,
    )


def shortened(name: str, length: int) -> str:
    """Return a name with spaces for underscores, cut to `length` characters.

    Args:
        name: The name of a class or of a module.
        length: Largest number of characters, an ellipsis included.
    """
    name = name.replace('_', ' ')
    return name if len(name) <= length else f'{name[: length - 1]}…'


def to_svg(figure: Figure) -> bytes:
    """Return a figure as SVG, the same bytes for the same figure.

    Text is drawn as shapes, so that no font can be missing. Where the reader prefers dark mode, the colours of text,
    lines and background change; a program that ignores such rules shows the light colours.

    Args:
        figure: The figure.
    """
    svg = _saved(figure, 'svg')
    rules = ''.join(
        f'[style*="{key}: {light}"]{{{key}: {dark} !important}}'
        for light, dark in _DARK.items()
        for key in ('fill', 'stroke')
    )
    return svg.replace(b'</style>', f'@media (prefers-color-scheme: dark){{{rules}}}</style>'.encode(), 1)


def to_png(figure: Figure) -> bytes:
    """Return a figure as PNG, in the colours of light mode.

    Args:
        figure: The figure.
    """
    return _saved(figure, 'png')


def _saved(figure: Figure, form: str) -> bytes:
    for artist in figure.findobj(lambda found: isinstance(found, (Text, Line2D, Spine))):
        _replace_black(artist)
    for axes in figure.axes:
        if to_hex(axes.get_facecolor()) == '#ffffff':
            axes.set_facecolor('none')
    stream = io.BytesIO()
    with rc_context({'svg.hashsalt': 'timm_hyperbolic', 'svg.fonttype': 'path'}):
        figure.savefig(stream, format=form, dpi=_DPI, metadata={'Date': None} if form == 'svg' else None)
    # The layout is done: a second file of the same figure need not compute it again.
    figure.set_layout_engine('none')
    return stream.getvalue()


def _replace_black(artist: Artist) -> None:
    """Replace matplotlib's default black, which would be lost in dark mode."""
    if isinstance(artist, Spine):
        if to_hex(artist.get_edgecolor()) == '#000000':
            artist.set_edgecolor(INK)
    elif to_hex(artist.get_color()) == '#000000':
        artist.set_color(INK)
        if isinstance(artist, Line2D):
            artist.set_markeredgecolor(INK)
