"""Revisions of a study's report: numbered before they are written, known as written afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from koa_worker.errors import WorkFailed
from koa_worker.store.journal import record_event
from koa_worker.store.schema import File, Image, Report, Study


def next_report_revision(session: Session, study_key: str) -> int:
    """Takes the next number for good: two workers never write the same one, and a crash leaves a gap.

    Take the number first and read the content after it; then the highest number shows everything.
    """
    study = session.get(Study, study_key)
    if study is None:
        raise WorkFailed("store", f"study {study_key} is not known")
    last = session.scalar(select(func.max(Report.revision)).where(Report.study_key == study_key)) or 0
    session.add(Report(study_key=study_key, revision=last + 1, shows_changes=study.changes))
    return last + 1


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
    """Studies with something graded whose last report is behind, or that a later one was begun of and never noted.

    A kill between putting a report in place and noting it leaves such a one: its PDF may be there, unknown.
    """
    graded = exists().where(Image.study_key == Study.key)
    other = aliased(Report)
    later = exists().where(
        other.study_key == Report.study_key, other.revision > Report.revision, other.written_at.is_not(None)
    )
    begun = exists().where(Report.study_key == Study.key, Report.written_at.is_(None), ~later)
    behind = select(Study.key).where(or_(Study.changes > Study.reported_changes, begun), graded)
    return tuple(session.scalars(behind.order_by(Study.created_at, Study.key)))
