"""How much of a picture has a colour: scanned films have one tint all over, photographs and documents have many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SAMPLES = 60_000  # pixels looked at
_CLEAR = 0.08  # of full scale, by which a pixel's colour must leave the tint of the whole


def coloured(pixels: NDArray[Any]) -> float:
    """The share of pixels whose colour is not that of the whole picture, of red, green and blue planes."""
    step = max(1, int(np.sqrt(pixels.shape[0] * pixels.shape[1] / _SAMPLES)))
    sampled = pixels[::step, ::step, :3].reshape(-1, 3).astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    chroma = sampled[:, [0, 2]] - sampled[:, 1:2]
    if not chroma.any():
        return 0.0
    # A tint grows or fades with brightness, as in sepia: what a straight line through the grays explains is tint.
    shade = np.column_stack([np.ones(len(sampled), np.float32), sampled.mean(axis=1)])
    tint = np.linalg.lstsq(shade, chroma, rcond=None)[0]
    return float((np.abs(chroma - shade @ tint).max(axis=1) > _CLEAR).mean())
