"""The joints in a frame: where each one's middle is and how wide its tibial plateau, looked for at every size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from koa_worker.knee import evidence
from koa_worker.knee.density import Densities, Plane, levelled, runs, shrink
from koa_worker.knee.evidence import UNIT
from koa_worker.values import GrayImage

STEP = 1.12  # from one size to the next
SMALLEST = 0.11  # plateau as a share of the frame's longer side: two legs from hip to ankle are not what comes here
WIDEST = 0.95  # of the frame's width
HIGHEST = 1.6  # of the frame's height: strips that show little more than the joint space
LEG_PER_PLATEAU = 1.6  # a leg at the knee is 1.3 (slim) to 2.2 plateaus wide
REGION = 2.6  # plateaus: the square around a joint that it is measured anew in
RATIOS = tuple(float(ratio) for ratio in np.geomspace(0.84, 1.19, 9))
FINE = 80  # pixels that a plateau has then
LEG_SLACK = 0.45  # in natural logarithms: what lies within says nothing


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint in pixels of the picture it was found in: the middle of its joint line, its plateau, its evidence."""

    x: float
    y: float
    plateau: float
    score: float

    def scaled(self, factor: float) -> Joint:
        """The same joint in a picture that is larger by this factor (pixel centres lie at half numbers)."""
        return Joint((self.x + 0.5) * factor - 0.5, (self.y + 0.5) * factor - 0.5, self.plateau * factor, self.score)


def sizes(height: int, width: int) -> list[float]:
    """The plateau widths to look for in a picture of this size, in its pixels."""
    low, high = SMALLEST * max(height, width), min(WIDEST * width, HIGHEST * height)
    count = max(2, int(np.ceil(np.log(max(high / low, 1.01)) / np.log(STEP))) + 1)
    return [float(size) for size in np.geomspace(low, max(high, low * 1.01), count)]


def search(densities: Densities) -> list[Joint]:
    """The best joint of the frame at each size, with the best one apart from it: candidates, in working pixels."""
    height, width = densities.image.shape
    tissue = runs(densities.tissue)
    found: list[Joint] = []
    for plateau in sizes(height, width):
        score = scored(densities.image, tissue, plateau)
        for _ in range(3):
            joint = _highest(score, plateau)
            if joint is None:
                break
            found.append(joint)
            _forget(score, joint)
    return sorted(found, key=lambda joint: -joint.score)


def scored(image: Plane, tissue: Plane, plateau: float) -> Plane:
    """The evidence for a joint of this size at each point, on the grid where its plateau is `UNIT` wide."""
    factor = UNIT / plateau
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    score = evidence.weigh(evidence.gather(cv2.resize(image, size, interpolation=method)))  # type: ignore[arg-type]
    score += _fit_of_leg(cv2.resize(tissue, size, interpolation=cv2.INTER_NEAREST) / plateau)  # type: ignore[arg-type]
    return _inside(score)


def _fit_of_leg(plateaus: Plane) -> Plane:
    """What the width of the tissue around says of this size: nothing within reason, more and more against it beyond."""
    away = np.abs(np.log(np.maximum(plateaus, 0.05) / LEG_PER_PLATEAU)) - LEG_SLACK
    return np.asarray(-2.0 * np.maximum(away, 0) ** 2, dtype=np.float32)


def _inside(score: Plane) -> Plane:
    """Only where most of the plateau, and a strip of bone above and below the joint line, is in the picture."""
    aside, above, below = int(0.35 * UNIT), int(0.2 * UNIT), int(0.1 * UNIT)
    held = np.full_like(score, -np.inf)
    held[above:-below, aside:-aside] = score[above:-below, aside:-aside]
    return held


def _highest(score: Plane, plateau: float) -> Joint | None:
    _, best, _, (column, row) = cv2.minMaxLoc(score)
    if not np.isfinite(best):
        return None
    return Joint((column + 0.5) * plateau / UNIT - 0.5, (row + 0.5) * plateau / UNIT - 0.5, plateau, float(best))


def _forget(score: Plane, joint: Joint) -> None:
    """Take the neighbourhood of a joint out of the running: a second knee is at least a plateau to its side."""
    column = round((joint.x + 0.5) * UNIT / joint.plateau)
    score[:, max(0, column - UNIT) : column + UNIT] = -np.inf


def refine(pixels: GrayImage, joint: Joint) -> Joint:
    """The joint measured anew in finer steps around where it was found, from the frame's own pixels."""
    left, top, part = _surroundings(pixels, joint)
    small, scale = shrink(part, side=round(REGION * FINE))
    low, high = (float(level) for level in np.percentile(small, [1.0, 99.5]))
    image = levelled(small, low, high)
    everywhere = np.full_like(image, LEG_PER_PLATEAU * joint.plateau * scale)
    near: list[Joint] = []
    for ratio in RATIOS:
        plateau = joint.plateau * scale * ratio
        score = scored(image, everywhere * np.float32(ratio), plateau)
        _keep_near(
            score,
            (
                (joint.x - left + 0.5) * UNIT / joint.plateau / ratio,
                (joint.y - top + 0.5) * UNIT / joint.plateau / ratio,
            ),
        )
        found = _highest(score, plateau)
        if found is not None:
            near.append(found.scaled(1 / scale))
    if not near:
        return joint
    best = _summit(near)
    return Joint(best.x + left, best.y + top, best.plateau, joint.score)


def _surroundings(pixels: GrayImage, joint: Joint) -> tuple[int, int, GrayImage]:
    """The part of the frame around a joint that its evidence is read from, and where it begins."""
    reach = REGION / 2 * joint.plateau
    left, top = max(0, int(joint.x - reach)), max(0, int(joint.y - reach))
    return left, top, pixels[top : max(top + 2, int(joint.y + reach)), left : max(left + 2, int(joint.x + reach))]


def _keep_near(score: Plane, middle: tuple[float, float]) -> None:
    """Only what lies within a fraction of a plateau from where the joint was found."""
    reach = 0.25 * UNIT
    x0, x1 = (max(0, round(middle[0] + sign * reach)) for sign in (-1, 1))
    y0, y1 = (max(0, round(middle[1] + sign * reach)) for sign in (-1, 1))
    kept = score[y0:y1, x0:x1].copy()
    score[:] = -np.inf
    score[y0:y1, x0:x1] = kept


def _summit(joints: list[Joint]) -> Joint:
    """The best of joints of neighbouring sizes; the mean of those nearly as good, for scores are flat at their top."""
    best = max(joint.score for joint in joints)
    weights = np.exp((np.array([joint.score for joint in joints]) - best) / 0.05)
    x, y, size = (
        float(np.average([getattr(joint, name) for joint in joints], weights=weights)) for name in ("x", "y", "plateau")
    )
    return Joint(x, y, size, best)
