"""Finds the joints in a frame, at every size: the middle of each and the width of its tibial plateau."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from koa_worker.knee.finding import evidence
from koa_worker.knee.finding.density import Densities, Halves, Plane, levelled, percentiles, runs, shrink
from koa_worker.knee.finding.evidence import GridWindow
from koa_worker.knee.finding.plateau import Plateau, measure
from koa_worker.values import GrayImage

STEP = 1.2  # from one size to the next
SMALLEST = 0.12  # plateau as a share of the frame's longer side: whole legs from hip to ankle are not expected
WIDEST = 0.95  # of the frame's width
HIGHEST = 1.6  # of the frame's height: strips that show little more than the joint space
LEG_PER_PLATEAU = 1.3  # a leg at the knee is 1.3 (slim) to 2.2 plateaus wide; in a crop less of it is seen
REGION = 2.6  # plateaus: the square around a joint in which it is measured again
RATIOS = tuple(float(ratio) for ratio in np.geomspace(0.88, 1.136, 4))
ROUNDING = 1e-3  # of a score, at most
LEG_SLACK = 0.38  # in natural logarithms: a difference within it is no evidence


@dataclass(frozen=True, slots=True)
class SearchScale:
    """The resolution of a search: the pixels for a plateau, and the stride between scored points."""

    unit: int
    stride: int

    def cell(self, position: float, plateau: float) -> int:
        """The scored point nearest to a position in pixels of an image with such a plateau."""
        return round(((position + 0.5) * self.unit / plateau - 0.5) / self.stride)


COARSE = SearchScale(unit=28, stride=2)
FINE = SearchScale(unit=28, stride=1)
MEASURED = 80  # pixels that a plateau has when its line and its ends are measured


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint in pixels of the image in which it was found: the middle of its joint line, its plateau, its score."""

    x: float
    y: float
    plateau: float
    score: float

    def scaled(self, factor: float) -> Joint:
        """The same joint in an image that is larger by this factor (pixel centres are at half numbers)."""
        return Joint((self.x + 0.5) * factor - 0.5, (self.y + 0.5) * factor - 0.5, self.plateau * factor, self.score)


def sizes(height: int, width: int) -> list[float]:
    """The plateau widths to search for in an image of this size, in its pixels."""
    low, high = SMALLEST * max(height, width), min(WIDEST * width, HIGHEST * height)
    count = max(2, int(np.ceil(np.log(max(high / low, 1.01)) / np.log(STEP))) + 1)
    return [float(size) for size in np.geomspace(low, max(high, low * 1.01), count)]


def search(densities: Densities, behind: float = np.inf) -> list[Joint]:
    """The best joint of the frame at each size, with the best one apart from it: candidates, in working pixels.

    A joint whose score is behind that of a better one by more than `behind` is not needed, and may be left out.
    """
    height, width = densities.image.shape
    halves, tissue = Halves(densities.image), runs(densities.tissue)
    found, best = list[Joint](), -np.inf
    for plateau in sizes(height, width):
        score = scored(halves, tissue, plateau, COARSE, least=best - behind)
        for _ in range(3):
            joint = _highest(score, plateau, COARSE)
            if joint is None:
                break
            found.append(joint)
            best = max(best, joint.score)
            _forget(score, joint, COARSE)
    return sorted(found, key=lambda joint: -joint.score)


