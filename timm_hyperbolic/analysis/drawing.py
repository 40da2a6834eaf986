"""A drawing in the layouts and formats of the report page."""

from collections.abc import Callable

from matplotlib.figure import Figure

from . import figures
from .page import PageFigure

__all__ = ['page_figure']


def page_figure(name: str, draw: Callable[[float], Figure], alt: str, caption: str = '') -> PageFigure:
    """Return a figure in both layouts.

    Args:
        name: of its files, without the ending.
        draw: makes the figure for a width in inches.
        alt: a description of the figure for readers who cannot see it.
        caption: the text under the figure; may be empty.
    """
    wide = draw(figures.WIDE)
    narrow = figures.to_svg(draw(figures.NARROW))
    return PageFigure(name, alt, caption, figures.to_svg(wide), figures.to_png(wide), narrow)
