"""Keeps what a file's grading brought: its study, its frame, each knee with its grade, the pictures of the report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from koa_worker.store.columns import storable
from koa_worker.store.journal import record_event
from koa_worker.store.lifecycle import get_file, require, settle, settle_as_duplicate, settled, settled_twin
from koa_worker.store.pictures import encode_crop, encode_frame, encode_heatmap
from koa_worker.store.records import Settled, State
from koa_worker.store.schema import File, Grade, Image, Knee, Model, Picture, PictureKind, Timing
from koa_worker.store.studies import find_or_add_study
from koa_worker.values import Completed, Radiograph, Reading, SpacingSource


@dataclass(frozen=True, slots=True)
class Maker:
    """Who graded, and when."""

    model_digest: str
    software_version: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Drawn:
    """An outcome's pictures, encoded before the transaction so that nobody waits for it."""

    frame: bytes
    crops: tuple[bytes, ...]


def draw(outcome: Completed) -> Drawn:
    crops = tuple(encode_crop(reading.crop) for reading in outcome.readings)
    return Drawn(encode_frame(outcome.radiograph.pixels), crops)


def complete(
    session: Session, file_id: str, outcome: Completed, *, drawn: Drawn, maker: Maker, filed_as: str
) -> Settled:
    """Ends the file with its grades.

    A file that is completed already gets these grades as its current ones and keeps the former: that is a regrade, or
    the same result again after a crash.
    """
    file = get_file(session, file_id)
    require(file, State.WORKING, State.COMPLETED)
    file.filed_as = filed_as
    if file.state is State.WORKING:
        twin = settled_twin(session, file.sha256)
        # Two workers had the same bytes in hand; the first one's result counts.
        if twin is not None and twin.state is State.COMPLETED and twin.study_key is not None:
            settle_as_duplicate(session, file, twin, maker.at)
            return settled(session, file)
    again = file.state is State.COMPLETED
    _keep_image(session, file, outcome.radiograph, drawn.frame, maker.at)
    _keep_model(session, outcome, maker)
    _retire_grades(session, file.id)
    for position, (reading, crop) in enumerate(zip(outcome.readings, drawn.crops, strict=True)):
        knee = _keep_knee(session, file.id, position, reading)
        _keep_picture(session, file.id, knee.id, PictureKind.CROP, crop)
        _keep_grade(session, knee.id, reading, maker)
    _keep_timings(session, file.id, outcome.timings_ms)
    if not again:
        file.code = file.detail = None
        settle(file, State.COMPLETED, maker.at)
    record_event(session, file.id, "regraded" if again else "completed", maker.at, f"knees: {len(outcome.readings)}")
    return settled(session, file)


def to_regrade(session: Session, model_digest: str, after: str, limit: int) -> tuple[str, ...]:
    """Ids of graded files whose current grades are not this model's."""
    by_others = select(Knee.file_id).join(Grade, (Grade.knee_id == Knee.id) & Grade.is_current)
    by_others = by_others.where(Grade.model_digest != model_digest, Knee.file_id > after).distinct()
    return tuple(session.scalars(by_others.order_by(Knee.file_id).limit(limit)))


def _keep_image(session: Session, file: File, radiograph: Radiograph, frame: bytes, at: datetime) -> None:
    study, patient_differs = find_or_add_study(session, radiograph.study, radiograph.patient, at)
    study.changes += 1
    file.study_key = study.key
    image = session.get(Image, file.id)
    if image is None:
        image = Image(file_id=file.id, conflicts_with=_earlier_with_same_uid(session, file, radiograph))
        session.add(image)
        if image.conflicts_with is not None:
            record_event(session, file.id, "conflict", at, image.conflicts_with)
        if patient_differs:
            record_event(session, file.id, "patient_differs", at)
    image.study_key, image.patient_differs = study.key, patient_differs
    _describe(image, radiograph)
    session.flush()
    _keep_picture(session, file.id, None, PictureKind.FRAME, frame)


