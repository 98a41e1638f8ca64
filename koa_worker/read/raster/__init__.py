"""Reads PNG, JPEG, TIFF and BMP into a Radiograph; the header is checked before decoding."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.config import Limits
from koa_worker.errors import InputRejected
from koa_worker.read.display import exposure
from koa_worker.read.header import identity
from koa_worker.read.layout import check_size
from koa_worker.read.raster.colour import coloured
from koa_worker.read.raster.raster_headers import Picture, RasterHeader, plan_for
from koa_worker.values import Radiograph

Pixels = NDArray[Any]


def read_raster(data: bytes, kind: Picture, sha256: str, limits: Limits) -> Radiograph:
    plan = plan_for(data, kind)
    if plan.rows <= 0 or plan.columns <= 0:
        raise InputRejected("damaged", f"a {kind} image without a size")
    check_size(plan.rows, plan.columns, plan.bytes_per_pixel, limits.max_megapixels)
    if not plan.whole:
        raise InputRejected("truncated", f"the {kind} image")
    pixels = _decoded(plan, kind)
    stored = pixels.dtype
    gray = _gray(pixels)
    colour = coloured(pixels) if pixels.ndim == 3 and pixels.shape[2] > 2 else 0.0
    if plan.white_is_zero:
        gray = np.iinfo(gray.dtype).max - gray
    gray, window = _presentable(_turned(gray, plan.orientation))
    return Radiograph(
        pixels=np.ascontiguousarray(gray),
        format=kind,
        study=identity.study_of_picture(sha256),
        coloured=colour,
        details={"bits": str(stored.itemsize * 8), "window": window},
    )


def _decoded(plan: RasterHeader, kind: Picture) -> Pixels:
    try:
        pixels = plan.decode()
    except (InputRejected, MemoryError):
        raise
    # Each codec has its own exception classes; whatever a codec raises, it could not decode these bytes.
    except Exception as fault:
        raise InputRejected("damaged", f"the {kind} data cannot be decoded") from fault
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    if pixels.shape[:2] != (plan.rows, plan.columns) or pixels.ndim > 3:
        raise InputRejected("damaged", f"the size of the {kind} image differs from its header")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise InputRejected("unsupported_pixels", f"{kind} samples of type {pixels.dtype}")
    return pixels


def _gray(pixels: Pixels) -> Pixels:
    """One gray plane; transparent pixels become black, the background of radiographs."""
    if pixels.ndim == 2:
        return pixels
    channels = pixels.shape[2]
    if channels not in (1, 2, 3, 4):
        raise InputRejected("unsupported_pixels", f"{channels} channels")
    colour = np.ascontiguousarray(pixels[..., :3] if channels > 2 else pixels[..., :1])
    gray: Pixels = cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY) if channels > 2 else colour[..., 0]
    if channels in (1, 3):
        return gray
    opacity = pixels[..., -1].astype(np.float32) / np.iinfo(pixels.dtype).max
    return np.rint(gray * opacity).astype(pixels.dtype)


def _turned(gray: Pixels, orientation: int) -> Pixels:
    """Turns the image upright by its EXIF orientation; even values up to 4 and odd values from 5 are mirrored."""
    if orientation in (5, 6, 7, 8):
        gray = gray.T
    if orientation in (2, 3, 6, 7):
        gray = gray[:, ::-1]
    if orientation in (3, 4, 7, 8):
        gray = gray[::-1]
    return gray


def _presentable(gray: Pixels) -> tuple[Pixels, str]:
    """Stretches 10 or 12 bits stored in 16, which would look black; all other values stay unchanged."""
    if gray.dtype == np.uint8 or int(gray.max()) >= 1 << 15:
        return gray, "none"
    found = exposure.value_range(exposure.sample(gray))
    if found is None:
        return gray, "none: all pixels alike"
    low, high = found
    shades = np.clip((np.arange(65_536, dtype=np.float64) - low) / (high - low), 0.0, 1.0)
    return cv2.LUT(gray, np.rint(shades * 65535.0).astype(np.uint16)), "from exposure"
