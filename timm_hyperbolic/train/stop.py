"""Stopping a run cleanly on SIGTERM from a job scheduler or Ctrl-C from a user."""

import os
import signal
import threading
from types import FrameType

from ..errors import Interrupted

__all__ = ['StopRequest']


class StopRequest:
    """A context manager that catches SIGTERM and SIGINT, so that the current step is finished and saved.

    A second SIGINT raises KeyboardInterrupt at once.

    Attributes:
        signal: number of the first signal received, 0 if there was none.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> 'StopRequest':
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = self.signal or number
        more = '; once more to leave at once' if number == signal.SIGINT else ''
        # print is not reentrant, and the signal may have interrupted it.
        os.write(2, f'{signal.Signals(number).name}: finishing the step and saving{more}\n'.encode())

    def interrupted(self, message: str) -> Interrupted:
        """Return the exception to raise after everything is saved.

        Args:
            message: What was saved, and how to go on.
        """
        return Interrupted(message, self.signal or signal.SIGTERM)  # only another process may have received the signal
