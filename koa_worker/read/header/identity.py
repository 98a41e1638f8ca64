"""Patient, study and instance, from a DICOM header or, for other image formats, from the file's hash."""

from __future__ import annotations

import re
from datetime import date, datetime, time

from pydicom.dataset import Dataset

from koa_worker.read.header import elements, geometry, names
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
        acquired_at=_instant(dataset, "Acquisition"),
        content_at=_instant(dataset, "Content"),
        instance_number=_count(dataset, "InstanceNumber"),
        expected_images=_expected_images(dataset),
        weight_bearing=geometry.is_weight_bearing(dataset),
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
    return Study(study_uid=derived_uid(sha256, 0), sop_uid=derived_uid(sha256, 1), expected_images=1)


def derived_uid(sha256: str, half: int) -> str:
    """A UID from 128 of the hash's bits, in the form of PS3.5 B.2."""
    return f"2.25.{int(sha256[32 * half : 32 * half + 32], 16)}"


def sop_class(dataset: Dataset) -> str:
    return _uid(dataset, "SOPClassUID") or _uid(dataset, "MediaStorageSOPClassUID")


def _uid(dataset: Dataset, keyword: str) -> str:
    """The UID, if it is valid (PS3.5 9.1); UIDs are used in file names and queries."""
    found = elements.text(dataset, keyword)
    return found if len(found) <= 64 and _UID.fullmatch(found) else ""


def _moment(dataset: Dataset) -> datetime | None:
    for kind in _DATES:
        day = _date(elements.text(dataset, f"{kind}Date"))
        if day is not None:
            return datetime.combine(day, _time(elements.text(dataset, f"{kind}Time")))
    return None


def _instant(dataset: Dataset, kind: str) -> datetime | None:
    """Date and time of one kind, by which images are sorted; a date without a time would sort its image first."""
    whole = elements.text(dataset, f"{kind}DateTime")
    parts = elements.text(dataset, f"{kind}Date"), elements.text(dataset, f"{kind}Time")
    for day, hour in ((whole[:8], whole[8:]), parts):
        found = _date(day)
        if found is not None and _TIME.match(hour):
            return datetime.combine(found, _time(hour))
    return None


def _expected_images(dataset: Dataset) -> int | None:
    """Number of Study Related Instances (0020,1208); 1 for an image without a Study Instance UID.

    Images in Acquisition (0020,1002) and Number of Series Related Instances (0020,1209) count less than a study: each
    view of a knee is often an acquisition and a series of its own.
    """
    if not _uid(dataset, "StudyInstanceUID"):
        return 1
    return _count(dataset, "NumberOfStudyRelatedInstances") or None


def _count(dataset: Dataset, keyword: str) -> int | None:
    found = elements.whole(dataset, keyword)
    return found if found is not None and 0 <= found < 1 << 31 else None


def _years(raw: str) -> float | None:
    """The age in years, as from `017Y` or `030M`. `000Y` counts as unknown: an age below one year is given in days."""
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
