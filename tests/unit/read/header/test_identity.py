"""Patient, study and instance of a file."""

from __future__ import annotations

import traceback
from datetime import date, datetime

import cv2
import numpy as np
import pytest
from pydicom import uid

from koa_worker.config import Limits
from koa_worker.errors import InputRejected
from koa_worker.values import Patient

PIXELS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def test_everything_that_a_header_says(make, take):
    found = take(
        make(
            PIXELS,
            AccessionNumber="A1",
            StudyDescription="Knees",
            BodyPartExamined="KNEE",
            ViewPosition="PA",
            InstitutionName="General",
            PatientBirthDate="19400229",
            PatientSex="F",
            Laterality="R",
            PixelSpacing=["0.1", "0.2"],
        )
    )
    assert found.study.study_uid == "1.2.3.4.5"
    assert found.study.sop_uid == "1.2.3.4.5.1"
    assert found.study.series_uid == "1.2.3.4.5.0"
    assert found.study.sop_class_uid == "1.2.840.10008.5.1.4.1.1.1"
    assert found.study.accession == "A1"
    assert found.study.description == "Knees"
    assert found.study.date == datetime(2026, 1, 31, 10, 11, 12)
    assert (found.study.modality, found.study.body_part, found.study.view) == ("CR", "KNEE", "PA")
    assert found.study.institution == "General"
    assert found.patient == Patient("Doe Jane", "P-17", date(1940, 2, 29), "F")
    assert found.laterality == "right"
    assert found.spacing is not None
    assert (found.spacing.row_mm, found.spacing.column_mm) == (0.1, 0.2)
    assert found.format == "DICOM"


def test_absent_identity_comes_from_the_hash(make, take):
    data = make(PIXELS, StudyInstanceUID="../etc", without=("PatientName", "PatientID", "StudyDate", "StudyTime"))
    found = take(data)
    assert found.study.study_uid.startswith("2.25.")
    assert len(found.study.study_uid) <= 64
    assert found.study.date is None
    assert found.patient == Patient()
    assert take(data).study == found.study


def test_a_picture_is_its_own_study(take):
    data = cv2.imencode(".png", PIXELS)[1].tobytes()
    found = take(data)
    assert found.study == take(data).study
    assert found.study.expected_images == 1
    assert found.study.study_uid != found.study.sop_uid
    assert found.study.study_uid.startswith("2.25.")
    assert found.patient == Patient()
    assert found.laterality == "unknown"
    assert found.column_zero_side == ""
    assert found.spacing is None


@pytest.mark.parametrize(
    ("day", "moment", "expected"),
    [
        ("2026.01.31", "10:11:12", datetime(2026, 1, 31, 10, 11, 12)),
        ("20260131", "101112.123456", datetime(2026, 1, 31, 10, 11, 12, 123456)),
        ("20260131", "10", datetime(2026, 1, 31, 10)),
        ("20260131", "", datetime(2026, 1, 31)),
        ("20260131", "256199", datetime(2026, 1, 31)),
        ("20260231", "101112", None),
        ("soon", "later", None),
    ],
)
def test_dates(make, take, day, moment, expected):
    assert take(make(PIXELS, StudyDate=day, StudyTime=moment)).study.date == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"AcquisitionDate": "20260131", "AcquisitionTime": "101112"}, datetime(2026, 1, 31, 10, 11, 12)),
        ({"AcquisitionDateTime": "20260131101112.5+0100"}, datetime(2026, 1, 31, 10, 11, 12, 500000)),
        (
            {"AcquisitionDateTime": "20260131", "AcquisitionDate": "20260131", "AcquisitionTime": "10"},
            datetime(2026, 1, 31, 10),
        ),
        ({"AcquisitionDate": "20260131"}, None),  # would come before all others of its day
        ({"AcquisitionTime": "101112"}, None),
    ],
)
def test_an_image_was_taken_at_a_time_of_day_or_nobody_knows_when(make, take, said, expected):
    assert take(make(PIXELS, **said)).study.acquired_at == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"NumberOfStudyRelatedInstances": 4}, 4),
        ({"NumberOfStudyRelatedInstances": 0}, None),
        ({"NumberOfStudyRelatedInstances": "99999999999"}, None),
        ({"NumberOfSeriesRelatedInstances": 1, "ImagesInAcquisition": 1}, None),  # each view is a series
        ({"StudyInstanceUID": ""}, 1),
        ({}, None),
    ],
)
def test_the_number_of_images_that_a_study_will_have(make, take, said, expected):
    assert take(make(PIXELS, **said)).study.expected_images == expected


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"NumberOfFrames": 7}, "multi_frame"),
        ({"Modality": "CT"}, "unsupported_modality"),
        ({"Rows": 60_000, "Columns": 60_000}, "too_large"),
        ({"SamplesPerPixel": 4}, "unsupported_pixels"),
        ({"Rows": 17}, "damaged"),
        ({"without": ("PixelData",)}, "no_pixels"),
        ({"syntax": uid.MPEG2MPML, "frame": b"\0\0\1\xb3"}, "unsupported_syntax"),
        ({"syntax": uid.JPEG2000Lossless, "frame": b"no codestream"}, "damaged"),
    ],
)
def test_a_rejected_file_says_whose_it_is(make, take, values, code):
    with pytest.raises(InputRejected) as caught:
        take(make(PIXELS, **values))
    assert caught.value.code == code
    assert_named(caught.value)


def test_a_file_cut_behind_the_names_says_whose_it_is(make, take):
    data = make(PIXELS)
    with pytest.raises(InputRejected) as caught:
        take(data[: data.index(b"\x28\0\x10\0US")])
    assert caught.value.code == "truncated"
    assert_named(caught.value)


def test_a_file_over_the_limit_says_whose_it_is_if_its_header_can_be_read(make, take):
    rest, small = bytes(1_000_000), Limits(max_file_mb=1)
    with pytest.raises(InputRejected, match=r"\(1 MB\)") as caught:
        take(make(PIXELS) + rest, small)
    assert_named(caught.value)
    for start in (make(PIXELS)[:200], b"\x89PNG\r\n\x1a\n", b"?"):
        with pytest.raises(InputRejected, match=r"\(1 MB\)") as caught:
            take(start + rest, small)
        assert caught.value.patient in (None, Patient())


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_dicom_file_belongs_to_nobody(take, data):
    with pytest.raises(InputRejected) as caught:
        take(data)
    assert (caught.value.study, caught.value.patient) == (None, None)


@pytest.mark.parametrize(
    ("said", "years"),
    [("017Y", 17), ("018Y", 18), ("030M", 2.5), ("001D", 1 / 365.25), ("000Y", None), ("17", None), ("", None)],
)
def test_an_age_is_read_as_years(make, take, said: str, years: float | None):
    assert take(make(PIXELS, PatientAge=said)).patient.age_years == years


def assert_named(fault: InputRejected) -> None:
    """It knows the patient, and nothing that may be printed or logged of it says so."""
    assert fault.study is not None
    assert fault.study.study_uid == "1.2.3.4.5"
    assert fault.patient is not None
    assert (fault.patient.name, fault.patient.id) == ("Doe Jane", "P-17")
    printed = "".join(traceback.format_exception(fault))
    for said in (str(fault), repr(fault), f"{fault.args}", fault.detail, printed):
        assert not any(secret in said for secret in ("Doe", "Jane", "P-17", "1.2.3.4.5"))
