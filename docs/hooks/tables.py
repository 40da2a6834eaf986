"""Names of code in tables may be broken after an underscore, so that a table of them fits a narrow screen."""

import re
from typing import Any

_CELL = re.compile(r'<t[dh][ >].*?</t[dh]>', re.DOTALL)
_CODE = re.compile(r'<code>[^<]*</code>')


def breakable(html: str) -> str:
    """The HTML of a page with a break opportunity after each underscore of the code in its table cells."""

    def cell(match: re.Match) -> str:
        return _CODE.sub(lambda code: code[0].replace('_', '_<wbr>'), match[0])

    return _CELL.sub(cell, html)


def on_post_page(output: str, **kwargs: Any) -> str:
    """Change every page after the search has read its text."""
    return breakable(output)
