"""Reports of the studies that a batch brought into the store, written by the daemon's own worker processes."""

from __future__ import annotations

import logging
from itertools import islice

from koa_worker.config import Config
from koa_worker.store import Store
from koa_worker.system.stop import Stop
from koa_worker.workers.messages import Done, WriteReport
from koa_worker.workers.pool import WorkerPool, cores
from koa_worker.workers.work_off import work_off

logger = logging.getLogger(__name__)


def write_reports(config: Config, store: Store, stop: Stop) -> None:
    """Writes each report that is missing or outdated. The next run writes those that failed."""
    store.reports.want_missing()
    due = store.reports.due()
    if not due:
        return
    jobs = map(WriteReport, due)
    with WorkerPool(config, min(config.work.workers or cores(), len(due))) as pool:
        for event in work_off(pool, lambda count: islice(jobs, count), stop):
            if not isinstance(event, Done):
                logger.warning("a report could not be written", extra={"study": event.job.id})
