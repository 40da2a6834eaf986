"""One self-contained HTML page of sections and figures: no script, nothing fetched."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

__all__ = ['Fact', 'PageFigure', 'Section', 'render']

_TEMPLATE = Path(__file__).with_name('page.html')


@dataclass(frozen=True)
class PageFigure:
    """A figure of the page.

    Attributes:
        name: of its files, without the ending.
        alt: what it shows, for who cannot see it.
        caption: under it; may be empty.
        svg: its content.
        png: the same as PNG.
    """

    name: str
    alt: str
    caption: str
    svg: bytes
    png: bytes


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        name: within links.
        title: its heading.
        text: how its figures are read.
        figures: what it shows.
        missing: a sentence that says why there is nothing to show; the section is then that sentence.
    """

    name: str
    title: str
    text: str = ''
    figures: Sequence[PageFigure] = ()
    missing: str = ''


@dataclass(frozen=True)
class Fact:
    """A line of the page's header; code is set as such."""

    name: str
    value: str
    is_code: bool = False


def render(model: str, facts: Sequence[Fact], sections: Sequence[Section]) -> str:
    """Return the page as HTML.

    Args:
        model: name in the title.
        facts: the header.
        sections: in their order.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    environment.filters['base64'] = lambda content: base64.b64encode(content).decode('ascii')
    template = environment.from_string(_TEMPLATE.read_text(encoding='utf-8'))
    return template.render(model=model, facts=facts, sections=sections)
