"""The grades of readers, with user and time. They are never deleted; a changed opinion is a further entry."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, case, exists, func, select, true
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import (
    AuditRow,
    FileRow,
    GradeRow,
    ImageRow,
    IndexLine,
    KneeRow,
    ModelRow,
    ReaderGradeRow,
    StudyRow,
)
from koa_worker.store.last_readings import last_readings
from koa_worker.store.records.users import ExportedReading, ReadingRecord
from koa_worker.store.worklist_index import count_readers
from koa_worker.values import GRADES

Matrix = tuple[tuple[int, ...], ...]

# The actions in the audit log that show the answers of a study to a user.
SHOWN = ("study", "report", "results", "export")


def is_read(*, by: ColumnElement[str] | None = None) -> ColumnElement[bool]:
    """Whether somebody, or this reader, has graded the knee of a line of the worklist."""
    of_knee = (ReaderGradeRow.knee_id == IndexLine.knee_id) & ReaderGradeRow.withdrawn_at.is_(None)
    return exists().where(of_knee if by is None else of_knee & (ReaderGradeRow.reader == by))


def stands_in_study(line: type[IndexLine] = IndexLine) -> ColumnElement[bool]:
    """Whether a line stands, for queries that begin with a study: no index has this, so none of all lines is walked."""
    return case((line.stands == true(), 1), else_=0) == 1


class ReaderGrades(StorePart):
    """The grades of readers, and their agreement with the grades of the model."""

    @writes
    def record(
        self,
        session: Session,
        file_id: str,
        position: int,
        *,
        reader: str,
        kl: int,
        comment: str,
        blind: bool | None = None,
    ) -> int | None:
        """Stores a reader's grade of the knee at this position of a file's image; None if there is no such knee."""
        graded = (
            select(GradeRow)
            .join(KneeRow, KneeRow.id == GradeRow.knee_id)
            .where(KneeRow.file_id == file_id, KneeRow.position == position, GradeRow.is_current)
        )
        grade = session.scalars(graded).first()
        if grade is None:
            return None
        said = {"reader": reader, "kl": kl, "comment": comment, "blind": blind}
        row = ReaderGradeRow(knee_id=grade.knee_id, grade_id=grade.id, at=self.now(), **said)
        session.add(row)
        session.flush()
        count_readers(session, _study_of(session, grade.knee_id))
        return row.id

    @writes
    def withdraw(self, session: Session, number: int, *, reader: str) -> ReadingRecord | None:
        """Withdraws a reader's own grade, and gives it; None if there is none that counts."""
        row = session.get(ReaderGradeRow, number)
        if row is None or row.reader != reader or row.withdrawn_at is not None:
            return None
        (found,) = _records(session, ReaderGradeRow.id == number)
        row.withdrawn_at = self.now()
        session.flush()
        count_readers(session, found.study_key)
        return found

    @reads
    def find(self, session: Session, number: int) -> ReadingRecord | None:
        """A grade that was not withdrawn."""
        found = _records(session, ReaderGradeRow.id == number)
        return found[0] if found else None

    @reads
    def readings(self, session: Session, study_key: str) -> tuple[ReadingRecord, ...]:
        """All grades of readers for a study's knees, in the order of their entry, without the withdrawn ones."""
        return _records(session, ImageRow.study_key == study_key)

    @reads
    def every(self, session: Session) -> tuple[ExportedReading, ...]:
        """All grades of readers in the order of their entry, withdrawn ones included."""
        rows = session.execute(
            select(ReaderGradeRow, KneeRow, ImageRow, StudyRow.study_uid, GradeRow.kl, GradeRow.site, ModelRow.name)
            .join(KneeRow, KneeRow.id == ReaderGradeRow.knee_id)
            .join(ImageRow, ImageRow.file_id == KneeRow.file_id)
            .join(StudyRow, StudyRow.key == ImageRow.study_key)
            .join(GradeRow, GradeRow.id == ReaderGradeRow.grade_id)
            .join(ModelRow, ModelRow.digest == GradeRow.model_digest)
            .order_by(ReaderGradeRow.id)
        )
        return tuple(
            ExportedReading(
                study_key=image.study_key,
                study_uid=study_uid,
                sop_uid=image.sop_uid,
                file_id=knee.file_id,
                position=knee.position,
                side=knee.side,
                reader=row.reader,
                kl=row.kl,
                blind=row.blind,
                at=row.at,
                withdrawn_at=row.withdrawn_at,
                model_kl=kl,
                model=model,
                site=site,
            )
            for row, knee, image, study_uid, kl, site, model in rows
        )

    @reads
    def left_to_read(
        self, session: Session, study_key: str, reader: str, *, with_withdrawn: bool = False
    ) -> tuple[tuple[str, int], ...]:
        """File and position of the knees of a study that the reader has not graded.

        A knee in several images counts once, with the grade that stands. With `with_withdrawn` withdrawn grades count.
        """
        own = and_(ReaderGradeRow.knee_id == IndexLine.knee_id, ReaderGradeRow.reader == reader)
        if not with_withdrawn:
            own &= ReaderGradeRow.withdrawn_at.is_(None)
        rows = session.execute(
            select(KneeRow.file_id, KneeRow.position)
            .join(IndexLine, IndexLine.knee_id == KneeRow.id)
            .join(FileRow, FileRow.id == IndexLine.file_id)
            .where(FileRow.study_key == study_key, stands_in_study(), ~exists().where(own))
            .order_by(FileRow.arrived_at, KneeRow.file_id, KneeRow.position)
        )
        return tuple((row.file_id, row.position) for row in rows)

    @reads
    def was_shown(self, session: Session, study_key: str, reader: str) -> bool:
        """Whether the audit log says that the answers of the study were shown to the reader."""
        shown = select(AuditRow.id).where(
            AuditRow.subject == study_key, AuditRow.who == reader, AuditRow.action.in_(SHOWN)
        )
        return session.scalar(shown.limit(1)) is not None

    @reads
    def agreement(self, session: Session) -> Mapping[tuple[str, bool | None], Matrix]:
        """For each reader, the counts of knees by the reader's grade (row) and the model's current grade (column).

        The last grade of a reader for a knee counts. Blind, not blind and unknown readings are counted separately.
        """
        rows = session.execute(
            select(ReaderGradeRow.reader, ReaderGradeRow.blind, ReaderGradeRow.kl, GradeRow.kl, func.count())
            .join(GradeRow, (GradeRow.knee_id == ReaderGradeRow.knee_id) & GradeRow.is_current)
            .where(ReaderGradeRow.id.in_(last_readings()))
            .group_by(ReaderGradeRow.reader, ReaderGradeRow.blind, ReaderGradeRow.kl, GradeRow.kl)
            .order_by(ReaderGradeRow.reader)
        )
        counts: dict[tuple[str, bool | None], list[list[int]]] = {}
        for reader, blind, said, machine, count in rows:
            counts.setdefault((reader, blind), _zeros())[said][machine] = count
        return {key: tuple(map(tuple, matrix)) for key, matrix in counts.items()}


