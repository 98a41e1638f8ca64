"""Removes data that are older than the site wants to keep them: originals, reports, and studies with their results."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

from koa_worker.config import Config
from koa_worker.custody import places
from koa_worker.store import State, Store

logger = logging.getLogger(__name__)

_STUDIES_AT_A_TIME = 20
_WHO = "retention"  # in the audit log


def remove_expired(config: Config, store: Store, today: date, limit: int = 200) -> int:
    """Removes some expired data, the oldest days first; gives the number of removed items.

    The store is changed first, so that a crash in between leaves a file that the next call removes.
    """
    folders, kept = config.folders, config.retention
    removed = 0
    for folder, days, states in (
        (folders.done, kept.done_days, (State.COMPLETED, State.DUPLICATE)),
        (folders.rejected, kept.rejected_days, (State.REJECTED, State.DUPLICATE)),
        (folders.failed, kept.failed_days, (State.FAILED,)),
    ):
        if days:
            removed += _remove_originals(store, folder, today - timedelta(days=days), states, limit - removed)
    if kept.reports_days:
        removed += _remove_reports(config, store, _midnight(today, kept.reports_days), limit)
    if kept.results_days:
        # Imported here: the modules for an erasure take as long to load as the rest of the daemon.
        from koa_worker.custody.erase import erase_studies  # noqa: PLC0415

        before = _midnight(today, kept.results_days)
        expired = store.erasures.studies_settled_before(before, _STUDIES_AT_A_TIME)
        removed += erase_studies(config, store, expired, who=_WHO)
    return removed


def _remove_originals(store: Store, folder: Path, first_kept: date, states: tuple[State, ...], limit: int) -> int:
    removed = 0
    for day in _expired_days(folder, first_kept):
        for path in sorted(day.iterdir()):
            if removed >= limit:
                return removed
            record = store.files.find(path.name.partition(".")[0])
            if record is None or record.state not in states:
                continue  # a file that this program did not put there
            store.files.record_removal(record.id)
            path.unlink(missing_ok=True)
            removed += not path.name.endswith(places.REASON)
        if not any(day.iterdir()):
            day.rmdir()
    if removed:
        logger.info("originals removed", extra={"folder": folder.name, "files": removed})
    return removed


def _expired_days(folder: Path, first_kept: date) -> Iterator[Path]:
    for day in places.days(folder):
        if date.fromisoformat(day.name) < first_kept:
            yield day


def _remove_reports(config: Config, store: Store, before: datetime, limit: int) -> int:
    expired = store.reports.written_before(before, limit)
    for key, path in expired:
        store.reports.record_removal(key)
        if Path(path).is_relative_to(config.folders.reports):
            Path(path).unlink(missing_ok=True)
    if expired:
        logger.info("reports removed", extra={"reports": len(expired)})
    return len(expired)


def _midnight(today: date, days: int) -> datetime:
    """The start of the first day that is kept, in this machine's time zone."""
    return datetime.combine(today - timedelta(days=days), time.min).astimezone()
