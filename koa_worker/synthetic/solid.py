"""From an outline to the path of a ray through the bone: depth below the outline, then spongy bone and cortex."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.synthetic.blur import Map

_FINE = 4  # sub-pixels each way: a margin must lie where the truth says, to a small part of a pixel


@dataclass(frozen=True, slots=True)
class PlatePart:
    """A part of the plate, in pixels; it may reach over the edge."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """How deep under the outline each pixel lies, in pixels, and how much of the pixel is inside."""

    window: PlatePart
    inside: Map
    below: Map


def depth(outline: NDArray[np.float64], height: int, width: int, margin: int) -> Depth | None:
    """Measure below a closed outline (x, y in pixels); None where it misses the plate.

    `margin` keeps that much of the bone beyond the plate's edge, which would else look like the bone's own edge.
    """
    covered = coverage(outline, height, width, margin)
    if covered is None:
        return None
    window, inside = covered
    whole = (inside > 0.999).astype(np.uint8)
    distance, labels = cv2.distanceTransformWithLabels(whole, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    edge = whole == 0
    share = np.zeros(int(labels.max()) + 1, np.float32)
    share[labels[edge]] = inside[edge]  # the nearest edge pixel's share says where in it the outline runs
    below = distance + share[labels] - np.float32(0.5)
    return Depth(window, inside, np.where(edge, inside / 2, np.maximum(below, 0.25)).astype(np.float32))


def coverage(outline: NDArray[np.float64], height: int, width: int, margin: int = 0) -> tuple[PlatePart, Map] | None:
    """How much of each pixel lies inside a closed outline (x, y in pixels); None where it misses the plate."""
    window = _window(outline, height, width, margin)
    if window.width <= 0 or window.height <= 0:
        return None
    return window, _coverage(outline, window)


def chord(below: Map, radius: Map, depth_mm: Map) -> Map:
    """Path through a body with an elliptic section: nothing at the outline, `depth_mm` from `radius` inwards."""
    rest = np.maximum(1 - below / radius, 0)
    return np.asarray(np.sqrt(1 - rest * rest) * depth_mm, np.float32)


def bone(below: Map, radius: Map, depth_mm: Map, cortex: Map) -> tuple[Map, Map]:
    """Paths in mm through spongy bone and through the cortex around it; all of it in pixels but `depth_mm`.

    `radius`, `depth_mm` and `cortex` are columns: one value for each row.
    """
    outer = chord(below, radius, depth_mm)
    room = np.maximum(radius - cortex, 0.5)
    inner = chord(np.maximum(below - cortex, 0), room, depth_mm * (room / radius))
    return inner, np.maximum(outer - inner, 0)


def _window(outline: NDArray[np.float64], height: int, width: int, margin: int) -> PlatePart:
    left, top = np.floor(outline.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(outline.max(axis=0)).astype(int) + 3
    left, top = max(int(left), -margin), max(int(top), -margin)
    right, bottom = min(int(right), width + margin), min(int(bottom), height + margin)
    return PlatePart(left, top, right - left, bottom - top)


def _coverage(outline: NDArray[np.float64], window: PlatePart) -> Map:
    fine = np.zeros((window.height * _FINE, window.width * _FINE), np.uint8)
    # Pixel (0, 0) covers -0.5 … 0.5; cv2 counts sixteenths of a sub-pixel from a sub-pixel's middle. It also paints
    # every sub-pixel that the outline touches, half a one too much all round: draw half a one up and to the left,
    # then take a whole one away there.
    placed = (outline - (window.x, window.y) + 0.5) * _FINE - 1.0
    cv2.fillPoly(fine, [np.round(placed * 16).astype(np.int32)], (255,), lineType=cv2.LINE_8, shift=4)
    fine = cv2.erode(fine, np.ones((2, 2), np.uint8), anchor=(1, 1), borderValue=(255,))  # type: ignore[assignment]
    small = cv2.resize(fine, (window.width, window.height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)
