"""The words in the picture that goes to the PACS: the true reason for a review, within their space."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations

import cv2
import numpy as np
import pytest

from koa_worker.publish.objects import picture
from koa_worker.publish.objects.result import ImageResult, KneeResult
from koa_worker.report import words
from koa_worker.values import (
    Box,
    Compartment,
    CompartmentName,
    Grade,
    GradedBy,
    JointSpace,
    KneeRoi,
    ReviewCode,
    ReviewReason,
    Side,
    SpacingSource,
)

CUT_OFF = ReviewReason(ReviewCode.CUT_OFF, 0.09, 0.05)


def compartment(name: CompartmentName, *, clear: bool = True) -> Compartment:
    widths = (0.03, 0.04, 12.1, 13.0) if clear else (None,) * 4
    return Compartment(name, clear, *widths, ((1.0, 2.0),), ((1.0, 3.0),))


def knee(*reasons: ReviewReason, space: JointSpace | None = None) -> KneeResult:
    gray, colour = np.zeros((224, 224), np.uint8), np.zeros((224, 224, 3), np.uint8)
    grade = Grade(2, (0.0, 0.01, 0.98, 0.01, 0.0), 0.98, 0.99, 1.0, reasons, "net-v1")
    return KneeResult(KneeRoi(Box(0, 0, 90, 90), Side.LEFT), grade, gray, colour, space)


SPACES = [
    JointSpace((compartment(left, clear=clear), compartment(right)), source, 400.0)
    for left, right in (
        (CompartmentName.MEDIAL, CompartmentName.LATERAL),
        (CompartmentName.PICTURE_LEFT, CompartmentName.PICTURE_RIGHT),
    )
    for clear in (True, False)
    for source in SpacingSource
]


def said(of: KneeResult) -> str:
    return " ".join(line.text for line in picture._lines(1, of))


def test_a_knee_that_the_edge_cuts_off_is_not_called_unsure() -> None:
    found = said(knee(CUT_OFF))
    assert "cut off by the edge" in found
    assert "not sure" not in found


def test_a_knee_without_a_reason_has_no_flag() -> None:
    assert "Review" not in said(knee())


@pytest.mark.parametrize("code", ReviewCode)
def test_every_reason_is_said_in_the_picture(code: ReviewCode) -> None:
    assert words.review_in_short(ReviewReason(code)) in said(knee(ReviewReason(code)))


def test_reasons_that_have_no_space_are_counted() -> None:
    found = said(knee(*(ReviewReason(code) for code in ReviewCode)))
    assert words.review_in_short(ReviewReason(ReviewCode.OTHER_KNEE_NOT_FOUND)) in found
    assert "more" in found


@pytest.mark.parametrize("space", [None, *SPACES])
def test_no_line_leaves_its_space(space: JointSpace | None) -> None:
    """Neither beyond the right edge nor into the bars below, whatever is to be said."""
    top_of_bars = picture._TITLE + picture.EDGE - 5 * 34
    every = [ReviewReason(code) for code in ReviewCode]
    rotated = [tuple(every[at:] + every[:at]) for at in range(len(every))]
    for reasons in [(), *combinations(every, 2), *rotated]:
        lines = picture._lines(1, knee(*reasons, space=space))
        assert sum(line.drop for line in lines) + 8 <= top_of_bars, [line.text for line in lines]
        for line in lines:
            assert line.text.replace("\u00a0", " ").isascii(), line.text
            wide = cv2.getTextSize(line.text.replace("\u00a0", " "), picture._FONT, line.size, 2)[0][0]
            assert wide <= picture._WORDS_WIDTH, line.text


def test_the_whole_picture_is_drawn() -> None:
    frame = cv2.imencode(".jpg", np.full((100, 100), 90, np.uint8))[1].tobytes()
    knees = (knee(CUT_OFF, space=SPACES[0]), knee())
    by = GradedBy("net-v1", "ab" * 32, "1.0")
    drawn = picture.draw(ImageResult("aa", ("aa",), 1, 100, 100, frame, knees, by, datetime(2026, 1, 1, tzinfo=UTC)))
    signal = (drawn == np.array(picture._SIGNAL, np.uint8)).all(axis=2)
    flagged, plain = signal[:520, 1800:], signal[520:1000, 1800:]
    assert flagged.any()
    assert not plain.any()
