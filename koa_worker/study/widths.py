"""The width between two margins, in the unit of the given pixel size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def widths(femoral: NDArray[Any], tibial: NDArray[Any], across: float, down: float) -> tuple[float, float]:
    """The minimum distance between the margins, and the mean: the area between them by the compartment's length."""
    scale = np.array([across, down])
    femoral, tibial = femoral * scale, tibial * scale
    open_by = np.maximum(tibial[:, 1] - femoral[:, 1], 0)
    aside, below = (tibial[:, None, axis] - femoral[None, :, axis] for axis in (0, 1))
    apart = float(np.sqrt((aside * aside + below * below).min()))
    area = float(open_by.mean() * (tibial[-1, 0] - tibial[0, 0]))
    return min(apart, float(open_by.min())), area / float(np.linalg.norm(tibial[-1] - tibial[0]))
