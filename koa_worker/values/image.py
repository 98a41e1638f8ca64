"""A decoded radiograph, and what its header says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from koa_worker.values.side import Laterality, Side

if TYPE_CHECKING:  # processes that handle no pixels start without loading NumPy
    from numpy.typing import NDArray

GrayImage: TypeAlias = "NDArray[Any]"  # two-dimensional, uint8 or uint16, bright = dense


class SpacingSource(StrEnum):
    """The source of the pixel size, which decides in which plane a millimetre is valid."""

    CALIBRATED = "calibrated"  # in the patient's plane, corrected for magnification
    DETECTOR = "detector"  # in the detector plane, magnified by an unknown factor
    NONE = "none"


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
    issuer: str = ""  # the issuer of the id: two hospitals may give the same one to two persons


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
    """Digests that identify an image independently of its file; empty where they are not known."""

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
