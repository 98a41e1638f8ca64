"""Works jobs off over the worker processes: one loop for a batch, for its reports and for grading the archive again.

- Every worker process is kept busy: it gets its next job before anybody looks at what came of the last one.
- A job whose worker process died is given once more; when that one dies too, its `WorkerDied` comes out.
- A job that was postponed, since disk or database were unavailable, is given again after a pause, while the other
  worker processes go on; when it was postponed too often, its `Postponed` comes out.
- After a stop no job is given to a worker process any more. Those that are being done are waited for; those that were
  to be given again are left to the next run.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator

from koa_worker.system.stop import Stop
from koa_worker.workers.messages import AnyJob, Event, Postponed, WorkerDied
from koa_worker.workers.pool import WorkerPool

logger = logging.getLogger(__name__)

NextJobs = Callable[[int], Iterable[AnyJob]]  # at most that many; none while, or once, there are none

TRIES = 2  # of a job whose worker process died
MOST_POSTPONED = 5  # times that a job is given again since disk or database were unavailable
_SECONDS_POSTPONED = 3.0
_SECONDS_TO_LISTEN = 0.5


def work_off(pool: WorkerPool, next_jobs: NextJobs, stop: Stop, *, tries: int = TRIES) -> Iterator[Event]:
    """Gives what came of each job, once. With `tries` of 1 the caller gives a job again itself."""
    again = _Again(tries)
    while True:
        _keep_busy(pool, again, next_jobs, stop)
        if not pool.busy and (stop.asked or (pool.ready and not again)):
            return
        last = [event for event in pool.listen(_SECONDS_TO_LISTEN) if not again.takes(event)]
        _keep_busy(pool, again, next_jobs, stop)
        yield from last


def _keep_busy(pool: WorkerPool, again: _Again, next_jobs: NextJobs, stop: Stop) -> None:
    while pool.idle and not stop.asked:
        jobs = again.due(pool.idle) or list(next_jobs(pool.idle))
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
        """Whether the job is to be given again, so that the event is not the last word on it."""
        match event:
            case WorkerDied(job, code, detail):
                logger.warning("worker process died", extra={"file": job.id, "code": code, "detail": detail})
                self._deaths[job.id] += 1
                return self._deaths[job.id] < self._tries and self._wait(job, 0.0)
            case Postponed(job):
                self._postponed[job.id] += 1
                return self._postponed[job.id] <= MOST_POSTPONED and self._wait(job, _SECONDS_POSTPONED)
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
