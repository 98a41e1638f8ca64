"""Other heights at which a leg's joint may be, where density gives only weak evidence: the net judges between them.

On faint plates the evidence of a worn joint is hardly better than that of a shaft or of an overlap half a plateau away.
"""

from __future__ import annotations

import numpy as np

from koa_worker.knee.finding.density import Densities, runs
from koa_worker.knee.finding.joint import COARSE, Joint, refine, scored
from koa_worker.knee.finding.legs import RATIOS, UNLIKE_SIZE
from koa_worker.knee.finding.roi import Trace, missing, shifted_inside, square
from koa_worker.values import KneeRoi, Radiograph

WEAK = 0.0  # score below which a joint may be elsewhere: what is clear scores 0.2
MOST = 3  # other places
ASIDE = 0.3  # plateaus to the left or right of the joint, at most
APART = 0.25  # plateaus between two places, at least
AWAY = 1.2  # plateaus above or below the joint, at most


def other_places(radiograph: Radiograph, seen: Trace, number: int) -> tuple[KneeRoi, ...]:
    """The next best places of a knee with weak evidence, best first; none if its evidence is good."""
    roi, joint = seen.rois[number], seen.joints[number]
    if joint.score >= WEAK or roi.whole_frame:
        return ()
    height, width = radiograph.pixels.shape
    scale = seen.densities.scale
    found = (refine(radiograph.pixels, one.scaled(1 / scale)) for one in _others(seen.densities, joint.scaled(scale)))
    return tuple(
        KneeRoi(shifted_inside(square(one), width, height), roi.side, missing=missing(one, width)) for one in found
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
    tissue, found = runs(densities.tissue), list[Joint]()
    for ratio in RATIOS:
        plateau = joint.plateau * ratio
        score = scored(densities.image, tissue, plateau, COARSE) - np.float32(UNLIKE_SIZE * np.log(ratio) ** 2)
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
