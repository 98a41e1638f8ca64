"""Patient, study and instance, from a DICOM header or, for other image formats, from the file's hash."""

from __future__ import annotations

import re
from datetime import date, datetime, time

from pydicom.dataset import Dataset

from koa_worker.read import elements, geometry, names
from koa_worker.values import Patient, Study

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_TIME = re.compile(r"(\d\d):?(\d\d)?:?(\d\d)?(?:\.(\d{1,6}))?")
_AGE = re.compile(r"(\d{3})([DWMY])")  # Age String, PS3.5 6.2
_PER_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_DATES = ("Study", "Acquisition", "Series", "Content")


def study_of(dataset: Dataset, sha256: str) -> Study:
    return Study(
        study_uid=_uid(dataset, "StudyInstanceUID") or derived_uid(sha256, 0),
        sop_uid=_uid(dataset, "SOPInstanceUID") or derived_uid(sha256, 1),
        series_uid=_uid(dataset, "SeriesInstanceUID"),
        sop_class_uid=sop_class(dataset),
        accession=elements.text(dataset, "AccessionNumber"),
        description=elements.text(dataset, "StudyDescription") or elements.text(dataset, "SeriesDescription"),
        date=_moment(dataset),
        modality=elements.word(dataset, "Modality"),
        body_part=elements.word(dataset, "BodyPartExamined"),
        view=geometry.view(dataset),
        institution=elements.text(dataset, "InstitutionName"),
    )


def patient_of(dataset: Dataset) -> Patient:
    sex = elements.word(dataset, "PatientSex")
    return Patient(
        name=names.patient_name(dataset),
        id=elements.text(dataset, "PatientID"),
        birth_date=_date(elements.text(dataset, "PatientBirthDate")),
        sex=sex if sex in ("F", "M", "O") else "",
        age_years=_years(elements.word(dataset, "PatientAge")),
        issuer=elements.text(dataset, "IssuerOfPatientID"),
    )


def study_of_picture(sha256: str) -> Study:
    """The study of a file that is not DICOM: its own study, the same one each time the file arrives."""
    return Study(study_uid=derived_uid(sha256, 0), sop_uid=derived_uid(sha256, 1))


def derived_uid(sha256: str, half: int) -> str:
    """A UID from 128 of the hash's bits, in the form of PS3.5 B.2."""
    return f"2.25.{int(sha256[32 * half : 32 * half + 32], 16)}"


def sop_class(dataset: Dataset) -> str:
    return _uid(dataset, "SOPClassUID") or _uid(dataset, "MediaStorageSOPClassUID")


def _uid(dataset: Dataset, keyword: str) -> str:
    """Whether the text is a valid UID (PS3.5 9.1); UIDs are used in file names and queries."""
    found = elements.text(dataset, keyword)
    return found if len(found) <= 64 and _UID.fullmatch(found) else ""


def _moment(dataset: Dataset) -> datetime | None:
    for kind in _DATES:
        day = _date(elements.text(dataset, f"{kind}Date"))
        if day is not None:
            return datetime.combine(day, _time(elements.text(dataset, f"{kind}Time")))
    return None


def _years(raw: str) -> float | None:
    """`017Y`, `030M`; nothing says an age of zero better than days do, so `000Y` counts as not known."""
    found = _AGE.fullmatch(raw)
    if found is None or not int(found[1]):
        return None
    return int(found[1]) / _PER_YEAR[found[2]]


def _date(raw: str) -> date | None:
    """A date as `20260131`, or as `2026.01.31` in old ACR-NEMA files."""
    digits = raw.replace(".", "")
    if len(digits) != 8 or not digits.isascii() or not digits.isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _time(raw: str) -> time:
    found = _TIME.match(raw)
    if found is None:
        return time()
    hour, minute, second, fraction = found.groups()
    try:
        return time(int(hour), int(minute or 0), int(second or 0), int((fraction or "").ljust(6, "0")))
    except ValueError:
        return time()
