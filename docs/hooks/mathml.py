"""Formulas as MathML, which browsers draw themselves: no script has to be fetched, by the build or by the reader.

`pymdownx.arithmatex` finds them, `$...$` and `$$...$$`, as GitHub does; here LaTeX becomes MathML.
"""

import html
import logging
import re
from typing import Any
from xml.etree import ElementTree

from latex2mathml.converter import convert
from mkdocs.structure.pages import Page

logger = logging.getLogger('mkdocs.hooks.mathml')

# How many parts an element has.
_PARTS = {'mfrac': 2, 'msub': 2, 'msup': 2, 'msubsup': 3, 'munder': 2, 'mover': 2, 'munderover': 3, 'mroot': 2}
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def to_mathml(latex: str, display: str) -> str:
    """A formula of LaTeX as a `<math>` element; `display` is `inline` or `block`.

    Raises:
        ValueError: the formula has a command that is not understood, or lacks a part. (The converter lets both pass.)
    """
    text = convert(latex, display=display)
    text = text.replace('<mo>&#x02016;</mo>', '<mo stretchy="false">&#x02016;</mo>')  # bars of a norm, as parentheses
    unknown = re.search(r'\\\w+', text)
    if unknown is not None:
        raise ValueError(f'{unknown[0]} is not understood in the formula {latex}')
    for element in ElementTree.fromstring(text).iter():
        if len(element) != _PARTS.get(element.tag.rpartition('}')[2], len(element)):
            raise ValueError(f'a part of a fraction, an index or a power is missing in the formula {latex}')
    return text


def on_page_content(content: str, page: Page, **kwargs: Any) -> str:
    """Replace the formulas of a page; one that cannot be is a warning, which the strict build refuses."""

    def replace(found: re.Match) -> str:
        tag, latex = found[1], html.unescape(found[2])
        try:
            text = to_mathml(latex, 'inline' if tag == 'span' else 'block')
        except Exception as error:  # whatever the converter raises
            logger.warning('%s: %s', page.file.src_uri, error)
            return found[0]
        return f'<{tag} class="formula">{text}</{tag}>'

    return _FORMULA.sub(replace, content)
