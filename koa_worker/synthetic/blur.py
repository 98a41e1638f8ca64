"""Blurring and resizing of maps, on a coarser copy if the result is smooth anyway."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]


def blur(picture: Map, across: float, down: float | None = None) -> Map:
    """A Gaussian blur; sigma in pixels."""
    down = across if down is None else down
    blurred = cv2.GaussianBlur(picture, (0, 0), sigmaX=across, sigmaY=down, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def resize(picture: Map, height: int, width: int, interpolation: int = cv2.INTER_LINEAR) -> Map:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=interpolation), np.float32)


def wide_blur(picture: Map, sigma: float) -> Map:
    """A blur much wider than a pixel, done on a small copy."""
    height, width = picture.shape
    step = max(1, int(sigma / 4))
    small = resize(picture, max(2, height // step), max(2, width // step), cv2.INTER_AREA)
    return resize(blur(small, max(sigma / step, 0.5)), height, width)
