"""Code in tables may be broken between names, not within one, so that a table of names fits a narrow screen."""

import re
from typing import Any

_CELL = re.compile(r'<t[dh][ >].*?</t[dh]>', re.DOTALL)
_CODE = re.compile(r'<code>[^<]*</code>')
_BREAK = re.compile(r'_(?=\w)|[.(=](?=[^\W\d_])')


def breakable(html: str) -> str:
    """The HTML of a page with break opportunities after the underscores, dots, brackets and equals signs of code."""

    def cell(match: re.Match) -> str:
        return _CODE.sub(lambda code: _BREAK.sub(r'\g<0><wbr>', code[0]), match[0])

    return _CELL.sub(cell, html)


def on_post_page(output: str, **kwargs: Any) -> str:
    """Change every page after the search has read its text."""
    return breakable(output)
