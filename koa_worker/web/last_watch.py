"""Keeps the last result of `koa-worker drift` for the page, because counting all knees of an archive takes long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from koa_worker.store import Store
from koa_worker.watch.drift import Watched, watch

_FRESH_SECONDS = 3600.0  # only complete weeks are judged, so that the result changes little within a day


@dataclass(frozen=True, slots=True)
class LastCounted:
    watched: Watched
    at: datetime


class LastWatch:
    """Counts again after an hour, and on another day. Of several requests at once one counts, and the others wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._found: LastCounted | None = None
        self._until = 0.0

    def of(self, store: Store, now: datetime | None = None) -> LastCounted:
        at = now or datetime.now(UTC)
        with self._lock:
            if self._found is None or self._clock() >= self._until or at.date() != self._found.at.date():
                self._found = LastCounted(watch(store.watch_days.samples(), at.date()), at)
                self._until = self._clock() + _FRESH_SECONDS
            return self._found
