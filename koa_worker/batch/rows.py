"""An outcome as rows of the results: one per knee, or one with the reason why there is none.

They contain no times, so that they are the same in every run. A rejected file that shows knees has one row for each of
them, with the reason why the file was rejected.
"""

from __future__ import annotations

from koa_worker import knee_fields
from koa_worker.batch.entries import Ending, Row
from koa_worker.values import (
    Completed,
    Failed,
    GradedBy,
    GradedKnee,
    Outcome,
    Radiograph,
    Rejected,
    SpacingSource,
    Study,
)


def rows_of(outcome: Outcome, place: str, graded_by: GradedBy) -> tuple[Row, ...]:
    common = {
        "file_id": outcome.arrival.id,
        "source": place,
        "sha256": outcome.arrival.sha256 or None,
        "size": outcome.arrival.size,
        "outcome": ending_of(outcome),
        "model": graded_by.model,
        "model_digest": graded_by.digest,
        "software_version": graded_by.software,
    }
    knees: list[Row] = []
    match outcome:
        case Completed():
            common |= _study(outcome.radiograph.study) | _frame(outcome.radiograph)
            knees += (_knee(number, knee) for number, knee in enumerate(outcome.knees))
        case Rejected():
            common |= _study(outcome.study) if outcome.study else {}
    if not isinstance(outcome, Completed):
        common |= {"code": outcome.code, "detail": outcome.detail or None}
    if not isinstance(outcome, Failed):
        knees += (knee_fields.refused_columns(number, knee) for number, knee in enumerate(outcome.refused))
    return tuple(common | {"legs": len(knees)} | knee for knee in knees) or (common,)


def ending_of(outcome: Outcome) -> Ending:
    match outcome:
        case Completed():
            return "completed"
        case Rejected():
            return "rejected"
    return "failed"


def _study(study: Study) -> Row:
    return {
        "study_uid": study.study_uid,
        "series_uid": study.series_uid,
        "sop_uid": study.sop_uid,
        "modality": study.modality,
        "view": study.view,
    }


def _frame(radiograph: Radiograph) -> Row:
    spacing = radiograph.spacing
    height, width = radiograph.pixels.shape
    return {
        "format": radiograph.format,
        "image_width": int(width),
        "image_height": int(height),
        "row_mm": float(spacing.row_mm) if spacing else None,
        "column_mm": float(spacing.column_mm) if spacing else None,
        "spacing_source": str(spacing.source if spacing else SpacingSource.NONE),
    }


def _knee(number: int, knee: GradedKnee) -> Row:
    return knee_fields.to_columns(knee_fields.describe(number, knee.roi, knee.grade, knee.joint_space))
