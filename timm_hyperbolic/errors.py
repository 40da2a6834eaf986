"""The ways in which a run ends early with a message instead of a traceback."""

import sys
from collections.abc import Callable

__all__ = [
    'DeadWorkers',
    'Diverged',
    'EngineError',
    'Interrupted',
    'PublishError',
    'TrainingError',
    'UserError',
    'exit_status',
]


class EngineError(Exception):
    """An expected failure: printed as one line on stderr, then the program leaves with `exit_status`."""

    exit_status = 1


class UserError(EngineError):
    """Input that cannot be trained on. The message names the argument, its value and the remedy."""

    exit_status = 2


class TrainingError(EngineError):
    """A run that began and cannot go on: losses that are not finite, a disk that is full."""


class Diverged(TrainingError):
    """Steps in a row that were not finite. What was good before is still there to be saved."""


class DeadWorkers(TrainingError):
    """Loader processes that died again and again. What was trained until then can be saved."""


class PublishError(EngineError):
    """A result that is complete on the disk and did not reach the Hub. The message says how to push it again."""

    exit_status = 3


class Interrupted(EngineError):
    """A run that was asked to stop and has saved its state. It leaves as a program does that a signal has ended."""

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal


def exit_status(command: Callable[[], object], prog: str, interrupted: str = '') -> int:
    """Run a command and return its exit status; an expected failure or an interrupt is one line on stderr.

    Args:
        command: what to run.
        prog: name of the program, for the line.
        interrupted: what an interrupt that says nothing itself has done.
    """
    try:
        command()
    except Interrupted as error:
        print(f'{prog}: interrupted: {error}', file=sys.stderr)
        return error.exit_status
    except EngineError as error:
        print(f'{prog}: error: {" ".join(str(error).split())}', file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as interrupt:
        said = str(interrupt) or interrupted
        print(f'{prog}: interrupted{f": {said}" if said else ""}', file=sys.stderr)
        return 130
    return 0
