"""Measures pixel density: a small working copy of a frame, the limits of air and bone, the width of the tissue.

This module knows nothing about knees. The gray levels of a radiograph depend on exposure, window and polarity, so that
only their order and their contrasts are used: three classes by Otsu's criterion (air, soft tissue, bone), and runs of
tissue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.values import GrayImage

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Image = TypeVar("Image", bound=NDArray[Any])

WORKING_SIDE = 320  # longest side of the working copy: a plateau of 0.1 of the frame still has 32 pixels
BINS = 64
_ASCENDING = np.triu(np.ones((BINS - 1, BINS - 1), dtype=np.bool_), 1)
AREAS = 16  # the image is divided by this, each way, to see whether it has any content


@dataclass(frozen=True, slots=True, eq=False)
class Densities:
    """The working copy of a frame, 0 (darkest) to 1 (brightest that is no marker), and its classes."""

    image: Plane
    scale: float  # pixels of the working copy per pixel of the frame
    air_below: float
    bone_above: float
    contrast: float  # spread of the frame's levels without its grain, as a share of the highest one
    tissue: Mask

    @property
    def columns(self) -> NDArray[np.float64]:
        """Share of each column that is tissue."""
        return np.asarray(self.tissue.mean(axis=0), dtype=np.float64)

    @property
    def rows(self) -> NDArray[np.float64]:
        """Share of each row that is tissue."""
        return np.asarray(self.tissue.mean(axis=1), dtype=np.float64)


def measure(pixels: GrayImage, half: GrayImage | None = None) -> Densities:
    """The working copy of the frame and its classes; made from the frame at half size if that exists already."""
    small, scale = shrink(pixels, half=half)
    low, high = percentiles(small, 1.0, 99.5)
    return _classed(levelled(small, low, high), scale, contrast(small))


def inverse(densities: Densities) -> Densities:
    """The same with dense and thin exchanged, as in an image that was exported as a negative."""
    return _classed(1 - np.minimum(densities.image, 1), densities.scale, densities.contrast)


def _classed(image: Plane, scale: float, spread: float) -> Densities:
    air_below, bone_above = three_classes(image)
    return Densities(image, scale, air_below, bone_above, spread, solid(image >= air_below))


def contrast(image: Plane) -> float:
    """The spread between large areas of the image: grain, however strong, is not content."""
    size = min(AREAS, image.shape[1]), min(AREAS, image.shape[0])
    areas = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    low, high = percentiles(areas, 2.0, 98.0)
    return (high - low) / max(1.0, float(areas.max()))


def halve(pixels: GrayImage) -> GrayImage | None:
    """The frame at half size, for the steps that start with it; None for a small frame."""
    return halved(pixels, 0.5)[0] if max(pixels.shape) >= 2 * WORKING_SIDE and min(pixels.shape) > 1 else None


def shrink(pixels: GrayImage, side: int = WORKING_SIDE, half: GrayImage | None = None) -> tuple[Plane, float]:
    """A copy whose longest side has about `side` pixels, and its scale. Halving first is ten times as fast."""
    scale = min(1.0, side / max(pixels.shape))
    coarse, rest = halved(pixels, scale) if half is None or scale > 0.5 else halved(half, 2 * scale)
    if rest == 1.0:
        return coarse.astype(np.float32), scale
    height, width = (max(1, round(length * rest)) for length in coarse.shape)
    resized = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)
    return resized, scale


def halved(image: Image, scale: float) -> tuple[Image, float]:
    """The image halved as often as this scale contains a half, and the remaining scale."""
    while scale <= 0.5 and min(image.shape) > 1:
        height, width = (length // 2 for length in image.shape)
        even = image[: 2 * height, : 2 * width]
        image = cast("Image", cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA))
        scale *= 2
    return image, scale


class Halves:
    """An image and its halves, each of which is made once, when somebody needs it."""

    def __init__(self, image: Plane) -> None:
        self.whole = image
        self._made = [image]

    def above(self, scale: float) -> Plane:
        """The image halved as often as this scale contains a half."""
        level = 0
        while scale <= 0.5 and min(self._made[level].shape) > 1:
            level, scale = level + 1, 2 * scale
            if level == len(self._made):
                self._made.append(halved(self._made[-1], 0.5)[0])
        return self._made[level]


def raised(image: Plane, least: float) -> Plane:
    """The image with nothing below `least`, in place. NumPy would take ten times as long to compare with a number."""
    number: Any = least
    return np.asarray(cv2.max(image, number, image), np.float32)


def limited(planes: Plane, least: float, most: float) -> None:
    """Limits what one piece of memory holds, in place and as quickly."""
    flat, number = raised(planes.reshape(len(planes), -1), least), cast("Any", most)
    cv2.min(flat, number, flat)


def percentiles(image: Plane, *shares: float) -> list[float]:
    """The same values as `numpy.percentile`. NumPy finds one rank at a time in a tenth of the time of several."""
    ordered, last = image.flatten(), image.size - 1
    found = []
    for place in (last * (share / 100) for share in shares):
        below = min(int(place), max(last - 1, 0))
        ordered.partition(below)
        low, high = ordered[below], ordered[min(below + 1, last) :].min()
        step, beyond = float(high - low), place - below
        found.append(float(low) + step * beyond if beyond < 0.5 else float(high) - step * (1 - beyond))
    return found


def levelled(image: Plane, low: float, high: float) -> Plane:
    """Levels between `low` and `high` as 0…1; markers and beads are cut off just above."""
    spread = (image - np.float32(low)) / np.float32(max(high - low, 1e-6))
    return np.asarray(np.clip(spread, 0, 1.1), dtype=np.float32)


def three_classes(image: Plane) -> tuple[float, float]:
    """The two levels that divide the image into three classes with the largest variance between them (Otsu 1979)."""
    # OpenCV counts whole numbers in a tenth of the time; what is 1 or more falls into none of the bins.
    levels = (image * np.float32(BINS)).astype(np.uint8)
    counts = np.asarray(cv2.calcHist([levels], [0], None, [BINS], [0, BINS])).ravel()
    share = counts / max(1, counts.sum())
    weight = np.concatenate([[0.0], np.cumsum(share)])
    moment = np.concatenate([[0.0], np.cumsum(share * (np.arange(BINS) + 0.5) / BINS)])
    mass, total = (np.subtract.outer(sums, sums).T for sums in (weight, moment))  # from a level (row) up to another
    spread = np.where(mass > 0, total**2 / np.maximum(mass, 1e-9), 0.0)
    variance = spread[0, 1:BINS, None] + spread[1:BINS, 1:BINS] + spread[1:BINS, BINS]
    first, second = divmod(int(np.where(_ASCENDING, variance, -1.0).argmax()), BINS - 1)
    return (first + 1) / BINS, (second + 1) / BINS


def solid(mask: Mask) -> Mask:
    """The mask without specks (beads, noise) and low gaps: a joint space can be as dark as its surroundings."""
    speck, gap = (max(3, round(min(mask.shape) * share)) | 1 for share in (0.02, 0.08))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((speck, speck), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((gap, speck), np.uint8))
    return np.asarray(closed, dtype=np.bool_)


def runs(mask: Mask) -> Plane:
    """How many pixels of unbroken tissue the row of each pixel of tissue has there; 0 elsewhere."""
    height, width = mask.shape
    apart = np.zeros((height, width + 1), np.bool_)  # a column of nothing, so that a run ends with its row
    apart[:, :width] = mask
    flat = apart.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(changes, prepend=0, append=flat.size)
    values = lengths.astype(np.float32)
    values[int(flat[0]) :: 2] = 0  # every other one is no tissue
    return np.ascontiguousarray(np.repeat(values, lengths).reshape(height, width + 1)[:, :width])
