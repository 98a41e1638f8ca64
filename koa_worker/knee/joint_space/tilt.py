"""Measures by how many degrees a knee's tibial plateau is tilted in its square."""

from __future__ import annotations

import math

import numpy as np

from koa_worker.knee.joint_space.band import is_negative, of_square
from koa_worker.knee.joint_space.margins import MarginPath, trace
from koa_worker.values import GrayImage

MOST = 8.0  # degrees; 3 of 826 validation knees are tilted by more, and what is no knee could have any tilt


def tilt(square: GrayImage) -> float:
    """The angle between the tibial margins of both compartments and the rows; above 0 if the right one is lower."""
    shown = square.astype(np.float32)
    left, right = sorted(map(_middle, trace(of_square(-shown if is_negative(shown) else shown))))
    found = math.degrees(math.atan2(right[1] - left[1], right[0] - left[0]))
    return min(max(found, -MOST), MOST)


def _middle(course: MarginPath) -> tuple[float, float]:
    """The middle of the tibial margin where it bears weight: its column and its row."""
    return float(course.columns[course.bearing].mean()), float(course.tibial[course.bearing].mean())
