"""The values that are passed from stage to stage: typed, frozen, with almost no behaviour.

    file → intake → Arrival → read → Radiograph → roi → KneeRoi* → grade → Grade → measure → JointSpace
         → explain → Heatmap → GradedKnee* → store → study → report → publish

No stage changes a value that it was given; it makes the next one.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRADES = (0, 1, 2, 3, 4)
GRADE_WORDS = {0: "none", 1: "doubtful", 2: "minimal", 3: "moderate", 4: "severe"}

GrayImage = NDArray[Any]  # two-dimensional, uint8 or uint16, bright = dense


class Side(StrEnum):
    """The patient's side. A side that is not certain is unknown, never guessed."""

    LEFT = "left"
    RIGHT = "right"
    UNKNOWN = "unknown"

    @property
    def letter(self) -> str:
        """As radiographs are marked in any language, and as DICOM has it (0020,0062)."""
        return {Side.LEFT: "L", Side.RIGHT: "R", Side.UNKNOWN: ""}[self]


class Laterality(StrEnum):
    """The side of a whole frame; `BOTH` only if the header says so or the frame shows two legs."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"
    UNKNOWN = "unknown"


class SpacingSource(StrEnum):
    """The source of the pixel size, which decides in which plane a millimetre is valid."""

    CALIBRATED = "calibrated"  # in the patient's plane, corrected for magnification
    DETECTOR = "detector"  # in the detector plane, magnified by an unknown factor
    NONE = "none"


class Role(StrEnum):
    """The roles of users of the page; each role includes the rights of those before it."""

    VIEW = "view"  # see results without patient data
    READ = "read"  # see patient data, upload files, store readings
    ADMIN = "admin"  # see users and audit log

    def may(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


def new_id() -> str:
    """A random id for a file, which says nothing about its patient."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Arrival:
    """A complete file that has arrived: its path, hash, size and name."""

    path: Path
    sha256: str
    size: int
    name: str  # the file's own name; it may name a patient, so it goes only into the store
    id: str = field(default_factory=new_id)  # names it in logs, paths and folders from here on


@dataclass(frozen=True, slots=True)
class Spacing:
    """Millimetres per pixel down and across."""

    row_mm: float
    column_mm: float
    source: SpacingSource


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient as the file gives it; empty where the file gives nothing. Never logged."""

    name: str = (
        ""  # readable form, all component groups: "Ivanov Ivan", "Yamada^Tarou=山田^太郎" → "山田 太郎 (Yamada Tarou)"
    )
    id: str = ""
    birth_date: date | None = None
    sex: str = ""
    age_years: float | None = None  # as the header says it; the birth date may say otherwise
    issuer: str = ""  # who gave the id: two hospitals may give the same one to two persons


@dataclass(frozen=True, slots=True)
class Study:
    """The study and the instance of a frame; if the file is not DICOM, both come from its SHA-256."""

    study_uid: str
    sop_uid: str
    series_uid: str = ""
    sop_class_uid: str = ""
    accession: str = ""
    description: str = ""
    date: datetime | None = None
    modality: str = ""
    body_part: str = ""
    view: str = ""  # "PA", "AP", "LATERAL" … or empty
    institution: str = ""
    acquired_at: datetime | None = None  # as the hospital's clock showed it; None without a time of day
    content_at: datetime | None = None  # when the content was made, likewise
    instance_number: int | None = None
    expected_images: int | None = None  # number of images of the study, where the file gives it
    weight_bearing: bool = False  # the header says that the patient stood on the leg
    knees_named: tuple[Side, ...] = ()  # the knees that the header of a radiograph says it shows


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What an image is, whatever it is wrapped in, as digests; empty where they are not known."""

    pixels: str = ""  # of the decoded pixels
    shown: str = ""  # of the decoded pixels and how they are displayed: window, lookup tables, polarity
    header: str = ""  # of what the header says of patient, study, side, view and the size of a pixel


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """A decoded frame as it is displayed: bright is dense, windowed, with the stored pixel grid."""

    pixels: GrayImage
    format: str  # "DICOM", "PNG", "JPEG", "TIFF", "BMP"
    study: Study
    patient: Patient = Patient()
    spacing: Spacing | None = None
    laterality: Laterality = Laterality.UNKNOWN
    # The patient's side at column 0 of the image: right ("R") or left ("L"); "" if neither the file nor the display
    # convention of the view gives it.
    column_zero_side: str = ""
    fingerprint: Fingerprint = Fingerprint()  # of a DICOM object
    coloured: float = 0.0  # share of the image with a colour that differs from the tint of the whole
    details: dict[str, str] = field(default_factory=dict)  # transfer syntax, bits, window: for a technical reader
    # The pixels at half their size, if they have been halved: finding the knees and drawing a small picture begin so.
    half: GrayImage | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the stored image; it may reach over the image's edge."""

    x: int
    y: int
    width: int
    height: int

    def as_list(self) -> list[int]:
        return [self.x, self.y, self.width, self.height]


