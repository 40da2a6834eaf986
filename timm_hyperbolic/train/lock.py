"""One run at a time in a folder."""

import os
import socket
from pathlib import Path

from ..errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ['LOCK', 'FolderLock']

LOCK = '.lock'


class FolderLock:
    """A lock on a folder that the system takes back when the process ends, however it ends.

    It is POSIX's, which loader processes do not inherit: they outlive a killed run by some seconds. One process must
    not take it twice. Where the file system or the platform has no locks, nothing is locked.

    Args:
        folder: need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Lock the folder, which exists.

        Raises:
            UserError: another process has it.
            OSError: the lock's file cannot be written.
        """
        if fcntl is None or self._descriptor is not None:
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            holder = os.read(descriptor, 200).decode(errors='replace').strip()
            os.close(descriptor)
            raise UserError(
                f'--experiment: another run is writing into {self.path.parent} ({holder}); choose another name, or '
                'stop that one'
            ) from error
        except OSError:  # no locks on this file system
            os.close(descriptor)
            return
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f'process {os.getpid()} on {socket.gethostname()}\n'.encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Unlock the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
