"""From attenuation to the image: beam, scatter, detector, and the processing of the console."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from koa_worker.synthetic import texture
from koa_worker.synthetic.blur import Map, blur, wide_blur
from koa_worker.synthetic.spec import PlateSpec

_REFERENCE_MM = 0.15  # the pixel for which `photons` is given
_STEPS = 65535


def expose(attenuation: Map, opening: Map | None, spec: PlateSpec, rng: np.random.Generator) -> Map:
    """The logarithm of what the detector counts, as a share of the open beam; with scatter, blur and noise."""
    height, width = attenuation.shape
    heel = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(rng.uniform(-0.12, 0.12))
    level = np.exp(-attenuation)
    level *= 1 + heel
    if opening is not None:
        level *= opening
    scattered = wide_blur(level, 14 / spec.spacing_mm)
    level = blur(level, max(spec.blur_mm / spec.spacing_mm, 0.35))
    level += np.float32(0.25 * spec.scatter) * scattered
    np.maximum(level, np.float32(2e-4), out=level)
    noise = texture.grain(rng, height, width)
    noise *= np.sqrt(level)
    noise *= np.float32(_REFERENCE_MM / spec.spacing_mm / np.sqrt(spec.photons))
    level += noise
    return np.log(np.maximum(level, np.float32(5e-5), out=level), out=level)


def develop(logarithm: Map, opening: Map | None, spec: PlateSpec) -> NDArray[np.uint16]:
    """Evens out, sharpens and windows the image: dense becomes bright, on the full 16-bit scale."""
    density = -logarithm
    # Consoles reduce large differences, which leaves a dark band beside the leg and a bright area far from it.
    wide = wide_blur(density, 28 / spec.spacing_mm)
    shown = density - np.float32(spec.flatten) * wide
    if spec.sharpen:
        shown += np.float32(0.8 * spec.sharpen) * (density - blur(density, max(0.9 / spec.spacing_mm, 0.6)))
    coarse = slice(None, None, max(1, min(density.shape) // 300))
    sample = shown[coarse, coarse]
    if opening is not None:  # a console finds the exposed field first
        sample = sample[opening[coarse, coarse] > 0.5]
    low, high = (float(p) for p in np.percentile(sample, (1.0, 99.5)))
    low = min(low, -spec.flatten * float(wide[coarse, coarse].mean()))  # black is air, also if the image shows none
    room = max((high - low) / spec.contrast, 1e-3)
    shown *= np.float32(0.97 / room)
    shown += np.float32(spec.brightness - 0.97 * low / room)
    np.clip(shown, 0, 1, out=shown)
    shown *= _STEPS
    curve = np.linspace(0, 1, _STEPS + 1) ** spec.gamma * _STEPS
    return curve.round().astype(np.uint16)[shown.astype(np.uint16)]
