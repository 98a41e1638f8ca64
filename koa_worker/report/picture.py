"""Pictures for the report: encoded once as JPEG, small enough to mail and sharp enough to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FRAME_EDGE = 1100  # pixels: 180 mm of paper at 155 dpi
CROP_EDGE = 448  # pixels: 43 mm of paper at 260 dpi; twice the net's own grid
FRAME_QUALITY = 82
CROP_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture, ready for the page."""

    jpeg: bytes
    width: int
    height: int


def encode_frame(pixels: NDArray[Any]) -> Picture:
    """The whole radiograph at the size that paper can show."""
    rows, columns = pixels.shape[:2]
    shrink = min(1.0, FRAME_EDGE / max(rows, columns))
    size = (max(1, round(columns * shrink)), max(1, round(rows * shrink)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if shrink < 1.0 else pixels
    return _encode(_to_8_bit(small), FRAME_QUALITY)


def encode_crop(pixels: NDArray[np.uint8]) -> Picture:
    """A crop, gray or RGB, enlarged smoothly: viewers differ in how they enlarge, and some show squares."""
    large = cv2.resize(pixels, (CROP_EDGE, CROP_EDGE), interpolation=cv2.INTER_CUBIC)
    return _encode(large.astype(np.uint8, copy=False), CROP_QUALITY)


def _to_8_bit(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Of 16 bits, all but the outermost thousandth at either end: one hot pixel must not darken the page."""
    if pixels.dtype == np.uint8:
        return pixels
    low, high = np.percentile(pixels[::3, ::3], (0.1, 99.9))
    spread = (pixels.astype(np.float32) - low) * (255.0 / max(high - low, 1.0))
    shown: NDArray[np.uint8] = np.clip(spread, 0.0, 255.0).astype(np.uint8)
    return shown


def _encode(pixels: NDArray[np.uint8], quality: int) -> Picture:
    for_cv = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    done, buffer = cv2.imencode(".jpg", for_cv, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError("the picture cannot be encoded")
    return Picture(buffer.tobytes(), pixels.shape[1], pixels.shape[0])
