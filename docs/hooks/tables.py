"""Table cells that fit a narrow screen: code is broken between names, and a number such as 1e-5 is never broken."""

import re
from typing import Any

_CELL = re.compile(r'<t[dh][ >].*?</t[dh]>', re.DOTALL)
_CODE = re.compile(r'<code>.*?</code>', re.DOTALL)
_TAG = re.compile(r'(<[^>]*>)')
_NUMBER = re.compile(r'\b\d[\d.]*e-\d+')
# The names of a type are links each, so that its bracket ends a piece of text: `Sequence[`.
_BREAK = re.compile(r'_(?=\w)|[.(=](?=[^\W\d_])|\[$')


def _in_text(pattern: re.Pattern, replacement: str, html: str) -> str:
    """The HTML with replacements in its text, not within tags."""
    pieces = _TAG.split(html)
    return ''.join(piece if piece.startswith('<') else pattern.sub(replacement, piece) for piece in pieces)


def _cell(match: re.Match) -> str:
    whole = _in_text(_NUMBER, r'<span class="number">\g<0></span>', match[0])
    return _CODE.sub(lambda code: _in_text(_BREAK, r'\g<0><wbr>', code[0]), whole)


def on_post_page(output: str, **kwargs: Any) -> str:
    """Change every page after the search has read its text."""
    return _CELL.sub(_cell, output)
