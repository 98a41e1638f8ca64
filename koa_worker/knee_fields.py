"""The fields of a graded knee in all outputs: one table, from which every output is made.

JSON (the line of `process --json`, the API and its OpenAPI document) has the fields nested; tables (CSV, Parquet) have
them as columns. A field that is added to `KneeFields` is in all of them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from koa_worker import values
from koa_worker.report import words
from koa_worker.values import GRADES, WIDTHS, CompartmentName, KneeRoi, ReviewReason

GradeNumber = Annotated[int, Field(ge=0, le=4)]
Share = Annotated[float, Field(ge=0.0, le=1.000001)]  # a sum of rounded floats may be slightly above 1
SideWord = Literal["left", "right", "unknown"]
Calibration = Literal["calibrated", "detector", "none"]
Box = Annotated[
    list[int], Field(min_length=4, max_length=4, description="x, y, width, height in pixels of the stored image.")
]
Margin = Annotated[list[tuple[float, float]], Field(description="x, y in pixels of the stored image.")]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Compartment(_Fields):
    """One half's joint space; without widths where its margins are not clear."""

    min_mm: float | None
    mean_mm: float | None
    min_ratio: float | None = Field(description="As a share of the tibial width.")
    mean_ratio: float | None
    clear: bool
    femoral: Margin
    tibial: Margin


class JointSpace(_Fields):
    """The two compartments of a knee: medial and lateral, or named by their position in the image if unknown."""

    medial: Compartment | None = None
    lateral: Compartment | None = None
    picture_left: Compartment | None = None
    picture_right: Compartment | None = None
    calibration: Calibration = Field(
        description="The plane of the millimetres; the detector's has unknown magnification."
    )
    tibial_width_px: float


class KneeFields(_Fields):
    position: int = Field(description="In the image, from left to right.")
    side: SideWord
    box: Box
    whole_frame: bool = Field(description="The image was a crop of a knee already.")
    turned: int = Field(description="Number of quarter turns anticlockwise that make the knee upright.")
    kl: GradeNumber
    probabilities: list[Share] = Field(min_length=5, max_length=5, description="On the site's scale, if there is one.")
    confidence: Share
    oa_probability: Share = Field(description="P(KL ≥ 2).")
    agreement: Share | None = Field(
        description="Share of the model's predictions with the release's grade; null if there was only one."
    )
    strangeness: float | None = Field(
        description="Log odds against a knee like the training knees; null if it was not judged."
    )
    needs_review: bool
    review_reasons: list[str] = Field(description="Sentences for a reader.")
    review_codes: list[str] = Field(description="The same reasons for a program, see docs/review.md.")
    joint_space: JointSpace | None = Field(description="Null if the knee was not measured.")
    release_probabilities: list[Share] = Field(
        min_length=5, max_length=5, description="The release's own probabilities, before the site's scale."
    )
    site: str | None = Field(description="SHA-256 of the site's scale; null if the release's own scale is used.")


def describe(position: int, roi: KneeRoi, grade: values.Grade, joint_space: values.JointSpace | None) -> KneeFields:
    return KneeFields(
        position=position,
        side=roi.side.value,
        box=box_of(roi),
        whole_frame=bool(roi.whole_frame),
        turned=int(roi.turned),
        kl=int(grade.kl),
        probabilities=[float(share) for share in grade.probabilities],
        confidence=float(grade.confidence),
        oa_probability=float(grade.oa_probability),
        agreement=None if grade.agreement is None else float(grade.agreement),
        strangeness=None if grade.strangeness is None else float(grade.strangeness),
        **review_fields(grade.review_reasons),
        joint_space=_joint_space(joint_space) if joint_space else None,
        release_probabilities=[float(share) for share in grade.by_release],
        site=grade.site or None,
    )


def review_fields(reasons: Collection[ReviewReason]) -> dict[str, Any]:
    """Whether a person should review a knee, and why: as sentences for a reader and as codes for a program."""
    return {
        "needs_review": bool(reasons),
        "review_reasons": [words.review_reason(reason) for reason in reasons],
        "review_codes": [reason.code.value for reason in reasons],
    }


def box_of(roi: KneeRoi) -> list[int]:
    return [int(length) for length in roi.box.as_list()]


def _joint_space(space: values.JointSpace) -> JointSpace:
    parts: dict[str, Any] = {part.name.value: _compartment(part) for part in space.compartments}
    return JointSpace(**parts, calibration=space.calibration.value, tibial_width_px=float(space.tibial_width_px))


def _compartment(part: values.Compartment) -> Compartment:
    widths = {name: None if (width := getattr(part, name)) is None else float(width) for name in WIDTHS}
    return Compartment(**widths, clear=bool(part.clear), femoral=list(part.femoral), tibial=list(part.tibial))


# The fields that a table has under other names, or as several columns; any other is one column of its name.
_COLUMNS_OF: dict[str, dict[str, Any]] = {
    "position": {"knee": int},
    "side": {"side": str},
    "box": dict.fromkeys(("box_x", "box_y", "box_width", "box_height"), int),
    "probabilities": dict.fromkeys((f"p{kl}" for kl in GRADES), float),
    "agreement": {"agreement": float},
    "strangeness": {"strangeness": float},
    "joint_space": dict.fromkeys(
        ("tibial_width_px", *(f"{name}_{width}" for name in CompartmentName for width in WIDTHS)), float
    ),
    "release_probabilities": dict.fromkeys((f"release_p{kl}" for kl in GRADES), float),
    "site": {"site": str},
}

COLUMNS: dict[str, Any] = {  # of a table, with the types of their values
    column: kind
    for name, field in KneeFields.model_fields.items()
    for column, kind in _COLUMNS_OF.get(name, {name: field.annotation}).items()
}


def to_columns(knee: KneeFields) -> dict[str, Any]:
    """A value for each of `COLUMNS`."""
    row: dict[str, Any] = {}
    for name in KneeFields.model_fields:
        value, columns = getattr(knee, name), _COLUMNS_OF.get(name, {name: None})
        several = _widths(value) if name == "joint_space" else value if len(columns) > 1 else [value]
        row |= zip(columns, several, strict=True)
    return row


def _widths(space: JointSpace | None) -> list[float | None]:
    parts = [getattr(space, name, None) for name in CompartmentName]
    widths = [getattr(part, width, None) for part in parts for width in WIDTHS]
    return [space.tibial_width_px if space else None, *widths]


def refused_columns(position: int, knee: values.RefusedKnee) -> dict[str, Any]:
    """The same columns for a knee without a grade, and the code of the reason."""
    box = dict(zip(_COLUMNS_OF["box"], box_of(knee.roi), strict=True))
    return {"knee": position, "side": knee.roi.side.value, **box, "turned": int(knee.roi.turned), "refused": knee.code}
