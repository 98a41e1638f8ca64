"""Grades the archive again after a new model release; the earlier grades are kept beside the new ones."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from koa_worker.config import Config
from koa_worker.store import State, Store
from koa_worker.system.stop import Stop
from koa_worker.workers.messages import Done, Job, Regrade, WorkerDied, WriteReport
from koa_worker.workers.pool import WorkerPool, cores
from koa_worker.workers.work_off import work_off

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Regraded:
    """How many files were graded again."""

    done: int
    kept: int  # files that could not be graded again and keep their earlier grades


def regrade(config: Config) -> Regraded:
    """Grades each file whose grades come from another model. It can be stopped and started again at any moment."""
    with WorkerPool(config, config.work.workers or cores()) as pool, Store.of(config.store) as store:
        while not pool.ready:
            pool.listen(1.0)
        tally = _work_off(pool, _to_do(store, pool.digest))
        _work_off(pool, map(WriteReport, store.reports.due()))  # of large studies, which are not written each time
    return Regraded(tally[True], tally[False])


def _to_do(store: Store, digest: str) -> Iterator[Regrade]:
    last = ""
    while ids := store.files.to_regrade(digest, after=last):
        yield from map(Regrade, ids)
        last = ids[-1]


def _work_off(pool: WorkerPool, to_do: Iterator[Job]) -> Counter[bool]:
    """How many jobs were done, and how many were not."""
    tally: Counter[bool] = Counter()
    # It is not asked to stop: what has been graded is kept, and the next call does the rest.
    for event in work_off(pool, lambda count: islice(to_do, count), Stop()):
        tally[isinstance(event, Done) and event.state is State.COMPLETED] += 1
        if not isinstance(event, Done):
            code = event.code if isinstance(event, WorkerDied) else "-"
            logger.warning("not regraded", extra={"file": event.job.id, "code": code})
    return tally
