"""The additional parts of a study's page: single images, earlier grades, earlier reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads
from koa_worker.store.database.schema import (
    GradeRow,
    ImageRow,
    KneeRow,
    ModelRow,
    PictureKind,
    PictureRow,
    ReportRow,
    table_of,
)
from koa_worker.store.encoding import grade_columns
from koa_worker.values import Heatmap, Side


@dataclass(frozen=True, slots=True)
class GradingRecord:
    """The grade of one model release for a knee, current or replaced."""

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
    """A written revision of a study's report; only the file of the last one still exists."""

    revision: int
    path: str
    written_at: datetime


class StudyHistory(StorePart):
    """The images, the earlier grades and the earlier reports of a study."""

    @reads
    def frame_jpeg(self, session: Session, study_key: str, file_id: str) -> bytes | None:
        chosen = _of_image(study_key, file_id)
        return session.scalars(
            select(PictureRow.data).join(*chosen).where(PictureRow.kind == PictureKind.FRAME)
        ).first()

    @reads
    def crop_png(self, session: Session, study_key: str, file_id: str, position: int) -> bytes | None:
        """A knee as the model saw it."""
        pictures = (
            select(PictureRow.data).join(KneeRow, KneeRow.id == PictureRow.knee_id).join(*_of_image(study_key, file_id))
        )
        counting = pictures.join(GradeRow, (GradeRow.knee_id == KneeRow.id) & GradeRow.is_current)
        return session.scalars(
            counting.where(PictureRow.kind == PictureKind.CROP, KneeRow.position == position)
        ).first()

    @reads
    def heatmap(self, session: Session, study_key: str, file_id: str, position: int) -> Heatmap | None:
        """The heatmap of the current grade."""
        from koa_worker.store.encoding.pictures import decode_heatmap  # noqa: PLC0415

        grades: Select[*tuple[Any, ...]] = (
            select(*table_of(GradeRow).c, ModelRow.name.label("model"))
            .join(ModelRow, ModelRow.digest == GradeRow.model_digest)
            .join(KneeRow, KneeRow.id == GradeRow.knee_id)
            .join(ImageRow, ImageRow.file_id == KneeRow.file_id)
        )
        chosen = (
            ImageRow.study_key == study_key,
            ImageRow.file_id == file_id,
            KneeRow.position == position,
            GradeRow.is_current,
        )
        row = session.execute(grades.where(*chosen)).first()
        return Heatmap(decode_heatmap(row.heatmap), grade_columns.from_row(row).release_kl) if row else None

    @reads
    def gradings(self, session: Session, study_key: str) -> tuple[GradingRecord, ...]:
        """All grades of all models for a study's knees, newest first."""
        rows = session.execute(
            select(KneeRow, GradeRow, ModelRow.name)
            .join(ImageRow, ImageRow.file_id == KneeRow.file_id)
            .join(GradeRow, GradeRow.knee_id == KneeRow.id)
            .join(ModelRow, ModelRow.digest == GradeRow.model_digest)
            .where(ImageRow.study_key == study_key)
            .order_by(GradeRow.graded_at.desc(), KneeRow.file_id, KneeRow.position)
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
        written = select(ReportRow).where(ReportRow.study_key == study_key, ReportRow.written_at.is_not(None))
        return tuple(
            ReportRecord(row.revision, row.path, row.written_at)
            for row in session.scalars(written.order_by(ReportRow.revision.desc()))
            if row.path and row.written_at
        )


def _of_image(study_key: str, file_id: str) -> tuple[type[ImageRow], ColumnElement[bool]]:
    return ImageRow, (ImageRow.file_id == PictureRow.file_id) & (ImageRow.study_key == study_key) & (
        ImageRow.file_id == file_id
    )
