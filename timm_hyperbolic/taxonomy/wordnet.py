"""The nouns of WordNet from its data files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError

__all__ = ['Nouns', 'find', 'read_nouns']

DEBIAN = Path('/usr/share/wordnet')


class Nouns(NamedTuple):
    """The nouns of WordNet.

    Attributes:
        parents: names of hypernyms and instance hypernyms of each noun, by the noun's name such as `dog.n.01`.
        ids: `n` and the eight digits of the noun's place in the file, as ImageNet names its classes.
        glosses: what each noun means, by its name, without examples.
    """

    parents: dict[str, list[str]]
    ids: list[str]
    glosses: dict[str, str]


def _nltk_folders() -> list[Path]:
    """Where NLTK looks for `corpora/wordnet`."""
    named = [Path(part) for part in os.environ.get('NLTK_DATA', '').split(os.pathsep) if part]
    usual = [Path.home() / 'nltk_data', *(Path(p) for p in ('/usr/share', '/usr/local/share', '/usr/lib'))]
    return [*named, *(p if p.name == 'nltk_data' else p / 'nltk_data' for p in usual)]


def find(path: str | Path | None = None) -> Path:
    """Return the folder of WordNet's files.

    Args:
        path: the folder, or a folder of NLTK's data. None looks at the folder that the environment variable `WNHOME` or
            `WNSEARCHDIR` names, at that of Debian's package `wordnet-base`, and at those of NLTK's data.

    Raises:
        UserError: no folder has the files; the message says how to install them.
    """
    if path is not None:
        given = [Path(path)]
    else:
        home, search = os.environ.get('WNHOME'), os.environ.get('WNSEARCHDIR')
        given = [*([Path(search)] if search else []), *([Path(home)] if home else []), DEBIAN, *_nltk_folders()]
    for folder in given:
        for inside in ('', 'dict', 'wordnet', 'corpora/wordnet'):
            if all((folder / inside / name).is_file() for name in ('data.noun', 'index.noun')):
                return folder / inside
    looked = f'{path} has' if path is not None else f'{DEBIAN} and the folders of nltk_data have'
    raise UserError(
        f'{looked} no WordNet files data.noun and index.noun; install them by `apt-get install wordnet-base`, or by '
        f"`python -m nltk.downloader wordnet` and unpacking the archive, or give the folder's path"
    )


def read_nouns(folder: Path) -> Nouns:
    """Read the nouns and their hypernyms (`@`) and instance hypernyms (`@i`).

    A noun is called by its first word, `n`, and the number of the sense of this word, as in NLTK.

    Args:
        folder: with `data.noun` and `index.noun`.

    Raises:
        UserError: naming the file and the line that is no line of WordNet.

    Source: the manual page wndb(5WN) of WordNet 3.0.
    """
    senses = _senses(folder / 'index.noun')
    names: dict[str, str] = {}
    above: dict[str, list[str]] = {}
    meanings: dict[str, str] = {}
    for number, line in _lines(folder / 'data.noun'):
        try:
            data, _, gloss = line.partition(' | ')
            fields = data.split()
            offset, words = fields[0], int(fields[3], 16)
            count = int(fields[4 + 2 * words])
            pointers = fields[5 + 2 * words : 5 + 2 * words + 4 * count]
            if len(offset) != 8 or len(pointers) != 4 * count:
                raise ValueError('a field is missing')
            word = fields[4].lower()
            names[offset] = f'{word}.n.{senses[word].index(offset) + 1:02d}'
        except (ValueError, IndexError, KeyError) as error:
            raise UserError(f'{folder / "data.noun"}: line {number} is no noun of WordNet ({error})') from error
        meanings[names[offset]] = gloss.partition('; "')[0].strip()
        above[offset] = [
            target for kind, target in zip(pointers[::4], pointers[1::4], strict=True) if kind in ('@', '@i')
        ]
    missing = next(((offset, p) for offset, of in above.items() for p in of if p not in names), None)
    if missing is not None:
        raise UserError(
            f'{folder / "data.noun"}: the hypernym {missing[1]} of {names[missing[0]]} is no noun of the file'
        )
    parents = {names[offset]: [names[p] for p in of] for offset, of in above.items()}
    if len(parents) < len(names):
        raise UserError(f'{folder / "data.noun"}: {len(names) - len(parents)} names stand twice')
    return Nouns(parents, [f'n{offset}' for offset in above], meanings)


def _senses(path: Path) -> dict[str, list[str]]:
    """The places of the senses of each word, in the order of the senses."""
    senses = {}
    for number, line in _lines(path):
        fields = line.split()
        try:
            senses[fields[0]] = fields[-int(fields[2]) :]
        except (ValueError, IndexError) as error:
            raise UserError(f'{path}: line {number} is no line of an index of WordNet ({error})') from error
    return senses


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a file of WordNet and their numbers, without those of its licence, which begin with a space."""
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f'{path} cannot be read: {error}') from error
    found = [(number, line) for number, line in enumerate(lines, 1) if line and not line.startswith(' ')]
    if not found:
        raise UserError(f'{path} has no line of WordNet')
    return found
