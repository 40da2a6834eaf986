"""Fills the tables of a page in `docs/` with what the programs measured.

    python benchmarks/page.py docs/speed.md output/speed/*.json

A page marks a table's place by two comments, and what stands between them is replaced by the table of that name from
the file of that name:

    <!-- table: models/eager from models.json -->
    <!-- /table -->
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from report import write_text

MARKER = re.compile(
    r'(?P<start><!-- table: (?P<table>\S+) from (?P<file>\S+) -->\n).*?(?P<end><!-- /table -->)', re.DOTALL
)


def filled(page: str, results: dict[str, dict[str, str]]) -> tuple[str, list[str]]:
    """The page with its tables, and the tables that are in none of the files, which stay as they are.

    Args:
        page: Markdown.
        results: By file name, the file's tables: Markdown by name.
    """
    missing = []

    def table(match: re.Match) -> str:
        found = results.get(match['file'], {}).get(match['table'])
        if found is None:
            missing.append(f'{match["table"]} from {match["file"]}')
            return match[0]
        return f'{match["start"]}\n{found}\n\n{match["end"]}'

    return MARKER.sub(table, page), missing


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('page', type=Path)
    parser.add_argument('results', type=Path, nargs='+', help='JSON that the programs wrote')
    args = parser.parse_args(argv)
    results = {path.name: json.loads(path.read_text(encoding='utf-8'))['tables'] for path in args.results}
    page, missing = filled(args.page.read_text(encoding='utf-8'), results)
    write_text(args.page, page)
    for name in missing:
        print(f'left as it was: {name}')


if __name__ == '__main__':
    main()
