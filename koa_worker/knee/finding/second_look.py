"""Other possible positions of a joint for which density gives only weak evidence: the model decides between them.

On faint radiographs the evidence for a worn joint is hardly better than for a shaft or an overlap half a plateau away.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from koa_worker.knee.finding.density import Densities, Halves, runs
from koa_worker.knee.finding.joint import COARSE, Joint, refine, scored
from koa_worker.knee.finding.legs import RATIOS, UNLIKE_SIZE, Leg, best_joint
from koa_worker.knee.finding.roi import WEAK, Trace, alike, missing, shifted_inside, square
from koa_worker.values import KneeRoi, Radiograph

MOST = 3  # other joints
ASIDE = 0.3  # plateaus to the left or right of the joint, at most
APART = 0.25  # plateaus between two joints, at least
AWAY = 1.2  # plateaus above or below the joint, at most
SHIFTS = (-0.42, -0.21, 0.21, 0.42)  # plateaus: the square itself, higher or lower


def is_weak(joint: Joint) -> bool:
    """Whether the evidence is so weak that the joint may be elsewhere."""
    return joint.score < WEAK


def other_places(radiograph: Radiograph, seen: Trace, number: int) -> tuple[KneeRoi, ...]:
    """The next best positions of a knee above and below, and its square shifted up and down; none for a crop."""
    roi, joint = seen.rois[number], seen.joints[number]
    if roi.whole_frame:
        return ()
    others = _refined(radiograph, seen, _others(seen.densities, joint.scaled(seen.densities.scale)), beside=number)
    shifted = (replace(joint, y=joint.y + shift * joint.plateau) for shift in SHIFTS)
    return _places(radiograph, (*others, *shifted), roi)


def places_in_leg(radiograph: Radiograph, seen: Trace, leg: KneeRoi) -> tuple[KneeRoi, ...]:
    """Where the joint may be in a leg in which density found none; the frame's other knee gives its size."""
    scale = seen.densities.scale
    columns = Leg(round(leg.box.x * scale), round((leg.box.x + leg.box.width) * scale))
    joint = best_joint(seen.densities, columns, seen.joints[0].scaled(scale))
    if joint is None:
        return ()
    return _places(radiograph, _refined(radiograph, seen, [joint, *_others(seen.densities, joint)]), leg)


def _refined(radiograph: Radiograph, seen: Trace, joints: list[Joint], beside: int | None = None) -> list[Joint]:
    """Joints in working pixels, measured in the frame and about as large as the other knee's, if there is one."""
    found = [refine(radiograph.pixels, one.scaled(1 / seen.densities.scale), radiograph.half) for one in joints]
    others = [joint for number, joint in enumerate(seen.joints) if number != beside]
    return [alike((others[0], one))[1] for one in found] if others else found


def _places(radiograph: Radiograph, joints: tuple[Joint, ...] | list[Joint], roi: KneeRoi) -> tuple[KneeRoi, ...]:
    """The squares of these joints, on the side of the wanted knee."""
    height, width = radiograph.pixels.shape
    return tuple(
        KneeRoi(shifted_inside(square(one), width, height), roi.side, missing=missing(one, width)) for one in joints
    )


def _others(densities: Densities, joint: Joint) -> list[Joint]:
    """Joints of about the same size above and below, in working pixels."""
    kept = [joint]
    for one in sorted(_by_row(densities, joint), key=lambda one: -one.score):
        away = min(abs(one.y - other.y) for other in kept)
        if away > APART * joint.plateau and abs(one.y - joint.y) < AWAY * joint.plateau:
            kept.append(one)
        if len(kept) > MOST:
            break
    return kept[1:]


def _by_row(densities: Densities, joint: Joint) -> list[Joint]:
    """The best joint in each searched row of the leg, at each size."""
    halves, tissue, found = Halves(densities.image), runs(densities.tissue), list[Joint]()
    for ratio in RATIOS:
        plateau = joint.plateau * ratio
        score = scored(halves, tissue, plateau, COARSE) - np.float32(UNLIKE_SIZE * np.log(ratio) ** 2)
        rows, columns = (
            (np.arange(length) * COARSE.stride + 0.5) * plateau / COARSE.unit - 0.5 for length in score.shape
        )
        score[:, np.abs(columns - joint.x) > ASIDE * joint.plateau] = -np.inf
        best = score.argmax(axis=1)
        highest = score[np.arange(len(rows)), best]
        found += [
            Joint(float(columns[best[row]]), float(rows[row]), plateau, float(highest[row]))
            for row in np.flatnonzero(np.isfinite(highest))
        ]
    return found
