"""The layers over the original: boxes, margins, the narrowest place and labels."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from koa_worker import synthetic
from koa_worker.publish.objects import presentation
from koa_worker.publish.objects.base import write_object
from koa_worker.publish.objects.original import Original, read_original
from koa_worker.publish.objects.result import ImageResult, KneeResult
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import (
    Box,
    Compartment,
    CompartmentName,
    GradedBy,
    JointSpace,
    KneeRoi,
    RefusedKnee,
    ReviewCode,
    ReviewReason,
    Side,
    Spacing,
    SpacingSource,
)
from tests import make

ROWS, COLUMNS = 500, 600
FEMORAL = ((100.0, 200.0), (110.0, 204.0), (120.0, 200.0))
TIBIAL = ((100.0, 220.0), (110.0, 210.0), (120.0, 220.0))
MEDIAL = Compartment(CompartmentName.MEDIAL, True, 0.04, 0.05, 3.21, 3.9, FEMORAL, TIBIAL)
BLIND = Compartment(CompartmentName.LATERAL, False, None, None, None, None, FEMORAL, TIBIAL)
SPACE = JointSpace((MEDIAL, BLIND), SpacingSource.DETECTOR, 240.0)
UNCLEAR = ReviewReason(ReviewCode.LOW_CONFIDENCE, 0.4, 0.5)
BLANK = np.zeros((224, 224), np.uint8)

Lines = dict[str, list[list[list[float]]]]


@pytest.fixture
def original(tmp_path: Path) -> Original:
    spec = synthetic.PlateSpec(ROWS, COLUMNS, 0.5, (synthetic.KneeSpec(Side.RIGHT, centre=(0.26, 0.5)),), seed=3)
    write_dicom(tmp_path / "film.dcm", synthetic.draw(spec), photometric="MONOCHROME1")
    return read_original(tmp_path / "film.dcm")


def knee(side: Side, kl: int, box: Box, *reasons: ReviewReason, space: JointSpace | None = SPACE) -> KneeResult:
    return KneeResult(KneeRoi(box, side), make.grade(kl, reasons=reasons), BLANK, BLANK, space)


def result(*knees: KneeResult, refused: tuple[RefusedKnee, ...] = ()) -> ImageResult:
    return ImageResult(
        "ab", ("cd", "ef"), 1, ROWS, COLUMNS, b"", knees, GradedBy("net-v1", "ab" * 32, "1.2"),
        datetime(2026, 3, 1, tzinfo=UTC), refused, spacing=Spacing(0.5, 0.5, SpacingSource.DETECTOR),
    )  # fmt: skip


BOTH = result(
    knee(Side.RIGHT, 2, Box(40, -4, 220, 220)),
    knee(Side.LEFT, 4, Box(320, 100, 220, 220), UNCLEAR, space=None),
)
IMPLANT = RefusedKnee(KneeRoi(Box(320, 100, 220, 220), Side.LEFT), "implant")


def lines_of(state: Dataset) -> Lines:
    """The points of each line, by layer."""
    found: Lines = {}
    for annotation in state.GraphicAnnotationSequence:
        for one in annotation.get("GraphicObjectSequence", []):
            assert (one.GraphicType, one.GraphicAnnotationUnits, one.GraphicDimensions) == ("POLYLINE", "PIXEL", 2)
            points = np.reshape(one.GraphicData, (-1, 2)).tolist()
            assert len(points) == one.NumberOfGraphicPoints
            found.setdefault(annotation.GraphicLayer, []).append(points)
    return found


def labels_of(state: Dataset) -> list[Dataset]:
    return [text for one in state.GraphicAnnotationSequence for text in one.get("TextObjectSequence", [])]


def test_each_box_is_a_closed_line_within_the_image(original: Original) -> None:
    state = presentation.build(original, result(BOTH.knees[0], refused=(IMPLANT,)), None)
    assert lines_of(state)["KOA BOXES"] == [
        [[40, 0], [260, 0], [260, 216], [40, 216], [40, 0]],
        [[320, 100], [540, 100], [540, 320], [320, 320], [320, 100]],
    ]


def test_margins_and_the_narrowest_place_are_those_of_the_clear_compartment(original: Original) -> None:
    lines = lines_of(presentation.build(original, BOTH, None))
    half = [[[x + 0.5, y + 0.5] for x, y in points] for points in (FEMORAL, TIBIAL)]
    assert lines["KOA MARGINS"] == half
    assert lines["KOA NARROWEST"] == [[[110.5, 204.5], [110.5, 210.5]]]


def test_labels_say_side_grade_flag_and_width(original: Original) -> None:
    right, left, width = labels_of(presentation.build(original, BOTH, None))
    assert right.UnformattedTextValue == "R KL 2, minimal. AI, research use only, not for diagnostic use"
    assert left.UnformattedTextValue == "L KL 4, severe, look at it. AI, research use only, not for diagnostic use"
    assert width.UnformattedTextValue == "3.2 mm"
    assert list(width.AnchorPoint) == [110.5, 207.5]
    for label, box in ((right, (40, 0, 260, 216)), (left, (320, 100, 540, 320))):
        (x0, y0), (x1, y1) = label.BoundingBoxTopLeftHandCorner, label.BoundingBoxBottomRightHandCorner
        assert box[0] <= x0 < x1 <= box[2]
        assert box[1] <= y0 < y1 <= box[3]


def test_a_knee_without_a_grade_has_its_reason(original: Original) -> None:
    _, _, refused = labels_of(presentation.build(original, result(*BOTH.knees, refused=(IMPLANT,)), None))[:3]
    assert refused.UnformattedTextValue.startswith("L not graded: Implant or other metal over the joint. AI,")


def test_a_side_that_nobody_knows_is_called_so(original: Original) -> None:
    (label,) = labels_of(
        presentation.build(original, result(knee(Side.UNKNOWN, 0, Box(9, 9, 99, 99), space=None)), None)
    )
    assert label.UnformattedTextValue.startswith("Side unknown, KL 0, none.")


def test_each_layer_is_declared_once_and_can_be_switched_off_by_itself(original: Original) -> None:
    state = presentation.build(original, BOTH, None)
    declared = {layer.GraphicLayer: layer.GraphicLayerOrder for layer in state.GraphicLayerSequence}
    assert sorted(declared, key=declared.__getitem__) == ["KOA BOXES", "KOA MARGINS", "KOA NARROWEST", "KOA LABELS"]
    used = [annotation.GraphicLayer for annotation in state.GraphicAnnotationSequence]
    assert sorted(used) == sorted(declared)


def test_without_a_measurement_there_are_no_margins(original: Original) -> None:
    state = presentation.build(original, result(knee(Side.LEFT, 1, Box(9, 9, 99, 99), space=None)), None)
    assert list(lines_of(state)) == ["KOA BOXES"]
    assert len(labels_of(state)) == 1


def test_the_image_is_shown_as_the_original_is(original: Original) -> None:
    """Window and rescaling of the original stay, and white is dense."""
    original.header.WindowCenter, original.header.WindowWidth = "1800", "2400"
    state = presentation.build(original, BOTH, None)
    (window,) = state.SoftcopyVOILUTSequence
    assert (window.WindowCenter, window.WindowWidth) == (1800, 2400)
    assert state.PresentationLUTShape == "INVERSE"
    (series,) = state.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == original.series_uid
    assert series.ReferencedImageSequence[0].ReferencedSOPInstanceUID == original.sop_uid
    (area,) = state.DisplayedAreaSelectionSequence
    assert (list(area.DisplayedAreaTopLeftHandCorner), list(area.DisplayedAreaBottomRightHandCorner)) == (
        [1, 1],
        [COLUMNS, ROWS],
    )


@pytest.mark.parametrize(
    ("said", "can"),
    [
        ({}, True),
        ({"NumberOfFrames": 1}, True),
        ({"NumberOfFrames": 2}, False),
        ({"PhotometricInterpretation": "RGB"}, False),
    ],
)
def test_only_a_gray_image_of_one_frame_has_one(original: Original, said: dict[str, Any], can: bool) -> None:
    for keyword, value in said.items():
        setattr(original.header, keyword, value)
    assert presentation.can_be_built(original) is can


def test_other_programs_find_no_error(peer: Callable[[str], str], original: Original, tmp_path: Path) -> None:
    path = tmp_path / "state.dcm"
    state = presentation.build(original, replace(BOTH, refused=(IMPLANT,)), None)
    for item in state.ContributingEquipmentSequence:  # dcmpschk does not know the time zone in it (PS3.5 6.2)
        item.ContributionDateTime = item.ContributionDateTime[:14]
    write_object(path, state)
    checked = subprocess.run([peer("dcmpschk"), path], capture_output=True, text=True, check=False)
    assert "Test passed" in checked.stdout + checked.stderr
    verified = subprocess.run([peer("dciodvfy"), path], capture_output=True, text=True, check=False)
    assert [line for line in verified.stderr.splitlines() if line.startswith("Error")] == []
    assert "GrayscaleSoftcopyPresentationState" in verified.stderr