def _study_of(session: Session, knee_id: int) -> str:
    study = select(ImageRow.study_key).join(KneeRow, KneeRow.file_id == ImageRow.file_id).where(KneeRow.id == knee_id)
    return session.scalars(study).one()


def _zeros() -> list[list[int]]:
    return [[0] * len(GRADES) for _ in GRADES]


def _records(session: Session, *chosen: ColumnElement[bool]) -> tuple[ReadingRecord, ...]:
    rows = session.execute(
        select(ReaderGradeRow, KneeRow, ImageRow.study_key, GradeRow.kl)
        .join(KneeRow, KneeRow.id == ReaderGradeRow.knee_id)
        .join(ImageRow, ImageRow.file_id == KneeRow.file_id)
        .join(GradeRow, GradeRow.id == ReaderGradeRow.grade_id)
        .where(*chosen, ReaderGradeRow.withdrawn_at.is_(None))
        .order_by(ReaderGradeRow.id)
    )
    return tuple(
        ReadingRecord(
            id=row.id,
            study_key=study_key,
            file_id=knee.file_id,
            position=knee.position,
            side=knee.side,
            reader=row.reader,
            kl=row.kl,
            comment=row.comment,
            at=row.at,
            machine_kl=machine,
            blind=row.blind,
        )
        for row, knee, study_key, machine in rows
    )
