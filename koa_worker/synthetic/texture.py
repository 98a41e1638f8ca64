"""Structure that no outline gives: trabeculae, muscle, the grain of the film."""

from __future__ import annotations

import cv2
import numpy as np

from koa_worker.synthetic.solid import Map


def trabeculae(rng: np.random.Generator, height: int, width: int, spacing_mm: float) -> Map:
    """A factor around 1 for spongy bone: streaks along the load, fine across and long along the leg."""
    fine = _streaks(rng, height, width, (1.6 / spacing_mm, 0.28 / spacing_mm))
    coarse = _streaks(rng, height, width, (3.5 / spacing_mm, 1.3 / spacing_mm))
    patches = clouds(rng, height, width, 7 / spacing_mm)
    return np.float32(1) + np.float32(0.09) * fine + np.float32(0.07) * coarse + np.float32(0.06) * patches


def clouds(rng: np.random.Generator, height: int, width: int, size: float, stretch: float = 1.0) -> Map:
    """Soft noise of unit spread; `size` is its scale in pixels, `stretch` how much longer it is downwards."""
    rows, columns = max(3, round(height / (size * stretch)) + 3), max(3, round(width / size) + 3)
    grid = rng.standard_normal((rows, columns), np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(1.3)  # type: ignore[return-value]


def grain(rng: np.random.Generator, height: int, width: int) -> Map:
    """White noise of unit spread."""
    return rng.standard_normal((height, width), np.float32)


def _streaks(rng: np.random.Generator, height: int, width: int, scale: tuple[float, float]) -> Map:
    """Noise blurred by so many pixels down and across; drawn on a coarser grid where that is enough."""
    step = max(1, int(min(scale)))
    rows, columns = height // step + 2, width // step + 2
    noise = rng.standard_normal((rows, columns), np.float32)
    down, across = (max(s / step, 0.3) for s in scale)
    noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=across, sigmaY=down)
    noise *= np.float32(2 * np.sqrt(np.pi * down * across))  # the blur's own loss of spread
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
