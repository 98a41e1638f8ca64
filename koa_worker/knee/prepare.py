"""Makes the picture that the net sees: crop → gray 8 bit → 224×224 → CLAHE. Training and work share this one function.

The order and the numbers are those of the training data: CLAHE(5, 8×8) on the raw 224×224 gray crop gives the
published equalised crop bit for bit.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.values import Box, GrayImage

SIZE = 224
CLIP_LIMIT = 5.0
TILES = 8

Picture = NDArray[np.uint8]


def prepare(pixels: GrayImage, box: Box | None = None, *, equalized: bool | None = None) -> Picture:
    """The 224×224 equalised crop; `equalized` says whether the pixels are so already, None: look and see."""
    small = resize(crop(pixels, box))
    if looks_equalized(small) if equalized is None else equalized:
        return small
    return equalize(small)


def crop(pixels: GrayImage, box: Box | None = None) -> Picture:
    """What lies in the box, as 8 bit; where the box reaches over the picture's edge, the edge is carried on.

    Of 909 raw training crops none holds a bar of filling, and CLAHE works tile by tile, so that a black bar would
    change the bone beside it. Edge rows and columns that go on add no line that is not there.
    """
    part = pixels if box is None else _cut(pixels, box)
    return np.ascontiguousarray(part if part.dtype == np.uint8 else _to_8_bit(part, _depth(pixels)))


def _depth(pixels: GrayImage) -> int:
    """Bits per pixel of the whole picture, since a 12-bit picture may come in 16 bits.

    Not stretched between a crop's own extremes: CLAHE's outcome depends on how bright its input is (on the training
    crops such a stretch moves it by 30 gray levels), and the training crops keep the brightness of their plates.
    """
    brightest = int(pixels.max())
    return next(depth for depth in (8, 10, 12, 14, 16) if brightest < 1 << depth)


def _to_8_bit(pixels: GrayImage, depth: int) -> Picture:
    """The upper 8 bits: gives back exactly what an 8-bit source was, whether it was shifted or multiplied by 257."""
    return (pixels >> (depth - 8)).astype(np.uint8)


def resize(pixels: Picture) -> Picture:
    """To 224×224: by area downwards (no moiré from trabecular bone), cubic upwards; that size stays untouched."""
    height, width = pixels.shape
    if (height, width) == (SIZE, SIZE):
        return pixels
    method = cv2.INTER_AREA if min(height, width) >= SIZE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (SIZE, SIZE), interpolation=method), dtype=np.uint8)


def equalize(pixels: Picture) -> Picture:
    """Contrast-limited adaptive histogram equalisation as the training data had it."""
    # Made anew each time (a microsecond): a shared instance keeps scratch buffers and is not safe between threads.
    return np.asarray(cv2.createCLAHE(CLIP_LIMIT, (TILES, TILES)).apply(pixels), dtype=np.uint8)


def looks_equalized(pixels: Picture) -> bool:
    """Whether a 224×224 crop has been through CLAHE already.

    Equalisation pulls each tile towards the same median, while the contrast as a whole stays: the medians of the 8×8
    tiles then spread little beside the picture's own spread. The line between was fitted on the training crops.
    """
    tiles = _tiles(pixels)
    between = float(np.log1p(np.median(tiles, axis=1).std()))
    whole = float(np.log1p(pixels.std()))
    return 54.8 * whole - 49.9 * between > 26.9


def _tiles(pixels: Picture) -> Picture:
    edge = SIZE // TILES
    return pixels.reshape(TILES, edge, TILES, edge).swapaxes(1, 2).reshape(TILES * TILES, edge * edge)


def _cut(pixels: GrayImage, box: Box) -> GrayImage:
    """The box's pixels, edge rows and columns repeated where it reaches beyond them."""
    height, width = pixels.shape
    left, top = _clamp(box.x, width - 1), _clamp(box.y, height - 1)
    right, bottom = _clamp(box.x + box.width, width, 1), _clamp(box.y + box.height, height, 1)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    inside = pixels[top:bottom, left:right]
    before_y, before_x = max(0, -box.y), max(0, -box.x)
    return cv2.copyMakeBorder(
        inside,
        before_y,
        max(0, box.height - before_y - inside.shape[0]),
        before_x,
        max(0, box.width - before_x - inside.shape[1]),
        cv2.BORDER_REPLICATE,
    )


def _clamp(value: int, high: int, low: int = 0) -> int:
    return max(low, min(value, high))