@dataclass(frozen=True, slots=True)
class KneeRoi:
    """One knee joint: the square for the model, and the side of the knee."""

    box: Box
    side: Side
    whole_frame: bool = False  # the image was a crop already and is used as a whole
    missing: float = 0.0  # share of the tibial plateau's width that is beyond the edge of the image
    turned: int = 0  # number of quarters by which the frame was turned anticlockwise until the knee was upright


@dataclass(frozen=True, slots=True)
class GradedBy:
    """Which release of a model graded, and which version of this program."""

    model: str  # "name-vN"
    digest: str  # SHA-256 of the release's manifest
    software: str  # koa-worker's version
    site: str = ""  # digest of the site's scale, if the answers are on one


class ReviewCode(StrEnum):
    """Why a person should look at a graded knee. The comments say what a reason's value and limit are."""

    OTHER_KNEE_NOT_FOUND = "other_knee_not_found"  # neither
    MINOR = "minor"  # the age in years that the header says, and that of adults
    POSSIBLE_METAL = "possible_metal"  # the evidence, in log odds; no limit
    LIKE_IMPLANT = "like_implant"  # as for UNUSUAL: a knee with an implant to the net, but no metal is seen
    NOT_CHECKED = "not_checked"  # neither: the release cannot tell a knee from other pictures
    UNUSUAL = "unusual"  # how strange the picture is, and the strangeness that is let pass
    CUT_OFF = "cut_off"  # the share of the joint's width beyond the edge, and the share that is let pass
    TURNED = "turned"  # by how many degrees anticlockwise; no limit
    LOW_CONFIDENCE = "low_confidence"  # the confidence, and the least that is let pass
    LOW_AGREEMENT = "low_agreement"  # how many looks give this grade, and how many looks there are
    DISAGREEMENT = "disagreement"  # the lowest and the highest grade that a look gives
    BORDERLINE = "borderline"  # P(KL ≥ 2), and how near to one half is too near
    IMAGES_DISAGREE = "images_disagree"  # the lowest and the highest grade of this knee among the study's images
    OTHER = "other"  # neither: a sentence of an earlier version, kept as it was


@dataclass(frozen=True, slots=True)
class ReviewReason:
    """One reason to look at a knee, without words: `report/words.py` has them."""

    code: ReviewCode
    value: float | None = None
    limit: float | None = None
    text: str = ""  # of OTHER alone


Probabilities = tuple[float, float, float, float, float]  # of KL 0 to KL 4


