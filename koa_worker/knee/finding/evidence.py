"""Scores how much each point of a frame looks like the middle of a knee's joint line, for one size of knee.

The frame is brought to the scale at which a tibial plateau would be `unit` pixels wide. Six pieces of evidence are
then read from the density gradients and the densities around every point:

    gap       a dark line between two bright ones, on both sides of the middle: condyles, joint space, plateau
    tibia     bone margins at both ends of the plateau, just below it
    taper     bone margins further in, further down: the tibia narrows
    femur     margins of the condyles, and `shaft` those above them
    block     both blocks of bone are denser than what lies beside them

A knee has all of them. Their logarithms are added, so that one that is missing (a straight edge without a margin, a
leg's outline without a joint space) can't be bought with another that is strong.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from koa_worker.knee.finding.density import Plane

FLOOR = 0.08  # the score of a missing piece of evidence
EDGE = (
    0.75  # plateaus: the image is continued by this with "unseen", because evidence is searched this far from a point
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The weight of a piece of evidence, the level above which more adds nothing, and the value of an unseen one."""

    weight: float
    enough: float
    unseen: float


EVIDENCE = {
    "gap": Evidence(1.10, 0.39, 0.20),
    "tibia": Evidence(0.68, 0.62, 0.25),
    "taper": Evidence(0.18, 0.57, 0.20),
    "femur": Evidence(0.12, 0.65, 0.25),
    "shaft": Evidence(0.32, 0.48, 0.20),
    "block": Evidence(0.48, 0.92, 0.40),
}


_WEIGHTS = np.array([kind.weight for kind in EVIDENCE.values()], dtype=np.float32)
_PER_ENOUGH = np.array([[1 / kind.enough] for kind in EVIDENCE.values()], dtype=np.float32)

# Where margins are looked for, in plateaus aside and below: tibia, taper, femur, shaft.
MARGINS_AT = ((0.50, 0.10), (0.42, 0.30), (0.50, -0.20), (0.50, -0.35))


