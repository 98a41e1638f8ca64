"""The identity of an image independent of its encoding: which changes count, and how. See also `test_syntaxes.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from koa_worker.read import fingerprint
from koa_worker.values import Fingerprint, Radiograph, Study

Take = Callable[..., Radiograph]


@pytest.fixture
def of(take: Take, make: Any, plate: np.ndarray) -> Callable[..., Fingerprint]:
    """The fingerprint of the plate, written with these elements."""
    window = {"WindowCenter": 2000, "WindowWidth": 4000}
    return lambda pixels=plate, bits=12, **said: take(make(pixels, bits=bits, **window | said)).fingerprint


def test_bits_beside_the_stored_ones_change_no_pixel(of: Callable[..., Fingerprint], plate: np.ndarray) -> None:
    overlaid = plate | np.uint16(0x8000)
    assert of(pixels=overlaid).pixels == of().pixels


def test_eight_bits_stored_in_sixteen_are_the_same_pixels(of: Callable[..., Fingerprint], plate: np.ndarray) -> None:
    small = (plate >> 4).astype(np.uint8)
    assert of(pixels=small.astype(np.uint16), bits=8) == of(pixels=small, bits=8)


def test_one_other_pixel_is_another_image(of: Callable[..., Fingerprint], plate: np.ndarray) -> None:
    other = plate.copy()
    other[7, 5] += 1
    assert of(pixels=other).pixels != of().pixels
    assert of(pixels=plate.reshape(96, 120)).pixels != of().pixels


@pytest.mark.parametrize(
    "said",
    [
        {"WindowWidth": 3000},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PresentationLUTShape": "INVERSE"},
        {"RescaleIntercept": -500, "RescaleSlope": 1},
        {"PixelPaddingValue": 1800},
    ],
    ids=str,
)
def test_another_display_is_the_same_image_seen_otherwise(of: Callable[..., Fingerprint], said: dict[str, Any]) -> None:
    plain, other = of(), of(**said)
    assert (other.pixels, other.header) == (plain.pixels, plain.header)
    assert other.shown != plain.shown


@pytest.mark.parametrize(
    "said",
    [
        {"PatientName": "Doe^Joan"},
        {"PatientID": "P-18"},
        {"PatientBirthDate": "19500201"},
        {"PatientAge": "051Y"},
        {"PatientComments": "left-handed"},
        {"OtherPatientIDsSequence": Sequence([Dataset()])},
        {"StudyInstanceUID": "1.2.3.4.6"},
        {"AccessionNumber": "A-2"},
        {"StudyDate": "20260201"},
        {"ReferringPhysicianName": "Who^Dr"},
        {"ImageLaterality": "L"},
        {"PatientOrientation": ["L", "F"]},
        {"ViewPosition": "AP"},
        {"PixelSpacing": [0.14, 0.14]},
        {"BurnedInAnnotation": "NO"},
    ],
    ids=lambda said: next(iter(said)),
)
def test_another_header_is_the_same_image_of_whom_more_is_said(
    of: Callable[..., Fingerprint], said: dict[str, Any]
) -> None:
    plain, other = of(), of(**said)
    assert (other.pixels, other.shown) == (plain.pixels, plain.shown)
    assert other.header != plain.header


@pytest.mark.parametrize(
    "said",
    [{"InstanceCreationTime": "101010"}, {"ImageComments": "sent twice"}, {"StationName": "R2"}],
    ids=lambda said: next(iter(said)),
)
def test_what_no_result_is_made_of_changes_nothing(of: Callable[..., Fingerprint], said: dict[str, Any]) -> None:
    assert of(**said) == of()


def test_the_same_name_in_another_character_set_is_the_same(of: Callable[..., Fingerprint]) -> None:
    latin = of(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    assert of(SpecificCharacterSet="ISO_IR 192", PatientName="Müller^Jörg") == latin


def test_sequences_within_sequences_come_to_an_end() -> None:
    item = Dataset()
    for _ in range(200):
        outer = Dataset()
        outer.OtherPatientIDsSequence = [item]
        item = outer
    radiograph = Radiograph(np.zeros((1, 1), np.uint8), "DICOM", Study("1.2", "1.3"))
    assert len(fingerprint.of_header(item, radiograph)) == 64
