"""The grades of readers: they are never deleted, with user and time; a changed opinion is a further entry."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import GradeRow, ImageRow, KneeRow, ReaderGradeRow
from koa_worker.store.records import ReadingRecord
from koa_worker.values import GRADES


class ReaderGrades(StorePart):
    """The grades of readers, and their agreement with the model and with each other."""

    @writes
    def record(self, session: Session, file_id: str, position: int, *, reader: str, kl: int, comment: str) -> bool:
        """Stores a reader's grade of the knee at this position of a file's image; false if there is no such knee."""
        graded = (
            select(GradeRow)
            .join(KneeRow, KneeRow.id == GradeRow.knee_id)
            .where(KneeRow.file_id == file_id, KneeRow.position == position, GradeRow.is_current)
        )
        grade = session.scalars(graded).first()
        if grade is None:
            return False
        session.add(
            ReaderGradeRow(
                knee_id=grade.knee_id, grade_id=grade.id, reader=reader, kl=kl, comment=comment, at=self.now()
            )
        )
        return True

    @reads
    def readings(self, session: Session, study_key: str) -> tuple[ReadingRecord, ...]:
        """All grades of readers for a study's knees, in the order of their entry."""
        rows = session.execute(
            select(ReaderGradeRow, KneeRow, GradeRow.kl)
            .join(KneeRow, KneeRow.id == ReaderGradeRow.knee_id)
            .join(ImageRow, ImageRow.file_id == KneeRow.file_id)
            .join(GradeRow, GradeRow.id == ReaderGradeRow.grade_id)
            .where(ImageRow.study_key == study_key)
            .order_by(ReaderGradeRow.id)
        )
        return tuple(
            ReadingRecord(knee.file_id, knee.position, knee.side, row.reader, row.kl, row.comment, row.at, machine)
            for row, knee, machine in rows
        )

    @reads
    def agreement(self, session: Session) -> Mapping[str, tuple[tuple[int, ...], ...]]:
        """The counts of knees by each reader's grade (row) and the model's current grade (column).

        The last grade of a reader for a knee counts.
        """
        last = select(func.max(ReaderGradeRow.id)).group_by(ReaderGradeRow.knee_id, ReaderGradeRow.reader)
        rows = session.execute(
            select(ReaderGradeRow.reader, ReaderGradeRow.kl, GradeRow.kl, func.count())
            .join(GradeRow, (GradeRow.knee_id == ReaderGradeRow.knee_id) & GradeRow.is_current)
            .where(ReaderGradeRow.id.in_(last))
            .group_by(ReaderGradeRow.reader, ReaderGradeRow.kl, GradeRow.kl)
            .order_by(ReaderGradeRow.reader)
        )
        counts: dict[str, list[list[int]]] = {}
        for reader, said, machine, count in rows:
            counts.setdefault(reader, [[0] * len(GRADES) for _ in GRADES])[said][machine] = count
        return {reader: tuple(map(tuple, matrix)) for reader, matrix in counts.items()}

    @reads
    def reader_agreement(self, session: Session) -> Mapping[tuple[str, str], tuple[tuple[int, ...], ...]]:
        """The counts of knees for each two readers, by the grade of the first (row) and of the second (column)."""
        ids = select(func.max(ReaderGradeRow.id)).group_by(ReaderGradeRow.knee_id, ReaderGradeRow.reader)
        first, second = aliased(ReaderGradeRow), aliased(ReaderGradeRow)
        rows = session.execute(
            select(first.reader, second.reader, first.kl, second.kl, func.count())
            .join(second, (second.knee_id == first.knee_id) & (second.reader > first.reader))
            .where(first.id.in_(ids), second.id.in_(ids))
            .group_by(first.reader, second.reader, first.kl, second.kl)
            .order_by(first.reader, second.reader)
        )
        counts: dict[tuple[str, str], list[list[int]]] = {}
        for one, other, said, heard, count in rows:
            counts.setdefault((one, other), [[0] * len(GRADES) for _ in GRADES])[said][heard] = count
        return {readers: tuple(map(tuple, matrix)) for readers, matrix in counts.items()}
