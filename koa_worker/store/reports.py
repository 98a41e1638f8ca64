"""Revisions of a study's report: numbered before they are written, known as written afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, Exists, and_, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from koa_worker.errors import WorkFailed
from koa_worker.store.journal import record_event
from koa_worker.store.schema import File, Image, Report, Study

# A study of so many changes is reported at each of them. A larger one would be written over and over again: it is
# reported when it has grown by this much, and when no more of it has come for a while.
_AT_EACH_CHANGE = 8
_GROWN = 1.5


def begin_report(session: Session, study_key: str) -> int | None:
    """Takes the next number for good: two workers never write the same one, and a crash leaves a gap.

    Take the number first and read the content after it; then the highest number shows everything. None when the
    last report shows all.
    """
    study = session.get(Study, study_key)
    if study is None:
        raise WorkFailed("store", f"study {study_key} is not known")
    due = session.scalar(select(Study.key).where(Study.key == study_key, _is_due()))
    return _begin(session, study, _last_begun(session, study)) if due else None


def begin_report_of_change(session: Session, study: Study) -> int | None:
    """The same for a study that has just changed; None if its report can wait or there is nothing to show."""
    last = _last_begun(session, study)
    shown = last.shows_changes if last else 0
    grown = study.changes <= _AT_EACH_CHANGE or study.changes >= _GROWN * shown
    if study.changes <= shown or not grown or not session.scalar(select(_graded(study.key))):
        return None
    return _begin(session, study, last)


def _begin(session: Session, study: Study, last: Report | None) -> int:
    revision = last.revision + 1 if last else 1
    session.add(Report(study_key=study.key, revision=revision, shows_changes=study.changes))
    return revision


def _last_begun(session: Session, study: Study) -> Report | None:
    newest = select(Report).where(Report.study_key == study.key).order_by(Report.revision.desc()).limit(1)
    return session.scalars(newest).first()


def record_report(
    session: Session,
    study_key: str,
    revision: int,
    *,
    path: str,
    sha256: str,
    at: datetime,
    put: Callable[[], None],
) -> bool:
    """Puts the revision in its place with `put` and notes it; does neither when a higher one has been written.

    `put` is called while the study is held, so that it can be done twice but not after another's.
    """
    report = session.get(Report, (study_key, revision))
    study = session.get(Study, study_key, with_for_update=True)
    if report is None or study is None:
        raise WorkFailed("store", f"revision {revision} of study {study_key} was never begun")
    newer = exists().where(Report.study_key == study_key, Report.revision > revision, Report.written_at.is_not(None))
    if session.scalar(select(newer)):
        return False
    put()
    report.path, report.sha256, report.written_at = path, sha256, at
    study.reported_changes = max(study.reported_changes, report.shows_changes)
    for file_id in session.scalars(select(File.id).where(File.study_key == study_key)):
        record_event(session, file_id, "reported", at, f"revision {revision}")
    return True


def reports_due(session: Session) -> tuple[str, ...]:
    """Studies whose report is behind, oldest first."""
    return tuple(session.scalars(select(Study.key).where(_is_due()).order_by(Study.created_at, Study.key)))


def _is_due() -> ColumnElement[bool]:
    """Something is graded, and the last report is behind, or a later one was begun and never noted.

    A kill between putting a report in place and noting it leaves such a one: its PDF may be there, unknown.
    """
    other = aliased(Report)
    later = exists().where(
        other.study_key == Report.study_key, other.revision > Report.revision, other.written_at.is_not(None)
    )
    begun = exists().where(Report.study_key == Study.key, Report.written_at.is_(None), ~later)
    return and_(or_(Study.changes > Study.reported_changes, begun), _graded(Study.key))


def _graded(study_key: str | InstrumentedAttribute[str]) -> Exists:
    return exists().where(Image.study_key == study_key)
