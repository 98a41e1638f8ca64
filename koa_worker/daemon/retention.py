"""Removes originals from done/ once they are older than the site wants to keep them. Nothing else is ever deleted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from koa_worker.config import Config
from koa_worker.store import State, Store

logger = logging.getLogger(__name__)


def remove_expired(config: Config, store: Store, today: date, limit: int = 200) -> int:
    """Some of the expired originals, the oldest days first; gives their number. Results and reports stay.

    The store knows first, so that a crash in between leaves a file that the next call removes.
    """
    if not config.retention.done_days:
        return 0
    first_kept = today - timedelta(days=config.retention.done_days)
    removed = 0
    for day in _expired_days(config.folders.done, first_kept):
        for original in sorted(day.iterdir()):
            if removed >= limit:
                return removed
            record = store.files.find(original.name.partition(".")[0])
            if record is None or record.state not in (State.COMPLETED, State.DUPLICATE):
                continue  # not put there by us
            store.files.record_removal(record.id)
            original.unlink(missing_ok=True)
            removed += 1
        if not any(day.iterdir()):
            day.rmdir()
    if removed:
        logger.info("originals removed from done", extra={"files": removed})
    return removed


def _expired_days(done: Path, first_kept: date) -> Iterator[Path]:
    for folder in sorted(done.iterdir()):
        try:
            day = date.fromisoformat(folder.name)
        except ValueError:
            continue
        if day < first_kept and folder.is_dir() and not folder.is_symlink():
            yield folder
