"""Working through the runs of a study: several at a time, each in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..config.study import Run
from ..errors import Busy, NotFinite, TrainingError
from .progress import duration
from .stop import StopRequest
from .study_run import epochs_done, is_claimed, state_of

__all__ = ['LOG', 'Grid', 'threads_of_a_run']

LOG = 'log.txt'
_ENDED = ('done', 'diverged')
_POLL = 1.0  # seconds between two looks at the processes
_TELL = 60.0  # seconds between two lines of progress
_AGAIN = 30.0  # seconds after which a run that another process had is looked at again


def threads_of_a_run(jobs: int) -> int:
    """Return the number of threads of each run, where the cores are shared out among the runs.

    Args:
        jobs: Number of runs at a time.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    return max(1, cores // jobs)


@dataclass
class _Job:
    """A run that a process of ours works on."""

    run: Run
    process: subprocess.Popen
    log: IO[str]


class Grid:
    """The runs of a study, and the processes that work on them.

    Args:
        runs: The runs, in the order in which they are started.
        command: Returns the words of the command that trains and measures a run, the program first.
        jobs: Number of runs at a time.
        threads: Threads of each run.
        seconds: Time after which the runs are stopped; None for no limit.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        command: Callable[[Run], list[str]],
        jobs: int = 1,
        threads: int = 1,
        seconds: float | None = None,
    ) -> None:
        self.runs = list(runs)
        self.command = command
        self.jobs = jobs
        self.threads = threads
        self.end = None if seconds is None else time.monotonic() + seconds
        self.failed: dict[str, str] = {}
        self._active: list[_Job] = []
        self._busy: dict[str, float] = {}  # when another process was seen to have a run
        self._told = 0.0
        self._start, self._before = time.monotonic(), self._epochs()

    def work(self) -> bool:
        """Work until every run is done, has diverged or has failed, or until the time is over.

        Returns:
            Whether every run is done or has diverged; False where the time was over before.

        Raises:
            TrainingError: Runs failed. They are begun again by the next call.
            Interrupted: SIGTERM or SIGINT came. The runs at hand have saved their state.
        """
        with StopRequest() as request:
            try:
                while not request.signal and not self._over():
                    self._reap()
                    self._fill()
                    if not self._active and not self._open():
                        break
                    self._tell()
                    time.sleep(_POLL)
                self._stop()
            except TrainingError:  # no room for a log; the runs at hand may have more of it
                self._stop()
                raise
            finally:
                for job in self._active:  # a second SIGINT: their last checkpoints are whole
                    job.process.kill()
                    job.log.close()
            if request.signal:
                raise request.interrupted(f'{self.summary()}; the same command goes on')
        if self.failed:
            names = '; '.join(f'{name}: {text}' for name, text in list(self.failed.items())[:3])
            more = f'; and {len(self.failed) - 3} more' if len(self.failed) > 3 else ''
            raise TrainingError(f'{len(self.failed)} of {len(self.runs)} runs failed: {names}{more}')
        return not self._open()

    def summary(self) -> str:
        """Return how many runs are in which state, in words."""
        states = [state_of(run.folder) for run in self.runs]
        parts = [f'{states.count("done")} of {len(states)} runs done' if states else 'nothing left to do']
        if 'diverged' in states:
            parts.append(f'{states.count("diverged")} diverged')
        if self._active:
            parts.append(f'{len(self._active)} running')
        return ', '.join(parts)

    def _over(self) -> bool:
        return self.end is not None and time.monotonic() >= self.end

    def _open(self) -> list[Run]:
        """Runs that are neither ended nor failed nor worked on by a process of ours."""
        ours = {job.run.name for job in self._active}
        return [
            run
            for run in self.runs
            if run.name not in ours and run.name not in self.failed and state_of(run.folder) not in _ENDED
        ]

    def _fill(self) -> None:
        for run in self._open() if len(self._active) < self.jobs else ():
            if len(self._active) >= self.jobs:
                break
            if time.monotonic() - self._busy.get(run.name, -_AGAIN) < _AGAIN:
                continue
            if is_claimed(run.folder):
                self._note_busy(run)
                continue
            self._begin(run)

    def _begin(self, run: Run) -> None:
        done = epochs_done(run.folder)
        try:
            run.folder.mkdir(parents=True, exist_ok=True)
            log = (run.folder / LOG).open('a', encoding='utf-8')
        except OSError as error:
            raise TrainingError(f'cannot write into {run.folder}: {error}') from error
        environment = {**os.environ, 'OMP_NUM_THREADS': str(self.threads), 'PYTHONUNBUFFERED': '1'}
        environment.setdefault('GOMP_SPINCOUNT', '30000')  # as train_hyp.py sets it
        process = subprocess.Popen(self.command(run), stdout=log, stderr=log, env=environment)
        self._active.append(_Job(run, process, log))
        print(f'{run.name}: {"goes on after epoch " + str(done) if done else "begins"}', flush=True)

    def _note_busy(self, run: Run) -> None:
        if run.name not in self._busy:
            print(f'{run.name}: another process works on it', flush=True)
        self._busy[run.name] = time.monotonic()

    def _reap(self) -> None:
        for job in [job for job in self._active if job.process.poll() is not None]:
            self._active.remove(job)
            job.log.close()
            status, state = job.process.returncode, state_of(job.run.folder)
            if state in _ENDED:
                print(f'{job.run.name}: {state}; {self.summary()}{self._left()}', flush=True)
            elif status == Busy.exit_status:
                self._note_busy(job.run)
            elif status == NotFinite.exit_status:  # its outcome could not be written
                self.failed[job.run.name] = 'diverged, and this could not be written down'
            else:
                self.failed[job.run.name] = f'exit status {status}, see {job.run.folder / LOG}'
                print(f'{job.run.name}: {_last_line(job.run.folder / LOG)}', file=sys.stderr, flush=True)

    def _stop(self) -> None:
        """Ask the runs at hand to save their state, and wait for them."""
        for job in self._active:
            job.process.terminate()
        for job in self._active:
            job.process.wait()
            job.log.close()
        self._active.clear()

    def _epochs(self) -> int:
        return sum(epochs_done(run.folder) for run in self.runs)

    def _left(self) -> str:
        """Return an estimate of the time that is left, by the epochs of all processes since the start."""
        wanted = sum(
            epochs_done(run.folder)
            if run.name in self.failed or state_of(run.folder) in _ENDED
            else run.config.schedule.epochs
            for run in self.runs
        )
        done = self._epochs()
        if done >= wanted or done == self._before:
            return ''
        seconds = (time.monotonic() - self._start) / (done - self._before) * (wanted - done)
        return f', about {duration(seconds)} left'

    def _tell(self) -> None:
        if time.monotonic() - self._told >= _TELL:
            self._told = time.monotonic()
            print(f'{self.summary()}, {self._epochs()} epochs{self._left()}', flush=True)


def _last_line(path: Path) -> str:
    """Return the last line of a log, which says why a run failed."""
    with suppress(OSError):
        lines = path.read_text(encoding='utf-8', errors='replace').split('\n')
        return next((line.strip() for line in reversed(lines) if line.strip()), 'no message')
    return 'no message'
