"""Finds the knees of a frame by pixel density: their number, the square around each joint, and its side."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from koa_worker.errors import InputRejected
from koa_worker.knee.finding import legs
from koa_worker.knee.finding.density import Densities, inverse, measure
from koa_worker.knee.finding.joint import Joint, refine, search
from koa_worker.knee.finding.legs import Leg
from koa_worker.knee.finding.plateau import RAISED, SIDE_PER_PLATEAU
from koa_worker.study.sides import sides_of
from koa_worker.values import Box, KneeRoi, Laterality, Radiograph, Side

LEAST_SCORE = -1.3  # of the evidence, for a joint to be one
SECOND_SCORE = -1.2  # a second knee must convince by itself …
SECOND_BEHIND = 0.7  # … and not be much worse than the first, where no leg of its own is seen
CLEAR = 0.2  # a joint with this score needs no comparison with the other leg's; complete evidence scores 0.22
COMPARTMENT_LARGEST = 1.45  # a joint is larger than one compartment by at least this factor …
COMPARTMENT_AHEAD = 0.25  # … which may look better than the joint by this much
LEAST_CONTRAST = 0.05  # of the highest level: less is an empty exposure
LEAST_SIDE = 96  # pixels: a smaller square would be enlarged more than twice for the model
WEAK = 0.0  # score below which a joint may be elsewhere, or of another size; a clear joint scores 0.2
PAIR = 1.12  # one plateau of a frame is wider than the other by this factor at most: measured 1.12 on 31 radiographs
NEARLY_SQUARE = 1.2
CROP_SHARE = 0.5  # a square image that the knee's box fills by this share (IoU) is a crop already …
CROP_BEHIND = 0.45  # … even if a part of it looks more like a knee by this much
FAR_BEHIND = max(SECOND_BEHIND, COMPARTMENT_AHEAD, CROP_BEHIND)  # the best joint: such a one is not chosen beside it


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """All measurements that led to the boxes, for a person who wants to see the reason."""

    densities: Densities
    candidates: tuple[Joint, ...]  # best first, in working pixels
    joints: tuple[Joint, ...]  # chosen and refined, left to right, in pixels of the frame
    rois: tuple[KneeRoi, ...]
    fault: InputRejected | None = None
    without_knee: tuple[KneeRoi, ...] = ()  # where a leg is seen, or named by the header, and no joint in it


def find_knees(radiograph: Radiograph) -> tuple[KneeRoi, ...]:
    """The knees of a frame from left to right; there is at least one, or the frame is rejected with the reason."""
    return find(radiograph).rois


def find(radiograph: Radiograph) -> Trace:
    """The same as `find_knees`, with the legs in which no joint was found."""
    seen = trace(radiograph)
    if seen.fault is not None:
        raise seen.fault
    return seen


def trace(radiograph: Radiograph) -> Trace:
    """The same as `find`, with all measurements; an error is returned and not raised."""
    pixels = radiograph.pixels
    densities = measure(pixels, radiograph.half)
    if densities.contrast < LEAST_CONTRAST:
        return Trace(densities, (), (), (), InputRejected("blank", "its levels hardly differ"))
    candidates = tuple(search(densities, FAR_BEHIND))
    whole = whole_crop(candidates, densities) or negative_crop(candidates, densities)
    if whole is not None:
        return Trace(densities, candidates, (whole.scaled(1 / densities.scale),), _whole(radiograph))
    chosen, empty = choose(candidates, densities)
    if not chosen:
        return Trace(
            densities, candidates, (), (), InputRejected("no_knee", "no joint line between two blocks of bone")
        )
    joints = alike(tuple(refine(pixels, joint.scaled(1 / densities.scale), radiograph.half) for joint in chosen))
    rois, without_knee = regions(radiograph, joints, empty.in_frame(pixels, densities.scale) if empty else None)
    small = [roi for roi in rois if roi.box.width < LEAST_SIDE]
    if small:
        detail = f"{small[0].box.width} pixels where {LEAST_SIDE} are needed"
        return Trace(densities, candidates, joints, rois, InputRejected("too_small", detail))
    return Trace(densities, candidates, joints, rois, without_knee=without_knee)


def whole_crop(candidates: tuple[Joint, ...], densities: Densities) -> Joint | None:
    """The joint of a nearly square image that is a crop already: it fills the image and is about the best candidate.

    Little is seen around the bone of a crop, so that a part of the joint may look slightly more like a knee.
    """
    if not nearly_square(densities):
        return None
    frame = Box(0, 0, densities.image.shape[1], densities.image.shape[0])
    for joint in candidates:
        if joint.score < max(LEAST_SCORE, candidates[0].score - CROP_BEHIND):
            return None
        if overlap(square(joint), frame) > CROP_SHARE:
            return joint
    return None


def negative_crop(candidates: tuple[Joint, ...], densities: Densities) -> Joint | None:
    """The same for a negative (one in seventy of the published crops is one): its positive looks more like a knee."""
    if not nearly_square(densities):
        return None
    negatives = tuple(search(inverse(densities), FAR_BEHIND))
    if not negatives or (candidates and negatives[0].score < candidates[0].score):
        return None
    return whole_crop(negatives, densities)


def nearly_square(densities: Densities) -> bool:
    height, width = densities.image.shape
    return bool(max(width, height) < NEARLY_SQUARE * min(width, height))


def choose(candidates: tuple[Joint, ...], densities: Densities) -> tuple[tuple[Joint, ...], Leg | None]:
    """The best candidate and the best one of the other leg, left to right; and that leg if it has no joint."""
    if not candidates or candidates[0].score < LEAST_SCORE:
        return (), None
    first = not_a_compartment(candidates)
    leg = legs.beside(densities, first)
    if leg:
        second = in_leg(densities, candidates, first, leg)
    else:  # beside a larger joint that is not the best one, others may be chosen that were left out
        second = beside(candidates if first is candidates[0] else tuple(search(densities)), first)
    if second is not None:
        return tuple(sorted((first, second), key=lambda joint: joint.x)), None
    return (first,), leg


def in_leg(densities: Densities, candidates: tuple[Joint, ...], first: Joint, leg: Leg) -> Joint | None:
    """The best joint of a visible leg, even if the other leg's is much better: a worn knee has lost its joint space."""
    clear = (other for other in candidates if other.score >= CLEAR and leg.holds(other.x) and _other_knee(first, other))
    second = next(clear, None) or legs.best_joint(densities, leg, first)
    return second if second is not None and second.score >= SECOND_SCORE else None


