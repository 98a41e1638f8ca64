"""Reports of the studies that a batch brought into the store, written by the daemon's own worker processes."""

from __future__ import annotations

import logging
from collections import deque

from koa_worker.config import Config
from koa_worker.store import Store
from koa_worker.system.stop import Stop
from koa_worker.workers.messages import SetDown, WriteReport
from koa_worker.workers.pool import Crew, cores

logger = logging.getLogger(__name__)


def write_reports(config: Config, store: Store, stop: Stop) -> None:
    """One for each study that has none or is behind. What is not written now, the next run writes."""
    store.reports.want_missing()
    due = deque(store.reports.due())
    if not due:
        return
    with Crew(config, min(config.work.workers or cores(), len(due))) as crew:
        while (due and not stop.asked) or crew.busy:
            while due and crew.idle and not stop.asked:
                crew.give(WriteReport(due.popleft()))
            for event in crew.listen(1.0):
                if isinstance(event, SetDown):
                    logger.warning("a report could not be written", extra={"study": event.job.id})
