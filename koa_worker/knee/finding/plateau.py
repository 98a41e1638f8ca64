"""Measures the tibial plateau: the height of the joint line on both sides, and the ends of the plateau.

The approximate middle and width of a joint are refined with profiles of the normalised density gradients: the rows of
each compartment give the line, and the columns of the bone just below it give the ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.finding.density import Plane

Profile = NDArray[np.float32]

# All in plateaus.

# The square around a joint is framed as the training crops are. Two crops were located in their radiographs: 1.24
# and 1.16 plateaus wide (read by eye), their middle 0.11 and 0.10 above the joint line; 600 more, set into frames: 1.28
# and 0.10. The square lies between that and one that a person centres on the joint.
SIDE_PER_PLATEAU = 1.25
RAISED = 0.05

INNER, OUTER = 0.15, 0.42  # from the middle: where a condyle faces the plateau
LINE_REACH = 0.16  # above and below the approximate height
NARROWEST, WIDEST = 0.02, 0.12  # between the line's two edges: bone on bone to a child's joint space
LINE_TRUST = 0.12  # from the rough height: there an edge must be twice as clear
BANDS = ((0.02, 0.08), (0.05, 0.12), (0.09, 0.17))  # below the line: where the ends are searched
END, END_REACH, END_TRUST = 0.475, 0.16, 0.13  # from the middle: the rough end, how far around it, half as likely
FLARE = 1.015  # the corners of a plateau reach out a little above where its ends are found


SIDES = (-1, 1)  # towards column 0 and away from it


@dataclass(frozen=True, slots=True)
class Plateau:
    """A plateau in pixels of the image in which it was measured; its middle is on the joint line."""

    x: float
    y: float
    width: float


def measure(down: Plane, across: Plane, rough: Plateau) -> Plateau:
    """Refines an approximate plateau: first the height of each side, then the end of the bone just below it."""
    heights = [line_height(down, rough, side) for side in SIDES]
    left, right = (plateau_end(across, rough, side, height) for side, height in zip(SIDES, heights, strict=True))
    return Plateau((left + right) / 2, (heights[0] + heights[1]) / 2, right - left)


def line_height(down: Plane, rough: Plateau, side: int) -> float:
    """The height at which density falls and, one joint space below, rises again most clearly in one compartment."""
    top, rows = _rows(down, rough, side)
    width, count = rough.width, len(rows)
    gaps = np.arange(max(1, round(NARROWEST * width)), min(round(WIDEST * width) + 1, count))[:, None]
    if not len(gaps):
        return rough.y
    falls, rises = np.maximum(-rows, 0), np.maximum(rows, 0)
    places = np.arange(count)
    lower = np.concatenate([rises, np.zeros(count, rises.dtype)])[gaps + places]  # nothing beyond the last row
    clear = np.sqrt(falls * lower) + 0.25 * (falls + lower)
    middle = top + places + gaps / 2
    clear = np.where(places + gaps < count, clear / (1 + ((middle - rough.y) / (LINE_TRUST * width)) ** 2), 0.0)
    best = int(clear.argmax())
    return float(middle.ravel()[best]) if clear.ravel()[best] > 0 else rough.y


def plateau_end(across: Plane, rough: Plateau, side: int, line: float) -> float:
    """The end between the two outermost bone margins in the bands below the line: one alone may be the fibula's."""
    first, last = sorted(rough.x + side * (END + sign * END_REACH) * rough.width for sign in SIDES)
    left = max(0, round(first))
    part = across[:, left : max(0, round(last) + 1)]
    aside = side * (left + np.arange(part.shape[1]) - rough.x) / rough.width
    unlikely = 1 + ((aside - END) / END_TRUST) ** 2
    found = []
    for above, below in BANDS:
        band = part[max(0, round(line + above * rough.width)) : max(1, round(line + below * rough.width) + 1)]
        if band.size:  # there is an edge of the right kind, or none
            clear = -side * band.mean(axis=0) / unlikely
            best = int(clear.argmax())
            found += [float(aside[best])] if clear[best] > 0 else []
    ends = sorted(found)
    return rough.x + side * rough.width * (FLARE * float(np.mean(ends[-2:])) if ends else END)


def _rows(down: Plane, rough: Plateau, side: int) -> tuple[int, Profile]:
    """The mean gradient of each row of a compartment, and the first row's number."""
    first, last = sorted((rough.x + side * INNER * rough.width, rough.x + side * OUTER * rough.width))
    reach = (LINE_REACH + WIDEST / 2) * rough.width
    top = max(0, round(rough.y - reach))
    part = down[top : max(0, round(rough.y + reach)), max(0, round(first)) : max(0, round(last))]
    return top, np.asarray(part.mean(axis=1) if part.size else np.zeros(0), dtype=np.float32)
