"""Other places of a knee: the joint is among them where the first one is beside it, or where density found none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from koa_worker.knee.finding.roi import WEAK, Trace, overlap, square, trace
from koa_worker.knee.finding.second_look import MOST, SHIFTS, is_weak, other_places, places_in_leg
from koa_worker.synthetic import Plate, draw, random_spec
from koa_worker.values import Box, KneeRoi, Radiograph, Study


@pytest.fixture(scope="module")
def plate() -> Plate:
    return draw(random_spec(2, longest=700))


@pytest.fixture(scope="module")
def frame(plate: Plate) -> Radiograph:
    return Radiograph(plate.pixels, "PNG", Study("1", "2"))


def beside(seen: Trace, plateaus: float, score: float) -> Trace:
    """The same with the first joint so much lower and so clear."""
    joint = seen.joints[0]
    moved = replace(joint, y=joint.y + plateaus * joint.plateau, score=score)
    return replace(
        seen, joints=(moved, *seen.joints[1:]), rois=(replace(seen.rois[0], box=square(moved)), *seen.rois[1:])
    )


@pytest.mark.parametrize("plateaus", [-0.6, 0.5, 0.8])
def test_the_joint_is_found_above_or_below(frame: Radiograph, plate: Plate, plateaus: float) -> None:
    places = other_places(frame, beside(trace(frame), plateaus, WEAK - 0.5), 0)
    assert len(SHIFTS) <= len(places) <= MOST + len(SHIFTS)
    assert max(overlap(place.box, plate.truths[0].box) for place in places) > 0.7
    assert {place.side for place in places} == {trace(frame).rois[0].side}


@pytest.mark.parametrize("shift", SHIFTS)
def test_the_square_is_tried_higher_and_lower_too(frame: Radiograph, plate: Plate, shift: float) -> None:
    """Also where no other row has the look of a joint."""
    places = other_places(frame, beside(trace(frame), -shift, WEAK - 0.5), 0)
    assert max(overlap(place.box, plate.truths[0].box) for place in places[-len(SHIFTS) :]) > 0.8


def test_a_crop_has_no_other_place(frame: Radiograph) -> None:
    seen = trace(frame)
    whole = replace(seen, rois=tuple(replace(roi, whole_frame=True) for roi in seen.rois))
    assert other_places(frame, whole, 0) == ()


def test_evidence_is_weak_below_its_limit(frame: Radiograph) -> None:
    joint = trace(frame).joints[0]
    assert not is_weak(replace(joint, score=WEAK))
    assert is_weak(replace(joint, score=WEAK - 0.01))


def test_the_joint_of_a_leg_is_among_its_places(frame: Radiograph, plate: Plate) -> None:
    """As where density's evidence was too little for a knee."""
    seen = trace(frame)
    first, second = seen.rois
    height, width = frame.pixels.shape
    leg = KneeRoi(Box(width // 2, 0, width - width // 2, height), second.side)
    places = places_in_leg(frame, replace(seen, rois=(first,), joints=seen.joints[:1], without_knee=(leg,)), leg)
    assert max(overlap(place.box, plate.truths[1].box) for place in places) > 0.7
    assert {place.side for place in places} == {second.side}
