"""Studies with their images and graded knees, as a report needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from koa_worker.study.correction import Correction
from koa_worker.study.earlier import NO_EXAMS, Course, PatientExams, courses
from koa_worker.study.knees import SeenKnee, StudyKnee, bring_together
from koa_worker.values import (
    Fingerprint,
    Grade,
    GradedBy,
    Heatmap,
    JointSpace,
    KneeRoi,
    Laterality,
    Patient,
    RefusedKnee,
    Side,
    Spacing,
)

if TYPE_CHECKING:  # processes that handle no pixels start without loading NumPy
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class OwedReport:
    """A study whose report is out of date and not begun."""

    study_key: str
    ready: bool  # no more images have arrived for long enough


@dataclass(frozen=True, slots=True, eq=False)
class KneeRecord:
    """A knee with its current grade."""

    position: int  # position in the image, from left to right
    roi: KneeRoi
    grade: Grade
    heatmap: Heatmap
    crop: NDArray[np.uint8]  # 224×224, as the model saw it
    model_digest: str
    software_version: str
    graded_at: datetime
    joint_space: JointSpace | None


@dataclass(frozen=True, slots=True, eq=False)
class ImageRecord:
    """A graded image of a study."""

    file_id: str
    sha256: str
    sop_uid: str
    series_uid: str
    sop_class_uid: str
    modality: str
    body_part: str
    view: str
    weight_bearing: bool
    laterality: Laterality
    column_zero_side: str
    format: str
    width: int  # of the stored image, in whose pixels the boxes are
    height: int
    spacing: Spacing | None
    details: Mapping[str, str]
    frame_jpeg: bytes = field(repr=False)  # the whole frame, at most 900 pixels long
    knees: tuple[KneeRecord, ...]  # from left to right
    refused: tuple[RefusedKnee, ...]  # the other knees, which have no grade
    arrived_at: datetime
    fingerprint: Fingerprint
    conflicts_with: str | None  # an earlier file with the same SOP Instance UID and other pixels
    patient_differs: bool  # the file names another patient than its study
    number: int | None  # in its study; None until a report shows the image
    taken_at: datetime | None  # by the hospital's clock: when it was acquired, or else when its content was made
    correction: Correction | None = None  # a person's last correction of sides or pixel size


@dataclass(frozen=True, slots=True)
class UngradedRecord:
    """A rejected file that is about a knee."""

    named: tuple[Side, ...]  # the knees that its header names
    looked: GradedBy
    at: datetime
    patient_differs: bool  # the file names another patient than its study


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A file of a study that could not be graded."""

    file_id: str
    sha256: str
    code: str
    detail: str
    arrived_at: datetime
    refused: tuple[RefusedKnee, ...]  # the knees that were found in it, from left to right
    ungraded: UngradedRecord | None = None  # if the file is about a knee

    @property
    def unseen(self) -> tuple[Side, ...]:
        """The knees that its header names but that were not found; one found on another side may be any of them."""
        named = self.ungraded.named if self.ungraded else ()
        seen = [knee.roi.side for knee in self.refused]
        elsewhere = sum(side not in named for side in seen)
        return tuple(side for side in named if side not in seen)[elsewhere:]


@dataclass(frozen=True, slots=True, eq=False)
class StudyRecord:
    """Everything that a report of a study needs."""

    key: str
    study_uid: str
    patient: Patient = field(repr=False)
    accession: str = field(repr=False)
    description: str = field(repr=False)
    institution: str = field(repr=False)
    date: datetime | None = field(repr=False)  # as the hospital's clock showed it
    images: tuple[ImageRecord, ...]  # in the order in which they were taken
    rejected: tuple[RejectedRecord, ...]
    report_revision: int  # of the last report recorded; 0 if there is none
    created_at: datetime  # when its first file was settled
    exams: PatientExams = NO_EXAMS  # the patient's other exams

    @property
    def knees(self) -> tuple[StudyKnee, ...]:
        """One line for each knee, from all images."""
        return bring_together(_seen(image, knee) for image in self.images for knee in image.knees)

    @property
    def courses(self) -> tuple[Course, ...]:
        """The course of each knee with an earlier exam."""
        return courses(self.knees, self.date.date() if self.date else None, self.exams)

    @property
    def numbered_images(self) -> tuple[tuple[int, ImageRecord], ...]:
        """The images with their numbers; one that arrived after the start of the last revision has none yet."""
        return tuple((image.number, image) for image in self.images if image.number is not None)

    @property
    def reported(self) -> StudyRecord:
        """The study as its last revision shows it, with only the images of that revision."""
        return replace(self, images=tuple(image for _, image in self.numbered_images))


def _seen(image: ImageRecord, knee: KneeRecord) -> SeenKnee:
    return SeenKnee(
        image=image.file_id,
        position=knee.position,
        sop_uid=image.sop_uid,
        side=knee.roi.side,
        view=image.view,
        weight_bearing=image.weight_bearing,
        grade=knee.grade,
        joint_space=knee.joint_space,
        foreign=image.patient_differs,
    )


def report_name(key: str, created_at: datetime) -> str:
    """The path of a study's report below the folder of reports; it does not name the patient."""
    return f"{created_at.astimezone():%Y-%m-%d}/{key}.pdf"
