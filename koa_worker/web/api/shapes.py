"""The shapes of the JSON API's requests and answers; the OpenAPI document is made from them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from koa_worker.knee_fields import Box, Calibration, GradeNumber, KneeFields, Share, SideWord

LONGEST_COMMENT = 2000

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Explained(Shape):
    code: str = Field(description="A code from docs/errors.md.")
    sentence: str
    remedy: str


class Refused(Shape):
    error: Explained


class Me(Shape):
    name: str
    role: Literal["view", "read", "admin"]
    may_see_patients: bool
    csrf: str = Field(description="A browser's script must send it in the header X-CSRF-Token.")


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
    limit: int = Field(2**53 - 1, description="Counts are exact. No count reaches this; it used to be a limit.")


class Upload(Shape):
    id: Id
    state: Literal["waiting", "working", "completed", "rejected", "failed"]
    is_duplicate: bool = Field(
        description="The same content was received before; the result is that of the earlier file."
    )
    sha256: str
    size: int
    name: str | None = Field(description="The sender's name for the file; null if the role does not see patient data.")
    at: datetime
    error: Explained | None = Field(description="The reason and the remedy for a rejected or failed file.")
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
    images: int = Field(description="The images of this knee in its study; this is the one whose grade stands.")
    lowest_kl: GradeNumber | None = Field(description="The lowest grade among these images.")
    highest_kl: GradeNumber | None
    study_url: str | None


class Results(Shape):
    results: list[Result]
    next: str | None = Field(description="The URL of the next page.")


class Patient(Shape):
    """Patient data; null if the role does not see it."""

    name: str
    id: str
    birth_date: date | None
    sex: str
    accession: str
    description: str
    institution: str
    study_date: str | None = Field(description="Local time of the hospital, in ISO 8601 without a time zone.")


class Knee(KneeFields):
    model: str
    graded_at: datetime
    crop_url: str
    heatmap_url: str


class RefusedKnee(Shape):
    """A knee that was seen, and why it has no grade."""

    side: SideWord
    box: Box
    error: Explained


class Image(Shape):
    file_id: Id
    number: int | None = Field(description="As in the report; null until a report shows the image.")
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


class KneePlace(Shape):
    """A knee in one image of the study."""

    file_id: Id
    position: int
    kl: GradeNumber


class SpaceChange(Shape):
    compartment: Literal["medial", "lateral"]
    then_mm: float
    now_mm: float
    is_change: bool = Field(description="Whether the difference is more than the measurement's repeatability.")


class EarlierKnee(Shape):
    """The knee at the patient's earlier exam."""

    study: Id
    date: date
    days: int = Field(description="The number of days between the two exams.")
    kl: GradeNumber
    kl_change: int
    same_model: bool = Field(description="Whether one model release gave both grades.")
    joint_space: list[SpaceChange]
    not_compared: Literal["not_measured", "view", "spacing"] | None = Field(
        description="Why the joint space is not compared."
    )
    repeatable_mm: float = Field(description="A smaller difference of two widths is within the measurement's scatter.")


class StudyKnee(Shape):
    """One knee of the study, from all its images."""

    side: SideWord
    stands: KneePlace = Field(description="The image whose grade stands, see docs/earlier-exams.md.")
    others: list[KneePlace]
    needs_review: bool
    review_reasons: list[str]
    review_codes: list[str]
    earlier: EarlierKnee | None = Field(description="Null without an earlier exam or the right to see patients.")


class RejectedFile(Shape):
    file_id: Id
    arrived_at: datetime
    error: Explained
    refused: list[RefusedKnee]


class Reading(Shape):
    """A reader's grade of a knee, and the model's grade at that time."""

    file_id: Id
    position: int
    side: SideWord
    reader: str
    kl: GradeNumber
    machine_kl: GradeNumber
    blind: bool | None = Field(description="Whether the reader had not been shown the model's grade; null: unknown.")
    comment: str | None = Field(
        description="Null if the role does not see patient data, because a comment may name a patient."
    )
    at: datetime


class Study(Shape):
    key: Id
    study_uid: str | None = Field(description="The PACS's own UID; null for roles that may not see patients.")
    created_at: datetime
    patient: Patient | None
    knees: list[StudyKnee]
    newest_exam: date | None = Field(description="If this is an earlier exam: the day of the patient's newest one.")
    exam_not_taken: bool = Field(description="Another exam under this patient ID could not be confirmed.")
    images: list[Image]
    rejected: list[RejectedFile]
    readings: list[Reading]
    report_revision: int = Field(description="0: no report is written yet.")
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
    """Counts of knees by the reader's grade (row) and the model's grade (column)."""

    readers: dict[str, list[list[int]]]
