"""The grades of readers: they are never deleted, with user and time; a changed opinion is a further entry."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from koa_worker.store.base import Part, reads, writes
from koa_worker.store.page.tables import ReaderGrade
from koa_worker.store.records import ReadingRecord
from koa_worker.store.schema import Grade, Image, Knee
from koa_worker.values import GRADES


class ReaderGrades(Part):
    """The grades of readers, and their agreement with the model and with each other."""

    @writes
    def record(self, session: Session, file_id: str, position: int, *, reader: str, kl: int, comment: str) -> bool:
        """Stores a reader's grade of the knee at this position of a file's image; false if there is no such knee."""
        graded = (
            select(Grade)
            .join(Knee, Knee.id == Grade.knee_id)
            .where(Knee.file_id == file_id, Knee.position == position, Grade.is_current)
        )
        grade = session.scalars(graded).first()
        if grade is None:
            return False
        session.add(
            ReaderGrade(knee_id=grade.knee_id, grade_id=grade.id, reader=reader, kl=kl, comment=comment, at=self.now())
        )
        return True

    @reads
    def readings(self, session: Session, study_key: str) -> tuple[ReadingRecord, ...]:
        """All grades of readers for a study's knees, in the order of their entry."""
        rows = session.execute(
            select(ReaderGrade, Knee, Grade.kl)
            .join(Knee, Knee.id == ReaderGrade.knee_id)
            .join(Image, Image.file_id == Knee.file_id)
            .join(Grade, Grade.id == ReaderGrade.grade_id)
            .where(Image.study_key == study_key)
            .order_by(ReaderGrade.id)
        )
        return tuple(
            ReadingRecord(knee.file_id, knee.position, knee.side, row.reader, row.kl, row.comment, row.at, machine)
            for row, knee, machine in rows
        )

    @reads
    def agreement(self, session: Session) -> Mapping[str, tuple[tuple[int, ...], ...]]:
        """For each reader, the counts of knees by the reader's grade (row) and the model's current grade (column).

        The last grade of a reader for a knee counts.
        """
        last = select(func.max(ReaderGrade.id)).group_by(ReaderGrade.knee_id, ReaderGrade.reader)
        rows = session.execute(
            select(ReaderGrade.reader, ReaderGrade.kl, Grade.kl, func.count())
            .join(Grade, (Grade.knee_id == ReaderGrade.knee_id) & Grade.is_current)
            .where(ReaderGrade.id.in_(last))
            .group_by(ReaderGrade.reader, ReaderGrade.kl, Grade.kl)
            .order_by(ReaderGrade.reader)
        )
        counts: dict[str, list[list[int]]] = {}
        for reader, said, machine, count in rows:
            counts.setdefault(reader, [[0] * len(GRADES) for _ in GRADES])[said][machine] = count
        return {reader: tuple(map(tuple, matrix)) for reader, matrix in counts.items()}

    @reads
    def reader_agreement(self, session: Session) -> Mapping[tuple[str, str], tuple[tuple[int, ...], ...]]:
        """For each two readers, the counts of knees by the grade of the first (row) and of the second (column)."""
        ids = select(func.max(ReaderGrade.id)).group_by(ReaderGrade.knee_id, ReaderGrade.reader)
        first, second = aliased(ReaderGrade), aliased(ReaderGrade)
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
