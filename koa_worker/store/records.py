"""The values that the store returns: frozen, and without a connection to the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koa_worker.study.earlier import NO_EXAMS, Course, PatientExams, courses
from koa_worker.study.knees import SeenKnee, StudyKnee, bring_together
from koa_worker.values import (
    Fingerprint,
    Grade,
    Heatmap,
    JointSpace,
    KneeRoi,
    Laterality,
    Patient,
    RefusedKnee,
    Role,
    Side,
    Spacing,
)


class State(StrEnum):
    """The state of a file; the last four are final (failed only when the file is parked)."""

    WAITING = "waiting"
    WORKING = "working"
    COMPLETED = "completed"
    REJECTED = "rejected"
    FAILED = "failed"
    DUPLICATE = "duplicate"  # of an image or bytes that were settled before; also a result of our own


class ErasureReason(StrEnum):
    """Why something is removed: `forget` leaves no trace even in the unused parts of the database."""

    FORGET = "forget"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class UserRecord:
    name: str
    role: Role
    password: str = field(repr=False)  # scheme, parameters, salt and hash
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token that a script sends instead of a password; only its hash is stored."""

    id: int
    purpose: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class DeedRecord:
    """One entry of the audit log."""

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    address: str
    detail: str


@dataclass(frozen=True, slots=True)
class ReadingRecord:
    """A reader's grade of one knee, and the model's grade at that time."""

    id: int
    study_key: str
    file_id: str
    position: int  # position of the knee in the file's image, from left to right
    side: Side
    reader: str
    kl: int
    comment: str = field(repr=False)
    at: datetime
    machine_kl: int
    blind: bool | None  # the reader had not been shown the model's grade; None: nobody knows


@dataclass(frozen=True, slots=True)
class ExportedReading:
    """A reader's grade for the table of all readings, also a withdrawn one; it names no patient."""

    study_key: str
    study_uid: str
    sop_uid: str
    file_id: str
    position: int
    side: Side
    reader: str
    kl: int
    blind: bool | None
    at: datetime
    withdrawn_at: datetime | None
    model_kl: int  # what the model said of the knee at that time
    model: str
    site: str  # the digest of the site's own scale that this grade is on; empty: the release's


@dataclass(frozen=True, slots=True)
class FileTicket:
    """The store's answer for a file that has arrived."""

    id: str
    state: State
    is_duplicate_of: str | None = None
    original_state: State | None = None  # of the file that this one repeats: where its copy belongs too


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One arrival and its progress."""

    id: str
    sha256: str
    size: int
    name: str = field(repr=False)  # may name the patient
    state: State
    code: str | None
    detail: str | None
    starts: int  # how often work on it began; more than `tries` + 1 means that it was cut off
    tries: int  # how often it failed since it came or was put back
    next_try_at: datetime | None
    worker: str | None
    arrived_at: datetime
    started_at: datetime | None
    settled_at: datetime | None
    filed_as: str | None
    duplicate_of: str | None
    study_key: str | None

    @property
    def parked(self) -> bool:
        """Whether the file failed on every try and waits for a person."""
        return self.state is State.FAILED and self.next_try_at is None


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """A file that was uploaded on the page, and its state."""

    id: str
    sha256: str
    size: int
    name: str = field(repr=False)  # as the user's machine calls it: may name the patient
    landed_as: str  # in the inbox
    who: str
    at: datetime
    file: FileRecord | None = None  # once it is out of the inbox; of a duplicate the earlier one
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that a worker took, or found finished."""

    record: FileRecord
    original_state: State | None  # of the file that this one repeats
    begun: bool  # it is this worker's to work on


@dataclass(frozen=True, slots=True)
class Settled:
    """The final state of a file, and the report of its study that is due."""

    record: FileRecord
    study_key: str | None
    revision: int | None  # already taken; None: no report is due, or it is put off until more of the study has come


@dataclass(frozen=True, slots=True)
class OwedReport:
    """A study whose report is behind and not begun."""

    study_key: str
    ready: bool  # no more of the study has come for long enough


@dataclass(frozen=True, slots=True)
class EventRecord:
    at: datetime
    kind: str
    detail: str


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
    refused: tuple[RefusedKnee, ...]  # the others, which are given no grade
    arrived_at: datetime
    fingerprint: Fingerprint
    conflicts_with: str | None  # an earlier file with the same SOP Instance UID and other pixels
    patient_differs: bool  # the file names another patient than its study
    number: int | None  # in its study; None until a report shows the image
    taken_at: datetime | None  # by the hospital's clock: when it was acquired, or else when its content was made


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A file of a study that could not be graded."""

    file_id: str
    sha256: str
    code: str
    detail: str
    arrived_at: datetime
    refused: tuple[RefusedKnee, ...]  # the knees that were seen in it, from left to right


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
    exams: PatientExams = NO_EXAMS  # the patient's other ones

    @property
    def knees(self) -> tuple[StudyKnee, ...]:
        """One line for each knee, from all images."""
        return bring_together(_seen(image, knee) for image in self.images for knee in image.knees)

    @property
    def courses(self) -> tuple[Course, ...]:
        """The course of each knee that an earlier exam shows too."""
        return courses(self.knees, self.date.date() if self.date else None, self.exams)

    @property
    def numbered_images(self) -> tuple[tuple[int, ImageRecord], ...]:
        """With their numbers; without those that came after the last revision was begun, and wait for the next one."""
        return tuple((image.number, image) for image in self.images if image.number is not None)

    @property
    def reported(self) -> StudyRecord:
        """The study as its last revision shows it: its lines and courses are of the same images."""
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


@dataclass(frozen=True, slots=True)
class ExportedKnee:
    """A graded knee for the table of all results; it names no patient."""

    image: Mapping[str, Any]
    legs: int  # knees that were seen in the image
    position: int
    roi: KneeRoi
    grade: Grade
    joint_space: JointSpace | None
    grading: Mapping[str, Any]  # who graded it, when, and whether the grade counts


@dataclass(frozen=True, slots=True)
class ExportedStudyKnee:
    """One knee of a study with all its images, for the table of studies; it names no patient unless asked to."""

    study_key: str
    study_uid: str
    knee: StudyKnee
    course: Course | None  # where an earlier exam shows the knee too
    identity: Mapping[str, Any] = field(default_factory=dict, repr=False)  # only on demand


@dataclass(frozen=True, slots=True)
class ExportedRefusal:
    """A knee that was given no grade, for the same table; of a rejected file only its study is known of the image."""

    image: Mapping[str, Any]
    legs: int  # knees that were seen in the image
    position: int  # among the refused, from left to right
    knee: RefusedKnee


class ParcelState(StrEnum):
    """The state of an object for a destination."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"  # the destination said that it has it
    REFUSED = "refused"  # it said too often that it does not want it: it waits for a person


