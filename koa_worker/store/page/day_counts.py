"""Counts by day for the dashboard, computed in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads
from koa_worker.store.database.schema import IndexLine
from koa_worker.store.records.files import State


@dataclass(frozen=True, slots=True)
class DayCount:
    """Lines of one kind that were settled on one day (in UTC): knees where `kl` is known, else files."""

    day: date
    state: State
    kl: int | None
    code: str | None
    count: int
    confidence_sum: float


class DayCounts(StorePart):
    """Finished files and knees by day, counted by state, grade and code."""

    @reads
    def between(self, session: Session, first: date, last: date) -> tuple[DayCount, ...]:
        """The counts of all days in the range, in order. The query scans one index over those days."""
        kind = (IndexLine.day, IndexLine.state, IndexLine.kl, IndexLine.code)
        rows = session.execute(
            select(*kind, func.count(), func.coalesce(func.sum(IndexLine.confidence), 0.0))
            .where(IndexLine.day >= first, IndexLine.day <= last)
            .group_by(*kind)
            .order_by(*kind)
        )
        return tuple(
            DayCount(day, state, kl, code, count, total or 0.0) for day, state, kl, code, count, total in rows if day
        )
