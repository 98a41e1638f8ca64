"""Spacing with its provenance, view and side."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from koa_worker.read.header import geometry
from koa_worker.values import Laterality, Side, Spacing, SpacingSource

DETECTOR, CALIBRATED = SpacingSource.DETECTOR, SpacingSource.CALIBRATED


def header(**values):
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"ImagerPixelSpacing": ["0.15", "0.14"]}, Spacing(0.15, 0.14, DETECTOR)),
        ({"NominalScannedPixelSpacing": ["0.1", "0.1"]}, Spacing(0.1, 0.1, DETECTOR)),
        ({"PixelSpacing": ["0.15", "0.15"]}, Spacing(0.15, 0.15, DETECTOR)),
        ({"PixelSpacing": ["0.15", "0.15"], "ImagerPixelSpacing": ["0.150", "0.15"]}, Spacing(0.15, 0.15, DETECTOR)),
        ({"PixelSpacing": ["0.13", "0.13"], "ImagerPixelSpacing": ["0.15", "0.15"]}, Spacing(0.13, 0.13, CALIBRATED)),
        (
            {"PixelSpacing": ["0.13", "0.13"], "NominalScannedPixelSpacing": ["0.15", "0.15"]},
            Spacing(0.13, 0.13, CALIBRATED),
        ),
        (
            {"PixelSpacing": ["0.13", "0.13"], "PixelSpacingCalibrationType": "FIDUCIAL"},
            Spacing(0.13, 0.13, CALIBRATED),
        ),
        (
            {"ImagerPixelSpacing": ["0.15", "0.15"], "PixelSpacingCalibrationType": "GEOMETRY"},
            Spacing(0.15, 0.15, DETECTOR),
        ),
        (
            {"ImagerPixelSpacing": ["0.15", "0.15"], "EstimatedRadiographicMagnificationFactor": "1.2"},
            Spacing(0.15, 0.15, DETECTOR),
        ),
        ({"PixelSpacing": ["0", "0.15"]}, None),
        ({"PixelSpacing": ["-1", "1"], "ImagerPixelSpacing": ["0.15", "0.15"]}, Spacing(0.15, 0.15, DETECTOR)),
        ({"PixelSpacing": "0.15"}, None),
        ({"ImagerPixelSpacing": ["150", "150"]}, None),
    ],
)
def test_spacing(values, expected):
    """PS3.3 10.7.1.1."""
    assert geometry.spacing(header(**values)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Laterality.UNKNOWN),
        ({"ImageLaterality": "R"}, Laterality.RIGHT),
        ({"ImageLaterality": "B", "Laterality": "L"}, Laterality.BOTH),
        ({"ImageLaterality": "", "Laterality": "L"}, Laterality.LEFT),
        ({"ImageLaterality": "U", "Laterality": "L"}, Laterality.LEFT),
        ({"ImageLaterality": "L", "Laterality": "R"}, Laterality.LEFT),
        ({"Laterality": "?"}, Laterality.UNKNOWN),
    ],
)
def test_laterality(values, expected):
    assert geometry.laterality(header(**values)) is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"BodyPartExamined": "KNEE", "ImageLaterality": "B"}, (Side.RIGHT, Side.LEFT)),
        ({"BodyPartExamined": "Knee ", "Laterality": "R"}, (Side.RIGHT,)),
        ({"BodyPartExamined": "KNEE", "ImageLaterality": "L"}, (Side.LEFT,)),
        ({"BodyPartExamined": "KNEE"}, (Side.UNKNOWN,)),
        ({"BodyPartExamined": "LEG", "ImageLaterality": "B"}, ()),
        ({"BodyPartExamined": "HIP", "ImageLaterality": "R"}, ()),
        ({"ImageLaterality": "R"}, ()),
    ],
)
def test_the_knees_that_a_header_names(values, expected):
    assert geometry.named_knees(header(**values)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ""),
        ({"ViewPosition": "PA"}, "R"),
        ({"ViewPosition": "AP"}, "R"),
        ({"ViewPosition": "LL"}, ""),
        ({"PatientOrientation": ["L", "F"]}, "R"),
        ({"PatientOrientation": ["R", "F"], "ViewPosition": "PA"}, "L"),
        ({"PatientOrientation": ["LA", "F"]}, "R"),
        ({"PatientOrientation": ["P", "F"], "ViewPosition": "PA"}, ""),
        ({"PatientOrientation": ["F", "R"], "ViewPosition": "AP"}, ""),
        ({"PatientOrientation": "", "ViewPosition": "PA"}, "R"),
        ({"PatientOrientation": ["", ""], "ViewPosition": "PA"}, "R"),
        ({"ViewPosition": "PA", "FieldOfViewHorizontalFlip": "YES"}, "R"),
        ({"SeriesDescription": "Knee PA fixed flexion"}, "R"),
    ],
)
def test_the_side_at_the_first_column(values, expected):
    assert geometry.side_at_column_zero(header(**values)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"ViewPosition": "pa "}, "PA"),
        ({"ViewPosition": "RL"}, "LATERAL"),
        ({"ViewPosition": "RLO"}, "RLO"),
        ({"SeriesDescription": "KNIE A.P. STEHEND"}, "AP"),
        ({"ProtocolName": "Knee LAT"}, "LATERAL"),
        ({"SeriesDescription": "Knee AP", "ProtocolName": "Knee AP/LAT"}, ""),
        ({"SeriesDescription": "Knee, patella, lap"}, ""),
        ({"ViewPosition": "PA", "SeriesDescription": "Knee AP"}, "PA"),
    ],
)
def test_view(values, expected):
    assert geometry.view(header(**values)) == expected


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [("postero-anterior", "PA"), ("Antero-posterior projection", "AP"), ("left lateral", "LATERAL"), ("oblique", "")],
)
def test_coded_view(meaning, expected):
    code = header(CodeMeaning=meaning)
    assert geometry.view(header(ViewCodeSequence=Sequence([code]))) == expected
