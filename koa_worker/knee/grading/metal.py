"""Metal over the joint: a connected bright plateau, even against the height of its edge, which is steep all round.

Each piece above one of several gray levels has four measures: the step of its rim, how much of that step lies within a
pixel or two, how even its levels are, and how little grain it shows. All are shares of the crop's own range, so that
exposure, gain and bit depth of the file do not matter. Their weighted sum tells metal from bone; the weights were
fitted to metal drawn over training crops and to knees without metal as many consoles show them (`bench.metal`).
Strong evidence is enough to call a piece metal; with weaker evidence the model must find the knee strange too.
Equalisation sharpens bone, so an equalised crop needs more evidence and more strangeness.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.finding.density import Plane, percentiles
from koa_worker.knee.grading.prepare import SIZE, Picture, crop, looks_equalized, resize
from koa_worker.values import Box, GrayImage, Points

SIDE = 160  # pixels: a condyle's edge is a pixel or two wide
SMOOTHED = 5  # pixels of the model's crop: grain, screens and moiré are no edges
LEVELS = (0.42, 0.5, 0.58, 0.66, 0.74, 0.8, 0.86, 0.92, 0.96)  # of the crop's range, above which metal may begin
LEAST_AREA, MOST_AREA = 0.01, 0.75  # of the picture: a screw, a prosthesis that fills it
MARGIN = 24  # pixels along the edge in which letters, and lead at the collimator, may lie
LEAST_INSIDE = 0.4  # of a piece, within that margin
LEAST_STEP = 0.15  # of a rim: below it nothing is metal, and nothing more needs to be measured
ROUGHLY = 0.05  # of evidence
LEAST_PIXELS = 12  # of rim and inside
MANY_PIECES = 9  # above one level: so many are counted all at once, fewer one by one
AROUND = 0.5  # of the box on each side, in which metal beside the joint may lie

WEIGHTS = (7.65, 1.25, -2.89, -2.86)  # of log step, sharpness, log unevenness, log grain
BIAS = -11.06
CLEAR, CLEAR_EQUALIZED = 4.0, 5.5  # evidence that is enough without the model's strangeness
LEAST_EVIDENCE = -1.5  # below it a piece is never metal
TOGETHER, TOGETHER_EQUALIZED = 0.7, 4.0  # sum of the evidence and the model's log odds against a knee
SUSPECTED = 1.0  # evidence from which on a person should review the knee

_SMALL, _MIDDLE, _LARGE = (np.ones((width, width), np.uint8) for width in (3, 5, 7))

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Metal:
    """The region that looks most like metal."""

    evidence: float = -np.inf  # log odds
    area: float = 0.0  # share of the box
    outline: Points = ()  # in shares of the box, beyond 0…1 where it lies beside it
    equalized: bool = False

    @property
    def clear(self) -> bool:
        return self.evidence >= (CLEAR_EQUALIZED if self.equalized else CLEAR)

    @property
    def suspected(self) -> bool:
        return self.evidence >= (TOGETHER_EQUALIZED if self.equalized else SUSPECTED)

    def is_metal_beside(self, strangeness: float) -> bool:
        """Whether it is metal, if the model finds the knee strange by these log odds."""
        together = self.evidence + strangeness
        return self.evidence >= LEAST_EVIDENCE and together >= (TOGETHER_EQUALIZED if self.equalized else TOGETHER)


@dataclass(frozen=True, eq=False)
class Piece:
    """One connected piece above a level, and what was measured of it."""

    step: float  # of the rim, within three pixels either way: the median
    sharpness: float  # the share of it that lies within one pixel either way
    grain: float  # difference of neighbouring pixels inside: the median
    mask: Mask
    image: Plane  # the picture's part with the piece …
    core: Mask  # … and its inside
    top: int
    left: int

    @cached_property
    def uneven(self) -> float:
        """The spread of the levels inside, after a plane is subtracted."""
        return _unevenness(self.image, self.core)

    @property
    def evidence(self) -> float:
        return self._evidence(self.uneven)

    @property
    def most_evidence(self) -> float:
        """An upper bound of the evidence: its value if all levels inside were equal."""
        return self._evidence(0.0)

    @property
    def rough_evidence(self) -> float:
        """The evidence with an error of up to `ROUGHLY`, in a tenth of the time."""
        return self._evidence(_rough_unevenness(self.image, self.core))

    @property
    def measures(self) -> tuple[float, float, float, float]:
        return self._measures(self.uneven)

    def _evidence(self, uneven: float) -> float:
        return float(np.dot(WEIGHTS, self._measures(uneven))) + BIAS

    def _measures(self, uneven: float) -> tuple[float, float, float, float]:
        return (
            float(np.log(self.step)),
            self.sharpness,
            float(np.log(uneven + 0.02)),
            float(np.log(self.grain + 0.01)),
        )


def evidence_that_counts(strangeness: float, *, equalized: bool) -> float:
    """The lowest evidence that makes a difference for a knee of this strangeness."""
    suspected, together = (TOGETHER_EQUALIZED, TOGETHER_EQUALIZED) if equalized else (SUSPECTED, TOGETHER)
    return min(suspected, max(LEAST_EVIDENCE, together - strangeness))


def find_metal(small: Picture, *, equalized: bool = False, least: float = -np.inf) -> Metal:
    """The piece with the most evidence, in a crop as it was cut out of the frame; none where it is below `least`.

    For most pieces of bone three measures show that they stay below; the fourth, which takes longest, is then skipped.
    """
    best = _best(small, least)
    return _as_metal(best, Box(0, 0, SIDE, SIDE), equalized) if best else Metal(equalized=equalized)


def find_metal_around(pixels: GrayImage, box: Box) -> Metal:
    """The same around the joint too, within the frame: a box that was placed beside the metal misses it."""
    height, width = pixels.shape
    left, top = max(0, box.x - round(AROUND * box.width)), max(0, box.y - round(AROUND * box.height))
    right, bottom = (
        min(width, box.x + round((1 + AROUND) * box.width)),
        min(height, box.y + round((1 + AROUND) * box.height)),
    )
    wide = crop(pixels, Box(left, top, right - left, bottom - top))
    factor = SIZE / box.width
    best = _best(np.asarray(cv2.resize(wide, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8))
    there = SIDE / box.width
    place = Box(round((box.x - left) * there), round((box.y - top) * there), SIDE, SIDE)
    return _as_metal(best, place, equalized=False) if best else Metal()


def metal_outline(pixels: GrayImage, box: Box) -> Points:
    """The outline of what may be metal in this box or near it, in pixels of the frame; empty if there is none."""
    small = resize(crop(pixels, box))
    equalized = looks_equalized(small)
    found = find_metal(small, equalized=equalized)
    if not found.suspected and not equalized:
        found = max(found, find_metal_around(pixels, box), key=lambda metal: metal.evidence)
    if found.evidence < LEAST_EVIDENCE:
        return ()
    return tuple((box.x + x * box.width, box.y + y * box.height) for x, y in found.outline)


def _best(picture: Picture, least: float = -np.inf) -> Piece | None:
    """The piece with the most evidence; only pieces that may be the best one are measured exactly."""
    found = [piece for piece in pieces(levelled(picture)) if piece.most_evidence >= least]
    rough = [piece.rough_evidence for piece in found]
    enough = max(*rough, least) - ROUGHLY if rough else least
    near = [piece for piece, about in zip(found, rough, strict=True) if about >= enough]
    return max(near, key=lambda piece: piece.evidence, default=None)


def _as_metal(piece: Piece, place: Box, equalized: bool) -> Metal:  # noqa: FBT001
    """The piece, with its outline in shares of the joint's box, which is at `place` in the image."""
    found, _ = cv2.findContours(piece.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    line = max(found, key=len).reshape(-1, 2).tolist()
    outline = tuple(((x + piece.left - place.x + 0.5) / SIDE, (y + piece.top - place.y + 0.5) / SIDE) for x, y in line)
    return Metal(piece.evidence, piece.mask.sum() / SIDE**2, outline, equalized)


def levelled(picture: Picture) -> Plane:
    """The image as shares of its range from dark to bright, without grain, `SIDE` pixels for the model's 224."""
    smooth = cv2.medianBlur(np.ascontiguousarray(picture), SMOOTHED)
    factor = SIDE / SIZE
    small = np.asarray(cv2.resize(smooth, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.float32)
    low, high = percentiles(small, 2.0, 99.7)
    spread = np.clip((small - np.float32(low)) / np.float32(max(high - low, 1.0)), 0, 1)
    return np.asarray(cv2.GaussianBlur(spread, (3, 3), 0), np.float32)


def pieces(image: Plane) -> list[Piece]:
    """Every connected piece above a level that is large enough, lies over the joint, and has an edge."""
    ranges = _range(image, _LARGE), _range(image, _SMALL)
    least, most = LEAST_AREA * image.size, MOST_AREA * image.size
    found = []
    for level in LEVELS:
        above = (image > level).view(np.uint8)
        bright = np.asarray(cv2.morphologyEx(above, cv2.MORPH_OPEN, _SMALL), np.uint8)
        if cv2.countNonZero(bright) < least:
            continue
        over = [mask for mask, size in _connected(bright, least) if size <= most and _lies_over(mask, size)]
        if not over:
            continue
        rims = (bright - cv2.erode(bright, _SMALL, borderValue=1)) > 0
        cores = cv2.erode(bright, _MIDDLE, borderValue=1) > 0
        for mask in over:
            left, top, width, height = cv2.boundingRect(mask)
            place = np.s_[top : top + height, left : left + width]
            parts = [one[place] for one in (image, *ranges, rims, cores)]
            piece = _measured(mask[place].view(np.bool_), parts, top, left)
            if piece is not None:
                found.append(piece)
    return found


def _connected(bright: Picture, least: float) -> Iterator[tuple[Picture, int]]:
    """The connected pieces that are large enough, each as a mask of zeros and ones, and its size."""
    count, labels = cv2.connectedComponents(bright, connectivity=4, ltype=cv2.CV_16U)
    numbers: Iterable[int] = range(1, count)
    if count > MANY_PIECES:
        numbers = 1 + np.flatnonzero(np.bincount(labels.ravel())[1:] >= least)
    for number in numbers:
        mask = (labels == number).view(np.uint8)
        size = cv2.countNonZero(mask)
        if size >= least:
            yield mask, size


def _lies_over(mask: Picture, size: int) -> bool:
    """Whether enough of the piece lies over the joint, and not along the edge."""
    return cv2.countNonZero(mask[MARGIN:-MARGIN, MARGIN:-MARGIN]) >= LEAST_INSIDE * size


def _range(image: Plane, around: NDArray[np.uint8]) -> Plane:
    """The difference between the highest and lowest level around each pixel."""
    return np.asarray(cv2.dilate(image, around) - cv2.erode(image, around), np.float32)


def _measured(mask: Mask, parts: Sequence[NDArray[Any]], top: int, left: int) -> Piece | None:
    """One piece; nothing if its edge or its inside has too few pixels."""
    image, steps, neighbours, rims, cores = parts
    rim, core = mask & rims, mask & cores
    if min(np.count_nonzero(rim), np.count_nonzero(core)) < LEAST_PIXELS:
        return None
    step = _median(steps[rim])
    if step < LEAST_STEP:
        return None
    sharpness = _median(neighbours[rim]) / step
    return Piece(step, sharpness, _median(neighbours[core]), mask, image, core, top, left)


def _median(values: Plane) -> float:
    """The same as `numpy.median`, without its checks of the input."""
    middle = len(values) // 2
    ordered = np.partition(values, middle)
    if len(values) % 2:
        return float(ordered[middle])
    return float((ordered[:middle].max() + ordered[middle]) / np.float32(2))


def _rough_unevenness(image: Plane, core: Mask) -> float:
    """The same as `_unevenness` from sums over the piece."""
    inside = core.view(np.uint8)
    there, levels = cv2.moments(inside, binaryImage=True), image * inside
    bright = cv2.moments(levels)
    count = there["m00"]
    slopes = np.array([[there["mu02"], there["mu11"]], [there["mu11"], there["mu20"]]]) + 1e-6 * np.eye(2)
    across, down = there["m10"] / count, there["m01"] / count
    along = np.array([bright["m01"] - down * bright["m00"], bright["m10"] - across * bright["m00"]])
    spread = float(cv2.norm(levels, cv2.NORM_L2SQR)) - bright["m00"] ** 2 / count
    return float(np.sqrt(max(float(spread - along @ np.linalg.solve(slopes, along)), 0.0) / count))


def _unevenness(image: Plane, core: Mask) -> float:
    """The spread of the levels after the best plane through them is subtracted: thick flesh shades metal slowly."""
    down, across = np.nonzero(core)
    slopes = np.stack([np.ones(len(down)), down - down.mean(), across - across.mean()], axis=1)
    levels = image[core].astype(np.float64)
    plane = np.linalg.solve(slopes.T @ slopes + 1e-6 * np.eye(3), slopes.T @ levels)
    return float((levels - slopes @ plane).std())
