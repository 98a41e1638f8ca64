"""Completes jobs in the worker processes: one loop for a batch, for its reports and for grading the archive again.

- Every worker process is kept busy: it gets its next job before the result of the last one is handled, or in advance.
- A job whose worker process died is retried once; if the process dies again, the caller gets the `WorkerDied`.
- A job that was postponed, because disk or database were unavailable, is retried after a pause, while the other
  worker processes continue; after too many times the caller gets the `Postponed`.
- After a stop no further job is given to a worker process, and what was given in advance is taken back. The loop waits
  for jobs in progress; all others are left to the next run.
- What a worker process that died had in advance is done by another one, as a first try.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator

from koa_worker.system.stop import Stop
from koa_worker.workers.messages import AnyJob, Event, NotBegun, Postponed, WorkerDied
from koa_worker.workers.pool import WorkerPool

logger = logging.getLogger(__name__)

NextJobs = Callable[[int], Iterable[AnyJob]]  # gives at most this number of jobs; none if there are none, now or at all

TRIES = 2  # tries of a job whose worker process died
MOST_POSTPONED = 5  # retries of a job because disk or database were unavailable
_SECONDS_POSTPONED = 3.0
_SECONDS_TO_LISTEN = 0.5


def work_off(pool: WorkerPool, next_jobs: NextJobs, stop: Stop, *, tries: int = TRIES) -> Iterator[Event]:
    """Gives the result of each job, once. With `tries` of 1 the caller retries a job itself."""
    again = _Again(tries)
    while True:
        if stop.asked:
            pool.take_back()
        _keep_busy(pool, again, next_jobs, stop)
        if not pool.busy and (stop.asked or (pool.ready and not again)):
            return
        last = [event for event in pool.listen(_SECONDS_TO_LISTEN) if not again.takes(event)]
        _keep_busy(pool, again, next_jobs, stop)
        yield from last


def _keep_busy(pool: WorkerPool, again: _Again, next_jobs: NextJobs, stop: Stop) -> None:
    while pool.room and not stop.asked:
        jobs = again.due(pool.room) or list(next_jobs(pool.room))
        if not jobs:
            return
        for job in jobs:
            pool.give(job)


class _Again:
    """The jobs that wait for a retry, and the number of tries of each."""

    def __init__(self, tries: int) -> None:
        self._tries = tries
        self._deaths: Counter[str] = Counter()
        self._postponed: Counter[str] = Counter()
        self._waiting: deque[tuple[float, AnyJob]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def takes(self, event: Event) -> bool:
        """Whether the job is to be retried, so that this event is not its final result."""
        match event:
            case WorkerDied(job, code, detail):
                logger.warning("worker process died", extra={"file": job.id, "code": code, "detail": detail})
                self._deaths[job.id] += 1
                return self._deaths[job.id] < self._tries and self._wait(job, 0.0)
            case Postponed(job):
                self._postponed[job.id] += 1
                return self._postponed[job.id] <= MOST_POSTPONED and self._wait(job, _SECONDS_POSTPONED)
            case NotBegun(job):
                return self._wait(job, 0.0)
        return False

    def _wait(self, job: AnyJob, seconds: float) -> bool:
        self._waiting.append((time.monotonic() + seconds, job))
        return True

    def due(self, count: int) -> list[AnyJob]:
        """Takes out at most this number of the jobs whose pause is over."""
        now = time.monotonic()
        found = [waiting for waiting in self._waiting if waiting[0] <= now][:count]
        for waiting in found:
            self._waiting.remove(waiting)
        return [job for _, job in found]
