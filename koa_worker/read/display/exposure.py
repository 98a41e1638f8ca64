"""Finds the range of gray values for a frame without a window, such as a raw frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MARGIN = 0.1  # share of each side that is ignored: it has collimator edges, labels and text, but no knee
_SAMPLES = 65_536
_LOW, _HIGH = 0.5, 99.5


def sample(pixels: NDArray[Any]) -> NDArray[Any]:
    """Evenly spread pixels from the inner part of the image: enough for percentiles, and fast."""
    rows, columns = pixels.shape
    top, left = int(rows * _MARGIN), int(columns * _MARGIN)
    inner = pixels[top : rows - top, left : columns - left]
    step = max(1, int((inner.size / _SAMPLES) ** 0.5))
    return inner[::step, ::step].ravel()


def value_range(values: NDArray[Any]) -> tuple[float, float] | None:
    """The 0.5 % and 99.5 % percentiles; None if all values are the same."""
    if values.size == 0:
        return None
    low, high = (float(found) for found in np.percentile(values, (_LOW, _HIGH)))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else None
