"""Revisions of a study's report: numbered before they are written, known as written afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from koa_worker.errors import UnknownRecord
from koa_worker.store.base import Part, reads, writes
from koa_worker.store.journal import record_reported
from koa_worker.store.schema import Image, Report, Study, table_of
from koa_worker.store.studies import get_study

# A study of so many changes is reported at each of them. A larger one would be written over and over again: it is
# reported when it has grown by this much, and when no more of it has come for a while.
_AT_EACH_CHANGE = 8
_GROWN = 1.5

_reports, _studies = table_of(Report), table_of(Study)
_OF_STUDY = _reports.c.study_key == bindparam("study_key")
_LAST_BEGUN = (
    select(_reports.c.revision, _reports.c.shows_changes).where(_OF_STUDY).order_by(_reports.c.revision.desc()).limit(1)
)
_BEGIN = insert(_reports)
_SHOWN = select(_reports.c.shows_changes).where(_OF_STUDY, _reports.c.revision == bindparam("revision"))
_NEWER = (
    select(_reports.c.revision)
    .where(_OF_STUDY, _reports.c.revision > bindparam("revision"), _reports.c.written_at.is_not(None))
    .limit(1)
)
_WRITTEN = update(_reports).where(
    _reports.c.study_key == bindparam("of_study"), _reports.c.revision == bindparam("of_revision")
)
_HOLD = select(_studies.c.reported_changes).where(_studies.c.key == bindparam("study_key")).with_for_update()
_REPORTED = update(_studies).where(_studies.c.key == bindparam("of_study"))
_ANY_GRADED = select(Image.file_id).where(Image.study_key == bindparam("study_key")).limit(1)


class Reports(Part):
    """Which reports are due, which are written."""

    @writes
    def begin(self, session: Session, study_key: str) -> int | None:
        """Takes the next number for a report, for good: two workers never write the same one, a crash leaves a gap.

        Take the number first and read the content after it; then the highest number shows everything. None when the
        last report shows all.
        """
        study = get_study(session, study_key)
        due = session.scalar(select(Study.key).where(Study.key == study_key, _is_due()))
        return _begin(session, study, _last_begun(session, study)[0]) if due else None

    @writes
    def record(
        self,
        session: Session,
        study_key: str,
        revision: int,
        path: Path | str,
        sha256: str,
        *,
        at: datetime,
        put: Callable[[], None] = lambda: None,
    ) -> bool:
        """Puts the revision in its place with `put` and notes it; does neither when a higher one has been written.

        `put` is called while the study is held, so that it can be done twice but not after another's.
        """
        connection = session.connection()
        shown = connection.scalar(_SHOWN, {"study_key": study_key, "revision": revision})
        known = connection.scalar(_HOLD, {"study_key": study_key})
        if shown is None or known is None:
            raise UnknownRecord("unknown_record", f"revision {revision} of study {study_key}")
        if connection.scalar(_NEWER, {"study_key": study_key, "revision": revision}):
            return False
        put()
        written = {"path": str(path), "sha256": sha256, "written_at": at}
        connection.execute(_WRITTEN, {"of_study": study_key, "of_revision": revision, **written})
        # Said even when it changes nothing: whoever waited for the study on PostgreSQL, with an older revision in hand
        # and a view from before, is refused by it and looks anew.
        connection.execute(_REPORTED, {"of_study": study_key, "reported_changes": max(known, shown)})
        record_reported(session, study_key, at, revision)
        return True

    @writes
    def leave_unreported(self, session: Session, study_key: str, revision: int | None) -> None:
        """Nobody wants a report of what was just settled; `revision`, which was taken for it, goes back."""
        taken = (Report.study_key == study_key, Report.revision == revision, Report.written_at.is_(None))
        session.execute(delete(Report).where(*taken))
        session.execute(update(Study).where(Study.key == study_key).values(reported_changes=Study.changes))

    @writes
    def want_missing(self, session: Session) -> None:
        """Studies that were left unreported become due, although nothing of them changed."""
        written = exists().where(Report.study_key == Study.key, Report.written_at.is_not(None))
        session.execute(update(Study).where(Study.reported_changes > 0, ~written).values(reported_changes=0))

    @reads
    def due(self, session: Session) -> tuple[str, ...]:
        """Studies whose report is behind, oldest first: also what a crash may leave between result and report."""
        return tuple(session.scalars(select(Study.key).where(_is_due()).order_by(Study.created_at, Study.key)))


def begin_report_of_change(session: Session, study: Study) -> int | None:
    """The same for a study that has just changed; None if its report can wait or there is nothing to show."""
    last, shown = _last_begun(session, study)
    grown = study.changes <= _AT_EACH_CHANGE or study.changes >= _GROWN * shown
    if study.changes <= shown or not grown:
        return None
    graded = session.connection().scalar(_ANY_GRADED, {"study_key": study.key})
    return _begin(session, study, last) if graded else None


def _begin(session: Session, study: Study, last: int) -> int:
    begun = {"study_key": study.key, "revision": last + 1, "shows_changes": study.changes}
    session.connection().execute(_BEGIN, begun)
    return last + 1


def _last_begun(session: Session, study: Study) -> tuple[int, int]:
    """The highest number that was taken, and how many changes its report shows."""
    row = session.connection().execute(_LAST_BEGUN, {"study_key": study.key}).first()
    return (row.revision, row.shows_changes) if row else (0, 0)


def _is_due() -> ColumnElement[bool]:
    """Something is graded, and the last report is behind, or a later one was begun and never noted.

    A kill between putting a report in place and noting it leaves such a one: its PDF may be there, unknown.
    """
    other = aliased(Report)
    later = exists().where(
        other.study_key == Report.study_key, other.revision > Report.revision, other.written_at.is_not(None)
    )
    begun = exists().where(Report.study_key == Study.key, Report.written_at.is_(None), ~later)
    graded = exists().where(Image.study_key == Study.key)
    return and_(or_(Study.changes > Study.reported_changes, begun), graded)
