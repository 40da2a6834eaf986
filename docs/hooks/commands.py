"""What `--help` says: on a page `<!-- help: train -->` becomes the help of `timm-hyperbolic train`."""

import contextlib
import io
import os
import re
from typing import Any

_MARK = re.compile(r'^<!-- help(?:: (\w+))? -->$', re.MULTILINE)


def help_of(command: str | None) -> str:
    """The help of a command of `timm-hyperbolic`, None for that of the program itself, at a fixed width."""
    from timm_hyperbolic.cli import main

    text, columns = io.StringIO(), os.environ.get('COLUMNS')
    os.environ['COLUMNS'] = '82'  # what a page is wide
    try:
        with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
            main([command, '--help'] if command else ['--help'])
    finally:
        os.environ.pop('COLUMNS')
        if columns is not None:
            os.environ['COLUMNS'] = columns
    return text.getvalue()


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Put the helps in."""
    return _MARK.sub(lambda mark: f'```text\n{help_of(mark[1]).strip()}\n```', markdown)
