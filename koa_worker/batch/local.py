"""Grades on this machine, in worker processes of the daemon's kind: a file that harms one costs that file one try."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from koa_worker import __version__
from koa_worker.batch.entries import Entry, Finding, examine
from koa_worker.batch.grade_entry import lost
from koa_worker.batch.locations import is_in_memory, load
from koa_worker.config import Config
from koa_worker.system.stop import Stop
from koa_worker.values import GradedBy
from koa_worker.workers.messages import Event, Examine, Examined, Lost
from koa_worker.workers.pool import Crew

logger = logging.getLogger(__name__)

Take = Callable[[int], list[tuple[int, Entry]]]

HAND = "koa_worker.batch.child"
_SECONDS_BETWEEN_LOOKS = 0.5


class Local:
    """An engine: takes entries as it has hands free, and gives what was found."""

    def __init__(self, config: Config, size: int, *, keep: bool) -> None:
        self._config = config
        self._size = size
        self._keep = keep

    def grade(self, take: Take, stop: Stop) -> Iterator[Finding]:
        """Until nothing is left to take; after a stop only what is in hand."""
        with Crew(self._config, self._size, program=HAND) as crew:
            yield from work_off(crew, self._orders(take, stop))

    def _orders(self, take: Take, stop: Stop) -> Callable[[int], list[Examine]]:
        most = self._config.limits.max_file_mb * 1_000_000

        def orders(count: int) -> list[Examine]:
            return [] if stop.asked else [order(number, entry, most, keep=self._keep) for number, entry in take(count)]

        return orders


def order(number: int, entry: Entry, most: int, *, keep: bool) -> Examine:
    """What is to be done with an entry; its bytes go along where nobody else can read them."""
    data = load(entry.place, most) if is_in_memory(entry.place) else None
    return examine(number, entry, keep=keep, data=data)


def work_off(crew: Crew, orders: Callable[[int], list[Examine]]) -> Iterator[Finding]:
    """Keeps every hand busy; a hand gets its next file before anybody looks at what came of the last one."""
    while True:
        _hand_out(crew, orders)
        if not crew.busy and crew.ready:
            return
        events = crew.listen(_SECONDS_BETWEEN_LOOKS)
        _hand_out(crew, orders)
        yield from _findings(crew, events)


def _hand_out(crew: Crew, orders: Callable[[int], list[Examine]]) -> None:
    if crew.idle:
        for job in orders(crew.idle):
            crew.give(job)


def _findings(crew: Crew, events: list[Event]) -> Iterator[Finding]:
    for event in events:
        match event:
            case Examined(_, finding):
                yield finding
            case Lost(Examine() as job, code, detail):
                logger.warning("a hand was lost", extra={"file": job.id, "code": code, "detail": detail})
                yield lost(job, code, detail, GradedBy(crew.model, crew.digest, __version__))
