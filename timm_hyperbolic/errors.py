"""Expected failures, which end a program with a message instead of a traceback, and how messages name names."""

import difflib
import sys
from collections.abc import Callable, Iterable

__all__ = [
    'Busy',
    'DeadWorkers',
    'Diverged',
    'Interrupted',
    'NotFinite',
    'PublishError',
    'RunError',
    'TrainingError',
    'UserError',
    'exit_status',
    'listed',
    'nearest',
]


class RunError(Exception):
    """An expected failure: it is printed as one line on stderr, and the program ends with `exit_status`."""

    exit_status = 1


class UserError(RunError):
    """Input that cannot be trained on. The message names the argument, its value and the remedy."""

    exit_status = 2


class TrainingError(RunError):
    """A run that started and cannot continue: its loss is not finite, or the disk is full."""


class NotFinite(TrainingError):
    """A run whose loss or gradients are not finite any more. The cause is in its options, not in the machine."""

    exit_status = 4


class Diverged(NotFinite):
    """Too many steps in a row were not finite. The state before them can still be saved."""


class DeadWorkers(TrainingError):
    """Loader processes died again and again. The state of the run can still be saved."""


class Busy(RunError):
    """A run of a study that another process is training at the moment."""

    exit_status = 5


class PublishError(RunError):
    """The result is complete on the disk but was not pushed to the Hub. The message says how to push it again."""

    exit_status = 3


class Interrupted(RunError):
    """A run was asked to stop and has saved its state. The exit status is that of a program ended by the signal.

    Args:
        message: What was saved, and how to go on.
        signal: The number of the signal that stopped the run.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal


def exit_status(command: Callable[[], object], prog: str) -> int:
    """Run a command and return its exit status; an expected failure or an interrupt is printed as one line on stderr.

    Args:
        command: What to run.
        prog: Name of the program, for the line.
    """
    try:
        command()
    except Interrupted as error:
        print(f'{prog}: interrupted: {error}', file=sys.stderr)
        return error.exit_status
    except RunError as error:
        print(f'{prog}: error: {" ".join(str(error).split())}', file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as interrupt:
        print(f'{prog}: interrupted{f": {interrupt}" if str(interrupt) else ""}', file=sys.stderr)
        return 130
    return 0


def listed(names: Iterable[str], limit: int = 4) -> str:
    """Return the first names as a list in words, and the number of the others.

    Args:
        names: Any names.
        limit: Number of names to list.
    """
    names = list(names)
    more = f', and {len(names) - limit} more' if len(names) > limit else ''
    return f'{", ".join(names[:limit])}{more}'


def nearest(name: str, names: Iterable[str], count: int = 3) -> str:
    """Return the sentence ` Nearest: a, b, c.` for a misspelt name, to be put behind a message.

    Args:
        name: The misspelt name.
        names: The names that exist.
        count: Largest number of names in the sentence.

    Returns:
        The sentence, which begins with a space; empty where no name is similar.
    """
    close = difflib.get_close_matches(name, list(names), n=count, cutoff=0.5)
    return f' Nearest: {", ".join(close)}.' if close else ''
