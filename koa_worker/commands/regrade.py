"""Grades the archive anew after a new model release; the earlier grades are kept beside the new ones."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from koa_worker.config import Config
from koa_worker.store import State, Store
from koa_worker.workers.messages import Done, Job, Lost, Regrade, SetDown, WriteReport
from koa_worker.workers.pool import Crew, cores

logger = logging.getLogger(__name__)

_SECONDS_SET_DOWN = 3.0
_MOST_TIMES = 5  # that disk or database may fail one file


@dataclass(frozen=True, slots=True)
class Regraded:
    """How it went."""

    done: int
    kept: int  # files that could not be graded anew and keep the grades they have


def regrade(config: Config) -> Regraded:
    """Every graded file whose grades are another model's. Can be stopped and started again at any moment."""
    with Crew(config, config.work.workers or cores()) as crew, Store.open(config.store.url) as store:
        while not crew.ready:
            crew.listen(1.0)
        tally = _work_off(crew, _to_do(store, crew.digest))
        _work_off(crew, map(WriteReport, store.reports.due()))  # of large studies, which are not written each time
    return Regraded(tally[True], tally[False])


def _to_do(store: Store, digest: str) -> Iterator[Regrade]:
    last = ""
    while ids := store.files.to_regrade(digest, after=last):
        yield from map(Regrade, ids)
        last = ids[-1]


def _work_off(crew: Crew, to_do: Iterator[Job]) -> Counter[bool]:
    tally: Counter[bool] = Counter()
    again: deque[Job] = deque()
    times: Counter[str] = Counter()
    while True:
        while crew.idle and (job := again.popleft() if again else next(to_do, None)) is not None:
            crew.give(job)
        if not crew.busy and crew.ready:
            return tally
        for event in crew.listen(1.0):
            match event:
                case Done(_, state):
                    tally[state is State.COMPLETED] += 1
                case Lost(lost, code):
                    logger.warning("not regraded", extra={"file": lost.id, "code": code})
                    tally[False] += 1
                case SetDown(job) if times[job.id] < _MOST_TIMES:
                    times[job.id] += 1
                    again.append(job)
                    time.sleep(_SECONDS_SET_DOWN)
                case SetDown(_):
                    tally[False] += 1
