"""Types for argparse that say what they accept. The same ones check the values of a `--config` file."""

import argparse
import ast
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from ..errors import nearest

__all__ = ['KeyValues', 'one_of', 'real', 'split', 'split_size', 'whole']


def whole(minimum: int = 0) -> Callable[[str], int]:
    """Return the type of a whole number that is at least `minimum`.

    Args:
        minimum: The smallest number that is allowed.
    """

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or value < minimum:
            raise argparse.ArgumentTypeError(f'must be a whole number of at least {minimum}, not {text!r}')
        return value

    return parse


def real(minimum: float = -math.inf, maximum: float = math.inf, positive: bool = False) -> Callable[[str], float]:
    """Return the type of a finite number in `[minimum, maximum]`, greater than 0 if `positive`.

    Args:
        minimum: The smallest number that is allowed.
        maximum: The largest number that is allowed.
        positive: Whether 0 and negative numbers are refused.
    """
    wanted = 'a number'
    if positive:
        wanted += ' greater than 0'
    elif minimum > -math.inf:
        wanted += f' of at least {minimum:g}'
    if maximum < math.inf:
        wanted += f' and at most {maximum:g}'

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not minimum <= value <= maximum or (positive and value <= 0):
            raise argparse.ArgumentTypeError(f'must be {wanted}, not {text!r}')
        return value

    return parse


def one_of(names: Callable[[], Iterable[str]] | Iterable[str], strip: str = '') -> Callable[[str], str]:
    """Return the type of a name out of a list; the error gives the nearest ones.

    Args:
        names: the names, or a function that lists them (called only once a value is there to check).
        strip: prefix that may precede a name, such as timm's `lookahead_`.
    """

    def parse(text: str) -> str:
        known = list(names() if callable(names) else names)
        if text.removeprefix(strip) not in known:
            choices = f' Choose from: {", ".join(known)}.' if len(known) <= 12 else ''
            raise argparse.ArgumentTypeError(f'unknown name {text!r}.{nearest(text, known)}{choices}')
        return text

    return parse


def split_size(text: str) -> int | float | None:
    """Return the number of images or the share of them that `text` asks for, None where it is the name of a split.

    Args:
        text: The word on the command line: a number, a share, or the name of a split.

    Raises:
        argparse.ArgumentTypeError: a number that is neither a whole one of at least 1 nor between 0 and 1.
    """
    try:
        size = float(text)
    except ValueError:
        return None
    if text.isdecimal() and size >= 1:
        return int(text)
    if not 0 < size < 1:
        raise argparse.ArgumentTypeError(
            f'must be the name of a split, a share between 0 and 1 or a number of images of at least 1, not {text!r}'
        )
    return size


def split(text: str) -> str:
    """Return the name of a split, or the size of one to carve out, as it was written.

    Args:
        text: The word on the command line, as in `split_size`.
    """
    split_size(text)
    return text


class KeyValues(argparse.Action):
    """Collect `key=value` words in a dictionary. A value is a Python literal, or else text, as in timm's `train.py`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Store the dictionary of `values`."""
        found: dict[str, Any] = {}
        for word in values or ():
            key, equals, value = word.partition('=')
            if word and not (equals and key.isidentifier()):
                raise argparse.ArgumentError(self, f'expected key=value, got {word!r}')
            if word:
                found[key] = value
                with suppress(ValueError, SyntaxError):
                    found[key] = ast.literal_eval(value)
        setattr(namespace, self.dest, found)
