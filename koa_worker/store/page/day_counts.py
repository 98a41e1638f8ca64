"""What happened on which day, counted in the database: what the dashboard draws."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koa_worker.store.base import Part, reads
from koa_worker.store.records import State
from koa_worker.store.worklist_index import Line


@dataclass(frozen=True, slots=True)
class DayCount:
    """Lines of one kind that were settled on one day (in UTC): knees where `kl` is known, else files."""

    day: date
    state: State
    kl: int | None
    code: str | None
    count: int
    confidence_sum: float


class DayCounts(Part):
    """What was settled on which day, counted by state, grade and code."""

    @reads
    def between(self, session: Session, first: date, last: date) -> tuple[DayCount, ...]:
        """Every kind that occurs, in the order of days. Costs a walk of one index over those days."""
        kind = (Line.day, Line.state, Line.kl, Line.code)
        rows = session.execute(
            select(*kind, func.count(), func.coalesce(func.sum(Line.confidence), 0.0))
            .where(Line.day >= first, Line.day <= last)
            .group_by(*kind)
            .order_by(*kind)
        )
        return tuple(
            DayCount(day, state, kl, code, count, total or 0.0) for day, state, kl, code, count, total in rows if day
        )
