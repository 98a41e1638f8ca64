"""Other places of a knee: the joint is among them where the first one is beside it; clear evidence has none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from koa_worker.knee.finding.roi import Trace, overlap, square, trace
from koa_worker.knee.finding.second_look import MOST, WEAK, other_places
from koa_worker.synthetic import Plate, draw, random_spec
from koa_worker.values import Radiograph, Study


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
    assert 1 <= len(places) <= MOST
    assert max(overlap(place.box, plate.truths[0].box) for place in places) > 0.7
    assert {place.side for place in places} == {trace(frame).rois[0].side}


def test_clear_evidence_and_a_whole_crop_have_no_other_place(frame: Radiograph) -> None:
    seen = trace(frame)
    assert other_places(frame, beside(seen, 0.5, WEAK), 0) == ()
    weak = beside(seen, 0.5, WEAK - 0.5)
    whole = replace(weak, rois=tuple(replace(roi, whole_frame=True) for roi in weak.rois))
    assert other_places(frame, whole, 0) == ()
