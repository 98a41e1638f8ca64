"""Finds metal over the joint: brighter than everything else, uniform, large, and with a sharp edge all round.

It needs the crop before equalisation, which hides these features: in published, equalised crops bone has equally sharp
edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from koa_worker.knee.finding.density import Plane
from koa_worker.knee.grading.prepare import Picture

SIDE = 160  # pixels: a condyle's edge is a pixel or two wide
LEVELS = (0.6, 0.7, 0.8, 0.88)  # of the crop's range, above which metal may begin
LEAST_AREA, MOST_AREA = 0.025, 0.6  # of the crop
MARGIN = 24  # pixels along the crop's edge in which letters, and lead at the collimator, may lie
LEAST_INSIDE = 0.4  # of a piece, within that margin
PAD = 3  # pixels around a piece that its rim needs
REACH = 7  # pixels over which an edge's step is measured
RIM_SHARE = 25  # per cent of a piece's rim may be less sharp, where it lies on other metal or dense bone
STEEP = 0.32  # the step of such a rim, in the crop's range; 205 knees without metal: at most 0.27
EVEN = 0.05  # spread of the levels within metal; bone that is exposed to white has steep edges, but an uneven inside
LESS_STEEP, VERY_EVEN = 0.20, 0.04  # cement, thin metal and a soft exposure: together with a suspicious look


@dataclass(frozen=True, slots=True)
class Metal:
    """The region that looks most like metal."""

    step: float = 0.0  # of its rim
    spread: float = 1.0  # of its levels
    area: float = 0.0

    @property
    def clear(self) -> bool:
        return self.step >= STEEP and self.spread <= EVEN

    @property
    def suspected(self) -> bool:
        return self.step >= STEEP or (self.step >= LESS_STEEP and self.spread <= VERY_EVEN)


def find_metal(crop: Picture) -> Metal:
    """The region with the sharpest rim in a crop that is not equalised."""
    image = _levelled(crop)
    around = np.ones((REACH, REACH), np.uint8)
    steps = np.asarray(cv2.dilate(image, around) - cv2.erode(image, around), np.float32)
    found = [metal for level in LEVELS for metal in _pieces(image, steps, level)]
    return max(found, key=lambda metal: metal.step, default=Metal())


def _levelled(crop: Picture) -> Plane:
    small = np.asarray(cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    shares = np.cumsum(np.bincount(small.ravel(), minlength=256)) / small.size
    low, high = (float(level) for level in np.searchsorted(shares, [0.02, 0.997]))
    spread = np.clip((small.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, 1.0)), 0, 1)
    return np.asarray(cv2.GaussianBlur(spread, (3, 3), 0), np.float32)


def _pieces(image: Plane, steps: Plane, level: float) -> list[Metal]:
    """All connected regions above a level that are large enough and over the joint."""
    bright = cv2.morphologyEx((image > level).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if cv2.countNonZero(bright) < LEAST_AREA * bright.size:
        return []
    # Counted here: OpenCV's own statistics take four times as long as the pieces, and are asked of a few only.
    _, labels = cv2.connectedComponents(bright, connectivity=4)
    sizes = np.bincount(labels.ravel())
    areas = sizes / bright.size
    inside = labels[MARGIN:-MARGIN, MARGIN:-MARGIN]
    found = []
    for number in 1 + np.flatnonzero((areas[1:] >= LEAST_AREA) & (areas[1:] <= MOST_AREA)):
        if np.count_nonzero(inside == number) < LEAST_INSIDE * sizes[number]:
            continue
        whole = (labels == number).astype(np.uint8)
        left, top, width, height = cv2.boundingRect(whole)
        place = np.s_[max(0, top - PAD) : top + height + PAD, max(0, left - PAD) : left + width + PAD]
        piece = whole[place]
        rim = piece > cv2.erode(piece, np.ones((3, 3), np.uint8), borderValue=1)
        core = cv2.erode(piece, np.ones((5, 5), np.uint8)) > 0
        if rim.any() and core.any():
            step = float(np.percentile(steps[place][rim], RIM_SHARE))
            found.append(Metal(step, float(image[place][core].std()), float(areas[number])))
    return found
