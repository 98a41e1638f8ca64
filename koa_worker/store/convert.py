"""Converts rows to the values that the store returns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from koa_worker.store.database.schema import FileRow
from koa_worker.store.encoding import grade_columns, joint_space
from koa_worker.store.records.files import FileRecord
from koa_worker.store.records.studies import ImageRecord, KneeRecord, RejectedRecord, UngradedRecord
from koa_worker.study.correction import Corrected, Correction, Geometry
from koa_worker.values import Box, Fingerprint, Heatmap, KneeRoi, RefusedKnee, Spacing, SpacingSource


def to_file_record(file: FileRow) -> FileRecord:
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


def to_knee_record(row: Row[Any]) -> KneeRecord:
    """Converts a row of a knee with its current grade, its model's name and its crop."""
    from koa_worker.store.encoding.pictures import decode_crop, decode_heatmap  # noqa: PLC0415

    grade = grade_columns.from_row(row)
    return KneeRecord(
        position=row.position,
        roi=to_roi(row),
        grade=grade,
        heatmap=Heatmap(decode_heatmap(row.heatmap), grade.release_kl),
        crop=decode_crop(row.crop),
        model_digest=row.model_digest,
        software_version=row.software_version,
        graded_at=row.graded_at,
        joint_space=joint_space.from_json(row.joint_space),
    )


def to_roi(row: Row[Any]) -> KneeRoi:
    return KneeRoi(Box(row.x, row.y, row.width, row.height), row.side, row.whole_frame, turned=row.turned)


def to_refused_knee(row: Row[Any]) -> RefusedKnee:
    return RefusedKnee(KneeRoi(Box(row.x, row.y, row.width, row.height), row.side), row.code, row.detail)


def to_spacing(row: Row[Any]) -> Spacing | None:
    return spacing_of(row.row_mm, row.column_mm, row.spacing_source)


def to_image_record(row: Row[Any], knees: tuple[KneeRecord, ...], refused: tuple[RefusedKnee, ...]) -> ImageRecord:
    """Converts a row of an image with its file's hash and arrival and its small frame."""
    return ImageRecord(
        file_id=row.file_id,
        sha256=row.sha256,
        sop_uid=row.sop_uid,
        series_uid=row.series_uid,
        sop_class_uid=row.sop_class_uid,
        modality=row.modality,
        body_part=row.body_part,
        view=row.view,
        weight_bearing=row.weight_bearing,
        laterality=row.laterality,
        column_zero_side=row.column_zero_side,
        format=row.format,
        width=row.width,
        height=row.height,
        spacing=to_spacing(row),
        details=dict(row.details),
        frame_jpeg=row.frame,
        knees=knees,
        refused=refused,
        arrived_at=row.arrived_at,
        fingerprint=Fingerprint(row.pixels_digest, row.shown_digest, row.header_digest),
        conflicts_with=row.conflicts_with,
        patient_differs=row.patient_differs,
        number=row.number,
        taken_at=row.acquired_at or row.content_at,
        correction=to_correction(row) if row.corrected_at is not None else None,
    )


def to_correction(row: Any) -> Correction:
    """Converts a row with the columns of `corrections`, whose time is called `corrected_at`."""
    said, own = ("said_row_mm", "said_column_mm", "said_spacing_source"), ("own_row_mm", "own_column_mm", "own_source")
    return Correction(
        Corrected(row.own_laterality, row.own_column_zero_side, spacing_of(*(getattr(row, name) for name in own))),
        Geometry(row.said_laterality, row.said_column_zero_side, spacing_of(*(getattr(row, name) for name in said))),
        row.corrected_by,
        row.corrected_at,
    )


def spacing_of(row_mm: float | None, column_mm: float | None, source: SpacingSource | None) -> Spacing | None:
    """The pixel size from three columns; None if one of them is empty."""
    if row_mm is None or column_mm is None or source is None:
        return None
    return Spacing(row_mm, column_mm, source)


def to_rejected_record(row: Any, refused: tuple[RefusedKnee, ...], ungraded: UngradedRecord | None) -> RejectedRecord:
    return RejectedRecord(row.id, row.sha256, row.code or "", row.detail or "", row.arrived_at, refused, ungraded)
