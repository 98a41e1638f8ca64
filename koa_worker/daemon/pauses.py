"""Is there a reason to take no file now? Too little room on a disk, or the wrong hour."""

from __future__ import annotations

from datetime import datetime

from koa_worker.config import Config
from koa_worker.system.disk import free_mb

OUTSIDE_HOURS = "outside run_between"


def reason_to_pause(config: Config) -> str:
    """In a few words; empty when files may be taken."""
    window = config.work.window()
    if window is not None and not window.holds(datetime.now().astimezone().time()):
        return OUTSIDE_HOURS
    least = config.limits.min_free_mb
    if any(free_mb(folder) < least for folder in (config.folders.work, config.folders.reports)):
        return "disk nearly full"
    return ""
