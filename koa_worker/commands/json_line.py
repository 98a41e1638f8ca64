"""One outcome as the JSON object that `koa-worker process --json` prints; scripts parse it, so its keys stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from koa_worker.values import WIDTHS, Compartment, Completed, JointSpace, Outcome, Reading, RefusedKnee, Rejected, Study


def to_line(outcome: Outcome, path: Path, model: str, report: Path | None) -> dict[str, Any]:
    completed = outcome if isinstance(outcome, Completed) else None
    fault = None if isinstance(outcome, Completed) else outcome
    return {
        "path": str(path),
        "sha256": outcome.arrival.sha256,
        "outcome": type(outcome).__name__.lower(),
        "code": fault.code if fault else None,
        "detail": fault.detail if fault else None,
        "study": _study(_study_of(outcome)),
        "model": model,
        "report": str(report) if report else None,
        "legs": len(completed.readings) + len(completed.refused) if completed else None,
        "knees": [_knee(reading) for reading in completed.readings] if completed else [],
        "refused": [_refused(knee) for knee in completed.refused] if completed else [],
    }


def _study_of(outcome: Outcome) -> Study | None:
    match outcome:
        case Completed():
            return outcome.radiograph.study
        case Rejected():
            return outcome.study
        case _:
            return None


def _study(study: Study | None) -> dict[str, Any] | None:
    return {"study_uid": study.study_uid, "sop_uid": study.sop_uid, "view": study.view or None} if study else None


def _knee(reading: Reading) -> dict[str, Any]:
    grade = reading.grade
    return {
        "side": str(reading.roi.side),
        "box": reading.roi.box.as_list(),
        "kl": grade.kl,
        "probabilities": [round(probability, 6) for probability in grade.probabilities],
        "confidence": round(grade.confidence, 6),
        "oa_probability": round(grade.oa_probability, 6),
        "needs_review": grade.needs_review,
        "review_reasons": list(grade.review_reasons),
        "joint_space": _joint_space(reading.joint_space),
    }


def _joint_space(found: JointSpace | None) -> dict[str, Any] | None:
    """The compartments by their names; a width is None where the margins are not clear."""
    if found is None:
        return None
    parts = {str(part.name): _compartment(part) for part in found.compartments}
    return {**parts, "calibration": str(found.calibration), "tibial_width_px": round(found.tibial_width_px, 1)}


def _compartment(part: Compartment) -> dict[str, Any]:
    widths = {name: getattr(part, name) for name in WIDTHS}
    return {
        **{name: None if width is None else round(width, 4) for name, width in widths.items()},
        "clear": part.clear,
        "femoral": [list(point) for point in part.femoral],
        "tibial": [list(point) for point in part.tibial],
    }


def _refused(knee: RefusedKnee) -> dict[str, Any]:
    return {"side": str(knee.roi.side), "box": knee.roi.box.as_list(), "code": knee.code, "detail": knee.detail}
