"""Traces both margins of each compartment at once: in every column the pair of rows that is most like a joint space.

A pair is a fall of density (the femur's margin) above a rise (the tibia's), with less density between them than beyond
either, and a bright line below: the plateau's floor. The rims of the plateau also cast lines, fainter ones, into the
space above the floor. The best sequence of pairs is found by dynamic programming, with a cost for each step. It starts
at the intercondylar notch, where a joint space is always visible, and goes outwards.

Bone on bone has no margins of its own. Pairs without a gap have a low value, else many healthy joints would be traced
as closed. But if one compartment is clear and the other shows no space, the other one is traced again as closed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.finding.density import Plane, limited
from koa_worker.knee.joint_space.band import COARSE, CoarseBand

# In plateaus from the middle: what is traced.
INNER, OUTER = 0.09, 0.45
BEARS_FROM, BEARS_TO = 0.17, 0.43  # the weight-bearing part, without the spines and the outer osteophytes
STEP = 3  # coarse pixels from column to column
ABOVE, BELOW = 38, 40  # coarse pixels from the joint line within which margins are searched
WIDEST = 26  # coarse pixels between the margins: 10 mm
SLOPE = 2  # coarse pixels a step
STEP_COST, GAP_COST = 0.05, 0.4  # for a margin that climbs, for a space that widens: times the pixels squared
FLOOR_WEIGHT, DARK_WEIGHT = 1.5, 0.5
CLOSED = 1.0  # the value of bone on bone, in place of two margins and a dark space
CLOSED_UP_TO = 2  # coarse pixels
CLOSED_BESIDE = 2.6  # its value in a compartment that shows no space while the other one is clear
SEEN, UNSEEN = 3.0, 2.5  # clarity: below it are half of the training knees of KL 4, and one in 150 of the others …
HAZY = 0.5  # … which nearly all show more: how much less dense the traced space is than the bone beyond
USUAL_UP_TO, WIDE_COST = 16, 0.02  # a space wider than 6.5 mm is rare
BEYOND = 5  # coarse pixels of bone beyond each margin that the space is compared with
APART = 12  # coarse pixels by which the compartments' heights may differ without a second tracing

_STEPS = np.add.outer(*(cost * np.arange(-SLOPE, SLOPE + 1) ** 2 for cost in (STEP_COST, GAP_COST)))

Columns = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MarginPath:
    """One compartment's margins from the middle outwards, in coarse pixels of the band, and how clear each pair is."""

    columns: Columns
    femoral: Columns
    tibial: Columns
    evidence: Plane
    score: float

    @property
    def bearing(self) -> NDArray[np.bool_]:
        """The columns that bear weight."""
        aside = np.linspace(INNER, OUTER, len(self.columns))
        return np.asarray((aside >= BEARS_FROM) & (aside <= BEARS_TO))

    @property
    def clarity(self) -> float:
        """The mean evidence where weight is borne, of 4."""
        return float(self.evidence[self.bearing].mean())

    def lowered(self, rows: int) -> MarginPath:
        return replace(self, femoral=self.femoral + rows, tibial=self.tibial + rows)


def trace(band: CoarseBand) -> tuple[MarginPath, MarginPath]:
    """The left and the right compartment's course."""
    top = int(np.clip(round(band.line) - ABOVE, 0, len(band.coarse) - ABOVE - BELOW))
    columns, density, slope = _profiles(band, slice(top, top + ABOVE + BELOW))
    pairs, evidence = _pairs(density, slope)
    found = _follow(pairs)
    third = columns.shape[1] // 3
    heights = [float(tibial[third:].mean()) for tibial, _, _ in found]
    if abs(heights[0] - heights[1]) > APART:
        better = int(found[1][2] > found[0][2])
        found = _follow(pairs + _near(heights[better], 1 - better, pairs.shape[2]))
    first, second = (_course(columns[side], evidence[:, :, side], *found[side]) for side in (0, 1))
    if _shows_nothing(first, density[:, 0], second):
        first = _closed(columns[0], evidence[:, :, 0], pairs[..., :1])
    elif _shows_nothing(second, density[:, 1], first):
        second = _closed(columns[1], evidence[:, :, 1], pairs[..., 1:])
    return first.lowered(top), second.lowered(top)


