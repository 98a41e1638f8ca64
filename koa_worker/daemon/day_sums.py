"""Counts the days of complete weeks now and then, in a thread, so that nobody who asks for them waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from koa_worker.config import Config
from koa_worker.store import Store
from koa_worker.system.background import in_background
from koa_worker.system.log import where

logger = logging.getLogger(__name__)

_FIRST_SECONDS, _SECONDS_BETWEEN = 30.0, 900.0
_PAUSE_PER_DAY = 9.0  # of the time that a day took: an archive that has just been migrated has years of them


@contextmanager
def counting_days(config: Config) -> Iterator[None]:
    """Counts inside the context."""
    with in_background("day-sums", partial(_run, config)):
        yield


def _run(config: Config, stop: threading.Event) -> None:
    pause = _FIRST_SECONDS
    while not stop.wait(pause):
        pause = _SECONDS_BETWEEN
        try:
            with Store.look(config.store.url) as store:
                count_days(store, stop)
        # Whatever fails here, grading goes on, and who asks counts what is left. The lookout tells why.
        except Exception as fault:  # noqa: BLE001
            logger.info("days not counted", extra={"fault": where(fault)})


def count_days(store: Store, stop: threading.Event) -> None:
    """Counts all days of complete weeks that have changed, until stopped."""
    from koa_worker.watch.drift import monday_of  # noqa: PLC0415 - not at the start, which waits for it

    for day in store.watch_days.changed(monday_of(datetime.now(UTC).date())):
        begun = time.monotonic()
        store.watch_days.count([day])
        if stop.wait(_PAUSE_PER_DAY * (time.monotonic() - begun)):
            return
