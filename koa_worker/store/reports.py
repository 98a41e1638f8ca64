"""The revisions of a study's report: numbered before they are written, and recorded as written afterwards.

changed ──> owed, since then ──quiet, complete or waited long enough──> begun: has a number ──> written
                 └──claim (the daemon gives it to a worker process)──────^
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from koa_worker.errors import UnknownRecord
from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import FileRow, ImageRow, ReportRow, StudyRow, table_of
from koa_worker.store.journal import record_reported
from koa_worker.store.records.files import State
from koa_worker.store.records.studies import OwedReport
from koa_worker.store.study.image_numbers import number_images, take_numbers_back
from koa_worker.store.study.studies import get_study
from koa_worker.store.study.ungraded import any_ungraded

# Where reports need not wait: up to this number of changes, a study is reported after each one. The report of a larger
# study would be rewritten too often: it is written when the study has grown by this share, and when no image has
# arrived for a while.
_AT_EACH_CHANGE = 8
_GROWN = 1.5
_REST = timedelta(seconds=5)
# A study that never becomes quiet is reported after this number of quiet times.
_LONGEST_WAIT = 10

# All statements are built once and bypass the object mapper.
_reports, _studies, _images = map(table_of, (ReportRow, StudyRow, ImageRow))
_OF_STUDY = _reports.c.study_key == bindparam("study_key")
_LAST_BEGUN = (
    select(_reports.c.revision, _reports.c.shows_changes).where(_OF_STUDY).order_by(_reports.c.revision.desc()).limit(1)
)
_BEGIN = insert(_reports)
_newer = _reports.alias()
_IS_OLD = exists().where(
    _newer.c.study_key == _reports.c.study_key,
    _newer.c.revision > _reports.c.revision,
    _newer.c.written_at.is_not(None),
)
_BEGUN = (
    select(_studies.c.reported_changes, _reports.c.shows_changes, _IS_OLD.label("is_old"))
    .join(_reports, _reports.c.study_key == _studies.c.key)
    .where(_studies.c.key == bindparam("study_key"), _reports.c.revision == bindparam("revision"))
    .with_for_update(of=_studies)
)
_WRITTEN = update(_reports).where(
    _reports.c.study_key == bindparam("of_study"), _reports.c.revision == bindparam("of_revision")
)
_REPORTED = update(_studies).where(_studies.c.key == bindparam("of_study"))
_REMOVED = update(_reports).where(_reports.c.study_key == bindparam("of_study")).values(path=None)
_GIVE_BACK = delete(_reports).where(
    _OF_STUDY, _reports.c.revision == bindparam("revision"), _reports.c.written_at.is_(None)
)
_LEAVE = (
    update(_studies)
    .where(_studies.c.key == bindparam("study_key"))
    .values(reported_changes=_studies.c.changes, unreported_since=None)
)
_OWED = (
    select(_studies.c.key, _studies.c.changed_at, _studies.c.unreported_since)
    .where(_studies.c.unreported_since.is_not(None))
    .order_by(_studies.c.unreported_since, _studies.c.key)
)
_CLAIM = (
    update(_studies)
    .where(_studies.c.key == bindparam("of_study"), _studies.c.unreported_since.is_not(None))
    .values(unreported_since=None)
)
_FILES = select(func.count()).where(
    FileRow.study_key == bindparam("study_key"), FileRow.state.in_((State.COMPLETED, State.REJECTED))
)
_ANY_WRITTEN = exists().where(_reports.c.study_key == _studies.c.key, _reports.c.written_at.is_not(None))
_WANT = update(_studies).where(_studies.c.reported_changes > 0, ~_ANY_WRITTEN).values(reported_changes=0)
_ANY_GRADED = select(_images.c.file_id).where(_images.c.study_key == bindparam("study_key")).limit(1)
_ANY_UNGRADED = select(any_ungraded(bindparam("study_key")))


def _is_due() -> ColumnElement[bool]:
    """There is something to show, and the last report is out of date, or a later one was begun but not recorded.

    The latter happens by a kill between putting a report in place and recording it: its PDF may exist, but is unknown.
    """
    other = _reports.alias()
    later = exists().where(
        other.c.study_key == _reports.c.study_key,
        other.c.revision > _reports.c.revision,
        other.c.written_at.is_not(None),
    )
    begun = exists().where(_reports.c.study_key == _studies.c.key, _reports.c.written_at.is_(None), ~later)
    graded = exists().where(_images.c.study_key == _studies.c.key)
    shown = or_(graded, any_ungraded(_studies.c.key))
    return and_(or_(_studies.c.changes > _studies.c.reported_changes, begun), shown)


_DUE = select(_studies.c.key).where(_is_due()).order_by(_studies.c.created_at, _studies.c.key)


class Reports(StorePart):
    """The reports that are due, and those that are written."""

    @writes
    def begin(self, session: Session, study_key: str) -> int | None:
        """Takes the next revision number: two workers never write the same one, and a crash leaves a gap.

        The number must be taken before the content is read; then the highest number has all content. None if the last
        report is up to date.
        """
        study = get_study(session, study_key)
        due = session.connection().scalar(_DUE.where(_studies.c.key == study_key))
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
        """Puts the revision in place with `put` and records it; does neither if a higher one has been written.

        `put` is called while the study is locked. It may run twice, but never after the `put` of a higher revision.
        """
        connection = session.connection()
        begun = connection.execute(_BEGUN, {"study_key": study_key, "revision": revision}).first()
        if begun is None:
            raise UnknownRecord("unknown_record", f"revision {revision} of study {study_key}")
        if begun.is_old:
            return False
        put()
        written = {"path": str(path), "sha256": sha256, "written_at": at}
        connection.execute(_WRITTEN, {"of_study": study_key, "of_revision": revision, **written})
        # Written even if it changes nothing: on PostgreSQL, a transaction that waited for the study with an older
        # revision and an older snapshot then fails, and is retried with a new one.
        shown = max(begun.reported_changes, begun.shows_changes)
        connection.execute(_REPORTED, {"of_study": study_key, "reported_changes": shown})
        record_reported(session, study_key, at, revision)
        return True

    @writes
    def leave_unreported(self, session: Session, study_key: str, revision: int | None) -> None:
        """Records that the last change needs no report, and returns the number `revision`, which was taken for it."""
        connection = session.connection()
        connection.execute(_GIVE_BACK, {"study_key": study_key, "revision": revision})
        connection.execute(_LEAVE, {"study_key": study_key})
        take_numbers_back(session, study_key)

    @writes
    def want_missing(self, session: Session) -> None:
        """Makes studies without a report due, although nothing in them has changed."""
        session.connection().execute(_WANT)

    @reads
    def written_before(self, session: Session, before: datetime, limit: int) -> tuple[tuple[str, str], ...]:
        """Studies whose last report is older and still in its folder, each with its path, oldest first."""
        later = _reports.alias()
        newer = exists().where(later.c.study_key == _reports.c.study_key, later.c.written_at >= before)
        old = select(_reports.c.study_key, func.max(_reports.c.path)).where(
            _reports.c.path.is_not(None), _reports.c.written_at < before, ~newer
        )
        by_age = old.group_by(_reports.c.study_key).order_by(func.max(_reports.c.written_at)).limit(limit)
        return tuple((row[0], row[1]) for row in session.connection().execute(by_age))

    @writes
    def record_removal(self, session: Session, study_key: str) -> None:
        """Records that the report was deleted. It was written, and is not due again."""
        session.connection().execute(_REMOVED, {"of_study": study_key})

    @writes
    def want_again(self, session: Session, study_keys: Collection[str]) -> None:
        """Makes the reports of these studies due, because the file in the folder is not the last one."""
        for key in study_keys:
            session.connection().execute(_REPORTED, {"of_study": key, "reported_changes": 0})

    @reads
    def last_written(self, session: Session) -> tuple[tuple[str, str, str], ...]:
        """The last report of each study with its path and hash, unless it was deleted."""
        last = select(_reports.c.study_key, func.max(_reports.c.revision).label("revision"))
        newest = last.where(_reports.c.written_at.is_not(None)).group_by(_reports.c.study_key).subquery()
        rows = select(_reports.c.study_key, _reports.c.path, _reports.c.sha256).join(
            newest, (newest.c.study_key == _reports.c.study_key) & (newest.c.revision == _reports.c.revision)
        )
        found = session.connection().execute(rows.where(_reports.c.path.is_not(None)))
        return tuple((row.study_key, row.path, row.sha256) for row in found)

    @reads
    def due(self, session: Session) -> tuple[str, ...]:
        """The studies whose report is out of date, oldest first, also those that wait for more images."""
        return tuple(session.connection().scalars(_DUE))

    @reads
    def is_due(self, session: Session, study_key: str) -> bool:
        """Whether the report of a study is out of date."""
        found = select(_studies.c.key).where(_is_due(), _studies.c.key == study_key)
        return session.connection().scalar(found) is not None

    @reads
    def left_over(self, session: Session) -> tuple[str, ...]:
        """The studies whose report was due but not written because of a crash or a stop."""
        return tuple(session.connection().scalars(_DUE.where(_studies.c.unreported_since.is_(None))))

    @reads
    def owed(self, session: Session) -> tuple[OwedReport, ...]:
        """The studies whose report waits for more images, and those whose report need not wait any longer."""
        now, quiet = self.now(), self.sessions.quiet or _REST
        return tuple(
            OwedReport(row.key, ready=_is_ready(row.changed_at, row.unreported_since, now, quiet))
            for row in session.connection().execute(_OWED)
        )

    @writes
    def claim(self, session: Session, study_keys: Collection[str]) -> tuple[str, ...]:
        """Ends the waiting of these studies, and gives those that no other process has taken meanwhile."""
        connection = session.connection()
        return tuple(key for key in study_keys if connection.execute(_CLAIM, {"of_study": key}).rowcount)

    @writes
    def ask(self, session: Session, study_key: str) -> None:
        """Makes the report of a study due again if it was begun or claimed but never recorded."""
        study = get_study(session, study_key)
        if study.unreported_since is None and session.connection().scalar(_DUE.where(_studies.c.key == study_key)):
            study.unreported_since = study.changed_at = self.now()


def begin_report_of_change(
    session: Session, file: FileRow, study: StudyRow, quiet: timedelta, *, new_study: bool = False
) -> int | None:
    """The same for a study that this file has just changed; None if its report can wait or there is nothing to show.

    A report without any grade waits until the study is complete or quiet, because the next image may have a grade.
    A new study has no report yet.
    """
    of_study = {"study_key": study.key}
    graded = file.state is State.COMPLETED or session.connection().scalar(_ANY_GRADED, of_study) is not None
    if not graded and not session.connection().scalar(_ANY_UNGRADED, of_study):
        return None
    last, shown = (0, 0) if new_study else _last_begun(session, study)
    if study.changes <= shown:
        return None
    if _is_complete(session, study) or (graded and not quiet and _is_worth_a_report(study, shown)):
        return _begin(session, study, last)
    study.unreported_since = study.unreported_since or study.changed_at
    return None


def _is_complete(session: Session, study: StudyRow) -> bool:
    """Whether the study has exactly the expected number of files. With more, the expected number is wrong."""
    return study.expected_images is not None and study.expected_images == session.scalar(
        _FILES, {"study_key": study.key}
    )


def _is_worth_a_report(study: StudyRow, shown: int) -> bool:
    return study.changes <= _AT_EACH_CHANGE or study.changes >= _GROWN * shown


def _is_ready(changed: datetime, since: datetime, now: datetime, quiet: timedelta) -> bool:
    """Whether the study was quiet for long enough, or was never quiet and has waited long enough.

    A time in the future was recorded before the clock was set back, and no duration can be measured from it. The clocks
    of two machines must differ by less than the quiet time.
    """
    if max(changed, since) > now + quiet:
        return True
    return now >= changed + quiet or now >= since + _LONGEST_WAIT * quiet


def begin_report(session: Session, study: StudyRow) -> int:
    """Takes the next revision at once, for a study of any size."""
    return _begin(session, study, _last_begun(session, study)[0])


def _begin(session: Session, study: StudyRow, last: int) -> int:
    begun = {"study_key": study.key, "revision": last + 1, "shows_changes": study.changes}
    session.connection().execute(_BEGIN, begun)
    number_images(session, study.key)
    if study.unreported_since is not None:  # to set what is there already would make the session search for changes
        study.unreported_since = None
    return last + 1


def _last_begun(session: Session, study: StudyRow) -> tuple[int, int]:
    """The highest number that was taken, and the number of changes that its report shows."""
    row = session.connection().execute(_LAST_BEGUN, {"study_key": study.key}).first()
    return (row.revision, row.shows_changes) if row else (0, 0)