def _course(columns: Columns, evidence: Plane, tibial: Columns, gaps: Columns, score: float) -> MarginPath:
    clear = evidence[gaps.astype(int) - 1, tibial.astype(int), np.arange(len(columns))]
    return MarginPath(columns, tibial - gaps, tibial, clear, score)


def _shows_nothing(course: MarginPath, density: Plane, other: MarginPath) -> bool:
    """Whether a compartment shows no space, not even a hazy one, while the other one is clear."""
    if course.clarity >= UNSEEN or other.clarity < SEEN:
        return False
    below, above = _beyond(density)
    darker = []
    for column, (top, bottom) in enumerate(zip(course.femoral.astype(int), course.tibial.astype(int), strict=True)):
        between = density[top + 1 : bottom, column] if bottom - top > 1 else density[bottom, column]
        darker.append(min(above[top, column], below[bottom, column]) - between.mean())
    return float(np.mean(np.array(darker)[course.bearing])) < HAZY


def _closed(columns: Columns, evidence: Plane, pairs: Plane) -> MarginPath:
    """Traces one compartment again and expects bone on bone; a closed compartment is then as clear as the other one."""
    expected = pairs.copy()
    expected[:, :CLOSED_UP_TO] += np.float32(CLOSED_BESIDE - CLOSED)
    course = _course(columns, evidence, *_follow(expected)[0])
    closed = course.tibial - course.femoral <= CLOSED_UP_TO
    return replace(course, evidence=np.where(closed, np.float32(SEEN), course.evidence))


def _profiles(band: CoarseBand, rows: slice) -> tuple[Columns, Plane, Plane]:
    """The columns of both compartments; their density and its slope downwards, each as a share of what is usual."""
    coarse = band.coarse
    smooth = cv2.GaussianBlur(coarse, (0, 0), sigmaX=1.6, sigmaY=0.8)
    slope = np.gradient(smooth, axis=0)
    size = np.abs(slope)
    mean_size = float(size.mean())
    usual = cv2.blur(np.minimum(size, 5 * mean_size), (75, 75), borderType=cv2.BORDER_REFLECT)
    count = int((OUTER - INNER) * band.width / STEP) + 1
    outwards = np.linspace(INNER, OUTER, count) * band.width
    columns = np.clip(np.stack([band.middle - outwards, band.middle + outwards]), 0, COARSE - 1)
    at = rows, np.round(columns).astype(int)
    mean = cv2.blur(coarse, (81, 81), borderType=cv2.BORDER_REFLECT)
    square = cv2.blur(coarse * coarse, (81, 81), borderType=cv2.BORDER_REFLECT)
    spread = np.sqrt(np.maximum(square - mean * mean, 0)) + 0.15 * float(coarse.std()) + 1e-6
    density = (smooth[at] - mean[at]) / spread[at]
    share = slope[at] / (usual[at] + 0.3 * mean_size + 1e-6)
    return columns, density.astype(np.float32), share.astype(np.float32)


def _pairs(density: Plane, slope: Plane) -> tuple[Plane, Plane]:
    """The value of each pair: columns × gaps × tibial rows × compartments; and, columns last, of its margins alone."""
    rise, fall = np.clip(slope, 0, 3), np.clip(-slope, 0, 3)
    root_rise, root_fall = np.float32(0.8) * np.sqrt(rise), np.sqrt(fall)
    rise, fall = np.float32(0.1) * rise, np.float32(0.1) * fall
    below, above = _beyond(density)
    sums = np.concatenate([np.zeros_like(density[:1]), np.cumsum(density, axis=0)])
    scores = root_rise * _femoral(root_fall)
    scores += rise
    scores += _femoral(fall)
    between = sums[:-1] - _femoral(sums, 1)[:, :-1]
    between[1:] /= np.arange(1, WIDEST - 1, dtype=np.float32)[:, None, None, None]
    between[0, 1:] = (density[1:] + density[:-1]) / 2
    dark = np.minimum(_femoral(above), below)
    dark -= between
    limited(dark, -1.0, 2.0)
    dark *= DARK_WEIGHT
    scores += dark
    limited(scores[:CLOSED_UP_TO], CLOSED, np.inf)
    for gap in range(1, WIDEST):
        scores[gap - 1, :gap] = -3.0
    pairs = scores + FLOOR_WEIGHT * _floor(density)
    wider = np.arange(1, WIDEST - USUAL_UP_TO, dtype=np.float32)  # than usual
    pairs[USUAL_UP_TO:] -= WIDE_COST * wider[:, None, None, None]
    return pairs.transpose(3, 0, 1, 2), scores


