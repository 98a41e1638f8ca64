"""A pool of worker processes: gives them jobs, receives the results, replaces processes that die."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Self

from koa_worker.config import Config
from koa_worker.errors import SetupError, WorkFailed
from koa_worker.workers.messages import (
    AnyJob,
    CannotStart,
    Done,
    Event,
    Examined,
    Grading,
    NotBegun,
    Postponed,
    Ready,
    WorkerDied,
)

_LOOK_EVERY = 0.1  # seconds between two checks of memory and time of a busy worker process
_SECONDS_TO_START = 120.0  # for the first start; a machine that is too busy for it would be too busy for further ones
# Seconds outside grading, in which a job may wait for disk and database; a process that is silent longer hangs.
_SECONDS_FOR_A_JOB = 600.0
_MOST_FAILED_STARTS = 5


def cores() -> int:
    """The number of CPU cores that this process may use; in a container these are fewer than the machine has."""
    return len(os.sched_getaffinity(0))


@dataclass(slots=True)
class WorkerProcess:
    """A worker process and its jobs: the one that it is doing, then those that it has in advance."""

    process: subprocess.Popen[bytes]
    connection: Connection
    deadline: float
    ready: bool = False
    jobs: deque[AnyJob] = field(default_factory=deque)
    taken_back: bool = False  # whether it was given further jobs, whose results nobody wants

    @property
    def at_work(self) -> AnyJob | None:
        return self.jobs[0] if self.jobs else None

    def resident_mb(self) -> float:
        try:
            with open(f"/proc/{self.process.pid}/statm", "rb", buffering=0) as facts:  # noqa: PTH123
                pages = int(facts.read().split()[1])
        except (OSError, IndexError):
            return 0.0  # the process has just ended
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class WorkerPool:
    """`with WorkerPool(config, 2) as pool:` starts two worker processes, and replaces each one that dies."""

    def __init__(
        self,
        config: Config,
        size: int,
        kept_open: Sequence[int] = (),
        program: str = "koa_worker.workers.child",
        *,
        in_advance: int = 0,
    ) -> None:
        """The worker processes run `program`, inherit the descriptors `kept_open`, and get jobs in advance."""
        self._config = config
        self._program = program
        self._in_advance = in_advance
        self._seconds_for_a_job = _SECONDS_FOR_A_JOB * max(1, in_advance)  # files that come at once share the line
        self._kept_open = tuple(kept_open)
        self._failed_starts = 0
        self._killed: dict[int, tuple[str, str, AnyJob | None]] = {}
        self.model = self.digest = ""  # known once a worker process is ready
        self.replaced = 0
        self.workers = [self._start() for _ in range(size)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the processes by closing their connections; the next start resumes the job of a busy one."""
        for worker in self.workers:
            if worker.jobs or worker.taken_back or not worker.ready:
                worker.process.kill()
            worker.connection.close()
        for worker in self.workers:
            try:
                worker.process.wait(5.0)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    @property
    def busy(self) -> int:
        return sum(bool(worker.jobs) for worker in self.workers)

    @property
    def room(self) -> int:
        """The number of jobs that can be given now. None is given in advance while a process starts and has none."""
        most = 1 + (self._in_advance if self.ready else 0)
        return sum(most - len(worker.jobs) for worker in self.workers if worker.ready and len(worker.jobs) < most)

    @property
    def ready(self) -> bool:
        return all(worker.ready for worker in self.workers)

    def give(self, job: AnyJob) -> None:
        """Gives the job to the worker process that has the fewest; there must be room for it."""
        worker = min((worker for worker in self.workers if worker.ready), key=lambda worker: len(worker.jobs))
        if not worker.jobs:
            worker.deadline = time.monotonic() + self._seconds_for_a_job
        worker.jobs.append(job)
        try:
            worker.connection.send(job)
        except OSError:
            return  # it has just died: the next check finds that

    def take_back(self) -> None:
        """Takes back the jobs that were given in advance."""
        for worker in self.workers:
            while len(worker.jobs) > 1:
                worker.jobs.pop()
                worker.taken_back = True

    def listen(self, seconds: float, beside: Sequence[int] = ()) -> list[Event]:
        """Waits until a process sends a message or a descriptor of `beside` is readable; gives the results of jobs."""
        watched = self.busy or not self.ready
        connections = {worker.connection: worker for worker in self.workers}
        both: list[Connection | int] = [*connections, *beside]
        readable = wait(both, min(seconds, _LOOK_EVERY) if watched else seconds)
        senders = [connections[one] for one in readable if isinstance(one, Connection)]
        events = [event for worker in senders for event in self._receive(worker)]
        for worker in list(self.workers):
            self._look_after(worker)
        return events

    def _start(self) -> WorkerProcess:
        ours, theirs = Pipe()
        with theirs:
            words = [sys.executable, "-m", self._program, str(theirs.fileno()), str(os.getpid())]
            process = subprocess.Popen(words, pass_fds=[theirs.fileno(), *self._kept_open], stdin=subprocess.DEVNULL)  # noqa: S603
        worker = WorkerProcess(process, ours, time.monotonic() + _SECONDS_TO_START * (1 + self._failed_starts))
        with contextlib.suppress(OSError):  # it died at once: the next check finds that
            ours.send(self._config)
        return worker

    def _receive(self, worker: WorkerProcess) -> list[Event]:
        events: list[Event] = []
        try:
            while worker.connection.poll():
                events += self._take_in(worker, worker.connection.recv())
        except (EOFError, OSError):
            events += self._replace(worker)
        return events

    def _take_in(self, worker: WorkerProcess, message: object) -> list[Event]:
        match message:
            case Ready():
                worker.ready, self._failed_starts = True, 0
                self.model, self.digest = message.model, message.digest
            case CannotStart(code, detail):
                raise SetupError(code, detail)
            case Grading(on):
                limit = self._config.limits.seconds_per_file if on else self._seconds_for_a_job
                worker.deadline = time.monotonic() + limit
            case Done() | Postponed() | Examined():
                if not worker.jobs:  # it did one that was taken back
                    return []
                worker.jobs.popleft()
                worker.deadline = time.monotonic() + self._seconds_for_a_job
                return [message]
        return []

    def _look_after(self, worker: WorkerProcess) -> None:
        """Kills a process that needs too much time or memory; its closed connection then shows that it died."""
        if worker.ready and not worker.jobs and not worker.taken_back:
            return
        limits = self._config.limits
        if time.monotonic() > worker.deadline:
            self._kill(worker, "timed_out", "")
        elif (used := worker.resident_mb()) > limits.memory_mb:
            self._kill(worker, "out_of_memory", f"{used:.0f} MB")

    def _kill(self, worker: WorkerProcess, code: str, detail: str) -> None:
        self._killed[worker.process.pid] = (code, detail, worker.at_work)
        worker.process.kill()

    def _replace(self, worker: WorkerProcess) -> list[Event]:
        """Starts a new process for one that died; gives its jobs, the one that it did with the cause of its death."""
        worker.connection.close()
        ending = worker.process.wait()
        crashed = ("worker_crashed", _name_ending(ending), worker.at_work)
        code, detail, job = self._killed.pop(worker.process.pid, crashed)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_FAILED_STARTS:
                raise WorkFailed("worker_crashed", f"{detail or code}, {self._failed_starts} times at its start")
        self.replaced += 1
        self.workers[self.workers.index(worker)] = self._start()
        if job is None or job is not worker.at_work:  # it completed that job before it was killed for it
            return [NotBegun(other) for other in worker.jobs]
        worker.jobs.popleft()
        return [WorkerDied(job, code, detail), *map(NotBegun, worker.jobs)]


def _name_ending(ending: int) -> str:
    return f"signal {-ending}" if ending < 0 else f"exit code {ending}"
