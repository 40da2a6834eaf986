"""Trees from text and from columns of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError

__all__ = ['parents_of_columns', 'parents_of_lines', 'text_of']


def text_of(text: str | Path) -> tuple[str, str]:
    """Return the lines of a tree and their source for messages; a text without a line break is a path.

    Args:
        text: The lines themselves, or the path of a UTF-8 file.

    Raises:
        UserError: the file cannot be read.
    """
    if isinstance(text, str) and '\n' in text:
        return text, 'the text'
    try:
        return Path(text).read_text(encoding='utf-8-sig'), str(text)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UserError(f'the taxonomy {text} cannot be read: {error}') from error


def parents_of_lines(content: str, where: str) -> dict[str, list[str]]:
    """Return the parent of each name of an indented text; see `Taxonomy.from_text`.

    Args:
        content: The lines.
        where: Their source, for messages.

    Raises:
        UserError: naming the line that is wrong.
    """
    parents: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    above: list[tuple[str, str]] = []  # indentation and name of each node from the root to the line before
    for number, line in enumerate(content.splitlines(), 1):
        name = line.strip()
        if not name or name.startswith('#'):
            continue
        indent = line[: len(line) - len(line.lstrip())]
        if name == '-' or name.startswith('- '):
            name = name[1:].strip()
        if not name:
            raise UserError(f'{where}: line {number} has a node without a name')
        if name in lines:
            raise UserError(f'{where}: the name {name!r} stands twice, in lines {lines[name]} and {number}')
        deeper = bool(above) and indent.startswith(above[-1][0]) and indent != above[-1][0]
        if not deeper:
            # The line ends every node down to its sibling, the node with the same indentation.
            while above and above[-1][0] != indent:
                above.pop()
            if parents and not above:
                raise UserError(f'{where}: the indentation of line {number} fits no line above it')
            if above:
                above.pop()
            if parents and not above:
                first = next(iter(parents))
                raise UserError(f'{where}: 2 roots, {first} in line {lines[first]} and {name} in line {number}')
        parents[name] = [above[-1][1]] if above else []
        lines[name] = number
        above.append((indent, name))
    return parents


def parents_of_columns(columns: Sequence[Sequence[str]], root: str) -> dict[str, list[str]]:
    """Return the parent of each name in columns of labels; see `Taxonomy.from_columns`.

    Args:
        columns: Names of one level each, from the finest level to the coarsest, as long as each other.
        root: The name of the node above the coarsest level.

    Raises:
        UserError: naming the row or the names that are wrong.
    """
    if not columns or len({len(column) for column in columns}) > 1:
        raise UserError(f'the columns must be as long as each other, not {[len(column) for column in columns]}')
    parents: dict[str, list[str]] = {root: []}
    level: dict[str, int] = {root: len(columns)}
    chain = [*columns, [root] * len(columns[0])]
    for depth in range(len(columns) - 1, -1, -1):
        for row, (name, over) in enumerate(zip(chain[depth], chain[depth + 1], strict=True)):
            if not isinstance(name, str) or not name.strip():
                raise UserError(f'the columns: row {row} of column {depth} has no name, but {name!r}')
            if name not in parents:
                parents[name], level[name] = [over], depth
            elif level[name] != depth:
                raise UserError(f'the columns: the name {name!r} stands twice, in two columns; rename one of the two')
            elif parents[name] != [over]:
                raise UserError(f'the columns: {name!r} stands under {parents[name][0]!r} and under {over!r}')
    return parents
