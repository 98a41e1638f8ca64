"""Drawing functions for all these images: slow unevenness, points, blobs, and moving an image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.grading.prepare import SIZE, Picture

Chance = np.random.Generator
Plane = NDArray[Any]

MIDDLE = (SIZE - 1) / 2


def waves(chance: Chance, size: float) -> Plane:
    """Slow unevenness."""
    coarse = chance.normal(0, size, (6, 6)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.float32)


def blob(plane: Picture, chance: Chance, least: int, most: int) -> None:
    wide, high = (int(axis) for axis in chance.integers(least, most, 2))
    cv2.ellipse(plane, point(chance), (wide, high), chance.uniform(0, 180), 0, 360, 255, -1)


def point(chance: Chance) -> tuple[int, int]:
    x, y = chance.integers(-20, SIZE + 20, 2)
    return int(x), int(y)


def warped(
    picture: Picture,
    chance: Chance,
    *,
    turn: float,
    zoom: float,
    shift: float,
    border: int = cv2.BORDER_REPLICATE,
) -> Picture:
    return placed(
        picture,
        angle=chance.uniform(-turn, turn),
        zoom=float(np.exp(chance.uniform(-zoom, zoom))),
        shift=tuple(chance.uniform(-shift, shift, 2) * SIZE),
        border=border,
    )


def placed(
    picture: Picture, *, angle: float, zoom: float, shift: tuple[float, ...], border: int = cv2.BORDER_REPLICATE
) -> Picture:
    matrix = cv2.getRotationMatrix2D((MIDDLE, MIDDLE), angle, zoom)
    matrix[:, 2] += np.array(shift)
    return np.asarray(cv2.warpAffine(picture, matrix, (SIZE, SIZE), borderMode=border), np.uint8)


def turned(picture: Picture, angle: float, *, zoom: float, centre: tuple[float, float]) -> Picture:
    return np.asarray(cv2.warpAffine(picture, cv2.getRotationMatrix2D(centre, angle, zoom), (SIZE, SIZE)), np.uint8)
