"""Resamples the region of the joint to a grid with the same number of pixels across for any resolution of the frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from koa_worker.knee.finding import evidence, plateau
from koa_worker.knee.finding.cut import cut
from koa_worker.knee.finding.density import Plane
from koa_worker.values import Box, GrayImage

COARSE = 224  # pixels across the knee's square where margins are searched …
FINER = 3  # … and this many times as many where they are measured: a seventh of a millimetre each
ROWS = (72, 172)  # rows of the square's 224, in which the joint line lies
PROFILED = 100  # pixels across, for the plateau: 80 of them, as where knees are found

# Rows and columns of the square's 224 with bone above and below the joint, and with what lies beside the joint.
_BONE = ((slice(32, 88), slice(56, 168)), (slice(144, 192), slice(48, 176)))
_BESIDE = ((slice(56, 168), slice(0, 16)), (slice(56, 168), slice(208, 224)))
NEGATIVE = -0.3  # bone minus what is beside it, in standard deviations: 1103 knees lie below −1.4 (11) or above 0.9


@dataclass(frozen=True, slots=True, eq=False)
class CoarseBand:
    """The square's middle rows, bright = dense, and the plateau in pixels of these rows."""

    coarse: Plane
    middle: float
    line: float  # the row of the joint line, roughly
    width: float


@dataclass(frozen=True, slots=True, eq=False)
class Band(CoarseBand):
    """The same rows, coarse and fine, and where they lie in the stored image."""

    fine: Plane
    box: Box

    def to_stored(self, points: Plane) -> Plane:
        """Converts fine (x, y) of the band to pixels of the stored image."""
        across, down = self.box.width / (COARSE * FINER), self.box.height / (COARSE * FINER)
        x = (points[:, 0] + 0.5) * across - 0.5 + self.box.x
        y = (points[:, 1] + 0.5 + ROWS[0] * FINER) * down - 0.5 + self.box.y
        return np.stack([x, y], axis=1)


def take(pixels: GrayImage, box: Box, *, may_be_negative: bool = False) -> Band:
    """Resamples the square around a knee; a negative is inverted to a positive."""
    square = _resized(cut(pixels, box), COARSE * FINER)
    coarse = _resized(square, COARSE)
    if may_be_negative and is_negative(coarse):
        square, coarse = -square, -coarse
    rough = of_square(coarse)
    top, bottom = ROWS
    return Band(rough.coarse, rough.middle, rough.line, rough.width, square[top * FINER : bottom * FINER], box)


def of_square(coarse: Plane) -> CoarseBand:
    """The middle rows of a knee's square of 224 pixels."""
    found = _plateau(coarse)
    pixel = COARSE / PROFILED
    top, bottom = ROWS
    return CoarseBand(
        coarse=coarse[top:bottom],
        middle=(found.x + 0.5) * pixel - 0.5,
        line=(found.y + 0.5) * pixel - 0.5 - top,
        width=found.width * pixel,
    )


def is_negative(square: Plane) -> bool:
    """Whether bone is darker than the region beside the joint, as in one in seventy of the published crops."""
    bone, beside = (np.mean([square[place].mean() for place in places]) for places in (_BONE, _BESIDE))
    return bool(bone - beside < NEGATIVE * square.std())


def _resized(part: GrayImage, side: int) -> Plane:
    """Resizes by area when reducing, cubic when enlarging; both keep edges in place."""
    if min(part.shape) >= side:
        return np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(cv2.resize(part.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def _plateau(square: Plane) -> plateau.Plateau:
    """The ends of the tibial plateau on both sides."""
    small = _resized(square, PROFILED)
    small = small / max(float(small.std()), 1e-6)
    unit = round(PROFILED / plateau.SIDE_PER_PLATEAU)
    down, across = evidence.edges(small, evidence.Grid(PROFILED, PROFILED, unit, 1))
    middle = (PROFILED - 1) / 2
    return plateau.measure(down, across, plateau.Plateau(middle, middle + plateau.RAISED * unit, unit))