def scored(halves: Halves, tissue: Plane, plateau: float, look: SearchScale, least: float = -np.inf) -> Plane:
    """The score for a joint of this size at each searched point; none if no point can reach `least`."""
    image = _at_scale(halves, plateau, look)
    height, width = (-(-length // look.stride) for length in image.shape)
    leg = np.asarray(cv2.resize(tissue, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.float32)
    place, fit = _inside(height, width, look).place, np.full_like(leg, -np.inf)
    fit[place] = _fit_of_leg(leg[place] * np.float32(1 / plateau))
    return evidence.score_with(image, look.unit, look.stride, fit, least - ROUNDING)


def _at_scale(halves: Halves, plateau: float, look: SearchScale) -> Plane:
    """The image at the scale at which such a plateau has as many pixels as it is searched with."""
    factor = look.unit / plateau
    height, width = (max(1, round(length * factor)) for length in halves.whole.shape)
    coarse = halves.above(factor)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _fit_of_leg(plateaus: Plane) -> Plane:
    """The penalty for a size that does not fit the width of the tissue: zero for plausible widths, growing beyond."""
    away = np.abs(np.log(np.maximum(plateaus, 0.05) / LEG_PER_PLATEAU)) - LEG_SLACK
    return np.asarray(-6.0 * np.clip(away, 0, 0.36) ** 2, dtype=np.float32)


def _inside(height: int, width: int, look: SearchScale) -> GridWindow:
    """The points where most of the plateau, and bone above and below the joint line, is in the image."""
    aside, above, below = (int(length * look.unit / look.stride) for length in (0.35, 0.2, 0.1))
    return GridWindow(above, max(above, height - below), aside, max(aside, width - aside))


def _highest(score: Plane, plateau: float, look: SearchScale, top: int = 0, left: int = 0) -> Joint | None:
    """The joint with the best score, of points that begin at this row and column."""
    _, best, _, (column, row) = cv2.minMaxLoc(score)
    if not np.isfinite(best):
        return None
    pixel = plateau / look.unit
    x, y = ((index * look.stride + 0.5) * pixel - 0.5 for index in (left + column, top + row))
    return Joint(x, y, plateau, float(best))


def _forget(score: Plane, joint: Joint, look: SearchScale) -> None:
    """Excludes the neighbourhood of a joint: a second knee is at least one plateau to its side."""
    column, reach = look.cell(joint.x, joint.plateau), look.unit // look.stride
    score[:, max(0, column - reach) : column + reach] = -np.inf


def refine(pixels: GrayImage, joint: Joint, half: GrayImage | None = None) -> Joint:
    """The joint measured again in finer steps around its position, from the frame's own pixels, or their `half`."""
    left, top, part = _surroundings(pixels, joint)
    small, scale = shrink(part, side=round(REGION * MEASURED), half=_half_of(part, left, top, half))
    low, high = percentiles(small, 1.0, 99.5)
    image = levelled(small, low, high)
    halves, near = Halves(image), list[Joint]()
    for ratio in RATIOS:
        plateau = joint.plateau * scale * ratio
        around = Joint(joint.x - left, joint.y - top, joint.plateau * ratio, joint.score)
        found = _best_near(halves, plateau, around, FINE)
        if found is not None:
            near.append(found.scaled(1 / scale))
    if not near:
        return joint
    rough = _summit(near).scaled(scale)
    down, across = evidence.edges(image, evidence.Grid(image.shape[0], image.shape[1], MEASURED, 1))
    measured = measure(down, across, Plateau(rough.x, rough.y, rough.plateau))
    fine = Joint(measured.x, measured.y, measured.width, joint.score).scaled(1 / scale)
    return Joint(fine.x + left, fine.y + top, fine.plateau, joint.score)


def _surroundings(pixels: GrayImage, joint: Joint) -> tuple[int, int, GrayImage]:
    """The part of the frame around a joint that is needed for its score, and the start of that part."""
    reach = REGION / 2 * joint.plateau
    left, top = max(0, int(joint.x - reach)), max(0, int(joint.y - reach))
    return left, top, pixels[top : max(top + 2, int(joint.y + reach)), left : max(left + 2, int(joint.x + reach))]


def _half_of(part: GrayImage, left: int, top: int, half: GrayImage | None) -> GrayImage | None:
    """The part at half its size, out of the frame's half; only where the same pixels would be joined."""
    if half is None or left % 2 or top % 2:
        return None
    height, width = part.shape
    return half[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2]


def _best_near(halves: Halves, plateau: float, joint: Joint, look: SearchScale) -> Joint | None:
    """The best joint of this size within a fraction of a plateau from a position; no other point is scored.

    The region was cut out for this joint, so that its width says nothing of the leg's: it counts as one that fits.
    """
    image = _at_scale(halves, plateau, look)
    grid = evidence.Grid(image.shape[0], image.shape[1], look.unit, look.stride)
    inside, reach = _inside(*grid.points, look), round(0.25 * look.unit / look.stride)
    column, row = look.cell(joint.x, joint.plateau), look.cell(joint.y, joint.plateau)
    window = GridWindow(
        max(inside.top, row - reach),
        min(inside.bottom, row + reach),
        max(inside.left, column - reach),
        min(inside.right, column + reach),
    )
    if window.top >= window.bottom or window.left >= window.right:
        return None
    score = evidence.score(image, look.unit, look.stride, window)
    return _highest(score, plateau, look, window.top, window.left)


def _summit(joints: list[Joint]) -> Joint:
    """The best joint of neighbouring sizes: the mean of those nearly as good, because scores are flat at the top."""
    best = max(joint.score for joint in joints)
    weights = np.exp((np.array([joint.score for joint in joints]) - best) / 0.05)
    x, y, size = (
        float(np.average([getattr(joint, name) for joint in joints], weights=weights)) for name in ("x", "y", "plateau")
    )
    return Joint(x, y, size, best)