@dataclass(frozen=True, slots=True)
class NewParcel:
    """An object to be sent to every destination, or to some."""

    kind: str
    sop_class_uid: str
    sop_uid: str
    path: str
    subject: str = ""  # the id of the file that it is about; empty: the whole study
    series_uid: str = ""
    replaces: str | None = None  # SOP Instance UID of the object before it
    destinations: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ResultObjectRecord:
    """A result object that was made before."""

    kind: str
    subject: str
    sop_class_uid: str
    sop_uid: str
    series_uid: str
    replaces: str | None


@dataclass(frozen=True, slots=True)
class ParcelRecord:
    """An object that is sent to one destination."""

    id: int
    destination: str
    study_key: str
    kind: str
    sop_class_uid: str
    sop_uid: str
    path: str
    state: ParcelState
    tries: int
    next_try_at: datetime
    detail: str
    acknowledged_at: datetime | None


@dataclass(frozen=True, slots=True)
class PublicationTicket:
    """A study whose report is newer than its result objects."""

    study_key: str
    revision: int
    report_path: str
    reported_at: datetime
    destinations: tuple[str, ...]  # that are to have it


@dataclass(frozen=True, slots=True)
class Pace:
    """The speed of the queue."""

    per_minute: float  # files settled, over the last ten minutes
    oldest_waiting: datetime | None


@dataclass(frozen=True, slots=True)
class StatusRecord:
    """The counts for the status screen of the administrator."""

    counts: Mapping[State, int]  # every state, also those with none
    parked: int  # of the failed ones, those that wait for a person
    done_today: int  # completed since local midnight
    rejected_by_code: Mapping[str, int]
    failed_by_code: Mapping[str, int]
    oldest_waiting: datetime | None
    per_minute: float  # files settled, over the last ten minutes
    conflicts: int  # graded files whose SOP Instance UID had come before with other bytes
    reports: int
    studies_waiting: int  # whose report waits for more of their images
    model: str | None  # that graded last
    model_digest: str | None


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """What one destination has received, what it has not, and what it answered last."""

    destination: str
    waiting: int
    failing: int  # of the waiting ones, those that it failed on at least once
    refused: int
    acknowledged: int
    failures: int  # tries in a row at which it did not answer
    answer: str  # the last one that was not a success; empty if it takes everything
    next_try_at: datetime | None
    oldest_waiting: datetime | None
    oldest_refused: datetime | None
    last_success: datetime | None


@dataclass(frozen=True, slots=True)
class LastSuccesses:
    """When each step last succeeded; None: never."""

    arrived: datetime | None
    graded: datetime | None
    reported: datetime | None


@dataclass(frozen=True, slots=True, repr=False)
class Whose:
    """What is looked for: a patient, a study or an accession number. It has no repr, because it names a patient."""

    patient_id: str | None = None
    issuer: str | None = None  # of the patient id; None: any, "": the ids without one
    study: str | None = None  # its UID, or its key in the store
    accession: str | None = None


@dataclass(frozen=True, slots=True)
class Belonging:
    """A file that belongs to what is looked for."""

    id: str
    state: State
    code: str | None
    filed_as: str | None
    retried: bool  # it failed, and is tried again
    study_key: str | None


@dataclass(frozen=True, slots=True)
class StudyPlace:
    """A study and where its report is."""

    key: str
    created_at: datetime
    report: str | None


def report_name(key: str, created_at: datetime) -> str:
    """The path of a study's report below the folder of reports: no name of a patient is in it."""
    return f"{created_at.astimezone():%Y-%m-%d}/{key}.pdf"


@dataclass(frozen=True, slots=True)
class Belongings:
    """Everything in the store that belongs to what is looked for."""

    files: tuple[Belonging, ...]
    studies: tuple[StudyPlace, ...]
    touched: tuple[StudyPlace, ...]  # studies of others that lose a file
    objects: tuple[str, ...]  # paths of result objects that wait to be sent
    sent: int  # result objects that a destination has acknowledged
    readings: int  # grades of readers
    uploads: int


@dataclass(frozen=True, slots=True)
class Doomed:
    """What an erasure has begun to remove."""

    files: frozenset[str]
    studies: frozenset[str]
    paths: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.files or self.studies or self.paths)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in the answer of `find`."""

    file: str
    state: State
    code: str | None
    original: str | None


@dataclass(frozen=True, slots=True)
class FoundDelivery:
    """A result object in the answer of `find`."""

    destination: str
    kind: str
    state: ParcelState


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study in the answer of `find`; without a key: files that belong to no study."""

    study: str | None
    report: str | None
    files: tuple[FoundFile, ...]
    deliveries: tuple[FoundDelivery, ...]
