"""Scores how much each point of a frame looks like the middle of a knee's joint line, for one size of knee.

The frame is brought to the scale at which a tibial plateau would be `unit` pixels wide. Six pieces of evidence are
then read from the density gradients and the densities around every point:

    gap       a dark line between two bright ones, on both sides of the middle: condyles, joint space, plateau
    tibia     bone margins at both ends of the plateau, just below it
    taper     bone margins further in, further down: the tibia narrows
    femur     margins of the condyles, and `shaft` those above them
    block     both blocks of bone are denser than what lies beside them

A knee has all of them. Their logarithms are added, so that one that is missing (a straight edge without a margin, a
leg's outline without a joint space) cannot be compensated by another strong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.finding.density import Plane, raised

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
MOST = float(_WEIGHTS.sum() * np.log(1 + FLOOR))  # that all evidence together can be
_PER_ENOUGH = np.array([[1 / kind.enough] for kind in EVIDENCE.values()], dtype=np.float32)

# Where margins are searched, in plateaus aside and below: tibia, taper, femur, shaft.
MARGINS_AT = ((0.50, 0.10), (0.42, 0.30), (0.50, -0.20), (0.50, -0.35))
_MARGINS_LEFT = tuple((-aside, below) for aside, below in MARGINS_AT)


@dataclass(frozen=True, slots=True)
class GridWindow:
    """The scored points from a row and a column up to others."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def place(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Grid:
    """The points that are scored: every `stride`-th point of an image in which a plateau is `unit` pixels wide."""

    height: int
    width: int
    unit: int
    stride: int
    window: GridWindow | None = None  # only these of them
    wanted: GridWindow = field(init=False)  # these, or all that there are
    points: tuple[int, int] = field(init=False)  # the number of them, down and across

    def __post_init__(self) -> None:
        wanted = self.window or GridWindow(0, -(-self.height // self.stride), 0, -(-self.width // self.stride))
        object.__setattr__(self, "wanted", wanted)
        object.__setattr__(self, "points", (wanted.bottom - wanted.top, wanted.right - wanted.left))

    def span(self, length: float) -> int:
        """A length in plateaus as pixels."""
        return round(length * self.unit)

    def kernel(self, width: float, height: float) -> tuple[int, int]:
        return int(width * self.unit) | 1, int(height * self.unit) | 1

    def judged(self, image: Plane) -> tuple[Plane, Grid]:
        """The image with one pixel for each scored point, and its grid."""
        height, width = -(-self.height // self.stride), -(-self.width // self.stride)
        small = _plane(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
        return small, Grid(height, width, self.unit // self.stride, 1, self.window)

    def framed(self, plane: Plane, unseen: float) -> Plane:
        """The plane continued beyond the edge of the image, so that each point can look `EDGE` plateaus far."""
        edge = self.span(EDGE)
        return _plane(cv2.copyMakeBorder(plane, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=unseen))

    def seen(self, framed: Plane, places: tuple[tuple[float, float], ...]) -> list[Plane]:
        """The values at these distances (plateaus aside and below) from each scored point; nothing is copied."""
        stride, (down, across) = self.stride, self.points
        top, left = self.wanted.top * stride, self.wanted.left * stride
        bottom, right = top + (down - 1) * stride + 1, left + (across - 1) * stride + 1
        return [
            framed[top + below : bottom + below : stride, left + aside : right + aside : stride]
            for aside, below in _steps(self.unit, places)
        ]


@cache
def _steps(unit: int, places: tuple[tuple[float, float], ...]) -> list[tuple[int, int]]:
    """These distances in pixels of a framed plane, from the point that lies at its corner without the frame."""
    edge = round(EDGE * unit)
    return [(edge + round(aside * unit), edge + round(below * unit)) for aside, below in places]


def score(image: Plane, unit: int, stride: int, window: GridWindow | None = None) -> Plane:
    """All evidence as one number for every scored point: above −0.3 is a clear knee, below −1.6 is none."""
    grid = Grid(image.shape[0], image.shape[1], unit, stride, window)
    down, across = edges(image, grid)
    return _weighed(_the_others(image, across, _with_gap(down, grid), grid))


def score_with(image: Plane, unit: int, stride: int, fit: Plane, least: float) -> Plane:
    """The same plus `fit`, which is at most 0; minus infinity everywhere as soon as no point can reach `least`."""
    nowhere = np.full_like(fit, -np.inf)
    if MOST + float(fit.max()) < least:
        return nowhere
    grid = Grid(image.shape[0], image.shape[1], unit, stride)
    down, across = edges(image, grid)
    pieces = _with_gap(down, grid)
    if np.isfinite(least) and float((_most_beside(pieces[0]) + fit).max()) < least:
        return nowhere
    found = _weighed(_the_others(image, across, pieces, grid))
    found += fit
    return found


def _with_gap(down: Plane, grid: Grid) -> Plane:
    """Room for each piece of evidence at each scored point, in the order of `EVIDENCE`, with the first one in it."""
    pieces = np.empty((len(EVIDENCE), *grid.points), np.float32)
    _gap(down, grid, pieces[0])
    return pieces


def _the_others(image: Plane, across: Plane, pieces: Plane, grid: Grid) -> Plane:
    """The other pieces too, in place."""
    _margins(across, grid, pieces[1:5])
    _block(image, grid, pieces[5])
    return pieces


def _weighed(pieces: Plane) -> Plane:
    share = pieces.reshape(len(EVIDENCE), -1) * _PER_ENOUGH
    np.clip(share, 0, 1, out=share)
    share += np.float32(FLOOR)
    logarithms = np.asarray(cv2.log(share), dtype=np.float32)
    return _plane(_WEIGHTS @ logarithms).reshape(pieces.shape[1:])


def _most_beside(gap: Plane) -> Plane:
    """The most that all evidence together can be, where this is the gap's."""
    share = np.minimum(gap * _PER_ENOUGH[0], 1) + np.float32(FLOOR)
    logarithm = _plane(cv2.log(share))
    return _plane(logarithm * _WEIGHTS[0] + np.float32(MOST - _WEIGHTS[0] * np.log(1 + FLOOR)))


def edges(image: Plane, grid: Grid) -> tuple[Plane, Plane]:
    """Density gradients downwards and rightwards, relative to the local mean, so that exposure does not matter."""
    smooth = cv2.GaussianBlur(image, (5, 5), 0.8)
    across = _plane(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE))
    down = _plane(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE))
    strength = cv2.magnitude(across, down)
    mean = float(strength.mean())
    most: Any = 5.0 * mean
    capped = cv2.min(strength, most)  # markers and beads must not change the local mean
    share = _plane(cv2.blur(capped, grid.kernel(1.5, 1.5)))
    share += np.float32(0.3 * mean + 1e-5)
    share += strength
    np.divide(1.0, share, out=share)
    down *= share
    across *= share
    return down, across


# What follows works in place wherever it can: fresh memory for each step takes as long as the step.


def _gap(down: Plane, grid: Grid, found: Plane) -> None:
    """Bright to dark just above and dark to bright just below, in two stretches of each compartment."""
    stretch = _plane(cv2.blur(down, grid.kernel(0.16, 0.07)))
    reach, tilt = grid.span(0.09), grid.span(0.05)
    plateau = _highest(stretch, rows=(0, reach))
    condyle = _highest(np.negative(stretch, out=stretch), rows=(-reach, 0))
    both = plateau * condyle
    cv2.sqrt(both, both)
    both *= 0.6
    plateau += condyle
    plateau *= 0.2
    both += plateau
    framed = grid.framed(_highest(both, rows=(-tilt, tilt)), EVIDENCE["gap"].unseen)
    left_outer, left, right, right_outer = grid.seen(framed, ((-0.38, 0), (-0.23, 0), (0.23, 0), (0.38, 0)))
    _weaker_most([left_outer + left], [right_outer + right], found[None])
    found *= np.float32(0.5)


def _margins(across: Plane, grid: Grid, found: Plane) -> None:
    """Density that rises rightwards along a vertical stretch on the left, and falls on the right, in each place."""
    stretch = _plane(cv2.blur(across, grid.kernel(0.07, 0.17)))
    slack, unseen = grid.span(0.06), EVIDENCE["tibia"].unseen
    rising = grid.framed(_highest(stretch, columns=(-slack, slack)), unseen)
    falling = grid.framed(_highest(np.negative(stretch, out=stretch), columns=(-slack, slack)), unseen)
    _weaker_most(grid.seen(rising, _MARGINS_LEFT), grid.seen(falling, MARGINS_AT), found)


def _block(image: Plane, grid: Grid, found: Plane) -> None:
    """How much denser the bone below and above is than its flanks, in standard deviations of the region."""
    if grid.stride > 1:  # large areas need no more points than are judged
        image, grid = grid.judged(image)
    size, place = grid.kernel(2.0, 1.2), grid.wanted.place
    mean, squares = cv2.blur(image, size)[place], cv2.blur(image * image, size)[place]
    spread = _plane(squares - mean * mean)
    spread = _plane(cv2.sqrt(raised(spread, 0.0), spread))
    spread += np.float32(0.03)
    inner = grid.framed(_plane(cv2.blur(image, grid.kernel(0.7, 0.3))), np.nan)
    flank = grid.framed(_plane(cv2.blur(image, grid.kernel(0.12, 0.3))), np.nan)
    middle = grid.seen(inner, ((0, 0.22), (0, -0.22)))
    sides = grid.seen(flank, ((-0.62, 0.22), (-0.62, -0.22), (0.62, 0.22), (0.62, -0.22)))
    denser = np.empty((2, 2, *grid.points), np.float32)  # left and right; below and above
    for number, side in enumerate(sides):
        np.subtract(middle[number % 2], side, out=denser[number // 2, number % 2])
    denser /= spread
    cv2.patchNaNs(denser.reshape(-1, denser.shape[-1]), EVIDENCE["block"].unseen)
    np.clip(denser, -0.5, 1.5, out=denser)
    parts = np.empty_like(denser[0])
    _weaker_most(denser[0], denser[1], parts)
    np.add(parts[0], parts[1], out=found)
    found *= np.float32(0.5)


def _weaker_most(left: Sequence[Plane] | Plane, right: Sequence[Plane] | Plane, both: Plane) -> None:
    """Both sides of the knee as one number, for each of these places; the weaker side counts most."""
    weaker = np.empty_like(both)
    for one, other, together, least in zip(left, right, both, weaker, strict=True):
        np.add(one, other, out=together)
        np.minimum(one, other, out=least)
    both *= np.float32(0.3)
    weaker *= np.float32(0.4)
    both += weaker


def _highest(plane: Plane, rows: tuple[int, int] = (0, 0), columns: tuple[int, int] = (0, 0)) -> Plane:
    """The highest value, at least 0, among those at these offsets from each point."""
    kernel, anchor = _ones(rows[1] - rows[0] + 1, columns[1] - columns[0] + 1), (-columns[0], -rows[0])
    found = cv2.dilate(plane, kernel, anchor=anchor, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return raised(_plane(found), 0.0)


@cache
def _ones(height: int, width: int) -> NDArray[np.uint8]:
    return np.ones((height, width), np.uint8)


def _plane(array: object) -> Plane:
    return np.asarray(array, dtype=np.float32)