@dataclass(frozen=True, slots=True)
class Grid:
    """The points that are scored: every `stride`-th point of an image in which a plateau is `unit` pixels wide."""

    height: int
    width: int
    unit: int
    stride: int

    @property
    def points(self) -> tuple[int, int]:
        """The number of scored points, down and across."""
        return -(-self.height // self.stride), -(-self.width // self.stride)

    def span(self, length: float) -> int:
        """A length in plateaus as pixels."""
        return round(length * self.unit)

    def kernel(self, width: float, height: float) -> tuple[int, int]:
        return int(width * self.unit) | 1, int(height * self.unit) | 1

    def judged(self, image: Plane) -> tuple[Plane, Grid]:
        """The image with one pixel for each scored point, and its grid."""
        height, width = self.points
        small = _plane(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
        return small, Grid(height, width, self.unit // self.stride, 1)

    def framed(self, plane: Plane, unseen: float) -> Plane:
        """The plane continued beyond the edge of the image, so that each point can look `EDGE` plateaus far."""
        edge = self.span(EDGE)
        return np.asarray(
            cv2.copyMakeBorder(plane, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=unseen), dtype=np.float32
        )

    def seen(self, framed: Plane, places: tuple[tuple[float, float], ...]) -> Plane:
        """The values at these distances (plateaus aside and below) from each judged point; one plane a distance."""
        edge = self.span(EDGE)
        found = np.empty((len(places), *self.points), np.float32)
        for plane, (aside, below) in zip(found, places, strict=True):
            right, down = edge + self.span(aside), edge + self.span(below)
            plane[:] = framed[down : down + self.height : self.stride, right : right + self.width : self.stride]
        return found


def gather(image: Plane, unit: int, stride: int) -> Plane:
    """Each piece of evidence, in the order of `EVIDENCE`, for each scored point of an image with such plateaus."""
    grid = Grid(image.shape[0], image.shape[1], unit, stride)
    down, across = edges(image, grid)
    pieces = np.empty((len(EVIDENCE), *grid.points), np.float32)
    pieces[0], pieces[1:5], pieces[5] = _gap(down, grid), _margins(across, grid), _block(image, grid)
    return pieces


def weigh(pieces: Plane) -> Plane:
    """All evidence as one number for every point: above −0.3 is a clear knee, below −1.6 is none."""
    share = pieces.reshape(len(EVIDENCE), -1) * _PER_ENOUGH
    np.clip(share, 0, 1, out=share)
    share += np.float32(FLOOR)
    logarithms = np.asarray(cv2.log(share), dtype=np.float32)
    return _plane(_WEIGHTS @ logarithms).reshape(pieces.shape[1:])


def edges(image: Plane, grid: Grid) -> tuple[Plane, Plane]:
    """Density gradients downwards and rightwards, relative to the local mean, so that exposure does not matter."""
    smooth = cv2.GaussianBlur(image, (5, 5), 0.8)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    strength = cv2.magnitude(across, down)
    mean = float(strength.mean())
    capped = np.minimum(strength, np.float32(5.0 * mean))  # markers and beads must not change the local mean
    usual = cv2.blur(capped, grid.kernel(1.5, 1.5)) + np.float32(0.3 * mean + 1e-5)
    share = 1.0 / (strength + usual)
    return _plane(down * share), _plane(across * share)


def _gap(down: Plane, grid: Grid) -> Plane:
    """Bright to dark just above and dark to bright just below, in two stretches of each compartment."""
    stretch = _plane(cv2.blur(down, grid.kernel(0.16, 0.07)))
    reach, tilt = grid.span(0.09), grid.span(0.05)
    plateau = _highest(stretch, rows=(0, reach))
    condyle = _highest(-stretch, rows=(-reach, 0))
    both = 0.6 * cv2.sqrt(plateau * condyle) + 0.2 * (plateau + condyle)
    framed = grid.framed(_highest(_plane(both), rows=(-tilt, tilt)), EVIDENCE["gap"].unseen)
    left_outer, left, right, right_outer = grid.seen(framed, ((-0.38, 0), (-0.23, 0), (0.23, 0), (0.38, 0)))
    return _weaker_most(left_outer + left, right_outer + right) * np.float32(0.5)


def _margins(across: Plane, grid: Grid) -> Plane:
    """Density that rises rightwards along a vertical stretch on the left, and falls on the right, in each place."""
    stretch = _plane(cv2.blur(across, grid.kernel(0.07, 0.17)))
    slack, unseen = grid.span(0.06), EVIDENCE["tibia"].unseen
    rising = grid.framed(_highest(stretch, columns=(-slack, slack)), unseen)
    falling = grid.framed(_highest(-stretch, columns=(-slack, slack)), unseen)
    left = grid.seen(rising, tuple((-aside, below) for aside, below in MARGINS_AT))
    return _weaker_most(left, grid.seen(falling, MARGINS_AT))


def _block(image: Plane, grid: Grid) -> Plane:
    """How much denser the bone below and above is than its flanks, in standard deviations of the region."""
    if grid.stride > 1:  # large areas need no more points than are judged
        image, grid = grid.judged(image)
    size = grid.kernel(2.0, 1.2)
    mean = _plane(cv2.blur(image, size))
    spread = np.sqrt(np.maximum(cv2.blur(image * image, size) - mean * mean, 0)) + np.float32(0.03)
    inner = grid.framed(_plane(cv2.blur(image, grid.kernel(0.7, 0.3))), np.nan)
    flank = grid.framed(_plane(cv2.blur(image, grid.kernel(0.12, 0.3))), np.nan)
    middle = grid.seen(inner, ((0, 0.22), (0, -0.22)))
    sides = grid.seen(flank, ((-0.62, 0.22), (-0.62, -0.22), (0.62, 0.22), (0.62, -0.22)))
    denser = _plane((middle - sides.reshape(2, *middle.shape)) / spread)
    cv2.patchNaNs(denser.reshape(-1, denser.shape[-1]), EVIDENCE["block"].unseen)
    np.clip(denser, -0.5, 1.5, out=denser)
    lower, upper = _weaker_most(denser[0], denser[1])
    return _plane((lower + upper) * np.float32(0.5))


def _weaker_most(left: Plane, right: Plane) -> Plane:
    """Both sides of the knee as one number; the weaker side counts most."""
    both = left + right
    both *= np.float32(0.3)
    weaker = np.minimum(left, right)
    weaker *= np.float32(0.4)
    both += weaker
    return both


def _highest(plane: Plane, rows: tuple[int, int] = (0, 0), columns: tuple[int, int] = (0, 0)) -> Plane:
    """The highest value, at least 0, among those at these offsets from each point."""
    kernel = np.ones((rows[1] - rows[0] + 1, columns[1] - columns[0] + 1), np.uint8)
    anchor = (-columns[0], -rows[0])
    found = _plane(cv2.dilate(plane, kernel, anchor=anchor, borderType=cv2.BORDER_CONSTANT, borderValue=0))
    return np.maximum(found, 0, out=found)


def _plane(array: object) -> Plane:
    return np.asarray(array, dtype=np.float32)
