"""A pool of worker processes: gives them jobs, receives the results, replaces processes that die."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
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
    """A worker process and the job that it is doing."""

    process: subprocess.Popen[bytes]
    connection: Connection
    deadline: float
    ready: bool = False
    job: AnyJob | None = None

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
        self, config: Config, size: int, kept_open: Sequence[int] = (), program: str = "koa_worker.workers.child"
    ) -> None:
        """The worker processes run `program` and inherit the descriptors `kept_open`."""
        self._config = config
        self._program = program
        self._kept_open = tuple(kept_open)
        self._failed_starts = 0
        self._killed: dict[int, tuple[str, str]] = {}
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
            if worker.job is not None or not worker.ready:
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
        return sum(worker.job is not None for worker in self.workers)

    @property
    def idle(self) -> int:
        return sum(worker.ready and worker.job is None for worker in self.workers)

    @property
    def ready(self) -> bool:
        return all(worker.ready for worker in self.workers)

    def give(self, job: AnyJob) -> None:
        """Gives the job to a worker process that is free; there must be one."""
        worker = next(worker for worker in self.workers if worker.ready and worker.job is None)
        worker.job, worker.deadline = job, time.monotonic() + _SECONDS_FOR_A_JOB
        try:
            worker.connection.send(job)
        except OSError:
            return  # it has just died: the next check finds that

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
                limit = self._config.limits.seconds_per_file if on else _SECONDS_FOR_A_JOB
                worker.deadline = time.monotonic() + limit
            case Done() | Postponed() | Examined():
                worker.job = None
                return [message]
        return []

    def _look_after(self, worker: WorkerProcess) -> None:
        """Kills a process that needs too much time or memory; its closed connection then shows that it died."""
        if worker.ready and worker.job is None:
            return
        limits = self._config.limits
        if time.monotonic() > worker.deadline:
            self._kill(worker, "timed_out", "")
        elif (used := worker.resident_mb()) > limits.memory_mb:
            self._kill(worker, "out_of_memory", f"{used:.0f} MB")

    def _kill(self, worker: WorkerProcess, code: str, detail: str) -> None:
        self._killed[worker.process.pid] = (code, detail)
        worker.process.kill()

    def _replace(self, worker: WorkerProcess) -> list[Event]:
        """Starts a new process for one that died; gives the job of the dead one, with the cause of its death."""
        worker.connection.close()
        ending = worker.process.wait()
        code, detail = self._killed.pop(worker.process.pid, ("worker_crashed", _name_ending(ending)))
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_FAILED_STARTS:
                raise WorkFailed("worker_crashed", f"{detail or code}, {self._failed_starts} times at its start")
        self.replaced += 1
        self.workers[self.workers.index(worker)] = self._start()
        return [WorkerDied(worker.job, code, detail)] if worker.job is not None else []


def _name_ending(ending: int) -> str:
    return f"signal {-ending}" if ending < 0 else f"exit code {ending}"
