"""Refines the traced margins to a fraction of a pixel: the steepest density across each, smoothed to a line.

Single steepest points may jump to a rim of the plateau, a trabecula or grain, and the minimum width would then be at
such a jump. The margin of a bone is smooth. So each margin is searched twice: around the traced course, and
again, closer, around the smooth line through the points that were found.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.finding.density import Plane
from koa_worker.knee.joint_space.band import FINER, Band
from koa_worker.knee.joint_space.margins import MarginPath

POINTS = 73  # along each margin: a third of a millimetre from one to the next
REACHES = (4, 2)  # fine pixels across the margin: around the traced course, then around the smooth line
ALONG, ACROSS = 1.5, 0.7  # points and fine pixels by which the profiles are smoothed
SMOOTH = 2.0  # points, of the traced course
TRUST = 0.004  # the weight of an edge falls by this for each squared fine pixel from the expected position
INWARDS = 0.5  # fine pixels by which blur moves the steepest point of a bone's edge into the bone
DEGREE, STIFFNESS = 11, 1000.0  # of the smooth line: a polynomial whose changes of curvature cost
ASTRAY = 1.5  # fine pixels from the smooth line: a point so far off counts half
FAINT = 0.02  # the weight of the least steep point, relative to the steepest one

_TOWARDS_BONE = np.array([-1, 1, -1, 1], np.float32)  # it lies above each femoral margin and below each tibial one
_SHARES = np.linspace(0, 1, POINTS)  # of the way along each margin
_SHAPES = np.polynomial.legendre.legvander(np.linspace(-1, 1, POINTS), DEGREE)
_BENDING = np.diff(_SHAPES, 3, axis=0)
_COST = STIFFNESS * _BENDING.T @ _BENDING

Lines = NDArray[np.float64]  # the left and the right compartment's femoral and tibial margins: 4 × points


def refine(band: Band, courses: tuple[MarginPath, MarginPath]) -> tuple[tuple[Plane, Plane], tuple[Plane, Plane]]:
    """The femoral and tibial margin of each compartment as (x, y) in fine pixels, from left to right."""
    columns = _spread(np.stack([course.columns for course in courses for _ in range(2)]))
    rows = _softened(_spread(np.stack([rows for course in courses for rows in (course.femoral, course.tibial)])))
    across, lines = (columns + 0.5) * FINER - 0.5, (rows + 0.5) * FINER - 0.5
    for reach in REACHES:
        lines = _faired(*_steepest(band.fine, across, lines, reach))
    margins = np.stack([across, lines - INWARDS * _TOWARDS_BONE[:, None]], axis=2).astype(np.float32)
    left = margins[:2, ::-1]  # traced from the middle outwards
    return (left[0], left[1]), (margins[2], margins[3])


def _steepest(fine: Plane, across: Lines, lines: Lines, reach: int) -> tuple[Lines, Lines]:
    """The position near each point of these lines where density rises most steeply towards the bone, and the slope."""
    away = np.arange(-reach, reach + 1, dtype=np.float32)
    down = (lines.T[:, None] + away[:, None]).astype(np.float32)  # points × samples × lines
    beside = np.broadcast_to(across.T[:, None], down.shape).astype(np.float32)
    flat = POINTS, -1
    profiles = cv2.remap(
        fine, beside.reshape(flat), down.reshape(flat), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).reshape(down.shape)
    smooth = cv2.GaussianBlur(profiles, (0, 0), sigmaX=ACROSS, sigmaY=ALONG, borderType=cv2.BORDER_REPLICATE)
    rise = np.gradient(smooth, axis=1) * _TOWARDS_BONE
    share = rise / (rise.max(axis=(0, 1)) + 1e-9)
    at = (share - TRUST * away[:, None] ** 2)[:, 1:-1].argmax(axis=1) + 1
    point, line = np.ogrid[:POINTS, : len(lines)]
    before, here, after = (share[point, at + step, line] for step in (-1, 0, 1))
    found = lines.T + at + _summit(before, here, after) - reach
    return found.T, np.maximum(here, FAINT).T


def _summit(before: Plane, here: Plane, after: Plane) -> Plane:
    """How far from the middle one of three neighbours the parabola through them is highest."""
    bend = np.minimum(before - 2 * here + after, -1e-9)
    return np.asarray(np.clip((before - after) / (2 * bend), -1, 1), np.float32)


def _faired(found: Lines, steep: Lines) -> Lines:
    """Smooth lines through these points; steep points count most, and in the second pass outliers count little."""
    line = _fitted(found, steep)
    return _fitted(found, steep / (1 + ((found - line) / ASTRAY) ** 2))


def _fitted(found: Lines, weights: Lines) -> Lines:
    weighted = weights[:, None] * _SHAPES.T
    shares = np.linalg.solve(weighted @ _SHAPES + _COST, weighted @ found[..., None])
    return np.asarray((_SHAPES @ shares)[..., 0], np.float64)


def _spread(traced: Lines) -> Lines:
    """The traced columns' values at the points between them."""
    known = np.linspace(0, 1, traced.shape[1])
    return np.stack([np.interp(_SHARES, known, line) for line in traced])


def _softened(lines: Lines) -> Lines:
    return np.asarray(
        cv2.GaussianBlur(lines, (0, 0), sigmaX=SMOOTH, sigmaY=1e-6, borderType=cv2.BORDER_REFLECT), np.float64
    )
