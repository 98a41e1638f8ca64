"""The content of a report as frozen values; every image in it is already encoded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from koa_worker.report.picture import Picture
from koa_worker.study.earlier import NO_EXAMS, Course, PatientExams
from koa_worker.study.knees import StudyKnee
from koa_worker.values import Grade, GradedBy, JointSpace, KneeRoi, Patient, RefusedKnee, Side, Spacing, Study

_SIDE_ORDER = {Side.RIGHT: 0, Side.UNKNOWN: 1, Side.LEFT: 2}


@dataclass(frozen=True, slots=True)
class KneeEntry:
    """One graded knee."""

    roi: KneeRoi
    grade: Grade
    crop: Picture  # as the model saw it
    overlay: Picture  # the same with the heatmap over it
    joint_space: JointSpace | None = None
    position: int = 0  # in its image, from left to right


@dataclass(frozen=True, slots=True)
class RejectedEntry:
    """One file of the study that was not graded; its sentence and remedy come from the error catalogue."""

    id: str
    code: str
    detail: str = ""
    refused: tuple[RefusedKnee, ...] = ()  # its knees, each with its own reason
    unseen: tuple[Side, ...] = ()  # knees that only its header names, if the study has no grade at all


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One graded file of the study."""

    id: str  # the arrival's id
    number: int  # in its study; the same in every revision
    format: str
    view: str
    taken: datetime | None
    columns: int  # of the stored image, in whose pixels the boxes are
    rows: int
    spacing: Spacing | None
    frame: Picture  # the whole radiograph, at any size
    knees: tuple[KneeEntry, ...]
    patient_differs: bool = False  # the file names another patient than its study
    identity_taken: bool = False  # an earlier file with other content has the same SOP Instance UID
    refused: tuple[RefusedKnee, ...] = ()  # its knees that were not graded


@dataclass(frozen=True, slots=True)
class StudyReport:
    """The whole content of one revision of a study's report."""

    id: str  # names the report without naming the patient
    revision: int
    made_at: datetime  # aware
    patient: Patient
    study: Study
    images: tuple[ImageEntry, ...]  # in the order in which they are shown
    rejected: tuple[RejectedEntry, ...]
    graded_by: GradedBy
    study_knees: tuple[StudyKnee, ...]  # one for each knee of the images
    courses: tuple[Course, ...] = ()  # of the knees that have an earlier exam
    exams: PatientExams = NO_EXAMS


def knees_in_reading_order(image: ImageEntry) -> tuple[KneeEntry, ...]:
    """The patient's right knee first, as a frontal radiograph shows it. Without sides: from left to right."""
    knees = sorted(image.knees, key=lambda knee: knee.roi.box.x)
    if {Side.LEFT, Side.RIGHT} <= {knee.roi.side for knee in knees}:
        knees.sort(key=lambda knee: _SIDE_ORDER[knee.roi.side])
    return tuple(knees)
