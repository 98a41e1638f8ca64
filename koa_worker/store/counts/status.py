"""The counts for the status screen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads
from koa_worker.store.database.schema import FileRow, GradeRow, ImageRow, ModelRow, ReportRow, StudyRow
from koa_worker.store.records.files import State
from koa_worker.store.records.status import LastSuccesses, Pace, StatusRecord

_SPEED_WINDOW = timedelta(minutes=10)
_SHORTEST_SPAN = timedelta(seconds=15)  # the least number of files for a speed: a single file gives none
_PARKED = (FileRow.state == State.FAILED, FileRow.next_try_at.is_(None))
_SETTLED = (State.COMPLETED, State.REJECTED, State.DUPLICATE)


class StatusCounts(StorePart):
    """Counts files by state, and measures how quickly they are completed."""

    @reads
    def status(self, session: Session) -> StatusRecord:
        now = self.now()
        by_state = dict(iter(session.execute(select(FileRow.state, func.count()).group_by(FileRow.state))))
        model = _last_model(session)
        return StatusRecord(
            counts={state: by_state.get(state, 0) for state in State},
            parked=_count(session, *_PARKED),
            done_today=_count(session, FileRow.state == State.COMPLETED, FileRow.settled_at >= midnight(now)),
            rejected_by_code=_by_code(session, State.REJECTED),
            failed_by_code=_by_code(session, State.FAILED),
            oldest_waiting=_oldest_waiting(session),
            per_minute=_per_minute(session, now),
            conflicts=session.scalar(select(func.count()).where(ImageRow.conflicts_with.is_not(None))) or 0,
            reports=session.scalar(select(func.count()).where(ReportRow.written_at.is_not(None))) or 0,
            studies_waiting=session.scalar(select(func.count()).where(StudyRow.unreported_since.is_not(None))) or 0,
            model=model.name if model else None,
            model_digest=model.digest if model else None,
        )

    @reads
    def parked(self, session: Session) -> int:
        """Files that failed on every try and wait for a person."""
        return _count(session, *_PARKED)

    @reads
    def pace(self, session: Session) -> Pace:
        """The present speed at which files are settled, and the longest waiting time."""
        return Pace(_per_minute(session, self.now()), _oldest_waiting(session))

    @reads
    def last_successes(self, session: Session) -> LastSuccesses:
        """The last times at which a file arrived, a file was graded, and a report was written."""
        graded = select(func.max(FileRow.settled_at)).where(FileRow.state == State.COMPLETED)
        # One look into the index of each state: without the state, all files would be read.
        arrived = session.execute(select(*(_last_arrival(state) for state in State))).one()
        return LastSuccesses(
            arrived=max((at for at in arrived if at is not None), default=None),
            graded=session.scalar(graded),
            reported=session.scalar(select(func.max(ReportRow.written_at))),
        )


def midnight(now: datetime) -> datetime:
    """The start of the day in this machine's time zone."""
    return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


def _per_minute(session: Session, now: datetime) -> float:
    """The rate since the first file in the window: after a burst of one minute, that minute counts, not the window."""
    chosen = (FileRow.state.in_(_SETTLED), FileRow.settled_at > now - _SPEED_WINDOW, FileRow.settled_at <= now)
    settled, first = session.execute(select(func.count(), func.min(FileRow.settled_at)).where(*chosen)).one()
    if first is None:
        return 0.0
    return float(settled / (max(now - first, _SHORTEST_SPAN) / timedelta(minutes=1)))


def _count(session: Session, *chosen: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(FileRow).where(*chosen)) or 0


def _last_arrival(state: State) -> ScalarSelect[datetime]:
    return select(func.max(FileRow.arrived_at)).where(FileRow.state == state).scalar_subquery()


def _oldest_waiting(session: Session) -> datetime | None:
    return session.scalar(select(func.min(FileRow.arrived_at)).where(FileRow.state == State.WAITING))


def _by_code(session: Session, state: State) -> Mapping[str, int]:
    rows = session.execute(
        select(FileRow.code, func.count())
        .where(FileRow.state == state)
        .group_by(FileRow.code)
        .order_by(func.count().desc())
    )
    return {code or "": count for code, count in rows}


def _last_model(session: Session) -> ModelRow | None:
    latest = select(ModelRow).join(GradeRow, GradeRow.model_digest == ModelRow.digest)
    return session.scalars(latest.order_by(GradeRow.graded_at.desc()).limit(1)).first()
