"""The two ways in which a run ends early with a message instead of a traceback."""

__all__ = ['EngineError', 'TrainingError', 'UserError']


class EngineError(Exception):
    """An expected failure: printed as one line on stderr, then the program leaves with `exit_status`."""

    exit_status = 1


class UserError(EngineError):
    """Input that cannot be trained on. The message names the argument, its value and the remedy."""

    exit_status = 2


class TrainingError(EngineError):
    """A run that began and cannot go on: a loss that is not finite, a disk that is full."""
