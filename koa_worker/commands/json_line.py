"""One outcome as the JSON object of `koa-worker process --json`. Scripts parse it: keys may be added, not changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from koa_worker import RESEARCH_NOTICE, knee_fields
from koa_worker.values import Completed, GradedKnee, Outcome, RefusedKnee, Rejected, Study

_DIGITS = {"joint_space": 4}  # decimals of the fields that have fewer than six


def to_line(outcome: Outcome, path: Path, model: str, report: Path | None) -> dict[str, Any]:
    completed = outcome if isinstance(outcome, Completed) else None
    fault = None if isinstance(outcome, Completed) else outcome
    knees = [_knee(position, knee) for position, knee in enumerate(completed.knees)] if completed else []
    refused = [_refused(knee) for knee in outcome.refused] if isinstance(outcome, Completed | Rejected) else []
    return {
        "path": str(path),
        "sha256": outcome.arrival.sha256,
        "outcome": type(outcome).__name__.lower(),
        "code": fault.code if fault else None,
        "detail": fault.detail if fault else None,
        "study": _study(_study_of(outcome)),
        "model": model,
        "report": str(report) if report else None,
        "legs": len(knees) + len(refused) or None,
        "knees": knees,
        "refused": refused,
        "notice": RESEARCH_NOTICE,
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


def _knee(position: int, knee: GradedKnee) -> dict[str, Any]:
    known = knee_fields.describe(position, knee.roi, knee.grade, knee.joint_space)
    fields: dict[str, Any] = known.model_dump(mode="json", exclude_unset=True)
    return {name: _rounded(value, _DIGITS.get(name, 6)) for name, value in fields.items()}


def _rounded(value: Any, digits: int) -> Any:
    match value:
        case float():
            return round(value, digits)
        case list():
            return [_rounded(part, digits) for part in value]
        case dict():
            return {name: _rounded(part, digits) for name, part in value.items()}
    return value


def _refused(knee: RefusedKnee) -> dict[str, Any]:
    return {"side": str(knee.roi.side), "box": knee.roi.box.as_list(), "code": knee.code, "detail": knee.detail}
