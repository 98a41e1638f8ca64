"""Metal over the joint: a connected bright plateau, even against the height of its edge, which is steep all round.

Each piece above one of several levels is weighed by four measures: the step of its rim, how much of that step lies
within a pixel or two, how even its levels are, and how little grain it shows. All are taken in shares of the crop's own
range, so that exposure, gain and depth of the file do not matter. Four weights and a sum tell metal from bone; they
were fitted to metal drawn over training crops and to knees without metal as many consoles show them (`bench.metal`).
Equalisation sharpens bone, so an equalised crop needs more evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.finding.density import Plane
from koa_worker.knee.grading.prepare import Picture, crop, looks_equalized, resize
from koa_worker.values import Box, GrayImage, Points

SIDE = 160  # pixels: a condyle's edge is a pixel or two wide
LEVELS = (0.42, 0.5, 0.58, 0.66, 0.74, 0.8, 0.86, 0.92, 0.96)  # of the crop's range, above which metal may begin
LEAST_AREA, MOST_AREA = 0.01, 0.75  # of the crop: a screw, a prosthesis that fills it
MARGIN = 24  # pixels along the crop's edge in which letters, and lead at the collimator, may lie
LEAST_INSIDE = 0.4  # of a piece, within that margin
LEAST_STEP = 0.15  # of a rim: below it nothing is metal, and nothing more needs to be measured
LEAST_PIXELS = 12  # of rim and inside

WEIGHTS = (7.65, 1.25, -2.89, -2.86)  # of log step, sharpness, log unevenness, log grain
BIAS = -11.06
CLEAR, CLEAR_EQUALIZED = 4.0, 5.5  # evidence that is metal by itself
SUSPECTED, SUSPECTED_EQUALIZED = 0.5, 1.0  # evidence that is metal where the net has that impression too

_SMALL, _MIDDLE, _LARGE = (np.ones((width, width), np.uint8) for width in (3, 5, 7))

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Metal:
    """The piece that looks most like metal."""

    evidence: float = -np.inf  # log odds
    area: float = 0.0  # share of the crop
    outline: Points = ()  # in shares of the crop
    equalized: bool = False

    @property
    def clear(self) -> bool:
        return self.evidence >= (CLEAR_EQUALIZED if self.equalized else CLEAR)

    @property
    def suspected(self) -> bool:
        return self.evidence >= (SUSPECTED_EQUALIZED if self.equalized else SUSPECTED)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One connected piece above a level, and what was measured of it."""

    area: float
    step: float  # of the rim, within three pixels either way: the median
    sharpness: float  # the share of it that lies within one pixel either way
    uneven: float  # spread of the levels inside, a slope taken away
    grain: float  # what neighbours inside differ by: the median
    mask: Mask
    top: int
    left: int

    @property
    def evidence(self) -> float:
        return float(np.dot(WEIGHTS, self.measures)) + BIAS

    @property
    def measures(self) -> tuple[float, float, float, float]:
        return (
            float(np.log(self.step)),
            self.sharpness,
            float(np.log(self.uneven + 0.02)),
            float(np.log(self.grain + 0.01)),
        )


def find_metal(small: Picture, *, equalized: bool = False) -> Metal:
    """The piece with the most evidence, in a crop as it was cut out of the frame."""
    best = max(pieces(levelled(small)), key=lambda piece: piece.evidence, default=None)
    if best is None:
        return Metal(equalized=equalized)
    return Metal(best.evidence, best.area, _outline(best), equalized)


def metal_outline(pixels: GrayImage, box: Box) -> Points:
    """Around what may be metal in this box, in pixels of the frame; empty where nothing is."""
    small = resize(crop(pixels, box))
    found = find_metal(small, equalized=looks_equalized(small))
    if not found.suspected:
        return ()
    return tuple((box.x + x * box.width, box.y + y * box.height) for x, y in found.outline)


def levelled(picture: Picture) -> Plane:
    """In shares of the range between its dark and its bright end, a little smoothed."""
    small = np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
    low, high = (float(level) for level in np.percentile(small, [2, 99.7]))
    spread = np.clip((small - np.float32(low)) / np.float32(max(high - low, 1.0)), 0, 1)
    return np.asarray(cv2.GaussianBlur(spread, (3, 3), 0), np.float32)


def pieces(image: Plane) -> list[Piece]:
    """Every connected piece above a level that is large enough, lies over the joint, and has an edge."""
    steps, neighbours = _range(image, _LARGE), _range(image, _SMALL)
    found = []
    for level in LEVELS:
        bright = cv2.morphologyEx((image > level).astype(np.uint8), cv2.MORPH_OPEN, _SMALL)
        _, labels = cv2.connectedComponents(bright, connectivity=4)
        sizes = np.bincount(labels.ravel())
        within = np.bincount(labels[MARGIN:-MARGIN, MARGIN:-MARGIN].ravel(), minlength=len(sizes))
        usable = (sizes >= LEAST_AREA * bright.size) & (sizes <= MOST_AREA * bright.size)
        usable &= within >= LEAST_INSIDE * sizes
        rims = (bright - cv2.erode(bright, _SMALL, borderValue=1)) > 0
        cores = cv2.erode(bright, _MIDDLE, borderValue=1) > 0
        for number in 1 + np.flatnonzero(usable[1:]):
            piece = _measured(labels == number, image, (steps, neighbours), (rims, cores))
            if piece is not None:
                found.append(piece)
    return found


def _range(image: Plane, around: NDArray[np.uint8]) -> Plane:
    """What the levels around each pixel differ by."""
    return np.asarray(cv2.dilate(image, around) - cv2.erode(image, around), np.float32)


def _measured(whole: Mask, image: Plane, ranges: tuple[Plane, Plane], parts: tuple[Mask, Mask]) -> Piece | None:
    """One piece, or nothing where it has no edge or no inside to speak of."""
    left, top, width, height = cv2.boundingRect(whole.astype(np.uint8))
    place = np.s_[top : top + height, left : left + width]
    mask = whole[place]
    rim, core = (mask & part[place] for part in parts)
    if min(np.count_nonzero(rim), np.count_nonzero(core)) < LEAST_PIXELS:
        return None
    step = float(np.median(ranges[0][place][rim]))
    if step < LEAST_STEP:
        return None
    neighbours = ranges[1][place]
    return Piece(
        area=float(np.count_nonzero(mask) / image.size),
        step=step,
        sharpness=float(np.median(neighbours[rim])) / step,
        uneven=_unevenness(image[place], core),
        grain=float(np.median(neighbours[core])),
        mask=mask,
        top=top,
        left=left,
    )


def _unevenness(image: Plane, core: Mask) -> float:
    """The spread of the levels after the best plane through them is taken away: thick flesh shades metal slowly."""
    down, across = np.nonzero(core)
    slopes = np.stack([np.ones(len(down)), down - down.mean(), across - across.mean()], axis=1)
    levels = image[core].astype(np.float64)
    plane = np.linalg.solve(slopes.T @ slopes + 1e-6 * np.eye(3), slopes.T @ levels)
    return float((levels - slopes @ plane).std())


def _outline(piece: Piece) -> Points:
    """Around the piece, in shares of the crop."""
    found, _ = cv2.findContours(piece.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    line = max(found, key=len).reshape(-1, 2)
    return tuple(((x + piece.left + 0.5) / SIDE, (y + piece.top + 0.5) / SIDE) for x, y in line.tolist())
