"""The height of a joint line: where, in each compartment, a row of falling density is followed by a row of rising one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.density import Plane

INNER, OUTER = 0.15, 0.42  # plateaus from the middle: where a compartment's condyle faces the plateau
ABOVE, BELOW = 0.16, 0.16  # plateaus around the height that is known roughly
NARROWEST, WIDEST = 0.02, 0.12  # plateaus between the two edges: bone on bone to a child's joint space
TRUST = 0.12  # plateaus away from the rough height, at which an edge must be twice as clear


def joint_line(down: Plane, x: float, y: float, plateau: float) -> float:
    """The height of the line, the mean of both compartments'; `down` holds the normalised downward gradients."""
    heights = [height for side in (-1, 1) if (height := _compartment(down, x, y, plateau, side)) is not None]
    return float(np.mean(heights)) if heights else y


def profile(down: Plane, x: float, y: float, plateau: float, side: int) -> tuple[int, NDArray[np.float32]]:
    """The mean gradient of each row of a compartment, and the first row's number."""
    first, last = sorted((x + side * INNER * plateau, x + side * OUTER * plateau))
    reach = (ABOVE + WIDEST) * plateau, (BELOW + WIDEST) * plateau
    top, bottom = max(0, round(y - reach[0])), round(y + reach[1])
    part = down[top:bottom, max(0, round(first)) : max(0, round(last))]
    rows = part.mean(axis=1) if part.size else np.zeros(0)
    return top, np.asarray(rows, dtype=np.float32)


def _compartment(down: Plane, x: float, y: float, plateau: float, side: int) -> float | None:
    top, rows = profile(down, x, y, plateau, side)
    falls, rises = np.maximum(-rows, 0), np.maximum(rows, 0)
    best: tuple[float, float] | None = None
    for gap in range(max(1, round(NARROWEST * plateau)), round(WIDEST * plateau) + 1):
        if gap >= len(rows):
            break
        clear = np.sqrt(falls[:-gap] * rises[gap:]) + 0.25 * (falls[:-gap] + rises[gap:])
        middle = top + np.arange(len(clear)) + gap / 2
        clear = clear / (1 + ((middle - y) / (TRUST * plateau)) ** 2)
        row = int(clear.argmax())
        if best is None or clear[row] > best[0]:
            best = float(clear[row]), float(middle[row])
    return None if best is None or best[0] <= 0 else best[1]
