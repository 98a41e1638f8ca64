"""The truth of a drawn plate, known from its specification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koa_worker.synthetic.spec import PlateSpec
from koa_worker.values import Box, Side


@dataclass(frozen=True, slots=True, eq=False)
class TrueJointSpace:
    """One compartment: its widths in mm and the margins' courses in pixels (x, y)."""

    min_mm: float
    mean_mm: float
    femoral: NDArray[np.float64]
    tibial: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class KneeTruth:
    """One knee on the plate."""

    side: Side
    severity: float
    centre: tuple[float, float]  # x, y in pixels, of the joint
    plateau_px: float
    box: Box  # a square 1.2 times as wide as the tibial plateau, around the joint's centre
    medial: TrueJointSpace
    lateral: TrueJointSpace


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """A drawn frame, 16 bit, bright = dense; knees in picture order from left to right."""

    pixels: NDArray[np.uint16]
    truths: tuple[KneeTruth, ...]
    spacing_mm: float
    spec: PlateSpec
