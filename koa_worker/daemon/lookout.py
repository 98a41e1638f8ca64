"""Checks the store and the daemon's threads at intervals, in a thread of its own: the loop never waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from koa_worker import health
from koa_worker.config import Config
from koa_worker.daemon.notices import Notices
from koa_worker.system.background import in_background
from koa_worker.system.log import where

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 5.0
_PAUSE_PER_LOOK = 20.0  # times the duration of a check, which is long for a large store
_LONGEST_PAUSE_SECONDS = 8.0  # a problem is reported at most ten seconds later


class Lookout:
    """Keeps the last values from the store for the metrics; gives the concerns to the notices."""

    def __init__(self, config: Config, notices: Notices) -> None:
        self._config = config
        self._notices = notices
        self.stored: health.FromStore | None = None

    def look(self) -> None:
        self.stored, concerns = health.look_at_store(self._config)
        self._notices.update("store", concerns)
        self._notices.update("parts", health.of_parts(self._config))
        self._notices.update("certificates", health.of_certificates(self._config))


@contextmanager
def looking_out(lookout: Lookout, after: Callable[[], None]) -> Iterator[None]:
    """Checks regularly while the context is open, and calls `after` after each check."""
    with in_background("lookout", partial(_run, lookout, after)):
        yield


def _run(lookout: Lookout, after: Callable[[], None], stop: threading.Event) -> None:
    pause = _SECONDS_BETWEEN_LOOKS
    while not stop.wait(pause):
        begun = time.monotonic()
        try:
            lookout.look()
            after()
        # Whatever fails here, grading continues, and the next check may succeed.
        except Exception as fault:  # noqa: BLE001
            logger.warning("health check failed", extra={"fault": where(fault)})
        if lookout.stored is not None:  # time that was spent waiting for the database does not count
            took = time.monotonic() - begun
            pause = min(max(_SECONDS_BETWEEN_LOOKS, _PAUSE_PER_LOOK * took), _LONGEST_PAUSE_SECONDS)
        else:
            pause = _SECONDS_BETWEEN_LOOKS
