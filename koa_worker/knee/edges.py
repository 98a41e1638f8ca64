"""Places a traced margin to a fraction of a pixel: the steepest point of the density across it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.band import FINER, Band
from koa_worker.knee.density import Plane
from koa_worker.knee.margins import Course

REACH, STEP = 4.0, 0.5  # fine pixels across the margin that are looked at, and from sample to sample
ALONG, ACROSS = 1.5, 0.7  # coarse and fine pixels by which the profiles are smoothed
SMOOTH = 2.0  # coarse pixels, of the traced course
TRUST = 0.004  # how much less steep an edge counts for each fine pixel squared from where it was traced
INWARDS = 0.5  # fine pixels: blur moves the steepest point of a bone's edge so far into the bone


def refine(band: Band, course: Course) -> tuple[Plane, Plane]:
    """The femoral and the tibial margin, each as (x, y) in fine pixels, a point for each coarse pixel across."""
    order = np.argsort(course.columns)
    known = course.columns[order]
    x = np.arange(np.ceil(known[0]), np.floor(known[-1]) + 1)
    across = ((x + 0.5) * FINER - 0.5).astype(np.float32)
    # The bone lies above the femur's margin and below the tibia's.
    femoral = _steepest(band.fine, across, np.interp(x, known, course.femoral[order]), towards_bone=-1)
    tibial = _steepest(band.fine, across, np.interp(x, known, course.tibial[order]), towards_bone=1)
    return np.stack([across, femoral + INWARDS], axis=1), np.stack([across, tibial - INWARDS], axis=1)


def _steepest(fine: Plane, across: Plane, traced: NDArray[np.float64], towards_bone: int) -> Plane:
    """The row of the steepest rise of density towards the bone near the traced one, for each point across."""
    rows = (_smooth(traced) + 0.5) * FINER - 0.5
    away = np.arange(-REACH, REACH + STEP / 2, STEP, dtype=np.float32)
    down = (rows[:, None] + away).astype(np.float32)
    beside = np.repeat(across[:, None], len(away), axis=1)
    profiles = cv2.remap(fine, beside, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    smooth = cv2.GaussianBlur(profiles, (0, 0), sigmaX=ACROSS / STEP, sigmaY=ALONG, borderType=cv2.BORDER_REPLICATE)
    rise = towards_bone * np.gradient(smooth, axis=1)
    judged = rise[:, 1:-1] / (float(rise.max()) + 1e-9) - TRUST * away[1:-1] ** 2
    return np.asarray(rows + _summits(rise, judged.argmax(axis=1) + 1) * STEP - REACH, np.float32)


def _summits(rise: Plane, at: NDArray[np.int64]) -> Plane:
    """Each row's summit next to this sample, by the parabola through it and its neighbours."""
    row = np.arange(len(rise))
    before, here, after = rise[row, at - 1], rise[row, at], rise[row, at + 1]
    bend = before - 2 * here + after
    shift = np.where(bend < -1e-9, (before - after) / np.where(bend < -1e-9, 2 * bend, 1), 0)
    return np.asarray(at + np.clip(shift, -1, 1), np.float32)


def _smooth(rows: NDArray[np.float64]) -> Plane:
    line = rows.astype(np.float32)[None]
    return np.asarray(cv2.GaussianBlur(line, (0, 0), sigmaX=SMOOTH, borderType=cv2.BORDER_REFLECT)[0], np.float32)
