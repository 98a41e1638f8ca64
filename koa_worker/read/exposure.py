"""Finds the range of values that a frame without a window should be shown in, as a hospital's raw frames need."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MARGIN = 0.1  # of each side: collimator edges, labels and burnt-in text lie there, a knee does not
_SAMPLES = 65_536
_LOW, _HIGH = 0.5, 99.5


def sample(pixels: NDArray[Any]) -> NDArray[Any]:
    """Evenly spread pixels from the inner part of the picture: enough for percentiles, at no cost."""
    rows, columns = pixels.shape
    top, left = int(rows * _MARGIN), int(columns * _MARGIN)
    inner = pixels[top : rows - top, left : columns - left]
    step = max(1, int((inner.size / _SAMPLES) ** 0.5))
    return inner[::step, ::step].ravel()


def value_range(values: NDArray[Any]) -> tuple[float, float] | None:
    """From the darkest to the brightest half per cent; None if the values do not differ."""
    if values.size == 0:
        return None
    low, high = (float(found) for found in np.percentile(values, (_LOW, _HIGH)))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else None