def _earlier_with_same_uid(session: Session, file: File, radiograph: Radiograph) -> str | None:
    same_uid = select(Image.file_id).join(File, File.id == Image.file_id)
    same_uid = same_uid.where(Image.sop_uid == storable(radiograph.study.sop_uid), File.sha256 != file.sha256)
    return session.scalars(same_uid.order_by(File.settled_at, File.id).limit(1)).first()


def _describe(image: Image, radiograph: Radiograph) -> None:
    study, spacing = radiograph.study, radiograph.spacing
    image.sop_uid, image.series_uid, image.sop_class_uid = study.sop_uid, study.series_uid, study.sop_class_uid
    image.modality, image.body_part, image.view = study.modality, study.body_part, study.view
    image.laterality, image.column_zero_side = radiograph.laterality, radiograph.column_zero_side
    image.format = radiograph.format
    image.height, image.width = (int(length) for length in radiograph.pixels.shape)
    image.row_mm = float(spacing.row_mm) if spacing else None
    image.column_mm = float(spacing.column_mm) if spacing else None
    image.spacing_source = spacing.source if spacing else SpacingSource.NONE
    image.details = {storable(name): storable(value) for name, value in radiograph.details.items()}


def _keep_model(session: Session, outcome: Completed, maker: Maker) -> None:
    if outcome.readings and session.get(Model, maker.model_digest) is None:
        name = outcome.readings[0].grade.model
        session.add(Model(digest=maker.model_digest, name=name, first_used_at=maker.at))
        session.flush()


def _retire_grades(session: Session, file_id: str) -> None:
    of_file = select(Knee.id).where(Knee.file_id == file_id)
    session.execute(update(Grade).where(Grade.knee_id.in_(of_file), Grade.is_current).values(is_current=False))


def _keep_knee(session: Session, file_id: str, position: int, reading: Reading) -> Knee:
    x, y, width, height = (int(length) for length in reading.roi.box.as_list())
    place = {"file_id": file_id, "position": position, "x": x, "y": y, "width": width, "height": height}
    knee = session.scalars(select(Knee).filter_by(**place)).first()
    if knee is None:
        knee = Knee(**place)
        session.add(knee)
    knee.side, knee.whole_frame = reading.roi.side, bool(reading.roi.whole_frame)
    session.flush()
    return knee


def _keep_grade(session: Session, knee_id: int, reading: Reading, maker: Maker) -> None:
    by = {"knee_id": knee_id, "model_digest": maker.model_digest, "software_version": maker.software_version}
    row = session.scalars(select(Grade).filter_by(**by)).first()
    if row is None:
        row = Grade(**by)
        session.add(row)
    grade = reading.grade
    row.is_current, row.graded_at = True, maker.at
    row.kl = int(grade.kl)
    row.p0, row.p1, row.p2, row.p3, row.p4 = map(float, grade.probabilities)
    row.confidence, row.agreement = float(grade.confidence), float(grade.agreement)
    row.oa_probability = float(grade.oa_probability)
    row.needs_review, row.review_reasons = bool(grade.needs_review), list(grade.review_reasons)
    row.heatmap = encode_heatmap(reading.heatmap.values)


def _keep_picture(session: Session, file_id: str, knee_id: int | None, kind: PictureKind, data: bytes) -> None:
    subject = (Picture.file_id == file_id, Picture.knee_id == knee_id, Picture.kind == kind)
    session.execute(delete(Picture).where(*subject))
    session.add(Picture(file_id=file_id, knee_id=knee_id, kind=kind, data=data))


def _keep_timings(session: Session, file_id: str, timings_ms: dict[str, float]) -> None:
    session.execute(delete(Timing).where(Timing.file_id == file_id))
    session.add_all(Timing(file_id=file_id, stage=stage, ms=float(ms)) for stage, ms in timings_ms.items())
