"""Where things lie in the stored image, as DICOM counts: 0 is the outer edge of the first pixel (PS3.3 C.18.6.1.1).

The margins of the bones count from the middle of the first pixel, and a box from its edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from koa_worker.values import Box, Compartment, Points, Spacing

Line = NDArray[np.float32]  # one row for each point: column, row


def outline(box: Box, rows: int, columns: int) -> Line:
    """The closed outline of a box, where it lies within the image."""
    left, right = (min(max(x, 0), columns) for x in (box.x, box.x + box.width))
    top, bottom = (min(max(y, 0), rows) for y in (box.y, box.y + box.height))
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return np.array(corners, np.float32)


def margin(points: Points, rows: int, columns: int) -> Line:
    return _within(np.array(points, np.float64), rows, columns)


def space(part: Compartment, rows: int, columns: int) -> Line:
    """The closed outline of a joint space, between the margins of both bones."""
    around = (*part.femoral, *reversed(part.tibial), part.femoral[0])
    return margin(around, rows, columns)


def narrowest(part: Compartment, spacing: Spacing | None, rows: int, columns: int) -> Line:
    """The two points between which the joint space of a compartment is narrowest: one of each bone."""
    femoral, tibial = (np.array(line, np.float64) for line in (part.femoral, part.tibial))
    scale = np.array([spacing.column_mm, spacing.row_mm]) if spacing else np.ones(2)
    open_by = np.maximum(tibial[:, 1] - femoral[:, 1], 0) * scale[1]
    apart = np.linalg.norm((tibial[:, None] - femoral[None]) * scale, axis=2)
    lowest = int(open_by.argmin())
    below, above = np.unravel_index(int(apart.argmin()), apart.shape)
    if open_by[lowest] < apart[below, above]:  # where the margins touch or cross
        below = above = np.intp(lowest)
    return _within(np.stack([femoral[above], tibial[below]]), rows, columns)


def _within(points: NDArray[np.float64], rows: int, columns: int) -> Line:
    return np.clip(points + 0.5, 0, (columns, rows)).astype(np.float32)
