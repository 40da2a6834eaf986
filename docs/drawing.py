"""SVG for the pictures of the documentation, written with the standard library alone.

A picture is a card with its own white ground, so that it reads the same on a light and on a dark page.
"""

import math
from collections.abc import Iterable

__all__ = [
    'BLUE',
    'GREEN',
    'GREY',
    'INK',
    'LINE',
    'MONO',
    'PURPLE',
    'RED',
    'arrow',
    'circle',
    'document',
    'line',
    'text',
]

INK, GREY, LINE = '#1f2430', '#5b6472', '#c9ced6'
BLUE, RED, PURPLE, GREEN = '#2563a8', '#b5482a', '#6b3fa0', '#2f7d4f'
SANS = 'Helvetica, Arial, sans-serif'
MONO = 'DejaVu Sans Mono, Menlo, Consolas, monospace'


def _attributes(given: dict[str, object]) -> str:
    return ''.join(f' {name.replace("_", "-")}="{value}"' for name, value in given.items())


def text(x: float, y: float, content: str, size: int = 17, fill: str = INK, **attributes: str) -> str:
    """One line of text."""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}"{_attributes(attributes)}>{content}</text>'


def arrow(x1: float, y1: float, x2: float, y2: float, color: str, width: float = 2.5) -> str:
    """A straight arrow, its head drawn as a triangle (markers are not rendered everywhere)."""
    angle, head = math.atan2(y2 - y1, x2 - x1), 5 + 2.4 * width
    bx, by = x2 - head * math.cos(angle), y2 - head * math.sin(angle)
    wx, wy = 0.42 * head * math.sin(angle), -0.42 * head * math.cos(angle)
    triangle = f'{x2:.1f},{y2:.1f} {bx + wx:.1f},{by + wy:.1f} {bx - wx:.1f},{by - wy:.1f}'
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{bx:.1f}" y2="{by:.1f}" stroke="{color}" stroke-width="{width}"/>'
        f'<polygon points="{triangle}" fill="{color}"/>'
    )


def circle(x: float, y: float, radius: float, fill: str = 'none', **attributes: object) -> str:
    """A circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}"{_attributes(attributes)}/>'


def line(points: Iterable[tuple[float, float]], color: str, width: float = 2, **attributes: object) -> str:
    """A line through points."""
    path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width:g}"{_attributes(attributes)}/>'


def document(width: int, height: int, title: str, alternative: str, body: list[str]) -> str:
    """The whole picture: its elements on a card, with a title and a description for who cannot see it."""
    lines = '\n'.join(body).replace('xml--space', 'xml:space')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{SANS}" role="img">\n<title>{title}</title>\n'
        f'<desc>{alternative}</desc>\n'
        f'<rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="14" fill="#ffffff" stroke="{LINE}"/>\n'
        f'{lines}\n</svg>\n'
    )
