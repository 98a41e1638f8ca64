"""Stores the results of a file: its study, its frame, each knee with its grade, and the images for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from koa_worker.store.database.columns import storable
from koa_worker.store.database.schema import (
    FileRow,
    GradeRow,
    ImageRow,
    KneeRow,
    ModelRow,
    PictureKind,
    PictureRow,
    RefusalRow,
    TimingRow,
    table_of,
)
from koa_worker.store.encoding import grade_columns, joint_space
from koa_worker.store.encoding.encoded import EncodedFrame, EncodedKnee, EncodedResult
from koa_worker.store.journal import PATIENT_DIFFERS, record_event
from koa_worker.store.study.corrected import keep_correction
from koa_worker.values import RefusedKnee, SpacingSource, Study

# These statements run for every file. They are built once and bypass the object mapper, which takes ten times longer.
_ADD_IMAGE, _ADD_MODEL = (insert(table_of(model)) for model in (ImageRow, ModelRow))
_ADD_GRADES, _ADD_PICTURES, _ADD_TIMINGS = (insert(table_of(model)) for model in (GradeRow, PictureRow, TimingRow))
_knee, _grade, _picture = map(table_of, (KneeRow, GradeRow, PictureRow))
_ADD_KNEES = insert(_knee).returning(_knee.c.id, _knee.c.position)
_refusal, _timing = map(table_of, (RefusalRow, TimingRow))
_RENEW_IMAGE = update(table_of(ImageRow)).where(table_of(ImageRow).c.file_id == bindparam("of_file"))
_RENEW_KNEE = update(_knee).where(_knee.c.id == bindparam("of_knee"))
KNOWN_MODEL = select(table_of(ModelRow).c.digest).where(table_of(ModelRow).c.digest == bindparam("of_digest"))
EARLIER_WITH_SAME_UID = (
    select(ImageRow.file_id)
    .join(FileRow, FileRow.id == ImageRow.file_id)
    .where(ImageRow.sop_uid == bindparam("sop_uid"), FileRow.sha256 != bindparam("sha256"))
    .order_by(FileRow.settled_at, FileRow.id)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Maker:
    """The model and program version that graded, and the time."""

    model_digest: str
    software_version: str
    at: datetime


@dataclass(frozen=True, slots=True)
class There:
    """Keys of what the store has already of a graded file; None for what is not there."""

    twin: str | None  # the file that has the same bytes and was settled
    image: str | None  # the same image
    study: str | None
    same_uid: str | None  # the earliest image with the same SOP Instance UID, of other bytes
    model: str | None


def keep_results(
    session: Session,
    file: FileRow,
    result: EncodedResult,
    *,
    source_id: str,
    maker: Maker,
    there: There | None = None,
    patient_differs: bool,
) -> None:
    """Writes the rows of a grading. The contents are of the file `source_id`.

    Without `there` the file has some rows already.
    """
    again = there is None
    said = {"study_key": file.study_key, "source_id": source_id, "patient_differs": patient_differs}
    _keep_image(session, file, said | describe(result.study, result.frame), maker.at, there)
    if there is None or there.model is None:
        _keep_model(session, result, maker)
    knees = dict(zip(_keep_knees(session, file.id, result.knees, again=again), result.knees, strict=True))
    _keep_grades(session, file.id, knees, maker, again=again)
    _keep_pictures(session, file.id, result.frame, knees, again=again)
    keep_refusals(session, file.id, result.refused, again=again)
    _keep_timings(session, file.id, result.timings_ms, again=again)
    if again:
        keep_correction(session, file.id)


def _keep_image(session: Session, file: FileRow, said: Mapping[str, Any], at: datetime, there: There | None) -> None:
    connection = session.connection()
    if there is None:
        connection.execute(_RENEW_IMAGE, {"of_file": file.id, **said})
        return
    connection.execute(_ADD_IMAGE, {"file_id": file.id, "conflicts_with": there.same_uid, **said})
    if there.same_uid is not None:
        record_event(session, file.id, "conflict", at, there.same_uid)
    if said["patient_differs"]:
        record_event(session, file.id, PATIENT_DIFFERS, at)


def describe(study: Study, frame: EncodedFrame) -> dict[str, Any]:
    """The attributes of an image, as the columns of its row."""
    spacing, fingerprint = frame.spacing, frame.fingerprint
    return {
        "pixels_digest": fingerprint.pixels,
        "shown_digest": fingerprint.shown,
        "header_digest": fingerprint.header,
        "sop_uid": study.sop_uid,
        "series_uid": study.series_uid,
        "sop_class_uid": study.sop_class_uid,
        "modality": study.modality,
        "body_part": study.body_part,
        "view": study.view,
        "weight_bearing": bool(study.weight_bearing),
        "laterality": frame.laterality,
        "column_zero_side": frame.column_zero_side,
        "format": frame.format,
        "width": frame.width,
        "height": frame.height,
        "row_mm": float(spacing.row_mm) if spacing else None,
        "column_mm": float(spacing.column_mm) if spacing else None,
        "spacing_source": spacing.source if spacing else SpacingSource.NONE,
        "acquired_at": study.acquired_at,
        "content_at": study.content_at,
        "instance_number": study.instance_number,
        "details": {storable(name): storable(value) for name, value in frame.details.items()},
    }


def _keep_model(session: Session, result: EncodedResult, maker: Maker) -> None:
    connection, digest = session.connection(), maker.model_digest
    if result.knees and connection.scalar(KNOWN_MODEL, {"of_digest": digest}) is None:
        name = result.knees[0].grade.model
        connection.execute(_ADD_MODEL, {"digest": digest, "name": name, "first_used_at": maker.at})


def _keep_knees(session: Session, file_id: str, knees: Sequence[EncodedKnee], *, again: bool) -> list[int]:
    """Stores the knees and gives their ids; a regrade uses the existing ids of the same boxes."""
    connection = session.connection()
    known, rows = dict[int, int](), list[dict[str, Any]]()
    for position, knee in enumerate(knees):
        x, y, width, height = (int(length) for length in knee.roi.box.as_list())
        place = {"file_id": file_id, "position": position, "x": x, "y": y, "width": width, "height": height}
        roi = knee.roi
        what = {"side": roi.side, "whole_frame": bool(roi.whole_frame), "turned": int(roi.turned)}
        found = connection.scalar(_at(place)) if again else None
        if found is None:
            rows.append({**place, **what})
        else:
            connection.execute(_RENEW_KNEE, {"of_knee": found, **what})
            known[position] = found
    if rows:
        known |= {row.position: int(row.id) for row in connection.execute(_ADD_KNEES, rows)}
    return [known[position] for position in range(len(knees))]


def _at(place: Mapping[str, Any]) -> Select[int]:
    return select(_knee.c.id).where(*(_knee.c[name] == value for name, value in place.items())).limit(1)


def _keep_grades(
    session: Session, file_id: str, knees: Mapping[int, EncodedKnee], maker: Maker, *, again: bool
) -> None:
    """Stores the grades as the current ones.

    Earlier grades are kept, except those of the same model, version and site's scale.
    """
    connection = session.connection()
    rows = [_grade_row(knee_id, knee, maker) for knee_id, knee in knees.items()]
    if again:
        of_file = _grade.c.knee_id.in_(select(_knee.c.id).where(_knee.c.file_id == file_id))
        connection.execute(update(_grade).where(of_file, _grade.c.is_current).values(is_current=False))
        rows = [row for row in rows if not replace_grade(session, row)]
    if rows:
        connection.execute(_ADD_GRADES, rows)


def replace_grade(session: Session, row: Mapping[str, Any]) -> bool:
    """Replaces the knee's former grade by the same release, version and scale; false if there is none."""
    same = (_grade.c[name] == row[name] for name in ("knee_id", "model_digest", "software_version", "site"))
    return session.connection().execute(update(_grade).where(*same).values(row)).rowcount > 0


