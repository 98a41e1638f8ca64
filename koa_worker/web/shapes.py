"""What the JSON API takes and gives; the OpenAPI document is made of these."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from koa_worker.knee_fields import Box, Calibration, GradedKnee, GradeNumber, Share, SideWord

LONGEST_COMMENT = 2000

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Explained(Shape):
    code: str = Field(description="One of docs/errors.md.")
    sentence: str
    remedy: str


class Refused(Shape):
    error: Explained


class Me(Shape):
    name: str
    role: Literal["view", "read", "admin"]
    may_see_patients: bool
    csrf: str = Field(description="To be shown as X-CSRF-Token by a browser's script.")


class Counts(Shape):
    waiting: int
    working: int
    completed: int
    rejected: int
    failed: int
    duplicate: int
    parked: int
    done_today: int
    review: int
    limit: int = Field(description="No further is counted: a number that reaches it means at least so many.")


class Upload(Shape):
    id: Id
    state: Literal["waiting", "working", "completed", "rejected", "failed"]
    is_duplicate: bool = Field(description="The same bytes came before: the result is that of the earlier file.")
    sha256: str
    size: int
    name: str | None = Field(description="As the sender called it; null for who may not see patients.")
    at: datetime
    error: Explained | None = Field(description="Of a rejected or failed file: why, and what to do.")
    file_id: Id | None
    study: Id | None
    url: str
    study_url: str | None


class Result(Shape):
    """A graded knee, or a file without one."""

    file_id: Id
    study: Id | None
    state: Literal["waiting", "working", "completed", "rejected", "failed", "duplicate"]
    code: str | None
    arrived_at: datetime
    settled_at: datetime | None
    patient_name: str | None
    patient_id: str | None
    view: str
    side: SideWord
    kl: GradeNumber | None
    confidence: Share | None
    oa_probability: Share | None
    needs_review: bool
    review_reasons: list[str] = Field(description="Sentences for a reader.")
    review_codes: list[str] = Field(description="The same reasons for a program, see docs/review.md.")
    study_url: str | None


class Results(Shape):
    results: list[Result]
    next: str | None = Field(description="The address of the next page.")


class Patient(Shape):
    """Null for who may not see it."""

    name: str
    id: str
    birth_date: date | None
    sex: str
    accession: str
    description: str
    institution: str
    study_date: str | None = Field(description="As the hospital's clock showed it: ISO 8601 without a zone.")


class Knee(GradedKnee):
    model: str
    graded_at: datetime
    crop_url: str
    heatmap_url: str


class RefusedKnee(Shape):
    """A knee beside one that was graded, and why it has no grade."""

    side: SideWord
    box: Box
    error: Explained


class Image(Shape):
    file_id: Id
    format: str
    view: str
    laterality: Literal["left", "right", "both", "unknown"]
    width: int
    height: int
    row_mm: float | None
    column_mm: float | None
    spacing_source: Calibration
    arrived_at: datetime
    frame_url: str
    knees: list[Knee]
    refused: list[RefusedKnee]


class RejectedFile(Shape):
    file_id: Id
    arrived_at: datetime
    error: Explained


class Reading(Shape):
    """What a reader said of a knee, and what the machine said of it then."""

    file_id: Id
    position: int
    side: SideWord
    reader: str
    kl: GradeNumber
    machine_kl: GradeNumber
    comment: str | None = Field(description="Null for who may not see patients, as it may name one.")
    at: datetime


class Study(Shape):
    key: Id
    study_uid: str
    created_at: datetime
    patient: Patient | None
    images: list[Image]
    rejected: list[RejectedFile]
    readings: list[Reading]
    report_revision: int = Field(description="0: none is written yet.")
    report_url: str
    dicom_url: str
    notice: str


class NewReading(Shape):
    """A reader's own grade of one knee."""

    file_id: Id
    position: int = Field(ge=0, le=100)
    kl: GradeNumber
    comment: str = Field(default="", max_length=LONGEST_COMMENT)


class Agreement(Shape):
    """How often which grade of a reader (row) met which of the machine (column)."""

    readers: dict[str, list[list[int]]]
