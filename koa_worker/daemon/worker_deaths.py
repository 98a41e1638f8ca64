"""Jobs during which a worker process died: how they are recorded, and what happens to them next."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum, auto

from koa_worker.config import Config
from koa_worker.daemon.counts import RunCounts
from koa_worker.errors import UnknownRecord
from koa_worker.intake import Claim
from koa_worker.store import FileRecord, State, Store
from koa_worker.values import Failed
from koa_worker.workers.messages import Job, WorkerDied

logger = logging.getLogger(__name__)

_DISPATCHER = "foreman"  # the name of this event in the history of files in the database, since the first version


class Next(Enum):
    """What happens next to the job of a worker process that died."""

    AT_ONCE = auto()  # only the filing is left, or the file is to be parked
    AFTER_ITS_PAUSE = auto()  # the file failed; the store has the time of its retry
    AT_THE_NEXT_START = auto()


class WorkerDeaths:
    """Keeps each death until it is in the store, so that none is lost while the database does not answer."""

    def __init__(self, config: Config, store: Store, counts: RunCounts) -> None:
        self._max_tries = config.limits.max_tries
        self._store = store
        self._counts = counts
        self._unrecorded: deque[tuple[Job, WorkerDied]] = deque()
        self._times: Counter[str] = Counter()

    def __bool__(self) -> bool:
        """Whether some deaths are not recorded yet."""
        return bool(self._unrecorded)

    def add(self, job: Job, death: WorkerDied) -> None:
        logger.warning("worker process died", extra={"file": job.id, "code": death.code, "detail": death.detail})
        self._times[job.id] += 1
        self._unrecorded.append((job, death))

    def forget(self, job: Job) -> None:
        """Forgets the deaths of a job that succeeded later."""
        self._times.pop(job.id, None)

    def record(self) -> Iterator[tuple[Job, Next]]:
        """Records the deaths, and gives the next step of each job. If the store fails, the next call does the rest."""
        while self._unrecorded:
            job, death = self._unrecorded[0]
            what = self._record(job, death)
            self._unrecorded.popleft()
            yield job, what

    def _record(self, job: Job, death: WorkerDied) -> Next:
        """Records a failure of the file, unless only its filing was left, which is retried."""
        if isinstance(job, Claim):
            try:
                failed = self._fail(job, death)
            except UnknownRecord:  # it is being erased
                return Next.AT_THE_NEXT_START
            if failed is not None and not failed.parked:
                return Next.AFTER_ITS_PAUSE
            if failed is not None or self._times[job.id] < self._max_tries:
                return Next.AT_ONCE
        logger.error("given up until the next start", extra={"file": job.id, "code": death.code})
        return Next.AT_THE_NEXT_START

    def _fail(self, job: Claim, death: WorkerDied) -> FileRecord | None:
        """Marks the file as failed, and gives its record; None if it was settled before."""
        now = datetime.now(UTC)
        if self._store.files.find(job.id) is None:
            # Its hash is left to the next worker process, because hashing a large file takes long.
            self._store.files.add_arrival(job.named("", 0), now)
        if not self._store.files.start(job.id, _DISPATCHER, take_over=True):
            return None
        failed = self._store.files.fail(
            job.id, Failed(job.named("", 0), death.code, death.detail), max_tries=self._max_tries, now=now
        )
        if not failed.parked:  # a parked file goes to a worker process to be filed, and is counted then
            self._counts.add_outcome(State.FAILED, death.code)
        return failed
