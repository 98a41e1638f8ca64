"""Everything that a report of a study needs, read in one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koa_worker.errors import WorkFailed
from koa_worker.store.convert import to_image_record, to_knee_record, to_rejected_record
from koa_worker.store.records import ImageRecord, KneeRecord, RejectedRecord, State, StudyRecord
from koa_worker.store.schema import File, Grade, Image, Knee, Model, Picture, PictureKind, Report, Study, Timing
from koa_worker.values import Patient


def study_content(session: Session, study_key: str) -> StudyRecord:
    study = session.get(Study, study_key)
    if study is None:
        raise WorkFailed("store", f"study {study_key} is not known")
    return StudyRecord(
        key=study.key,
        study_uid=study.study_uid,
        patient=Patient(study.patient_name, study.patient_id, study.patient_birth_date, study.patient_sex),
        accession=study.accession,
        description=study.description,
        institution=study.institution,
        date=study.date,
        images=_images(session, study_key),
        rejected=_rejected(session, study_key),
        report_revision=_last_written(session, study_key),
        created_at=study.created_at,
    )


def _images(session: Session, study_key: str) -> tuple[ImageRecord, ...]:
    knees, timings = _knees(session, study_key), _timings(session, study_key)
    rows = session.execute(
        select(Image, File, Picture.data)
        .join(File, File.id == Image.file_id)
        .join(Picture, (Picture.file_id == Image.file_id) & (Picture.kind == PictureKind.FRAME))
        .where(Image.study_key == study_key)
        .order_by(File.arrived_at, File.id)
    )
    return tuple(
        to_image_record(image, file, frame, tuple(knees[file.id]), timings[file.id]) for image, file, frame in rows
    )


def _knees(session: Session, study_key: str) -> Mapping[str, list[KneeRecord]]:
    rows = session.execute(
        select(Knee, Grade, Model, Picture.data)
        .join(Image, Image.file_id == Knee.file_id)
        .join(Grade, (Grade.knee_id == Knee.id) & Grade.is_current)
        .join(Model, Model.digest == Grade.model_digest)
        .join(Picture, (Picture.knee_id == Knee.id) & (Picture.kind == PictureKind.CROP))
        .where(Image.study_key == study_key)
        .order_by(Knee.position)
    )
    by_file: defaultdict[str, list[KneeRecord]] = defaultdict(list)
    for knee, grade, model, crop in rows:
        by_file[knee.file_id].append(to_knee_record(knee, grade, model, crop))
    return by_file


def _timings(session: Session, study_key: str) -> Mapping[str, dict[str, float]]:
    rows = session.scalars(
        select(Timing).join(Image, Image.file_id == Timing.file_id).where(Image.study_key == study_key)
    )
    by_file: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        by_file[row.file_id][row.stage] = row.ms
    return by_file


def _rejected(session: Session, study_key: str) -> tuple[RejectedRecord, ...]:
    chosen = select(File).where(File.study_key == study_key, File.state == State.REJECTED)
    return tuple(map(to_rejected_record, session.scalars(chosen.order_by(File.arrived_at, File.id))))


def _last_written(session: Session, study_key: str) -> int:
    written = select(func.max(Report.revision)).where(Report.study_key == study_key, Report.written_at.is_not(None))
    return session.scalar(written) or 0
