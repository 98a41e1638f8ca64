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
    apart = np.linalg.norm(tibial[:, None] - femoral[None], axis=2)
    area = float(open_by.mean() * (tibial[-1, 0] - tibial[0, 0]))
    return float(min(apart.min(), open_by.min())), area / float(np.linalg.norm(tibial[-1] - tibial[0]))
