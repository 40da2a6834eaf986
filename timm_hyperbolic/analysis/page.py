"""One self-contained HTML page of sections and figures, for light and dark mode: no script, nothing fetched."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

__all__ = ['Fact', 'LeftOut', 'PageFigure', 'Section', 'render']

_TEMPLATE = Path(__file__).with_name('page.html')


@dataclass(frozen=True)
class PageFigure:
    """A figure of the page.

    Attributes:
        name: of its files, without the ending.
        alt: a description of the figure for readers who cannot see it.
        caption: the text under the figure; may be empty.
        svg: the figure in its wide layout, as SVG.
        png: the same as PNG.
        narrow: the figure in its layout for phones, as SVG.
    """

    name: str
    alt: str
    caption: str
    svg: bytes
    png: bytes
    narrow: bytes


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        name: its anchor in links.
        title: its heading.
        text: how to read its figures.
        figures: at least one.
    """

    name: str
    title: str
    text: str
    figures: Sequence[PageFigure]


@dataclass(frozen=True)
class LeftOut:
    """A section that a page does not have.

    Attributes:
        name: the anchor that the section would have.
        title: the heading that it would have.
        reason: why there is nothing to show, a clause without a full stop.
    """

    name: str
    title: str
    reason: str


@dataclass(frozen=True)
class Fact:
    """A line in the header of the page.

    Attributes:
        name: of the fact.
        value: of the fact.
        is_code: whether the value is set in a monospaced font.
    """

    name: str
    value: str
    is_code: bool = False


def render(model: str, facts: Sequence[Fact], sections: Sequence[Section | LeftOut]) -> str:
    """Return the page as HTML. What is left out is one line of the header for each reason.

    Args:
        model: the model's name, for the title.
        facts: the lines of the header.
        sections: in their order on the page.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    environment.filters['base64'] = lambda content: base64.b64encode(content).decode('ascii')
    template = environment.from_string(_TEMPLATE.read_text(encoding='utf-8'))
    shown = [section for section in sections if isinstance(section, Section)]
    return template.render(model=model, facts=[*facts, *_left_out(sections)], sections=shown)


def _left_out(sections: Sequence[Section | LeftOut]) -> list[Fact]:
    """A line for the titles of the missing sections, reason by reason."""
    titles: dict[str, list[str]] = {}
    for section in sections:
        if isinstance(section, LeftOut):
            titles.setdefault(section.reason, []).append(section.title)
    said = [f'{", ".join(missing)}: {reason}.' for reason, missing in titles.items()]
    return [Fact('left out', ' '.join(said))] if said else []
