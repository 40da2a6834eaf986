"""Pages of the site that stand elsewhere in the repository, where a reader of the repository looks for them.

Links are relative to the file in which they stand, as GitHub wants them; here they become those of the site.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = {
    'README.md': 'index.md',
    'CONTRIBUTING.md': 'contributing.md',
    'CHANGELOG.md': 'changelog.md',
    'recipes/README.md': 'recipes.md',
}
_SOURCES = {page: source for source, page in PAGES.items()}
_LINK = re.compile(
    r'(?<!!)\[([^\]]*)\]\((?!https?://|#)([^)#\s]+)(#[^)\s]*)?\)|(!\[[^\]]*\])\(((?!https?://)[^)\s]+)\)'
)


def for_the_site(text: str, page: str) -> str:
    """The Markdown of a page with its links turned into those of the site.

    Args:
        text: With links relative to the file that it is from.
        page: The page, by its path below `docs/`.

    Returns:
        Links relative to the page. Of a link to a file that is no page, the text remains.
    """
    folder = posixpath.dirname(_SOURCES.get(page, f'docs/{page}'))

    def turn(link: re.Match) -> str:
        label, target, anchor, image, picture = link.groups(default='')
        path = posixpath.normpath(posixpath.join(folder, target or picture))
        if path not in PAGES and not path.startswith('docs/'):
            return label
        place = posixpath.relpath(PAGES.get(path, path.removeprefix('docs/')), posixpath.dirname(page) or '.')
        return f'{image}({place})' if image else f'[{label}]({place}{anchor})'

    return _LINK.sub(turn, text)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the site."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **kwargs: Any) -> str:
    """Turn the links of every page."""
    return for_the_site(markdown, page.file.src_uri)
