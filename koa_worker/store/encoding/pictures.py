"""Encodes images and heatmaps to the bytes that are stored."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.values import GrayImage

FRAME_PIXELS = 900  # the longer side on paper, at about 150 dpi
_FRAME_QUALITY = 85
_MOST_KEPT = 4  # crops
_encoded_last: dict[bytes, NDArray[np.uint8]] = {}


def encode_frame(pixels: GrayImage, half: GrayImage | None = None) -> bytes:
    """The whole radiograph as a reduced JPEG. `half` is the radiograph at half its size, if it exists already."""
    if half is not None and max(pixels.shape) >= 2 * FRAME_PIXELS and pixels.size == 4 * half.size:
        pixels = half
    # Halving by area is fast. The remaining reduction, by less than half, needs no area and takes a tenth of the time.
    while max(pixels.shape) >= 2 * FRAME_PIXELS and min(pixels.shape) > 1:
        height, width = pixels.shape
        pixels = cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    height, width = pixels.shape
    scale = min(1.0, FRAME_PIXELS / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR) if scale < 1 else pixels
    return _encode(".jpg", _to_8_bit(small), [cv2.IMWRITE_JPEG_QUALITY, _FRAME_QUALITY])


def encode_crop(crop: NDArray[np.uint8]) -> bytes:
    """A knee as the model saw it, bit for bit, as PNG."""
    data = _encode(".png", crop, [])
    kept = crop.copy()
    kept.flags.writeable = False
    _encoded_last[data] = kept
    while len(_encoded_last) > _MOST_KEPT:
        _encoded_last.pop(next(iter(_encoded_last)), None)
    return data


def decode_crop(data: bytes) -> NDArray[np.uint8]:
    """The knee; not to be changed. One that this process has just encoded, for a report to show, is still there."""
    kept = _encoded_last.get(data)
    if kept is not None:
        return kept
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def encode_heatmap(values: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(values, np.float32), allow_pickle=False)
    return stream.getvalue()


def decode_heatmap(data: bytes) -> NDArray[np.float32]:
    length = 10 + int.from_bytes(data[8:10], "little")
    shape, kind = _read_header(data[:length])
    return np.frombuffer(data, kind, offset=length).reshape(shape).astype(np.float32, copy=False)


@lru_cache(maxsize=8)
def _read_header(header: bytes) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The header of a .npy, cached: all heatmaps have the same one, and NumPy parses it as Python code."""
    stream = io.BytesIO(header)
    np.lib.format.read_magic(stream)
    shape, _, kind = np.lib.format.read_array_header_1_0(stream)
    return shape, kind


def _to_8_bit(pixels: GrayImage) -> NDArray[np.uint8]:
    """Converts to 8 bits; deeper images are stretched to the range that they use, or 12 bits would look black."""
    if pixels.dtype == np.uint8:
        return pixels
    low, high, _, _ = cv2.minMaxLoc(pixels)
    factor = 255.0 / max(high - low, 1.0)
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=factor, beta=-low * factor), np.uint8)


def _encode(ending: str, picture: NDArray[np.uint8], options: list[int]) -> bytes:
    return cv2.imencode(ending, np.ascontiguousarray(picture), options)[1].tobytes()
