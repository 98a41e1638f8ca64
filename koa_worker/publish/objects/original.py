"""The attributes that result objects copy unchanged from the original: its identity, patient and study."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.sequence import Sequence
from pydicom.uid import UID

from koa_worker.errors import WorkFailed
from koa_worker.system.dicom_libraries import set_up_pydicom
from koa_worker.system.header_elements import LATER, PATIENT, REQUEST, STUDY

set_up_pydicom()

_DEEPEST = 12
# Type 2: they must be present, but may be empty.
_ALWAYS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Original:
    """The header of a graded image; its results go into the same study."""

    header: Dataset

    @property
    def study_uid(self) -> str:
        return str(self.header.StudyInstanceUID)

    @property
    def series_uid(self) -> str:
        return str(self.header.SeriesInstanceUID)

    @property
    def sop_uid(self) -> str:
        return str(self.header.SOPInstanceUID)

    @property
    def sop_class_uid(self) -> str:
        return str(self.header.SOPClassUID)

    @property
    def requests(self) -> tuple[Dataset, ...]:
        """What was ordered, if the header says it."""
        return tuple(self.header.get(REQUEST) or ())

    def local(self, moment: datetime) -> datetime:
        """The time in the time zone of the original, or of this machine if the header names none."""
        return moment.astimezone(_zone(str(self.header.get("TimezoneOffsetFromUTC", "") or "")))

    @property
    def burnt_in(self) -> bool:
        """Whether the image may contain burnt-in patient data; False only if the header says so."""
        return str(self.header.get("BurnedInAnnotation", "")).strip().upper() != "NO"


def read_original(path: Path) -> Original:
    """The header of a graded file; raises `WorkFailed("no_place")` where none of its results could be DICOM objects."""
    try:
        header = dcmread(path, stop_before_pixels=True, force=True)
    except RecursionError:
        raise WorkFailed("no_place", "sequences nested too deeply") from None
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"):
        if not UID(str(header.get(keyword, ""))).is_valid:
            raise WorkFailed("no_place", keyword)
    for keyword in (*PATIENT, *STUDY, *LATER, REQUEST):
        if _is_bottomless(header, keyword):
            raise WorkFailed("no_place", keyword)
    return Original(header)


def _zone(offset: str) -> tzinfo | None:
    """The time zone of an offset such as +0530 (PS3.3 C.12.1); None if the text is no offset."""
    sign, digits = offset[:1], offset[1:]
    if sign not in {"+", "-"} or len(digits) != 4 or not digits.isdigit() or int(digits) > 1400:
        return None
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-away if sign == "-" else away)


def _is_bottomless(header: Dataset, keyword: str) -> bool:
    """Whether sequences are nested deeper than in any standard object, so that a writer could fail on them."""
    levels = [header.get(keyword)]
    for _ in range(_DEEPEST):
        sequences = [value for value in levels if isinstance(value, Sequence)]
        levels = [element.value for value in sequences for item in value for element in item if element.VR == "SQ"]
        if not levels:
            return False
    return True


def copy_patient_and_study(original: Original, target: Dataset) -> None:
    """Copies the attributes byte for byte, with the original's character set; our own words are ASCII only."""
    header = original.header
    if "SpecificCharacterSet" in header:
        target["SpecificCharacterSet"] = header["SpecificCharacterSet"]
    for keyword in (*PATIENT, *STUDY, *LATER):
        if keyword in header:
            target[keyword] = header[keyword]
    for keyword in _ALWAYS:
        if keyword not in target:
            setattr(target, keyword, "")
