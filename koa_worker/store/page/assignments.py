"""The assignments of studies to readers, and their progress."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import case, exists, func, select, true, update
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import AssignmentRow, FileRow, IndexLine, ReaderGradeRow, StudyRow
from koa_worker.store.page.reader_grades import stands_in_study


@dataclass(frozen=True, slots=True)
class ReaderProgress:
    """The progress of a reader in the assigned studies."""

    reader: str
    studies: int
    read: int  # studies of which the reader has graded every knee

    @property
    def left(self) -> int:
        return self.studies - self.read


class Assignments(StorePart):
    """The assignments of studies to readers. One that is taken back stays in the database, but no longer counts."""

    @writes
    def assign(self, session: Session, study_keys: Collection[str], reader: str, *, by: str) -> int:
        """Assigns graded studies to a reader, and gives the number of new assignments."""
        open_ones = select(AssignmentRow.study_key).where(
            AssignmentRow.reader == reader, AssignmentRow.ended_at.is_(None)
        )
        known = select(StudyRow.key).where(StudyRow.key.in_(study_keys), StudyRow.key.not_in(open_ones), _has_a_knee())
        new = [
            AssignmentRow(study_key=key, reader=reader, by=by, at=self.now(), ended_at=None)
            for key in session.scalars(known.order_by(StudyRow.key))
        ]
        session.add_all(new)
        return len(new)

    @writes
    def take_back(self, session: Session, study_keys: Collection[str], reader: str | None = None) -> int:
        """Ends the assignments of these studies, of this reader or of all readers, and gives their number."""
        ended = update(AssignmentRow).where(AssignmentRow.study_key.in_(study_keys), AssignmentRow.ended_at.is_(None))
        if reader is not None:
            ended = ended.where(AssignmentRow.reader == reader)
        ids = session.scalars(ended.values(ended_at=self.now()).returning(AssignmentRow.id))
        return len(ids.all())

    @reads
    def graded(self, session: Session, study_keys: Collection[str]) -> frozenset[str]:
        """The studies of these that can be assigned, because they have a graded knee."""
        return frozenset(session.scalars(select(StudyRow.key).where(StudyRow.key.in_(study_keys), _has_a_knee())))

    @reads
    def unassigned(self, session: Session, limit: int) -> tuple[str, ...]:
        """The studies that nobody is assigned to and nobody has read, the oldest first."""
        lines = (
            select(FileRow.study_key, func.min(IndexLine.arrived_at).label("first"))
            .join(IndexLine, IndexLine.file_id == FileRow.id)
            .where(IndexLine.stands == true(), IndexLine.readers == 0, FileRow.study_key.is_not(None))
            .where(~exists().where(AssignmentRow.study_key == FileRow.study_key, AssignmentRow.ended_at.is_(None)))
            .group_by(FileRow.study_key)
            .order_by("first", FileRow.study_key)
            .limit(limit)
        )
        return tuple(key for key, _ in session.execute(lines) if key)

    @reads
    def progress(self, session: Session, reader: str | None = None) -> tuple[ReaderProgress, ...]:
        """The progress of each reader who has assignments, or of this reader, by name."""
        own = (ReaderGradeRow.knee_id == IndexLine.knee_id) & (ReaderGradeRow.reader == AssignmentRow.reader)
        unread = (
            exists()
            .where(FileRow.study_key == AssignmentRow.study_key, IndexLine.file_id == FileRow.id)
            .where(stands_in_study(), IndexLine.knee_id.is_not(None))
            .where(~exists().where(own, ReaderGradeRow.withdrawn_at.is_(None)))
        )
        rows = session.execute(
            select(AssignmentRow.reader, func.count(), func.sum(case((unread, 0), else_=1)))
            .where(AssignmentRow.ended_at.is_(None), *([AssignmentRow.reader == reader] if reader is not None else []))
            .group_by(AssignmentRow.reader)
            .order_by(AssignmentRow.reader)
        )
        return tuple(ReaderProgress(name, studies, int(read)) for name, studies, read in rows)


def _has_a_knee() -> exists:  # type: ignore[valid-type]
    return (
        exists()
        .where(FileRow.study_key == StudyRow.key, IndexLine.file_id == FileRow.id)
        .where(IndexLine.knee_id.is_not(None))
    )


def assignees(session: Session, studies: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """The readers to whom each of these studies is assigned."""
    found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    rows = session.execute(
        select(AssignmentRow.study_key, AssignmentRow.reader)
        .where(AssignmentRow.study_key.in_(studies), AssignmentRow.ended_at.is_(None))
        .order_by(AssignmentRow.reader)
    )
    for study, reader in rows:
        found[study] += (reader,)
    return found
