"""Reasons to take no file now: too little disk space, outside the working hours, or a database that does not answer."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from koa_worker.config import Config
from koa_worker.system.disk import free_mb
from koa_worker.system.heartbeat import PAUSE_WORDS, PauseReason

logger = logging.getLogger(__name__)


def reason_to_pause(config: Config) -> PauseReason | None:
    """The reason from the present time and disk space; None if files may be taken."""
    window = config.work.window()
    if window is not None and not window.holds(datetime.now().astimezone().time()):
        return PauseReason.OUTSIDE_HOURS
    least = config.limits.min_free_mb
    if any(free_mb(folder) < least for folder in (config.folders.work, config.folders.reports)):
        return PauseReason.DISK_NEARLY_FULL
    return None


class Pause:
    """The present reason why no file is taken; each change is logged."""

    def __init__(self) -> None:
        self.reason: PauseReason | None = None
        self.since: float | None = None  # seconds since the epoch

    def change_to(self, reason: PauseReason | None) -> None:
        if reason is self.reason:
            return
        self.reason = reason
        self.since = time.time() if reason else None
        if reason is None:
            logger.warning("resumed")
        else:
            logger.warning("paused", extra={"reason": PAUSE_WORDS[reason]})
