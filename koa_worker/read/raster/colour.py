"""Measures how much of an image is coloured: scanned films have one tint, photographs and documents many colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SAMPLES = 60_000  # number of pixels that are checked
_CLEAR = 0.08  # share of full scale by which the colour of a pixel must differ from the tint of the image


def coloured(pixels: NDArray[Any]) -> float:
    """The share of pixels whose colour differs from the tint of the whole image; `pixels` has red, green and blue."""
    step = max(1, int(np.sqrt(pixels.shape[0] * pixels.shape[1] / _SAMPLES)))
    sampled = pixels[::step, ::step, :3].reshape(-1, 3).astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    chroma = sampled[:, [0, 2]] - sampled[:, 1:2]
    if not chroma.any():
        return 0.0
    # A tint may change with brightness, as in sepia: colour that is a linear function of brightness is tint.
    shade = np.column_stack([np.ones(len(sampled), np.float32), sampled.mean(axis=1)])
    tint = np.linalg.lstsq(shade, chroma, rcond=None)[0]
    return float((np.abs(chroma - shade @ tint).max(axis=1) > _CLEAR).mean())
