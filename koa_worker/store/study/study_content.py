"""Reads the content of a study's report in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, exists, func, select, tuple_
from sqlalchemy.orm import Session

from koa_worker.errors import UnknownRecord
from koa_worker.store.convert import to_image_record, to_knee_record, to_refused_knee, to_rejected_record
from koa_worker.store.database.base import StorePart, reads
from koa_worker.store.database.schema import (
    CorrectionRow,
    EventRow,
    FileRow,
    GradeRow,
    ImageRow,
    KneeRow,
    ModelRow,
    PictureKind,
    PictureRow,
    RefusalRow,
    ReportRow,
    StudyRow,
    table_of,
)
from koa_worker.store.journal import SHOWS_IMAGE
from koa_worker.store.records.files import State
from koa_worker.store.records.studies import ImageRecord, KneeRecord, RejectedRecord, StudyRecord
from koa_worker.store.study.corrected import CORRECTED
from koa_worker.store.study.image_numbers import as_taken
from koa_worker.store.study.patient_exams import patient_exams
from koa_worker.store.study.studies import get_study
from koa_worker.store.study.ungraded import ungraded_of
from koa_worker.values import Patient, RefusedKnee

# Every report runs these statements: they are built once, and their rows bypass the object mapper.
_study, _image, _knee, _grade, _picture = map(table_of, (StudyRow, ImageRow, KneeRow, GradeRow, PictureRow))
_LAST_WRITTEN = select(func.max(ReportRow.revision)).where(
    ReportRow.study_key == _study.c.key, ReportRow.written_at.is_not(None)
)
_of_study = table_of(FileRow).alias()
_ANY_REFUSED = exists().where(table_of(RefusalRow).c.file_id == _of_study.c.id, _of_study.c.study_key == _study.c.key)
_ANY_REJECTED = exists().where(_of_study.c.study_key == _study.c.key, _of_study.c.state == State.REJECTED)
_STUDY = select(
    _study,
    _LAST_WRITTEN.scalar_subquery().label("last_written"),
    _ANY_REFUSED.label("any_refused"),
    _ANY_REJECTED.label("any_rejected"),
).where(_study.c.key == bindparam("study_key"))
_OF_STUDY = _image.c.study_key == bindparam("study_key")
_IMAGES = (
    select(_image, FileRow.sha256, FileRow.arrived_at, _picture.c.data.label("frame"), *CORRECTED)
    .join(FileRow, FileRow.id == _image.c.file_id)
    .join(table_of(CorrectionRow), table_of(CorrectionRow).c.file_id == _image.c.file_id, isouter=True)
    .join(_picture, (_picture.c.file_id == _image.c.file_id) & (_picture.c.kind == PictureKind.FRAME))
    .where(_OF_STUDY)
)
_KNEES = (
    select(
        _knee,
        *(column for column in _grade.c if column.key not in {"id", "knee_id"}),
        ModelRow.name.label("model"),
        _picture.c.data.label("crop"),
    )
    .join(_image, _image.c.file_id == _knee.c.file_id)
    .join(_grade, (_grade.c.knee_id == _knee.c.id) & _grade.c.is_current)
    .join(ModelRow, ModelRow.digest == _grade.c.model_digest)
    .join(_picture, (_picture.c.knee_id == _knee.c.id) & (_picture.c.kind == PictureKind.CROP))
    .where(_OF_STUDY)
    .order_by(_knee.c.position)
)
_REFUSED = (
    select(table_of(RefusalRow))
    .join(FileRow, FileRow.id == RefusalRow.file_id)
    .where(FileRow.study_key == bindparam("study_key"))
    .order_by(RefusalRow.position)
)


def _is_graded_since() -> ColumnElement[bool]:
    """Whether a later file with a corrected header made the same content a graded image."""
    file, later, said = table_of(FileRow), table_of(FileRow).alias(), table_of(EventRow)
    return exists().where(
        said.c.file_id == file.c.id,
        said.c.kind == SHOWS_IMAGE,
        _image.c.study_key == file.c.study_key,
        _image.c.sop_uid == said.c.detail,
        _image.c.source_id == later.c.id,
        tuple_(later.c.arrived_at, later.c.id) > tuple_(file.c.arrived_at, file.c.id),
    )


_REJECTED = (
    select(FileRow.id, FileRow.sha256, FileRow.code, FileRow.detail, FileRow.arrived_at)
    .where(FileRow.study_key == bindparam("study_key"), FileRow.state == State.REJECTED, ~_is_graded_since())
    .order_by(FileRow.arrived_at, FileRow.id)
)

_Refused = Mapping[str, list[RefusedKnee]]  # by file; a file without any has an empty list


class Studies(StorePart):
    """The content of studies for reports."""

    @reads
    def content(self, session: Session, study_key: str) -> StudyRecord:
        """Everything that a report of the study needs."""
        study = session.connection().execute(_STUDY, {"study_key": study_key}).first()
        if study is None:
            raise UnknownRecord("unknown_record", f"study {study_key}")
        # Most studies have nothing of these, which costs two statements less.
        refused = _refused(session, study_key) if study.any_refused else defaultdict[str, list[RefusedKnee]](list)
        return StudyRecord(
            key=study.key,
            study_uid=study.study_uid,
            patient=_patient(study),
            accession=study.accession,
            description=study.description,
            institution=study.institution,
            date=study.date,
            images=_images(session, study_key, refused),
            rejected=_rejected(session, study_key, refused) if study.any_rejected else (),
            report_revision=study.last_written or 0,
            created_at=study.created_at,
            exams=patient_exams(session.connection(), study),
        )

    @reads
    def created_at(self, session: Session, study_key: str) -> datetime:
        """The time when the first file of the study was settled."""
        return get_study(session, study_key).created_at


def _patient(study: Row[Any]) -> Patient:
    return Patient(
        name=study.patient_name,
        id=study.patient_id,
        birth_date=study.patient_birth_date,
        sex=study.patient_sex,
        issuer=study.patient_issuer,
    )


def _images(session: Session, study_key: str, refused: _Refused) -> tuple[ImageRecord, ...]:
    knees = _knees(session, study_key)
    rows = sorted(session.connection().execute(_IMAGES, {"study_key": study_key}), key=as_taken)
    return tuple(to_image_record(row, tuple(knees[row.file_id]), tuple(refused[row.file_id])) for row in rows)


def _knees(session: Session, study_key: str) -> Mapping[str, list[KneeRecord]]:
    by_file: defaultdict[str, list[KneeRecord]] = defaultdict(list)
    for row in session.connection().execute(_KNEES, {"study_key": study_key}):
        by_file[row.file_id].append(to_knee_record(row))
    return by_file


def _refused(session: Session, study_key: str) -> _Refused:
    """The refused knees of each file of the study, also of those that were rejected."""
    by_file: defaultdict[str, list[RefusedKnee]] = defaultdict(list)
    for row in session.connection().execute(_REFUSED, {"study_key": study_key}):
        by_file[row.file_id].append(to_refused_knee(row))
    return by_file


def _rejected(session: Session, study_key: str, refused: _Refused) -> tuple[RejectedRecord, ...]:
    rows = session.connection().execute(_REJECTED, {"study_key": study_key}).all()
    ungraded = ungraded_of(session, study_key) if rows else {}
    return tuple(to_rejected_record(row, tuple(refused[row.id]), ungraded.get(row.id)) for row in rows)
