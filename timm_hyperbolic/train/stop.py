"""Leaving a run in good order when somebody asks for it: SIGTERM of a scheduler, Ctrl-C of a user."""

import os
import signal
import threading
from types import FrameType

from ..errors import Interrupted

__all__ = ['StopRequest']


class StopRequest:
    """Notes SIGTERM and SIGINT while it is entered, so that the step at hand is finished and saved.

    A second SIGINT raises KeyboardInterrupt at once.

    Attributes:
        signal: number of the signal that came first, 0 if none did.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> 'StopRequest':
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exc_info) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = self.signal or number
        more = '; once more to leave at once' if number == signal.SIGINT else ''
        # Not print: it may be what the signal has interrupted.
        os.write(2, f'{signal.Signals(number).name}: finishing the step and saving{more}\n'.encode())

    def interrupted(self, message: str) -> Interrupted:
        """Return what to raise once all is saved."""
        return Interrupted(message, self.signal or signal.SIGTERM)  # the signal may have reached another process only
