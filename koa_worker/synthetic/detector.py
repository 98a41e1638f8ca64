"""From attenuation to the picture: beam, scatter, detector, and what the console makes of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.synthetic import texture
from koa_worker.synthetic.solid import Map
from koa_worker.synthetic.spec import PlateSpec

_REFERENCE_MM = 0.15  # the pixel for which `photons` is given


def expose(attenuation: Map, opening: Map, spec: PlateSpec, rng: np.random.Generator) -> Map:
    """The logarithm of what the detector counts, as a share of the open beam; with scatter, blur and noise."""
    height, width = attenuation.shape
    primary = cv2.exp(-attenuation) * opening
    heel = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(rng.uniform(-0.12, 0.12))
    primary = primary * (1 + heel)
    scattered = _wide_blur(primary, 14 / spec.spacing_mm)
    level = cv2.GaussianBlur(primary, (0, 0), sigmaX=max(spec.blur_mm / spec.spacing_mm, 0.35))
    level = level + np.float32(0.25 * spec.scatter) * scattered
    level = np.maximum(level, np.float32(2e-4))
    count = spec.photons * (spec.spacing_mm / _REFERENCE_MM) ** 2
    noise = texture.grain(rng, height, width)
    level += noise * cv2.sqrt(level) * np.float32(1 / np.sqrt(count))
    return cv2.log(np.maximum(level, np.float32(5e-5)))  # type: ignore[return-value]


def develop(logarithm: Map, spec: PlateSpec) -> NDArray[np.uint16]:
    """Even out, sharpen, window: dense becomes bright, on the full 16-bit scale."""
    density = -logarithm
    # Consoles lower large differences, which leaves a dark brim beside the leg and a glow far from it.
    shown = density - np.float32(spec.flatten) * _wide_blur(density, 28 / spec.spacing_mm)
    if spec.sharpen:
        soft = cv2.GaussianBlur(density, (0, 0), sigmaX=max(0.9 / spec.spacing_mm, 0.6))
        shown += np.float32(0.8 * spec.sharpen) * (density - soft)
    sample = shown[:: max(1, shown.shape[0] // 300), :: max(1, shown.shape[1] // 300)]
    low, high = np.percentile(sample, (1.0, 99.3))
    room = (high - low) / spec.contrast
    share = np.clip((shown - low) / max(room, 1e-3) * 0.97 + spec.brightness, 0, 1)
    if spec.gamma != 1:
        share = cv2.pow(share, spec.gamma)
    return np.round(share * 65535).astype(np.uint16)


def _wide_blur(picture: Map, sigma: float) -> Map:
    """A blur much wider than a pixel, done on a small copy."""
    height, width = picture.shape
    step = max(1, int(sigma / 4))
    small_size = (max(2, width // step), max(2, height // step))
    small = cv2.resize(picture, small_size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigmaX=max(sigma / step, 0.5), borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
