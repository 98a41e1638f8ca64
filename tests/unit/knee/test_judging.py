"""Density proposes and the model decides: a box beside a knee moves there, and a leg without one is searched again."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from koa_worker.knee import judging
from koa_worker.knee.finding.roi import WEAK, Trace, overlap, square, trace
from koa_worker.knee.grading.grade import Grader, model_folder
from koa_worker.knee.judging import JudgedFrame, judge_frame
from koa_worker.synthetic import Plate, draw, random_spec
from koa_worker.values import Box, KneeRoi, Radiograph, Study


@pytest.fixture(scope="module")
def grader() -> Grader:
    return Grader.load(model_folder(None), 0.5, None)


@pytest.fixture(scope="module")
def plate() -> Plate:
    return draw(random_spec(2, longest=700))


@pytest.fixture(scope="module")
def frame(plate: Plate) -> Radiograph:
    return Radiograph(plate.pixels, "PNG", Study("1", "2"))


def judged(monkeypatch: pytest.MonkeyPatch, grader: Grader, frame: Radiograph, seen: Trace) -> JudgedFrame:
    """What becomes of a frame in which density sees this."""
    monkeypatch.setattr(judging, "find", lambda _: seen)
    return judge_frame(grader, frame, lambda _: nullcontext())


def one_knee(frame: Radiograph) -> Trace:
    """As if density had no evidence of a joint in the right half of the frame."""
    seen = trace(frame)
    height, width = frame.pixels.shape
    leg = KneeRoi(Box(width // 2, 0, width - width // 2, height), seen.rois[1].side)
    return replace(seen, rois=seen.rois[:1], joints=seen.joints[:1], without_knee=(leg,))


@pytest.mark.parametrize("score", [WEAK - 0.5, WEAK + 0.1])
def test_a_box_beside_a_knee_moves_to_it(
    monkeypatch: pytest.MonkeyPatch, grader: Grader, frame: Radiograph, plate: Plate, score: float
) -> None:
    """However clear the evidence seems, if the model sees no knee there."""
    seen = trace(frame)
    low = replace(seen.joints[0], y=seen.joints[0].y + 0.42 * seen.joints[0].plateau, score=score)
    beside = replace(seen, joints=(low, seen.joints[1]), rois=(replace(seen.rois[0], box=square(low)), seen.rois[1]))
    assert overlap(square(low), plate.truths[0].box) < 0.6
    first, _ = judged(monkeypatch, grader, frame, beside).knees
    assert overlap(first.roi.box, plate.truths[0].box) > 0.7
    assert not first.verdict.code


def test_a_knee_is_found_in_a_leg_without_evidence(
    monkeypatch: pytest.MonkeyPatch, grader: Grader, frame: Radiograph, plate: Plate
) -> None:
    found = judged(monkeypatch, grader, frame, one_knee(frame))
    assert not found.without_knee
    shares = [overlap(one.roi.box, truth.box) for one, truth in zip(found.knees, plate.truths, strict=True)]
    assert min(shares) > 0.7
    assert [one.roi.side for one in found.knees] == [roi.side for roi in trace(frame).rois]


def test_a_leg_without_a_knee_stays_so(monkeypatch: pytest.MonkeyPatch, grader: Grader, frame: Radiograph) -> None:
    """The model sees no knee in a leg of even density."""
    pixels = frame.pixels.copy()
    pixels[:, pixels.shape[1] // 2 :] = 120
    found = judged(monkeypatch, grader, replace(frame, pixels=pixels), one_knee(frame))
    assert [one.code for one in found.without_knee] == ["knee_not_found"]
    assert len(found.knees) == 1
