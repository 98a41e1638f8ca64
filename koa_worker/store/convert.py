"""Rows to the values that leave the store."""

from __future__ import annotations

from koa_worker.store.pictures import decode_crop, decode_heatmap
from koa_worker.store.records import FileRecord, ImageRecord, KneeRecord, RejectedRecord
from koa_worker.store.schema import File, Image, Knee, Model
from koa_worker.store.schema import Grade as GradeRow
from koa_worker.values import Box, Grade, Heatmap, KneeRoi, Spacing


def to_file_record(file: File) -> FileRecord:
    return FileRecord(
        id=file.id,
        sha256=file.sha256,
        size=file.size,
        name=file.name,
        state=file.state,
        code=file.code,
        detail=file.detail,
        starts=file.starts,
        tries=file.tries,
        next_try_at=file.next_try_at,
        worker=file.worker,
        arrived_at=file.arrived_at,
        started_at=file.started_at,
        settled_at=file.settled_at,
        filed_as=file.filed_as,
        duplicate_of=file.duplicate_of,
        study_key=file.study_key,
    )


def to_knee_record(knee: Knee, grade: GradeRow, model: Model, crop: bytes) -> KneeRecord:
    return KneeRecord(
        roi=KneeRoi(Box(knee.x, knee.y, knee.width, knee.height), knee.side, knee.whole_frame),
        grade=to_grade(grade, model.name),
        heatmap=Heatmap(decode_heatmap(grade.heatmap), grade.kl),
        crop=decode_crop(crop),
        model_digest=model.digest,
        software_version=grade.software_version,
        graded_at=grade.graded_at,
    )


def to_grade(row: GradeRow, model: str) -> Grade:
    return Grade(
        kl=row.kl,
        probabilities=(row.p0, row.p1, row.p2, row.p3, row.p4),
        confidence=row.confidence,
        oa_probability=row.oa_probability,
        agreement=row.agreement,
        needs_review=row.needs_review,
        review_reasons=tuple(row.review_reasons),
        model=model,
    )


def to_spacing(image: Image) -> Spacing | None:
    if image.row_mm is None or image.column_mm is None:
        return None
    return Spacing(image.row_mm, image.column_mm, image.spacing_source)


def to_image_record(
    image: Image, file: File, frame: bytes, knees: tuple[KneeRecord, ...], timings_ms: dict[str, float]
) -> ImageRecord:
    return ImageRecord(
        file_id=file.id,
        sha256=file.sha256,
        sop_uid=image.sop_uid,
        series_uid=image.series_uid,
        sop_class_uid=image.sop_class_uid,
        modality=image.modality,
        body_part=image.body_part,
        view=image.view,
        laterality=image.laterality,
        column_zero_side=image.column_zero_side,
        format=image.format,
        width=image.width,
        height=image.height,
        spacing=to_spacing(image),
        details=dict(image.details),
        frame_jpeg=frame,
        knees=knees,
        timings_ms=timings_ms,
        arrived_at=file.arrived_at,
        conflicts_with=image.conflicts_with,
        patient_differs=image.patient_differs,
    )


def to_rejected_record(file: File) -> RejectedRecord:
    return RejectedRecord(file.id, file.sha256, file.code or "", file.detail or "", file.arrived_at)