@dataclass(frozen=True, slots=True)
class Grade:
    """The model's grade of one knee, with its confidence; on the site's scale if there is one."""

    kl: int
    probabilities: Probabilities
    confidence: float  # the probability of `kl`
    oa_probability: float  # P(KL ≥ 2)
    agreement: float  # share of members × views whose own grade is the release's
    review_reasons: tuple[ReviewReason, ...]
    model: str  # "name-vN"
    strangeness: float | None = None  # log odds against a knee like the training knees; None: nothing judged it
    release_probabilities: Probabilities | None = None  # what the release itself says, if the site has its own scale
    site: str = ""  # digest of the site's scale

    @property
    def by_release(self) -> Probabilities:
        """The probabilities before the site's scale."""
        return self.release_probabilities or self.probabilities

    @property
    def release_kl(self) -> int:
        """The grade before the site's scale: what the looks voted for, and what the heatmap explains."""
        return self.by_release.index(max(self.by_release))

    @property
    def needs_review(self) -> bool:
        """Whether a person should look at the knee: where there is a reason to."""
        return bool(self.review_reasons)


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Where the model looked for this grade: 0…1 on a coarse grid over the crop."""

    values: NDArray[np.float32]
    kl: int


class CompartmentName(StrEnum):
    """A half of the joint; named by its position in the image if the anatomical half is unknown."""

    MEDIAL = "medial"
    LATERAL = "lateral"
    PICTURE_LEFT = "picture_left"
    PICTURE_RIGHT = "picture_right"


WIDTHS = (
    "min_mm",
    "mean_mm",
    "min_ratio",
    "mean_ratio",
)  # the measurements of a compartment, by the names that all outputs use

Points = tuple[tuple[float, float], ...]  # x, y in pixels of the stored image


@dataclass(frozen=True, slots=True)
class Compartment:
    """The joint space of one half, between the margins of femur and tibia; no numbers if these are not clear."""

    name: CompartmentName
    clear: bool
    min_ratio: float | None  # as a share of the tibial plateau's width
    mean_ratio: float | None
    min_mm: float | None  # only if the file gives the pixel size
    mean_mm: float | None
    femoral: Points  # the weight-bearing part, from left to right
    tibial: Points


@dataclass(frozen=True, slots=True)
class JointSpace:
    """Both compartments from left to right in the image."""

    compartments: tuple[Compartment, Compartment]
    calibration: SpacingSource  # the plane of the millimetres; in the detector plane the magnification is unknown
    tibial_width_px: float  # across the plateau, in pixels of the stored image

    def find(self, name: CompartmentName) -> Compartment | None:
        return next((part for part in self.compartments if part.name is name), None)

    def width(self, name: CompartmentName, measure: str) -> float | None:
        """One of `WIDTHS` of a compartment; None if the compartment is missing or not clear."""
        part = self.find(name)
        width: float | None = getattr(part, measure) if part else None
        return width


@dataclass(frozen=True, slots=True, eq=False)
class GradedKnee:
    """All results of one knee."""

    roi: KneeRoi
    crop: NDArray[np.uint8]  # 224×224, as the model saw it
    grade: Grade
    heatmap: Heatmap
    joint_space: JointSpace | None = None  # None where the knee was not measured


@dataclass(frozen=True, slots=True)
class RefusedKnee:
    """A knee, or a leg in which no knee was found, without a grade; with the code of the reason."""

    roi: KneeRoi
    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Completed:
    """The file was graded: at least one knee in it has a grade."""

    arrival: Arrival
    radiograph: Radiograph
    knees: tuple[GradedKnee, ...]
    timings_ms: dict[str, float]
    refused: tuple[RefusedKnee, ...] = ()  # other knees in the same frame
    cpu_ms: dict[str, float] = field(default_factory=dict)  # the CPU time of each stage


@dataclass(frozen=True, slots=True)
class Ungraded:
    """A knee was looked for in vain: it was seen or the header names it, and the results say that it has no grade."""

    named: tuple[Side, ...]  # by the header; empty: the image alone shows a knee
    looked: GradedBy


@dataclass(frozen=True, slots=True)
class Rejected:
    """The file cannot be graded, with the reason."""

    arrival: Arrival
    code: str
    detail: str
    study: Study | None = None
    patient: Patient | None = None
    refused: tuple[RefusedKnee, ...] = ()  # seen in the frame, each with its own reason
    ungraded: Ungraded | None = None  # of a DICOM object that is about a knee


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker failed on the file; it is retried."""

    arrival: Arrival
    code: str
    detail: str


Outcome = Completed | Rejected | Failed