def _grade_row(knee_id: int, knee: EncodedKnee, maker: Maker) -> dict[str, Any]:
    return {
        "knee_id": knee_id,
        "model_digest": maker.model_digest,
        "software_version": maker.software_version,
        "is_current": True,
        **grade_columns.to_columns(knee.grade),
        "heatmap": knee.heatmap,
        "joint_space": joint_space.to_json(knee.joint_space),
        "graded_at": maker.at,
    }


def _keep_pictures(
    session: Session, file_id: str, frame: EncodedFrame, knees: Mapping[int, EncodedKnee], *, again: bool
) -> None:
    if again:
        replaced = or_(_picture.c.knee_id.is_(None), _picture.c.knee_id.in_(knees))
        session.connection().execute(delete(_picture).where(_picture.c.file_id == file_id, replaced))
    rows: list[dict[str, Any]] = [{"file_id": file_id, "knee_id": None, "kind": PictureKind.FRAME, "data": frame.jpeg}]
    rows += [
        {"file_id": file_id, "knee_id": knee_id, "kind": PictureKind.CROP, "data": knee.crop}
        for knee_id, knee in knees.items()
    ]
    session.connection().execute(_ADD_PICTURES, rows)


def keep_refusals(session: Session, file_id: str, refused: Sequence[RefusedKnee], *, again: bool = False) -> None:
    """Stores the refused knees in place of the earlier ones: another model may refuse other knees."""
    connection = session.connection()
    if again:
        connection.execute(delete(_refusal).where(_refusal.c.file_id == file_id))
    for position, knee in enumerate(refused):
        x, y, width, height = (int(length) for length in knee.roi.box.as_list())
        place = {"file_id": file_id, "position": position, "x": x, "y": y, "width": width, "height": height}
        why = {"side": knee.roi.side, "code": knee.code, "detail": storable(knee.detail)}
        connection.execute(insert(_refusal), place | why)


def _keep_timings(session: Session, file_id: str, timings_ms: Mapping[str, float], *, again: bool) -> None:
    if again:
        session.connection().execute(delete(_timing).where(_timing.c.file_id == file_id))
    if timings_ms:
        rows = [{"file_id": file_id, "stage": stage, "ms": float(ms)} for stage, ms in timings_ms.items()]
        session.connection().execute(_ADD_TIMINGS, rows)
