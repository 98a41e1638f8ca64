"""Draws fine structure: trabeculae, muscle, the grain of the film."""

from __future__ import annotations

import cv2
import numpy as np

from koa_worker.synthetic.blur import Map, blur, resize


def trabeculae(rng: np.random.Generator, height: int, width: int, spacing_mm: float) -> Map:
    """A factor around 1 for spongy bone: streaks along the load, fine across and long along the leg."""
    fine = _streaks(rng, height, width, 0.9 / spacing_mm, 0.24 / spacing_mm)
    coarse = _streaks(rng, height, width, 3.5 / spacing_mm, 1.2 / spacing_mm)
    patches = clouds(rng, height, width, 9 / spacing_mm)
    factor = 1 + np.float32(0.09) * fine + np.float32(0.02) * coarse + np.float32(0.025) * patches
    return np.asarray(factor, np.float32)


def clouds(rng: np.random.Generator, height: int, width: int, size: float, stretch: float = 1.0) -> Map:
    """Soft noise of about unit spread; `size` is its scale in pixels, `stretch` how much longer it is downwards."""
    rows, columns = max(3, round(height / (size * stretch)) + 3), max(3, round(width / size) + 3)
    grid = rng.standard_normal((rows, columns), np.float32)
    return resize(grid, height, width, cv2.INTER_CUBIC) * np.float32(1.3)


def grain(rng: np.random.Generator, height: int, width: int) -> Map:
    """White noise of unit spread."""
    return rng.standard_normal((height, width), np.float32)


def _streaks(rng: np.random.Generator, height: int, width: int, down: float, across: float) -> Map:
    """Noise blurred by these numbers of pixels down and across; drawn on a coarser grid where that is enough.

    Where a streak is finer than a pixel it averages out, as it does on a detector.
    """
    step = max(1, int(across))
    noise = rng.standard_normal((height // step + 2, width // step + 2), np.float32)
    across, down = across / step, down / step
    noise = blur(noise, max(across, 0.3), max(down, 0.3))
    noise *= np.float32(2 * np.sqrt(np.pi * across * down))  # the blur's own loss of spread
    return resize(noise, height, width)
