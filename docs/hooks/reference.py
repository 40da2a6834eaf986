"""The reference is complete: a public name that a page of `api/` lacks is a warning, which the strict build refuses."""

import importlib
import logging
import re
from typing import Any

from mkdocs.structure.pages import Page

logger = logging.getLogger('mkdocs.hooks.reference')

_ROOM = re.compile(r'^# `(timm_hyperbolic\.\w+)`$', re.MULTILINE)


def missing_names(content: str, room: str) -> list[str]:
    """The names in `__all__` of a room that have no place in the HTML of its page."""
    places = set(re.findall(r'id="[\w.]+\.(\w+)"', content))
    return [name for name in importlib.import_module(room).__all__ if name not in places]


def on_page_content(content: str, page: Page, **kwargs: Any) -> None:
    """Look whether the page of a room has all of its names."""
    for room in _ROOM.findall(page.markdown):
        for name in missing_names(content, room):
            logger.warning('%s: %s of %s is not in the reference', page.file.src_uri, name, room)
