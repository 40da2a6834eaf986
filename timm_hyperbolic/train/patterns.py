"""Shell patterns for the names of parameters, such as `blocks.*.attn.*`."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from ..config.argtypes import nearest
from ..errors import UserError

__all__ = ['matching']


def matching(patterns: Iterable[str], names: Iterable[str], flag: str) -> set[str]:
    """Return the names that match one of `patterns` (`*` is any text, dots included).

    Args:
        patterns: of the shell's kind.
        names: to choose from.
        flag: where the patterns were given, for the message.

    Raises:
        UserError: a pattern matches nothing; the message lists patterns that come near and match.
    """
    names = list(names)
    found = set()
    for pattern in patterns:
        of_pattern = {name for name in names if fnmatchcase(name, pattern)}
        if not of_pattern:
            near = nearest(pattern, _stems(names))
            raise UserError(f'{flag} {pattern}: no parameter has such a name.{near or f" The first is {names[0]}"}')
        found |= of_pattern
    return found


def _stems(names: Iterable[str]) -> list[str]:
    """Return a pattern for each name and each module that the names speak of, the number of a block left open."""
    stems = {}
    for name in names:
        parts = re.sub(r'\.\d+(?=\.)', '.*', name).split('.')
        stems |= dict.fromkeys(['.'.join(parts), *(f'{".".join(parts[:i])}.*' for i in range(1, len(parts)))])
    return [stem for stem in stems if not stem.endswith('.*.*')]
