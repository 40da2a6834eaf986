"""Pages of the site that stand elsewhere in the repository, where a reader of the repository looks for them."""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = {
    'README.md': 'overview.md',
    'CONTRIBUTING.md': 'contributing.md',
    'CHANGELOG.md': 'changelog.md',
    'recipes/README.md': 'recipes.md',
}
_LINK = re.compile(r'(!?)\[([^\]]*)\]\((?!https?://|#)([^)#\s]+)(#[^)\s]*)?\)')


def for_the_site(text: str, source: str) -> str:
    """A file of the repository with its links turned into those of the site.

    Args:
        text: Markdown whose links are relative to the file.
        source: The file's path from the root of the repository.

    Returns:
        Markdown whose links are relative to `docs/`. Of a link to a file that is no page, the text remains.
    """

    def turn(link: re.Match) -> str:
        bang, label, target, anchor = link.groups(default='')
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        page = PAGES.get(path) or path.removeprefix('docs/')
        if path in PAGES or page != path:
            return f'{bang}[{label}]({page}{anchor})'
        return label

    return _LINK.sub(turn, text)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the site."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding='utf-8')
        files.append(File.generated(config, page, content=for_the_site(text, source)))
    return files
