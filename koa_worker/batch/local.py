"""Grades on this machine, in worker processes like the daemon's: a file that crashes one loses one try."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from koa_worker import __version__
from koa_worker.batch.entries import Entry, Finding, examine
from koa_worker.batch.grade_entry import failed_finding
from koa_worker.batch.locations import is_in_memory, load
from koa_worker.batch.read_ahead import IN_ADVANCE
from koa_worker.config import Config
from koa_worker.system.stop import Stop
from koa_worker.values import GradedBy
from koa_worker.workers.messages import Examine, Examined, WorkerDied
from koa_worker.workers.pool import WorkerPool
from koa_worker.workers.work_off import work_off

Take = Callable[[int], list[tuple[int, Entry]]]

_WORKER_PROGRAM = "koa_worker.batch.child"


class Local:
    """An engine: takes entries when worker processes are free, and gives the findings."""

    def __init__(self, config: Config, size: int, *, keep: bool) -> None:
        self._config = config
        self._size = size
        self._keep = keep

    def grade(self, take: Take, stop: Stop) -> Iterator[Finding]:
        """Grades until nothing is left to take; after a stop it finishes only what is being graded."""
        most = self._config.limits.max_file_mb * 1_000_000

        def next_jobs(count: int) -> list[Examine]:
            return [job_for(number, entry, most, keep=self._keep) for number, entry in take(count)]

        with worker_pool(self._config, self._size) as pool:
            yield from findings(pool, next_jobs, stop)


def worker_pool(config: Config, size: int) -> WorkerPool:
    """Worker processes that bring the next files here while they grade one."""
    return WorkerPool(config, size, program=_WORKER_PROGRAM, in_advance=IN_ADVANCE)


def job_for(number: int, entry: Entry, most: int, *, keep: bool) -> Examine:
    """The job for an entry; with its bytes, if no other process can read them."""
    data = load(entry.place, most) if is_in_memory(entry.place) else None
    return examine(number, entry, keep=keep, data=data)


def findings(pool: WorkerPool, next_jobs: Callable[[int], Sequence[Examine]], stop: Stop) -> Iterator[Finding]:
    """The finding of each entry. The ledger gives a failed entry again when all others are done."""
    for event in work_off(pool, next_jobs, stop, tries=1):
        match event:
            case Examined(_, finding):
                yield finding
            case WorkerDied(Examine() as job, code, detail):
                yield failed_finding(job, code, detail, GradedBy(pool.model, pool.digest, __version__))
