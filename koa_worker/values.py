"""The values that travel from stage to stage: typed, frozen, without behaviour that could surprise.

    file → intake → Arrival → read → Radiograph → roi → KneeRoi* → grade → Grade → measure → JointSpace
         → explain → Heatmap → Reading* → store → report → publish

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
    """The patient's side. What cannot be known is unknown, never guessed."""

    LEFT = "left"
    RIGHT = "right"
    UNKNOWN = "unknown"


class Laterality(StrEnum):
    """What a whole frame says of itself; `BOTH` only when it says so or shows two legs."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"
    UNKNOWN = "unknown"


class SpacingSource(StrEnum):
    """Where the pixel size comes from, which decides whether a millimetre may be called one."""

    CALIBRATED = "calibrated"  # in the patient's plane, corrected for magnification
    DETECTOR = "detector"  # at the detector: larger than life by an unknown factor
    NONE = "none"


class Role(StrEnum):
    """What a user of the page may do; each may what those before it may."""

    VIEW = "view"  # see results, without what names a patient
    READ = "read"  # see whose they are, bring files, record readings
    ADMIN = "admin"  # see who looked at what

    def may(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


def new_id() -> str:
    """A name for a file that says nothing about its patient."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole file that has come in and lies still: where it is, and what it is."""

    path: Path
    sha256: str
    size: int
    name: str  # the file's own name; may name a patient, so it is shown to nobody but the store
    id: str = field(default_factory=new_id)  # names it in logs, paths and folders from here on


@dataclass(frozen=True, slots=True)
class Spacing:
    """Millimetres per pixel down and across."""

    row_mm: float
    column_mm: float
    source: SpacingSource


@dataclass(frozen=True, slots=True)
class Patient:
    """Who it is, as the file says; empty where it says nothing. Never logged."""

    name: str = (
        ""  # readable form, all component groups: "Ivanov Ivan", "Yamada^Tarou=山田^太郎" → "山田 太郎 (Yamada Tarou)"
    )
    id: str = ""
    birth_date: date | None = None
    sex: str = ""
    age_years: float | None = None  # as the header says it; the birth date may say otherwise


@dataclass(frozen=True, slots=True)
class Study:
    """The study and the instance that a frame belongs to; for a plain picture both come from its SHA-256."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """A decoded frame as it is meant to be seen: bright is dense, windowed, the stored pixel grid."""

    pixels: GrayImage
    format: str  # "DICOM", "PNG", "JPEG", "TIFF", "BMP"
    study: Study
    patient: Patient = Patient()
    spacing: Spacing | None = None
    laterality: Laterality = Laterality.UNKNOWN
    # What lies towards column 0 of the picture: the patient's right ("R") or left ("L") side; "" if the
    # file does not say and the view's display convention does not either.
    column_zero_side: str = ""
    coloured: float = 0.0  # share of the picture that has a colour, beyond a tint of the whole
    details: dict[str, str] = field(default_factory=dict)  # transfer syntax, bits, window: for a technical reader


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
    """One knee joint: the square that the net is shown, and which knee it is."""

    box: Box
    side: Side
    whole_frame: bool = False  # the picture was a crop already and came back whole
    missing: float = 0.0  # how much of the tibial plateau's width lies beyond the picture's edge, as a share
    turned: int = 0  # by how many quarters anticlockwise the frame was turned before the knee stood upright


@dataclass(frozen=True, slots=True)
class Grade:
    """What the net says of one knee, and how sure it is."""

    kl: int
    probabilities: tuple[float, float, float, float, float]
    confidence: float  # the probability of `kl`
    oa_probability: float  # P(KL ≥ 2)
    agreement: float  # share of members × views whose own grade is `kl`
    needs_review: bool
    review_reasons: tuple[str, ...]
    model: str  # "name-vN"


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Where the net looked for this grade: 0…1 on the crop's own grid, coarse as the net sees it."""

    values: NDArray[np.float32]
    kl: int


class CompartmentName(StrEnum):
    """A half of the joint; by its place in the picture where nobody knows which half lies there."""

    MEDIAL = "medial"
    LATERAL = "lateral"
    PICTURE_LEFT = "picture_left"
    PICTURE_RIGHT = "picture_right"


WIDTHS = ("min_mm", "mean_mm", "min_ratio", "mean_ratio")  # what is known of a compartment, as everybody calls it

Points = tuple[tuple[float, float], ...]  # x, y in pixels of the stored image


@dataclass(frozen=True, slots=True)
class Compartment:
    """One half's joint space between the femur's and the tibia's margin; no numbers where these are not clear."""

    name: CompartmentName
    clear: bool
    min_ratio: float | None  # as a share of the tibial plateau's width
    mean_ratio: float | None
    min_mm: float | None  # only where the file says how large a pixel is
    mean_mm: float | None
    femoral: Points  # the part that bears weight, from left to right
    tibial: Points


@dataclass(frozen=True, slots=True)
class JointSpace:
    """Both compartments from left to right in the picture."""

    compartments: tuple[Compartment, Compartment]
    calibration: SpacingSource  # what a millimetre is here; at the detector the magnification is not known
    tibial_width_px: float  # across the plateau, in pixels of the stored image

    def find(self, name: CompartmentName) -> Compartment | None:
        return next((part for part in self.compartments if part.name is name), None)

    def width(self, name: CompartmentName, measure: str) -> float | None:
        """One of `WIDTHS` of a compartment; None where it is not there or not clear."""
        part = self.find(name)
        width: float | None = getattr(part, measure) if part else None
        return width


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Everything that is known of one knee."""

    roi: KneeRoi
    crop: NDArray[np.uint8]  # 224×224, as the net saw it
    grade: Grade
    heatmap: Heatmap
    joint_space: JointSpace | None = None  # None where the knee was not measured


@dataclass(frozen=True, slots=True)
class RefusedKnee:
    """A place where a knee was looked for and that is given no grade, with the code of the reason."""

    roi: KneeRoi
    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Completed:
    """The file was graded: at least one knee in it."""

    arrival: Arrival
    radiograph: Radiograph
    readings: tuple[Reading, ...]
    timings_ms: dict[str, float]
    refused: tuple[RefusedKnee, ...] = ()  # other knees in the same frame
    cpu_ms: dict[str, float] = field(default_factory=dict)  # of the timings what a processor worked
    half: GrayImage | None = None  # the frame at half its size, to draw a small one from


@dataclass(frozen=True, slots=True)
class Rejected:
    """The file's fault: it is not something that can be graded, and why."""

    arrival: Arrival
    code: str
    detail: str
    study: Study | None = None
    patient: Patient | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Our fault: worth another try."""

    arrival: Arrival
    code: str
    detail: str


Outcome = Completed | Rejected | Failed