def beside(candidates: tuple[Joint, ...], first: Joint) -> Joint | None:
    """A second knee where density shows no separate leg, as in legs that overlap."""
    for other in candidates[1:]:
        if other.score < max(SECOND_SCORE, first.score - SECOND_BEHIND):
            break
        if _other_knee(first, other):
            return other
    return None


def not_a_compartment(candidates: tuple[Joint, ...]) -> Joint:
    """The best candidate, or a much larger one around it that is nearly as good.

    One compartment of a joint also has two bright edges and margins: if the other one is closed (KL 4), it can look
    more like a knee than the whole joint.
    """
    best = candidates[0]
    for other in candidates[1:]:
        if other.score < best.score - COMPARTMENT_AHEAD:
            break
        if (
            other.plateau > COMPARTMENT_LARGEST * best.plateau
            and abs(other.x - best.x) < 0.45 * other.plateau
            and abs(other.y - best.y) < 0.25 * other.plateau
        ):
            return other
    return best


def _other_knee(first: Joint, other: Joint) -> bool:
    """Whether a candidate can be the other knee: far enough to the side, with about the same height and size."""
    plateau = (first.plateau + other.plateau) / 2
    return (
        abs(first.x - other.x) > 1.15 * plateau
        and abs(first.y - other.y) < plateau
        and 0.7 < first.plateau / other.plateau < 1.4
    )


def alike(joints: tuple[Joint, ...]) -> tuple[Joint, ...]:
    """Both joints; one with weak evidence and a very different size is resized towards the size of the other.

    Both knees of a patient are equally wide in one exposure; the ends of a worn or faint plateau are easily missed. A
    joint with clear evidence is not changed.
    """
    if len(joints) != 2:
        return joints
    clear = max(joints, key=lambda joint: joint.score).plateau
    return tuple(
        replace(joint, plateau=float(np.clip(joint.plateau, clear / PAIR, clear * PAIR)))
        if joint.score < WEAK
        else joint
        for joint in joints
    )


def regions(
    radiograph: Radiograph, joints: tuple[Joint, ...], empty: Box | None
) -> tuple[tuple[KneeRoi, ...], tuple[KneeRoi, ...]]:
    """The squares of the knees and of a leg without a knee, each with its side."""
    height, width = radiograph.pixels.shape
    boxes = [shifted_inside(square(joint), width, height) for joint in joints]
    places = sorted((*boxes, *([empty] if empty else [])), key=lambda box: box.x + box.width / 2)
    sides = dict(zip(places, sides_of(len(places), radiograph.laterality, radiograph.column_zero_side), strict=True))
    rois = tuple(
        KneeRoi(box, sides[box], missing=missing(joint, width)) for box, joint in zip(boxes, joints, strict=True)
    )
    if empty is not None:
        return rois, (KneeRoi(empty, sides[empty]),)
    if len(joints) == 1 and radiograph.laterality is Laterality.BOTH:  # the side of the other knee is unknown
        return rois, (KneeRoi(legs.rest_of_frame(radiograph.pixels, boxes[0]), Side.UNKNOWN),)
    return rois, ()


def missing(joint: Joint, width: int) -> float:
    """The share of the plateau's width that is beyond the left or right edge of a frame."""
    left, right = joint.x + 0.5 - joint.plateau / 2, joint.x + 0.5 + joint.plateau / 2
    return (max(0.0, -left) + max(0.0, right - width)) / joint.plateau


def _whole(radiograph: Radiograph) -> tuple[KneeRoi, ...]:
    """The whole image as a region."""
    height, width = radiograph.pixels.shape
    (side,) = sides_of(1, radiograph.laterality, radiograph.column_zero_side)
    return (KneeRoi(Box(0, 0, width, height), side, whole_frame=True),)


def square(joint: Joint) -> Box:
    side = max(1, round(SIDE_PER_PLATEAU * joint.plateau))
    left = round(joint.x + 0.5 - side / 2)
    top = round(joint.y + 0.5 - RAISED * joint.plateau - side / 2)
    return Box(left, top, side, side)


def shifted_inside(box: Box, width: int, height: int) -> Box:
    """Shifts the square into the image along each axis if it fits; else it extends beyond the image on both sides."""
    x = int(np.clip(box.x, 0, width - box.width)) if box.width <= width else box.x
    y = int(np.clip(box.y, 0, height - box.height)) if box.height <= height else box.y
    return Box(x, y, box.width, box.height)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(0, across) * max(0, down)
    return common / (one.width * one.height + other.width * other.height - common)