def _femoral(rows: Plane, nearer: int = 0) -> Plane:
    """What is in the row above each tibial row by each gap, less so many rows; anything where there is no such row."""
    most = WIDEST - 1
    longer = np.concatenate([np.zeros((most, *rows.shape[1:]), np.float32), rows])
    down = longer.strides[0]
    return np.lib.stride_tricks.as_strided(
        longer[most - 1 + nearer :], (most, *rows.shape), (-down, *longer.strides), writeable=False
    )


def _beyond(density: Plane) -> tuple[Plane, Plane]:
    """The mean density of the bone below and above each row."""
    kernel = np.zeros((2 * BEYOND + 1, 1), np.float32)
    kernel[BEYOND + 1 :] = 1 / BEYOND
    flat = density.reshape(len(density), -1)
    below = cv2.filter2D(flat, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    above = cv2.filter2D(flat, -1, kernel[::-1].copy(), borderType=cv2.BORDER_REPLICATE)
    shape = density.shape
    return np.asarray(below, np.float32).reshape(shape), np.asarray(above, np.float32).reshape(shape)


def _floor(density: Plane) -> Plane:
    """The highest density within a millimetre below each row."""
    rows = len(density)
    longer = np.concatenate([density, np.repeat(density[-1:], 3, axis=0)])
    brightest = np.maximum(np.maximum(longer[1 : rows + 1], longer[2 : rows + 2]), longer[3 : rows + 3])
    return np.asarray(np.clip(brightest, -1, 2.5), np.float32)


def _near(height: float, side: int, rows: int) -> Plane:
    """The penalty for a compartment whose height is far from that of the other one."""
    cost = np.zeros((1, 1, rows, 2), np.float32)
    away = np.maximum(np.abs(np.arange(rows) - height) - 8, 0)
    cost[0, 0, :, side] = np.maximum(-0.005 * away**2, -1.5)
    return cost


def _follow(pairs: Plane) -> list[tuple[Columns, Columns, float]]:
    """The best sequence for each compartment: tibial rows, gaps, mean score."""
    count, gaps, rows, sides = pairs.shape
    apart = np.full((count, gaps, rows + SLOPE, sides), -np.inf, np.float32)  # no step leads from a gap into the next
    apart[:, :, :rows] = pairs
    columns = apart.reshape(count, -1)
    reached = [columns[0]]
    for column in columns[1:]:
        best = _along(_along(reached[-1], STEP_COST, sides), GAP_COST, (rows + SLOPE) * sides)
        best += column
        reached.append(best)
    placed = [best.reshape(apart.shape[1:])[:, :rows] for best in reached]
    return [_backwards([best[..., side].T for best in placed]) for side in range(sides)]


def _along(best: Plane, cost: float, apart: int) -> Plane:
    """The best within a step in one direction, less the cost of the step; neighbours are so many values apart."""
    found = best.copy()
    for step in range(1, SLOPE + 1):
        moved, shift = best - np.float32(cost * step * step), step * apart
        np.maximum(found[shift:], moved[:-shift], out=found[shift:])
        np.maximum(found[:-shift], moved[shift:], out=found[:-shift])
    return found


def _backwards(reached: list[Plane]) -> tuple[Columns, Columns, float]:
    last = reached[-1]
    row, gap = divmod(int(last.argmax()), last.shape[1])
    path = [(row, gap)]
    for best in reached[-2::-1]:
        top, left = max(row - SLOPE, 0), max(gap - SLOPE, 0)
        near = best[top : row + SLOPE + 1, left : gap + SLOPE + 1]
        cost = _STEPS[top - row + SLOPE :, left - gap + SLOPE :][: near.shape[0], : near.shape[1]]
        down, across = divmod(int((near - cost).argmax()), near.shape[1])
        row, gap = top + down, left + across
        path.append((row, gap))
    rows, gaps = np.array(path[::-1], dtype=np.float64).T
    return rows, gaps + 1, float(last.max()) / len(reached)
