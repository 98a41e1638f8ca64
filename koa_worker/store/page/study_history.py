"""What the page shows of a study beside its content: pictures one by one, former grades, former reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from koa_worker.store.base import Part, reads
from koa_worker.store.pictures import decode_heatmap
from koa_worker.store.schema import Grade, Image, Knee, Model, Picture, PictureKind, Report
from koa_worker.values import Heatmap, Side


@dataclass(frozen=True, slots=True)
class GradingRecord:
    """What one model release said of a knee, whether it counts or was replaced."""

    file_id: str
    position: int
    side: Side
    kl: int
    confidence: float
    model: str
    software_version: str
    graded_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """A revision of a study's report that was written; only the last one's file is still there."""

    revision: int
    path: str
    written_at: datetime


class StudyHistory(Part):
    """Of one study: its pictures, its former grades, its former reports."""

    @reads
    def frame_jpeg(self, session: Session, study_key: str, file_id: str) -> bytes | None:
        chosen = _of_image(study_key, file_id)
        return session.scalars(select(Picture.data).join(*chosen).where(Picture.kind == PictureKind.FRAME)).first()

    @reads
    def crop_png(self, session: Session, study_key: str, file_id: str, position: int) -> bytes | None:
        """A knee as the net saw it."""
        pictures = select(Picture.data).join(Knee, Knee.id == Picture.knee_id).join(*_of_image(study_key, file_id))
        counting = pictures.join(Grade, (Grade.knee_id == Knee.id) & Grade.is_current)
        return session.scalars(counting.where(Picture.kind == PictureKind.CROP, Knee.position == position)).first()

    @reads
    def heatmap(self, session: Session, study_key: str, file_id: str, position: int) -> Heatmap | None:
        """Where the net looked for the grade that counts."""
        grades = (
            select(Grade.heatmap, Grade.kl)
            .join(Knee, Knee.id == Grade.knee_id)
            .join(Image, Image.file_id == Knee.file_id)
        )
        chosen = (Image.study_key == study_key, Image.file_id == file_id, Knee.position == position, Grade.is_current)
        row = session.execute(grades.where(*chosen)).first()
        return Heatmap(decode_heatmap(row.heatmap), row.kl) if row else None

    @reads
    def gradings(self, session: Session, study_key: str) -> tuple[GradingRecord, ...]:
        """Everything that models said of a study's knees, newest first."""
        rows = session.execute(
            select(Knee, Grade, Model.name)
            .join(Image, Image.file_id == Knee.file_id)
            .join(Grade, Grade.knee_id == Knee.id)
            .join(Model, Model.digest == Grade.model_digest)
            .where(Image.study_key == study_key)
            .order_by(Grade.graded_at.desc(), Knee.file_id, Knee.position)
        )
        return tuple(
            GradingRecord(
                knee.file_id,
                knee.position,
                knee.side,
                grade.kl,
                grade.confidence,
                model,
                grade.software_version,
                grade.graded_at,
                grade.is_current,
            )
            for knee, grade, model in rows
        )

    @reads
    def written_reports(self, session: Session, study_key: str) -> tuple[ReportRecord, ...]:
        """The revisions of a study's report, newest first."""
        written = select(Report).where(Report.study_key == study_key, Report.written_at.is_not(None))
        return tuple(
            ReportRecord(row.revision, row.path, row.written_at)
            for row in session.scalars(written.order_by(Report.revision.desc()))
            if row.path and row.written_at
        )


def _of_image(study_key: str, file_id: str) -> tuple[type[Image], ColumnElement[bool]]:
    return Image, (Image.file_id == Picture.file_id) & (Image.study_key == study_key) & (Image.file_id == file_id)
